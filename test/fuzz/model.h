/* model.h: programs of operations, and what they must give.
 *
 * An input is a program: its first byte chooses a channel, each byte or two after that an
 * operation. The operations are made on the channel, with several handles in this one process, and
 * on a model of a few lines beside it; whatever the contract says must agree. Nothing here waits.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include "world.h"

struct program {
    const uint8_t *bytes;
    size_t left;
};

/* The next byte; zeros when the program has ended. */
static inline unsigned next_byte(struct program *program) {
    if (program->left == 0) return 0;
    program->left--;
    return *program->bytes++;
}

/* A finding unless `condition` holds. */
#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) finding(__VA_ARGS__);                                                    \
    } while (0)
#define MUST_BE(expected, result)                                                                  \
    do {                                                                                           \
        int is_ = (result);                                                                        \
        if (is_ != (expected))                                                                     \
            finding("%s:%d: %s is %s, not %s", __FILE__, __LINE__, #result, spg_error_name(is_),   \
                    spg_error_name(expected));                                                     \
    } while (0)

/* Bytes that follow from a number; and whether they are still those. */
void content_fill(void *bytes, size_t size, uint64_t number);
bool content_is(const void *bytes, size_t size, uint64_t number);

void model_topic(struct program *program);
void model_cell(struct program *program);
void model_stream(struct program *program);
void model_queue(struct program *program);
void model_service(struct program *program);
void model_segment(struct program *program);

#endif
