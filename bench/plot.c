/* plot.c: pictures, drawn by gnuplot where it is there: a script with the data in it, and what it
 * makes of it as SVG and PNG. Near and far are not mixed: what NAME shows is of the distance with
 * more rounds, and where the other one has enough there is NAME-near or NAME-far beside it. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "results.h"

enum { LINES_MAX = 40, POINTS_LEAST = 2, SHAPES = 13 };

#define VISIBLE 0.97 /* a share that differs by less from the one before it */

/* A contestant has its colour and shape in all pictures, by its place among those of its side. Ours
 * are red and thick, limits black and dashed, peers of all other colours and thin. */
static const char *const colours_of_ours[] = {
    "#d00000", "#ff7060", "#900030", "#ff4d94", "#b05050", "#ff9a80", "#700000", "#e06090",
    "#cc6677", "#c04000", "#ffb347", "#a03050", "#e83e8c", "#d45500", "#ff8c1a", "#ff5c33",
    "#a0522d", "#e8746a", "#f4a582", "#7f2704"};
static const char *const colours_of_limits[] = {"#000000", "#606060", "#909090"};
static const char *const colours_of_peers[] = {
    "#0072b2", "#56b4e9", "#009e73", "#8da000", "#7b3ff2", "#c8a200", "#3cb371", "#6a5acd",
    "#00a0a8", "#8c6d31", "#1f4e9c", "#a6a6a6", "#c77dff", "#2f7d32", "#7f9fbf", "#5c4033",
    "#004d40", "#b8b800", "#3f51b5", "#26c6da"};

struct line {
    const struct contestant *contestant;
    int number;
};

struct plot {
    enum pattern pattern;
    const char *name, *title, *axes;
};

#define TIMES                                                                                      \
    "('10 ns' 1e1, '100 ns' 1e2, '1 us' 1e3, '10 us' 1e4, '100 us' 1e5, '1 ms' 1e6, "              \
    "'10 ms' 1e7, '100 ms' 1e8)\n"
#define PAYLOADS                                                                                   \
    "set logscale x 2\nset xrange [6:6e6]\nset xlabel 'payload'\n"                                 \
    "set xtics ('8 B' 8, '64 B' 64, '1 KiB' 1024, '64 KiB' 65536, '4 MiB' 4194304)\n"              \
    "set logscale y 10\nset yrange [*:*]\n"

static const struct plot plots[] = {
    {ROUND_TRIP, "latency", "Round trip of a message, both sides looking all the time",
     PAYLOADS "set ylabel 'there and back, median of the rounds'\nset ytics " TIMES},
    {ONE_WAY, "throughput", "Messages one way, each sent by itself, none lost",
     PAYLOADS "set ylabel 'GB/s, median of the rounds'\nset ytics auto\nset format y '%g'\n"},
    {FAN_OUT, "subscribers", "Publishing 48 bytes to subscribers that do not look",
     "set logscale x 2\nset xrange [0.9:72]\nset xtics (1, 2, 4, 8, 16, 32, 64)\n"
     "set xlabel 'subscribers'\nunset logscale y\nset yrange [0:*]\nset ytics auto\n"
     "set format y '%g'\nset ylabel 'ns to publish, median of the rounds'\n"},
};

static const char *const style =
    "set encoding utf8\nset grid lc rgb '#dddddd' lt 1\n"
    "set key outside right top noenhanced Left reverse samplen 3\n"
    "set border 3\nset tics nomirror\nset style data linespoints\n";

static const char *distance_name(enum distance distance) {
    return distance == NEAR ? "near" : "far";
}

/* ---- which lines ----------------------------------------------------------------------------- */

/* How many contestants of this side have other names and stand before it. */
static int place_of(const struct contestant *contestant) {
    int place = 0;
    for (int i = 0; i < contestant_count; i++) {
        const struct contestant *other = contestants[i];
        if (other->side != contestant->side) continue;
        if (strcmp(other->name, contestant->name) == 0) return place;
        bool seen = false;
        for (int j = 0; j < i && !seen; j++) seen = strcmp(contestants[j]->name, other->name) == 0;
        place += !seen;
    }
    return place;
}

