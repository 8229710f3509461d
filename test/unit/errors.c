/* errors.c: names, texts and details of results. */
#include "harness/harness.h"

TEST(every_result_has_its_name_and_a_sentence) {
    for (int error = SPG_EMFILE; error <= SPG_EINVAL; error++) {
        CHECK(strncmp(spg_error_name(error), "SPG_E", 5) == 0);
        CHECK(strcmp(spg_error_name(error), "SPG_EUNKNOWN") != 0);
        CHECK(strlen(spg_error_text(error)) > 10);
    }
    CHECK_INT(0, strcmp(spg_error_name(SPG_ECORRUPT), "SPG_ECORRUPT"));
    CHECK_INT(0, strcmp(spg_error_name(0), "SPG_OK"));
    CHECK_INT(0, strcmp(spg_error_name(7), "SPG_OK"));
    CHECK_INT(0, strcmp(spg_error_name(-1000), "SPG_EUNKNOWN"));
}

TEST(numbers_are_what_they_have_always_been) {
    CHECK_INT(-1, SPG_EINVAL);
    CHECK_INT(-7, SPG_EAGAIN);
    CHECK_INT(-9, SPG_EOWNERDEAD);
    CHECK_INT(-11, SPG_ECORRUPT);
    CHECK_INT(-22, SPG_EMFILE);
}

TEST(a_detail_says_what_on_which_name_and_the_system_s_reason) {
    spg_segment *segment;
    const char *name = unique_name("posix:", "absent");
    CHECK_RESULT(SPG_ENOENT, spg_segment_open(&segment, name, NULL));
    CHECK_DETAIL("cannot open");
    CHECK_DETAIL(strrchr(name, '/'));
    CHECK_DETAIL("No such file or directory");
}

TEST(the_version_is_the_one_of_the_header) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", SPG_VERSION_MAJOR, SPG_VERSION_MINOR,
             SPG_VERSION_PATCH);
    CHECK_INT(0, strcmp(text, spg_version()));
}
