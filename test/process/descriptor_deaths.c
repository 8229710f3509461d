/* descriptor_deaths.c: bells across forks and deaths, at any step: nobody is disturbed, nothing is
 * missed for longer than a period, nothing is left. */
#include "process/waiting.h"

#ifdef SPG_SEAM
#    include "platform/seam.h"
#endif

/* ---- forks ----------------------------------------------------------------------------------- */

static void use_in_child(void *argument) {
    spg_stream *reader = argument;
    CHECK_RESULT(SPG_EFORKED, spg_stream_fd(reader));
    int others[16]; /* some get numbers of what the fork closed */
    for (int i = 0; i < 16; i++) others[i] = open("/dev/null", O_RDONLY);
    CHECK_OK(spg_stream_close(reader));
    for (int i = 0; i < 16; i++) CHECK(fcntl(others[i], F_GETFD) >= 0);
    CHECK_INT(1, count_bells(NULL));
}

TEST(a_fork_child_does_not_disturb_its_parent_s_descriptor) {
    char byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    ROLE_ENDS_WELL(role_fork(use_in_child, reader));
    for (int i = 0; i < 10; i++) {
        CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
        CHECK_INT(1, read_by_poll(reader, &byte, 1));
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    }
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
    CHECK_INT(0, count_bells(NULL));
}

ROLE(reader_with_a_child) {
    char byte;
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    if (fork() == 0) {
        step_reach(1);
        for (;;) pause();
    }
    step_await(1);
    raise(SIGKILL);
}

TEST(a_child_that_lives_on_does_not_make_its_parent_s_bell_look_alive) {
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    CHECK_INT(-SIGKILL, role_wait(role_start("reader_with_a_child")));
    CHECK_INT(1, count_bells(NULL));
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(0, count_bells(NULL));
    CHECK_OK(spg_stream_close(writer));
}

/* ---- deaths ---------------------------------------------------------------------------------- */

ROLE(armed_reader) {
    stay_armed(atoi(arguments[0]));
}

TEST(a_sender_is_undisturbed_by_a_dead_receiver_and_removes_its_bell) {
    signal(SIGPIPE, SIG_DFL);
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    struct role *reader = role_start("armed_reader", "0");
    step_await(1);
    role_kill(reader);
    CHECK_INT(1, count_bells(NULL));
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(0, count_bells(NULL));
    CHECK_INT(0, bell_word(0));
    CHECK_OK(spg_stream_close(writer));
}

TEST(a_collector_removes_the_bells_of_the_dead_and_no_others) {
    char byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *mine = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(mine) >= 0);
    struct role *reader = role_start("armed_reader", "1");
    step_await(1);
    CHECK_INT(2, count_bells(NULL));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK_INT(2, count_bells(NULL));
    role_kill(reader);
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK_INT(1, count_bells(NULL));
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, read_by_poll(mine, &byte, 1));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(mine));
}

TEST(a_stream_named_like_a_bell_is_none) {
    spg_stream *writer, *reader;
    char byte;
    const char *name = "bell-abcdef012"; /* its file: bell- and sixteen characters */
    CHECK_OK(spg_stream_open(&writer, NULL, name, SPG_STREAM_WRITER, NULL));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK_OK(spg_stream_open(&reader, NULL, name, SPG_STREAM_READER, NULL));
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

ROLE(writer_that_waits) {
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    CHECK_INT(2, spg_stream_write(writer, "hi", 2, SPG_NOWAIT));
    step_reach(1);
    for (;;) pause();
}

TEST(who_sleeps_in_poll_is_told_of_the_death_of_the_writer) {
    char bytes[8];
    struct role *writer = role_start("writer_that_waits");
    step_await(1);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK_INT(2, read_by_poll(reader, bytes, 8));
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, bytes, 8, SPG_NOWAIT));
    role_kill(writer);
    CHECK_RESULT(SPG_EPEERDEAD, read_by_poll(reader, bytes, 8));
    CHECK_OK(spg_stream_close(reader));
}

