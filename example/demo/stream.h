/* stream.h: the files of a tree as one stream of bytes for each receiver, the same over every kind.
 *
 * A stream is, for each file of the receiver's share, a record of 16 bytes and then the file's
 * bytes. The sender reads it through a cursor, in pieces, without joining them; the receiver keeps
 * it in a store of private memory and takes it apart there. */
#ifndef STREAM_H
#define STREAM_H

#include <sys/uio.h>

#include "tree.h"

struct record {
    uint64_t file; /* its place in the tree */
    uint64_t size; /* bytes that follow */
};

_Static_assert(sizeof(struct record) == 16, "the stream has no padding");

/* ---- the sender's side ----------------------------------------------------------------------- */

/* The files of one receiver, in the order they are sent. */
struct share {
    const struct tree *tree;
    struct record *records;
    size_t count;
};

struct plan {
    struct share shares[RECEIVERS];
};

/* Each file goes to the receiver that has fewer bytes so far. Returns 0 or -1. */
int plan_make(struct plan *plan, const struct tree *tree);
void plan_free(struct plan *plan);

/* The bytes of the stream from the file `first` of the share on. */
uint64_t share_bytes(const struct share *share, size_t first);

struct cursor {
    const struct share *share;
    size_t file;   /* of the share */
    uint64_t done; /* bytes of its record and contents */
};

bool cursor_at_end(const struct cursor *cursor);

/* The next pieces, at most `most` and at most `limit` bytes; does not move. Returns how many. */
int cursor_pieces(const struct cursor *cursor, struct iovec *pieces, int most, size_t limit);
void cursor_move(struct cursor *cursor, size_t bytes);

/* Copies the next `limit` bytes, or what is left, and moves. Returns how many bytes. */
size_t cursor_copy(struct cursor *cursor, uint8_t *to, size_t limit);

/* ---- the receiver's side --------------------------------------------------------------------- */

struct store {
    uint8_t *bytes;
    uint64_t size;
    uint64_t filled;
    uint64_t walked; /* whole files up to here were handed out by store_next */
};

/* Private memory for a whole stream, every page of it there. Returns 0 or -1. */
int store_make(struct store *store, uint64_t size);

/* The next file that has arrived whole. Returns 1, 0 if there is none yet, -1 if the bytes cannot
 * be right. */
int store_next(struct store *store, struct record *record, const uint8_t **bytes);

#endif
