/* bad_luck.c: no room, no descriptors, no memory, no permission, the wrong thing under a name,
 * signals without end, and a domain that is not as it should be.
 *
 * What fails says why, changes nothing and leaves nothing; the next call works. Full file systems
 * are small ones, mounted over /dev/shm in a mount namespace of the test's own. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include "harness/harness.h"

#if defined(__SANITIZE_ADDRESS__)
enum { LIMITED_MEMORY_WORKS = 0 };
#else
enum { LIMITED_MEMORY_WORKS = 1 };
#endif

enum { KIB = 1024, MIB = 1024 * 1024, TABLE = 4096 + 4096 * 64 };

static spg_segment_options managed(void) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    return options;
}

static spg_segment_options temporary(void) {
    spg_segment_options options = managed();
    options.lifetime = SPG_TEMPORARY;
    return options;
}

static const char *domain(void) {
    return getenv("SAMEPAGE_DOMAIN");
}

static const char *in_domain(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", domain(), name);
    return path;
}

static int names_in(const char *folder) {
    int count = 0;
    struct dirent *entry;
    DIR *directory = opendir(folder);
    while (directory && (entry = readdir(directory))) count += entry->d_name[0] != '.';
    if (directory) closedir(directory);
    return count;
}

static int count_segment(void *context, const spg_domain_entry *entry) {
    *(int *)context += entry->kind == SPG_ENTRY_SEGMENT;
    return 0;
}

static int segments_on_record(void) {
    int count = 0;
    CHECK_OK(spg_domain_list(NULL, count_segment, &count));
    return count;
}

/* How many are open, without the two that the process's node keeps in its domain. */
static int descriptors(void) {
    int others = 0, of_node = 0;
    struct dirent *entry;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && (entry = readdir(directory))) {
        char target[300] = "";
        if (readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1) < 0) continue;
        if (strncmp(target, domain(), strlen(domain())) == 0) of_node++;
        else others++;
    }
    if (directory) closedir(directory);
    return others + (of_node > 2 ? of_node - 2 : 0);
}

static void join_domain(void *argument) {
    uint64_t id;
    (void)argument;
    CHECK_OK(spg_node_id(NULL, &id));
}

/* Tries to create and expects this; nothing may be left of it. */
static void refuse(int expected, const char *name, size_t size,
                   const spg_segment_options *options) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    int before = descriptors();
    int result = spg_segment_create(&segment, name, size, options);
    if (result != expected) {
        FAIL("%s, %zu bytes: %s, not %s: %s", name, size, spg_error_name(result),
             spg_error_name(expected), spg_error_detail());
    }
    CHECK_DETAIL(name);
    CHECK(segment == untouched);
    CHECK_INT(before, descriptors());
}

static void check_works(const char *name, size_t size, const spg_segment_options *options) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, name, size, options));
    memset(spg_segment_address(segment), 1, size);
    char told[300];
    snprintf(told, sizeof told, "%s", spg_segment_name(segment));
    CHECK_OK(spg_segment_close(segment));
    if (strncmp(told, "memfd:", 6) == 0 || strncmp(told, "anonymous:", 10) == 0) return;
    if (!options || options->lifetime == SPG_KEEP) CHECK_OK(spg_segment_unlink(told));
}

static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
enum { KINDS = 5, NAMED_KINDS = 3 };

static void be_nobody(void) {
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
}

/* ---- sizes ---------------------------------------------------------------------------------- */

TEST(sizes_that_no_process_can_map_are_refused) {
    static const size_t sizes[] = {0, SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2 + 1};
    spg_segment_options options = managed();
    for (int i = 0; i < KINDS; i++) {
        for (int j = 0; j < 4; j++) {
            refuse(SPG_EINVAL, unique_name(kinds[i], "x"), sizes[j], NULL);
            refuse(SPG_EINVAL, unique_name(kinds[i], "x"), sizes[j], &options);
        }
        refuse(SPG_EINVAL, unique_name(kinds[i], "x"), SIZE_MAX / 2, &options);
    }
}

TEST(sizes_beyond_the_address_space_are_an_error_that_leaves_nothing) {
    static const char *const without_file[] = {"sysv:", "anonymous:"};
    for (int i = 0; i < 2; i++) {
        spg_segment *segment = NULL;
        const char *name = unique_name(without_file[i], "x");
        int result = spg_segment_create(&segment, name, (size_t)1 << 50, NULL);
        CHECK(result == SPG_ENOMEM || result == SPG_ENOSPC || result == SPG_EINVAL);
        CHECK_DETAIL(name);
        CHECK(segment == NULL);
        check_works(name, 4096, NULL);
    }
}

/* ---- a full file system --------------------------------------------------------------------- */

/* From now on /dev/shm, and the domain on it, is this file system. */
static void live_on(const char *options) {
    if (unshare(CLONE_NEWNS) < 0) SKIP("may not have a mount namespace: %s", strerror(errno));
    CHECK_INT(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_INT(0, mount("tmpfs", "/dev/shm", "tmpfs", 0, options));
}

static unsigned long free_room(void) {
    struct statvfs room;
    CHECK_INT(0, statvfs("/dev/shm", &room));
    return (unsigned long)room.f_bfree;
}

TEST(more_than_the_file_system_has_is_refused_with_a_word_about_room) {
    static const size_t sizes[] = {MIB + 1, 2 * MIB, 9 * MIB, (size_t)1 << 40, SIZE_MAX / 2 - 8192};
    live_on("size=1m,mode=1777");
    spg_segment_options options = managed();
    check_works(unique_name("posix:", "x"), 1, &options);
    unsigned long room = free_room();
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 5; j++) {
            refuse(SPG_ENOSPC, unique_name(kinds[i], "x"), sizes[j], NULL);
            CHECK_DETAIL("/dev/shm");
            CHECK_DETAIL("1 MiB");
            CHECK_DETAIL("free");
            CHECK_INT(room, free_room());
            refuse(SPG_ENOSPC, unique_name(kinds[i], "x"), sizes[j], &options);
            CHECK_DETAIL("1 MiB");
            CHECK_INT(room, free_room());
        }
    }
    CHECK_INT(1, names_in("/dev/shm"));
    CHECK_INT(1, names_in(domain()));
    check_works(unique_name("posix:", "x"), 700 * KIB, NULL);
}

