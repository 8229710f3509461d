/* main.c: samepage-demo, the main job on real input.
 *
 *   samepage-demo [--rounds N] [--mib N] [--files N] [PATH]
 *
 * Sends every file under PATH from this process to two others: over shared memory of four kinds,
 * and beside them over a pipe and a Unix stream socket. First everything is measured, in rounds
 * over all kinds so that a slow moment of the machine hits all alike; each round begins with
 * another kind. Then, unclocked, each kind of memory once more with a receiver that is killed and
 * started again. Every transfer is verified by SHA-256. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pass.h"
#include "surroundings.h"
#include "table.h"

static const char *const USAGE =
    "usage: samepage-demo [--rounds N] [--mib N] [--files N] [PATH]\n"
    "  PATH         what to send (/usr/lib): regular files in the order of their names, no\n"
    "               symbolic links, none unreadable, none larger than an eighth of --mib\n"
    "  --rounds N   transfers of each kind, of which the median is shown (5)\n"
    "  --mib N      at most this much in all (200; 0: no limit)\n"
    "  --files N    at most so many files (5000; 0: no limit)\n";

struct wishes {
    const char *path;
    struct tree_limits limits;
    int rounds;
};

/* Only for a terminal, and wiped again. */
static void show_progress(const char *what, const char *kind) {
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s %s", what, kind);
}

static int measure(struct row rows[MEDIA], const struct plan *plan, int round) {
    for (int i = 0; i < MEDIA; i++) {
        enum medium medium = (enum medium)((i + round) % MEDIA);
        struct row *row = &rows[medium];
        struct pass pass;
        show_progress("measuring:", medium_label(medium));
        if (pass_run(&pass, medium, plan) < 0) return -1;
        row->speeds[row->rounds++] = (double)pass.tree->bytes / 1048576 /
                                     ((double)pass.nanoseconds / 1e9);
        row->matched += pass.matched;
        row->expected += pass.tree->count;
    }
    return 0;
}

static int kill_and_resume(struct row rows[MEDIA], const struct plan *plan) {
    for (int i = 0; i < MEDIA; i++) {
        struct pass pass;
        if (!medium_is_memory((enum medium)i)) continue;
        show_progress("killing a receiver:", medium_label((enum medium)i));
        if (pass_run_with_kill(&pass, (enum medium)i, plan) < 0) return -1;
        rows[i].is_resumed = true;
        rows[i].resent = pass.resent;
        rows[i].told_after = pass.told_after;
        rows[i].matched += pass.matched;
        rows[i].expected += pass.tree->count;
    }
    return 0;
}

static int run_plan(struct row rows[MEDIA], const struct tree *tree, int rounds) {
    struct plan plan;
    if (plan_make(&plan, tree) < 0) return -1;
    int result = 0;
    for (int i = 0; i < rounds && result == 0; i++) result = measure(rows, &plan, i);
    if (result == 0) result = kill_and_resume(rows, &plan);
    show_progress("", "\r");
    plan_free(&plan);
    return result;
}

static void announce(const struct wishes *wishes, const struct tree *tree) {
    printf("%zu files, %.1f MiB, from %s%s, by one sender to %d receivers\n", tree->count,
           (double)tree->bytes / 1048576, wishes->path, tree->is_cut ? " (within the limits)" : "",
           RECEIVERS);
    printf("shared memory: %d buffers of %d KiB for each receiver; rounds: %d\n\n", BUFFERS,
           BUFFER_BYTES / 1024, wishes->rounds);
    fflush(stdout);
}

static void conclude(const struct row rows[MEDIA], int cleared) {
    size_t matched = 0, expected = 0;
    int64_t longest = 0;
    for (int i = 0; i < MEDIA; i++) {
        matched += rows[i].matched;
        expected += rows[i].expected;
        if (rows[i].told_after > longest) longest = rows[i].told_after;
    }
    printf("\n%zu digests of %zu match; the sender knew of a death after %.0f ms at most; nothing\n"
           "is left behind (no process, no segment, %d nodes of the killed cleared up, domain "
           "removed).\n",
           matched, expected, (double)longest / 1e6, cleared);
}

static int run(const struct wishes *wishes) {
    struct row rows[MEDIA] = {0};
    struct tree tree;
    show_progress("reading", wishes->path);
    if (tree_load(&tree, wishes->path, &wishes->limits) < 0) return 1;
    show_progress("", "\r");
    announce(wishes, &tree);
    int result = domain_make();
    if (result < 0) {
        tree_free(&tree);
        return 1;
    }
    result = run_plan(rows, &tree, wishes->rounds);
    int cleared = domain_remove();
    if (result == 0) table_print(rows, &tree);
    tree_free(&tree);
    if (result < 0 || cleared < 0) return 1;
    if (!table_is_sound(rows)) {
        complain("what arrived is not what was sent: see the table");
        return 1;
    }
    conclude(rows, cleared);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int number(const char *text, long most, long *value) {
    char *end;
    *value = strtol(text, &end, 10);
    return *text && !*end && *value >= 0 && *value <= most ? 0 : -1;
}

/* Returns 0, 1 for help, or -1. */
static int parse(int count, char **arguments, struct wishes *wishes) {
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"mib", required_argument, NULL, 'm'},
                                            {"files", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    long rounds = 5, mib = 200, files = 5000;
    int letter, result = 0;
    while (result == 0 && (letter = getopt_long(count, arguments, "h", options, NULL)) != -1) {
        if (letter == 'r') result = number(optarg, ROUNDS_MAX, &rounds);
        else if (letter == 'm') result = number(optarg, 1 << 20, &mib);
        else if (letter == 'f') result = number(optarg, 1 << 24, &files);
        else result = letter == 'h' ? 1 : -1;
    }
    if (result != 0) return result;
    if (rounds < 1 || optind + 1 < count) return -1;
    wishes->path = optind < count ? arguments[optind] : "/usr/lib";
    wishes->rounds = (int)rounds;
    wishes->limits = (struct tree_limits){(uint64_t)mib << 20, (size_t)files};
    return 0;
}

int main(int count, char **arguments) {
    struct wishes wishes;
    if (count == 3 && strcmp(arguments[1], "--receive") == 0) return receive(atoi(arguments[2]));
    int result = parse(count, arguments, &wishes);
    if (result != 0) {
        fputs(USAGE, result > 0 ? stdout : stderr);
        return result > 0 ? 0 : 2;
    }
    signals_take();
    result = run(&wishes);
    if (is_stopping()) fputs("samepage-demo: interrupted\n", stderr);
    return result;
}
