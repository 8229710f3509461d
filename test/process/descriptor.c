/* descriptor.c: receivers in poll, epoll and event loops: woken when there is something, quiet when
 * there is nothing. */
#include <sys/epoll.h>
#include <sys/resource.h>

#ifdef HAVE_LIBEVENT
#    include <event2/event.h>
#endif

#include "process/waiting.h"

/* ---- one process ----------------------------------------------------------------------------- */

TEST(a_reader_s_descriptor_is_readable_until_a_read_finds_nothing) {
    char bytes[16];
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    int fd = spg_stream_fd(reader);
    CHECK(fd >= 0);
    CHECK_INT(fd, spg_waitable_fd(spg_stream_waitable(reader)));
    for (int i = 0; i < 100; i++) {
        CHECK_INT(8, spg_stream_write(writer, "abcdefgh", 8, SPG_NOWAIT));
        CHECK_INT(1, is_readable(fd, PATIENCE_MS));
        CHECK_INT(5, spg_stream_read(reader, bytes, 5, SPG_NOWAIT));
        CHECK_INT(1, is_readable(fd, 0));
        CHECK_INT(3, spg_stream_read(reader, bytes, 5, SPG_NOWAIT));
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, bytes, 5, SPG_NOWAIT));
    }
    CHECK_OK(spg_stream_end(writer));
    CHECK_INT(0, read_by_poll(reader, bytes, 1));
    CHECK_INT(1, is_readable(fd, 0));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
    CHECK_INT(0, count_bells(NULL));
}

/* A period may end at any time, so one look that finds it quiet is enough. */
TEST(a_descriptor_is_quiet_while_there_is_nothing) {
    char byte;
    int quiet = 0;
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    int fd = spg_stream_fd(reader);
    for (int i = 0; i < 100; i++) {
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
        quiet += !is_readable(fd, 0);
    }
    CHECK(quiet > 0);
    CHECK_OK(spg_stream_close(reader));
}