TEST(no_room_is_no_room_however_the_pages_are_placed) {
    live_on("size=1m,mode=1777");
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    unsigned long room = free_room();
    options.huge_pages = SPG_HUGE_TRANSPARENT;
    refuse(SPG_ENOSPC, unique_name("posix:", "x"), 2 * MIB, &options);
    CHECK_DETAIL("free");
    CHECK_INT(room, free_room());
    options.populate = 1;
    refuse(SPG_ENOSPC, unique_name("file:", "x"), 2 * MIB, &options);
    CHECK_INT(room, free_room());
    CHECK_INT(0, names_in("/dev/shm"));
}

TEST(a_full_file_system_lets_what_is_there_be_used_and_removed) {
    char names[64][128];
    int count = 0;
    live_on("size=1m,mode=1777");
    spg_segment_options options = managed();
    for (;; count++) {
        spg_segment *segment;
        char suffix[16];
        snprintf(suffix, sizeof suffix, "%d", count);
        snprintf(names[count], sizeof names[count], "%s", unique_name("posix:", suffix));
        int result = spg_segment_create(&segment, names[count], 40 * KIB, &options);
        if (result == SPG_ENOSPC) break;
        CHECK_OK(result);
        memset(spg_segment_address(segment), count, 40 * KIB);
        CHECK_OK(spg_segment_close(segment));
    }
    CHECK(count > 10);
    CHECK_INT(count, segments_on_record());
    CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    for (int i = 0; i < count; i++) {
        spg_segment *segment;
        CHECK_OK(spg_segment_open(&segment, names[i], &options));
        CHECK_INT(i, ((char *)spg_segment_address(segment))[40 * KIB - 1]);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(names[i]));
    }
    CHECK_INT(1, names_in(domain()));
    CHECK_INT(1, names_in("/dev/shm"));
}

/* Not exclusive means: open it if it is there. That takes no room. */
TEST(a_full_file_system_lets_a_creator_that_is_not_exclusive_open_what_is_there) {
    live_on("size=1m,mode=1777");
    for (uint8_t profile = SPG_BARE; profile <= SPG_MANAGED; profile++) {
        spg_segment_options options = SPG_SEGMENT_OPTIONS;
        spg_segment *segment, *again;
        const char *name = unique_name("posix:", "x");
        options.profile = profile;
        CHECK_OK(spg_segment_create(&segment, name, 600 * KIB, &options));
        options.exclusive = 0;
        CHECK_OK(spg_segment_create(&again, name, 600 * KIB, &options));
        CHECK_INT(600 * KIB, spg_segment_size(again));
        CHECK_OK(spg_segment_close(again));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

TEST(a_creator_that_fails_takes_nothing_from_what_has_the_name) {
    live_on("size=1m,mode=1777");
    spg_segment_options options = managed();
    spg_segment *segment, *refused = NULL;
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 100 * KIB, &options));
    CHECK(spg_segment_create(&refused, name, 2 * MIB, &options) < 0);
    CHECK(refused == NULL);
    CHECK_INT(1, segments_on_record());
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
    CHECK_INT(1, names_in(domain()));
}

static void grow_on_full(const char *name, uint8_t profile) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    spg_segment *segment;
    struct stat status;
    options.profile = profile;
    CHECK_OK(spg_segment_create(&segment, name, 100 * KIB, &options));
    memset(spg_segment_address(segment), 7, 100 * KIB);
    CHECK_INT(0, fstat(spg_segment_fd(segment), &status));
    off_t size = status.st_size;
    unsigned long room = free_room();
    for (int i = 0; i < 3; i++) {
        CHECK_RESULT(SPG_ENOSPC, spg_segment_resize(segment, (size_t)(i ? 12 : 2) * MIB));
        CHECK_DETAIL(name);
        CHECK_DETAIL("free");
        CHECK_INT(100 * KIB, spg_segment_size(segment));
        CHECK_INT(7, ((char *)spg_segment_address(segment))[100 * KIB - 1]);
        CHECK_INT(0, fstat(spg_segment_fd(segment), &status));
        CHECK_INT(size, status.st_size);
        CHECK_INT(room, free_room());
    }
    CHECK_OK(spg_segment_resize(segment, 200 * KIB));
    memset(spg_segment_address(segment), 8, 200 * KIB);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(a_growth_without_room_changes_nothing) {
    live_on("size=1m,mode=1777");
    grow_on_full(unique_name("posix:", "x"), SPG_BARE);
    grow_on_full(unique_name("file:", "x"), SPG_MANAGED);
}

ROLE(grows_too_far) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = (uint8_t)atoi(arguments[1]);
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    while (*counter(0) < 1) {
        int result = spg_segment_resize(segment, (size_t)1 << 30);
        if (result != SPG_ETOOBIG) CHECK_RESULT(SPG_ENOSPC, result);
        CHECK_OK(spg_segment_resize(segment, 0));
        *counter(1) += 1;
    }
}

