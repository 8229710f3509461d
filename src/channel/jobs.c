/* jobs.c: offering, taking and finishing jobs.
 *
 * Shared are the entries, each with a state word that says who has it, and two hints of positions.
 * Every step of an entry is one compare-and-swap of its state:
 *
 *   claim   FREE -> FILLING(maker)      the maker alone writes the entry
 *   commit  FILLING -> OFFERED          from here on the job exists, whatever becomes of its maker
 *   take    OFFERED -> TAKEN(taker)     of several takers one succeeds
 *   done    TAKEN -> DONE -> FREE       without memory of its own at once
 *   return  TAKEN -> RETURNING -> OFFERED
 *
 * Death of the owner leaves the word that names its row; before a claim or take the row names the
 * entry. So whoever recovers the row (jobs_recover.c) looks at those entries, and nowhere else.
 *
 * Order. The maker at position `tail` claims its entry by raising its lap, then raises `tail`. If
 * it dies between, the next one finds the lap raised and helps. An entry in use is passed over, by
 * raising its lap and changing nothing else, but only if a free one comes before the first one that
 * is still offered; otherwise the ring is full. So a claim for a position that was passed fails: it
 * expects the lap before. And a taker sees from an entry's lap alone whether its position came yet:
 * it does not look at `tail`, nor a maker at `head`. In a quiet channel nothing but the entry's
 * line travels.
 *
 * `head`: nothing is offered at positions before it. A taker raises it over what it saw taken or
 * free, never over FILLING or RETURNING; it does so at its next take, when nobody waits for it.
 * Offering a taken job again is in three steps: RETURNING; then `head` is lowered to it and its
 * version changed, so that a taker that looked before cannot raise it any more; then OFFERED. So a
 * job that is offered is found, also while who returns it is stopped. A taker that sees one offered
 * behind a FILLING looks at that once more: the same maker may have committed both in the meantime,
 * and its first one goes first.
 *
 *   tag          release                    acquire                without it
 *   jobs.state   each step of an entry      each step, and looks   payload or meta of before
 *   jobs.tail    makers raise it            makers                 a claim would fail and go on
 *   jobs.head    takers raise, who offers   takers                 a job behind it is not seen
 *                again lowers
 *   jobs.ledger  a member notes an entry    who recovers its row   an entry of the dead is lost
 *   jobs.row     a row is taken or freed    who looks who it is    a new owner's ledger taken for
 *                                                                  the old one's
 *   turn.sleeper, alarm.sleeper             sync/wait.c, alarm.c */
#include "channel/jobs.h"

#include "sync/wait.h"

/* A hostile peer may keep us busy as long as it keeps changing words; a dead image may not. */
enum {
    QUIET_CAPACITY_MAX = 1024,
    ROUNDS_MAX = 1 << 12,
    STUCK_MAX = 256,
    EXHAUSTED_MAX = 16,
    RETRY = 1,
    EXHAUSTED = 2
};

/* How far a position is behind an entry's lap: -1 it is to come, 0 it is now, more: it is over. */
static int32_t ahead(const struct spg__jobs *jobs, uint64_t state, uint64_t position) {
    return (int32_t)(spg__job_lap(state) - spg__jobs_lap(jobs, position));
}

static bool is_before(const struct spg__jobs *jobs, uint64_t first, uint64_t second) {
    return first != second && ((second - first) & jobs->positions) <= jobs->positions / 2;
}

static uint64_t look(const struct spg__jobs *jobs, uint64_t position) {
    /* pairs: jobs.state */
    return spg__load_acquire_64(&spg__jobs_entry(jobs, position)->state);
}

bool spg__jobs_change(struct spg__jobs *jobs, uint32_t entry, uint64_t *state, uint32_t what) {
    spg__word64 *word = &spg__jobs_entry(jobs, entry)->state;
    uint32_t from = (uint32_t)*state;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        uint64_t next = *state >> 32 << 32 | what;
        /* pairs: jobs.state */
        if (spg__cas_acq_rel_64(word, state, next)) {
            *state = next;
            return true;
        }
        if ((uint32_t)*state != from) return false;
    }
    return false;
}

/* ---- claiming -------------------------------------------------------------------------------- */

static void help_tail(struct spg__jobs *jobs, uint64_t tail) {
    /* pairs: jobs.tail */
    spg__cas_acq_rel_64(&jobs->shared->tail, &tail, (tail + 1) & jobs->positions);
}

/* The entry's turn is over; who has it keeps it. */
static bool pass_over(struct spg__jobs *jobs, uint64_t position) {
    uint64_t state = look(jobs, position);
    if (ahead(jobs, state, position) == -1) {
        if (spg__job_phase(state) == SPG__JOB_FREE || spg__job_phase(state) == SPG__JOB_OFFERED)
            return false;
        uint64_t raised = state + (UINT64_C(1) << 32);
        /* pairs: jobs.state */
        if (!spg__cas_acq_rel_64(&spg__jobs_entry(jobs, position)->state, &state, raised))
            return false;
    }
    help_tail(jobs, position & jobs->positions);
    return true;
}

