/* jobs_recover.c: what dead members left.
 *
 * A member's row names every entry and chunk that it may own, so its recovery looks at those alone.
 * A recoverer first puts its own node into the row: of several at once one works on it, and if that
 * one dies, or was stopped and then killed, the row names a dead node again. Every step is a swap
 * from exactly the dead member's word, or a word of the row set to zero after what it names is
 * settled; so a recovery that was broken off is begun again from the start and finds what is left.
 * The row becomes free last: nothing names it any more but as the maker of jobs that outlive it.
 *
 * Who looks on without a node has nothing to put into the row. It may recover only under the
 * domain's lock and when no member lives: then nobody else can be at it.
 *
 *   what the row names            becomes
 *   chunk LOANED                  free
 *   chunk GIVEN, not published    free
 *   FILLING                       free
 *   TAKEN, queue                  offered again; finished, if jobs are given out at most once
 *   TAKEN, service, by a server   BROKEN: the client is told. Free, if the client wants it no more
 *   OFFERED, ANSWERED, BROKEN     of a dead client: free
 *   TAKEN, service, of a client   ORPHANED: the server frees it */
#include "channel/jobs.h"

enum { TRIES = 1000 };

static const int64_t INTERVAL_NS = 10 * 1000 * 1000;

static uint64_t look(const struct spg__jobs *jobs, uint32_t entry) {
    /* pairs: jobs.state */
    return spg__load_acquire_64(&spg__jobs_entry(jobs, entry)->state);
}

/* The entry that a word of a row names, or the capacity. */
static uint32_t named(const struct spg__jobs *jobs, const spg__word64 *word) {
    uint64_t noted = spg__load_acquire_64(word); /* pairs: jobs.ledger */
    return noted - 1 < jobs->shape.capacity ? (uint32_t)(noted - 1) : jobs->shape.capacity;
}

/* ---- loans ----------------------------------------------------------------------------------- */

struct dead {
    const struct spg__jobs *jobs;
    uint32_t member;
};

/* Was this chunk published by the entry that its tag names? */
static bool stands(void *context, uint32_t chunk, uint64_t tag) {
    const struct dead *dead = context;
    uint32_t entry = spg__tag_entry(tag);
    if (entry >= dead->jobs->shape.capacity) return false;
    uint64_t state = look(dead->jobs, entry);
    if (spg__job_phase(state) == SPG__JOB_FREE) return false;
    if (spg__job_phase(state) == SPG__JOB_FILLING && spg__job_maker(state) == dead->member)
        return false;
    /* relaxed: judged by what it says; the chunk's word decides */
    uint64_t meta = spg__load_relaxed_64(&spg__jobs_entry(dead->jobs, entry)->meta);
    uint32_t job = (uint32_t)meta, response = (uint32_t)(meta >> 32);
    if (spg__half_length(job) == SPG__JOB_IN_ARENA && spg__half_chunk(job) == chunk) return true;
    return dead->jobs->channel.kind == &spg__kind_of_service &&
           spg__half_length(response) == SPG__JOB_IN_ARENA && spg__half_chunk(response) == chunk;
}

static void recover_loans(struct spg__jobs *jobs, uint32_t member) {
    struct dead dead = {jobs, member};
    struct spg__arena arena = jobs->arena;
    arena.row = member;
    arena.loans = spg__row_loans(jobs, spg__jobs_row(jobs, member - 1));
    if (arena.shape.units) spg__arena_recover(&arena, stands, &dead);
}

/* ---- entries --------------------------------------------------------------------------------- */

static void recover_filling(struct spg__jobs *jobs, uint32_t entry, uint32_t member) {
    if (entry == jobs->shape.capacity) return;
    uint64_t state = look(jobs, entry);
    if (spg__job_phase(state) == SPG__JOB_FILLING && spg__job_maker(state) == member)
        spg__jobs_change(jobs, entry, &state, spg__job_what(SPG__JOB_FREE, 0, 0));
}

