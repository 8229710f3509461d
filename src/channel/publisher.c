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
#include "channel/publisher.h"

/* From which size on a chunk that was just read is looked for first. The explorer's is small. */
#ifndef SPG__HOT_BYTES
#define SPG__HOT_BYTES (256 * 1024)
#endif
enum { HOT_TRIES = 4 };

/* How often who finds no room asks the kernel whether somebody died. */
static const int64_t LOOK_NS = 10 * 1000 * 1000;

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

/* All up to `claimed` are claimed. A slower one may set the hint back: it is as true then, and the
 * next one looks at a few slots more. */
static void help(const struct spg__topic *topic, uint64_t claimed) {
    spg__store_release_64(&topic->shared->next, claimed + 1); /* pairs: topic.next */
}

/* The usual case: there is room, and the slot needs nothing but to be claimed. */
static inline bool is_ready(const spg_publisher *publisher, const struct spg__slot_shared *slot,
                            uint64_t state, uint64_t next) {
    uint64_t old = next - publisher->topic.shape.slots;
    uint64_t committed = spg__slot_state(old, SPG__SLOT_COMMITTED, 0);
    if (next >= publisher->limit || (state ^ committed) >= SPG__ROWS_END) return false;
    /* relaxed: who committed it released it before */
    uint64_t meta = spg__load_relaxed_64(&slot->meta);
    return !(meta & SPG__SLOT_HAS_CHUNK) || old < publisher->retired_below;
}

enum { READY = 0, LOOK_AGAIN = 1 };

/* Makes the slot ready for `next`: READY, LOOK_AGAIN (it is claimed already), or why not. */
static int make_ready(spg_publisher *publisher, uint64_t state, uint64_t next) {
    const struct spg__topic *topic = &publisher->topic;
    struct spg__published published;
    uint64_t old = next - topic->shape.slots;
    if (next >= SPG__SEQUENCE_END - 1) return SPG_EFULL;
    if (spg__slot_sequence(state) >= next) {
        help(topic, spg__slot_sequence(state));
        return LOOK_AGAIN;
    }
    if (next >= publisher->limit && !extend_limit(publisher, next)) return SPG_EAGAIN;
    if (spg__slot_sequence(state) != old) return SPG_ECORRUPT;
    if (spg__slot_phase(state) == SPG__SLOT_CLAIMED) return SPG_EAGAIN;
    if (old >= publisher->retired_below && spg__topic_has_chunk(topic, old, &published))
        retire_before_claim(publisher, old);
    return READY;
}

static inline bool enter_claim(spg_publisher *publisher, struct spg__slot_shared *slot,
                               uint64_t state, uint64_t next) {
    const struct spg__topic *topic = &publisher->topic;
    uint64_t claimed = spg__slot_state(next, SPG__SLOT_CLAIMED, publisher->row_index);
    spg__store_release_64(&publisher->row->claim, next); /* pairs: topic.claim */
    if (topic->shape.publishers == 1) {
        spg__store_release_ahead_64(&slot->state, claimed); /* pairs: topic.slot */
        return true;
    }
    while (!spg__cas_ahead_64(&slot->state, &state, claimed)) { /* pairs: topic.slot */
        /* Dropped by another in between: that is all that can happen to it besides a claim. */
        if (spg__slot_sequence(state) != next - topic->shape.slots) return false;
    }
    help(topic, next);
    return true;
}

/* The usual case, in a few instructions: the slot. NULL: not so; try_claim tells. */
SPG__MERGED struct spg__slot_shared *claim_at_once(spg_publisher *publisher, uint64_t *sequence) {
    const struct spg__topic *topic = &publisher->topic;
    uint64_t next = spg__load_acquire_64(&topic->shared->next); /* pairs: topic.next */
    struct spg__slot_shared *slot = spg__topic_slot(topic, next);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    *sequence = next;
    bool is_ours = is_ready(publisher, slot, state, next) &&
                   enter_claim(publisher, slot, state, next);
    return is_ours ? slot : NULL;
}

