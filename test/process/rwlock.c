/* rwlock.c: the read-write lock between processes: many readers or one writer, whoever dies. */
#include <pthread.h>

#include "process/both.h"

struct shared {
    spg_rwlock lock;
    uint64_t inside; /* a writer's token while it writes */
    uint64_t left, right;
};

/* A word of the struct, as docs/layout/sync.md draws it. */
enum { WRITER = 2 };

static struct both make(void) {
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_rwlock_init(&here->lock));
    return both;
}

static spg_rwlock *of(void *address) {
    return &((struct shared *)address)->lock;
}

static void stay(void) {
    for (;;) pause();
}

/* Take it, say so, and stay until killed. */
ROLE(reader) {
    struct both both = both_open(arguments[0]);
    CHECK_OK(spg_rwlock_lock_read(of(both.there), SPG_FOREVER));
    ++*counter(1);
    stay();
}

ROLE(writer) {
    struct both both = both_open(arguments[0]);
    int result = spg_rwlock_lock_write(of(both.there), SPG_FOREVER);
    CHECK(result == 0 || result == SPG_EOWNERDEAD);
    ++*counter(1);
    stay();
}

/* Say so, and wait for it. */
ROLE(waiting_writer) {
    struct both both = both_open(arguments[0]);
    ++*counter(2);
    int result = spg_rwlock_lock_write(of(both.there), SPG_FOREVER);
    *counter(3) = now_ns();
    CHECK(result == 0 || result == SPG_EOWNERDEAD);
    *counter(4) = result;
    CHECK_OK(spg_rwlock_recovered(of(both.here)));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_close(&both);
}

ROLE(waiting_reader) {
    struct both both = both_open(arguments[0]);
    ++*counter(2);
    int result = spg_rwlock_lock_read(of(both.there), SPG_FOREVER);
    *counter(3) = now_ns();
    *counter(4) = result;
    if (result == 0) CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_close(&both);
}

static void await(int index, int64_t value) {
    while (*counter(index) < value) nap_us(200);
}

/* ---- function -------------------------------------------------------------------------------- */

ROLE(adder) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    for (long i = 0, rounds = atol(arguments[1]); i < rounds; i++) {
        if (i % 4 == 0) {
            CHECK_OK(spg_rwlock_lock_write(of(both.there), SPG_FOREVER));
            here->left++;
            dawdle(20);
            here->right++;
            CHECK_OK(spg_rwlock_unlock(of(both.here)));
        } else {
            CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
            CHECK_INT(here->left, here->right);
            CHECK_OK(spg_rwlock_unlock(of(both.there)));
        }
    }
    both_close(&both);
}

TEST(readers_see_whole_writes_of_three_processes) {
    struct both both = make();
    struct shared *there = both.there;
    struct role *roles[3];
    for (int i = 0; i < 3; i++) roles[i] = role_start("adder", both.name, "8000");
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(6000, there->left);
    CHECK_INT(6000, there->right);
    both_remove(&both);
}

TEST(readers_share_and_keep_writers_out) {
    struct both both = make();
    struct role *reader = role_start("reader", both.name);
    await(1, 1);
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_lock_read(of(both.there), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.there)));
    CHECK_OK(spg_rwlock_unlock(of(both.there)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.there)));
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_write(of(both.here), MILLISECONDS(45)));
    CHECK(now_ns() - before >= MILLISECONDS(45));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT)); /* the writer has given up */
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    role_kill(reader);
    both_remove(&both);
}

TEST(a_writer_keeps_everybody_out) {
    struct both both = make();
    struct role *writer = role_start("writer", both.name);
    await(1, 1);
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_read(of(both.here), MILLISECONDS(45)));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_write(of(both.here), MILLISECONDS(45)));
    CHECK(now_ns() - before >= MILLISECONDS(90));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.here)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_recovered(of(both.here)));
    CHECK_RESULT(SPG_EINVAL, spg_rwlock_lock_write(of(both.here), -2));
    CHECK_RESULT(SPG_EINVAL, spg_rwlock_lock_read(of(both.here), INT64_MIN));
    role_kill(writer);
    both_remove(&both);
}

