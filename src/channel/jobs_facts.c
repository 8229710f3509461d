/* jobs_facts.c: a queue or a service as somebody sees it who looks on. Changes nothing.
 *
 * Words are read one after the other, so what depends on several of them is judged only where no
 * member lives: then nothing moves but by recovery, which makes it right again. */
#include "base/error.h"
#include "channel/jobs.h"

static uint64_t state_of(const struct spg__jobs *jobs, uint64_t entry) {
    /* pairs: jobs.state */
    return spg__load_acquire_64(&spg__jobs_entry(jobs, entry)->state);
}

static uint64_t owner_of(const struct spg__jobs *jobs, uint32_t row) {
    return spg__load_acquire_64(&spg__jobs_row(jobs, row)->owner); /* pairs: jobs.row */
}

/* ---- facts ----------------------------------------------------------------------------------- */

void spg__jobs_facts(const struct spg__jobs *jobs, struct spg__jobs_facts *facts) {
    *facts = (struct spg__jobs_facts){0};
    for (uint32_t i = 0; i < jobs->shape.capacity; i++) {
        uint32_t phase = spg__job_phase(state_of(jobs, i));
        if (phase < SPG__JOB_PHASES) facts->in_phase[phase]++;
    }
    (void)spg__arena_audit(&jobs->arena, facts->units);
    facts->living = spg__jobs_living(jobs);
    for (uint32_t i = 0; i < jobs->shape.rows; i++) facts->dead += owner_of(jobs, i) != 0;
    facts->dead = facts->dead > facts->living ? facts->dead - facts->living : 0;
}

void spg__jobs_member(const struct spg__jobs *jobs, uint32_t index,
                      struct spg__member_facts *facts) {
    const struct spg__row_shared *row = spg__jobs_row(jobs, index);
    uint64_t owner = owner_of(jobs, index);
    *facts = (struct spg__member_facts){.node = owner >> SPG__ROW_SHIFT};
    if (owner == 0) return;
    facts->alive = spg__domain_alive(jobs->channel.domain, facts->node);
    facts->role = (enum spg__job_role)spg__load_relaxed_64(&row->role); /* relaxed: for display */
    facts->made = spg__load_relaxed_64(&row->made);                     /* relaxed: likewise */
    facts->taken = spg__load_relaxed_64(&row->taken);                   /* relaxed: likewise */
    facts->finished = spg__load_relaxed_64(&row->finished);             /* relaxed: likewise */
    facts->since = spg__load_relaxed_64(&row->since);                   /* relaxed: likewise */
    facts->asleep = spg__load_relaxed_64(&row->asleep);                 /* relaxed: likewise */
    facts->holding = spg__load_relaxed_64(&row->holding);               /* relaxed: likewise */
    for (uint32_t i = 0; i < jobs->shape.limit; i++) {
        /* pairs: jobs.ledger */
        facts->in_hand += spg__load_acquire_64(&row->ledger[i]) != 0;
    }
}

/* ---- the audit ------------------------------------------------------------------------------- */

static bool names(const spg__word64 *words, uint32_t count, uint64_t what) {
    for (uint32_t i = 0; i < count; i++) {
        if (spg__load_acquire_64(&words[i]) == what + 1) return true; /* pairs: jobs.ledger */
    }
    return false;
}

/* Is there such a member, alive or dead, and would its recovery find the entry? */
static bool is_owned(const struct spg__jobs *jobs, uint32_t member, uint32_t entry, bool filling) {
    if (member == 0 || member > jobs->shape.rows || owner_of(jobs, member - 1) == 0) return false;
    const struct spg__row_shared *row = spg__jobs_row(jobs, member - 1);
    return filling ? names(&row->filling, 1, entry) : names(row->ledger, jobs->shape.limit, entry);
}

static bool is_entry_right(const struct spg__jobs *jobs, uint32_t entry) {
    uint64_t state = state_of(jobs, entry);
    uint32_t maker = spg__job_maker(state), taker = spg__job_taker(state);
    bool serves = jobs->channel.kind == &spg__kind_of_service;
    switch (spg__job_phase(state)) {
    case SPG__JOB_FREE: return maker == 0 && taker == 0;
    case SPG__JOB_FILLING: return is_owned(jobs, maker, entry, true);
    case SPG__JOB_OFFERED: return !serves || is_owned(jobs, maker, entry, false);
    case SPG__JOB_TAKEN:
        return is_owned(jobs, taker, entry, false) &&
               (!serves || is_owned(jobs, maker, entry, false));
    case SPG__JOB_RETURNING: return !serves && is_owned(jobs, taker, entry, false);
    case SPG__JOB_DONE: return is_owned(jobs, serves ? maker : taker, entry, false);
    case SPG__JOB_ANSWERED:
    case SPG__JOB_BROKEN: return serves && is_owned(jobs, maker, entry, false);
    case SPG__JOB_CANCELLED:
    case SPG__JOB_ORPHANED: return serves && is_owned(jobs, taker, entry, false);
    default: return false;
    }
}

