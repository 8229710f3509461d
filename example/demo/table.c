/* table.c: what was measured, for people. */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Less than this is over before a clock has seen it. */
enum { LEAST_TIMED = 1024 * 1024 };

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double median(const double *values, int count) {
    double sorted[ROUNDS_MAX];
    if (count == 0) return 0;
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_size);
    return (sorted[count / 2] + sorted[(count - 1) / 2]) / 2;
}

static double speed_of(const struct row *row) {
    return median(row->speeds, row->rounds);
}

static void print_row(const struct row *row, enum medium medium, const struct tree *tree,
                      double pipe) {
    char resumed[48] = "-";
    char digests[48] = "all match";
    char speed[24] = "-", ratio[24] = "-";
    if (tree->bytes >= LEAST_TIMED) {
        snprintf(speed, sizeof speed, "%.0f", speed_of(row));
        snprintf(ratio, sizeof ratio, "%.2f", speed_of(row) / pipe);
    }
    if (medium_is_memory(medium)) {
        snprintf(resumed, sizeof resumed, row->is_resumed ? "yes, %zu sent again" : "NO",
                 row->resent);
    }
    if (row->matched != row->expected) {
        snprintf(digests, sizeof digests, "%zu DIFFER", row->expected - row->matched);
    }
    printf("%-29s %6zu %7.1f %13s %16s   %-20s %s\n", medium_label(medium), tree->count,
           (double)tree->bytes / 1048576, speed, ratio, resumed, digests);
}

void table_print(const struct row rows[MEDIA], const struct tree *tree) {
    double pipe = speed_of(&rows[PIPE]);
    printf("%-29s %6s %7s %13s %16s   %-20s %s\n", "kind", "files", "MiB", "MiB/s, median",
           "against the pipe", "killed and resumed", "SHA-256");
    for (int i = 0; i < MEDIA; i++) print_row(&rows[i], (enum medium)i, tree, pipe);
}

bool table_is_sound(const struct row rows[MEDIA]) {
    for (int i = 0; i < MEDIA; i++) {
        if (rows[i].rounds == 0 || rows[i].matched != rows[i].expected) return false;
        if (medium_is_memory((enum medium)i) && !rows[i].is_resumed) return false;
    }
    return true;
}
