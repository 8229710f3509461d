/* segments_closing.c: unlink while others have the segment, and what close leaves: nothing. */
#include "process/segment.h"

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
