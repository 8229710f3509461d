/* world.c: see world.h. */
#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"

#define DOMAIN_NUMBER UINT64_C(0x5a3e9a6e00000001)
enum { AT_DOMAIN = 40 };

struct image images[FILE_KINDS];
const char *const kind_words[FILE_KINDS] = {"stream",  "topic",   "cell", "queue",
                                            "service", "segment", "nodes"};
static char domain[64], table[72], other[72], segment_name[64], paths[FILE_KINDS][128];
static pid_t maker;

_Noreturn void finding(const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(2, "FINDING: %s; the last detail: %s\n", text, spg_error_detail());
    abort();
}

const char *world_domain(void) {
    return domain;
}

const char *world_other_domain(void) {
    return other;
}

const char *world_name(enum file_kind kind) {
    return kind == FILE_SEGMENT ? segment_name : "x";
}

const char *world_path(enum file_kind kind) {
    return paths[kind];
}

static void name_all(void) {
    /* By this who started us finds what we left, if we die. */
    const char *tag = getenv("FUZZ_TAG");
    snprintf(domain, sizeof domain, "/dev/shm/spg-fuzz-%.20s-%d", tag ? tag : "", (int)getpid());
    snprintf(table, sizeof table, "%s/nodes", domain);
    snprintf(other, sizeof other, "%s.other", domain);
    snprintf(segment_name, sizeof segment_name, "posix:/%s.segment", domain + strlen("/dev/shm/"));
    for (int i = 0; i < FILE_SEGMENT; i++)
        snprintf(paths[i], sizeof paths[i], "%s/x.%s", domain, kind_words[i]);
    snprintf(paths[FILE_SEGMENT], sizeof paths[0], "%s.segment", domain);
    snprintf(paths[FILE_NODES], sizeof paths[0], "%s/nodes", other);
    setenv("SAMEPAGE_DOMAIN", domain, 1);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int open_file(const char *path, int flags) {
    return open(path, flags | O_CLOEXEC, 0600);
}

/* docs/layout/nodes.md: what makes a segment's name known in its domain. */
static void put_record(void) {
    char path[128];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = segment_name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    snprintf(path, sizeof path, "%s/segment-%016llx", domain, (unsigned long long)hash);
    (void)!symlink(segment_name, path);
}

void world_put(enum file_kind kind, const void *bytes, size_t count, size_t size) {
    unlink(paths[kind]);
    int file = open_file(paths[kind], O_RDWR | O_CREAT | O_EXCL);
    if (file < 0) finding("cannot make %s", paths[kind]);
    if (size > count && ftruncate(file, (off_t)size) < 0) finding("no room");
    if (count > 0 && pwrite(file, bytes, count, 0) != (ssize_t)count) finding("no room");
    close(file);
    if (kind == FILE_SEGMENT) put_record();
}

void world_patch(enum file_kind kind, size_t offset, const void *bytes, size_t count) {
    int file = open_file(paths[kind], O_RDWR);
    struct stat facts;
    if (file < 0) return;
    if (fstat(file, &facts) == 0 && offset < (size_t)facts.st_size) {
        size_t there = (size_t)facts.st_size - offset;
        (void)!pwrite(file, bytes, count < there ? count : there, (off_t)offset);
    }
    close(file);
}

void world_clear(enum file_kind kind) {
    unlink(paths[kind]);
}

static void read_image(enum file_kind kind) {
    struct stat facts;
    struct image *image = &images[kind];
    int file = open_file(kind == FILE_NODES ? table : paths[kind], O_RDONLY);
    if (file < 0 || fstat(file, &facts) < 0) finding("there is no image of a %s", kind_words[kind]);
    image->size = (size_t)facts.st_size;
    image->bytes = malloc(image->size);
    if (!image->bytes || read(file, image->bytes, image->size) != facts.st_size)
        finding("cannot read %s", paths[kind]);
    close(file);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void remove_folder(const char *path) {
    struct dirent *entry;
    DIR *folder = opendir(path);
    if (!folder) return;
    while ((entry = readdir(folder))) unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

void world_end(void) {
    if (getpid() != maker) return;
    remove_folder(domain);
    remove_folder(other);
    unlink(paths[FILE_SEGMENT]);
}

/* A fixed number, before anybody stands in the table. */
static void number_domain(void) {
    const uint64_t number = DOMAIN_NUMBER;
    struct stat facts;
    spg_node *node;
    if (spg_node_open(&node, NULL) < 0) finding("cannot make the domain");
    spg_node_close(node);
    int file = open_file(table, O_RDWR);
    if (file < 0 || pwrite(file, &number, 8, AT_DOMAIN) != 8 || fstat(file, &facts) < 0)
        finding("cannot number the domain");
    guard_spare(facts.st_ino);
    close(file);
}

static void make_images(void) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) images_make();
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL)
        finding("the images could not be made");
    for (int i = 0; i < FILE_KINDS; i++) read_image((enum file_kind)i);
    for (int i = 0; i < FILE_NODES; i++) world_clear((enum file_kind)i);
}

void world_begin(void) {
    uint64_t id;
    maker = getpid();
    prctl(PR_SET_TIMERSLACK, 1); /* a short wait is short */
    name_all();
    world_end();
    if (mkdir(domain, 0700) < 0 || mkdir(other, 0700) < 0) finding("cannot make %s", domain);
    atexit(world_end);
    number_domain();
    make_images();
    if (spg_node_id(NULL, &id) < 0) finding("cannot join the domain");
}

/* ---- results --------------------------------------------------------------------------------- */

int named(int result) {
    if (result < SPG_EMFILE) finding("%d is no result", result);
    return result;
}

unsigned touch(const void *data, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)data)[i];
    return sum;
}

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
