/* mutex.c: a lock that comes back.
 *
 * Claim: one compare-and-swap of `state` from nobody to the owner. Release: one swap to nobody,
 * then a wake-up if somebody may sleep. The sleepers' flag is set by a sleeper before he sleeps,
 * and kept set by one who took the lock after having slept, because others may sleep still.
 *
 * Death, and what stands then:
 *   before the claim            nothing. A flag that it set costs one needless wake-up.
 *   after the claim             the word names the dead. Whoever waits asks the kernel after each
 *                               slice, takes the lock over with one swap from just that word, and
 *                               is told SPG_EOWNERDEAD. Two takers: one swap fails.
 *   after the release, before   the lock is free and the others sleep on: they wake when their
 *   the wake-up                 slice ends, and take it.
 *   a woken waiter, before it   as above.
 *   took the lock
 *
 * UNREPAIRED stands in the word beside the owner or alone, until an owner says the data are right;
 * only the owner changes it.
 *
 *   tag            release                        acquire                  without it
 *   mutex.state    unlock swaps the owner out     lock swaps itself in     the next owner may read
 *                                                                          older data
 *
 * A takeover acquires from a dead process, which released nothing: its stores came before its
 * death, and its death before the kernel freed the proof of life that we asked for. */
#include "sync/mutex.h"

int spg_mutex_init(spg_mutex *mutex) {
    if (!spg__is_placed(mutex)) return SPG_EINVAL;
    struct spg__mutex_shared *shared = spg__mutex_shared(mutex);
    int result = spg__own_init(&shared->domain);
    if (result < 0) return result;
    spg__store_relaxed_32(&shared->thread, 0);        /* relaxed: init is alone */
    spg__store_relaxed_64(&shared->state, 0);         /* relaxed: init is alone */
    spg__store_relaxed_64(&shared->takeovers, 0);     /* relaxed: init is alone */
    spg__store_release_32(&shared->kind, SPG__MUTEX); /* pairs: sync.init */
    return 0;
}

bool spg__owner_take_over(spg__word64 *state, uint64_t word, uint64_t extra) {
    uint64_t mine = spg__self_word() | SPG__WAITED_FOR | extra;
    return spg__cas_acquire_64(state, &word, mine); /* pairs: mutex.state */
}

static int taken(struct spg__mutex_shared *shared, uint64_t word) {
    /* relaxed: only threads of this process compare it, each with its own mark */
    spg__store_relaxed_32(&shared->thread, spg__thread_mark());
    return word & SPG__UNREPAIRED ? SPG_EOWNERDEAD : 0;
}

static bool held_by_this_thread(const struct spg__mutex_shared *shared, uint64_t word) {
    return spg__owner(word) != 0 && spg__owner(word) == spg__owner(spg__self_word()) &&
           /* relaxed: equal to our mark only if this thread wrote it */
           spg__load_relaxed_32(&shared->thread) == spg__thread_mark();
}

bool spg__mutex_is_mine(const spg_mutex *mutex) {
    const struct spg__mutex_shared *shared = (const void *)mutex;
    /* relaxed: if it is ours nobody else changes the owner */
    return held_by_this_thread(shared, spg__load_relaxed_64(&shared->state));
}

uint64_t spg__mutex_takeovers(const spg_mutex *mutex) {
    const struct spg__mutex_shared *shared = (const void *)mutex;
    return spg__load_relaxed_64(&shared->takeovers); /* relaxed: a hint, looked at again */
}

bool spg__mutex_is_free(const spg_mutex *mutex) {
    const struct spg__mutex_shared *shared = (const void *)mutex;
    return spg__owner(spg__load_acquire_64(&shared->state)) == 0; /* pairs: mutex.state */
}

bool spg__mutex_is_abandoned(const spg_mutex *mutex) {
    const struct spg__mutex_shared *shared = (const void *)mutex;
    uint64_t owner = spg__owner(spg__load_relaxed_64(&shared->state)); /* relaxed: a hint */
    return owner != 0 && spg__self_sees_dead(owner);
}

/* Nobody holds it: takes it, keeping the flags. `slept`: others may sleep still. */
static bool take_free(struct spg__mutex_shared *shared, uint64_t *word, bool slept) {
    uint64_t mine = spg__self_word() | (*word & SPG__FLAGS) | (slept ? SPG__WAITED_FOR : 0);
    if (!spg__cas_acquire_64(&shared->state, word, mine)) return false; /* pairs: mutex.state */
    *word = mine;
    return true;
}

