/* semaphore.c: both semaphores between processes: the count that anybody may raise, and permits
 * that come back from the dead. */
#include "process/both.h"

enum { CELLS = STORM_SLOTS };

struct shared {
    spg_semaphore plain, owned;
    uint64_t count;
    struct {
        _Atomic uint64_t node;  /* who holds a permit; 0: nobody */
        _Atomic uint64_t taken; /* how often */
    } cells[CELLS];
    _Atomic uint64_t begun, waited, posted;
};

static struct both make(uint32_t value, uint32_t permits) {
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_semaphore_init(&here->plain, value));
    CHECK_OK(spg_semaphore_init_owned(&here->owned, permits));
    return both;
}

static spg_semaphore *plain(void *address) {
    return &((struct shared *)address)->plain;
}

static spg_semaphore *owned(void *address) {
    return &((struct shared *)address)->owned;
}

static spg_semaphore *choose(void *address, const char *which) {
    return which && *which == 'o' ? owned(address) : plain(address);
}

static void await(int index, int64_t value) {
    while (*counter(index) < value) nap_us(200);
}

ROLE(holder) {
    struct both both = both_open(arguments[0]);
    CHECK(spg_semaphore_wait(choose(both.there, arguments[1]), SPG_FOREVER) >= 0);
    ++*counter(1);
    for (;;) pause();
}

ROLE(waiter) {
    struct both both = both_open(arguments[0]);
    ++*counter(2);
    int result = spg_semaphore_wait(choose(both.there, arguments[1]), SPG_FOREVER);
    *counter(3) = now_ns();
    CHECK(result >= 0);
    *counter(4) = result;
    ++*counter(6);
    if (arguments[1] && *arguments[1] == 'o') CHECK_OK(spg_semaphore_post(owned(both.here)));
    both_close(&both);
}

/* ---- plain ----------------------------------------------------------------------------------- */

TEST(posts_are_counted_and_taken_one_by_one) {
    struct both both = make(2, 1);
    CHECK_INT(2, spg_semaphore_value(plain(both.there)));
    CHECK_OK(spg_semaphore_wait(plain(both.here), SPG_NOWAIT));
    CHECK_OK(spg_semaphore_wait(plain(both.there), SPG_FOREVER));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(plain(both.here), SPG_NOWAIT));
    CHECK_INT(0, spg_semaphore_value(plain(both.there)));
    for (int i = 0; i < 5; i++) CHECK_OK(spg_semaphore_post(plain(both.here)));
    CHECK_INT(5, spg_semaphore_value(plain(both.there)));
    for (int i = 0; i < 5; i++) CHECK_OK(spg_semaphore_wait(plain(both.there), SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(plain(both.here), SPG_NOWAIT));
    both_remove(&both);
}

TEST(a_deadline_is_kept_by_both) {
    struct both both = make(0, 1);
    struct role *holder = role_start("holder", both.name, "owned");
    await(1, 1);
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_semaphore_wait(plain(both.here), MILLISECONDS(45)));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_semaphore_wait(owned(both.here), MILLISECONDS(45)));
    CHECK(now_ns() - before >= MILLISECONDS(90));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_RESULT(SPG_EINVAL, spg_semaphore_wait(plain(both.here), -2));
    CHECK_RESULT(SPG_EINVAL, spg_semaphore_wait(owned(both.here), INT64_MIN));
    CHECK_OK(spg_semaphore_post(plain(both.here)));
    CHECK_OK(spg_semaphore_wait(plain(both.here), INT64_MAX));
    role_kill(holder);
    both_remove(&both);
}

ROLE(consumer) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    for (long i = 0, count = atol(arguments[1]); i < count; i++) {
        CHECK_OK(spg_semaphore_wait(plain(i % 2 ? both.here : both.there), SPG_FOREVER));
    }
    __atomic_add_fetch(&here->count, 1, __ATOMIC_SEQ_CST);
    both_close(&both);
}

ROLE(producer) {
    struct both both = both_open(arguments[0]);
    for (long i = 0, count = atol(arguments[1]); i < count; i++) {
        CHECK_OK(spg_semaphore_post(plain(i % 2 ? both.here : both.there)));
        if (i % 97 == 0) nap_us(100);
    }
    both_close(&both);
}

TEST(no_post_is_lost_between_four_processes) {
    struct both both = make(0, 1);
    struct role *roles[4];
    for (int i = 0; i < 4; i++)
        roles[i] = role_start(i % 2 ? "producer" : "consumer", both.name, "15000");
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(0, spg_semaphore_value(plain(both.here)));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(plain(both.here), SPG_NOWAIT));
    both_remove(&both);
}

