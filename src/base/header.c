/* header.c: filling and judging the first 64 bytes. Works on private copies only. */
#include "base/header.h"

#include <string.h>

#include "base/error.h"

static const char magic[8] = {'S', 'A', 'M', 'E', 'P', 'A', 'G', 'E'};
static const uint32_t byte_order = 0x01020304;
static const uint32_t byte_order_swapped = 0x04030201;

void spg__header_fill(struct spg__header *header, enum spg__header_kind kind, uint32_t page_size) {
    memset(header, 0, sizeof *header);
    memcpy(header->magic, magic, sizeof magic);
    header->byte_order = byte_order;
    header->major = SPG__LAYOUT_MAJOR;
    header->minor = SPG__LAYOUT_MINOR;
    header->kind = kind;
    header->page_size = page_size;
}

static int check_version(const struct spg__header *header, uint32_t page_size, const char *name) {
    if (header->byte_order == byte_order_swapped) {
        return spg__fail(SPG_EVERSION, "%s: made by a machine of the other byte order", name);
    }
    if (header->byte_order != byte_order) {
        return spg__fail(SPG_ECORRUPT, "%s: the byte-order mark is %#x", name, header->byte_order);
    }
    if (header->major != SPG__LAYOUT_MAJOR || header->features != 0) {
        return spg__fail(SPG_EVERSION,
                         "%s: has layout %u.%u with features %#x; this library reads %d.x", name,
                         header->major, header->minor, header->features, SPG__LAYOUT_MAJOR);
    }
    if (header->page_size != page_size) {
        return spg__fail(SPG_EVERSION, "%s: made with pages of %u bytes; this process has %u", name,
                         header->page_size, page_size);
    }
    return 0;
}

int spg__header_check(const struct spg__header *header, enum spg__header_kind kind,
                      uint32_t page_size, uint64_t room, const char *name) {
    if (room < SPG__HEADER_BYTES || memcmp(header->magic, magic, sizeof magic) != 0) {
        return spg__fail(SPG_ETYPE, "%s: is not a managed object of Samepage", name);
    }
    int result = check_version(header, page_size, name);
    if (result < 0) return result;
    if (header->kind != (uint32_t)kind) {
        return spg__fail(SPG_ETYPE, "%s: is of kind %u where %u was expected", name, header->kind,
                         (unsigned)kind);
    }
    if (header->size > room) {
        return spg__fail(SPG_ECORRUPT, "%s: says it has %llu bytes but has %llu: somebody cut it",
                         name, (unsigned long long)header->size, (unsigned long long)room);
    }
    if (header->header_size < SPG__HEADER_BYTES || header->header_size > header->size) {
        return spg__fail(SPG_ECORRUPT, "%s: says its header has %u bytes of %llu", name,
                         header->header_size, (unsigned long long)header->size);
    }
    return 0;
}
