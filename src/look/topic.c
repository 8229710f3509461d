/* topic.c: a topic as seen from outside. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "look/channel.h"

enum { HOLD_CHUNK_BITS = 20, LOOKS = 4, NAP_NS = 1000 * 1000 };

static int settle(struct spg__looked *looked) {
    return spg__topic_settle(&looked->as.topic);
}

static uint64_t bytes_of(const struct spg__topic *topic, uint64_t units) {
    return units << topic->shape.arena.unit_shift;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static uint64_t count_readable(const struct spg__topic *topic) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < topic->shape.slots; i++) {
        /* pairs: topic.slot */
        uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, i)->state);
        count += spg__slot_phase(state) == SPG__SLOT_COMMITTED;
    }
    return count;
}

static void facts_of(const struct spg__looked *looked, spg_channel_facts *facts) {
    const struct spg__topic *topic = &looked->as.topic;
    uint64_t units[4];
    /* An arena that is damaged is the audit's business. */
    if (spg__arena_audit(&topic->arena, units) == 0)
        facts->used = bytes_of(topic, units[1] + units[2] + units[3]);
    facts->budget = spg__arena_bytes(&topic->shape.arena);
    facts->capacity = topic->shape.slots;
    facts->voided = spg__load_acquire_64(&topic->shared->voids); /* pairs: topic.voids */
    facts->messages = spg__topic_head(topic) - topic->shape.first - facts->voided;
    facts->waiting = count_readable(topic);
    facts->receivers_sleep = spg__load_relaxed_32(&topic->shared->news) & 1; /* relaxed: a look */
    facts->senders_sleep = spg__load_relaxed_32(&topic->shared->room) & 1;   /* relaxed: a look */
    facts->kept = (topic->shape.flags & SPG__TOPIC_KEEP) != 0;
    facts->type_size = topic->shape.type_size;
    memcpy(facts->type, topic->type, sizeof topic->type);
}

/* ---- members --------------------------------------------------------------------------------- */

static void count_loans(const struct spg__topic *topic, const struct spg__publisher_shared *row,
                        spg_member *member) {
    for (uint32_t i = 0; i < SPG__TOPIC_LOANS; i++) {
        uint64_t noted = spg__load_relaxed_64(&row->loans[i]); /* relaxed: a look */
        if (noted == 0) continue;
        member->held++;
        member->held_bytes += spg__arena_room(&topic->arena, (uint32_t)(noted - 1));
    }
}

static int visit_publisher(const struct spg__looked *looked, uint32_t index,
                           spg_member_visitor *visit, void *context) {
    const struct spg__topic *topic = &looked->as.topic;
    const struct spg__publisher_shared *row = spg__topic_publisher(topic, index);
    spg_member member;
    uint64_t owner = spg__load_acquire_64(&row->owner); /* pairs: topic.owner */
    if (!spg__member_begin(looked, owner, SPG_ROLE_PUBLISHER, &member)) return 0;
    member.sent = spg__load_relaxed_64(&row->published); /* relaxed: a look */
    member.since = spg__load_relaxed_64(&row->since);    /* relaxed: a look */
    member.asleep = spg__load_relaxed_64(&row->asleep);  /* relaxed: a look */
    count_loans(topic, row, &member);
    return visit(context, &member);
}

static void count_chunk(const struct spg__topic *topic, uint64_t sequence, uint32_t chunk,
                        spg_member *member) {
    uint64_t number = sequence - topic->shape.first + 1;
    member->held++;
    member->held_bytes += spg__arena_room(&topic->arena, chunk);
    if (member->held_oldest == 0 || number < member->held_oldest) member->held_oldest = number;
}

/* Those that its cursor keeps: so many, and the oldest at the cursor. Which the others are, its
 * process alone knows; they are taken for the next ones. */
