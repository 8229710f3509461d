/* results.h: all that was measured, and who tells it. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "contest.h"

enum { ROWS_MAX = 64, VALUES_MAX = 48, SIZE_TEXT = 48 };

/* Something that is not a contest: a time, a size, a count; beside what it is compared with. */
struct value {
    const char *what, *unit, *other_name;
    double ours, other; /* other 0: none */
    double line[2]; /* the bare ping-pong before and after it, in nanoseconds; 0: none */
    double goal;    /* at most so many times the other; without another: at most this. 0: none */
};

struct results {
    struct row rows[ROWS_MAX];
    int row_count;
    struct value values[VALUES_MAX];
    int value_count;
};

extern struct results results;
extern const char *const left_out;

void note_value(const struct value *value);

/* ---- rows.c ---------------------------------------------------------------------------------- */

void measure_rows(void);
const struct contest *find_contest(enum pattern pattern, const char *name, size_t size);
void describe_size(enum pattern pattern, size_t size, char text[SIZE_TEXT]);

/* ---- idle.c, opening.c ----------------------------------------------------------------------- */

void measure_idle(void);
void measure_opening(void);

/* ---- table.c, goals.c, json.c, plot.c -------------------------------------------------------- */

void print_about(FILE *file);
const char *processor_name(void);
void print_row(FILE *file, const struct row *row);
void print_values(FILE *file);
void print_goals(FILE *file);
bool write_json(const char *path);
void write_goals_json(FILE *file);
void write_plots(void);

/* What the others of a row are compared with. NULL: it has none. */
const struct contest *limit_of(const struct row *row);

/* Which class of a row has more rounds. */
enum distance main_distance(const struct row *row);

#endif
