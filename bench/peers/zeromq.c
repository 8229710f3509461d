/* zeromq.c: ZeroMQ, PAIR over ipc. Its sending is done by a thread of its own. */
#include <zmq.h>

#include "copying.h"

struct ends {
    void *context, *socket;
};

static void open_end(struct contest *contest, int role) {
    static struct ends ends;
    char address[400];
    int none = 0, much = 4096;
    snprintf(address, sizeof address, "ipc://%s/%s.zmq", settings.domain, contest->name);
    ends.context = zmq_ctx_new();
    ends.socket = zmq_socket(ends.context, ZMQ_PAIR);
    zmq_setsockopt(ends.socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(ends.socket, ZMQ_SNDHWM, &much, sizeof much);
    zmq_setsockopt(ends.socket, ZMQ_RCVHWM, &much, sizeof much);
    if (role == 0) must_do(zmq_bind(ends.socket, address));
    else must_do(zmq_connect(ends.socket, address));
    contest->mine = ends.socket;
}

static void close_end(struct contest *contest, int role) {
    (void)role;
    zmq_close(contest->mine);
}

static void put(struct contest *contest, uint64_t number) {
    must_do(zmq_send(contest->mine, source_of(contest, number), contest->size, 0));
}

static void get(struct contest *contest, uint64_t number) {
    must_do(zmq_recv(contest->mine, contest->room, contest->size, 0));
    absorb(contest, contest->room, contest->size, number);
}

COPYING_RUNS(put, get)

#define ZEROMQ(PATTERN, RUN)                                                                       \
    COPYING("ZeroMQ", "PAIR over ipc, high-water marks 4096", PATTERN, 8, SIZE_MAX, NULL,          \
            open_end, RUN, close_end, NULL)

const struct contestant peer_zeromq[] = {
    ZEROMQ(WAITING, run_trips),
    ZEROMQ(WAKING, run_trips),
    ZEROMQ(ONE_WAY, run_way),
};
