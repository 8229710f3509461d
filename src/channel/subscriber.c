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

#include "channel/subscriber.h"

/* How often a claim is looked at before it is worth asking about. The explorer's is small. */
#ifndef SPG__COMMIT_LOOKS
#define SPG__COMMIT_LOOKS 64
#endif
enum { CLAIMS_SEEN = 64, CLAIM_LOOK_NS = 1000 * 1000 };

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

static bool still(const struct spg__slot_shared *slot, uint64_t state) {
    /* relaxed: the acquiring reads of the message come before it */
    return spg__load_relaxed_64(&slot->state) == state;
}

static spg_subscriber *subscriber_of(const struct spg_waitable *waitable) {
    return (void *)((char *)waitable - offsetof(struct spg_subscriber, waitable));
}

/* Is our next slot not even claimed? */
static inline bool is_unclaimed(const spg_subscriber *subscriber) {
    const struct spg__slot_shared *slot = spg__topic_slot(&subscriber->topic, subscriber->position);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    return spg__slot_sequence(state) < subscriber->position;
}

bool spg__subscriber_is_ready(struct spg_waitable *waitable) {
    spg_subscriber *subscriber = subscriber_of(waitable);
    const struct spg__slot_shared *slot = spg__topic_slot(&subscriber->topic, subscriber->position);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    if (spg__slot_sequence(state) != subscriber->position)
        return spg__slot_sequence(state) > subscriber->position;
    if (spg__slot_phase(state) != SPG__SLOT_CLAIMED) return true;
    if (!claim_is_dead(subscriber, state)) return false;
    subscriber->claims_seen = CLAIMS_SEEN; /* so that receive asks, too */
    return true;
}

bool spg__subscriber_is_quiet(const struct spg_waitable *waitable) {
    return is_unclaimed(subscriber_of(waitable));
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
        const struct spg__ticket *ticket = &subscriber->tickets[i];
        if (ticket->sequence == 0 || !ticket->is_protected || ticket->sequence >= least) continue;
        least = ticket->sequence;
        *index = i;
    }
    return least;
}

/* The chunk stays ours when the cursor has gone by: it is entered before the cursor is moved. */
static void hold_oldest(spg_subscriber *subscriber, uint32_t index) {
    struct spg__published published;
    struct spg__ticket *ticket = &subscriber->tickets[index];
    if (spg__topic_has_chunk(&subscriber->topic, ticket->sequence, &published)) {
        spg__topic_hold_protected(&subscriber->row->holds[index], ticket->sequence,
                                  published.chunk);
    }
    ticket->is_protected = false;
    subscriber->protected_out--;
}

/* Of its cursor, which keeps publishers from this part of the ring. */
static inline bool is_far_ahead(const spg_subscriber *subscriber, uint64_t cursor) {
    return subscriber->position - cursor >= subscriber->topic.shape.slots / 4;
}

static inline void store_cursor(spg_subscriber *subscriber, uint64_t cursor) {
    subscriber->cursor = cursor;
    spg__store_release_64(&subscriber->row->cursor, cursor); /* pairs: topic.cursor */
}

static void set_cursor(spg_subscriber *subscriber, uint64_t cursor) {
    store_cursor(subscriber, cursor);
    spg__alarm_sound(&subscriber->topic.room);
}

