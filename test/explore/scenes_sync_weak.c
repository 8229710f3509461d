/* scenes_sync_weak.c: what locks and signals make visible, where scenes_sync.c does not ask: to who
 * finds one just initialised, to who clears an event, to who meets at a barrier, and to who takes a
 * rwlock that a third has freed of the dead. */
#include <samepage/samepage.h>

#include "machine.h"

static struct things {
    spg_mutex mutex;
    spg_semaphore full, empty, owned;
    spg_event event;
    spg_rwlock rwlock;
    spg_barrier barrier;
    spg_seqlock seqlock;
    SPG_ALIGN_8 uint64_t count, again, slot, value[2];
} * things;

static struct notes { int sections, stored; } * notes;

/* ---- who finds it initialised finds it whole ------------------------------------------------- */

static void litter(void *object, size_t bytes, uint64_t owner, uint32_t second) {
    uint64_t *words = object;
    for (size_t i = 0; i < bytes / 8; i++) words[i] = owner << 4 | 3;
    words[0] = 0;
    ((uint32_t *)object)[1] = second;
}

/* Before init lies there what does most harm if it is seen: locks that a living process holds, odd
 * sequences, events that are set, semaphores that hold too much or nothing. */
static void open_garbage(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who != 0) return;
    things = scene_shared(sizeof *things);
    litter(&things->mutex, sizeof things->mutex, id, 3);
    litter(&things->full, sizeof things->full, id, UINT32_MAX);
    litter(&things->empty, sizeof things->empty, id, 1);
    litter(&things->owned, sizeof things->owned, id, 3);
    litter(&things->event, sizeof things->event, id, 3);
    litter(&things->rwlock, sizeof things->rwlock, id, 3);
    litter(&things->barrier, sizeof things->barrier, id, 3);
    litter(&things->seqlock, sizeof things->seqlock, id, 3);
}

/* Whoever comes before init has ended is told that nothing is there. */
static void check_early(int expected, int result) {
    if (result != SPG_ECORRUPT) CHECK(result == expected);
}

static void act_init_mutex(int who) {
    if (who == 0) CHECK_OK(spg_mutex_init(&things->mutex));
    else check_early(0, spg_mutex_lock(&things->mutex, SPG_NOWAIT));
}

static void act_init_rwlock(int who) {
    if (who == 0) CHECK_OK(spg_rwlock_init(&things->rwlock));
    if (who == 1) check_early(0, spg_rwlock_lock_write(&things->rwlock, SPG_NOWAIT));
}

static void act_init_plain(int who) {
    if (who == 0) CHECK_OK(spg_semaphore_init(&things->full, 1));
    if (who == 0) CHECK_OK(spg_semaphore_init(&things->empty, 1));
    if (who == 1) check_early(0, spg_semaphore_post(&things->full));
    if (who == 2) check_early(0, spg_semaphore_wait(&things->empty, SPG_NOWAIT));
}

static void act_init_owned(int who) {
    if (who == 0) CHECK_OK(spg_semaphore_init_owned(&things->owned, 1));
    else check_early(0, spg_semaphore_wait(&things->owned, SPG_NOWAIT));
}

static void act_init_event(int who) {
    if (who == 0) CHECK_OK(spg_event_init(&things->event));
    else check_early(SPG_EAGAIN, spg_event_wait(&things->event, SPG_NOWAIT));
}

static void act_init_barrier(int who) {
    if (who == 0) CHECK_OK(spg_barrier_init(&things->barrier, 1));
    else check_early(1, spg_barrier_wait(&things->barrier, SPG_NOWAIT));
}

static void act_init_seqlock(int who) {
    uint64_t value[2] = {0, 0};
    if (who == 0) CHECK_OK(spg_seqlock_init(&things->seqlock));
    else
        check_early(
            0, spg_seqlock_read(&things->seqlock, things->value, value, sizeof value, SPG_NOWAIT));
}

static void judge_nothing(void) {
}

static const struct scene init_mutex = {
    "mutex-init-weak", 2, 0, 0, true, open_garbage, act_init_mutex, judge_nothing};
static const struct scene init_rwlock = {
    "rwlock-init-weak", 2, 0, 0, true, open_garbage, act_init_rwlock, judge_nothing};
