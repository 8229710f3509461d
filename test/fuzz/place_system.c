/* place_system.c: see place.h. Real files. */
#include "place.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

void place_begin(char *domain, size_t size) {
    /* By this who started us finds what we left, if we die. */
    const char *tag = getenv("FUZZ_TAG");
    snprintf(domain, size, "/dev/shm/spg-fuzz-%.20s-%d", tag ? tag : "", (int)getpid());
    prctl(PR_SET_TIMERSLACK, 1); /* a short wait is short */
}

void place_make_directory(const char *path) {
    if (mkdir(path, 0700) < 0) finding("cannot make %s", path);
}

void place_remove_directory(const char *path) {
    struct dirent *entry;
    DIR *folder = opendir(path);
    if (!folder) return;
    while ((entry = readdir(folder))) unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

int place_open(const char *path) {
    return open(path, O_RDWR | O_CLOEXEC);
}

void place_close(int file) {
    close(file);
}

void place_put(const char *path, const void *bytes, size_t count, size_t size) {
    unlink(path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) finding("cannot make %s", path);
    if (size > count && ftruncate(file, (off_t)size) < 0) finding("no room");
    if (count > 0 && pwrite(file, bytes, count, 0) != (ssize_t)count) finding("no room");
    close(file);
}

void place_patch(const char *path, size_t offset, const void *bytes, size_t count) {
    int file = place_open(path);
    struct stat facts;
    if (file < 0) return;
    if (fstat(file, &facts) == 0 && offset < (size_t)facts.st_size) {
        size_t there = (size_t)facts.st_size - offset;
        (void)!pwrite(file, bytes, count < there ? count : there, (off_t)offset);
    }
    close(file);
}

void place_put_record(const char *path, const char *text) {
    (void)!symlink(text, path);
}

void place_remove(const char *path) {
    unlink(path);
}

unsigned char *place_read(const char *path, size_t *size) {
    struct stat facts;
    int file = place_open(path);
    if (file < 0 || fstat(file, &facts) < 0) return NULL;
    unsigned char *bytes = malloc((size_t)facts.st_size + 1);
    if (!bytes || read(file, bytes, (size_t)facts.st_size) != facts.st_size)
        finding("cannot read %s", path);
    close(file);
    *size = (size_t)facts.st_size;
    return bytes;
}

uint64_t place_number(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 ? (uint64_t)facts.st_ino : 0;
}

void place_become_another(void) {
}
void place_reap(void) {
}
bool place_is_private(void) {
    return false;
}
void place_have_no_unnamed_files(void) {
}
bool place_when_stuck(void (*helper)(void)) {
    (void)helper;
    return false;
}
void place_mark(void) {
}
void place_reset(void) {
}
