/* segment_options.c: each option in and out of range, on each kind; exclusive and prepare. */
#include "unit/segment_options.h"

/* Neither create nor open takes these options, and the detail says `part`. */
static void refuse_always(int expected, const spg_segment_options *options, const char *part) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    const char *name = unique_name("posix:", "x");
    CHECK_RESULT(expected, spg_segment_create(&segment, name, 100, options));
    CHECK_DETAIL(part);
    CHECK_RESULT(expected, spg_segment_open(&segment, name, options));
    CHECK_DETAIL(part);
    CHECK(segment == untouched);
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

/* ---- ranges --------------------------------------------------------------------------------- */

TEST(the_struct_says_its_size) {
    static const uint32_t sizes[] = {0, 1, sizeof(spg_segment_options) - 1,
                                     sizeof(spg_segment_options) + 1, UINT32_MAX};
    for (int i = 0; i < 5; i++) {
        spg_segment_options options = defaults();
        options.struct_size = sizes[i];
        refuse_always(SPG_EINVAL, &options, "struct_size");
        refuse_always(SPG_EINVAL, &options, "SPG_SEGMENT_OPTIONS");
    }
}

TEST(each_value_has_a_range) {
    for (int value = 1; value <= 255; value++) {
        for (int field = 0; field < 8; field++) {
            spg_segment_options options = defaults();
            uint8_t *const fields[] = {&options.access,     &options.profile,  &options.exclusive,
                                       &options.lifetime,   &options.populate, &options.lock,
                                       &options.huge_pages, &options.reserved};
            static const int most[] = {
                SPG_COPY_ON_WRITE, SPG_MANAGED, 1, SPG_TEMPORARY, 1, 1, SPG_HUGE_1G, 0};
            if (value <= most[field]) continue;
            *fields[field] = (uint8_t)value;
            refuse_always(SPG_EINVAL, &options, "SPG_SEGMENT_OPTIONS");
        }
    }
}

TEST(a_mode_has_permission_bits_for_reading_and_writing_alone) {
    static const uint32_t bad[] = {0700, 0611, 0777, 01600, 04600, 010600, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        spg_segment_options options = defaults();
        options.mode = bad[i];
        refuse_always(SPG_EINVAL, &options, "mode");
    }
}

TEST(seals_and_nodes_that_do_not_exist_are_refused) {
    spg_segment_options options = defaults();
    options.seals = 32;
    refuse_always(SPG_EINVAL, &options, "seals");
    options.seals = UINT32_MAX;
    refuse_always(SPG_EINVAL, &options, "seals");
    options = defaults();
    options.numa_node = -2;
    refuse_always(SPG_EINVAL, &options, "numa_node");
    options.numa_node = INT32_MIN;
    refuse_always(SPG_EINVAL, &options, "numa_node");
}

TEST(a_type_has_up_to_47_bytes_and_belongs_to_managed_segments) {
    char type[64];
    spg_segment_options options = defaults();
    spg_segment *segment;
    memset(type, 't', sizeof type);
    type[SPG_SEGMENT_TYPE_MAX + 1] = '\0';
    options.type = type;
    options.profile = SPG_MANAGED;
    refuse_always(SPG_EINVAL, &options, "47");
    type[SPG_SEGMENT_TYPE_MAX] = '\0';
    for (int kind = 0; kind < KINDS; kind++) {
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 8, &options));
        remove_segment(segment, kind);
    }
    options.profile = SPG_BARE;
    for (int kind = 0; kind < KINDS; kind++) refuse_on(kind, SPG_EINVAL, &options, "SPG_MANAGED");
}

TEST(a_new_segment_is_mapped_for_writing) {
    spg_segment_options options = defaults();
    for (int kind = 0; kind < KINDS; kind++) {
        options.access = SPG_READ_ONLY;
        refuse_on(kind, SPG_EINVAL, &options, "open");
        options.access = SPG_COPY_ON_WRITE;
        refuse_on(kind, kind == SYSV || kind == ANONYMOUS ? SPG_ENOTSUP : SPG_EINVAL, &options, "");
    }
}

TEST(a_temporary_segment_is_managed_and_has_a_name) {
    spg_segment_options options = defaults();
    options.lifetime = SPG_TEMPORARY;
    for (int kind = 0; kind < KINDS; kind++) {
        refuse_on(kind, is_named(kind) ? SPG_EINVAL : SPG_ENOTSUP, &options,
                  is_named(kind) ? "SPG_MANAGED" : "lifetime");
    }
    options.profile = SPG_MANAGED;
    for (int kind = 0; kind < KINDS; kind++) {
        if (!is_named(kind)) refuse_on(kind, SPG_ENOTSUP, &options, "lifetime");
    }
}

TEST(copy_on_write_is_not_for_system_v) {
    spg_segment_options options = defaults();
    spg_segment *segment, *copy;
    const char *name = unique_name("sysv:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 8, NULL));
    options.access = SPG_COPY_ON_WRITE;
    CHECK_RESULT(SPG_ENOTSUP, spg_segment_open(&copy, name, &options));
    CHECK_DETAIL(name);
    CHECK_DETAIL("memfd");
    remove_segment(segment, SYSV);
}

TEST(seals_are_for_memfd) {
    spg_segment_options options = defaults();
    options.seals = SPG_SEAL_SHRINK;
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind != MEMFD) refuse_on(kind, SPG_ENOTSUP, &options, "memfd");
    }
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *segment;
        if (kind == MEMFD) continue;
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 8, NULL));
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_seal(segment, SPG_SEAL_SHRINK));
        CHECK_DETAIL(spg_segment_name(segment));
        CHECK_DETAIL("memfd");
        remove_segment(segment, kind);
    }
}

