/* pub.c: publishes what the standard input brings: each line, or each piece of a size. */
#include <inttypes.h>
#include <string.h>

#include <samepage/samepage.h>

#include "channel.h"
#include "commands.h"
#include "input.h"
#include "own.h"
#include "print.h"
#include "stop.h"

enum {
    COPIED_MOST = 64 << 10, /* larger ones are read in place */
    LOOK_NS = 20 * 1000 * 1000
};

struct publishing {
    const char *name;
    spg_publisher *publisher;
    spg_topic_options options;
    uint64_t frame; /* 0: lines */
    int64_t timeout;
    uint32_t readers; /* to wait for before the first message */
    bool drop;
    uint64_t sent, dropped;
};

static int fail(const struct publishing *publishing, size_t size, int result) {
    char text[SHORT_TEXT];
    if (stop_signal()) return EXIT_OK;
    if (result == SPG_ETOOBIG) {
        return complain("topic:%s: a message of %s is more than its budget; make the topic with "
                        "more: --budget SIZE",
                        publishing->name, size_text(text, size));
    }
    if (result == SPG_ETIMEDOUT || result == SPG_EAGAIN) {
        return complain("topic:%s: no room in time, a subscriber that must not lose is behind; "
                        "samepage stat topic:%s shows which",
                        publishing->name, publishing->name);
    }
    return complain_about(publishing->name, result);
}

static int send_copy(struct publishing *publishing, const char *bytes, size_t size) {
    struct patience patience = {publishing->drop ? SPG_NOWAIT : publishing->timeout, 0};
    int result;
    do {
        result = spg_publisher_send(publishing->publisher, bytes, size, patience_slice(&patience));
    } while (patience_goes_on(&patience, result));
    if (result == SPG_EAGAIN && publishing->drop) {
        publishing->dropped++;
        return EXIT_OK;
    }
    publishing->sent += result == 0;
    return result == 0 ? EXIT_OK : fail(publishing, size, result);
}

static int send_copies(struct publishing *publishing) {
    struct input input = {NULL, 0, 0, 0};
    const char *bytes;
    size_t size;
    int status = EXIT_OK, more;
    while (status == EXIT_OK &&
           (more = input_next(&input, publishing->frame, &bytes, &size)) != 0) {
        status = more < 0 ? EXIT_FAILED : send_copy(publishing, bytes, size);
    }
    input_free(&input);
    return status;
}

static int publish_loan(struct publishing *publishing, void *room, size_t size) {
    struct patience patience = {publishing->timeout, 0};
    int result;
    do {
        result = spg_publisher_publish(publishing->publisher, room, size,
                                       patience_slice(&patience));
    } while (patience_goes_on(&patience, result));
    publishing->sent += result == 0;
    return result == 0 ? EXIT_OK : fail(publishing, size, result);
}

/* Reads each piece to where it is published. */
static int send_in_place(struct publishing *publishing) {
    for (;;) {
        struct patience patience = {publishing->timeout, 0};
        size_t size;
        void *room;
        int result;
        do {
            result = spg_publisher_loan(publishing->publisher, publishing->frame, &room,
                                        patience_slice(&patience));
        } while (patience_goes_on(&patience, result));
        if (result < 0) return fail(publishing, publishing->frame, result);
        int more = input_piece(room, publishing->frame, &size);
        if (more <= 0) return more < 0 ? EXIT_FAILED : EXIT_OK;
        int status = publish_loan(publishing, room, size);
        if (status != EXIT_OK) return status;
    }
}

/* As many subscribers live as were asked for. */
static int await_readers(const struct publishing *publishing) {
    struct patience patience = {publishing->timeout, 0};
    for (;;) {
        uint32_t living = channel_living("topic", publishing->name, SPG_ROLE_SUBSCRIBER);
        if (living >= publishing->readers) return EXIT_OK;
        int64_t slice = patience_slice(&patience);
        if (stop_signal()) return EXIT_FAILED;
        if (slice == SPG_NOWAIT) {
            return complain("topic:%s: %" PRIu32 " of %" PRIu32 " subscribers came in time",
                            publishing->name, living, publishing->readers);
        }
        nap(slice < LOOK_NS ? slice : LOOK_NS);
    }
}