/* 0 and the claimed sequence; SPG_EAGAIN: no room; SPG_EFULL, SPG_ECORRUPT. */
static int try_claim(spg_publisher *publisher, uint64_t *sequence) {
    const struct spg__topic *topic = &publisher->topic;
    for (;;) {
        uint64_t next = spg__load_acquire_64(&topic->shared->next); /* pairs: topic.next */
        struct spg__slot_shared *slot = spg__topic_slot(topic, next);
        uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
        if (!is_ready(publisher, slot, state, next)) {
            int result = make_ready(publisher, state, next);
            if (result < 0) return result;
            if (result == LOOK_AGAIN) continue;
            /* relaxed: the claim is a compare-and-swap of just this value */
            state = spg__load_relaxed_64(&slot->state);
            if (spg__slot_sequence(state) >= next) continue;
        }
        if (!enter_claim(publisher, slot, state, next)) continue;
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

/* Gives up messages below `bound`, the oldest first, until so many bytes may be free: not one by
 * one, since each time costs a look at all subscribers, but few of those that somebody may still
 * want. False: there is none. A claim that is still open ends the search: what comes after it may
 * be needed first. */
static bool give_up(spg_publisher *publisher, uint64_t bound, uint64_t next, uint64_t size,
                    bool read_by_all) {
    const struct spg__topic *topic = &publisher->topic;
    struct spg__published batch[SPG__RETIRE_BATCH];
    uint64_t wanted = spg__arena_bytes(&topic->shape.arena) / (read_by_all ? 4 : 32), found = 0;
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
    if (size >= SPG__HOT_BYTES && take_hot(publisher, size, chunk)) return 0;
    int result = spg__arena_loan(&topic->arena, size, chunk);
    for (int everybody = 1; everybody >= 0 && result == SPG_EAGAIN; everybody--) {
        uint64_t next = spg__topic_head(topic);
        uint64_t bound = begin_to_drop(publisher, next, everybody);
        while (result == SPG_EAGAIN && give_up(publisher, bound, next, size, everybody)) {
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

static struct spg__loan *find_loan(spg_publisher *publisher, const void *data) {
    for (int i = 0; i < SPG_TOPIC_LOANS_MAX; i++) {
        if (publisher->loans[i].data == data) return &publisher->loans[i];
    }
    return NULL;
}

static int lend(spg_publisher *publisher, struct spg__loan *loan, uint64_t size, int64_t timeout) {
    const struct spg__topic *topic = &publisher->topic;
    if (size <= topic->shape.inline_max) {
        loan->data = publisher->places +
                     (loan - publisher->loans) * (ptrdiff_t)spg__place_bytes(topic);
        loan->room = topic->shape.inline_max;
        loan->chunk = SPG__NO_CHUNK;
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
    struct spg__loan *loan = find_loan(publisher, NULL);
    if (!loan) return SPG_EFULL;
    result = lend(publisher, loan, size, timeout);
    if (result == 0) *data = loan->data;
    return result;
}

static void give_back(spg_publisher *publisher, struct spg__loan *loan) {
    loan->data = NULL;
    if (loan->chunk == SPG__NO_CHUNK) return;
    spg__arena_return(&publisher->topic.arena, loan->chunk);
    spg__alarm_sound(&publisher->topic.room);
}

int spg_publisher_discard(spg_publisher *publisher, void *data) {
    int result = check(publisher, 0);
    if (result < 0) return result;
    struct spg__loan *loan = data ? find_loan(publisher, data) : NULL;
    if (!loan) return SPG_EINVAL;
    give_back(publisher, loan);
    return 0;
}

/* ---- publishing ------------------------------------------------------------------------------ */

SPG__APART static void write_time(const struct spg__topic *topic, struct spg__slot_shared *slot) {
    uint32_t last = (topic->shape.slot_size - SPG__SLOT_HEAD) / 8 - 1;
    /* pairs: topic.body */
    spg__store_release_64(&slot->body[last], (uint64_t)spg__clock_monotonic());
}

static inline void write_small(struct spg__slot_shared *slot, const char *data, size_t size) {
    if (size > SPG__FEW_BYTES) spg__bulk_to_shared(slot->body, data, size);
    else spg__few_to_shared(slot->body, data, size); /* pairs: topic.body */
}

static void write_chunk(const struct spg__topic *topic, struct spg__slot_shared *slot,
                        uint64_t sequence, uint32_t chunk, size_t size) {
    spg__arena_give(&topic->arena, chunk, sequence & SPG__CHUNK_TAG_MASK);
    spg__store_release_64(&slot->body[0], size);  /* pairs: topic.body */
    spg__store_release_64(&slot->body[1], chunk); /* pairs: topic.body */
}

/* The message is whole. Who sleeps has been woken, so that he looks after the commit. */
static inline void commit(spg_publisher *publisher, struct spg__slot_shared *slot,
                          uint64_t sequence, uint64_t meta) {
    const struct spg__topic *topic = &publisher->topic;
    spg__store_release_64(&slot->meta, meta | publisher->author); /* pairs: topic.body */
    /* pairs: topic.slot */
    spg__store_release_64(&slot->state,
                          spg__slot_state(sequence, SPG__SLOT_COMMITTED, publisher->row_index));
    /* After the commit, so that the stores to the slot's line are in one piece. */
    if (topic->shape.publishers == 1)
        spg__store_release_64(&topic->shared->next, sequence + 1); /* pairs: topic.next */
    uint64_t published = publisher->published + 1;
    publisher->published = published;
    spg__store_relaxed_64(&publisher->row->published, published); /* relaxed: for people */
}

static inline void finish(spg_publisher *publisher, struct spg__slot_shared *slot,
                          uint64_t sequence, uint64_t meta) {
    const struct spg__topic *topic = &publisher->topic;
    if (topic->shape.flags & SPG__TOPIC_TIMED) {
        write_time(topic, slot);
        meta |= SPG__SLOT_HAS_TIME;
    }
    spg__alarm_sound(&topic->news); /* and after: alarm.c */
    commit(publisher, slot, sequence, meta);
}

/* After one commit or several, and before anything that waits. For room, too: one who came round
 * the ring may wait for these claims. */
static inline void tell_all(const struct spg__topic *topic) {
    spg__alarm_sound_both(&topic->news, &topic->room);
}

static int publish_small(spg_publisher *publisher, const char *data, size_t size,
                         int64_t timeout) {
    uint64_t sequence;
    int result = claim(publisher, &sequence, timeout);
    if (result < 0) return result;
    struct spg__slot_shared *slot = spg__topic_slot(&publisher->topic, sequence);
    write_small(slot, data, size);
    finish(publisher, slot, sequence, (uint64_t)size << 2);
    tell_all(&publisher->topic);
    return 0;
}

static int publish_chunk(spg_publisher *publisher, uint32_t chunk, size_t size, int64_t timeout) {
    const struct spg__topic *topic = &publisher->topic;
    uint64_t sequence;
    int result = claim(publisher, &sequence, timeout);
    if (result < 0) return result;
    struct spg__slot_shared *slot = spg__topic_slot(topic, sequence);
    write_chunk(topic, slot, sequence, chunk, size);
    finish(publisher, slot, sequence, SPG__SLOT_HAS_CHUNK);
    tell_all(topic);
    spg__arena_settle(&topic->arena, chunk);
    return 0;
}

static int publish(spg_publisher *publisher, struct spg__loan *loan, size_t size, int64_t timeout) {
    int result = loan->chunk == SPG__NO_CHUNK
                     ? publish_small(publisher, loan->data, size, timeout)
                     : publish_chunk(publisher, loan->chunk, size, timeout);
    if (result == 0) loan->data = NULL;
    return result;
}

int spg_publisher_publish(spg_publisher *publisher, void *data, size_t size, int64_t timeout) {
    int result = check(publisher, timeout);
    if (result < 0) return result;
    struct spg__loan *loan = data ? find_loan(publisher, data) : NULL;
    if (!loan || size > loan->room) return SPG_EINVAL;
    return publish(publisher, loan, size, timeout);
}

static int64_t left_of(int64_t deadline, int64_t timeout) {
    if (timeout <= 0) return timeout;
    int64_t left = deadline - spg__clock_monotonic();
    return left > 0 ? left : 0;
}

SPG__APART static int send_large(spg_publisher *publisher, const void *data, size_t size,
                                 int64_t timeout) {
    struct spg__loan *loan = find_loan(publisher, NULL);
    if (!loan) return SPG_EFULL;
    int64_t deadline = timeout > 0 ? spg__deadline(spg__clock_monotonic(), timeout) : 0;
    int result = lend(publisher, loan, size, timeout);
    if (result < 0) return result;
    memcpy(loan->data, data, size);
    result = publish(publisher, loan, size, left_of(deadline, timeout));
    if (result < 0) give_back(publisher, loan);
    return result == SPG_EAGAIN && timeout != 0 ? SPG_ETIMEDOUT : result;
}

SPG__APART static int send_carefully(spg_publisher *publisher, const void *data, size_t size,
                                     int64_t timeout) {
    int result = check(publisher, timeout);
    if (result < 0) return result;
    if (!data && size) return SPG_EINVAL;
    if (size > publisher->topic.shape.inline_max) return send_large(publisher, data, size, timeout);
    return publish_small(publisher, data, size, timeout);
}

SPG__APART static int finish_aloud(spg_publisher *publisher, struct spg__slot_shared *slot,
                                   uint64_t sequence, uint64_t meta) {
    finish(publisher, slot, sequence, meta);
    tell_all(&publisher->topic);
    return 0;
}

SPG__APART static int tell_aloud(const struct spg__topic *topic) {
    tell_all(topic);
    return 0;
}

/* The usual case calls nothing but in its last step, so that nothing has to be kept for it. */
int spg_publisher_send(spg_publisher *publisher, const void *data, size_t size, int64_t timeout) {
    const struct spg__topic *topic = &publisher->topic;
    uint64_t sequence, meta = (uint64_t)size << 2;
    if (!spg__channel_is_own(&topic->channel) || size >= publisher->few_end || (!data && size) ||
        !spg__timeout_is_valid(timeout))
        return send_carefully(publisher, data, size, timeout);
    struct spg__slot_shared *slot = claim_at_once(publisher, &sequence);
    if (!slot) return send_carefully(publisher, data, size, timeout);
    spg__few_to_shared(slot->body, data, size); /* pairs: topic.body */
    if (spg__alarm_is_awaited(&topic->news)) return finish_aloud(publisher, slot, sequence, meta);
    commit(publisher, slot, sequence, meta);
    return spg__alarm_are_awaited(&topic->news, &topic->room) ? tell_aloud(topic) : 0;
}

/* ---- several --------------------------------------------------------------------------------- */

/* As many as there is room for at once, which is told once for all. */
static uint32_t send_small_ones(spg_publisher *publisher, const spg_bytes *messages,
                                uint32_t count) {
    uint32_t sent = 0;
    for (; sent < count; sent++) {
        const spg_bytes *message = &messages[sent];
        uint64_t sequence;
        if (message->size > publisher->topic.shape.inline_max) break;
        if (!message->data && message->size) break;
        if (try_claim(publisher, &sequence) < 0) break;
        struct spg__slot_shared *slot = spg__topic_slot(&publisher->topic, sequence);
        write_small(slot, message->data, message->size);
        finish(publisher, slot, sequence, (uint64_t)message->size << 2);
    }
    if (sent > 0) tell_all(&publisher->topic);
    return sent;
}

int spg_publisher_send_batch(spg_publisher *publisher, const spg_bytes *messages, uint32_t count,
                             int64_t timeout) {
    if (!messages || count == 0 || count > INT32_MAX) return SPG_EINVAL;
    int result = check(publisher, timeout);
    uint32_t sent = result < 0 ? 0 : send_small_ones(publisher, messages, count);
    while (result == 0 && sent < count) {
        int64_t patience = sent == 0 ? timeout : SPG_NOWAIT;
        result = spg_publisher_send(publisher, messages[sent].data, messages[sent].size, patience);
        if (result < 0) break;
        sent++;
        sent += send_small_ones(publisher, messages + sent, count - sent);
    }
    return sent > 0 ? (int)sent : result;
}
