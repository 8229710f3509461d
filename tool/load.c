/* load.c: a file's bytes as a bare segment, once in memory however many processes map it.
 *
 * A copy, and not the file itself, because a file may be changed or cut while it is mapped; and
 * read into the segment before that has its name, so nobody finds it half loaded, whoever dies. It
 * can only be read: who wants to write maps it copy-on-write, and has what he writes alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "print.h"
#include "stop.h"

enum { LOAD_NAME = 4096 };

struct loading {
    const char *path;
    int file;
    size_t size;
    uint32_t mode;
    bool has_failed; /* and it was said why */
};

/* Fills the segment before it has its name. */
static int fill(void *context, void *bytes, size_t size) {
    struct loading *loading = context;
    for (size_t done = 0; done < size;) {
        ssize_t more = pread(loading->file, (char *)bytes + done, size - done, (off_t)done);
        if (more < 0 && errno == EINTR && !stop_signal()) continue;
        if (more <= 0) {
            loading->has_failed = true;
            if (more == 0) complain("%s: it has become shorter", loading->path);
            else if (!stop_signal()) complain("%s: %s", loading->path, strerror(errno));
            return SPG_ESYSTEM;
        }
        done += (size_t)more;
    }
    return 0;
}

static int open_file(struct loading *loading) {
    struct stat status;
    loading->file = open(loading->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (loading->file < 0 || fstat(loading->file, &status) != 0) {
        return complain("%s: %s", loading->path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) return complain("%s: it is no file", loading->path);
    if (status.st_size == 0) return complain("%s: it has no bytes", loading->path);
    loading->size = (size_t)status.st_size;
    loading->mode = status.st_mode & 0444;
    return EXIT_OK;
}

/* What may not be there: a name that the new one is to have. */
static int make_way(const char *name) {
    int result = spg_segment_unlink(name);
    return result == 0 || result == SPG_ENOENT ? EXIT_OK : complain_of(result);
}

static int make(struct loading *loading, const char *name) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.mode = loading->mode;
    options.prepare = fill;
    options.context = loading;
    int result = spg_segment_create(&segment, name, loading->size, &options);
    if (loading->has_failed) return EXIT_FAILED;
    if (result == SPG_EEXIST) {
        return complain("%s is there already; --replace puts the new one in its place, and who has "
                        "the old one mapped keeps it",
                        name);
    }
    if (result < 0) return complain_of(result);
    printf("%s\n", spg_segment_name(segment));
    spg_segment_close(segment);
    return EXIT_OK;
}

static bool has_kind(const char *name) {
    return strncmp(name, "posix:", 6) == 0 || strncmp(name, "file:", 5) == 0;
}

static int run(const struct arguments *arguments) {
    char own[LOAD_NAME];
    struct loading loading = {.path = arguments->operands[0], .file = -1};
    const char *name = option_value(arguments, "name"), *leaf = strrchr(loading.path, '/');
    snprintf(own, sizeof own, "posix:/%.300s", leaf ? leaf + 1 : loading.path);
    if (!name) name = own;
    if (!has_kind(name)) {
        return wrong_use("load: %s: copies can be written only of what is posix:/NAME or "
                         "file:/PATH",
                         name);
    }
    stop_listen();
    int status = open_file(&loading);
    if (status == EXIT_OK && option_given(arguments, "replace")) status = make_way(name);
    if (status == EXIT_OK) status = make(&loading, name);
    if (loading.file >= 0) close(loading.file);
    return status;
}

static const struct option options[] = {
    {"name", 'n', "NAME", "the segment's, posix:/NAME or file:/PATH (posix:/ and the file's own)"},
    {"replace", 0, NULL, "put it in the place of one that is there; its users keep the old one"},
    {NULL, 0, NULL, NULL},
};

const struct command load_command = {
    .name = "load",
    .operands = "FILE",
    .summary = "load a file's bytes as a segment that many map and nobody changes",
    .about =
        "Prints the segment's name. It is bare, stays until samepage rm, may be read by those\n"
        "who may read FILE, and written by nobody; programs that map it copy-on-write\n"
        "(SPG_COPY_ON_WRITE, MAP_PRIVATE) have their changes for themselves. How much of it\n"
        "they share, and how much each has of its own: samepage stat NAME.",
    .examples = "  samepage load words.index\n"
                "  samepage stat posix:/words.index\n"
                "  samepage rm posix:/words.index",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
