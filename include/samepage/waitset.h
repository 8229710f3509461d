/* samepage/waitset.h: waiting for several receivers at once, and descriptors for event loops.
 *
 * Every receiver of a channel, whatever its kind, has a waitable: spg_subscriber_waitable,
 * spg_stream_waitable, spg_cell_waitable, spg_queue_waitable, spg_server_waitable,
 * spg_client_waitable. It is ready when a receive would return at once, with a message or with an
 * error. A wait set sleeps until one of those added to it is ready. Who has an event loop of his
 * own takes the descriptor instead.
 *
 * A wait set is used by one thread at a time, and by none while a receiver in it is used by another
 * one. Fork: a child has its parent's neither; they give SPG_EFORKED, and closing frees the child's
 * copies alone. A child that goes on without exec and keeps the descriptor in an event loop of its
 * parent's disturbs that, as with any descriptor. */
#ifndef SAMEPAGE_WAITSET_H
#define SAMEPAGE_WAITSET_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_waitable spg_waitable;
typedef struct spg_waitset spg_waitset;

enum { SPG_WAITSET_MAX = 127 };

/* Makes an empty wait set. Returns 0, SPG_EINVAL, SPG_ENOMEM. */
SPG_API SPG_MUST_USE int spg_waitset_open(spg_waitset **out);

/* Adds a receiver; `tag` is what spg_waitset_wait tells of it. The receiver must not be closed
 * while it is in the set. Returns 0, SPG_EINVAL, SPG_EEXIST (it is in it), SPG_EFULL (127 are in
 * it), SPG_EFORKED. Does not wait. */
SPG_API SPG_MUST_USE int spg_waitset_add(spg_waitset *set, spg_waitable *waitable, void *tag);

/* Takes it out again. Returns 0, SPG_ENOENT, SPG_EINVAL. */
SPG_API int spg_waitset_remove(spg_waitset *set, spg_waitable *waitable);

/* Waits until at least one receiver is ready and writes the tags of up to `max` ready ones; the
 * next call begins after the last one told, so that none starves. `timeout` is as everywhere.
 * Returns their count, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EFORKED, SPG_EINVAL (also: the set is empty).
 * One system call a sleep, whatever the number of receivers; none if one is ready. Looks after dead
 * peers every 20 milliseconds. Before Linux 5.16, and where a receiver cannot announce itself (it
 * may only read its channel), it looks every millisecond instead of sleeping. Acquires nothing: the
 * receive does. */
SPG_API SPG_MUST_USE int spg_waitset_wait(spg_waitset *set, void **tags, int max, int64_t timeout);

/* NULL does nothing. The receivers stay open. Returns 0, SPG_EINVAL (not an open wait set). */
SPG_API int spg_waitset_close(spg_waitset *set);

/* A descriptor that is readable when the receiver is ready, for poll, epoll (level or edge), or any
 * event loop. It belongs to the receiver: it is not read, written or closed by the caller, and ends
 * with the receiver. When it is readable, receive with SPG_NOWAIT until that gives SPG_EAGAIN (or,
 * with a cell, until wait does): that makes it quiet again, and nothing else does. It may become
 * readable for no reason, at least every 50 milliseconds: then a peer may have died.
 * The first call makes it, under the domain's lock, for which it waits at most five seconds; two
 * more descriptors and a name in the domain's directory come with it. A caller that dies inside
 * leaves at most that name, for spg_collect.
 * Returns the descriptor, or SPG_EINVAL, SPG_EMFILE, SPG_ENOMEM, SPG_ENOSPC, SPG_EPERM, SPG_EFULL
 * (the channel has no room for another one), SPG_ETIMEDOUT, SPG_EFORKED, SPG_ESYSTEM. */
SPG_API SPG_MUST_USE int spg_waitable_fd(spg_waitable *waitable);

#ifdef __cplusplus
}
#endif

#endif