TEST(one_post_lets_one_of_many_sleepers_go) {
    struct both both = make(0, 1);
    struct role *roles[4];
    for (int i = 0; i < 4; i++) roles[i] = role_start("waiter", both.name, "plain");
    await(2, 4);
    nap_ms(30);
    for (int i = 1; i <= 4; i++) {
        CHECK_OK(spg_semaphore_post(plain(both.here)));
        await(6, i);
        nap_ms(20);
        CHECK_INT(i, *counter(6));
    }
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    both_remove(&both);
}

TEST(the_largest_value_is_reached_and_not_passed) {
    struct both both = make(SPG_SEMAPHORE_VALUE_MAX - 1, 16);
    spg_semaphore *semaphore = plain(both.here);
    CHECK_OK(spg_semaphore_post(semaphore));
    CHECK_INT(SPG_SEMAPHORE_VALUE_MAX, spg_semaphore_value(semaphore));
    for (int i = 0; i < 3; i++) CHECK_RESULT(SPG_EFULL, spg_semaphore_post(semaphore));
    CHECK_OK(spg_semaphore_wait(semaphore, SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(semaphore));
    CHECK_INT(SPG_SEMAPHORE_VALUE_MAX, spg_semaphore_value(semaphore));
    CHECK_RESULT(SPG_EINVAL, spg_semaphore_init(semaphore, SPG_SEMAPHORE_VALUE_MAX + 1));
    CHECK_RESULT(SPG_EINVAL, spg_semaphore_init(semaphore, UINT32_MAX));
    CHECK_RESULT(SPG_EINVAL, spg_semaphore_init_owned(semaphore, 0));
    CHECK_RESULT(SPG_EINVAL, spg_semaphore_init_owned(semaphore, SPG_SEMAPHORE_OWNED_MAX + 1));
    both_remove(&both);
}

/* The woken one may be the killed one: then the other, who was woken as well, takes it. */
TEST(a_post_is_not_lost_with_a_killed_waiter) {
    struct both both = make(0, 1);
    uint64_t random = 2;
    for (int i = 0; i < 60; i++) {
        pid_t killed = spawn("waiter", both.name, "plain"),
              kept = spawn("waiter", both.name, "plain");
        await(2, 2 * (i + 1));
        nap_us(300);
        CHECK_OK(spg_semaphore_post(plain(both.here)));
        dawdle((unsigned)(chance(&random) % 60000));
        kill(killed, SIGKILL);
        reap(killed);
        nap_ms(3);
        /* If the killed one took it, it is gone with it; a value that is there must not be missed.
         * */
        if (spg_semaphore_value(plain(both.here)) == 0)
            CHECK_OK(spg_semaphore_post(plain(both.here)));
        CHECK_INT(0, reap(kept));
        while (spg_semaphore_wait(plain(both.here), SPG_NOWAIT) == 0) {}
    }
    both_remove(&both);
}

/* The same with the doomed waiter stopped asleep: it cannot take what it was woken for. */
TEST(a_waiter_that_dies_woken_takes_nothing_with_it) {
    struct both both = make(0, 1);
    for (int i = 0; i < 10; i++) {
        pid_t killed = spawn("waiter", both.name, "plain");
        await(2, 2 * i + 1);
        nap_ms(5);
        kill(killed, SIGSTOP);
        nap_ms(2);
        pid_t kept = spawn("waiter", both.name, "plain");
        await(2, 2 * i + 2);
        nap_ms(5);
        CHECK_OK(spg_semaphore_post(plain(both.here)));
        kill_and_reap(killed);
        CHECK_INT(0, reap(kept));
        CHECK_INT(0, spg_semaphore_value(plain(both.here)));
    }
    both_remove(&both);
}

ROLE(poster) {
    struct both both = both_open(arguments[0]);
    uint64_t random = (uint64_t)atoi(arguments[1]);
    step_reach(atoi(arguments[1]));
    dawdle((unsigned)(chance(&random) % 200000));
    CHECK_OK(spg_semaphore_post(plain(both.there)));
    for (;;) pause();
}

TEST(a_killed_poster_has_given_and_woken_or_neither) {
    struct both both = make(0, 1);
    uint64_t random = 3;
    int gave = 0;
    for (int i = 1; i <= 60; i++) {
        char step[12];
        pid_t waiter = spawn("waiter", both.name, "plain");
        await(2, i);
        nap_us(300);
        snprintf(step, sizeof step, "%d", i);
        pid_t poster = spawn("poster", both.name, step);
        while (*counter(0) < i) dawdle(10);
        dawdle((unsigned)(chance(&random) % 150000));
        kill_and_reap(poster);
        nap_ms(5);
        bool given = waitpid(waiter, NULL, WNOHANG) == waiter;
        gave += given;
        if (given) continue;
        /* Had it given, the waiter would have been awake since; on a slow machine it may be yet. */
        if (spg_semaphore_value(plain(both.here)) == 0)
            CHECK_OK(spg_semaphore_post(plain(both.here)));
        CHECK_INT(0, reap(waiter));
        while (spg_semaphore_wait(plain(both.here), SPG_NOWAIT) == 0) {}
    }
    printf("        %d of 60 killed posters had given\n", gave);
    both_remove(&both);
}

TEST(a_plain_semaphore_belongs_to_no_domain) {
    struct both both = make(1, 1);
    run_in_other_domain("poster_elsewhere", both.name);
    CHECK_INT(2, spg_semaphore_value(plain(both.here)));
    both_remove(&both);
}

ROLE(poster_elsewhere) {
    struct both both = both_open(arguments[0]);
    CHECK_OK(spg_semaphore_wait(plain(both.there), SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(plain(both.there)));
    CHECK_OK(spg_semaphore_post(plain(both.there)));
    both_close(&both);
}

/* ---- owned ----------------------------------------------------------------------------------- */

TEST(an_owned_semaphore_gives_its_permits_and_no_more) {
    for (uint32_t permits = 1; permits <= SPG_SEMAPHORE_OWNED_MAX; permits += 5) {
        struct both both = make(0, permits);
        for (uint32_t i = 0; i < permits; i++) {
            CHECK_INT(permits - i, spg_semaphore_value(owned(both.there)));
            CHECK_OK(spg_semaphore_wait(owned(i % 2 ? both.here : both.there), SPG_NOWAIT));
        }
        CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
        CHECK_INT(0, spg_semaphore_value(owned(both.there)));
        for (uint32_t i = 0; i < permits; i++) CHECK_OK(spg_semaphore_post(owned(both.here)));
        CHECK_RESULT(SPG_EPERM, spg_semaphore_post(owned(both.here)));
        CHECK_INT(permits, spg_semaphore_value(owned(both.there)));
        both_remove(&both);
    }
}

TEST(only_a_holder_may_post) {
    struct both both = make(0, 2);
    struct role *holder = role_start("holder", both.name, "owned");
    await(1, 1);
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(owned(both.here)));
    CHECK_OK(spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(owned(both.there)));
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(owned(both.here)));
    role_kill(holder);
    both_remove(&both);
}

