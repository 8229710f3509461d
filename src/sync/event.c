/* event.c: set or not, and a way to sleep until set.
 *
 *    0  kind
 *    4  state   epoch << 2 | SET | SLEEPER: the latter, that somebody may sleep
 *    8  zeros
 *
 * Setting an event that somebody sleeps on sets the bit inside the kernel and wakes them, as one
 * step; nobody who dies can have set it without waking them, and any number may set it at once.
 * Resetting moves to the next epoch, so a sleeper that wakes late still sees that his epoch is
 * over: it was set.
 *
 *   tag          release     acquire                     without it
 *   event.state  set         wait that sees it set       what was written before the set could be
 *                                                        missing after the wait */
#include "sync/owner.h"

struct event_shared {
    spg__word32 kind;
    spg__word32 state;
    spg__word64 zeros;
};

_Static_assert(sizeof(struct event_shared) == sizeof(spg_event), "16 bytes");

enum { SLEEPER = 1, SET = 2, BITS = 3 };

static struct event_shared *shared_of(spg_event *event) {
    return (struct event_shared *)(void *)event;
}

int spg_event_init(spg_event *event) {
    if (!spg__is_placed(event)) return SPG_EINVAL;
    struct event_shared *shared = shared_of(event);
    spg__store_relaxed_32(&shared->state, 0);         /* relaxed: init is alone */
    spg__store_relaxed_64(&shared->zeros, 0);         /* relaxed: init is alone */
    spg__store_release_32(&shared->kind, SPG__EVENT); /* pairs: sync.init */
    return 0;
}

int spg_event_set(spg_event *event) {
    struct event_shared *shared = shared_of(event);
    int result = spg__kind_check(event, SPG__EVENT);
    if (result < 0) return result;
    uint32_t state = spg__load_relaxed_32(&shared->state); /* relaxed: the swap releases */
    for (;;) {
        if (state & SET) {
            /* pairs: event.state. Swapped with itself: our writes join those of the first setter.
             * */
            if (spg__cas_release_32(&shared->state, &state, state)) return 0;
        } else if (state & SLEEPER) {
            spg__set_and_wake(&shared->state, SET); /* pairs: event.state */
            return 0;
        } else {
            /* pairs: event.state */
            if (spg__cas_release_32(&shared->state, &state, state + SET)) return 0;
        }
    }
}

int spg_event_reset(spg_event *event) {
    struct event_shared *shared = shared_of(event);
    int result = spg__kind_check(event, SPG__EVENT);
    if (result < 0) return result;
    uint32_t state = spg__load_relaxed_32(&shared->state); /* relaxed: the swap orders */
    /* pairs: event.state. Also releases, so that a waiter of the old epoch acquires from its set.
     * */
    while ((state & SET) && !spg__cas_acq_rel_32(&shared->state, &state, (state | BITS) + 1)) {}
    return 0;
}

int spg_event_wait(spg_event *event, int64_t timeout) {
    if (!spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    struct event_shared *shared = shared_of(event);
    int result = spg__kind_check(event, SPG__EVENT);
    if (result < 0) return result;
    struct spg__wait wait = spg__wait_begin(timeout);
    uint32_t state = spg__load_acquire_32(&shared->state); /* pairs: event.state */
    uint32_t epoch = state & ~(uint32_t)BITS;
    for (;;) {
        if ((state & SET) || (state & ~(uint32_t)BITS) != epoch) return 0;
        if (!spg__wait_spins(&wait)) {
            /* relaxed: only a flag; the kernel compares the whole word again */
            if (timeout == 0 || state == (epoch | SLEEPER) ||
                spg__cas_relaxed_32(&shared->state, &state, epoch | SLEEPER)) {
                int over = spg__wait_whole(&wait, &shared->state, epoch | SLEEPER);
                if (over) return over;
            }
        }
        state = spg__load_acquire_32(&shared->state); /* pairs: event.state */
    }
}
