/* publisher.c: putting messages in order.
 *
 * Order: a publisher claims the next sequence by one compare-and-swap of its slot's state, which
 * carries sequence and row. It starts from the hint `next` and goes on while it finds claims, so
 * claims have no gaps: whoever claims a sequence has seen all before it claimed. It notes the
 * sequence in its row first; so if it dies, whoever recovers the row knows the claim.
 *
 * Commit: one release store of the slot's state. Before it the message is invisible, after it all
 * subscribers see it. A single declared publisher has nobody to claim against, so its claim is a
 * plain store; the mark is still made, for readers that may be overrun.
 *
 * Room: a sequence may be claimed if it is below the publisher's limit, that is, if no subscriber
 * that must not lose may still read what lies in its slot. The limit is cached; only when it runs
 * out are the gates looked at. It is raised in steps of a quarter of the ring: it is published in
 * the publisher's row before the gates are looked at, so that who joins meanwhile either is seen,
 * or sees how far the publisher may go, and begins after it.
 *
 * Memory: if the arena has nothing free, messages are given up, the oldest first: those that every
 * subscriber has read, but for the topic's history; then those that only subscribers that may lose
 * have not read. What a subscriber that must not lose has not read is never given up; then there is
 * nothing but to wait. A large chunk is first looked for among those read last, because they are
 * still in the cache. Below which message this may happen is published in the row before the gates
 * are looked at, as the limit is: who joins meanwhile and must not lose begins after it.
 *
 *   tag            release                   acquire                   without it
 *   topic.slot     commit, claim             readers, next claimer     bytes from before the commit
 *   topic.body     each word of a message    readers                   torn messages pass unseen
 *   topic.limit    a publisher's limit       who joins                 overwritten under a reader
 *   topic.drops    what publishers may drop who joins                a gap for who must not lose
 *   topic.next     who has claimed           who joins                 history begins too early */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "channel/topic.h"

enum { NO_CHUNK = UINT32_MAX, HOT_BYTES = 256 * 1024, HOT_TRIES = 4 };

/* How often who finds no room asks the kernel whether somebody died. */
static const int64_t LOOK_NS = 10 * 1000 * 1000;

struct loan {
    char *data; /* NULL: free */
    uint64_t room;
    uint32_t chunk; /* or NO_CHUNK: `data` is a private place */
};

struct spg_publisher {
    struct spg__topic topic; /* first */
    struct spg__publisher_shared *row;
    uint32_t row_index;
    uint64_t limit;         /* as in our row */
    uint64_t retired_below; /* below it no slot has a chunk that is not free or held */
    uint64_t reclaim_from;  /* below it there is no memory to be had */
    uint64_t published;
    int64_t looked; /* when we last asked whether somebody died */
    char *places;   /* for small messages in the making: one for each loan */
    struct loan loans[SPG_TOPIC_LOANS_MAX];
};

/* ---- claiming -------------------------------------------------------------------------------- */

uint64_t spg__topic_head(const struct spg__topic *topic) {
    uint64_t next = spg__load_seq_cst_64(&topic->shared->next); /* pairs: topic.next */
    for (;;) {
        /* pairs: topic.slot */
        uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, next)->state);
        uint64_t sequence = spg__slot_sequence(state);
        if (sequence < next) return next;
        next = sequence + 1;
    }
}

static bool extend_limit(spg_publisher *publisher, uint64_t next) {
    const struct spg__topic *topic = &publisher->topic;
    uint64_t limit = next + topic->shape.slots / 4;
    spg__store_seq_cst_64(&publisher->row->limit, limit); /* pairs: topic.limit */
    uint64_t bound = spg__topic_gate(topic, next, false) + topic->shape.slots;
    if (bound < next) bound = next; /* claimed is claimed: who joins must see it */
    if (limit > bound) limit = bound;
    spg__store_seq_cst_64(&publisher->row->limit, limit); /* pairs: topic.limit */
    publisher->limit = limit;
    return next < limit;
}

static bool is_open_claim(const struct spg__topic *topic, uint64_t sequence) {
    /* pairs: topic.slot */
    uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, sequence)->state);
    return spg__slot_sequence(state) == sequence && spg__slot_phase(state) == SPG__SLOT_CLAIMED;
}

