/* condition.c: the condition between processes, with its mutex: signals that reach everybody, and
 * signallers that die before they signal. */
#include "process/both.h"

struct shared {
    spg_mutex mutex;
    spg_condition condition;
    uint64_t items, ready;
};

static struct both make(void) {
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_mutex_init(&here->mutex));
    CHECK_OK(spg_condition_init(&here->condition));
    return both;
}

static void await(int index, int64_t value) {
    while (*counter(index) < value) nap_us(200);
}

/* Locks, also after a death; says whether there was one. */
static bool lock(struct shared *side) {
    int result = spg_mutex_lock(&side->mutex, SPG_FOREVER);
    if (result == SPG_EOWNERDEAD) CHECK_OK(spg_mutex_recovered(&side->mutex));
    else CHECK_OK(result);
    return result == SPG_EOWNERDEAD;
}

/* Waits, also when it gets the mutex of somebody who died. */
static void wait_for_change(struct shared *side, int64_t timeout) {
    int result = spg_condition_wait(&side->condition, &side->mutex, timeout);
    if (result == SPG_EOWNERDEAD) CHECK_OK(spg_mutex_recovered(&side->mutex));
    else CHECK_OK(result);
}

ROLE(waiter) {
    struct both both = both_open(arguments[0]);
    struct shared *there = both.there;
    lock(there);
    ++*counter(1);
    while (!there->ready) wait_for_change(there, SPG_FOREVER);
    CHECK_OK(spg_mutex_unlock(&there->mutex));
    both_close(&both);
}

TEST(a_signal_wakes_every_process_that_waits) {
    struct both both = make();
    struct shared *here = both.here;
    struct role *roles[4];
    for (int i = 0; i < 4; i++) roles[i] = role_start("waiter", both.name);
    await(1, 4);
    nap_ms(30);
    lock(here);
    here->ready = 1;
    CHECK_OK(spg_condition_signal(&here->condition));
    CHECK_OK(spg_mutex_unlock(&here->mutex));
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    both_remove(&both);
}

TEST(a_wait_needs_the_mutex_and_keeps_its_deadline) {
    struct both both = make();
    struct shared *here = both.here, *there = both.there;
    CHECK_RESULT(SPG_EPERM, spg_condition_wait(&here->condition, &here->mutex, SPG_FOREVER));
    lock(here);
    CHECK_RESULT(SPG_EAGAIN, spg_condition_wait(&here->condition, &there->mutex, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_condition_wait(&here->condition, &there->mutex, -2));
    CHECK_RESULT(SPG_EDEADLOCK, spg_mutex_lock(&here->mutex, SPG_NOWAIT)); /* it stayed held */
    int64_t before = now_ns();
    int result;
    do { /* it may return for no reason */
        result = spg_condition_wait(&here->condition, &there->mutex, MILLISECONDS(45));
    } while (result == 0);
    CHECK_RESULT(SPG_ETIMEDOUT, result);
    CHECK(now_ns() - before >= MILLISECONDS(45));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_RESULT(SPG_EDEADLOCK, spg_mutex_lock(&here->mutex, SPG_NOWAIT)); /* held again */
    CHECK_OK(spg_mutex_unlock(&there->mutex));
    both_remove(&both);
}

/* ---- a bounded buffer of one ----------------------------------------------------------------- */

ROLE(producer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    for (long i = 0, count = atol(arguments[1]); i < count; i++) {
        struct shared *side = sides[i % 2];
        lock(side);
        while (side->items == 1) {
            CHECK_OK(spg_condition_wait(&side->condition, &side->mutex, SPG_FOREVER));
        }
        side->items = 1;
        CHECK_OK(spg_condition_signal(&side->condition));
        CHECK_OK(spg_mutex_unlock(&side->mutex));
    }
    both_close(&both);
}

ROLE(consumer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.there, both.here};
    for (long i = 0, count = atol(arguments[1]); i < count; i++) {
        struct shared *side = sides[i % 2];
        lock(side);
        while (side->items == 0) {
            CHECK_OK(spg_condition_wait(&side->condition, &side->mutex, SPG_FOREVER));
        }
        side->items = 0;
        CHECK_OK(spg_condition_signal(&side->condition));
        CHECK_OK(spg_mutex_unlock(&side->mutex));
    }
    both_close(&both);
}

