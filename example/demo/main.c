/* main.c: samepage-demo, the main jobs on real input.
 *
 *   samepage-demo [--short] [--part N] [--rounds N] [--mib N] [--files N] [--rate N] [--tar PATH]
 *                 [PATH]
 *
 * Three parts, one after the other, in a domain of its own: files over segments (files.c), pictures
 * over a topic (camera.c), an archive over a stream (archive.c). At the end it proves that nothing
 * is left, on failure and interruption too. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "receiver.h"
#include "surroundings.h"

static const char *const USAGE =
    "usage: samepage-demo [--short] [--part N] [--rounds N] [--mib N] [--files N]\n"
    "                     [--rate N] [--tar PATH] [PATH]\n"
    "  PATH         the files to send in part 1 (/usr/lib): regular files in the order of their\n"
    "               names, no symbolic links, none unreadable, none larger than an eighth of "
    "--mib\n"
    "  --mib N      at most this much in all, in part 1 and in part 3 (200; 0: no limit)\n"
    "  --files N    at most so many files in part 1 (5000; 0: no limit)\n"
    "  --rounds N   transfers of each kind, of which the median is shown (3)\n"
    "  --rate N     pictures a second, in part 2 (60; 0: as many as can be)\n"
    "  --tar PATH   what tar reads in part 3 (/usr/share)\n"
    "  --part N     only this part: 1, 2 or 3\n"
    "  --short      everything a few seconds long, for a test: fewer files, one round\n";

enum { PARTS = 3 };

static int (*const parts[PARTS])(const struct wishes *) = {files_run, camera_run, archive_run};

void progress_show(const char *what, const char *kind) {
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s %s", what, kind);
}

void progress_end(void) {
    progress_show("", "\r");
}

/* Returns how many parts were verified whole; those after one that was not are not begun. */
static int run_parts(const struct wishes *wishes, int only) {
    int verified = 0;
    for (int i = 0; i < PARTS; i++) {
        if (only && i + 1 != only) continue;
        if (parts[i](wishes) < 0) {
            progress_end();
            break;
        }
        printf("\n");
        fflush(stdout);
        verified++;
    }
    return verified;
}

static void announce(int wanted) {
    printf("samepage-demo: %s on real input. Everything that arrives is verified.\n\n",
           wanted == 1 ? "one job" : "three jobs");
    fflush(stdout);
}

static int run(const struct wishes *wishes, int only) {
    int wanted = only ? 1 : PARTS;
    if (domain_make() < 0) return 1;
    announce(wanted);
    int verified = run_parts(wishes, only);
    int cleared = domain_remove();
    if (is_stopping()) return 1;
    if (cleared >= 0) {
        printf("Nothing is left behind: no process, no segment, no topic, no stream; the nodes of "
               "%d processes\nthat are gone were cleared up, and the domain is removed.\n",
               cleared);
    }
    bool is_whole = verified == wanted && cleared >= 0;
    printf("%s\n%d passed, %d failed\n",
           is_whole ? "Everything that was sent was verified."
                    : "NOT EVERYTHING WAS AS IT SHOULD BE: see above.",
           verified, wanted - verified + (cleared < 0));
    return fflush(stdout) == 0 && is_whole ? 0 : 1;
}

/* ---- what is wished -------------------------------------------------------------------------- */

struct numbers {
    long rounds, mib, files, rate, part;
    bool is_short;
};

static int number(const char *text, long least, long most, long *value) {
    char *end;
    *value = strtol(text, &end, 10);
    return *text && !*end && *value >= least && *value <= most ? 0 : -1;
}

/* Returns 0, 1 for help, or -1. */
static int take(int letter, struct numbers *numbers, struct wishes *wishes) {
    switch (letter) {
    case 'r': return number(optarg, 1, ROUNDS_MAX, &numbers->rounds);
    case 'm': return number(optarg, 0, 1 << 20, &numbers->mib);
    case 'f': return number(optarg, 0, 1 << 24, &numbers->files);
    case 'c': return number(optarg, 0, 1000, &numbers->rate);
    case 'p': return number(optarg, 1, PARTS, &numbers->part);
    case 't': wishes->archived = optarg; return 0;
    case 's': numbers->is_short = true; return 0;
    case 'h': return 1;
    default: return -1;
    }
}

/* What was not said on the command line. */
static void fill_in(struct numbers *numbers) {
    bool is_short = numbers->is_short;
    if (numbers->rounds < 0) numbers->rounds = is_short ? 1 : 3;
    if (numbers->mib < 0) numbers->mib = is_short ? 16 : 200;
    if (numbers->files < 0) numbers->files = is_short ? 300 : 5000;
}

/* Returns 0, 1 for help, or -1. */
static int parse(int count, char **arguments, struct wishes *wishes, int *only) {
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"mib", required_argument, NULL, 'm'},
                                            {"files", required_argument, NULL, 'f'},
                                            {"rate", required_argument, NULL, 'c'},
                                            {"part", required_argument, NULL, 'p'},
                                            {"tar", required_argument, NULL, 't'},
                                            {"short", no_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct numbers numbers = {.rounds = -1, .mib = -1, .files = -1, .rate = 60};
    int letter, result = 0;
    *wishes = (struct wishes){.path = "/usr/lib", .archived = "/usr/share"};
    while (result == 0 && (letter = getopt_long(count, arguments, "h", options, NULL)) != -1) {
        result = take(letter, &numbers, wishes);
    }
    if (result != 0) return result;
    if (optind + 1 < count) return -1;
    fill_in(&numbers);
    if (optind < count) wishes->path = arguments[optind];
    wishes->rounds = (int)numbers.rounds;
    wishes->rate = numbers.rate;
    wishes->pace = numbers.is_short ? 0.2 : 1;
    wishes->archived_bytes = (uint64_t)numbers.mib << 20;
    wishes->limits = (struct tree_limits){(uint64_t)numbers.mib << 20, (size_t)numbers.files};
    *only = (int)numbers.part;
    return 0;
}

int main(int count, char **arguments) {
    struct wishes wishes;
    int only;
    if (count == 3 && strcmp(arguments[1], "--receive") == 0) return receive(atoi(arguments[2]));
    int result = parse(count, arguments, &wishes, &only);
    if (result != 0) {
        fputs(USAGE, result > 0 ? stdout : stderr);
        return result > 0 ? 0 : 2;
    }
    signals_take();
    result = run(&wishes, only);
    if (is_stopping()) fputs("samepage-demo: interrupted\n", stderr);
    return result;
}
