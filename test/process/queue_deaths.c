/* queue_deaths.c: what becomes of jobs when those who have to do with them die or are stopped. */
#include "process/queue.h"

ROLE(take_and_stay) {
    spg_job job;
    spg_queue *queue = open_queue();
    for (int i = 0; i < atoi(arguments[0]); i++) {
        CHECK_OK(spg_queue_pop(queue, &job, SPG_FOREVER));
    }
    step_reach(atol(arguments[1]));
    for (;;) pause();
}

ROLE(loan_and_stay) {
    void *data;
    spg_queue *queue = open_queue();
    CHECK_OK(spg_queue_loan(queue, 60000, &data, SPG_NOWAIT));
    memset(data, 1, 60000);
    step_reach(1);
    for (;;) pause();
}

static void pop_and_done(spg_queue *queue, uint64_t expected, uint32_t deliveries) {
    spg_job job;
    CHECK_OK(spg_queue_pop(queue, &job, MILLISECONDS(2000)));
    CHECK_INT(expected, number_in(&job));
    CHECK_INT(deliveries, job.deliveries);
    CHECK_OK(spg_queue_done(queue, &job));
}

TEST(what_a_dead_consumer_had_in_hand_is_given_out_again_in_its_old_place) {
    spg_queue *queue = open_queue();
    for (uint64_t i = 0; i < 6; i++) push_number(queue, i, SPG_NOWAIT);
    struct role *consumer = role_start("take_and_stay", "3", "1");
    step_await(1);
    CHECK_INT(3, pop_number(queue));
    role_kill(consumer);
    pop_and_done(queue, 4, 1);
    pop_and_done(queue, 5, 1);
    for (uint64_t i = 0; i < 3; i++) pop_and_done(queue, i, 2);
    check_slots(queue, 256);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

/* Kills it in so many milliseconds; counter 1 tells when. */
static void kill_later(const struct role *role, int milliseconds) {
    pid_t killer = harness_fork();
    if (killer != 0) return;
    nap_ms(milliseconds);
    *counter(1) = now_ns();
    kill(role->pid, SIGKILL);
    _exit(0);
}

TEST(who_waits_has_the_jobs_of_the_dead_within_a_tenth_of_a_second) {
    int64_t shortest = INT64_MAX, longest = 0;
    for (int i = 0; i < 20; i++) {
        spg_queue *queue = open_queue();
        push_number(queue, 1, SPG_NOWAIT);
        *counter(0) = 0;
        struct role *consumer = role_start("take_and_stay", "1", "1");
        step_await(1);
        kill_later(consumer, 30 + 3 * i);
        pop_and_done(queue, 1, 2);
        int64_t took = now_ns() - *counter(1);
        if (took > longest) longest = took;
        if (took < shortest) shortest = took;
        CHECK_INT(-SIGKILL, role_wait(consumer));
        harness_running_count = 0;
        CHECK_OK(spg_queue_close(queue));
    }
    printf("    %.1f to %.1f ms\n", (double)shortest / 1e6, (double)longest / 1e6);
    CHECK(shortest < MILLISECONDS(100));
}

TEST(who_only_polls_gets_the_jobs_of_the_dead_too) {
    spg_job job;
    int result;
    spg_queue *queue = open_queue();
    push_number(queue, 1, SPG_NOWAIT);
    struct role *consumer = role_start("take_and_stay", "1", "1");
    step_await(1);
    role_kill(consumer);
    while ((result = spg_queue_pop(queue, &job, SPG_NOWAIT)) == SPG_EAGAIN) {}
    CHECK_OK(result);
    CHECK_INT(1, number_in(&job));
    CHECK_OK(spg_queue_done(queue, &job));
    CHECK_OK(spg_queue_close(queue));
}

TEST(what_was_taken_at_most_once_is_gone_with_its_taker) {
    char big[3000] = "";
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.at_most_once = 1;
    spg_queue *queue = open_with(&options);
    push_number(queue, 0, SPG_NOWAIT);
    CHECK_OK(spg_queue_push(queue, big, sizeof big, SPG_NOWAIT));
    push_number(queue, 2, SPG_NOWAIT);
    struct role *consumer = role_start("take_and_stay", "2", "1");
    step_await(1);
    role_kill(consumer);
    pop_and_done(queue, 2, 1);
    spg_job job;
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_pop(queue, &job, MILLISECONDS(100)));
    check_whole(queue, 65536);
    check_slots(queue, 256);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(what_was_taken_at_most_once_does_not_come_back_when_it_is_returned) {
    spg_job job;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.at_most_once = 1;
    spg_queue *queue = open_with(&options);
    push_number(queue, 7, SPG_NOWAIT);
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_return(queue, &job));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_done(queue, &job));
    check_slots(queue, 256);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(what_a_stopped_consumer_has_in_hand_stays_with_it) {
    spg_job job;
    spg_queue *queue = open_queue();
    for (uint64_t i = 0; i < 3; i++) push_number(queue, i, SPG_NOWAIT);
    struct role *consumer = role_start("take_and_stay", "1", "1");
    step_await(1);
    role_signal(consumer, SIGSTOP);
    CHECK_INT(1, pop_number(queue));
    CHECK_INT(2, pop_number(queue));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_pop(queue, &job, MILLISECONDS(200)));
    for (int i = 0; i < 3; i++) {
        for (uint64_t n = 0; n < 255; n++) push_number(queue, n, SPG_NOWAIT);
        CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_push(queue, "x", 1, MILLISECONDS(50)));
        for (uint64_t n = 0; n < 255; n++) CHECK_INT(n, pop_number(queue));
    }
    role_kill(consumer);
    pop_and_done(queue, 0, 2);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(the_loan_of_the_dead_is_there_for_who_needs_it) {
    void *data;
    spg_queue *queue = open_queue();
    struct role *producer = role_start("loan_and_stay");
    step_await(1);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_loan(queue, 60000, &data, MILLISECONDS(30)));
    role_kill(producer);
    CHECK_OK(spg_queue_loan(queue, 60000, &data, MILLISECONDS(1000)));
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

