/* model_service.c: two clients and two servers. The model is the list of requests in the order of
 * their sending, and what has become of each. */
#include <string.h>

#include "model.h"

enum {
    SLOTS = 8,
    HOLDS = 4,
    SIDES = 2,
    BUDGET = 1024,
    INLINE = 48,
    REQUESTS_MAX = 600,
    OPERATIONS_MAX = 500
};

enum request_state { WAITING, IN_HAND, UNWANTED, ANSWERED, REFUSED, RECEIVED, OVER };

static struct {
    spg_client *clients[SIDES];
    spg_server *servers[SIDES];
    unsigned count;
    struct {
        enum request_state state;
        unsigned client, server;
        size_t size;
        int error;
        uint64_t id;
        spg_request request;
        spg_response response;
    } requests[REQUESTS_MAX];
} service;

static const spg_service_options options = {.struct_size = sizeof options,
                                            .mode = 0600,
                                            .budget = BUDGET,
                                            .slots = SLOTS,
                                            .slot_size = 64,
                                            .members = 2 * SIDES,
                                            .holds = HOLDS};

static size_t size_of(unsigned byte) {
    static const size_t sizes[] = {0, 1, 8, 47, 48, 49, 64, 200};
    return sizes[byte % 8];
}

static bool is_open(unsigned i) {
    return service.requests[i].state != OVER && service.requests[i].state != UNWANTED;
}

/* Of one client, from being sent until the response is released. */
static unsigned open_of(unsigned client) {
    unsigned count = 0;
    for (unsigned i = 0; i < service.count; i++)
        count += is_open(i) && service.requests[i].client == client;
    return count;
}

static unsigned slots_in_use(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < service.count; i++) count += service.requests[i].state != OVER;
    return count;
}

static unsigned in_hand_of(unsigned server) {
    unsigned count = 0;
    for (unsigned i = 0; i < service.count; i++)
        count += (service.requests[i].state == IN_HAND || service.requests[i].state == UNWANTED) &&
                 service.requests[i].server == server;
    return count;
}

static void send(unsigned who, unsigned byte) {
    char bytes[256];
    uint64_t id = 0;
    size_t size = size_of(byte);
    unsigned index = service.count;
    if (index + 1 >= REQUESTS_MAX) return;
    content_fill(bytes, size, index);
    int result = spg_client_send(service.clients[who], bytes, size, &id, SPG_NOWAIT);
    if (open_of(who) == HOLDS) {
        MUST(result == SPG_EFULL || result == SPG_EAGAIN, "beside %d: %d", HOLDS, result);
        return;
    }
    if (result == SPG_EAGAIN) {
        MUST(size > INLINE || slots_in_use() > 0, "no room in an empty service");
        return;
    }
    MUST_BE(0, result);
    MUST(id != 0, "the number of a request is 0");
    service.requests[index].client = who;
    service.requests[index].size = size;
    service.requests[index].id = id;
    service.requests[index].state = WAITING;
    service.count++;
}

static void serve(unsigned who) {
    spg_request request;
    unsigned index = 0;
    int result = spg_server_receive(service.servers[who], &request, SPG_NOWAIT);
    while (index < service.count && service.requests[index].state != WAITING) index++;
    if (in_hand_of(who) == HOLDS) {
        MUST_BE(SPG_EFULL, result);
        return;
    }
    if (index == service.count) {
        MUST_BE(SPG_EAGAIN, result);
        return;
    }
    MUST_BE(0, result);
    MUST(request.size == service.requests[index].size, "%zu bytes", request.size);
    MUST(content_is(request.data, request.size, index), "another request than %u", index);
    service.requests[index].state = IN_HAND;
    service.requests[index].server = who;
    service.requests[index].request = request;
}

static unsigned find(unsigned who, bool server, enum request_state one, enum request_state other,
                     unsigned skip) {
    unsigned found = service.count;
    for (unsigned i = 0; i < service.count; i++) {
        enum request_state state = service.requests[i].state;
        unsigned owner = server ? service.requests[i].server : service.requests[i].client;
        if (owner != who || (state != one && state != other)) continue;
        found = i;
        if (skip-- == 0) break;
    }
    return found;
}

/* After a reply or a refusal. */
static void answered(unsigned index, int result, enum request_state state) {
    if (service.requests[index].state == UNWANTED) {
        MUST_BE(SPG_ECLOSED, result);
        service.requests[index].state = OVER;
        return;
    }
    MUST_BE(0, result);
    service.requests[index].state = state;
}

static void reply(unsigned who, unsigned byte) {
    char bytes[256];
    size_t size = size_of(byte);
    unsigned index = find(who, true, IN_HAND, UNWANTED, byte >> 6);
    if (index == service.count) return;
    spg_request *request = &service.requests[index].request;
    MUST(content_is(request->data, request->size, index), "a request in hand has changed");
    if (byte & 32) {
        service.requests[index].error = -1 - (int)(byte & 7);
        answered(index,
                 spg_server_refuse(service.servers[who], request, service.requests[index].error),
                 REFUSED);
        return;
    }
    content_fill(bytes, size, index + 1000);
    int result = spg_server_reply(service.servers[who], request, bytes, size);
    if (result == SPG_EAGAIN) {
        MUST(size > INLINE, "no memory for a small answer");
        return;
    }
    service.requests[index].size = size;
    answered(index, result, ANSWERED);
}

