/* scenes_sync.c: locks and signals. What they guard are words of the user's, so that in the weak
 * scenes it is also seen that taking acquires what giving released. */
#include <samepage/samepage.h>

#include "machine.h"

static struct guarded {
    spg_mutex mutex;
    spg_condition condition;
    spg_semaphore plain, owned;
    spg_event event;
    spg_rwlock rwlock;
    spg_barrier barrier;
    spg_seqlock seqlock;
    SPG_ALIGN_8 uint64_t inside, count, again, flag, value[2];
} * guarded;

static struct notes {
    int sections, repairs, waits, rounds, arrived[2];
    uint64_t first;
} * notes;

static void open_sync(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who != 0) return;
    guarded = scene_shared(sizeof *guarded);
    notes = scene_memory(sizeof *notes);
    CHECK_OK(spg_mutex_init(&guarded->mutex));
    CHECK_OK(spg_condition_init(&guarded->condition));
    CHECK_OK(spg_semaphore_init(&guarded->plain, 0));
    CHECK_OK(spg_semaphore_init_owned(&guarded->owned, 1));
    CHECK_OK(spg_event_init(&guarded->event));
    CHECK_OK(spg_rwlock_init(&guarded->rwlock));
    CHECK_OK(spg_barrier_init(&guarded->barrier, 2));
    CHECK_OK(spg_seqlock_init(&guarded->seqlock));
}

/* Alone in here, and with all that was done in here before. `broken`: an owner died in here. */
static void section(int who, bool broken) {
    if (broken) poke(&guarded->again, peek(&guarded->count));
    else CHECK(peek(&guarded->count) == peek(&guarded->again));
    poke(&guarded->inside, (uint64_t)who + 1);
    uint64_t count = peek(&guarded->count);
    poke(&guarded->count, count + 1);
    CHECK(peek(&guarded->inside) == (uint64_t)who + 1);
    poke(&guarded->again, count + 1);
    notes->sections++;
}

/* ---- mutex ----------------------------------------------------------------------------------- */

static void lock_once(int who) {
    int result = spg_mutex_lock(&guarded->mutex, SPG_FOREVER);
    CHECK(result == 0 || result == SPG_EOWNERDEAD);
    if (result == SPG_EOWNERDEAD) {
        CHECK(deaths() > 0);
        notes->repairs++;
    }
    section(who, result != 0);
    if (result != 0) CHECK_OK(spg_mutex_recovered(&guarded->mutex));
    CHECK_OK(spg_mutex_unlock(&guarded->mutex));
}

static void act_mutex(int who) {
    lock_once(who);
    if (who == 0) lock_once(who);
}

static void judge_mutex(void) {
    lock_once(JUDGE);
    if (deaths() == 0) CHECK(notes->repairs == 0);
    CHECK(peek(&guarded->count) >= (uint64_t)notes->sections);
    CHECK(peek(&guarded->count) <= (uint64_t)(notes->sections + deaths()));
}

static const struct scene mutex2 = {"mutex-two", 2, 3, 2, false, open_sync, act_mutex, judge_mutex};
static const struct scene mutex3 = {"mutex-three", 3,         7,         1,
                                    false,         open_sync, act_mutex, judge_mutex};
static const struct scene mutex_weak = {"mutex-weak", 2,         3,         1,
                                        true,         open_sync, act_mutex, judge_mutex};

static void act_try(int who) {
    int result = spg_mutex_lock(&guarded->mutex, who == 0 ? SPG_FOREVER : SPG_NOWAIT);
    if (who != 0 && result == SPG_EAGAIN) return;
    CHECK(result == 0 || result == SPG_EOWNERDEAD);
    section(who, result != 0);
    if (result != 0) CHECK_OK(spg_mutex_recovered(&guarded->mutex));
    CHECK_OK(spg_mutex_unlock(&guarded->mutex));
}

static const struct scene mutex_try = {"mutex-try", 2,         3,       2,
                                       false,       open_sync, act_try, judge_mutex};

/* ---- semaphore ------------------------------------------------------------------------------- */

