/* boost.c: Boost.Interprocess's message_queue, one each way. */
#include <stdlib.h>
#include <unistd.h>

#include "boost_queue.h"
#include "copying.h"

struct way {
    void *in, *out;
};

static void name_of(const struct contest *contest, int which, char name[96]) {
    snprintf(name, 96, "samepage-%s-%d", contest->name, which);
}

static void make(struct contest *contest) {
    size_t depth = contest->size > 1 << 20 ? 8 : contest->size > 1024 ? 64 : 1024;
    char name[96];
    snprintf(contest->name + strlen(contest->name), 16, "-%d", (int)getpid());
    for (int i = 0; i < 2; i++) {
        name_of(contest, i, name);
        void *queue = boost_make(name, depth, contest->size);
        if (!queue) snprintf(contest->failure, sizeof contest->failure, "message_queue: not made");
        boost_close(queue);
    }
}

static void remove_both(struct contest *contest) {
    char name[96];
    for (int i = 0; i < 2; i++) {
        name_of(contest, i, name);
        boost_remove(name);
    }
}

static void open_way(struct contest *contest, int role) {
    struct way *way = calloc(1, sizeof *way);
    char name[96];
    must(way == NULL);
    name_of(contest, role, name);
    way->out = boost_open(name);
    name_of(contest, 1 - role, name);
    way->in = boost_open(name);
    must(!way->out || !way->in);
    contest->mine = way;
}

static bool waits(const struct contest *contest) {
    return contest->contestant->pattern == WAITING || contest->contestant->pattern == WAKING;
}

static void put(struct contest *contest, uint64_t number) {
    const struct way *way = contest->mine;
    const void *source = source_of(contest, number);
    while (!boost_send(way->out, source, contest->size, waits(contest))) relax();
}

static void get(struct contest *contest, uint64_t number) {
    const struct way *way = contest->mine;
    while (!boost_receive(way->in, contest->room, contest->size, waits(contest))) relax();
    absorb(contest, contest->room, contest->size, number);
}

COPYING_RUNS(put, get)

#define BOOST(PATTERN, RUN)                                                                        \
    COPYING("Boost message_queue", "depth 1024, 64 or 8 by size; try_... where it polls", PATTERN, \
            8, SIZE_MAX, make, open_way, RUN, NULL, remove_both)

const struct contestant peer_boost[] = {
    BOOST(ROUND_TRIP, run_trips),
    BOOST(WAITING, run_trips),
    BOOST(WAKING, run_trips),
    BOOST(ONE_WAY, run_way),
};
