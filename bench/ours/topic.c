/* topic.c: the topic, there and back (two topics) and one way. What fits in a slot is sent, larger
 * messages are loaned, written in place and published; all are read in place. */
#include <poll.h>
#include <stdlib.h>

#include "ours.h"

/* Up to a page a slot carries a message faster than the arena, by a copy on each side. */
enum { BUDGET_PAYLOADS = 4, TRIP_SLOTS = 64, SMALL = 4096 - 16 };

enum { BATCH = 64, BATCHED_MOST = 112 };

/* Messages that go and come together. */
struct batch {
    uint32_t count, next;
    spg_bytes out[BATCH];
    spg_message in[BATCH];
    char room[BATCH][128];
};

/* A role's own. */
struct talk {
    spg_publisher *out;
    spg_subscriber *in;
    int descriptor;
    struct batch batch;
};

static uint32_t slot_size_for(size_t size) {
    uint32_t slot = 64;
    while (slot - 16 < size) slot *= 2;
    return slot;
}

/* A payload of up to `inline_max` lies in its slot. Nothing is kept for who joins later, so a large
 * message can have the memory of the last one. */
static spg_topic_options options_for(size_t size, size_t inline_max) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.publishers = 1;
    options.subscribers = 4;
    options.history = 0;
    if (size <= inline_max) options.slot_size = slot_size_for(size);
    else options.budget = (size + 4096) * BUDGET_PAYLOADS;
    return options;
}

static struct talk *new_talk(struct contest *contest) {
    struct talk *talk = calloc(1, sizeof *talk);
    must(talk == NULL);
    contest->mine = talk;
    return talk;
}

static void publish_to(struct contest *contest, const char *suffix,
                       const spg_topic_options *options) {
    struct talk *talk = contest->mine;
    char name[96];
    snprintf(name, sizeof name, "%s%s", contest->name, suffix);
    must(spg_publisher_open(&talk->out, NULL, name, options));
}

static void subscribe_to(struct contest *contest, const char *suffix) {
    struct talk *talk = contest->mine;
    char name[96];
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = SPG_MUST_NOT_LOSE;
    options.timeout = JOIN_TIMEOUT;
    snprintf(name, sizeof name, "%s%s", contest->name, suffix);
    must(spg_subscriber_open(&talk->in, NULL, name, &options));
}

static void close_talk(struct contest *contest, int role) {
    struct talk *talk = contest->mine;
    (void)role;
    if (talk->out) must(spg_publisher_close(talk->out));
    if (talk->in) must(spg_subscriber_close(talk->in));
}

/* ---- messages -------------------------------------------------------------------------------- */

LOOP void put_small(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    const void *source = source_of(contest, number);
    until_done(spg_publisher_send(talk->out, source, contest->size, SPG_NOWAIT));
}

LOOP void *loan(struct contest *contest) {
    struct talk *talk = contest->mine;
    void *data;
    until_done(spg_publisher_loan(talk->out, contest->size, &data, SPG_NOWAIT));
    return data;
}

LOOP void publish(struct contest *contest, void *data) {
    struct talk *talk = contest->mine;
    until_done(spg_publisher_publish(talk->out, data, contest->size, SPG_NOWAIT));
}

LOOP void put_large(struct contest *contest, uint64_t number) {
    void *data = loan(contest);
    fill(contest, data, contest->size, number);
    publish(contest, data);
}

LOOP void put_untouched(struct contest *contest, uint64_t number) {
    uint64_t *data = loan(contest);
    data[0] = number;
    publish(contest, data);
}

LOOP void take(struct contest *contest, const spg_message *message, uint64_t number) {
    struct talk *talk = contest->mine;
    absorb(contest, message->data, message->size, number);
    must(spg_subscriber_release(talk->in, message));
}

LOOP void get_polling(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    spg_message message;
    until_received(spg_subscriber_receive(talk->in, &message, SPG_NOWAIT));
    take(contest, &message, number);
}

LOOP void get_waiting(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    spg_message message;
    must(spg_subscriber_receive(talk->in, &message, SPG_FOREVER));
    take(contest, &message, number);
}

