/* cell.c: the latest value between processes: whole, the newest, and there whoever dies. */
#include "process/cell.h"

enum { STORM_CAPACITY = 3000, WRITERS = 3 };

/* ---- one process ----------------------------------------------------------------------------- */

TEST(what_is_written_is_read) {
    unsigned char bytes[3000], found[3000];
    uint64_t version = 0;
    spg_cell *writer = open_cell(sizeof bytes, 4), *reader = open_with(NULL);
    CHECK_INT(3000, spg_cell_capacity(reader));
    CHECK_RESULT(SPG_EAGAIN, spg_cell_read(reader, found, sizeof found, &version));
    CHECK_INT(0, version);
    for (size_t size = 0; size <= sizeof bytes; size += size < 100 ? 1 : 97) {
        fill_value(bytes, size, size + 7);
        CHECK_OK(spg_cell_write(writer, size ? bytes : NULL, size, SPG_FOREVER));
        memset(found, 0, sizeof found);
        uint64_t before = version;
        CHECK_INT(size, spg_cell_read(reader, found, size, &version));
        CHECK_INT(before + 1, version);
        CHECK_INT(0, memcmp(bytes, found, size));
        if (size < sizeof found) CHECK_INT(0, found[size]);
        if (size > 0) CHECK_RESULT(SPG_ETOOBIG, spg_cell_read(reader, found, size - 1, NULL));
    }
    CHECK_OK(spg_cell_close(writer));
    CHECK_INT(1, spg_cell_write(reader, "x", 1, SPG_NOWAIT) == 0);
    CHECK_INT(1, spg_cell_read(reader, found, sizeof found, NULL));
    close_and_unlink(reader);
}

TEST(every_size_up_to_the_capacity_fits_and_no_more) {
    unsigned char bytes[140], found[140];
    for (uint64_t capacity = 1; capacity <= 130; capacity++) {
        spg_cell *cell = open_cell(capacity, 3);
        for (int round = 0; round < 5; round++) {
            fill_value(bytes, capacity, capacity + (uint64_t)round);
            CHECK_OK(spg_cell_write(cell, bytes, capacity, SPG_NOWAIT));
            CHECK_INT(capacity, spg_cell_read(cell, found, sizeof found, NULL));
            CHECK_INT(0, memcmp(bytes, found, capacity));
            CHECK_RESULT(SPG_ETOOBIG, spg_cell_write(cell, bytes, capacity + 1, SPG_NOWAIT));
            CHECK_OK(spg_cell_write(cell, bytes, 1, SPG_NOWAIT));
            CHECK_INT(1, spg_cell_read(cell, found, sizeof found, NULL));
        }
        close_and_unlink(cell);
    }
}

