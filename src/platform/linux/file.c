/* file.c: unnamed files, names given later, and reservation. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

/* Under a name of its own, so that tests can take it away alone. */
static int open_unnamed(int base, const char *path) {
    return openat(base, path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int spg__file_create_unnamed(spg__file *file, spg__file directory, const char *path) {
    int base = directory == SPG__NO_FILE ? AT_FDCWD : directory;
    int opened = (int)SPG_SYSTEM(open_unnamed, (base, path));
    if (opened >= 0) {
        *file = opened;
        return 0;
    }
    /* What file systems and kernels without unnamed files say. */
    if (errno == EISDIR || errno == EOPNOTSUPP) errno = ENOSYS;
    return spg__reason("open(O_TMPFILE)");
}

/* Linking by the path in /proc needs no privilege on any kernel; linking by descriptor does on
 * most, and is for where /proc is not mounted. */
int spg__file_link(spg__file file, spg__file directory, const char *path) {
    char source[40];
    snprintf(source, sizeof source, "/proc/self/fd/%d", file);
    int base = directory == SPG__NO_FILE ? AT_FDCWD : directory;
    if (SPG_SYSTEM(linkat, (AT_FDCWD, source, base, path, AT_SYMLINK_FOLLOW)) == 0) return 0;
    if (errno == ENOENT && SPG_SYSTEM(linkat, (file, "", base, path, AT_EMPTY_PATH)) == 0) return 0;
    return spg__reason("linkat");
}

/* The steps are small enough that blocking signals over one is not felt, and large enough to cost
 * nothing. Blocked they are: a signal makes tmpfs undo the whole step, so that a fast timer would
 * keep a large reservation from ever finishing. */
enum { STEP_BYTES = 8 << 20 };

struct signals {
    sigset_t before;
    bool limit_was_pending;
};

static void signals_off(struct signals *signals) {
    sigset_t all, pending;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &signals->before);
    sigpending(&pending);
    signals->limit_was_pending = sigismember(&pending, SIGXFSZ) == 1;
}

/* A limit on file sizes is told by the result, and by a signal that kills: the latter is taken
 * away. Keeps errno. */
static void signals_on(struct signals *signals, bool failed) {
    int error = errno;
    const struct timespec now = {0, 0};
    sigset_t limit;
    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    if (failed && error == EFBIG && !signals->limit_was_pending) sigtimedwait(&limit, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    errno = error;
}

static int allocate_step(spg__file file, uint64_t offset, uint64_t length) {
    struct signals signals;
    intptr_t result;
    signals_off(&signals);
    do {
        result = SPG_SYSTEM(fallocate, (file, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length));
    } while (result < 0 && errno == EINTR);
    signals_on(&signals, result < 0);
    return result < 0 ? -1 : 0;
}

int spg__file_set_size(spg__file file, uint64_t size) {
    struct signals signals;
    intptr_t result;
    signals_off(&signals);
    do {
        result = SPG_SYSTEM(ftruncate, (file, (off_t)size));
    } while (result < 0 && errno == EINTR);
    signals_on(&signals, result < 0);
    return result < 0 ? spg__reason("ftruncate") : 0;
}

/* For file systems that cannot allocate: zeros past the end reserve pages as well. */
static int write_zeros(spg__file file, uint64_t offset, uint64_t size) {
    static const char zeros[4096];
    struct signals signals;
    while (offset < size) {
        uint64_t length = size - offset < sizeof zeros ? size - offset : sizeof zeros;
        signals_off(&signals);
        intptr_t written = SPG_SYSTEM(pwrite, (file, zeros, (size_t)length, (off_t)offset));
        signals_on(&signals, written < 0);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        offset += (uint64_t)written;
    }
    return 0;
}

/* What surely does not fit is refused before the first page is taken from everybody else. Memory
 * without a file system says nothing of its room. */
static bool surely_too_large(spg__file file, uint64_t more) {
    struct statvfs room;
    if (SPG_SYSTEM(fstatvfs, (file, &room)) < 0 || room.f_blocks == 0) return false;
    return more / room.f_frsize > room.f_bavail;
}

static int allocate(spg__file file, uint64_t old_size, uint64_t size) {
    for (uint64_t offset = 0; offset < size; offset += STEP_BYTES) {
        uint64_t length = size - offset < STEP_BYTES ? size - offset : STEP_BYTES;
        if (allocate_step(file, offset, length) == 0) continue;
        if (errno != EOPNOTSUPP) return -1;
        return write_zeros(file, old_size > offset ? old_size : offset, size);
    }
    return 0;
}

int spg__file_reserve(spg__file file, uint64_t size) {
    struct spg__file_facts facts;
    int result = spg__file_facts(file, &facts);
    if (result < 0) return result;
    if (facts.size >= size) return 0;
    if (size > INT64_MAX) {
        errno = EFBIG;
        return spg__reason("fallocate");
    }
    if (surely_too_large(file, size - facts.size)) {
        errno = ENOSPC;
        return spg__reason("fallocate");
    }
    /* The size is raised last, in one step: nobody maps what may be taken back. */
    if (allocate(file, facts.size, size) == 0) return spg__file_set_size(file, size);
    result = spg__reason("fallocate");
    if (spg__file_set_size(file, facts.size) < 0) return result;
    return result;
}

int spg__file_reopen(spg__file *again, spg__file file) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int opened = (int)SPG_SYSTEM(open, (path, O_RDWR | O_CLOEXEC));
    if (opened < 0) return spg__reason("open");
    *again = opened;
    return 0;
}
