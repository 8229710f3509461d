/* error.c: names and texts of results, and the detail of this thread's last failure.
 *
 * The two buffers are per thread and written by that thread alone: the only state of this file. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DETAIL_BYTES = 768, REASON_BYTES = 160 };

static _Thread_local char detail[DETAIL_BYTES];
static _Thread_local char reason[REASON_BYTES];

const char *spg_error_name(int error) {
    if (error >= 0) return "SPG_OK";
#define NAME_CASE(name, number, text)                                                              \
    case number: return #name;
    switch (error) { SPG_ERROR_LIST(NAME_CASE) }
#undef NAME_CASE
    return "SPG_EUNKNOWN";
}

const char *spg_error_text(int error) {
    if (error >= 0) return "it worked";
#define TEXT_CASE(name, number, text)                                                              \
    case number: return text;
    switch (error) { SPG_ERROR_LIST(TEXT_CASE) }
#undef TEXT_CASE
    return "not a result of Samepage";
}

const char *spg_error_detail(void) {
    return detail;
}

int spg__fail(int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return error;
}

int spg__fail_system(int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    size_t length = strlen(detail);
    snprintf(detail + length, sizeof detail - length, ": %s", reason);
    return error;
}

int spg__check_struct_size(uint32_t given, size_t expected, const char *type,
                           const char *initialiser) {
    if (given == expected) return 0;
    return spg__fail(SPG_EINVAL, "%s: struct_size is %u where %zu was expected; begin with %s",
                     type, given, expected, initialiser);
}

void spg__system_reason(const char *call, const char *text) {
    snprintf(reason, sizeof reason, "%s: %s", call, text);
}
