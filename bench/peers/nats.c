/* nats.c: NATS over loopback; its server runs on the same processors. A server for each contest. */
#include <arpa/inet.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copying.h"

enum { TRIES = 100, WAIT_MS = 60 * 1000, LARGEST = 1000000 };

struct ends {
    natsConnection *connection;
    natsSubscription *in;
    const char *out;
};

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int file = (int)must_do(socket(AF_INET, SOCK_STREAM, 0));
    must_do(bind(file, (struct sockaddr *)&address, length));
    must_do(getsockname(file, (struct sockaddr *)&address, &length));
    close(file);
    return ntohs(address.sin_port);
}

/* files[0]: its process; files[1]: its port. */
static void start_server(struct contest *contest) {
    char port[16];
    contest->files[1] = free_port();
    snprintf(port, sizeof port, "%d", contest->files[1]);
    contest->files[0] = fork();
    must_do(contest->files[0]);
    if (contest->files[0] != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp(NATS_SERVER, NATS_SERVER, "-a", "127.0.0.1", "-p", port, "-l", "/dev/null", NULL);
    _exit(1);
}

static void stop_server(struct contest *contest) {
    kill(contest->files[0], SIGKILL);
    waitpid(contest->files[0], NULL, 0);
}

static natsConnection *join(const struct contest *contest) {
    natsOptions *options;
    natsConnection *connection = NULL;
    char address[64];
    snprintf(address, sizeof address, "nats://127.0.0.1:%d", contest->files[1]);
    must(natsOptions_Create(&options) != NATS_OK);
    must(natsOptions_SetURL(options, address) != NATS_OK);
    must(natsOptions_SetSendAsap(options, true) != NATS_OK);
    for (int i = 0; i < TRIES; i++) {
        if (natsConnection_Connect(&connection, options) == NATS_OK) break;
        sleep_ns(50 * 1000 * 1000);
    }
    natsOptions_Destroy(options);
    must(connection == NULL);
    return connection;
}

static void open_end(struct contest *contest, int role) {
    static struct ends ends;
    const char *in = role == 0 ? "back" : "there";
    ends.connection = join(contest);
    ends.out = role == 0 ? "there" : "back";
    must(natsConnection_SubscribeSync(&ends.in, ends.connection, in) != NATS_OK);
    must(natsSubscription_SetPendingLimits(ends.in, -1, -1) != NATS_OK);
    must(natsConnection_Flush(ends.connection) != NATS_OK);
    contest->mine = &ends;
}

static void put(struct contest *contest, uint64_t number) {
    const struct ends *ends = contest->mine;
    const void *source = source_of(contest, number);
    must(natsConnection_Publish(ends->connection, ends->out, source, (int)contest->size) !=
         NATS_OK);
}

static void get(struct contest *contest, uint64_t number) {
    const struct ends *ends = contest->mine;
    natsMsg *message;
    must(natsSubscription_NextMsg(&message, ends->in, WAIT_MS) != NATS_OK);
    absorb(contest, natsMsg_GetData(message), contest->size, number);
    natsMsg_Destroy(message);
}

COPYING_RUNS(put, get)

#define NATS(PATTERN, RUN)                                                                         \
    COPYING("NATS", "loopback, send as soon as possible; its server on the same processors",       \
            PATTERN, 8, LARGEST, start_server, open_end, RUN, NULL, stop_server)

const struct contestant peer_nats[] = {
    NATS(WAITING, run_trips),
    NATS(WAKING, run_trips),
    NATS(ONE_WAY, run_way),
};
