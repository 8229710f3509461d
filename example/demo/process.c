/* process.c: starting, hearing and ending the processes of the demo. */
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MILLISECONDS = 100 };

/* In the child. The parent may have died before it could be told what that is to mean. */
static void run_child(process_main *run, void *context, int report, pid_t parent) {
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    _exit(run(context, report));
}

int process_fork(struct process *process, process_main *run, void *context) {
    int ends[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return complain("socketpair: %s", strerror(errno));
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(run, context, ends[1], parent);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return complain("fork: %s", strerror(errno));
    }
    *process = (struct process){pid, ends[0]};
    return 0;
}

/* Returns the bytes read, 0 for none yet, -1. */
static ssize_t read_some(const struct process *process, void *to, size_t size) {
    struct pollfd question = {.fd = process->report, .events = POLLIN};
    if (poll(&question, 1, POLL_MILLISECONDS) <= 0) return 0;
    ssize_t got = recv(process->report, to, size, MSG_DONTWAIT);
    if (got > 0) return got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    return complain("a process of the demo ended before its time");
}

int process_read(const struct process *process, void *to, size_t size) {
    int64_t deadline = now() + PATIENCE;
    size_t done = 0;
    while (done < size) {
        ssize_t got = read_some(process, (char *)to + done, size - done);
        if (got < 0 || is_stopping()) return -1;
        if (got == 0 && now() > deadline) return complain("a process of the demo is silent");
        done += (size_t)got;
    }
    return 0;
}

int process_expect(const struct process *process, char wanted) {
    char got;
    if (process_read(process, &got, 1) < 0) return -1;
    return got == wanted ? 0 : complain("a process reports '%c' instead of '%c'", got, wanted);
}

static void forget(struct process *process) {
    close(process->report);
    *process = NO_PROCESS;
}

/* It has nothing left to do, so a look every millisecond is not for long. */
int process_end(struct process *process) {
    int64_t deadline = now() + PATIENCE;
    int status = -1;
    pid_t ended = 0;
    while (ended == 0 && now() < deadline && !is_stopping()) {
        ended = waitpid(process->pid, &status, WNOHANG);
        if (ended == 0) poll(NULL, 0, 1);
    }
    if (ended != process->pid) return complain("a process of the demo does not end");
    forget(process);
    return status == 0 ? 0 : complain("a process ended with status 0x%x", (unsigned)status);
}

void process_kill(struct process *process) {
    if (process->pid <= 0) return;
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {}
    forget(process);
}

bool process_is_stopped(const struct process *process) {
    siginfo_t facts = {0};
    int result = waitid(P_PID, (id_t)process->pid, &facts, WSTOPPED | WNOHANG | WNOWAIT);
    return result == 0 && facts.si_code == CLD_STOPPED;
}

bool process_is_over(const struct process *process) {
    siginfo_t facts = {0};
    int result = waitid(P_PID, (id_t)process->pid, &facts, WEXITED | WNOHANG | WNOWAIT);
    return result == 0 && facts.si_pid == process->pid;
}

int process_say(int report, const void *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t sent = send(report, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) return -1;
        if (sent > 0) done += (size_t)sent;
    }
    return 0;
}

int process_say_byte(int report, char byte) {
    return process_say(report, &byte, 1);
}
