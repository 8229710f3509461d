/* segments.c: segments of every kind between processes, by name.
 *
 * What one process writes, every other finds at another address: each side maps the segment twice.
 * Peers are this program, started anew in a role. */
#include <sched.h>

#include "process/segment.h"

enum { BYTES_AT_MOST = (1 << 20) + 1 };
static const size_t sizes[] = {1, 4095, 4096, 4097, BYTES_AT_MOST};
enum { SIZES = 5 };

/* ---- by name -------------------------------------------------------------------------------- */

/* Finds pattern 1 through two mappings, and leaves pattern 2, half of it through each. */
ROLE(stranger) {
    const char *name = arguments[0];
    size_t size = (size_t)atol(arguments[1]);
    spg_segment *first, *second;
    CHECK_OK(spg_segment_open(&first, name, NULL));
    CHECK_OK(spg_segment_open(&second, name, NULL));
    CHECK(spg_segment_address(first) != spg_segment_address(second));
    CHECK(strcmp(name, spg_segment_name(first)) == 0);
    check_pattern(first, size, 1);
    check_pattern(second, size, 1);
    unsigned char *low = spg_segment_address(first), *high = spg_segment_address(second);
    for (size_t i = 0; i < size; i++) (i < size / 2 ? low : high)[i] = pattern(i, 2);
    check_pattern(first, size, 2);
    CHECK_OK(spg_segment_close(first));
    CHECK_OK(spg_segment_close(second));
}

static void check_by_name(const char *name, size_t size) {
    spg_segment *made, *again;
    char count[32], told[300];
    snprintf(count, sizeof count, "%zu", size);
    CHECK_OK(spg_segment_create(&made, name, size, NULL));
    snprintf(told, sizeof told, "%s", spg_segment_name(made));
    CHECK_OK(spg_segment_open(&again, told, NULL));
    CHECK(spg_segment_address(made) != spg_segment_address(again));
    write_pattern(made, 1);
    check_pattern(again, size, 1);
    ROLE_ENDS_WELL(role_start("stranger", told, count));
    check_pattern(made, size, 2);
    check_pattern(again, size, 2);
    CHECK_OK(spg_segment_close(again));
    CHECK_OK(spg_segment_close(made));
    CHECK_OK(spg_segment_unlink(told));
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&made, told, NULL));
}

TEST(two_programs_share_a_posix_segment_of_any_size) {
    for (int i = 0; i < SIZES; i++) check_by_name(unique_name("posix:", "x"), sizes[i]);
}

TEST(two_programs_share_a_file_of_any_size) {
    for (int i = 0; i < SIZES; i++) check_by_name(unique_name("file:", "x"), sizes[i]);
}

TEST(two_programs_share_a_system_v_segment_of_any_size_by_key) {
    for (int i = 0; i < SIZES; i++) check_by_name(unique_name("sysv:", "x"), sizes[i]);
}

TEST(two_programs_share_a_system_v_segment_of_any_size_by_id) {
    for (int i = 0; i < SIZES; i++) check_by_name("sysv:private", sizes[i]);
}

TEST(two_programs_share_a_system_v_segment_by_the_key_of_a_file) {
    char path[200], name[220];
    snprintf(path, sizeof path, "/dev/shm/spgtest-%s-key", harness_tag());
    snprintf(name, sizeof name, "sysv:%s#7", path);
    close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    for (int i = 0; i < SIZES; i++) check_by_name(name, sizes[i]);
    unlink(path);
}

/* On a disk file system the pages come and go by another way than in memory. */
TEST(two_programs_share_a_file_on_disk) {
    char folder[128], name[200];
    snprintf(folder, sizeof folder, "/var/tmp/spgtest-%s", harness_tag());
    if (mkdir(folder, 0700) < 0) SKIP("no /var/tmp");
    snprintf(name, sizeof name, "file:%s/x", folder);
    for (int i = 0; i < SIZES; i++) check_by_name(name, sizes[i]);
    CHECK_INT(0, rmdir(folder));
}

/* ---- access --------------------------------------------------------------------------------- */