TEST(no_signal_is_lost_between_producers_and_consumers) {
    struct both both = make();
    struct role *roles[4];
    for (int i = 0; i < 4; i++)
        roles[i] = role_start(i % 2 ? "producer" : "consumer", both.name, "3000");
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(0, ((struct shared *)both.here)->items);
    both_remove(&both);
}

/* ---- death ----------------------------------------------------------------------------------- */

ROLE(changes_and_dies) {
    struct both both = both_open(arguments[0]);
    struct shared *there = both.there;
    lock(there);
    there->items++;
    step_reach(1);
    for (;;) pause(); /* it would signal now */
}

ROLE(waits_for_a_death) {
    struct both both = both_open(arguments[0]);
    struct shared *there = both.there;
    lock(there);
    ++*counter(1);
    int result = spg_condition_wait(&there->condition, &there->mutex, SPG_FOREVER);
    *counter(3) = now_ns();
    ++*counter(2);
    if (result == SPG_EOWNERDEAD) {
        ++*counter(4);
        CHECK_OK(spg_mutex_recovered(&there->mutex));
        CHECK_OK(spg_condition_signal(&there->condition));
    } else {
        CHECK_OK(result);
    }
    CHECK_OK(spg_mutex_unlock(&there->mutex));
    both_close(&both);
}

TEST(a_waiter_wakes_when_the_one_who_would_signal_dies) {
    enum { DEATHS = 25 };
    int64_t times[DEATHS];
    for (int i = 0; i < DEATHS; i++) {
        struct both both = make();
        for (int j = 0; j < 5; j++) *counter(j) = 0;
        pid_t waiter = spawn("waits_for_a_death", both.name, NULL);
        await(1, 1);
        pid_t signaller = spawn("changes_and_dies", both.name, NULL);
        step_await(1);
        nap_us((unsigned)(i * 1300));
        int64_t death = now_ns();
        kill_and_reap(signaller);
        CHECK_INT(0, reap(waiter));
        CHECK_INT(1, *counter(4));
        times[i] = *counter(3) - death;
        both_remove(&both);
    }
    tell_times("waiter of a dead signaller", times, DEATHS);
}

TEST(one_of_several_waiters_gets_the_mutex_of_the_dead) {
    struct both both = make();
    struct role *roles[3];
    for (int i = 0; i < 3; i++) roles[i] = role_start("waits_for_a_death", both.name);
    await(1, 3);
    struct role *signaller = role_start("changes_and_dies", both.name);
    step_await(1);
    role_kill(signaller);
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(1, *counter(4));
    both_remove(&both);
}

/* Somebody who does not wait here is faster and takes the mutex of the dead, at once. He knows of
 * no waiters; they must wake all the same. */
TEST(a_waiter_wakes_though_another_took_the_mutex_of_the_dead) {
    struct both both = make();
    struct shared *here = both.here;
    for (int i = 1; i <= 6; i++) {
        *counter(0) = 0;
        pid_t waiter = spawn("waits_for_a_death", both.name, NULL);
        await(1, i);
        pid_t signaller = spawn("changes_and_dies", both.name, NULL);
        step_await(1);
        kill_and_reap(signaller);
        int result = spg_mutex_lock(&here->mutex, SPG_NOWAIT);
        if (result == SPG_EOWNERDEAD) CHECK_OK(spg_mutex_recovered(&here->mutex));
        if (result == 0 || result == SPG_EOWNERDEAD) CHECK_OK(spg_mutex_unlock(&here->mutex));
        int64_t end = now_ns() + MILLISECONDS(2000);
        while (*counter(2) < i && now_ns() < end) nap_ms(1);
        bool woke = *counter(2) == i;
        CHECK_OK(spg_condition_signal(&here->condition));
        CHECK_INT(0, reap(waiter));
        if (!woke) FAIL("death %d: the waiter slept on for two seconds", i);
    }
    both_remove(&both);
}

