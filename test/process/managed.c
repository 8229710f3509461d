/* managed.c: managed segments: the header that is checked, the holders that are counted, and what
 * is left when they die. */
#include <inttypes.h>
#include <sched.h>

#include "harness/harness.h"

enum { HEADER = 4096, HOLDERS = 496 };

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

static spg_segment_options reading(void) {
    spg_segment_options options = managed();
    options.access = SPG_READ_ONLY;
    return options;
}

static spg_segment *create(const char *name, size_t size, spg_segment_options options) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, name, size, &options));
    return segment;
}

static spg_segment *open_again(const char *name) {
    spg_segment *segment;
    spg_segment_options options = managed();
    CHECK_OK(spg_segment_open(&segment, name, &options));
    return segment;
}

/* ---- what the domain says ------------------------------------------------------------------- */

struct census {
    const char *name; /* of the segment looked for; NULL: any */
    int nodes, segments;
    char type[64];
    spg_domain_entry last;
};

static int count_entry(void *context, const spg_domain_entry *entry) {
    struct census *census = context;
    if (entry->kind == SPG_ENTRY_NODE) census->nodes++;
    if (entry->kind != SPG_ENTRY_SEGMENT) return 0;
    if (census->name && strcmp(census->name, entry->name) != 0) return 0;
    census->segments++;
    census->last = *entry;
    snprintf(census->type, sizeof census->type, "%s", entry->type);
    return 0;
}

static struct census census_of(const char *name) {
    struct census census = {.name = name};
    CHECK_OK(spg_domain_list(NULL, count_entry, &census));
    return census;
}

static int files_in_domain(void) {
    int count = 0;
    struct dirent *entry;
    DIR *directory = opendir(getenv("SAMEPAGE_DOMAIN"));
    while (directory && (entry = readdir(directory))) count += entry->d_name[0] != '.';
    if (directory) closedir(directory);
    return count;
}

static bool exists(const char *name) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    int result = spg_segment_open(&segment, name, &options);
    if (result == SPG_ENOENT) return false;
    CHECK_OK(result);
    CHECK_OK(spg_segment_close(segment));
    return true;
}

static const char *path_of(const char *name) {
    static char path[300];
    const char *leaf = strchr(name, '/');
    snprintf(path, sizeof path, "%s%s", strncmp(name, "posix:", 6) == 0 ? "/dev/shm" : "", leaf);
    return path;
}

TEST(the_list_tells_what_a_segment_is) {
    spg_segment_options options = temporary();
    const char *name = unique_name("posix:", "x");
    options.type = "a table of frames";
    options.mode = 0640;
    spg_segment *segment = create(name, 5000, options), *again = open_again(name);
    struct census census = census_of(name);
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_INT(1, census.nodes);
    CHECK_INT(1, census.segments);
    CHECK(strcmp(census.type, "a table of frames") == 0);
    CHECK_INT(id, census.last.id);
    CHECK_INT(5000, census.last.size);
    CHECK_INT(0640, census.last.mode);
    CHECK_INT(geteuid(), census.last.uid);
    CHECK_INT(2, census.last.living);
    CHECK_INT(0, census.last.dead);
    CHECK_INT(1, census.last.temporary);
    CHECK_INT(0, census.last.trouble);
    CHECK_INT(0, spg_check(NULL, name, NULL, NULL));
    CHECK_OK(spg_segment_close(again));
    CHECK_OK(spg_segment_close(segment));
}

TEST(the_callers_bytes_begin_after_a_page_and_are_zero) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
    for (int i = 0; i < 5; i++) {
        const char *name = unique_name(kinds[i], "x");
        spg_segment *segment = create(name, 4097, managed());
        char *bytes = spg_segment_address(segment);
        CHECK_INT(0, (uintptr_t)bytes % 4096);
        CHECK_INT(4097, spg_segment_size(segment));
        CHECK(memcmp(bytes - HEADER, "SAMEPAGE", 8) == 0);
        for (int j = 0; j < 4097; j++) CHECK_INT(0, bytes[j]);
        CHECK_OK(spg_segment_close(segment));
        if (i < 3) CHECK_OK(spg_segment_unlink(name));
    }
    CHECK_INT(1, files_in_domain());
}

/* ---- types ---------------------------------------------------------------------------------- */

