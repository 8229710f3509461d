/* subscriber_open.c: how a subscriber comes and goes.
 *
 * Joining, under the domain's lock: the row's cursor, its owner, its gate; then a look at how far
 * publishers may go without looking at the gates again. What they may overwrite is not begun with.
 * Whoever looks on without a row locks nothing: what is linked is whole.
 *
 * Death: before the owner is stored, a free row; after, one that is gone, which the next to come
 * recovers. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "channel/subscriber.h"

enum { MADE_NAP_NS = 2 * 1000 * 1000 };

/* ---- joining --------------------------------------------------------------------------------- */

static uint64_t begin_at(const struct spg__topic *topic, uint32_t history) {
    uint64_t head = spg__topic_head(topic);
    uint64_t there = head - topic->shape.first;
    if (there > topic->shape.slots) there = topic->shape.slots;
    return head - (history < there ? history : there);
}

/* How far publishers may go without looking at the gates again: what lies a ring below may be
 * overwritten, and what they are about to drop may be dropped. What comes after is safe. */
static uint64_t first_safe(const struct spg__topic *topic) {
    uint64_t limit = topic->shape.slots, drops = 0;
    for (uint32_t i = 0; i < topic->shape.publishers; i++) {
        struct spg__publisher_shared *row = spg__topic_publisher(topic, i);
        if (spg__load_seq_cst_64(&row->owner) == 0) continue; /* pairs: topic.owner */
        uint64_t one = spg__load_seq_cst_64(&row->limit);     /* pairs: topic.limit */
        if (one > limit) limit = one;
        one = spg__load_seq_cst_64(&row->drops); /* pairs: topic.drops */
        if (one > drops) drops = one;
    }
    return limit - topic->shape.slots > drops ? limit - topic->shape.slots : drops;
}

/* After the last one from `position` on that was dropped: who must not lose has no gap. */
static uint64_t after_drops(const struct spg__topic *topic, uint64_t position) {
    uint64_t head = spg__topic_head(topic);
    uint64_t bound = head - position > topic->shape.slots ? position + topic->shape.slots : head;
    for (uint64_t sequence = bound; sequence > position; sequence--) {
        /* pairs: topic.slot */
        uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, sequence - 1)->state);
        if (spg__slot_sequence(state) == sequence - 1 &&
            spg__slot_phase(state) == SPG__SLOT_DROPPED)
            return sequence;
    }
    return position;
}

static void close_gate(spg_subscriber *subscriber, uint32_t index) {
    struct spg__topic *topic = &subscriber->topic;
    spg__word64 *gates = &topic->shared->gates[index / 64];
    uint64_t bits = spg__load_relaxed_64(gates); /* relaxed: changed under the domain's lock */
    /* pairs: topic.gates */
    spg__store_seq_cst_64(gates, bits | UINT64_C(1) << index % 64);
    uint64_t safe = first_safe(topic);
    if (safe > subscriber->position) subscriber->position = safe;
    subscriber->position = after_drops(topic, subscriber->position);
}

static void begin(spg_subscriber *subscriber, uint32_t index, uint32_t history) {
    struct spg__topic *topic = &subscriber->topic;
    struct spg__subscriber_shared *row = subscriber->row;
    uint64_t owner = topic->channel.node->number << SPG__TOPIC_ROW_SHIFT;
    subscriber->position = begin_at(topic, history);
    spg__store_seq_cst_64(&row->cursor, subscriber->position); /* pairs: topic.cursor */
    spg__store_seq_cst_64(&row->owner, owner);                 /* pairs: topic.owner, topic.gates */
    if (subscriber->must_not_lose) close_gate(subscriber, index);
    subscriber->joined = spg__topic_head(topic);
    subscriber->cursor = subscriber->position;
    spg__store_seq_cst_64(&row->cursor, subscriber->position); /* pairs: topic.cursor */
    spg__topic_voids_begin(topic, &subscriber->voids, subscriber->position);
}