TEST(explicit_huge_pages_are_not_for_posix_and_file) {
    spg_segment_options options = defaults();
    for (options.huge_pages = SPG_HUGE_2M; options.huge_pages <= SPG_HUGE_1G;
         options.huge_pages++) {
        refuse_on(0, SPG_ENOTSUP, &options, "hugetlbfs");
        refuse_on(2, SPG_ENOTSUP, &options, "hugetlbfs");
    }
}

TEST(explicit_huge_pages_hold_the_header_of_a_managed_segment_too) {
    spg_segment *segment;
    spg_segment_options options = defaults();
    options.huge_pages = SPG_HUGE_2M;
    options.profile = SPG_MANAGED;
    CHECK_RESULT(SPG_EINVAL, spg_segment_create(&segment, "memfd:x", 2 << 20, &options));
    CHECK_DETAIL("header");
    options.profile = SPG_BARE;
    CHECK_RESULT(SPG_EINVAL, spg_segment_create(&segment, "memfd:x", 1 << 20, &options));
    CHECK(strstr(spg_error_detail(), "header") == NULL);
}

/* ---- not exclusive -------------------------------------------------------------------------- */

TEST(exclusive_refuses_what_is_there_and_not_exclusive_opens_it) {
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *first, *second = NULL;
        spg_segment_options options = defaults();
        const char *name = unique_name(kinds[kind], "x");
        if (!is_named(kind)) continue;
        options.exclusive = 0;
        CHECK_OK(spg_segment_create(&first, name, 5000, &options));
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&second, name, 5000, NULL));
        CHECK_DETAIL(name);
        CHECK_OK(spg_segment_create(&second, name, 5000, &options));
        *(char *)spg_segment_address(first) = 'x';
        CHECK_INT('x', *(char *)spg_segment_address(second));
        CHECK_OK(spg_segment_close(second));
        CHECK_OK(spg_segment_create(&second, name, 1, &options));
        CHECK_INT(5000, spg_segment_size(second));
        CHECK_OK(spg_segment_close(second));
        remove_segment(first, kind);
    }
}

TEST(not_exclusive_refuses_one_that_is_too_small_and_leaves_out_alone) {
    for (int kind = 0; kind < MEMFD; kind++) {
        for (uint8_t profile = SPG_BARE; profile <= SPG_MANAGED; profile++) {
            spg_segment *first, *untouched = (spg_segment *)(void *)&first, *second = untouched;
            spg_segment_options options = defaults();
            const char *name = unique_name(kinds[kind], "x");
            options.exclusive = 0;
            options.profile = profile;
            CHECK_OK(spg_segment_create(&first, name, 100, &options));
            CHECK_RESULT(SPG_ETOOBIG, spg_segment_create(&second, name, 101, &options));
            CHECK_DETAIL(name);
            CHECK_DETAIL("100");
            CHECK(second == untouched);
            remove_segment(first, kind);
        }
    }
}

/* ---- prepare -------------------------------------------------------------------------------- */

struct preparation {
    const char *name;
    int calls, result;
};

/* While it works, nobody finds the name. */
static int fill_bytes(void *context, void *bytes, size_t size) {
    struct preparation *preparation = context;
    spg_segment *early;
    CHECK_INT(5000, size);
    for (size_t i = 0; i < size; i++) CHECK_INT(0, ((char *)bytes)[i]);
    memset(bytes, 'p', size);
    preparation->calls++;
    if (preparation->name)
        CHECK_RESULT(SPG_ENOENT, spg_segment_open(&early, preparation->name, NULL));
    return preparation->result;
}

static void check_prepare(int kind, uint8_t profile) {
    struct preparation preparation = {0};
    spg_segment_options options = defaults();
    spg_segment *made, *again, *untouched = (spg_segment *)(void *)&made, *refused = untouched;
    const char *name = unique_name(kinds[kind], "x");
    /* System V memory has its name from the start. */
    if (is_named(kind) && kind != SYSV) preparation.name = name;
    options.profile = profile;
    options.prepare = fill_bytes;
    options.context = &preparation;
    int before = count_descriptors();
    preparation.result = SPG_EFULL;
    CHECK_RESULT(SPG_EFULL, spg_segment_create(&refused, name, 5000, &options));
    CHECK(refused == untouched);
    CHECK(count_descriptors() <= before + 2); /* its node stays */
    if (is_named(kind)) CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
    preparation.result = 0;
    CHECK_OK(spg_segment_create(&made, name, 5000, &options));
    CHECK_INT(2, preparation.calls);
    CHECK_INT('p', ((char *)spg_segment_address(made))[4999]);
    preparation.name = NULL;
    options.exclusive = 0;
    if (is_named(kind)) {
        CHECK_OK(spg_segment_create(&again, name, 5000, &options));
        CHECK_INT('p', *(char *)spg_segment_address(again));
        CHECK_OK(spg_segment_close(again));
    }
    remove_segment(made, kind);
}

TEST(a_segment_is_prepared_before_anybody_sees_it_or_not_made_at_all) {
    for (int kind = 0; kind < KINDS; kind++) {
        check_prepare(kind, SPG_BARE);
        check_prepare(kind, SPG_MANAGED);
    }
}