TEST(the_type_must_agree_and_both_are_named) {
    spg_segment_options frames = managed(), queue = managed();
    spg_segment *segment, *refused = NULL;
    const char *name = unique_name("posix:", "x");
    frames.type = "frames v3";
    queue.type = "queue v1";
    segment = create(name, 10, frames);
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    CHECK_DETAIL(name);
    CHECK_DETAIL("frames v3");
    CHECK_DETAIL("queue v1");
    queue.access = SPG_READ_ONLY;
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    queue.type = "";
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    queue.type = "frames v";
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    queue = managed();
    queue.type = "queue v1";
    queue.exclusive = 0;
    CHECK_RESULT(SPG_ETYPE, spg_segment_create(&refused, name, 10, &queue));
    CHECK(refused == NULL);
    CHECK_INT(1, census_of(name).last.living);
    CHECK_OK(spg_segment_open(&refused, name, &frames));
    CHECK_OK(spg_segment_close(refused));
    CHECK_OK(spg_segment_close(open_again(name)));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(what_is_not_managed_is_of_another_type) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:"};
    static const size_t sizes[] = {1, 63, 64, 128, 4095, 4096, 100000};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 7; j++) {
            spg_segment *bare, *refused = NULL;
            spg_segment_options options = managed(), reader = reading();
            const char *name = unique_name(kinds[i], "x");
            CHECK_OK(spg_segment_create(&bare, name, sizes[j], NULL));
            memset(spg_segment_address(bare), 'x', sizes[j]);
            int before = count_descriptors();
            CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &reader));
            CHECK_DETAIL(name);
            CHECK_INT(before, count_descriptors());
            CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &options));
            CHECK_RESULT(SPG_EEXIST, spg_segment_create(&refused, name, 10, &options));
            options.exclusive = 0;
            CHECK_RESULT(SPG_ETYPE, spg_segment_create(&refused, name, 10, &options));
            CHECK(refused == NULL);
            CHECK_INT('x', *(char *)spg_segment_address(bare));
            CHECK_INT(0, census_of(NULL).segments);
            CHECK_OK(spg_segment_close(bare));
            CHECK_OK(spg_segment_unlink(name));
        }
    }
}

/* Old programs make System V segments of mode 0777; that they are in the way is all there is. */
TEST(a_foreign_system_v_segment_of_any_mode_is_not_removed) {
    static const int modes[] = {0600, 0700, 0777, 0666};
    for (int i = 0; i < 4; i++) {
        spg_segment *segment = NULL;
        spg_segment_options options = managed();
        const char *name = unique_name("sysv:", "x");
        key_t key = (key_t)strtoul(name + strlen("sysv:"), NULL, 16);
        int id = shmget(key, 8192, IPC_CREAT | IPC_EXCL | modes[i]);
        CHECK(id >= 0);
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&segment, name, 10, &options));
        CHECK_INT(id, shmget(key, 0, 0));
        CHECK_RESULT(SPG_ETYPE, spg_segment_open(&segment, name, &options));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK_INT(id, shmget(key, 0, 0));
        CHECK_INT(0, shmctl(id, IPC_RMID, NULL));
    }
}

/* ---- damage --------------------------------------------------------------------------------- */

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
    memcpy(header + damage->offset, &damage->value, damage->length);
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

/* ---- domains -------------------------------------------------------------------------------- */

ROLE(of_another_domain) {
    spg_segment *segment = NULL;
    spg_segment_options options = managed(), reader = reading();
    int before = count_descriptors();
    CHECK_OK(spg_segment_open(&segment, arguments[0], &reader));
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(before, count_descriptors());
    segment = NULL;
    CHECK_RESULT(SPG_EDOMAIN, spg_segment_open(&segment, arguments[0], &options));
    CHECK_DETAIL(arguments[0]);
    CHECK_DETAIL(getenv("SAMEPAGE_DOMAIN"));
    options.exclusive = 0;
    CHECK_RESULT(SPG_EDOMAIN, spg_segment_create(&segment, arguments[0], 5, &options));
    CHECK_RESULT(SPG_EDOMAIN, spg_segment_open_fd(&segment, atoi(arguments[1]), &options));
    CHECK(segment == NULL);
    CHECK_OK(spg_collect(NULL, NULL));
}

TEST(another_domain_may_read_but_not_hold) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:"};
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(kinds[i], "x");
        char domain[200], other[220], path[240], fd[16];
        spg_segment *segment = create(name, 5, temporary()), *memory;
        spg_segment_options options = managed();
        CHECK_OK(spg_segment_create(&memory, "memfd:x", 5, &options));
        int inherited = dup(spg_segment_fd(memory));
        *(char *)spg_segment_address(segment) = 7;
        snprintf(fd, sizeof fd, "%d", inherited);
        snprintf(domain, sizeof domain, "%s", getenv("SAMEPAGE_DOMAIN"));
        snprintf(other, sizeof other, "%s-other", domain);
        setenv("SAMEPAGE_DOMAIN", other, 1);
        int result = role_wait(role_start("of_another_domain", name, fd));
        snprintf(path, sizeof path, "%s/nodes", other);
        unlink(path);
        rmdir(other);
        CHECK_INT(0, result);
        setenv("SAMEPAGE_DOMAIN", domain, 1);
        CHECK_INT(1, census_of(name).last.living);
        CHECK_OK(spg_segment_close(memory));
        CHECK_OK(spg_segment_close(segment));
        close(inherited);
    }
}