static int claim_entry(struct spg__jobs *jobs, uint64_t position, uint64_t state, uint32_t *entry,
                       uint64_t *claimed) {
    *entry = (uint32_t)(position & jobs->mask);
    *claimed = (state & UINT64_C(0xffffffff) << 32) + (UINT64_C(1) << 32);
    *claimed |= spg__job_what(SPG__JOB_FILLING, 0, jobs->member);
    spg__store_release_64(&jobs->row->filling, (uint64_t)*entry + 1); /* pairs: jobs.ledger */
    /* pairs: jobs.state */
    if (!spg__cas_acq_rel_64(&spg__jobs_entry(jobs, position)->state, &state, *claimed))
        return RETRY;
    return 0;
}

/* Not before the commit: until then every moment counts, since takers look at the entry. */
void spg__jobs_claimed(struct spg__jobs *jobs, uint32_t entry, uint64_t state) {
    help_tail(jobs, spg__jobs_position(jobs, state, entry));
}

static int claim_after(struct spg__jobs *jobs, uint64_t tail, uint32_t *entry, uint64_t *claimed) {
    for (uint64_t at = tail; at < tail + jobs->shape.capacity; at++) {
        uint64_t state = look(jobs, at);
        int32_t distance = ahead(jobs, state, at);
        if (distance == 0) help_tail(jobs, at & jobs->positions);
        if (distance > 0) {
            /* pairs: jobs.tail */
            bool stale = spg__load_acquire_64(&jobs->shared->tail) != tail;
            return stale ? RETRY : SPG_ECORRUPT;
        }
        if (distance == 0) return RETRY;
        if (distance < -1) return SPG_ECORRUPT;
        if (spg__job_phase(state) == SPG__JOB_OFFERED) return SPG_EAGAIN;
        if (spg__job_phase(state) != SPG__JOB_FREE) continue;
        for (uint64_t busy = tail; busy < at; busy++) {
            if (!pass_over(jobs, busy)) return RETRY;
        }
        return claim_entry(jobs, at, state, entry, claimed);
    }
    return SPG_EAGAIN;
}

int spg__jobs_claim(struct spg__jobs *jobs, uint32_t *entry, uint64_t *state) {
    uint64_t before = UINT64_MAX;
    int stuck = 0;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        uint64_t tail = spg__load_acquire_64(&jobs->shared->tail); /* pairs: jobs.tail */
        if (tail & ~jobs->positions) return SPG_ECORRUPT;
        stuck = tail == before ? stuck + 1 : 0;
        if (stuck == STUCK_MAX) return SPG_ECORRUPT; /* who claims moves the tail */
        before = tail;
        int result = claim_after(jobs, tail, entry, state);
        if (result != RETRY) return result;
    }
    return SPG_EAGAIN;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void raise_head(struct spg__jobs *jobs, uint64_t head, uint64_t position) {
    uint64_t next = (head & ~jobs->positions) | (position & jobs->positions);
    /* pairs: jobs.head */
    if (next != head) spg__cas_acq_rel_64(&jobs->shared->head, &head, next);
}

/* From now on the head is not behind this position, whoever looked before. */
static void lower_head(struct spg__jobs *jobs, uint64_t position) {
    uint64_t head = spg__load_acquire_64(&jobs->shared->head); /* pairs: jobs.head */
    uint64_t next;
    do {
        uint64_t version = (head & ~jobs->positions) + jobs->positions + 1;
        uint64_t before = head & jobs->positions;
        if (is_before(jobs, position & jobs->positions, before)) before = position;
        next = version | (before & jobs->positions);
        /* pairs: jobs.head */
    } while (!spg__cas_acq_rel_64(&jobs->shared->head, &head, next));
}

/* `head` is laps behind: nobody took anything for long, and makers gave up what they claimed. */
static int catch_up(struct spg__jobs *jobs, uint64_t head) {
    uint64_t tail = spg__load_acquire_64(&jobs->shared->tail); /* pairs: jobs.tail */
    uint64_t earliest = (tail - jobs->shape.capacity) & jobs->positions;
    if (!is_before(jobs, head & jobs->positions, earliest)) return SPG_ECORRUPT;
    raise_head(jobs, head, earliest);
    return RETRY;
}

