/* segment_names.c: every form of a segment's name, good and bad. */
#include <limits.h>

#include "harness/harness.h"

/* No call takes this name, each says why, and none touches `out`. */
static void refuse(const char *name) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    const char *shown = name ? name : "NULL";
    int created = spg_segment_create(&segment, name, 64, NULL);
    if (created != SPG_EINVAL) FAIL("create takes \"%.80s\": %d", shown, created);
    if (!*spg_error_detail()) FAIL("no detail for \"%.80s\"", shown);
    int opened = spg_segment_open(&segment, name, NULL);
    if (opened != SPG_EINVAL) FAIL("open takes \"%.80s\": %d", shown, opened);
    int unlinked = spg_segment_unlink(name);
    if (unlinked != SPG_EINVAL) FAIL("unlink takes \"%.80s\": %d", shown, unlinked);
    CHECK(segment == untouched);
}

/* It is a name, whether something has it or not. */
static void accept_name(const char *name) {
    spg_segment *segment = NULL;
    int result = spg_segment_open(&segment, name, NULL);
    if (result == SPG_EINVAL) FAIL("open refuses \"%.80s\": %s", name, spg_error_detail());
    CHECK_OK(spg_segment_close(segment));
}

/* Creates by one form, opens and removes by the others; all give the same proper one. */
static void check_forms(const char *proper, const char *other) {
    spg_segment *made, *found;
    CHECK_OK(spg_segment_create(&made, other, 10, NULL));
    if (strcmp(spg_segment_name(made), proper) != 0) {
        FAIL("%s gives %s, not %s", other, spg_segment_name(made), proper);
    }
    memcpy(spg_segment_address(made), "the same!", 10);
    CHECK_OK(spg_segment_open(&found, proper, NULL));
    CHECK(strcmp(spg_segment_name(found), proper) == 0);
    CHECK(strcmp(spg_segment_address(found), "the same!") == 0);
    CHECK_OK(spg_segment_close(found));
    CHECK_OK(spg_segment_open(&found, other, NULL));
    CHECK(strcmp(spg_segment_address(found), "the same!") == 0);
    CHECK_OK(spg_segment_close(found));
    CHECK_OK(spg_segment_close(made));
    CHECK_OK(spg_segment_unlink(other));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(proper));
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&found, proper, NULL));
}

/* "prefix" and as many of `filler` as make it `length` bytes. */
static char *filled(const char *prefix, char filler, size_t length) {
    char *text = malloc(length + 1);
    size_t begun = strlen(prefix);
    memset(text, filler, length);
    memcpy(text, prefix, begun);
    text[length] = '\0';
    return text;
}