/* The writer never stops; each reader is killed at another moment, in poll most likely. */
ROLE(reader_in_poll) {
    char bytes[64];
    spg_stream *reader = open_stream(atoi(arguments[0]), SPG_STREAM_READER);
    while (read_by_poll(reader, bytes, sizeof bytes) > 0) {}
}

TEST(no_moment_of_a_receiver_s_death_harms_the_sender) {
    static char bytes[64];
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 60; i++) {
        char number[16];
        int result;
        snprintf(number, sizeof number, "%d", i);
        spg_stream *writer = open_stream(i, SPG_STREAM_WRITER);
        struct role *reader = role_start("reader_in_poll", number);
        pid_t killer = harness_fork();
        if (killer == 0) {
            nap_ms(2 + i % 8);
            kill(reader->pid, SIGKILL);
            _exit(0);
        }
        for (;;) {
            result = spg_stream_write(writer, bytes, sizeof bytes, SPG_NOWAIT);
            if (result != SPG_EAGAIN && result < (int)sizeof bytes) break;
            if (result == SPG_EAGAIN && waitpid(killer, NULL, WNOHANG) == killer) break;
        }
        CHECK(result > 0 || result == SPG_EAGAIN || result == SPG_EPEERDEAD);
        waitpid(killer, NULL, 0);
        CHECK_INT(-SIGKILL, role_wait(reader));
        harness_running_count = 0;
        CHECK_OK(spg_stream_close(writer));
        spg_stream_unlink(NULL, stream_of(i)); /* a reader killed early has not come */
    }
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK_INT(0, count_bells(NULL));
}

/* ---- with the seam --------------------------------------------------------------------------- */

#ifdef SPG_SEAM
static const char *deadly_call;
static void (*at_the_call)(void);
static int calls;

static int count_calls(const struct spg__seam_event *event) {
    calls += event->kind == SPG__SEAM_CALL;
    return 0;
}

static int strike(const struct spg__seam_event *event) {
    if (event->kind == SPG__SEAM_CALL && strcmp(event->name, deadly_call) == 0) {
        spg__seam = NULL;
        at_the_call();
    }
    return 0;
}

static void die(void) {
    raise(SIGKILL);
}

ROLE(writer_that_dies_at) {
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    step_await(1);
    deadly_call = arguments[0];
    at_the_call = die;
    spg__seam = strike;
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    _exit(1);
}

/* The commit is made, the wake-up is not: the byte and then the death are seen all the same. */
static void check_death_at(const char *call) {
    char byte;
    struct role *writer = role_start("writer_that_dies_at", call);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    step_reach(1);
    CHECK_INT(1, read_by_poll(reader, &byte, 1));
    CHECK_INT(-SIGKILL, role_wait(writer));
    CHECK_RESULT(SPG_EPEERDEAD, read_by_poll(reader, &byte, 1));
    CHECK_OK(spg_stream_close(reader));
}

TEST(a_sender_s_death_before_its_wake_up_delays_a_message_and_no_more) {
    check_death_at("futex");
}
TEST(a_sender_s_death_before_its_ring_delays_a_message_and_no_more) {
    check_death_at("write");
}

static struct role *victim;

static void kill_the_reader(void) {
    role_kill(victim);
}

/* Between the sender's opening of the bell and its writing: the kernel would raise SIGPIPE. */
TEST(a_receiver_s_death_while_its_bell_is_rung_raises_no_signal) {
    sigset_t pending;
    signal(SIGPIPE, SIG_DFL);
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    victim = role_start("armed_reader", "0");
    step_await(1);
    deadly_call = "write";
    at_the_call = kill_the_reader;
    spg__seam = strike;
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK(spg__seam == NULL);
    CHECK_INT(0, sigpending(&pending));
    CHECK_INT(0, sigismember(&pending, SIGPIPE));
    CHECK_INT(0, count_bells(NULL));
    CHECK_INT(0, bell_word(0));
    CHECK_OK(spg_stream_close(writer));
}