/* One step of a dead taker's entry in a queue. False: there is nothing more to do. */
static bool settle_queue(struct spg__jobs *jobs, uint32_t entry, uint64_t state, uint32_t member) {
    bool over = jobs->shape.flags & SPG__JOBS_AT_MOST_ONCE;
    uint32_t phase = spg__job_phase(state);
    if (spg__job_taker(state) != member) return false;
    if (phase == SPG__JOB_TAKEN && over) {
        uint32_t what = spg__job_what(SPG__JOB_DONE, member, spg__job_maker(state));
        spg__jobs_change(jobs, entry, &state, what);
        return true;
    }
    if (phase == SPG__JOB_TAKEN || phase == SPG__JOB_RETURNING)
        return !spg__jobs_give_back(jobs, entry, &state);
    if (phase == SPG__JOB_DONE) spg__jobs_free(jobs, entry, &state);
    return false;
}

static bool settle_server(struct spg__jobs *jobs, uint32_t entry, uint64_t state) {
    uint32_t maker = spg__job_maker(state);
    if (spg__job_phase(state) == SPG__JOB_TAKEN) {
        if (spg__jobs_change(jobs, entry, &state, spg__job_what(SPG__JOB_BROKEN, 0, maker)))
            spg__jobs_sound_member(jobs, maker);
        return true;
    }
    spg__jobs_free(jobs, entry, &state);
    return false;
}

static bool settle_client(struct spg__jobs *jobs, uint32_t entry, uint64_t state, uint32_t member) {
    uint32_t what = spg__job_what(SPG__JOB_DONE, 0, member);
    switch (spg__job_phase(state)) {
    case SPG__JOB_OFFERED: spg__jobs_change(jobs, entry, &state, what); return true;
    case SPG__JOB_TAKEN:
        what = spg__job_what(SPG__JOB_ORPHANED, spg__job_taker(state), 0);
        spg__jobs_change(jobs, entry, &state, what);
        return true;
    case SPG__JOB_DONE:
    case SPG__JOB_ANSWERED:
    case SPG__JOB_BROKEN: spg__jobs_free(jobs, entry, &state); return false;
    default: return false;
    }
}

static bool settle(struct spg__jobs *jobs, uint32_t entry, uint64_t state, uint32_t member) {
    uint32_t phase = spg__job_phase(state);
    if (jobs->channel.kind == &spg__kind_of_queue) return settle_queue(jobs, entry, state, member);
    bool is_with_taker = phase == SPG__JOB_TAKEN || phase == SPG__JOB_CANCELLED ||
                         phase == SPG__JOB_ORPHANED;
    if (is_with_taker && spg__job_taker(state) == member) return settle_server(jobs, entry, state);
    if (spg__job_maker(state) == member) return settle_client(jobs, entry, state, member);
    return false;
}

static void recover_hand(struct spg__jobs *jobs, spg__word64 *word, uint32_t member) {
    uint32_t entry = named(jobs, word);
    for (int i = 0; i < TRIES && entry < jobs->shape.capacity; i++) {
        if (!settle(jobs, entry, look(jobs, entry), member)) break;
    }
    spg__store_release_64(word, 0); /* pairs: jobs.ledger */
}

/* ---- rows ------------------------------------------------------------------------------------ */

void spg__jobs_clear_row(struct spg__jobs *jobs, uint32_t index) {
    struct spg__row_shared *row = spg__jobs_row(jobs, index);
    uint32_t member = index + 1;
    recover_loans(jobs, member);
    recover_filling(jobs, named(jobs, &row->filling), member);
    for (uint32_t i = 0; i < jobs->shape.limit; i++) {
        /* pairs: jobs.ledger */
        if (spg__load_acquire_64(&row->ledger[i]) != 0) recover_hand(jobs, &row->ledger[i], member);
    }
    spg__store_release_64(&row->filling, 0); /* pairs: jobs.ledger */
    spg__alarm_sound(&jobs->offers);
    spg__jobs_sound_room(jobs);
}