/* Under the domain's lock. */
static int take_row(spg_subscriber *subscriber, const spg_subscriber_options *options) {
    struct spg__topic *topic = &subscriber->topic;
    for (uint32_t i = 0; i < topic->shape.subscribers; i++) {
        struct spg__subscriber_shared *row = spg__topic_subscriber(topic, i);
        if (spg__load_acquire_64(&row->owner) != 0) continue; /* pairs: topic.owner */
        /* relaxed: for people */
        spg__store_relaxed_64(&row->policy, options->policy);
        spg__store_relaxed_64(&row->received, 0);                            /* relaxed: so */
        spg__store_relaxed_64(&row->lost, 0);                                /* relaxed: so */
        spg__store_relaxed_64(&row->since, (uint64_t)spg__clock_realtime()); /* relaxed: so */
        spg__store_relaxed_64(&row->asleep, 0);                              /* relaxed: so */
        spg__store_relaxed_64(&row->holding, 0);                             /* relaxed: so */
        subscriber->row = row;
        begin(subscriber, i, options->history);
        return 0;
    }
    return spg__fail(SPG_EFULL, "%.300s has %u subscribers already", topic->channel.file_name,
                     topic->shape.subscribers);
}

static int open_locked(spg_subscriber *subscriber, const spg_subscriber_options *options) {
    struct spg__topic *topic = &subscriber->topic;
    int result = spg__topic_attach(topic, NULL);
    if (result == 0) result = spg__topic_check_type(topic, options->type, options->type_size);
    if (result < 0) return result;
    spg__topic_recover(topic);
    return take_row(subscriber, options);
}

static int open_once(spg_subscriber *subscriber, const spg_subscriber_options *options) {
    struct spg__domain_lock lock;
    int result = spg__domain_lock(subscriber->topic.channel.domain, &lock);
    if (result < 0) return result;
    result = open_locked(subscriber, options);
    spg__domain_unlock(&lock);
    return result;
}

/* The domain may be yet to be made, like the topic. */
static int look_at_domain(spg_subscriber *subscriber, const char *path) {
    struct spg__domain *outside = &subscriber->outside;
    if (subscriber->is_looking) return 0;
    int result = spg__domain_open(outside, path, 0, SPG__DOMAIN_LOOK);
    if (result == SPG_EPERM) result = spg__domain_open(outside, path, 0, SPG__DOMAIN_PLAIN);
    subscriber->is_looking = result == 0;
    return result;
}

/* Nothing is locked: what is linked is whole. */
static int look_once(spg_subscriber *subscriber, const spg_subscriber_options *options) {
    struct spg__topic *topic = &subscriber->topic;
    int result = look_at_domain(subscriber, options->domain);
    if (result == 0) result = spg__channel_attach(&topic->channel, SPG__FILE_READ);
    if (result == 0) result = spg__topic_settle(topic);
    if (result == 0) result = spg__topic_check_type(topic, options->type, options->type_size);
    if (result < 0) return result;
    subscriber->position = begin_at(topic, options->history);
    subscriber->joined = spg__topic_head(topic);
    spg__topic_voids_begin(topic, &subscriber->voids, subscriber->position);
    return 0;
}

static int join(spg_subscriber *subscriber, const spg_subscriber_options *options) {
    struct spg__wait wait = spg__wait_begin(options->timeout);
    for (;;) {
        int result = options->read_only ? look_once(subscriber, options)
                                        : open_once(subscriber, options);
        if (result != SPG_ENOENT || options->timeout == 0) return result;
        int64_t left = spg__wait_left(&wait);
        if (left == 0) return result;
        spg__nap(left < 0 || left > MADE_NAP_NS ? MADE_NAP_NS : left);
    }
}

static int find(spg_subscriber *subscriber, spg_node *node, const char *name,
                const spg_subscriber_options *options) {
    struct spg__channel *channel = &subscriber->topic.channel;
    if (!options->read_only) return spg__channel_begin(channel, node, name, &spg__kind_of_topic);
    int result = spg__channel_file_name(channel->file_name, name, &spg__kind_of_topic);
    if (result == 0) result = spg__self_incarnate();
    if (result < 0) return result;
    channel->kind = &spg__kind_of_topic;
    channel->domain = &subscriber->outside;
    channel->incarnation = spg__incarnation();
    return 0;
}

