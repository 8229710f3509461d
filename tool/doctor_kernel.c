/* doctor_kernel.c: what the kernel does when it is tried. Nothing that is made here has a name that
 * outlives the examination. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor.h"

static int unnamed_file(void) {
    return open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* A second opening of the same file, so that its locks are another's. */
static int open_again(int fd) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDWR | O_CLOEXEC);
}

static bool can_be_linked(int fd) {
    char from[40], to[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    snprintf(to, sizeof to, "/dev/shm/.samepage-doctor-%ld", (long)getpid());
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) != 0) return false;
    unlink(to);
    return true;
}

void examine_tmpfile(void) {
    int fd = unnamed_file();
    if (fd < 0) {
        report(WEIGHT_NOTE, "unnamed files",
               "segments are built under temporary names, which gc removes",
               "/dev/shm has none (O_TMPFILE: %s)", strerror(errno));
        return;
    }
    if (can_be_linked(fd)) {
        report(WEIGHT_OK, "unnamed files", NULL,
               "O_TMPFILE works in /dev/shm, and can be given a name");
    } else {
        report(WEIGHT_NOTE, "unnamed files", "mount /proc; until then temporary names are used",
               "O_TMPFILE works in /dev/shm, but cannot be given a name: %s", strerror(errno));
    }
    close(fd);
}

static int file_to_lock(void) {
    int fd = unnamed_file();
    return fd >= 0 ? fd : memfd_create("samepage-doctor", MFD_CLOEXEC);
}

void examine_locks(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 4096, .l_len = 1};
    static const char advice[] =
        "nodes need them to be known dead; use Linux 3.15 or later, and no emulator";
    int fd = file_to_lock();
    int other = fd >= 0 ? open_again(fd) : -1;
    if (other < 0) {
        report(WEIGHT_NOTE, "OFD locks", "mount /proc and look again", "they cannot be tried: %s",
               strerror(errno));
    } else if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        report(WEIGHT_PROBLEM, "OFD locks", advice, "they are refused: %s", strerror(errno));
    } else if (fcntl(other, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
        report(WEIGHT_PROBLEM, "OFD locks", advice, "a lock that is held is not seen");
    } else {
        report(WEIGHT_OK, "OFD locks", NULL, "they work: the dead are told from the living");
    }
    if (other >= 0) close(other);
    if (fd >= 0) close(fd);
}

void examine_memfd(void) {
    int fd = memfd_create("samepage-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        report(WEIGHT_NOTE, "memfd", "memfd: segments cannot be made; use posix: or file:", "%s",
               strerror(errno));
        return;
    }
    bool sealed = ftruncate(fd, 4096) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 &&
                  ftruncate(fd, 0) != 0;
    if (sealed) report(WEIGHT_OK, "memfd", NULL, "memfd and its seals work");
    else
        report(WEIGHT_NOTE, "memfd", "do not rely on seals here",
               "it can be made, but seals do not hold");
    close(fd);
}

/* Is one added, in the same step that would wake? */
static bool wakes_and_adds(uint32_t *word) {
    uint32_t operation = FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_LT, 0);
    long woken = syscall(SYS_futex, word, FUTEX_WAKE_OP, 1, 1L, word, operation);
    return woken == 0 && *word == 2;
}

void examine_futex(void) {
    uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (word == MAP_FAILED) {
        report(WEIGHT_PROBLEM, "futex", "free some memory", "no page to try it on: %s",
               strerror(errno));
        return;
    }
    long woken = syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (woken < 0) {
        report(WEIGHT_PROBLEM, "futex", "nobody can wait here; allow the system call", "%s",
               strerror(errno));
    } else if (!wakes_and_adds(word)) {
        report(WEIGHT_NOTE, "futex",
               "a kill between two steps can leave others to their deadline; allow FUTEX_WAKE_OP",
               "FUTEX_WAKE_OP does not work");
    } else {
        report(WEIGHT_OK, "futex", NULL, "FUTEX_WAKE_OP works: signals are given in one step");
    }
    munmap(word, 4096);
}

void examine_membarrier(void) {
    enum { QUERY = 0, GLOBAL_EXPEDITED = 1 << 1 };
    long commands = syscall(SYS_membarrier, QUERY, 0, 0);
    if (commands < 0) {
        report(WEIGHT_NOTE, "membarrier", "nothing: fences are used instead", "%s",
               strerror(errno));
    } else if (!(commands & GLOBAL_EXPEDITED)) {
        report(WEIGHT_NOTE, "membarrier", "nothing: fences are used instead",
               "the expedited one is missing");
    } else {
        report(WEIGHT_OK, "membarrier", NULL, "it works between processes");
    }
}