static bool try_take(struct spg__jobs *jobs, struct spg__hand *hand, uint64_t at, uint64_t *state) {
    uint64_t taken = *state >> 32 << 32 |
                     spg__job_what(SPG__JOB_TAKEN, jobs->member, spg__job_maker(*state));
    hand->entry = (uint32_t)(at & jobs->mask);
    /* pairs: jobs.ledger */
    spg__store_release_64(spg__jobs_hand_word(jobs, hand), (uint64_t)hand->entry + 1);
    /* pairs: jobs.state */
    if (!spg__cas_acq_rel_64(&spg__jobs_entry(jobs, at)->state, state, taken)) return false;
    hand->state = taken;
    return true;
}

static bool will_be_offered(uint64_t state) {
    uint32_t phase = spg__job_phase(state);
    return phase == SPG__JOB_FILLING || phase == SPG__JOB_RETURNING;
}

/* The first job offered from `from` on, as soon as `at` was seen offered. A maker that was seen
 * FILLING before may have committed since, and offered `at`, too: its first one goes first. */
static uint64_t first_offered(const struct spg__jobs *jobs, uint64_t from, uint64_t at) {
    for (uint64_t before = from; before < at; before++) {
        uint64_t state = look(jobs, before);
        bool is_offered = ahead(jobs, state, before) == 0 &&
                          spg__job_phase(state) == SPG__JOB_OFFERED;
        if (!is_offered) continue;
        at = before;
        before = from - 1;
    }
    return at;
}

/* Takes the job at `at`, or one before it that was committed meanwhile. */
static int take_at(struct spg__jobs *jobs, uint64_t head, uint64_t filling, uint64_t at,
                   struct spg__hand *hand) {
    if (!hand) return 0;
    if (filling < at) at = first_offered(jobs, filling, at);
    uint64_t state = look(jobs, at);
    bool is_offered = ahead(jobs, state, at) == 0 && spg__job_phase(state) == SPG__JOB_OFFERED;
    if (!is_offered || !try_take(jobs, hand, at, &state)) return RETRY;
    jobs->seen_head = head;
    jobs->next_head = filling <= at ? filling : at + 1;
    return 0;
}

/* From `head` to the first position that is to come. `hand` NULL: only looks. */
static int take_after(struct spg__jobs *jobs, uint64_t head, struct spg__hand *hand) {
    uint64_t begin = head & jobs->positions;
    uint64_t end = begin + 2 * (uint64_t)jobs->shape.capacity;
    uint64_t filling = end; /* the first such; before it nothing is offered, nor will be */
    for (uint64_t at = begin; at < end; at++) {
        uint64_t state = look(jobs, at);
        int32_t distance = ahead(jobs, state, at);
        if (distance < -1) return SPG_ECORRUPT;
        if (distance > 1 && at == begin) return catch_up(jobs, head);
        if (distance == -1) {
            if (hand) raise_head(jobs, head, filling < at ? filling : at);
            return SPG_EAGAIN;
        }
        if (distance > 0) continue;
        if (spg__job_phase(state) == SPG__JOB_OFFERED)
            return take_at(jobs, head, filling, at, hand);
        if (will_be_offered(state) && filling == end) filling = at;
    }
    /* All of it was over: either we were stopped meanwhile, or it never ends. */
    raise_head(jobs, head, filling);
    return EXHAUSTED;
}

static int take(struct spg__jobs *jobs, struct spg__hand *hand) {
    int exhausted = 0;
    if (hand && jobs->next_head) {
        raise_head(jobs, jobs->seen_head, jobs->next_head);
        jobs->next_head = 0;
    }
    for (int i = 0; i < ROUNDS_MAX && exhausted < EXHAUSTED_MAX; i++) {
        uint64_t head = spg__load_acquire_64(&jobs->shared->head); /* pairs: jobs.head */
        int result = take_after(jobs, head, hand);
        if (result <= 0) return result;
        if (result == EXHAUSTED) exhausted++;
    }
    return SPG_ECORRUPT;
}

int spg__jobs_take(struct spg__jobs *jobs, struct spg__hand *hand) {
    int result = take(jobs, hand);
    if (result == 0) jobs->idle = 0;
    return result;
}

bool spg__jobs_is_offered(const struct spg__jobs *jobs) {
    return take((struct spg__jobs *)jobs, NULL) != SPG_EAGAIN;
}

/* Is every entry free? A job in hand comes back if who has it dies, and nobody wakes us then. */
bool spg__jobs_is_quiet(const struct spg_waitable *waitable) {
    const struct spg__jobs *jobs = spg__jobs_of(waitable);
    if (jobs->shape.capacity > QUIET_CAPACITY_MAX) return false;
    for (uint32_t i = 0; i < jobs->shape.capacity; i++) {
        if (spg__job_phase(look(jobs, i)) != SPG__JOB_FREE) return false;
    }
    return true;
}

/* ---- finishing ------------------------------------------------------------------------------- */

void spg__jobs_sound_room(const struct spg__jobs *jobs) {
    /* pairs: alarm.sleeper */
    if (spg__load_light_32(&jobs->shared->room) & 1) spg__add_and_wake(&jobs->shared->room, 1);
}

