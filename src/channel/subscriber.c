/* subscriber.c: reading messages in order.
 *
 * A subscriber reads slot after slot: its own position is private, and nothing that others write
 * tells it more than the next slot's state. It writes its cursor, on a line of its own.
 *
 * Protection. A subscriber that must not lose is protected by its cursor: publishers do not claim a
 * slot, or give up a chunk, at or after it, if they looked after it joined; what is older than its
 * joining is read like this: a small message is copied, and the slot's state looked at again; a
 * chunk is held first, and then the state looked at again. Subscribers that may lose read so
 * always. A subscriber that only reads the topic's memory copies chunks too.
 *
 * So a small message is a copy of the subscriber's own, and holds up nobody. A chunk that its
 * cursor protects holds the cursor back as long as it is not released; if that becomes a quarter of
 * the ring, it is entered among the holds and the cursor goes on.
 *
 * Counting what was missed: sequences that were skipped, less those that were void. Skipping never
 * goes past a claim that is still open, because it is not yet known what becomes of it.
 *
 * A claim of a dead publisher is voided by whoever waits for it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "channel/topic.h"

enum { CLAIMS_SEEN = 64, CLAIM_LOOK_NS = 1000 * 1000, MADE_NAP_NS = 2 * 1000 * 1000 };

struct ticket {
    uint64_t sequence; /* 0: free */
    bool is_protected; /* by our cursor alone: no hold */
    void *bulk;        /* read_only: our copy of a chunk, kept for the next */
    uint64_t bulk_room;
};

struct spg_subscriber {
    struct spg__topic topic; /* first */
    struct spg_waitable waitable;
    struct spg__domain outside;         /* read_only: the domain as looked at */
    struct spg__subscriber_shared *row; /* NULL: read_only */
    uint64_t position;                  /* the sequence we read next */
    uint64_t joined;                    /* below it others may not have seen us when they looked */
    uint64_t cursor;                    /* as in our row */
    struct spg__voids voids;            /* below our position */
    uint64_t lost;                      /* since the last message received */
    uint64_t received;
    uint64_t lost_ever;
    uint32_t claims_seen; /* how often in a row our next slot was a claim */
    int64_t claim_looked; /* when it last was */
    uint32_t out;         /* tickets that are not free */
    uint32_t protected_out;
    bool must_not_lose;
    bool is_looking; /* `outside` is open */
    char *copies;    /* of small messages: one for each ticket */
    uint64_t copy_bytes;
    struct ticket *tickets; /* as many as holds */
};

/* ---- the next slot --------------------------------------------------------------------------- */

/* A claim that stays: has its publisher died? Asked now and then, since it costs a system call; at
 * once if we slept since we last saw a claim. */
static bool claim_is_dead(spg_subscriber *subscriber, uint64_t state) {
    const struct spg__topic *topic = &subscriber->topic;
    int64_t now = spg__clock_monotonic();
    bool rested = now - subscriber->claim_looked > CLAIM_LOOK_NS;
    subscriber->claim_looked = now;
    if (++subscriber->claims_seen < CLAIMS_SEEN && !rested) return false;
    subscriber->claims_seen = 0;
    /* Who may not even open the table of nodes leaves it to the others. */
    if (topic->channel.domain->number == 0) return false;
    if (spg__slot_row(state) >= topic->shape.publishers) return false;
    struct spg__publisher_shared *row = spg__topic_publisher(topic, spg__slot_row(state));
    /* pairs: topic.owner */
    return spg__topic_is_gone(topic, spg__load_acquire_64(&row->owner));
}

static bool is_ready(struct spg_waitable *waitable) {
    spg_subscriber *subscriber = (spg_subscriber *)(void *)((char *)waitable -
                                                            offsetof(struct spg_subscriber,
                                                                     waitable));
    const struct spg__slot_shared *slot = spg__topic_slot(&subscriber->topic, subscriber->position);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    if (spg__slot_sequence(state) != subscriber->position)
        return spg__slot_sequence(state) > subscriber->position;
    if (spg__slot_phase(state) != SPG__SLOT_CLAIMED) return true;
    if (!claim_is_dead(subscriber, state)) return false;
    subscriber->claims_seen = CLAIMS_SEEN; /* so that receive asks, too */
    return true;
}