static void check_read_only(const char *name) {
    spg_segment *made, *reader, *again;
    spg_segment_options options = with_access(SPG_READ_ONLY);
    CHECK_OK(spg_segment_create(&made, name, 4097, NULL));
    CHECK_OK(spg_segment_open(&reader, spg_segment_name(made), &options));
    write_pattern(made, 3);
    check_pattern(reader, 4097, 3);
    check_cannot_write(reader);
    check_pattern(made, 4097, 3);
    CHECK(spg_segment_resize(reader, 8000) < 0);
    if (spg_segment_fd(reader) >= 0) {
        CHECK_RESULT(SPG_EPERM, spg_segment_resize(reader, 8000));
        CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&again, spg_segment_fd(reader), NULL));
        CHECK_OK(spg_segment_open_fd(&again, spg_segment_fd(reader), &options));
        check_cannot_write(again);
        CHECK_OK(spg_segment_close(again));
    }
    char told[300];
    snprintf(told, sizeof told, "%s", spg_segment_name(made));
    CHECK_OK(spg_segment_close(reader));
    CHECK_OK(spg_segment_close(made));
    CHECK_OK(spg_segment_unlink(told));
}

TEST(a_reader_of_a_posix_segment_cannot_write) {
    check_read_only(unique_name("posix:", "x"));
}

TEST(a_reader_of_a_file_cannot_write) {
    check_read_only(unique_name("file:", "x"));
}

TEST(a_reader_of_a_system_v_segment_cannot_write) {
    check_read_only(unique_name("sysv:", "x"));
    check_read_only("sysv:private");
}

TEST(a_reader_of_a_memfd_cannot_write) {
    spg_segment *made, *reader;
    spg_segment_options options = with_access(SPG_READ_ONLY);
    CHECK_OK(spg_segment_create(&made, "memfd:x", 4097, NULL));
    CHECK_OK(spg_segment_open_fd(&reader, spg_segment_fd(made), &options));
    write_pattern(made, 3);
    check_pattern(reader, 4097, 3);
    check_cannot_write(reader);
    CHECK_OK(spg_segment_close(reader));
    CHECK_OK(spg_segment_close(made));
}

static void check_copy_on_write(spg_segment *made, spg_segment *copy) {
    write_pattern(made, 1);
    check_pattern(copy, 5000, 1);
    write_pattern(copy, 2);
    check_pattern(made, 5000, 1);
    write_pattern(made, 3);
    check_pattern(copy, 5000, 2);
    CHECK_RESULT(SPG_EPERM, spg_segment_resize(copy, 6000));
    CHECK_OK(spg_segment_close(copy));
}

TEST(what_is_written_to_a_copy_stays_with_the_writer) {
    static const char *const kinds[] = {"posix:", "file:"};
    spg_segment_options options = with_access(SPG_COPY_ON_WRITE);
    spg_segment *made, *copy;
    for (int i = 0; i < 2; i++) {
        const char *name = unique_name(kinds[i], "x");
        CHECK_OK(spg_segment_create(&made, name, 5000, NULL));
        CHECK_OK(spg_segment_open(&copy, name, &options));
        check_copy_on_write(made, copy);
        CHECK_OK(spg_segment_close(made));
        CHECK_OK(spg_segment_unlink(name));
    }
    CHECK_OK(spg_segment_create(&made, "memfd:x", 5000, NULL));
    CHECK_OK(spg_segment_open_fd(&copy, spg_segment_fd(made), &options));
    check_copy_on_write(made, copy);
    CHECK_OK(spg_segment_close(made));
}

static void check_exclusive(const char *kind) {
    spg_segment *first, *second;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    const char *name = unique_name(kind, "x");
    CHECK_OK(spg_segment_create(&first, name, 5000, NULL));
    write_pattern(first, 1);
    int before = count_descriptors();
    CHECK_RESULT(SPG_EEXIST, spg_segment_create(&second, name, 5000, NULL));
    CHECK_INT(before, count_descriptors());
    options.exclusive = 0;
    CHECK_OK(spg_segment_create(&second, name, 5000, &options));
    check_pattern(second, 5000, 1);
    CHECK_OK(spg_segment_close(second));
    CHECK_OK(spg_segment_close(first));
    CHECK_OK(spg_segment_unlink(name));
    CHECK_OK(spg_segment_create(&second, name, 10, &options));
    CHECK_INT(0, *(char *)spg_segment_address(second));
    CHECK_OK(spg_segment_close(second));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(who_comes_second_opens_what_is_there_or_is_refused) {
    check_exclusive("posix:");
    check_exclusive("file:");
    check_exclusive("sysv:");
}

ROLE(rival) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.exclusive = (uint8_t)(arguments[1][0] == '1');
    *counter(1) += 1;
    while (*counter(0) < 1) sched_yield();
    int result = spg_segment_create(&segment, arguments[0], 300000, &options);
    if (result == SPG_EEXIST) {
        *counter(3) += 1;
        CHECK_OK(spg_segment_open(&segment, arguments[0], NULL));
    } else {
        CHECK_OK(result);
        *counter(2) += 1;
    }
    CHECK_INT(300000, spg_segment_size(segment));
    __atomic_fetch_add((int *)spg_segment_address(segment), 1, __ATOMIC_SEQ_CST);
    CHECK_OK(spg_segment_close(segment));
}