static void act_plain(int who) {
    if (who == 0) {
        for (uint64_t i = 1; i <= 2; i++) {
            poke(&guarded->count, i);
            CHECK_OK(spg_semaphore_post(&guarded->plain));
        }
        return;
    }
    for (uint64_t i = 1; i <= 2; i++) {
        int64_t began = virtual_time;
        int result = spg_semaphore_wait(&guarded->plain, PATIENCE);
        CHECK_WOKEN(result, began);
        if (result == SPG_ETIMEDOUT && deaths() > 0) return;
        CHECK_OK(result);
        CHECK(peek(&guarded->count) >= i);
        notes->waits++;
    }
}

static void judge_plain(void) {
    int value = spg_semaphore_value(&guarded->plain);
    CHECK(value >= 0 && value + notes->waits <= 2 + 2 * deaths());
    if (deaths() == 0) CHECK(value == 0 && notes->waits == 2);
}

static const struct scene plain = {"semaphore", 2, 1, 1, false, open_sync, act_plain, judge_plain};
static const struct scene plain_weak = {"semaphore-weak", 2,         0,          0, true,
                                        open_sync,        act_plain, judge_plain};

static void act_plain_three(int who) {
    if (who == 0) {
        CHECK_OK(spg_semaphore_post(&guarded->plain));
        CHECK_OK(spg_semaphore_post(&guarded->plain));
        return;
    }
    int result = spg_semaphore_wait(&guarded->plain, PATIENCE);
    if (result == SPG_ETIMEDOUT && has_died(0)) return;
    CHECK_OK(result);
    notes->waits++;
}

static const struct scene plain3 = {"semaphore-three", 3,          7, 1, false, open_sync,
                                    act_plain_three,   judge_plain};

static void act_owned(int who) {
    int result = spg_semaphore_wait(&guarded->owned, SPG_FOREVER);
    CHECK(result == 0 || (result == 1 && deaths() > 0));
    section(who, result == 1);
    CHECK_OK(spg_semaphore_post(&guarded->owned));
}

static void judge_owned(void) {
    int result = spg_semaphore_wait(&guarded->owned, PATIENCE);
    CHECK(result == 0 || (result == 1 && deaths() > 0));
    CHECK_OK(spg_semaphore_post(&guarded->owned));
}

static const struct scene owned = {"semaphore-owned", 2,         3,          2, false,
                                   open_sync,         act_owned, judge_owned};
static const struct scene owned3 = {
    "semaphore-owned-three", 3, 7, 1, false, open_sync, act_owned, judge_owned};
static const struct scene owned_weak = {
    "semaphore-owned-weak", 2, 3, 1, true, open_sync, act_owned, judge_owned};

/* ---- event ----------------------------------------------------------------------------------- */

static void act_event(int who) {
    if (who == 0) {
        poke(&guarded->value[0], 7);
        CHECK_OK(spg_event_set(&guarded->event));
        CHECK_OK(spg_event_reset(&guarded->event));
        poke(&guarded->value[1], 7);
        CHECK_OK(spg_event_set(&guarded->event));
        return;
    }
    int64_t began = virtual_time;
    int result = spg_event_wait(&guarded->event, PATIENCE);
    CHECK_WOKEN(result, began);
    if (result == SPG_ETIMEDOUT && has_died(0)) return;
    CHECK_OK(result);
    CHECK(peek(&guarded->value[0]) == 7);
}

static void judge_event(void) {
    if (!has_died(0)) CHECK_OK(spg_event_wait(&guarded->event, SPG_NOWAIT));
}

static const struct scene event2 = {"event", 2, 1, 1, false, open_sync, act_event, judge_event};
static const struct scene event3 = {"event-three", 3,         3,         2,
                                    false,         open_sync, act_event, judge_event};
static const struct scene event_weak = {"event-weak", 2,         0,         0,
                                        true,         open_sync, act_event, judge_event};

