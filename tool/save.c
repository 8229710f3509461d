/* save.c: see save.h. The file has no name until it is complete, where the file system can do that;
 * elsewhere it has a temporary one, which a death leaves behind. */
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void choose_name(struct save *save) {
    static unsigned count;
    snprintf(save->temporary, sizeof save->temporary, ".samepage-%ld-%u", (long)getpid(), count++);
}

int save_begin(struct save *save, int directory, uint32_t mode) {
    *save = (struct save){.directory = directory};
    save->fd = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode & 0777);
    if (save->fd >= 0) return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT) return -1;
    do {
        choose_name(save);
        save->fd = openat(directory, save->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
                          mode & 0777);
    } while (save->fd < 0 && errno == EEXIST);
    return save->fd < 0 ? -1 : 0;
}

static int link_to(const struct save *save, const char *name) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", save->fd);
    return linkat(AT_FDCWD, path, save->directory, name, AT_SYMLINK_FOLLOW);
}

/* A link cannot replace what has the name, a renaming can. */
static int name_it(struct save *save, const char *name) {
    if (!*save->temporary) {
        if (link_to(save, name) == 0) return 0;
        if (errno != EEXIST) return -1;
        int result;
        do {
            choose_name(save);
            result = link_to(save, save->temporary);
        } while (result != 0 && errno == EEXIST);
        if (result != 0) {
            save->temporary[0] = '\0';
            return -1;
        }
    }
    if (renameat(save->directory, save->temporary, save->directory, name) != 0) return -1;
    save->temporary[0] = '\0';
    return 0;
}

int save_commit(struct save *save, const char *name) {
    int result = name_it(save, name);
    int reason = errno;
    save_abandon(save);
    errno = reason;
    return result;
}

void save_abandon(struct save *save) {
    if (*save->temporary) unlinkat(save->directory, save->temporary, 0);
    close(save->fd);
}

int write_fully(int fd, const void *bytes, size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t written = write(fd, next, count);
        if (written < 0) return -1;
        next += written;
        count -= (size_t)written;
    }
    return 0;
}
