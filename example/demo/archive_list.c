/* archive_list.c: names of what tar is to read, and tar itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"

struct walk {
    struct archive *archive;
    FILE *list;
    uint64_t limit;
    dev_t device;
    bool is_over;
};

/* tar is told names below the root, which it would make of others too, but say so. */
static void add(struct walk *walk, const char *path) {
    fputs(path + 1, walk->list);
    fputc('\0', walk->list);
    walk->archive->names++;
}

static void visit_file(struct walk *walk, const char *path, uint64_t size) {
    if (access(path, R_OK) < 0) return;
    if (walk->limit && size > walk->limit / 8) {
        walk->archive->is_cut = true;
        return;
    }
    if (walk->limit && size > walk->limit - walk->archive->contents) {
        walk->archive->is_cut = walk->is_over = true;
        return;
    }
    walk->archive->contents += size;
    add(walk, path);
}

static void visit_directory(struct walk *walk, const char *path);

static void visit(struct walk *walk, const char *path) {
    struct stat facts;
    if (lstat(path, &facts) < 0 || facts.st_dev != walk->device) return;
    if (S_ISREG(facts.st_mode)) visit_file(walk, path, (uint64_t)facts.st_size);
    else if (S_ISDIR(facts.st_mode)) visit_directory(walk, path);
    else if (S_ISLNK(facts.st_mode)) add(walk, path);
}

static void visit_directory(struct walk *walk, const char *path) {
    DIR *directory = opendir(path);
    char below[PATH_MAX];
    if (!directory) return;
    if (path[1]) add(walk, path);
    for (struct dirent *entry; !walk->is_over && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int length = snprintf(below, sizeof below, "%s/%s", path[1] ? path : "", entry->d_name);
        if (length < (int)sizeof below) visit(walk, below);
        if (is_stopping()) walk->is_over = true;
    }
    closedir(directory);
}

static int write_list(struct archive *archive, const char *path, uint64_t limit) {
    struct walk walk = {.archive = archive, .limit = limit};
    struct stat facts;
    int copy = dup(archive->list);
    walk.list = copy < 0 ? NULL : fdopen(copy, "w");
    if (!walk.list) return complain("no memory for a list");
    if (lstat(path, &facts) == 0) {
        walk.device = facts.st_dev;
        visit(&walk, path);
    }
    if (fclose(walk.list) != 0) return complain("cannot write a list: %s", strerror(errno));
    if (is_stopping()) return -1;
    return archive->contents > 0 ? 0 : complain("%s: no file to read there", path);
}

int archive_list(struct archive *archive, const char *path, uint64_t limit) {
    char whole[PATH_MAX];
    if (!realpath(path, whole)) return complain("%s: %s", path, strerror(errno));
    archive->list = memfd_create("samepage-demo list", MFD_CLOEXEC);
    if (archive->list < 0) return complain("memfd_create: %s", strerror(errno));
    return write_list(archive, whole, limit);
}

struct tar_files {
    int list, output;
};

static int become_tar(void *context, int report) {
    const struct tar_files *files = context;
    (void)report;
    if (dup2(files->list, STDIN_FILENO) < 0 || dup2(files->output, STDOUT_FILENO) < 0) return 127;
    execlp("tar", "tar", "--create", "--file=-", "--directory=/", "--null", "--no-recursion",
           "--files-from=-", (char *)NULL);
    complain("tar: %s", strerror(errno));
    return 127;
}

int archive_start_tar(struct process *tar, const struct archive *archive, int output) {
    struct tar_files files = {archive->list, output};
    if (lseek(archive->list, 0, SEEK_SET) < 0) return complain("lseek: %s", strerror(errno));
    return process_fork(tar, become_tar, &files);
}
