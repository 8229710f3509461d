/* demo.h: what every file of the demo knows: sizes, patience, and how to complain. */
#ifndef DEMO_H
#define DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RECEIVERS = 2,
    BUFFERS = 8, /* of each receiver */
    BUFFER_BYTES = 256 * 1024,
    DIGEST_BYTES = 32,
    ROUNDS_MAX = 99
};

static const int64_t MILLISECOND = 1000000;
static const int64_t SECOND = 1000000000;

/* How long any step may make no progress before the demo gives up. */
static const int64_t PATIENCE = INT64_C(30000000000);

/* Nanoseconds on the monotonic clock. */
int64_t now(void);

/* Somebody wants us to end: every loop looks, every wait is short. */
bool is_stopping(void);

/* One line on stderr, none while stopping. Returns -1, for `return complain(…)`. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same about a result of Samepage. */
int complain_of(const char *what, int result);

#endif