TEST(an_unlock_wakes_readers_and_writers_that_sleep) {
    struct both both = make();
    struct role *roles[4];
    CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_FOREVER));
    for (int i = 0; i < 4; i++) {
        roles[i] = role_start(i % 2 ? "waiting_reader" : "waiting_writer", both.name);
    }
    await(2, 4);
    nap_ms(30);
    CHECK_INT(0, *counter(3));
    CHECK_OK(spg_rwlock_unlock(of(both.there)));
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(0, *counter(4));
    both_remove(&both);
}

TEST(a_waiting_writer_goes_before_new_readers) {
    struct both both = make();
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
    struct role *writer = role_start("waiting_writer", both.name);
    await(2, 1);
    int64_t end = now_ns() + MILLISECONDS(10000);
    while (spg_rwlock_lock_read(of(both.here), SPG_NOWAIT) == 0) {
        CHECK_OK(spg_rwlock_unlock(of(both.here)));
        CHECK(now_ns() < end);
        nap_ms(1);
    }
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    ROLE_ENDS_WELL(writer);
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

TEST(fifty_six_shares_and_no_more) {
    struct both both = make();
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        CHECK_OK(spg_rwlock_lock_read(of(i % 2 ? both.here : both.there), SPG_NOWAIT));
    }
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_read(of(both.here), MILLISECONDS(30)));
    struct role *role = role_start("waiting_reader", both.name);
    await(2, 1);
    nap_ms(30);
    CHECK_INT(0, *counter(3));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    ROLE_ENDS_WELL(role);
    CHECK_INT(0, *counter(4));
    for (int i = 1; i < SPG_RWLOCK_READERS_MAX; i++) CHECK_OK(spg_rwlock_unlock(of(both.there)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

ROLE(fills_all_shares) {
    struct both both = both_open(arguments[0]);
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    }
    ++*counter(1);
    stay();
}

TEST(the_shares_of_a_dead_process_come_back_all) {
    for (int way = 0; way < 3; way++) {
        struct both both = make();
        *counter(1) = 0;
        pid_t pid = spawn("fills_all_shares", both.name, NULL);
        await(1, 1);
        kill_and_reap(pid);
        if (way == 0) CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
        if (way == 1) CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
        if (way == 2) CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
        CHECK_OK(spg_rwlock_unlock(of(both.here)));
        for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
            CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
        }
        for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) CHECK_OK(spg_rwlock_unlock(of(both.here)));
        both_remove(&both);
    }
}

/* ---- death ----------------------------------------------------------------------------------- */