static void step(spg_subscriber *subscriber) {
    subscriber->position++;
    subscriber->claims_seen = 0;
    if (subscriber->position == subscriber->voids.settles)
        spg__topic_voids_settle(&subscriber->topic, &subscriber->voids);
}

/* ---- the cursor ------------------------------------------------------------------------------ */

static uint64_t oldest_protected(const spg_subscriber *subscriber, uint32_t *index) {
    uint64_t least = subscriber->position;
    for (uint32_t i = 0; i < subscriber->topic.shape.holds; i++) {
        const struct ticket *ticket = &subscriber->tickets[i];
        if (ticket->sequence == 0 || !ticket->is_protected || ticket->sequence >= least) continue;
        least = ticket->sequence;
        *index = i;
    }
    return least;
}

/* The chunk stays ours when the cursor has gone by: it is entered before the cursor is moved. */
static void hold_oldest(spg_subscriber *subscriber, uint32_t index) {
    struct spg__published published;
    struct ticket *ticket = &subscriber->tickets[index];
    if (spg__topic_has_chunk(&subscriber->topic, ticket->sequence, &published)) {
        spg__topic_hold_protected(&subscriber->row->holds[index], ticket->sequence,
                                  published.chunk);
    }
    ticket->is_protected = false;
    subscriber->protected_out--;
}

static void move_cursor(spg_subscriber *subscriber) {
    uint64_t cursor = subscriber->position;
    if (!subscriber->row) return;
    while (subscriber->protected_out > 0) {
        uint32_t index = 0;
        cursor = oldest_protected(subscriber, &index);
        if (subscriber->position - cursor < subscriber->topic.shape.slots / 4) break;
        hold_oldest(subscriber, index);
        cursor = subscriber->position;
    }
    if (cursor == subscriber->cursor) return;
    subscriber->cursor = cursor;
    spg__store_release_64(&subscriber->row->cursor, cursor); /* pairs: topic.cursor */
    spg__alarm_sound(&subscriber->topic.room);
}

/* ---- what was missed ------------------------------------------------------------------------- */

static void count_lost(spg_subscriber *subscriber, uint64_t lost) {
    subscriber->lost += lost;
    subscriber->lost_ever += lost;
    /* relaxed: for people */
    if (subscriber->row) spg__store_relaxed_64(&subscriber->row->lost, subscriber->lost_ever);
}

/* Where to go on after being overrun: half a ring behind, but not past an open claim. `found` is
 * what lies in our slot now, so all below it less a ring has been overwritten. */
static uint64_t target_after(const spg_subscriber *subscriber, uint64_t found) {
    const struct spg__topic *topic = &subscriber->topic;
    uint64_t target = found - topic->shape.slots + 1;
    uint64_t end = spg__topic_head(topic) - topic->shape.slots / 2;
    uint64_t farthest = target + 2 * (uint64_t)topic->shape.slots; /* who knows what `next` says */
    if (end > farthest) end = farthest;
    for (; target < end; target++) {
        /* pairs: topic.slot */
        uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, target)->state);
        if (spg__slot_sequence(state) == target && spg__slot_phase(state) == SPG__SLOT_CLAIMED)
            break;
    }
    return target;
}

static int skip(spg_subscriber *subscriber, uint64_t found) {
    if (found < subscriber->position + subscriber->topic.shape.slots) return SPG_ECORRUPT;
    if (subscriber->must_not_lose) return SPG_ECORRUPT;
    spg__topic_voids_settle(&subscriber->topic, &subscriber->voids);
    uint64_t target = target_after(subscriber, found);
    uint64_t voids = spg__topic_voids_below(&subscriber->topic, target);
    uint64_t skipped = target - subscriber->position;
    uint64_t voided = voids - subscriber->voids.below;
    count_lost(subscriber, voided < skipped ? skipped - voided : 0);
    subscriber->voids.below = voids;
    subscriber->position = target;
    subscriber->claims_seen = 0;
    return 0;
}

/* ---- reading a message ----------------------------------------------------------------------- */

enum { AGAIN = 1 }; /* the slot changed while it was read */

