/* channel.c: the files that channels are. */
#include "channel/channel.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

const struct spg__channel_kind spg__kind_of_stream = {SPG__KIND_STREAM, ".stream"};

enum { NAME_MAX_BYTES = 200 };

static bool is_name_byte(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c >= 0x80;
}

int spg__channel_file_name(char *file_name, const char *name,
                           const struct spg__channel_kind *kind) {
    size_t length = name ? strlen(name) : 0;
    if (length < 1 || length > NAME_MAX_BYTES || name[0] == '.' || name[0] == '/') {
        return spg__fail(SPG_EINVAL,
                         "%.220s: a channel's name has 1 to %d bytes and does not begin with a "
                         "dot or a slash",
                         name ? name : "NULL", NAME_MAX_BYTES);
    }
    char *to = file_name;
    for (const char *from = name; *from; from++) {
        if (!is_name_byte((unsigned char)*from)) {
            return spg__fail(SPG_EINVAL,
                             "%.220s: a channel's name has letters, digits, '_', '-', '.', '/' "
                             "and what is beyond ASCII",
                             name);
        }
        if (*from == '/') to = stpcpy(to, "%2F");
        else *to++ = *from;
    }
    strcpy(to, kind->suffix);
    /* A file name has at most 255 bytes everywhere. */
    if (strlen(file_name) <= 250) return 0;
    return spg__fail(SPG_EINVAL, "%.220s: with its slashes written out the name is too long", name);
}

static int read_head(spg__file file, const struct spg__channel_kind *kind, const char *file_name,
                     struct spg__channel_head *head) {
    struct spg__file_facts facts;
    void *address;
    int result = spg__file_facts(file, &facts);
    if (result < 0) return spg__fail_system(result, "%.300s", file_name);
    if (!facts.regular || facts.size < sizeof *head) {
        return spg__fail(SPG_ETYPE, "%.300s is no channel: it has no room for a head", file_name);
    }
    result = spg__memory_map(&address, file, sizeof *head, SPG__MEMORY_READ, 0);
    if (result < 0) return spg__fail_system(result, "%.300s", file_name);
    spg__copy_from_shared(head, address, sizeof *head);
    spg__memory_unmap(address, sizeof *head);
    return spg__header_check(&head->header, kind->kind, (uint32_t)spg__page_size(), facts.size,
                             file_name);
}

int spg__channel_open(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, enum spg__file_access access,
                      spg__file *file, struct spg__channel_head *head) {
    int result = spg__file_open(file, domain->directory, file_name, access);
    if (result < 0) return spg__fail_system(result, "cannot open %.300s", file_name);
    result = read_head(*file, kind, file_name, head);
    if (result == 0 && head->header.domain != domain->number) {
        result = spg__fail(SPG_ECORRUPT, "%.300s was put here from another domain", file_name);
    }
    if (result < 0) spg__file_close(*file);
    return result;
}

static int fill(spg__file file, const struct spg__channel_head *head, uint32_t mode) {
    void *address;
    int result = spg__file_reserve(file, head->header.size);
    if (result == 0)
        result = spg__memory_map(&address, file, sizeof *head, SPG__MEMORY_READ_WRITE, 0);
    if (result < 0) return result;
    spg__copy_to_shared(address, head, sizeof *head);
    spg__memory_unmap(address, sizeof *head);
    return spg__file_set_mode(file, mode);
}

int spg__channel_make(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, uint32_t mode,
                      struct spg__channel_head *head, spg__file *file) {
    struct spg__new_file building;
    uint64_t size = head->header.size;
    spg__header_fill(&head->header, kind->kind, (uint32_t)spg__page_size());
    head->header.size = size;
    head->header.header_size = SPG__CHANNEL_OWN;
    head->header.domain = domain->number;
    head->header.creator = domain->own;
    head->header.created = (uint64_t)spg__clock_realtime();
    int result = spg__new_file_begin(&building, domain->directory, file_name);
    if (result == 0) {
        result = fill(building.file, head, mode);
        if (result == 0) result = spg__new_file_commit(&building);
        if (result < 0) spg__new_file_abandon(&building);
    }
    if (result < 0)
        return spg__fail_system(result, "cannot make %.300s of %llu bytes", file_name,
                                (unsigned long long)size);
    *file = building.file;
    return 0;
}
