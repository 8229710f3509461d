/* queue.c: a queue in terms of jobs (jobs.h): who pushes is the maker, who pops the taker.
 *
 * The meta word of an entry: half of the job (jobs.h), and the lap in which it was pushed. The lap
 * in the state may be raised while the job is in hand, so this one is its number for good. How
 * often it was given out is counted by its taker, before the caller sees it. */
#include <samepage/queue.h>

#include <stdlib.h>

#include "base/deadline.h"
#include "base/error.h"
#include "channel/jobs.h"

struct spg_queue {
    struct spg__jobs jobs; /* first */
};

static bool is_ready(struct spg_waitable *waitable) {
    struct spg__jobs *jobs = spg__jobs_of(waitable);
    if (spg__jobs_is_offered(jobs)) return true;
    return spg__jobs_look_after(jobs, true) && spg__jobs_is_offered(jobs);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int read_options(struct spg__jobs_options *options, const spg_queue_options *given) {
    const spg_queue_options defaults = SPG_QUEUE_OPTIONS;
    if (!given) given = &defaults;
    int result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_queue_options",
                                        "SPG_QUEUE_OPTIONS");
    if (result < 0) return result;
    *options = (struct spg__jobs_options){
        .mode = given->mode,
        .capacity = given->slots,
        .slot = given->slot_size,
        .members = given->members,
        .limit = given->holds,
        .flags = given->at_most_once ? SPG__JOBS_AT_MOST_ONCE : 0,
        .type_size = given->type_size,
        .budget = given->budget,
        .type = given->type,
        .schema = given->schema,
    };
    return spg__channel_check_mode(&options->mode, "spg_queue_options");
}

int spg_queue_open(spg_queue **out, spg_node *node, const char *name,
                   const spg_queue_options *given) {
    struct spg__jobs_options options;
    if (!out) return spg__fail(SPG_EINVAL, "spg_queue_open: out is NULL");
    int result = read_options(&options, given);
    if (result < 0) return result;
    spg_queue *queue = calloc(1, sizeof *queue);
    if (!queue) return spg__fail(SPG_ENOMEM, "no memory for the handle of a queue");
    struct spg__jobs *jobs = &queue->jobs;
    result = spg__jobs_open(jobs, node, name, &spg__kind_of_queue, &options, SPG__MEMBER);
    if (result < 0) {
        free(queue);
        return result;
    }
    spg__waitable_init(&jobs->waitable, &jobs->offers, is_ready);
    jobs->waitable.asleep = &jobs->row->asleep;
    jobs->waitable.is_quiet = spg__jobs_is_quiet;
    *out = queue;
    return 0;
}

int spg_queue_close(spg_queue *queue) {
    return queue ? spg__jobs_close(&queue->jobs, &spg__kind_of_queue, NULL) : 0;
}

int spg_queue_unlink(spg_node *node, const char *name) {
    return spg__channel_unlink(node, name, &spg__kind_of_queue);
}

spg_waitable *spg_queue_waitable(spg_queue *queue) {
    return queue ? &queue->jobs.waitable : NULL;
}

int spg_queue_fd(spg_queue *queue) {
    return queue ? spg__waitable_fd(&queue->jobs.waitable) : SPG_EINVAL;
}

/* ---- pushing --------------------------------------------------------------------------------- */

struct claim {
    uint32_t entry;
    uint64_t state;
};

static int attempt_claim(struct spg__jobs *jobs, void *context) {
    struct claim *claim = context;
    return spg__jobs_claim(jobs, &claim->entry, &claim->state);
}

static uint64_t meta_of(struct spg__jobs *jobs, const struct claim *claim,
                        const struct spg__payload *payload) {
    uint64_t uses = spg__load_relaxed_64(&jobs->row->uses); /* relaxed: our own row */
    uint32_t half = spg__jobs_put(jobs, claim->entry, payload, false);
    if (!payload->chunk) {
        half |= (uint32_t)(uses & 0xffff) << 16;
    } else {
        /* relaxed: the entry is ours until jobs.state */
        spg__store_relaxed_64(&spg__jobs_entry(jobs, claim->entry)->bytes[1], uses & 0xffff);
    }
    return (uint64_t)spg__job_lap(claim->state) << 32 | half;
}