static bool still(const struct spg__slot_shared *slot, uint64_t state) {
    /* relaxed: the acquiring reads of the message come before it */
    return spg__load_relaxed_64(&slot->state) == state;
}

static int read_small(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                      uint64_t state, uint64_t meta, uint32_t index, spg_message *message) {
    char *copy = subscriber->copies + index * subscriber->copy_bytes;
    uint64_t size = meta >> 2 & 0x3fff;
    if (size > subscriber->topic.shape.inline_max) {
        return still(slot, state) ? SPG_ECORRUPT : AGAIN;
    }
    spg__acquire_from_shared(copy, slot->body, (size + 7) / 8 * 8); /* pairs: topic.body */
    if (!still(slot, state)) return AGAIN;
    message->data = copy;
    message->size = (size_t)size;
    return 0;
}

static int copy_chunk(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                      uint64_t state, uint32_t chunk, uint64_t size, struct ticket *ticket) {
    if (ticket->bulk_room < size + 8) {
        void *bulk = aligned_alloc(64, (size_t)(size / 64 + 2) * 64);
        if (!bulk) return SPG_ENOMEM;
        free(ticket->bulk);
        ticket->bulk = bulk;
        ticket->bulk_room = size + 8;
    }
    const void *from = spg__arena_address(&subscriber->topic.arena, chunk);
    spg__acquire_from_shared(ticket->bulk, from, (size_t)(size + 7) / 8 * 8);
    return still(slot, state) ? 0 : AGAIN;
}

/* Makes the chunk safe to read. */
static int secure_chunk(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                        uint64_t state, uint32_t chunk, uint64_t size, uint32_t index,
                        spg_message *message) {
    struct ticket *ticket = &subscriber->tickets[index];
    message->data = spg__arena_address(&subscriber->topic.arena, chunk);
    if (!subscriber->row) {
        int result = copy_chunk(subscriber, slot, state, chunk, size, ticket);
        message->data = ticket->bulk;
        return result;
    }
    if (subscriber->must_not_lose && subscriber->position >= subscriber->joined) {
        ticket->is_protected = true;
        return 0;
    }
    spg__word64 *hold = &subscriber->row->holds[index];
    return spg__topic_hold(&subscriber->topic, hold, subscriber->position, chunk) ? 0 : AGAIN;
}

static int read_chunk(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                      uint64_t state, uint32_t index, spg_message *message) {
    const struct spg__arena *arena = &subscriber->topic.arena;
    uint64_t size = spg__load_acquire_64(&slot->body[0]);  /* pairs: topic.body */
    uint64_t chunk = spg__load_acquire_64(&slot->body[1]); /* pairs: topic.body */
    bool fits = chunk < arena->shape.units && size <= spg__arena_room(arena, (uint32_t)chunk);
    if (!fits) return still(slot, state) ? SPG_ECORRUPT : AGAIN;
    message->size = (size_t)size;
    return secure_chunk(subscriber, slot, state, (uint32_t)chunk, size, index, message);
}

static int64_t read_time(const spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                         uint64_t meta) {
    uint32_t last = (subscriber->topic.shape.slot_size - SPG__SLOT_HEAD) / 8 - 1;
    if (!(meta & SPG__SLOT_HAS_TIME)) return 0;
    return (int64_t)spg__load_acquire_64(&slot->body[last]); /* pairs: topic.body */
}

