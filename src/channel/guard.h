/* guard.h: a word in a channel that one node at a time owns.
 *
 *   63           4 3    1   0
 *   | node number |  0  | w |      0: nobody; w: somebody may sleep on it
 *
 * The claim is one compare-and-swap that puts the owner in, so a death leaves a word that names the
 * dead, and the next comer takes it over. What is done under a guard commits by a single store
 * each time: a death under it leaves nothing to repair. Two handles of one process exclude each
 * other too. */
#ifndef SPG_CHANNEL_GUARD_H
#define SPG_CHANNEL_GUARD_H

#include "channel/channel.h"

/* Waits for it. 0, SPG_EAGAIN, SPG_ETIMEDOUT; 1: taken over from a dead owner. */
int spg__guard_take(spg__word64 *guard, const struct spg__channel *channel, int64_t timeout);
void spg__guard_give(spg__word64 *guard);

#endif
