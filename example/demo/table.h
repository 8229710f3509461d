/* table.h: what was measured, for people. */
#ifndef TABLE_H
#define TABLE_H

#include "carrier.h"
#include "tree.h"

struct row {
    double speeds[ROUNDS_MAX]; /* MiB a second */
    int rounds;
    bool is_resumed; /* killed and resumed */
    size_t resent;
    int64_t told_after;
    size_t matched; /* digests, of all transfers */
    size_t expected;
};

/* Prints the table of all kinds. */
void table_print(const struct row rows[MEDIA], const struct tree *tree);

/* Of at most ROUNDS_MAX values. */
double median(const double *values, int count);

/* Whether every digest matched, and every kind of memory was resumed. */
bool table_is_sound(const struct row rows[MEDIA]);

#endif
