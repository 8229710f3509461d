/* json.c: the file for programs. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "locks/locks.h"
#include "results.h"

static const char *side_name(enum party side) {
    return side == LIMIT ? "limit" : side == OURS ? "samepage" : "peer";
}

/* limit: the first of its row. NULL: it has none. */
static void write_class(FILE *file, const struct contest *contest, const struct contest *limit,
                        enum distance distance, const char **comma) {
    struct figure figure;
    if (!figure_of(contest, distance, &figure)) return;
    fprintf(file, "%s\"%s\": {\"rounds\": %d, \"ns\": %.3f, \"line_ns\": %.1f", *comma,
            distance == NEAR ? "near" : "far", figure.rounds, figure.cost, figure.probe);
    if (figure.p50 > 0) {
        fprintf(file, ", \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f", figure.p50,
                figure.p99, figure.p999, figure.largest);
    }
    double ratio = limit ? ratio_of(contest, limit, distance) : 0;
    if (ratio > 0) fprintf(file, ", \"of_limit\": %.4f", ratio);
    fprintf(file, "}");
    *comma = ", ";
}

static void write_contest(FILE *file, const struct contest *contest, const struct contest *limit) {
    const struct contestant *contestant = contest->contestant;
    const char *comma = "";
    fprintf(file, "\n      {\"name\": \"%s\", \"side\": \"%s\", \"how\": \"%s\", ",
            contestant->name, side_name(contestant->side), contestant->how);
    if (contest->failure[0]) fprintf(file, "\"failure\": \"%s\", ", contest->failure);
    fprintf(file, "\"disturbed\": %d, \"figures\": {", contest->disturbed);
    for (int i = 0; i < CLASSES; i++) {
        write_class(file, contest, limit, (enum distance)i, &comma);
    }
    fprintf(file, "}}");
}

static void write_row(FILE *file, const struct row *row) {
    fprintf(file, "\n    {\"title\": \"%s\", \"pattern\": %d, \"size\": %zu, \"contests\": [",
            row->title, (int)row->pattern, row->size);
    for (int i = 0; i < row->count; i++) {
        if (i) fputc(',', file);
        write_contest(file, &row->contests[i], limit_of(row));
    }
    fprintf(file, "]}");
}

static void write_value(FILE *file, const struct value *value) {
    fprintf(file, "\n    {\"what\": \"%s\", \"unit\": \"%s\", \"samepage\": %.3f", value->what,
            value->unit, value->ours);
    if (value->other_name)
        fprintf(file, ", \"other\": %.3f, \"against\": \"%s\"", value->other, value->other_name);
    fprintf(file, ", \"line_ns\": [%.1f, %.1f]", value->line[0], value->line[1]);
    if (value->goal > 0) fprintf(file, ", \"at_most\": %.3f", value->goal);
    fprintf(file, "}");
}

static void write_all(FILE *file) {
    struct utsname system;
    uname(&system);
    fprintf(file,
            "{\n  \"samepage\": \"%s\", \"system\": \"%s %s\", \"machine\": \"%s\", "
            "\"processor\": \"%s\", \"processors\": %ld, \"time\": %lld, "
            "\"stamp_ns\": %.2f,\n  \"left_out\": \"%s\",\n"
            "  \"rows\": [",
            spg_version(), system.sysname, system.release, system.machine, processor_name(),
            sysconf(_SC_NPROCESSORS_ONLN), (long long)time(NULL), clock_cost(), left_out);
    for (int i = 0; i < results.row_count; i++) {
        if (i) fputc(',', file);
        write_row(file, &results.rows[i]);
    }
    fprintf(file, "\n  ],\n  \"values\": [");
    for (int i = 0; i < results.value_count; i++) {
        if (i) fputc(',', file);
        write_value(file, &results.values[i]);
    }
    fprintf(file, "\n  ],\n  \"goals\": [");
    write_goals_json(file);
    fprintf(file, "\n  ],\n");
    locks_write(file);
    fprintf(file, "\n}\n");
}

bool write_json(const char *path) {
    FILE *file = fopen(path, "w");
    bool good = file != NULL;
    if (good) {
        write_all(file);
        good = !ferror(file);
        good = fclose(file) == 0 && good;
    }
    if (!good) fprintf(stderr, "samepage-bench: %s: %s\n", path, strerror(errno));
    return good;
}
