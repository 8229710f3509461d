/* bell.c: bells made of a FIFO, a timer, and an epoll instance that stands for both.
 *
 * The FIFO has its name in the directory that processes share anyway; it needs no permission beyond
 * it, works across namespaces of processes and networks, and the kernel knows whether its owner is
 * there: to open it for writing fails with ENXIO when nobody has it open for reading. The owner has
 * it open for writing as well, since a FIFO whose last writer has gone is readable for ever. Who
 * rings opens it for writing alone, so that nothing of his, not even what a fork child inherits,
 * passes for a listener.
 *
 * A member of the domain may put anything under the name: links are not followed, and what is no
 * FIFO is not written to and its mode is not changed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

/* Whoever may enter the directory may ring: that costs its owner one look. */
enum { BELL_MODE = 0622 };

static int open_bell(int directory, const char *name, int access) {
    int flags = access | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    intptr_t file;
    do {
        file = SPG_SYSTEM(openat, (directory, name, flags));
    } while (file < 0 && errno == EINTR);
    return (int)file;
}

static bool is_fifo(int file) {
    struct stat status;
    return SPG_SYSTEM(fstat, (file, &status)) == 0 && S_ISFIFO(status.st_mode);
}

/* ---- its owner ------------------------------------------------------------------------------- */

/* mkfifo obeys the umask; the mode is made exact when the bell is there. */
static int make_fifo(struct spg__bell *bell, int directory, const char *name) {
    int result = 0;
    if (SPG_SYSTEM(mkfifoat, (directory, name, 0600)) < 0) return spg__reason("mkfifo");
    bell->rung = open_bell(directory, name, O_RDWR);
    if (bell->rung < 0) result = spg__reason("open");
    else if (!is_fifo(bell->rung)) result = SPG_EPERM;
    else if (SPG_SYSTEM(fchmod, (bell->rung, BELL_MODE)) < 0) result = spg__reason("fchmod");
    if (result < 0) spg__file_unlink(directory, name);
    return result;
}

static int watch(const struct spg__bell *bell, int file) {
    struct epoll_event event = {.events = EPOLLIN};
    if (SPG_SYSTEM(epoll_ctl, (bell->readable, EPOLL_CTL_ADD, file, &event)) == 0) return 0;
    return spg__reason("epoll_ctl");
}

void spg__bell_set(struct spg__bell *bell, int64_t from_now) {
    struct itimerspec when = {
        .it_value = {(time_t)(from_now / 1000000000), (long)(from_now % 1000000000)}};
    if (from_now == 0 && !bell->timer_is_set) return;
    (void)SPG_SYSTEM(timerfd_settime, (bell->timer, 0, &when, NULL));
    bell->timer_is_set = from_now != 0;
}

static int make_descriptor(struct spg__bell *bell) {
    bell->timer = (int)SPG_SYSTEM(timerfd_create, (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (bell->timer < 0) return spg__reason("timerfd_create");
    bell->readable = (int)SPG_SYSTEM(epoll_create1, (EPOLL_CLOEXEC));
    if (bell->readable < 0) return spg__reason("epoll_create");
    int result = watch(bell, bell->timer);
    if (result == 0 && bell->rung >= 0) result = watch(bell, bell->rung);
    return result;
}

int spg__bell_make(struct spg__bell *bell, int directory, const char *name) {
    *bell = (struct spg__bell){-1, -1, -1, false};
    int result = name ? make_fifo(bell, directory, name) : 0;
    if (result == 0) {
        result = make_descriptor(bell);
        if (result < 0 && name) spg__file_unlink(directory, name);
    }
    if (result < 0) spg__bell_close(bell);
    return result;
}

/* As much as a FIFO holds and no more, so that nobody keeps us here by ringing on; what is left
 * means one look for nothing. */
static void drain(int file) {
    char bytes[4096];
    for (int i = 0; i < 16; i++) {
        if (SPG_SYSTEM(read, (file, bytes, sizeof bytes)) < (intptr_t)sizeof bytes) return;
    }
}

void spg__bell_quiet(struct spg__bell *bell) {
    if (bell->rung >= 0) drain(bell->rung);
}

void spg__bell_close(struct spg__bell *bell) {
    spg__file_close(bell->readable);
    spg__file_close(bell->rung);
    spg__file_close(bell->timer);
    *bell = (struct spg__bell){-1, -1, -1, false};
}

/* ---- others ---------------------------------------------------------------------------------- */

/* Nobody has it open, it is not there, or it is no bell. Any other failure leaves doubt, and doubt
 * means that somebody listens. */
static bool says_nobody(int error) {
    return error == ENXIO || error == ENOENT || error == ELOOP;
}

/* If its owner dies between our opening and our writing, the kernel tells that by the result, and
 * by a signal to this thread that kills: the latter is blocked and taken away, unless one was
 * pending before, with which it is one. */
static bool write_byte(int file) {
    const struct timespec now = {0, 0};
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    sigpending(&pending);
    bool written = SPG_SYSTEM(write, (file, "", 1)) == 1;
    bool nobody = !written && errno == EPIPE;
    if (nobody && !sigismember(&pending, SIGPIPE)) {
        while (sigtimedwait(&broken, NULL, &now) < 0 && errno == EINTR) {}
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !nobody; /* a full FIFO is rung already */
}

int spg__bell_ring(int directory, const char *name) {
    int file = open_bell(directory, name, O_WRONLY);
    if (file < 0) return !says_nobody(errno);
    bool heard = is_fifo(file) && write_byte(file);
    spg__file_close(file);
    return heard;
}

int spg__bell_is_heard(int directory, const char *name) {
    int file = open_bell(directory, name, O_WRONLY);
    if (file < 0) return !says_nobody(errno);
    bool heard = is_fifo(file);
    spg__file_close(file);
    return heard;
}
