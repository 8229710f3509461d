/* board.h: the segment between the sender and its receivers, and what each side does with it. */
#ifndef BOARD_H
#define BOARD_H

#include <samepage/samepage.h>

#include "stream.h"

struct board_shared;

/* One process's view of the segment. Each side counts by itself how many buffers of a lane it has
 * filled or emptied; the segment holds no position. */
struct board {
    struct board_shared *shared;
    uint8_t *buffers;
    uint8_t *digests;
    uint64_t files;
    uint32_t next[RECEIVERS]; /* the buffer that comes next in each lane */
};

/* How large a segment for this many files must be. */
size_t board_bytes(uint64_t files);

/* Looks at a mapped segment as a board; checks its size. Returns 0 or -1. */
int board_attach(struct board *board, const spg_segment *segment, uint64_t files);

/* ---- the sender ------------------------------------------------------------------------------ */

/* Makes everything in a new segment and says that the sender lives. Returns 0 or -1. */
int board_format(struct board *board);

/* Says: from now on, whatever is given back ends my next board_await. */
void board_listen(struct board *board);

/* Waits until something was given back or confirmed since board_listen, at most `timeout`.
 * Returns 0, SPG_ETIMEDOUT, or another error. */
int board_await(struct board *board, int64_t timeout);

/* Fills a buffer of the lane from the cursor. Returns 1, 0 if none is free, -1. */
int board_put(struct board *board, int lane, struct cursor *cursor);

/* Returns 1 if the lane's receiver is dead (its permit is then ours), 0 if it lives, -1. */
int board_bury(struct board *board, int lane);

/* For a lane whose permit is ours: makes all buffers free again and gives the permit to the next
 * receiver. Returns 0 or -1. */
int board_reopen(struct board *board, int lane);

/* How many files of the lane are confirmed. Returns 0 or -1. */
int board_confirmed(struct board *board, int lane, uint64_t *count);

/* How many buffers of the lane a stopped receiver has in its hands. */
int board_held(struct board *board, int lane);

/* ---- a receiver ------------------------------------------------------------------------------ */

/* Says that the lane's receiver lives. Returns 0 or -1. */
int board_arrive(struct board *board, int lane);

/* Takes the next full buffer. Returns 0, or -1: the sender is gone or wrong. */
int board_take(struct board *board, int lane, const uint8_t **bytes, size_t *length);

/* Gives that buffer back. Returns 0 or -1. */
int board_give_back(struct board *board, int lane);

/* Confirms a file: it need not be sent again. Returns 0 or -1. */
int board_confirm(struct board *board, int lane, uint64_t file, const uint8_t sha256[DIGEST_BYTES]);

#endif
