/* service_server.c: receiving and answering; and what both sides of a service share. */
#include <stdlib.h>

#include "base/deadline.h"
#include "base/error.h"
#include "channel/service.h"

struct spg_server {
    struct spg__jobs jobs; /* first */
};

/* ---- both sides ------------------------------------------------------------------------------ */

static int read_options(struct spg__jobs_options *options, const spg_service_options *given) {
    const spg_service_options defaults = SPG_SERVICE_OPTIONS;
    if (!given) given = &defaults;
    int result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_service_options",
                                        "SPG_SERVICE_OPTIONS");
    if (result < 0) return result;
    *options = (struct spg__jobs_options){
        .mode = given->mode,
        .capacity = given->slots,
        .slot = given->slot_size,
        .members = given->members,
        .limit = given->holds,
        .type_size = given->type_size,
        .budget = given->budget,
        .type = given->type,
        .schema = given->schema,
    };
    return spg__channel_check_mode(&options->mode, "spg_service_options");
}

int spg__service_open(void **out, size_t bytes, spg_node *node, const char *name,
                      const spg_service_options *given, enum spg__job_role role) {
    struct spg__jobs_options options;
    if (!out) return spg__fail(SPG_EINVAL, "opening a service: out is NULL");
    int result = read_options(&options, given);
    if (result < 0) return result;
    struct spg__jobs *jobs = calloc(1, bytes);
    if (!jobs) return spg__fail(SPG_ENOMEM, "no memory for the handle of a service");
    result = spg__jobs_open(jobs, node, name, &spg__kind_of_service, &options, role);
    if (result < 0) free(jobs);
    else *out = jobs;
    return result;
}

int spg__service_loan(struct spg__jobs *jobs, size_t size, void **data, int64_t timeout) {
    int result = spg__jobs_check(jobs, timeout);
    if (result < 0) return result;
    if (!data) return SPG_EINVAL;
    struct spg__wait wait = spg__wait_begin(timeout);
    return spg__jobs_loan(jobs, size, data, &wait);
}

int spg__service_discard(struct spg__jobs *jobs, const void *data) {
    int result = spg__jobs_check(jobs, 0);
    return result < 0 ? result : spg__jobs_discard(jobs, data);
}

