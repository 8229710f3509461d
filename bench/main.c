/* samepage-bench: Samepage beside the bare hardware and beside its peers.
 *
 *     samepage-bench [--quick] [--minutes N] [--no-peers] [--peer NAME] [--only WORDS]
 *                    [RESULTS.json]
 *
 * Prints tables in Markdown and the goals; writes the same beside RESULTS.json, with plots where
 * gnuplot is there. How it measures is told in contest.h. Works in a domain of its own and leaves
 * nothing behind. No figure makes it fail; a role of ours that dies or hangs does. */
#include <dirent.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bracket.h"
#include "clock.h"
#include "locks/locks.h"
#include "results.h"

/* With what is compiled before it (make bench) a run takes less than fifteen. */
enum { MINUTES = 12, QUICK_MINUTES = 2 };

static char domain[] = "/dev/shm/samepage-bench-XXXXXX";
static pid_t owner;

static void leave_nothing(void) {
    char path[512];
    if (getpid() != owner) return;
    measure_abandon();
    bracket_end();
    DIR *directory = opendir(domain);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        snprintf(path, sizeof path, "%s/%.300s", domain, entry->d_name);
        unlink(path);
    }
    if (directory) closedir(directory);
    rmdir(domain);
}

static void make_domain(void) {
    owner = getpid();
    must(mkdtemp(domain) == NULL);
    must(atexit(leave_nothing));
    must(setenv("SAMEPAGE_DOMAIN", domain, 1));
    settings.domain = domain;
}

static void stop(int number) {
    leave_nothing();
    _exit(128 + number);
}

/* Do two processors share a core? */
static bool are_siblings(int first, int second) {
    char path[96], text[64] = "";
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
             first);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    bool read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    for (char *part = strtok(text, ",\n"); read && part; part = strtok(NULL, ",\n")) {
        int from = atoi(part), to = from;
        if (strchr(part, '-')) to = atoi(strchr(part, '-') + 1);
        if (second >= from && second <= to) return true;
    }
    return false;
}

/* The first two that we may use, of two cores if there are two. */
static void choose_processors(void) {
    cpu_set_t all;
    int found = 0;
    must_do(sched_getaffinity(0, sizeof all, &all));
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &all)) continue;
        if (found == 0) settings.processors[0] = i;
        else if (found == 1 || are_siblings(settings.processors[0], settings.processors[1]))
            settings.processors[1] = i;
        found++;
    }
    if (found >= 2) return;
    fprintf(stderr, "samepage-bench: needs two processors\n");
    exit(1);
}

static int usage(void) {
    fprintf(stderr, "usage: samepage-bench [--quick] [--minutes N] [--no-peers] [--peer NAME] "
                    "[--only WORDS] [RESULTS.json]\n");
    return 2;
}

static bool read_arguments(int count, char **arguments) {
    double minutes = 0;
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "--quick") == 0) settings.quick = true;
        else if (strcmp(argument, "--no-peers") == 0) settings.peers = false;
        else if (strcmp(argument, "--minutes") == 0 && i + 1 < count)
            minutes = atof(arguments[++i]);
        else if (strcmp(argument, "--peer") == 0 && i + 1 < count) settings.peer = arguments[++i];
        else if (strcmp(argument, "--only") == 0 && i + 1 < count) settings.only = arguments[++i];
        else if (argument[0] == '-' || settings.results) return false;
        else settings.results = argument;
    }
    if (minutes <= 0) minutes = settings.quick ? QUICK_MINUTES : MINUTES;
    settings.end = nanoseconds() + minutes * 60e9;
    char path[256];
    snprintf(path, sizeof path, "%s", settings.results ? settings.results : ".");
    snprintf(settings.folder, sizeof settings.folder, "%s", dirname(path));
    return true;
}

static void write_table(void) {
    char path[300];
    snprintf(path, sizeof path, "%s/results.md", settings.folder);
    FILE *file = fopen(path, "w");
    must(file == NULL);
    print_about(file);
    print_goals(file);
    print_values(file);
    for (int i = 0; i < results.row_count; i++) print_row(file, &results.rows[i]);
    fclose(file);
}

/* Names the contests that have no figures because a role died or hung. Returns how many of them
 * are not a peer's. */
static int failures(void) {
    int count = 0;
    for (int i = 0; i < results.row_count; i++) {
        for (int j = 0; j < results.rows[i].count; j++) {
            const struct contest *contest = &results.rows[i].contests[j];
            if (!contest->failure[0]) continue;
            fprintf(stderr, "samepage-bench: %s, %s: %s\n", results.rows[i].title,
                    contest->contestant->name, contest->failure);
            if (contest->contestant->side != PEER) count++;
        }
    }
    return count;
}

int main(int argument_count, char **arguments) {
    if (!read_arguments(argument_count, arguments)) return usage();
    choose_processors();
    make_domain();
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    clock_calibrate();
    print_about(stdout);
    measure_rows();
    if (!settings.only) {
        measure_opening();
        measure_idle();
        measure_locks();
    }
    print_values(stdout);
    print_goals(stdout);
    if (settings.results) {
        write_table();
        if (!write_json(settings.results)) return 1;
        write_plots();
    }
    return failures() > 0;
}
