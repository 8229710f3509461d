/* exchange_talk.c: the client's side. What a death at any point leaves is in exchange.h. */
#include "exchange_talk.h"

#include <string.h>

#include "print.h"
#include "stop.h"

/* Whoever gets the server's permit knows that there is no server, and must give it back at once:
 * the next server wants it. SPG_EPEERDEAD: it died; SPG_ECLOSED: it ended. */
static int look_for_server(struct exchange *exchange) {
    if (stop_signal()) return SPG_EAGAIN;
    int result = spg_semaphore_wait(&exchange->shared->server, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return 0;
    if (result < 0) return result;
    spg_semaphore_post(&exchange->shared->server);
    return result == 1 ? SPG_EPEERDEAD : SPG_ECLOSED;
}

int talk_complain(const struct talk *talk, int result) {
    const char *name = talk->exchange.name;
    switch (result) {
    case SPG_EAGAIN: return complain("interrupted");
    case SPG_EPEERDEAD:
        return complain("the server of %s died; start it again and repeat the request", name);
    case SPG_ECLOSED:
        return complain(
            "the server of %s has ended; start it again: samepage exchange serve %s DIR", name,
            name);
    case SPG_ENOENT:
        return complain("nobody serves %s; start a server: samepage exchange serve %s DIR", name,
                        name);
    case SPG_ECORRUPT:
        return complain("%s: what lies there is no exchange that can be right", name);
    case SPG_ETYPE:
        return complain("%s is not the segment of an exchange; use the name that serve was given",
                        name);
    default: return complain_of(result);
    }
}

/* With the client's permit: nobody else asks, so what is signalled now is of somebody who died. */
static int clear_the_table(struct exchange *exchange) {
    int result = exchange_take(exchange);
    if (result < 0) return result;
    exchange_drain(&exchange->shared->written);
    exchange_drain(&exchange->shared->answered);
    exchange->server_count = exchange->shared->server_count;
    exchange_give(exchange);
    return 0;
}

int talk_begin(struct talk *talk, const char *name) {
    struct exchange *exchange = &talk->exchange;
    *talk = (struct talk){.exchange = {.name = name, .look = look_for_server}};
    int result = exchange_open(exchange, name);
    if (result < 0) return result;
    result = look_for_server(exchange);
    if (result == 0) result = exchange_wait(exchange, &exchange->shared->client);
    if (result < 0) {
        exchange_close(exchange);
        return result;
    }
    result = clear_the_table(exchange);
    if (result < 0) talk_end(talk);
    return result;
}

void talk_end(struct talk *talk) {
    spg_semaphore_post(&talk->exchange.shared->client);
    exchange_close(&talk->exchange);
}

/* Takes the guard, of the server that we began with. */
static int take_from_same_server(struct exchange *exchange) {
    int result = exchange_take(exchange);
    if (result < 0 || exchange->shared->server_count == exchange->server_count) return result;
    exchange_give(exchange);
    return SPG_EPEERDEAD;
}

static int write_request(struct talk *talk, enum operation operation, const char *path,
                         uint64_t offset) {
    struct exchange_shared *shared = talk->exchange.shared;
    int result = take_from_same_server(&talk->exchange);
    if (result < 0) return result;
    talk->number = ++shared->last_number;
    shared->request.number = talk->number;
    shared->request.operation = operation;
    shared->request.offset = offset;
    shared->request.path_bytes = (uint32_t)strlen(path);
    memcpy(shared->request.path, path, shared->request.path_bytes);
    exchange_give(&talk->exchange);
    return spg_semaphore_post(&shared->written);
}

/* An answer to somebody else's request is not ours: we go on waiting. The guard is held on 0. */
static int read_answer(struct talk *talk, struct exchange_answer *answer) {
    struct exchange *exchange = &talk->exchange;
    for (;;) {
        int result = spg_semaphore_wait(&exchange->shared->answered, EXCHANGE_SLICE_NS);
        if (result == SPG_ETIMEDOUT) result = exchange->look(exchange);
        if (result == 0) result = take_from_same_server(exchange);
        if (result < 0) return result;
        memcpy(answer, &exchange->shared->answer, sizeof *answer);
        if (answer->number == talk->number) return 0;
        exchange_give(exchange);
    }
}

int talk_ask(struct talk *talk, enum operation operation, const char *path, uint64_t offset,
             struct exchange_answer *answer) {
    if (stop_signal()) return SPG_EAGAIN;
    if (strlen(path) >= EXCHANGE_PATH_BYTES) return SPG_ETOOBIG;
    int result = write_request(talk, operation, path, offset);
    if (result == 0) result = read_answer(talk, answer);
    if (result < 0) return result;
    if (answer->bytes <= talk->exchange.capacity) return 0;
    exchange_give(&talk->exchange);
    return SPG_ECORRUPT;
}