int spg_service_unlink(spg_node *node, const char *name) {
    return spg__channel_unlink(node, name, &spg__kind_of_service);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static bool is_ready(struct spg_waitable *waitable) {
    struct spg__jobs *jobs = spg__jobs_of(waitable);
    if (spg__jobs_is_offered(jobs)) return true;
    spg__jobs_look_after(jobs, true);
    return false;
}

int spg_server_open(spg_server **out, spg_node *node, const char *name,
                    const spg_service_options *options) {
    void *server = NULL;
    int result = spg__service_open(out ? &server : NULL, sizeof **out, node, name, options,
                                   SPG__SERVER);
    if (result < 0) return result;
    *out = server;
    spg__waitable_init(&(*out)->jobs.waitable, &(*out)->jobs.offers, is_ready);
    (*out)->jobs.waitable.asleep = &(*out)->jobs.row->asleep;
    (*out)->jobs.waitable.is_quiet = spg__jobs_is_quiet;
    return 0;
}

spg_waitable *spg_server_waitable(spg_server *server) {
    return server ? &server->jobs.waitable : NULL;
}

int spg_server_fd(spg_server *server) {
    return server ? spg__waitable_fd(&server->jobs.waitable) : SPG_EINVAL;
}

int spg_server_loan(spg_server *server, size_t size, void **data, int64_t timeout) {
    return spg__service_loan((struct spg__jobs *)server, size, data, timeout);
}

int spg_server_discard(spg_server *server, void *data) {
    return spg__service_discard((struct spg__jobs *)server, data);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* No request is there: looks after the dead, arms the bell, or waits. 0: look again. */
static int wait_for_request(struct spg__jobs *jobs, struct spg__wait *wait) {
    if (wait->timeout != 0) {
        int64_t left = spg__wait_left(wait);
        return left == 0 ? SPG_ETIMEDOUT : spg__waitable_wait(&jobs->waitable, left);
    }
    spg__jobs_look_after(jobs, jobs->waitable.bell_id != 0);
    return spg__waitable_arm(&jobs->waitable) ? 0 : SPG_EAGAIN;
}

/* What was done with the request, or what became of its client. */
static int finish(struct spg__jobs *jobs, struct spg__hand *hand, bool answered) {
    int result = 0;
    if (!answered) {
        uint32_t phase = spg__job_phase(hand->state);
        result = phase == SPG__JOB_ORPHANED    ? SPG_EPEERDEAD
                 : phase == SPG__JOB_CANCELLED ? SPG_ECLOSED
                                               : SPG_ECORRUPT;
        if (result != SPG_ECORRUPT) spg__jobs_free(jobs, hand->entry, &hand->state);
    }
    spg__jobs_hand_close(jobs, hand);
    return result;
}

/* Writes the response's half and commits. The chunk of the request is of no use any more. */
static int answer(struct spg__jobs *jobs, struct spg__hand *hand,
                  const struct spg__payload *payload, uint32_t half) {
    uint32_t maker = spg__job_maker(hand->state), entry = hand->entry;
    /* relaxed: the entry is ours, since jobs.state */
    uint32_t request = (uint32_t)spg__load_relaxed_64(&spg__jobs_entry(jobs, entry)->meta);
    uint64_t meta = (uint64_t)half << 32 | request;
    uint64_t chunk = 0;
    bool is_large = spg__half_length(request) == SPG__JOB_IN_ARENA;
    if (is_large) chunk = spg__arena_look(&jobs->arena, spg__half_chunk(request));
    uint32_t what = spg__job_what(SPG__JOB_ANSWERED, 0, maker);
    bool answered = spg__jobs_commit(jobs, entry, &hand->state, meta, payload, what);
    if (answered) spg__jobs_sound_member(jobs, maker);
    if (answered && is_large && spg__chunk_state(chunk) == SPG__CHUNK_GIVEN &&
        spg__tag_entry(spg__chunk_tag(chunk)) == entry &&
        spg__arena_change(&jobs->arena, spg__half_chunk(request), SPG__CHUNK_GIVEN,
                          spg__chunk_tag(chunk), SPG__CHUNK_FREE))
        spg__jobs_sound_room(jobs);
    spg__jobs_count(&jobs->row->finished);
    return finish(jobs, hand, answered);
}

static int refuse(struct spg__jobs *jobs, struct spg__hand *hand, int error) {
    const struct spg__payload nothing = {NULL, 0, 0, false};
    return answer(jobs, hand, &nothing, (uint32_t)-error << 16 | SPG__JOB_REFUSED);
}

static int deliver(struct spg__jobs *jobs, struct spg__hand *hand, spg_request *request) {
    /* relaxed: the entry is ours, since jobs.state */
    uint32_t half = (uint32_t)spg__load_relaxed_64(&spg__jobs_entry(jobs, hand->entry)->meta);
    int result = spg__jobs_get(jobs, hand->entry, half, false, &request->data, &request->size);
    if (result < 0) {
        refuse(jobs, hand, SPG_ECORRUPT);
        return result;
    }
    request->client = spg__jobs_node(jobs, spg__job_maker(hand->state), NULL);
    request->ticket = spg__jobs_handle(jobs, hand);
    spg__jobs_count(&jobs->row->taken);
    spg__jobs_note_holding(jobs);
    return 0;
}

int spg_server_receive(spg_server *server, spg_request *request, int64_t timeout) {
    struct spg__jobs *jobs = (struct spg__jobs *)server;
    int result = spg__jobs_check(jobs, timeout);
    if (result < 0) return result;
    if (!request) return SPG_EINVAL;
    if (timeout == 0 && spg__jobs_has_nothing(jobs)) {
        spg__pause(); /* who polls in a loop leaves the line to the clients for a moment */
        return SPG_EAGAIN;
    }
    struct spg__hand *hand = spg__jobs_hand_open(jobs);
    if (!hand) return SPG_EFULL;
    struct spg__wait wait = spg__wait_begin(timeout);
    while ((result = spg__jobs_take(jobs, hand)) == SPG_EAGAIN) {
        result = wait_for_request(jobs, &wait);
        if (result < 0) break;
    }
    if (result == 0) return deliver(jobs, hand, request);
    spg__jobs_hand_close(jobs, hand);
    return result;
}

/* ---- answering ------------------------------------------------------------------------------- */

static int find(struct spg__jobs *jobs, const spg_request *request, struct spg__hand **hand) {
    int result = spg__jobs_check(jobs, 0);
    if (result < 0) return result;
    if (!request) return SPG_EINVAL;
    *hand = spg__jobs_hand_find(jobs, request->ticket);
    return *hand ? 0 : SPG_EINVAL;
}

int spg_server_reply(spg_server *server, const spg_request *request, const void *data,
                     size_t size) {
    struct spg__jobs *jobs = (struct spg__jobs *)server;
    struct spg__hand *hand;
    struct spg__payload payload;
    struct spg__wait wait = spg__wait_begin(SPG_NOWAIT);
    int result = find(jobs, request, &hand);
    if (result < 0) return result;
    if (!data && size > 0) return SPG_EINVAL;
    result = spg__jobs_payload(jobs, &payload, data, size, &wait);
    if (result < 0) return result;
    return answer(jobs, hand, &payload, spg__jobs_put(jobs, hand->entry, &payload, true));
}

int spg_server_refuse(spg_server *server, const spg_request *request, int error) {
    struct spg__jobs *jobs = (struct spg__jobs *)server;
    struct spg__hand *hand;
    int result = find(jobs, request, &hand);
    if (result < 0) return result;
    return error < 0 && error > -1000 ? refuse(jobs, hand, error) : SPG_EINVAL;
}

static void refuse_all(struct spg__jobs *jobs) {
    for (uint32_t i = 0; i < jobs->shape.limit; i++) {
        if (jobs->hands[i].serial) refuse(jobs, &jobs->hands[i], SPG_ECLOSED);
    }
}

int spg_server_close(spg_server *server) {
    if (!server) return 0;
    return spg__jobs_close(&server->jobs, &spg__kind_of_service, refuse_all);
}
