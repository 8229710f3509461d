/* tree.c: walks a directory and reads its files into memory, with their digests. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"

struct walk {
    struct tree *tree;
    struct tree_limits limits;
    dev_t device;
    bool is_over;
};

static int by_name(const struct dirent **left, const struct dirent **right) {
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int make_room(struct tree *tree) {
    if (tree->count & (tree->count + 1)) return 0; /* room for 1, 3, 7, … */
    size_t room = 2 * tree->count + 1;
    struct tree_file *files = realloc(tree->files, room * sizeof *files);
    if (!files) return complain("no memory for %zu files", room);
    tree->files = files;
    return 0;
}

/* Reads until the end or `size`, whichever is first: the file may be changing. */
static int64_t read_whole(int file, uint8_t *bytes, uint64_t size) {
    uint64_t done = 0;
    while (done < size) {
        ssize_t got = read(file, bytes + done, size - done);
        if (got < 0 && errno == EINTR && !is_stopping()) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

static int add(struct tree *tree, int file, uint64_t size) {
    if (make_room(tree) < 0) return -1;
    struct tree_file *added = &tree->files[tree->count];
    added->bytes = malloc(size ? size : 1);
    if (!added->bytes) return complain("no memory for %llu bytes", (unsigned long long)size);
    int64_t got = read_whole(file, added->bytes, size);
    added->size = got < 0 ? 0 : (uint64_t)got;
    if (got < 0 || digest(added->bytes, added->size, added->sha256) < 0) {
        free(added->bytes);
        return got < 0 ? 0 : -1; /* what cannot be read is passed over */
    }
    tree->count++;
    tree->bytes += added->size;
    return 0;
}

/* Whether the limits let it in. */
static bool admit(struct walk *walk, uint64_t size) {
    const struct tree_limits *limits = &walk->limits;
    bool is_large = limits->bytes && size > limits->bytes / 8;
    bool is_last = (limits->files && walk->tree->count >= limits->files) ||
                   (!is_large && limits->bytes && size > limits->bytes - walk->tree->bytes);
    if (is_large || is_last) walk->tree->is_cut = true;
    if (is_last) walk->is_over = true;
    return !is_large && !is_last;
}

static int visit_file(struct walk *walk, const char *path) {
    struct stat facts = {0};
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return 0;
    int result = 0;
    bool is_file = fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
    uint64_t size = (uint64_t)facts.st_size;
    if (is_file && admit(walk, size)) result = add(walk->tree, file, size);
    close(file);
    return result;
}

static int visit_directory(struct walk *walk, const char *path);

static int visit(struct walk *walk, const char *directory, const char *name) {
    char path[4096];
    struct stat facts;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return 0;
    if (lstat(path, &facts) < 0 || facts.st_dev != walk->device) return 0;
    if (S_ISDIR(facts.st_mode)) return visit_directory(walk, path);
    return S_ISREG(facts.st_mode) ? visit_file(walk, path) : 0;
}

static int visit_directory(struct walk *walk, const char *path) {
    struct dirent **names;
    int result = 0;
    int count = scandir(path, &names, NULL, by_name);
    if (count < 0) return 0;
    for (int i = 0; i < count; i++) {
        if (result == 0 && !walk->is_over) result = visit(walk, path, names[i]->d_name);
        if (is_stopping()) result = -1;
        free(names[i]);
    }
    free(names);
    return result;
}

static int load(struct walk *walk, const char *path) {
    struct stat facts;
    if (stat(path, &facts) < 0) return complain("%s: %s", path, strerror(errno));
    walk->device = facts.st_dev;
    int result = S_ISDIR(facts.st_mode) ? visit_directory(walk, path) : visit_file(walk, path);
    if (result < 0 || walk->tree->count > 0) return result;
    return complain("%s: no file to read there%s", path,
                    walk->tree->is_cut ? " within the limits (see --mib)" : "");
}

int tree_load(struct tree *tree, const char *path, const struct tree_limits *limits) {
    struct walk walk = {.tree = tree, .limits = *limits};
    memset(tree, 0, sizeof *tree);
    int result = load(&walk, path);
    if (result < 0) tree_free(tree);
    return result;
}

void tree_free(struct tree *tree) {
    for (size_t i = 0; i < tree->count; i++) free(tree->files[i].bytes);
    free(tree->files);
    memset(tree, 0, sizeof *tree);
}