TEST(a_dead_writer_is_found_without_waiting) {
    struct both both = make();
    struct role *writer = role_start("writer", both.name);
    await(1, 1);
    role_kill(writer);
    CHECK_RESULT(SPG_EOWNERDEAD, spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.here))); /* a reader has not taken it */
    CHECK_RESULT(SPG_EOWNERDEAD, spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
    for (int i = 0; i < 3; i++) {
        CHECK_RESULT(SPG_EOWNERDEAD, spg_rwlock_lock_write(of(both.there), SPG_NOWAIT));
        CHECK_OK(spg_rwlock_unlock(of(both.here)));
        CHECK_RESULT(SPG_EOWNERDEAD, spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    }
    CHECK_RESULT(SPG_EPERM, spg_rwlock_recovered(of(both.here)));
    CHECK_RESULT(SPG_EOWNERDEAD, spg_rwlock_lock_write(of(both.there), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_recovered(of(both.here)));
    CHECK_OK(spg_rwlock_recovered(of(both.here)));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

TEST(a_writer_that_takes_over_and_dies_unrepaired_leaves_it_unrepaired) {
    struct both both = make();
    for (int i = 1; i <= 3; i++) {
        pid_t writer = spawn("writer", both.name, NULL);
        await(1, i);
        kill_and_reap(writer);
    }
    CHECK_RESULT(SPG_EOWNERDEAD, spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_recovered(of(both.here)));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

TEST(a_writer_that_dies_waiting_leaves_no_mark) {
    struct both both = make();
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
    struct role *writer = role_start("waiting_writer", both.name);
    await(2, 1);
    int64_t end = now_ns() + MILLISECONDS(10000);
    while (spg_rwlock_lock_read(of(both.here), SPG_NOWAIT) == 0) {
        CHECK_OK(spg_rwlock_unlock(of(both.here)));
        CHECK(now_ns() < end);
    }
    role_kill(writer);
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

static void measure(const char *holder, const char *waiter, int expected, const char *what) {
    enum { DEATHS = 25 };
    int64_t times[DEATHS];
    uint64_t random = 9;
    for (int i = 0; i < DEATHS; i++) {
        struct both both = make();
        for (int j = 1; j < 5; j++) *counter(j) = 0;
        pid_t dies = spawn(holder, both.name, NULL);
        await(1, 1);
        pid_t waits = spawn(waiter, both.name, NULL);
        await(2, 1);
        nap_us(5000 + (unsigned)(chance(&random) % 20000));
        int64_t death = now_ns();
        kill_and_reap(dies);
        CHECK_INT(0, reap(waits));
        times[i] = *counter(3) - death;
        CHECK_RESULT(expected, (int)*counter(4));
        both_remove(&both);
    }
    tell_times(what, times, DEATHS);
}

TEST(a_writer_waits_shortly_for_a_dead_reader) {
    measure("reader", "waiting_writer", 0, "writer after a dead reader");
}

TEST(a_writer_waits_shortly_for_a_dead_writer) {
    measure("writer", "waiting_writer", SPG_EOWNERDEAD, "writer after a dead writer");
}

TEST(a_reader_waits_shortly_for_a_dead_writer) {
    measure("writer", "waiting_reader", SPG_EOWNERDEAD, "reader after a dead writer");
}

TEST(stopped_holders_lose_nothing) {
    struct both both = make();
    pid_t reader = spawn("reader", both.name, NULL);
    await(1, 1);
    kill(reader, SIGSTOP);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_write(of(both.here), MILLISECONDS(250)));
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    kill_and_reap(reader);
    pid_t writer = spawn("writer", both.name, NULL);
    await(1, 2);
    kill(writer, SIGSTOP);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_write(of(both.here), MILLISECONDS(250)));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_read(of(both.here), MILLISECONDS(100)));
    kill_and_reap(writer);
    both_remove(&both);
}

static void child_of_reader(void *argument) {
    struct both *both = argument;
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both->here)));
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_write(of(both->here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_lock_read(of(both->here), SPG_NOWAIT));
    CHECK_OK(spg_rwlock_unlock(of(both->here)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both->here)));
}

static void child_of_writer(void *argument) {
    struct both *both = argument;
    CHECK_RESULT(SPG_EPERM, spg_rwlock_recovered(of(both->here)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both->here)));
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_write(of(both->here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_rwlock_lock_read(of(both->here), SPG_NOWAIT));
}

TEST(a_fork_child_holds_nothing_of_its_parents) {
    struct both both = make();
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
    ROLE_ENDS_WELL(role_fork(child_of_reader, &both));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_FOREVER));
    ROLE_ENDS_WELL(role_fork(child_of_writer, &both));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

ROLE(in_another_domain) {
    struct both both = both_open(arguments[0]);
    CHECK_RESULT(SPG_EDOMAIN, spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EDOMAIN, spg_rwlock_lock_write(of(both.here), SPG_NOWAIT));
    CHECK(spg_rwlock_unlock(of(both.here)) < 0);
    CHECK(spg_rwlock_recovered(of(both.here)) < 0);
    both_close(&both);
}

TEST(a_process_of_another_domain_is_refused) {
    struct both both = make();
    CHECK_OK(spg_rwlock_lock_write(of(both.here), SPG_FOREVER));
    run_in_other_domain("in_another_domain", both.name);
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_FOREVER));
    run_in_other_domain("in_another_domain", both.name);
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

/* ---- threads of one process ------------------------------------------------------------------ */

static void *wait_to_write(void *argument) {
    struct both *both = argument;
    ++*counter(2);
    CHECK_OK(spg_rwlock_lock_write(of(both->here), SPG_FOREVER));
    CHECK_OK(spg_rwlock_unlock(of(both->here)));
    return NULL;
}

