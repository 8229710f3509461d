/* php_variables.c: the variables of PHP's sysvshm, and bytes that are none. What PHP makes of them
 * is shown by test/interop. */
#include "harness/harness.h"

#include <math.h>

#include <samepage/php.h>

enum { SIZE = 256 };

static _Alignas(8) char memory[SIZE];

static spg_php_value text(const char *bytes) {
    spg_php_value value = SPG_PHP_VALUE;
    value.type = SPG_PHP_STRING;
    value.bytes = bytes;
    value.size = strlen(bytes);
    return value;
}

static spg_php_value number(int64_t integer) {
    spg_php_value value = SPG_PHP_VALUE;
    value.type = SPG_PHP_INT;
    value.integer = integer;
    return value;
}

static void put(int64_t key, spg_php_value value) {
    CHECK_OK(spg_php_put(memory, SIZE, key, &value));
}

TEST(variables_lie_as_php_lays_them) {
    static const int64_t first[] = {1, 4, 40}; /* key, length, distance to the next */
    int64_t ends[4];
    CHECK_OK(spg_php_format(memory, SIZE));
    put(1, number(7));
    memcpy(ends, memory + 8, sizeof ends);
    CHECK_INT(0, memcmp(memory, "PHP_SM\0", 8));
    CHECK_INT(40, ends[0]);
    CHECK_INT(80, ends[1]);
    CHECK_INT(SIZE - 80, ends[2]);
    CHECK_INT(SIZE, ends[3]);
    CHECK_INT(0, memcmp(memory + 40, first, sizeof first));
    CHECK_INT(0, memcmp(memory + 40 + sizeof first, "i:7;", 4));
}

/* The value of variable 1 lies at 64, its length at 48. */
static void check_kept(spg_php_value value, const char *serialized) {
    spg_php_value found = SPG_PHP_VALUE;
    CHECK_OK(spg_php_format(memory, SIZE));
    put(1, value);
    CHECK_INT(0, memcmp(memory + 64, serialized, strlen(serialized)));
    CHECK_OK(spg_php_get(memory, SIZE, 1, &found));
    CHECK_INT(value.type, found.type);
    CHECK_INT(value.integer, found.integer);
    CHECK_INT(0, memcmp(&value.real, &found.real, sizeof value.real));
    CHECK_INT(value.size, found.size);
    CHECK(value.size == 0 || memcmp(value.bytes, found.bytes, value.size) == 0);
}

static spg_php_value real(double number_of_it) {
    spg_php_value value = SPG_PHP_VALUE;
    value.type = SPG_PHP_FLOAT;
    value.real = number_of_it;
    return value;
}

TEST(values_of_every_type_come_back) {
    spg_php_value truth = number(1), nothing = SPG_PHP_VALUE;
    truth.type = SPG_PHP_BOOL;
    check_kept(nothing, "N;");
    check_kept(truth, "b:1;");
    check_kept(number(INT64_MIN), "i:-9223372036854775808;");
    check_kept(real(0.5), "d:0.5;");
    check_kept(real(-3), "d:-3;");
    check_kept(real(HUGE_VAL), "d:INF;");
    check_kept(real(-HUGE_VAL), "d:-INF;");
    check_kept(text("a text that is longer than the longest number that serialize() writes"), "s:");
    check_kept(text(""), "s:0:\"\";");
    check_kept(text("a\"; and \\0"), "s:10:\"a\"; and \\0\";");
}

/* These bytes as the value of variable 1. */
static int get_written(const char *serialized, spg_php_value *value) {
    char filler[101];
    int64_t length = (int64_t)strlen(serialized);
    memset(filler, 'x', 100), filler[100] = '\0';
    CHECK_OK(spg_php_format(memory, SIZE));
    put(1, text(filler));
    memcpy(memory + 48, &length, sizeof length);
    memcpy(memory + 64, serialized, (size_t)length);
    *value = (spg_php_value)SPG_PHP_VALUE;
    return spg_php_get(memory, SIZE, 1, value);
}

