/* storm.h: what the processes of the storm know of each other: what was tried, what was promised,
 * who is to rest. It lies in memory that is theirs by fork, so that it outlives each of them. */
#ifndef TEST_STORM_STORM_H
#define TEST_STORM_STORM_H

#define TOPIC_NAME "storm/topic"
#define TOPIC_FILE "storm%2Ftopic.topic"

#include "process/topic.h"
#include "process/victims.h"

enum {
    LIVES_MAX = 1 << 20,   /* processes in all */
    MARK = LIVES_MAX - 1,  /* says the last message before an audit instead of a life */
    WORKS_MAX = 1 << 22,   /* jobs, requests between two audits; conversations in all */
    PATIENCE_MS = 100000,  /* nobody who lives waits longer, also on a machine that is not ours */
    SURVIVORS = 13
};

/* RUN: all work. STOP: the mortal are dead, producers among the survivors rest. QUIET: the others
 * rest, too. OVER: the survivors leave. */
enum phase { RUN, STOP, QUIET, OVER };

enum count {
    MESSAGES,
    MISSED,
    JOBS,
    JOBS_AGAIN,
    REQUESTS,
    REQUESTS_LOST,
    VALUES,
    CONVERSATIONS,
    STREAM_BYTES,
    STREAM_DEATHS,
    LOCKS,
    LOCKS_OF_THE_DEAD,
    WAITS,
    LOOKS,
    LOCKED_OUT,
    COUNTS
};

static const char *const count_names[COUNTS] = {
    "messages received in order by who must not lose",
    "messages missed by who may lose, and told",
    "jobs done",
    "jobs given out again after a death or a return",
    "requests answered",
    "requests whose server died, and told",
    "values read from the cell, in order of their versions",
    "conversations over streams",
    "bytes over streams",
    "conversations that a death ended, and told",
    "locks, shares and permits taken",
    "of these from the dead",
    "waits of wait sets and poll that ended with something",
    "looks at the whole domain while all work",
    "calls that met the domain's lock held for five seconds",
};

/* Of a job or a request. */
enum { SENT = 1, FINISHING = 2, FINISHED = 4, TAKEN = 16 };

static struct storm {
    _Atomic uint32_t attempted[LIVES_MAX], committed[LIVES_MAX]; /* messages of a life */
    _Atomic uint16_t jobs[WORKS_MAX], requests[WORKS_MAX];
    _Atomic uint32_t spoken[WORKS_MAX], ended[WORKS_MAX]; /* bytes of a conversation; plus one */
    _Atomic uint32_t next_life, next_job, next_request, next_conversation;
    _Atomic uint32_t first_life; /* of those since the last audit */
    _Atomic uint64_t values_attempted, values_committed;
    _Atomic uint64_t seen[2], lost; /* by who must not lose; by who may */
    _Atomic uint64_t counts[COUNTS];
    _Atomic uint64_t progress[SURVIVORS];
    _Atomic int64_t longest_ns[SURVIVORS]; /* between two steps of a survivor */
    _Atomic int phase, parked, ready;
    _Atomic bool is_over;
    _Atomic uint32_t epoch;
} * storm;

/* Who this process is. */
static struct {
    uint32_t life;
    int survivor; /* its number; -1: to be killed */
    uint64_t random;
    int64_t last_ns;
} self;

static uint64_t chance(uint64_t of) {
    return next_random(&self.random) % of;
}

static bool is_mortal(void) {
    return self.survivor < 0;
}

static void count(enum count what, uint64_t more) {
    storm->counts[what] += more;
}

/* A survivor has come a step further. */
static void step(void) {
    if (is_mortal()) return;
    int64_t now = now_ns();
    if (now - self.last_ns > storm->longest_ns[self.survivor])
        storm->longest_ns[self.survivor] = now - self.last_ns;
    self.last_ns = now;
    storm->progress[self.survivor]++;
}

static void nap_us(unsigned microseconds) {
    struct timespec nap = {0, (long)microseconds * 1000};
    nanosleep(&nap, NULL);
}

/* With something in hand: the mortal keep it for a while, often until they are killed. */
static void linger(void) {
    if (is_mortal() ? chance(8) == 0 : chance(64) == 0) nap_us((unsigned)chance(3000));
}

/* A survivor is where it wants to be; it begins when all of them are. */
static void is_ready(void) {
    if (is_mortal()) return;
    storm->ready++;
    while (storm->ready < SURVIVORS) nap_ms(1);
}

static bool goes_on(void) {
    return storm->phase != OVER;
}

/* Rests from this phase on, until all work again. Returns whether it rested. */
static bool park(enum phase phase) {
    if (is_mortal() || storm->phase < (int)phase || !goes_on()) return false;
    storm->parked++;
    while (storm->phase != RUN && goes_on()) nap_ms(1);
    storm->parked--;
    self.last_ns = now_ns();
    return true;
}

/* Calls that need the domain's lock give up where its holder is stopped: that is no fault of
 * theirs, and whether anybody was stopped the parent knows (longest_pause_ns). */
#define SUCCEEDS(call)                                                                             \
    do {                                                                                           \
        int result_;                                                                               \
        while ((result_ = (call)) == SPG_ETIMEDOUT) count(LOCKED_OUT, 1);                          \
        CHECK_RESULT(0, result_ < 0 ? result_ : 0);                                                \
    } while (0)

/* The life and number in bytes of ours, all of them checked. */
static struct stamp stamp_of(const void *data, size_t size, const char *what) {
    struct stamp stamp;
    if (size < sizeof stamp) FAIL("%s of %zu bytes", what, size);
    memcpy(&stamp, data, sizeof stamp);
    if (!message_is(data, size, stamp.writer, stamp.n))
        FAIL("%s %llu of life %llu, %zu bytes, is torn", what, (unsigned long long)stamp.n,
             (unsigned long long)stamp.writer, size);
    return stamp;
}

#endif
