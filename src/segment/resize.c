/* resize.c: growing a segment, and mapping what others have grown.
 *
 * The file grows first, every page reserved; then the size in the head is raised, which is the
 * commit for a managed segment; then this mapping follows. Two that grow at once: the file takes
 * the larger size, and so does the head. A death in between leaves a file longer than its head
 * says, which nobody minds. */
#include "base/error.h"
#include "segment/managed.h"

/* A position of the file's locks that no node's number reaches. */
static const uint64_t GROWTH_LOCK = (uint64_t)1 << 61;
static const int64_t GROWTH_WAIT_NS = (int64_t)5 * 1000 * 1000 * 1000;
enum { GROWTH_NAP_NS = 1000 * 1000 };

static int check_can_resize(const spg_segment *segment) {
    if (segment->file == SPG__NO_FILE) {
        return spg__fail(SPG_ENOTSUP, "%.300s cannot grow: its kind has one size",
                         segment->name.text);
    }
    if (segment->options.huge_pages >= SPG_HUGE_2M || spg__file_is_huge(segment->file)) {
        return spg__fail(SPG_ENOTSUP, "%.300s cannot grow: it has explicit huge pages",
                         segment->name.text);
    }
    return 0;
}

/* One at a time, be it threads or processes: an opening of our own carries the lock, and the kernel
 * frees it if we die. Without a descriptor for it the segment's own opening has to do, which those
 * share to whom it was passed. */
static int growth_begin(const spg_segment *segment, spg__file *turn) {
    int result = spg__file_reopen(turn, segment->file);
    if (result == SPG_EMFILE) {
        *turn = segment->file;
        result = 0;
    }
    if (result < 0) return spg__segment_failed(segment, result, "open a second time");
    int64_t end = spg__clock_monotonic() + GROWTH_WAIT_NS;
    while ((result = spg__lock_try(*turn, GROWTH_LOCK)) == SPG_EAGAIN) {
        if (spg__clock_monotonic() >= end) break;
        spg__nap(GROWTH_NAP_NS);
    }
    if (result == 0) return 0;
    if (*turn != segment->file) spg__file_close(*turn);
    if (result == SPG_EAGAIN) {
        return spg__fail(SPG_ETIMEDOUT,
                         "%.300s is being grown by another for five seconds: is it "
                         "stopped?",
                         segment->name.text);
    }
    return spg__segment_failed(segment, result, "lock");
}

static int grow_file(const spg_segment *segment, uint64_t total) {
    spg__file turn;
    if (segment->options.access != SPG_READ_WRITE) {
        return spg__fail(SPG_EPERM, "%.300s cannot grow by a mapping that cannot write",
                         segment->name.text);
    }
    int result = growth_begin(segment, &turn);
    if (result < 0) return result;
    result = spg__file_reserve(segment->file, total);
    if (result < 0) spg__segment_failed(segment, result, "grow");
    spg__lock_release(turn, GROWTH_LOCK);
    if (turn != segment->file) spg__file_close(turn);
    return result;
}

/* Raises the size in the head to at least `total`. */
static void raise_size(const spg_segment *segment, uint64_t total) {
    if (segment->header == 0) return;
    spg__word64 *size = spg__managed_size((void *)segment->base);
    uint64_t known = spg__load_relaxed_64(size); /* relaxed: the swap decides */
    while (known < total && !spg__cas_release_64(size, &known, total)) {} /* pairs: managed.size */
}

/* What there is now: the file's size, or what the head says. */
static int present_size(const spg_segment *segment, uint64_t *present, uint64_t *room) {
    struct spg__file_facts facts;
    int result = spg__file_facts(segment->file, &facts);
    if (result < 0) return spg__segment_failed(segment, result, "measure");
    *room = *present = facts.size;
    if (facts.size < segment->mapped) {
        return spg__fail(SPG_ECORRUPT,
                         "%.300s has %llu bytes where %zu are mapped: somebody cut it; close "
                         "it, a touch beyond the end would be fatal",
                         segment->name.text, (unsigned long long)facts.size, segment->mapped);
    }
    if (segment->header == 0) return 0;
    spg__word64 *size = spg__managed_size((void *)segment->base);
    *present = spg__load_acquire_64(size); /* pairs: managed.size */
    /* Somebody may have grown it between the two looks. */
    if (*present > facts.size && spg__file_facts(segment->file, &facts) == 0) *room = facts.size;
    if (*present <= facts.size && *present >= segment->header) return 0;
    return spg__fail(SPG_ECORRUPT, "%.300s says it has %llu bytes but has %llu", segment->name.text,
                     (unsigned long long)*present, (unsigned long long)facts.size);
}

static int follow(spg_segment *segment, uint64_t total) {
    if (total > SIZE_MAX / 2)
        return spg__fail(SPG_ENOMEM, "%.300s is larger than this process can map",
                         segment->name.text);
    void *address = segment->base;
    int result = spg__memory_remap(&address, segment->mapped, (size_t)total);
    if (result < 0) return spg__segment_failed(segment, result, "map the grown");
    segment->base = address;
    segment->mapped = (size_t)total;
    return 0;
}

int spg_segment_resize(spg_segment *segment, size_t size) {
    uint64_t present = 0, room = 0;
    int result = check_can_resize(segment);
    if (result == 0) result = present_size(segment, &present, &room);
    if (result < 0) return result;
    if (size > SIZE_MAX / 2 - segment->header) {
        return spg__fail(SPG_EINVAL, "%.300s: %zu bytes are more than a process can map",
                         segment->name.text, size);
    }
    uint64_t total = size ? size + segment->header : present;
    if (total < segment->mapped) {
        return spg__fail(SPG_ETOOBIG,
                         "%.300s has %zu bytes and cannot shrink to %zu: other processes would "
                         "die of it",
                         segment->name.text, spg_segment_size(segment), size);
    }
    if (total > room) result = grow_file(segment, total);
    if (result < 0) return result;
    if (total > present && segment->options.access == SPG_READ_WRITE) raise_size(segment, total);
    return follow(segment, total);
}