TEST(killed_waiters_hinder_nobody) {
    struct both both = make();
    struct shared *here = both.here;
    uint64_t random = 8;
    for (int i = 0; i < 40; i++) {
        pid_t killed = spawn("waiter", both.name, NULL), kept = spawn("waiter", both.name, NULL);
        await(1, 2 * (i + 1));
        lock(here);
        here->ready = 1;
        CHECK_OK(spg_condition_signal(&here->condition));
        CHECK_OK(spg_mutex_unlock(&here->mutex));
        dawdle((unsigned)(chance(&random) % 60000));
        kill(killed, SIGKILL);
        reap(killed);
        CHECK_INT(0, reap(kept));
        lock(here);
        here->ready = 0;
        CHECK_OK(spg_mutex_unlock(&here->mutex));
    }
    both_remove(&both);
}

TEST(a_stopped_owner_is_not_taken_for_a_dead_signaller) {
    struct both both = make();
    pid_t waiter = spawn("waits_for_a_death", both.name, NULL);
    await(1, 1);
    pid_t signaller = spawn("changes_and_dies", both.name, NULL);
    step_await(1);
    kill(signaller, SIGSTOP);
    nap_ms(200);
    CHECK_INT(0, *counter(2));
    CHECK_INT(0, waitpid(waiter, NULL, WNOHANG));
    kill_and_reap(signaller);
    CHECK_INT(0, reap(waiter));
    CHECK_INT(1, *counter(4));
    both_remove(&both);
}

static void child_of_owner(void *argument) {
    struct both *both = argument;
    struct shared *here = both->here;
    CHECK_RESULT(SPG_EPERM, spg_condition_wait(&here->condition, &here->mutex, SPG_FOREVER));
}

TEST(a_fork_child_cannot_wait_with_its_parents_mutex) {
    struct both both = make();
    struct shared *here = both.here;
    lock(here);
    ROLE_ENDS_WELL(role_fork(child_of_owner, &both));
    CHECK_OK(spg_mutex_unlock(&here->mutex));
    both_remove(&both);
}

/* In its own domain this process has the number, and its thread the mark, of the owner. */
ROLE(owner_of_the_same_number) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_INT(*counter(7), id);
    CHECK_RESULT(SPG_EDOMAIN, spg_mutex_lock(&here->mutex, SPG_NOWAIT));
    int waited = spg_condition_wait(&here->condition, &here->mutex, MILLISECONDS(1));
    int recovered = spg_mutex_recovered(&here->mutex);
    int unlocked = spg_mutex_unlock(&here->mutex);
    if (waited >= 0 || waited == SPG_ETIMEDOUT) FAIL("waited with a mutex of another domain");
    CHECK(recovered < 0);
    CHECK(unlocked < 0);
    both_close(&both);
}

TEST(a_process_of_another_domain_cannot_unlock_the_mutex) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    *counter(7) = (int64_t)id;
    struct both both = make();
    struct shared *here = both.here;
    lock(here);
    run_in_other_domain("owner_of_the_same_number", both.name);
    CHECK_OK(spg_mutex_unlock(&here->mutex));
    both_remove(&both);
}

/* ---- storm ----------------------------------------------------------------------------------- */

