/* loops.h: the loops that all transports share. A transport gives two functions, put and get, which
 * the compiler draws into its copy of the loop; so the cost of the harness is the same for all. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include "clock.h"
#include "contest.h"

#define LOOP static inline __attribute__((always_inline))

enum { WAKE_PAUSE_NS = 150 * 1000 };

typedef void put_message(struct contest *contest, uint64_t number);
typedef void get_message(struct contest *contest, uint64_t number);

/* ---- payloads -------------------------------------------------------------------------------- */

/* With a known size the compiler makes a few moves of it. */
#define OF_KNOWN_SIZE(call, size)                                                                  \
    do {                                                                                           \
        if ((size) == 64) call(64);                                                                \
        else if ((size) == 48) call(48);                                                           \
        else if ((size) == 8) call(8);                                                             \
        else call(size);                                                                           \
    } while (0)

LOOP void copy(void *to, const void *from, size_t size) {
#define COPY(bytes) memcpy(to, from, bytes)
    OF_KNOWN_SIZE(COPY, size);
#undef COPY
}

/* Writes a whole payload in place. */
LOOP void fill(const struct contest *contest, void *to, size_t size, uint64_t number) {
    uint64_t *words = to;
    copy(to, contest->source, size);
    words[0] = number;
    words[size / 8 - 1] = number;
}

/* Marks the private payload, which a transport that copies then sends. */
LOOP const void *source_of(const struct contest *contest, uint64_t number) {
    contest->source[0] = number;
    contest->source[contest->size / 8 - 1] = number;
    return contest->source;
}

LOOP void reject(struct contest *contest) {
    atomic_fetch_add(&contest->control->rejected, 1);
}

uint64_t sum_of_many(const uint64_t *words, size_t size);

LOOP uint64_t sum(const uint64_t *words, size_t size) {
    uint64_t total = 0;
    if (!__builtin_constant_p(size)) return sum_of_many(words, size);
    for (size_t i = 0; i < size / 8; i++) total += words[i];
    return total;
}

/* Reads a whole payload. */
LOOP void absorb(struct contest *contest, const void *from, size_t size, uint64_t number) {
    const uint64_t *words = from;
    uint64_t total;
#define SUM(bytes) total = sum(words, bytes)
    OF_KNOWN_SIZE(SUM, size);
#undef SUM
    __asm__ volatile("" : : "r"(total) : "memory");
    if (words[0] != number || words[size / 8 - 1] != number) reject(contest);
}

/* Of a payload that is handed over: its first word. */
LOOP void touch(struct contest *contest, const void *from, uint64_t number) {
    if (*(const uint64_t *)from != number) reject(contest);
}

/* ---- there and back -------------------------------------------------------------------------- */

LOOP void ping(struct contest *contest, put_message *put, get_message *get) {
    uint64_t last = stamp();
    for (uint64_t i = 1; i <= contest->count; i++) {
        put(contest, contest->number + i);
        get(contest, contest->number + i);
        uint64_t now = stamp();
        histogram_note(&contest->control->histogram, now - last);
        last = now;
    }
}

LOOP void pong(struct contest *contest, put_message *put, get_message *get) {
    for (uint64_t i = 1; i <= contest->count; i++) {
        get(contest, contest->number + i);
        put(contest, contest->number + i);
    }
}

LOOP void busy(double ns) {
    uint64_t begin = stamp();
    while (clock_ns(stamp() - begin) < ns) relax();
}

/* The time from each put to the other's get is taken, both ways; the pauses between are not. */
LOOP void waking_ping(struct contest *contest, put_message *put, get_message *get) {
    struct control *control = contest->control;
    for (uint64_t i = 1; i <= contest->count; i++) {
        busy(WAKE_PAUSE_NS);
        uint64_t begin = stamp();
        put(contest, contest->number + i);
        get(contest, contest->number + i);
        uint64_t end = stamp();
        histogram_note(&control->histogram, atomic_load(&control->arrival) - begin +
                                                (end - atomic_load(&control->answer)));
    }
}

LOOP void waking_pong(struct contest *contest, put_message *put, get_message *get) {
    for (uint64_t i = 1; i <= contest->count; i++) {
        get(contest, contest->number + i);
        atomic_store(&contest->control->arrival, stamp());
        busy(WAKE_PAUSE_NS);
        atomic_store(&contest->control->answer, stamp());
        put(contest, contest->number + i);
    }
}

LOOP void round_trips(struct contest *contest, int role, put_message *put, get_message *get) {
    if (contest->contestant->pattern == WAKING) {
        if (role == 0) waking_ping(contest, put, get);
        else waking_pong(contest, put, get);
        return;
    }
    if (role == 0) ping(contest, put, get);
    else pong(contest, put, get);
}

/* ---- one way --------------------------------------------------------------------------------- */

LOOP void one_way(struct contest *contest, int role, put_message *put, get_message *get) {
    for (uint64_t i = 1; i <= contest->count; i++) {
        if (role == 0) put(contest, contest->number + i);
        else get(contest, contest->number + i);
    }
}

LOOP bool is_last(const struct contest *contest, uint64_t number) {
    return number == contest->number + contest->count;
}

#endif
