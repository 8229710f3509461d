/* jobs_facts.c: queues and services as seen by who looks on. Each word is loaded once, while others
 * may be using them; what depends on several words is judged only when no member lives. */
#include <inttypes.h>

#include "base/error.h"
#include "channel/jobs.h"

static uint64_t look(const struct spg__jobs *jobs, uint32_t entry) {
    /* pairs: jobs.state */
    return spg__load_acquire_64(&spg__jobs_entry(jobs, entry)->state);
}

/* ---- facts ----------------------------------------------------------------------------------- */

void spg__jobs_facts(const struct spg__jobs *jobs, struct spg__jobs_facts *facts) {
    *facts = (struct spg__jobs_facts){.living = 0};
    for (uint32_t entry = 0; entry < jobs->shape.capacity; entry++) {
        uint32_t phase = spg__job_phase(look(jobs, entry));
        if (phase < SPG__JOB_PHASES) facts->in_phase[phase]++;
    }
    /* An arena that is damaged is the audit's business. */
    (void)spg__arena_audit(&jobs->arena, facts->units);
    for (uint32_t row = 0; row < jobs->shape.rows; row++) {
        struct spg__member_facts member;
        spg__jobs_member(jobs, row, &member);
        facts->living += member.node != 0 && member.alive;
        facts->dead += member.node != 0 && !member.alive;
    }
}

static uint32_t count_hands(const struct spg__jobs *jobs, const struct spg__row_shared *row) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < jobs->shape.limit; i++) {
        count += spg__load_relaxed_64(&row->ledger[i]) != 0; /* relaxed: a look */
    }
    return count;
}

void spg__jobs_member(const struct spg__jobs *jobs, uint32_t index,
                      struct spg__member_facts *facts) {
    const struct spg__row_shared *row = spg__jobs_row(jobs, index);
    uint64_t owner = spg__load_acquire_64(&row->owner); /* pairs: jobs.row */
    *facts = (struct spg__member_facts){.node = owner >> SPG__ROW_SHIFT};
    if (owner == 0) return;
    facts->alive = !(owner & SPG__ROW_RECOVERING) &&
                   spg__domain_alive(jobs->channel.domain, facts->node);
    facts->role = (enum spg__job_role)spg__load_relaxed_64(&row->role); /* relaxed: a look */
    facts->made = spg__load_relaxed_64(&row->made);                     /* relaxed: a look */
    facts->taken = spg__load_relaxed_64(&row->taken);                   /* relaxed: a look */
    facts->finished = spg__load_relaxed_64(&row->finished);             /* relaxed: a look */
    facts->since = spg__load_relaxed_64(&row->since);                   /* relaxed: a look */
    facts->in_hand = count_hands(jobs, row);
}

/* ---- audit ----------------------------------------------------------------------------------- */

static int check_entry(const struct spg__jobs *jobs, uint32_t entry) {
    uint64_t state = look(jobs, entry);
    if (spg__job_phase(state) < SPG__JOB_PHASES && spg__job_taker(state) <= jobs->shape.rows &&
        spg__job_maker(state) <= jobs->shape.rows) {
        return 0;
    }
    return spg__fail(SPG_ECORRUPT, "%.300s: entry %" PRIu32 " is %#" PRIx64,
                     jobs->channel.file_name, entry, state);
}

static bool half_names(uint32_t half, uint32_t chunk) {
    return spg__half_length(half) == SPG__JOB_IN_ARENA && spg__half_chunk(half) == chunk;
}

/* Nobody lives, and all was recovered: what is given is named by its entry. */
static bool is_named(const struct spg__jobs *jobs, uint32_t chunk, uint64_t tag) {
    uint32_t entry = spg__tag_entry(tag);
    if (entry >= jobs->shape.capacity) return false;
    if (spg__job_phase(look(jobs, entry)) == SPG__JOB_FREE) return false;
    uint64_t meta = spg__load_relaxed_64(&spg__jobs_entry(jobs, entry)->meta); /* relaxed: a look */
    return half_names((uint32_t)meta, chunk) || half_names((uint32_t)(meta >> 32), chunk);
}

static int check_chunks(const struct spg__jobs *jobs) {
    for (uint32_t at = 0; at < jobs->shape.arena.units;) {
        uint64_t word = spg__arena_look(&jobs->arena, at);
        if (spg__chunk_length(word) == 0) break;
        bool known = spg__chunk_state(word) == SPG__CHUNK_FREE ||
                     (spg__chunk_state(word) == SPG__CHUNK_GIVEN &&
                      is_named(jobs, at, spg__chunk_tag(word)));
        if (!known)
            return spg__fail(SPG_ECORRUPT, "%.300s: chunk %" PRIu32 " of its arena is nobody's",
                             jobs->channel.file_name, at);
        at += spg__chunk_length(word);
    }
    return 0;
}

int spg__jobs_audit(const struct spg__jobs *jobs) {
    struct spg__jobs_facts facts;
    uint64_t units[4];
    int result = 0;
    for (uint32_t entry = 0; entry < jobs->shape.capacity && result == 0; entry++)
        result = check_entry(jobs, entry);
    spg__jobs_facts(jobs, &facts);
    if (result < 0 || facts.living > 0 || facts.dead > 0) return result;
    if (spg__arena_audit(&jobs->arena, units) < 0)
        return spg__fail(SPG_ECORRUPT, "%.300s: its chunks do not fill its arena",
                         jobs->channel.file_name);
    return check_chunks(jobs);
}
