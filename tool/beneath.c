/* beneath.c: see beneath.h. Global state: whether this system has openat2. */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#    define SYS_openat2 437
#endif

/* The kernel's struct open_how and its flags, which older headers lack. */
struct how {
    uint64_t flags, mode, resolve;
};

enum { NO_MAGIC_LINKS = 2, BENEATH = 8, TRIES = 16 };

static int open_at_once(int root, const char *path, int flags) {
    struct how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = BENEATH | NO_MAGIC_LINKS};
    long fd = -1;
    /* EAGAIN: something was renamed meanwhile, so the kernel cannot vouch for the path. */
    for (int i = 0; i < TRIES; i++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN) break;
    }
    return (int)fd;
}

/* Refused here is refused everywhere: the folder itself can be opened by whoever has it open. */
static bool can_open_at_once(int root) {
    static int known; /* 0: not asked, 1: no, 2: yes */
    if (known == 0) {
        int fd = open_at_once(root, ".", O_PATH);
        known = fd >= 0 ? 2 : 1;
        if (fd >= 0) close(fd);
    }
    return known == 2;
}

/* Opens one component of the path, which ends at a slash or the end. */
static int open_component(int directory, const char *path, size_t length, int flags) {
    char name[256];
    if (length >= sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, path, length);
    name[length] = '\0';
    if (strcmp(name, "..") == 0) {
        errno = EXDEV;
        return -1;
    }
    return openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC);
}

static int open_step_by_step(int root, const char *path, int flags) {
    int directory = root;
    for (;;) {
        size_t length = strcspn(path, "/");
        bool last = path[length] == '\0';
        int fd = open_component(directory, path, length, last ? flags : O_PATH | O_DIRECTORY);
        int reason = errno;
        if (directory != root) close(directory);
        errno = reason;
        if (fd < 0 || last) return fd;
        directory = fd;
        path += length + strspn(path + length, "/");
    }
}

int beneath_open(int root, const char *path, int flags) {
    return can_open_at_once(root) ? open_at_once(root, path, flags)
                                  : open_step_by_step(root, path, flags);
}
