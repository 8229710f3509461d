/* clock.h: stamps. On x86-64 the processor's counter, which runs alike on all processors; elsewhere
 * the monotonic clock. What a stamp costs is measured and told; it is in every stamped figure. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#    include <x86intrin.h>
#endif

static inline uint64_t stamp(void) {
#if defined(__x86_64__)
    _mm_lfence();
    return __rdtsc();
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

/* What a spinning loop does between two looks. */
static inline void relax(void) {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

void clock_calibrate(void);
double clock_ns(uint64_t ticks); /* how long so many ticks of a stamp are */
double clock_cost(void);         /* of one stamp, in nanoseconds */

#endif
