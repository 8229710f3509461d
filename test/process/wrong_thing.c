/* wrong_thing.c: links, fifos, devices and directories under the name of a segment. */
#include <sys/sysmacros.h>

#include "process/bad_luck.h"

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
