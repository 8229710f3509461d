/* cell_damaged.c: cells whose bytes are wrong, of other users, of parents, and without room. */
#include "process/bad_luck.h"
#include "process/cell.h"

/* ---- damage ---------------------------------------------------------------------------------- */

static void patch(off_t at, const void *bytes, size_t count) {
    int fd = open(cell_path(), O_RDWR);
    CHECK(fd >= 0);
    CHECK_INT(count, pwrite(fd, bytes, count, at));
    close(fd);
}

static void patch_word(off_t at, uint64_t word) {
    patch(at, &word, sizeof word);
}

enum { AT_HEADER_SIZE = 28, AT_LATEST = 256, AT_GUARD = 384, AT_PINS = 896, AT_BUFFERS = 1920 };

TEST(versions_end_with_an_error) {
    char found[8];
    uint64_t version, most = ((uint64_t)1 << 56) - 1;
    spg_cell *cell = open_cell(8, 3);
    CHECK_OK(spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    uint64_t index = 1;
    int fd = open(cell_path(), O_RDWR);
    CHECK_INT(8, pread(fd, &index, 8, AT_LATEST));
    close(fd);
    index &= 255;
    patch_word(AT_BUFFERS + (off_t)(128 * index), most - 1);
    patch_word(AT_LATEST, (most - 1) << 8 | index);
    CHECK_OK(spg_cell_write(cell, "the last", 8, SPG_NOWAIT));
    CHECK_INT(8, spg_cell_read(cell, found, sizeof found, &version));
    CHECK_INT(most, version);
    CHECK_RESULT(SPG_EFULL, spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFULL, spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    CHECK_INT(8, spg_cell_read(cell, found, sizeof found, &version));
    close_and_unlink(cell);
}

TEST(words_that_cannot_be_right_are_told) {
    char found[8];
    spg_cell *cell = open_cell(8, 3), *other;
    CHECK_OK(spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    patch_word(AT_LATEST, 1 << 8 | 3);
    CHECK_RESULT(SPG_ECORRUPT, spg_cell_read(cell, found, 8, NULL));
    CHECK_RESULT(SPG_ECORRUPT, spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    patch_word(AT_LATEST, 2);
    CHECK_RESULT(SPG_ECORRUPT, spg_cell_read(cell, found, 8, NULL));
    patch_word(AT_LATEST, 9 << 8 | 1);
    CHECK_RESULT(SPG_ECORRUPT, spg_cell_read(cell, found, 8, NULL));
    CHECK_OK(spg_cell_write(cell, "y", 1, SPG_NOWAIT));
    CHECK_INT(1, spg_cell_read(cell, found, 8, NULL));
    for (off_t i = 0; i < 3; i++) patch_word(AT_BUFFERS + 128 * i + 8, 9);
    CHECK_RESULT(SPG_ECORRUPT, spg_cell_read(cell, found, 8, NULL));
    for (off_t at = 64; at < 128; at += 8) {
        uint64_t was;
        int fd = open(cell_path(), O_RDWR);
        CHECK_INT(8, pread(fd, &was, 8, at));
        patch_word(at, UINT64_MAX);
        CHECK_RESULT(SPG_ECORRUPT, spg_cell_open(&other, NULL, cell_name(), NULL));
        patch_word(at, was);
        close(fd);
    }
    CHECK_OK(spg_cell_open(&other, NULL, cell_name(), NULL));
    CHECK_OK(spg_cell_close(other));
    close_and_unlink(cell);
}

/* Each could be a cell's, but not in a file of this size. */
TEST(numbers_that_contradict_the_size_are_told) {
    static const uint64_t numbers[][2] = {{4096, 3}, {8, 64}, {1, 4}};
    spg_cell *cell = open_cell(8, 3), *other;
    for (int i = 0; i < 3; i++) {
        patch(64, numbers[i], sizeof numbers[i]);
        CHECK_RESULT(SPG_ECORRUPT, spg_cell_open(&other, NULL, cell_name(), NULL));
    }
    patch(64, (const uint64_t[]){8, 3}, 16);
    CHECK_OK(spg_cell_open(&other, NULL, cell_name(), NULL));
    CHECK_OK(spg_cell_close(other));
    close_and_unlink(cell);
}

/* Too small for itself, or larger than all there is. */
TEST(a_length_of_the_header_that_cannot_be_right_is_told) {
    static const uint32_t lengths[] = {0, 1, 63, UINT32_MAX};
    spg_cell *cell = open_cell(8, 3), *other;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint32_t was;
        int fd = open(cell_path(), O_RDWR);
        CHECK_INT(4, pread(fd, &was, 4, AT_HEADER_SIZE));
        patch(AT_HEADER_SIZE, &lengths[i], 4);
        CHECK_RESULT(SPG_ECORRUPT, spg_cell_open(&other, NULL, cell_name(), NULL));
        patch(AT_HEADER_SIZE, &was, 4);
        close(fd);
    }
    CHECK_OK(spg_cell_open(&other, NULL, cell_name(), NULL));
    CHECK_OK(spg_cell_close(other));
    close_and_unlink(cell);
}

TEST(noise_in_the_control_words_is_an_error_or_a_wait) {
    char bytes[64];
    void *room;
    uint64_t random = 123456789;
    for (int i = 0; i < 600; i++) {
        spg_cell *writer = open_cell(64, 3 + (uint32_t)i % 3), *reader = open_with(NULL);
        if (i % 4 == 0) CHECK(spg_cell_fd(reader) >= 0);
        CHECK_OK(spg_cell_write(writer, bytes, 64, SPG_NOWAIT));
        for (int n = 0; n < 4; n++) {
            uint64_t noise = next_random(&random) >> next_random(&random) % 64;
            uint64_t word = next_random(&random) % ((AT_BUFFERS + 600 - 256) / 8);
            patch_word((off_t)(256 + word * 8), noise);
        }
        for (int n = 0; n < 20; n++) {
            CHECK(spg_cell_write(writer, bytes, next_random(&random) % 65, SPG_NOWAIT) <= 0);
            if (spg_cell_loan(writer, &room, SPG_NOWAIT) == 0) {
                memset(room, n, 64);
                CHECK_OK(n % 2 ? spg_cell_discard(writer) : spg_cell_publish(writer, 64));
            }
            CHECK(spg_cell_read(reader, bytes, sizeof bytes, NULL) <= 64);
            CHECK(spg_cell_wait(reader, 3, MILLISECONDS(n == 7)) <= 0);
        }
        CHECK_OK(spg_cell_close(reader));
        close_and_unlink(writer);
    }
}

TEST(a_file_that_was_cut_is_told) {
    spg_cell *cell = open_cell(5000, 3);
    CHECK_OK(spg_cell_close(cell));
    CHECK_INT(0, truncate(cell_path(), 8192));
    CHECK_RESULT(SPG_ECORRUPT, spg_cell_open(&cell, NULL, cell_name(), NULL));
    CHECK_INT(0, truncate(cell_path(), 30));
    CHECK_RESULT(SPG_ETYPE, spg_cell_open(&cell, NULL, cell_name(), NULL));
    CHECK_OK(spg_cell_unlink(NULL, cell_name()));
}

/* ---- forks, users, room ---------------------------------------------------------------------- */

static void use_in_child(void *argument) {
    spg_cell *cell = argument;
    char found[8];
    void *room;
    CHECK_RESULT(SPG_EFORKED, spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_cell_loan(cell, &room, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_cell_publish(cell, 1));
    CHECK_RESULT(SPG_EFORKED, spg_cell_discard(cell));
    CHECK_RESULT(SPG_EFORKED, spg_cell_read(cell, found, 8, NULL));
    CHECK_RESULT(SPG_EFORKED, spg_cell_wait(cell, 0, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_cell_fd(cell));
    CHECK_OK(spg_cell_close(cell));
    cell = open_with(NULL);
    CHECK_RESULT(SPG_EAGAIN, spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_cell_close(cell));
}

TEST(a_fork_child_has_no_cell_and_takes_nothing_from_its_parent) {
    char found[8];
    void *room;
    spg_cell *cell = open_cell(8, 3), *other = open_with(NULL);
    int fd = spg_cell_fd(cell);
    CHECK(fd >= 0);
    CHECK_OK(spg_cell_loan(cell, &room, SPG_NOWAIT));
    ROLE_ENDS_WELL(role_fork(use_in_child, cell));
    memcpy(room, "mine", 4);
    CHECK_RESULT(SPG_EAGAIN, spg_cell_write(other, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_cell_publish(cell, 4));
    CHECK_OK(spg_cell_wait(cell, 0, SPG_NOWAIT));
    CHECK_INT(4, spg_cell_read(cell, found, sizeof found, NULL));
    CHECK_OK(spg_cell_close(other));
    close_and_unlink(cell);
}

ROLE(sets_once) {
    spg_cell *cell = open_cell(8, 4);
    CHECK_OK(spg_cell_write(cell, "it stays", 8, SPG_FOREVER));
}

static void read_in_child(void *argument) {
    char found[8];
    CHECK_RESULT(SPG_EFORKED, spg_cell_read(argument, found, 8, NULL));
    CHECK_RESULT(SPG_EFORKED, spg_cell_wait(argument, 0, SPG_NOWAIT));
    CHECK_OK(spg_cell_close(argument));
}

TEST(a_read_only_cell_writes_nothing) {
    char found[8];
    spg_cell *reader;
    spg_cell_options options = SPG_CELL_OPTIONS;
    ROLE_ENDS_WELL(role_start("sets_once"));
    options.read_only = 1;
    CHECK_OK(spg_cell_open(&reader, NULL, cell_name(), &options));
    void *room;
    CHECK_RESULT(SPG_EPERM, spg_cell_write(reader, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_cell_loan(reader, &room, SPG_NOWAIT));
    CHECK_INT(8, spg_cell_read(reader, (char[8]){0}, 8, NULL));
    spg_cell *writer = open_cell(8, 3); /* joins only now */
    CHECK_OK(spg_cell_write(writer, "later", 5, SPG_NOWAIT));
    CHECK_INT(5, spg_cell_read(reader, found, 8, NULL));
    ROLE_ENDS_WELL(role_fork(read_in_child, reader));
    CHECK_INT(5, spg_cell_read(reader, found, 8, NULL));
    CHECK_OK(spg_cell_close(reader));
    close_and_unlink(writer);
    CHECK_RESULT(SPG_ENOENT, spg_cell_open(&reader, NULL, cell_name(), &options));
    options.domain = "/dev/shm/no-such-domain";
    CHECK_RESULT(SPG_ENOENT, spg_cell_open(&reader, NULL, cell_name(), &options));
}

static void read_as_nobody(void *domain) {
    char found[8];
    spg_cell *cell = NULL;
    spg_cell_options options = SPG_CELL_OPTIONS;
    CHECK_INT(0, setresgid(65534, 65534, 65534));
    CHECK_INT(0, setresuid(65534, 65534, 65534));
    options.read_only = 1;
    options.domain = domain;
    CHECK_OK(spg_cell_open(&cell, NULL, cell_name(), &options));
    step_reach(1);
    CHECK_OK(spg_cell_wait(cell, 1, SPG_FOREVER));
    CHECK_INT(6, spg_cell_read(cell, found, 8, NULL));
    CHECK_INT(0, memcmp(found, "public", 6));
    CHECK_OK(spg_cell_close(cell));
    CHECK_RESULT(SPG_EPERM, spg_cell_open(&cell, NULL, "private", &options));
}

TEST(another_user_reads_what_he_is_let_read) {
    char domain[200];
    spg_node *node;
    spg_cell *cell, *closed;
    if (geteuid() != 0) SKIP("needs root, to have two users");
    snprintf(domain, sizeof domain, "%s-public", getenv("SAMEPAGE_DOMAIN"));
    spg_node_options node_options = SPG_NODE_OPTIONS;
    node_options.domain = domain;
    node_options.mode = 0755;
    CHECK_OK(spg_node_open(&node, &node_options));
    CHECK_INT(0, chmod(domain, 0755));
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = 8;
    CHECK_OK(spg_cell_open(&closed, node, "private", &options));
    options.mode = 0644;
    CHECK_OK(spg_cell_open(&cell, node, cell_name(), &options));
    CHECK_OK(spg_cell_write(cell, "first", 5, SPG_NOWAIT));
    struct role *reader = role_fork(read_as_nobody, domain);
    step_await(1);
    CHECK_OK(spg_cell_write(cell, "public", 6, SPG_NOWAIT));
    ROLE_ENDS_WELL(reader);
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_close(closed));
    CHECK_OK(spg_cell_unlink(node, cell_name()));
    CHECK_OK(spg_cell_unlink(node, "private"));
    CHECK_OK(spg_node_close(node));
    char table[300];
    snprintf(table, sizeof table, "%s/nodes", domain);
    CHECK_INT(0, unlink(table));
    CHECK_INT(0, rmdir(domain));
}

TEST(a_cell_without_room_is_an_error_and_leaves_nothing) {
    spg_cell *cell = NULL;
    spg_cell_options options = SPG_CELL_OPTIONS;
    live_on("size=1m,mode=1777");
    options.capacity = 1;
    CHECK_OK(spg_cell_open(&cell, NULL, "small", &options));
    int names = names_in(domain());
    options.capacity = MIB;
    for (int i = 0; i < 3; i++) {
        CHECK_RESULT(SPG_ENOSPC, spg_cell_open(&cell, NULL, cell_name(), &options));
        CHECK_DETAIL("test%2Fcell");
        CHECK_INT(names, names_in(domain()));
    }
    CHECK_OK(spg_cell_write(cell, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, "small"));
    CHECK_INT(names - 1, names_in(domain()));
}
