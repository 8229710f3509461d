/* nng.c: nng, pair1 over ipc. */
#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>

#include "copying.h"

static nng_socket socket_of_role;

static void open_end(struct contest *contest, int role) {
    char address[400];
    snprintf(address, sizeof address, "ipc://%s/%s.nng", settings.domain, contest->name);
    must(nng_pair1_open(&socket_of_role));
    must(nng_socket_set_int(socket_of_role, NNG_OPT_SENDBUF, 128));
    must(nng_socket_set_int(socket_of_role, NNG_OPT_RECVBUF, 128));
    must(nng_socket_set_size(socket_of_role, NNG_OPT_RECVMAXSZ, 0));
    if (role == 0) must(nng_listen(socket_of_role, address, NULL, 0));
    else must(nng_dial(socket_of_role, address, NULL, NNG_FLAG_NONBLOCK));
}

static void close_end(struct contest *contest, int role) {
    (void)contest;
    (void)role;
    nng_close(socket_of_role);
}

static void put(struct contest *contest, uint64_t number) {
    /* Its parameter is not const, but it only reads. */
    must(nng_send(socket_of_role, (void *)(uintptr_t)source_of(contest, number), contest->size, 0));
}

static void get(struct contest *contest, uint64_t number) {
    size_t size = contest->size;
    must(nng_recv(socket_of_role, contest->room, &size, 0));
    absorb(contest, contest->room, contest->size, number);
}

COPYING_RUNS(put, get)

#define NNG(PATTERN, RUN)                                                                          \
    COPYING("nng", "pair1 over ipc, buffers 128", PATTERN, 8, SIZE_MAX, NULL, open_end, RUN,       \
            close_end, NULL)

const struct contestant peer_nng[] = {
    NNG(WAITING, run_trips),
    NNG(WAKING, run_trips),
    NNG(ONE_WAY, run_way),
};
