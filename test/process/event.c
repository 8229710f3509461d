/* event.c: the event between processes: set once for all, reset, and setters and waiters that
 * die. */
#include "process/both.h"

struct shared {
    spg_event event, second;
    uint64_t data;
};

static struct both make(void) {
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_event_init(&here->event));
    CHECK_OK(spg_event_init(&here->second));
    return both;
}

static spg_event *of(const void *address) {
    return &((struct shared *)(uintptr_t)address)->event;
}

ROLE(waiter) {
    struct both both = both_open(arguments[0]);
    struct shared *there = both.there;
    ++*counter(1);
    CHECK_OK(spg_event_wait(&there->event, SPG_FOREVER));
    CHECK_INT(4711, there->data);
    ++*counter(2);
    both_close(&both);
}

TEST(a_set_wakes_all_processes_that_wait) {
    struct both both = make();
    struct shared *here = both.here;
    struct role *roles[4];
    for (int i = 0; i < 4; i++) roles[i] = role_start("waiter", both.name);
    while (*counter(1) < 4) nap_ms(1);
    nap_ms(30);
    CHECK_INT(0, *counter(2));
    here->data = 4711;
    CHECK_OK(spg_event_set(&here->event));
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_OK(spg_event_wait(of(both.there), SPG_NOWAIT));
    both_remove(&both);
}

TEST(it_is_unset_at_first_and_stays_set_until_a_reset) {
    struct both both = make();
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(of(both.here), SPG_NOWAIT));
    CHECK_OK(spg_event_set(of(both.here)));
    for (int i = 0; i < 3; i++) CHECK_OK(spg_event_wait(of(both.there), SPG_NOWAIT));
    CHECK_OK(spg_event_set(of(both.there)));
    CHECK_OK(spg_event_reset(of(both.here)));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(of(both.there), SPG_NOWAIT));
    CHECK_OK(spg_event_reset(of(both.here)));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(of(both.there), SPG_NOWAIT));
    CHECK_OK(spg_event_set(of(both.there)));
    CHECK_OK(spg_event_wait(of(both.here), SPG_FOREVER));
    both_remove(&both);
}

TEST(a_deadline_is_kept) {
    struct both both = make();
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_event_wait(of(both.here), MILLISECONDS(35)));
    CHECK(now_ns() - before >= MILLISECONDS(35));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_event_wait(of(both.here), 1));
    CHECK_RESULT(SPG_EINVAL, spg_event_wait(of(both.here), -2));
    CHECK_OK(spg_event_set(of(both.here)));
    CHECK_OK(spg_event_wait(of(both.here), INT64_MAX));
    both_remove(&both);
}

static void do_nothing(int signal_number) {
    (void)signal_number;
}

ROLE(waiter_with_signals) {
    struct both both = both_open(arguments[0]);
    struct sigaction action = {.sa_handler = do_nothing};
    sigaction(SIGUSR1, &action, NULL);
    step_reach(1);
    CHECK_OK(spg_event_wait(of(both.there), SPG_FOREVER));
    both_close(&both);
}

TEST(signals_do_not_end_a_wait) {
    struct both both = make();
    struct role *role = role_start("waiter_with_signals", both.name);
    step_await(1);
    for (int i = 0; i < 50; i++) {
        role_signal(role, SIGUSR1);
        nap_us(500);
    }
    CHECK_INT(0, waitpid(role->pid, NULL, WNOHANG));
    CHECK_OK(spg_event_set(of(both.here)));
    ROLE_ENDS_WELL(role);
    both_remove(&both);
}

ROLE(passes_when_it_goes_on) {
    struct both both = both_open(arguments[0]);
    step_reach(1);
    CHECK_OK(spg_event_wait(of(both.there), MILLISECONDS(60000)));
    both_close(&both);
}

/* The waiter is stopped while the event is set and unset again: it was set since the call began. */
TEST(who_waited_when_it_was_set_passes_though_it_was_reset) {
    struct both both = make();
    struct role *role = role_start("passes_when_it_goes_on", both.name);
    step_await(1);
    nap_ms(50);
    role_signal(role, SIGSTOP);
    nap_ms(5);
    CHECK_OK(spg_event_set(of(both.here)));
    CHECK_OK(spg_event_reset(of(both.here)));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(of(both.here), SPG_NOWAIT));
    role_signal(role, SIGCONT);
    ROLE_ENDS_WELL(role);
    both_remove(&both);
}

