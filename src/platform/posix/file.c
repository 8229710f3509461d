/* file.c: files by name and by descriptor. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

static int base_of(spg__file directory) {
    return directory == SPG__NO_FILE ? AT_FDCWD : directory;
}

static int open_flags(spg__file *file, spg__file directory, const char *path, int flags) {
    int opened;
    do {
        opened = (int)SPG_SYSTEM(openat, (base_of(directory), path, flags | O_CLOEXEC, 0600));
    } while (opened < 0 && errno == EINTR);
    if (opened < 0) return spg__reason("open");
    *file = opened;
    return 0;
}

/* O_NONBLOCK: a FIFO or a device under the name must not hold us up; it is refused later. */
int spg__file_open(spg__file *file, spg__file directory, const char *path,
                   enum spg__file_access access) {
    int mode = access == SPG__FILE_READ ? O_RDONLY : O_RDWR;
    int result = open_flags(file, directory, path, mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    /* A directory, or a socket. */
    return result == SPG_ESYSTEM && (errno == EISDIR || errno == ENXIO) ? SPG_ETYPE : result;
}

int spg__directory_open(spg__file *directory, const char *path) {
    return open_flags(directory, SPG__NO_FILE, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/* mkdir obeys the umask; the chmod that makes the mode exact comes after, and a death between the
 * two leaves a directory that is only narrower. */
int spg__directory_make(const char *path, uint32_t mode) {
    if (SPG_SYSTEM(mkdir, (path, mode & 0700)) < 0) return spg__reason("mkdir");
    if (SPG_SYSTEM(chmod, (path, mode)) < 0) return spg__reason("chmod");
    return 0;
}

int spg__file_create_named(spg__file *file, spg__file directory, const char *path) {
    return open_flags(file, directory, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
}

int spg__file_unlink(spg__file directory, const char *path) {
    return SPG_SYSTEM(unlinkat, (base_of(directory), path, 0)) < 0 ? spg__reason("unlink") : 0;
}

void spg__file_close(spg__file file) {
    if (file >= 0) (void)SPG_SYSTEM(close, (file));
}

int spg__file_duplicate(spg__file *copy, spg__file file) {
    int duplicate = (int)SPG_SYSTEM(fcntl, (file, F_DUPFD_CLOEXEC, 3));
    if (duplicate < 0) return spg__reason("fcntl(F_DUPFD)");
    *copy = duplicate;
    return 0;
}

int spg__file_facts(spg__file file, struct spg__file_facts *facts) {
    struct stat status;
    if (SPG_SYSTEM(fstat, (file, &status)) < 0) return spg__reason("fstat");
    *facts = (struct spg__file_facts){
        .size = (uint64_t)status.st_size,
        .device = (uint64_t)status.st_dev,
        .number = (uint64_t)status.st_ino,
        .mode = status.st_mode & 07777,
        .user = status.st_uid,
        .links = (uint64_t)status.st_nlink,
        .regular = S_ISREG(status.st_mode),
        .directory = S_ISDIR(status.st_mode),
    };
    return 0;
}

bool spg__file_is_named(const struct spg__file_facts *facts, spg__file directory,
                        const char *path) {
    struct spg__file_facts named = {0};
    spg__file file = SPG__NO_FILE;
    if (spg__file_open(&file, directory, path, SPG__FILE_READ) < 0) return false;
    bool same = spg__file_facts(file, &named) == 0 && spg__same_file(facts, &named);
    spg__file_close(file);
    return same;
}

int spg__file_set_mode(spg__file file, uint32_t mode) {
    return SPG_SYSTEM(fchmod, (file, mode)) < 0 ? spg__reason("fchmod") : 0;
}

int spg__file_system_room(const char *path, uint64_t *free_bytes, uint64_t *all_bytes) {
    struct statvfs room;
    if (SPG_SYSTEM(statvfs, (path, &room)) < 0) return spg__reason("statvfs");
    *free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    *all_bytes = (uint64_t)room.f_blocks * room.f_frsize;
    return 0;
}

int spg__path_absolute(char *absolute, size_t size, const char *path) {
    char directory[4096] = "";
    if (path[0] != '/' && !getcwd(directory, sizeof directory)) return spg__reason("getcwd");
    size_t end = strlen(directory);
    const char *between = path[0] == '/' || (end > 0 && directory[end - 1] == '/') ? "" : "/";
    int length = snprintf(absolute, size, "%s%s%s", directory, between, path);
    if (length < (int)size) return 0;
    errno = ENAMETOOLONG;
    return spg__reason("path");
}

int spg__record_make(spg__file directory, const char *name, const char *text) {
    return SPG_SYSTEM(symlinkat, (text, base_of(directory), name)) < 0 ? spg__reason("symlink") : 0;
}

int spg__record_read(spg__file directory, const char *name, char *text, size_t size) {
    intptr_t length = SPG_SYSTEM(readlinkat, (base_of(directory), name, text, size));
    if (length < 0) return spg__reason("readlink");
    if ((size_t)length >= size) return SPG_ETOOBIG;
    text[length] = '\0';
    return 0;
}

static DIR *stream_of(spg__file directory) {
    int own = (int)SPG_SYSTEM(openat, (directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (own < 0) return NULL;
    DIR *stream = fdopendir(own);
    if (!stream) close(own);
    return stream;
}

int spg__directory_each(spg__file directory, int (*visit)(void *context, const char *name),
                        void *context) {
    DIR *stream = stream_of(directory);
    if (!stream) return spg__reason("opendir");
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        result = visit(context, entry->d_name);
    }
    closedir(stream);
    return result;
}