/* Whoever sleeps when it is set passes, though it is unset at once. */
static void act_pulse(int who) {
    if (who == 0) {
        bool sleeps = is_asleep(1);
        CHECK_OK(spg_event_set(&guarded->event));
        CHECK_OK(spg_event_reset(&guarded->event));
        if (!sleeps) CHECK_OK(spg_event_set(&guarded->event));
        return;
    }
    CHECK_OK(spg_event_wait(&guarded->event, SPG_FOREVER));
}

static void judge_nothing(void) {
}

static const struct scene pulse = {"event-pulse", 2,         0,         0,
                                   false,         open_sync, act_pulse, judge_nothing};

/* ---- condition ------------------------------------------------------------------------------- */

static int take(void) {
    int result = spg_mutex_lock(&guarded->mutex, SPG_FOREVER);
    CHECK(result == 0 || (result == SPG_EOWNERDEAD && deaths() > 0));
    if (result != 0) CHECK_OK(spg_mutex_recovered(&guarded->mutex));
    return result;
}

static void await_flag(void) {
    take();
    while (peek(&guarded->flag) == 0) {
        int result = spg_condition_wait(&guarded->condition, &guarded->mutex, PATIENCE);
        if (result == SPG_EOWNERDEAD) CHECK_OK(spg_mutex_recovered(&guarded->mutex));
        if (result == SPG_ETIMEDOUT) CHECK(has_died(0));
        if (has_died(0)) break;
        CHECK(result == 0 || result == SPG_EOWNERDEAD);
    }
    CHECK_OK(spg_mutex_unlock(&guarded->mutex));
}

static void act_condition(int who) {
    if (who != 0) {
        await_flag();
        return;
    }
    take();
    poke(&guarded->flag, 1);
    CHECK_OK(spg_condition_signal(&guarded->condition));
    CHECK_OK(spg_mutex_unlock(&guarded->mutex));
}

static void judge_condition(void) {
    take();
    if (!has_died(0)) CHECK(peek(&guarded->flag) == 1);
    CHECK_OK(spg_mutex_unlock(&guarded->mutex));
}

static const struct scene condition2 = {"condition",    2, 3, 1, false, open_sync, act_condition,
                                        judge_condition};
static const struct scene condition3 = {"condition-three", 3, 7, 1, false, open_sync, act_condition,
                                        judge_condition};
static const struct scene condition_weak = {
    "condition-weak", 2, 0, 0, true, open_sync, act_condition, judge_condition};

/* ---- rwlock ---------------------------------------------------------------------------------- */

static void write_locked(int who) {
    int result = spg_rwlock_lock_write(&guarded->rwlock, SPG_FOREVER);
    CHECK(result == 0 || (result == SPG_EOWNERDEAD && deaths() > 0));
    section(who, result != 0);
    if (result != 0) CHECK_OK(spg_rwlock_recovered(&guarded->rwlock));
    CHECK_OK(spg_rwlock_unlock(&guarded->rwlock));
}

static void read_locked(void) {
    int result = spg_rwlock_lock_read(&guarded->rwlock, SPG_FOREVER);
    if (result == SPG_EOWNERDEAD && deaths() > 0) return;
    CHECK_OK(result);
    uint64_t count = peek(&guarded->count);
    CHECK(peek(&guarded->again) == count);
    CHECK(peek(&guarded->count) == count);
    CHECK_OK(spg_rwlock_unlock(&guarded->rwlock));
}

static void act_rwlock(int who) {
    if (who == 0) write_locked(who);
    else read_locked();
    if (who == 1) write_locked(who);
}

static void judge_rwlock(void) {
    write_locked(JUDGE);
    read_locked();
}

static const struct scene rwlock2 = {"rwlock", 2, 3, 1, false, open_sync, act_rwlock, judge_rwlock};
static const struct scene rwlock3 = {"rwlock-three", 3,         7,          1,
                                     false,          open_sync, act_rwlock, judge_rwlock};
static const struct scene rwlock_weak = {"rwlock-weak", 2,         3,          1,
                                         true,          open_sync, act_rwlock, judge_rwlock};

/* ---- barrier --------------------------------------------------------------------------------- */