TEST(a_send_makes_no_system_call_unless_a_receiver_sleeps) {
    char bytes[256];
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT)); /* it was armed: this one rings */
    CHECK_INT(1, spg_stream_read(reader, bytes, 1, SPG_NOWAIT));
    spg__seam = count_calls;
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(4, spg_stream_write(writer, "abcd", 4, SPG_NOWAIT));
        CHECK_INT(4, spg_stream_read(reader, bytes, 4, SPG_NOWAIT));
    }
    CHECK_INT(0, calls);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, bytes, 1, SPG_NOWAIT));
    calls = 0;
    CHECK_INT(4, spg_stream_write(writer, "abcd", 4, SPG_NOWAIT));
    CHECK(calls > 0);
    spg__seam = NULL;
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

/* Everything of a sender that can happen between the steps of a receiver that arms does. A ring
 * that is lost would leave the descriptor quiet until the period, so the timer is taken away. */
static spg_stream *interleaved;
static int steps_until_write;

static int write_between(const struct spg__seam_event *event) {
    (void)event;
    if (steps_until_write == 0 || --steps_until_write > 0) return 0;
    spg__seam = NULL;
    CHECK_INT(2, spg_stream_write(interleaved, "xy", 2, SPG_NOWAIT));
    return 0;
}

static int refuse_timer(const struct spg__seam_event *event) {
    if (event->kind == SPG__SEAM_CALL && strcmp(event->name, "timerfd_settime") == 0) return EINVAL;
    return write_between(event);
}

TEST(a_message_at_any_step_of_arming_makes_the_descriptor_readable) {
    char byte;
    for (int step = 1, more = 1; more; step++) {
        interleaved = open_stream(0, SPG_STREAM_WRITER);
        spg_stream *reader = open_stream(0, SPG_STREAM_READER);
        int fd = spg_stream_fd(reader);
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
        steps_until_write = step;
        spg__seam = refuse_timer;
        int result = spg_stream_read(reader, &byte, 1, SPG_NOWAIT);
        more = spg__seam == NULL;
        spg__seam = NULL;
        if (more) CHECK_INT(1, is_readable(fd, 0)); /* at least one byte is left */
        CHECK(result == SPG_EAGAIN || result == 1);
        CHECK_OK(spg_stream_close(interleaved));
        CHECK_OK(spg_stream_close(reader));
    }
}

/* And the other way round: a receiver that wakes, reads and arms at each step of a sender. */
static spg_stream *interleaved_reader;
static int received;

static int read_between(const struct spg__seam_event *event) {
    char bytes[8];
    int result;
    (void)event;
    if (steps_until_write == 0 || --steps_until_write > 0) return 0;
    spg__seam = NULL;
    while ((result = spg_stream_read(interleaved_reader, bytes, 8, SPG_NOWAIT)) > 0)
        received += result;
    CHECK_RESULT(SPG_EAGAIN, result);
    return 0;
}

TEST(a_receiver_that_arms_at_any_step_of_a_send_misses_nothing) {
    for (int step = 1, more = 1; more; step++) {
        spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
        interleaved_reader = open_stream(0, SPG_STREAM_READER);
        int fd = spg_stream_fd(interleaved_reader);
        char byte;
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(interleaved_reader, &byte, 1, SPG_NOWAIT));
        received = 0;
        steps_until_write = step;
        spg__seam = read_between;
        CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
        more = spg__seam == NULL;
        /* What follows must ring, though the first send has cleared what it found. */
        spg__seam = NULL;
        int fresh = !is_readable(fd, 0);
        CHECK_INT(1, spg_stream_write(writer, "y", 1, SPG_NOWAIT));
        if (fresh && received == 1) CHECK_INT(1, is_readable(fd, 0));
        CHECK_INT(1, is_readable(fd, PATIENCE_MS));
        CHECK_OK(spg_stream_close(writer));
        CHECK_OK(spg_stream_close(interleaved_reader));
    }
}
#endif
