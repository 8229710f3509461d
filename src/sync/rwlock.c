/* rwlock.c: many readers or one writer.
 *
 *     0  kind     constant after init
 *     4  turn     the turn word of wait.h; all waiters sleep on it
 *     8  domain   constant after init
 *    16  writer   owner.h: who holds it or is about to
 *    24  zeros
 *    64  readers  56 owner words, one a share; 0: free
 *
 * A reader puts its number into a free row, then looks at `writer`; if one is there it takes the
 * number out again and waits. A writer puts its number into `writer`, marked CLAIMING, then waits
 * until each row was seen empty; then it takes the mark off. Each side writes its own word before
 * it reads the other's, sequentially consistent: at least one of the two sees the other.
 *
 * Death: of a reader: a row names the dead, and the writer who waits for it swaps it out. Of a
 * writer still CLAIMING: the data are untouched, the word is taken over without a mark. Of a writer
 * that held it: taken over UNREPAIRED. Of anyone between giving back and waking: all waits here are
 * for particular processes and in slices.
 *
 *   tag             release                   acquire                   without it
 *   rwlock.share    reader empties its row    writer sees it empty      a read could see the write
 *   rwlock.writer   writer leaves the word    reader, next writer       a read could miss the write
 *   rwlock.dekker   own word, then the other's, on both sides           reader beside writer */
#include "sync/mutex.h"

struct rwlock_shared {
    spg__word32 kind;
    spg__word32 turn;
    spg__word64 domain;
    spg__word64 writer;
    spg__word64 zeros[5];
    spg__word64 readers[SPG_RWLOCK_READERS_MAX];
};

_Static_assert(sizeof(struct rwlock_shared) == sizeof(spg_rwlock), "512 bytes");
_Static_assert(offsetof(struct rwlock_shared, readers) == 64, "layout of the rwlock");

enum { WALKS = 64 };

static struct rwlock_shared *shared_of(spg_rwlock *lock) {
    return (struct rwlock_shared *)(void *)lock;
}

int spg_rwlock_init(spg_rwlock *lock) {
    if (!spg__is_placed(lock)) return SPG_EINVAL;
    struct rwlock_shared *shared = shared_of(lock);
    int result = spg__own_init(&shared->domain);
    if (result < 0) return result;
    spg__store_relaxed_32(&shared->turn, 0);   /* relaxed: init is alone */
    spg__store_relaxed_64(&shared->writer, 0); /* relaxed: init is alone */
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        spg__store_relaxed_64(&shared->readers[i], 0); /* relaxed: init is alone */
    }
    spg__store_release_32(&shared->kind, SPG__RWLOCK); /* pairs: sync.init */
    return 0;
}