static int read_slot(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                     uint64_t state, uint32_t index, spg_message *message) {
    uint64_t meta = spg__load_acquire_64(&slot->meta); /* pairs: topic.body */
    message->publisher = meta >> 16;
    message->time = read_time(subscriber, slot, meta);
    if (meta & SPG__SLOT_HAS_CHUNK) return read_chunk(subscriber, slot, state, index, message);
    return read_small(subscriber, slot, state, meta, index, message);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void take_ticket(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    struct ticket *ticket = &subscriber->tickets[index];
    ticket->sequence = subscriber->position;
    subscriber->out++;
    if (ticket->is_protected) subscriber->protected_out++;
    message->sequence = subscriber->position - subscriber->topic.shape.first + 1;
    message->lost = subscriber->lost;
    message->ticket = index;
    subscriber->lost = 0;
    step(subscriber);
    if (!subscriber->row) return;
    /* relaxed: for people */
    spg__store_relaxed_64(&subscriber->row->received, ++subscriber->received);
    move_cursor(subscriber);
}

/* The slot has our sequence and is no claim. */
static int take_slot(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                     uint64_t state, uint32_t index, spg_message *message) {
    switch (spg__slot_phase(state)) {
    case SPG__SLOT_VOID:
        subscriber->voids.below++;
        step(subscriber);
        return AGAIN;
    case SPG__SLOT_DROPPED:
        /* What was gone when we joined was never ours to lose. */
        if (subscriber->position >= subscriber->joined) count_lost(subscriber, 1);
        step(subscriber);
        return AGAIN;
    default: return read_slot(subscriber, slot, state, index, message);
    }
}

/* Who only reads cannot void it; but nothing else than void can become of it. */
static int pass_dead_claim(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                           uint64_t state) {
    if (!still(slot, state)) return AGAIN;
    subscriber->voids.below++;
    step(subscriber);
    return AGAIN;
}

static int look(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    const struct spg__slot_shared *slot = spg__topic_slot(&subscriber->topic, subscriber->position);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    uint64_t sequence = spg__slot_sequence(state);
    if (sequence < subscriber->position) return SPG_EAGAIN;
    if (sequence > subscriber->position) {
        int result = skip(subscriber, sequence);
        return result < 0 ? result : AGAIN;
    }
    if (spg__slot_phase(state) != SPG__SLOT_CLAIMED)
        return take_slot(subscriber, slot, state, index, message);
    if (!claim_is_dead(subscriber, state)) return SPG_EAGAIN;
    if (!subscriber->row) return pass_dead_claim(subscriber, slot, state);
    return spg__topic_recover_unlocked(&subscriber->topic) > 0 ? AGAIN : SPG_EAGAIN;
}

static int try_receive(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    int result;
    do {
        result = look(subscriber, index, message);
    } while (result == AGAIN);
    if (result == 0) take_ticket(subscriber, index, message);
    return result;
}

static int free_ticket(const spg_subscriber *subscriber, uint32_t *index) {
    for (uint32_t i = 0; i < subscriber->topic.shape.holds; i++) {
        if (subscriber->tickets[i].sequence != 0) continue;
        *index = i;
        return 0;
    }
    return SPG_EFULL;
}

static int receive_waiting(spg_subscriber *subscriber, uint32_t index, spg_message *message,
                           int64_t timeout) {
    int64_t deadline = timeout > 0 ? spg__deadline(spg__clock_monotonic(), timeout) : 0;
    for (;;) {
        int64_t left = timeout > 0 ? deadline - spg__clock_monotonic() : timeout;
        if (timeout > 0 && left <= 0) return SPG_ETIMEDOUT;
        int waited = spg__waitable_wait(&subscriber->waitable, left);
        int result = try_receive(subscriber, index, message);
        if (result != SPG_EAGAIN) return result;
        if (waited < 0) return waited;
    }
}

int spg_subscriber_receive(spg_subscriber *subscriber, spg_message *message, int64_t timeout) {
    uint32_t index;
    if (!spg__channel_is_own(&subscriber->topic.channel)) return SPG_EFORKED;
    if (!message || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    int result = free_ticket(subscriber, &index);
    if (result < 0) return result;
    result = try_receive(subscriber, index, message);
    if (result != SPG_EAGAIN) return result;
    if (timeout != 0) return receive_waiting(subscriber, index, message, timeout);
    if (!spg__waitable_arm(&subscriber->waitable)) return SPG_EAGAIN;
    return try_receive(subscriber, index, message);
}

/* What is released out of order is free for publishers at once: older messages that the cursor
 * protects become holds, so that it can go on. */
static void hold_older(spg_subscriber *subscriber, uint64_t sequence) {
    uint32_t index = 0;
    while (subscriber->protected_out > 0 && oldest_protected(subscriber, &index) < sequence)
        hold_oldest(subscriber, index);
}

static void let_go(spg_subscriber *subscriber, uint32_t index) {
    struct ticket *ticket = &subscriber->tickets[index];
    uint64_t sequence = ticket->sequence;
    ticket->sequence = 0;
    subscriber->out--;
    if (ticket->is_protected) {
        ticket->is_protected = false;
        subscriber->protected_out--;
        hold_older(subscriber, sequence);
        move_cursor(subscriber);
        return;
    }
    if (!subscriber->row) return;
    spg__word64 *hold = &subscriber->row->holds[index];
    if (spg__load_relaxed_64(hold) == 0) return; /* relaxed: our own row */
    spg__topic_release_hold(&subscriber->topic, hold);
    spg__alarm_sound(&subscriber->topic.room);
}

int spg_subscriber_release(spg_subscriber *subscriber, const spg_message *message) {
    if (!spg__channel_is_own(&subscriber->topic.channel)) return SPG_EFORKED;
    if (!message || message->ticket >= subscriber->topic.shape.holds) return SPG_EINVAL;
    uint32_t index = (uint32_t)message->ticket;
    uint64_t sequence = subscriber->tickets[index].sequence;
    if (sequence == 0 || sequence - subscriber->topic.shape.first + 1 != message->sequence)
        return SPG_EINVAL;
    let_go(subscriber, index);
    return 0;
}

/* ---- joining --------------------------------------------------------------------------------- */

static uint64_t begin_at(const struct spg__topic *topic, uint32_t history) {
    uint64_t head = spg__topic_head(topic);
    uint64_t there = head - topic->shape.first;
    if (there > topic->shape.slots) there = topic->shape.slots;
    return head - (history < there ? history : there);
}

/* How far publishers may go without looking at the gates again: what lies a ring below is not
 * safe. */
static uint64_t first_safe(const struct spg__topic *topic) {
    uint64_t limit = 0;
    for (uint32_t i = 0; i < topic->shape.publishers; i++) {
        struct spg__publisher_shared *row = spg__topic_publisher(topic, i);
        if (spg__load_seq_cst_64(&row->owner) == 0) continue; /* pairs: topic.owner */
        uint64_t one = spg__load_seq_cst_64(&row->limit);     /* pairs: topic.limit */
        if (one > limit) limit = one;
    }
    return limit > topic->shape.slots ? limit - topic->shape.slots : 0;
}

static void close_gate(spg_subscriber *subscriber, uint32_t index) {
    struct spg__topic *topic = &subscriber->topic;
    spg__word64 *gates = &topic->shared->gates[index / 64];
    uint64_t bits = spg__load_relaxed_64(gates); /* relaxed: changed under the domain's lock */
    /* pairs: topic.gates */
    spg__store_seq_cst_64(gates, bits | UINT64_C(1) << index % 64);
    uint64_t safe = first_safe(topic);
    if (safe > subscriber->position) subscriber->position = safe;
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

/* Nothing is locked: what is linked is whole. */
static int look_once(spg_subscriber *subscriber, const spg_subscriber_options *options) {
    struct spg__topic *topic = &subscriber->topic;
    int result = spg__channel_attach(&topic->channel, SPG__FILE_READ);
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
    if (result == 0)
        result = spg__domain_open(&subscriber->outside, options->domain, 0, SPG__DOMAIN_LOOK);
    if (result == SPG_EPERM)
        result = spg__domain_open(&subscriber->outside, options->domain, 0, SPG__DOMAIN_PLAIN);
    if (result < 0) return result;
    subscriber->is_looking = true;
    channel->kind = &spg__kind_of_topic;
    channel->domain = &subscriber->outside;
    channel->incarnation = spg__incarnation();
    return 0;
}

static int prepare(spg_subscriber *subscriber) {
    const struct spg__topic *topic = &subscriber->topic;
    subscriber->copy_bytes = ((uint64_t)topic->shape.inline_max + 63) / 64 * 64;
    subscriber->copies = calloc(topic->shape.holds, (size_t)subscriber->copy_bytes);
    subscriber->tickets = calloc(topic->shape.holds, sizeof *subscriber->tickets);
    spg__waitable_init(&subscriber->waitable, subscriber->row ? &topic->news : NULL, is_ready);
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
    return &subscriber->waitable;
}

int spg_subscriber_fd(spg_subscriber *subscriber) {
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