TEST(a_value_that_serialize_would_not_write_is_refused) {
    static const char *const bad[] = {
        "",
        "N",
        "N;x",
        "i:",
        "i;7;",
        "i:7",
        "i:7;x",
        "i:9223372036854775808;",
        "b:1",
        "d:1.5",
        "d:1.5;;",
        "d:x;",
        "i: ;",
        "s:3:x",
        "s:3:\"ab\";",
        "s:2:\"ab';",
        "s:5:\"",
        "s:2:\"ab\"",
        "s:02:\"ab\";",
        "s:\"ab\";",
        "s:9",
        "i:0000000000000000000000000000000000000000000000000000000000000000007;"};
    spg_php_value value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int result = get_written(bad[i], &value);
        if (result != SPG_ECORRUPT) FAIL("%s: %s", bad[i], spg_error_name(result));
    }
    CHECK_OK(get_written("a:0:{}", &value));
    CHECK_INT(SPG_PHP_OTHER, value.type);
    CHECK_INT(6, value.size);
    CHECK_OK(get_written("b:7;", &value));
    CHECK_INT(1, value.integer);
}

TEST(what_does_not_fit_leaves_what_was_there) {
    static char much[SIZE];
    spg_php_value value = SPG_PHP_VALUE, large;
    CHECK_OK(spg_php_format(memory, SIZE));
    put(1, text("small"));
    memset(much, 'x', SIZE - 1);
    large = text(much);
    CHECK_RESULT(SPG_ENOSPC, spg_php_put(memory, SIZE, 1, &large));
    CHECK_OK(spg_php_get(memory, SIZE, 1, &value));
    CHECK_INT(0, memcmp(value.bytes, "small", value.size));
}

TEST(removed_variables_give_their_room_back) {
    CHECK_OK(spg_php_format(memory, SIZE));
    for (int i = 0; i < 100; i++) {
        put(i, number(i));
        put(-1, text("between"));
        CHECK_OK(spg_php_remove(memory, SIZE, i));
    }
    CHECK_RESULT(SPG_ENOENT, spg_php_remove(memory, SIZE, 5));
}

TEST(bytes_that_are_no_variables_are_refused) {
    spg_php_value value = SPG_PHP_VALUE;
    memset(memory, 0, SIZE);
    CHECK_RESULT(SPG_ETYPE, spg_php_get(memory, SIZE, 1, &value));
    CHECK_RESULT(SPG_ETYPE, spg_php_put(memory, SIZE, 1, &value));
    CHECK_RESULT(SPG_ETYPE, spg_php_remove(memory, SIZE, 1));
    CHECK_RESULT(SPG_ETYPE, spg_php_get(memory, 39, 1, &value));
    CHECK_RESULT(SPG_ETOOBIG, spg_php_format(memory, 39));
    CHECK_RESULT(SPG_EINVAL, spg_php_format(memory + 1, 100));
    CHECK_RESULT(SPG_EINVAL, spg_php_get(NULL, 0, 1, &value));
    CHECK_RESULT(SPG_EINVAL, spg_php_get(memory + 1, 100, 1, &value));
    value.type = SPG_PHP_OTHER;
    CHECK_RESULT(SPG_EINVAL, spg_php_put(memory, SIZE, 1, &value));
}

/* Every word of the header and of two records, each with numbers that cannot be. */
TEST(no_number_in_the_segment_is_trusted) {
    static const int64_t wrong[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX - 7, SIZE + 8, 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (size_t at = 8; at < 120; at += 8) {
            spg_php_value value = SPG_PHP_VALUE;
            CHECK_OK(spg_php_format(memory, SIZE));
            put(1, text("one"));
            put(2, text("two"));
            memcpy(memory + at, &wrong[i], sizeof wrong[i]);
            int result = spg_php_get(memory, SIZE, 2, &value);
            CHECK(result == 0 || result == SPG_ECORRUPT || result == SPG_ENOENT);
            if (result == 0) CHECK(value.size < SIZE);
            value = number(3);
            result = spg_php_put(memory, SIZE, 2, &value);
            CHECK(result == 0 || result == SPG_ECORRUPT || result == SPG_ENOSPC);
        }
    }
}