/* Another thread of this process waits to write: nobody holds it for writing yet. */
TEST(recovered_is_refused_while_a_thread_only_waits_to_write) {
    struct both both = make();
    pthread_t thread;
    struct role *reader = role_start("reader", both.name);
    await(1, 1);
    pthread_create(&thread, NULL, wait_to_write, &both);
    await(2, 1);
    int64_t end = now_ns() + MILLISECONDS(10000);
    while (spg_rwlock_lock_read(of(both.here), SPG_NOWAIT) == 0) {
        CHECK_OK(spg_rwlock_unlock(of(both.here)));
        CHECK(now_ns() < end);
    }
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.here)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_recovered(of(both.here)));
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.here)));
    role_kill(reader);
    pthread_join(thread, NULL);
    both_remove(&both);
}

/* Threads of one process share its shares. Each thread takes one to three and gives back as many,
 * while a writer goes in and out; in the end none may be left over. */
struct sharer {
    struct both *both;
    uint64_t random;
};

static void *share_at_random(void *argument) {
    struct sharer *sharer = argument;
    while (*counter(5) == 0) {
        int have = 0;
        for (int i = (int)(chance(&sharer->random) % 3); i >= 0; i--) {
            have += spg_rwlock_lock_read(of(sharer->both->here), SPG_NOWAIT) == 0;
        }
        dawdle((unsigned)(chance(&sharer->random) % 200));
        for (; have > 0; have--) CHECK_OK(spg_rwlock_unlock(of(sharer->both->there)));
    }
    return NULL;
}

ROLE(writes_often) {
    struct both both = both_open(arguments[0]);
    while (*counter(5) == 0) {
        if (spg_rwlock_lock_write(of(both.here), 100000) == 0)
            CHECK_OK(spg_rwlock_unlock(of(both.here)));
    }
    both_close(&both);
}

TEST(no_share_is_left_over_by_threads_of_one_process) {
    enum { SHARERS = 6 };
    struct both both = make();
    pthread_t threads[SHARERS];
    struct sharer sharers[SHARERS];
    struct role *writer = role_start("writes_often", both.name);
    for (int i = 0; i < SHARERS; i++) {
        sharers[i] = (struct sharer){&both, (uint64_t)i};
        pthread_create(&threads[i], NULL, share_at_random, &sharers[i]);
    }
    nap_ms(3000);
    *counter(5) = 1;
    for (int i = 0; i < SHARERS; i++) pthread_join(threads[i], NULL);
    ROLE_ENDS_WELL(writer);
    CHECK_RESULT(SPG_EPERM, spg_rwlock_unlock(of(both.here)));
    CHECK_OK(spg_rwlock_lock_write(of(both.here), MILLISECONDS(500)));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

/* ---- storm ----------------------------------------------------------------------------------- */

static void write_in_storm(struct shared *side, uint64_t token, int result) {
    if (result == SPG_EOWNERDEAD) {
        side->inside = 0;
        side->right = side->left;
        CHECK_OK(spg_rwlock_recovered(&side->lock));
    }
    CHECK_INT(0, side->inside);
    CHECK_INT(side->left, side->right);
    side->inside = token;
    side->left++;
    dawdle(token % 500);
    side->right++;
    CHECK_INT(token, side->inside);
    side->inside = 0;
    CHECK_OK(spg_rwlock_unlock(&side->lock));
}

static void read_in_storm(struct shared *side, uint64_t token) {
    uint64_t left = side->left;
    CHECK_INT(0, side->inside);
    dawdle(token % 300);
    CHECK_INT(left, side->right);
    CHECK_INT(0, side->inside);
    CHECK_OK(spg_rwlock_unlock(&side->lock));
}

ROLE(stormer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    uint64_t random = storm_seed();
    const int64_t timeouts[4] = {SPG_NOWAIT, 300000, MILLISECONDS(30), MILLISECONDS(20000)};
    while (storm_goes_on()) {
        struct shared *side = sides[chance(&random) % 2];
        uint64_t token = chance(&random) | 1;
        int64_t timeout = timeouts[token >> 3 & 3];
        bool writes = token >> 5 & 1;
        int result = writes ? spg_rwlock_lock_write(&side->lock, timeout)
                            : spg_rwlock_lock_read(&side->lock, timeout);
        if (result == SPG_ETIMEDOUT && timeout > MILLISECONDS(10000)) FAIL("nobody lets us in");
        if (writes && (result == 0 || result == SPG_EOWNERDEAD))
            write_in_storm(side, token, result);
        else if (!writes && result == 0) read_in_storm(side, token);
        else
            CHECK(result == SPG_EAGAIN || result == SPG_ETIMEDOUT ||
                  (!writes && result == SPG_EOWNERDEAD));
    }
    both_close(&both);
}

TEST(a_storm_of_kills_lets_no_reader_beside_a_writer) {
    struct both both = make();
    struct shared *here = both.here;
    storm("stormer", both.name, 320, NULL, NULL);
    int result = spg_rwlock_lock_write(of(both.here), MILLISECONDS(2000));
    CHECK(result == 0 || result == SPG_EOWNERDEAD);
    if (result == 0) CHECK_INT(here->left, here->right);
    CHECK_OK(spg_rwlock_recovered(of(both.here)));
    CHECK_OK(spg_rwlock_unlock(of(both.here)));
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) {
        CHECK_OK(spg_rwlock_lock_read(of(both.here), SPG_NOWAIT));
    }
    for (int i = 0; i < SPG_RWLOCK_READERS_MAX; i++) CHECK_OK(spg_rwlock_unlock(of(both.here)));
    both_remove(&both);
}

