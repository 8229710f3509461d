/* barrier.c: the barrier between processes: rounds that all members make, and members that die,
 * leave, stop or give up. */
#include <pthread.h>

#include "process/both.h"

struct shared {
    spg_barrier barrier;
    _Atomic uint64_t arrived, last;
};

/* Words of the struct, as docs/layout/sync.md draws it. */
enum { GUARD = 1, GUARD_STATE = 3, ROUNDS = 6 };

static struct both make(uint32_t members) {
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_barrier_init(&here->barrier, members));
    return both;
}

static spg_barrier *of(void *address) {
    return &((struct shared *)address)->barrier;
}

static void await(int index, int64_t value) {
    while (*counter(index) < value) nap_us(200);
}

enum { BEGUN = 1, RESULTS = 100, NONE = 1000 };

/* Waits once, and leaves the result in a counter of its own. */
ROLE(member) {
    struct both both = both_open(arguments[0]);
    int which = atoi(arguments[1]);
    ++*counter(BEGUN);
    *counter(RESULTS + which) = spg_barrier_wait(of(both.there), SPG_FOREVER);
    for (;;) pause();
}

static pid_t start_member(const struct both *both, int which) {
    char text[12];
    int64_t before = *counter(BEGUN);
    *counter(RESULTS + which) = NONE;
    snprintf(text, sizeof text, "%d", which);
    pid_t pid = spawn("member", both->name, text);
    await(BEGUN, before + 1);
    return pid;
}

static int result_of(int which) {
    int64_t end = now_ns() + MILLISECONDS(10000);
    while (*counter(RESULTS + which) == NONE) {
        if (now_ns() > end) FAIL("member %d waits for ever", which);
        nap_us(200);
    }
    return (int)*counter(RESULTS + which);
}

/* Time enough for a member to have arrived and fallen asleep. */
static void let_arrive(void) {
    nap_ms(60);
}

/* ---- function -------------------------------------------------------------------------------- */

ROLE(meets) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    uint64_t members = (uint64_t)atol(arguments[2]);
    for (uint64_t round = 1, rounds = (uint64_t)atol(arguments[1]); round <= rounds; round++) {
        here->arrived++;
        int result = spg_barrier_wait(of(round % 2 ? both.here : both.there), SPG_FOREVER);
        if (result == 1) here->last++;
        else CHECK_OK(result);
        CHECK(here->arrived >= round * members);
        CHECK(here->arrived <= (round + 1) * members);
    }
    CHECK_OK(spg_barrier_leave(of(both.here)));
    both_close(&both);
}

TEST(nobody_passes_before_all_have_come) {
    struct both both = make(3);
    struct shared *there = both.there;
    struct role *roles[3];
    for (int i = 0; i < 3; i++) roles[i] = role_start("meets", both.name, "1500", "3");
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(4500, there->arrived);
    CHECK_INT(1500, there->last);
    both_remove(&both);
}

TEST(twenty_eight_members_meet) {
    struct both both = make(SPG_BARRIER_MEMBERS_MAX);
    struct shared *there = both.there;
    struct role *roles[SPG_BARRIER_MEMBERS_MAX];
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++)
        roles[i] = role_start("meets", both.name, "20", "28");
    for (int i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(20, there->last);
    CHECK_RESULT(SPG_EINVAL, spg_barrier_init(of(both.here), SPG_BARRIER_MEMBERS_MAX + 1));
    CHECK_RESULT(SPG_EINVAL, spg_barrier_init(of(both.here), 0));
    both_remove(&both);
}

TEST(a_barrier_of_one_is_always_open) {
    struct both both = make(1);
    for (int i = 0; i < 3; i++)
        CHECK_INT(1, spg_barrier_wait(of(both.here), i ? SPG_FOREVER : SPG_NOWAIT));
    CHECK_OK(spg_barrier_leave(of(both.there)));
    CHECK_RESULT(SPG_EPERM, spg_barrier_leave(of(both.there)));
    both_remove(&both);
}

/* The one who waits may be just looking after the members. */
static int arrive_at_once(spg_barrier *barrier) {
    int result;
    do {
        result = spg_barrier_wait(barrier, SPG_NOWAIT);
    } while (result == SPG_EAGAIN);
    return result;
}

