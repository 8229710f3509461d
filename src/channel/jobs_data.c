/* jobs_data.c: payloads: in the entry itself, or in a chunk of the arena that the entry names.
 *
 * An entry is written by its owner alone: FILLING by its maker, TAKEN by its taker. Order: payload,
 * meta, the chunk is given, the commit, the loan is settled. A death before the commit leaves a
 * loan in the ledger and an entry in FILLING or TAKEN; what was given for it is free again. A death
 * after it leaves a loan that stands, since the entry names the chunk (jobs_recover.c). */
#include "channel/jobs.h"

#include <string.h>

/* ---- loans ----------------------------------------------------------------------------------- */

struct wanted {
    size_t size;
    uint32_t chunk;
};

static int attempt_loan(struct spg__jobs *jobs, void *context) {
    struct wanted *wanted = context;
    int result = spg__arena_loan(&jobs->arena, wanted->size, &wanted->chunk);
    return result == SPG_ETIMEDOUT ? SPG_EAGAIN : result;
}

static int loan(struct spg__jobs *jobs, size_t size, uint32_t *chunk, struct spg__wait *wait) {
    struct wanted wanted = {size, 0};
    int result = spg__jobs_insist(jobs, attempt_loan, &wanted, wait);
    *chunk = wanted.chunk;
    return result;
}

int spg__jobs_loan(struct spg__jobs *jobs, size_t size, void **data, struct spg__wait *wait) {
    uint32_t chunk;
    int result = loan(jobs, size, &chunk, wait);
    if (result == 0) *data = spg__arena_address(&jobs->arena, chunk);
    return result;
}

/* The chunk plus one that begins here and is ours; 0: none. */
static uint32_t loaned(const struct spg__jobs *jobs, const void *data) {
    uintptr_t offset = (uintptr_t)data - (uintptr_t)jobs->arena.bytes;
    if (offset >= spg__arena_bytes(&jobs->shape.arena)) return 0;
    uint32_t chunk = (uint32_t)(offset >> jobs->shape.arena.unit_shift);
    if (spg__arena_address(&jobs->arena, chunk) != data) return 0;
    uint64_t word = spg__arena_look(&jobs->arena, chunk);
    bool ours = spg__chunk_state(word) == SPG__CHUNK_LOANED &&
                spg__chunk_tag(word) == jobs->arena.row;
    return ours ? chunk + 1 : 0;
}

int spg__jobs_discard(struct spg__jobs *jobs, const void *data) {
    uint32_t chunk = loaned(jobs, data);
    if (!chunk) return SPG_EINVAL;
    spg__arena_return(&jobs->arena, chunk - 1);
    spg__jobs_sound_room(jobs);
    return 0;
}

/* ---- in -------------------------------------------------------------------------------------- */

int spg__jobs_payload(struct spg__jobs *jobs, struct spg__payload *payload, const void *data,
                      size_t size, struct spg__wait *wait) {
    *payload = (struct spg__payload){data, size, 0, false};
    if (jobs->shape.arena.units) payload->chunk = loaned(jobs, data);
    if (payload->chunk && size > spg__arena_room(&jobs->arena, payload->chunk - 1))
        return SPG_EINVAL;
    if (wait == NULL && !payload->chunk) return SPG_EINVAL;
    if (payload->chunk || size <= spg__jobs_inline(jobs)) return 0;
    uint32_t chunk;
    int result = loan(jobs, size, &chunk, wait);
    if (result < 0) return result;
    memcpy(spg__arena_address(&jobs->arena, chunk), data, size);
    payload->chunk = chunk + 1;
    payload->is_copy = true;
    return 0;
}

void spg__jobs_drop_copy(struct spg__jobs *jobs, const struct spg__payload *payload) {
    if (!payload->is_copy) return;
    spg__arena_return(&jobs->arena, payload->chunk - 1);
    spg__jobs_sound_room(jobs);
}

uint32_t spg__jobs_put(struct spg__jobs *jobs, uint32_t entry, const struct spg__payload *payload,
                       bool response) {
    struct spg__job_shared *job = spg__jobs_entry(jobs, entry);
    if (payload->chunk) {
        /* relaxed: the entry is ours until jobs.state */
        spg__store_relaxed_64(&job->bytes[response], payload->size);
        return (payload->chunk - 1) << 16 | SPG__JOB_IN_ARENA;
    }
    /* A server may answer with the request's own bytes. */
    if (payload->size) memmove(job->bytes, payload->data, payload->size);
    return (uint32_t)payload->size;
}

bool spg__jobs_commit(struct spg__jobs *jobs, uint32_t entry, uint64_t *state, uint64_t meta,
                      const struct spg__payload *payload, uint32_t what) {
    /* relaxed: the entry is ours until jobs.state */
    spg__store_relaxed_64(&spg__jobs_entry(jobs, entry)->meta, meta);
    if (payload->chunk)
        spg__arena_give(&jobs->arena, payload->chunk - 1, spg__job_tag(*state, entry));
    bool committed = spg__jobs_change(jobs, entry, state, what);
    if (payload->chunk) spg__arena_settle(&jobs->arena, payload->chunk - 1);
    return committed;
}

/* ---- out ------------------------------------------------------------------------------------- */

int spg__jobs_get(const struct spg__jobs *jobs, uint32_t entry, uint32_t half, bool response,
                  const void **data, size_t *size) {
    const struct spg__job_shared *job = spg__jobs_entry(jobs, entry);
    uint32_t length = spg__half_length(half);
    *data = job->bytes;
    *size = length;
    if (length <= spg__jobs_inline(jobs)) return 0;
    if (length != SPG__JOB_IN_ARENA) return SPG_ECORRUPT;
    uint32_t chunk = spg__half_chunk(half);
    uint64_t room = spg__arena_room(&jobs->arena, chunk);
    /* relaxed: written before jobs.state */
    uint64_t bytes = spg__load_relaxed_64(&job->bytes[response]);
    if (room == 0 || bytes > room) return SPG_ECORRUPT;
    *data = spg__arena_address(&jobs->arena, chunk);
    *size = (size_t)bytes;
    return 0;
}

uint64_t spg__jobs_node(const struct spg__jobs *jobs, uint32_t member, const uint64_t *uses) {
    if (member == 0 || member > jobs->shape.rows) return 0;
    const struct spg__row_shared *row = spg__jobs_row(jobs, member - 1);
    uint64_t owner = spg__load_acquire_64(&row->owner); /* pairs: jobs.row */
    /* relaxed: raised before each owner, and so as new as he is */
    uint64_t now = spg__load_relaxed_64(&row->uses);
    if (owner & SPG__ROW_RECOVERING || (uses && (now & 0xffff) != *uses)) return 0;
    return owner >> SPG__ROW_SHIFT;
}
