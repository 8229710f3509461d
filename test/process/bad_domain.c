/* bad_domain.c: a domain that is not as it should be: its directory, its table of nodes, and
 * strange things in it. */
#include "process/bad_luck.h"

enum { TABLE = 4096 + 4096 * 64 };

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
    const void *value = low_bytes(&damage->value, damage->length);
    CHECK_INT(damage->length, pwrite(nodes, value, damage->length, damage->offset));
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