/* All entries are to come, but perhaps the very first: claimed, and `tail` not raised yet. */
static bool is_lap_right(const struct spg__jobs *jobs, uint64_t tail, uint64_t position) {
    uint32_t to_come = spg__jobs_lap(jobs, position) - spg__job_lap(state_of(jobs, position));
    return to_come == 1 || (to_come == 0 && position == tail);
}

static bool is_named_by_entry(const struct spg__jobs *jobs, uint32_t entry, uint32_t chunk) {
    if (entry >= jobs->shape.capacity) return false;
    if (spg__job_phase(state_of(jobs, entry)) == SPG__JOB_FREE) return false;
    /* relaxed: nobody lives */
    uint64_t meta = spg__load_relaxed_64(&spg__jobs_entry(jobs, entry)->meta);
    uint32_t job = (uint32_t)meta, response = (uint32_t)(meta >> 32);
    if (spg__half_length(job) == SPG__JOB_IN_ARENA && spg__half_chunk(job) == chunk) return true;
    return jobs->channel.kind == &spg__kind_of_service &&
           spg__half_length(response) == SPG__JOB_IN_ARENA && spg__half_chunk(response) == chunk;
}

static bool is_on_loan(const struct spg__jobs *jobs, uint32_t chunk) {
    for (uint32_t i = 0; i < jobs->shape.rows; i++) {
        struct spg__row_shared *row = spg__jobs_row(jobs, i);
        if (owner_of(jobs, i) != 0 && names(spg__row_loans(jobs, row), jobs->shape.limit, chunk))
            return true;
    }
    return false;
}

static bool is_chunk_right(const struct spg__jobs *jobs, uint32_t chunk, uint64_t word) {
    switch (spg__chunk_state(word)) {
    case SPG__CHUNK_FREE: return true;
    case SPG__CHUNK_LOANED: return is_on_loan(jobs, chunk);
    case SPG__CHUNK_GIVEN:
        return is_named_by_entry(jobs, spg__tag_entry(spg__chunk_tag(word)), chunk) ||
               is_on_loan(jobs, chunk);
    default: return false;
    }
}

static int complain(const struct spg__jobs *jobs, const char *what, uint64_t which) {
    return spg__fail(SPG_ECORRUPT, "%.300s: %s %llu cannot be right", jobs->channel.file_name, what,
                     (unsigned long long)which);
}

static int audit_arena(const struct spg__jobs *jobs) {
    for (uint32_t at = 0; at < jobs->shape.arena.units;) {
        uint64_t word = spg__arena_look(&jobs->arena, at);
        if (spg__chunk_length(word) == 0 || !is_chunk_right(jobs, at, word))
            return complain(jobs, "chunk", at);
        at += spg__chunk_length(word);
    }
    return 0;
}

int spg__jobs_audit(const struct spg__jobs *jobs) {
    for (uint32_t i = 0; i < jobs->shape.capacity; i++) {
        uint64_t state = state_of(jobs, i);
        if (spg__job_phase(state) >= SPG__JOB_PHASES || spg__job_maker(state) > jobs->shape.rows ||
            spg__job_taker(state) > jobs->shape.rows)
            return complain(jobs, "the state of entry", i);
    }
    if (spg__jobs_living(jobs) > 0) return 0;
    uint64_t tail = spg__load_acquire_64(&jobs->shared->tail); /* pairs: jobs.tail */
    if (tail & ~jobs->positions) return complain(jobs, "tail", tail);
    for (uint32_t i = 0; i < jobs->shape.capacity; i++) {
        if (!is_entry_right(jobs, i)) return complain(jobs, "the owner of entry", i);
        if (!is_lap_right(jobs, tail, tail + i))
            return complain(jobs, "the lap of entry", (tail + i) & jobs->mask);
    }
    return audit_arena(jobs);
}
