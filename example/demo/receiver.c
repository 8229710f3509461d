/* receiver.c: the sender's side of a receiver process. */
#include "receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MILLISECONDS = 100 };

/* In the child. An interrupt from the terminal is the sender's to handle, so it is ignored here. */
static void become(const struct carrier *carrier, const struct job *job, int report) {
    char number[16];
    signal(SIGINT, SIG_IGN);
    if (carrier->medium == ANONYMOUS) _exit(receive_inherited(job, carrier->segment, report));
    fcntl(report, F_SETFD, 0);
    if (job->data >= 0) fcntl(job->data, F_SETFD, 0);
    snprintf(number, sizeof number, "%d", report);
    execl("/proc/self/exe", "samepage-demo", "--receive", number, (char *)NULL);
    _exit(127);
}

static int brief(const struct receiver *receiver, const struct carrier *carrier,
                 const struct job *job) {
    if (carrier->medium == ANONYMOUS) return 0;
    if (send(receiver->report, job, sizeof *job, MSG_NOSIGNAL) != (ssize_t)sizeof *job) {
        return complain("cannot brief a receiver: %s", strerror(errno));
    }
    if (carrier->medium != MEMFD) return 0;
    int result = spg_segment_send(carrier->segment, receiver->report);
    return result < 0 ? complain_of("cannot send the segment", result) : 0;
}

int receiver_start(struct receiver *receiver, const struct carrier *carrier,
                   const struct job *job) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return complain("socketpair: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become(carrier, job, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return complain("fork: %s", strerror(errno));
    }
    *receiver = (struct receiver){pid, ends[0]};
    return brief(receiver, carrier, job);
}

/* Returns the bytes read, 0 for none yet, -1. */
static ssize_t read_some(const struct receiver *receiver, void *to, size_t size) {
    struct pollfd question = {.fd = receiver->report, .events = POLLIN};
    if (poll(&question, 1, POLL_MILLISECONDS) <= 0) return 0;
    ssize_t got = recv(receiver->report, to, size, MSG_DONTWAIT);
    if (got > 0) return got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    return complain("a receiver ended before its time");
}

int receiver_read(const struct receiver *receiver, void *to, size_t size) {
    int64_t deadline = now() + PATIENCE;
    size_t done = 0;
    while (done < size) {
        ssize_t got = read_some(receiver, (char *)to + done, size - done);
        if (got < 0 || is_stopping()) return -1;
        if (got == 0 && now() > deadline) return complain("a receiver is silent");
        done += (size_t)got;
    }
    return 0;
}

int receiver_expect(const struct receiver *receiver, char wanted) {
    char got;
    if (receiver_read(receiver, &got, 1) < 0) return -1;
    return got == wanted ? 0 : complain("a receiver reports '%c' instead of '%c'", got, wanted);
}

static void forget(struct receiver *receiver) {
    close(receiver->report);
    *receiver = NO_RECEIVER;
}

/* It has nothing left to do, so a look every millisecond is not for long. */
int receiver_end(struct receiver *receiver) {
    int64_t deadline = now() + PATIENCE;
    int status = -1;
    pid_t ended = 0;
    while (ended == 0 && now() < deadline && !is_stopping()) {
        ended = waitpid(receiver->pid, &status, WNOHANG);
        if (ended == 0) poll(NULL, 0, 1);
    }
    if (ended != receiver->pid) return complain("a receiver does not end");
    forget(receiver);
    return status == 0 ? 0 : complain("a receiver ended with status 0x%x", (unsigned)status);
}

void receiver_kill(struct receiver *receiver) {
    if (receiver->pid <= 0) return;
    kill(receiver->pid, SIGKILL);
    while (waitpid(receiver->pid, NULL, 0) < 0 && errno == EINTR) {}
    forget(receiver);
}

bool receiver_is_stopped(const struct receiver *receiver) {
    int status;
    return waitpid(receiver->pid, &status, WNOHANG | WUNTRACED) > 0 && WIFSTOPPED(status);
}