/* ---- storms ---------------------------------------------------------------------------------- */

enum { STORM_JOBS = 400, FIRST_COUNTER = 64 };

/* Jobs 0 to STORM_JOBS - 1; what is done is counted in a counter of its own. */
ROLE(storm_consumer) {
    spg_queue *queue = open_queue();
    for (;;) {
        spg_job job;
        uint64_t number;
        CHECK_OK(spg_queue_pop(queue, &job, SPG_FOREVER));
        memcpy(&number, job.data, 8);
        CHECK(number < STORM_JOBS);
        nap_ms((int)(number % 3));
        atomic_fetch_add(counter(FIRST_COUNTER + (int)number), 1);
        CHECK_OK(spg_queue_done(queue, &job));
        atomic_fetch_add(counter(2), 1);
    }
}

ROLE(storm_producer) {
    char bytes[700] = "";
    spg_queue *queue = open_queue();
    for (;;) {
        uint64_t number = (uint64_t)atomic_fetch_add(counter(3), 1);
        if (number >= STORM_JOBS) break;
        memcpy(bytes, &number, 8);
        CHECK_OK(spg_queue_push(queue, bytes, number % 2 ? 8 : 8 + number % 600, SPG_FOREVER));
    }
    CHECK_OK(spg_queue_close(queue));
}

static long done_at_all(int *twice) {
    long done = 0;
    *twice = 0;
    for (int i = 0; i < STORM_JOBS; i++) {
        done += *counter(FIRST_COUNTER + i) > 0;
        *twice += *counter(FIRST_COUNTER + i) > 1;
    }
    return done;
}

