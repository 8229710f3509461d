/* mailbox.c: the bare limits of sending there and back: a sequence word and a payload in shared
 * memory, and nothing else. Up to 56 bytes lie in the word's line; more lie beside it. The word is
 * stored last. What waits spins, or sleeps on a futex, or in poll on an eventfd. */
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loops.h"

enum { IN_LINE = 56, BOXES = 2 };

/* A role's own. The client says 2n and the server answers 2n + 1. */
struct box {
    _Atomic uint64_t *out_word, *in_word;
    char *out, *in;
    uint64_t out_phase, in_phase;
};

static void open_boxes(struct contest *contest, int role, int in_box, int out_box) {
    struct box *box = calloc(1, sizeof *box);
    must(box == NULL);
    size_t stride = (contest->size + LINE_PAIR - 1) / LINE_PAIR * LINE_PAIR;
    char *words = contest->memory, *payloads = words + BOXES * LINE_PAIR;
    box->out_word = (_Atomic uint64_t *)(void *)(words + out_box * LINE_PAIR);
    box->in_word = (_Atomic uint64_t *)(void *)(words + in_box * LINE_PAIR);
    bool beside = contest->size > IN_LINE;
    box->out = beside ? payloads + (size_t)out_box * stride : (char *)(box->out_word + 1);
    box->in = beside ? payloads + (size_t)in_box * stride : (char *)(box->in_word + 1);
    box->out_phase = role == 1;
    box->in_phase = role == 0;
    contest->mine = box;
}

static void open_two(struct contest *contest, int role) {
    open_boxes(contest, role, 1 - role, role);
}

static void open_one(struct contest *contest, int role) {
    open_boxes(contest, role, 0, 0);
}

LOOP void post(const struct box *box, uint64_t number) {
    atomic_store_explicit(box->out_word, 2 * number + box->out_phase, memory_order_release);
}

LOOP bool is_there(const struct box *box, uint64_t number) {
    return atomic_load_explicit(box->in_word, memory_order_acquire) == 2 * number + box->in_phase;
}

/* ---- spinning -------------------------------------------------------------------------------- */

LOOP void put(struct contest *contest, uint64_t number) {
    const struct box *box = contest->mine;
    fill(contest, box->out, contest->size, number);
    post(box, number);
}

LOOP void get(struct contest *contest, uint64_t number) {
    const struct box *box = contest->mine;
    while (!is_there(box, number)) relax();
    absorb(contest, box->in, contest->size, number);
}

static void run(struct contest *contest, int role) {
    round_trips(contest, role, put, get);
}

LOOP void put_untouched(struct contest *contest, uint64_t number) {
    const struct box *box = contest->mine;
    *(uint64_t *)(void *)box->out = number;
    post(box, number);
}

LOOP void get_untouched(struct contest *contest, uint64_t number) {
    const struct box *box = contest->mine;
    while (!is_there(box, number)) relax();
    touch(contest, box->in, number);
}

static void run_untouched(struct contest *contest, int role) {
    round_trips(contest, role, put_untouched, get_untouched);
}

/* ---- asleep on a futex ----------------------------------------------------------------------- */

/* The low half of the word. */
static uint32_t *futex_of(_Atomic uint64_t *word) {
    bool little = (union {
                      uint16_t two;
                      uint8_t one;
                  }){1}
                      .one;
    return (uint32_t *)(void *)word + !little;
}

static void put_waking(struct contest *contest, uint64_t number) {
    const struct box *box = contest->mine;
    put(contest, number);
    syscall(SYS_futex, futex_of(box->out_word), FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void get_sleeping(struct contest *contest, uint64_t number) {
    const struct box *box = contest->mine;
    for (;;) {
        uint64_t word = atomic_load_explicit(box->in_word, memory_order_acquire);
        if (word == 2 * number + box->in_phase) break;
        syscall(SYS_futex, futex_of(box->in_word), FUTEX_WAIT, (uint32_t)word, NULL, NULL, 0);
    }
    absorb(contest, box->in, contest->size, number);
}

static void run_futex(struct contest *contest, int role) {
    round_trips(contest, role, put_waking, get_sleeping);
}

/* ---- asleep in poll -------------------------------------------------------------------------- */

static void make_eventfds(struct contest *contest) {
    for (int i = 0; i < 2; i++) contest->files[i] = (int)must_do(eventfd(0, EFD_NONBLOCK));
}

static void close_eventfds(struct contest *contest) {
    for (int i = 0; i < 2; i++) close(contest->files[i]);
}

LOOP void put_event(struct contest *contest, uint64_t number, int role) {
    put(contest, number);
    must_do(write(contest->files[role], &(uint64_t){1}, 8));
}

LOOP void get_event(struct contest *contest, uint64_t number, int role) {
    const struct box *box = contest->mine;
    uint64_t events;
    while (!is_there(box, number)) {
        struct pollfd file = {.fd = contest->files[1 - role], .events = POLLIN};
        must_do(poll(&file, 1, -1));
        must_do(read(contest->files[1 - role], &events, 8));
    }
    absorb(contest, box->in, contest->size, number);
}

static void put_event_0(struct contest *contest, uint64_t number) {
    put_event(contest, number, 0);
}
static void put_event_1(struct contest *contest, uint64_t number) {
    put_event(contest, number, 1);
}
static void get_event_0(struct contest *contest, uint64_t number) {
    get_event(contest, number, 0);
}
static void get_event_1(struct contest *contest, uint64_t number) {
    get_event(contest, number, 1);
}

static void run_eventfd(struct contest *contest, int role) {
    if (role == 0) round_trips(contest, 0, put_event_0, get_event_0);
    else round_trips(contest, 1, put_event_1, get_event_1);
}

/* -------------------------------------------------------------------------------------------- */

#define MAILBOX(NAME, HOW, PATTERN, LEAST, OPEN, RUN)                                              \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = LIMIT, .pattern = PATTERN, .least = LEAST,               \
        .most = SIZE_MAX, .shared = BOXES * LINE_PAIR, .payloads = BOXES, .open = OPEN, .run = RUN \
    }

const struct contestant limit_mailbox = MAILBOX(
    "bare mailbox", "a line (and buffer) each way, spinning", ROUND_TRIP, 8, open_two, run);
const struct contestant limit_one_buffer = MAILBOX(
    "bare mailbox, one buffer", "the answer goes into the request's line and buffer", ROUND_TRIP, 8,
    open_one, run);
const struct contestant limit_hand_off = MAILBOX("bare hand-off", "8 bytes of each buffer touched",
                                                 HAND_OFF, 64, open_two, run_untouched);
const struct contestant limit_futex = MAILBOX("bare futex", "mailbox, one wake a message, no spin",
                                              WAITING, 8, open_two, run_futex);
const struct contestant limit_futex_asleep = MAILBOX(
    "bare futex", "mailbox, one wake a message, no spin", WAKING, 8, open_two, run_futex);

#define EVENTFD(PATTERN)                                                                           \
    {                                                                                              \
        .name = "eventfd and poll", .how = "mailbox; poll, read", .side = LIMIT,                   \
        .pattern = PATTERN, .least = 8, .most = SIZE_MAX, .shared = BOXES * LINE_PAIR,             \
        .payloads = BOXES, .prepare = make_eventfds, .open = open_two, .run = run_eventfd,         \
        .clean = close_eventfds                                                                    \
    }

const struct contestant limit_eventfd = EVENTFD(WAITING);
const struct contestant limit_eventfd_asleep = EVENTFD(WAKING);
