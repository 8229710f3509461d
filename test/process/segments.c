/* segments.c: segments of every kind between processes: by name, by descriptor, by fork.
 *
 * What one process writes, every other finds at another address: each side maps the segment twice.
 * Peers are this program, started anew in a role. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness/harness.h"

enum { BYTES_AT_MOST = (1 << 20) + 1 };
static const size_t sizes[] = {1, 4095, 4096, 4097, BYTES_AT_MOST};
enum { SIZES = 5 };

static spg_segment_options with_access(uint8_t access) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = access;
    return options;
}

static unsigned char pattern(size_t at, int seed) {
    return (unsigned char)(at * 131 + at / 4096 + (size_t)seed);
}

static void write_pattern(const spg_segment *segment, int seed) {
    unsigned char *bytes = spg_segment_address(segment);
    for (size_t i = 0; i < spg_segment_size(segment); i++) bytes[i] = pattern(i, seed);
}

static void check_pattern(const spg_segment *segment, size_t size, int seed) {
    const unsigned char *bytes = spg_segment_address(segment);
    CHECK_INT(size, spg_segment_size(segment));
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern(i, seed)) {
            FAIL("%s: byte %zu of %zu is %d, not %d", spg_segment_name(segment), i, size, bytes[i],
                 pattern(i, seed));
        }
    }
}

/* ---- a write that must die ------------------------------------------------------------------ */

static const unsigned char *fatal_byte;

static void count_as_fatal(int signal_number, siginfo_t *information, void *context) {
    (void)context;
    _exit(signal_number == SIGSEGV && information->si_addr == fatal_byte ? 42 : 43);
}

static void write_one_byte(void *argument) {
    struct sigaction action = {.sa_sigaction = count_as_fatal, .sa_flags = SA_SIGINFO};
    fatal_byte = argument;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    *(volatile unsigned char *)argument = 1;
}

/* In a child: SIGSEGV at exactly this byte. */
static void check_cannot_write(const spg_segment *segment) {
    unsigned char *bytes = spg_segment_address(segment);
    CHECK_INT(42, role_wait(role_fork(write_one_byte, bytes)));
    CHECK_INT(42, role_wait(role_fork(write_one_byte, bytes + spg_segment_size(segment) - 1)));
}

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

/* ---- growing -------------------------------------------------------------------------------- */

static spg_segment_options with_profile(const char *profile) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = strcmp(profile, "managed") == 0 ? SPG_MANAGED : SPG_BARE;
    return options;
}

ROLE(grower) {
    spg_segment *segment;
    spg_segment_options options = with_profile(arguments[1]);
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    check_pattern(segment, 1000, 1);
    step_reach(1);
    step_await(2);
    check_pattern(segment, 1000, 1);
    CHECK_OK(spg_segment_resize(segment, 0));
    check_pattern(segment, 300001, 1);
    CHECK_OK(spg_segment_resize(segment, 400000));
    write_pattern(segment, 3);
    CHECK_OK(spg_segment_close(segment));
}

