/* carrier.h: what the bytes travel through: a segment of some kind, pipes, or sockets. */
#ifndef CARRIER_H
#define CARRIER_H

#include <samepage/samepage.h>

#include "demo.h"

enum medium { SYSTEM_V, POSIX, MEMFD, ANONYMOUS, PIPE, SOCKET, MEDIA };

enum { NAME_BYTES = 64 };

/* A segment, or one pair of descriptors for each receiver. */
struct carrier {
    enum medium medium;
    spg_segment *segment;
    char name[NAME_BYTES]; /* the segment's, if it has one */
    int sending[RECEIVERS];
    int receiving[RECEIVERS];
};

/* "System V", "pipe", … */
const char *medium_label(enum medium medium);

/* Memory, rather than a stream of the kernel's? */
bool medium_is_memory(enum medium medium);

/* The sender's side. `bytes` is for memory. Returns 0 or -1. */
int carrier_make(struct carrier *carrier, enum medium medium, size_t bytes);

/* Closes the receiver's end of a pipe or socket, which it has now: or its death would go unseen. */
void carrier_hand_over(struct carrier *carrier, int lane);

/* Lets go of everything. Returns 0, or -1 if the kernel still knows the segment's name. */
int carrier_release(struct carrier *carrier);

/* An unrelated receiver's side: maps the segment by its name, or as it comes over the socket.
 * Returns 0 or -1. */
int carrier_open(spg_segment **segment, enum medium medium, const char *name, int socket);

#endif