ROLE(reads_without_a_domain) {
    spg_segment *segment;
    spg_segment_options options = reading();
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    *(char *)spg_segment_address(segment) = 8;
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(-1, access(getenv("SAMEPAGE_DOMAIN"), F_OK));
}

TEST(who_only_reads_writes_nothing_and_joins_no_domain) {
    const char *name = unique_name("posix:", "x");
    char domain[200];
    spg_segment *segment = create(name, 5, temporary());
    *(char *)spg_segment_address(segment) = 7;
    snprintf(domain, sizeof domain, "%s", getenv("SAMEPAGE_DOMAIN"));
    setenv("SAMEPAGE_DOMAIN", "/dev/shm/spgdomain-that-is-never-made", 1);
    ROLE_ENDS_WELL(role_start("reads_without_a_domain", name));
    setenv("SAMEPAGE_DOMAIN", domain, 1);
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_INT(1, census_of(name).nodes);
    CHECK_OK(spg_segment_close(segment));
}

/* ---- holders -------------------------------------------------------------------------------- */

TEST(a_segment_has_496_holders_and_no_more) {
    static spg_segment *segments[HOLDERS];
    const char *name = unique_name("posix:", "x");
    spg_segment_options options = managed(), reader = reading();
    spg_segment *one_more = NULL;
    segments[0] = create(name, 10, managed());
    for (int i = 1; i < HOLDERS; i++) segments[i] = open_again(name);
    int before = count_descriptors();
    CHECK_RESULT(SPG_EFULL, spg_segment_open(&one_more, name, &options));
    CHECK_DETAIL(name);
    CHECK_DETAIL("496");
    CHECK_RESULT(SPG_EFULL, spg_segment_open_fd(&one_more, spg_segment_fd(segments[0]), &options));
    CHECK(one_more == NULL);
    CHECK_INT(before, count_descriptors());
    CHECK_INT(HOLDERS, census_of(name).last.living);
    CHECK_OK(spg_segment_open(&one_more, name, &reader));
    CHECK_OK(spg_segment_close(one_more));
    CHECK_OK(spg_segment_close(segments[77]));
    segments[77] = open_again(name);
    for (int i = 0; i < HOLDERS; i++) CHECK_OK(spg_segment_close(segments[i]));
    CHECK_INT(0, census_of(name).last.living);
    CHECK_OK(spg_segment_unlink(name));
}

ROLE(holder) {
    for (int i = 0; i < atoi(arguments[1]); i++) open_again(arguments[0]);
    step_reach(1);
    for (;;) pause();
}

TEST(the_rows_of_a_killed_holder_are_taken_over) {
    const char *name = unique_name("posix:", "x");
    spg_segment_options options = managed();
    spg_segment *segment;
    CHECK_OK(spg_segment_close(create(name, 10, managed())));
    struct role *role = role_start("holder", name, "496");
    step_await(1);
    CHECK_RESULT(SPG_EFULL, spg_segment_open(&segment, name, &options));
    role_signal(role, SIGSTOP);
    CHECK_RESULT(SPG_EFULL, spg_segment_open(&segment, name, &options));
    role_kill(role);
    CHECK_INT(HOLDERS, census_of(name).last.dead);
    segment = open_again(name);
    CHECK_INT(1, census_of(name).last.living);
    CHECK_INT(0, census_of(name).last.dead);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

static void close_in_child(void *argument) {
    CHECK_OK(spg_segment_close(argument));
}

TEST(a_fork_child_that_closes_does_not_end_its_parents_hold) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, temporary());
    ROLE_ENDS_WELL(role_fork(close_in_child, segment));
    CHECK(exists(name));
    CHECK_INT(1, census_of(name).last.living);
    CHECK_OK(spg_segment_close(segment));
    CHECK(!exists(name));
}

/* ---- temporary ------------------------------------------------------------------------------ */

static const char *const named_kinds[] = {"posix:", "file:", "sysv:"};