/* Grown by us, then by a stranger; a reader and a writer follow. */
static void check_growing(const char *kind, const char *profile) {
    spg_segment *segment, *reader;
    spg_segment_options options = with_profile(profile), reading = options;
    const char *name = unique_name(kind, profile);
    reading.access = SPG_READ_ONLY;
    *counter(0) = 0;
    CHECK_OK(spg_segment_create(&segment, name, 1000, &options));
    CHECK_OK(spg_segment_open(&reader, name, &reading));
    write_pattern(segment, 1);
    struct role *role = role_start("grower", name, profile);
    step_await(1);
    CHECK_OK(spg_segment_resize(segment, 300001));
    check_pattern(reader, 1000, 1);
    const unsigned char *bytes = spg_segment_address(segment);
    for (size_t i = 1000; i < 300001; i++) CHECK_INT(0, bytes[i]);
    write_pattern(segment, 1);
    step_reach(2);
    ROLE_ENDS_WELL(role);
    CHECK_INT(300001, spg_segment_size(segment));
    CHECK_OK(spg_segment_resize(segment, 0));
    check_pattern(segment, 400000, 3);
    CHECK_OK(spg_segment_resize(segment, 400000));
    CHECK_OK(spg_segment_resize(reader, 400000));
    check_pattern(reader, 400000, 3);
    CHECK_RESULT(SPG_ETOOBIG, spg_segment_resize(segment, 399999));
    CHECK_DETAIL(name);
    CHECK_RESULT(SPG_EINVAL, spg_segment_resize(segment, SIZE_MAX));
    CHECK_RESULT(SPG_EINVAL, spg_segment_resize(segment, SIZE_MAX / 2 + 1));
    check_pattern(segment, 400000, 3);
    CHECK_OK(spg_segment_close(reader));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(a_segment_grows_while_others_have_it_and_they_follow) {
    check_growing("posix:", "bare");
    check_growing("posix:", "managed");
    check_growing("file:", "bare");
    check_growing("file:", "managed");
}

TEST(a_memfd_grows_and_who_adopted_it_follows) {
    spg_segment *made, *adopted;
    CHECK_OK(spg_segment_create(&made, "memfd:x", 10, NULL));
    CHECK_OK(spg_segment_open_fd(&adopted, spg_segment_fd(made), NULL));
    CHECK_OK(spg_segment_resize(adopted, 100001));
    CHECK_INT(10, spg_segment_size(made));
    write_pattern(adopted, 1);
    CHECK_OK(spg_segment_resize(made, 0));
    check_pattern(made, 100001, 1);
    CHECK_OK(spg_segment_close(adopted));
    CHECK_OK(spg_segment_close(made));
}

TEST(system_v_and_anonymous_segments_have_one_size) {
    static const char *const kinds[] = {"sysv:private", "anonymous:"};
    for (int i = 0; i < 2; i++) {
        spg_segment *segment;
        char name[64];
        CHECK_OK(spg_segment_create(&segment, kinds[i], 100, NULL));
        snprintf(name, sizeof name, "%s", spg_segment_name(segment));
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_resize(segment, 200));
        CHECK_DETAIL(name);
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_resize(segment, 0));
        CHECK_INT(100, spg_segment_size(segment));
        CHECK_OK(spg_segment_close(segment));
        if (i == 0) CHECK_OK(spg_segment_unlink(name));
    }
}

ROLE(grows_in_small_steps) {
    spg_segment *segment;
    spg_segment_options options = with_profile(arguments[1]);
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    for (size_t size = 1000; size <= 200000; size += 1000) {
        int result = spg_segment_resize(segment, size);
        if (result == SPG_ETOOBIG) result = spg_segment_resize(segment, 0);
        CHECK_OK(result);
        CHECK(spg_segment_size(segment) >= size);
        ((char *)spg_segment_address(segment))[spg_segment_size(segment) - 1] = 1;
    }
    CHECK_OK(spg_segment_close(segment));
}

TEST(several_may_grow_a_segment_at_once) {
    static const char *const profiles[] = {"bare", "managed"};
    for (int i = 0; i < 2; i++) {
        spg_segment *segment;
        struct role *roles[3];
        spg_segment_options options = with_profile(profiles[i]);
        const char *name = unique_name("posix:", profiles[i]);
        CHECK_OK(spg_segment_create(&segment, name, 1, &options));
        for (int j = 0; j < 3; j++)
            roles[j] = role_start("grows_in_small_steps", name, profiles[i]);
        for (int j = 0; j < 3; j++) ROLE_ENDS_WELL(roles[j]);
        CHECK_OK(spg_segment_resize(segment, 0));
        CHECK_INT(200000, spg_segment_size(segment));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

/* ---- unlink and close ----------------------------------------------------------------------- */

static void check_unlink_while_mapped(const char *name) {
    spg_segment *old, *also, *fresh;
    char told[300];
    CHECK_OK(spg_segment_create(&old, name, 5000, NULL));
    snprintf(told, sizeof told, "%s", spg_segment_name(old));
    CHECK_OK(spg_segment_open(&also, told, NULL));
    CHECK_OK(spg_segment_unlink(told));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(told));
    CHECK_DETAIL(told);
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&fresh, told, NULL));
    CHECK_DETAIL(told);
    write_pattern(old, 1);
    check_pattern(also, 5000, 1);
    CHECK_OK(spg_segment_create(&fresh, name, 10, NULL));
    CHECK_INT(0, *(char *)spg_segment_address(fresh));
    write_pattern(fresh, 2);
    check_pattern(old, 5000, 1);
    snprintf(told, sizeof told, "%s", spg_segment_name(fresh));
    CHECK_OK(spg_segment_close(old));
    check_pattern(also, 5000, 1);
    CHECK_OK(spg_segment_close(also));
    check_pattern(fresh, 10, 2);
    CHECK_OK(spg_segment_close(fresh));
    CHECK_OK(spg_segment_unlink(told));
}

