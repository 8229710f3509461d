/* managed_damaged.c: headers that are not as they should be, and files that were cut. */
#include <inttypes.h>

#include "process/managed.h"

struct damage {
    size_t offset, length;
    uint64_t value;
    int expected;
};

/* Puts the value there, looks, and puts back what was there before. */
static void check_damage(const char *name, unsigned char *header, const struct damage *damage) {
    uint64_t before = 0;
    spg_segment *untouched = (spg_segment *)(void *)&before, *segment = untouched;
    spg_segment_options options = managed(), reader = reading();
    memcpy(&before, header + damage->offset, damage->length);
    memcpy(header + damage->offset, low_bytes(&damage->value, damage->length), damage->length);
    int descriptors = count_descriptors();
    for (int i = 0; i < 2; i++) {
        int expected = i && damage->expected == SPG_EDOMAIN ? 0 : damage->expected;
        int result = spg_segment_open(&segment, name, i ? &reader : &options);
        if (result != expected) {
            FAIL("%zu bytes at %zu are %#" PRIx64 ": %s, not %s: %s", damage->length,
                 damage->offset, damage->value, spg_error_name(result), spg_error_name(expected),
                 spg_error_detail());
        }
        if (result < 0) {
            CHECK_DETAIL(name);
            CHECK(segment == untouched);
        } else {
            CHECK_INT(10000, spg_segment_size(segment));
            CHECK_OK(spg_segment_close(segment));
            segment = untouched;
        }
    }
    CHECK_INT(descriptors, count_descriptors());
    CHECK_INT(1, census_of(name).segments);
    CHECK_INT(damage->expected < 0, spg_check(NULL, NULL, NULL, NULL));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK(exists(name));
    memcpy(header + damage->offset, &before, damage->length);
    CHECK_OK(spg_segment_close(open_again(name)));
}

static void check_all_damage(const char *kind, const struct damage *damage, size_t count) {
    const char *name = unique_name(kind, "x");
    spg_segment_options options = managed();
    options.type = "typed";
    spg_segment *segment = create(name, 10000, options);
    unsigned char *header = (unsigned char *)spg_segment_address(segment) - HEADER;
    for (size_t i = 0; i < count; i++) check_damage(name, header, &damage[i]);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

#define CHECK_ALL_DAMAGE(kind, list) check_all_damage(kind, list, sizeof list / sizeof *list)

TEST(each_field_of_the_header_is_checked) {
    static const struct damage list[] = {
        {0, 1, 's', SPG_ETYPE},
        {1, 1, 0, SPG_ETYPE},
        {2, 1, 0, SPG_ETYPE},
        {3, 1, 0, SPG_ETYPE},
        {4, 1, 0, SPG_ETYPE},
        {5, 1, 0, SPG_ETYPE},
        {6, 1, 0, SPG_ETYPE},
        {7, 1, 'e', SPG_ETYPE},
        {8, 4, 0, SPG_ECORRUPT},
        {8, 4, 0x01020305, SPG_ECORRUPT},
        {8, 4, 0x04030201, SPG_EVERSION},
        {12, 2, 0, SPG_EVERSION},
        {12, 2, 2, SPG_EVERSION},
        {12, 2, 0xffff, SPG_EVERSION},
        {14, 2, 1, 0},
        {14, 2, 0xffff, 0},
        {16, 4, 0, SPG_ETYPE},
        {16, 4, 1, SPG_ETYPE},
        {16, 4, 3, SPG_ETYPE},
        {16, 4, 0x02000000, SPG_ETYPE},
        {20, 4, 1, SPG_EVERSION},
        {20, 4, 0x80000000, SPG_EVERSION},
        {24, 4, 0, SPG_EVERSION},
        {24, 4, 1, SPG_EVERSION},
        {24, 4, 1 << 20, SPG_EVERSION},
        {28, 4, 0, SPG_ECORRUPT},
        {28, 4, 63, SPG_ECORRUPT},
        {28, 4, 64, SPG_ECORRUPT},
        {28, 4, 4095, SPG_ECORRUPT},
        {28, 4, 8192, SPG_ECORRUPT},
        {28, 4, UINT32_MAX, SPG_ECORRUPT},
        {32, 8, 0, SPG_ECORRUPT},
        {32, 8, 1, SPG_ECORRUPT},
        {32, 8, 4095, SPG_ECORRUPT},
        {32, 8, 14097, SPG_ECORRUPT},
        {32, 8, UINT64_MAX, SPG_ECORRUPT},
        {32, 8, INT64_MAX, SPG_ECORRUPT},
        {40, 8, 0, SPG_EDOMAIN},
        {40, 8, 1, SPG_EDOMAIN},
        {48, 8, 0, 0},
        {48, 8, UINT64_MAX, 0},
        {56, 8, 0, 0},
        {56, 8, UINT64_MAX, 0},
        {112, 4, 2, SPG_ECORRUPT},
        {112, 4, UINT32_MAX, SPG_ECORRUPT},
    };
    CHECK_ALL_DAMAGE("posix:", list);
    CHECK_ALL_DAMAGE("sysv:", list);
    CHECK_ALL_DAMAGE("file:", list);
}

TEST(a_header_that_leaves_no_byte_for_the_caller_is_corrupt) {
    static const struct damage list[] = {{32, 8, 4096, SPG_ECORRUPT}};
    CHECK_ALL_DAMAGE("posix:", list);
}

TEST(a_type_without_an_end_is_corrupt) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, managed()), *refused = NULL;
    spg_segment_options options = managed();
    memset((char *)spg_segment_address(segment) - HEADER + 64, 't', 48);
    CHECK_RESULT(SPG_ECORRUPT, spg_segment_open(&refused, name, &options));
    CHECK_DETAIL(name);
    CHECK_INT(1, spg_check(NULL, NULL, NULL, NULL));
    CHECK_INT(SPG_ECORRUPT, census_of(name).last.trouble);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

