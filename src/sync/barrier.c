/* barrier.c: a meeting of a fixed number of threads, each of which may die.
 *
 *     0  kind     constant after init
 *     4  members  how many meet; constant after init
 *     8  guard    a mutex (mutex.h): everything below is changed under it
 *    40  zeros
 *    48  rounds   low half: rounds ended so far; high half: one bit for each of the last 32, bit 0
 *                 the latest, set if a death ended it
 *    56  zeros
 *    64  rows     28 of 16 bytes: owner word, thread mark, target (the round waited for; 0: none)
 *
 * A round ends with one store to `rounds`. It ends well when as many rows as there are members wait
 * for it, and badly when one of those who wait, or who comes, finds a member dead. Each sleeper has
 * its target and reads from `rounds` whether and how that round ended, also late.
 *
 * Death: of a member: found by the slices of those who wait. Under the guard at any store: the rows
 * and `rounds` are right after each one, so whoever gets the guard from the dead just goes on.
 * Between the ending store and the wake-up: sleepers look again after their slice. */
#include "sync/mutex.h"

struct row_shared {
    spg__word64 owner;
    spg__word32 thread;
    spg__word32 target;
};

_Static_assert(sizeof(struct row_shared) == 16, "a row takes 16 bytes");

struct barrier_shared {
    spg__word32 kind;
    spg__word32 members;
    spg_mutex guard;
    spg__word64 zeros;
    spg__word64 rounds;
    spg__word64 more_zeros;
    struct row_shared rows[SPG_BARRIER_MEMBERS_MAX];
};

_Static_assert(sizeof(struct barrier_shared) == sizeof(spg_barrier), "512 bytes");
_Static_assert(offsetof(struct barrier_shared, rows) == 64, "layout of the barrier");

static struct barrier_shared *shared_of(spg_barrier *barrier) {
    return (struct barrier_shared *)(void *)barrier;
}

int spg_barrier_init(spg_barrier *barrier, uint32_t members) {
    if (!spg__is_placed(barrier)) return SPG_EINVAL;
    if (members < 1 || members > SPG_BARRIER_MEMBERS_MAX) return SPG_EINVAL;
    struct barrier_shared *shared = shared_of(barrier);
    int result = spg_mutex_init(&shared->guard);
    if (result < 0) return result;
    spg__store_relaxed_32(&shared->members, members); /* relaxed: init is alone */
    spg__store_relaxed_64(&shared->rounds, 0);        /* relaxed: init is alone */
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        spg__store_relaxed_64(&shared->rows[i].owner, 0);  /* relaxed: init is alone */
        spg__store_relaxed_32(&shared->rows[i].target, 0); /* relaxed: init is alone */
    }
    spg__store_release_32(&shared->kind, SPG__BARRIER); /* pairs: sync.init */
    return 0;
}

static int enter(struct barrier_shared *shared, int64_t timeout) {
    int result = spg_mutex_lock(&shared->guard, timeout);
    if (result != SPG_EOWNERDEAD) return result;
    spg_mutex_recovered(&shared->guard); /* the rows are right at any moment */
    return 0;
}

static void leave(struct barrier_shared *shared) {
    spg_mutex_unlock(&shared->guard);
}

static uint32_t rounds_ended(uint64_t rounds) {
    return (uint32_t)rounds;
}

/* The target of those who arrive now; never 0, which means none. */
static uint32_t present_target(const struct barrier_shared *shared) {
    uint64_t rounds = spg__load_relaxed_64(&shared->rounds); /* relaxed: guarded */
    uint32_t target = rounds_ended(rounds) + 1;
    return target ? target : 1;
}

/* This thread's row; NULL if it has none. */
static struct row_shared *find_row(struct barrier_shared *shared) {
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        struct row_shared *row = &shared->rows[i];
        if (spg__load_relaxed_64(&row->owner) == spg__self_word() &&    /* relaxed: guarded */
            spg__load_relaxed_32(&row->thread) == spg__thread_mark()) { /* relaxed: guarded */
            return row;
        }
    }
    return NULL;
}

static uint32_t count_members(struct barrier_shared *shared, struct row_shared **free_row) {
    uint32_t count = 0;
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        struct row_shared *row = &shared->rows[i];
        if (spg__load_relaxed_64(&row->owner) != 0) count++; /* relaxed: guarded */
        else *free_row = row;
    }
    return count;
}

/* Becomes a member. The owner is stored last: before that the row is free. */
static struct row_shared *join(struct barrier_shared *shared) {
    struct row_shared *row = NULL;
    uint32_t members = spg__load_relaxed_32(&shared->members); /* relaxed: constant after init */
    if (count_members(shared, &row) >= members || !row) return NULL;
    spg__store_relaxed_32(&row->target, 0);                  /* relaxed: guarded */
    spg__store_relaxed_32(&row->thread, spg__thread_mark()); /* relaxed: guarded */
    spg__store_relaxed_64(&row->owner, spg__self_word());    /* relaxed: guarded */
    return row;
}

static uint32_t count_arrived(struct barrier_shared *shared, uint32_t target) {
    uint32_t count = 0;
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        struct row_shared *row = &shared->rows[i];
        if (spg__load_relaxed_64(&row->owner) == 0) continue;  /* relaxed: guarded */
        count += spg__load_relaxed_32(&row->target) == target; /* relaxed: guarded */
    }
    return count;
}