TEST(who_has_a_segment_mapped_keeps_it_after_unlink) {
    check_unlink_while_mapped(unique_name("posix:", "x"));
    check_unlink_while_mapped(unique_name("file:", "x"));
    check_unlink_while_mapped(unique_name("sysv:", "x"));
}

TEST(an_unlinked_system_v_segment_is_gone_by_its_id_too) {
    check_unlink_while_mapped("sysv:private");
}

TEST(close_twice_is_an_error_and_close_of_null_is_none) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
    for (int i = 0; i < 5; i++) {
        spg_segment *segment;
        const char *name = unique_name(kinds[i], "x");
        CHECK_OK(spg_segment_create(&segment, name, 5000, NULL));
        CHECK_OK(spg_segment_close(segment));
        CHECK_RESULT(SPG_EINVAL, spg_segment_close(segment));
        CHECK_DETAIL("twice");
        if (i < 3) CHECK_OK(spg_segment_unlink(name));
    }
    CHECK_OK(spg_segment_close(NULL));
}

TEST(open_and_close_leave_no_descriptor_and_no_mapping) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
    for (int i = 0; i < 5; i++) {
        spg_segment *segment;
        const char *name = unique_name(kinds[i], "x");
        int before = count_descriptors();
        CHECK_OK(spg_segment_create(&segment, name, 5000, NULL));
        int fd = spg_segment_fd(segment);
        if (fd >= 0) CHECK_INT(FD_CLOEXEC, fcntl(fd, F_GETFD));
        else CHECK_RESULT(SPG_ENOTSUP, fd);
        char *address = spg_segment_address(segment);
        CHECK_OK(spg_segment_close(segment));
        CHECK_INT(before, count_descriptors());
        CHECK_INT(-1, msync(address, 5000, MS_ASYNC));
        CHECK_INT(ENOMEM, errno);
        if (i < 3) CHECK_OK(spg_segment_unlink(name));
        CHECK_RESULT(i < 3 ? SPG_ENOENT : SPG_ENOTSUP, spg_segment_open(&segment, name, NULL));
        CHECK_INT(before, count_descriptors());
    }
}

/* ---- fork ----------------------------------------------------------------------------------- */

static void use_and_close(void *argument) {
    spg_segment *segment = argument;
    check_pattern(segment, 5000, 1);
    write_pattern(segment, 2);
    CHECK_OK(spg_segment_close(segment));
    CHECK_RESULT(SPG_EINVAL, spg_segment_close(segment));
}

TEST(a_fork_child_goes_on_using_the_handle_and_closes_its_own_mapping) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
    for (int i = 0; i < 10; i++) {
        spg_segment *segment;
        spg_segment_options options = with_profile(i < 5 ? "bare" : "managed");
        const char *name = unique_name(kinds[i % 5], "x");
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        write_pattern(segment, 1);
        ROLE_ENDS_WELL(role_fork(use_and_close, segment));
        check_pattern(segment, 5000, 2);
        if (i % 5 == 3) CHECK_OK(spg_segment_resize(segment, 6000));
        CHECK_OK(spg_segment_close(segment));
        if (i % 5 < 3) CHECK_OK(spg_segment_unlink(name));
    }
}

