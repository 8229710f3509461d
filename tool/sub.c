/* sub.c: what is published, on the standard output. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <samepage/samepage.h>

#include "channel.h"
#include "commands.h"
#include "json.h"
#include "output.h"
#include "own.h"
#include "print.h"
#include "stop.h"

enum { TELL_NS = 1000 * 1000 * 1000 };

struct subscription {
    const char *name;
    spg_subscriber *subscriber;
    spg_subscriber_options options;
    bool raw, json, ends;
    uint32_t count; /* 0: no end */
    int64_t timeout;
    uint64_t lost, lost_told;
    int64_t told; /* when */
};

/* What was missed, at most once a second. */
static void tell_lost(struct subscription *subscription, bool last) {
    uint64_t lost = subscription->lost - subscription->lost_told;
    if (lost == 0) return;
    int64_t now = now_nanoseconds();
    if (!last && subscription->told && now - subscription->told < TELL_NS) return;
    char text[SHORT_TEXT];
    subscription->lost_told = subscription->lost;
    subscription->told = now;
    remark("topic:%s: missed %s, too slow; --must-not-lose makes the publishers wait",
           subscription->name, count_text(text, lost, "message"));
}

static void print_json(const spg_message *message) {
    json_open(NULL, '{');
    json_number("sequence", message->sequence);
    json_id("publisher", message->publisher);
    if (message->time) {
        int64_t age = now_nanoseconds() - message->time;
        json_number("time", (uint64_t)message->time);
        json_number("age_ns", age > 0 ? (uint64_t)age : 0);
    }
    json_number("lost", message->lost);
    json_number("size", message->size);
    json_payload(message->data, message->size);
    json_close('}');
}

/* What is long is written past stdio, straight from where it was published. */
static int print_message(const struct subscription *subscription, const spg_message *message) {
    if (subscription->json) {
        print_json(message);
    } else if (subscription->raw && message->size >= BUFSIZ) {
        int status = output_flush();
        return status == EXIT_OK ? output_bytes(message->data, message->size) : status;
    } else {
        output_message(message->data, message->size, subscription->raw);
    }
    return ferror(stdout) ? output_flush() : EXIT_OK;
}

static bool is_nothing(int result) {
    return result == SPG_EAGAIN || result == SPG_ETIMEDOUT;
}

/* Nobody publishes any more, and all that was published is read. */
static int at_the_end(const struct subscription *subscription, spg_message *message) {
    if (!subscription->ends ||
        channel_living("topic", subscription->name, SPG_ROLE_PUBLISHER) > 0) {
        return 1;
    }
    return spg_subscriber_receive(subscription->subscriber, message, SPG_NOWAIT);
}

/* The next message. SPG_ETIMEDOUT: there is none in time, SPG_ECLOSED: nor will there be. */
static int receive(const struct subscription *subscription, spg_message *message, int *status) {
    struct patience patience = {subscription->timeout, 0};
    int result = spg_subscriber_receive(subscription->subscriber, message, SPG_NOWAIT);
    if (!is_nothing(result)) return result;
    *status = output_flush();
    do {
        int64_t slice = patience_slice(&patience);
        if (*status != EXIT_OK || stop_signal() || output_is_closed()) return SPG_ECLOSED;
        result = spg_subscriber_receive(subscription->subscriber, message, slice);
        if (!is_nothing(result)) return result;
        int end = at_the_end(subscription, message);
        if (end <= 0) return is_nothing(end) ? SPG_ECLOSED : end;
    } while (patience_goes_on(&patience, result));
    return result;
}

static int receive_all(struct subscription *subscription) {
    spg_message message;
    int status = EXIT_OK;
    for (uint32_t count = 0; subscription->count == 0 || count < subscription->count; count++) {
        int result = receive(subscription, &message, &status);
        if (result == SPG_ECLOSED || stop_signal()) return status;
        if (is_nothing(result))
            return complain("topic:%s: nothing came in time", subscription->name);
        if (result < 0) return complain_about(subscription->name, result);
        subscription->lost += message.lost;
        if (message.lost) tell_lost(subscription, false);
        status = print_message(subscription, &message);
        spg_subscriber_release(subscription->subscriber, &message);
        if (status != EXIT_OK || stop_signal()) return status;
    }
    return status;
}