/* Rows that name nobody who ever was count as dead, and are taken over. */
TEST(rows_of_holders_full_of_nonsense_are_free_to_take) {
    static const uint64_t nonsense[] = {1, 4095, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};
    for (int i = 0; i < 5; i++) {
        const char *name = unique_name("posix:", "x");
        spg_segment *segment = create(name, 10, managed()), *again;
        uint64_t *rows = (uint64_t *)((uintptr_t)spg_segment_address(segment) - HEADER + 128);
        for (int j = 1; j < HOLDERS; j++) rows[j] = nonsense[i];
        CHECK(spg_check(NULL, NULL, NULL, NULL) > 0);
        again = open_again(name);
        CHECK_INT(2, census_of(name).last.living);
        CHECK_INT(0, census_of(name).last.dead);
        CHECK_OK(spg_segment_close(again));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

TEST(a_damaged_size_is_an_error_before_a_resize) {
    static const uint64_t bad[] = {0, 1, 4095, 100000000, UINT64_MAX};
    for (int i = 0; i < 5; i++) {
        const char *name = unique_name("posix:", "x");
        spg_segment *segment = create(name, 10000, managed());
        uint64_t *size = (uint64_t *)((uintptr_t)spg_segment_address(segment) - HEADER + 32);
        *size = bad[i];
        CHECK_RESULT(SPG_ECORRUPT, spg_segment_resize(segment, 0));
        CHECK_DETAIL(name);
        CHECK_RESULT(SPG_ECORRUPT, spg_segment_resize(segment, 20000));
        CHECK_INT(10000, spg_segment_size(segment));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

TEST(a_file_cut_behind_our_back_is_an_error_and_never_fatal) {
    static const off_t cuts[] = {0, 1, 63, 64, 127, 4095, 4096, 8192, 14095};
    static const char *const kinds[] = {"posix:", "file:"};
    for (int i = 0; i < 18; i++) {
        const char *name = unique_name(kinds[i / 9], "x");
        spg_segment_options options = i % 2 ? temporary() : managed(), reader = reading();
        spg_segment *segment = create(name, 10000, options), *again = open_again(name),
                    *refused = NULL;
        CHECK_INT(0, truncate(path_of(name), cuts[i % 9]));
        int result = spg_segment_open(&refused, name, &options);
        CHECK_INT(cuts[i % 9] < HEADER && result == SPG_ETYPE ? SPG_ETYPE : SPG_ECORRUPT, result);
        CHECK_DETAIL(name);
        CHECK_INT(result, spg_segment_open(&refused, name, &reader));
        CHECK(refused == NULL);
        CHECK_RESULT(SPG_ECORRUPT, spg_segment_resize(segment, 0));
        CHECK_DETAIL(name);
        CHECK_RESULT(SPG_ECORRUPT, spg_segment_resize(segment, 20000));
        CHECK_INT(1, census_of(name).segments);
        CHECK(census_of(name).last.trouble < 0);
        CHECK_INT(1, spg_check(NULL, NULL, NULL, NULL));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_close(again));
        CHECK_OK(spg_segment_unlink(name));
        CHECK_INT(1, files_in_domain());
    }
}

TEST(the_audit_of_one_segment_finds_that_it_was_cut) {
    static const off_t cuts[] = {0, 100, 4095, 4096, 14095};
    for (int i = 0; i < 5; i++) {
        const char *name = unique_name("posix:", "x");
        spg_segment *segment = create(name, 10000, managed());
        CHECK_INT(0, truncate(path_of(name), cuts[i]));
        CHECK_INT(1, spg_check(NULL, NULL, NULL, NULL));
        int result = spg_check(NULL, name, NULL, NULL);
        if (result == 0) FAIL("cut to %d bytes it is said to be sound", (int)cuts[i]);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

TEST(a_bare_file_cut_behind_our_back_is_an_error_and_never_fatal) {
    static const char *const kinds[] = {"posix:", "file:"};
    for (int i = 0; i < 2; i++) {
        const char *name = unique_name(kinds[i], "x");
        spg_segment *segment, *again = NULL;
        spg_segment_options options = SPG_SEGMENT_OPTIONS;
        CHECK_OK(spg_segment_create(&segment, name, 10000, NULL));
        CHECK_INT(0, truncate(path_of(name), 100));
        CHECK_RESULT(SPG_ECORRUPT, spg_segment_resize(segment, 0));
        CHECK_DETAIL(name);
        CHECK_RESULT(SPG_ECORRUPT, spg_segment_resize(segment, 20000));
        options.populate = 1;
        CHECK_OK(spg_segment_open(&again, name, &options));
        CHECK_INT(100, spg_segment_size(again));
        CHECK_OK(spg_segment_close(again));
        CHECK_INT(0, truncate(path_of(name), 0));
        again = NULL;
        CHECK(spg_segment_open(&again, name, &options) < 0);
        CHECK(again == NULL);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

/* A creator that grows and dies leaves a file that is longer than its head says. */
TEST(a_file_longer_than_its_header_says_has_the_size_of_the_header) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10000, managed()), *again;
    CHECK_INT(0, truncate(path_of(name), 1000000));
    again = open_again(name);
    CHECK_INT(10000, spg_segment_size(again));
    CHECK_OK(spg_segment_resize(again, 0));
    CHECK_INT(10000, spg_segment_size(again));
    CHECK_OK(spg_segment_resize(again, 20000));
    CHECK_OK(spg_segment_resize(segment, 0));
    CHECK_INT(20000, spg_segment_size(segment));
    CHECK_OK(spg_segment_close(again));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}
