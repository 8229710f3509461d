/* waitset.c: one sleep for many receivers: who is ready is told, in turn, and nobody starves. */
#include "process/waiting.h"

#ifdef SPG_SEAM
#    include "platform/seam.h"
#endif

static spg_waitset *open_set(void) {
    spg_waitset *set;
    CHECK_OK(spg_waitset_open(&set));
    return set;
}

/* Adds a stream; the tag is the stream. */
static void add(spg_waitset *set, spg_stream *stream) {
    CHECK_OK(spg_waitset_add(set, spg_stream_waitable(stream), stream));
}

static int is_among(void *const *tags, int count, const void *tag) {
    int found = 0;
    for (int i = 0; i < count; i++) found += tags[i] == tag;
    return found;
}

enum { STREAMS = 5 };

TEST(who_is_ready_is_told_and_nobody_else) {
    char byte;
    void *tags[STREAMS];
    spg_stream *writers[STREAMS], *readers[STREAMS];
    spg_waitset *set = open_set();
    for (int i = 0; i < STREAMS; i++) {
        writers[i] = open_stream(i, SPG_STREAM_WRITER);
        readers[i] = open_stream(i, SPG_STREAM_READER);
        add(set, readers[i]);
    }
    for (int which = 0; which < 1 << STREAMS; which++) {
        int expected = 0;
        for (int i = 0; i < STREAMS; i++) {
            if (!(which >> i & 1)) continue;
            expected++;
            CHECK_INT(1, spg_stream_write(writers[i], "x", 1, SPG_NOWAIT));
        }
        int count = spg_waitset_wait(set, tags, STREAMS, SPG_NOWAIT);
        CHECK_RESULT(expected ? expected : SPG_EAGAIN, count);
        for (int i = 0; i < STREAMS; i++) {
            CHECK_INT(which >> i & 1, is_among(tags, count, readers[i]));
            if (which >> i & 1) CHECK_INT(1, spg_stream_read(readers[i], &byte, 1, SPG_NOWAIT));
        }
    }
    CHECK_OK(spg_waitset_close(set));
    for (int i = 0; i < STREAMS; i++) {
        CHECK_OK(spg_stream_close(writers[i]));
        CHECK_OK(spg_stream_close(readers[i]));
    }
}

TEST(deadlines_hold_and_wrong_use_is_an_error) {
    void *tags[2];
    spg_waitset *set = open_set();
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK_RESULT(SPG_EINVAL, spg_waitset_open(NULL));
    CHECK_RESULT(SPG_EINVAL, spg_waitset_wait(set, tags, 2, SPG_FOREVER)); /* it is empty */
    CHECK_RESULT(SPG_EINVAL, spg_waitset_add(set, NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_waitset_remove(set, spg_stream_waitable(reader)));
    add(set, reader);
    CHECK_RESULT(SPG_EEXIST, spg_waitset_add(set, spg_stream_waitable(reader), NULL));
    CHECK_RESULT(SPG_EINVAL, spg_waitset_wait(set, tags, 0, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_waitset_wait(set, NULL, 2, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_waitset_wait(set, tags, 2, -7));
    CHECK_RESULT(SPG_EAGAIN, spg_waitset_wait(set, tags, 2, SPG_NOWAIT));
    int64_t begin = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, tags, 2, MILLISECONDS(70)));
    CHECK(now_ns() - begin >= MILLISECONDS(70));
    CHECK_OK(spg_waitset_remove(set, spg_stream_waitable(reader)));
    CHECK_RESULT(SPG_ENOENT, spg_waitset_remove(set, spg_stream_waitable(reader)));
    CHECK_OK(spg_waitset_close(set));
    CHECK_RESULT(SPG_EINVAL, spg_waitset_close(set));
    CHECK_OK(spg_waitset_close(NULL));
    CHECK_RESULT(SPG_EINVAL, spg_waitable_fd(NULL));
    CHECK_OK(spg_stream_close(reader));
}

TEST(a_hundred_and_twenty_seven_receivers_fit_and_each_can_end_the_sleep) {
    char byte;
    void *tag;
    static spg_stream *writers[SPG_WAITSET_MAX + 1], *readers[SPG_WAITSET_MAX + 1];
    spg_waitset *set = open_set();
    for (int i = 0; i <= SPG_WAITSET_MAX; i++) {
        writers[i] = open_stream(i, SPG_STREAM_WRITER);
        readers[i] = open_stream(i, SPG_STREAM_READER);
        if (i < SPG_WAITSET_MAX) add(set, readers[i]);
    }
    spg_waitable *last = spg_stream_waitable(readers[SPG_WAITSET_MAX]);
    CHECK_RESULT(SPG_EFULL, spg_waitset_add(set, last, NULL));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, &tag, 1, MILLISECONDS(30)));
    for (int i = 0; i < SPG_WAITSET_MAX; i++) {
        CHECK_INT(1, spg_stream_write(writers[i], "x", 1, SPG_NOWAIT));
        CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
        CHECK(tag == readers[i]);
        CHECK_INT(1, spg_stream_read(readers[i], &byte, 1, SPG_NOWAIT));
    }
    CHECK_OK(spg_waitset_close(set));
    for (int i = 0; i <= SPG_WAITSET_MAX; i++) {
        CHECK_OK(spg_stream_close(writers[i]));
        CHECK_OK(spg_stream_close(readers[i]));
    }
}

