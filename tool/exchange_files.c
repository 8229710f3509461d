/* exchange_files.c: see exchange_files.h. Only regular files and directories are opened for
 * reading: each is looked at through a descriptor that opens nothing (O_PATH) before, because
 * opening a device or a pipe does something. */
#include "exchange_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "print.h"

static uint32_t kind_of(mode_t mode) {
    return S_ISREG(mode) ? KIND_FILE : S_ISDIR(mode) ? KIND_DIRECTORY : KIND_OTHER;
}

static uint32_t status_of(int reason) {
    switch (reason) {
    case ENOENT:
    case ENOTDIR: return ANSWER_NOT_FOUND;
    case EACCES:
    case EPERM: return ANSWER_NOT_PERMITTED;
    case EXDEV:
    case ELOOP: return ANSWER_NOT_SERVED;
    default: return ANSWER_FAILED;
    }
}

static void forget(struct files *files) {
    if (files->file >= 0) close(files->file);
    files->file = -1;
    for (size_t i = 0; i < files->count; i++) free(files->list[i].name);
    files->count = 0;
    files->path[0] = '\0';
}

void files_begin(struct files *files, int root) {
    memset(files, 0, sizeof *files);
    files->root = root;
    files->file = -1;
}

void files_end(struct files *files) {
    forget(files);
    free(files->list);
}

/* Returns a descriptor for reading; or -1, and the answer says why, or which other kind it is. */
static int open_kind(const struct files *files, const char *path, uint32_t kind,
                     struct exchange_answer *answer) {
    struct stat status;
    int found = beneath_open(files->root, path, O_PATH);
    bool known = found >= 0 && fstat(found, &status) == 0;
    if (!known) answer->status = status_of(errno);
    if (found >= 0) close(found);
    if (!known) return -1;
    answer->kind = kind_of(status.st_mode);
    answer->last = 1;
    if (answer->kind == KIND_OTHER) answer->status = ANSWER_NOT_SERVED;
    if (answer->kind != kind) return -1;
    int fd = beneath_open(files->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) answer->status = status_of(errno);
    return fd;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool keep_file(struct files *files, const char *path, struct exchange_answer *answer) {
    struct stat status;
    forget(files);
    int fd = open_kind(files, path, KIND_FILE, answer);
    if (fd < 0) return false;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        answer->status = ANSWER_NOT_SERVED;
        return false;
    }
    files->file = fd;
    files->size = (uint64_t)status.st_size;
    files->mode = status.st_mode & 0777;
    strcpy(files->path, path);
    return true;
}

/* As many bytes as there are and fit; -1 and errno. */
static int64_t read_fully(int fd, unsigned char *buffer, uint64_t capacity, uint64_t offset) {
    uint64_t done = 0;
    while (done < capacity) {
        ssize_t count = pread(fd, buffer + done, capacity - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        done += (uint64_t)count;
    }
    return (int64_t)done;
}

void files_read(struct files *files, const char *path, uint64_t offset, unsigned char *buffer,
                uint64_t capacity, struct exchange_answer *answer) {
    bool kept = offset > 0 && files->file >= 0 && strcmp(files->path, path) == 0;
    if (offset > INT64_MAX - capacity) {
        answer->status = ANSWER_MALFORMED;
        return;
    }
    if (!kept && !keep_file(files, path, answer)) return;
    int64_t bytes = read_fully(files->file, buffer, capacity, offset);
    answer->status = bytes < 0 ? ANSWER_FAILED : ANSWER_OK;
    answer->kind = KIND_FILE;
    answer->bytes = bytes < 0 ? 0 : (uint64_t)bytes;
    answer->size = files->size;
    answer->mode = files->mode;
    answer->last = answer->bytes < capacity;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void add(struct files *files, int directory, const char *name) {
    struct stat status;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return; /* gone again */
    if (files->count == files->room) {
        files->room = files->room ? 2 * files->room : 64;
        files->list = must_have(realloc(files->list, files->room * sizeof *files->list));
    }
    files->list[files->count++] = (struct listed){
        .name = must_have(strdup(name)),
        .entry = {.size = (uint64_t)status.st_size,
                  .kind = kind_of(status.st_mode),
                  .mode = status.st_mode & 0777,
                  .name_bytes = (uint32_t)strlen(name)},
    };
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct listed *)left)->name, ((const struct listed *)right)->name);
}

static bool keep_list(struct files *files, const char *path, struct exchange_answer *answer) {
    const struct dirent *entry;
    forget(files);
    int fd = open_kind(files, path, KIND_DIRECTORY, answer);
    if (fd < 0) return false;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        answer->status = status_of(errno);
        close(fd);
        return false;
    }
    while ((entry = readdir(directory))) add(files, fd, entry->d_name);
    closedir(directory);
    if (files->count > 0) qsort(files->list, files->count, sizeof *files->list, by_name);
    strcpy(files->path, path);
    return true;
}

void files_list(struct files *files, const char *path, uint64_t offset, unsigned char *buffer,
                uint64_t capacity, struct exchange_answer *answer) {
    bool kept = offset > 0 && files->file < 0 && strcmp(files->path, path) == 0;
    if (!kept && !keep_list(files, path, answer)) return;
    uint64_t at = offset;
    for (; at < files->count; at++) {
        const struct listed *listed = &files->list[at];
        uint64_t needed = sizeof listed->entry + listed->entry.name_bytes;
        if (needed > capacity - answer->bytes) break;
        memcpy(buffer + answer->bytes, &listed->entry, sizeof listed->entry);
        memcpy(buffer + answer->bytes + sizeof listed->entry, listed->name,
               listed->entry.name_bytes);
        answer->bytes += needed;
    }
    answer->status = ANSWER_OK;
    answer->kind = KIND_DIRECTORY;
    answer->last = at >= files->count;
}
