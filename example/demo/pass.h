/* pass.h: one transfer of the whole tree to all receivers. */
#ifndef PASS_H
#define PASS_H

#include "board.h"
#include "carrier.h"
#include "receiver.h"
#include "stream.h"

struct pass {
    const struct plan *plan;
    const struct tree *tree;
    struct carrier carrier;
    struct board board; /* memory only */
    struct process receivers[RECEIVERS];
    struct cursor cursors[RECEIVERS];
    int64_t nanoseconds; /* from the first byte to the last ARRIVED */
    size_t matched;      /* files whose digest is that of the source */
    size_t resent;       /* killed pass: files sent again to the new receiver */
    int64_t told_after;  /* killed pass: nanoseconds from the kill to the permit's return */
};

/* A measured transfer. Returns 0 or -1; nothing is left but what was complained of. */
int pass_run(struct pass *pass, enum medium medium, const struct plan *plan);

/* A transfer over memory, unclocked, in which a receiver is killed with a buffer in its hands and
 * started again. Returns 0 or -1. */
int pass_run_with_kill(struct pass *pass, enum medium medium, const struct plan *plan);

/* ---- for the two of them --------------------------------------------------------------------- */

/* Makes the carrier, and the board if it is memory. Returns 0 or -1. */
int pass_open(struct pass *pass, enum medium medium, const struct plan *plan);

/* Starts a lane's receiver with the files from `first` on. Returns 0 or -1. */
int pass_start(struct pass *pass, int lane, size_t first, bool confirms, uint64_t stop_at);

/* Ends what still runs and releases the carrier. Returns `result`, or -1 if something was left. */
int pass_close(struct pass *pass, int result);

/* Moves all that the cursors have through the carrier. Return 0 or -1. */
int send_by_board(struct pass *pass);
int send_by_stream(struct pass *pass);

#endif