static int check(spg_rwlock *lock, int64_t timeout) {
    if (!spg__is_placed(lock) || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    return spg__own_check(lock, SPG__RWLOCK);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Gives one share of this process back, whichever: its threads' shares are alike, and one thread
 * may have given back the row of another. False if it has none. */
static bool give_share(struct rwlock_shared *shared) {
    uint32_t start = spg__thread_mark() % SPG_RWLOCK_READERS_MAX;
    for (uint32_t i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        spg__word64 *row = &shared->readers[(start + i) % SPG_RWLOCK_READERS_MAX];
        uint64_t mine = spg__self_word();
        /* relaxed: the swap decides */
        if (spg__load_relaxed_64(row) != mine) continue;
        /* pairs: rwlock.share, turn.sleeper */
        if (!spg__cas_seq_cst_64(row, &mine, 0)) continue;
        spg__turn_wake(&shared->turn);
        return true;
    }
    return false;
}

/* One walk can miss a share that another thread of ours takes behind it and gives back before it.
 * */
static bool give_own_share(struct rwlock_shared *shared) {
    bool given = false;
    for (int i = 0; i < WALKS && !given; i++) given = give_share(shared);
    return given;
}

/* Threads start at different rows, so that they seldom meet on one line. */
static bool claim_row(struct rwlock_shared *shared) {
    uint32_t start = spg__thread_mark() % SPG_RWLOCK_READERS_MAX;
    for (uint32_t i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        spg__word64 *row = &shared->readers[(start + i) % SPG_RWLOCK_READERS_MAX];
        uint64_t nobody = 0;
        /* pairs: rwlock.dekker */
        if (spg__cas_seq_cst_64(row, &nobody, spg__self_word())) return true;
    }
    return false;
}

/* Empties the rows of the dead; true if there was one. */
static bool empty_dead_rows(struct rwlock_shared *shared) {
    bool found = false;
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        spg__word64 *row = &shared->readers[i];
        uint64_t word = spg__load_relaxed_64(row); /* relaxed: the swap decides */
        if (word == 0 || !spg__self_sees_dead(spg__owner(word))) continue;
        found |= spg__cas_acq_rel_64(row, &word, 0); /* pairs: rwlock.share */
    }
    return found;
}

/* A writer word that names the dead becomes nobody's. */
static void bury_writer(struct rwlock_shared *shared, uint64_t word) {
    if (spg__owner(word) == 0 || !spg__self_sees_dead(spg__owner(word))) return;
    uint64_t left = word & SPG__CLAIMING ? word & SPG__UNREPAIRED : SPG__UNREPAIRED;
    /* pairs: rwlock.writer; the dead's stores came before its death */
    if (spg__cas_acq_rel_64(&shared->writer, &word, left)) spg__turn_wake(&shared->turn);
}

/* What a reader makes of the writer's word. */
static int judge_writer(uint64_t word) {
    if (spg__owner(word) != 0) return SPG_EAGAIN;
    return word & SPG__UNREPAIRED ? SPG_EOWNERDEAD : 0;
}

/* 0: taken. SPG_EAGAIN: a writer is there, or no row is free. */
static int try_read(struct rwlock_shared *shared) {
    /* pairs: rwlock.writer */
    int result = judge_writer(spg__load_seq_cst_64(&shared->writer));
    if (result < 0) return result;
    if (!claim_row(shared)) return SPG_EAGAIN;
    /* pairs: rwlock.dekker, rwlock.writer */
    result = judge_writer(spg__load_seq_cst_64(&shared->writer));
    if (result < 0) give_own_share(shared);
    return result;
}

static void look_after_others(struct rwlock_shared *shared) {
    bury_writer(shared, spg__load_relaxed_64(&shared->writer)); /* relaxed: the swap decides */
    empty_dead_rows(shared);
}

int spg_rwlock_lock_read(spg_rwlock *lock, int64_t timeout) {
    struct rwlock_shared *shared = shared_of(lock);
    int result = check(lock, timeout);
    if (result < 0) return result;
    struct spg__wait wait = spg__wait_begin(timeout);
    while ((result = try_read(shared)) == SPG_EAGAIN) {
        if (spg__wait_spins(&wait)) continue;
        uint32_t turn = 0;
        if (timeout != 0) {
            turn = spg__turn_announce(&shared->turn);
            if ((result = try_read(shared)) != SPG_EAGAIN) return result;
        }
        int over = spg__wait_slice(&wait, &shared->turn, turn);
        look_after_others(shared);
        if (over) {
            result = try_read(shared);
            return result == SPG_EAGAIN ? over : result;
        }
    }
    return result;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* 0: `writer` is ours, CLAIMING. */
static int claim_writer(struct rwlock_shared *shared) {
    /* pairs: turn.sleeper. Else who leaves could miss our announcement, and we his leaving. */
    uint64_t word = spg__load_seq_cst_64(&shared->writer);
    while (spg__owner(word) == 0) {
        uint64_t mine = spg__self_word() | SPG__CLAIMING | (word & SPG__UNREPAIRED);
        /* pairs: rwlock.writer, rwlock.dekker */
        if (spg__cas_seq_cst_64(&shared->writer, &word, mine)) return 0;
    }
    return SPG_EAGAIN;
}

static int rows_are_empty(struct rwlock_shared *shared) {
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        /* pairs: rwlock.share, rwlock.dekker */
        if (spg__load_seq_cst_64(&shared->readers[i]) != 0) return SPG_EAGAIN;
    }
    return 0;
}

/* Waits until `ready` says 0. Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT. */
static int wait_until(struct rwlock_shared *shared, struct spg__wait *wait,
                      int (*ready)(struct rwlock_shared *)) {
    while (ready(shared) != 0) {
        if (spg__wait_spins(wait)) continue;
        uint32_t turn = 0;
        if (wait->timeout != 0) {
            turn = spg__turn_announce(&shared->turn);
            if (ready(shared) == 0) return 0;
        }
        int over = spg__wait_slice(wait, &shared->turn, turn);
        look_after_others(shared);
        if (over) return ready(shared) == 0 ? 0 : over;
    }
    return 0;
}

static void leave_writer(struct rwlock_shared *shared, uint64_t left) {
    spg__swap_seq_cst_64(&shared->writer, left); /* pairs: rwlock.writer, turn.sleeper */
    spg__turn_wake(&shared->turn);
}

int spg_rwlock_lock_write(spg_rwlock *lock, int64_t timeout) {
    struct rwlock_shared *shared = shared_of(lock);
    int result = check(lock, timeout);
    if (result < 0) return result;
    struct spg__wait wait = spg__wait_begin(timeout);
    result = wait_until(shared, &wait, claim_writer);
    if (result < 0) return result;
    result = wait_until(shared, &wait, rows_are_empty);
    /* relaxed: our own word */
    uint64_t unrepaired = spg__load_relaxed_64(&shared->writer) & SPG__UNREPAIRED;
    if (result < 0) {
        leave_writer(shared, unrepaired);
        return result;
    }
    /* relaxed: only a mark, read after our death or by us */
    spg__store_relaxed_64(&shared->writer, spg__self_word() | unrepaired);
    return unrepaired ? SPG_EOWNERDEAD : 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

int spg_rwlock_recovered(spg_rwlock *lock) {
    struct rwlock_shared *shared = shared_of(lock);
    int result = check(lock, 0);
    if (result < 0) return result;
    uint64_t mine = spg__self_word();
    uint64_t word = spg__load_relaxed_64(&shared->writer); /* relaxed: our own word if it is ours */
    if (spg__owner(word) != spg__owner(mine) || (word & SPG__CLAIMING)) return SPG_EPERM;
    spg__store_relaxed_64(&shared->writer, mine); /* relaxed: the unlock releases */
    return 0;
}

int spg_rwlock_unlock(spg_rwlock *lock) {
    struct rwlock_shared *shared = shared_of(lock);
    int result = check(lock, 0);
    if (result < 0) return result;
    uint64_t mine = spg__self_word();
    uint64_t word = spg__load_relaxed_64(&shared->writer); /* relaxed: our own word if it is ours */
    if (spg__owner(word) == spg__owner(mine) && !(word & SPG__CLAIMING)) {
        leave_writer(shared, word & SPG__UNREPAIRED);
        return 0;
    }
    return give_own_share(shared) ? 0 : SPG_EPERM;
}
