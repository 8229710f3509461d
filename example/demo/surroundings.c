/* surroundings.c: the run's own domain, signals, and the proof that nothing is left.
 *
 * Global state: whether a signal has come, written by its handler; the domain's path. */
#include "surroundings.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <samepage/samepage.h>

#define DOMAINS "/dev/shm/samepage-demo-"

enum { PATH_BYTES = 256 };

static volatile sig_atomic_t stopping;
static char domain[] = DOMAINS "XXXXXX";

int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

bool is_stopping(void) {
    return stopping != 0;
}

int complain(const char *format, ...) {
    if (is_stopping()) return -1;
    va_list arguments;
    va_start(arguments, format);
    fputs("samepage-demo: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return -1;
}

int complain_of(const char *what, int result) {
    const char *detail = spg_error_detail();
    return complain("%s: %s: %s", what, spg_error_name(result),
                    *detail ? detail : spg_error_text(result));
}

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

void signals_take(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- is anything left? ----------------------------------------------------------------------- */

static int left(const char *what, const char *which) {
    fprintf(stderr, "samepage-demo: left behind: %s %s\n", what, which);
    return 1;
}

/* All but our own node, which lives as long as we do. */
static int count_entry(void *context, const spg_domain_entry *entry) {
    int *count = context;
    if (entry->kind == SPG_ENTRY_NODE && entry->pid == (uint32_t)getpid()) return 0;
    *count += left(entry->kind == SPG_ENTRY_NODE ? "node" : "segment", entry->name);
    return 0;
}

static void count_finding(void *context, int weight, const char *name, const char *text) {
    int *count = context;
    (void)weight;
    (void)name;
    *count += left("finding:", text);
}

static int count_files(void) {
    DIR *directory = opendir(domain);
    if (!directory) return left("domain", strerror(errno));
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "nodes") == 0) continue;
        count += left("file", entry->d_name);
        unlinkat(dirfd(directory), entry->d_name, 0);
    }
    closedir(directory);
    return count;
}

/* The library has no call that removes a domain: it is a directory with one file. */
static int remove_directory(const char *path) {
    char nodes[PATH_BYTES + 8];
    snprintf(nodes, sizeof nodes, "%s/nodes", path);
    if (unlink(nodes) < 0 && errno != ENOENT) return left("file", nodes);
    return rmdir(path) < 0 ? left("domain", path) : 0;
}

static int collect(uint32_t *nodes) {
    spg_collected collected = {0};
    int count = 0;
    int result = spg_collect(domain, &collected);
    if (result == SPG_ENOENT) return 0; /* nobody ever joined it */
    if (result == 0) result = spg_domain_list(domain, count_entry, &count);
    if (result == 0) result = spg_check(domain, NULL, count_finding, &count);
    if (result < 0) count += left("domain:", spg_error_name(result));
    *nodes = collected.nodes;
    return count;
}

int domain_remove(void) {
    uint32_t nodes = 0;
    int count = collect(&nodes);
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) count += left("a process", "");
    count += count_files();
    count += remove_directory(domain);
    return count == 0 ? (int)nodes : -1;
}

/* ---- the domain ------------------------------------------------------------------------------ */

static int count_living(void *context, const spg_domain_entry *entry) {
    int *count = context;
    if (entry->kind == SPG_ENTRY_NODE) *count += (int)entry->living;
    return 0;
}

/* A domain of an earlier run is dead when it has no living node; one that nobody has joined yet may
 * be about to be. Collecting takes its temporary segments away. */
static void sweep(const char *path) {
    int living = 0;
    if (spg_domain_list(path, count_living, &living) < 0 || living > 0) return;
    if (spg_collect(path, NULL) < 0) return;
    if (remove_directory(path) == 0) complain("cleared up after an earlier run that was killed");
}

static void sweep_all(void) {
    glob_t found;
    if (glob(DOMAINS "*", GLOB_ONLYDIR, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (strlen(found.gl_pathv[i]) == strlen(domain)) sweep(found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

/* We join it at once, so that whoever sweeps next can tell that we lived, and are dead. */
int domain_make(void) {
    uint64_t id;
    sweep_all();
    if (!mkdtemp(domain)) return complain("%s: %s", domain, strerror(errno));
    int result = setenv("SAMEPAGE_DOMAIN", domain, 1) == 0 ? 0 : SPG_ENOMEM;
    if (result == 0) result = spg_node_id(NULL, &id);
    if (result == 0) return 0;
    remove_directory(domain);
    return complain_of(domain, result);
}