void spg__jobs_sound_member(const struct spg__jobs *jobs, uint32_t member) {
    if (member == 0 || member > jobs->shape.rows) return;
    struct spg__row_shared *row = spg__jobs_row(jobs, member - 1);
    struct spg__alarm alarm = {&row->turn, &row->bell, 1, jobs->channel.domain->directory};
    spg__alarm_sound(&alarm);
}

void spg__jobs_free_chunk(const struct spg__jobs *jobs, uint32_t entry, uint32_t chunk) {
    uint64_t word = spg__arena_look(&jobs->arena, chunk);
    uint64_t tag = spg__chunk_tag(word);
    if (spg__chunk_state(word) == SPG__CHUNK_GIVEN && spg__tag_entry(tag) == entry)
        spg__arena_change(&jobs->arena, chunk, SPG__CHUNK_GIVEN, tag, SPG__CHUNK_FREE);
}

static void free_half(const struct spg__jobs *jobs, uint32_t entry, uint32_t half) {
    if (spg__half_length(half) == SPG__JOB_IN_ARENA)
        spg__jobs_free_chunk(jobs, entry, spg__half_chunk(half));
}

bool spg__jobs_free(struct spg__jobs *jobs, uint32_t entry, uint64_t *state) {
    /* relaxed: the entry is ours, since jobs.state */
    uint64_t meta = spg__load_relaxed_64(&spg__jobs_entry(jobs, entry)->meta);
    free_half(jobs, entry, (uint32_t)meta);
    if (jobs->channel.kind == &spg__kind_of_service) free_half(jobs, entry, (uint32_t)(meta >> 32));
    bool freed = spg__jobs_change(jobs, entry, state, spg__job_what(SPG__JOB_FREE, 0, 0));
    spg__jobs_sound_room(jobs);
    return freed;
}

bool spg__jobs_give_back(struct spg__jobs *jobs, uint32_t entry, uint64_t *state) {
    uint32_t taker = spg__job_taker(*state), maker = spg__job_maker(*state);
    if (spg__job_phase(*state) == SPG__JOB_TAKEN &&
        !spg__jobs_change(jobs, entry, state, spg__job_what(SPG__JOB_RETURNING, taker, maker)))
        return false;
    lower_head(jobs, spg__jobs_position(jobs, *state, entry));
    if (!spg__jobs_change(jobs, entry, state, spg__job_what(SPG__JOB_OFFERED, 0, maker)))
        return false;
    spg__alarm_sound(&jobs->offers);
    return true;
}

/* ---- hands ----------------------------------------------------------------------------------- */

struct spg__hand *spg__jobs_hand_open(struct spg__jobs *jobs) {
    if (jobs->free_hand_count == 0) return NULL;
    struct spg__hand *hand = &jobs->hands[jobs->free_hands[--jobs->free_hand_count]];
    hand->serial = ++jobs->serial;
    return hand;
}

void spg__jobs_hand_close(struct spg__jobs *jobs, struct spg__hand *hand) {
    hand->serial = 0;
    spg__store_release_64(spg__jobs_hand_word(jobs, hand), 0); /* pairs: jobs.ledger */
    jobs->free_hands[jobs->free_hand_count++] = (uint32_t)(hand - jobs->hands);
}

void spg__jobs_note_holding(struct spg__jobs *jobs) {
    if (jobs->shape.limit - jobs->free_hand_count > 1) return;
    /* relaxed: for people */
    spg__store_relaxed_64(&jobs->row->holding, (uint64_t)spg__clock_coarse());
}

struct spg__hand *spg__jobs_hand_find(struct spg__jobs *jobs, uint64_t handle) {
    uint32_t index = (uint32_t)(handle & 1023);
    if (index >= jobs->shape.limit || handle >> 10 == 0) return NULL;
    struct spg__hand *hand = &jobs->hands[index];
    return hand->serial == handle >> 10 ? hand : NULL;
}

/* ---- waiting --------------------------------------------------------------------------------- */

int spg__jobs_insist(struct spg__jobs *jobs, spg__jobs_attempt *attempt, void *context,
                     struct spg__wait *wait) {
    spg__word32 *room = &jobs->shared->room;
    wait->asleep = &jobs->row->asleep;
    for (;;) {
        int result = attempt(jobs, context);
        if (result != SPG_EAGAIN) return result;
        if (spg__wait_spins(wait)) continue;
        spg__jobs_look_after(jobs, true);
        uint32_t turn = 0;
        if (wait->timeout != 0) {
            turn = spg__turn_announce(room);
            spg__barrier_everywhere(); /* pairs: alarm.sleeper */
        }
        result = attempt(jobs, context);
        if (result != SPG_EAGAIN) return result;
        int over = spg__wait_slice(wait, room, turn);
        if (over) return over;
    }
}
