/* crowd.c: several publishers of one topic, and one publisher with many subscribers. */
#include <stdlib.h>

#include "ours.h"

enum { CLAIM_SLOTS = 4096, FAN_PAYLOAD = 48, FAN_MOST = 64 };

static void open_publisher(struct contest *contest, uint32_t publishers, uint32_t slots) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher;
    options.publishers = publishers;
    options.slots = slots;
    must(spg_publisher_open(&publisher, NULL, contest->name, &options));
    contest->mine = publisher;
}

static void open_one_of_many(struct contest *contest, int role) {
    (void)role;
    open_publisher(contest, 16, CLAIM_SLOTS);
}

static void close_publisher(struct contest *contest, int role) {
    (void)role;
    must(spg_publisher_close(contest->mine));
}

static void run_publishers(struct contest *contest, int role) {
    spg_publisher *publisher = contest->mine;
    (void)role;
    for (uint64_t i = 1; i <= contest->count; i++) {
        const void *source = source_of(contest, contest->number + i);
        until_done(spg_publisher_send(publisher, source, contest->size, SPG_NOWAIT));
    }
}

#define PUBLISHERS(NAME, WRITERS)                                                                  \
    {                                                                                              \
        .name = NAME, .how = "topic for 16 publishers, nobody reads", .side = OURS,                \
        .pattern = CLAIMING, .least = 8, .most = 48, .roles = WRITERS, .open = open_one_of_many,   \
        .run = run_publishers, .close = close_publisher                                            \
    }

const struct contestant topic_two_publishers = PUBLISHERS("topic, two publishers", 2);
const struct contestant topic_four_publishers = PUBLISHERS("topic, four publishers", 4);

/* ---- many subscribers ------------------------------------------------------------------------ */

struct crowd {
    spg_subscriber *members[FAN_MOST];
};

static void open_crowd(struct contest *contest) {
    struct crowd *crowd = calloc(1, sizeof *crowd);
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    must(crowd == NULL);
    options.timeout = JOIN_TIMEOUT;
    for (size_t i = 0; i < contest->size; i++) {
        must(spg_subscriber_open(&crowd->members[i], NULL, contest->name, &options));
    }
    contest->mine = crowd;
}

static void open_fan(struct contest *contest, int role) {
    if (role == 0) open_publisher(contest, 1, 256);
    else open_crowd(contest);
}

static void close_fan(struct contest *contest, int role) {
    if (role == 0) {
        close_publisher(contest, role);
        return;
    }
    struct crowd *crowd = contest->mine;
    for (size_t i = 0; i < contest->size; i++) must(spg_subscriber_close(crowd->members[i]));
}

static void run_fan(struct contest *contest, int role) {
    for (uint64_t i = 1; role == 0 && i <= contest->count; i++) {
        contest->source[0] = contest->number + i;
        until_done(spg_publisher_send(contest->mine, contest->source, FAN_PAYLOAD, SPG_NOWAIT));
    }
}

const struct contestant topic_fan_out = {.name = "topic",
                                         .how = "48 bytes; subscribers may lose and do not look",
                                         .side = OURS,
                                         .pattern = FAN_OUT,
                                         .least = 1,
                                         .most = FAN_MOST,
                                         .open = open_fan,
                                         .run = run_fan,
                                         .close = close_fan};