static const struct scene init_plain = {
    "semaphore-init-weak", 3, 0, 0, true, open_garbage, act_init_plain, judge_nothing};
static const struct scene init_owned = {
    "semaphore-owned-init-weak", 2, 0, 0, true, open_garbage, act_init_owned, judge_nothing};
static const struct scene init_event = {
    "event-init-weak", 2, 0, 0, true, open_garbage, act_init_event, judge_nothing};
static const struct scene init_barrier = {
    "barrier-init-weak", 2, 0, 0, true, open_garbage, act_init_barrier, judge_nothing};
static const struct scene init_seqlock = {
    "seqlock-init-weak", 2, 0, 0, true, open_garbage, act_init_seqlock, judge_nothing};

/* ---- event ----------------------------------------------------------------------------------- */

static void open_things(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who != 0) return;
    things = scene_shared(sizeof *things);
    notes = scene_memory(sizeof *notes);
    CHECK_OK(spg_event_init(&things->event));
    CHECK_OK(spg_rwlock_init(&things->rwlock));
    CHECK_OK(spg_barrier_init(&things->barrier, 2));
}

/* Who unsets it sees all that was written before it was set, the second time as well; or it is set
 * again after that. */
static void act_again(int who) {
    for (int i = 0; who == 0 && i < 2; i++) {
        poke(&things->value[i], 1);
        CHECK_OK(spg_event_set(&things->event));
    }
    while (who != 0 && (peek(&things->value[0]) == 0 || peek(&things->value[1]) == 0)) {
        CHECK_OK(spg_event_wait(&things->event, SPG_FOREVER));
        CHECK_OK(spg_event_reset(&things->event));
    }
}

static const struct scene again_weak = {"event-again-weak", 2, 0, 0, true, open_things, act_again,
                                        judge_nothing};

/* ---- barrier --------------------------------------------------------------------------------- */

static void act_meet(int who) {
    poke(&things->value[who], 7);
    int result = spg_barrier_wait(&things->barrier, SPG_FOREVER);
    CHECK(result == 0 || result == 1);
    CHECK(peek(&things->value[1 - who]) == 7);
}

static const struct scene barrier_weak = {"barrier-weak", 2,           0,        0,
                                          true,           open_things, act_meet, judge_nothing};

/* ---- rwlock ---------------------------------------------------------------------------------- */

/* Who writes has before it what all wrote who had it before, the dead ones too. */
static void write_after_others(int who) {
    int result = spg_rwlock_lock_write(&things->rwlock, SPG_FOREVER);
    CHECK(result == 0 || (result == SPG_EOWNERDEAD && deaths() > 0));
    CHECK(peek(&things->slot) == (uint64_t)notes->stored);
    uint64_t count = peek(&things->count);
    if (result == 0) CHECK(peek(&things->again) == count);
    poke(&things->count, count + 1);
    poke(&things->again, count + 1);
    notes->sections++;
    if (result != 0) CHECK_OK(spg_rwlock_recovered(&things->rwlock));
    CHECK_OK(spg_rwlock_unlock(&things->rwlock));
    (void)who;
}

static void act_in_turn(int who) {
    if (who != 1) {
        write_after_others(who);
        return;
    }
    int result = spg_rwlock_lock_read(&things->rwlock, SPG_FOREVER);
    if (result == SPG_EOWNERDEAD && deaths() > 0) return;
    CHECK_OK(result);
    CHECK(peek(&things->again) == peek(&things->count));
    poke(&things->slot, 1);
    notes->stored = 1;
    CHECK_OK(spg_rwlock_unlock(&things->rwlock));
}

static void judge_in_turn(void) {
    CHECK(peek(&things->count) >= (uint64_t)notes->sections);
    write_after_others(JUDGE);
}

static const struct scene rwlock3_weak = {
    "rwlock-three-weak", 3, 7, 1, true, open_things, act_in_turn, judge_in_turn};

const struct scene *const sync_weak_scenes[] = {
    &init_mutex,   &init_rwlock,  &init_plain, &init_owned,   &init_event,
    &init_barrier, &init_seqlock, &again_weak, &barrier_weak, &rwlock3_weak};
const int sync_weak_scene_count = sizeof sync_weak_scenes / sizeof *sync_weak_scenes;
