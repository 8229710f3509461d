/* copying.h: transports that copy: one send and one receive of a whole payload. What they need
 * beyond the loops' own is theirs. */
#ifndef BENCH_COPYING_H
#define BENCH_COPYING_H

#include "loops.h"

/* What a transport of this name does in each pattern. */
#define COPYING(NAME, HOW, PATTERN, LEAST, MOST, PREPARE, OPEN, RUN, CLOSE, CLEAN)                 \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = PEER, .pattern = PATTERN, .least = LEAST, .most = MOST,  \
        .prepare = PREPARE, .open = OPEN, .run = RUN, .close = CLOSE, .clean = CLEAN               \
    }

/* Defines run functions over a put and a get. */
#define COPYING_RUNS(PUT, GET)                                                                     \
    static void run_trips(struct contest *contest, int role) {                                     \
        round_trips(contest, role, PUT, GET);                                                      \
    }                                                                                              \
    static void run_way(struct contest *contest, int role) {                                       \
        one_way(contest, role, PUT, GET);                                                          \
    }

#endif