TEST(who_gives_up_has_not_arrived) {
    struct both both = make(2);
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT));
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_barrier_wait(of(both.there), MILLISECONDS(45)));
    CHECK(now_ns() - before >= MILLISECONDS(45));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_RESULT(SPG_EINVAL, spg_barrier_wait(of(both.there), -2));
    pid_t pid = start_member(&both, 0);
    let_arrive();
    CHECK_INT(NONE, *counter(RESULTS));
    CHECK_INT(1, arrive_at_once(of(both.here))); /* the last finds all there */
    CHECK_INT(0, result_of(0));
    kill_and_reap(pid);
    both_remove(&both);
}

TEST(the_members_are_those_who_came_first) {
    struct both both = make(2);
    pid_t first = start_member(&both, 0), second = start_member(&both, 1);
    CHECK_INT(1, result_of(0) + result_of(1));
    CHECK_RESULT(SPG_EFULL, spg_barrier_wait(of(both.here), SPG_FOREVER));
    CHECK_RESULT(SPG_EPERM, spg_barrier_leave(of(both.here)));
    kill_and_reap(first);
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT)); /* its place is free */
    kill_and_reap(second);
    both_remove(&both);
}

TEST(who_leaves_makes_room) {
    struct both both = make(2);
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_barrier_leave(of(both.there)));
    CHECK_RESULT(SPG_EPERM, spg_barrier_leave(of(both.there)));
    pid_t first = start_member(&both, 0), second = start_member(&both, 1);
    CHECK_INT(1, result_of(0) + result_of(1));
    kill_and_reap(first);
    kill_and_reap(second);
    both_remove(&both);
}

TEST(rounds_are_counted_beyond_32_bits) {
    const uint32_t starts[] = {UINT32_MAX - 3, INT32_MAX - 2};
    for (size_t i = 0; i < 2; i++) {
        struct both both = make(2);
        struct shared *here = both.here;
        here->barrier.words[ROUNDS] = starts[i];
        struct role *roles[2];
        here->arrived = here->last = 0;
        for (int j = 0; j < 2; j++) roles[j] = role_start("meets", both.name, "12", "2");
        for (int j = 0; j < 2; j++) ROLE_ENDS_WELL(roles[j]);
        CHECK_INT(12, here->last);
        both_remove(&both);
    }
}

/* ---- death ----------------------------------------------------------------------------------- */

/* Two wait for the third, who has been a member and dies. */
TEST(all_who_wait_are_told_of_a_death) {
    struct both both = make(3);
    pid_t absent = start_member(&both, 2);
    let_arrive();
    pid_t first = start_member(&both, 0);
    let_arrive();
    CHECK_INT(1, spg_barrier_wait(of(both.here), SPG_FOREVER));
    CHECK_INT(0, result_of(2));
    CHECK_INT(0, result_of(0));
    kill_and_reap(first); /* a member that has not arrived */
    CHECK_RESULT(SPG_EPEERDEAD, spg_barrier_wait(of(both.there), MILLISECONDS(10000)));
    kill_and_reap(absent);
    both_remove(&both);
}

/* Comes again after each death, until a round is complete. */
ROLE(comes_again) {
    struct both both = both_open(arguments[0]);
    int result;
    ++*counter(BEGUN);
    do {
        result = spg_barrier_wait(of(both.there), SPG_FOREVER);
    } while (result == SPG_EPEERDEAD);
    *counter(RESULTS + atoi(arguments[1])) = result;
    for (;;) pause();
}

TEST(the_next_round_is_complete_with_a_new_member) {
    struct both both = make(3);
    pid_t pids[2] = {start_member(&both, 0), start_member(&both, 1)};
    let_arrive();
    kill_and_reap(pids[0]); /* arrived, and dead: the other is told */
    CHECK_RESULT(SPG_EPEERDEAD, result_of(1));
    pid_t again[3];
    kill_and_reap(pids[1]);
    for (int i = 0; i < 3; i++) {
        char text[12];
        snprintf(text, sizeof text, "%d", i);
        *counter(RESULTS + i) = NONE;
        again[i] = spawn("comes_again", both.name, text);
    }
    CHECK_INT(1, result_of(0) + result_of(1) + result_of(2));
    for (int i = 0; i < 3; i++) kill_and_reap(again[i]);
    both_remove(&both);
}

