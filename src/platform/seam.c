/* seam.c: the hook of a seam build; empty otherwise. */
#include "platform/seam.h"

#ifdef SPG_SEAM

#    include <errno.h>

spg__seam_hook *spg__seam;

static int tell(enum spg__seam_kind kind, const char *name, const volatile void *address,
                size_t size) {
    if (!spg__seam) return 0;
    struct spg__seam_event event = {kind, name, address, size};
    return spg__seam(&event);
}

int spg__seam_refuses(const char *call) {
    int error = tell(SPG__SEAM_CALL, call, NULL, 0);
    if (error) errno = error;
    return error;
}

intptr_t spg__seam_passed(const char *call, intptr_t result) {
    int error = errno;
    tell(SPG__SEAM_CALLED, call, NULL, 0);
    errno = error;
    return result;
}

void spg__seam_access(enum spg__seam_kind kind, const char *name, const volatile void *address,
                      size_t size) {
    tell(kind, name, address, size);
}

#else

typedef int spg__seam_is_empty;

#endif
