/* no_room.c: full file systems, too few names, System V's limits, and a limit on file sizes. */
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "process/bad_luck.h"

/* ---- a full file system --------------------------------------------------------------------- */

static unsigned long free_room(void) {
    struct statvfs room;
    CHECK_INT(0, statvfs("/dev/shm", &room));
    return (unsigned long)room.f_bfree;
}

TEST(more_than_the_file_system_has_is_refused_with_a_word_about_room) {
    static const size_t sizes[] = {MIB + 1, 2 * MIB, 9 * MIB, SIZE_MAX >> 3, SIZE_MAX / 2 - 8192};
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
