/* semaphore.c: a counted signal, and permits that come back.
 *
 * Plain. One word: value << 1 | S, where S says that somebody may sleep. The invariant: a sleeper
 * is queued in the kernel only while the value is 0 and S is set.
 *   wait   value > 0: swap to (value - 1, S clear): with a value there were no sleepers.
 *          value 0: set S, sleep while the word is (0, S).
 *   post   S clear: swap to value + 1. S set: the kernel adds one to the value and wakes everybody,
 *          as one step; S stays until somebody takes.
 * Death: each of these is one step. A woken waiter that dies took nothing, and all others are awake
 * as well and look again. So nobody needs to look after anybody, and waiting takes no slices.
 *
 * Owned. One owner word a permit; the claim is a swap from free to the owner, as for a mutex. The
 * turn word (wait.h) is what sleepers sleep on. Those who wait do so for particular owners and look
 * after them each slice; a permit of the dead is swapped from exactly the dead's word.
 *
 *   tag               release            acquire            without it
 *   semaphore.value   post adds          wait subtracts     what was written before the post could
 *                                                           be missing after the wait
 *   semaphore.holder  post frees         wait claims        the same */
#include "sync/semaphore.h"

static struct spg__semaphore_shared *shared_of(spg_semaphore *semaphore) {
    return (struct spg__semaphore_shared *)(void *)semaphore;
}

static void init(struct spg__semaphore_shared *shared, uint32_t value, uint32_t permits,
                 enum spg__sync_kind kind) {
    spg__store_relaxed_32(&shared->value, value << 1); /* relaxed: init is alone */
    spg__store_relaxed_32(&shared->permits, permits);  /* relaxed: init is alone */
    for (uint32_t i = 0; i < SPG_SEMAPHORE_OWNED_MAX; i++) {
        spg__store_relaxed_64(&shared->holders[i], 0); /* relaxed: init is alone */
    }
    spg__store_release_32(&shared->kind, kind); /* pairs: sync.init */
}

int spg_semaphore_init(spg_semaphore *semaphore, uint32_t value) {
    if (!spg__is_placed(semaphore) || value > SPG_SEMAPHORE_VALUE_MAX) return SPG_EINVAL;
    init(shared_of(semaphore), value, 0, SPG__SEMAPHORE);
    return 0;
}

int spg_semaphore_init_owned(spg_semaphore *semaphore, uint32_t permits) {
    if (!spg__is_placed(semaphore)) return SPG_EINVAL;
    if (permits < 1 || permits > SPG_SEMAPHORE_OWNED_MAX) return SPG_EINVAL;
    int result = spg__own_init(&shared_of(semaphore)->domain);
    if (result == 0) init(shared_of(semaphore), 0, permits, SPG__SEMAPHORE_OWNED);
    return result;
}

/* ---- plain ----------------------------------------------------------------------------------- */

static int wait_plain(struct spg__semaphore_shared *shared, int64_t timeout) {
    uint32_t word = spg__load_relaxed_32(&shared->value); /* relaxed: the swap acquires */
    struct spg__wait wait = spg__wait_begin(timeout);
    for (;;) {
        if (word > 1) {
            /* pairs: semaphore.value */
            if (spg__cas_acquire_32(&shared->value, &word, (word - 2) & ~1u)) return 0;
            continue;
        }
        if (!spg__wait_spins(&wait)) {
            /* relaxed: only a flag; the kernel compares the whole word again */
            if (timeout != 0 && word == 0 && !spg__cas_relaxed_32(&shared->value, &word, 1))
                continue;
            int over = spg__wait_whole(&wait, &shared->value, 1);
            if (over) return over;
        }
        word = spg__load_relaxed_32(&shared->value); /* relaxed: the swap acquires */
    }
}

static int post_plain(struct spg__semaphore_shared *shared) {
    uint32_t word = spg__load_relaxed_32(&shared->value); /* relaxed: the swap releases */
    while (!(word & 1)) {
        if (word >> 1 >= SPG_SEMAPHORE_VALUE_MAX) return SPG_EFULL;
        /* pairs: semaphore.value */
        if (spg__cas_release_32(&shared->value, &word, word + 2)) return 0;
    }
    if (word >> 1 >= SPG_SEMAPHORE_VALUE_MAX) return SPG_EFULL;
    spg__add_and_wake(&shared->value, 2); /* pairs: semaphore.value */
    return 0;
}

/* ---- owned ----------------------------------------------------------------------------------- */

