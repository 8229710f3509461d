/* table.c: what people read, as Markdown. */
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "results.h"

static void print_time(FILE *file, double ns) {
    if (ns <= 0) fprintf(file, " - |");
    else if (ns < 1e3) fprintf(file, " %.1f ns |", ns);
    else if (ns < 1e6) fprintf(file, " %.2f us |", ns / 1e3);
    else fprintf(file, " %.2f ms |", ns / 1e6);
}

const char *processor_name(void) {
    static char name[128];
    char line[256];
    if (name[0]) return name;
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, sizeof name, "unknown processor");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value) continue;
        value[strcspn(value, "\n")] = 0;
        snprintf(name, sizeof name, "%s", value + 2);
        break;
    }
    if (file) fclose(file);
    return name;
}

void print_about(FILE *file) {
    struct utsname system;
    uname(&system);
    fprintf(file,
            "Samepage %s on %s %s %s, %s, %ld processors; measured on %d and %d.\n"
            "A stamp costs %.1f ns; each stamped latency has one in it.\n"
            "near and far: the round trip of one line around each repetition, below or above "
            "300 ns;\n\"line ns\" is its mean; of what is no contest, before and after it.\n"
            "rounds: how many counted (in brackets: in all, how many with a role interrupted).\n"
            "Left out: %s.\n",
            spg_version(), system.sysname, system.release, system.machine, processor_name(),
            sysconf(_SC_NPROCESSORS_ONLN), settings.processors[0], settings.processors[1],
            clock_cost(), left_out);
}

/* ---- a row ----------------------------------------------------------------------------------- */

static bool has_rate(enum pattern pattern) {
    return pattern == ONE_WAY || pattern == HAND_OVER || pattern == BYTES || pattern == CLAIMING;
}

const struct contest *limit_of(const struct row *row) {
    for (int i = 0; i < row->count; i++) {
        if (row->contests[i].contestant->side == LIMIT) return &row->contests[i];
    }
    return NULL;
}

static const char *side_name(enum party side) {
    return side == LIMIT ? "limit" : side == OURS ? "samepage" : "peer";
}

static void print_contest(FILE *file, const struct row *row, const struct contest *contest,
                          enum distance distance) {
    struct figure figure;
    const struct contestant *contestant = contest->contestant;
    const struct contest *limit = limit_of(row);
    if (!figure_of(contest, distance, &figure)) return;
    double ratio = limit ? ratio_of(contest, limit, distance) : 0;
    fprintf(file, "| %s | %s |", contestant->name, side_name(contestant->side));
    print_time(file, figure.cost);
    if (has_rate(row->pattern)) {
        fprintf(file, " %.3f | %.2f |", 1e3 / figure.cost, (double)row->size / figure.cost);
    } else {
        print_time(file, figure.p50);
        print_time(file, figure.p99);
        print_time(file, figure.p999);
        print_time(file, figure.largest);
    }
    if (ratio > 0) fprintf(file, " %.3f |", ratio);
    else fprintf(file, " - |");
    fprintf(file, " %d", figure.rounds);
    if (contest->disturbed) fprintf(file, " (%d)", contest->disturbed);
    fprintf(file, " | %.0f | %s |\n", figure.probe, contestant->how);
}

static int rounds_of(const struct row *row, enum distance distance) {
    int rounds = 0;
    struct figure figure;
    for (int i = 0; i < row->count; i++) {
        if (figure_of(&row->contests[i], distance, &figure)) rounds += figure.rounds;
    }
    return rounds;
}

static void print_class(FILE *file, const struct row *row, enum distance distance) {
    if (rounds_of(row, distance) == 0) return;
    fprintf(file, "\n**%s** (%s)\n\n", row->title, distance == NEAR ? "near" : "far");
    if (has_rate(row->pattern)) {
        fprintf(file, "| what | side | each | M/s | GB/s | x limit | rounds | line ns | how |\n"
                      "|---|---|---|---|---|---|---|---|---|\n");
    } else {
        fprintf(file,
                "| what | side | each | p50 | p99 | p99.9 | max | x limit | rounds | line ns | how "
                "|\n|---|---|---|---|---|---|---|---|---|---|---|\n");
    }
    for (int i = 0; i < row->count; i++) print_contest(file, row, &row->contests[i], distance);
}

void print_row(FILE *file, const struct row *row) {
    for (int i = 0; i < CLASSES; i++) print_class(file, row, (enum distance)i);
    for (int i = 0; i < row->count; i++) {
        if (row->contests[i].failure[0]) {
            fprintf(file, "\nFAILED: %s, %s: %s\n", row->title, row->contests[i].contestant->name,
                    row->contests[i].failure);
        }
    }
    fflush(file);
}

/* ---- what is no contest ---------------------------------------------------------------------- */

void print_values(FILE *file) {
    if (results.value_count == 0) return;
    fprintf(file, "\n**other figures**\n\n| what | unit | samepage | other | against | line ns |\n"
                  "|---|---|---|---|---|---|\n");
    for (int i = 0; i < results.value_count; i++) {
        const struct value *value = &results.values[i];
        fprintf(file, "| %s | %s | %.2f |", value->what, value->unit, value->ours);
        if (value->other_name) fprintf(file, " %.2f | %s |", value->other, value->other_name);
        else fprintf(file, " - | |");
        fprintf(file, " %.0f, %.0f |\n", value->line[0], value->line[1]);
    }
}
