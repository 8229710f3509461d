/* claim.c: the bare limits of several writers and of one value that is read. */
#include <stdlib.h>

#include "loops.h"

enum { SLOTS = 4096, SLOT = 64 };

struct claimed_slot {
    _Atomic uint64_t sequence;
    char payload[SLOT - 8];
};

/* Claims by fetch_add, writes, and publishes in the slot. Nobody reads, so nobody waits. */
static void run_claims(struct contest *contest, int role) {
    _Atomic uint64_t *next = (_Atomic uint64_t *)(void *)contest->memory;
    struct claimed_slot *slots = (void *)(contest->memory + LINE_PAIR);
    (void)role;
    for (uint64_t i = 0; i < contest->count; i++) {
        uint64_t claim = atomic_fetch_add_explicit(next, 1, memory_order_acq_rel);
        struct claimed_slot *slot = &slots[claim % SLOTS];
        fill(contest, slot->payload, contest->size, claim);
        atomic_store_explicit(&slot->sequence, claim + 1, memory_order_release);
    }
}

#define CLAIMS(NAME, WRITERS)                                                                      \
    {                                                                                              \
        .name = NAME, .how = "a slot of 64 bytes each, nobody reads", .side = LIMIT,               \
        .pattern = CLAIMING, .least = 8, .most = SLOT - 16, .roles = WRITERS,                      \
        .shared = LINE_PAIR + SLOTS * SLOT, .run = run_claims                                      \
    }

const struct contestant limit_claim_2 = CLAIMS("fetch_add, two writers", 2);
const struct contestant limit_claim_4 = CLAIMS("fetch_add, four writers", 4);

static void run_copies(struct contest *contest, int role) {
    for (uint64_t i = 0; role == 0 && i < contest->count; i++) {
        __asm__ volatile("" : : : "memory");
        copy(contest->room, contest->memory, contest->size);
        absorb(contest, contest->room, contest->size, 0);
    }
}

const struct contestant limit_copy = {.name = "copy, undisturbed",
                                      .how = "copied out of shared memory, nobody writes",
                                      .side = LIMIT,
                                      .pattern = READING,
                                      .least = 8,
                                      .most = 4096,
                                      .payloads = 1,
                                      .run = run_copies};
