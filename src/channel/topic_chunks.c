/* topic_chunks.c: who may still read a published chunk, and when it is free again.
 *
 * A chunk is published under its message's sequence and found through the slot alone. It is wanted
 * back when its slot is to be used again, or when memory is short. Then, whoever wants it
 *
 *     drops   the slot: COMMITTED to DROPPED. From here no new reader can hold it
 *     looks   at the holds of all subscribers
 *     frees   it if none names it: GIVEN to FREE; else
 *     orphans it: GIVEN to ORPHAN
 *     looks   again: a holder that let go meanwhile did not know that it was the last
 *     frees   it if none names it any more: ORPHAN to FREE
 *
 * A reader that is not protected by its cursor writes its hold, and then looks at the slot again.
 * Both sides are sequentially consistent, so either it sees the drop or its hold is seen.
 *
 * A held chunk stays an orphan; the last of its holders frees it. Who lets go marks its hold as
 * RELEASING, looks at the other holds, where RELEASING ones count as gone, frees, and clears its
 * own. Two at once may both free it: the second one's compare-and-swap fails, since the word
 * carries the sequence.
 *
 * Death: each step can be done again by anybody who comes to the slot, or recovers the row; a hold
 * of the dead is released by who recovers it. The slot is claimed for another message only after
 * the chunk is free or a hold was seen, so there is always somebody left who knows the chunk.
 *
 *   tag           release              acquire                  without it
 *   topic.drop    who drops a slot     a reader's second look   a chunk read while it is refilled
 *   topic.hold    a reader's hold      who looks at the holds   likewise
 *   topic.gates   who joins            who looks for readers    overwritten under a new reader
 *   topic.cursor  a reader moves on    who looks how far        overwritten while it is read */
#include "channel/topic.h"

enum { CHUNK_BITS = 20, RELEASING = 1 };

static uint64_t hold_word(uint64_t sequence, uint32_t chunk) {
    return sequence << (CHUNK_BITS + 1) | (uint64_t)chunk << 1;
}

static uint32_t hold_chunk(uint64_t hold) {
    return (uint32_t)(hold >> 1) & ((1u << CHUNK_BITS) - 1);
}

/* The sequence's low bits, which the chunk's word has too. */
static uint64_t hold_tag(uint64_t hold) {
    return hold >> (CHUNK_BITS + 1);
}

/* ---- looking at all holds -------------------------------------------------------------------- */

typedef void hold_visitor(void *context, uint64_t hold);

static void each_hold(const struct spg__topic *topic, hold_visitor *visit, void *context) {
    for (uint32_t row = 0; row < topic->shape.subscribers; row++) {
        struct spg__subscriber_shared *subscriber = spg__topic_subscriber(topic, row);
        /* pairs: topic.gates. Whoever joins after this finds the slot dropped. */
        if (spg__load_seq_cst_64(&subscriber->owner) == 0) continue;
        for (uint32_t i = 0; i < topic->shape.holds; i++) {
            uint64_t hold = spg__load_seq_cst_64(&subscriber->holds[i]); /* pairs: topic.hold */
            if (hold != 0 && !(hold & RELEASING)) visit(context, hold);
        }
    }
}

/* ---- taking back ----------------------------------------------------------------------------- */

bool spg__topic_has_chunk(const struct spg__topic *topic, uint64_t sequence,
                          struct spg__published *published) {
    struct spg__slot_shared *slot = spg__topic_slot(topic, sequence);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    enum spg__slot_phase phase = spg__slot_phase(state);
    if (spg__slot_sequence(state) != sequence) return false;
    if (phase != SPG__SLOT_COMMITTED && phase != SPG__SLOT_DROPPED) return false;
    /* relaxed: the state releases it, and whoever claims the slot comes after us */
    if (!(spg__load_relaxed_64(&slot->meta) & SPG__SLOT_HAS_CHUNK)) return false;
    published->sequence = sequence;
    published->chunk = (uint32_t)spg__load_relaxed_64(&slot->body[1]); /* relaxed: as above */
    return spg__arena_is_out(&topic->arena, published->chunk, sequence & SPG__CHUNK_TAG_MASK);
}

static void drop(const struct spg__topic *topic, const struct spg__published *published) {
    struct spg__slot_shared *slot = spg__topic_slot(topic, published->sequence);
    uint64_t state = spg__load_acquire_64(&slot->state); /* pairs: topic.slot */
    if (spg__slot_sequence(state) == published->sequence &&
        spg__slot_phase(state) == SPG__SLOT_COMMITTED) {
        uint64_t dropped = spg__slot_state(published->sequence, SPG__SLOT_DROPPED,
                                           spg__slot_row(state));
        /* pairs: topic.drop. If another was first, its drop must come before our look at holds. */
        if (!spg__cas_seq_cst_64(&slot->state, &state, dropped))
            (void)spg__load_seq_cst_64(&slot->state); /* pairs: topic.drop */
    }
}

static bool change(const struct spg__topic *topic, const struct spg__published *published,
                   enum spg__chunk_state from, enum spg__chunk_state to) {
    return spg__arena_change(&topic->arena, published->chunk, from,
                             published->sequence & SPG__CHUNK_TAG_MASK, to);
}

struct batch {
    const struct spg__published *items;
    uint32_t count;
    uint32_t held; /* bits */
};

static void mark_held(void *context, uint64_t hold) {
    struct batch *batch = context;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (hold == hold_word(batch->items[i].sequence, batch->items[i].chunk)) {
            batch->held |= 1u << i;
        }
    }
}

static void free_orphan(const struct spg__topic *topic, const struct spg__published *published) {
    change(topic, published, SPG__CHUNK_ORPHAN, SPG__CHUNK_FREE);
}