static void grow_in_child(void *argument) {
    spg_segment *segment = argument;
    CHECK_OK(spg_segment_resize(segment, 70000));
    write_pattern(segment, 4);
}

TEST(a_parent_follows_when_its_fork_child_grows_a_segment) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, "memfd:x", 5000, NULL));
    ROLE_ENDS_WELL(role_fork(grow_in_child, segment));
    CHECK_INT(5000, spg_segment_size(segment));
    CHECK_OK(spg_segment_resize(segment, 0));
    check_pattern(segment, 70000, 4);
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_fork_child_has_copies_on_write_to_itself) {
    spg_segment *made, *copy;
    spg_segment_options options = with_access(SPG_COPY_ON_WRITE);
    CHECK_OK(spg_segment_create(&made, "memfd:x", 5000, NULL));
    write_pattern(made, 1);
    CHECK_OK(spg_segment_open_fd(&copy, spg_segment_fd(made), &options));
    ROLE_ENDS_WELL(role_fork(use_and_close, copy));
    check_pattern(copy, 5000, 1);
    CHECK_OK(spg_segment_close(copy));
    CHECK_OK(spg_segment_close(made));
}

#if defined(__SANITIZE_ADDRESS__)
enum { FORKS_BESIDE_THREADS_WORK = 0 }; /* the sanitizer's own memory is locked in the child */
#else
enum { FORKS_BESIDE_THREADS_WORK = 1 };
#endif

static _Atomic bool forks_are_over;

static void *open_and_close(void *argument) {
    while (!forks_are_over) {
        spg_segment *segment;
        CHECK_OK(spg_segment_create(&segment, "anonymous:", 100, NULL));
        CHECK_OK(spg_segment_close(segment));
    }
    return argument;
}

/* Forks fall into any moment of the thread's calls; the child must inherit no lock that is held. */
TEST(a_fork_beside_busy_threads_gives_a_child_that_works) {
    pthread_t threads[3];
    if (!FORKS_BESIDE_THREADS_WORK) SKIP("a sanitizer's child of a process with threads hangs");
    for (int i = 0; i < 3; i++) {
        CHECK_INT(0, pthread_create(&threads[i], NULL, open_and_close, NULL));
    }
    for (int i = 0; i < 500; i++) {
        pid_t child = fork();
        if (child == 0) {
            spg_segment *segment;
            signal(SIGALRM, SIG_DFL);
            alarm(10);
            CHECK_OK(spg_segment_create(&segment, "anonymous:", 100, NULL));
            CHECK_OK(spg_segment_close(segment));
            _exit(0);
        }
        int status;
        CHECK_INT(child, waitpid(child, &status, 0));
        CHECK_INT(0, status);
    }
    forks_are_over = true;
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

TEST(an_adopted_descriptor_stays_its_owners) {
    spg_segment *segment;
    int fd = memfd_create("foreign", MFD_CLOEXEC), before = count_descriptors();
    CHECK_INT(0, ftruncate(fd, 4097));
    CHECK_OK(spg_segment_open_fd(&segment, fd, NULL));
    CHECK(spg_segment_fd(segment) != fd);
    write_pattern(segment, 1);
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(before, count_descriptors());
    CHECK_OK(spg_segment_open_fd(&segment, fd, NULL));
    close(fd);
    check_pattern(segment, 4097, 1);
    CHECK_OK(spg_segment_close(segment));
}

TEST(what_cannot_be_mapped_is_not_adopted) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    int ends[2], empty = memfd_create("empty", MFD_CLOEXEC);
    CHECK_INT(0, pipe(ends));
    int no_segments[] = {ends[0],
                         ends[1],
                         empty,
                         open("/dev/shm", O_RDONLY | O_CLOEXEC),
                         open("/dev/null", O_RDWR | O_CLOEXEC),
                         socket(AF_UNIX, SOCK_STREAM, 0)};
    int before = count_descriptors();
    for (int i = 0; i < 6; i++) {
        CHECK_RESULT(SPG_ETYPE, spg_segment_open_fd(&segment, no_segments[i], NULL));
        CHECK(spg_error_detail()[0]);
    }
    CHECK(spg_segment_open_fd(&segment, -1, NULL) < 0);
    CHECK(spg_segment_open_fd(&segment, 19999, NULL) < 0);
    CHECK(segment == untouched);
    CHECK_INT(before, count_descriptors());
}

