/* kernel.c: pipes and sockets. Written and read whole; where they shall not wait they are asked
 * again and again. files: what role 0 reads and writes, what role 1 reads and writes. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "copying.h"

enum { BUFFER = 1 << 20, SOCKET_BUFFER = 4 << 20 };

/* ---- making ---------------------------------------------------------------------------------- */

static void finish(struct contest *contest) {
    if (contest->contestant->pattern != ROUND_TRIP) return;
    for (int i = 0; i < 4; i++) must_do(fcntl(contest->files[i], F_SETFL, O_NONBLOCK));
}

static void close_files(struct contest *contest) {
    for (int i = 0; i < 4; i++) close(contest->files[i]);
}

static void make_pipes(struct contest *contest) {
    int there[2], back[2];
    must_do(pipe(there));
    must_do(pipe(back));
    fcntl(there[1], F_SETPIPE_SZ, BUFFER);
    fcntl(back[1], F_SETPIPE_SZ, BUFFER);
    contest->files[0] = back[0];
    contest->files[1] = there[1];
    contest->files[2] = there[0];
    contest->files[3] = back[1];
    finish(contest);
}

/* One socket is read and written. */
static void keep_pair(struct contest *contest, int first, int second) {
    contest->files[0] = first;
    contest->files[1] = (int)must_do(dup(first));
    contest->files[2] = second;
    contest->files[3] = (int)must_do(dup(second));
    int bytes = SOCKET_BUFFER;
    for (int i = 0; i < 4; i++) {
        setsockopt(contest->files[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    }
    finish(contest);
}

static void make_pair(struct contest *contest, int type) {
    int pair[2];
    must_do(socketpair(AF_UNIX, type, 0, pair));
    keep_pair(contest, pair[0], pair[1]);
}

static void make_streams(struct contest *contest) {
    make_pair(contest, SOCK_STREAM);
}

static void make_seqpackets(struct contest *contest) {
    make_pair(contest, SOCK_SEQPACKET);
}

static void make_tcp(struct contest *contest) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = (int)must_do(socket(AF_INET, SOCK_STREAM, 0));
    must_do(bind(listener, (struct sockaddr *)&address, length));
    must_do(listen(listener, 1));
    must_do(getsockname(listener, (struct sockaddr *)&address, &length));
    int client = (int)must_do(socket(AF_INET, SOCK_STREAM, 0));
    must_do(connect(client, (struct sockaddr *)&address, length));
    int server = (int)must_do(accept(listener, NULL, NULL));
    close(listener);
    int yes = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    keep_pair(contest, client, server);
}

/* ---- moving ---------------------------------------------------------------------------------- */

struct way {
    int in, out;
};

static void open_way(struct contest *contest, int role) {
    static struct way way;
    way = (struct way){contest->files[2 * role], contest->files[2 * role + 1]};
    contest->mine = &way;
}

static void put(struct contest *contest, uint64_t number) {
    const struct way *way = contest->mine;
    const char *bytes = source_of(contest, number);
    for (size_t done = 0; done < contest->size;) {
        ssize_t some = write(way->out, bytes + done, contest->size - done);
        if (some > 0) done += (size_t)some;
        else if (errno == EAGAIN) relax();
        else must_do(some);
    }
}

static void get(struct contest *contest, uint64_t number) {
    const struct way *way = contest->mine;
    char *room = (char *)contest->room;
    for (size_t done = 0; done < contest->size;) {
        ssize_t some = read(way->in, room + done, contest->size - done);
        if (some > 0) done += (size_t)some;
        else if (some == 0) must_be(1, 0, "read: the other side has gone");
        else if (errno == EAGAIN) relax();
        else must_do(some);
    }
    absorb(contest, room, contest->size, number);
}

COPYING_RUNS(put, get)

#define MADE_BY(NAME, HOW, PATTERN, MOST, MAKE, RUN)                                               \
    COPYING(NAME, HOW, PATTERN, 8, MOST, MAKE, open_way, RUN, NULL, close_files)
#define PIPE(PATTERN, RUN) MADE_BY("pipe", "buffer 1 MiB", PATTERN, SIZE_MAX, make_pipes, RUN)
#define STREAM(PATTERN, RUN)                                                                       \
    MADE_BY("Unix stream socket", "send buffer 4 MiB", PATTERN, SIZE_MAX, make_streams, RUN)
#define PACKET(PATTERN, RUN)                                                                       \
    MADE_BY("Unix seqpacket socket", "send buffer 4 MiB", PATTERN, 65536, make_seqpackets, RUN)
#define TCP(PATTERN, RUN)                                                                          \
    MADE_BY("TCP loopback", "TCP_NODELAY, send buffer 4 MiB", PATTERN, SIZE_MAX, make_tcp, RUN)

const struct contestant peer_pipes[] = {
    PIPE(ROUND_TRIP, run_trips), PIPE(WAITING, run_trips), PIPE(WAKING, run_trips),
    PIPE(ONE_WAY, run_way),      PIPE(BYTES, run_way),
};
const struct contestant peer_streams[] = {
    STREAM(ROUND_TRIP, run_trips), STREAM(WAITING, run_trips), STREAM(WAKING, run_trips),
    STREAM(ONE_WAY, run_way),      STREAM(BYTES, run_way),
};
const struct contestant peer_packets[] = {
    PACKET(ROUND_TRIP, run_trips), PACKET(WAITING, run_trips), PACKET(WAKING, run_trips),
    PACKET(ONE_WAY, run_way),      PACKET(BYTES, run_way),
};
const struct contestant peer_tcp[] = {
    TCP(ROUND_TRIP, run_trips), TCP(WAITING, run_trips), TCP(WAKING, run_trips),
    TCP(ONE_WAY, run_way),      TCP(BYTES, run_way),
};
