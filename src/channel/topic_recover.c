/* topic_recover.c: members that are gone, and what they left.
 *
 * Under the domain's lock, so that there is one recoverer at a time; it may die at any point and
 * the next one does the same again, because a row is freed last.
 *
 * A publisher leaves at most one claim, named by its row before the slot was claimed: the sequence
 * is entered in the log of voids, then the slot is made VOID. It leaves loans, named by its row. A
 * subscriber leaves holds, its bit among the gates, and its bell, which is found dead by the next
 * who rings it.
 *
 *   tag          release                 acquire                without it
 *   topic.owner  a row is taken, freed   who looks at the row   a row judged by its former owner
 *   topic.claim  a publisher's claim     who recovers it        a claim of the dead stays open
 *   topic.voids  the log of voids        who counts them        a void counted as a lost message */
#include "channel/topic.h"

bool spg__topic_is_gone(const struct spg__topic *topic, uint64_t owner) {
    if (owner == 0) return false;
    if (owner & SPG__TOPIC_LEFT) return true;
    return !spg__domain_alive(topic->channel.domain, owner >> SPG__TOPIC_ROW_SHIFT);
}

/* ---- voids ----------------------------------------------------------------------------------- */

static bool is_logged(const struct spg__topic *topic, uint64_t count, uint64_t sequence) {
    for (uint64_t i = 0; i < SPG__TOPIC_VOIDS && i < count; i++) {
        const spg__word64 *entry = &topic->shared->void_log[(count - 1 - i) % SPG__TOPIC_VOIDS];
        if (spg__load_relaxed_64(entry) == sequence) return true; /* relaxed: as below */
    }
    return false;
}

/* Entered once, also if a recoverer died between here and the slot: others may have been entered
 * since. */
static void log_void(const struct spg__topic *topic, uint64_t sequence) {
    struct spg__topic_shared *shared = topic->shared;
    uint64_t count = spg__load_relaxed_64(&shared->voids); /* relaxed: under the domain's lock */
    if (is_logged(topic, count, sequence)) return;
    /* pairs: topic.voids */
    spg__store_release_64(&shared->void_log[count % SPG__TOPIC_VOIDS], sequence);
    spg__store_release_64(&shared->voids, count + 1); /* pairs: topic.voids */
}

/* The oldest entry may be in the course of becoming the newest; so it is not looked at. */
static uint64_t count_at_or_above(const struct spg__topic *topic, uint64_t count,
                                  uint64_t sequence) {
    uint64_t above = 0;
    for (uint64_t i = 0; i < SPG__TOPIC_VOIDS - 1 && i < count; i++) {
        const spg__word64 *entry = &topic->shared->void_log[(count - 1 - i) % SPG__TOPIC_VOIDS];
        if (spg__load_acquire_64(entry) >= sequence) above++; /* pairs: topic.voids */
    }
    return above;
}

uint64_t spg__topic_voids_below(const struct spg__topic *topic, uint64_t sequence) {
    for (;;) {
        uint64_t count = spg__load_acquire_64(&topic->shared->voids); /* pairs: topic.voids */
        uint64_t above = count_at_or_above(topic, count, sequence);
        /* pairs: topic.voids */
        if (spg__load_acquire_64(&topic->shared->voids) == count) return count - above;
    }
}

void spg__topic_voids_begin(const struct spg__topic *topic, struct spg__voids *voids,
                            uint64_t position) {
    voids->began_below = spg__topic_voids_below(topic, position);
    voids->below = voids->began_below;
    voids->settles = position + topic->shape.slots;
}

void spg__topic_voids_settle(const struct spg__topic *topic, struct spg__voids *voids) {
    if (voids->settles == 0) return;
    uint64_t began = voids->settles - topic->shape.slots;
    voids->below += spg__topic_voids_below(topic, began) - voids->began_below;
    voids->settles = 0;
}

/* ---- publishers ------------------------------------------------------------------------------ */

/* `claim` may be of a sequence that another got, or that was committed: then there is nothing. */
static void void_claim(const struct spg__topic *topic, uint32_t row) {
    struct spg__publisher_shared *publisher = spg__topic_publisher(topic, row);
    uint64_t sequence = spg__load_acquire_64(&publisher->claim); /* pairs: topic.claim */
    struct spg__slot_shared *slot = spg__topic_slot(topic, sequence);
    uint64_t claimed = spg__slot_state(sequence, SPG__SLOT_CLAIMED, row);
    /* pairs: topic.slot */
    if (sequence == 0 || spg__load_acquire_64(&slot->state) != claimed) return;
    log_void(topic, sequence);
    /* pairs: topic.slot */
    spg__cas_seq_cst_64(&slot->state, &claimed, spg__slot_state(sequence, SPG__SLOT_VOID, row));
}

struct dead_publisher {
    const struct spg__topic *topic;
    uint64_t claim;
};

/* Was what the dead one was about to publish published? Whatever else is given is not his. */
static bool stands(void *context, uint32_t chunk, uint64_t tag) {
    struct dead_publisher *dead = context;
    struct spg__published published;
    if (tag != (dead->claim & SPG__CHUNK_TAG_MASK)) return true;
    return spg__topic_has_chunk(dead->topic, dead->claim, &published) && published.chunk == chunk;
}

