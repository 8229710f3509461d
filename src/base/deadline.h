/* deadline.h: from "so long from now" to "until then". */
#ifndef SPG_BASE_DEADLINE_H
#define SPG_BASE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include <samepage/base.h>

/* The end of time: no deadline. */
#define SPG__NEVER INT64_MAX

static inline bool spg__timeout_is_valid(int64_t timeout) {
    return timeout >= 0 || timeout == SPG_FOREVER;
}

static inline int64_t spg__deadline(int64_t now, int64_t timeout) {
    if (timeout == SPG_FOREVER || timeout > INT64_MAX - now) return SPG__NEVER;
    return now + timeout;
}

#endif