TEST(a_descriptor_that_cannot_be_read_or_written_is_no_permission) {
    spg_segment *segment = NULL;
    char path[64];
    int fd = memfd_create("foreign", MFD_CLOEXEC);
    CHECK_INT(0, ftruncate(fd, 4097));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reading = open(path, O_RDONLY | O_CLOEXEC), writing = open(path, O_WRONLY | O_CLOEXEC);
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&segment, reading, NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&segment, writing, NULL));
    CHECK(segment == NULL);
}

/* ---- passing -------------------------------------------------------------------------------- */

static const int socket_types[] = {SOCK_STREAM, SOCK_SEQPACKET};
static const char greeting[] = "SPGSEG01";

static void make_pair(int pair[2], int type) {
    CHECK_INT(0, socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
}

static void close_pair(const int pair[2]) {
    close(pair[0]);
    close(pair[1]);
}

static void send_raw(int socket, const char *bytes, size_t length, const int *fds, int count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(200 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec vector = {(void *)(uintptr_t)bytes, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
    }
    CHECK_INT(length, sendmsg(socket, &message, 0));
}

TEST(segments_are_passed_in_order_over_stream_and_packet_sockets) {
    for (int i = 0; i < 2; i++) {
        int pair[2], before = count_descriptors();
        make_pair(pair, socket_types[i]);
        for (int j = 1; j <= 5; j++) {
            spg_segment *segment;
            CHECK_OK(spg_segment_create(&segment, "memfd:x", (size_t)j * 1000, NULL));
            write_pattern(segment, j);
            CHECK_OK(spg_segment_send(segment, pair[0]));
            CHECK_OK(spg_segment_close(segment));
        }
        for (int j = 1; j <= 5; j++) {
            spg_segment *segment;
            CHECK_OK(spg_segment_receive(&segment, pair[1], NULL));
            check_pattern(segment, (size_t)j * 1000, j);
            CHECK_INT(FD_CLOEXEC, fcntl(spg_segment_fd(segment), F_GETFD));
            CHECK_OK(spg_segment_close(segment));
        }
        close_pair(pair);
        CHECK_INT(before, count_descriptors());
    }
}

/* Abstract addresses vanish with their sockets. */
static socklen_t address_of(struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "spgtest-%s",
                          harness_tag());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

ROLE(receiver) {
    struct sockaddr_un address;
    socklen_t length = address_of(&address);
    spg_segment *first, *second, *refused = NULL;
    spg_segment_options reading = with_access(SPG_READ_ONLY);
    int connection = socket(AF_UNIX, atoi(arguments[0]) | SOCK_CLOEXEC, 0);
    CHECK_INT(0, connect(connection, (struct sockaddr *)&address, length));
    int before = count_descriptors();
    CHECK_OK(spg_segment_receive(&first, connection, NULL));
    CHECK_OK(spg_segment_open_fd(&second, spg_segment_fd(first), NULL));
    CHECK(spg_segment_address(first) != spg_segment_address(second));
    check_pattern(first, 4097, 1);
    write_pattern(second, 2);
    CHECK_OK(spg_segment_close(first));
    CHECK_OK(spg_segment_close(second));
    CHECK_RESULT(SPG_EPERM, spg_segment_receive(&refused, connection, NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_receive(&refused, connection, NULL));
    CHECK(refused == NULL);
    CHECK_OK(spg_segment_receive(&first, connection, &reading));
    check_pattern(first, 4097, 3);
    check_cannot_write(first);
    CHECK_OK(spg_segment_close(first));
    CHECK_RESULT(SPG_ECLOSED, spg_segment_receive(&first, connection, NULL));
    CHECK_INT(before, count_descriptors());
}

/* What the receiver may do is what descriptor and seals allow. */
static void serve(int connection) {
    spg_segment *memory, *named, *reader, *sealed;
    spg_segment_options options = with_access(SPG_READ_ONLY);
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&memory, "memfd:x", 4097, NULL));
    write_pattern(memory, 1);
    CHECK_OK(spg_segment_send(memory, connection));
    CHECK_OK(spg_segment_create(&named, name, 4097, NULL));
    CHECK_OK(spg_segment_open(&reader, name, &options));
    CHECK_OK(spg_segment_send(reader, connection));
    options = with_access(SPG_READ_WRITE);
    options.seals = SPG_SEAL_FUTURE_WRITE | SPG_SEAL_SHRINK | SPG_SEAL_SEALS;
    CHECK_OK(spg_segment_create(&sealed, "memfd:sealed", 4097, &options));
    write_pattern(sealed, 3);
    CHECK_OK(spg_segment_send(sealed, connection));
    CHECK_OK(spg_segment_send(sealed, connection));
    CHECK_OK(spg_segment_close(sealed));
    CHECK_OK(spg_segment_close(reader));
    CHECK_OK(spg_segment_close(named));
    CHECK_OK(spg_segment_unlink(name));
    close(connection);
    while (*(unsigned char *)spg_segment_address(memory) != pattern(0, 2)) nap_ms(1);
    CHECK_OK(spg_segment_close(memory));
}

TEST(an_unrelated_program_receives_what_it_may_use_and_no_more) {
    for (int i = 0; i < 2; i++) {
        struct sockaddr_un address;
        socklen_t length = address_of(&address);
        char type[16];
        snprintf(type, sizeof type, "%d", socket_types[i]);
        int listening = socket(AF_UNIX, socket_types[i] | SOCK_CLOEXEC, 0);
        CHECK_INT(0, bind(listening, (struct sockaddr *)&address, length));
        CHECK_INT(0, listen(listening, 1));
        struct role *role = role_start("receiver", type);
        int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        CHECK(connection >= 0);
        serve(connection);
        ROLE_ENDS_WELL(role);
        close(listening);
    }
}

/* Sends this, expects that result, and no descriptor more or less afterwards; then a good one. */
static void check_message(int type, int expected, const char *bytes, size_t length, const int *fds,
                          int count) {
    spg_segment *good, *untouched = (spg_segment *)(void *)&good, *segment = untouched;
    int pair[2];
    make_pair(pair, type);
    CHECK_OK(spg_segment_create(&good, "memfd:good", 100, NULL));
    int before = count_descriptors();
    send_raw(pair[0], bytes, length, fds, count);
    CHECK_RESULT(expected, spg_segment_receive(&segment, pair[1], NULL));
    CHECK(spg_error_detail()[0]);
    CHECK(segment == untouched);
    CHECK_INT(before, count_descriptors());
    CHECK_OK(spg_segment_send(good, pair[0]));
    CHECK_OK(spg_segment_receive(&segment, pair[1], NULL));
    CHECK_INT(100, spg_segment_size(segment));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_close(good));
    close_pair(pair);
}