TEST(the_permit_of_a_dead_process_is_found_without_waiting) {
    struct both both = make(0, 1);
    struct role *holder = role_start("holder", both.name, "owned");
    await(1, 1);
    role_kill(holder);
    CHECK_INT(0, spg_semaphore_value(owned(both.here))); /* permits of the dead count as taken */
    CHECK_INT(1, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(owned(both.here)));
    CHECK_OK(spg_semaphore_wait(owned(both.here), SPG_NOWAIT)); /* only the first is told */
    CHECK_OK(spg_semaphore_post(owned(both.here)));
    both_remove(&both);
}

TEST(a_sleeper_gets_the_permit_of_a_killed_holder) {
    enum { DEATHS = 25 };
    int64_t times[DEATHS];
    uint64_t random = 4;
    for (int i = 0; i < DEATHS; i++) {
        struct both both = make(0, 1);
        *counter(1) = *counter(2) = 0;
        pid_t holder = spawn("holder", both.name, "owned");
        await(1, 1);
        pid_t waiter = spawn("waiter", both.name, "owned");
        await(2, 1);
        nap_us(5000 + (unsigned)(chance(&random) % 20000));
        int64_t death = now_ns();
        kill_and_reap(holder);
        CHECK_INT(0, reap(waiter));
        CHECK_INT(1, *counter(4));
        times[i] = *counter(3) - death;
        both_remove(&both);
    }
    tell_times("owned permit of the dead", times, DEATHS);
}

