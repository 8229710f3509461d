/* compare.c: two sides in turns, alone or with a partner process, and their medians. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "locks.h"

/* A repetition of two processes takes longer: where the scheduler puts them matters. */
enum { SHORTEST_NS = 1000 * 1000, SHORTEST_TOGETHER_NS = 5 * SHORTEST_NS, LARGEST_COUNT = 1 << 20 };

static pid_t partner;

/* ---- the partner ----------------------------------------------------------------------------- */

/* Both may be on one processor. */
static void await(_Atomic int *flag) {
    while (!atomic_load(flag)) sched_yield();
}

static void be_partner(struct arena *arena) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        must(sem_wait(&arena->begin));
        if (!arena->work) _exit(0);
        atomic_store(&arena->ready, 1);
        await(&arena->started);
        arena->work->there(arena, arena->count);
        atomic_store(&arena->ended, 1);
    }
}

void start_partner(struct arena *arena) {
    partner = fork();
    must(partner < 0);
    if (partner == 0) be_partner(arena);
}

void end_partner(struct arena *arena) {
    arena->work = NULL;
    must(sem_post(&arena->begin));
    waitpid(partner, NULL, 0);
}

/* Nanoseconds until both processes have done their part. */
static double run_with_partner(struct arena *arena, const struct side *side, long count) {
    atomic_store(&arena->ready, 0);
    atomic_store(&arena->started, 0);
    atomic_store(&arena->ended, 0);
    arena->work = side;
    arena->count = count;
    must(sem_post(&arena->begin));
    await(&arena->ready);
    double begin = nanoseconds();
    atomic_store(&arena->started, 1);
    side->here(arena, count);
    await(&arena->ended);
    return nanoseconds() - begin;
}

static double run(struct arena *arena, const struct side *side, long count) {
    if (side->there) return run_with_partner(arena, side, count);
    double begin = nanoseconds();
    side->here(arena, count);
    return nanoseconds() - begin;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* How many operations take long enough to be timed. Warms up, too. */
static long enough(struct arena *arena, const struct comparison *comparison) {
    double shortest = comparison->ours.there ? SHORTEST_TOGETHER_NS : SHORTEST_NS;
    long count = 1;
    while (count < LARGEST_COUNT && run(arena, &comparison->ours, count) < shortest &&
           run(arena, &comparison->theirs, count) < shortest) {
        count *= 2;
    }
    return count;
}

void compare_on_one_processor(struct arena *arena, const struct comparison *comparison) {
    pid_t process = fork();
    must(process < 0);
    if (process == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        must(sched_setaffinity(0, sizeof one, &one));
        start_partner(arena);
        arena->outcome = compare(arena, comparison);
        end_partner(arena);
        _exit(0);
    }
    int status;
    must(waitpid(process, &status, 0) != process);
    must(status);
}

struct outcome compare(struct arena *arena, const struct comparison *comparison) {
    double ours[REPETITIONS], theirs[REPETITIONS], ratio[REPETITIONS];
    long count = enough(arena, comparison);
    int repetitions = settings.quick ? QUICK_REPETITIONS : REPETITIONS;
    for (int i = 0; i < repetitions; i++) {
        if (i % 2) theirs[i] = run(arena, &comparison->theirs, count);
        ours[i] = run(arena, &comparison->ours, count);
        if (i % 2 == 0) theirs[i] = run(arena, &comparison->theirs, count);
        ratio[i] = ours[i] / theirs[i];
    }
    sort(ours, repetitions);
    sort(theirs, repetitions);
    sort(ratio, repetitions);
    struct outcome outcome = {
        .name = comparison->name,
        .other = comparison->theirs.name,
        .ours = quantile(ours, repetitions, 0.5) / (double)count,
        .theirs = quantile(theirs, repetitions, 0.5) / (double)count,
        .count = count,
    };
    for (int i = 0; i < 3; i++) outcome.ratio[i] = quantile(ratio, repetitions, 0.25 * (i + 1));
    return outcome;
}
