/* bench.h: what all parts of samepage-bench use. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <samepage/samepage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ends the process if something that cannot fail has failed. */
#define must(call) must_be(0, (call), #call)
void must_be(int expected, int actual, const char *call);
/* The same for a call of the system, which says why in errno. */
#define must_do(call) must_not_be_negative((call), #call)
long must_not_be_negative(long result, const char *call);

double nanoseconds(void);
void sleep_ns(long nanoseconds);
double quantile(const double *sorted, int count, double part);
void sort(double *values, int count);

struct settings {
    bool quick;
    bool peers;
    const char *peer; /* the only one with this word in its name; NULL: all */
    double end;       /* on the clock of nanoseconds: when all shall be done */
    const char *only; /* rows with this word in their titles; NULL: all */
    const char *results;
    char folder[256]; /* of the results; the other files are put beside them */
    const char *domain;
    int processors[2];
};

extern struct settings settings;

#ifdef __cplusplus
}
#endif

#endif
