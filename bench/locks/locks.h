/* locks.h: what the parts that measure locks and segments share.
 *
 * A comparison has two sides, ours and the C library's. Both work on objects in one shared mapping,
 * in loops of one shape, through calls into a shared library. They are run in turns, many times and
 * each time briefly, so that whatever else the machine does falls on both. What is told is the
 * median of each, and the quartiles of their ratio. Nothing here passes or fails by a time. */
#ifndef BENCH_LOCKS_H
#define BENCH_LOCKS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "bench.h"

enum {
    REPETITIONS = 41,
    QUICK_REPETITIONS = 11,
    KILLS = 50,
    QUICK_KILLS = 10,
    VALUE_BYTES = 48,
    SEGMENT_BYTES = 1 << 20,
    LINE = 64
};

struct outcome {
    const char *name;
    const char *other;
    double ours; /* medians, in nanoseconds an operation */
    double theirs;
    double ratio[3]; /* lower quartile, median, upper quartile */
    long count;      /* operations a repetition */
};

/* The shared mapping. Each object begins a cache line. */
struct arena {
    alignas(LINE) spg_mutex mutex;
    alignas(LINE) spg_rwlock rwlock;
    alignas(LINE) spg_semaphore semaphore;
    alignas(LINE) spg_semaphore owned;
    alignas(LINE) spg_semaphore there;
    alignas(LINE) spg_semaphore back;
    alignas(LINE) spg_event event;
    alignas(LINE) spg_seqlock seqlock;

    alignas(LINE) pthread_mutex_t plain_mutex;
    alignas(LINE) pthread_mutex_t robust_mutex;
    alignas(LINE) pthread_rwlock_t plain_rwlock;
    alignas(LINE) sem_t plain_semaphore;
    alignas(LINE) sem_t plain_there;
    alignas(LINE) sem_t plain_back;

    /* An event as one makes it of a mutex and a condition. */
    alignas(LINE) pthread_mutex_t event_mutex;
    pthread_cond_t event_condition;
    int event_is_set;

    alignas(LINE) char value[VALUE_BYTES];
    alignas(LINE) uint64_t counter; /* what the contended mutexes guard */

    /* How the two processes of a comparison start and end together. */
    alignas(LINE) sem_t begin;
    const struct side *work;
    long count;
    alignas(LINE) _Atomic int ready;
    alignas(LINE) _Atomic int started;
    alignas(LINE) _Atomic int ended;

    alignas(LINE) _Atomic int held; /* the owner that will be killed has its mutex */
    struct outcome outcome;         /* of compare_on_one_processor */
};

typedef void work(struct arena *arena, long count);

struct side {
    const char *name;
    work *here;
    work *there; /* by the second process at the same time; NULL: none */
};

struct comparison {
    const char *name;
    struct side ours;
    struct side theirs;
};

struct kills {
    int count;
    double ours[KILLS]; /* sorted, in milliseconds */
    double theirs[KILLS];
};

extern const struct comparison alone[], together[], segments[], sleeping;
extern const int alone_count, together_count, segments_count;

void start_partner(struct arena *arena);
void end_partner(struct arena *arena);
struct outcome compare(struct arena *arena, const struct comparison *comparison);
/* In processes that may run on one processor only, so that every wait sleeps. */
void compare_on_one_processor(struct arena *arena, const struct comparison *comparison);
void measure_kills(struct arena *arena, struct kills *kills);

void print_outcome(const struct outcome *outcome);
void print_kills(const struct kills *kills);

void write_outcomes(FILE *file, const struct outcome *outcomes, int count,
                    const struct kills *kills);

void measure_locks(void);
/* As two members of a JSON object. */
void locks_write(FILE *file);

#endif