/* What one has grown stays, though another at the same time finds no room for more. */
TEST(a_growth_without_room_takes_nothing_from_one_that_found_room) {
    live_on("size=24m,mode=1777");
    for (int profile = SPG_BARE; profile <= SPG_MANAGED; profile++) {
        spg_segment *segment;
        spg_segment_options options = SPG_SEGMENT_OPTIONS;
        char text[4];
        const char *name = unique_name("posix:", "x");
        options.profile = (uint8_t)profile;
        snprintf(text, sizeof text, "%d", profile);
        *counter(0) = *counter(1) = 0;
        CHECK_OK(spg_segment_create(&segment, name, 4096, &options));
        struct role *role = role_start("grows_too_far", name, text);
        while (*counter(1) < 1) nap_ms(1);
        for (size_t size = 8192; size <= 200 * 4096; size += 4096) {
            int result;
            while ((result = spg_segment_resize(segment, size)) == SPG_ENOSPC) sched_yield();
            CHECK_OK(result);
            ((volatile char *)spg_segment_address(segment))[size - 1] = 1;
        }
        step_reach(1);
        ROLE_ENDS_WELL(role);
        const char *bytes = spg_segment_address(segment);
        for (size_t size = 8192; size <= 200 * 4096; size += 4096) CHECK_INT(1, bytes[size - 1]);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

TEST(a_domain_that_has_no_room_is_not_half_made) {
    live_on("size=128k,mode=1777");
    spg_segment_options options = managed();
    uint64_t id;
    CHECK_RESULT(SPG_ENOSPC, spg_node_id(NULL, &id));
    CHECK_DETAIL(domain());
    spg_segment *segment = NULL;
    CHECK_RESULT(SPG_ENOSPC, spg_segment_create(&segment, unique_name("posix:", "x"), 1, &options));
    CHECK_INT(0, names_in(domain()));
    check_works(unique_name("posix:", "x"), 100 * KIB, NULL);
    CHECK_INT(0, mount("tmpfs", "/dev/shm", "tmpfs", MS_REMOUNT, "size=1m"));
    check_works(unique_name("posix:", "x"), 100 * KIB, &options);
}

static void create_with_few_names(void *argument) {
    const spg_segment_options *options = argument;
    spg_segment *segment;
    const char *name = unique_name("posix:", "x");
    int result = spg_segment_create(&segment, name, 100, options);
    if (result == 0) {
        CHECK_OK(spg_segment_close(segment));
        if (options->lifetime == SPG_KEEP) CHECK_OK(spg_segment_unlink(name));
        *counter(1) += 1;
    } else {
        CHECK_RESULT(SPG_ENOSPC, result);
    }
    CHECK(names_in(domain()) <= 1);
    CHECK(names_in("/dev/shm") <= 1);
}

TEST(no_room_for_another_name_leaves_no_record_and_no_segment) {
    live_on("size=4m,mode=1777");
    for (int inodes = 2; inodes <= 12; inodes++) {
        char options[64];
        spg_segment_options kept = managed(), removed = temporary();
        CHECK_INT(0, umount("/dev/shm"));
        snprintf(options, sizeof options, "size=4m,mode=1777,nr_inodes=%d", inodes);
        CHECK_INT(0, mount("tmpfs", "/dev/shm", "tmpfs", 0, options));
        ROLE_ENDS_WELL(role_fork(create_with_few_names, &kept));
        ROLE_ENDS_WELL(role_fork(create_with_few_names, &removed));
        CHECK(spg_check(NULL, NULL, NULL, NULL) <= 0);
    }
    CHECK(*counter(1) > 0);
}

static bool write_number(const char *path, const char *number) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, number, strlen(number)) > 0;
    close(fd);
    return written;
}

