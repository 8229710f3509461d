/* error.h: how a failure is told.
 *
 * A function that fails says so once, where it knows most: it composes the detail text and returns
 * the number. Platform functions record the system's reason; the layer above adds what was tried
 * and on which name. */
#ifndef SPG_BASE_ERROR_H
#define SPG_BASE_ERROR_H

#include <samepage/base.h>

/* Records the text and returns `error`. */
int spg__fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with the reason last recorded by spg__system_reason appended. */
int spg__fail_system(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An option struct begins with its size: is it the one that we know? SPG_EINVAL. `type` is its
 * name, `initialiser` the macro it should have begun with. */
int spg__check_struct_size(uint32_t given, size_t expected, const char *type,
                           const char *initialiser);

/* Records that `call` failed and why ("fallocate: No space left on device"). */
void spg__system_reason(const char *call, const char *reason);

#endif
