/* no_memory.c: sizes that no process can map, and a limit on the address space. */
#include <sys/resource.h>

#include "process/bad_luck.h"

#if defined(__SANITIZE_ADDRESS__)
enum { LIMITED_MEMORY_WORKS = 0 };
#else
enum { LIMITED_MEMORY_WORKS = 1 };
#endif

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
    static const size_t much = sizeof(size_t) == 8 ? SIZE_MAX >> 13 : SIZE_MAX - 65535;
    for (int i = 0; i < 2; i++) {
        spg_segment *segment = NULL;
        const char *name = unique_name(without_file[i], "x");
        int result = spg_segment_create(&segment, name, much, NULL);
        CHECK(result == SPG_ENOMEM || result == SPG_ENOSPC || result == SPG_EINVAL);
        CHECK_DETAIL(name);
        CHECK(segment == NULL);
        check_works(name, 4096, NULL);
    }
}

/* ---- a limit on the address space ------------------------------------------------------------ */

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