TEST(the_systems_limits_on_system_v_segments_are_told) {
    spg_segment *segment = NULL;
    spg_segment_options options = managed();
    if (unshare(CLONE_NEWIPC) < 0) SKIP("may not have an IPC namespace: %s", strerror(errno));
    if (!write_number("/proc/sys/kernel/shmmni", "0")) SKIP("may not change its limits");
    refuse(SPG_ENOSPC, unique_name("sysv:", "x"), 100, NULL);
    refuse(SPG_ENOSPC, unique_name("sysv:", "x"), 100, &options);
    CHECK_INT(1, names_in(domain()));
    /* The file of the key has nothing to do with it. */
    CHECK_RESULT(SPG_ENOSPC, spg_segment_create(&segment, "sysv:/proc/self/exe#7", 100, NULL));
    if (strstr(spg_error_detail(), "free;")) FAIL("wrong room: %s", spg_error_detail());
    CHECK(write_number("/proc/sys/kernel/shmmni", "4096"));
    CHECK(write_number("/proc/sys/kernel/shmmax", "8191"));
    int result = spg_segment_create(&segment, unique_name("sysv:", "x"), 8192, NULL);
    CHECK(result == SPG_EINVAL || result == SPG_ENOSPC);
    check_works(unique_name("sysv:", "x"), 8191, NULL);
    check_works(unique_name("sysv:", "x"), 4000, &options);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void limit_files(void *argument) {
    struct rlimit limit = {MIB, MIB};
    spg_segment_options options = managed();
    spg_segment *segment;
    signal(SIGXFSZ, argument ? SIG_IGN : SIG_DFL);
    CHECK_INT(0, setrlimit(RLIMIT_FSIZE, &limit));
    for (int i = 0; i < KINDS; i++) {
        const char *name = unique_name(kinds[i], "x");
        if (strcmp(kinds[i], "sysv:") == 0 || strcmp(kinds[i], "anonymous:") == 0) continue;
        refuse(SPG_ENOSPC, name, MIB + 1, NULL);
        refuse(SPG_ENOSPC, name, MIB + 1, &options);
        check_works(name, MIB, NULL);
        CHECK_OK(spg_segment_create(&segment, name, 100 * KIB, NULL));
        CHECK_RESULT(SPG_ENOSPC, spg_segment_resize(segment, MIB + 1));
        CHECK_INT(100 * KIB, spg_segment_size(segment));
        CHECK_OK(spg_segment_close(segment));
        if (i < NAMED_KINDS) CHECK_OK(spg_segment_unlink(name));
    }
}

TEST(a_limit_on_file_sizes_is_an_error) {
    ROLE_ENDS_WELL(role_fork(limit_files, "ignore the signal"));
}

TEST(a_limit_on_file_sizes_does_not_kill_by_sigxfsz) {
    ROLE_ENDS_WELL(role_fork(limit_files, NULL));
}

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

static void limit_memory(void *argument) {
    enum { MUCH = 64 * MIB };
    long pages = 0;
    spg_segment_options options = managed();
    spg_segment *segment = NULL;
    (void)argument;
    FILE *file = fopen("/proc/self/statm", "re");
    CHECK_INT(1, fscanf(file, "%ld", &pages));
    fclose(file);
    for (int i = 0; i < KINDS; i++) check_works(unique_name(kinds[i], "x"), 100, &options);
    struct rlimit limit = {(rlim_t)pages * 4096 + MUCH / 2, RLIM_INFINITY};
    CHECK_INT(0, setrlimit(RLIMIT_AS, &limit));
    for (int i = 0; i < KINDS; i++) {
        const char *name = unique_name(kinds[i], "x");
        refuse(SPG_ENOMEM, name, MUCH, NULL);
        refuse(SPG_ENOMEM, name, MUCH, &options);
        check_works(name, 5000, &options);
        if (i >= NAMED_KINDS) continue;
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        CHECK(spg_segment_create(&segment, name, MUCH, &options) < 0);
        CHECK_INT(1, segments_on_record());
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
    CHECK_OK(spg_segment_create(&segment, "memfd:x", 5000, NULL));
    CHECK_RESULT(SPG_ENOMEM, spg_segment_resize(segment, MUCH));
    CHECK_INT(5000, spg_segment_size(segment));
    memset(spg_segment_address(segment), 1, 5000);
    CHECK_OK(spg_segment_close(segment));
}

TEST(without_address_space_nothing_is_made_and_nothing_lost) {
    if (!LIMITED_MEMORY_WORKS) SKIP("a sanitizer needs the address space");
    ROLE_ENDS_WELL(role_fork(limit_memory, NULL));
    CHECK_INT(1, names_in(domain()));
}

/* The mapping has not changed; the segment may have grown. */
static void grow_beyond_address_space(void *argument) {
    enum { MUCH = 64 * MIB };
    long pages = 0;
    spg_segment *segment;
    (void)argument;
    FILE *file = fopen("/proc/self/statm", "re");
    CHECK_INT(1, fscanf(file, "%ld", &pages));
    fclose(file);
    CHECK_OK(spg_segment_create(&segment, "memfd:x", 5000, NULL));
    memset(spg_segment_address(segment), 7, 5000);
    struct rlimit limit = {(rlim_t)pages * 4096 + MUCH / 2, RLIM_INFINITY};
    CHECK_INT(0, setrlimit(RLIMIT_AS, &limit));
    CHECK_RESULT(SPG_ENOMEM, spg_segment_resize(segment, MUCH));
    CHECK_DETAIL("memfd:x");
    CHECK_INT(5000, spg_segment_size(segment));
    CHECK_INT(7, ((char *)spg_segment_address(segment))[4999]);
    limit.rlim_cur = RLIM_INFINITY;
    CHECK_INT(0, setrlimit(RLIMIT_AS, &limit));
    CHECK_OK(spg_segment_resize(segment, MUCH));
    CHECK_INT(7, ((char *)spg_segment_address(segment))[4999]);
    ((char *)spg_segment_address(segment))[MUCH - 1] = 1;
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_growth_without_address_space_leaves_the_mapping_as_it_is) {
    if (!LIMITED_MEMORY_WORKS) SKIP("a sanitizer needs the address space");
    ROLE_ENDS_WELL(role_fork(grow_beyond_address_space, NULL));
}

/* ---- permission ----------------------------------------------------------------------------- */

static void try_without_permission(void *argument) {
    const char *name = argument;
    spg_segment *segment = NULL;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    be_nobody();
    int before = descriptors();
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, name, NULL));
    CHECK_DETAIL(name);
    options.access = SPG_READ_ONLY;
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, name, &options));
    CHECK_DETAIL(name);
    CHECK_RESULT(SPG_EPERM, spg_segment_unlink(name));
    CHECK_DETAIL(name);
    options = managed();
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, name, &options));
    options = (spg_segment_options)SPG_SEGMENT_OPTIONS;
    options.exclusive = 0;
    CHECK_RESULT(SPG_EPERM, spg_segment_create(&segment, name, 10, &options));
    CHECK(segment == NULL);
    CHECK_INT(before, descriptors());
}

