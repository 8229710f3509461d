/* print.h: what people read: tables, sizes, ages, names, and the one line of an error. */
#ifndef TOOL_PRINT_H
#define TOOL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_WRONG_USE = 2 };

enum { SHORT_TEXT = 32, CELLS_MAX = 16 };

/* "samepage: ..." on stderr, in one line whatever the arguments hold. Returns EXIT_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a result of the library: its detail if the call left one, else its sentence. What it
 * calls malformed was given by the user: EXIT_WRONG_USE. */
int complain_of(int result);

/* The same for a call that leaves no detail: the thing's name, and the result's sentence. */
int complain_about(const char *name, int result);

/* As complain, and EXIT_WRONG_USE. */
int wrong_use(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "samepage: note: ..." on stderr: something to know that is no error. */
void remark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Into buffers of SHORT_TEXT bytes. Each returns the buffer. */
const char *size_text(char *text, uint64_t bytes);              /* "12.0 KiB" */
const char *age_text(char *text, uint64_t created_nanoseconds); /* "3 min"; "-" if not known */
const char *duration_text(char *text, uint64_t nanoseconds);    /* "350 ms", "12 s" */
const char *rate_text(char *text, double rate);   /* "12.5/s", "1.2 M/s"; "-" if below 0 */
const char *mode_text(char *text, uint32_t mode); /* "0600" */
const char *count_text(char *text, uint64_t count, const char *noun); /* "1 node", "2 nodes" */

/* The user's name, or number where it has none. Into a buffer of 64 bytes. */
const char *user_text(char *text, uint32_t uid);

/* A text that others wrote, safe for a terminal: no control bytes, "-" if empty. Allocated. */
char *clean_text(const char *text);

bool is_terminal(int fd);

/* A table: begin, rows of cells (copied), end. Columns whose title begins with > are aligned to the
 * right. */
struct table {
    const char *titles[CELLS_MAX];
    size_t columns;
    char **cells;
    size_t count, room;
};

void table_begin(struct table *table, const char *const *titles, size_t columns);
void table_cell(struct table *table, const char *text);
void table_end(struct table *table); /* prints it, and frees what it has */

/* For who draws it himself. Columns on the screen that a text takes; what each column takes; a
 * column's title, and whether it is aligned to the right. */
size_t text_width(const char *text);
void table_widths(const struct table *table, size_t *widths);
const char *table_title(const struct table *table, size_t column, bool *right);
void table_free(struct table *table);

/* "Name:        text" with the texts of one block under each other. */
void print_field(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *must_have(void *memory); /* ends the program if the system has no memory */

#endif