static int prepare(spg_subscriber *subscriber) {
    const struct spg__topic *topic = &subscriber->topic;
    subscriber->few_end = subscriber->row ? spg__topic_few_end(&topic->shape) : 0;
    subscriber->copy_bytes = ((uint64_t)topic->shape.inline_max + 63) / 64 * 64;
    subscriber->copies = calloc(topic->shape.holds, (size_t)subscriber->copy_bytes);
    subscriber->tickets = calloc(topic->shape.holds, sizeof *subscriber->tickets);
    spg__waitable_init(&subscriber->waitable, subscriber->row ? &topic->news : NULL,
                       spg__subscriber_is_ready);
    if (subscriber->row) subscriber->waitable.asleep = &subscriber->row->asleep;
    subscriber->waitable.is_quiet = spg__subscriber_is_quiet;
    if (subscriber->copies && subscriber->tickets) return 0;
    return spg__fail(SPG_ENOMEM, "no memory for messages that are held");
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void discard(spg_subscriber *subscriber) {
    uint32_t tickets = subscriber->tickets ? subscriber->topic.shape.holds : 0;
    for (uint32_t i = 0; i < tickets; i++) free(subscriber->tickets[i].bulk);
    free(subscriber->tickets);
    free(subscriber->copies);
    spg__topic_detach(&subscriber->topic);
    if (subscriber->is_looking) spg__domain_close(&subscriber->outside);
    free(subscriber);
}

int spg_subscriber_open(spg_subscriber **out, spg_node *node, const char *name,
                        const spg_subscriber_options *given) {
    spg_subscriber_options options;
    if (!out) return spg__fail(SPG_EINVAL, "spg_subscriber_open: out is NULL");
    int result = spg__topic_read_reader_options(&options, given, node);
    if (result < 0) return result;
    spg_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber) return spg__fail(SPG_ENOMEM, "no memory for a subscriber's handle");
    subscriber->must_not_lose = options.policy == SPG_MUST_NOT_LOSE;
    result = find(subscriber, node, name, &options);
    if (result == 0) result = join(subscriber, &options);
    if (result == 0) {
        result = prepare(subscriber);
        if (result < 0 && subscriber->row)
            spg__topic_leave(&subscriber->topic, &subscriber->row->owner);
    }
    if (result < 0) {
        discard(subscriber);
        return result;
    }
    spg__channel_enlist(&subscriber->topic.channel);
    *out = subscriber;
    return 0;
}

spg_waitable *spg_subscriber_waitable(spg_subscriber *subscriber) {
    return subscriber ? &subscriber->waitable : NULL;
}

int spg_subscriber_fd(spg_subscriber *subscriber) {
    if (!subscriber) return SPG_EINVAL;
    if (!spg__channel_is_own(&subscriber->topic.channel)) return SPG_EFORKED;
    return spg_waitable_fd(&subscriber->waitable);
}

const char *spg_subscriber_type(const spg_subscriber *subscriber, uint32_t *type_size) {
    if (type_size) *type_size = subscriber->topic.shape.type_size;
    return subscriber->topic.type;
}

const char *spg_subscriber_schema(const spg_subscriber *subscriber) {
    return subscriber->topic.schema ? subscriber->topic.schema : "";
}

int spg_subscriber_close(spg_subscriber *subscriber) {
    if (!subscriber) return 0;
    if (!spg__channel_delist(&subscriber->topic.channel, &spg__kind_of_topic))
        return spg__fail(SPG_EINVAL,
                         "spg_subscriber_close: not an open subscriber (closed twice?)");
    spg__waitable_close(&subscriber->waitable);
    if (spg__channel_is_own(&subscriber->topic.channel) && subscriber->row) {
        spg__topic_leave(&subscriber->topic, &subscriber->row->owner);
    }
    discard(subscriber);
    return 0;
}
