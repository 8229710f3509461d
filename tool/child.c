/* child.c: see child.h. The child is fed and heard in turns, so that neither side waits for the
 * other for ever. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "print.h"
#include "stop.h"

enum { SLICE_MS = 50, PIECE = 65536 };

struct child {
    pid_t pid;
    int in, out; /* our ends of its pipes; -1: closed, or there is none */
    int life;    /* readable when it has ended; -1 where the system has no such thing */
    const char *bytes;
    size_t size;
    struct answer *answer;
};

/* ---- the child's side ------------------------------------------------------------------------ */

__attribute__((noreturn)) static void become(char *const *words, pid_t parent, int in, int out) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    signal(SIGPIPE, SIG_DFL);
    dup2(in, STDIN_FILENO);
    if (out >= 0) dup2(out, STDOUT_FILENO);
    execvp(words[0], words);
    complain("cannot run %s: %s", words[0], strerror(errno));
    _exit(127);
}

/* ---- ours ------------------------------------------------------------------------------------ */

static void close_end(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static bool make_pipe(int ends[2], int ours) {
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    return true;
}

static int cannot(const int *in, const int *out) {
    int status = complain("cannot start a command: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0) close(in[i]);
        if (out[i] >= 0) close(out[i]);
    }
    return -status;
}

static int start(struct child *child, char *const *words) {
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    pid_t parent = getpid();
    if (!make_pipe(in, 1) || (child->answer && !make_pipe(out, 0))) return cannot(in, out);
    fflush(NULL);
    child->pid = fork();
    if (child->pid < 0) return cannot(in, out);
    if (child->pid == 0) become(words, parent, in[0], out[1]);
    close(in[0]);
    close_end(&out[1]);
    child->in = in[1];
    child->out = out[0];
    child->life = -1;
#ifdef SYS_pidfd_open
    child->life = (int)syscall(SYS_pidfd_open, child->pid, 0);
#endif
    return 0;
}

/* A command need not read all of its input. */
static void feed(struct child *child) {
    ssize_t count = child->size ? write(child->in, child->bytes, child->size) : 0;
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) {
        child->bytes += count;
        child->size -= (size_t)count;
    }
    if (count < 0 || child->size == 0) close_end(&child->in);
}

/* False: there is nothing now. */
static bool hear(struct child *child) {
    struct answer *answer = child->answer;
    if (answer->room - answer->size < PIECE) {
        answer->room = 2 * answer->room + PIECE;
        answer->bytes = must_have(realloc(answer->bytes, answer->room));
    }
    ssize_t count = read(child->out, answer->bytes + answer->size, answer->room - answer->size);
    if (count < 0) return errno == EINTR;
    if (count == 0) close_end(&child->out);
    answer->size += (size_t)count;
    return count > 0;
}

/* Until it has ended; whoever it has started and left behind is not waited for. */
static int attend(struct child *child) {
    int status;
    bool told = false;
    while (waitpid(child->pid, &status, WNOHANG) == 0) {
        struct pollfd ends[] = {
            {child->in, POLLOUT, 0}, {child->out, POLLIN, 0}, {child->life, POLLIN, 0}};
        if (stop_signal() && !told) {
            kill(child->pid, SIGTERM);
            told = true;
        }
        if (poll(ends, 3, SLICE_MS) <= 0) continue;
        if (ends[0].revents) feed(child);
        if (ends[1].revents) hear(child);
    }
    while (child->out >= 0 && hear(child)) continue;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int child_run(char *const *words, const void *bytes, size_t size, struct answer *answer) {
    struct child child = {.bytes = bytes, .size = size, .answer = answer};
    if (answer) answer->size = 0;
    if (start(&child, words) < 0) return -1;
    if (size == 0) close_end(&child.in);
    int status = attend(&child);
    close_end(&child.in);
    close_end(&child.out);
    close_end(&child.life);
    return status;
}

const char *child_text(char *text, int status) {
    if (status == 127) snprintf(text, SHORT_TEXT, "could not be run");
    else if (status > 128) snprintf(text, SHORT_TEXT, "died of signal %d", status - 128);
    else snprintf(text, SHORT_TEXT, "ended with status %d", status);
    return text;
}