TEST(killed_waiters_hinder_nobody) {
    struct both both = make();
    struct shared *here = both.here;
    here->data = 4711;
    uint64_t random = 1;
    for (int i = 0; i < 40; i++) {
        pid_t killed = spawn("waiter", both.name, NULL), kept = spawn("waiter", both.name, NULL);
        while (*counter(1) < 2 * (i + 1)) nap_us(200);
        nap_us((unsigned)(chance(&random) % 300));
        if (i % 2) kill(killed, SIGKILL);
        CHECK_OK(spg_event_set(&here->event));
        kill(killed, SIGKILL);
        reap(killed);
        CHECK_INT(0, reap(kept));
        CHECK_OK(spg_event_reset(&here->event));
    }
    both_remove(&both);
}

/* Set by somebody who is killed right then: either it is unset and the waiter sleeps, or it is set
 * and the waiter passes. */
ROLE(setter) {
    struct both both = both_open(arguments[0]);
    uint64_t random = (uint64_t)atoi(arguments[1]);
    step_reach(atoi(arguments[1]));
    dawdle((unsigned)(chance(&random) % 200000));
    spg_event_set(of(both.there));
    for (;;) pause();
}

TEST(a_killed_setter_has_set_and_woken_or_neither) {
    struct both both = make();
    struct shared *here = both.here;
    here->data = 4711;
    uint64_t random = 3;
    int sets = 0;
    for (int i = 1; i <= 60; i++) {
        char step[12];
        pid_t waiter = spawn("waiter", both.name, NULL);
        while (*counter(1) < i) nap_us(200);
        nap_us(300);
        snprintf(step, sizeof step, "%d", i);
        pid_t setter = spawn("setter", both.name, step);
        while (*counter(0) < i) dawdle(10); /* no nap: the moment matters */
        dawdle((unsigned)(chance(&random) % 150000));
        kill_and_reap(setter);
        bool is_set = spg_event_wait(&here->event, SPG_NOWAIT) == 0;
        if (!is_set) CHECK_OK(spg_event_set(&here->event));
        sets += is_set;
        CHECK_INT(0, reap(waiter));
        CHECK_OK(spg_event_reset(&here->event));
    }
    printf("        %d of 60 killed setters had set\n", sets);
    both_remove(&both);
}

/* ---- many setters at once -------------------------------------------------------------------- */

ROLE(traced_setter) {
    struct both both = both_open(arguments[0]);
    trace_me();
    CHECK_OK(spg_event_set(of(both.there)));
    both_close(&both);
}

static bool is_futex(const struct trace_call *call) {
    return call->number == SYS_futex;
}

static void set_at_once(int setters) {
    struct both both = make();
    struct shared *here = both.here;
    pid_t pids[8];
    here->data = 4711;
    pid_t waiter = spawn("waiter", both.name, NULL);
    while (*counter(1) < 1) nap_us(200);
    nap_ms(50);
    for (int i = 0; i < setters; i++) {
        pids[i] = spawn("traced_setter", both.name, NULL);
        trace_begin(pids[i]);
        trace_to(pids[i], is_futex);
    }
    for (int i = 0; i < setters; i++) {
        trace_end(pids[i]);
        CHECK_INT(0, reap(pids[i]));
    }
    CHECK_INT(0, reap(waiter));
    CHECK_OK(spg_event_wait(&here->event, SPG_NOWAIT));
    both_remove(&both);
}

TEST(two_that_set_at_once_leave_it_set) {
    set_at_once(2);
}

TEST(three_that_set_at_once_leave_it_set) {
    set_at_once(3);
}

TEST(seven_that_set_at_once_leave_it_set) {
    set_at_once(7);
}

/* A setter that was slow, and a set and a reset in between: the event then is one or the other, and
 * the next set is a set. */
TEST(a_slow_setter_does_not_spoil_the_next_epoch) {
    struct both both = make();
    struct shared *here = both.here;
    here->data = 4711;
    pid_t waiter = spawn("waiter", both.name, NULL);
    while (*counter(1) < 1) nap_us(200);
    nap_ms(50);
    pid_t slow = spawn("traced_setter", both.name, NULL);
    trace_begin(slow);
    trace_to(slow, is_futex);
    CHECK_OK(spg_event_set(&here->event));
    CHECK_OK(spg_event_reset(&here->event));
    trace_end(slow);
    CHECK_INT(0, reap(slow));
    CHECK_INT(0, reap(waiter));
    CHECK_OK(spg_event_set(&here->event));
    CHECK_OK(spg_event_wait(&here->event, SPG_NOWAIT));
    CHECK_OK(spg_event_reset(&here->event));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&here->event, SPG_NOWAIT));
    both_remove(&both);
}