static void act_barrier(int who) {
    for (int round = 0; round < 2; round++) {
        notes->arrived[who]++;
        int result = spg_barrier_wait(&guarded->barrier, PATIENCE);
        if (deaths() > 0) return;
        CHECK(result == 0 || result == 1);
        CHECK(notes->arrived[1 - who] > round);
        notes->rounds++;
    }
}

static void judge_barrier(void) {
    if (deaths() == 0) CHECK(notes->rounds == 4);
}

static const struct scene barrier2 = {"barrier", 2,         3,           1,
                                      false,     open_sync, act_barrier, judge_barrier};

static void open_members(int who) {
    open_sync(who);
    if (who < 2) CHECK(spg_barrier_wait(&guarded->barrier, SPG_NOWAIT) == SPG_EAGAIN);
    if (who == 0) CHECK_OK(spg_node_id(NULL, &notes->first));
}

static bool first_has_arrived(void) {
    const uint64_t *rows = &guarded->barrier.words[8];
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        bool target = peek(&rows[2 * i + 1]) >> 32 != 0;
        if (target && peek(&rows[2 * i]) >> 4 == notes->first) return true;
    }
    return false;
}

/* Two are members. One waits, the other dies, and a third comes: the one is told, whatever becomes
 * of the third. */
static void act_newcomer(int who) {
    if (who == 2 && !first_has_arrived()) return;
    int result = spg_barrier_wait(&guarded->barrier, who == 2 ? PATIENCE : SPG_FOREVER);
    if (who == 2 && result == SPG_EFULL) return;
    if (who == 2 && result == SPG_ETIMEDOUT && has_died(1)) return;
    CHECK(result == 0 || result == 1 || (result == SPG_EPEERDEAD && deaths() > 0));
}

static void judge_newcomer(void) {
}

static const struct scene newcomer = {
    "barrier-newcomer", 3, 6, 2, false, open_members, act_newcomer, judge_newcomer};

/* ---- seqlock --------------------------------------------------------------------------------- */

static void act_seqlock(int who) {
    uint64_t value[2] = {5 + (uint64_t)who, 5 + (uint64_t)who};
    if (who != 1) {
        CHECK_OK(
            spg_seqlock_write(&guarded->seqlock, guarded->value, value, sizeof value, SPG_FOREVER));
        return;
    }
    for (int i = 0; i < 2; i++) {
        int result = spg_seqlock_read(&guarded->seqlock, guarded->value, value, sizeof value,
                                      PATIENCE);
        if (result == SPG_EOWNERDEAD && deaths() > 0) return;
        CHECK_OK(result);
        CHECK(value[0] == value[1]);
    }
}

static void judge_seqlock(void) {
    uint64_t value[2] = {9, 9};
    CHECK_OK(spg_seqlock_write(&guarded->seqlock, guarded->value, value, sizeof value, PATIENCE));
    CHECK_OK(spg_seqlock_read(&guarded->seqlock, guarded->value, value, sizeof value, PATIENCE));
    CHECK(value[0] == 9 && value[1] == 9);
}

static const struct scene seqlock2 = {"seqlock",     2,   1, 1, false, open_sync, act_seqlock,
                                      judge_seqlock, true};
static const struct scene seqlock3 = {"seqlock-three", 3,   5, 1, false, open_sync, act_seqlock,
                                      judge_seqlock,   true};
static const struct scene seqlock_weak = {"seqlock-weak", 2,   1, 1, true, open_sync, act_seqlock,
                                          judge_seqlock,  true};

const struct scene *const sync_scenes[] = {
    &mutex2,     &mutex3,     &mutex_weak,     &mutex_try,   &plain,   &plain_weak,  &plain3,
    &owned,      &owned3,     &owned_weak,     &event2,      &event3,  &event_weak,  &pulse,
    &condition2, &condition3, &condition_weak, &rwlock2,     &rwlock3, &rwlock_weak, &barrier2,
    &newcomer,   &seqlock2,   &seqlock3,       &seqlock_weak};
const int sync_scene_count = sizeof sync_scenes / sizeof *sync_scenes;
