/* plot.c: pictures, drawn by gnuplot where it is there: a script with the data in it, and what it
 * makes of it as SVG and PNG. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "results.h"

enum { LINES_MAX = 24 };

#define PAYLOADS                                                                                   \
    "set logscale x 2\nset xlabel 'payload, bytes'\n"                                              \
    "set xtics ('8' 8, '48' 48, '1 Ki' 1024, '64 Ki' 65536, '4 Mi' 4194304)\n"

struct line {
    const char *name;
    int number;
};

static const char
    *const style = "set grid\nset key outside right top noenhanced\nset style data linespoints\n";

/* One point of a line for each row of this pattern. */
static double height(const struct contest *contest, enum distance distance) {
    struct figure figure;
    if (!figure_of(contest, distance, &figure)) return 0;
    enum pattern pattern = contest->contestant->pattern;
    return pattern == ONE_WAY ? (double)contest->size / figure.cost : figure.cost;
}

static bool is_of(const char *name, const struct line *lines, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(lines[i].name, name) == 0) return true;
    }
    return false;
}

static int names_of(enum pattern pattern, struct line *lines) {
    int count = 0;
    for (int i = 0; i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        for (int j = 0; row->pattern == pattern && j < row->count; j++) {
            const char *name = row->contests[j].contestant->name;
            if (count == LINES_MAX || is_of(name, lines, count)) continue;
            lines[count] = (struct line){name, count};
            count++;
        }
    }
    return count;
}

static void write_line(FILE *file, enum pattern pattern, const struct line *line) {
    fprintf(file, "$line%d << END\n", line->number);
    for (int i = 0; i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        if (row->pattern != pattern) continue;
        const struct contest *contest = find_contest(pattern, line->name, row->size);
        double value = contest ? height(contest, main_distance(row)) : 0;
        if (value > 0) fprintf(file, "%zu %g\n", row->size, value);
    }
    fprintf(file, "END\n");
}

static void write_plot(FILE *file, const char *name, const struct line *lines, int count) {
    static const char *const terminals[] = {"svg size 1000,560 dynamic", "pngcairo size 1000,560"};
    static const char *const endings[] = {"svg", "png"};
    for (int i = 0; i < 2; i++) {
        fprintf(file, "set terminal %s\nset output '%s/%s.%s'\nplot ", terminals[i],
                settings.folder, name, endings[i]);
        for (int j = 0; j < count; j++) {
            fprintf(file, "%s$line%d title \"%s\"", j ? ", " : "", lines[j].number, lines[j].name);
        }
        fprintf(file, "\nunset output\n");
    }
}

static void plot_sizes(FILE *file, enum pattern pattern, const char *name, const char *title,
                       const char *axes) {
    struct line lines[LINES_MAX];
    int count = names_of(pattern, lines);
    if (count == 0) return;
    for (int i = 0; i < count; i++) write_line(file, pattern, &lines[i]);
    fprintf(file, "set title \"%s\"\n%s", title, axes);
    write_plot(file, name, lines, count);
}

/* ---- the distribution ------------------------------------------------------------------------ */

/* How many of all took longer, for each latency that was seen. */
static void write_distribution(FILE *file, const struct histogram *latency, int number) {
    uint64_t left = latency->count;
    fprintf(file, "$line%d << END\n", number);
    for (uint32_t i = 0; i < HISTOGRAM_CELLS && left > 0; i++) {
        if (latency->cells[i] == 0) continue;
        fprintf(file, "%g %g\n", clock_ns(histogram_ticks(i)),
                (double)left / (double)latency->count);
        left -= latency->cells[i];
    }
    fprintf(file, "END\n");
}

static void plot_distribution(FILE *file, const struct row *row) {
    struct line lines[LINES_MAX];
    int count = 0;
    enum distance distance = main_distance(row);
    for (int i = 0; i < row->count && count < LINES_MAX; i++) {
        const struct contest *contest = &row->contests[i];
        if (contest->latency[distance]->count == 0) continue;
        write_distribution(file, contest->latency[distance], count);
        lines[count] = (struct line){contest->contestant->name, count};
        count++;
    }
    fprintf(file,
            "set title \"Latency distribution: %s\"\nset logscale xy 10\nset xtics auto\nset style "
            "data steps\n"
            "set xlabel 'ns'\nset ylabel 'part that took as long or longer'\n"
            "set xrange [*:*]\nset yrange [1e-6:1]\n",
            row->title);
    if (count > 0) write_plot(file, "distribution", lines, count);
}

static void write_script(FILE *file) {
    fputs(style, file);
    plot_sizes(file, ROUND_TRIP, "latency", "Round trip, polling",
               PAYLOADS "set logscale y 10\n"
                        "set ylabel 'ns'\n");
    plot_sizes(file, ONE_WAY, "throughput", "One way",
               PAYLOADS "set logscale y 10\n"
                        "set ylabel 'GB/s'\n");
    plot_sizes(file, FAN_OUT, "subscribers", "Publishing 48 bytes",
               "set logscale x 2\nset xtics auto\nunset logscale y\nset yrange [0:*]\nset xlabel "
               "'subscribers'\n"
               "set ylabel 'ns'\n");
    const struct contest *trip = find_contest(ROUND_TRIP, "topic", 48);
    for (int i = 0; trip && i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        if (row->pattern == ROUND_TRIP && row->size == 48) plot_distribution(file, row);
    }
}

void write_plots(void) {
    char path[300], command[700];
    snprintf(path, sizeof path, "%s/plots.gp", settings.folder);
    FILE *file = fopen(path, "w");
    if (!file) return;
    write_script(file);
    fclose(file);
    snprintf(command, sizeof command, "command -v gnuplot >/dev/null && gnuplot '%s'", path);
    if (system(command) != 0) printf("\nno plots: gnuplot is missing or failed (%s)\n", path);
}