TEST(the_last_epoch_is_followed_by_the_first) {
    struct both both = make();
    struct shared *here = both.here;
    uint32_t last[2];
    memcpy(last, &here->event, sizeof last);
    last[1] = UINT32_MAX - 3; /* epoch 2^30 - 1, unset */
    memcpy(&here->event, last, sizeof last);
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&here->event, SPG_NOWAIT));
    CHECK_OK(spg_event_set(&here->event));
    CHECK_OK(spg_event_wait(&here->event, SPG_NOWAIT));
    CHECK_OK(spg_event_reset(&here->event));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&here->event, SPG_NOWAIT));
    CHECK_OK(spg_event_set(&here->event));
    CHECK_OK(spg_event_wait(&here->event, SPG_NOWAIT));
    both_remove(&both);
}

/* ---- storm ----------------------------------------------------------------------------------- */

ROLE(stormer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    uint64_t random = storm_seed();
    while (storm_goes_on()) {
        struct shared *side = sides[chance(&random) % 2];
        int what = (int)(chance(&random) % 10);
        if (what < 3) CHECK_OK(spg_event_set(&side->event));
        else if (what < 6) CHECK_OK(spg_event_reset(&side->event));
        else if (what < 8) is_a_result(spg_event_wait(&side->event, MILLISECONDS(2)));
        else is_a_result(spg_event_wait(&side->event, SPG_NOWAIT));
    }
    CHECK_OK(spg_event_wait(&sides[0]->second, MILLISECONDS(60000)));
    both_close(&both);
}

static void set_both(void *context, int slot) {
    struct both *both = context;
    struct shared *here = both->here;
    (void)slot;
    CHECK_OK(spg_event_set(&here->second));
}

TEST(a_storm_of_kills_leaves_an_event_that_works) {
    struct both both = make();
    struct shared *here = both.here;
    storm("stormer", both.name, 300, set_both, &both);
    CHECK_OK(spg_event_set(&here->event));
    CHECK_OK(spg_event_wait(&here->event, SPG_NOWAIT));
    CHECK_OK(spg_event_reset(&here->event));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&here->event, SPG_NOWAIT));
    here->data = 4711;
    struct role *role = role_start("waiter", both.name);
    while (*counter(1) < 1) nap_ms(1);
    nap_ms(20);
    CHECK_OK(spg_event_set(&here->event));
    ROLE_ENDS_WELL(role);
    both_remove(&both);
}

/* ---- bad memory ------------------------------------------------------------------------------ */

static void init_one(void *object) {
    CHECK_OK(spg_event_init(object));
}

static void use_one(void *object, int64_t timeout) {
    is_a_result(spg_event_wait(object, timeout));
    is_a_result(spg_event_set(object));
    is_a_result(spg_event_wait(object, timeout));
    is_a_result(spg_event_reset(object));
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) char bytes[sizeof(spg_event) + 8] = {0};
    spg_event *event = (spg_event *)(void *)bytes;
    spg_event *crooked = (spg_event *)(void *)(bytes + 4);
    for (int i = 0; i < 2; i++) {
        spg_event *bad = i ? crooked : NULL;
        CHECK_RESULT(SPG_EINVAL, spg_event_init(bad));
        CHECK_RESULT(SPG_EINVAL, spg_event_set(bad));
        CHECK_RESULT(SPG_EINVAL, spg_event_reset(bad));
        CHECK_RESULT(SPG_EINVAL, spg_event_wait(bad, SPG_FOREVER));
    }
    for (int i = 0; i < 2; i++) {
        memset(bytes, i ? 0xff : 0, sizeof bytes);
        CHECK_RESULT(SPG_ECORRUPT, spg_event_set(event));
        CHECK_RESULT(SPG_ECORRUPT, spg_event_reset(event));
        CHECK_RESULT(SPG_ECORRUPT, spg_event_wait(event, SPG_FOREVER));
    }
    try_bad_memory(&(struct bad_memory){sizeof(spg_event), init_one, use_one});
}
