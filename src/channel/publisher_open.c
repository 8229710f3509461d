/* publisher_open.c: coming to a topic as a publisher, and going.
 *
 * Death: before the owner is stored, a free row; after, one that is gone, which the next to come
 * takes back. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "channel/publisher.h"

/* Under the domain's lock. `owner` is stored last: before it the row is free. */
static int take_row(spg_publisher *publisher) {
    struct spg__topic *topic = &publisher->topic;
    for (uint32_t i = 0; i < topic->shape.publishers; i++) {
        struct spg__publisher_shared *row = spg__topic_publisher(topic, i);
        if (spg__load_acquire_64(&row->owner) != 0) continue; /* pairs: topic.owner */
        spg__store_release_64(&row->claim, 0);                /* pairs: topic.claim */
        spg__store_seq_cst_64(&row->limit, 0);                /* pairs: topic.limit */
        spg__store_seq_cst_64(&row->drops, 0);                /* pairs: topic.drops */
        spg__store_relaxed_64(&row->published, 0);            /* relaxed: for people */
        spg__store_relaxed_64(&row->asleep, 0);               /* relaxed: for people */
        /* relaxed: for people */
        spg__store_relaxed_64(&row->since, (uint64_t)spg__clock_realtime());
        uint64_t owner = topic->channel.node->number << SPG__TOPIC_ROW_SHIFT;
        spg__store_seq_cst_64(&row->owner, owner); /* pairs: topic.owner */
        publisher->row = row;
        publisher->row_index = i;
        publisher->author = topic->channel.node->number << 16;
        topic->arena.row = i;
        topic->arena.loans = row->loans;
        topic->arena.loan_count = SPG__TOPIC_LOANS;
        return 0;
    }
    return spg__fail(SPG_EFULL, "%.300s has %u publishers already", topic->channel.file_name,
                     topic->shape.publishers);
}

static int open_locked(spg_publisher *publisher, const spg_topic_options *options) {
    struct spg__topic *topic = &publisher->topic;
    int result = spg__topic_attach(topic, options);
    if (result == 0) result = spg__topic_check_type(topic, options->type, options->type_size);
    if (result < 0) return result;
    spg__topic_recover(topic);
    return take_row(publisher);
}

static int prepare(spg_publisher *publisher) {
    const struct spg__topic_shape *shape = &publisher->topic.shape;
    size_t bytes = SPG_TOPIC_LOANS_MAX * (size_t)spg__place_bytes(&publisher->topic);
    publisher->few_end = shape->flags & SPG__TOPIC_TIMED ? 0 : spg__topic_few_end(shape);
    publisher->places = aligned_alloc(64, bytes);
    if (publisher->places) {
        memset(publisher->places, 0, bytes);
        return 0;
    }
    return spg__fail(SPG_ENOMEM, "no memory for messages in the making");
}

static int open_publisher(spg_publisher *publisher, spg_node *node, const char *name,
                          const spg_topic_options *options) {
    struct spg__domain_lock lock;
    struct spg__topic *topic = &publisher->topic;
    int result = spg__channel_begin(&topic->channel, node, name, &spg__kind_of_topic);
    if (result < 0) return result;
    result = spg__domain_lock(topic->channel.domain, &lock);
    if (result < 0) return result;
    result = open_locked(publisher, options);
    spg__domain_unlock(&lock);
    if (result < 0) return result;
    result = prepare(publisher);
    if (result < 0) spg__topic_leave(topic, &publisher->row->owner);
    return result;
}

int spg_publisher_open(spg_publisher **out, spg_node *node, const char *name,
                       const spg_topic_options *given) {
    spg_topic_options options;
    if (!out) return spg__fail(SPG_EINVAL, "spg_publisher_open: out is NULL");
    int result = spg__topic_read_options(&options, given);
    if (result < 0) return result;
    spg_publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher) return spg__fail(SPG_ENOMEM, "no memory for a publisher's handle");
    result = open_publisher(publisher, node, name, &options);
    if (result < 0) {
        spg__topic_detach(&publisher->topic);
        free(publisher->places);
        free(publisher);
        return result;
    }
    spg__channel_enlist(&publisher->topic.channel);
    *out = publisher;
    return 0;
}

int spg_publisher_close(spg_publisher *publisher) {
    if (!publisher) return 0;
    if (!spg__channel_delist(&publisher->topic.channel, &spg__kind_of_topic))
        return spg__fail(SPG_EINVAL, "spg_publisher_close: not an open publisher (closed twice?)");
    if (spg__channel_is_own(&publisher->topic.channel)) {
        spg__topic_leave(&publisher->topic, &publisher->row->owner);
    }
    spg__topic_detach(&publisher->topic);
    free(publisher->places);
    free(publisher);
    return 0;
}