/* All are ready all the time: each is told as often as the others, also while some leave. */
TEST(who_is_always_ready_does_not_starve_the_others) {
    void *tags[2];
    int told[STREAMS] = {0};
    spg_stream *writers[STREAMS], *readers[STREAMS];
    spg_waitset *set = open_set();
    for (intptr_t i = 0; i < STREAMS; i++) {
        writers[i] = open_stream((int)i, SPG_STREAM_WRITER);
        readers[i] = open_stream((int)i, SPG_STREAM_READER);
        CHECK_INT(1, spg_stream_write(writers[i], "x", 1, SPG_NOWAIT));
        CHECK_OK(spg_waitset_add(set, spg_stream_waitable(readers[i]), (void *)i));
    }
    for (int turn = 0; turn < 100; turn++) {
        int count = spg_waitset_wait(set, tags, 1 + turn % 2, SPG_NOWAIT);
        CHECK_INT(1 + turn % 2, count);
        for (int i = 0; i < count; i++) told[(intptr_t)tags[i]]++;
    }
    for (int i = 0; i < STREAMS; i++) CHECK_INT(30, told[i]);
    /* The next one in turn stays the next one when another goes. */
    CHECK_INT(1, spg_waitset_wait(set, tags, 1, SPG_NOWAIT));
    intptr_t next = ((intptr_t)tags[0] + 1) % STREAMS;
    CHECK_OK(spg_waitset_remove(set, spg_stream_waitable(readers[(intptr_t)tags[0]])));
    CHECK_INT(1, spg_waitset_wait(set, tags, 1, SPG_NOWAIT));
    CHECK_INT(next, (intptr_t)tags[0]);
    CHECK_OK(spg_waitset_close(set));
    for (int i = 0; i < STREAMS; i++) {
        CHECK_OK(spg_stream_close(writers[i]));
        CHECK_OK(spg_stream_close(readers[i]));
    }
}

/* ---- across processes ------------------------------------------------------------------------ */

/* Writes so many single bytes, each when the one before was answered by a step. */
ROLE(writer_of) {
    int number = atoi(arguments[0]), count = atoi(arguments[1]);
    spg_stream *writer = open_stream(number, SPG_STREAM_WRITER);
    for (int i = 0; i < count; i++) CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_FOREVER));
    if (arguments[2]) {
        step_reach(number + 1);
        for (;;) pause();
    }
    CHECK_OK(spg_stream_close(writer));
}

/* Until every reader has had its end. */
static int serve(spg_waitset *set, int members) {
    void *tags[STREAMS];
    char bytes[64];
    int all = 0;
    while (members > 0) {
        int count = spg_waitset_wait(set, tags, STREAMS, SPG_FOREVER);
        CHECK(count > 0);
        for (int i = 0; i < count; i++) {
            int result = spg_stream_read(tags[i], bytes, sizeof bytes, SPG_NOWAIT);
            if (result > 0) {
                all += result;
                continue;
            }
            CHECK(result == 0 || result == SPG_EPEERDEAD);
            CHECK_OK(spg_waitset_remove(set, spg_stream_waitable(tags[i])));
            CHECK_OK(spg_stream_close(tags[i]));
            members--;
        }
    }
    return all;
}

TEST(several_writers_are_served_to_their_ends) {
    static const char *const counts[] = {"30000", "1", "0", "500", "7777"};
    struct role *roles[STREAMS];
    spg_waitset *set = open_set();
    for (int i = 0; i < STREAMS; i++) {
        char number[8];
        snprintf(number, sizeof number, "%d", i);
        add(set, open_stream(i, SPG_STREAM_READER));
        roles[i] = role_start("writer_of", number, counts[i]);
    }
    CHECK_INT(30000 + 1 + 500 + 7777, serve(set, STREAMS));
    for (int i = 0; i < STREAMS; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_OK(spg_waitset_close(set));
}

TEST(a_sleeper_is_told_of_the_death_of_one_of_its_writers) {
    void *tag;
    char byte;
    spg_waitset *set = open_set();
    spg_stream *first = open_stream(0, SPG_STREAM_READER);
    spg_stream *second = open_stream(1, SPG_STREAM_READER);
    struct role *living = role_start("writer_of", "0", "0", "stays");
    step_await(1);
    struct role *dying = role_start("writer_of", "1", "0", "stays");
    step_await(2);
    add(set, first);
    add(set, second);
    pid_t killer = harness_fork();
    if (killer == 0) {
        nap_ms(60);
        kill(dying->pid, SIGKILL);
        _exit(0);
    }
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
    CHECK(tag == second);
    CHECK_RESULT(SPG_EPEERDEAD, spg_stream_read(second, &byte, 1, SPG_NOWAIT));
    waitpid(killer, NULL, 0);
    CHECK_INT(-SIGKILL, role_wait(dying));
    role_kill(living);
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_stream_close(first));
    CHECK_OK(spg_stream_close(second));
}

