/* no_descriptors.c: calls while the process may open no more descriptors, or a few. */
#include <sys/resource.h>
#include <sys/socket.h>

#include "process/bad_luck.h"

static struct rlimit usual;

/* From now on exactly `count` more descriptors can be opened. */
static void leave_free(int count) {
    int limit = 0;
    for (int open_ones = count; open_ones > 0 || fcntl(limit, F_GETFD) >= 0; limit++) {
        if (fcntl(limit, F_GETFD) < 0) open_ones--;
    }
    struct rlimit few = {(rlim_t)limit, usual.rlim_max};
    CHECK_INT(0, setrlimit(RLIMIT_NOFILE, &few));
}

static void leave_many_free(void) {
    CHECK_INT(0, setrlimit(RLIMIT_NOFILE, &usual));
}

/* The call with 0, 1, 2… free descriptors until it works; each failure is SPG_EMFILE and loses
 * nothing. Returns how many it needs. */
static int until_it_works(int (*call)(void *), void *argument) {
    CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &usual));
    for (int count = 0;; count++) {
        int before = descriptors();
        leave_free(count);
        int result = call(argument);
        leave_many_free();
        if (result >= 0) return count;
        if (result != SPG_EMFILE) {
            FAIL("with %d free descriptors: %s: %s", count, spg_error_name(result),
                 spg_error_detail());
        }
        CHECK(spg_error_detail()[0]);
        CHECK_INT(before, descriptors());
        CHECK(count < 12);
    }
}

struct attempt {
    const char *name;
    spg_segment_options *options;
    spg_segment *segment;
    int number;
};

static int try_create(void *argument) {
    struct attempt *attempt = argument;
    return spg_segment_create(&attempt->segment, attempt->name, 5000, attempt->options);
}

static int try_open(void *argument) {
    struct attempt *attempt = argument;
    return spg_segment_open(&attempt->segment, attempt->name, attempt->options);
}

static int try_adopt(void *argument) {
    struct attempt *attempt = argument;
    return spg_segment_open_fd(&attempt->segment, attempt->number, attempt->options);
}

static int try_to_look(void *argument) {
    int result = spg_check(NULL, NULL, NULL, NULL);
    if (result == 0) result = spg_domain_list(NULL, count_segment, argument);
    return result == 0 ? spg_collect(NULL, NULL) : result;
}

static void create_and_open_with_few(void *argument) {
    struct attempt attempt = *(struct attempt *)argument;
    bool has_name = strncmp(attempt.name, "memfd:", 6) != 0 &&
                    strncmp(attempt.name, "anon", 4) != 0;
    until_it_works(try_create, &attempt);
    spg_segment *made = attempt.segment;
    memset(spg_segment_address(made), 7, 5000);
    if (has_name) {
        until_it_works(try_open, &attempt);
        CHECK_INT(7, *(char *)spg_segment_address(attempt.segment));
        CHECK_OK(spg_segment_close(attempt.segment));
    }
    if (spg_segment_fd(made) >= 0) {
        attempt.number = spg_segment_fd(made);
        CHECK_INT(1, until_it_works(try_adopt, &attempt));
        CHECK_OK(spg_segment_close(attempt.segment));
    }
    CHECK_OK(spg_segment_close(made));
    if (has_name) CHECK_OK(spg_segment_unlink(attempt.name));
}

static void open_first_with_few(void *argument) {
    struct attempt attempt = *(struct attempt *)argument;
    until_it_works(try_open, &attempt);
    CHECK_OK(spg_segment_close(attempt.segment));
}

TEST(whichever_descriptor_is_missing_create_and_open_lose_nothing) {
    for (int i = 0; i < KINDS; i++) {
        spg_segment_options bare = SPG_SEGMENT_OPTIONS, with_header = managed();
        struct attempt attempt = {.name = unique_name(kinds[i], "x"), .options = &bare};
        ROLE_ENDS_WELL(role_fork(create_and_open_with_few, &attempt));
        attempt.options = &with_header;
        ROLE_ENDS_WELL(role_fork(create_and_open_with_few, &attempt));
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
        CHECK_INT(1, names_in(domain()));
        if (i >= NAMED_KINDS) continue;
        spg_segment *segment;
        CHECK_OK(spg_segment_create(&segment, attempt.name, 5000, &with_header));
        ROLE_ENDS_WELL(role_fork(open_first_with_few, &attempt));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(attempt.name));
    }
}

TEST(without_descriptors_looking_and_collecting_fail_and_work_later) {
    int count = 0;
    spg_segment *segment;
    spg_segment_options options = managed();
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
    until_it_works(try_to_look, &count);
    CHECK_INT(1, segments_on_record());
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(without_descriptors_a_segment_grows) {
    spg_segment *segment;
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 5000, NULL));
    CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &usual));
    leave_free(0);
    int result = spg_segment_resize(segment, 50000);
    leave_many_free();
    CHECK_OK(result);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

/* Close cannot fail; what it cannot finish without a descriptor is left to a collector. */
TEST(without_descriptors_close_gives_up_its_hold) {
    for (int count = 0; count < 4; count++) {
        spg_segment *segment, *again;
        spg_segment_options options = temporary();
        const char *name = unique_name("posix:", "x");
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &usual));
        leave_free(count);
        int result = spg_segment_close(segment);
        leave_many_free();
        CHECK_OK(result);
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK_RESULT(SPG_ENOENT, spg_segment_open(&again, name, &options));
        CHECK_INT(1, names_in(domain()));
    }
}

TEST(without_descriptors_unlink_fails_or_does_all_of_it) {
    for (int count = 0; count < 6; count++) {
        spg_segment *segment;
        spg_segment_options options = managed();
        const char *name = unique_name("posix:", "x");
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &usual));
        leave_free(count);
        int result = spg_segment_unlink(name);
        leave_many_free();
        CHECK(result == 0 || result == SPG_EMFILE);
        CHECK_OK(spg_segment_close(segment));
        if (result != 0) CHECK_OK(spg_segment_unlink(name));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK_INT(1, names_in(domain()));
    }
}

TEST(without_descriptors_receive_says_so) {
    for (int count = 0; count < 2; count++) {
        int pair[2];
        spg_segment *segment, *received = NULL;
        CHECK_INT(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
        CHECK_OK(spg_segment_create(&segment, "memfd:x", 5000, NULL));
        int before = descriptors();
        CHECK_OK(spg_segment_send(segment, pair[0]));
        CHECK_OK(spg_segment_send(segment, pair[0]));
        CHECK_INT(0, getrlimit(RLIMIT_NOFILE, &usual));
        leave_free(count);
        int result = spg_segment_receive(&received, pair[1], NULL);
        leave_many_free();
        CHECK_RESULT(SPG_EMFILE, result);
        CHECK(received == NULL);
        CHECK_INT(before, descriptors());
        CHECK_OK(spg_segment_receive(&received, pair[1], NULL));
        CHECK_OK(spg_segment_close(received));
        CHECK_OK(spg_segment_close(segment));
        close(pair[0]);
        close(pair[1]);
    }
}
