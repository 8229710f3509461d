/* resize.c: growing a segment, and mapping what others have grown.
 *
 * One at a time grows the file: a lock at a position of its own, carried by an opening of its own,
 * so that threads and processes exclude each other and the kernel frees it if its holder dies.
 * Every page is reserved beyond the file's end first; raising the file's size is one step; then the
 * size in the head is raised, which is the commit for a managed segment; then this mapping follows.
 * Of two that grow, the later finds the size of the earlier and adds to it or has nothing to do.
 *
 * Death: while reserving, pages beyond the end, which the next growth uses. Before the head is
 * raised, a file longer than its head says, which nobody minds. A failure gives back only what lies
 * beyond an end that nobody else can have moved. */
#include "base/error.h"
#include "node/domain.h"
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

/* Where the file cannot be opened again (no descriptor, no permission by its mode, no /proc) the
 * segment's own opening has to do, which those share to whom it was passed. */
static void open_turn(const spg_segment *segment, struct spg__domain_lock *turn) {
    spg__process_lock();
    if (spg__file_reopen(&turn->file, segment->file) == 0) spg__held_lock_enter(turn);
    else turn->file = segment->file;
    spg__process_unlock();
}

static void growth_end(const spg_segment *segment, struct spg__domain_lock *turn) {
    spg__lock_release(turn->file, GROWTH_LOCK);
    if (turn->file != segment->file) spg__held_lock_close(turn);
}

static int growth_begin(const spg_segment *segment, struct spg__domain_lock *turn) {
    int result;
    open_turn(segment, turn);
    int64_t end = spg__clock_monotonic() + GROWTH_WAIT_NS;
    while ((result = spg__lock_try(turn->file, GROWTH_LOCK)) == SPG_EAGAIN) {
        if (spg__clock_monotonic() >= end) break;
        spg__nap(GROWTH_NAP_NS);
    }
    if (result == 0) return 0;
    if (turn->file != segment->file) spg__held_lock_close(turn);
    if (result == SPG_EAGAIN) {
        return spg__fail(SPG_ETIMEDOUT,
                         "%.300s is being grown by another for five seconds: is it "
                         "stopped?",
                         segment->name.text);
    }
    return spg__segment_failed(segment, result, "lock");
}

static int grow_file(const spg_segment *segment, uint64_t total) {
    struct spg__domain_lock turn;
    if (segment->options.access != SPG_READ_WRITE) {
        return spg__fail(SPG_EPERM, "%.300s cannot grow by a mapping that cannot write",
                         segment->name.text);
    }
    int result = growth_begin(segment, &turn);
    if (result < 0) return result;
    result = spg__file_reserve(segment->file, total);
    if (result < 0) spg__segment_failed(segment, result, "grow");
    growth_end(segment, &turn);
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
