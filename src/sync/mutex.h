/* mutex.h: the mutex as it lies in memory; 32 bytes.
 *
 *    0  kind    constant after init
 *    4  thread  mark of the thread that holds it; 0: none. Written by the holder. Read by threads
 *               of the holder's process, to know themselves; means nothing to others
 *    8  domain  constant after init
 *   16  state   owner.h: who holds it. Changed by anybody, by compare-and-swap or swap
 *   24  takeovers  how often it was taken over from the dead. Written by the holder; read by those
 *                  who sleep on a condition */
#ifndef SPG_SYNC_MUTEX_H
#define SPG_SYNC_MUTEX_H

#include "sync/owner.h"

struct spg__mutex_shared {
    spg__word32 kind;
    spg__word32 thread;
    spg__word64 domain;
    spg__word64 state;
    spg__word64 takeovers;
};

_Static_assert(sizeof(struct spg__mutex_shared) == sizeof(spg_mutex), "the mutex takes 32 bytes");
_Static_assert(offsetof(struct spg__mutex_shared, state) == 16, "layout of the mutex");

static inline struct spg__mutex_shared *spg__mutex_shared(spg_mutex *mutex) {
    return (struct spg__mutex_shared *)(void *)mutex;
}

/* Takes an owner word from a dead owner: the word names `word`'s owner, who is dead. Shared with
 * the other locks. `extra` are flags the new word has besides WAITED_FOR, which is always set:
 * others may sleep whom the dead did not live to wake. */
bool spg__owner_take_over(spg__word64 *state, uint64_t word, uint64_t extra);

/* How often it was taken over from a dead holder. */
uint64_t spg__mutex_takeovers(const spg_mutex *mutex);

/* Is the holder dead? Then the next lock takes it over. */
bool spg__mutex_is_abandoned(const spg_mutex *mutex);

/* Does nobody hold it? Acquires. */
bool spg__mutex_is_free(const spg_mutex *mutex);

/* Is it held by this thread? */
bool spg__mutex_is_mine(const spg_mutex *mutex);

#endif