/* The slots that we shall need next lose their chunks, several at a time: each time costs a look at
 * all holds. */
static void retire_before_claim(spg_publisher *publisher, uint64_t old) {
    struct spg__published batch[SPG__RETIRE_BATCH];
    uint32_t count = 0;
    uint64_t end = old + SPG__RETIRE_BATCH;
    uint64_t bound = publisher->limit - publisher->topic.shape.slots;
    if (end > bound) end = bound;
    uint64_t sequence = old;
    for (; sequence < end && !is_open_claim(&publisher->topic, sequence); sequence++) {
        if (spg__topic_has_chunk(&publisher->topic, sequence, &batch[count])) count++;
    }
    spg__topic_retire(&publisher->topic, batch, count);
    publisher->retired_below = sequence;
}

/* Somebody has claimed `next` already: helps the hint along. */
static void help(const struct spg__topic *topic, uint64_t next, uint64_t claimed) {
    spg__cas_acq_rel_64(&topic->shared->next, &next, claimed + 1); /* pairs: topic.next */
}

/* Is the slot free to be claimed for `next`? 0, or why not. */
static int slot_is_free(spg_publisher *publisher, uint64_t next, uint64_t state) {
    uint64_t old = next - publisher->topic.shape.slots;
    struct spg__published published;
    if (spg__slot_sequence(state) != old) return SPG_ECORRUPT;
    if (spg__slot_phase(state) == SPG__SLOT_CLAIMED) return SPG_EAGAIN;
    if (old >= publisher->retired_below &&
        spg__topic_has_chunk(&publisher->topic, old, &published)) {
        retire_before_claim(publisher, old);
    }
    return 0;
}

static bool enter_claim(spg_publisher *publisher, struct spg__slot_shared *slot, uint64_t state,
                        uint64_t next) {
    const struct spg__topic *topic = &publisher->topic;
    uint64_t claimed = spg__slot_state(next, SPG__SLOT_CLAIMED, publisher->row_index);
    spg__store_release_64(&publisher->row->claim, next); /* pairs: topic.claim */
    if (topic->shape.publishers == 1) {
        spg__store_release_64(&slot->state, claimed); /* pairs: topic.slot */
        return true;
    }
    while (!spg__cas_acq_rel_64(&slot->state, &state, claimed)) { /* pairs: topic.slot */
        /* Dropped by another in between: that is all that can happen to it besides a claim. */
        if (spg__slot_sequence(state) != next - topic->shape.slots) return false;
    }
    help(topic, next, next);
    return true;
}

/* 0 and the claimed sequence; SPG_EAGAIN: no room; SPG_EFULL, SPG_ECORRUPT. */
static int try_claim(spg_publisher *publisher, uint64_t *sequence) {
    const struct spg__topic *topic = &publisher->topic;
    for (;;) {
        uint64_t next = spg__load_acquire_64(&topic->shared->next); /* pairs: topic.next */
        if (next >= SPG__SEQUENCE_END - 1) return SPG_EFULL;
        struct spg__slot_shared *slot = spg__topic_slot(topic, next);
        uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
        if (spg__slot_sequence(state) >= next) {
            help(topic, next, spg__slot_sequence(state));
            continue;
        }
        if (next >= publisher->limit && !extend_limit(publisher, next)) return SPG_EAGAIN;
        int result = slot_is_free(publisher, next, state);
        if (result < 0) return result;
        /* relaxed: the claim is a compare-and-swap of just this value */
        state = spg__load_relaxed_64(&slot->state);
        if (spg__slot_sequence(state) >= next || !enter_claim(publisher, slot, state, next))
            continue;
        *sequence = next;
        return 0;
    }
}

/* ---- waiting for room ------------------------------------------------------------------------ */

struct room_wait {
    struct spg__wait wait;
    uint32_t turn;
    bool announced;
};

static bool recovers(spg_publisher *publisher) {
    int64_t now = spg__clock_monotonic();
    if (now - publisher->looked < LOOK_NS) return false;
    publisher->looked = now;
    return spg__topic_has_gone(&publisher->topic) &&
           spg__topic_recover_unlocked(&publisher->topic) > 0;
}