TEST(the_segment_of_another_user_is_closed_to_us) {
    if (geteuid() != 0) SKIP("needs root, to have two users");
    join_domain(NULL);
    for (int i = 0; i < NAMED_KINDS; i++) {
        spg_segment *segment;
        spg_segment_options options = i == 1 ? managed() : (spg_segment_options)SPG_SEGMENT_OPTIONS;
        const char *name = unique_name(kinds[i], "x");
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        ROLE_ENDS_WELL(role_fork(try_without_permission, (void *)name));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

static void read_without_permission_to_write(void *argument) {
    spg_segment *segment = NULL;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    be_nobody();
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, argument, NULL));
    options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open(&segment, argument, &options));
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
}

TEST(who_may_only_read_reads) {
    if (geteuid() != 0) SKIP("needs root, to have two users");
    for (int i = 0; i < NAMED_KINDS; i++) {
        spg_segment *segment;
        spg_segment_options options = SPG_SEGMENT_OPTIONS;
        const char *name = unique_name(kinds[i], "x");
        options.mode = 0644;
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        *(char *)spg_segment_address(segment) = 7;
        ROLE_ENDS_WELL(role_fork(read_without_permission_to_write, (void *)name));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

static void create_without_permission(void *argument) {
    spg_segment_options options = managed();
    spg_segment *segment = NULL;
    be_nobody();
    refuse(SPG_EPERM, argument, 100, NULL);
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, argument, NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_unlink(argument));
    CHECK_RESULT(SPG_EPERM, spg_segment_create(&segment, "posix:spgtest-never", 100, &options));
    CHECK_DETAIL(domain());
    int count = 0;
    CHECK_RESULT(SPG_EPERM, spg_domain_list(NULL, count_segment, &count));
    CHECK_DETAIL(domain());
    CHECK_RESULT(SPG_EPERM, spg_check(NULL, NULL, NULL, NULL));
    CHECK_RESULT(SPG_EPERM, spg_collect(NULL, NULL));
}

TEST(a_directory_without_permission_is_told) {
    char folder[128], name[200];
    if (geteuid() != 0) SKIP("needs root, to have two users");
    join_domain(NULL);
    snprintf(folder, sizeof folder, "/dev/shm/spgtest-%s-folder", harness_tag());
    snprintf(name, sizeof name, "file:%s/x", folder);
    CHECK_INT(0, mkdir(folder, 0700));
    ROLE_ENDS_WELL(role_fork(create_without_permission, name));
    CHECK_INT(0, rmdir(folder));
}

TEST(a_read_only_file_system_is_told) {
    live_on("size=1m,mode=1777");
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 100, NULL));
    *(char *)spg_segment_address(segment) = 7;
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(0, mount("tmpfs", "/dev/shm", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL));
    refuse(SPG_EPERM, unique_name("posix:", "y"), 100, NULL);
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, name, NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_unlink(name));
    options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open(&segment, name, &options));
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
}

/* ---- the wrong thing under a name ----------------------------------------------------------- */

static const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s%s", strncmp(name, "posix:", 6) == 0 ? "/dev/shm" : "",
             strchr(name, '/'));
    return path;
}

/* Nobody opens it, in no way, and no creator takes its place. */
static void check_refused(const char *name, const int *allowed, int count) {
    int before = descriptors();
    for (int i = 0; i < 6; i++) {
        spg_segment *segment = NULL;
        spg_segment_options options = i < 3 ? (spg_segment_options)SPG_SEGMENT_OPTIONS : managed();
        options.access = (uint8_t)(i % 3);
        int result = spg_segment_open(&segment, name, &options);
        bool good = false;
        for (int j = 0; j < count; j++) good = good || result == allowed[j];
        if (!good) FAIL("open %s: %s: %s", name, spg_error_name(result), spg_error_detail());
        CHECK_DETAIL(name);
        options.access = SPG_READ_WRITE;
        refuse(SPG_EEXIST, name, 100, &options);
        options.exclusive = 0;
        CHECK(spg_segment_create(&segment, name, 100, &options) < 0);
        CHECK(segment == NULL);
    }
    CHECK_INT(before, descriptors());
    CHECK_INT(0, segments_on_record());
}

TEST(a_symbolic_link_under_a_name_is_not_followed) {
    static const int allowed[] = {SPG_EPERM};
    spg_segment *segment;
    const char *target = unique_name("posix:", "target");
    char target_path[300], missing[300];
    CHECK_OK(spg_segment_create(&segment, target, 5000, NULL));
    memset(spg_segment_address(segment), 7, 5000);
    snprintf(target_path, sizeof target_path, "%s", path_of(target));
    snprintf(missing, sizeof missing, "%s", path_of(unique_name("posix:", "missing")));
    for (int i = 0; i < 4; i++) {
        const char *name = unique_name(kinds[i % 2], "link");
        CHECK_INT(0, symlink(i < 2 ? target_path : missing, path_of(name)));
        check_refused(name, allowed, 1);
        CHECK_INT(-1, access(missing, F_OK));
        CHECK_INT(0, unlink(path_of(name)));
    }
    CHECK_INT(7, ((char *)spg_segment_address(segment))[4999]);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(target));
}