TEST(a_dead_member_is_told_within_two_seconds) {
    enum { DEATHS = 15 };
    int64_t most = 0, sum = 0;
    for (int i = 0; i < DEATHS; i++) {
        struct both both = make(2);
        pid_t pid = start_member(&both, 0);
        CHECK_INT(1, spg_barrier_wait(of(both.here), MILLISECONDS(10000)) | result_of(0));
        nap_ms(i % 7);
        int64_t death = now_ns();
        kill_and_reap(pid);
        CHECK_RESULT(SPG_EPEERDEAD, spg_barrier_wait(of(both.here), MILLISECONDS(10000)));
        int64_t took = now_ns() - death;
        sum += took;
        if (took > most) most = took;
        both_remove(&both);
    }
    printf("        told of a dead member: mean %.1f, most %.1f ms\n", (double)sum / DEATHS / 1e6,
           (double)most / 1e6);
    CHECK(sum / DEATHS < MILLISECONDS(2000)); /* not the most: a machine may be busy */
}

/* The one who waits is stopped, so he cannot look; a newcomer takes the place of the dead. The one
 * who waited must be told all the same: the dead did not do its part of the round. */
TEST(a_newcomer_does_not_hide_a_death_from_those_who_wait) {
    struct both both = make(2);
    pid_t dies = start_member(&both, 0), waits = start_member(&both, 1);
    CHECK_INT(1, result_of(0) + result_of(1)); /* both are members */
    kill_and_reap(waits);
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT)); /* we are one, now */
    CHECK_OK(spg_barrier_leave(of(both.here)));
    waits = start_member(&both, 1); /* beside `dies`, who does not come */
    let_arrive();
    CHECK_INT(NONE, *counter(RESULTS + 1));
    kill(waits, SIGSTOP);
    nap_ms(5);
    kill_and_reap(dies);
    int result = spg_barrier_wait(of(both.here), SPG_NOWAIT);
    kill(waits, SIGCONT);
    CHECK_RESULT(SPG_EPEERDEAD, result_of(1));
    CHECK(result == SPG_EAGAIN || result == SPG_EPEERDEAD);
    kill_and_reap(waits);
    both_remove(&both);
}

TEST(a_stopped_member_is_waited_for) {
    struct both both = make(2);
    pid_t pid = start_member(&both, 0);
    CHECK_INT(1, spg_barrier_wait(of(both.here), MILLISECONDS(10000)) | result_of(0));
    kill(pid, SIGSTOP);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_barrier_wait(of(both.here), MILLISECONDS(250)));
    kill_and_reap(pid);
    CHECK_RESULT(SPG_EPEERDEAD, spg_barrier_wait(of(both.here), MILLISECONDS(10000)));
    both_remove(&both);
}

static void child_of_member(void *argument) {
    struct both *both = argument;
    CHECK_RESULT(SPG_EPERM, spg_barrier_leave(of(both->here)));
    CHECK_INT(1, spg_barrier_wait(of(both->here), MILLISECONDS(10000)) | 1);
    CHECK_OK(spg_barrier_leave(of(both->here)));
}

TEST(a_fork_child_is_a_member_of_its_own) {
    struct both both = make(2);
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT));
    struct role *child = role_fork(child_of_member, &both);
    CHECK(spg_barrier_wait(of(both.here), MILLISECONDS(10000)) >= 0);
    ROLE_ENDS_WELL(child);
    CHECK_OK(spg_barrier_leave(of(both.here)));
    both_remove(&both);
}

/* ---- somebody is stopped inside, under the guard --------------------------------------------- */

ROLE(holds_the_guard) {
    struct both both = both_open(arguments[0]);
    spg_barrier *barrier = of(both.there);
    spg_mutex *guard = (spg_mutex *)(void *)&barrier->words[GUARD];
    CHECK_OK(spg_mutex_lock(guard, SPG_FOREVER));
    step_reach(1);
    nap_ms(atoi(arguments[1]));
    CHECK_OK(spg_mutex_unlock(guard));
    both_close(&both);
}

TEST(a_deadline_counts_once_for_guard_and_round) {
    struct both both = make(2);
    pid_t pid = spawn("holds_the_guard", both.name, "1500");
    step_await(1);
    int64_t before = now_ns();
    int result = spg_barrier_wait(of(both.here), MILLISECONDS(2000));
    int64_t took = now_ns() - before;
    CHECK_RESULT(SPG_ETIMEDOUT, result);
    CHECK_INT(0, reap(pid));
    if (took >= MILLISECONDS(3200)) FAIL("two seconds took %.1f", (double)took / 1e9);
    both_remove(&both);
}

ROLE(waits_a_second) {
    struct both both = both_open(arguments[0]);
    step_reach(2);
    *counter(RESULTS) = spg_barrier_wait(of(both.there), MILLISECONDS(1000));
    both_close(&both);
}