TEST(a_loan_is_written_in_place_and_keeps_other_writers_out) {
    void *room, *again;
    unsigned char found[1000];
    uint64_t version;
    spg_cell *cell = open_cell(1000, 4), *other = open_with(NULL);
    CHECK_RESULT(SPG_EINVAL, spg_cell_publish(cell, 1));
    CHECK_RESULT(SPG_EINVAL, spg_cell_discard(cell));
    CHECK_OK(spg_cell_write(cell, "before", 6, SPG_NOWAIT));
    CHECK_OK(spg_cell_loan(cell, &room, SPG_NOWAIT));
    CHECK_INT(0, (uintptr_t)room % 64);
    CHECK_OK(spg_cell_loan(cell, &again, SPG_NOWAIT));
    CHECK(room == again);
    fill_value(room, 1000, 5);
    CHECK_INT(6, spg_cell_read(other, found, sizeof found, NULL));
    CHECK_RESULT(SPG_EAGAIN, spg_cell_write(other, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_cell_loan(other, &again, MILLISECONDS(30)));
    CHECK_RESULT(SPG_ETOOBIG, spg_cell_publish(cell, 1001));
    CHECK_OK(spg_cell_publish(cell, 1000));
    CHECK_INT(1000, spg_cell_read(other, found, sizeof found, &version));
    CHECK_INT(2, version);
    check_value(found, 1000);
    CHECK_OK(spg_cell_loan(cell, &room, SPG_NOWAIT));
    memset(room, 0, 1000);
    CHECK_OK(spg_cell_discard(cell));
    CHECK_OK(spg_cell_loan(other, &room, SPG_NOWAIT));
    CHECK_OK(spg_cell_close(other));
    CHECK_OK(spg_cell_loan(cell, &room, SPG_NOWAIT));
    CHECK_OK(spg_cell_write(cell, "after", 5, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_cell_publish(cell, 1));
    CHECK_INT(5, spg_cell_read(cell, found, sizeof found, &version));
    CHECK_INT(3, version);
    close_and_unlink(cell);
}

TEST(what_a_cell_is_made_for_is_checked_and_told) {
    uint32_t size;
    spg_cell *cell, *other = NULL;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.type = "pose";
    options.type_size = 48;
    options.schema = "x y z: f64";
    CHECK_RESULT(SPG_ENOENT, spg_cell_open(&other, NULL, cell_name(), &options));
    CHECK_DETAIL("test/cell");
    CHECK_DETAIL("capacity");
    options.capacity = 48;
    cell = open_with(&options);
    CHECK_OK(spg_cell_open(&other, NULL, cell_name(), &options));
    CHECK_INT(0, strcmp(spg_cell_type(other, &size), "pose"));
    CHECK_INT(48, size);
    CHECK_INT(0, strcmp(spg_cell_schema(other), "x y z: f64"));
    CHECK_OK(spg_cell_close(other));
    options.type = "twist";
    CHECK_RESULT(SPG_ETYPE, spg_cell_open(&other, NULL, cell_name(), &options));
    CHECK_DETAIL("pose");
    CHECK_DETAIL("twist");
    options.type = "pose";
    options.type_size = 56;
    CHECK_RESULT(SPG_ETYPE, spg_cell_open(&other, NULL, cell_name(), &options));
    CHECK_DETAIL("48");
    CHECK_DETAIL("56");
    options.type = NULL;
    options.type_size = 0;
    options.capacity = 49;
    CHECK_RESULT(SPG_ETOOBIG, spg_cell_open(&other, NULL, cell_name(), &options));
    CHECK_DETAIL("48");
    CHECK_DETAIL("49");
    options.capacity = 8;
    CHECK_OK(spg_cell_open(&other, NULL, cell_name(), &options));
    CHECK_OK(spg_cell_close(other));
    close_and_unlink(cell);
    cell = open_cell(8, 3);
    CHECK_INT(0, strcmp(spg_cell_type(cell, NULL), ""));
    CHECK_INT(0, strcmp(spg_cell_schema(cell), ""));
    close_and_unlink(cell);
}

TEST(the_longest_texts_are_kept_and_longer_ones_refused) {
    static char schema[65538], type[65];
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    memset(schema, 's', sizeof schema - 1);
    memset(type, 't', sizeof type - 1);
    options.capacity = 1;
    options.type = type;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &options));
    type[63] = '\0';
    options.schema = schema;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &options));
    schema[65536] = '\0';
    cell = open_with(&options);
    CHECK_INT(63, strlen(spg_cell_type(cell, NULL)));
    CHECK_INT(65536, strlen(spg_cell_schema(cell)));
    close_and_unlink(cell);
}