TEST(what_was_there_before_the_descriptor_makes_it_readable) {
    char byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, is_readable(spg_stream_fd(reader), PATIENCE_MS));
    CHECK_INT(1, read_by_poll(reader, &byte, 1));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(a_writer_s_descriptor_is_readable_when_there_is_the_room_it_wanted) {
    static char bytes[8192];
    void *room;
    int quiet = 0;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    int fd = spg_stream_fd(writer);
    CHECK_INT(1, is_readable(fd, PATIENCE_MS));
    CHECK_INT(4096, spg_stream_write(writer, bytes, 8192, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_stream_write(writer, bytes, 1, SPG_NOWAIT));
    CHECK_INT(1, spg_stream_read(reader, bytes, 1, SPG_NOWAIT));
    CHECK_INT(1, is_readable(fd, PATIENCE_MS));
    CHECK_INT(1, spg_stream_write(writer, bytes, 1, SPG_NOWAIT));
    CHECK_INT(1000, spg_stream_read(reader, bytes, 1000, SPG_NOWAIT));
    for (int i = 0; i < 100 && !quiet; i++) {
        CHECK_RESULT(SPG_EAGAIN, spg_stream_reserve(writer, 2000, &room, SPG_NOWAIT));
        quiet = !is_readable(fd, 0);
    }
    CHECK_INT(1, quiet);
    CHECK_INT(1000, spg_stream_read(reader, bytes, 1000, SPG_NOWAIT));
    CHECK_INT(1, is_readable(fd, PATIENCE_MS));
    CHECK_OK(spg_stream_reserve(writer, 2000, &room, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(reader));
    CHECK_INT(1, is_readable(fd, PATIENCE_MS));
    CHECK_OK(spg_stream_close(writer));
    CHECK_INT(0, count_bells(NULL));
}

static int epoll_with(int fd, uint32_t events) {
    struct epoll_event event = {.events = events};
    int loop = epoll_create1(EPOLL_CLOEXEC);
    CHECK_INT(0, epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event));
    return loop;
}

static void check_epoll(uint32_t events) {
    char bytes[16];
    struct epoll_event event;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    int loop = epoll_with(spg_stream_fd(reader), events);
    for (int i = 0; i < 200; i++) {
        int result = 0, count = 0;
        CHECK_INT(4, spg_stream_write(writer, "abcd", 4, SPG_NOWAIT));
        while (count < 4) {
            CHECK_INT(1, epoll_wait(loop, &event, 1, PATIENCE_MS));
            while ((result = spg_stream_read(reader, bytes, 3, SPG_NOWAIT)) > 0) count += result;
            CHECK_RESULT(SPG_EAGAIN, result);
        }
    }
    close(loop);
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(epoll_is_told_of_levels) {
    check_epoll(EPOLLIN);
}
TEST(epoll_is_told_of_edges) {
    check_epoll(EPOLLIN | EPOLLET);
}

TEST(two_receivers_in_one_process_are_told_apart) {
    char byte;
    spg_stream *writers[2], *readers[2];
    struct pollfd wanted[2];
    for (int i = 0; i < 2; i++) {
        writers[i] = open_stream(i, SPG_STREAM_WRITER);
        readers[i] = open_stream(i, SPG_STREAM_READER);
        wanted[i] = (struct pollfd){spg_stream_fd(readers[i]), POLLIN, 0};
    }
    for (int turn = 0; turn < 50; turn++) {
        int to = turn % 2, got = 0;
        CHECK_INT(1, spg_stream_write(writers[to], "x", 1, SPG_NOWAIT));
        while (!got) {
            CHECK(poll(wanted, 2, PATIENCE_MS) > 0);
            for (int i = 0; i < 2; i++) {
                if (!wanted[i].revents) continue;
                int result = spg_stream_read(readers[i], &byte, 1, SPG_NOWAIT);
                CHECK(result == SPG_EAGAIN || (result == 1 && i == to));
                if (result == 1) got = 1;
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        CHECK_OK(spg_stream_close(writers[i]));
        CHECK_OK(spg_stream_close(readers[i]));
    }
}

TEST(a_thousand_descriptors_in_a_row_leave_nothing) {
    char byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    CHECK_OK(spg_stream_close(writer));
    int before = count_descriptors();
    for (int i = 0; i < 1000; i++) {
        spg_stream *reader = open_stream(1, SPG_STREAM_READER);
        CHECK(spg_stream_fd(reader) >= 0);
        if (i % 2) CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
        CHECK_INT(1, count_bells(NULL));
        CHECK_OK(spg_stream_close(reader));
    }
    CHECK_INT(before, count_descriptors());
    CHECK_INT(0, count_bells(NULL));
    CHECK_OK(spg_stream_close(open_stream(0, SPG_STREAM_READER)));
}

/* ---- names and permissions ------------------------------------------------------------------- */

TEST(a_bell_may_be_rung_by_all_and_heard_by_its_owner_whatever_the_umask) {
    char path[300];
    struct stat status;
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    umask(0077);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_INT(1, count_bells(path));
    CHECK_INT(0, stat(path, &status));
    CHECK(S_ISFIFO(status.st_mode));
    CHECK_INT(0622, status.st_mode & 07777);
    CHECK_OK(spg_stream_close(reader));
}

/* Nobody is led to write to, or to change, what a bell's name was made to stand for. */
static void check_squatter(const char *target,
                           void (*squat)(const char *target, const char *bell)) {
    char path[300], byte;
    struct stat status;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    int file = open(target, O_CREAT | O_EXCL | O_RDWR, 0640);
    CHECK(file >= 0);
    CHECK_INT(1, count_bells(path));
    CHECK_INT(0, unlink(path));
    squat(target, path);
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, read_by_poll(reader, &byte, 1));
    CHECK_INT(0, fstat(file, &status));
    CHECK_INT(0, status.st_size);
    CHECK_INT(0640, status.st_mode & 07777);
    CHECK_INT(0, unlink(target));
    close(file);
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
    CHECK_INT(0, count_bells(NULL));
}

static void by_symbolic_link(const char *target, const char *bell) {
    CHECK_INT(0, symlink(target, bell));
}
static void by_hard_link(const char *target, const char *bell) {
    CHECK_INT(0, link(target, bell));
}

TEST(a_link_under_a_bell_s_name_leads_nowhere) {
    check_squatter(unique_name("file:", "victim") + 5, by_symbolic_link);
    check_squatter(unique_name("file:", "victim") + 5, by_hard_link);
}

TEST(a_receiver_whose_bell_was_removed_by_hand_is_told_later) {
    char path[300], byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_INT(1, count_bells(path));
    CHECK_INT(0, unlink(path));
    for (int i = 0; i < 5; i++) {
        CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
        CHECK_INT(1, read_by_poll(reader, &byte, 1));
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    }
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

/* ---- a bell word of another ------------------------------------------------------------------ */

TEST(a_bell_word_of_the_living_is_respected_and_of_the_dead_taken) {
    char byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    spg_stream *other = open_stream(1, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    set_bell_word(1, bell_word(0));
    int before = count_descriptors();
    CHECK_RESULT(SPG_EFULL, spg_stream_fd(other));
    CHECK_INT(before, count_descriptors());
    CHECK_INT(1, count_bells(NULL));
    set_bell_word(1, 0x123456789abcdef1);
    CHECK(spg_stream_fd(other) >= 0);
    CHECK(bell_word(1) != 0x123456789abcdef1);
    /* One that finds another in its word leaves him there. */
    set_bell_word(1, bell_word(0));
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(other, &byte, 1, SPG_NOWAIT));
    CHECK(bell_word(1) == bell_word(0));
    CHECK_OK(spg_stream_close(other));
    /* Noise in the word of one that has its bell already. */
    set_bell_word(0, 0x123456789abcdef1);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
        CHECK_INT(1, read_by_poll(reader, &byte, 1));
        CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    }
    CHECK_OK(spg_stream_close(reader));
    CHECK_INT(0, bell_word(0));
    CHECK_OK(spg_stream_close(writer));
    CHECK_INT(0, count_bells(NULL));
}

/* ---- no descriptors -------------------------------------------------------------------------- */

TEST(where_there_is_no_descriptor_left_nothing_is_left_behind) {
    struct rlimit limit;
    char byte;
    spg_stream *writer = open_stream(0, SPG_STREAM_WRITER);
    spg_stream *reader = open_stream(0, SPG_STREAM_READER);
    CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &limit));
    int next = dup(0), fd = SPG_EMFILE;
    CHECK(next >= 0);
    close(next);
    for (int more = 0; fd < 0; more++) {
        CHECK(more < 10);
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)(next + more), limit.rlim_max});
        fd = spg_stream_fd(reader);
        setrlimit(RLIMIT_NOFILE, &limit);
        if (fd >= 0) break;
        CHECK_RESULT(SPG_EMFILE, fd);
        int again = dup(0);
        CHECK_INT(next, again);
        close(again);
        CHECK_INT(0, count_bells(NULL));
    }
    /* A sender that has none left cannot ring: the receiver looks itself. */
    int last = dup(0);
    CHECK(last >= 0);
    close(last);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)last, limit.rlim_max});
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(1, read_by_poll(reader, &byte, 1));
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