/* Takes an item, waiting for one, and puts it back. What the killed took is made up for. */
ROLE(stormer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    uint64_t random = storm_seed();
    while (storm_goes_on()) {
        struct shared *side = sides[chance(&random) % 2];
        lock(side);
        while (side->items == 0) wait_for_change(side, MILLISECONDS(20000));
        side->items--;
        CHECK_OK(spg_mutex_unlock(&side->mutex));
        dawdle((unsigned)(chance(&random) % 3000));
        lock(side);
        side->items++;
        CHECK_OK(spg_condition_signal(&side->condition));
        CHECK_OK(spg_mutex_unlock(&side->mutex));
    }
    both_close(&both);
}

static void add_item(void *context, int slot) {
    struct both *both = context;
    struct shared *here = both->here;
    (void)slot;
    lock(here);
    if (here->items < 2) here->items++;
    CHECK_OK(spg_condition_signal(&here->condition));
    CHECK_OK(spg_mutex_unlock(&here->mutex));
}

TEST(a_storm_of_kills_leaves_nobody_asleep) {
    struct both both = make();
    struct shared *here = both.here;
    here->items = 2;
    storm("stormer", both.name, 320, add_item, &both);
    lock(here);
    CHECK_OK(spg_mutex_unlock(&here->mutex));
    both_remove(&both);
}

/* ---- bad memory ------------------------------------------------------------------------------ */

static void init_one(void *object) {
    CHECK_OK(spg_condition_init(object));
}

static void use_one(void *object, int64_t timeout) {
    spg_mutex mutex;
    CHECK_OK(spg_mutex_init(&mutex));
    CHECK_OK(spg_mutex_lock(&mutex, SPG_NOWAIT));
    is_a_result(spg_condition_wait(object, &mutex, timeout));
    is_a_result(spg_condition_signal(object));
    CHECK_OK(spg_mutex_unlock(&mutex));
}

static void init_mutex(void *object) {
    CHECK_OK(spg_mutex_init(object));
}

static void use_mutex(void *object, int64_t timeout) {
    spg_condition condition;
    CHECK_OK(spg_condition_init(&condition));
    is_a_result(spg_mutex_lock(object, timeout));
    is_a_result(spg_condition_wait(&condition, object, timeout));
    is_a_result(spg_mutex_recovered(object));
    is_a_result(spg_mutex_unlock(object));
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) static char bytes[sizeof(spg_mutex) + 8];
    spg_condition *condition = (spg_condition *)(void *)bytes, good;
    spg_mutex mutex;
    CHECK_OK(spg_mutex_init(&mutex));
    CHECK_OK(spg_mutex_lock(&mutex, SPG_NOWAIT));
    CHECK_OK(spg_condition_init(&good));
    for (int i = 0; i < 2; i++) {
        spg_condition *bad = (spg_condition *)(void *)(i ? bytes + 4 : NULL);
        CHECK_RESULT(SPG_EINVAL, spg_condition_init(bad));
        CHECK_RESULT(SPG_EINVAL, spg_condition_signal(bad));
        CHECK_RESULT(SPG_EINVAL, spg_condition_wait(bad, &mutex, SPG_FOREVER));
        CHECK_RESULT(SPG_EINVAL, spg_condition_wait(&good, (spg_mutex *)(void *)bad, SPG_FOREVER));
    }
    for (int i = 0; i < 2; i++) {
        memset(bytes, i ? 0xff : 0, sizeof bytes);
        CHECK_RESULT(SPG_ECORRUPT, spg_condition_signal(condition));
        CHECK_RESULT(SPG_ECORRUPT, spg_condition_wait(condition, &mutex, SPG_FOREVER));
        CHECK_RESULT(SPG_ECORRUPT,
                     spg_condition_wait(&good, (spg_mutex *)(void *)bytes, SPG_FOREVER));
    }
    CHECK_OK(spg_mutex_unlock(&mutex));
    try_bad_memory(&(struct bad_memory){sizeof(spg_condition), init_one, use_one});
    try_bad_memory(&(struct bad_memory){sizeof(spg_mutex), init_mutex, use_mutex});
}
