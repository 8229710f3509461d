/* clock.c: the two clocks. */
#include <time.h>

#include "platform/platform.h"

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t spg__clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t spg__clock_realtime(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t spg__clock_coarse(void) {
#ifdef CLOCK_REALTIME_COARSE
    return read_clock(CLOCK_REALTIME_COARSE);
#else
    return read_clock(CLOCK_REALTIME);
#endif
}