static void count_kept_by_cursor(const struct spg__topic *topic, uint64_t cursor, uint64_t holding,
                                 spg_member *member) {
    struct spg__published published;
    uint64_t count = holding & 0xffff, end = cursor + topic->shape.slots;
    for (uint64_t at = cursor; member->held < count && at < end; at++) {
        if (spg__topic_has_chunk(topic, at, &published))
            count_chunk(topic, at, published.chunk, member);
    }
    member->held_since = (holding >> 16) * 1000000;
}

static void count_holds(const struct spg__topic *topic, const struct spg__subscriber_shared *row,
                        spg_member *member) {
    for (uint32_t i = 0; i < topic->shape.holds; i++) {
        uint64_t hold = spg__load_relaxed_64(&row->holds[i]); /* relaxed: a look */
        if (hold == 0) continue;
        uint32_t chunk = (uint32_t)(hold >> 1) & ((1u << HOLD_CHUNK_BITS) - 1);
        count_chunk(topic, hold >> (HOLD_CHUNK_BITS + 1), chunk, member);
    }
}

static int visit_subscriber(const struct spg__looked *looked, uint32_t index,
                            spg_member_visitor *visit, void *context) {
    const struct spg__topic *topic = &looked->as.topic;
    const struct spg__subscriber_shared *row = spg__topic_subscriber(topic, index);
    spg_member member;
    uint64_t owner = spg__load_acquire_64(&row->owner); /* pairs: topic.owner */
    if (!spg__member_begin(looked, owner, SPG_ROLE_SUBSCRIBER, &member)) return 0;
    uint64_t cursor = spg__load_acquire_64(&row->cursor); /* pairs: topic.cursor */
    uint64_t head = spg__topic_head(topic);
    member.received = spg__load_relaxed_64(&row->received); /* relaxed: a look */
    member.lost = spg__load_relaxed_64(&row->lost);         /* relaxed: a look */
    member.since = spg__load_relaxed_64(&row->since);       /* relaxed: a look */
    member.asleep = spg__load_relaxed_64(&row->asleep);     /* relaxed: a look */
    /* relaxed: a look */
    member.must_not_lose = spg__load_relaxed_64(&row->policy) == SPG_MUST_NOT_LOSE;
    member.behind = cursor < head ? head - cursor : 0;
    count_holds(topic, row, &member);
    /* relaxed: a look */
    uint64_t holding = spg__load_relaxed_64(&row->holding);
    if (holding) count_kept_by_cursor(topic, cursor, holding, &member);
    return visit(context, &member);
}

static int members(const struct spg__looked *looked, spg_member_visitor *visit, void *context) {
    const struct spg__topic *topic = &looked->as.topic;
    int result = 0;
    for (uint32_t i = 0; i < topic->shape.publishers && result == 0; i++)
        result = visit_publisher(looked, i, visit, context);
    for (uint32_t i = 0; i < topic->shape.subscribers && result == 0; i++)
        result = visit_subscriber(looked, i, visit, context);
    return result;
}

/* ---- audit ----------------------------------------------------------------------------------- */

/* A slot has a sequence that belongs to it, of this lap or the one before. */
static bool slots_are_right(const struct spg__topic *topic) {
    uint64_t slots = topic->shape.slots;
    for (uint64_t i = 0; i < slots; i++) {
        uint64_t head = spg__topic_head(topic);
        /* pairs: topic.slot */
        uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, i)->state);
        uint64_t sequence = spg__slot_sequence(state);
        if (sequence % slots != i || sequence + 2 * slots < head) return false;
    }
    return true;
}

/* Is a chunk that was published to be found? Given ones through their slot, orphans through who
 * holds them. */