/* All eight end with the same complete segment. */
static void check_rivals(const char *kind, const char *exclusive, int winners) {
    spg_segment *segment;
    struct role *roles[8];
    const char *name = unique_name(kind, "x");
    for (int i = 0; i < 4; i++) *counter(i) = 0;
    for (int i = 0; i < 8; i++) roles[i] = role_start("rival", name, exclusive);
    while (*counter(1) < 8) nap_ms(1);
    step_reach(1);
    for (int i = 0; i < 8; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(winners, *counter(2));
    CHECK_OK(spg_segment_open(&segment, name, NULL));
    CHECK_INT(8, *(int *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(of_eight_creators_of_one_name_one_wins) {
    check_rivals("posix:", "1", 1);
    check_rivals("file:", "1", 1);
    check_rivals("sysv:", "1", 1);
}

TEST(eight_creators_that_are_not_exclusive_all_get_the_same) {
    check_rivals("posix:", "0", 8);
    check_rivals("sysv:", "0", 8);
}

/* ---- programs that know nothing of Samepage ------------------------------------------------- */

static void exchange(unsigned char *bytes) {
    for (size_t i = 0; i < 4097; i++) CHECK_INT(pattern(i, 1), bytes[i]);
    for (size_t i = 0; i < 4097; i++) bytes[i] = pattern(i, 2);
}

ROLE(plain_posix) {
    struct stat status;
    int fd = shm_open(arguments[0], O_RDWR, 0);
    CHECK(fd >= 0);
    CHECK_INT(0, fstat(fd, &status));
    CHECK_INT(4097, status.st_size);
    unsigned char *bytes = mmap(NULL, 4097, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bytes != MAP_FAILED);
    exchange(bytes);
}

ROLE(plain_sysv) {
    struct shmid_ds status;
    int id = shmget((key_t)strtoul(arguments[0], NULL, 16), 4097, 0600);
    CHECK(id >= 0);
    CHECK_INT(0, shmctl(id, IPC_STAT, &status));
    CHECK_INT(4097, status.shm_segsz);
    unsigned char *bytes = shmat(id, NULL, 0);
    CHECK(bytes != (void *)-1);
    exchange(bytes);
}

ROLE(plain_file) {
    int fd = open(arguments[0], O_RDWR | O_CLOEXEC);
    unsigned char bytes[4098];
    CHECK_INT(4097, read(fd, bytes, sizeof bytes));
    exchange(bytes);
    CHECK_INT(4097, pwrite(fd, bytes, 4097, 0));
}

TEST(plain_programs_find_the_bytes_of_a_bare_segment_from_offset_0) {
    static const char *const kinds[] = {"posix:", "sysv:", "file:"};
    static const char *const roles[] = {"plain_posix", "plain_sysv", "plain_file"};
    for (int i = 0; i < 3; i++) {
        spg_segment *segment;
        const char *name = unique_name(kinds[i], "x");
        CHECK_OK(spg_segment_create(&segment, name, 4097, NULL));
        write_pattern(segment, 1);
        ROLE_ENDS_WELL(role_start(roles[i], name + strlen(kinds[i])));
        check_pattern(segment, 4097, 2);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

static void check_foreign(const char *name, unsigned char *bytes) {
    spg_segment *segment;
    for (size_t i = 0; i < 4097; i++) bytes[i] = pattern(i, 1);
    CHECK_OK(spg_segment_open(&segment, name, NULL));
    check_pattern(segment, 4097, 1);
    write_pattern(segment, 2);
    for (size_t i = 0; i < 4097; i++) CHECK_INT(pattern(i, 2), bytes[i]);
    CHECK_OK(spg_segment_close(segment));
    CHECK_RESULT(SPG_EEXIST, spg_segment_create(&segment, name, 10, NULL));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(what_plain_programs_made_is_opened_as_a_bare_segment) {
    const char *name = unique_name("posix:", "x");
    int fd = shm_open(name + strlen("posix:"), O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK_INT(0, ftruncate(fd, 4097));
    check_foreign(name, mmap(NULL, 4097, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    name = unique_name("sysv:", "x");
    int id = shmget((key_t)strtoul(name + strlen("sysv:"), NULL, 16), 4097,
                    IPC_CREAT | IPC_EXCL | 0777);
    CHECK(id >= 0);
    check_foreign(name, shmat(id, NULL, 0));
}
