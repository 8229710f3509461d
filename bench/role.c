/* role.c: the processes of a contest: starting, one repetition, ending, and the watchdog. */
#include "role.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loops.h"

enum {
    LOOK_NS = 50 * 1000 * 1000, /* how often the parent looks whether its roles live */
    PATIENCE_S = 30,            /* a repetition that takes longer hangs */
    PROBES = 5,
    PROBE_TRIPS = 150,
    SPINS = 2000
};

static void wait_while(_Atomic uint32_t *word, uint32_t value) {
    struct timespec slice = {.tv_nsec = LOOK_NS};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &slice, NULL, 0);
}

static void wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- in a role ------------------------------------------------------------------------------- */

static void pin(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    must_do(sched_setaffinity(0, sizeof one, &one));
}

/* Waits until all roles have come here so often. Where there are more roles than processors those
 * that wait make place. */
static void gather(struct contest *contest, uint32_t times) {
    uint32_t all = (uint32_t)contest->role_count * times;
    atomic_fetch_add(&contest->control->arrived, 1);
    for (int i = 1; atomic_load(&contest->control->arrived) < all; i++) {
        if (contest->role_count > 2 || i > SPINS) sleep_ns(20 * 1000);
        else if (i % 64 == 0) sched_yield();
        else relax();
    }
}

static uint64_t probe_once(struct control *control, int role, uint64_t from) {
    uint64_t begin = stamp();
    for (uint64_t i = from + 1; i <= from + PROBE_TRIPS; i++) {
        if (role == 0) atomic_store_explicit(&control->ping, i, memory_order_release);
        _Atomic uint64_t *word = role == 0 ? &control->pong : &control->ping;
        while (atomic_load_explicit(word, memory_order_acquire) != i) relax();
        if (role == 1) atomic_store_explicit(&control->pong, i, memory_order_release);
    }
    return stamp() - begin;
}

/* How far the first two roles are from each other: the median of a few short looks. */
static void probe(struct contest *contest, int role, int which) {
    double trips[PROBES];
    struct control *control = contest->control;
    if (role > 1) return;
    uint64_t from = atomic_load(role == 0 ? &control->ping : &control->pong);
    for (int i = 0; i < PROBES; i++) {
        trips[i] = clock_ns(probe_once(control, role, from + (uint64_t)i * PROBE_TRIPS));
    }
    if (role == 1) return;
    sort(trips, PROBES);
    control->distance[which] = trips[PROBES / 2] / PROBE_TRIPS;
}

/* How often this process has lost its processor. */
static uint64_t losses(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_nivcsw;
}

static void repeat(struct contest *contest, int role) {
    struct control *control = contest->control;
    contest->count = control->count;
    gather(contest, 1);
    if (contest->role_count > 1) probe(contest, role, 0);
    uint64_t before = losses();
    gather(contest, 2);
    atomic_store(&control->begin[role], stamp());
    contest->contestant->run(contest, role);
    atomic_store(&control->end[role], stamp());
    atomic_fetch_add(&control->disturbed, losses() - before);
    gather(contest, 3);
    if (contest->role_count > 1) probe(contest, role, 1);
    contest->number += contest->count;
    atomic_fetch_add(&control->done, 1);
    wake_all(&control->done);
}

static void *private_payload(size_t size) {
    size_t bytes = (size + 127) / 64 * 64;
    unsigned char *payload = aligned_alloc(64, bytes);
    must(payload == NULL);
    for (size_t i = 0; i < bytes; i++) payload[i] = (unsigned char)(i * 7 + 1);
    return payload;
}

static void be_role(struct contest *contest, int role) {
    const struct contestant *contestant = contest->contestant;
    struct control *control = contest->control;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pin(settings.processors[role % 2]);
    contest->source = private_payload(contest->size);
    contest->room = private_payload(contest->size);
    if (contestant->open) contestant->open(contest, role);
    atomic_fetch_add(&control->done, 1);
    wake_all(&control->done);
    for (uint32_t seen = 0;; seen++) {
        while (atomic_load(&control->turn) == seen) wait_while(&control->turn, seen);
        if (control->over) break;
        repeat(contest, role);
    }
    if (contestant->close) contestant->close(contest, role);
    _exit(0);
}

/* ---- in the parent --------------------------------------------------------------------------- */

static bool fail(struct contest *contest, const char *what, int role) {
    snprintf(contest->failure, sizeof contest->failure, "%s (role %d)", what, role);
    roles_kill(contest);
    return false;
}

/* Has a role ended that should not have? */
static bool look_after(struct contest *contest) {
    for (int i = 0; i < contest->role_count; i++) {
        int status;
        if (contest->roles[i] <= 0) continue;
        if (waitpid(contest->roles[i], &status, WNOHANG) != contest->roles[i]) continue;
        contest->roles[i] = 0;
        return fail(contest, WIFSIGNALED(status) ? "a role was killed" : "a role ended", i);
    }
    return true;
}

static bool await_all(struct contest *contest) {
    struct control *control = contest->control;
    double begin = nanoseconds();
    for (;;) {
        uint32_t done = atomic_load(&control->done);
        if (done == (uint32_t)contest->role_count) return true;
        wait_while(&control->done, done);
        if (!look_after(contest)) return false;
        if (nanoseconds() - begin > PATIENCE_S * 1e9)
            return fail(contest,
                        "no end of a repetition in 30 s: it hangs, or the machine is overloaded",
                        (int)done);
    }
}

void roles_start(struct contest *contest) {
    fflush(NULL);
    for (int i = 0; i < contest->role_count; i++) {
        contest->roles[i] = fork();
        must_do(contest->roles[i]);
        if (contest->roles[i] == 0) be_role(contest, i);
    }
    await_all(contest);
}

bool roles_run(struct contest *contest, uint64_t count) {
    struct control *control = contest->control;
    control->count = count;
    memset(&control->histogram, 0, sizeof control->histogram);
    atomic_store(&control->done, 0);
    atomic_store(&control->arrived, 0);
    atomic_store(&control->flag, 0);
    atomic_store(&control->disturbed, 0);
    atomic_fetch_add(&control->turn, 1);
    wake_all(&control->turn);
    if (!await_all(contest)) return false;
    if (atomic_load(&control->rejected) == 0) return true;
    return fail(contest, "a payload was not what was sent", 1);
}

void roles_kill(struct contest *contest) {
    for (int i = 0; i < contest->role_count; i++) {
        if (contest->roles[i] <= 0) continue;
        kill(contest->roles[i], SIGKILL);
        waitpid(contest->roles[i], NULL, 0);
        contest->roles[i] = 0;
    }
}

static bool all_have_ended(struct contest *contest) {
    bool all = true;
    for (int i = 0; i < contest->role_count; i++) {
        if (contest->roles[i] <= 0) continue;
        if (waitpid(contest->roles[i], NULL, WNOHANG) == contest->roles[i]) contest->roles[i] = 0;
        else all = false;
    }
    return all;
}

void roles_end(struct contest *contest) {
    contest->control->over = true;
    atomic_fetch_add(&contest->control->turn, 1);
    wake_all(&contest->control->turn);
    double begin = nanoseconds();
    while (!all_have_ended(contest) && nanoseconds() - begin < 3e9) sleep_ns(200 * 1000);
    roles_kill(contest);
}
