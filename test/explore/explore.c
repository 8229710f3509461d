/* explore.c: explores the scenes, and tells of it.
 *
 *   explore [--seconds N] [--schedules N] [--preemptions N] [--seed N] [--faulty] [SCENE...]
 *   explore --list
 *   explore --reduction [--seconds N] [--preemptions N] [SCENE...]
 *   explore --replay SCENE SCHEDULE
 *
 * For each scene: all executions with no preemption, with one, with two ..., each with as many
 * deaths (and stale values, in weak scenes) as the scene allows, up to the bound or until half of
 * its time is over; then random ones. A failure is told with the schedule that replays it.
 * --faulty: stops at the first failure. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "schedule.h"
#include "trace.h"

enum { STALE_AT_RANDOM = 1000, LEARNING = 3000, DEPTHS = 5 };

static struct {
    double seconds; /* of all scenes */
    uint64_t schedules;
    int preemptions;
    uint64_t seed;
    bool is_faulty, checks_reduction;
} options = {60, 0, 3, 1, false, false};

struct tally {
    uint64_t searched, random, cut, deaths;
    int bound; /* searched wholly; -1: none */
    double seconds;
    bool failed;
};

static const struct scene *exploring;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void report(const struct outcome *outcome) {
    printf("FAIL %s: %s\n     --replay '%s' '%s'\n", exploring->name, outcome->text,
           exploring->name, schedule_text());
    fflush(stdout);
}

static void on_crash(int signal) {
    printf("FAIL %s: signal %d\n     --replay '%s' '%s'\n", exploring->name, signal,
           exploring->name, schedule_text());
    fflush(stdout);
    _exit(1);
}

static void catch_crashes(void) {
    static char stack[64 * 1024];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
}

static int stale_in_search(void) {
    if (!exploring->is_weak) return 0;
    return exploring->stale ? exploring->stale : 1;
}

static bool run(enum deciding deciding, struct outcome *outcome, struct tally *tally) {
    schedule_run(deciding, outcome);
    tally->deaths += (uint64_t)outcome->deaths;
    if (outcome->cut) tally->cut++;
    if (!outcome->failed) return true;
    report(outcome);
    tally->failed = true;
    return false;
}

/* Preemptions everywhere, so that it is seen what is shared. */
static bool learn(struct tally *tally) {
    struct outcome outcome;
    schedule_learn(true);
    for (int i = 0; i < LEARNING; i++) {
        schedule_randomly(options.seed * 7919 + (uint64_t)i, i % DEPTHS, i % 2 * exploring->deaths,
                          exploring->is_weak && i % 3 == 0 ? STALE_AT_RANDOM : 0);
        if (!run(DECIDE_AT_RANDOM, &outcome, tally)) return false;
        tally->random++;
    }
    schedule_learn(false);
    trace_adopt();
    return true;
}

/* True if all were explored. Those with fewer preemptions were counted before. */
static bool search(int preemptions, double until, struct tally *tally) {
    struct outcome outcome;
    uint64_t count = 0;
    schedule_search(preemptions, exploring->deaths, stale_in_search());
    while (schedule_has_next()) {
        if (!run(DECIDE_DEPTH_FIRST, &outcome, tally)) return false;
        if (!outcome.cut && outcome.preemptions == preemptions) count++;
        if (trace_has_learned() || ((tally->cut + count) % 64 == 0 && now() > until)) break;
    }
    tally->searched += count;
    return !schedule_has_next();
}

static void search_all(double until, struct tally *tally) {
    for (int bound = 0; bound <= options.preemptions && !tally->failed; bound++) {
        bool whole = search(bound, until, tally);
        if (trace_adopt() > 0) {
            tally->searched = 0;
            tally->bound = bound = -1;
            continue;
        }
        if (!whole) break;
        tally->bound = bound;
    }
}

/* At random more of them die, sometimes all. */
static int deaths_of(uint64_t i) {
    if (exploring->deaths == 0 || i % 4 == 0) return 0;
    return i % 4 == 1 ? exploring->participants : exploring->deaths;
}