static void storm(int kills) {
    struct role *consumers[4];
    int killed = 0, twice;
    spg_queue *queue = open_queue();
    struct role *producer = role_start("storm_producer");
    for (int i = 0; i < 4; i++) consumers[i] = role_start("storm_consumer");
    while (done_at_all(&twice) < STORM_JOBS) {
        nap_ms(5 + killed % 7);
        if (killed == kills) continue;
        int who = killed++ % 4;
        role_kill(consumers[who]);
        consumers[who] = role_start("storm_consumer");
    }
    ROLE_ENDS_WELL(producer);
    for (int i = 0; i < 4; i++) role_kill(consumers[i]);
    printf("    %d killed, %d jobs done twice\n", killed, twice);
    CHECK(twice <= killed);
    spg_job job;
    while (spg_queue_pop(queue, &job, MILLISECONDS(60)) == 0) {
        uint64_t number;
        memcpy(&number, job.data, 8);
        CHECK(job.deliveries > 1 && *counter(FIRST_COUNTER + (int)number) > 0);
        CHECK_OK(spg_queue_done(queue, &job));
    }
    check_whole(queue, 65536);
    check_slots(queue, 256);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(no_job_is_lost_however_many_consumers_are_killed) {
    storm(40);
}
TEST(where_nobody_is_killed_each_job_is_done_once) {
    storm(0);
}

/* ---- everybody dies -------------------------------------------------------------------------- */

ROLE(restless) {
    char bytes[900] = "";
    spg_job job;
    void *data;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 16;
    options.budget = 8192;
    options.holds = 3;
    spg_queue *queue = open_with(&options);
    for (uint64_t i = (uint64_t)getpid();; i++) {
        int held = 0;
        spg_job jobs[3];
        if (i % 5 == 0 && spg_queue_loan(queue, i % 900, &data, SPG_NOWAIT) == 0) {
            if (i % 2) (void)!spg_queue_publish(queue, data, i % 900, SPG_NOWAIT);
            else spg_queue_discard(queue, data);
            (void)spg_queue_discard(queue, data);
        }
        (void)!spg_queue_push(queue, bytes, i % 900, i % 3 ? SPG_NOWAIT : MILLISECONDS(1));
        while (held < 3 && spg_queue_pop(queue, &jobs[held], SPG_NOWAIT) == 0) held++;
        while (held > 0) {
            job = jobs[--held];
            if ((i + (uint64_t)held) % 4 == 0) CHECK_OK(spg_queue_return(queue, &job));
            else CHECK_OK(spg_queue_done(queue, &job));
        }
        if (i % 100 == 0 && !arguments[0]) {
            CHECK_OK(spg_queue_close(queue));
            queue = open_with(&options);
        }
    }
}

static void empty_it(spg_queue *queue) {
    spg_job job;
    while (spg_queue_pop(queue, &job, SPG_NOWAIT) == 0) CHECK_OK(spg_queue_done(queue, &job));
}

TEST(after_all_have_died_at_once_the_next_one_finds_everything_in_order) {
    for (int i = 0; i < 150; i++) {
        struct role *roles[3];
        for (int n = 0; n < 3; n++) roles[n] = role_start("restless");
        nap_ms(3 + i % 11);
        for (int n = 0; n < 3; n++) role_signal(roles[n], SIGKILL);
        for (int n = 0; n < 3; n++) CHECK_INT(-SIGKILL, role_wait(roles[n]));
        harness_running_count = 0;
        spg_queue_options options = SPG_QUEUE_OPTIONS;
        options.slots = 16;
        options.budget = 8192;
        options.holds = 3;
        spg_queue *queue = open_with(&options);
        empty_it(queue);
        check_whole(queue, 8192);
        check_slots(queue, 16);
        CHECK_OK(spg_queue_close(queue));
        check_gone();
    }
}

static void open_push_and_die(void *unused) {
    (void)unused;
    spg_queue *queue = open_queue();
    push_number(queue, 9, SPG_NOWAIT);
    raise(SIGKILL);
}

TEST(a_thousand_deaths_leave_nothing) {
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(-SIGKILL, role_wait(role_fork(open_push_and_die, NULL)));
        harness_running_count = 0;
        if (i % 3) {
            spg_queue *queue = open_queue();
            empty_it(queue);
            CHECK_OK(spg_queue_close(queue));
            check_gone();
        }
    }
    spg_queue *queue = open_queue();
    CHECK_INT(9, pop_number(queue));
    check_empty(queue);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

/* ---- stopped anywhere ------------------------------------------------------------------------ */

TEST(members_that_are_stopped_at_any_point_hold_up_nobody_for_good) {
    struct role *stopped = role_start("restless", "stays");
    nap_ms(30);
    for (int i = 0; i < 60; i++) {
        nap_ms(1 + i % 5);
        role_signal(stopped, SIGSTOP);
        spg_queue_options options = SPG_QUEUE_OPTIONS;
        options.slots = 16;
        options.budget = 8192;
        options.holds = 3;
        spg_queue *queue;
        int result = spg_queue_open(&queue, NULL, queue_name(), &options);
        if (result == 0) {
            /* It may hold some slots and the memory, and be in the middle of any of its steps. */
            empty_it(queue);
            for (uint64_t n = 0; n < 100; n++) {
                spg_job job;
                CHECK_OK(spg_queue_push(queue, &n, sizeof n, MILLISECONDS(1000)));
                CHECK_OK(spg_queue_pop(queue, &job, MILLISECONDS(1000)));
                CHECK_OK(spg_queue_done(queue, &job));
            }
            role_signal(stopped, SIGCONT);
            CHECK_OK(spg_queue_close(queue));
        } else {
            CHECK_RESULT(SPG_ETIMEDOUT, result); /* it has the domain's lock */
            role_signal(stopped, SIGCONT);
        }
    }
    role_kill(stopped);
    spg_queue *queue = open_queue();
    empty_it(queue);
    check_whole(queue, 8192);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}