TEST(an_owned_post_wakes_a_sleeper) {
    struct both both = make(0, 1);
    CHECK_OK(spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    struct role *roles[3];
    for (int i = 0; i < 3; i++) roles[i] = role_start("waiter", both.name, "owned");
    await(2, 3);
    nap_ms(30);
    CHECK_INT(0, *counter(6));
    CHECK_OK(spg_semaphore_post(owned(both.there)));
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(0, *counter(4));
    CHECK_INT(1, spg_semaphore_value(owned(both.here)));
    both_remove(&both);
}

TEST(a_stopped_holder_keeps_its_permit) {
    struct both both = make(0, 1);
    struct role *holder = role_start("holder", both.name, "owned");
    await(1, 1);
    role_signal(holder, SIGSTOP);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_semaphore_wait(owned(both.here), MILLISECONDS(250)));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    role_kill(holder);
    both_remove(&both);
}

static void child_of_holder(void *argument) {
    struct both *both = argument;
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(owned(both->here)));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(owned(both->here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_semaphore_post(owned(both->here)));
}

TEST(a_fork_child_holds_no_permit) {
    struct both both = make(0, 1);
    CHECK_OK(spg_semaphore_wait(owned(both.here), SPG_FOREVER));
    ROLE_ENDS_WELL(role_fork(child_of_holder, &both));
    CHECK_OK(spg_semaphore_post(owned(both.here)));
    both_remove(&both);
}

/* In its own domain this process has the very number that the holder has in the other: the first
 * node of a domain has always the same. */
ROLE(holder_of_the_same_number) {
    struct both both = both_open(arguments[0]);
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_INT(*counter(7), id);
    CHECK_RESULT(SPG_EDOMAIN, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    CHECK(spg_semaphore_post(owned(both.here)) < 0);
    both_close(&both);
}

TEST(a_process_of_another_domain_cannot_give_back_a_permit) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    *counter(7) = (int64_t)id;
    struct both both = make(0, 1);
    CHECK_OK(spg_semaphore_wait(owned(both.here), SPG_FOREVER));
    run_in_other_domain("holder_of_the_same_number", both.name);
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(owned(both.here)));
    both_remove(&both);
}

/* ---- storms ---------------------------------------------------------------------------------- */

enum { STORM_PERMITS = 3 };

static bool read_cells(struct shared *side, uint64_t nodes[CELLS]) {
    uint64_t taken[CELLS];
    for (int i = 0; i < CELLS; i++) {
        taken[i] = side->cells[i].taken;
        nodes[i] = side->cells[i].node;
    }
    for (int i = 0; i < CELLS; i++) {
        if (side->cells[i].node != nodes[i] || side->cells[i].taken != taken[i]) return false;
    }
    return true;
}

/* All who stood in a cell through two equal readings, and live still, held a permit at once. */
static void count_holders(struct shared *side) {
    uint64_t nodes[CELLS];
    int holders = 0;
    if (!read_cells(side, nodes)) return;
    for (int i = 0; i < CELLS; i++) holders += nodes[i] && spg_node_alive(NULL, nodes[i]) == 1;
    if (holders > STORM_PERMITS) FAIL("%d hold %d permits", holders, STORM_PERMITS);
}

ROLE(owned_stormer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    int slot = atoi(arguments[1]);
    uint64_t random = storm_seed(), self;
    const int64_t timeouts[3] = {SPG_NOWAIT, MILLISECONDS(2), MILLISECONDS(20000)};
    CHECK_OK(spg_node_id(NULL, &self));
    sides[0]->cells[slot].node = 0;
    while (storm_goes_on()) {
        struct shared *side = sides[chance(&random) % 2];
        int64_t timeout = timeouts[chance(&random) % 3];
        int result = spg_semaphore_wait(&side->owned, timeout);
        if (result == SPG_ETIMEDOUT && timeout > MILLISECONDS(10000)) FAIL("no permit comes back");
        if (result < 0) {
            CHECK(result == SPG_EAGAIN || result == SPG_ETIMEDOUT);
            continue;
        }
        side->cells[slot].taken++;
        side->cells[slot].node = self;
        count_holders(side);
        dawdle((unsigned)(chance(&random) % 2000));
        side->cells[slot].node = 0;
        CHECK_OK(spg_semaphore_post(&side->owned));
    }
    both_close(&both);
}

