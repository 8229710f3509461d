/* bytes.c: the bare limit of bytes in order: a ring of bytes for one writer and one reader, copied
 * in and copied out; room is given back a quarter of the ring at a time. */
#include <stdlib.h>

#include "loops.h"

enum { CAPACITY = 256 * 1024, PATIENCE = 16, INDEXES = 2 * LINE_PAIR };

struct end {
    _Atomic uint64_t *own, *others;
    char *ring;
    uint64_t next, seen, published;
};

static void open_end(struct contest *contest, int role) {
    struct end *end = calloc(1, sizeof *end);
    must(end == NULL);
    end->own = (_Atomic uint64_t *)(void *)(contest->memory + role * LINE_PAIR);
    end->others = (_Atomic uint64_t *)(void *)(contest->memory + (1 - role) * LINE_PAIR);
    end->ring = contest->memory + INDEXES;
    contest->mine = end;
}

/* Pieces divide the ring, so none is split. */
LOOP void put(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    const void *source = source_of(contest, number);
    while (CAPACITY - (end->next - end->seen) < contest->size) {
        end->seen = atomic_load_explicit(end->others, memory_order_acquire);
        if (CAPACITY - (end->next - end->seen) < contest->size) relax();
    }
    copy(end->ring + end->next % CAPACITY, source, contest->size);
    end->next += contest->size;
    atomic_store_explicit(end->own, end->next, memory_order_release);
}

LOOP void get(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    while (end->next == end->seen) {
        end->seen = atomic_load_explicit(end->others, memory_order_acquire);
        if (end->next == end->seen) relax();
    }
    copy(contest->room, end->ring + end->next % CAPACITY, contest->size);
    end->next += contest->size;
    if (end->next - end->published >= CAPACITY / 4 || is_last(contest, number)) {
        end->published = end->next;
        atomic_store_explicit(end->own, end->next, memory_order_release);
    }
    absorb(contest, contest->room, contest->size, number);
}

/* Who has caught up lets some come together. */
LOOP void get_patiently(struct contest *contest, uint64_t number) {
    struct end *end = contest->mine;
    if (end->next == end->seen) {
        end->seen = atomic_load_explicit(end->others, memory_order_acquire);
        for (int i = 0; end->next == end->seen && i < PATIENCE; i++) relax();
    }
    get(contest, number);
}

static void run_patient(struct contest *contest, int role) {
    one_way(contest, role, put, get_patiently);
}

static void run(struct contest *contest, int role) {
    one_way(contest, role, put, get);
}

#define BYTE_RING(NAME, HOW, RUN)                                                                  \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = LIMIT, .pattern = BYTES, .least = 8,                     \
        .most = CAPACITY / 4, .shared = INDEXES + CAPACITY, .open = open_end, .run = RUN           \
    }

const struct contestant limit_bytes = BYTE_RING("hand-tuned byte ring",
                                                "256 KiB, copied in and out", run);
const struct contestant limit_bytes_patient = BYTE_RING("hand-tuned byte ring, patient reader",
                                                        "who has caught up pauses", run_patient);