/* ---- across processes ------------------------------------------------------------------------ */

ROLE(echo_by_poll) {
    char byte;
    spg_stream *in = open_stream(0, SPG_STREAM_READER), *out = open_stream(1, SPG_STREAM_WRITER);
    while (read_by_poll(in, &byte, 1) > 0)
        CHECK_INT(1, spg_stream_write(out, &byte, 1, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(in));
    CHECK_OK(spg_stream_close(out));
}

/* Each message is answered before the next one: a ring that got lost would show as a wait for the
 * period, so most must not have waited. Nothing here depends on how long a message takes. */
TEST(ten_thousand_messages_go_to_and_fro_between_two_in_poll) {
    char byte;
    spg_stream *out = open_stream(0, SPG_STREAM_WRITER), *in = open_stream(1, SPG_STREAM_READER);
    struct role *echo = role_start("echo_by_poll");
    for (int i = 0; i < 10000; i++) {
        char sent = (char)i;
        CHECK_INT(1, spg_stream_write(out, &sent, 1, SPG_NOWAIT));
        CHECK_INT(1, read_by_poll(in, &byte, 1));
        CHECK_INT(sent, byte);
    }
    CHECK_OK(spg_stream_close(out));
    CHECK_INT(0, read_by_poll(in, &byte, 1));
    CHECK_OK(spg_stream_close(in));
    ROLE_ENDS_WELL(echo);
}

/* ---- an event loop --------------------------------------------------------------------------- */

#ifdef HAVE_LIBEVENT
struct loop {
    struct event_base *base;
    spg_stream *in, *out;
    int received, sent;
};

static void on_readable(evutil_socket_t fd, short what, void *argument) {
    struct loop *loop = argument;
    char byte;
    (void)fd, (void)what;
    int result = spg_stream_read(loop->in, &byte, 1, SPG_NOWAIT); /* one at a time: levels */
    if (result == SPG_EAGAIN) return;
    CHECK_INT(1, result);
    CHECK_INT((char)loop->received, byte);
    if (++loop->received == 2000) event_base_loopbreak(loop->base);
}

static void on_idle(evutil_socket_t fd, short what, void *argument) {
    struct loop *loop = argument;
    (void)fd, (void)what;
    for (int i = 0; i < 7 && loop->sent < 2000; i++) {
        char byte = (char)loop->sent++;
        CHECK_INT(1, spg_stream_write(loop->out, &byte, 1, SPG_NOWAIT));
    }
}

TEST(libevent_loops_over_a_receiver) {
    struct timeval often = {0, 500};
    struct loop loop = {.base = event_base_new()};
    loop.out = open_stream(0, SPG_STREAM_WRITER);
    loop.in = open_stream(0, SPG_STREAM_READER);
    struct event *readable = event_new(loop.base, spg_stream_fd(loop.in), EV_READ | EV_PERSIST,
                                       on_readable, &loop);
    struct event *idle = event_new(loop.base, -1, EV_PERSIST, on_idle, &loop);
    event_add(readable, NULL);
    event_add(idle, &often);
    CHECK(event_base_dispatch(loop.base) >= 0);
    CHECK_INT(2000, loop.received);
    event_free(readable);
    event_free(idle);
    event_base_free(loop.base);
    CHECK_OK(spg_stream_close(loop.out));
    CHECK_OK(spg_stream_close(loop.in));
}
#endif
