/* kind_memfd.c: memory with a descriptor and without a name; the only kind that takes seals. */
#include "base/error.h"
#include "segment/segment.h"

static void abandon(spg_segment *segment) {
    spg__segment_unmap(segment);
    spg__file_close(segment->file);
    segment->file = SPG__NO_FILE;
}

static int create(spg_segment *segment, size_t total) {
    int result = spg__memfd_create(&segment->file, segment->name.path,
                                   spg__huge_page_bytes(segment->options.huge_pages));
    if (result < 0) return result;
    result = spg__segment_fill_file(segment, segment->file, total);
    if (result == 0) result = spg__file_set_mode(segment->file, segment->options.mode);
    if (result < 0) abandon(segment);
    return result;
}

static int commit(spg_segment *segment) {
    return segment->options.seals ? spg__file_seal(segment->file, segment->options.seals) : 0;
}

static int no_name(void) {
    spg__system_reason("name", "this kind has none in the system: pass the descriptor, or fork");
    return SPG_ENOTSUP;
}

static int open_named(spg_segment *segment) {
    (void)segment;
    return no_name();
}

static bool is_named(const spg_segment *segment) {
    (void)segment;
    return false;
}

static int unlink_named(const struct spg__segment_name *name) {
    (void)name;
    return no_name();
}

const struct spg__segment_kind_calls spg__segment_memfd_calls = {
    create, commit, abandon, open_named, is_named, unlink_named};

/* ---- anonymous: the same without a descriptor ------------------------------------------------ */

static int create_anonymous(spg_segment *segment, size_t total) {
    void *address;
    int result = spg__memory_map(&address, SPG__NO_FILE, total, SPG__MEMORY_READ_WRITE,
                                 spg__huge_page_bytes(segment->options.huge_pages));
    if (result < 0) return result;
    segment->base = address;
    segment->mapped = total;
    result = spg__segment_fill_memory(segment);
    if (result < 0) spg__segment_unmap(segment);
    return result;
}

static int commit_anonymous(spg_segment *segment) {
    (void)segment;
    return 0;
}

const struct spg__segment_kind_calls spg__segment_anonymous_calls = {
    create_anonymous, commit_anonymous, spg__segment_unmap, open_named, is_named, unlink_named};