static void at_random(double until, struct tally *tally) {
    struct outcome outcome;
    for (uint64_t i = 0; !tally->failed; i++) {
        bool enough = options.schedules && tally->searched + tally->random >= options.schedules;
        if (enough || (i % 64 == 0 && now() > until)) break;
        schedule_randomly(options.seed * 1000003 + i, 1 + (int)(i % DEPTHS), deaths_of(i),
                          exploring->is_weak ? STALE_AT_RANDOM : 0);
        if (run(DECIDE_AT_RANDOM, &outcome, tally)) tally->random++;
    }
}

static void explore(double seconds, struct tally *tally) {
    double begin = now();
    tally->bound = -1;
    schedule_boot(exploring);
    if (learn(tally)) search_all(begin + seconds * 0.6, tally);
    at_random(begin + seconds, tally);
    tally->seconds = now() - begin;
}

static void tell(const struct tally *tally) {
    printf("%-44s %d  %9llu %9llu %9llu %9llu  %3d %6.1f  %s\n", exploring->name,
           exploring->participants, (unsigned long long)tally->searched,
           (unsigned long long)tally->random, (unsigned long long)tally->cut,
           (unsigned long long)tally->deaths, tally->bound, tally->seconds,
           tally->failed ? "FAILED" : "");
    fflush(stdout);
}

static bool is_wanted(const char *name, char **wanted, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(wanted[i], name) == 0) return true;
        size_t length = strlen(wanted[i]);
        if (length && wanted[i][length - 1] == '*' && strncmp(wanted[i], name, length - 1) == 0)
            return true;
    }
    return count == 0;
}

static int explore_all(char **wanted, int wanted_count) {
    struct tally all = {0};
    int passed = 0, failed = 0, scenes_wanted = 0, done = 0;
    for (int i = 0; i < scene_count; i++)
        scenes_wanted += is_wanted(scenes[i]->name, wanted, wanted_count);
    double end = now() + options.seconds;
    printf("%-44s %s  %9s %9s %9s %9s %4s %6s\n", "scene", "n", "searched", "random", "cut",
           "deaths", "all", "s");
    for (int i = 0; i < scene_count; i++) {
        struct tally tally = {0};
        exploring = scenes[i];
        if (!is_wanted(exploring->name, wanted, wanted_count)) continue;
        explore((end - now()) / (scenes_wanted - done++), &tally);
        tell(&tally);
        if (tally.failed) failed++;
        else passed++;
        all.searched += tally.searched;
        all.random += tally.random;
        all.cut += tally.cut;
        all.deaths += tally.deaths;
        if (options.is_faulty && failed) break;
    }
    printf("\nproof: explorer: %llu schedules\n", (unsigned long long)(all.searched + all.random));
    printf("proof: explorer: %llu searched\n", (unsigned long long)all.searched);
    printf("proof: explorer: %llu random\n", (unsigned long long)all.random);
    printf("proof: explorer: %llu cut\n", (unsigned long long)all.cut);
    printf("proof: explorer: %llu deaths\n", (unsigned long long)all.deaths);
    printf("proof: explorer: %d scenes\n", passed + failed);
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0;
}

/* ---- is the reduction right? ----------------------------------------------------------------- */

enum { ENDS_MAX = 1 << 16 };
struct ends {
    uint64_t digest[ENDS_MAX];
    int count;
};

static void note_end(struct ends *ends, uint64_t digest) {
    uint64_t i = digest % ENDS_MAX;
    if (ends->count > ENDS_MAX / 2) return;
    for (; ends->digest[i]; i = (i + 1) % ENDS_MAX) {
        if (ends->digest[i] == digest) return;
    }
    ends->digest[i] = digest;
    ends->count++;
}

static bool has_end(const struct ends *ends, uint64_t digest) {
    for (uint64_t i = digest % ENDS_MAX; ends->digest[i]; i = (i + 1) % ENDS_MAX) {
        if (ends->digest[i] == digest) return true;
    }
    return false;
}

