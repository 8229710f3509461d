/* receiver.c: how a receiver process is started and told what to do. */
#include "receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct beginning {
    const struct carrier *carrier;
    const struct job *job;
};

static int become(void *context, int report) {
    const struct beginning *beginning = context;
    const struct carrier *carrier = beginning->carrier;
    const struct job *job = beginning->job;
    char number[16];
    if (carrier->medium == ANONYMOUS) return receive_inherited(job, carrier->segment, report);
    fcntl(report, F_SETFD, 0);
    if (job->data >= 0) fcntl(job->data, F_SETFD, 0);
    snprintf(number, sizeof number, "%d", report);
    execl("/proc/self/exe", "samepage-demo", "--receive", number, (char *)NULL);
    return 127;
}

static int brief(const struct process *receiver, const struct carrier *carrier,
                 const struct job *job) {
    if (carrier->medium == ANONYMOUS) return 0;
    if (send(receiver->report, job, sizeof *job, MSG_NOSIGNAL) != (ssize_t)sizeof *job) {
        return complain("cannot brief a receiver: %s", strerror(errno));
    }
    if (carrier->medium != MEMFD) return 0;
    int result = spg_segment_send(carrier->segment, receiver->report);
    return result < 0 ? complain_of("cannot send the segment", result) : 0;
}

int receiver_start(struct process *receiver, const struct carrier *carrier, const struct job *job) {
    struct beginning beginning = {carrier, job};
    int result = process_fork(receiver, become, &beginning);
    return result < 0 ? result : brief(receiver, carrier, job);
}
