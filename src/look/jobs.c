/* jobs.c: queues and services as seen from outside. */
#include "base/error.h"
#include "look/channel.h"

static int settle(struct spg__looked *looked) {
    return spg__jobs_view(&looked->as.jobs);
}

static void facts_of(const struct spg__looked *looked, spg_channel_facts *facts) {
    const struct spg__jobs *jobs = &looked->as.jobs;
    struct spg__jobs_facts found;
    spg__jobs_facts(jobs, &found);
    uint64_t units = found.units[1] + found.units[2] + found.units[3];
    facts->used = units << jobs->shape.arena.unit_shift;
    facts->budget = spg__arena_bytes(&jobs->shape.arena);
    facts->capacity = jobs->shape.capacity;
    facts->waiting = found.in_phase[SPG__JOB_OFFERED] + found.in_phase[SPG__JOB_RETURNING];
    facts->taken = found.in_phase[SPG__JOB_TAKEN] + found.in_phase[SPG__JOB_CANCELLED] +
                   found.in_phase[SPG__JOB_ORPHANED];
    uint64_t tail = spg__load_relaxed_64(&jobs->shared->tail); /* relaxed: a look */
    /* Positions begin in lap 1. */
    facts->messages = tail > jobs->shape.capacity ? tail - jobs->shape.capacity : 0;
    facts->receivers_sleep = spg__load_relaxed_32(&jobs->shared->offers) & 1; /* relaxed: a look */
    facts->senders_sleep = spg__load_relaxed_32(&jobs->shared->room) & 1;     /* relaxed: a look */
    facts->type_size = jobs->shape.type_size;
    spg__copy_from_shared(facts->type, jobs->shared->type, sizeof facts->type);
    facts->type[sizeof facts->type - 1] = '\0';
}

static uint32_t role_of(enum spg__job_role role) {
    switch (role) {
    case SPG__SERVER: return SPG_ROLE_SERVER;
    case SPG__CLIENT: return SPG_ROLE_CLIENT;
    default: return SPG_ROLE_QUEUE;
    }
}

static int members(const struct spg__looked *looked, spg_member_visitor *visit, void *context) {
    const struct spg__jobs *jobs = &looked->as.jobs;
    int result = 0;
    for (uint32_t row = 0; row < jobs->shape.rows && result == 0; row++) {
        struct spg__member_facts found;
        spg__jobs_member(jobs, row, &found);
        if (found.node == 0) continue;
        spg_member member = {
            .struct_size = sizeof member,
            .role = role_of(found.role),
            .node = found.node,
            .node_name = "",
            .alive = found.alive,
            .sent = found.role == SPG__SERVER ? found.finished : found.made,
            .received = found.role == SPG__CLIENT ? found.finished : found.taken,
            .held = found.in_hand,
            .held_since = found.in_hand ? found.holding : 0,
            .asleep = found.asleep,
            .since = found.since,
        };
        result = visit(context, &member);
    }
    return result;
}

static void audit(const struct spg__looked *looked, struct spg__audit *audit) {
    struct spg__jobs *jobs = (struct spg__jobs *)&looked->as.jobs;
    if (spg__jobs_audit(jobs) < 0)
        spg__found_out(audit, SPG_FINDING_DAMAGE, looked->name, "%s", spg_error_detail());
    if (spg__jobs_is_over(jobs))
        spg__found_out(audit, SPG_FINDING_LEFT, looked->name, "nobody uses it any more");
}

static uint32_t recover(const struct spg__looked *looked, bool *over) {
    struct spg__jobs *jobs = (struct spg__jobs *)&looked->as.jobs;
    struct spg__members before = spg__looked_members(looked);
    spg__jobs_recover_all(jobs);
    *over = spg__jobs_is_over(jobs);
    return before.dead - spg__looked_members(looked).dead;
}

const struct spg__look_kind spg__look_queue = {
    &spg__kind_of_queue, SPG_ENTRY_QUEUE, settle, facts_of, members, audit, recover};
const struct spg__look_kind spg__look_service = {
    &spg__kind_of_service, SPG_ENTRY_SERVICE, settle, facts_of, members, audit, recover};
