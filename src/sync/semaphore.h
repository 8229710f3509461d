/* semaphore.h: the semaphore as it lies in memory; 192 bytes.
 *
 *    0  kind     plain or owned; constant after init
 *    4  value    plain: value << 1 | somebody may sleep. Owned: the turn word (wait.h)
 *    8  domain   owned; constant after init
 *   16  permits  owned: how many; constant after init
 *   20  zeros
 *   64  holders  owned: one owner word (owner.h) a permit; 0: free. Changed by compare-and-swap */
#ifndef SPG_SYNC_SEMAPHORE_H
#define SPG_SYNC_SEMAPHORE_H

#include "sync/owner.h"

struct spg__semaphore_shared {
    spg__word32 kind;
    spg__word32 value;
    spg__word64 domain;
    spg__word32 permits;
    spg__word32 zeros[11];
    spg__word64 holders[SPG_SEMAPHORE_OWNED_MAX];
};

_Static_assert(sizeof(struct spg__semaphore_shared) == sizeof(spg_semaphore), "192 bytes");
_Static_assert(offsetof(struct spg__semaphore_shared, holders) == 64, "layout of the semaphore");

#endif
