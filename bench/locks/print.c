/* print.c: the table for people and the file for programs. */
#include <gnu/libc-version.h>

#include "locks.h"

static const double kill_parts[] = {0, 0.25, 0.5, 0.75, 1};
enum { KILL_PARTS = sizeof kill_parts / sizeof kill_parts[0] };

void print_outcome(const struct outcome *outcome) {
    static int lines;
    if (lines++ == 0) {
        printf("%-29s %-22s %10s %10s %7s  %s\n", "nanoseconds, medians", "against", "samepage",
               "other", "ratio", "quartiles");
    }
    printf("%-29s %-22s %10.1f %10.1f %7.3f  %.3f to %.3f\n", outcome->name, outcome->other,
           outcome->ours, outcome->theirs, outcome->ratio[1], outcome->ratio[0], outcome->ratio[2]);
    fflush(stdout);
}

static void print_distribution(const char *name, const double *sorted, int count) {
    printf("  %-32s", name);
    for (int i = 0; i < KILL_PARTS; i++) printf(" %8.2f", quantile(sorted, count, kill_parts[i]));
    putchar('\n');
}

void print_kills(const struct kills *kills) {
    printf("\nmilliseconds from SIGKILL of its owner until a mutex has the next, over %d kills\n"
           "  %-32s %8s %8s %8s %8s %8s\n",
           kills->count, "", "least", "quarter", "median", "quarter", "most");
    print_distribution("samepage", kills->ours, kills->count);
    print_distribution("pthread mutex, robust", kills->theirs, kills->count);
}

static void write_outcome(FILE *file, const struct outcome *outcome) {
    fprintf(file,
            "    {\"name\": \"%s\", \"other\": \"%s\", \"unit\": \"ns\", \"samepage\": %.2f, "
            "\"theirs\": %.2f, \"ratio\": %.3f, \"ratio_quartiles\": [%.3f, %.3f], "
            "\"repetitions\": %d, \"operations\": %ld}",
            outcome->name, outcome->other, outcome->ours, outcome->theirs, outcome->ratio[1],
            outcome->ratio[0], outcome->ratio[2], settings.quick ? QUICK_REPETITIONS : REPETITIONS,
            outcome->count);
}

static void write_distribution(FILE *file, const char *name, const double *sorted, int count) {
    fprintf(file, "    \"%s\": [", name);
    for (int i = 0; i < count; i++) fprintf(file, "%s%.3f", i ? ", " : "", sorted[i]);
    fprintf(file, "]");
}

void write_outcomes(FILE *file, const struct outcome *outcomes, int count,
                    const struct kills *kills) {
    fprintf(file, "  \"glibc\": \"%s\",\n  \"comparisons\": [\n", gnu_get_libc_version());
    for (int i = 0; i < count; i++) {
        write_outcome(file, &outcomes[i]);
        fprintf(file, "%s\n", i + 1 < count ? "," : "");
    }
    fprintf(file, "  ],\n  \"milliseconds_after_kill\": {\n");
    write_distribution(file, "samepage", kills->ours, kills->count);
    fprintf(file, ",\n");
    write_distribution(file, "pthread mutex, robust", kills->theirs, kills->count);
    fprintf(file, "\n  }");
}