static uint64_t collect_ends(struct ends *ends, int preemptions, const struct ends *known) {
    bool reduced = !known;
    struct outcome outcome;
    uint64_t count = 0;
    double until = now() + options.seconds;
    memset(ends, 0, sizeof *ends);
    schedule_cut(reduced);
    schedule_learn(!reduced);
    schedule_search(preemptions, exploring->deaths, stale_in_search());
    for (; schedule_has_next() && now() < until; count++) {
        schedule_run(DECIDE_DEPTH_FIRST, &outcome);
        if (outcome.cut) continue;
        int before = ends->count;
        note_end(ends, outcome.digest);
        if (known && ends->count > before && !has_end(known, outcome.digest))
            printf("     missed: --replay '%s' '%s'\n", exploring->name, schedule_text());
    }
    schedule_cut(true);
    schedule_learn(false);
    return schedule_has_next() ? 0 : count;
}

/* All ends of all executions, with every step a point and nothing cut, must be among those that
 * the reduced search found. */
static bool check_reduction(void) {
    static struct ends reduced, all;
    struct tally tally = {0};
    int missing = 0;
    schedule_boot(exploring);
    if (!learn(&tally)) return false;
    uint64_t few, many;
    do few = collect_ends(&reduced, options.preemptions, NULL);
    while (trace_adopt() > 0);
    many = collect_ends(&all, options.preemptions, &reduced);
    for (int i = 0; i < ENDS_MAX; i++)
        missing += all.digest[i] && !has_end(&reduced, all.digest[i]);
    printf("%-44s %d preemptions: %d ends of %llu executions, %d of %llu; %d missing%s\n",
           exploring->name, options.preemptions, reduced.count, (unsigned long long)few, all.count,
           (unsigned long long)many, missing, many ? "" : " (not all)");
    return missing == 0;
}

static int check_reductions(char **wanted, int wanted_count) {
    int passed = 0, failed = 0;
    for (int i = 0; i < scene_count; i++) {
        exploring = scenes[i];
        if (!is_wanted(exploring->name, wanted, wanted_count)) continue;
        if (check_reduction()) passed++;
        else failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0;
}

static int replay(const char *name, const char *schedule) {
    struct outcome outcome;
    for (int i = 0; i < scene_count; i++) {
        if (strcmp(scenes[i]->name, name) == 0) exploring = scenes[i];
    }
    if (!exploring || !schedule_as_told(schedule)) {
        fprintf(stderr, "explore: no such scene, or no schedule\n");
        return 2;
    }
    schedule_boot(exploring);
    schedule_as_told(schedule);
    schedule_run(DECIDE_AS_TOLD, &outcome);
    if (outcome.failed) printf("%s\n", outcome.text);
    printf("did '%s': %s\n", schedule_text(), outcome.failed ? "it fails" : "it passes");
    return outcome.failed;
}

int main(int count, char **arguments) {
    shared_memory = mmap((void *)0x600000000000, ADDRESSES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
    if (shared_memory == MAP_FAILED) return 2;
    if (mprotect(shared_memory, SHARED_BYTES, PROT_READ | PROT_WRITE) != 0) return 2;
    catch_crashes();
    int at = 1;
    for (; at < count && strncmp(arguments[at], "--", 2) == 0; at++) {
        const char *option = arguments[at], *value = at + 1 < count ? arguments[at + 1] : "";
        if (strcmp(option, "--list") == 0) {
            for (int i = 0; i < scene_count; i++) printf("%s\n", scenes[i]->name);
            return 0;
        }
        if (strcmp(option, "--replay") == 0 && at + 2 < count)
            return replay(value, arguments[at + 2]);
        if (strcmp(option, "--faulty") == 0) {
            options.is_faulty = true;
            continue;
        }
        if (strcmp(option, "--reduction") == 0) {
            options.checks_reduction = true;
            continue;
        }
        at++;
        if (strcmp(option, "--seconds") == 0) options.seconds = atof(value);
        else if (strcmp(option, "--schedules") == 0) options.schedules = strtoull(value, NULL, 10);
        else if (strcmp(option, "--preemptions") == 0) options.preemptions = atoi(value);
        else if (strcmp(option, "--seed") == 0) options.seed = strtoull(value, NULL, 10);
        else return 2;
    }
    if (options.checks_reduction) return check_reductions(arguments + at, count - at);
    return explore_all(arguments + at, count - at);
}
