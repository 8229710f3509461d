/* ring.c: the bare limits of one way: a ring of slots for one writer and one reader. Each keeps the
 * other's index as last seen, and looks again only when that does not suffice.
 *
 * The hand-tuned ring gives room back a quarter of the ring at a time, and publishes each message,
 * or 64 at a time. The plain queue publishes and gives back each: what most libraries offer. */
#include <stdlib.h>

#include "loops.h"

enum { BATCH = 64, PATIENCE = 16, INDEXES = 2 * LINE_PAIR };

struct end {
    _Atomic uint64_t *own, *others;
    char *slots;
    uint64_t next, seen; /* our index, and the other's as last seen */
    uint64_t mask, stride, release_mask, batch_mask;
};

static void open_end(struct contest *contest, int role) {
    struct end *end = calloc(1, sizeof *end);
    must(end == NULL);
    size_t slots = ring_slots(contest->size);
    end->own = (_Atomic uint64_t *)(void *)(contest->memory + role * LINE_PAIR);
    end->others = (_Atomic uint64_t *)(void *)(contest->memory + (1 - role) * LINE_PAIR);
    end->slots = contest->memory + INDEXES;
    end->mask = slots - 1;
    end->stride = stride_of(contest->size);
    end->release_mask = slots >= 8 ? slots / 4 - 1 : 0;
    end->batch_mask = slots >= 4 * BATCH ? BATCH - 1 : end->release_mask;
    contest->mine = end;
}

LOOP char *slot_of(const struct end *end) {
    return end->slots + (end->next & end->mask) * end->stride;
}

LOOP char *free_slot(struct end *end) {
    while (end->next - end->seen > end->mask) {
        end->seen = atomic_load_explicit(end->others, memory_order_acquire);
        if (end->next - end->seen > end->mask) relax();
    }
    return slot_of(end);
}

LOOP char *full_slot(struct end *end) {
    while (end->next == end->seen) {
        end->seen = atomic_load_explicit(end->others, memory_order_acquire);
        if (end->next == end->seen) relax();
    }
    return slot_of(end);
}

LOOP void publish(struct end *end) {
    atomic_store_explicit(end->own, end->next, memory_order_release);
}

LOOP void put_each(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    fill(contest, free_slot(end), contest->size, number);
    end->next++;
    publish(end);
}

LOOP void put_batched(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    fill(contest, free_slot(end), contest->size, number);
    end->next++;
    if ((end->next & end->batch_mask) == 0 || is_last(contest, number)) publish(end);
}

LOOP void get_lazily(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    absorb(contest, full_slot(end), contest->size, number);
    end->next++;
    if ((end->next & end->release_mask) == 0 || is_last(contest, number)) publish(end);
}

/* Who has caught up lets some come together: to look at once would fetch the writer's line for each
 * message. */
LOOP void get_patiently(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    if (end->next == end->seen) {
        end->seen = atomic_load_explicit(end->others, memory_order_acquire);
        for (int i = 0; end->next == end->seen && i < PATIENCE; i++) relax();
    }
    get_lazily(contest, number);
}

LOOP void get_each(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    absorb(contest, full_slot(end), contest->size, number);
    end->next++;
    publish(end);
}

LOOP void put_untouched(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    *(uint64_t *)(void *)free_slot(end) = number;
    end->next++;
    publish(end);
}

LOOP void get_untouched(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    touch(contest, full_slot(end), number);
    end->next++;
    if ((end->next & end->release_mask) == 0 || is_last(contest, number)) publish(end);
}

static void run_each(struct contest *contest, int role) {
    one_way(contest, role, put_each, get_lazily);
}

static void run_patient(struct contest *contest, int role) {
    one_way(contest, role, put_each, get_patiently);
}

static void run_batched(struct contest *contest, int role) {
    one_way(contest, role, put_batched, get_lazily);
}

static void run_plain(struct contest *contest, int role) {
    one_way(contest, role, put_each, get_each);
}

static void run_untouched(struct contest *contest, int role) {
    one_way(contest, role, put_untouched, get_untouched);
}

#define ANY_RING(NAME, HOW, SIDE, PATTERN, RUN)                                                    \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = SIDE, .pattern = PATTERN, .least = 8, .most = SIZE_MAX,  \
        .shared = INDEXES, .payloads = RING, .open = open_end, .run = RUN                          \
    }

const struct contestant limit_ring = ANY_RING(
    "hand-tuned ring", "each published, given back by quarters", LIMIT, ONE_WAY, run_each);
const struct contestant limit_ring_patient = ANY_RING("hand-tuned ring, patient reader",
                                                      "each published; who has caught up pauses",
                                                      LIMIT, ONE_WAY, run_patient);
const struct contestant limit_ring_batched = ANY_RING("batched ring", "64 published at a time",
                                                      LIMIT, ONE_WAY, run_batched);
const struct contestant limit_hand_over = ANY_RING(
    "bare hand-off ring", "8 bytes of each buffer touched", LIMIT, HAND_OVER, run_untouched);
const struct contestant peer_plain_queue = ANY_RING(
    "plain SPSC queue", "cached indices, as rigtorp::SPSCQueue", PEER, ONE_WAY, run_plain);