LOOP void get_by_descriptor(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    spg_message message;
    int result;
    while ((result = spg_subscriber_receive(talk->in, &message, SPG_NOWAIT)) == SPG_EAGAIN) {
        struct pollfd file = {.fd = talk->descriptor, .events = POLLIN};
        must_do(poll(&file, 1, -1));
    }
    must_be(0, result, "receive after poll");
    take(contest, &message, number);
}

LOOP void get_untouched(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    spg_message message;
    until_received(spg_subscriber_receive(talk->in, &message, SPG_NOWAIT));
    touch(contest, message.data, number);
    must(spg_subscriber_release(talk->in, &message));
}

/* ---- there and back -------------------------------------------------------------------------- */

static void open_trip(struct contest *contest, int role) {
    spg_topic_options options = options_for(contest->size, SMALL);
    options.slots = TRIP_SLOTS;
    new_talk(contest);
    publish_to(contest, role == 0 ? "-there" : "-back", &options);
    subscribe_to(contest, role == 0 ? "-back" : "-there");
}

static void open_trip_by_descriptor(struct contest *contest, int role) {
    open_trip(contest, role);
    struct talk *talk = contest->mine;
    talk->descriptor = spg_subscriber_fd(talk->in);
    must_do(talk->descriptor);
}

static bool is_small(const struct contest *contest) {
    return contest->size <= SMALL;
}

static void run_polling(struct contest *contest, int role) {
    if (is_small(contest)) round_trips(contest, role, put_small, get_polling);
    else round_trips(contest, role, put_large, get_polling);
}

static void run_waiting(struct contest *contest, int role) {
    if (is_small(contest)) round_trips(contest, role, put_small, get_waiting);
    else round_trips(contest, role, put_large, get_waiting);
}

static void run_by_descriptor(struct contest *contest, int role) {
    if (is_small(contest)) round_trips(contest, role, put_small, get_by_descriptor);
    else round_trips(contest, role, put_large, get_by_descriptor);
}

static void run_untouched(struct contest *contest, int role) {
    round_trips(contest, role, put_untouched, get_untouched);
}

/* ---- one way --------------------------------------------------------------------------------- */

static void open_way(struct contest *contest, int role, const spg_topic_options *options) {
    new_talk(contest);
    if (role == 0) publish_to(contest, "", options);
    else subscribe_to(contest, "");
}

/* As much on the way as in the hand-tuned ring. */
static spg_topic_options way_options(size_t size, size_t inline_max) {
    spg_topic_options options = options_for(size, inline_max);
    options.slots = (uint32_t)ring_slots(size);
    if (options.slots < 16) options.slots = 16;
    if (size > inline_max) options.budget = (ring_slots(size) + 2) * (size + 4096);
    return options;
}

static void open_way_1(struct contest *contest, int role) {
    spg_topic_options options = way_options(contest->size, 112);
    open_way(contest, role, &options);
}

static void open_way_16(struct contest *contest, int role) {
    spg_topic_options options = way_options(contest->size, 112);
    options.publishers = 16;
    open_way(contest, role, &options);
}

static void open_way_in_slots(struct contest *contest, int role) {
    spg_topic_options options = way_options(contest->size, 4080);
    open_way(contest, role, &options);
}

static void run_way(struct contest *contest, int role) {
    if (is_small(contest)) one_way(contest, role, put_small, get_polling);
    else one_way(contest, role, put_large, get_polling);
}

static void run_way_in_slots(struct contest *contest, int role) {
    one_way(contest, role, put_small, get_polling);
}

static void run_way_untouched(struct contest *contest, int role) {
    one_way(contest, role, put_untouched, get_untouched);
}

/* ---- in batches ------------------------------------------------------------------------------ */

static void open_batches(struct contest *contest, int role) {
    spg_topic_options options = way_options(contest->size, BATCHED_MOST);
    options.holds = BATCH;
    open_way(contest, role, &options);
}

LOOP void send_batch(struct talk *talk) {
    struct batch *batch = &talk->batch;
    for (uint32_t sent = 0; sent < batch->count;) {
        int result = spg_publisher_send_batch(talk->out, batch->out + sent, batch->count - sent,
                                              SPG_NOWAIT);
        if (result == SPG_EAGAIN) continue;
        must_do(result);
        sent += (uint32_t)result;
    }
    batch->count = 0;
}

