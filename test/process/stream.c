/* stream.c: bytes between processes: order, ends, deaths, waiting. */
#include "harness/harness.h"

static const char *stream_name(void) {
    return "test/stream";
}

static spg_stream *open_end(int end, uint64_t capacity) {
    spg_stream *stream;
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = capacity;
    CHECK_OK(spg_stream_open(&stream, NULL, stream_name(), end, &options));
    return stream;
}

/* Byte n of every test stream. */
static unsigned char byte_at(uint64_t n) {
    return (unsigned char)(n * 2654435761u >> 13);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void write_pattern(spg_stream *stream, uint64_t from, uint64_t to) {
    static unsigned char buffer[70000];
    uint64_t random = from + 88172645463325252u;
    while (from < to) {
        uint64_t count = next_random(&random) % sizeof buffer + 1;
        if (count > to - from) count = to - from;
        for (uint64_t i = 0; i < count; i++) buffer[i] = byte_at(from + i);
        CHECK_INT(count, spg_stream_write(stream, buffer, count, SPG_FOREVER));
        from += count;
    }
}

/* Reads to the end; checks each byte; returns how many, and how it ended. */
static uint64_t read_pattern(spg_stream *stream, int *how) {
    static unsigned char buffer[50000];
    uint64_t random = 362436069, done = 0;
    for (;;) {
        size_t count = next_random(&random) % sizeof buffer + 1;
        int result = spg_stream_read(stream, buffer, count, SPG_FOREVER);
        if (result <= 0) {
            *how = result;
            return done;
        }
        for (int i = 0; i < result; i++) {
            if (buffer[i] != byte_at(done + (uint64_t)i))
                FAIL("byte %llu is wrong", (unsigned long long)done + i);
        }
        done += (uint64_t)result;
    }
}

ROLE(writer) {
    spg_stream *stream = open_end(SPG_STREAM_WRITER, (uint64_t)atol(arguments[1]));
    write_pattern(stream, 0, (uint64_t)atoll(arguments[0]));
    CHECK_OK(spg_stream_close(stream));
}

static void check_transfer(const char *bytes, const char *capacity) {
    int how;
    struct role *writer = role_start("writer", bytes, capacity);
    spg_stream *stream = open_end(SPG_STREAM_READER, (uint64_t)atol(capacity));
    CHECK_INT(atoll(bytes), read_pattern(stream, &how));
    CHECK_INT(0, how);
    CHECK_INT(0, spg_stream_read(stream, (char[1]){0}, 1, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(stream));
    ROLE_ENDS_WELL(writer);
}

TEST(a_hundred_megabytes_arrive_in_order) {
    check_transfer("100000000", "65536");
}
TEST(the_smallest_stream_works) {
    check_transfer("3000000", "1");
}
TEST(a_large_stream_works) {
    check_transfer("50000000", "16777216");
}
TEST(an_empty_stream_ends) {
    check_transfer("0", "65536");
}

TEST(an_end_that_is_taken_is_refused_however_much_went_through) {
    char bytes[4096] = "";
    spg_stream *again = NULL;
    spg_stream *writer = open_end(SPG_STREAM_WRITER, sizeof bytes);
    spg_stream *reader = open_end(SPG_STREAM_READER, sizeof bytes);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(sizeof bytes, spg_stream_write(writer, bytes, sizeof bytes, SPG_NOWAIT));
        CHECK_INT(sizeof bytes, spg_stream_read(reader, bytes, sizeof bytes, SPG_NOWAIT));
    }
    CHECK_RESULT(SPG_EEXIST, spg_stream_open(&again, NULL, stream_name(), SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EEXIST, spg_stream_open(&again, NULL, stream_name(), SPG_STREAM_READER, NULL));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(what_a_writer_left_is_read_after_it_ended) {
    int how;
    ROLE_ENDS_WELL(role_start("writer", "60000", "65536"));
    spg_stream *again = NULL;
    CHECK_RESULT(SPG_EEXIST, spg_stream_open(&again, NULL, stream_name(), SPG_STREAM_WRITER, NULL));
    spg_stream *stream = open_end(SPG_STREAM_READER, 4096);
    CHECK_INT(65536, spg_stream_capacity(stream));
    CHECK_INT(60000, read_pattern(stream, &how));
    CHECK_INT(0, how);
    CHECK_OK(spg_stream_close(stream));
    stream = open_end(SPG_STREAM_WRITER, 4096);
    CHECK_INT(4096, spg_stream_capacity(stream));
    CHECK_OK(spg_stream_close(stream));
    stream = open_end(SPG_STREAM_READER, 4096);
    CHECK_INT(0, read_pattern(stream, &how));
    CHECK_OK(spg_stream_close(stream));
}

ROLE(writer_that_stays) {
    spg_stream *stream = open_end(SPG_STREAM_WRITER, 65536);
    write_pattern(stream, 0, (uint64_t)atoll(arguments[0]));
    step_reach(1);
    for (;;) pause();
}

TEST(the_death_of_a_writer_is_not_the_end) {
    int how;
    struct role *writer = role_start("writer_that_stays", "12345");
    step_await(1);
    spg_stream *stream = open_end(SPG_STREAM_READER, 65536);
    role_kill(writer);
    CHECK_INT(12345, read_pattern(stream, &how));
    CHECK_RESULT(SPG_EPEERDEAD, how);
    CHECK_OK(spg_stream_close(stream));
    stream = open_end(SPG_STREAM_READER, 65536);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(stream, &how, 1, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(stream));
}

TEST(a_reader_that_sleeps_is_told_of_the_death_of_its_writer) {
    int how;
    struct role *writer = role_start("writer_that_stays", "10");
    spg_stream *stream = open_end(SPG_STREAM_READER, 65536);
    step_await(1);
    pid_t killer = harness_fork();
    if (killer == 0) {
        nap_ms(80);
        kill(writer->pid, SIGKILL);
        _exit(0);
    }
    CHECK_INT(10, read_pattern(stream, &how));
    CHECK_RESULT(SPG_EPEERDEAD, how);
    waitpid(killer, NULL, 0);
    CHECK_INT(-SIGKILL, role_wait(writer));
    CHECK_OK(spg_stream_close(stream));
}

ROLE(reader_that_stays) {
    spg_stream *stream = open_end(SPG_STREAM_READER, 65536);
    const void *bytes;
    CHECK(spg_stream_peek(stream, &bytes, SPG_FOREVER) > 0);
    step_reach(1);
    for (;;) pause();
}
ROLE(reader_that_leaves) {
    spg_stream *stream = open_end(SPG_STREAM_READER, 65536);
    char byte;
    CHECK_INT(1, spg_stream_read(stream, &byte, 1, SPG_FOREVER));
    CHECK_OK(spg_stream_close(stream));
}

static int write_until_it_fails(spg_stream *stream) {
    static char bytes[10000];
    int result;
    while ((result = spg_stream_write(stream, bytes, sizeof bytes, SPG_FOREVER)) == sizeof bytes) {}
    return result > 0 ? spg_stream_write(stream, bytes, sizeof bytes, SPG_FOREVER) : result;
}

TEST(a_writer_is_told_that_its_reader_died) {
    spg_stream *stream = open_end(SPG_STREAM_WRITER, 65536);
    struct role *reader = role_start("reader_that_stays");
    CHECK_INT(5, spg_stream_write(stream, "hello", 5, SPG_FOREVER));
    step_await(1);
    role_kill(reader);
    CHECK_RESULT(SPG_EPEERDEAD, write_until_it_fails(stream));
    CHECK_OK(spg_stream_close(stream));
}

TEST(a_writer_is_told_that_its_reader_left) {
    spg_stream *stream = open_end(SPG_STREAM_WRITER, 65536);
    struct role *reader = role_start("reader_that_leaves");
    CHECK_RESULT(SPG_ECLOSED, write_until_it_fails(stream));
    ROLE_ENDS_WELL(reader);
    CHECK_OK(spg_stream_close(stream));
}

TEST(deadlines_hold_at_both_ends) {
    char bytes[8192];
    void *room;
    spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
    spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, bytes, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_stream_read(reader, bytes, 1, MILLISECONDS(30)));
    CHECK_INT(4096, spg_stream_write(writer, bytes, 8192, MILLISECONDS(30)));
    CHECK_RESULT(SPG_EAGAIN, spg_stream_write(writer, bytes, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_stream_reserve(writer, 1, &room, MILLISECONDS(30)));
    CHECK_RESULT(SPG_ETOOBIG, spg_stream_reserve(writer, 4097, &room, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(in_place_forms_lie_in_one_piece_across_the_end_of_the_ring) {
    void *room;
    const void *bytes;
    spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
    spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(spg_stream_reserve(writer, 3000, &room, SPG_NOWAIT));
        memset(room, i, 3000);
        CHECK_RESULT(SPG_EINVAL, spg_stream_commit(writer, 3001));
        CHECK_OK(spg_stream_commit(writer, 2999));
        CHECK_RESULT(SPG_EINVAL, spg_stream_commit(writer, 1));
        CHECK_INT(2999, spg_stream_peek(reader, &bytes, SPG_NOWAIT));
        for (int n = 0; n < 2999; n++) CHECK_INT(i, ((const char *)bytes)[n]);
        CHECK_RESULT(SPG_EINVAL, spg_stream_consume(reader, 3000));
        CHECK_OK(spg_stream_consume(reader, 2999));
    }
    CHECK_OK(spg_stream_end(writer));
    CHECK_RESULT(SPG_ECLOSED, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    CHECK_INT(0, spg_stream_peek(reader, &bytes, SPG_FOREVER));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(in_place_forms_begin_at_any_byte) {
    spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
    spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
    char bytes[8];
    void *room;
    for (size_t size = 1; size < sizeof bytes; size++) {
        CHECK_OK(spg_stream_reserve(writer, size, &room, SPG_NOWAIT));
        memset(room, (int)size, size);
        CHECK_OK(spg_stream_commit(writer, size));
        CHECK_INT((long long)size, spg_stream_read(reader, bytes, sizeof bytes, SPG_NOWAIT));
        for (size_t i = 0; i < size; i++) CHECK_INT((long long)size, bytes[i]);
    }
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

ROLE(reader_that_dies_alone) {
    open_end(SPG_STREAM_READER, 4096);
    raise(SIGKILL);
}

TEST(a_writer_is_not_given_to_a_reader_that_died_before_it_came) {
    CHECK_INT(-SIGKILL, role_wait(role_start("reader_that_dies_alone")));
    spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
    spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
    CHECK_INT(2, spg_stream_write(writer, "hi", 2, SPG_NOWAIT));
    CHECK_INT(2, spg_stream_read(reader, (char[9]){0}, 9, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(after_the_end_nothing_can_be_committed) {
    void *room;
    spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
    spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
    CHECK_OK(spg_stream_reserve(writer, 10, &room, SPG_NOWAIT));
    CHECK_OK(spg_stream_end(writer));
    CHECK_RESULT(SPG_ECLOSED, spg_stream_commit(writer, 10));
    CHECK_INT(0, spg_stream_read(reader, (char[9]){0}, 9, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_stream_read(reader, (char[9]){0}, 0, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

static void die_as_writer(void) {
    spg_stream *writer;
    CHECK_OK(spg_stream_open(&writer, NULL, "segment-x/y", SPG_STREAM_WRITER, NULL));
    raise(SIGKILL);
}

static void in_a_killed_process(void) {
    pid_t pid = harness_fork();
    if (pid == 0) die_as_writer();
    waitpid(pid, NULL, 0);
}

static int count_streams(void *context, const spg_domain_entry *entry) {
    *(int *)context += entry->kind == SPG_ENTRY_STREAM && entry->living == 2;
    return 0;
}

TEST(a_stream_is_listed_checked_collected_and_unlinked_under_any_name) {
    int count = 0;
    spg_stream *writer, *reader;
    CHECK_OK(spg_stream_open(&writer, NULL, "segment-x/y", SPG_STREAM_WRITER, NULL));
    CHECK_OK(spg_stream_open(&reader, NULL, "segment-x/y", SPG_STREAM_READER, NULL));
    CHECK_OK(spg_domain_list(NULL, count_streams, &count));
    CHECK_INT(1, count);
    CHECK_OK(spg_check(NULL, NULL, NULL, NULL));
    CHECK_OK(spg_check(NULL, "stream:segment-x/y", NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_check(NULL, "stream:absent", NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_check("/dev/shm/absent", "stream:absent", NULL, NULL));
    CHECK_OK(spg_stream_unlink(NULL, "segment-x/y"));
    CHECK_RESULT(SPG_ENOENT, spg_stream_unlink(NULL, "segment-x/y"));
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
    in_a_killed_process();
    spg_collected collected;
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(1, collected.channels);
}

TEST(noise_in_the_control_words_is_an_error_or_a_wait) {
    char path[300], bytes[64];
    uint64_t random = 123456789;
    for (int i = 0; i < 300; i++) {
        spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
        spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
        snprintf(path, sizeof path, "%s/test%%2Fstream.stream", getenv("SAMEPAGE_DOMAIN"));
        int fd = open(path, O_RDWR);
        CHECK(fd >= 0);
        for (int n = 0; n < 4; n++) {
            uint64_t noise = next_random(&random) >> next_random(&random) % 64;
            CHECK_INT(8, pwrite(fd, &noise, 8, (off_t)(256 + next_random(&random) % 512 / 8 * 8)));
        }
        close(fd);
        for (int n = 0; n < 20; n++) {
            int result = spg_stream_write(writer, bytes, 64, SPG_NOWAIT);
            CHECK(result <= 64);
            result = spg_stream_read(reader, bytes, 64, SPG_NOWAIT);
            CHECK(result <= 64);
        }
        int damage = spg_check(NULL, NULL, NULL, NULL);
        CHECK(damage >= 0);
        CHECK_OK(spg_stream_close(writer));
        CHECK_OK(spg_stream_close(reader));
        unlink(path);
    }
}

TEST(wrong_use_is_an_error) {
    spg_stream *stream, *other;
    char byte;
    CHECK_RESULT(SPG_EINVAL, spg_stream_open(&stream, NULL, NULL, SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_stream_open(&stream, NULL, "", SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_stream_open(&stream, NULL, "../x", SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_stream_open(&stream, NULL, "a b", SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_stream_open(&stream, NULL, "a", 3, NULL));
    CHECK_OK(spg_stream_open(&stream, NULL, "a/b/../c", SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EEXIST, spg_stream_open(&other, NULL, "a/b/../c", SPG_STREAM_WRITER, NULL));
    CHECK_RESULT(SPG_EPERM, spg_stream_read(stream, &byte, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_stream_consume(stream, 0));
    CHECK_OK(spg_stream_open(&other, NULL, "a/b/../c", SPG_STREAM_READER, NULL));
    CHECK_RESULT(SPG_EPERM, spg_stream_write(other, &byte, 1, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(other));
    CHECK_OK(spg_stream_close(stream));
    CHECK_RESULT(SPG_EINVAL, spg_stream_close(stream));
}

static void use_in_child(void *argument) {
    spg_stream *stream = argument;
    CHECK_RESULT(SPG_EFORKED, spg_stream_write(stream, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_stream_close(stream));
}

TEST(a_fork_child_has_no_end) {
    spg_stream *writer = open_end(SPG_STREAM_WRITER, 4096);
    ROLE_ENDS_WELL(role_fork(use_in_child, writer));
    CHECK_INT(1, spg_stream_write(writer, "x", 1, SPG_NOWAIT));
    spg_stream *reader = open_end(SPG_STREAM_READER, 4096);
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(reader));
}

TEST(any_number_of_killed_writers_leaves_nothing) {
    int how;
    for (int i = 0; i < 60; i++) {
        struct role *writer = role_start("writer", "100000000", "65536");
        spg_stream *stream = open_end(SPG_STREAM_READER, 65536);
        pid_t killer = harness_fork();
        if (killer == 0) {
            nap_ms(i % 12);
            kill(writer->pid, SIGKILL);
            _exit(0);
        }
        waitpid(killer, NULL, 0);
        CHECK_INT(-SIGKILL, role_wait(writer));
        harness_running_count = 0;
        /* It may have been killed before it came. */
        const void *bytes;
        if (spg_stream_peek(stream, &bytes, MILLISECONDS(1)) >= 0) read_pattern(stream, &how);
        CHECK_OK(spg_stream_close(stream));
    }
}