#define CHOOSE(FROM, PLACE) FROM[(size_t)(PLACE) % (sizeof FROM / sizeof FROM[0])]

static void write_stroke(FILE *file, const struct contestant *contestant) {
    int place = place_of(contestant);
    if (contestant->side == PEER) {
        fprintf(file, "lc rgb '%s' lw 1.3", CHOOSE(colours_of_peers, place));
    } else if (contestant->side == LIMIT) {
        fprintf(file, "lc rgb '%s' lw 2 dt (8,5)", CHOOSE(colours_of_limits, place));
    } else {
        fprintf(file, "lc rgb '%s' lw %d", CHOOSE(colours_of_ours, place),
                strcmp(contestant->name, "topic") == 0 ? 4 : 2);
    }
}

static void write_shape(FILE *file, const struct contestant *contestant) {
    if (contestant->side == PEER)
        fprintf(file, " pt %d ps 0.8", 1 + place_of(contestant) % SHAPES);
    else fprintf(file, contestant->side == LIMIT ? " pt 4 ps 0.7" : " pt 7 ps 0.9");
}

static bool is_of(const char *name, const struct line *lines, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(lines[i].contestant->name, name) == 0) return true;
    }
    return false;
}

/* Those that have a figure at this distance. */
static int lines_of(enum pattern pattern, enum distance distance, struct line *lines) {
    int count = 0;
    struct figure figure;
    for (int i = 0; i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        for (int j = 0; row->pattern == pattern && j < row->count; j++) {
            const struct contest *contest = &row->contests[j];
            if (!figure_of(contest, distance, &figure)) continue;
            if (count == LINES_MAX || is_of(contest->contestant->name, lines, count)) continue;
            lines[count] = (struct line){contest->contestant, count};
            count++;
        }
    }
    return count;
}