static bool is_named(const struct spg__topic *topic, uint32_t chunk, uint64_t word) {
    struct spg__published published;
    uint64_t tag = spg__chunk_tag(word);
    for (uint32_t i = 0; i < topic->shape.slots; i++) {
        /* pairs: topic.slot */
        uint64_t state = spg__load_acquire_64(&spg__topic_slot(topic, i)->state);
        uint64_t sequence = spg__slot_sequence(state);
        if ((sequence & SPG__CHUNK_TAG_MASK) != tag) continue;
        if (spg__slot_phase(state) == SPG__SLOT_CLAIMED) return true;
        if (spg__topic_has_chunk(topic, sequence, &published) && published.chunk == chunk)
            return true;
    }
    for (uint32_t row = 0; row < topic->shape.subscribers; row++) {
        const struct spg__subscriber_shared *subscriber = spg__topic_subscriber(topic, row);
        for (uint32_t i = 0; i < topic->shape.holds; i++) {
            uint64_t hold = spg__load_acquire_64(&subscriber->holds[i]); /* pairs: topic.hold */
            if (hold >> 1 == (tag << HOLD_CHUNK_BITS | chunk)) return true;
        }
    }
    return false;
}

static bool is_on_loan(const struct spg__topic *topic, uint32_t chunk, uint64_t row) {
    if (row >= topic->shape.publishers) return false;
    const struct spg__publisher_shared *publisher = spg__topic_publisher(topic, (uint32_t)row);
    for (uint32_t i = 0; i < SPG__TOPIC_LOANS; i++) {
        /* pairs: arena.loan */
        if (spg__load_acquire_64(&publisher->loans[i]) == (uint64_t)chunk + 1) return true;
    }
    return false;
}

/* How many units nobody knows of. */
static uint64_t count_leaked(const struct spg__topic *topic) {
    uint64_t leaked = 0;
    for (uint32_t at = 0; at < topic->shape.arena.units;) {
        uint64_t word = spg__arena_look(&topic->arena, at);
        uint32_t length = spg__chunk_length(word);
        if (length == 0) break;
        bool known = spg__chunk_state(word) == SPG__CHUNK_FREE;
        if (spg__chunk_state(word) == SPG__CHUNK_LOANED)
            known = is_on_loan(topic, at, spg__chunk_tag(word));
        else if (!known) known = is_named(topic, at, word);
        /* What has changed meanwhile was in somebody's hands. */
        if (!known && spg__arena_look(&topic->arena, at) == word) leaked += length;
        at += length;
    }
    return leaked;
}

/* Of a topic in use all this is true of no single moment: what is wrong must stay wrong. */
static bool arena_is_whole(const struct spg__topic *topic) {
    uint64_t units[4];
    for (int i = 0; i < LOOKS; i++) {
        if (spg__arena_audit(&topic->arena, units) == 0) return true;
        spg__nap(NAP_NS);
    }
    return false;
}

static uint64_t lasting_leak(const struct spg__topic *topic) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < LOOKS && least > 0; i++) {
        uint64_t leaked = count_leaked(topic);
        if (leaked < least) least = leaked;
        if (least > 0) spg__nap(NAP_NS);
    }
    return least;
}

static void audit_topic(const struct spg__looked *looked, struct spg__audit *audit) {
    const struct spg__topic *topic = &looked->as.topic;
    struct spg__members count = spg__looked_members(looked);
    if (!slots_are_right(topic)) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, looked->name,
                       "a slot carries a sequence that cannot be there");
    }
    if (!arena_is_whole(topic)) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, looked->name, "its chunks do not fill its arena");
    } else if (count.dead == 0 && lasting_leak(topic) > 0) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, looked->name,
                       "%" PRIu64 " bytes of its arena belong to nobody",
                       bytes_of(topic, lasting_leak(topic)));
    }
    if (count.living == 0 && !(topic->shape.flags & SPG__TOPIC_KEEP)) {
        spg__found_out(audit, SPG_FINDING_LEFT, looked->name, "nobody uses it any more");
    }
}

static uint32_t recover(const struct spg__looked *looked, bool *over) {
    const struct spg__topic *topic = &looked->as.topic;
    uint32_t recovered = spg__topic_recover(topic);
    *over = !(topic->shape.flags & SPG__TOPIC_KEEP) && !spg__topic_has_living(topic);
    return recovered;
}

const struct spg__look_kind spg__look_topic = {
    &spg__kind_of_topic, SPG_ENTRY_TOPIC, settle, facts_of, members, audit_topic, recover};
