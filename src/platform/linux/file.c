/* file.c: unnamed files, names given later, and reservation. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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

static int allocate_step(spg__file file, uint64_t offset, uint64_t length) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    intptr_t result;
    do {
        result = SPG_SYSTEM(fallocate, (file, 0, (off_t)offset, (off_t)length));
    } while (result < 0 && errno == EINTR);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return result < 0 ? -1 : 0;
}

/* For file systems that cannot allocate: zeros past the end reserve pages as well. */
static int write_zeros(spg__file file, uint64_t offset, uint64_t size) {
    static const char zeros[4096];
    while (offset < size) {
        uint64_t length = size - offset < sizeof zeros ? size - offset : sizeof zeros;
        intptr_t written = SPG_SYSTEM(pwrite, (file, zeros, (size_t)length, (off_t)offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        offset += (uint64_t)written;
    }
    return 0;
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
    if (allocate(file, facts.size, size) == 0) return 0;
    result = spg__reason("fallocate");
    if (spg__file_set_size(file, facts.size) < 0) return result;
    return result;
}