TEST(a_message_with_none_or_many_descriptors_is_refused_and_all_are_closed) {
    int fds[200];
    for (int i = 0; i < 200; i++) fds[i] = memfd_create("x", MFD_CLOEXEC);
    for (int i = 0; i < 200; i++) CHECK_INT(0, ftruncate(fds[i], 100));
    for (int i = 0; i < 2; i++) {
        static const int counts[] = {0, 2, 3, 8, 9, 10, 200};
        for (int j = 0; j < 7; j++) {
            check_message(socket_types[i], SPG_EINVAL, greeting, 8, fds, counts[j]);
        }
    }
}

TEST(a_message_with_a_descriptor_of_something_else_is_refused) {
    int ends[2];
    CHECK_INT(0, pipe(ends));
    int no_segments[] = {
        open("/dev/shm", O_RDONLY | O_CLOEXEC), open("/", O_PATH | O_CLOEXEC), ends[0], ends[1],
        open("/dev/zero", O_RDWR | O_CLOEXEC),  memfd_create("empty", 0)};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 6; j++) {
            check_message(socket_types[i], SPG_ETYPE, greeting, 8, &no_segments[j], 1);
        }
    }
}

TEST(a_message_with_another_greeting_is_refused) {
    static const char *const bad[] = {"SPGSEG02", "spgseg01", "\0\0\0\0\0\0\0\0"};
    int fd = memfd_create("x", MFD_CLOEXEC);
    CHECK_INT(0, ftruncate(fd, 100));
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) check_message(socket_types[i], SPG_ETYPE, bad[j], 8, &fd, 1);
        check_message(socket_types[i], SPG_ETYPE, greeting, 7, &fd, 1);
        check_message(socket_types[i], SPG_ETYPE, greeting, 1, &fd, 1);
    }
    check_message(SOCK_SEQPACKET, SPG_EINVAL, "SPGSEG01 and more", 17, &fd, 1);
}

