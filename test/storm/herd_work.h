/* herd_work.h: who pushes and pops jobs, who asks and answers. Each job and each request has a
 * number, under which is kept what became of it. */
#ifndef TEST_STORM_HERD_WORK_H
#define TEST_STORM_HERD_WORK_H

#include "storm.h"

enum { REFUSED = -500, NO_ROOM = -501, LARGEST = 3000 };

static size_t work_size(void) {
    return chance(4) ? 16 + chance(32) : 64 + chance(LARGEST - 64);
}

/* ---- queue ----------------------------------------------------------------------------------- */

static spg_queue *open_queue(void) {
    spg_queue *queue;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 64;
    options.members = 48;
    SUCCEEDS(spg_queue_open(&queue, NULL, "storm/queue", &options));
    return queue;
}

/* By a copy, or in place. */
static void push_job(spg_queue *queue, uint32_t number) {
    char bytes[LARGEST];
    void *data = bytes;
    size_t size = work_size();
    bool in_place = chance(4) == 0;
    if (in_place) CHECK_OK(spg_queue_loan(queue, size, &data, MILLISECONDS(PATIENCE_MS)));
    message_fill(data, size, self.life, number);
    if (in_place) CHECK_OK(spg_queue_publish(queue, data, size, MILLISECONDS(PATIENCE_MS)));
    else CHECK_OK(spg_queue_push(queue, data, size, MILLISECONDS(PATIENCE_MS)));
    storm->jobs[number] |= SENT;
}

static void be_pusher(void) {
    spg_queue *queue = open_queue();
    is_ready();
    while (goes_on()) {
        if (park(STOP)) continue;
        uint32_t number = storm->next_job++;
        if (number >= WORKS_MAX) FAIL("too many jobs between two audits");
        push_job(queue, number);
        step();
        if (number % 4 == 0) nap_us(200);
    }
    CHECK_OK(spg_queue_close(queue));
}

/* A job was never done before, and each time that it was given out is counted in it. */
static struct stamp check_job(const spg_job *job) {
    struct stamp stamp = stamp_of(job->data, job->size, "job");
    CHECK(stamp.n < storm->next_job);
    uint16_t before = storm->jobs[stamp.n];
    if (before / TAKEN < 100) before = atomic_fetch_add(&storm->jobs[stamp.n], TAKEN);
    uint32_t times = before / TAKEN + 1u;
    if (before & FINISHED) FAIL("job %llu comes again", (unsigned long long)stamp.n);
    if (job->deliveries < (times < 7 ? times : 7))
        FAIL("job %llu was given out %u times and says %u", (unsigned long long)stamp.n, times,
             job->deliveries);
    if (job->deliveries > 1) count(JOBS_AGAIN, 1);
    return stamp;
}

static void finish_job(spg_queue *queue, const spg_job *job, uint64_t number) {
    if (chance(32) == 0) {
        CHECK_OK(spg_queue_return(queue, job));
        return;
    }
    storm->jobs[number] |= FINISHING;
    CHECK_OK(spg_queue_done(queue, job));
    if (atomic_fetch_or(&storm->jobs[number], FINISHED) & FINISHED)
        FAIL("job %llu is done twice", (unsigned long long)number);
    count(JOBS, 1);
}

/* Takes up to three jobs and finishes them in any order. */
static void work_on_jobs(spg_queue *queue, uint64_t *last) {
    spg_job jobs[3];
    uint64_t numbers[3];
    int out = 0;
    for (int most = 1 + (int)chance(3); out < most; out++) {
        int64_t timeout = out ? SPG_NOWAIT : MILLISECONDS(20);
        int result = spg_queue_pop(queue, &jobs[out], timeout);
        if (result == SPG_EAGAIN || result == SPG_ETIMEDOUT) break;
        CHECK_OK(result);
        struct stamp stamp = check_job(&jobs[out]);
        if (last && jobs[out].deliveries == 1) {
            if (stamp.n < last[stamp.writer]) FAIL("jobs of a life come out of order");
            last[stamp.writer] = stamp.n;
        }
        numbers[out] = stamp.n;
        step();
    }
    linger();
    while (out > 0) {
        int which = (int)chance((uint64_t)out--);
        finish_job(queue, &jobs[which], numbers[which]);
        jobs[which] = jobs[out], numbers[which] = numbers[out];
    }
}

static void be_popper(void) {
    static uint64_t last[LIVES_MAX];
    spg_queue *queue = open_queue();
    is_ready();
    while (goes_on()) {
        if (park(QUIET)) memset(last, 0, sizeof last);
        work_on_jobs(queue, is_mortal() ? NULL : last);
    }
    CHECK_OK(spg_queue_close(queue));
}

/* When the queue is empty: what was pushed was done, or its last taker died over saying so. */
static void compare_jobs(void) {
    for (uint32_t i = 0; i < storm->next_job; i++) {
        uint16_t job = storm->jobs[i];
        if ((job & SENT) && !(job & (FINISHING | FINISHED))) FAIL("job %u was lost", i);
        storm->jobs[i] = 0;
    }
    storm->next_job = 0;
}