static int offer(struct spg__jobs *jobs, const struct spg__payload *payload,
                 struct spg__wait *wait) {
    struct claim claim;
    int result = spg__jobs_insist(jobs, attempt_claim, &claim, wait);
    if (result < 0) return result;
    uint64_t meta = meta_of(jobs, &claim, payload);
    uint32_t what = spg__job_what(SPG__JOB_OFFERED, 0, jobs->member);
    spg__alarm_sound(&jobs->offers); /* and after: alarm.c */
    if (!spg__jobs_commit(jobs, claim.entry, &claim.state, meta, payload, what))
        return SPG_ECORRUPT;
    spg__jobs_claimed(jobs, claim.entry, claim.state);
    spg__alarm_sound(&jobs->offers);
    spg__jobs_count(&jobs->row->made);
    return 0;
}

static int push(struct spg__jobs *jobs, const void *data, size_t size, int64_t timeout,
                bool is_loan) {
    struct spg__payload payload;
    struct spg__wait wait = spg__wait_begin(timeout);
    int result = spg__jobs_payload(jobs, &payload, data, size, is_loan ? NULL : &wait);
    if (result < 0) return result;
    result = offer(jobs, &payload, &wait);
    if (result < 0) spg__jobs_drop_copy(jobs, &payload);
    return result;
}

int spg_queue_push(spg_queue *queue, const void *data, size_t size, int64_t timeout) {
    int result = spg__jobs_check((const struct spg__jobs *)queue, timeout);
    if (result < 0) return result;
    if (!data && size > 0) return SPG_EINVAL;
    return push(&queue->jobs, data, size, timeout, false);
}

int spg_queue_publish(spg_queue *queue, void *data, size_t size, int64_t timeout) {
    int result = spg__jobs_check((const struct spg__jobs *)queue, timeout);
    return result < 0 ? result : push(&queue->jobs, data, size, timeout, true);
}

int spg_queue_loan(spg_queue *queue, size_t size, void **data, int64_t timeout) {
    int result = spg__jobs_check((const struct spg__jobs *)queue, timeout);
    if (result < 0) return result;
    if (!data) return SPG_EINVAL;
    struct spg__wait wait = spg__wait_begin(timeout);
    return spg__jobs_loan(&queue->jobs, size, data, &wait);
}

int spg_queue_discard(spg_queue *queue, void *data) {
    int result = spg__jobs_check((const struct spg__jobs *)queue, 0);
    return result < 0 ? result : spg__jobs_discard(&queue->jobs, data);
}

/* ---- popping --------------------------------------------------------------------------------- */

/* What is done stays done, whoever dies; then its memory is freed. */
static int finish(struct spg__jobs *jobs, struct spg__hand *hand) {
    /* relaxed: the entry is ours, since jobs.state */
    uint64_t meta = spg__load_relaxed_64(&spg__jobs_entry(jobs, hand->entry)->meta);
    bool is_ours = true;
    if (spg__half_length((uint32_t)meta) == SPG__JOB_IN_ARENA) {
        uint32_t maker = spg__job_maker(hand->state);
        uint32_t done = spg__job_what(SPG__JOB_DONE, jobs->member, maker);
        is_ours = spg__jobs_change(jobs, hand->entry, &hand->state, done);
    }
    if (is_ours) is_ours = spg__jobs_free(jobs, hand->entry, &hand->state);
    spg__jobs_hand_close(jobs, hand);
    return is_ours ? 0 : SPG_ECORRUPT;
}

