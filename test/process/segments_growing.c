/* segments_growing.c: segments that grow while others have them. */
#include "process/segment.h"

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
