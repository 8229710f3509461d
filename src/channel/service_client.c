/* service_client.c: asking, and getting the response.
 *
 * The requests on the way are a private list of hands; the entry of each tells by itself whether it
 * is answered. A hand's word in the row names its entry from before OFFERED until the entry is free
 * or the server's to free, so a client that dies leaves nothing that its row does not name. */
#include <stdlib.h>

#include "base/error.h"
#include "channel/service.h"

struct spg_client {
    struct spg__jobs jobs;    /* first */
    struct spg__hand *wanted; /* what call waits for; NULL: whatever is there */
    uint32_t on_the_way;
    uint32_t next;    /* with which of them the next look begins */
    uint32_t hands[]; /* those on the way; `limit` have room */
};

static spg_client *client_of(struct spg__jobs *jobs) {
    return (spg_client *)jobs;
}

/* ---- those on the way ------------------------------------------------------------------------ */

static void enter(spg_client *client, struct spg__hand *hand) {
    hand->place = client->on_the_way;
    hand->given = false;
    client->hands[client->on_the_way++] = (uint32_t)(hand - client->jobs.hands);
}

static void take_out(spg_client *client, const struct spg__hand *hand) {
    uint32_t last = client->hands[--client->on_the_way];
    client->hands[hand->place] = last;
    client->jobs.hands[last].place = hand->place;
}

static bool is_answered(spg_client *client, struct spg__hand *hand) {
    struct spg__job_shared *job = spg__jobs_entry(&client->jobs, hand->entry);
    hand->state = spg__load_acquire_64(&job->state); /* pairs: jobs.state */
    uint32_t phase = spg__job_phase(hand->state);
    return phase == SPG__JOB_ANSWERED || phase == SPG__JOB_BROKEN;
}

/* One that is answered, or will never be. The look goes round, so that none starves. */
static struct spg__hand *find_answered(spg_client *client) {
    if (client->wanted) return is_answered(client, client->wanted) ? client->wanted : NULL;
    for (uint32_t i = 0; i < client->on_the_way; i++) {
        if (client->next >= client->on_the_way) client->next = 0;
        struct spg__hand *hand = &client->jobs.hands[client->hands[client->next]];
        if (is_answered(client, hand)) return hand;
        client->next++;
    }
    return NULL;
}

static bool is_ready(struct spg_waitable *waitable) {
    struct spg__jobs *jobs = spg__jobs_of(waitable);
    if (find_answered(client_of(jobs))) return true;
    return spg__jobs_look_after(jobs, true) && find_answered(client_of(jobs));
}

/* ---- opening and closing --------------------------------------------------------------------- */

int spg_client_open(spg_client **out, spg_node *node, const char *name,
                    const spg_service_options *options) {
    void *client = NULL;
    size_t bytes = sizeof **out + SPG__JOBS_LIMIT_MAX * sizeof *(*out)->hands;
    int result = spg__service_open(out ? &client : NULL, bytes, node, name, options, SPG__CLIENT);
    if (result < 0) return result;
    *out = client;
    spg__waitable_init(&(*out)->jobs.waitable, &(*out)->jobs.own, is_ready);
    (*out)->jobs.waitable.asleep = &(*out)->jobs.row->asleep;
    return 0;
}

spg_waitable *spg_client_waitable(spg_client *client) {
    return client ? &client->jobs.waitable : NULL;
}

int spg_client_fd(spg_client *client) {
    return client ? spg__waitable_fd(&client->jobs.waitable) : SPG_EINVAL;
}

int spg_client_loan(spg_client *client, size_t size, void **data, int64_t timeout) {
    return spg__service_loan((struct spg__jobs *)client, size, data, timeout);
}