TEST(a_socket_that_is_empty_full_closed_or_none_is_told_apart) {
    for (int i = 0; i < 2; i++) {
        int pair[2], sent = 0, result;
        spg_segment *segment, *untouched = (spg_segment *)(void *)&segment, *received = untouched;
        signal(SIGPIPE, SIG_DFL);
        make_pair(pair, socket_types[i] | SOCK_NONBLOCK);
        CHECK_OK(spg_segment_create(&segment, "memfd:x", 100, NULL));
        CHECK_RESULT(SPG_EAGAIN, spg_segment_receive(&received, pair[1], NULL));
        while ((result = spg_segment_send(segment, pair[0])) == 0) sent++;
        /* More descriptors on their way than the user may have open: the kernel refuses as well. */
        CHECK(result == SPG_EAGAIN || result == SPG_ESYSTEM);
        CHECK(sent > 0);
        while (sent-- > 0) {
            CHECK_OK(spg_segment_receive(&received, pair[1], NULL));
            CHECK_OK(spg_segment_close(received));
        }
        received = untouched;
        CHECK_RESULT(SPG_EAGAIN, spg_segment_receive(&received, pair[1], NULL));
        close(pair[0]);
        CHECK_RESULT(SPG_ECLOSED, spg_segment_receive(&received, pair[1], NULL));
        CHECK_RESULT(SPG_ESYSTEM, spg_segment_send(segment, pair[1]));
        close(pair[1]);
        CHECK(spg_segment_send(segment, pair[1]) < 0);
        CHECK(spg_segment_receive(&received, pair[1], NULL) < 0);
        CHECK(spg_segment_send(segment, spg_segment_fd(segment)) < 0);
        CHECK(received == untouched);
        CHECK_OK(spg_segment_close(segment));
    }
}

TEST(what_has_no_descriptor_cannot_be_sent) {
    static const char *const kinds[] = {"sysv:private", "anonymous:"};
    int pair[2];
    make_pair(pair, SOCK_STREAM);
    for (int i = 0; i < 2; i++) {
        spg_segment *segment;
        char name[64];
        CHECK_OK(spg_segment_create(&segment, kinds[i], 100, NULL));
        snprintf(name, sizeof name, "%s", spg_segment_name(segment));
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_send(segment, pair[0]));
        CHECK_DETAIL(name);
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_fd(segment));
        CHECK_OK(spg_segment_close(segment));
        if (i == 0) CHECK_OK(spg_segment_unlink(name));
    }
    close_pair(pair);
}

TEST(posix_and_file_segments_can_be_sent_too) {
    static const char *const kinds[] = {"posix:", "file:"};
    for (int i = 0; i < 4; i++) {
        spg_segment *segment, *received;
        spg_segment_options options = with_profile(i < 2 ? "bare" : "managed");
        const char *name = unique_name(kinds[i % 2], "x");
        int pair[2];
        make_pair(pair, SOCK_STREAM);
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        CHECK_OK(spg_segment_send(segment, pair[0]));
        CHECK_OK(spg_segment_receive(&received, pair[1], &options));
        write_pattern(segment, 1);
        check_pattern(received, 5000, 1);
        CHECK_OK(spg_segment_close(received));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
        close_pair(pair);
    }
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