TEST(a_deadline_is_kept_though_somebody_is_stopped_inside) {
    struct both both = make(2);
    *counter(RESULTS) = NONE;
    pid_t waits = spawn("waits_a_second", both.name, NULL);
    step_await(2);
    let_arrive();
    *counter(0) = 0;
    pid_t inside = spawn("holds_the_guard", both.name, "60000");
    step_await(1);
    kill(inside, SIGSTOP);
    int64_t end = now_ns() + MILLISECONDS(4000);
    while (*counter(RESULTS) == NONE && now_ns() < end) nap_ms(5);
    bool kept = *counter(RESULTS) != NONE;
    kill_and_reap(inside);
    CHECK_INT(0, reap(waits));
    if (!kept) FAIL("a wait of one second was not over after four");
    both_remove(&both);
}

/* ---- storm ----------------------------------------------------------------------------------- */

ROLE(stormer) {
    struct both both = both_open(arguments[0]);
    uint64_t random = storm_seed();
    while (storm_goes_on()) {
        spg_barrier *barrier = of(chance(&random) % 2 ? both.here : both.there);
        int result = spg_barrier_wait(barrier,
                                      chance(&random) % 4 ? MILLISECONDS(1000) : MILLISECONDS(1));
        if (result == SPG_ETIMEDOUT) continue;
        if (result == SPG_EFULL) continue; /* a dead one's place that is not free yet, or ours */
        CHECK(result == 0 || result == 1 || result == SPG_EPEERDEAD);
        if (chance(&random) % 50 == 0) CHECK_OK(spg_barrier_leave(barrier));
    }
    spg_barrier_leave(of(both.here));
    both_close(&both);
}

TEST(a_storm_of_kills_leaves_a_barrier_that_works) {
    struct both both = make(3);
    storm("stormer", both.name, 320, NULL, NULL);
    struct role *roles[3];
    struct shared *here = both.here;
    here->arrived = here->last = 0;
    int result = spg_barrier_wait(of(both.here), SPG_NOWAIT); /* what is dead is cleared */
    CHECK(result == SPG_EAGAIN || result == SPG_EPEERDEAD);
    CHECK_OK(spg_barrier_leave(of(both.here)));
    for (int i = 0; i < 3; i++) roles[i] = role_start("meets", both.name, "50", "3");
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(50, here->last);
    both_remove(&both);
}

/* ---- other domains, bad memory --------------------------------------------------------------- */

ROLE(in_another_domain) {
    struct both both = both_open(arguments[0]);
    CHECK_RESULT(SPG_EDOMAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT));
    CHECK_RESULT(SPG_EDOMAIN, spg_barrier_leave(of(both.here)));
    both_close(&both);
}

TEST(a_process_of_another_domain_is_refused) {
    struct both both = make(2);
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(of(both.here), SPG_NOWAIT));
    run_in_other_domain("in_another_domain", both.name);
    CHECK_OK(spg_barrier_leave(of(both.here)));
    both_remove(&both);
}

static void init_one(void *object) {
    CHECK_OK(spg_barrier_init(object, 2));
}

/* Not left while the guard names a living process: leaving has no deadline. */
static bool guard_is_held(void *object) {
    uint64_t self, owner = ((spg_barrier *)object)->words[GUARD_STATE] >> 4;
    CHECK_OK(spg_node_id(NULL, &self));
    return owner == self;
}

static void use_one(void *object, int64_t timeout) {
    is_a_result(spg_barrier_wait(object, timeout));
    is_a_result(spg_barrier_wait(object, timeout));
    if (!guard_is_held(object)) is_a_result(spg_barrier_leave(object));
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) static char bytes[sizeof(spg_barrier) + 8];
    spg_barrier *barrier = (spg_barrier *)(void *)bytes;
    for (int i = 0; i < 2; i++) {
        spg_barrier *bad = (spg_barrier *)(void *)(i ? bytes + 4 : NULL);
        CHECK_RESULT(SPG_EINVAL, spg_barrier_init(bad, 2));
        CHECK_RESULT(SPG_EINVAL, spg_barrier_wait(bad, SPG_FOREVER));
        CHECK_RESULT(SPG_EINVAL, spg_barrier_leave(bad));
    }
    for (int i = 0; i < 2; i++) {
        memset(bytes, i ? 0xff : 0, sizeof bytes);
        CHECK_RESULT(SPG_ECORRUPT, spg_barrier_wait(barrier, SPG_FOREVER));
        CHECK_RESULT(SPG_ECORRUPT, spg_barrier_leave(barrier));
    }
    try_bad_memory(&(struct bad_memory){sizeof(spg_barrier), init_one, use_one});
}
