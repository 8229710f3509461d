/* contest.h: how everything that processes do with each other is measured.
 *
 * A contest is one way to do one thing with one payload: the topic's round trip of 48 bytes, a
 * pipe's. All contests of a row (one thing, one payload) are run in turns, many rounds and each
 * time briefly, so that whatever else the machine does falls on all alike.
 *
 * Each contest has processes of its own, its roles, pinned to the two processors in turns. They are
 * started once, sleep while others are measured, and keep what they opened. The parent starts a
 * repetition, sleeps until it is done, and is the watchdog: if a role dies or a repetition takes
 * too long, it kills all roles and says so; so the loops that are measured look after nobody.
 *
 * Distance. Virtual processors move. Before and after each repetition the first two roles send one
 * line back and forth: below 300 nanoseconds they are near, otherwise far. A repetition counts only
 * if both say the same; near and far are kept apart, and every ratio is of one class.
 *
 * Time. All rows together have the time that the caller gives, shared out by what each of them is
 * expected to need; a row that needs less leaves the rest to those after it. So a slower machine,
 * or one with other work, gets fewer rounds, not a longer run.
 *
 * Other work. A repetition in which a role lost its processor to somebody else, as the kernel
 * counts it, is made again, as often as there are retries left; what was disturbed even then is
 * counted and told.
 *
 * Payload. Who sends writes every byte, who receives reads every byte, and the number in the first
 * and the last word is checked. A transport that copies sends from private memory; one that lends
 * room has it written there. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include <stdatomic.h>
#include <sys/types.h>

#include "bench.h"
#include "histogram.h"

enum { ROLES_MAX = 8, ROUNDS_MAX = 64, CONTESTS_MAX = 40, CLASSES = 2 };
enum distance { NEAR = 0, FAR = 1, MIXED = 2 };
enum party { LIMIT, OURS, PEER };

enum pattern {
    ROUND_TRIP, /* there and back, both look all the time */
    WAITING,    /* there and back, both wait as the transport offers it */
    WAKING,     /* there and back, each side has been asleep for long when the message comes */
    HAND_OFF,   /* ROUND_TRIP of which only the first word is touched */
    ONE_WAY,    /* messages, as fast as they go */
    HAND_OVER,  /* ONE_WAY of which only the first word is touched */
    BYTES,      /* bytes in order, as fast as they go, written in pieces */
    CLAIMING,   /* several writers, nobody reads */
    READING,    /* the latest value */
    FAN_OUT,    /* publish; the payload is the number of subscribers */
    PATTERNS
};

enum { RING = -1, RING_BYTES = 4 << 20, RING_SLOTS_MAX = 4096, LINE_PAIR = 128 };

/* Of a ring for payloads of this size. */
static inline size_t ring_slots(size_t size) {
    size_t slots = RING_BYTES / size;
    return slots > RING_SLOTS_MAX ? RING_SLOTS_MAX : slots < 2 ? 2 : slots;
}

/* From one payload to the next. */
static inline size_t stride_of(size_t size) {
    return (size + 63) / 64 * 64;
}

struct contest;
typedef void role_work(struct contest *contest, int role);

struct contestant {
    const char *name;
    const char *how; /* how it was set up */
    enum party side;
    enum pattern pattern;
    size_t least, most; /* payloads it does */
    int roles;          /* 0: two */
    size_t shared;      /* bytes of shared memory besides payloads; roles find them zeroed */
    int payloads;       /* how many of these there is room for after it; RING: ring_slots */
    void (*prepare)(struct contest *contest); /* in the parent, before the roles are started */
    role_work *open, *run, *close;
    void (*clean)(struct contest *contest); /* in the parent, after the roles have ended */
};

/* Shared by the parent and the roles. */
struct control {
    _Alignas(128) _Atomic uint32_t turn; /* changes when a repetition is to begin */
    _Alignas(128) _Atomic uint32_t done; /* roles that have ended the repetition */
    _Alignas(128) _Atomic uint32_t arrived;
    _Alignas(128) _Atomic uint64_t ping;
    _Alignas(128) _Atomic uint64_t pong;
    _Alignas(
        128) _Atomic uint32_t flag; /* the contestant's own use, zero when a repetition begins */
    _Alignas(128) uint64_t count;   /* operations of each sending role */
    bool over;                      /* the roles shall end */
    double distance[2];             /* before and after, in nanoseconds */
    _Atomic uint64_t begin[ROLES_MAX], end[ROLES_MAX], rejected;
    _Atomic uint64_t disturbed;       /* how often a role lost its processor in this repetition */
    _Atomic uint64_t arrival, answer; /* stamps of the other side: WAKING */
    struct histogram histogram;
};

struct contest {
    const struct contestant *contestant;
    struct control *control;
    size_t size;      /* payload */
    char *memory;     /* shared: contestant->shared bytes, then the payloads */
    uint64_t count;   /* of this repetition */
    uint64_t number;  /* of the last message before this repetition */
    uint64_t *source; /* private payload to send, and room for one to receive */
    uint64_t *room;
    char name[64]; /* for what needs a name; no other contest has it */
    int files[8];  /* the contestant's own, made in prepare */
    void *mine;    /* the role's own */

    pid_t roles[ROLES_MAX]; /* the parent's */
    int role_count;
    int rounds;
    int retries;             /* left */
    int disturbed;           /* rounds that count though a role lost its processor */
    double cost[ROUNDS_MAX]; /* nanoseconds an operation */
    enum distance distance[ROUNDS_MAX];
    struct histogram *latency[CLASSES];
    double probe[CLASSES]; /* sum of the brackets' round trips */
    char failure[160];     /* why it has no figures; empty: it has */
};

struct row {
    const char *title;
    enum pattern pattern;
    size_t size;
    int rounds; /* at most */
    int count;
    struct contest *contests;
};

/* ---- measure.c ------------------------------------------------------------------------------- */

/* How long its rounds would take on a quiet machine, without a retry: nanoseconds. */
double measure_estimate(const struct row *row);
/* Of several rows, in turn, as many rounds as there is time for, and a few at least. */
void measure_together(struct row *rows, int count, double until);
/* Ends all roles, also those in the middle of something. */
void measure_abandon(void);

/* ---- contestants.c --------------------------------------------------------------------------- */

extern const struct contestant *const contestants[];
extern const int contestant_count;

/* ---- figures.c ------------------------------------------------------------------------------- */

struct figure {
    int rounds;                     /* that counted */
    double cost;                    /* median nanoseconds an operation */
    double p50, p99, p999, largest; /* nanoseconds; 0: it has no latencies */
    double probe;                   /* mean round trip of a line at that time */
};

bool figure_of(const struct contest *contest, enum distance distance, struct figure *figure);
/* Ours over theirs of the same rounds where they are of one row, else of the medians; 0: none. */
double ratio_of(const struct contest *ours, const struct contest *theirs, enum distance distance);

#endif
