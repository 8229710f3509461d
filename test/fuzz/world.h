/* world.h: the world of a fuzz target: a domain, and an image of each kind of file, made by a
 * process that was killed in the middle of using it.
 *
 * The domain's number is always the same, and so are the numbers of its first nodes; so an input
 * that holds the bytes of a file means the same in every run. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <samepage/samepage.h>

enum file_kind {
    FILE_STREAM,
    FILE_TOPIC,
    FILE_CELL,
    FILE_QUEUE,
    FILE_SERVICE,
    FILE_SEGMENT, /* managed */
    FILE_NODES,
    FILE_SYNC,   /* bare, with each thing of sync.h in it */
    FILE_PHP,    /* bare, with variables of PHP */
    FILE_PASSED, /* managed, had by descriptor */
    FILE_KINDS
};
enum { IMAGE_MAX = 65536, NODES_BYTES = 266240 };

struct image {
    unsigned char *bytes;
    size_t size;
    size_t length; /* without the zeros at its end */
};

extern struct image images[FILE_KINDS];
extern const char *const kind_words[FILE_KINDS];

/* Makes domain and images; they are removed when this process ends. */
void world_begin(void);
void world_end(void);
/* After each execution. */
void world_reset(void);

/* Says yes to one input in 128. */
bool world_looks_around(const uint8_t *data, size_t size);

/* Gives up the process: a finding. The text goes to the standard error. */
_Noreturn void finding(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The domain; that of the file of kind FILE_NODES, which nothing else uses. */
const char *world_domain(void);
const char *world_other_domain(void);
/* What to open it by, and where its bytes lie. */
const char *world_name(enum file_kind kind);
const char *world_path(enum file_kind kind);

/* Puts a file of these bytes there, in place of what is there. What is beyond `count` is zero. */
void world_put(enum file_kind kind, const void *bytes, size_t count, size_t size);
void world_put_image(enum file_kind kind);
/* Changes bytes of what is there, if there is something. */
void world_patch(enum file_kind kind, size_t offset, const void *bytes, size_t count);
/* Takes away what is there. */
void world_clear(enum file_kind kind);

/* images.c: in a process of its own, which never returns: makes one of each kind, in the middle of
 * being used. */
_Noreturn void images_make(void);

/* A result must be 0, a count, or one that the contract names. Returns it. */
int named(int result);
/* Reads every byte. */
unsigned touch(const void *data, size_t size);

/* Seconds on the monotonic clock. */
double seconds_now(void);
uint64_t random_next(uint64_t *state);

#endif
