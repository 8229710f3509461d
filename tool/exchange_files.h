/* exchange_files.h: what the server of the exchange reads: files and lists beneath its folder. */
#ifndef TOOL_EXCHANGE_FILES_H
#define TOOL_EXCHANGE_FILES_H

#include "exchange.h"

struct listed {
    char *name;
    struct exchange_entry entry;
};

/* What the last request was about is kept open, so that the pieces of one file are of one file. */
struct files {
    int root;
    char path[EXCHANGE_PATH_BYTES]; /* of `file` or `list`; empty: nothing is kept */
    int file;                       /* -1: none */
    uint64_t size;
    uint32_t mode;
    struct listed *list;
    size_t count, room;
};

void files_begin(struct files *files, int root);
void files_end(struct files *files);

/* Fill the buffer and the answer, but for its number. The path ends with a zero and was checked. */
void files_read(struct files *files, const char *path, uint64_t offset, unsigned char *buffer,
                uint64_t capacity, struct exchange_answer *answer);
void files_list(struct files *files, const char *path, uint64_t offset, unsigned char *buffer,
                uint64_t capacity, struct exchange_answer *answer);

#endif
