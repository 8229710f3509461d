/* figures.c: medians and quantiles of what was measured, and ratios within one run. */
#include <string.h>

#include "clock.h"
#include "contest.h"

/* Fewer say nothing. */
enum { ROUNDS_MIN = 3 };

static int costs_of(const struct contest *contest, enum distance distance, double *costs) {
    int count = 0;
    for (int i = 0; i < contest->rounds; i++) {
        if (contest->distance[i] == distance) costs[count++] = contest->cost[i];
    }
    sort(costs, count);
    return count;
}

bool figure_of(const struct contest *contest, enum distance distance, struct figure *figure) {
    double costs[ROUNDS_MAX];
    memset(figure, 0, sizeof *figure);
    if (contest->failure[0] || distance == MIXED) return false;
    figure->rounds = costs_of(contest, distance, costs);
    if (figure->rounds < ROUNDS_MIN) return false;
    figure->cost = quantile(costs, figure->rounds, 0.5);
    figure->probe = contest->probe[distance] / figure->rounds;
    const struct histogram *latency = contest->latency[distance];
    if (latency->count == 0) return true;
    figure->p50 = clock_ns(histogram_quantile(latency, 0.5));
    figure->p99 = clock_ns(histogram_quantile(latency, 0.99));
    figure->p999 = clock_ns(histogram_quantile(latency, 0.999));
    figure->largest = clock_ns(latency->largest);
    return true;
}

/* The median of the rounds in which both were of this class. */
static double paired(const struct contest *ours, const struct contest *theirs,
                     enum distance distance) {
    double ratios[ROUNDS_MAX];
    int count = 0;
    for (int i = 0; i < ours->rounds && i < theirs->rounds; i++) {
        if (ours->distance[i] != distance || theirs->distance[i] != distance) continue;
        ratios[count++] = ours->cost[i] / theirs->cost[i];
    }
    sort(ratios, count);
    return count >= ROUNDS_MIN ? quantile(ratios, count, 0.5) : 0;
}

double ratio_of(const struct contest *ours, const struct contest *theirs, enum distance distance) {
    struct figure a, b;
    if (!figure_of(ours, distance, &a) || !figure_of(theirs, distance, &b)) return 0;
    enum pattern pattern = ours->contestant->pattern;
    bool in_turn = pattern == theirs->contestant->pattern &&
                   (ours->size == theirs->size || pattern == FAN_OUT);
    double ratio = in_turn ? paired(ours, theirs, distance) : 0;
    return ratio > 0 ? ratio : a.cost / b.cost;
}