TEST(a_fifo_or_a_device_or_a_directory_under_a_name_is_refused_without_waiting) {
    static const int allowed[] = {SPG_ETYPE, SPG_EPERM}; /* devices can be forbidden here */
    signal(SIGALRM, SIG_DFL);
    alarm(30);
    for (int i = 0; i < 2; i++) {
        const char *name = unique_name(kinds[i], "x");
        CHECK_INT(0, mkfifo(path_of(name), 0600));
        check_refused(name, allowed, 1);
        CHECK_INT(0, unlink(path_of(name)));
        CHECK_INT(0, mkdir(path_of(name), 0700));
        check_refused(name, allowed, 1);
        CHECK_INT(0, rmdir(path_of(name)));
        if (mknod(path_of(name), S_IFCHR | 0600, makedev(1, 5)) < 0) continue;
        check_refused(name, allowed, 2);
        CHECK_INT(0, unlink(path_of(name)));
    }
}

/* ---- signals without end -------------------------------------------------------------------- */

static void on_alarm(int signal_number) {
    (void)signal_number;
}

static void begin_storm(void) {
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval every = {{0, 1000}, {0, 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static void end_storm(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}

/* Without the resident pages there is no room; then the test says nothing. */
static void need_room(const char *folder, uint64_t bytes) {
    struct statvfs room;
    if (statvfs(folder, &room) < 0) SKIP("no %s", folder);
    if ((uint64_t)room.f_bavail * room.f_frsize < 2 * bytes) SKIP("too little room in %s", folder);
}

static void check_storm(const char *name, size_t size) {
    begin_storm();
    check_works(name, size, NULL);
    end_storm();
}

TEST(signals_without_end_do_not_keep_large_segments_from_being_made) {
    need_room("/dev/shm", (uint64_t)256 * MIB);
    check_storm(unique_name("posix:", "x"), (size_t)256 * MIB);
    check_storm("memfd:x", (size_t)256 * MIB);
}

TEST(signals_without_end_do_not_keep_pages_from_being_faulted_in) {
    need_room("/dev/shm", (uint64_t)128 * MIB);
    check_storm("anonymous:", (size_t)128 * MIB);
    check_storm(unique_name("sysv:", "x"), (size_t)128 * MIB);
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.huge_pages = SPG_HUGE_TRANSPARENT;
    begin_storm();
    check_works(unique_name("posix:", "x"), (size_t)128 * MIB, &options);
    end_storm();
}

TEST(signals_without_end_do_not_keep_a_file_on_disk_from_being_made) {
    char folder[128], name[200];
    need_room("/var/tmp", (uint64_t)256 * MIB);
    snprintf(folder, sizeof folder, "/var/tmp/spgtest-%s", harness_tag());
    if (mkdir(folder, 0700) < 0) SKIP("no /var/tmp");
    snprintf(name, sizeof name, "file:%s/x", folder);
    spg_segment *segment;
    begin_storm();
    int result = spg_segment_create(&segment, name, (size_t)256 * MIB, NULL);
    if (result == 0) CHECK_OK(spg_segment_resize(segment, (size_t)257 * MIB));
    end_storm();
    unlink(name + strlen("file:"));
    rmdir(folder);
    CHECK_OK(result);
    CHECK_OK(spg_segment_close(segment));
}

TEST(signals_without_end_do_not_disturb_the_small_calls) {
    spg_segment_options options = temporary();
    int pair[2];
    CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    begin_storm();
    int64_t end = now_ns() + MILLISECONDS(300);
    while (now_ns() < end) {
        spg_segment *received, *memory;
        for (int i = 0; i < NAMED_KINDS; i++)
            check_works(unique_name(kinds[i], "x"), 5000, &options);
        CHECK_OK(spg_segment_create(&memory, "memfd:x", 5000, NULL));
        CHECK_OK(spg_segment_send(memory, pair[0]));
        CHECK_OK(spg_segment_receive(&received, pair[1], NULL));
        CHECK_OK(spg_segment_close(received));
        CHECK_OK(spg_segment_close(memory));
        CHECK_OK(spg_collect(NULL, NULL));
    }
    end_storm();
}

/* Holds the lock of the domain's names (node/domain.c: number 2 of the file "nodes"). */
ROLE(locks_the_domain) {
    int fd = open(in_domain("nodes"), O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 1};
    CHECK_INT(0, fcntl(fd, F_OFD_SETLK, &lock));
    step_reach(1);
    if (atoi(arguments[0]) == 0)
        for (;;) pause();
    nap_ms(atoi(arguments[0]));
}

TEST(signals_without_end_do_not_shorten_the_wait_for_the_domain) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    struct role *role = role_start("locks_the_domain", "1500");
    step_await(1);
    spg_segment_options options = temporary();
    begin_storm();
    check_works(unique_name("posix:", "x"), 5000, &options);
    end_storm();
    ROLE_ENDS_WELL(role);
}

TEST(a_domain_that_stays_locked_is_given_up_and_named) {
    uint64_t id;
    spg_segment_options options = managed();
    CHECK_OK(spg_node_id(NULL, &id));
    struct role *role = role_start("locks_the_domain", "0");
    step_await(1);
    role_signal(role, SIGSTOP);
    spg_segment *segment = NULL;
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT,
                 spg_segment_create(&segment, unique_name("posix:", "x"), 5, &options));
    CHECK_DETAIL(domain());
    CHECK_DETAIL("stopped");
    CHECK(segment == NULL);
    CHECK(now_ns() - before >= MILLISECONDS(4900));
    check_works(unique_name("posix:", "x"), 5, NULL);
    role_kill(role);
    check_works(unique_name("posix:", "x"), 5, &options);
}

/* ---- a domain that is not as it should be --------------------------------------------------- */

/* All that needs the domain gives this; what does not need it works. */
static void check_domain_refused(int expected, const char *part) {
    spg_segment *segment = NULL;
    spg_segment_options options = managed();
    spg_node *node = NULL;
    uint64_t id;
    int count = 0, before = descriptors();
    CHECK_RESULT(expected, spg_node_id(NULL, &id));
    CHECK_DETAIL(domain());
    CHECK_DETAIL(part);
    CHECK_RESULT(expected, spg_node_open(&node, NULL));
    CHECK_RESULT(expected, spg_segment_create(&segment, unique_name("posix:", "x"), 5, &options));
    CHECK_DETAIL(domain());
    CHECK_RESULT(expected, spg_domain_list(NULL, count_segment, &count));
    CHECK_DETAIL(domain());
    CHECK_RESULT(expected, spg_check(NULL, NULL, NULL, NULL));
    CHECK_RESULT(expected, spg_collect(NULL, NULL));
    CHECK_DETAIL(domain());
    CHECK(node == NULL && segment == NULL && count == 0);
    CHECK_INT(before, descriptors());
    check_works(unique_name("posix:", "x"), 5, NULL);
}

TEST(a_domain_that_everybody_may_write_to_is_refused) {
    static const mode_t modes[] = {0777, 0702, 01777, 0703};
    for (int i = 0; i < 4; i++) {
        CHECK_INT(0, mkdir(domain(), 0700));
        CHECK_INT(0, chmod(domain(), modes[i]));
        check_domain_refused(SPG_EPERM, "chmod");
        CHECK_INT(0, names_in(domain()));
        CHECK_INT(0, rmdir(domain()));
    }
}

TEST(a_domain_of_another_user_is_refused) {
    if (geteuid() != 0) SKIP("needs root, to have two users");
    CHECK_INT(0, mkdir(domain(), 0700));
    CHECK_INT(0, chown(domain(), 65534, 65534));
    check_domain_refused(SPG_EPERM, "65534");
    CHECK_INT(0, names_in(domain()));
    CHECK_INT(0, rmdir(domain()));
}

TEST(a_domain_of_a_group_is_as_wide_as_its_directory) {
    struct stat status;
    spg_segment_options options = temporary();
    CHECK_INT(0, mkdir(domain(), 0700));
    CHECK_INT(0, chmod(domain(), 0770));
    check_works(unique_name("posix:", "x"), 5, &options);
    CHECK_INT(0, stat(in_domain("nodes"), &status));
    CHECK_INT(0660, status.st_mode & 07777);
}

TEST(a_domain_is_for_its_user_alone_unless_asked_otherwise) {
    struct stat status;
    uint64_t id;
    umask(0);
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_INT(0, stat(domain(), &status));
    CHECK_INT(0700, status.st_mode & 07777);
    CHECK_INT(0, stat(in_domain("nodes"), &status));
    CHECK_INT(0600, status.st_mode & 07777);
}

TEST(a_file_or_a_link_in_place_of_a_domain_is_an_error) {
    uint64_t id;
    char target[300];
    close(open(domain(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    CHECK(spg_node_id(NULL, &id) < 0);
    CHECK_DETAIL(domain());
    CHECK(spg_collect(NULL, NULL) < 0);
    CHECK_INT(0, unlink(domain()));
    snprintf(target, sizeof target, "%s-target", domain());
    CHECK_INT(0, mkdir(target, 0700));
    CHECK_INT(0, symlink(target, domain()));
    CHECK(spg_node_id(NULL, &id) < 0);
    CHECK_DETAIL(domain());
    CHECK_INT(0, names_in(target));
    CHECK_INT(0, unlink(domain()));
    CHECK_INT(0, rmdir(target));
    CHECK_OK(spg_node_id(NULL, &id));
}

TEST(a_domain_without_a_parent_directory_is_told) {
    uint64_t id;
    setenv("SAMEPAGE_DOMAIN", "/dev/shm/spgtest-not-there/domain", 1);
    CHECK_RESULT(SPG_ENOENT, spg_node_id(NULL, &id));
    CHECK_DETAIL("/dev/shm/spgtest-not-there/domain");
}

struct damage {
    off_t offset;
    size_t length;
    uint64_t value;
    int expected;
};

static void check_damage(void *argument) {
    const struct damage *damage = argument;
    uint64_t before = 0;
    int nodes = open(in_domain("nodes"), O_RDWR | O_CLOEXEC);
    CHECK_INT(damage->length, pread(nodes, &before, damage->length, damage->offset));
    CHECK_INT(damage->length, pwrite(nodes, &damage->value, damage->length, damage->offset));
    int result = damage->expected;
    if (result == 0) {
        join_domain(NULL);
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    } else {
        uint64_t id;
        result = spg_node_id(NULL, &id);
    }
    if (result != damage->expected) {
        CHECK_INT(damage->length, pwrite(nodes, &before, damage->length, damage->offset));
        FAIL("%zu bytes at %d are %#llx: %s, not %s: %s", damage->length, (int)damage->offset,
             (unsigned long long)damage->value, spg_error_name(result),
             spg_error_name(damage->expected), spg_error_detail());
    }
    if (result < 0) check_domain_refused(damage->expected, "nodes");
    CHECK_INT(damage->length, pwrite(nodes, &before, damage->length, damage->offset));
}

static void check_all_damage(const struct damage *list, size_t count) {
    ROLE_ENDS_WELL(role_fork(join_domain, NULL));
    for (size_t i = 0; i < count; i++) {
        ROLE_ENDS_WELL(role_fork(check_damage, (void *)(uintptr_t)&list[i]));
    }
    ROLE_ENDS_WELL(role_fork(join_domain, NULL));
}

TEST(each_field_of_the_header_of_the_nodes_is_checked) {
    static const struct damage list[] = {
        {8, 4, 0, SPG_ECORRUPT},
        {8, 4, 0x04030201, SPG_EVERSION},
        {12, 2, 0, SPG_EVERSION},
        {12, 2, 2, SPG_EVERSION},
        {14, 2, 7, 0},
        {20, 4, 1, SPG_EVERSION},
        {20, 4, 0x80000000, SPG_EVERSION},
        {24, 4, 0, SPG_EVERSION},
        {24, 4, 16384, SPG_EVERSION},
        {28, 4, 0, SPG_ECORRUPT},
        {28, 4, 64, SPG_ECORRUPT},
        {28, 4, 8192, SPG_ECORRUPT},
        {28, 4, UINT32_MAX, SPG_ECORRUPT},
        {32, 8, 0, SPG_ECORRUPT},
        {32, 8, TABLE - 1, SPG_ECORRUPT},
        {32, 8, TABLE + 1, SPG_ECORRUPT},
        {32, 8, UINT64_MAX, SPG_ECORRUPT},
        {40, 8, 0, SPG_ECORRUPT},
        {48, 8, 5, 0},
        {56, 8, 0, 0},
        {56, 8, UINT64_MAX, 0},
    };
    check_all_damage(list, sizeof list / sizeof *list);
}

TEST(a_table_of_nodes_that_is_none_is_corrupt) {
    static const struct damage list[] = {
        {0, 8, 0, SPG_ECORRUPT},  {0, 1, 's', SPG_ECORRUPT}, {7, 1, 'e', SPG_ECORRUPT},
        {16, 4, 0, SPG_ECORRUPT}, {16, 4, 2, SPG_ECORRUPT},
    };
    check_all_damage(list, sizeof list / sizeof *list);
}

TEST(places_full_of_nonsense_are_damage_and_are_not_taken) {
    static const uint64_t nonsense[] = {0xff, 2, 1, UINT64_MAX, (UINT64_C(5) << 8) | 2};
    static char places[4096 * 64];
    uint64_t id;
    ROLE_ENDS_WELL(role_fork(join_domain, NULL));
    int nodes = open(in_domain("nodes"), O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 5; i++) {
        memset(places, 0, sizeof places);
        for (int j = 0; j < 4096; j++) memcpy(places + j * 64, &nonsense[i], 8);
        CHECK_INT(sizeof places, pwrite(nodes, places, sizeof places, 4096));
        CHECK_RESULT(SPG_EFULL, spg_node_id(NULL, &id));
        CHECK_INT(4096, spg_check(NULL, NULL, NULL, NULL));
        CHECK_OK(spg_collect(NULL, NULL));
    }
    memset(places, 0, sizeof places);
    CHECK_INT(sizeof places, pwrite(nodes, places, sizeof places, 4096));
    CHECK_OK(spg_node_id(NULL, &id));
}

TEST(a_cut_table_of_nodes_is_corrupt) {
    static const off_t cuts[] = {0, 1, 63, 64, 4095, 4096, 4097, TABLE - 1};
    for (int i = 0; i < 8; i++) {
        ROLE_ENDS_WELL(role_fork(join_domain, NULL));
        CHECK_INT(0, truncate(in_domain("nodes"), cuts[i]));
        check_domain_refused(SPG_ECORRUPT, "cut");
        CHECK_INT(0, unlink(in_domain("nodes")));
        CHECK_INT(0, rmdir(domain()));
    }
}

ROLE(works_in_a_domain_that_is_cut) {
    spg_segment *segment, *again;
    spg_segment_options options = temporary();
    int count = 0;
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
    CHECK_INT(0, truncate(in_domain("nodes"), atol(arguments[0])));
    if (spg_segment_open(&again, name, &options) == 0) CHECK_OK(spg_segment_close(again));
    CHECK_RESULT(SPG_ECORRUPT, spg_domain_list(NULL, count_segment, &count));
    CHECK_RESULT(SPG_ECORRUPT, spg_check(NULL, NULL, NULL, NULL));
    CHECK_RESULT(SPG_ECORRUPT, spg_collect(NULL, NULL));
    CHECK_OK(spg_segment_close(segment));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

/* Its processes go on, and end in order. */
TEST(a_table_of_nodes_that_is_cut_while_in_use_is_never_fatal) {
    static const char *const cuts[] = {"0", "64", "4096", "8192"};
    for (int i = 0; i < 4; i++) {
        ROLE_ENDS_WELL(role_start("works_in_a_domain_that_is_cut", cuts[i]));
        CHECK_INT(1, names_in(domain()));
        CHECK_INT(0, unlink(in_domain("nodes")));
        CHECK_INT(0, rmdir(domain()));
    }
}

TEST(strange_things_in_a_domain_are_damage_and_stay) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_INT(0, mkdir(in_domain("folder"), 0700));
    CHECK_INT(0, symlink("posix:/a/b", in_domain("segment-0000000000000001")));
    close(open(in_domain("segment-0000000000000002"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    CHECK_INT(0, symlink("/etc/passwd", in_domain("x.new")));
    CHECK(spg_check(NULL, NULL, NULL, NULL) >= 3);
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK_INT(0, access("/etc/passwd", F_OK));
    CHECK_INT(0, rmdir(in_domain("folder")));
    unlink(in_domain("segment-0000000000000001"));
    CHECK_INT(0, unlink(in_domain("segment-0000000000000002")));
    unlink(in_domain("x.new"));
}
