/* reason.h: from errno to a result. */
#ifndef SPG_PLATFORM_POSIX_REASON_H
#define SPG_PLATFORM_POSIX_REASON_H

/* Records that `call` failed with the present errno and returns the result that stands for it. */
int spg__reason(const char *call);

#endif
