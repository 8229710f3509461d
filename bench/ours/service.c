/* service.c: the service, a request and its response, which carries the same payload back. */
#include <stdlib.h>

#include "ours.h"

#include <samepage/service.h>

struct ends {
    spg_server *server;
    spg_client *client;
};

static void open_end(struct contest *contest, int role) {
    struct ends *ends = calloc(1, sizeof *ends);
    spg_service_options options = SPG_SERVICE_OPTIONS;
    must(ends == NULL);
    while (options.slot_size < contest->size + 16 && contest->size <= 112) options.slot_size *= 2;
    options.slots = 16;
    if (contest->size > 112) options.budget = (contest->size + 4096) * 8;
    if (role == 0) must(spg_client_open(&ends->client, NULL, contest->name, &options));
    else must(spg_server_open(&ends->server, NULL, contest->name, &options));
    contest->mine = ends;
}

static void close_end(struct contest *contest, int role) {
    struct ends *ends = contest->mine;
    if (role == 0) must(spg_client_close(ends->client));
    else must(spg_server_close(ends->server));
}

LOOP void put_request(struct contest *contest, uint64_t number) {
    struct ends *ends = contest->mine;
    const void *source = source_of(contest, number);
    until_done(spg_client_send(ends->client, source, contest->size, NULL, SPG_NOWAIT));
}

LOOP void get_response(struct contest *contest, uint64_t number, int64_t timeout) {
    struct ends *ends = contest->mine;
    spg_response response;
    until_done(spg_client_receive(ends->client, &response, timeout));
    absorb(contest, response.data, response.size, number);
    must(spg_client_release(ends->client, &response));
}

/* The request is read where it lies when the answer is put: until then it is in hand. */
LOOP void serve(struct contest *contest, uint64_t number, int64_t timeout) {
    struct ends *ends = contest->mine;
    spg_request request;
    until_done(spg_server_receive(ends->server, &request, timeout));
    absorb(contest, request.data, request.size, number);
    if (contest->contestant->pattern == WAKING) {
        atomic_store(&contest->control->arrival, stamp());
        busy(WAKE_PAUSE_NS);
        atomic_store(&contest->control->answer, stamp());
    }
    must(spg_server_reply(ends->server, &request, source_of(contest, number), contest->size));
}

static void get_polling(struct contest *contest, uint64_t number) {
    get_response(contest, number, SPG_NOWAIT);
}

static void get_waiting(struct contest *contest, uint64_t number) {
    get_response(contest, number, SPG_FOREVER);
}

static void run_polling(struct contest *contest, int role) {
    if (role == 0) {
        round_trips(contest, 0, put_request, get_polling);
        return;
    }
    for (uint64_t i = 1; i <= contest->count; i++) {
        serve(contest, contest->number + i, SPG_NOWAIT);
    }
}

static void run_waiting(struct contest *contest, int role) {
    if (role == 0) {
        round_trips(contest, 0, put_request, get_waiting);
        return;
    }
    for (uint64_t i = 1; i <= contest->count; i++) {
        serve(contest, contest->number + i, SPG_FOREVER);
    }
}

#define SERVICE(NAME, HOW, PATTERN, RUN)                                                           \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = OURS, .pattern = PATTERN, .least = 8, .most = 65536,     \
        .open = open_end, .run = RUN, .close = close_end                                           \
    }

const struct contestant service_polling = SERVICE(
    "service", "send, receive, reply; looking all the time", ROUND_TRIP, run_polling);
const struct contestant service_waiting = SERVICE("service, waiting", "receive(SPG_FOREVER)",
                                                  WAITING, run_waiting);
const struct contestant service_asleep = SERVICE("service, waiting", "receive(SPG_FOREVER)", WAKING,
                                                 run_waiting);