TEST(wrong_use_is_an_error) {
    spg_cell *cell = NULL;
    spg_node *node;
    char byte = 0;
    spg_cell_options good = SPG_CELL_OPTIONS;
    good.capacity = 8;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(NULL, NULL, cell_name(), &good));
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, ".x", &good));
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, NULL, &good));
    CHECK_RESULT(SPG_ENOENT, spg_cell_open(&cell, NULL, cell_name(), NULL));
    spg_cell_options bad = good;
    bad.struct_size++;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.capacity = ((uint64_t)1 << 30) + 1;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.buffers = 2;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.buffers = 65;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.mode = 0700;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.domain = "/dev/shm";
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.read_only = 2;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    bad = good, bad.zero = 1;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, NULL, cell_name(), &bad));
    CHECK_OK(spg_node_open(&node, NULL));
    bad = good, bad.read_only = 1;
    CHECK_RESULT(SPG_EINVAL, spg_cell_open(&cell, node, cell_name(), &bad));
    CHECK(cell == NULL);
    cell = open_with(&good);
    CHECK_RESULT(SPG_EINVAL, spg_cell_write(cell, NULL, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_cell_write(cell, &byte, 1, -2));
    CHECK_RESULT(SPG_EINVAL, spg_cell_loan(cell, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_cell_read(cell, NULL, 1, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_cell_wait(cell, 0, -2));
    CHECK_OK(spg_cell_close(NULL));
    close_and_unlink(cell);
    CHECK_RESULT(SPG_EINVAL, spg_cell_close(cell));
    CHECK_RESULT(SPG_ENOENT, spg_cell_unlink(NULL, cell_name()));
    CHECK_OK(spg_node_close(node));
}

TEST(a_stream_is_no_cell) {
    spg_stream *stream;
    spg_cell *cell = open_cell(8, 3);
    char from[300];
    CHECK_OK(spg_stream_open(&stream, NULL, "s", SPG_STREAM_WRITER, NULL));
    snprintf(from, sizeof from, "%s/s.stream", getenv("SAMEPAGE_DOMAIN"));
    CHECK_OK(spg_cell_close(cell));
    CHECK_INT(0, rename(from, cell_path()));
    CHECK_RESULT(SPG_ETYPE, spg_cell_open(&cell, NULL, cell_name(), NULL));
    CHECK_RESULT(SPG_EINVAL, spg_cell_close((spg_cell *)(void *)stream));
    CHECK_OK(spg_stream_close(stream));
    CHECK_OK(spg_cell_unlink(NULL, cell_name()));
}

TEST(a_cell_that_was_unlinked_goes_on_and_the_name_is_free) {
    char found[8];
    spg_cell *old = open_cell(8, 3), *reader = open_with(NULL);
    CHECK_OK(spg_cell_unlink(NULL, cell_name()));
    spg_cell *young = open_cell(4, 3);
    CHECK_OK(spg_cell_write(old, "old", 3, SPG_NOWAIT));
    CHECK_INT(3, spg_cell_read(reader, found, 8, NULL));
    CHECK_RESULT(SPG_EAGAIN, spg_cell_read(young, found, 8, NULL));
    CHECK_OK(spg_cell_close(old));
    CHECK_OK(spg_cell_close(reader));
    close_and_unlink(young);
}

/* ---- several processes ----------------------------------------------------------------------- */

ROLE(sets_once) {
    spg_cell *cell = open_cell(16, 4);
    CHECK_OK(spg_cell_write(cell, "it stays", 8, SPG_FOREVER));
}

TEST(a_value_outlives_the_process_that_wrote_it) {
    char found[16];
    uint64_t version;
    ROLE_ENDS_WELL(role_start("sets_once"));
    ROLE_ENDS_WELL(role_start("sets_once"));
    spg_cell *cell = open_with(NULL);
    CHECK_INT(8, spg_cell_read(cell, found, sizeof found, &version));
    CHECK_INT(0, memcmp(found, "it stays", 8));
    CHECK_INT(2, version);
    close_and_unlink(cell);
}

/* Writes values of any size, copied or in place, until it is killed. */
ROLE(storms) {
    static unsigned char bytes[1 << 20];
    void *room;
    spg_cell *cell = open_with(NULL);
    uint64_t random = (uint64_t)getpid() * 88172645463325252u, seed = random;
    size_t capacity = spg_cell_capacity(cell);
    step_reach(1);
    for (;;) {
        size_t size = next_random(&random) % capacity + 1;
        if (random >> 20 & 1) {
            CHECK_OK(spg_cell_loan(cell, &room, SPG_FOREVER));
            fill_value(room, size, ++seed);
            CHECK_OK(spg_cell_publish(cell, size));
        } else {
            fill_value(bytes, size, ++seed);
            CHECK_OK(spg_cell_write(cell, bytes, size, SPG_FOREVER));
        }
        ++*counter(1);
    }
}

/* Writes tiny values as fast as it can, between large ones: whoever copies is overtaken. */
ROLE(overtakes) {
    static unsigned char bytes[1 << 20];
    spg_cell *cell = open_with(NULL);
    uint64_t seed = 0;
    size_t capacity = spg_cell_capacity(cell);
    fill_value(bytes, capacity, 77);
    for (;;) {
        for (int i = 0; i < 6; i++) {
            unsigned char small[24];
            fill_value(small, sizeof small, ++seed);
            CHECK_OK(spg_cell_write(cell, small, sizeof small, SPG_FOREVER));
        }
        CHECK_OK(spg_cell_write(cell, bytes, capacity, SPG_FOREVER));
    }
}

/* Reads until step 9; every value whole, versions never falling. */
ROLE(reads) {
    static unsigned char bytes[1 << 20];
    bool read_only = arguments[0] && strcmp(arguments[0], "only") == 0;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.read_only = read_only;
    spg_cell *cell = open_with(&options);
    uint64_t version, last = 0;
    long count = 0;
    while (*counter(0) < 9) {
        int size = spg_cell_read(cell, bytes, sizeof bytes, &version);
        if (size == SPG_EAGAIN && last == 0) continue;
        if (size == SPG_EFULL && read_only) continue;
        if (size < 0) FAIL("a read gives %s", spg_error_name(size));
        if (version < last)
            FAIL("version %llu after %llu", (unsigned long long)version, (unsigned long long)last);
        check_value(bytes, (size_t)size);
        last = version;
        count++;
    }
    CHECK(count > 0);
    CHECK_OK(spg_cell_close(cell));
}

static void storm(uint64_t capacity, uint32_t buffers, const char *writer, int milliseconds) {
    struct role *writers[WRITERS], *readers[3];
    spg_cell *cell = open_cell(capacity, buffers);
    for (int i = 0; i < WRITERS; i++) writers[i] = role_start(writer);
    for (int i = 0; i < 3; i++) readers[i] = role_start("reads", i == 2 ? "only" : "too");
    nap_ms(milliseconds);
    step_reach(9);
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(readers[i]);
    for (int i = 0; i < WRITERS; i++) role_kill(writers[i]);
    close_and_unlink(cell);
}

TEST(no_value_is_torn_in_a_storm_of_writers) {
    storm(STORM_CAPACITY, 4, "storms", 1500);
}
TEST(no_value_is_torn_with_the_fewest_buffers) {
    storm(STORM_CAPACITY, 3, "storms", 1500);
}
TEST(no_large_value_is_torn) {
    storm(1 << 20, 3, "storms", 1500);
}
TEST(no_value_is_torn_where_readers_are_overtaken) {
    storm(1 << 20, 3, "overtakes", 2000);
}
TEST(no_small_value_is_torn_with_the_most_buffers) {
    storm(40, 64, "storms", 1000);
}

TEST(a_killed_writer_leaves_the_value_as_it_was_and_the_next_one_goes_on) {
    static unsigned char bytes[STORM_CAPACITY];
    uint64_t version, last = 0, random = 88172645463325252u;
    spg_cell *cell = open_cell(STORM_CAPACITY, 4);
    for (int i = 0; i < 100; i++) {
        int64_t before = *counter(1);
        struct role *first = role_start("storms"), *second = role_start("storms");
        while (*counter(1) == before) nap_ms(1);
        nap_ms((int)(next_random(&random) % 4));
        kill(first->pid, SIGKILL);
        role_kill(second);
        CHECK_INT(-SIGKILL, role_wait(first));
        harness_running_count = 0;
        int size = spg_cell_read(cell, bytes, sizeof bytes, &version);
        if (size < 0) FAIL("a read gives %s", spg_error_name(size));
        check_value(bytes, (size_t)size);
        CHECK(version > last);
        fill_value(bytes, 100, 1);
        int64_t began = now_ns();
        CHECK_OK(spg_cell_write(cell, bytes, 100, SPG_FOREVER));
        CHECK(now_ns() - began < MILLISECONDS(5000));
        CHECK_INT(100, spg_cell_read(cell, bytes, sizeof bytes, &last));
        CHECK_INT(version + 1, last);
    }
    close_and_unlink(cell);
}

ROLE(dies_with_a_loan) {
    void *room;
    spg_cell *cell = open_with(NULL);
    CHECK_OK(spg_cell_loan(cell, &room, SPG_FOREVER));
    memset(room, 'x', 8);
    raise(SIGKILL);
}

TEST(the_loan_of_the_dead_is_nobodys) {
    char found[8];
    spg_cell *cell = open_cell(8, 3);
    CHECK_OK(spg_cell_write(cell, "before", 6, SPG_NOWAIT));
    for (int i = 0; i < 5; i++) CHECK_INT(-SIGKILL, role_wait(role_start("dies_with_a_loan")));
    CHECK_INT(6, spg_cell_read(cell, found, sizeof found, NULL));
    CHECK_INT(0, memcmp(found, "before", 6));
    CHECK_OK(spg_cell_write(cell, "after", 5, SPG_NOWAIT));
    CHECK_INT(5, spg_cell_read(cell, found, sizeof found, NULL));
    close_and_unlink(cell);
}
