/* reason.c: from errno to a result, in one table. */

/* There are two functions of the name strerror_r; this asks for the one of POSIX. */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L

#include "platform/posix/reason.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static int result_of(int error) {
    switch (error) {
    case EINVAL:
    case ENOTDIR:
    case ENAMETOOLONG: return SPG_EINVAL;
    case ENOMEM: return SPG_ENOMEM;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return SPG_ENOSPC;
    case EEXIST: return SPG_EEXIST;
    case ENOENT:
    case EIDRM: return SPG_ENOENT;
    case EPERM:
    case EACCES:
    case EROFS:
    case ELOOP: return SPG_EPERM;
    case EMFILE:
    case ENFILE: return SPG_EMFILE;
    case EAGAIN: return SPG_EAGAIN;
    case ENOSYS:
    case EOPNOTSUPP: return SPG_ENOTSUP;
    default: return SPG_ESYSTEM;
    }
}

int spg__reason(const char *call) {
    int error = errno;
    char text[96];
    if (strerror_r(error, text, sizeof text) != 0) strcpy(text, "unknown error");
    spg__system_reason(call, text);
    return result_of(error);
}