/* ---- service --------------------------------------------------------------------------------- */

static spg_service_options service_options(void) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.slots = 64;
    options.members = 48;
    options.holds = 8;
    return options;
}

/* An answer is as long as its request and says the same in other words. */
static uint64_t answering(uint64_t life) {
    return life + LIVES_MAX;
}

static int answer(spg_server *server, const spg_request *request, struct stamp stamp) {
    char bytes[LARGEST];
    void *data;
    if (chance(64) == 0) return spg_server_refuse(server, request, REFUSED);
    if (chance(4) == 0 && spg_server_loan(server, request->size, &data, MILLISECONDS(5)) == 0) {
        message_fill(data, request->size, answering(stamp.writer), stamp.n);
        int result = spg_server_reply(server, request, data, request->size);
        if (result < 0) spg_server_discard(server, data);
        return result;
    }
    message_fill(bytes, request->size, answering(stamp.writer), stamp.n);
    int result = spg_server_reply(server, request, bytes, request->size);
    return result == SPG_EAGAIN ? spg_server_refuse(server, request, NO_ROOM) : result;
}

static void be_server(void) {
    spg_server *server;
    spg_request request;
    spg_service_options options = service_options();
    SUCCEEDS(spg_server_open(&server, NULL, "storm/service", &options));
    is_ready();
    while (goes_on()) {
        park(QUIET);
        int result = spg_server_receive(server, &request, MILLISECONDS(20));
        if (result == SPG_ETIMEDOUT) continue;
        CHECK_OK(result);
        struct stamp stamp = stamp_of(request.data, request.size, "request");
        if (atomic_fetch_add(&storm->requests[stamp.n], TAKEN) >= TAKEN)
            FAIL("request %llu is served twice", (unsigned long long)stamp.n);
        linger();
        result = answer(server, &request, stamp);
        if (result != SPG_ECLOSED && result != SPG_EPEERDEAD) CHECK_OK(result);
        step();
    }
    CHECK_OK(spg_server_close(server));
}

/* Requests on the way. */
struct asked {
    uint64_t id;
    uint32_t number;
    size_t size;
};

static void ask(spg_client *client, struct asked *asked) {
    char bytes[LARGEST];
    void *data = bytes;
    asked->size = work_size();
    asked->number = storm->next_request++;
    if (asked->number >= WORKS_MAX) FAIL("too many requests between two audits");
    bool in_place = chance(4) == 0;
    if (in_place)
        CHECK_OK(spg_client_loan(client, asked->size, &data, MILLISECONDS(PATIENCE_MS)));
    message_fill(data, asked->size, self.life, asked->number);
    CHECK_OK(spg_client_send(client, data, asked->size, &asked->id, MILLISECONDS(PATIENCE_MS)));
}

static void check_response(spg_client *client, const spg_response *response,
                           const struct asked *asked) {
    CHECK_INT(asked->size, response->size);
    if (!message_is(response->data, response->size, answering(self.life), asked->number))
        FAIL("request %u has the answer to another one, or a torn one", asked->number);
    CHECK_INT(TAKEN, storm->requests[asked->number]);
    CHECK_OK(spg_client_release(client, response));
    count(REQUESTS, 1);
}

/* One of these has come to an end: which. */
static int receive_any(spg_client *client, const struct asked *asked, int out) {
    spg_response response;
    int result = spg_client_receive(client, &response, MILLISECONDS(PATIENCE_MS));
    int which = 0;
    while (which < out && asked[which].id != response.id) which++;
    if (which == out) FAIL("an answer to nothing, %s", spg_error_name(result));
    if (result == SPG_EPEERDEAD) count(REQUESTS_LOST, 1);
    else if (result == SPG_ECLOSED || result == REFUSED || result == NO_ROOM) CHECK(!response.size);
    else CHECK_OK(result);
    if (result == 0) check_response(client, &response, &asked[which]);
    return which;
}

static void ask_some(spg_client *client) {
    struct asked asked[4];
    int out = 0;
    for (int most = 1 + (int)chance(4); out < most; out++) ask(client, &asked[out]);
    if (chance(16) == 0) CHECK_OK(spg_client_cancel(client, asked[--out].id));
    while (out > 0) {
        int which = receive_any(client, asked, out);
        asked[which] = asked[--out];
        step();
    }
}

static void be_client(void) {
    spg_client *client;
    spg_service_options options = service_options();
    SUCCEEDS(spg_client_open(&client, NULL, "storm/service", &options));
    is_ready();
    while (goes_on()) {
        if (park(STOP)) continue;
        ask_some(client);
        nap_us(100);
    }
    CHECK_OK(spg_client_close(client));
}

static void forget_requests(void) {
    for (uint32_t i = 0; i < storm->next_request; i++) storm->requests[i] = 0;
    storm->next_request = 0;
}

#endif
