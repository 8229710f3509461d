/* carrier.c: makes and removes what the bytes travel through. */
#include "carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_TYPE "samepage-demo board 1"

/* What an ordinary user may ask of a pipe. */
enum { PIPE_BYTES = 1024 * 1024 };

static const char *const labels[MEDIA] = {
    "System V, by key",
    "POSIX, by name",
    "memfd, passed over a socket",
    "anonymous, inherited by fork",
    "pipe",
    "Unix stream socket",
};

const char *medium_label(enum medium medium) {
    return labels[medium];
}

bool medium_is_memory(enum medium medium) {
    return medium != PIPE && medium != SOCKET;
}

static spg_segment_options segment_options(void) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.populate = 1;
    options.type = SEGMENT_TYPE;
    return options;
}

static int make_segment(struct carrier *carrier, size_t bytes) {
    static unsigned count; /* so that no two passes share a name */
    static const char *const names[] = {"sysv:private", NULL, "memfd:samepage-demo", "anonymous:"};
    char posix[NAME_BYTES];
    snprintf(posix, sizeof posix, "posix:/samepage-demo-%ld-%u", (long)getpid(), ++count);
    const char *name = carrier->medium == POSIX ? posix : names[carrier->medium];
    spg_segment_options options = segment_options();
    /* The last holder takes a name away, and if all are killed whoever comes next. */
    if (carrier->medium == POSIX || carrier->medium == SYSTEM_V) options.lifetime = SPG_TEMPORARY;
    int result = spg_segment_create(&carrier->segment, name, bytes, &options);
    if (result < 0) return complain_of(name, result);
    snprintf(carrier->name, sizeof carrier->name, "%s", spg_segment_name(carrier->segment));
    return 0;
}

static int make_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* if refused, as it is */
    return 0;
}

static int make_socket(int ends[2]) {
    int pair[2];
    int bytes = PIPE_BYTES;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    /* the system may cap it */
    (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    ends[0] = pair[0];
    ends[1] = pair[1];
    return 0;
}

static int make_streams(struct carrier *carrier) {
    for (int i = 0; i < RECEIVERS; i++) {
        int ends[2];
        int result = carrier->medium == PIPE ? make_pipe(ends) : make_socket(ends);
        if (result < 0) return complain("no %s: %s", labels[carrier->medium], strerror(errno));
        carrier->receiving[i] = ends[0];
        carrier->sending[i] = ends[1];
        if (fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0) return complain("fcntl: %s", strerror(errno));
    }
    return 0;
}

int carrier_make(struct carrier *carrier, enum medium medium, size_t bytes) {
    memset(carrier, 0, sizeof *carrier);
    carrier->medium = medium;
    for (int i = 0; i < RECEIVERS; i++) carrier->sending[i] = carrier->receiving[i] = -1;
    int result = medium_is_memory(medium) ? make_segment(carrier, bytes) : make_streams(carrier);
    if (result < 0) carrier_release(carrier);
    return result;
}

/* Asks the kernel, not the library. memfd and anonymous have no name to be left. */
static bool is_gone(const struct carrier *carrier) {
    char path[NAME_BYTES + 16];
    struct stat facts;
    if (carrier->name[0] == '\0') return true;
    if (carrier->medium == SYSTEM_V) {
        key_t key = (key_t)strtoul(carrier->name + strlen("sysv:"), NULL, 16);
        return shmget(key, 0, 0) < 0 && errno == ENOENT;
    }
    if (carrier->medium != POSIX) return true;
    snprintf(path, sizeof path, "/dev/shm%s", carrier->name + strlen("posix:"));
    return lstat(path, &facts) < 0 && errno == ENOENT;
}

void carrier_hand_over(struct carrier *carrier, int lane) {
    if (carrier->receiving[lane] >= 0) close(carrier->receiving[lane]);
    carrier->receiving[lane] = -1;
}

int carrier_release(struct carrier *carrier) {
    for (int i = 0; i < RECEIVERS; i++) {
        carrier_hand_over(carrier, i);
        if (carrier->sending[i] >= 0) close(carrier->sending[i]);
        carrier->sending[i] = -1;
    }
    spg_segment_close(carrier->segment);
    carrier->segment = NULL;
    if (is_gone(carrier)) return 0;
    fprintf(stderr, "samepage-demo: %s was left behind\n", carrier->name);
    spg_segment_unlink(carrier->name);
    return -1;
}

int carrier_open(spg_segment **segment, enum medium medium, const char *name, int socket) {
    spg_segment_options options = segment_options();
    int result = medium == MEMFD ? spg_segment_receive(segment, socket, &options)
                                 : spg_segment_open(segment, name, &options);
    return result < 0 ? complain_of(name, result) : 0;
}
