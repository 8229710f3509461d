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
    SPG__WAITED_FOR = 1,  /* somebody may sleep on this word */
    SPG__UNREPAIRED = 2,  /* an owner died; nobody has said that the data are right */
    SPG__CLAIMING = 4,    /* the owner does not touch the data yet */
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

/* The number by which this thread is known inside its process. */
uint32_t spg__thread_mark(void);

/* Joins if there is no node yet, and writes the domain into `domain`. */
int spg__own_init(spg__word64 *domain);

/* Is a struct of this kind here? SPG_EINVAL, SPG_ECORRUPT. */
static inline int spg__kind_check(const void *address, const spg__word32 *kind,
                                  enum spg__sync_kind expected) {
    if (!spg__is_placed(address)) return SPG_EINVAL;
    /* pairs: sync.init */
    return spg__load_acquire_32(kind) == (uint32_t)expected ? 0 : SPG_ECORRUPT;
}

/* Joins if there is no node yet. SPG_EDOMAIN, or why there is none. */
int spg__own_join(uint64_t domain);

/* The same for structs that name owners: they must be of our domain. */
static inline int spg__own_check(const void *address, const spg__word32 *kind,
                                 enum spg__sync_kind expected, const spg__word64 *domain) {
    int result = spg__kind_check(address, kind, expected);
    if (result < 0) return result;
    uint64_t number = spg__load_relaxed_64(domain); /* relaxed: constant after init */
    /* pairs: self.domain */
    if (number != 0 && number == spg__load_acquire_64(&spg__self()->domain)) return 0;
    return spg__own_join(number);
}

#endif