static int rows_at(enum pattern pattern, enum distance distance) {
    int count = 0;
    struct figure figure;
    for (int i = 0; i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        if (row->pattern != pattern || row->count == 0) continue;
        count += figure_of(&row->contests[0], distance, &figure);
    }
    return count;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_points(FILE *file, const struct line *line, enum distance distance) {
    enum pattern pattern = line->contestant->pattern;
    fprintf(file, "$line%d << END\n", line->number);
    for (int i = 0; i < results.row_count; i++) {
        struct figure figure;
        const struct row *row = &results.rows[i];
        if (row->pattern != pattern) continue;
        const struct contest *contest = find_contest(pattern, line->contestant->name, row->size);
        if (!contest || !figure_of(contest, distance, &figure)) continue;
        fprintf(file, "%zu %g\n", row->size,
                pattern == ONE_WAY ? (double)row->size / figure.cost : figure.cost);
    }
    fprintf(file, "END\n");
}

static void write_title(FILE *file, const char *title, enum distance distance) {
    struct utsname system;
    uname(&system);
    fprintf(file,
            "set title \"%s\\n{/*0.85 %s, %s %.20s, two processors that are %s each other}\"\n",
            title, processor_name(), system.sysname, system.release,
            distance == NEAR ? "near" : "far from");
}

static void write_plot(FILE *file, const char *name, const struct line *lines, int count,
                       bool shapes) {
    static const char *const terminals[] = {
        "svg size 1000,600 dynamic background rgb 'white' font 'sans-serif,14'",
        "pngcairo size 1000,600 font 'sans-serif,11'"};
    static const char *const endings[] = {"svg", "png"};
    for (int i = 0; i < 2; i++) {
        fprintf(file, "set terminal %s\nset output '%s/%s.%s'\nplot ", terminals[i],
                settings.folder, name, endings[i]);
        for (int j = 0; j < count; j++) {
            fprintf(file, "%s$line%d title \"%s\" ", j ? ", " : "", lines[j].number,
                    lines[j].contestant->name);
            write_stroke(file, lines[j].contestant);
            if (shapes) write_shape(file, lines[j].contestant);
        }
        fprintf(file, "\nunset output\n");
    }
}

static void plot_at(FILE *file, const struct plot *plot, enum distance distance, const char *name) {
    struct line lines[LINES_MAX];
    int count = lines_of(plot->pattern, distance, lines);
    if (count == 0) return;
    for (int i = 0; i < count; i++) write_points(file, &lines[i], distance);
    write_title(file, plot->title, distance);
    fputs(plot->axes, file);
    write_plot(file, name, lines, count, true);
}

static void plot_both(FILE *file, const struct plot *plot) {
    int rows[CLASSES] = {rows_at(plot->pattern, NEAR), rows_at(plot->pattern, FAR)};
    enum distance most = rows[FAR] > rows[NEAR] ? FAR : NEAR, other = most == NEAR ? FAR : NEAR;
    char name[64];
    plot_at(file, plot, most, plot->name);
    if (rows[other] < POINTS_LEAST) return;
    snprintf(name, sizeof name, "%s-%s", plot->name, distance_name(other));
    plot_at(file, plot, other, name);
}

/* ---- the distribution ------------------------------------------------------------------------ */

/* How many of all took longer, for each latency that was seen; without what nobody would see. */
static void write_distribution(FILE *file, const struct histogram *latency, int number) {
    uint64_t left = latency->count;
    double last = 2, all = (double)latency->count;
    fprintf(file, "$line%d << END\n", number);
    for (uint32_t i = 0; i < HISTOGRAM_CELLS && left > 0; i++) {
        if (latency->cells[i] == 0) continue;
        double share = (double)left / all;
        left -= latency->cells[i];
        if (share > last * VISIBLE && left > 0) continue;
        fprintf(file, "%.4g %.4g\n", clock_ns(histogram_ticks(i)), share);
        last = share;
    }
    fprintf(file, "END\n");
}

static void plot_distribution(FILE *file, const struct row *row) {
    struct line lines[LINES_MAX];
    char title[128];
    int count = 0;
    enum distance distance = main_distance(row);
    for (int i = 0; i < row->count && count < LINES_MAX; i++) {
        const struct contest *contest = &row->contests[i];
        if (contest->latency[distance]->count == 0) continue;
        write_distribution(file, contest->latency[distance], count);
        lines[count] = (struct line){contest->contestant, count};
        count++;
    }
    if (count == 0) return;
    snprintf(title, sizeof title, "How long each took: %s", row->title);
    write_title(file, title, distance);
    fputs("set style data steps\nset logscale xy 10\nset xrange [*:*]\nset xtics " TIMES
          "set xlabel 'there and back, each with a stamp'\nset yrange [1e-6:1]\n"
          "set ytics ('all' 1, '1 of 10' 1e-1, '1 of 100' 1e-2, '1 of 1,000' 1e-3, "
          "'1 of 10,000' 1e-4, '1 of 100,000' 1e-5, '1 of 1,000,000' 1e-6)\n"
          "set ylabel 'took so long or longer'\n",
          file);
    write_plot(file, "distribution", lines, count, false);
}

static void write_script(FILE *file) {
    fputs(style, file);
    for (size_t i = 0; i < sizeof plots / sizeof plots[0]; i++) plot_both(file, &plots[i]);
    for (int i = 0; i < results.row_count; i++) {
        const struct row *row = &results.rows[i];
        if (row->pattern == ROUND_TRIP && row->size == 48) plot_distribution(file, row);
    }
}

/* Those of a run before, of which this one may not have all. */
static void remove_plots(const char *name) {
    static const char *const endings[] = {".svg", ".png",      "-near.svg",
                                          "-near.png", "-far.svg", "-far.png"};
    char path[400];
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s/%s%s", settings.folder, name, endings[i]);
        remove(path);
    }
}

void write_plots(void) {
    char path[300], command[700];
    for (size_t i = 0; i < sizeof plots / sizeof plots[0]; i++) remove_plots(plots[i].name);
    remove_plots("distribution");
    snprintf(path, sizeof path, "%s/plots.gp", settings.folder);
    FILE *file = fopen(path, "w");
    if (!file) return;
    write_script(file);
    fclose(file);
    snprintf(command, sizeof command, "command -v gnuplot >/dev/null && gnuplot '%s'", path);
    if (system(command) != 0) printf("\nno plots: gnuplot is missing or failed (%s)\n", path);
}
