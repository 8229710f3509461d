/* use_jobs.c: see use.h. Queues and services. */
#include <stdlib.h>
#include <string.h>

#include "use.h"

const spg_queue_options small_queue = {.struct_size = sizeof(spg_queue_options),
                                       .mode = 0600,
                                       .budget = 512,
                                       .slots = 4,
                                       .slot_size = 64,
                                       .members = 3,
                                       .holds = 2,
                                       .type = "fuzzed",
                                       .schema = "bytes"};
const spg_service_options small_service = {.struct_size = sizeof(spg_service_options),
                                           .mode = 0600,
                                           .budget = 512,
                                           .slots = 4,
                                           .slot_size = 64,
                                           .members = 3,
                                           .holds = 2,
                                           .type = "fuzzed",
                                           .schema = "bytes"};

static char bytes[300];

/* What a client is told may be any error that a server, or who damages the file, refused with. */
static int answer(int result) {
    if (result < -999) finding("%d is no result", result);
    return result;
}

/* ---- queue ----------------------------------------------------------------------------------- */

static void push(spg_queue *queue, int64_t wait) {
    void *loan;
    named(spg_queue_push(queue, bytes, 20, SPG_NOWAIT));
    named(spg_queue_push(queue, bytes, 200, wait));
    if (named(spg_queue_loan(queue, 100, &loan, SPG_NOWAIT)) < 0) return;
    memset(loan, 1, 100);
    if (spg_queue_publish(queue, loan, 90, SPG_NOWAIT) < 0) named(spg_queue_discard(queue, loan));
}

static void pop(spg_queue *queue, int64_t wait) {
    spg_job jobs[2];
    int held = 0;
    for (; held < 2; held++) {
        if (named(spg_queue_pop(queue, &jobs[held], SPG_NOWAIT)) < 0) break;
        touch(jobs[held].data, jobs[held].size);
    }
    if (held > 1) named(spg_queue_return(queue, &jobs[1]));
    if (held > 0) named(spg_queue_done(queue, &jobs[0]));
    if (named(spg_queue_pop(queue, &jobs[0], wait)) == 0) named(spg_queue_done(queue, &jobs[0]));
}

void use_queue(struct user *user) {
    for (int i = 0; i < 4; i++) {
        if (user->queues[i % 2]) push(user->queues[i % 2], shortly(user));
        if (user->queues[i / 2]) pop(user->queues[i / 2], shortly(user));
    }
    if (!user->queues[1] || user->briefly) return;
    named(spg_queue_fd(user->queues[1]));
    pop(user->queues[1], shortly(user));
    if (user->queues[0]) push(user->queues[0], shortly(user));
}

/* ---- service --------------------------------------------------------------------------------- */

static void serve(spg_server *server, int64_t wait, int round) {
    spg_request request;
    void *loan;
    if (named(spg_server_receive(server, &request, round ? SPG_NOWAIT : wait)) < 0) return;
    touch(request.data, request.size);
    if (round == 1) named(spg_server_refuse(server, &request, SPG_EPERM));
    else if (round == 2 && named(spg_server_loan(server, 90, &loan, SPG_NOWAIT)) == 0) {
        memset(loan, 1, 90);
        if (spg_server_reply(server, &request, loan, 80) < 0)
            named(spg_server_discard(server, loan));
    } else named(spg_server_reply(server, &request, bytes, round == 3 ? 100 : 8));
}

static void take_response(spg_client *client, int64_t wait) {
    spg_response response;
    if (answer(spg_client_receive(client, &response, wait)) < 0) return;
    touch(response.data, response.size);
    named(spg_client_release(client, &response));
}

static void ask(spg_client *client, int round) {
    uint64_t id = 0;
    void *loan;
    named(spg_client_send(client, bytes, round % 2 ? 200 : 8, &id, SPG_NOWAIT));
    if (round == 2 && named(spg_client_loan(client, 90, &loan, SPG_NOWAIT)) == 0) {
        memset(loan, 1, 90);
        if (spg_client_send(client, loan, 80, NULL, SPG_NOWAIT) < 0)
            named(spg_client_discard(client, loan));
    }
    if (round == 3 && id) named(spg_client_cancel(client, id));
}

void use_service(struct user *user) {
    spg_response response;
    for (int i = 0; i < 4; i++) {
        if (user->client) ask(user->client, i);
        if (user->server) serve(user->server, shortly(user), i);
        if (user->client) take_response(user->client, shortly(user));
    }
    if (user->briefly) return;
    if (user->server) named(spg_server_fd(user->server));
    if (!user->client) return;
    named(spg_client_fd(user->client));
    ask(user->client, 0);
    if (user->server) serve(user->server, shortly(user), 0);
    take_response(user->client, shortly(user));
    if (answer(spg_client_call(user->client, bytes, 8, &response, shortly(user))) == 0)
        named(spg_client_release(user->client, &response));
}
