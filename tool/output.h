/* output.h: what was received, on the standard output. */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* From now on a closed output is an error of the write, and no signal. */
void output_begin(void);

/* Writes all of it, past stdio. Returns EXIT_OK, or what to exit with: it was complained, or nobody
 * reads any more, which is no news. */
int output_bytes(const void *bytes, size_t size);

/* A message, through stdio; ended as a line where it does not end itself, unless raw. */
void output_message(const void *bytes, size_t size, bool raw);

/* What stdio has goes out. Returns as output_bytes. */
int output_flush(void);

/* The reader of the output has gone: to be asked now and then by who waits. */
bool output_is_closed(void);

#endif