/* There is no room: 0 to look again, or why not. */
static int await_room(spg_publisher *publisher, struct room_wait *room) {
    if (spg__wait_spins(&room->wait)) return 0;
    if (!room->announced && recovers(publisher)) return 0;
    if (!room->announced && room->wait.timeout != 0) {
        room->turn = spg__turn_announce(publisher->topic.room.turn);
        spg__barrier_everywhere(); /* pairs: alarm.sleeper */
        room->announced = true;
        return 0;
    }
    room->announced = false;
    return spg__wait_slice(&room->wait, publisher->topic.room.turn, room->turn);
}

static struct room_wait begin_wait(spg_publisher *publisher, int64_t timeout) {
    struct room_wait room = {.wait = spg__wait_begin(timeout)};
    room.wait.asleep = &publisher->row->asleep;
    return room;
}

static int claim(spg_publisher *publisher, uint64_t *sequence, int64_t timeout) {
    int result = try_claim(publisher, sequence);
    if (result != SPG_EAGAIN) return result;
    struct room_wait room = begin_wait(publisher, timeout);
    while (result == SPG_EAGAIN) {
        int over = await_room(publisher, &room);
        result = try_claim(publisher, sequence);
        if (over < 0 && result == SPG_EAGAIN) return over;
    }
    return result;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static uint64_t oldest(const struct spg__topic *topic, uint64_t next) {
    uint64_t slots = topic->shape.slots;
    return next - slots > topic->shape.first ? next - slots : topic->shape.first;
}

/* The newest message that everybody has read, beyond the history. */
static uint64_t read_by_all(const struct spg__topic *topic, uint64_t next) {
    uint64_t bound = spg__topic_gate(topic, next, true);
    uint64_t history = topic->shape.history;
    if (history > next - topic->shape.first) return topic->shape.first;
    return bound < next - history ? bound : next - history;
}

/* Announces what may be dropped, before and after the gates are looked at. */
static uint64_t begin_to_drop(spg_publisher *publisher, uint64_t next, bool everybody) {
    const struct spg__topic *topic = &publisher->topic;
    spg__store_seq_cst_64(&publisher->row->drops, next); /* pairs: topic.drops */
    uint64_t bound = everybody ? read_by_all(topic, next) : spg__topic_gate(topic, next, false);
    spg__store_seq_cst_64(&publisher->row->drops, bound); /* pairs: topic.drops */
    return bound;
}

static void end_to_drop(spg_publisher *publisher) {
    spg__store_seq_cst_64(&publisher->row->drops, 0); /* pairs: topic.drops */
}

static bool find_hot(const struct spg__topic *topic, uint64_t next, uint64_t bound, uint64_t size,
                     uint32_t *chunk) {
    for (uint64_t i = 1; i <= HOT_TRIES && bound - i >= oldest(topic, next); i++) {
        struct spg__published published;
        if (!spg__topic_has_chunk(topic, bound - i, &published)) continue;
        if (!spg__topic_recycle(topic, &published, size)) continue;
        *chunk = published.chunk;
        return true;
    }
    return false;
}

static bool take_hot(spg_publisher *publisher, uint64_t size, uint32_t *chunk) {
    uint64_t next = spg__topic_head(&publisher->topic);
    uint64_t bound = begin_to_drop(publisher, next, true);
    bool found = find_hot(&publisher->topic, next, bound, size, chunk);
    end_to_drop(publisher);
    return found;
}

/* Gives up messages below `bound`, the oldest first, until so many bytes may be free. False: there
 * is none. A claim that is still open ends the search: what comes after it may be needed first. */
static bool give_up(spg_publisher *publisher, uint64_t bound, uint64_t next, uint64_t size) {
    const struct spg__topic *topic = &publisher->topic;
    struct spg__published batch[SPG__RETIRE_BATCH];
    uint64_t wanted = spg__arena_bytes(&topic->shape.arena) / 32, found = 0;
    uint32_t count = 0;
    uint64_t sequence = publisher->reclaim_from;
    if (wanted < size) wanted = size;
    if (sequence < oldest(topic, next)) sequence = oldest(topic, next);
    for (; sequence < bound && count < SPG__RETIRE_BATCH && found < wanted; sequence++) {
        if (is_open_claim(topic, sequence)) break;
        if (!spg__topic_has_chunk(topic, sequence, &batch[count])) continue;
        found += spg__arena_room(&topic->arena, batch[count].chunk);
        count++;
    }
    publisher->reclaim_from = sequence;
    if (count == 0) return false;
    spg__topic_retire(topic, batch, count);
    return true;
}

static int try_chunk(spg_publisher *publisher, uint64_t size, uint32_t *chunk) {
    const struct spg__topic *topic = &publisher->topic;
    if (size >= HOT_BYTES && take_hot(publisher, size, chunk)) return 0;
    int result = spg__arena_loan(&topic->arena, size, chunk);
    for (int everybody = 1; everybody >= 0 && result == SPG_EAGAIN; everybody--) {
        uint64_t next = spg__topic_head(topic);
        uint64_t bound = begin_to_drop(publisher, next, everybody);
        while (result == SPG_EAGAIN && give_up(publisher, bound, next, size)) {
            result = spg__arena_loan(&topic->arena, size, chunk);
        }
        end_to_drop(publisher);
    }
    /* Who cannot get the guard gives nothing up for it. */
    return result == SPG_ETIMEDOUT ? SPG_EAGAIN : result;
}

static int find_chunk(spg_publisher *publisher, uint64_t size, uint32_t *chunk, int64_t timeout) {
    int result = try_chunk(publisher, size, chunk);
    if (result != SPG_EAGAIN) return result;
    struct room_wait room = begin_wait(publisher, timeout);
    while (result == SPG_EAGAIN) {
        int over = await_room(publisher, &room);
        result = try_chunk(publisher, size, chunk);
        if (over < 0 && result == SPG_EAGAIN) return over;
    }
    return result;
}

/* ---- loans ----------------------------------------------------------------------------------- */

static uint64_t place_bytes(const struct spg__topic *topic) {
    return ((uint64_t)topic->shape.inline_max + 63) / 64 * 64;
}

static struct loan *find_loan(spg_publisher *publisher, const void *data) {
    for (int i = 0; i < SPG_TOPIC_LOANS_MAX; i++) {
        if (publisher->loans[i].data == data) return &publisher->loans[i];
    }
    return NULL;
}

static int lend(spg_publisher *publisher, struct loan *loan, uint64_t size, int64_t timeout) {
    const struct spg__topic *topic = &publisher->topic;
    if (size <= topic->shape.inline_max) {
        loan->data = publisher->places + (loan - publisher->loans) * (ptrdiff_t)place_bytes(topic);
        loan->room = topic->shape.inline_max;
        loan->chunk = NO_CHUNK;
        return 0;
    }
    int result = find_chunk(publisher, size, &loan->chunk, timeout);
    if (result < 0) return result;
    loan->data = spg__arena_address(&topic->arena, loan->chunk);
    loan->room = spg__arena_room(&topic->arena, loan->chunk);
    return 0;
}

static int check(const spg_publisher *publisher, int64_t timeout) {
    if (!spg__channel_is_own(&publisher->topic.channel)) return SPG_EFORKED;
    return spg__timeout_is_valid(timeout) ? 0 : SPG_EINVAL;
}

int spg_publisher_loan(spg_publisher *publisher, size_t size, void **data, int64_t timeout) {
    int result = check(publisher, timeout);
    if (result < 0) return result;
    if (!data) return SPG_EINVAL;
    struct loan *loan = find_loan(publisher, NULL);
    if (!loan) return SPG_EFULL;
    result = lend(publisher, loan, size, timeout);
    if (result == 0) *data = loan->data;
    return result;
}

static void give_back(spg_publisher *publisher, struct loan *loan) {
    loan->data = NULL;
    if (loan->chunk == NO_CHUNK) return;
    spg__arena_return(&publisher->topic.arena, loan->chunk);
    spg__alarm_sound(&publisher->topic.room);
}

int spg_publisher_discard(spg_publisher *publisher, void *data) {
    int result = check(publisher, 0);
    if (result < 0) return result;
    struct loan *loan = data ? find_loan(publisher, data) : NULL;
    if (!loan) return SPG_EINVAL;
    give_back(publisher, loan);
    return 0;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static void write_time(const struct spg__topic *topic, struct spg__slot_shared *slot) {
    uint32_t last = (topic->shape.slot_size - SPG__SLOT_HEAD) / 8 - 1;
    /* pairs: topic.body */
    spg__store_release_64(&slot->body[last], (uint64_t)spg__clock_monotonic());
}

/* What a place holds beyond `size` is not the caller's, and goes along up to the word's end. */
static void write_inline(struct spg__slot_shared *slot, const char *data, size_t size) {
    spg__publish_to_shared(slot->body, data, (size + 7) / 8 * 8); /* pairs: topic.body */
}

static void write_chunk(const struct spg__topic *topic, struct spg__slot_shared *slot,
                        uint64_t sequence, uint32_t chunk, size_t size) {
    spg__arena_give(&topic->arena, chunk, sequence & SPG__CHUNK_TAG_MASK);
    spg__store_release_64(&slot->body[0], size);  /* pairs: topic.body */
    spg__store_release_64(&slot->body[1], chunk); /* pairs: topic.body */
}

static void commit(spg_publisher *publisher, uint64_t sequence, const struct loan *loan,
                   size_t size) {
    const struct spg__topic *topic = &publisher->topic;
    struct spg__slot_shared *slot = spg__topic_slot(topic, sequence);
    bool chunked = loan->chunk != NO_CHUNK;
    uint64_t meta = topic->channel.node->number << 16;
    if (chunked) write_chunk(topic, slot, sequence, loan->chunk, size);
    else write_inline(slot, loan->data, size);
    meta |= chunked ? SPG__SLOT_HAS_CHUNK : (uint64_t)size << 2;
    if (topic->shape.flags & SPG__TOPIC_TIMED) {
        write_time(topic, slot);
        meta |= SPG__SLOT_HAS_TIME;
    }
    spg__store_release_64(&slot->meta, meta); /* pairs: topic.body */
    /* pairs: topic.slot */
    spg__store_release_64(&slot->state,
                          spg__slot_state(sequence, SPG__SLOT_COMMITTED, publisher->row_index));
    /* After the commit, so that the stores to the slot's line are in one piece. */
    if (topic->shape.publishers == 1)
        spg__store_release_64(&topic->shared->next, sequence + 1); /* pairs: topic.next */
    spg__alarm_sound(&topic->news);
    spg__alarm_sound(&topic->room); /* one who came round the ring may wait for this claim */
    if (chunked) spg__arena_settle(&topic->arena, loan->chunk);
    /* relaxed: for people */
    spg__store_relaxed_64(&publisher->row->published, ++publisher->published);
}

static int publish(spg_publisher *publisher, struct loan *loan, size_t size, int64_t timeout) {
    uint64_t sequence;
    int result = claim(publisher, &sequence, timeout);
    if (result < 0) return result;
    commit(publisher, sequence, loan, size);
    loan->data = NULL;
    return 0;
}

int spg_publisher_publish(spg_publisher *publisher, void *data, size_t size, int64_t timeout) {
    int result = check(publisher, timeout);
    if (result < 0) return result;
    struct loan *loan = data ? find_loan(publisher, data) : NULL;
    if (!loan || size > loan->room) return SPG_EINVAL;
    return publish(publisher, loan, size, timeout);
}

static int64_t left_of(int64_t deadline, int64_t timeout) {
    if (timeout <= 0) return timeout;
    int64_t left = deadline - spg__clock_monotonic();
    return left > 0 ? left : 0;
}

int spg_publisher_send(spg_publisher *publisher, const void *data, size_t size, int64_t timeout) {
    int result = check(publisher, timeout);
    if (result < 0) return result;
    if (!data && size) return SPG_EINVAL;
    struct loan *loan = find_loan(publisher, NULL);
    if (!loan) return SPG_EFULL;
    bool large = size > publisher->topic.shape.inline_max;
    int64_t deadline = large && timeout > 0 ? spg__deadline(spg__clock_monotonic(), timeout) : 0;
    result = lend(publisher, loan, size, timeout);
    if (result < 0) return result;
    if (size) memcpy(loan->data, data, size);
    result = publish(publisher, loan, size, large ? left_of(deadline, timeout) : timeout);
    if (result < 0) give_back(publisher, loan);
    return result == SPG_EAGAIN && timeout != 0 ? SPG_ETIMEDOUT : result;
}

/* ---- coming and going ------------------------------------------------------------------------ */

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
    size_t bytes = SPG_TOPIC_LOANS_MAX * (size_t)place_bytes(&publisher->topic);
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