TEST(the_last_holder_of_a_temporary_segment_removes_it) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *first = create(name, 10, temporary()), *second = open_again(name), *reader;
        spg_segment_options options = reading();
        CHECK_OK(spg_segment_open(&reader, name, &options));
        CHECK_OK(spg_segment_close(first));
        CHECK(exists(name));
        *(char *)spg_segment_address(second) = 7;
        CHECK_OK(spg_segment_close(second));
        CHECK(!exists(name));
        CHECK_INT(7, *(char *)spg_segment_address(reader));
        CHECK_OK(spg_segment_close(reader));
        CHECK_INT(1, files_in_domain());
    }
}

TEST(a_private_system_v_segment_can_be_temporary) {
    char name[64];
    spg_segment *first = create("sysv:private", 10, temporary());
    snprintf(name, sizeof name, "%s", spg_segment_name(first));
    spg_segment *second = open_again(name);
    CHECK_OK(spg_segment_close(first));
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(second));
    CHECK(!exists(name));
    CHECK_INT(1, files_in_domain());
}

TEST(a_reader_does_not_remove_a_temporary_segment) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, temporary()), *reader;
    spg_segment_options options = reading();
    CHECK_OK(spg_segment_open(&reader, name, &options));
    CHECK_OK(spg_segment_close(reader));
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(segment));
}

TEST(the_last_holder_leaves_alone_what_has_taken_the_name_since) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *old = create(name, 10, temporary());
        CHECK_OK(spg_segment_unlink(name));
        spg_segment *fresh = create(name, 10, temporary());
        CHECK_OK(spg_segment_close(old));
        CHECK(exists(name));
        CHECK_INT(1, census_of(name).last.living);
        CHECK_OK(spg_segment_close(fresh));
        CHECK(!exists(name));
    }
}

TEST(spg_collect_removes_a_temporary_segment_when_its_last_holder_was_killed) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_collected collected;
        spg_segment *segment = create(name, 10, temporary());
        *counter(0) = 0;
        struct role *role = role_start("holder", name, "2");
        step_await(1);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK(exists(name));
        role_signal(role, SIGSTOP);
        CHECK_OK(spg_collect(NULL, &collected));
        CHECK_INT(0, collected.segments + collected.nodes + collected.holders);
        CHECK(exists(name));
        CHECK_INT(2, census_of(name).last.living);
        role_kill(role);
        CHECK_INT(2, census_of(name).last.dead);
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
        CHECK_OK(spg_collect(NULL, &collected));
        CHECK_INT(1, collected.segments);
        CHECK_INT(1, collected.nodes);
        CHECK_INT(2, collected.holders);
        CHECK(!exists(name));
        CHECK_INT(1, files_in_domain());
    }
}

TEST(a_killed_holder_does_not_take_a_temporary_segment_from_a_living_one) {
    const char *name = unique_name("posix:", "x");
    spg_collected collected;
    spg_segment *segment = create(name, 10, temporary());
    struct role *role = role_start("holder", name, "3");
    step_await(1);
    role_kill(role);
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(0, collected.segments);
    CHECK_INT(3, collected.holders);
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(segment));
    CHECK(!exists(name));
}

TEST(the_last_living_holder_removes_a_temporary_segment_that_the_dead_still_hold) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, temporary());
    struct role *role = role_start("holder", name, "3");
    step_await(1);
    role_kill(role);
    CHECK_OK(spg_segment_close(segment));
    CHECK(!exists(name));
}

/* For whoever wants the name, it is not there any more. */
TEST(the_name_of_a_temporary_segment_that_only_the_dead_hold_is_free) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *segment = create(name, 10, temporary());
        *counter(0) = 0;
        struct role *role = role_start("holder", name, "1");
        step_await(1);
        *(char *)spg_segment_address(segment) = 7;
        spg_segment *kept = segment;
        role_signal(role, SIGSTOP);
        CHECK_OK(spg_segment_close(kept));
        spg_segment_options options = temporary();
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&segment, name, 20, &options));
        role_kill(role);
        CHECK_RESULT(SPG_ENOENT, spg_segment_open(&segment, name, &options));
        CHECK_OK(spg_segment_create(&segment, name, 20, &options));
        CHECK_INT(20, spg_segment_size(segment));
        CHECK_INT(0, *(char *)spg_segment_address(segment));
        CHECK_OK(spg_segment_close(segment));
    }
}

/* One that adopts a descriptor does not know the name; a collector does. */
TEST(a_temporary_segment_that_was_last_held_by_descriptor_is_collected) {
    const char *name = unique_name("posix:", "x");
    spg_segment_options options = managed();
    spg_segment *segment = create(name, 10, temporary()), *adopted;
    CHECK_OK(spg_segment_open_fd(&adopted, spg_segment_fd(segment), &options));
    CHECK_OK(spg_segment_close(segment));
    CHECK(exists(name));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(adopted));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK(!exists(name));
}