static int publish(const struct arguments *arguments, struct publishing *publishing) {
    spg_node *node;
    stop_listen();
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_publisher_open(&publishing->publisher, node, publishing->name,
                                    &publishing->options);
    if (result < 0) return complain_of(result);
    status = await_readers(publishing);
    bool in_place = publishing->frame > COPIED_MOST && !publishing->drop;
    if (status == EXIT_OK) {
        status = in_place ? send_in_place(publishing) : send_copies(publishing);
    }
    spg_publisher_close(publishing->publisher);
    if (publishing->dropped) {
        remark("topic:%s: dropped %" PRIu64 " of %" PRIu64 " messages, for which there was no room",
               publishing->name, publishing->dropped, publishing->dropped + publishing->sent);
    }
    return status;
}

static int run(const struct arguments *arguments) {
    struct publishing publishing = {.options = SPG_TOPIC_OPTIONS, .timeout = SPG_FOREVER};
    spg_topic_options *options = &publishing.options;
    publishing.name = channel_operand(arguments);
    publishing.drop = option_given(arguments, "drop");
    options->keep = option_given(arguments, "keep");
    options->timed = option_given(arguments, "timed");
    options->type = option_value(arguments, "type");
    options->budget = 0;
    if (!take_size(arguments, "frame", &publishing.frame) ||
        !take_size(arguments, "budget", &options->budget) ||
        !take_number(arguments, "slots", 4, SPG_TOPIC_SLOTS_MAX, &options->slots) ||
        !take_number(arguments, "slot-size", 64, SPG_TOPIC_SLOT_MAX, &options->slot_size) ||
        !take_number(arguments, "history", 0, SPG_TOPIC_SLOTS_MAX, &options->history) ||
        !take_number(arguments, "readers", 0, SPG_TOPIC_SUBSCRIBERS_MAX, &publishing.readers) ||
        !take_duration(arguments, "wait", &publishing.timeout)) {
        return EXIT_WRONG_USE;
    }
    if (option_given(arguments, "frame") && publishing.frame == 0) {
        return wrong_use("pub: --frame 0 is no message; say its bytes, such as 64K");
    }
    if (publishing.drop && option_given(arguments, "wait") && publishing.readers == 0) {
        return wrong_use("pub: --drop does not wait; leave out one of --drop and --wait");
    }
    if (!option_given(arguments, "budget")) {
        options->budget = budget_for_frames(publishing.frame);
    }
    return publish(arguments, &publishing);
}

static const struct option options[] = {
    {"frame", 'f', "SIZE", "a message is SIZE bytes of the input (the last one less), not a line"},
    {"readers", 'r', "N", "begin when N subscribers are there"},
    {"wait", 'w', "TIME", "for readers, and for room for a message, at most (forever)"},
    {"drop", 0, NULL, "what finds no room is dropped, and counted, instead of waiting"},
    {"history", 0, "N", "if it makes the topic: messages kept for late joiners (1)"},
    {"keep", 0, NULL, "if it makes the topic: it stays when nobody uses it"},
    {"timed", 0, NULL, "if it makes the topic: messages carry their time"},
    {"budget", 0, "SIZE", "if it makes the topic: memory for messages (8 frames, at least 1M)"},
    {"slots", 0, "N", "if it makes the topic: messages on the way at most (256)"},
    {"slot-size", 0, "SIZE", "if it makes the topic: bytes of a slot, 64 to 4096 (64)"},
    {"type", 0, "NAME", "name of what is published; another's topic is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command pub_command = {
    .name = "pub",
    .operands = "TOPIC",
    .channel = "topic",
    .summary = "publish the standard input, line by line",
    .about = "Each line, without its end, is a message. A subscriber that must not lose makes\n"
             "it wait; others miss what they are too slow for. At the end of the input it\n"
             "leaves: what is on the way stays for the subscribers that are there.",
    .examples = "  vmstat 1 | samepage pub load\n"
                "  tar c DIR | samepage pub backup --frame 64K --readers 2",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
