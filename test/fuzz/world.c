/* world.c: see world.h. */
#include "world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "place.h"

#define DOMAIN_NUMBER UINT64_C(0x5a3e9a6e00000001)
enum { AT_DOMAIN = 40, LOOKED_AT = 256 };

struct image images[FILE_KINDS];
const char *const kind_words[FILE_KINDS] = {"stream",  "topic", "cell", "queue", "service",
                                            "segment", "nodes", "sync", "php",   "passed"};
static char domain[64], table[72], other[72], names[FILE_KINDS][96], paths[FILE_KINDS][128];
static char record[128];
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
    return kind < FILE_SEGMENT || kind == FILE_NODES ? "x" : names[kind];
}

const char *world_path(enum file_kind kind) {
    return paths[kind];
}

/* docs/layout/nodes.md: what makes a segment's name known in its domain. */
static void name_record(void) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = names[FILE_SEGMENT]; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    snprintf(record, sizeof record, "%s/segment-%016llx", domain, (unsigned long long)hash);
}

static void name_all(void) {
    snprintf(table, sizeof table, "%s/nodes", domain);
    snprintf(other, sizeof other, "%s.other", domain);
    for (int i = 0; i < FILE_KINDS; i++) {
        snprintf(names[i], sizeof names[i], "posix:/%s.%s", domain + strlen("/dev/shm/"),
                 kind_words[i]);
        if (i < FILE_SEGMENT) snprintf(paths[i], sizeof paths[i], "%s/x.%s", domain, kind_words[i]);
        else snprintf(paths[i], sizeof paths[i], "%s.%s", domain, kind_words[i]);
    }
    snprintf(paths[FILE_NODES], sizeof paths[0], "%s/nodes", other);
    name_record();
    setenv("SAMEPAGE_DOMAIN", domain, 1);
}

/* ---- files ----------------------------------------------------------------------------------- */

void world_put(enum file_kind kind, const void *bytes, size_t count, size_t size) {
    place_put(paths[kind], bytes, count, size);
    if (kind == FILE_SEGMENT) place_put_record(record, names[kind]);
}

void world_put_image(enum file_kind kind) {
    world_put(kind, images[kind].bytes, images[kind].length, images[kind].size);
}

void world_patch(enum file_kind kind, size_t offset, const void *bytes, size_t count) {
    place_patch(paths[kind], offset, bytes, count);
}

void world_clear(enum file_kind kind) {
    place_remove(paths[kind]);
}

void world_reset(void) {
    place_reset();
}

bool world_looks_around(const uint8_t *data, size_t size) {
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < size && i < LOOKED_AT; i++) sum = (sum ^ data[i]) * 16777619u;
    return (sum ^ sum >> 15) % 128 == 0;
}

static void read_image(enum file_kind kind) {
    struct image *image = &images[kind];
    image->bytes = place_read(kind == FILE_NODES ? table : paths[kind], &image->size);
    if (!image->bytes) finding("there is no image of a %s", kind_words[kind]);
    image->length = image->size;
    while (image->length > 0 && image->bytes[image->length - 1] == 0) image->length--;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void world_end(void) {
    if (getpid() != maker) return;
    place_remove_directory(domain);
    place_remove_directory(other);
    for (int i = FILE_SEGMENT; i < FILE_KINDS; i++) place_remove(paths[i]);
}

/* A fixed number, before anybody stands in the table. */
static void number_domain(void) {
    const uint64_t number = DOMAIN_NUMBER;
    spg_node *node;
    if (spg_node_open(&node, NULL) < 0) finding("cannot make the domain");
    spg_node_close(node);
    place_patch(table, AT_DOMAIN, &number, 8);
    guard_spare(place_number(table));
}

static _Noreturn void be_another(void) {
    place_become_another();
    images_make();
}

static void make_images(void) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) be_another();
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL)
        finding("the images could not be made");
    place_reap();
    for (int i = 0; i < FILE_KINDS; i++) read_image((enum file_kind)i);
    for (int i = 0; i < FILE_KINDS; i++) world_clear((enum file_kind)i);
    place_remove(record);
}

void world_begin(void) {
    uint64_t id;
    maker = getpid();
    place_begin(domain, sizeof domain);
    name_all();
    world_end();
    place_make_directory(domain);
    place_make_directory(other);
    atexit(world_end);
    number_domain();
    make_images();
    if (spg_node_id(NULL, &id) < 0) finding("cannot join the domain");
    place_mark();
}

/* ---- results --------------------------------------------------------------------------------- */

int named(int result) {
    if (result < SPG_EMFILE) finding("%d is no result", result);
    return result;
}

unsigned touch(const void *data, size_t size) {
    static unsigned char copy[4096];
    unsigned sum = 0;
    for (size_t at = 0; at < size; at += sizeof copy) {
        memcpy(copy, (const char *)data + at, size - at < sizeof copy ? size - at : sizeof copy);
        sum += copy[0];
    }
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
