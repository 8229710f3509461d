/* cell_waiting.c: waiting for a newer value: asleep, by looking, and in poll. */
#include <poll.h>
#include <sys/epoll.h>

#include "process/cell.h"

TEST(a_wait_has_a_deadline_and_knows_versions) {
    char found[8];
    uint64_t version;
    spg_cell *cell = open_cell(8, 3);
    CHECK_RESULT(SPG_EAGAIN, spg_cell_wait(cell, 0, SPG_NOWAIT));
    int64_t began = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_cell_wait(cell, 0, MILLISECONDS(50)));
    CHECK(now_ns() - began >= MILLISECONDS(50));
    CHECK_OK(spg_cell_write(cell, "a", 1, SPG_NOWAIT));
    CHECK_OK(spg_cell_wait(cell, 0, SPG_FOREVER));
    CHECK_OK(spg_cell_wait(cell, 0, SPG_NOWAIT));
    CHECK_INT(1, spg_cell_read(cell, found, 8, &version));
    CHECK_INT(1, version);
    CHECK_RESULT(SPG_EAGAIN, spg_cell_wait(cell, version, SPG_NOWAIT));
    CHECK_OK(spg_cell_write(cell, "b", 1, SPG_NOWAIT));
    CHECK_OK(spg_cell_wait(cell, version, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_cell_wait(cell, UINT64_MAX, SPG_NOWAIT));
    close_and_unlink(cell);
}

/* Sleeps for each version, and says how far it has come. */
ROLE(follows) {
    char found[8];
    uint64_t version = 0;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.read_only = arguments[0] != NULL;
    spg_cell *cell = open_with(&options);
    while (version < 200) {
        CHECK_OK(spg_cell_wait(cell, version, SPG_FOREVER));
        CHECK_INT(8, spg_cell_read(cell, found, sizeof found, &version));
        step_reach((int64_t)version);
    }
    CHECK_OK(spg_cell_close(cell));
}

static void check_follower(const char *how) {
    spg_cell *cell = open_cell(8, 3);
    struct role *follower = role_start("follows", how);
    for (int i = 1; i <= 200; i++) {
        CHECK_OK(spg_cell_write(cell, "12345678", 8, SPG_FOREVER));
        step_await(i);
    }
    ROLE_ENDS_WELL(follower);
    close_and_unlink(cell);
}

TEST(a_sleeping_reader_is_woken_by_each_value) {
    check_follower(NULL);
}
TEST(a_read_only_reader_waits_by_looking) {
    check_follower("only");
}

static int polled(int fd, int milliseconds) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, milliseconds);
}

/* Waits in `wait_for_it` for each version, as a program with an event loop does. */
static void follow_by_descriptor(spg_cell *cell, void (*wait_for_it)(int fd), uint64_t last) {
    char found[8];
    uint64_t version = 0;
    int fd = spg_cell_fd(cell);
    CHECK(fd >= 0);
    CHECK_INT(fd, spg_cell_fd(cell));
    while (version < last) {
        wait_for_it(fd);
        while (spg_cell_wait(cell, version, SPG_NOWAIT) == 0)
            CHECK_INT(8, spg_cell_read(cell, found, sizeof found, &version));
        step_reach((int64_t)version);
    }
}

static void by_poll(int fd) {
    CHECK_INT(1, polled(fd, 5000));
}
static void by_epoll(int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    CHECK_INT(0, epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    CHECK_INT(1, epoll_wait(set, &event, 1, 5000));
    close(set);
}

ROLE(follows_by_descriptor) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.read_only = arguments[1] != NULL;
    spg_cell *cell = open_with(&options);
    follow_by_descriptor(cell, strcmp(arguments[0], "poll") == 0 ? by_poll : by_epoll, 100);
    CHECK_OK(spg_cell_close(cell));
}

static void check_descriptor(const char *how, const char *only) {
    spg_cell *cell = open_cell(8, 3);
    struct role *follower = role_start("follows_by_descriptor", how, only);
    for (int i = 1; i <= 100; i++) {
        CHECK_OK(spg_cell_write(cell, "12345678", 8, SPG_FOREVER));
        step_await(i);
    }
    ROLE_ENDS_WELL(follower);
    close_and_unlink(cell);
}

TEST(a_descriptor_can_be_polled) {
    check_descriptor("poll", NULL);
}
TEST(a_descriptor_works_in_epoll) {
    check_descriptor("epoll", NULL);
}
TEST(a_read_only_cell_has_a_descriptor_too) {
    check_descriptor("poll", "only");
}

TEST(a_descriptor_is_ready_while_there_is_something_newer) {
    char found[8];
    uint64_t version;
    spg_cell *writer = open_cell(8, 3), *reader = open_with(NULL);
    CHECK_OK(spg_cell_write(writer, "a", 1, SPG_NOWAIT));
    int fd = spg_cell_fd(reader);
    CHECK(fd >= 0);
    CHECK_INT(1, polled(fd, 1000));
    CHECK_INT(1, spg_cell_read(reader, found, 8, &version));
    CHECK_RESULT(SPG_EAGAIN, spg_cell_wait(reader, version, SPG_NOWAIT));
    CHECK_OK(spg_cell_write(writer, "b", 1, SPG_NOWAIT));
    CHECK_INT(1, polled(fd, 1000));
    CHECK_OK(spg_cell_close(reader));
    close_and_unlink(writer);
}

TEST(sixteen_handles_have_a_descriptor_and_the_next_one_gets_a_place_of_the_gone) {
    spg_cell *cells[17];
    for (int i = 0; i < 17; i++) cells[i] = open_cell(8, 3);
    for (int i = 0; i < 16; i++) CHECK(spg_cell_fd(cells[i]) >= 0);
    CHECK_RESULT(SPG_EFULL, spg_cell_fd(cells[16]));
    CHECK_OK(spg_cell_close(cells[3]));
    CHECK(spg_cell_fd(cells[16]) >= 0);
    for (int i = 0; i < 17; i++) {
        if (i != 3) CHECK_OK(spg_cell_close(cells[i]));
    }
    CHECK_OK(spg_cell_unlink(NULL, cell_name()));
}
