/* archive.h: the third part: what tar reads, and one transfer of what it writes. */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "parts.h"
#include "process.h"

/* What tar is to read, as a list of names in a file of memory; and what it wrote when nobody
 * measured it. */
struct archive {
    int list; /* the descriptor */
    size_t names;
    uint64_t contents; /* bytes of the files */
    bool is_cut;       /* the limit ended the walk */
    uint8_t *bytes;    /* of the archive */
    uint64_t size;
    uint8_t sha256[DIGEST_BYTES];
};

/* Lists everything under `path` up to `limit` bytes of contents (0: no limit) and runs tar once,
 * which brings the files into the system's memory too. Returns 0 or -1. */
int archive_load(struct archive *archive, const char *path, uint64_t limit);
void archive_free(struct archive *archive);

/* Only the list. Returns 0 or -1. */
int archive_list(struct archive *archive, const char *path, uint64_t limit);

/* Starts tar, which writes into `output`. Returns 0 or -1. */
int archive_start_tar(struct process *tar, const struct archive *archive, int output);

/* The ways that the bytes may go. */
enum way { TAR_PIPE, TAR_LINK_STREAM, TAR_LINK_PIPE, MEMORY_STREAM, MEMORY_PIPE, WAYS };

struct transfer {
    int64_t nanoseconds; /* from tar's start, or the first byte, until the last one has arrived */
    bool is_match;
};

/* One transfer to a process that keeps the bytes and then computes their SHA-256. Returns 0 or
 * -1. */
int archive_transfer(struct transfer *transfer, const struct archive *archive, enum way way);

#endif