static unsigned find_id(unsigned who, uint64_t id) {
    for (unsigned i = 0; i < service.count; i++) {
        if (service.requests[i].id == id && service.requests[i].client == who && is_open(i))
            return i;
    }
    finding("a response to nothing");
}

static bool any_on_the_way(unsigned who) {
    for (unsigned i = 0; i < service.count; i++) {
        if (service.requests[i].client == who && service.requests[i].state <= IN_HAND) return true;
    }
    return false;
}

static void receive(unsigned who) {
    spg_response response = {0};
    bool there = find(who, false, ANSWERED, REFUSED, 0) < service.count;
    int result = spg_client_receive(service.clients[who], &response, SPG_NOWAIT);
    if (!there) {
        MUST_BE(any_on_the_way(who) ? SPG_EAGAIN : SPG_ENOENT, result);
        MUST(response.id == 0, "nothing has a number");
        return;
    }
    unsigned index = find_id(who, response.id);
    if (service.requests[index].state == REFUSED) {
        MUST_BE(service.requests[index].error, result);
        service.requests[index].state = OVER;
        return;
    }
    MUST(service.requests[index].state == ANSWERED, "a response before its reply");
    MUST_BE(0, result);
    MUST(response.size == service.requests[index].size, "%zu bytes", response.size);
    MUST(content_is(response.data, response.size, index + 1000), "another response");
    service.requests[index].state = RECEIVED;
    service.requests[index].response = response;
}

static void release(unsigned who, unsigned skip) {
    unsigned index = find(who, false, RECEIVED, RECEIVED, skip);
    if (index == service.count) return;
    spg_response *response = &service.requests[index].response;
    MUST(content_is(response->data, response->size, index + 1000), "a held response has changed");
    MUST_BE(0, spg_client_release(service.clients[who], response));
    MUST_BE(SPG_EINVAL, spg_client_release(service.clients[who], response));
    service.requests[index].state = OVER;
}

static void cancel(unsigned who, unsigned skip) {
    unsigned index = find(who, false, WAITING, IN_HAND, skip);
    if (index == service.count) return;
    MUST_BE(0, spg_client_cancel(service.clients[who], service.requests[index].id));
    MUST_BE(SPG_EINVAL, spg_client_cancel(service.clients[who], service.requests[index].id));
    service.requests[index].state = service.requests[index].state == WAITING ? OVER : UNWANTED;
}

static void reopen_client(unsigned who) {
    MUST_BE(0, spg_client_close(service.clients[who]));
    for (unsigned i = 0; i < service.count; i++) {
        if (service.requests[i].client != who || !is_open(i)) continue;
        service.requests[i].state = service.requests[i].state == IN_HAND ? UNWANTED : OVER;
    }
    for (unsigned i = 0; i < service.count; i++) {
        if (service.requests[i].client == who) service.requests[i].client = SIDES;
    }
    MUST_BE(0, spg_client_open(&service.clients[who], NULL, "m", NULL));
}

static void reopen_server(unsigned who) {
    MUST_BE(0, spg_server_close(service.servers[who]));
    for (unsigned i = 0; i < service.count; i++) {
        if (service.requests[i].server != who) continue;
        if (service.requests[i].state == UNWANTED) service.requests[i].state = OVER;
        if (service.requests[i].state != IN_HAND) continue;
        service.requests[i].state = REFUSED;
        service.requests[i].error = SPG_ECLOSED;
    }
    MUST_BE(0, spg_server_open(&service.servers[who], NULL, "m", NULL));
}

static void step(struct program *program) {
    unsigned byte = next_byte(program), who = byte >> 4 & 1;
    switch (byte & 15) {
    case 0:
    case 1:
    case 2:
    case 3: send(who, next_byte(program)); break;
    case 4:
    case 5:
    case 6: serve(who); break;
    case 7:
    case 8:
    case 9: reply(who, next_byte(program)); break;
    case 10:
    case 11: receive(who); break;
    case 12: release(who, byte >> 5); break;
    case 13: cancel(who, byte >> 5); break;
    case 14:
        if (byte >> 5 == 0) reopen_client(who);
        break;
    default:
        if (byte >> 5 == 0) reopen_server(who);
    }
}

void model_service(struct program *program) {
    memset(&service, 0, sizeof service);
    for (int i = 0; i < SIDES; i++) {
        MUST_BE(0, spg_server_open(&service.servers[i], NULL, "m", &options));
        MUST_BE(0, spg_client_open(&service.clients[i], NULL, "m", &options));
    }
    for (int i = 0; program->left > 0 && i < OPERATIONS_MAX; i++) step(program);
    for (int i = 0; i < SIDES; i++) {
        spg_client_close(service.clients[i]);
        spg_server_close(service.servers[i]);
    }
    spg_service_unlink(NULL, "m");
}