static int open_it(struct subscription *subscription, spg_node *node) {
    struct patience patience = {subscription->timeout, 0};
    int result;
    do {
        subscription->options.timeout = patience_slice(&patience);
        result = spg_subscriber_open(&subscription->subscriber, node, subscription->name,
                                     &subscription->options);
        if (result == SPG_ENOENT && stop_signal()) return result;
    } while (result == SPG_ENOENT && patience_goes_on(&patience, SPG_ETIMEDOUT));
    return result;
}

static int subscribe(const struct arguments *arguments, struct subscription *subscription) {
    spg_node *node = NULL;
    stop_listen();
    output_begin();
    if (subscription->json) json_on_one_line();
    int64_t timeout = subscription->timeout;
    int status = subscription->options.read_only ? EXIT_OK : own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = open_it(subscription, node);
    if (result == SPG_ENOENT && stop_signal()) return EXIT_OK;
    if (result == SPG_ENOENT) {
        return complain("there is no topic %s; --wait forever waits until it is made",
                        subscription->name);
    }
    if (result < 0) return complain_of(result);
    subscription->timeout = timeout == SPG_NOWAIT ? SPG_FOREVER : timeout;
    status = receive_all(subscription);
    if (status == EXIT_OK) status = output_flush();
    spg_subscriber_close(subscription->subscriber);
    tell_lost(subscription, true);
    return status;
}

static bool take_history(const struct arguments *arguments, uint32_t *history) {
    const char *text = option_value(arguments, "history");
    if (text && strcmp(text, "all") == 0) {
        *history = SPG_ALL_HISTORY;
        return true;
    }
    return take_number(arguments, "history", 0, UINT32_MAX - 1, history);
}

static int run(const struct arguments *arguments) {
    struct subscription subscription = {.options = SPG_SUBSCRIBER_OPTIONS, .timeout = SPG_NOWAIT};
    spg_subscriber_options *options = &subscription.options;
    subscription.name = channel_operand(arguments);
    subscription.raw = option_given(arguments, "raw");
    subscription.json = option_given(arguments, "json");
    subscription.ends = option_given(arguments, "until-end");
    options->policy = option_given(arguments, "must-not-lose") ? SPG_MUST_NOT_LOSE : SPG_MAY_LOSE;
    options->read_only = option_given(arguments, "read-only");
    options->type = option_value(arguments, "type");
    if (!take_history(arguments, &options->history) ||
        !take_number(arguments, "count", 1, UINT32_MAX, &subscription.count) ||
        !take_duration(arguments, "wait", &subscription.timeout)) {
        return EXIT_WRONG_USE;
    }
    if (options->policy == SPG_MUST_NOT_LOSE && options->read_only) {
        return wrong_use("sub: nobody waits for a reader that may only read; leave out one of "
                         "--must-not-lose and --read-only");
    }
    if (subscription.raw && subscription.json) {
        return wrong_use("sub: --json is not raw; leave out one of --raw and --json");
    }
    return subscribe(arguments, &subscription);
}

static const struct option options[] = {
    {"must-not-lose", 'm', NULL, "publishers wait for us, instead of our missing messages"},
    {"history", 0, "N", "begin with the last N messages, as far as they are kept, or all (0)"},
    {"count", 'n', "N", "end after N messages"},
    {"until-end", 'e', NULL, "end when nobody publishes any more and all is read"},
    {"wait", 'w', "TIME", "for the topic to be made, and for each message, at most"},
    {"raw", 0, NULL, "the bytes of the messages alone, without line ends"},
    {"json", 0, NULL, "one object a line: sequence, publisher, lost, text or base64"},
    {"read-only", 0, NULL, "write nothing to the topic; it may be another user's"},
    {"type", 0, "NAME", "name of what is expected; another type is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command sub_command = {
    .name = "sub",
    .operands = "TOPIC",
    .channel = "topic",
    .summary = "write what is published to the standard output",
    .about = "Each message is a line, until it is interrupted or the output is closed. How\n"
             "many messages it missed is told on stderr. Without --wait the topic must be\n"
             "there, and messages are waited for without end.",
    .examples = "  samepage sub load\n"
                "  samepage sub backup --wait forever --must-not-lose --raw --until-end | tar x",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