static void move_cursor(spg_subscriber *subscriber) {
    uint64_t cursor = subscriber->position;
    if (!subscriber->row) return;
    while (subscriber->protected_out > 0) {
        uint32_t index = 0;
        cursor = oldest_protected(subscriber, &index);
        if (!is_far_ahead(subscriber, cursor)) break;
        hold_oldest(subscriber, index);
        cursor = subscriber->position;
    }
    if (cursor != subscriber->cursor) set_cursor(subscriber, cursor);
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

/* ---- what we have in hand, for people -------------------------------------------------------- */

static void note_holding(spg_subscriber *subscriber) {
    uint64_t word = subscriber->holding_since << 16 | subscriber->chunks_out;
    /* relaxed: for people */
    spg__store_relaxed_64(&subscriber->row->holding, subscriber->chunks_out ? word : 0);
}

static void took_chunk(spg_subscriber *subscriber, struct spg__ticket *ticket) {
    ticket->is_chunk = true;
    if (subscriber->chunks_out++ == 0)
        subscriber->holding_since = (uint64_t)spg__clock_coarse() / 1000000;
    note_holding(subscriber);
}

static void gave_chunk(spg_subscriber *subscriber, struct spg__ticket *ticket) {
    ticket->is_chunk = false;
    subscriber->chunks_out--;
    note_holding(subscriber);
}

/* ---- reading a message ----------------------------------------------------------------------- */

enum { AGAIN = 1 }; /* the slot changed while it was read */

/* Of a slot of one line all of it: that is a few moves. */
static inline void copy_few(const spg_subscriber *subscriber, char *copy,
                            const struct spg__slot_shared *slot, uint64_t size) {
    bool is_line = subscriber->topic.shape.slot_size == SPG__LINE;
    /* pairs: topic.body */
    if (is_line) spg__few_from_shared(copy, slot->body, SPG__LINE - SPG__SLOT_HEAD);
    else spg__few_from_shared(copy, slot->body, (size_t)size);
}

static inline void copy_body(const spg_subscriber *subscriber, char *copy,
                             const struct spg__slot_shared *slot, uint64_t size) {
    size_t words = (size_t)(size + 7) / 8 * 8;
    if (size > SPG__FEW_BYTES) spg__bulk_from_shared(copy, slot->body, words);
    else copy_few(subscriber, copy, slot, size); /* pairs: topic.body */
}

static inline int read_small(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                             uint64_t state, uint64_t meta, uint32_t index, spg_message *message) {
    char *copy = subscriber->copies + index * subscriber->copy_bytes;
    uint64_t size = meta >> 2 & 0x3fff;
    if (size > subscriber->topic.shape.inline_max) {
        return still(slot, state) ? SPG_ECORRUPT : AGAIN;
    }
    copy_body(subscriber, copy, slot, size); /* pairs: topic.body */
    if (!still(slot, state)) return AGAIN;
    message->data = copy;
    message->size = (size_t)size;
    return 0;
}

static int copy_chunk(spg_subscriber *subscriber, const struct spg__slot_shared *slot,
                      uint64_t state, uint32_t chunk, uint64_t size, struct spg__ticket *ticket) {
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
    struct spg__ticket *ticket = &subscriber->tickets[index];
    message->data = spg__arena_address(&subscriber->topic.arena, chunk);
    if (!subscriber->row) {
        int result = copy_chunk(subscriber, slot, state, chunk, size, ticket);
        message->data = ticket->bulk;
        return result;
    }
    if (subscriber->must_not_lose && subscriber->position >= subscriber->joined) {
        ticket->is_protected = true;
    } else {
        spg__word64 *hold = &subscriber->row->holds[index];
        if (!spg__topic_hold(&subscriber->topic, hold, subscriber->position, chunk)) return AGAIN;
    }
    took_chunk(subscriber, ticket);
    return 0;
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

static inline void enter(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    subscriber->tickets[index].sequence = subscriber->position;
    subscriber->next_ticket = index + 1 < subscriber->topic.shape.holds ? index + 1 : 0;
    message->sequence = subscriber->position - subscriber->topic.shape.first + 1;
    message->lost = subscriber->lost;
    message->ticket = index;
    subscriber->lost = 0;
    subscriber->received++;
}

static void take_ticket(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    if (subscriber->tickets[index].is_protected && subscriber->protected_out++ == 0)
        subscriber->protected_from = subscriber->position;
    enter(subscriber, index, message);
    step(subscriber);
}

static inline void note_received(spg_subscriber *subscriber) {
    /* relaxed: for people */
    spg__store_relaxed_64(&subscriber->row->received, subscriber->received);
}

/* After one message taken or several. A chunk keeps the cursor back, until that is too long. */
static void tell_progress(spg_subscriber *subscriber) {
    if (!subscriber->row) return;
    note_received(subscriber);
    if (subscriber->protected_out == 0) set_cursor(subscriber, subscriber->position);
    else if (is_far_ahead(subscriber, subscriber->protected_from)) move_cursor(subscriber);
    else if (subscriber->cursor < subscriber->protected_from)
        set_cursor(subscriber, subscriber->protected_from);
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

/* The usual case, in a few instructions, none of them a call: our slot has our sequence, committed
 * by whomever, a small message without a time. False: not so; try_receive tells. */
SPG__MERGED bool take_at_once(spg_subscriber *subscriber, uint32_t index, spg_message *message,
                              bool only_few) {
    uint64_t position = subscriber->position;
    const struct spg__slot_shared *slot = spg__topic_slot(&subscriber->topic, position);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    uint64_t committed = spg__slot_state(position, SPG__SLOT_COMMITTED, 0);
    if ((state ^ committed) >= SPG__ROWS_END) return false;
    uint64_t meta = spg__load_acquire_64(&slot->meta); /* pairs: topic.body */
    uint64_t size = meta >> 2 & 0x3fff;
    if (meta & (SPG__SLOT_HAS_CHUNK | SPG__SLOT_HAS_TIME)) return false;
    uint64_t end = only_few ? subscriber->few_end : subscriber->topic.shape.inline_max + 1;
    if (size >= end || position + 1 == subscriber->voids.settles) return false;
    char *copy = subscriber->copies + index * subscriber->copy_bytes;
    if (only_few) copy_few(subscriber, copy, slot, size); /* pairs: topic.body */
    else copy_body(subscriber, copy, slot, size);         /* pairs: topic.body */
    if (!still(slot, state)) return false;
    message->data = copy;
    message->size = (size_t)size;
    message->publisher = meta >> 16;
    message->time = 0;
    enter(subscriber, index, message);
    subscriber->position = position + 1;
    subscriber->claims_seen = 0;
    return true;
}

/* The same of any size that lies in the slot. */
SPG__APART static bool take_from_slot(spg_subscriber *subscriber, uint32_t index,
                                      spg_message *message) {
    return take_at_once(subscriber, index, message, false);
}

static int try_take(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    int result;
    do {
        result = look(subscriber, index, message);
    } while (result == AGAIN);
    if (result == 0) take_ticket(subscriber, index, message);
    return result;
}

static int try_receive(spg_subscriber *subscriber, uint32_t index, spg_message *message) {
    bool is_taken = take_from_slot(subscriber, index, message);
    int result = is_taken ? 0 : try_take(subscriber, index, message);
    if (result == 0) tell_progress(subscriber);
    return result;
}

static inline int free_ticket(const spg_subscriber *subscriber, uint32_t *index) {
    *index = subscriber->next_ticket;
    if (subscriber->tickets[*index].sequence == 0) return 0;
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

static int receive_slowly(spg_subscriber *subscriber, uint32_t index, spg_message *message,
                          int64_t timeout) {
    int result = try_receive(subscriber, index, message);
    if (result != SPG_EAGAIN) return result;
    if (timeout != 0) return receive_waiting(subscriber, index, message, timeout);
    if (!spg__waitable_arm(&subscriber->waitable)) return SPG_EAGAIN;
    return try_receive(subscriber, index, message);
}

/* Nothing is there, and nobody waits in poll: nothing more to do. */
static inline bool has_nothing(const spg_subscriber *subscriber) {
    return is_unclaimed(subscriber) && subscriber->waitable.bell_id == 0;
}

/* A claim is open for nanoseconds, unless its publisher has lost the processor. */
static bool await_commit(const spg_subscriber *subscriber) {
    uint64_t claimed = spg__slot_state(subscriber->position, SPG__SLOT_CLAIMED, 0);
    const struct spg__slot_shared *slot = spg__topic_slot(&subscriber->topic, subscriber->position);
    for (int looks = 0; looks < SPG__COMMIT_LOOKS; looks++) {
        uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
        if ((state ^ claimed) >= SPG__ROWS_END) return true;
    }
    return false;
}

/* There is nothing; what is about to come is met without a look at the clock, by who is willing to
 * spin at all. */
static bool comes_at_once(spg_subscriber *subscriber) {
    if (subscriber->waitable.spin_trust == 0 || !spg__wait_can_spin()) return false;
    for (int looks = 0; looks < SPG__COMMIT_LOOKS; looks++) {
        spg__pause();
        if (is_unclaimed(subscriber)) continue;
        if (!await_commit(subscriber)) return false;
        spg__waitable_spun_well(&subscriber->waitable);
        return true;
    }
    return false;
}

SPG__APART static int receive_carefully(spg_subscriber *subscriber, spg_message *message,
                                        int64_t timeout) {
    uint32_t index;
    if (!spg__channel_is_own(&subscriber->topic.channel)) return SPG_EFORKED;
    if (!message || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    int result = free_ticket(subscriber, &index);
    if (result < 0) return result;
    if (timeout != 0 && is_unclaimed(subscriber) && comes_at_once(subscriber)) {
        result = spg_subscriber_receive(subscriber, message, SPG_NOWAIT);
        if (result != SPG_EAGAIN) return result;
    }
    (void)await_commit(subscriber);
    if (timeout == 0 && has_nothing(subscriber)) {
        spg__pause(); /* who polls in a loop leaves the line to the publisher for a moment */
        return SPG_EAGAIN;
    }
    return receive_slowly(subscriber, index, message, timeout);
}

SPG__APART static int tell_progress_apart(spg_subscriber *subscriber) {
    tell_progress(subscriber);
    return 0;
}

SPG__APART static int tell_room(const spg_subscriber *subscriber) {
    spg__alarm_sound(&subscriber->topic.room);
    return 0;
}

/* The usual case calls nothing but in its last step, so that nothing has to be kept for it. */
int spg_subscriber_receive(spg_subscriber *subscriber, spg_message *message, int64_t timeout) {
    const struct spg__topic *topic = &subscriber->topic;
    uint32_t index = subscriber->next_ticket;
    if (!spg__channel_is_own(&topic->channel) || !message || !spg__timeout_is_valid(timeout) ||
        subscriber->tickets[index].sequence != 0 || !take_at_once(subscriber, index, message, true))
        return receive_carefully(subscriber, message, timeout);
    if (subscriber->protected_out > 0) return tell_progress_apart(subscriber);
    note_received(subscriber);
    store_cursor(subscriber, subscriber->position);
    return spg__alarm_is_awaited(&topic->room) ? tell_room(subscriber) : 0;
}

/* The first one is waited for; of the others what is there at once. */
int spg_subscriber_receive_batch(spg_subscriber *subscriber, spg_message *messages, uint32_t count,
                                 int64_t timeout) {
    uint32_t index, taken = 1;
    if (!messages || count == 0 || count > INT32_MAX) return SPG_EINVAL;
    int result = spg_subscriber_receive(subscriber, &messages[0], timeout);
    if (result < 0) return result;
    for (; taken < count && free_ticket(subscriber, &index) == 0; taken++) {
        if (take_from_slot(subscriber, index, &messages[taken])) continue;
        if (try_take(subscriber, index, &messages[taken]) < 0) break;
    }
    if (taken > 1) tell_progress(subscriber);
    return (int)taken;
}

/* What is released out of order is free for publishers at once: older messages that the cursor
 * protects become holds, so that it can go on. */
static void hold_older(spg_subscriber *subscriber, uint64_t sequence) {
    uint32_t index = 0;
    while (subscriber->protected_out > 0 && oldest_protected(subscriber, &index) < sequence)
        hold_oldest(subscriber, index);
}

SPG__APART static void let_chunk_go(spg_subscriber *subscriber, uint32_t index, uint64_t sequence) {
    struct spg__ticket *ticket = &subscriber->tickets[index];
    gave_chunk(subscriber, ticket);
    if (ticket->is_protected) {
        ticket->is_protected = false;
        subscriber->protected_out--;
        hold_older(subscriber, sequence);
        move_cursor(subscriber);
        return;
    }
    spg__topic_release_hold(&subscriber->topic, &subscriber->row->holds[index]);
    spg__alarm_sound(&subscriber->topic.room);
}

int spg_subscriber_release(spg_subscriber *subscriber, const spg_message *message) {
    if (!spg__channel_is_own(&subscriber->topic.channel)) return SPG_EFORKED;
    if (!message || message->ticket >= subscriber->topic.shape.holds) return SPG_EINVAL;
    uint32_t index = (uint32_t)message->ticket;
    uint64_t sequence = subscriber->tickets[index].sequence;
    if (sequence == 0 || sequence - subscriber->topic.shape.first + 1 != message->sequence)
        return SPG_EINVAL;
    subscriber->tickets[index].sequence = 0;
    subscriber->next_ticket = index;
    if (subscriber->tickets[index].is_chunk) let_chunk_go(subscriber, index, sequence);
    return 0;
}

int spg_subscriber_release_batch(spg_subscriber *subscriber, const spg_message *messages,
                                 uint32_t count) {
    int result = messages || count == 0 ? 0 : SPG_EINVAL;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        result = spg_subscriber_release(subscriber, &messages[i]);
    }
    return result;
}
