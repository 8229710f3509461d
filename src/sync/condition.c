/* condition.c: sleep until somebody says that something changed.
 *
 *    0  kind
 *    4  turn   the turn word of wait.h
 *    8  zeros
 *
 * The waiter announces himself under the mutex, unlocks, and sleeps while the turn is unchanged. A
 * signaller changes the data under the mutex and then wakes, if somebody is announced. Because the
 * announcement was made before the mutex was unlocked, a signaller that locked it later sees it.
 *
 * Death: of a waiter, nothing: the announcement costs one needless wake-up. Of a signaller between
 * its change and its signal, holding the mutex: nobody would ever wake the waiters, so each of them
 * looks every slice whether the mutex's owner is dead, or was, and somebody has taken it over since
 * the wait began; if so, it goes and takes the mutex.
 *
 *   tag                 release                  acquire                  without it
 *   turn.sleeper        announce (wait.c)        the signaller's look     a signal could miss a
 *                                                                         waiter */
#include "sync/mutex.h"

struct condition_shared {
    spg__word32 kind;
    spg__word32 turn;
    spg__word64 zeros;
};

_Static_assert(sizeof(struct condition_shared) == sizeof(spg_condition), "16 bytes");

static struct condition_shared *shared_of(spg_condition *condition) {
    return (struct condition_shared *)(void *)condition;
}

int spg_condition_init(spg_condition *condition) {
    if (!spg__is_placed(condition)) return SPG_EINVAL;
    struct condition_shared *shared = shared_of(condition);
    spg__store_relaxed_32(&shared->turn, 0);              /* relaxed: init is alone */
    spg__store_relaxed_64(&shared->zeros, 0);             /* relaxed: init is alone */
    spg__store_release_32(&shared->kind, SPG__CONDITION); /* pairs: sync.init */
    return 0;
}

/* Returns 0 (something happened) or SPG_ETIMEDOUT. */
static int sleep_until_turn(struct condition_shared *shared, spg_mutex *mutex, uint32_t turn,
                            uint64_t takeovers, struct spg__wait *wait) {
    for (;;) {
        int over = spg__wait_slice(wait, &shared->turn, turn);
        if (spg__load_seq_cst_32(&shared->turn) != turn) return 0; /* pairs: turn.sleeper */
        if (spg__mutex_is_abandoned(mutex)) return 0;
        if (spg__mutex_takeovers(mutex) != takeovers) return 0;
        if (over) return over;
    }
}

int spg_condition_wait(spg_condition *condition, spg_mutex *mutex, int64_t timeout) {
    if (!spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    struct condition_shared *shared = shared_of(condition);
    int result = spg__kind_check(condition, SPG__CONDITION);
    if (result < 0) return result;
    result = spg__own_check(mutex, SPG__MUTEX);
    if (result < 0) return result;
    if (!spg__mutex_is_mine(mutex)) return SPG_EPERM;
    if (timeout == 0) return SPG_EAGAIN;

    struct spg__wait wait = spg__wait_begin(timeout);
    uint32_t turn = spg__turn_announce(&shared->turn);
    uint64_t takeovers = spg__mutex_takeovers(mutex);
    spg_mutex_unlock(mutex);
    int over = sleep_until_turn(shared, mutex, turn, takeovers, &wait);
    result = spg_mutex_lock(mutex, SPG_NOWAIT); /* finds a dead owner at once */
    if (result == SPG_EAGAIN) result = spg_mutex_lock(mutex, SPG_FOREVER);
    return result < 0 ? result : over;
}

int spg_condition_signal(spg_condition *condition) {
    struct condition_shared *shared = shared_of(condition);
    int result = spg__kind_check(condition, SPG__CONDITION);
    if (result == 0) spg__turn_wake(&shared->turn);
    return result;
}
