/* wait.h: how everything here waits: a bounded spin, then sleep in slices.
 *
 * A slice is how long somebody who waits for a particular process sleeps before he looks whether it
 * still lives. It bounds two delays: that of a dead owner, and that of a wake-up which its giver
 * did not live to give. */
#ifndef SPG_SYNC_WAIT_H
#define SPG_SYNC_WAIT_H

#include "base/deadline.h"
#include "platform/platform.h"

enum { SPG__SLICE_NS = 20 * 1000 * 1000, SPG__SPINS = 80 };
/* How long who need not look sleeps all the same. */
#define SPG__REST_NS (INT64_C(60) * 1000 * 1000 * 1000)

struct spg__wait {
    int64_t timeout;  /* as the caller gave it */
    int64_t deadline; /* 0 until the first sleep: an uncontended call reads no clock */
    int spins;        /* left */
    /* For people: where to say since when we sleep, in nanoseconds since 1970; 0: awake. May be
     * NULL. */
    spg__word64 *asleep;
    uint64_t asleep_since;
};

static inline struct spg__wait spg__wait_begin(int64_t timeout) {
    return (struct spg__wait){.timeout = timeout, .spins = SPG__SPINS};
}

/* What is left of the time, as a timeout: SPG_FOREVER, or not negative. The first call fixes the
 * deadline. */
int64_t spg__wait_left(struct spg__wait *wait);

/* Is there another processor, on which what we wait for may happen while we spin? */
bool spg__wait_can_spin(void);

/* Says that we sleep, from the first time on, and that we do not. */
void spg__wait_falls_asleep(struct spg__wait *wait);
void spg__wait_wakes(struct spg__wait *wait);

/* Another turn of the spin? */
bool spg__wait_spins(struct spg__wait *wait);

/* Sleeps while `*word` is `expected`, at most `longest` nanoseconds (negative: no bound) and not
 * beyond the deadline. Returns 0; SPG_EAGAIN or SPG_ETIMEDOUT if the time was over before. */
int spg__wait_at_most(struct spg__wait *wait, spg__word32 *word, uint32_t expected,
                      int64_t longest);

/* For waits that a particular process must end. */
static inline int spg__wait_slice(struct spg__wait *wait, spg__word32 *word, uint32_t expected) {
    return spg__wait_at_most(wait, word, expected, SPG__SLICE_NS);
}

/* For those that anybody may end. */
static inline int spg__wait_whole(struct spg__wait *wait, spg__word32 *word, uint32_t expected) {
    return spg__wait_at_most(wait, word, expected, -1);
}

/* ---- turn words: bit 0 says that somebody may sleep, the rest counts wake-ups -----------------
 * */

/* Announces a sleeper. Returns the word to sleep on. What is waited for is looked at after this. */
uint32_t spg__turn_announce(spg__word32 *turn);

/* Wakes all, if anybody announced. What they wait for was changed before this. */
void spg__turn_wake(spg__word32 *turn);

#endif