TEST(a_kept_segment_stays_without_holders_and_is_unlinked_whole) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *segment = create(name, 10, managed());
        *counter(0) = 0;
        struct role *role = role_start("holder", name, "1");
        step_await(1);
        role_kill(role);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK(exists(name));
        CHECK_INT(0, census_of(name).last.temporary);
        CHECK_INT(0, census_of(name).last.dead);
        CHECK_OK(spg_segment_unlink(name));
        CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
        CHECK_INT(1, files_in_domain());
    }
}

/* ---- many processes ------------------------------------------------------------------------- */

ROLE(rival) {
    spg_segment *segment;
    spg_segment_options options = managed();
    *counter(1) += 1;
    while (*counter(0) < 1) sched_yield();
    int result = spg_segment_create(&segment, arguments[0], 300000, &options);
    if (result == SPG_EEXIST) {
        segment = open_again(arguments[0]);
    } else {
        CHECK_OK(result);
        *counter(2) += 1;
    }
    CHECK_INT(300000, spg_segment_size(segment));
    __atomic_fetch_add((int *)spg_segment_address(segment), 1, __ATOMIC_SEQ_CST);
    CHECK_OK(spg_segment_close(segment));
}

TEST(of_eight_creators_of_one_managed_segment_one_wins) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        struct role *roles[8];
        for (int j = 0; j < 3; j++) *counter(j) = 0;
        for (int j = 0; j < 8; j++) roles[j] = role_start("rival", name);
        while (*counter(1) < 8) nap_ms(1);
        step_reach(1);
        for (int j = 0; j < 8; j++) ROLE_ENDS_WELL(roles[j]);
        CHECK_INT(1, *counter(2));
        spg_segment *segment = open_again(name);
        CHECK_INT(8, *(int *)spg_segment_address(segment));
        CHECK_INT(1, census_of(name).last.living);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

ROLE(comes_and_goes) {
    spg_segment_options options = temporary();
    options.exclusive = 0;
    for (int i = 0; i < 300; i++) {
        spg_segment *segment;
        CHECK_OK(spg_segment_create(&segment, arguments[0], 100, &options));
        CHECK_INT(100, spg_segment_size(segment));
        CHECK_OK(spg_segment_close(segment));
    }
}

TEST(a_temporary_segment_comes_and_goes_without_ever_being_missing) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        struct role *roles[4];
        for (int j = 0; j < 4; j++) roles[j] = role_start("comes_and_goes", name);
        for (int j = 0; j < 4; j++) ROLE_ENDS_WELL(roles[j]);
        CHECK(!exists(name));
        CHECK_INT(1, files_in_domain());
    }
}

static void work_until_killed(const char *const *names) {
    spg_segment_options options = temporary();
    options.exclusive = 0;
    for (int i = 0;; i = (i + 1) % 3) {
        spg_segment *first, *second;
        CHECK_OK(spg_segment_create(&first, names[i], 5000, &options));
        CHECK_OK(spg_segment_open(&second, names[i], &options));
        if (i < 2) CHECK_OK(spg_segment_resize(second, 9000));
        CHECK_OK(spg_segment_close(first));
        CHECK_OK(spg_segment_close(second));
        ++*counter(1);
    }
}

/* Killed at any moment; each time what stands is sound, and collecting leaves nothing. */
TEST(two_hundred_kills_leave_the_domain_as_empty_as_it_was) {
    const char *names[3];
    for (int i = 0; i < 3; i++) names[i] = unique_name(named_kinds[i], "x");
    for (int round = 0; round < 200; round++) {
        int64_t before = *counter(1);
        pid_t child = fork();
        if (child == 0) work_until_killed(names);
        CHECK(child > 0);
        while (*counter(1) < before + 1 + round % 3) {
            struct timespec nap = {0, 20000};
            nanosleep(&nap, NULL);
        }
        struct timespec nap = {0, round % 40 * 10000};
        nanosleep(&nap, NULL);
        int status;
        CHECK_INT(0, kill(child, SIGKILL));
        CHECK_INT(child, waitpid(child, &status, 0));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
        if (round % 2) CHECK_OK(spg_collect(NULL, NULL));
    }
    CHECK_OK(spg_collect(NULL, NULL));
    struct census census = census_of(NULL);
    CHECK_INT(0, census.nodes);
    CHECK_INT(0, census.segments);
    CHECK_INT(1, files_in_domain());
    for (int i = 0; i < 3; i++) CHECK(!exists(names[i]));
}