/* The number of permits, distrusted. */
static uint32_t permits_of(const struct spg__semaphore_shared *shared) {
    uint32_t permits = spg__load_relaxed_32(&shared->permits); /* relaxed: constant after init */
    return permits <= SPG_SEMAPHORE_OWNED_MAX ? permits : SPG_SEMAPHORE_OWNED_MAX;
}

static bool claim_free(struct spg__semaphore_shared *shared, uint32_t permits) {
    for (uint32_t i = 0; i < permits; i++) {
        uint64_t nobody = 0;
        /* pairs: semaphore.holder, turn.sleeper */
        if (spg__load_seq_cst_64(&shared->holders[i]) == 0 &&
            spg__cas_acquire_64(&shared->holders[i], &nobody, spg__self_word())) {
            return true;
        }
    }
    return false;
}

static bool claim_of_dead(struct spg__semaphore_shared *shared, uint32_t permits) {
    for (uint32_t i = 0; i < permits; i++) {
        uint64_t word = spg__load_relaxed_64(&shared->holders[i]); /* relaxed: the swap acquires */
        if (word == 0 || !spg__self_sees_dead(spg__owner(word))) continue;
        /* pairs: semaphore.holder; as for a mutex, the dead's stores came before its death */
        if (spg__cas_acquire_64(&shared->holders[i], &word, spg__self_word())) return true;
    }
    return false;
}

static int wait_owned(struct spg__semaphore_shared *shared, int64_t timeout) {
    struct spg__wait wait = spg__wait_begin(timeout);
    uint32_t permits = permits_of(shared);
    for (;;) {
        if (claim_free(shared, permits)) return 0;
        if (spg__wait_spins(&wait)) continue;
        uint32_t turn = 0;
        if (timeout != 0) {
            turn = spg__turn_announce(&shared->value);
            if (claim_free(shared, permits)) return 0;
        }
        int over = spg__wait_slice(&wait, &shared->value, turn);
        if (claim_of_dead(shared, permits)) return 1;
        if (over) return claim_free(shared, permits) ? 0 : over;
    }
}

static int post_owned(struct spg__semaphore_shared *shared) {
    uint32_t permits = permits_of(shared);
    uint64_t mine = spg__self_word();
    if (mine == 0) return SPG_EPERM;
    for (uint32_t i = 0; i < permits; i++) {
        uint64_t word = mine;
        /* pairs: semaphore.holder, turn.sleeper */
        if (!spg__cas_seq_cst_64(&shared->holders[i], &word, 0)) continue;
        spg__turn_wake(&shared->value);
        return 0;
    }
    return SPG_EPERM;
}

/* ---- both ------------------------------------------------------------------------------------ */

int spg_semaphore_wait(spg_semaphore *semaphore, int64_t timeout) {
    if (!spg__is_placed(semaphore) || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    struct spg__semaphore_shared *shared = shared_of(semaphore);
    uint32_t kind = spg__load_acquire_32(&shared->kind); /* pairs: sync.init */
    if (kind == SPG__SEMAPHORE) return wait_plain(shared, timeout);
    int result = spg__own_check(semaphore, SPG__SEMAPHORE_OWNED);
    return result < 0 ? result : wait_owned(shared, timeout);
}

int spg_semaphore_post(spg_semaphore *semaphore) {
    if (!spg__is_placed(semaphore)) return SPG_EINVAL;
    struct spg__semaphore_shared *shared = shared_of(semaphore);
    uint32_t kind = spg__load_acquire_32(&shared->kind); /* pairs: sync.init */
    if (kind == SPG__SEMAPHORE) return post_plain(shared);
    int result = spg__own_check(semaphore, SPG__SEMAPHORE_OWNED);
    return result < 0 ? result : post_owned(shared);
}

int spg_semaphore_value(const spg_semaphore *semaphore) {
    if (!spg__is_placed(semaphore)) return SPG_EINVAL;
    const struct spg__semaphore_shared *shared = (const void *)semaphore;
    uint32_t kind = spg__load_acquire_32(&shared->kind); /* pairs: sync.init */
    if (kind == SPG__SEMAPHORE) {
        return (int)(spg__load_relaxed_32(&shared->value) >> 1); /* relaxed: a hint */
    }
    if (kind != SPG__SEMAPHORE_OWNED) return SPG_ECORRUPT;
    int free_permits = 0;
    for (uint32_t i = 0; i < permits_of(shared); i++) {
        free_permits += spg__load_relaxed_64(&shared->holders[i]) == 0; /* relaxed: a hint */
    }
    return free_permits;
}