/* ---- bad memory ------------------------------------------------------------------------------ */

static void init_one(void *object) {
    CHECK_OK(spg_rwlock_init(object));
}

static void use_one(void *object, int64_t timeout) {
    is_a_result(spg_rwlock_lock_read(object, timeout));
    is_a_result(spg_rwlock_unlock(object));
    is_a_result(spg_rwlock_lock_write(object, timeout));
    is_a_result(spg_rwlock_recovered(object));
    is_a_result(spg_rwlock_unlock(object));
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) static char bytes[sizeof(spg_rwlock) + 8];
    spg_rwlock *lock = (spg_rwlock *)(void *)bytes;
    spg_rwlock *crooked = (spg_rwlock *)(void *)(bytes + 4);
    for (int i = 0; i < 2; i++) {
        spg_rwlock *bad = i ? crooked : NULL;
        CHECK_RESULT(SPG_EINVAL, spg_rwlock_init(bad));
        CHECK_RESULT(SPG_EINVAL, spg_rwlock_lock_read(bad, SPG_FOREVER));
        CHECK_RESULT(SPG_EINVAL, spg_rwlock_lock_write(bad, SPG_FOREVER));
        CHECK_RESULT(SPG_EINVAL, spg_rwlock_recovered(bad));
        CHECK_RESULT(SPG_EINVAL, spg_rwlock_unlock(bad));
    }
    for (int i = 0; i < 2; i++) {
        memset(bytes, i ? 0xff : 0, sizeof bytes);
        CHECK_RESULT(SPG_ECORRUPT, spg_rwlock_lock_read(lock, SPG_FOREVER));
        CHECK_RESULT(SPG_ECORRUPT, spg_rwlock_lock_write(lock, SPG_FOREVER));
        CHECK_RESULT(SPG_ECORRUPT, spg_rwlock_recovered(lock));
        CHECK_RESULT(SPG_ECORRUPT, spg_rwlock_unlock(lock));
    }
    try_bad_memory(&(struct bad_memory){sizeof(spg_rwlock), init_one, use_one});
}

/* A word that names nobody and is no mark of ours: nobody would ever end that wait. */
TEST(a_writer_word_that_names_nobody_is_corrupt_or_free_but_not_held) {
    const uint64_t words[] = {1, 4, 8, 5, 12, 15};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        spg_rwlock lock;
        CHECK_OK(spg_rwlock_init(&lock));
        lock.words[WRITER] = words[i];
        int result = spg_rwlock_lock_read(&lock, MILLISECONDS(60));
        if (result == SPG_ETIMEDOUT) FAIL("writer word %d: waits for nobody", (int)words[i]);
    }
}
