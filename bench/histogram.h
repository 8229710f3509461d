/* histogram.h: how often each latency was seen. Cells grow with the latency: 128 for each doubling,
 * so a cell is less than one percent wide. Counting is a few instructions, and no call. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>

enum { HISTOGRAM_SUB = 128, HISTOGRAM_SUB_BITS = 7, HISTOGRAM_CELLS = 36 * HISTOGRAM_SUB };

struct histogram {
    uint64_t count;
    uint64_t largest; /* in ticks, as all here */
    uint32_t cells[HISTOGRAM_CELLS];
};

static inline uint32_t histogram_cell(uint64_t ticks) {
    if (ticks < HISTOGRAM_SUB) return (uint32_t)ticks;
    uint32_t doubling = 63 - (uint32_t)__builtin_clzll(ticks) - HISTOGRAM_SUB_BITS;
    uint32_t cell = (doubling + 1) * HISTOGRAM_SUB +
                    (uint32_t)(ticks >> doubling & (HISTOGRAM_SUB - 1));
    return cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1;
}

static inline void histogram_note(struct histogram *histogram, uint64_t ticks) {
    histogram->count++;
    histogram->cells[histogram_cell(ticks)]++;
    if (ticks > histogram->largest) histogram->largest = ticks;
}

void histogram_add(struct histogram *to, const struct histogram *from);
/* The least latency, in ticks, that so great a part of all does not exceed. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);
/* The middle of a cell, in ticks. */
uint64_t histogram_ticks(uint32_t cell);

#endif