/* Somebody holds it: sleeps a slice. Returns 0, or why not to go on. */
static int sleep_on(struct spg__mutex_shared *shared, uint64_t word, struct spg__wait *wait) {
    uint64_t flagged = word | SPG__WAITED_FOR;
    if (wait->timeout != 0 && word != flagged &&
        !spg__cas_relaxed_64(&shared->state, &word, flagged)) { /* relaxed: only a flag */
        return 0;
    }
    return spg__wait_slice(wait, spg__low_half(&shared->state), (uint32_t)flagged);
}

/* 1: taken over from a dead owner. 0: he lives, or somebody was faster. */
static int take_from_dead(struct spg__mutex_shared *shared, uint64_t word) {
    if (!spg__self_sees_dead(spg__owner(word))) return 0;
    if (!spg__owner_take_over(&shared->state, word, SPG__UNREPAIRED)) return 0;
    /* relaxed: by the holder. If we die before it the next holder counts for us. */
    uint64_t before = spg__load_relaxed_64(&shared->takeovers);
    spg__store_relaxed_64(&shared->takeovers, before + 1); /* relaxed: as above */
    return 1;
}

/* Whether the owner lives is asked where we would give up, and after each sleep. */
static int lock_slowly(struct spg__mutex_shared *shared, int64_t timeout) {
    struct spg__wait wait = spg__wait_begin(timeout);
    bool slept = false;
    for (;;) {
        uint64_t word = spg__load_relaxed_64(&shared->state); /* relaxed: the swap acquires */
        if (spg__owner(word) == 0) {
            if (take_free(shared, &word, slept)) return taken(shared, word);
            continue;
        }
        if (held_by_this_thread(shared, word)) return SPG_EDEADLOCK;
        if (spg__wait_spins(&wait)) continue;
        if (slept && take_from_dead(shared, word)) return taken(shared, SPG__UNREPAIRED);
        int over = sleep_on(shared, word, &wait);
        if (over && take_from_dead(shared, word)) return taken(shared, SPG__UNREPAIRED);
        if (over) return over;
        slept = true;
    }
}

int spg_mutex_lock(spg_mutex *mutex, int64_t timeout) {
    struct spg__mutex_shared *shared = spg__mutex_shared(mutex);
    int result = spg__own_check(mutex, SPG__MUTEX);
    if (result < 0) return result;
    if (!spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    uint64_t nobody = 0;
    uint64_t mine = spg__self_word();
    if (spg__cas_acquire_64(&shared->state, &nobody, mine)) { /* pairs: mutex.state */
        return taken(shared, mine);
    }
    return lock_slowly(shared, timeout);
}

/* SPG_EPERM unless this thread holds it. */
static int check_mine(spg_mutex *mutex, uint64_t *word) {
    struct spg__mutex_shared *shared = spg__mutex_shared(mutex);
    int result = spg__own_check(mutex, SPG__MUTEX);
    if (result < 0) return result;
    *word = spg__load_relaxed_64(&shared->state); /* relaxed: our own word if it is ours */
    return held_by_this_thread(shared, *word) ? 0 : SPG_EPERM;
}

int spg_mutex_recovered(spg_mutex *mutex) {
    uint64_t word;
    int result = check_mine(mutex, &word);
    if (result < 0) return result;
    struct spg__mutex_shared *shared = spg__mutex_shared(mutex);
    while (word & SPG__UNREPAIRED) {
        /* relaxed: the unlock that follows releases */
        spg__cas_relaxed_64(&shared->state, &word, word & ~(uint64_t)SPG__UNREPAIRED);
    }
    return 0;
}

int spg_mutex_unlock(spg_mutex *mutex) {
    uint64_t word;
    int result = check_mine(mutex, &word);
    if (result < 0) return result;
    struct spg__mutex_shared *shared = spg__mutex_shared(mutex);
    spg__store_relaxed_32(&shared->thread, 0); /* relaxed: before the release, by the holder */
    word = spg__swap_release_64(&shared->state, word & SPG__UNREPAIRED); /* pairs: mutex.state */
    if (word & SPG__WAITED_FOR) spg__wake(spg__low_half(&shared->state), 1);
    return 0;
}
