/* bench.c: what all parts use. */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct settings settings = {.peers = true};

void must_be(int expected, int actual, const char *call) {
    if (actual == expected) return;
    fprintf(stderr, "samepage-bench: %s: %d %s %s\n", call, actual, spg_error_name(actual),
            spg_error_detail());
    exit(1);
}

long must_not_be_negative(long result, const char *call) {
    if (result >= 0) return result;
    fprintf(stderr, "samepage-bench: %s: %s\n", call, strerror(errno));
    exit(1);
}

double nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void sleep_ns(long ns) {
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void sort(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_size);
}

double quantile(const double *sorted, int count, double part) {
    double place = part * (count - 1);
    int below = (int)place;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}