static bool is_alive(const struct spg__jobs *jobs, uint64_t owner) {
    return spg__domain_alive(jobs->channel.domain, owner >> SPG__ROW_SHIFT);
}

bool spg__jobs_recover_row(struct spg__jobs *jobs, uint32_t index) {
    struct spg__row_shared *row = spg__jobs_row(jobs, index);
    const spg_node *node = jobs->channel.node;
    uint64_t owner = spg__load_acquire_64(&row->owner); /* pairs: jobs.row */
    if (owner == 0 || is_alive(jobs, owner)) return false;
    if (node) {
        uint64_t claim = node->number << SPG__ROW_SHIFT | SPG__ROW_RECOVERING;
        /* pairs: jobs.row */
        if (!spg__cas_acq_rel_64(&row->owner, &owner, claim)) return false;
    }
    spg__jobs_clear_row(jobs, index);
    spg__store_release_64(&row->owner, 0); /* pairs: jobs.row */
    return true;
}

static bool has_remains(const struct spg__jobs *jobs, uint32_t index) {
    const struct spg__row_shared *row = spg__jobs_row(jobs, index);
    for (uint32_t i = 0; i < 2 * jobs->shape.limit; i++) {
        /* pairs: jobs.ledger */
        if (spg__load_acquire_64(&row->ledger[i]) != 0) return true;
    }
    uint32_t entry = named(jobs, &row->filling);
    if (entry == jobs->shape.capacity) return false;
    uint64_t state = look(jobs, entry);
    return spg__job_phase(state) == SPG__JOB_FILLING && spg__job_maker(state) == index + 1;
}

static bool is_time(struct spg__jobs *jobs, bool waiting) {
    jobs->idle++;
    if (!waiting && (jobs->idle & 255)) return false;
    int64_t now = spg__clock_monotonic();
    if (now - jobs->looked < INTERVAL_NS) return false;
    jobs->looked = now;
    return true;
}

bool spg__jobs_look_after(struct spg__jobs *jobs, bool waiting) {
    bool repaired = false;
    if (!is_time(jobs, waiting)) return false;
    for (uint32_t i = 0; i < jobs->shape.rows; i++) {
        if (i + 1 == jobs->member) continue;
        /* pairs: jobs.row */
        if (spg__load_acquire_64(&spg__jobs_row(jobs, i)->owner) == 0) continue;
        if (has_remains(jobs, i) && spg__jobs_recover_row(jobs, i)) repaired = true;
    }
    return repaired;
}

uint32_t spg__jobs_living(const struct spg__jobs *jobs) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < jobs->shape.rows; i++) {
        /* pairs: jobs.row */
        uint64_t owner = spg__load_acquire_64(&spg__jobs_row(jobs, i)->owner);
        if (owner != 0 && is_alive(jobs, owner)) count++;
    }
    return count;
}

void spg__jobs_recover_all(struct spg__jobs *jobs) {
    if (!jobs->channel.node && spg__jobs_living(jobs) > 0) return;
    for (uint32_t i = 0; i < jobs->shape.rows; i++) spg__jobs_recover_row(jobs, i);
}

bool spg__jobs_is_over(const struct spg__jobs *jobs) {
    if (spg__jobs_living(jobs) > 0) return false;
    if (jobs->channel.kind == &spg__kind_of_service) return true;
    bool over = jobs->shape.flags & SPG__JOBS_AT_MOST_ONCE;
    for (uint32_t i = 0; i < jobs->shape.capacity; i++) {
        uint32_t phase = spg__job_phase(look(jobs, i));
        if (phase == SPG__JOB_OFFERED || phase == SPG__JOB_RETURNING) return false;
        if (phase == SPG__JOB_TAKEN && !over) return false;
    }
    return true;
}