static void end_round(struct barrier_shared *shared, uint32_t target, bool broken) {
    uint64_t history = spg__load_relaxed_64(&shared->rounds) >> 32; /* relaxed: guarded */
    history = (history << 1 | broken) & UINT32_MAX;
    spg__store_release_64(&shared->rounds, history << 32 | target); /* pairs: barrier.rounds */
    spg__wake(spg__low_half(&shared->rounds), SPG__WAKE_ALL);
}

static bool is_dead(const struct row_shared *row) {
    uint64_t word = spg__load_relaxed_64(&row->owner); /* relaxed: guarded */
    return word != 0 && spg__self_sees_dead(spg__owner(word));
}

static bool a_member_died(const struct barrier_shared *shared) {
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        if (is_dead(&shared->rows[i])) return true;
    }
    return false;
}

/* Frees the rows of the dead. */
static void bury_dead(struct barrier_shared *shared) {
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        if (!is_dead(&shared->rows[i])) continue;
        spg__store_relaxed_64(&shared->rows[i].owner, 0); /* relaxed: guarded */
    }
}

/* A member is dead: those who wait for the present round are told, and its place is free. In this
 * order: a death in between breaks one more round, and leaves nobody waiting. */
static void break_round(struct barrier_shared *shared) {
    uint32_t target = present_target(shared);
    if (count_arrived(shared, target) > 0) end_round(shared, target, true);
    bury_dead(shared);
}

/* Has the round ended? Then `*result` is how. */
static bool has_ended(struct barrier_shared *shared, uint32_t target, int *result) {
    uint64_t rounds = spg__load_acquire_64(&shared->rounds); /* pairs: barrier.rounds */
    uint32_t later = rounds_ended(rounds) - target;
    if (later > UINT32_MAX / 2) return false;
    *result = later < 32 && (rounds >> 32 >> later & 1) ? SPG_EPEERDEAD : 0;
    return true;
}

/* After a slice: if a member is dead the round is over. If somebody else has the guard he looks
 * himself, or the next slice comes. */
static int look_after_members(struct barrier_shared *shared, uint32_t target) {
    int ended;
    int result = enter(shared, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return 0;
    if (result < 0) return result;
    if (!has_ended(shared, target, &ended) && a_member_died(shared)) break_round(shared);
    leave(shared);
    return 0;
}

/* Takes the arrival back, unless the round has ended meanwhile. Our row is ours to change; the
 * guard makes it certain that nobody is counting. If a process is stopped with it the deadline
 * counts more than that, and the round it is about to end may still have counted us. */
static int withdraw(struct barrier_shared *shared, uint32_t target, int over) {
    int ended;
    int guarded = enter(shared, over == SPG_EAGAIN ? SPG_NOWAIT : SPG__SLICE_NS);
    if (guarded < 0 && guarded != SPG_ETIMEDOUT && guarded != SPG_EAGAIN) return guarded;
    struct row_shared *row = find_row(shared);
    if (row && !has_ended(shared, target, &ended)) {
        spg__store_relaxed_32(&row->target, 0); /* relaxed: guarded, or the best that can be had */
    }
    if (has_ended(shared, target, &ended)) over = ended;
    if (guarded == 0) leave(shared);
    return over;
}

static int wait_for_round(struct barrier_shared *shared, uint32_t target, struct spg__wait *wait) {
    int result;
    while (!has_ended(shared, target, &result)) {
        /* relaxed: the kernel compares it again */
        uint32_t ended = rounds_ended(spg__load_relaxed_64(&shared->rounds));
        if ((uint32_t)(ended - target) <= UINT32_MAX / 2) continue;
        int over = spg__wait_slice(wait, spg__low_half(&shared->rounds), ended);
        if (has_ended(shared, target, &result)) return result;
        result = look_after_members(shared, target);
        if (result < 0) return result;
        if (over) return withdraw(shared, target, over);
    }
    return result;
}

/* Under the guard. Returns 1 if this was the last, 0 if others are missing. */
static int arrive(struct barrier_shared *shared, uint32_t *target) {
    struct row_shared *row = find_row(shared);
    if (!row) row = join(shared);
    if (!row && a_member_died(shared)) {
        break_round(shared);
        row = join(shared);
    }
    if (!row) return SPG_EFULL;
    *target = present_target(shared);
    spg__store_relaxed_32(&row->target, *target);              /* relaxed: guarded */
    uint32_t members = spg__load_relaxed_32(&shared->members); /* relaxed: constant after init */
    if (count_arrived(shared, *target) < members) return 0;
    end_round(shared, *target, false);
    return 1;
}

int spg_barrier_wait(spg_barrier *barrier, int64_t timeout) {
    struct barrier_shared *shared = shared_of(barrier);
    int result = spg__kind_check(barrier, SPG__BARRIER);
    if (result < 0) return result;
    if (!spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    struct spg__wait wait = spg__wait_begin(timeout);
    result = enter(shared, timeout == SPG_NOWAIT ? timeout : spg__wait_left(&wait));
    if (result < 0) return result;
    uint32_t target = 0;
    result = arrive(shared, &target);
    leave(shared);
    return result != 0 ? result : wait_for_round(shared, target, &wait);
}

int spg_barrier_leave(spg_barrier *barrier) {
    struct barrier_shared *shared = shared_of(barrier);
    int result = spg__kind_check(barrier, SPG__BARRIER);
    if (result < 0) return result;
    result = enter(shared, SPG_FOREVER);
    if (result < 0) return result;
    struct row_shared *row = find_row(shared);
    if (row) spg__store_relaxed_64(&row->owner, 0); /* relaxed: guarded */
    leave(shared);
    return row ? 0 : SPG_EPERM;
}
