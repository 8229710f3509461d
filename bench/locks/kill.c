/* kill.c: how long a mutex stays locked after SIGKILL of its owner, with somebody asleep on it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "locks.h"

/* The kill comes at any time of a waiter's slice of 20 ms, after he has gone to sleep. */
enum { EARLIEST_NS = 5 * 1000 * 1000, SPREAD_NS = 40 * 1000 * 1000 };

struct victim {
    pid_t process;
    long delay;
    double killed; /* when */
};

static void *kill_later(void *context) {
    struct victim *victim = context;
    sleep_ns(victim->delay);
    victim->killed = nanoseconds();
    kill(victim->process, SIGKILL);
    return NULL;
}

static void lock(struct arena *arena) {
    must(spg_mutex_lock(&arena->mutex, SPG_FOREVER));
}

static void take_over(struct arena *arena) {
    must_be(SPG_EOWNERDEAD, spg_mutex_lock(&arena->mutex, SPG_FOREVER), "lock after a kill");
}

static void give_back(struct arena *arena) {
    must(spg_mutex_recovered(&arena->mutex));
    must(spg_mutex_unlock(&arena->mutex));
}

static void lock_robust(struct arena *arena) {
    must(pthread_mutex_lock(&arena->robust_mutex));
}

static void take_over_robust(struct arena *arena) {
    must_be(EOWNERDEAD, pthread_mutex_lock(&arena->robust_mutex), "robust lock after a kill");
}

static void give_back_robust(struct arena *arena) {
    must(pthread_mutex_consistent(&arena->robust_mutex));
    must(pthread_mutex_unlock(&arena->robust_mutex));
}

static pid_t start_owner(struct arena *arena, void (*own)(struct arena *)) {
    atomic_store(&arena->held, 0);
    pid_t process = fork();
    must(process < 0);
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        own(arena);
        atomic_store(&arena->held, 1);
        for (;;) pause();
    }
    while (!atomic_load(&arena->held)) sleep_ns(100 * 1000);
    return process;
}

/* Milliseconds from the kill until the waiter has the mutex. */
static double hand_over(struct arena *arena, long delay, void (*own)(struct arena *),
                        void (*take)(struct arena *), void (*give)(struct arena *)) {
    struct victim victim = {.process = start_owner(arena, own), .delay = delay};
    pthread_t killer;
    must(pthread_create(&killer, NULL, kill_later, &victim));
    take(arena);
    double taken = nanoseconds();
    must(pthread_join(killer, NULL));
    waitpid(victim.process, NULL, 0);
    give(arena);
    return (taken - victim.killed) / 1e6;
}

void measure_kills(struct arena *arena, struct kills *kills) {
    srandom(1);
    kills->count = settings.quick ? QUICK_KILLS : KILLS;
    for (int i = 0; i < kills->count; i++) {
        long delay = EARLIEST_NS + random() % SPREAD_NS;
        kills->ours[i] = hand_over(arena, delay, lock, take_over, give_back);
        kills->theirs[i] = hand_over(arena, delay, lock_robust, take_over_robust, give_back_robust);
    }
    sort(kills->ours, kills->count);
    sort(kills->theirs, kills->count);
}