int spg_client_discard(spg_client *client, void *data) {
    return spg__service_discard((struct spg__jobs *)client, data);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* Until the entry is free, or its server's to free. */
static void abandon(spg_client *client, struct spg__hand *hand) {
    struct spg__jobs *jobs = &client->jobs;
    uint32_t done = spg__job_what(SPG__JOB_DONE, 0, jobs->member);
    for (;;) {
        bool answered = is_answered(client, hand);
        uint32_t phase = spg__job_phase(hand->state), taker = spg__job_taker(hand->state);
        if (spg__job_maker(hand->state) != jobs->member) break;
        if (answered || phase == SPG__JOB_DONE) {
            spg__jobs_free(jobs, hand->entry, &hand->state);
        } else if (phase == SPG__JOB_OFFERED) {
            spg__jobs_change(jobs, hand->entry, &hand->state, done);
        } else if (phase == SPG__JOB_TAKEN) {
            spg__jobs_change(jobs, hand->entry, &hand->state,
                             spg__job_what(SPG__JOB_CANCELLED, taker, 0));
        } else {
            break;
        }
    }
    if (!hand->given) take_out(client, hand);
    spg__jobs_hand_close(jobs, hand);
}

static void abandon_all(struct spg__jobs *jobs) {
    for (uint32_t i = 0; i < jobs->shape.limit; i++) {
        if (jobs->hands[i].serial) abandon(client_of(jobs), &jobs->hands[i]);
    }
}

int spg_client_close(spg_client *client) {
    if (!client) return 0;
    return spg__jobs_close(&client->jobs, &spg__kind_of_service, abandon_all);
}

static int find(spg_client *client, uint64_t id, bool given, struct spg__hand **hand) {
    int result = spg__jobs_check((struct spg__jobs *)client, 0);
    if (result < 0) return result;
    *hand = spg__jobs_hand_find(&client->jobs, id);
    return *hand && (*hand)->given == given ? 0 : SPG_EINVAL;
}

int spg_client_cancel(spg_client *client, uint64_t id) {
    struct spg__hand *hand;
    int result = find(client, id, false, &hand);
    if (result == 0) abandon(client, hand);
    return result;
}

int spg_client_release(spg_client *client, const spg_response *response) {
    struct spg__hand *hand;
    int result = response ? find(client, response->id, true, &hand) : SPG_EINVAL;
    if (result == 0) abandon(client, hand);
    return result;
}

/* ---- sending --------------------------------------------------------------------------------- */

static int attempt_claim(struct spg__jobs *jobs, void *context) {
    struct spg__hand *hand = context;
    return spg__jobs_claim(jobs, &hand->entry, &hand->state);
}

static int offer(spg_client *client, struct spg__hand *hand, const struct spg__payload *payload,
                 struct spg__wait *wait) {
    struct spg__jobs *jobs = &client->jobs;
    int result = spg__jobs_insist(jobs, attempt_claim, hand, wait);
    if (result < 0) return result;
    /* pairs: jobs.ledger */
    spg__store_release_64(spg__jobs_hand_word(jobs, hand), (uint64_t)hand->entry + 1);
    uint32_t half = spg__jobs_put(jobs, hand->entry, payload, false);
    uint32_t what = spg__job_what(SPG__JOB_OFFERED, 0, jobs->member);
    spg__alarm_sound(&jobs->offers); /* and after: alarm.c */
    if (!spg__jobs_commit(jobs, hand->entry, &hand->state, half, payload, what))
        return SPG_ECORRUPT;
    spg__jobs_claimed(jobs, hand->entry, hand->state);
    spg__alarm_sound(&jobs->offers);
    spg__jobs_count(&jobs->row->made);
    return 0;
}

static int send_one(spg_client *client, const void *data, size_t size, struct spg__hand **hand,
                    struct spg__wait *wait) {
    struct spg__jobs *jobs = &client->jobs;
    struct spg__payload payload;
    *hand = spg__jobs_hand_open(jobs);
    if (!*hand) return SPG_EFULL;
    int result = spg__jobs_payload(jobs, &payload, data, size, wait);
    if (result == 0) {
        result = offer(client, *hand, &payload, wait);
        if (result < 0) spg__jobs_drop_copy(jobs, &payload);
    }
    if (result == 0) enter(client, *hand);
    else spg__jobs_hand_close(jobs, *hand);
    return result;
}

static int check_send(const spg_client *client, const void *data, size_t size, int64_t timeout) {
    int result = spg__jobs_check((const struct spg__jobs *)client, timeout);
    if (result < 0) return result;
    return data || size == 0 ? 0 : SPG_EINVAL;
}

int spg_client_send(spg_client *client, const void *data, size_t size, uint64_t *id,
                    int64_t timeout) {
    struct spg__hand *hand;
    int result = check_send(client, data, size, timeout);
    if (result < 0) return result;
    struct spg__wait wait = spg__wait_begin(timeout);
    result = send_one(client, data, size, &hand, &wait);
    if (result == 0 && id) *id = spg__jobs_handle(&client->jobs, hand);
    return result;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static int deliver(spg_client *client, struct spg__hand *hand, spg_response *response) {
    struct spg__jobs *jobs = &client->jobs;
    uint64_t meta = 0;
    int result = SPG_EPEERDEAD;
    response->id = spg__jobs_handle(jobs, hand);
    if (spg__job_phase(hand->state) == SPG__JOB_ANSWERED) {
        /* relaxed: the entry is ours, since jobs.state */
        meta = spg__load_relaxed_64(&spg__jobs_entry(jobs, hand->entry)->meta);
        uint32_t half = (uint32_t)(meta >> 32);
        if (spg__half_length(half) == SPG__JOB_REFUSED) {
            uint32_t error = spg__half_chunk(half);
            result = error > 0 && error < 1000 ? -(int)error : SPG_ECORRUPT;
        } else {
            result = spg__jobs_get(jobs, hand->entry, half, true, &response->data, &response->size);
        }
    }
    spg__jobs_count(&jobs->row->finished);
    if (result < 0) {
        abandon(client, hand);
        return result;
    }
    take_out(client, hand);
    hand->given = true;
    return 0;
}

/* 0: `*hand` is answered. */
static int await(spg_client *client, struct spg__hand **hand, struct spg__wait *wait) {
    struct spg__jobs *jobs = &client->jobs;
    while (!(*hand = find_answered(client))) {
        int result;
        if (client->on_the_way == 0) return SPG_ENOENT;
        if (wait->timeout == 0) {
            spg__pause(); /* who polls in a loop leaves the line to the server for a moment */
            if (spg__jobs_look_after(jobs, jobs->waitable.bell_id != 0)) continue;
            if (!spg__waitable_arm(&jobs->waitable)) return SPG_EAGAIN;
            continue;
        }
        int64_t left = spg__wait_left(wait);
        result = left == 0 ? SPG_ETIMEDOUT : spg__waitable_wait(&jobs->waitable, left);
        if (result < 0) return result == SPG_EAGAIN ? SPG_ETIMEDOUT : result;
    }
    jobs->idle = 0;
    return 0;
}

int spg_client_receive(spg_client *client, spg_response *response, int64_t timeout) {
    struct spg__hand *hand;
    int result = spg__jobs_check((const struct spg__jobs *)client, timeout);
    if (result < 0) return result;
    if (!response) return SPG_EINVAL;
    *response = (spg_response){NULL, 0, 0};
    struct spg__wait wait = spg__wait_begin(timeout);
    result = await(client, &hand, &wait);
    return result < 0 ? result : deliver(client, hand, response);
}

int spg_client_call(spg_client *client, const void *data, size_t size, spg_response *response,
                    int64_t timeout) {
    struct spg__hand *hand, *answered;
    int result = check_send(client, data, size, timeout);
    if (result < 0) return result;
    if (!response) return SPG_EINVAL;
    *response = (spg_response){NULL, 0, 0};
    struct spg__wait wait = spg__wait_begin(timeout);
    result = send_one(client, data, size, &hand, &wait);
    if (result < 0) return result;
    client->wanted = hand;
    result = await(client, &answered, &wait);
    client->wanted = NULL;
    if (result == 0) return deliver(client, hand, response);
    abandon(client, hand);
    return result;
}