TEST(a_name_without_a_known_kind_is_refused) {
    static const char *const bad[] = {"",
                                      ":",
                                      "posix",
                                      "frames",
                                      "/frames",
                                      "POSIX:/frames",
                                      " posix:/frames",
                                      "shm:/frames",
                                      "win:frames",
                                      "posix/:x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
    CHECK_DETAIL("posix:/frames");
    refuse(NULL);
    CHECK_DETAIL("NULL");
}

TEST(out_must_not_be_null) {
    CHECK_RESULT(SPG_EINVAL, spg_segment_create(NULL, "anonymous:", 1, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_segment_open(NULL, "posix:/spgtest-none", NULL));
    CHECK_RESULT(SPG_EINVAL, spg_segment_open_fd(NULL, 0, NULL));
}

TEST(a_posix_name_has_a_slash_or_not) {
    const char *proper = unique_name("posix:", "x");
    char other[300];
    snprintf(other, sizeof other, "posix:%s", proper + strlen("posix:/"));
    check_forms(proper, proper);
    check_forms(proper, other);
}

TEST(a_posix_name_is_one_word) {
    static const char *const bad[] = {
        "posix:",   "posix:/",   "posix://", "posix://a", "posix:a/b", "posix:/a/b", "posix:/a/",
        "posix:..", "posix:/..", "posix:.",  "posix:/.",  "posix:a/",  "posix:../a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
    CHECK_DETAIL("posix:/frames");
    accept_name("posix:...");
    accept_name("posix:/ with blanks and colons: # %s");
}

TEST(a_posix_name_has_up_to_255_bytes) {
    char *longest = filled(unique_name("posix:", "x"), 'n', strlen("posix:/") + 255);
    char *too_long = filled(unique_name("posix:", "x"), 'n', strlen("posix:/") + 256);
    check_forms(longest, longest);
    refuse(too_long);
    free(longest);
    free(too_long);
}

TEST(a_system_v_key_is_decimal_or_hexadecimal) {
    const char *proper = unique_name("sysv:", "x");
    char decimal[64], upper[64];
    unsigned key = (unsigned)strtoul(proper + strlen("sysv:"), NULL, 16);
    snprintf(decimal, sizeof decimal, "sysv:%u", key);
    snprintf(upper, sizeof upper, "sysv:0x%X", key);
    check_forms(proper, decimal);
    check_forms(proper, upper);
}

TEST(a_system_v_key_has_32_bits_and_is_not_0) {
    static const char *const bad[] = {"sysv:",
                                      "sysv:0",
                                      "sysv:0x0",
                                      "sysv:00",
                                      "sysv:0x",
                                      "sysv:-1",
                                      "sysv:+1",
                                      "sysv: 1",
                                      "sysv:1 ",
                                      "sysv:12k",
                                      "sysv:0x12g",
                                      "sysv:0x-1",
                                      "sysv:4294967296",
                                      "sysv:5eed",
                                      "sysv:0x100000000",
                                      "sysv:1,2",
                                      "sysv:99999999999999999999999",
                                      "sysv:0xffffffffffffffffffff",
                                      "sysv:hosts#7",
                                      "sysv:Private",
                                      "sysv:private1",
                                      "sysv:id=",
                                      "sysv:id=-1",
                                      "sysv:id=0x10000000000",
                                      "sysv:id=x",
                                      "sysv:id=2147483648",
                                      "sysv:id",
                                      "sysv:#7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
    CHECK_DETAIL("sysv:0x5eed");
    accept_name("sysv:4294967295");
    accept_name("sysv:0xffffffff");
    accept_name("sysv:0x80000000");
}

TEST(a_system_v_key_of_a_file_needs_a_number_from_1_to_255) {
    static const char *const bad[] = {"sysv:/etc/hosts",
                                      "sysv:/etc/hosts#",
                                      "sysv:/etc/hosts#0",
                                      "sysv:/etc/hosts#256",
                                      "sysv:/etc/hosts#-1",
                                      "sysv:/etc/hosts#7x",
                                      "sysv:/etc/hosts#7#",
                                      "sysv:/etc/hosts# 7",
                                      "sysv:/",
                                      "sysv:/etc/hosts#1000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
    CHECK_DETAIL("#");
    accept_name("sysv:/proc/self/exe#1");
    accept_name("sysv:/proc/self/exe#255");
}

TEST(the_file_of_a_system_v_key_must_be_there) {
    spg_segment *segment;
    const char *name = "sysv:/nothing/spgtest-of-this-name#7";
    CHECK_RESULT(SPG_ENOENT, spg_segment_create(&segment, name, 1, NULL));
    CHECK_DETAIL("/nothing/spgtest-of-this-name");
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&segment, name, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

/* The key lies in the file's inode: its own file, so that nobody else has the same key. */
TEST(a_system_v_key_of_a_file_may_contain_further_marks) {
    char path[200], name[220], other[224];
    snprintf(path, sizeof path, "/dev/shm/spgtest-%s-key#2", harness_tag());
    snprintf(name, sizeof name, "sysv:%s#200", path);
    snprintf(other, sizeof other, "sysv:%s#0xc8", path);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    check_forms(name, name);
    check_forms(name, other);
    close(fd);
    unlink(path);
}

TEST(a_private_system_v_segment_tells_the_name_to_open_it_by) {
    spg_segment *made, *found;
    char name[64];
    CHECK_OK(spg_segment_create(&made, "sysv:private", 7, NULL));
    snprintf(name, sizeof name, "%s", spg_segment_name(made));
    CHECK(strncmp(name, "sysv:id=", 8) == 0);
    CHECK_OK(spg_segment_open(&found, name, NULL));
    CHECK_INT(7, spg_segment_size(found));
    CHECK(strcmp(name, spg_segment_name(found)) == 0);
    CHECK_OK(spg_segment_close(found));
    CHECK_OK(spg_segment_close(made));
    CHECK_OK(spg_segment_unlink(name));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

TEST(a_managed_private_system_v_segment_tells_the_name_to_open_it_by) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    spg_segment *made, *found;
    char name[64];
    options.profile = SPG_MANAGED;
    CHECK_OK(spg_segment_create(&made, "sysv:private", 7, &options));
    snprintf(name, sizeof name, "%s", spg_segment_name(made));
    CHECK_OK(spg_segment_open(&found, name, &options));
    CHECK_INT(7, spg_segment_size(found));
    CHECK_OK(spg_segment_close(found));
    CHECK_OK(spg_segment_close(made));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(private_is_no_name_to_open_and_an_id_is_none_to_create) {
    spg_segment *segment;
    CHECK_RESULT(SPG_EINVAL, spg_segment_open(&segment, "sysv:private", NULL));
    CHECK_DETAIL("sysv:id=");
    CHECK_RESULT(SPG_EINVAL, spg_segment_unlink("sysv:private"));
    CHECK_RESULT(SPG_EINVAL, spg_segment_create(&segment, "sysv:id=5", 1, NULL));
    CHECK_DETAIL("sysv:private");
}

TEST(a_file_needs_a_path_of_a_file) {
    static const char *const bad[] = {"file:", "file:/", "file:/dev/shm/", "file:x/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
    CHECK_DETAIL("path");
}

TEST(a_directory_is_no_segment) {
    static const char *const ends[] = {"", "/.", "/.."};
    spg_segment *segment;
    const char *name = unique_name("file:", "x"), *path = name + strlen("file:");
    CHECK_INT(0, mkdir(path, 0700));
    for (int i = 0; i < 3; i++) {
        char other[300];
        snprintf(other, sizeof other, "%s%s", name, ends[i]);
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&segment, other, 1, NULL));
        CHECK(spg_segment_open(&segment, other, NULL) < 0);
        CHECK(spg_segment_unlink(other) < 0);
    }
    CHECK_INT(0, rmdir(path));
}

TEST(the_directory_of_a_file_must_be_there) {
    spg_segment *segment;
    const char *name = "file:/nothing/spgtest-of-this-name/x";
    CHECK_RESULT(SPG_ENOENT, spg_segment_create(&segment, name, 1, NULL));
    CHECK_DETAIL("/nothing/spgtest-of-this-name/x");
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&segment, name, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

TEST(a_relative_path_is_meant_from_the_directory_of_the_process) {
    const char *proper = unique_name("file:", "x");
    const char *leaf = strrchr(proper, '/') + 1;
    char other[300], upwards[320];
    CHECK_INT(0, chdir("/dev/shm"));
    snprintf(other, sizeof other, "file:%s", leaf);
    check_forms(proper, other);
    CHECK_INT(0, chdir("/"));
    snprintf(other, sizeof other, "file:dev/shm/%s", leaf);
    check_forms(proper, other);
    spg_segment *segment;
    snprintf(upwards, sizeof upwards, "file:../dev/shm/%s", leaf);
    CHECK_OK(spg_segment_create(&segment, upwards, 5, NULL));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(proper));
}

TEST(from_a_directory_that_is_gone_no_relative_path_leads_anywhere) {
    spg_segment *segment;
    const char *directory = unique_name("file:", "gone") + strlen("file:");
    CHECK_INT(0, mkdir(directory, 0700));
    CHECK_INT(0, chdir(directory));
    CHECK_INT(0, rmdir(directory));
    CHECK_RESULT(SPG_ENOENT, spg_segment_create(&segment, "file:x", 1, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&segment, "file:x", NULL));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink("file:x"));
}

/* The handle keeps meaning the same file when the process goes elsewhere. */
TEST(a_relative_name_stays_the_same_after_chdir) {
    const char *proper = unique_name("file:", "x");
    char other[300];
    spg_segment *made, *found;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.lifetime = SPG_TEMPORARY;
    CHECK_INT(0, chdir("/dev/shm"));
    snprintf(other, sizeof other, "file:%s", strrchr(proper, '/') + 1);
    CHECK_OK(spg_segment_create(&made, other, 5, &options));
    CHECK_INT(0, chdir("/proc"));
    CHECK_OK(spg_segment_open(&found, spg_segment_name(made), &options));
    CHECK_OK(spg_segment_close(found));
    CHECK_OK(spg_segment_close(made));
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(proper));
}

/* A path of this many bytes, filled up with "./" and slashes. */
static char *long_file_name(size_t length) {
    const char *leaf = strrchr(unique_name("file:", "x"), '/');
    char *name = filled("file:/dev/shm", '/', length);
    for (size_t i = strlen("file:/dev/shm/"); i + 2 < length - strlen(leaf); i += 2) name[i] = '.';
    memcpy(name + length - strlen(leaf), leaf, strlen(leaf));
    return name;
}

TEST(a_name_has_up_to_4095_bytes) {
    char *longest = long_file_name(SPG_SEGMENT_NAME_MAX);
    char *too_long = long_file_name(SPG_SEGMENT_NAME_MAX + 1);
    char *far_too_long = long_file_name(60000);
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    check_forms(longest, longest);
    options.profile = SPG_MANAGED;
    CHECK_OK(spg_segment_create(&segment, longest, 5, &options));
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    CHECK_OK(spg_segment_unlink(longest));
    refuse(too_long);
    refuse(far_too_long);
    free(longest);
    free(too_long);
    free(far_too_long);
}

TEST(a_relative_name_that_grows_too_long_is_refused) {
    char *name = filled("file:", 'x', SPG_SEGMENT_NAME_MAX);
    for (size_t i = strlen("file:"); i < SPG_SEGMENT_NAME_MAX - 2; i += 2)
        memcpy(name + i, "./", 2);
    CHECK_INT(0, chdir("/dev/shm"));
    refuse(name);
    free(name);
}

/* 4095 bytes, and what they stand for has more. */
TEST(a_name_of_php_s_that_stands_for_too_long_a_name_is_refused) {
    char *name = filled("php:/", 'x', SPG_SEGMENT_NAME_MAX);
    memcpy(name + SPG_SEGMENT_NAME_MAX - 2, "#R", 2);
    refuse(name);
    CHECK_DETAIL("php:");
    free(name);
}

TEST(a_name_of_php_s_is_a_key_of_32_bits_or_a_file_and_a_letter) {
    static const char *const bad[] = {"php:",           "php:x",          "php:7x",
                                      "php:0x",         "php:/etc/hosts", "php:/etc/hosts#",
                                      "php:/etc/x#RR",  "php::",          "php:4294967297",
                                      "php:-2147483649"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i]);
    accept_name("php:0x5eed");
    accept_name("php:-2147483648");
    accept_name("php:/proc/self/exe#R");
}

TEST(overlong_names_of_every_kind_are_refused_and_told_in_short) {
    static const char *const prefixes[] = {"posix:/", "sysv:/",     "sysv:",    "file:/",
                                           "memfd:",  "anonymous:", "nonsense:"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        char *name = filled(prefixes[i], 'x', 100000);
        refuse(name);
        CHECK(strlen(spg_error_detail()) < 1000);
        free(name);
    }
}

TEST(a_memfd_label_has_up_to_200_bytes_and_may_be_empty) {
    char *longest = filled("memfd:", 'n', strlen("memfd:") + 200);
    char *too_long = filled("memfd:", 'n', strlen("memfd:") + 201);
    const char *good[] = {"memfd:", "memfd:x", "memfd:with/slashes and: colons", longest};
    spg_segment *segment;
    for (int i = 0; i < 4; i++) {
        CHECK_OK(spg_segment_create(&segment, good[i], 5, NULL));
        CHECK(strcmp(good[i], spg_segment_name(segment)) == 0);
        CHECK_OK(spg_segment_close(segment));
    }
    refuse(too_long);
    free(longest);
    free(too_long);
}

TEST(nothing_follows_anonymous) {
    spg_segment *segment;
    refuse("anonymous:x");
    refuse("anonymous: ");
    refuse("anonymous");
    CHECK_OK(spg_segment_create(&segment, "anonymous:", 5, NULL));
    CHECK(strcmp("anonymous:", spg_segment_name(segment)) == 0);
    CHECK_OK(spg_segment_close(segment));
}

TEST(what_has_no_name_in_the_system_cannot_be_opened_or_unlinked_by_one) {
    static const char *const names[] = {"memfd:x", "memfd:", "anonymous:"};
    spg_segment *segment;
    for (int i = 0; i < 3; i++) {
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_open(&segment, names[i], NULL));
        CHECK_DETAIL(names[i]);
        CHECK_DETAIL("fork");
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_unlink(names[i]));
        CHECK_DETAIL(names[i]);
    }
}

TEST(two_segments_may_have_the_same_label) {
    spg_segment *first, *second;
    CHECK_OK(spg_segment_create(&first, "memfd:same", 5, NULL));
    CHECK_OK(spg_segment_create(&second, "memfd:same", 5, NULL));
    *(char *)spg_segment_address(first) = 1;
    CHECK_INT(0, *(char *)spg_segment_address(second));
    CHECK_OK(spg_segment_close(first));
    CHECK_OK(spg_segment_close(second));
}
