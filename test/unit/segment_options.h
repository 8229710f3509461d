/* segment_options.h: what the tests of options share: the kinds, and what a kind refuses. */
#ifndef TEST_UNIT_SEGMENT_OPTIONS_H
#define TEST_UNIT_SEGMENT_OPTIONS_H

#include "harness/harness.h"

static const char *const kinds[] = {"posix:", "sysv:", "file:", "memfd:", "anonymous:"};
enum { KINDS = 5, SYSV = 1, MEMFD = 3, ANONYMOUS = 4 };

__attribute__((unused)) static bool is_named(int kind) {
    return kind < MEMFD;
}

__attribute__((unused)) static spg_segment_options defaults(void) {
    return (spg_segment_options)SPG_SEGMENT_OPTIONS;
}

__attribute__((unused)) static void remove_segment(spg_segment *segment, int kind) {
    char name[300];
    snprintf(name, sizeof name, "%s", spg_segment_name(segment));
    CHECK_OK(spg_segment_close(segment));
    if (is_named(kind)) CHECK_OK(spg_segment_unlink(name));
}

/* Create refuses it on this kind, names the segment and leaves nothing. */
__attribute__((unused)) static void
refuse_on(int kind, int expected, const spg_segment_options *options, const char *part) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    const char *name = unique_name(kinds[kind], "x");
    int result = spg_segment_create(&segment, name, 8192, options);
    if (result != expected) FAIL("%s: %d, not %d: %s", name, result, expected, spg_error_detail());
    CHECK_DETAIL(name);
    CHECK_DETAIL(part);
    CHECK(segment == untouched);
    if (is_named(kind)) CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

#endif