TEST(a_storm_of_kills_neither_loses_nor_makes_permits) {
    struct both both = make(0, STORM_PERMITS);
    storm("owned_stormer", both.name, 320, NULL, NULL);
    for (int i = 0; i < STORM_PERMITS; i++)
        CHECK(spg_semaphore_wait(owned(both.here), SPG_NOWAIT) >= 0);
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(owned(both.here), SPG_NOWAIT));
    for (int i = 0; i < STORM_PERMITS; i++) CHECK_OK(spg_semaphore_post(owned(both.here)));
    CHECK_INT(STORM_PERMITS, spg_semaphore_value(owned(both.here)));
    both_remove(&both);
}

ROLE(plain_stormer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    uint64_t random = storm_seed();
    const int64_t timeouts[3] = {SPG_NOWAIT, MILLISECONDS(2), MILLISECONDS(20000)};
    while (storm_goes_on()) {
        struct shared *side = sides[chance(&random) % 2];
        int64_t timeout = timeouts[chance(&random) % 3];
        int result = spg_semaphore_wait(&side->plain, timeout);
        if (result == SPG_ETIMEDOUT && timeout > MILLISECONDS(10000)) FAIL("nobody wakes us");
        if (result < 0) {
            CHECK(result == SPG_EAGAIN || result == SPG_ETIMEDOUT);
            continue;
        }
        side->waited++;
        dawdle((unsigned)(chance(&random) % 2000));
        CHECK_OK(spg_semaphore_post(&side->plain));
        side->posted++;
    }
    both_close(&both);
}

/* Each of the killed has taken one with it at most, and is made up for. */
static void post_one(void *context, int slot) {
    struct both *both = context;
    (void)slot;
    CHECK_OK(spg_semaphore_post(plain(both->here)));
}

TEST(a_storm_of_kills_loses_no_more_than_one_a_kill) {
    enum { KILLS = 320, VALUE = 2 };
    struct both both = make(VALUE, 1);
    storm("plain_stormer", both.name, KILLS, post_one, &both);
    int value = spg_semaphore_value(plain(both.here));
    printf("        %d of %d killed had taken one\n", VALUE + KILLS - value, KILLS);
    CHECK(value >= VALUE && value <= VALUE + KILLS);
    for (int i = 0; i < value; i++) CHECK_OK(spg_semaphore_wait(plain(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(plain(both.here), SPG_NOWAIT));
    both_remove(&both);
}

/* ---- bad memory ------------------------------------------------------------------------------ */

static void init_plain(void *object) {
    CHECK_OK(spg_semaphore_init(object, 1));
}

static void init_owned(void *object) {
    CHECK_OK(spg_semaphore_init_owned(object, 2));
    CHECK_OK(spg_semaphore_wait(object, SPG_NOWAIT));
}

static void use_one(void *object, int64_t timeout) {
    int value = spg_semaphore_value(object);
    if (value < 0) CHECK_RESULT(SPG_ECORRUPT, value);
    is_a_result(spg_semaphore_wait(object, timeout));
    is_a_result(spg_semaphore_wait(object, timeout));
    is_a_result(spg_semaphore_post(object));
    is_a_result(spg_semaphore_post(object));
    is_a_result(spg_semaphore_post(object));
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) static char bytes[sizeof(spg_semaphore) + 8];
    spg_semaphore *semaphore = (spg_semaphore *)(void *)bytes;
    spg_semaphore *crooked = (spg_semaphore *)(void *)(bytes + 4);
    for (int i = 0; i < 2; i++) {
        spg_semaphore *bad = i ? crooked : NULL;
        CHECK_RESULT(SPG_EINVAL, spg_semaphore_init(bad, 1));
        CHECK_RESULT(SPG_EINVAL, spg_semaphore_init_owned(bad, 1));
        CHECK_RESULT(SPG_EINVAL, spg_semaphore_wait(bad, SPG_FOREVER));
        CHECK_RESULT(SPG_EINVAL, spg_semaphore_post(bad));
        CHECK_RESULT(SPG_EINVAL, spg_semaphore_value(bad));
    }
    for (int i = 0; i < 2; i++) {
        memset(bytes, i ? 0xff : 0, sizeof bytes);
        CHECK_RESULT(SPG_ECORRUPT, spg_semaphore_wait(semaphore, SPG_FOREVER));
        CHECK_RESULT(SPG_ECORRUPT, spg_semaphore_post(semaphore));
        CHECK_RESULT(SPG_ECORRUPT, spg_semaphore_value(semaphore));
    }
    try_bad_memory(&(struct bad_memory){sizeof(spg_semaphore), init_plain, use_one});
    try_bad_memory(&(struct bad_memory){sizeof(spg_semaphore), init_owned, use_one});
}
