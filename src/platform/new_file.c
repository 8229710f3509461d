/* new_file.c: see new_file.h. Portable: only calls of the porting contract. */
#include "platform/new_file.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { BUILDER_LOCK = 1, TRIES = 100 };

/* The folder part of a path, for the file system that the file shall lie on. */
static void folder_of(const char *path, char *folder, size_t size) {
    const char *slash = strrchr(path, '/');
    if (!slash) snprintf(folder, size, ".");
    else if (slash == path) snprintf(folder, size, "/");
    else snprintf(folder, size, "%.*s", (int)(slash - path), path);
}

/* Is `file` what the temporary name stands for now? */
static bool is_named(spg__file file, spg__file directory, const char *temporary) {
    struct spg__file_facts facts;
    return spg__file_facts(file, &facts) == 0 && spg__file_is_named(&facts, directory, temporary);
}

/* Only the one who holds its lock removes it, so the name cannot come to mean another file between
 * the look and the removal. */
int spg__new_file_clear(spg__file directory, const char *temporary) {
    spg__file other;
    int result = spg__file_open(&other, directory, temporary, SPG__FILE_READ_WRITE);
    if (result == SPG_ENOENT) return 0;
    if (result < 0) return result;
    result = spg__lock_try(other, BUILDER_LOCK);
    if (result == 0 && is_named(other, directory, temporary)) {
        result = spg__file_unlink(directory, temporary);
        if (result == 0) result = 1;
    }
    spg__file_close(other);
    return result;
}

/* The lock comes an instant after the file; in between the file looks like a dead builder's. */
static int lock_own(struct spg__new_file *new_file) {
    int result = spg__lock_try(new_file->file, BUILDER_LOCK);
    if (result == 0 && is_named(new_file->file, new_file->directory, new_file->temporary)) return 0;
    spg__file_close(new_file->file);
    new_file->file = SPG__NO_FILE;
    return result == 0 ? SPG_EEXIST : result;
}

static int create_named(struct spg__new_file *new_file) {
    int length = snprintf(new_file->temporary, sizeof new_file->temporary, "%s.new",
                          new_file->name);
    if (length >= (int)sizeof new_file->temporary) return SPG_EINVAL;
    for (int i = 0; i < TRIES; i++) {
        int result = spg__file_create_named(&new_file->file, new_file->directory,
                                            new_file->temporary);
        if (result == 0) result = lock_own(new_file);
        if (result != SPG_EEXIST) return result;
        result = spg__new_file_clear(new_file->directory, new_file->temporary);
        if (result < 0) return result;
    }
    return SPG_EAGAIN;
}

int spg__new_file_begin(struct spg__new_file *new_file, spg__file directory, const char *name) {
    char folder[SPG__PATH_BYTES];
    new_file->file = SPG__NO_FILE;
    new_file->directory = directory;
    new_file->temporary[0] = '\0';
    if (strlen(name) >= sizeof new_file->name) {
        spg__system_reason("name", "too long");
        return SPG_EINVAL;
    }
    strcpy(new_file->name, name);
    folder_of(name, folder, sizeof folder);
    int result = spg__file_create_unnamed(&new_file->file, directory, folder);
    return result == SPG_ENOTSUP ? create_named(new_file) : result;
}

int spg__new_file_commit(struct spg__new_file *new_file) {
    int result = spg__file_link(new_file->file, new_file->directory, new_file->name);
    if (result < 0) return result;
    if (new_file->temporary[0]) {
        spg__file_unlink(new_file->directory, new_file->temporary);
        spg__lock_release(new_file->file, BUILDER_LOCK);
    }
    return 0;
}

void spg__new_file_abandon(struct spg__new_file *new_file) {
    if (new_file->temporary[0] && new_file->file != SPG__NO_FILE) {
        spg__file_unlink(new_file->directory, new_file->temporary);
    }
    spg__file_close(new_file->file);
    new_file->file = SPG__NO_FILE;
}
