/* measure.c: the rounds of a row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "role.h"

enum {
    NEAR_NS = 300,
    FIRST_COUNT = 4,
    RETRIES = 2,
    ROUNDS_LEAST = 5,
    AROUND_NS = 1500 * 1000, /* around a repetition: its roles gather, and look how far they are */
    SET_UP_NS = 300 * 1000 * 1000
};

static struct row *current;
static int current_count;
static double deadline; /* of the current rows */

/* How long a repetition should take, in nanoseconds. */
static double target(const struct row *row) {
    double large = row->size >= 1 << 20 ? 4 : 1;
    switch (row->pattern) {
    case ROUND_TRIP:
    case HAND_OFF: return 1.5e6 * large;
    case READING:
    case FAN_OUT: return 1.5e6;
    case WAITING: return 5e6 * (large > 1 ? 2 : 1);
    case WAKING: return 8e6;
    default: return 3e6 * large;
    }
}

static uint64_t begin_of(const struct contest *contest) {
    uint64_t begin = UINT64_MAX;
    for (int i = 0; i < contest->role_count; i++) {
        uint64_t one = atomic_load(&contest->control->begin[i]);
        if (one < begin) begin = one;
    }
    return begin;
}

static uint64_t end_of(const struct contest *contest) {
    uint64_t end = 0;
    for (int i = 0; i < contest->role_count; i++) {
        uint64_t one = atomic_load(&contest->control->end[i]);
        if (one > end) end = one;
    }
    return end;
}

/* Of the whole repetition, in nanoseconds. Where the first role alone does what is measured it is
 * its time. */
static double duration(const struct contest *contest) {
    switch (contest->contestant->pattern) {
    case ONE_WAY:
    case HAND_OVER:
    case BYTES:
    case CLAIMING: return clock_ns(end_of(contest) - begin_of(contest));
    default:
        return clock_ns(atomic_load(&contest->control->end[0]) -
                        atomic_load(&contest->control->begin[0]));
    }
}

static double cost_of(const struct contest *contest, uint64_t count) {
    if (contest->contestant->pattern == WAKING)
        return clock_ns(histogram_quantile(&contest->control->histogram, 0.5));
    if (contest->contestant->pattern == CLAIMING) count *= (uint64_t)contest->role_count;
    return duration(contest) / (double)count;
}

/* Of two repetitions the shorter one: the other may have been interrupted. 0: it has failed. */
static double shorter(struct contest *contest) {
    if (!roles_run(contest, contest->count)) return 0;
    double first = duration(contest);
    if (!roles_run(contest, contest->count)) return 0;
    double second = duration(contest);
    return first < second ? first : second;
}

/* How many operations take long enough; warms up, too. */
static void calibrate(const struct row *row, struct contest *contest) {
    double wanted = target(row);
    contest->count = FIRST_COUNT;
    for (int i = 0; i < 12; i++) {
        double took = shorter(contest);
        if (took == 0 || (took > wanted * 0.7 && took < wanted * 1.5)) return;
        double factor = wanted / (took > 100 ? took : 100);
        if (factor > 16) factor = 16;
        contest->count = (uint64_t)ceil((double)contest->count * factor);
    }
}

static enum distance distance_of(const struct contest *contest) {
    static enum distance last;
    if (contest->role_count < 2) return last;
    bool near_before = contest->control->distance[0] < NEAR_NS;
    bool near_after = contest->control->distance[1] < NEAR_NS;
    if (near_before != near_after) return MIXED;
    last = near_before ? NEAR : FAR;
    return last;
}

/* Runs until nobody was disturbed, as long as there are retries left. */
static bool run_undisturbed(struct contest *contest) {
    for (;;) {
        if (!roles_run(contest, contest->count)) return false;
        if (atomic_load(&contest->control->disturbed) == 0) return true;
        if (contest->retries == 0 || nanoseconds() > deadline) break;
        contest->retries--;
    }
    contest->disturbed++;
    return true;
}