static void recover_publisher(const struct spg__topic *topic, uint32_t row) {
    struct spg__publisher_shared *publisher = spg__topic_publisher(topic, row);
    struct spg__arena arena = topic->arena;
    void_claim(topic, row);
    arena.row = row;
    arena.loans = publisher->loans;
    arena.loan_count = SPG__TOPIC_LOANS;
    /* pairs: topic.claim */
    struct dead_publisher dead = {topic, spg__load_acquire_64(&publisher->claim)};
    spg__arena_recover(&arena, stands, &dead);
    spg__store_release_64(&publisher->owner, 0); /* pairs: topic.owner */
}

/* ---- subscribers ----------------------------------------------------------------------------- */

static void recover_subscriber(const struct spg__topic *topic, uint32_t row) {
    struct spg__subscriber_shared *subscriber = spg__topic_subscriber(topic, row);
    spg__word64 *gates = &topic->shared->gates[row / 64];
    for (uint32_t i = 0; i < topic->shape.holds; i++) {
        spg__topic_release_hold(topic, &subscriber->holds[i]);
    }
    uint64_t bits = spg__load_relaxed_64(gates); /* relaxed: changed under the domain's lock */
    /* pairs: topic.gates */
    spg__store_seq_cst_64(gates, bits & ~(UINT64_C(1) << row % 64));
    spg__store_release_64(&subscriber->owner, 0); /* pairs: topic.owner */
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Who was found alive in one walk over the rows: each node is asked after once, not once a row. */
enum { CENSUS = 255 };
struct census {
    uint64_t alive[CENSUS];
};

static bool is_gone(const struct spg__topic *topic, struct census *census,
                    const spg__word64 *word) {
    uint64_t owner = spg__load_acquire_64(word); /* pairs: topic.owner */
    uint64_t number = owner >> SPG__TOPIC_ROW_SHIFT;
    if (owner == 0) return false;
    if (!(owner & SPG__TOPIC_LEFT) && census->alive[number % CENSUS] == number) return false;
    if (spg__topic_is_gone(topic, owner)) return true;
    census->alive[number % CENSUS] = number;
    return false;
}

uint32_t spg__topic_recover(const struct spg__topic *topic) {
    struct census census = {{0}};
    uint32_t recovered = 0;
    for (uint32_t row = 0; row < topic->shape.publishers; row++) {
        if (!is_gone(topic, &census, &spg__topic_publisher(topic, row)->owner)) continue;
        recover_publisher(topic, row);
        recovered++;
    }
    for (uint32_t row = 0; row < topic->shape.subscribers; row++) {
        if (!is_gone(topic, &census, &spg__topic_subscriber(topic, row)->owner)) continue;
        recover_subscriber(topic, row);
        recovered++;
    }
    if (recovered > 0) {
        spg__alarm_sound(&topic->news);
        spg__alarm_sound(&topic->room);
    }
    return recovered;
}

bool spg__topic_has_gone(const struct spg__topic *topic) {
    struct census census = {{0}};
    for (uint32_t row = 0; row < topic->shape.publishers; row++) {
        if (is_gone(topic, &census, &spg__topic_publisher(topic, row)->owner)) return true;
    }
    for (uint32_t row = 0; row < topic->shape.subscribers; row++) {
        if (is_gone(topic, &census, &spg__topic_subscriber(topic, row)->owner)) return true;
    }
    return false;
}

uint32_t spg__topic_recover_unlocked(const struct spg__topic *topic) {
    struct spg__domain_lock lock;
    if (spg__domain_try_lock(topic->channel.domain, &lock) < 0) return 0;
    uint32_t recovered = spg__topic_recover(topic);
    spg__domain_unlock(&lock);
    return recovered;
}

static bool lives(const struct spg__topic *topic, const spg__word64 *word) {
    uint64_t owner = spg__load_acquire_64(word); /* pairs: topic.owner */
    return owner != 0 && !spg__topic_is_gone(topic, owner);
}

bool spg__topic_has_living(const struct spg__topic *topic) {
    for (uint32_t row = 0; row < topic->shape.publishers; row++) {
        if (lives(topic, &spg__topic_publisher(topic, row)->owner)) return true;
    }
    for (uint32_t row = 0; row < topic->shape.subscribers; row++) {
        if (lives(topic, &spg__topic_subscriber(topic, row)->owner)) return true;
    }
    return false;
}

void spg__topic_leave(struct spg__topic *topic, spg__word64 *owner) {
    struct spg__domain_lock lock;
    uint64_t word = spg__load_relaxed_64(owner);          /* relaxed: our own row */
    spg__store_release_64(owner, word | SPG__TOPIC_LEFT); /* pairs: topic.owner */
    if (spg__domain_lock(topic->channel.domain, &lock) < 0) return;
    spg__topic_recover(topic);
    if (!(topic->shape.flags & SPG__TOPIC_KEEP) && !spg__topic_has_living(topic)) {
        spg__channel_unname(&topic->channel);
    }
    spg__domain_unlock(&lock);
}
