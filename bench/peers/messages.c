/* messages.c: the message queues of POSIX and of System V. Both are nameless after the roles have
 * them open, or are removed when the row has ended. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <unistd.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "copying.h"

enum { LARGEST = 8192 - 8, DEPTH = 10 };

/* ---- POSIX ----------------------------------------------------------------------------------- */

static void make_mq(struct contest *contest) {
    for (int i = 0; i < 2; i++) {
        struct mq_attr attributes = {.mq_maxmsg = DEPTH, .mq_msgsize = (long)contest->size};
        bool polls = contest->contestant->pattern == ROUND_TRIP;
        char name[80];
        snprintf(name, sizeof name, "/samepage-%s-%d-%d", contest->name, (int)getpid(), i);
        int flags = O_RDWR | O_CREAT | O_EXCL | (polls ? O_NONBLOCK : 0);
        contest->files[i] = mq_open(name, flags, 0600, &attributes);
        if (contest->files[i] < 0) {
            snprintf(contest->failure, sizeof contest->failure, "mq_open: %s", strerror(errno));
            return;
        }
        mq_unlink(name);
    }
}

static void close_mq(struct contest *contest) {
    for (int i = 0; i < 2; i++) mq_close(contest->files[i]);
}

struct way {
    int in, out;
};

static void open_way(struct contest *contest, int role) {
    static struct way way;
    way = (struct way){contest->files[1 - role], contest->files[role]};
    contest->mine = &way;
}

static void put_mq(struct contest *contest, uint64_t number) {
    const struct way *way = contest->mine;
    const char *source = source_of(contest, number);
    while (mq_send(way->out, source, contest->size, 0) < 0) {
        if (errno != EAGAIN) must_do(-1);
        relax();
    }
}

static void get_mq(struct contest *contest, uint64_t number) {
    const struct way *way = contest->mine;
    while (mq_receive(way->in, (char *)contest->room, contest->size, NULL) < 0) {
        if (errno != EAGAIN) must_do(-1);
        relax();
    }
    absorb(contest, contest->room, contest->size, number);
}

static void run_mq_trips(struct contest *contest, int role) {
    round_trips(contest, role, put_mq, get_mq);
}

static void run_mq_way(struct contest *contest, int role) {
    one_way(contest, role, put_mq, get_mq);
}

/* ---- System V -------------------------------------------------------------------------------- */

struct message {
    long type;
    char payload[LARGEST];
};

static void make_sysv(struct contest *contest) {
    for (int i = 0; i < 2; i++) contest->files[i] = (int)must_do(msgget(IPC_PRIVATE, 0600));
}

static void remove_sysv(struct contest *contest) {
    for (int i = 0; i < 2; i++) msgctl(contest->files[i], IPC_RMID, NULL);
}

static void transfer(struct contest *contest, uint64_t number, bool puts) {
    static struct message message;
    const struct way *way = contest->mine;
    int flags = contest->contestant->pattern == ROUND_TRIP ? IPC_NOWAIT : 0;
    if (puts) {
        message.type = 1;
        memcpy(message.payload, source_of(contest, number), contest->size);
        while (msgsnd(way->out, &message, contest->size, flags) < 0) {
            if (errno != EAGAIN) must_do(-1);
        }
        return;
    }
    while (msgrcv(way->in, &message, sizeof message.payload, 0, flags) < 0) {
        if (errno != ENOMSG) must_do(-1);
        relax();
    }
    absorb(contest, message.payload, contest->size, number);
}

static void put_sysv(struct contest *contest, uint64_t number) {
    transfer(contest, number, true);
}

static void get_sysv(struct contest *contest, uint64_t number) {
    transfer(contest, number, false);
}

static void run_sysv_trips(struct contest *contest, int role) {
    round_trips(contest, role, put_sysv, get_sysv);
}

static void run_sysv_way(struct contest *contest, int role) {
    one_way(contest, role, put_sysv, get_sysv);
}

#define MQ(PATTERN, RUN)                                                                           \
    COPYING("POSIX message queue", "depth 10", PATTERN, 8, LARGEST, make_mq, open_way, RUN, NULL,  \
            close_mq)
#define SYSV(PATTERN, RUN)                                                                         \
    COPYING("System V messages", "", PATTERN, 8, LARGEST, make_sysv, open_way, RUN, NULL,          \
            remove_sysv)

const struct contestant peer_mq[] = {
    MQ(ROUND_TRIP, run_mq_trips),
    MQ(WAITING, run_mq_trips),
    MQ(WAKING, run_mq_trips),
    MQ(ONE_WAY, run_mq_way),
};
const struct contestant peer_sysv[] = {
    SYSV(ROUND_TRIP, run_sysv_trips),
    SYSV(WAITING, run_sysv_trips),
    SYSV(WAKING, run_sysv_trips),
    SYSV(ONE_WAY, run_sysv_way),
};
