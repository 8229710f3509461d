/* queue.c: the work queue, there and back (two queues) and one way. */
#include <stdlib.h>

#include "ours.h"

struct pair {
    spg_queue *out, *in;
};

static spg_queue *open_queue(struct contest *contest, const char *suffix, size_t slots) {
    spg_queue *queue;
    char name[96];
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = (uint32_t)slots;
    while (options.slot_size < contest->size + 16 && contest->size <= 112) options.slot_size *= 2;
    if (contest->size > 112) options.budget = (slots + 2) * (contest->size + 4096);
    snprintf(name, sizeof name, "%s%s", contest->name, suffix);
    must(spg_queue_open(&queue, NULL, name, &options));
    return queue;
}

static struct pair *new_pair(struct contest *contest) {
    struct pair *pair = calloc(1, sizeof *pair);
    must(pair == NULL);
    contest->mine = pair;
    return pair;
}

static void open_two(struct contest *contest, int role) {
    struct pair *pair = new_pair(contest);
    pair->out = open_queue(contest, role == 0 ? "-there" : "-back", 16);
    pair->in = open_queue(contest, role == 0 ? "-back" : "-there", 16);
}

static void open_one(struct contest *contest, int role) {
    struct pair *pair = new_pair(contest);
    spg_queue *queue = open_queue(contest, "", ring_slots(contest->size));
    if (role == 0) pair->out = queue;
    else pair->in = queue;
}

static void close_pair(struct contest *contest, int role) {
    struct pair *pair = contest->mine;
    (void)role;
    must(spg_queue_close(pair->out));
    must(spg_queue_close(pair->in));
}

LOOP void put(struct contest *contest, uint64_t number) {
    struct pair *pair = contest->mine;
    const void *source = source_of(contest, number);
    until_done(spg_queue_push(pair->out, source, contest->size, SPG_NOWAIT));
}

LOOP void take(struct contest *contest, const spg_job *job, uint64_t number) {
    struct pair *pair = contest->mine;
    absorb(contest, job->data, job->size, number);
    must(spg_queue_done(pair->in, job));
}

LOOP void get(struct contest *contest, uint64_t number) {
    struct pair *pair = contest->mine;
    spg_job job;
    until_done(spg_queue_pop(pair->in, &job, SPG_NOWAIT));
    take(contest, &job, number);
}

LOOP void get_waiting(struct contest *contest, uint64_t number) {
    struct pair *pair = contest->mine;
    spg_job job;
    must(spg_queue_pop(pair->in, &job, SPG_FOREVER));
    take(contest, &job, number);
}

static void run_trip(struct contest *contest, int role) {
    round_trips(contest, role, put, get);
}

static void run_waiting(struct contest *contest, int role) {
    round_trips(contest, role, put, get_waiting);
}

static void run_way(struct contest *contest, int role) {
    one_way(contest, role, put, get);
}

#define QUEUE(NAME, HOW, PATTERN, OPEN, RUN)                                                       \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = OURS, .pattern = PATTERN, .least = 8, .most = 65536,     \
        .open = OPEN, .run = RUN, .close = close_pair                                              \
    }

const struct contestant queue_polling = QUEUE("queue", "two queues, looking all the time",
                                              ROUND_TRIP, open_two, run_trip);
const struct contestant queue_asleep = QUEUE("queue, waiting", "two queues, pop(SPG_FOREVER)",
                                             WAKING, open_two, run_waiting);
const struct contestant queue_one_way = QUEUE("queue", "one pushes, one pops and is done with each",
                                              ONE_WAY, open_one, run_way);
