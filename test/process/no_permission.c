/* no_permission.c: segments, directories and file systems that are not ours to use. */
#include "process/bad_luck.h"

static void be_nobody(void) {
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
}

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
