/* clock.c: how long a tick is, and what a stamp costs. */
#include "clock.h"

#include "bench.h"

enum { CALIBRATE_NS = 50 * 1000 * 1000, STAMPS = 200000 };

static double ns_per_tick = 1, cost;

void clock_calibrate(void) {
    double begin = nanoseconds();
    uint64_t first = stamp();
    while (nanoseconds() - begin < CALIBRATE_NS) relax();
    double took = nanoseconds() - begin;
    ns_per_tick = took / (double)(stamp() - first);
    first = stamp();
    uint64_t last = first;
    for (int i = 0; i < STAMPS; i++) last = stamp();
    cost = clock_ns(last - first) / STAMPS;
}

double clock_ns(uint64_t ticks) {
    return (double)ticks * ns_per_tick;
}

double clock_cost(void) {
    return cost;
}
