/* owner.h: what every lock here is made of: a word that carries its owner.
 *
 *   63           4 3      0
 *   | node number |  flags |      0: nobody
 *
 * The claim is one compare-and-swap that puts the owner in; giving back is one store or swap that
 * takes it out. So whenever a process dies, each word says whether it was the owner, and the kernel
 * says whether it is dead (node/self.h). Nothing else is needed to recover. */
#ifndef SPG_SYNC_OWNER_H
#define SPG_SYNC_OWNER_H

#include <samepage/sync.h>

#include "node/self.h"
#include "sync/wait.h"

enum {
    SPG__WAITED_FOR = 1, /* somebody may sleep on this word */
    SPG__UNREPAIRED = 2, /* an owner died; nobody has said that the data are right */
    SPG__CLAIMING = 4,   /* the owner does not touch the data yet */
    SPG__FLAGS = 15,
    SPG__OWNER_SHIFT = 4
};

/* First word of every struct: what it is, so that other bytes are not taken for it. */
enum spg__sync_kind {
    SPG__MUTEX = 0x73706701,
    SPG__RWLOCK,
    SPG__SEMAPHORE,
    SPG__SEMAPHORE_OWNED,
    SPG__CONDITION,
    SPG__EVENT,
    SPG__BARRIER,
    SPG__SEQLOCK
};

static inline uint64_t spg__owner(uint64_t word) {
    return word >> SPG__OWNER_SHIFT;
}

/* The owner part of this process's claims; 0 before it has a node. */
static inline uint64_t spg__self_word(void) {
    /* pairs: self.number */
    return spg__load_acquire_64(&spg__self()->number) << SPG__OWNER_SHIFT;
}

/* Is `address` one that a struct of ours may have? */
static inline bool spg__is_placed(const void *address) {
    return address && (uintptr_t)address % 8 == 0;
}

/* This thread's count; 0 until it is given one. The one thread-local of this layer. */
extern _Thread_local uint32_t spg__thread_count __attribute__((tls_model("initial-exec")));
uint32_t spg__thread_count_give(void);

/* The number by which this thread is known inside its process. Mixed with the node's number, so
 * that marks of different processes differ: a mark that a dead owner left must not look like that
 * of a thread here. */
static inline uint32_t spg__thread_mark(void) {
    uint32_t count = spg__thread_count ? spg__thread_count : spg__thread_count_give();
    uint64_t mixed = spg__self_word() * UINT64_C(0x9e3779b97f4a7c15);
    return count + (uint32_t)(mixed >> 32);
}

/* Joins if there is no node yet, and writes the domain into `domain`. */
int spg__own_init(spg__word64 *domain);

/* What every struct begins with, and those that name owners go on with. */
struct spg__sync_shared {
    spg__word32 kind; /* constant after init */
    spg__word32 own_use;
    spg__word64 domain; /* constant after init */
};

_Static_assert(sizeof(struct spg__sync_shared) == 16, "how every sync struct begins");

/* Is a struct of this kind here? SPG_EINVAL, SPG_ECORRUPT. */
static inline int spg__kind_check(const void *address, enum spg__sync_kind expected) {
    if (!spg__is_placed(address)) return SPG_EINVAL;
    const struct spg__sync_shared *shared = address;
    /* pairs: sync.init */
    return spg__load_acquire_32(&shared->kind) == (uint32_t)expected ? 0 : SPG_ECORRUPT;
}

/* Joins if there is no node yet. SPG_EDOMAIN, or why there is none. */
int spg__own_join(uint64_t domain);

/* The same for structs that name owners: they must be of our domain. */
static inline int spg__own_check(const void *address, enum spg__sync_kind expected) {
    int result = spg__kind_check(address, expected);
    if (result < 0) return result;
    const struct spg__sync_shared *shared = address;
    uint64_t number = spg__load_relaxed_64(&shared->domain); /* relaxed: constant after init */
    /* pairs: self.domain */
    if (number != 0 && number == spg__load_acquire_64(&spg__self()->domain)) return 0;
    return spg__own_join(number);
}

#endif