/* Of the batch, what is held is an orphan now, or was one before: its last holder frees it. */
static void orphan_held(const struct spg__topic *topic, const struct batch *batch) {
    struct batch again = {batch->items, batch->count, 0};
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->held & 1u << i)
            change(topic, &batch->items[i], SPG__CHUNK_GIVEN, SPG__CHUNK_ORPHAN);
    }
    each_hold(topic, mark_held, &again);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->held & ~again.held & 1u << i) free_orphan(topic, &batch->items[i]);
    }
}

void spg__topic_retire(const struct spg__topic *topic, struct spg__published *items,
                       uint32_t count) {
    struct batch batch = {items, count, 0};
    for (uint32_t i = 0; i < count; i++) drop(topic, &items[i]);
    each_hold(topic, mark_held, &batch);
    for (uint32_t i = 0; i < count; i++) {
        if (batch.held & 1u << i) continue;
        /* Dropped before by another, it may be an orphan. */
        if (!change(topic, &items[i], SPG__CHUNK_GIVEN, SPG__CHUNK_FREE))
            free_orphan(topic, &items[i]);
    }
    if (batch.held) orphan_held(topic, &batch);
}

bool spg__topic_recycle(const struct spg__topic *topic, struct spg__published *published,
                        uint64_t size) {
    uint64_t tag = published->sequence & SPG__CHUNK_TAG_MASK;
    uint64_t word = spg__arena_look(&topic->arena, published->chunk);
    uint64_t room = (uint64_t)spg__chunk_length(word) << topic->arena.shape.unit_shift;
    if (spg__chunk_state(word) != SPG__CHUNK_GIVEN || spg__chunk_tag(word) != tag) return false;
    if (room < size || room - size > size / 4) return false;
    struct batch batch = {published, 1, 0};
    drop(topic, published);
    each_hold(topic, mark_held, &batch);
    if (batch.held) {
        orphan_held(topic, &batch);
        return false;
    }
    if (spg__arena_take(&topic->arena, published->chunk, SPG__CHUNK_GIVEN, tag, size)) return true;
    change(topic, published, SPG__CHUNK_GIVEN, SPG__CHUNK_FREE);
    return false;
}

/* ---- holding and letting go ------------------------------------------------------------------ */

bool spg__topic_hold(const struct spg__topic *topic, spg__word64 *hold, uint64_t sequence,
                     uint32_t chunk) {
    spg__store_seq_cst_64(hold, hold_word(sequence, chunk)); /* pairs: topic.hold */
    /* pairs: topic.drop */
    uint64_t state = spg__load_seq_cst_64(&spg__topic_slot(topic, sequence)->state);
    if (spg__slot_sequence(state) == sequence && spg__slot_phase(state) == SPG__SLOT_COMMITTED) {
        return true;
    }
    spg__topic_release_hold(topic, hold);
    return false;
}

void spg__topic_hold_protected(spg__word64 *hold, uint64_t sequence, uint32_t chunk) {
    spg__store_seq_cst_64(hold, hold_word(sequence, chunk)); /* pairs: topic.hold */
}

struct others {
    uint64_t hold;
    bool found;
};

static void find_other(void *context, uint64_t hold) {
    struct others *others = context;
    if (hold == others->hold) others->found = true;
}

/* Our own hold is RELEASING by now, so it is not found. */
void spg__topic_release_hold(const struct spg__topic *topic, spg__word64 *hold) {
    uint64_t word = spg__load_relaxed_64(hold) & ~(uint64_t)RELEASING; /* relaxed: our own row */
    if (word == 0) return;
    spg__store_seq_cst_64(hold, word | RELEASING); /* pairs: topic.hold */
    uint64_t chunk_word = spg__arena_look(&topic->arena, hold_chunk(word));
    if (spg__chunk_state(chunk_word) == SPG__CHUNK_ORPHAN &&
        spg__chunk_tag(chunk_word) == (hold_tag(word) & SPG__CHUNK_TAG_MASK)) {
        struct others others = {word, false};
        each_hold(topic, find_other, &others);
        if (!others.found) {
            struct spg__published published = {hold_tag(word), hold_chunk(word)};
            free_orphan(topic, &published);
        }
    }
    spg__store_release_64(hold, 0); /* pairs: topic.hold */
}

/* ---- how far readers are --------------------------------------------------------------------- */

static uint64_t lower(const struct spg__topic *topic, uint32_t row, uint64_t least) {
    /* pairs: topic.cursor. Cursors of rows that were never used are 0, and nobody's. */
    uint64_t cursor = spg__load_seq_cst_64(&spg__topic_subscriber(topic, row)->cursor);
    return cursor != 0 && cursor < least ? cursor : least;
}

static uint64_t gate_of_word(const struct spg__topic *topic, uint32_t index, uint64_t least) {
    uint64_t bits = spg__load_seq_cst_64(&topic->shared->gates[index]); /* pairs: topic.gates */
    for (uint32_t row = index * 64; bits != 0; row++, bits >>= 1) {
        if ((bits & 1) && row < topic->shape.subscribers) least = lower(topic, row, least);
    }
    return least;
}

uint64_t spg__topic_gate(const struct spg__topic *topic, uint64_t next, bool everybody) {
    uint64_t least = next;
    if (!everybody) {
        for (uint32_t i = 0; i * 64 < topic->shape.subscribers; i++)
            least = gate_of_word(topic, i, least);
        return least;
    }
    for (uint32_t row = 0; row < topic->shape.subscribers; row++) {
        struct spg__subscriber_shared *subscriber = spg__topic_subscriber(topic, row);
        /* pairs: topic.gates */
        if (spg__load_seq_cst_64(&subscriber->owner) != 0) least = lower(topic, row, least);
    }
    return least;
}
