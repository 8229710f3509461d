/* input.h: the standard input, by lines, by pieces of a size, or whole. */
#ifndef TOOL_INPUT_H
#define TOOL_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    char *bytes;
    size_t at, end, room;
};

/* What each returns: 1, 0 at the end (and where a signal stopped us: stop.h), or -1: it failed, and
 * that was said. The bytes of a line or of the whole stay until the next call. */

/* The next line, without its end. The last one needs none. */
int input_line(struct input *input, const char **bytes, size_t *size);

/* As many bytes as fit, less only at the end. Not to be mixed with lines. */
int input_piece(void *room, size_t size, size_t *count);

int input_all(struct input *input, const char **bytes, size_t *size);

/* The next line if `frame` is 0, else the next piece of this size. */
int input_next(struct input *input, uint64_t frame, const char **bytes, size_t *size);

void input_free(struct input *input);

#endif
