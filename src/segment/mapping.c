/* mapping.c: what the kinds share: reserving, placing, mapping. Private state only. */
#include <string.h>

#include "base/error.h"
#include "segment/segment.h"

size_t spg__huge_page_bytes(uint8_t huge_pages) {
    if (huge_pages == SPG_HUGE_2M) return (size_t)2 << 20;
    return huge_pages == SPG_HUGE_1G ? (size_t)1 << 30 : 0;
}

int spg__segment_failed(const spg_segment *segment, int result, const char *what) {
    const char *name = segment->name.text;
    uint64_t room = 0, all = 0;
    if (result == SPG_ENOSPC &&
        (segment->name.kind == SPG__POSIX || segment->name.kind == SPG__FILE)) {
        char folder[SPG__PATH_BYTES];
        strcpy(folder, segment->name.path);
        char *slash = strrchr(folder, '/');
        if (slash) slash[slash == folder ? 1 : 0] = '\0';
        spg__fail_system(result, "cannot %s %.300s", what, name);
        if (spg__file_system_room(slash ? folder : ".", &room, &all) < 0) return result;
        char told[512];
        strncpy(told, spg_error_detail(), sizeof told - 1);
        told[sizeof told - 1] = '\0';
        return spg__fail(result,
                         "%s (%.100s has %llu MiB, %llu free; make it larger, or use memfd:)", told,
                         slash ? folder : ".", (unsigned long long)(all >> 20),
                         (unsigned long long)(room >> 20));
    }
    return spg__fail_system(result, "cannot %s %.300s", what, name);
}

static enum spg__memory_access memory_access(const spg_segment *segment) {
    switch (segment->options.access) {
    case SPG_READ_ONLY: return SPG__MEMORY_READ;
    case SPG_COPY_ON_WRITE: return SPG__MEMORY_COPY_ON_WRITE;
    default: return SPG__MEMORY_READ_WRITE;
    }
}

static int map(spg_segment *segment, spg__file file, size_t total, enum spg__memory_access access) {
    void *address;
    int result = spg__memory_map(&address, file, total, access,
                                 spg__huge_page_bytes(segment->options.huge_pages));
    if (result < 0) return result;
    segment->base = address;
    segment->mapped = total;
    return 0;
}

void spg__segment_unmap(spg_segment *segment) {
    if (!segment->base) return;
    if (segment->name.kind == SPG__SYSV) spg__sysv_detach(segment->base);
    else spg__memory_unmap(segment->base, segment->mapped);
    segment->base = NULL;
}

static bool is_placed(const spg_segment *segment) {
    return segment->options.numa_node != SPG_NUMA_ANY ||
           segment->options.huge_pages == SPG_HUGE_TRANSPARENT;
}

/* Advice about pages comes before the first of them is there. */
static int place(spg_segment *segment) {
    int result = 0;
    if (segment->options.numa_node != SPG_NUMA_ANY) {
        result = spg__memory_bind(segment->base, segment->mapped, segment->options.numa_node);
    }
    if (result == 0 && segment->options.huge_pages == SPG_HUGE_TRANSPARENT) {
        result = spg__memory_advise_huge(segment->base, segment->mapped);
    }
    return result;
}

int spg__segment_fill_memory(spg_segment *segment) {
    int result = place(segment);
    if (result == 0) result = spg__memory_populate(segment->base, segment->mapped, true);
    return result;
}

/* Reserving through the file is quickest. Where the pages have to be of some place or size, the
 * file gets its length first, and the pages come by the mapping, which carries the advice. */
int spg__segment_fill_file(spg_segment *segment, spg__file file, size_t total) {
    bool placed = is_placed(segment);
    int result = placed ? spg__file_set_size(file, total) : spg__file_reserve(file, total);
    if (result == 0) result = map(segment, file, total, SPG__MEMORY_READ_WRITE);
    if (result == 0 && placed) result = place(segment);
    if (result == 0 && placed) result = spg__memory_populate(segment->base, total, true);
    if (result == SPG_ENOMEM && segment->base && spg__file_set_size(file, 0) == 0) {
        result = spg__file_reserve(file, total); /* the mapping cannot tell why; the file can */
        if (result == 0) result = SPG_ENOMEM;
    }
    return result;
}

int spg__segment_map_file(spg_segment *segment, spg__file file) {
    struct spg__file_facts facts;
    int result = spg__file_facts(file, &facts);
    if (result < 0) return result;
    if (!facts.regular) {
        spg__system_reason("fstat", "it is not a regular file");
        return SPG_ETYPE;
    }
    if (facts.size == 0) {
        spg__system_reason("fstat", "it has no bytes");
        return SPG_ETYPE;
    }
    if (facts.size > SIZE_MAX / 2) {
        spg__system_reason("fstat", "it is larger than this process can map");
        return SPG_ENOMEM;
    }
    return map(segment, file, (size_t)facts.size, memory_access(segment));
}

int spg__segment_settle(spg_segment *segment) {
    const spg_segment_options *options = &segment->options;
    int result = 0;
    if (options->populate) {
        result = spg__memory_populate(segment->base, segment->mapped,
                                      options->access == SPG_READ_WRITE);
        if (result < 0) return spg__segment_failed(segment, result, "populate");
    }
    if (options->lock) {
        result = spg__memory_lock(segment->base, segment->mapped);
        if (result < 0) {
            return spg__segment_failed(segment, result, "lock (see ulimit -l) in memory");
        }
    }
    return result;
}
