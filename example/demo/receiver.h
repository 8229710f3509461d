/* receiver.h: a receiver process: how it is started, and what it does. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include "carrier.h"
#include "process.h"

#define NEVER UINT64_MAX

/* What a receiver is told. Over a socket, as one message: the same program reads it. */
struct job {
    uint32_t medium;
    uint32_t lane;
    uint32_t confirms; /* memory only: 1 confirm each file, with its digest, on the board */
    int32_t data;      /* pipe, socket: the descriptor to read */
    uint64_t bytes;    /* of its stream */
    uint64_t files;    /* of the tree */
    uint64_t stop_at;  /* stops itself with the buffer of this byte in its hands, or NEVER */
    char name[NAME_BYTES];
};

/* What it reports, over the same socket: READY, ARRIVED, and unless it confirms a verdict for each
 * file. */
enum { READY = 'R', ARRIVED = 'A' };

struct verdict {
    uint64_t file;
    uint8_t sha256[DIGEST_BYTES];
};

/* ---- the sender's side ----------------------------------------------------------------------- */

/* Starts one: by fork for the anonymous kind, otherwise by fork and exec, as a program that
 * inherits nothing of the sender but the two descriptors. Returns 0 or -1. */
int receiver_start(struct process *receiver, const struct carrier *carrier, const struct job *job);

/* ---- the receiver's side --------------------------------------------------------------------- */

/* What an exec'ed receiver does. Returns its exit status. */
int receive(int report);

/* The same for a forked one, over a mapping that it inherited. */
int receive_inherited(const struct job *job, const spg_segment *segment, int report);

#endif