LOOP void put_batched(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    struct batch *batch = &talk->batch;
    char *room = batch->room[batch->count];
    fill(contest, room, contest->size, number);
    batch->out[batch->count++] = (spg_bytes){room, contest->size};
    if (batch->count == BATCH || is_last(contest, number)) send_batch(talk);
}

LOOP void receive_batch(struct talk *talk) {
    struct batch *batch = &talk->batch;
    int result;
    must(spg_subscriber_release_batch(talk->in, batch->in, batch->count));
    until_received((result = spg_subscriber_receive_batch(talk->in, batch->in, BATCH, SPG_NOWAIT),
                    result > 0 ? 0 : result));
    batch->count = (uint32_t)result;
    batch->next = 0;
}

LOOP void get_batched(struct contest *contest, uint64_t number) {
    struct talk *talk = contest->mine;
    struct batch *batch = &talk->batch;
    if (batch->next == batch->count) receive_batch(talk);
    const spg_message *message = &batch->in[batch->next++];
    absorb(contest, message->data, message->size, number);
}

static void run_batched(struct contest *contest, int role) {
    one_way(contest, role, put_batched, get_batched);
}

/* ---------------------------------------------------------------------------------------------- */

#define TOPIC(NAME, HOW, PATTERN, LEAST, MOST, OPEN, RUN)                                          \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = OURS, .pattern = PATTERN, .least = LEAST, .most = MOST,  \
        .open = OPEN, .run = RUN, .close = close_talk                                              \
    }

const struct contestant topic_polling = TOPIC("topic",
                                              "one publisher each way, looking all the time",
                                              ROUND_TRIP, 8, SIZE_MAX, open_trip, run_polling);
const struct contestant topic_waiting = TOPIC("topic, waiting", "receive(SPG_FOREVER)", WAITING, 8,
                                              SIZE_MAX, open_trip, run_waiting);
const struct contestant topic_spinning = TOPIC("topic, waiting", "receive(SPG_FOREVER)", ROUND_TRIP,
                                               8, 64, open_trip, run_waiting);
const struct contestant topic_asleep = TOPIC("topic, waiting", "receive(SPG_FOREVER)", WAKING, 8,
                                             SIZE_MAX, open_trip, run_waiting);
const struct contestant topic_poll = TOPIC("topic, descriptor", "poll, receive(SPG_NOWAIT)",
                                           WAITING, 8, SIZE_MAX, open_trip_by_descriptor,
                                           run_by_descriptor);
const struct contestant topic_poll_asleep = TOPIC("topic, descriptor", "poll, receive(SPG_NOWAIT)",
                                                  WAKING, 8, SIZE_MAX, open_trip_by_descriptor,
                                                  run_by_descriptor);
const struct contestant topic_hand_off = TOPIC("topic", "loan, 8 bytes touched, publish", HAND_OFF,
                                               1024, SIZE_MAX, open_trip, run_untouched);
const struct contestant topic_one_way = TOPIC("topic", "one publisher, must not lose", ONE_WAY, 8,
                                              SIZE_MAX, open_way_1, run_way);
const struct contestant topic_one_way_16 = TOPIC("topic for 16 publishers",
                                                 "one of 16 publishes, must not lose", ONE_WAY, 8,
                                                 SIZE_MAX, open_way_16, run_way);
const struct contestant topic_in_slots = TOPIC(
    "topic, in slots", "copied into large slots, one publisher, must not lose", ONE_WAY, 113, 4080,
    open_way_in_slots, run_way_in_slots);
const struct contestant topic_hand_over = TOPIC(
    "topic", "loan, 8 bytes touched, publish; must not lose", HAND_OVER, 1024, SIZE_MAX, open_way_1,
    run_way_untouched);
const struct contestant topic_batched = TOPIC("topic, batches",
                                              "64 sent and received at a time, must not lose",
                                              ONE_WAY, 8, BATCHED_MOST, open_batches, run_batched);