static void one_round(struct contest *contest) {
    if (contest->failure[0] || !run_undisturbed(contest)) return;
    enum distance distance = distance_of(contest);
    contest->distance[contest->rounds] = distance;
    contest->cost[contest->rounds++] = cost_of(contest, contest->count);
    if (distance == MIXED) return;
    histogram_add(contest->latency[distance], &contest->control->histogram);
    contest->probe[distance] += (contest->control->distance[0] + contest->control->distance[1]) / 2;
}

/* ---- setting up ------------------------------------------------------------------------------ */

static void *share(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory == MAP_FAILED);
    memset(memory, 0, bytes);
    return memory;
}

static size_t memory_of(const struct contest *contest) {
    int payloads = contest->contestant->payloads;
    size_t count = payloads == RING ? ring_slots(contest->size) : (size_t)payloads;
    return contest->contestant->shared + LINE_PAIR + count * (contest->size + LINE_PAIR);
}

static void set_up(struct contest *contest, const struct contestant *contestant, size_t size) {
    static int contests;
    *contest = (struct contest){.contestant = contestant, .size = size};
    contest->control = share(sizeof *contest->control);
    contest->memory = share(memory_of(contest));
    contest->role_count = contestant->roles ? contestant->roles : 2;
    snprintf(contest->name, sizeof contest->name, "bench-%d", contests++);
    for (int i = 0; i < CLASSES; i++) {
        contest->latency[i] = calloc(1, sizeof *contest->latency[i]);
        must(contest->latency[i] == NULL);
    }
    if (contestant->prepare) contestant->prepare(contest);
    if (contest->failure[0]) return;
    roles_start(contest);
}

static void tear_down(struct contest *contest) {
    roles_end(contest);
    if (contest->contestant->clean) contest->contestant->clean(contest);
    munmap(contest->control, sizeof *contest->control);
    munmap(contest->memory, memory_of(contest));
    contest->control = NULL;
}

static void abandon(struct row *row) {
    for (int i = 0; i < row->count; i++) {
        struct contest *contest = &row->contests[i];
        if (!contest->control) continue;
        roles_kill(contest);
        if (contest->contestant->clean) contest->contestant->clean(contest);
    }
}

void measure_abandon(void) {
    for (int i = 0; i < current_count; i++) abandon(&current[i]);
    current_count = 0;
}

static bool takes_part(const struct row *row, const struct contestant *contestant) {
    if (contestant->pattern != row->pattern) return false;
    if (contestant->side == PEER && !settings.peers) return false;
    if (contestant->side == PEER && settings.peer && !strstr(contestant->name, settings.peer))
        return false;
    return row->size >= contestant->least && row->size <= contestant->most;
}

double measure_estimate(const struct row *row) {
    int count = 0;
    for (int i = 0; i < contestant_count; i++) count += takes_part(row, contestants[i]);
    return count * (SET_UP_NS + row->rounds * (target(row) + AROUND_NS));
}

static void set_up_row(struct row *row) {
    for (int i = 0; i < contestant_count && row->count < CONTESTS_MAX; i++) {
        if (!takes_part(row, contestants[i])) continue;
        struct contest *contest = &row->contests[row->count++];
        set_up(contest, contestants[i], row->size);
        contest->retries = RETRIES * row->rounds;
        if (!contest->failure[0]) calibrate(row, contest);
    }
}

static void round_of_row(struct row *row, int round) {
    for (int i = 0; i < row->count; i++) one_round(&row->contests[(i + round) % row->count]);
}

void measure_together(struct row *rows, int count, double until) {
    current = rows;
    current_count = count;
    deadline = until;
    for (int i = 0; i < count; i++) set_up_row(&rows[i]);
    for (int round = 0; round < rows->rounds; round++) {
        if (round >= ROUNDS_LEAST && nanoseconds() > until) break;
        for (int i = 0; i < count; i++) round_of_row(&rows[i], round);
    }
    current_count = 0;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < rows[i].count; j++) tear_down(&rows[i].contests[j]);
    }
}