static int deliver(struct spg__jobs *jobs, struct spg__hand *hand, spg_job *job) {
    struct spg__job_shared *shared = spg__jobs_entry(jobs, hand->entry);
    uint64_t meta = spg__load_relaxed_64(&shared->meta); /* relaxed: ours, since jobs.state */
    uint32_t half = (uint32_t)meta;
    uint64_t uses = spg__half_chunk(half);
    if (spg__half_length(half) == SPG__JOB_IN_ARENA)
        uses = spg__load_relaxed_64(&shared->bytes[1]); /* relaxed: likewise */
    int result = spg__jobs_get(jobs, hand->entry, half, false, &job->data, &job->size);
    if (result < 0) {
        finish(jobs, hand);
        return result;
    }
    if (spg__half_deliveries(half) < 7) meta += 1 << SPG__DELIVERIES_SHIFT;
    spg__store_relaxed_64(&shared->meta, meta); /* relaxed: ours until jobs.state */
    job->number = meta >> 32 << jobs->shift | hand->entry;
    job->producer = spg__jobs_node(jobs, spg__job_maker(hand->state), &uses);
    job->deliveries = spg__half_deliveries((uint32_t)meta);
    job->zero = 0;
    job->ticket = spg__jobs_handle(jobs, hand);
    spg__jobs_count(&jobs->row->taken);
    spg__jobs_note_holding(jobs);
    return 0;
}

/* Nothing is offered: looks after the dead, arms the bell, or waits. 0: look again. */
static int wait_for_offer(struct spg__jobs *jobs, struct spg__wait *wait) {
    if (wait->timeout != 0) {
        int64_t left = spg__wait_left(wait);
        return left == 0 ? SPG_ETIMEDOUT : spg__waitable_wait(&jobs->waitable, left);
    }
    if (spg__jobs_look_after(jobs, jobs->waitable.bell_id != 0)) return 0;
    return spg__waitable_arm(&jobs->waitable) ? 0 : SPG_EAGAIN;
}

int spg_queue_pop(spg_queue *queue, spg_job *job, int64_t timeout) {
    int result = spg__jobs_check((const struct spg__jobs *)queue, timeout);
    if (result < 0) return result;
    if (!job) return SPG_EINVAL;
    struct spg__jobs *jobs = &queue->jobs;
    if (timeout == 0 && spg__jobs_has_nothing(jobs)) {
        spg__pause(); /* who polls in a loop leaves the line to the producers for a moment */
        return SPG_EAGAIN;
    }
    struct spg__hand *hand = spg__jobs_hand_open(jobs);
    if (!hand) return SPG_EFULL;
    struct spg__wait wait = spg__wait_begin(timeout);
    while ((result = spg__jobs_take(jobs, hand)) == SPG_EAGAIN) {
        result = wait_for_offer(jobs, &wait);
        if (result < 0) break;
    }
    if (result == 0) return deliver(jobs, hand, job);
    spg__jobs_hand_close(jobs, hand);
    return result;
}

static int find(spg_queue *queue, const spg_job *job, struct spg__hand **hand) {
    int result = spg__jobs_check((const struct spg__jobs *)queue, 0);
    if (result < 0) return result;
    if (!job) return SPG_EINVAL;
    *hand = spg__jobs_hand_find(&queue->jobs, job->ticket);
    return *hand ? 0 : SPG_EINVAL;
}

int spg_queue_done(spg_queue *queue, const spg_job *job) {
    struct spg__hand *hand;
    int result = find(queue, job, &hand);
    if (result < 0) return result;
    spg__jobs_count(&queue->jobs.row->finished);
    return finish(&queue->jobs, hand);
}

int spg_queue_return(spg_queue *queue, const spg_job *job) {
    struct spg__hand *hand;
    int result = find(queue, job, &hand);
    if (result < 0) return result;
    /* Given out twice it would be done twice. */
    if (queue->jobs.shape.flags & SPG__JOBS_AT_MOST_ONCE) return finish(&queue->jobs, hand);
    bool is_ours = spg__jobs_give_back(&queue->jobs, hand->entry, &hand->state);
    spg__jobs_hand_close(&queue->jobs, hand);
    return is_ours ? 0 : SPG_ECORRUPT;
}