ROLE(slow_reader) {
    char bytes[100];
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    nap_ms(30);
    while (spg_stream_read(reader, bytes, sizeof bytes, SPG_FOREVER) > 0) {}
    CHECK_OK(spg_stream_close(reader));
}

TEST(a_writer_waits_for_room_in_a_wait_set) {
    static char bytes[5000];
    void *tag;
    int left = 50000;
    spg_waitset *set = open_set();
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    struct role *reader = role_start("slow_reader");
    add(set, writer);
    while (left > 0) {
        CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
        size_t count = left < (int)sizeof bytes ? (size_t)left : sizeof bytes;
        int result = spg_stream_write(writer, bytes, count, SPG_NOWAIT);
        CHECK(result > 0 || result == SPG_EAGAIN);
        if (result > 0) left -= result;
    }
    CHECK_OK(spg_stream_close(writer));
    ROLE_ENDS_WELL(reader);
    CHECK_OK(spg_waitset_close(set));
}

/* ---- forks ----------------------------------------------------------------------------------- */

static spg_waitset *parent_s_set;

static void use_in_child(void *argument) {
    void *tag;
    spg_stream *reader = argument;
    CHECK_RESULT(SPG_EFORKED, spg_waitset_wait(parent_s_set, &tag, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_waitset_add(parent_s_set, spg_stream_waitable(reader), NULL));
    CHECK_OK(spg_waitset_close(parent_s_set));
}

TEST(a_fork_child_has_no_wait_set) {
    void *tag;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    parent_s_set = open_set();
    add(parent_s_set, reader);
    ROLE_ENDS_WELL(role_fork(use_in_child, reader));
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, spg_waitset_wait(parent_s_set, &tag, 1, SPG_FOREVER));
    CHECK_OK(spg_waitset_close(parent_s_set));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

/* ---- with the seam --------------------------------------------------------------------------- */

#ifdef SPG_SEAM
static int sleeps, naps, calls;
static int refusal;

static int watch(const struct spg__seam_event *event) {
    if (event->kind != SPG__SEAM_CALL) return 0;
    calls++;
    if (strcmp(event->name, "futex") == 0) naps++;
    if (strcmp(event->name, "futex_waitv") != 0) return 0;
    sleeps++;
    return refusal;
}

static void check_refused(int error) {
    void *tag;
    struct role *roles[STREAMS];
    refusal = error;
    sleeps = naps = 0;
    spg_waitset *set = open_set();
    for (int i = 0; i < STREAMS; i++) add(set, open_stream(i, SPG_STREAM_READER));
    spg__seam = watch;
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, &tag, 1, MILLISECONDS(5)));
    CHECK(sleeps > 0 && naps >= sleeps);
    spg__seam = NULL;
    for (int i = 0; i < STREAMS; i++) {
        char number[8];
        snprintf(number, sizeof number, "%d", i);
        roles[i] = role_start("writer_of", number, "50");
    }
    spg__seam = watch;
    CHECK_INT(50 * STREAMS, serve(set, STREAMS));
    spg__seam = NULL;
    for (int i = 0; i < STREAMS; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_OK(spg_waitset_close(set));
}

TEST(a_kernel_that_cannot_sleep_on_several_words_is_got_by_with) {
    check_refused(ENOSYS);
    check_refused(EPERM);
    check_refused(EINVAL);
}

static spg_stream *interleaved;

/* Just before the sleep: the sender must know that somebody is about to. */
static int write_before_the_sleep(const struct spg__seam_event *event) {
    if (event->kind != SPG__SEAM_CALL || strcmp(event->name, "futex_waitv") != 0) return 0;
    refusal = 0;
    naps = 0;
    spg__seam = watch;
    CHECK_INT(1, spg_stream_write(interleaved, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, naps);
    spg__seam = NULL;
    return 0;
}

TEST(a_sender_sees_that_a_wait_set_is_about_to_sleep) {
    void *tag;
    spg_waitset *set = open_set();
    interleaved = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *first = open_stream(0, SPG_STREAM_READER);
    spg_stream *second = open_stream(1, SPG_STREAM_READER);
    add(set, second);
    add(set, first);
    spg__seam = write_before_the_sleep;
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
    CHECK(tag == first && spg__seam == NULL);
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_stream_close(interleaved));
    CHECK_OK(spg_stream_close(first));
    CHECK_OK(spg_stream_close(second));
}

TEST(a_ready_receiver_costs_no_call_and_a_sleep_one_whatever_their_number) {
    void *tag;
    spg_waitset *set = open_set();
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    for (int i = 0; i < STREAMS; i++) add(set, open_stream(i, SPG_STREAM_READER));
    refusal = EINTR; /* it returns at once */
    spg__seam = watch;
    calls = sleeps = 0;
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, &tag, 1, 1));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, &tag, 1, MILLISECONDS(30)));
    CHECK(sleeps > 0);
    spg__seam = NULL;
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    spg__seam = watch;
    calls = 0;
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
    CHECK_INT(0, calls);
    spg__seam = NULL;
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_stream_close(writer));
    _exit(0); /* the readers are collected */
}
#endif
