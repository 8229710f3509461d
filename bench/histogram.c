/* histogram.c: adding and asking. */
#include "histogram.h"

void histogram_add(struct histogram *to, const struct histogram *from) {
    for (uint32_t i = 0; i < HISTOGRAM_CELLS; i++) to->cells[i] += from->cells[i];
    to->count += from->count;
    if (from->largest > to->largest) to->largest = from->largest;
}

uint64_t histogram_ticks(uint32_t cell) {
    if (cell < HISTOGRAM_SUB) return cell;
    uint32_t doubling = cell / HISTOGRAM_SUB - 1;
    uint64_t first = (uint64_t)(HISTOGRAM_SUB + cell % HISTOGRAM_SUB) << doubling;
    return first + (UINT64_C(1) << doubling) / 2;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part) {
    uint64_t wanted = (uint64_t)(part * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += histogram->cells[i];
        if (seen > wanted) return histogram_ticks(i);
    }
    return histogram->largest;
}
