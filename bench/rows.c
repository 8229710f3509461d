/* rows.c: what is measured, with which payloads. */
#include <stdlib.h>
#include <string.h>

#include "bracket.h"
#include "results.h"

enum { SIZES_MAX = 8, KI = 1024, MI = 1024 * 1024, ROUNDS = 31, QUICK_ROUNDS = 7 };

/* For what comes after the rows, in seconds. */
enum { REST = 60, QUICK_REST = 20 };

struct plan {
    const char *title;
    enum pattern pattern;
    size_t sizes[SIZES_MAX];
};

static const struct plan plans[] = {
    {"round trip, polling", ROUND_TRIP, {8, 48, 64, KI, 64 * KI, 4 * MI}},
    {"round trip, hand-off, polling", HAND_OFF, {64 * KI, 4 * MI}},
    {"round trip, waiting", WAITING, {48, KI, 64 * KI, 4 * MI}},
    {"round trip to sleepers", WAKING, {48, KI, 64 * KI}},
    {"one way", ONE_WAY, {48, 64, KI, 64 * KI, 4 * MI}},
    {"one way, hand-off", HAND_OVER, {64 * KI, 4 * MI}},
    {"bytes one way, in pieces", BYTES, {8, 64, KI, 64 * KI}},
    {"several writers", CLAIMING, {48}},
    {"read of the latest value", READING, {48, KI}},
    {"publish", FAN_OUT, {1, 2, 4, 8, 16, 32, 64}},
};

struct results results;

void note_value(const struct value *value) {
    static double line;
    if (line == 0) line = bracket_now();
    must(results.value_count == VALUES_MAX);
    struct value *noted = &results.values[results.value_count++];
    *noted = *value;
    noted->line[0] = line;
    noted->line[1] = line = bracket_now();
}

void describe_size(enum pattern pattern, size_t size, char text[SIZE_TEXT]) {
    if (pattern == FAN_OUT)
        snprintf(text, SIZE_TEXT, "%zu subscriber%s", size, size == 1 ? "" : "s");
    else if (size >= MI) snprintf(text, SIZE_TEXT, "%zu MiB", size / MI);
    else if (size >= KI) snprintf(text, SIZE_TEXT, "%zu KiB", size / KI);
    else snprintf(text, SIZE_TEXT, "%zu B", size);
}

static void add(const struct plan *plan, size_t size) {
    char of[SIZE_TEXT], *title;
    must(results.row_count == ROWS_MAX);
    describe_size(plan->pattern, size, of);
    must(asprintf(&title, "%s, %s", plan->title, of) < 0);
    if (settings.only && !strstr(title, settings.only)) {
        free(title);
        return;
    }
    struct row *row = &results.rows[results.row_count++];
    row->title = title;
    row->pattern = plan->pattern;
    row->size = size;
    row->rounds = settings.quick ? QUICK_ROUNDS : ROUNDS;
    row->contests = calloc(CONTESTS_MAX, sizeof *row->contests);
    must(row->contests == NULL);
}

static void add_all(void) {
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        for (int j = 0; j < SIZES_MAX && plans[i].sizes[j]; j++) add(&plans[i], plans[i].sizes[j]);
    }
}

/* Sizes that are compared with each other are measured in turn: the machine changes. */
static int together_with(int which) {
    int count = 1;
    if (results.rows[which].pattern != FAN_OUT) return count;
    while (which + count < results.row_count && results.rows[which + count].pattern == FAN_OUT)
        count++;
    return count;
}

static double estimate(int from, int end) {
    double sum = 0;
    for (int i = from; i < end; i++) sum += measure_estimate(&results.rows[i]);
    return sum;
}

/* When these rows shall have ended: their share of the time that is left. */
static double end_of_rows(int which, int count) {
    double rest = settings.only ? 0 : settings.quick ? QUICK_REST : REST;
    double now = nanoseconds(), left = settings.end - rest * 1e9 - now;
    return now + left * estimate(which, which + count) / estimate(which, results.row_count);
}

void measure_rows(void) {
    add_all();
    for (int i = 0; i < results.row_count;) {
        int count = together_with(i);
        measure_together(&results.rows[i], count, end_of_rows(i, count));
        for (int end = i + count; i < end; i++) print_row(stdout, &results.rows[i]);
    }
}

const struct contest *find_contest(enum pattern pattern, const char *name, size_t size) {
    for (int i = 0; i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        if (row->pattern != pattern || row->size != size) continue;
        for (int j = 0; j < row->count; j++) {
            if (strcmp(row->contests[j].contestant->name, name) == 0) return &row->contests[j];
        }
    }
    return NULL;
}

enum distance main_distance(const struct row *row) {
    int rounds[CLASSES] = {0};
    for (int i = 0; i < row->count; i++) {
        struct figure figure;
        for (int j = 0; j < CLASSES; j++) {
            if (figure_of(&row->contests[i], (enum distance)j, &figure)) rounds[j] += figure.rounds;
        }
    }
    return rounds[FAR] > rounds[NEAR] ? FAR : NEAR;
}
