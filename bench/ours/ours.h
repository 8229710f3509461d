/* ours.h: what the contestants of Samepage share. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "loops.h"

enum { JOIN_NS = 10 * 1000 * 1000 };
#define JOIN_TIMEOUT ((int64_t)1000 * JOIN_NS)

/* Looks again as long as there is nothing; whatever else is wrong ends the role. */
#define until_done(call)                                                                           \
    do {                                                                                           \
        int result_;                                                                               \
        while ((result_ = (call)) == SPG_EAGAIN) relax();                                          \
        must_be(0, result_, #call);                                                                \
    } while (0)

/* The same for what pauses itself when there is nothing. */
#define until_received(call)                                                                       \
    do {                                                                                           \
        int result_;                                                                               \
        do {                                                                                       \
            result_ = (call);                                                                      \
        } while (result_ == SPG_EAGAIN);                                                           \
        must_be(0, result_, #call);                                                                \
    } while (0)

#endif
