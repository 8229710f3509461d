/* samepage/stream.h: bytes in order, from one writer to one reader, like a pipe without the kernel.
 *
 * A stream is found by its name in a domain. Either end may come first; the first to come makes it.
 * It serves one writer and one reader, once: when both have gone it is gone, and the name is free
 * for the next.
 *
 * What the writer has committed stays readable after it ended, closed or died; the reader then gets
 * the end, or SPG_EPEERDEAD if the writer died without ending: the end and a death are told apart.
 *
 * No call makes a system call unless it has to wait or the other side sleeps. An end is used by one
 * thread at a time. Fork: a child has neither end; its copies of handles give SPG_EFORKED. */
#ifndef SAMEPAGE_STREAM_H
#define SAMEPAGE_STREAM_H

#include <samepage/base.h>
#include <samepage/node.h>
#include <samepage/waitset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_stream spg_stream;

enum spg_stream_end { SPG_STREAM_WRITER = 1, SPG_STREAM_READER = 2 };

enum { SPG_CHANNEL_NAME_MAX = 200 };

typedef struct spg_stream_options {
    uint32_t struct_size; /* sizeof(spg_stream_options) */
    uint32_t mode;        /* permission bits of a stream that is made now. Default 0600 */
    uint64_t capacity; /* bytes on the way at most; rounded up to a power of two of pages, at most
                             1 GiB. Whoever makes the stream decides. Default 64 KiB */
} spg_stream_options;

#define SPG_STREAM_OPTIONS                                                                         \
    { sizeof(spg_stream_options), 0600, 65536 }

/* Takes one end of the stream of this name, making the stream if it is not there.
 *   node  NULL: the default node
 *   name  1 to 200 bytes: letters, digits, '_', '-', '.', '/' and anything beyond ASCII; not
 *         beginning with '.' or '/'
 *   end   enum spg_stream_end
 * Returns 0, or SPG_EEXIST (this end is taken, or the last conversation is not over), SPG_EINVAL,
 * SPG_ETYPE, SPG_EVERSION, SPG_ECORRUPT, SPG_ENOSPC, SPG_ENOMEM, SPG_EMFILE, SPG_EPERM,
 * SPG_ETIMEDOUT (a stopped process holds the domain's lock for five seconds), SPG_EFORKED (a node
 * of the parent), and what spg_node_open may. The node must stay open as long as the stream.
 * A caller that dies inside leaves nothing, or a stream with a dead end, which the next opener
 * removes. */
SPG_API SPG_MUST_USE int spg_stream_open(spg_stream **out, spg_node *node, const char *name,
                                         int end, const spg_stream_options *options);

/* Writes. Waits until all is written or the deadline passes. Whether there still is a reader is
 * asked only where room has to be waited for. Returns how many bytes were written, at least 1 if
 * `count` is; SPG_EAGAIN or SPG_ETIMEDOUT (none); SPG_ECLOSED (the reader closed, or we ended),
 * SPG_EPEERDEAD (the reader died), SPG_EPERM (the reader's end), SPG_EINVAL (count above INT_MAX),
 * SPG_EFORKED, SPG_ECORRUPT. Releases. */
SPG_API SPG_MUST_USE int spg_stream_write(spg_stream *stream, const void *bytes, size_t count,
                                          int64_t timeout);

/* Reads what is there, at least a byte, not always all, at most `count`; waits while there is
 * nothing.
 * Returns how many bytes were read; 0: the end; SPG_EPEERDEAD: all that the writer committed before
 * it died has been read; SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EPERM (the writer's end), SPG_EINVAL (also:
 * no room for a byte),
 * SPG_EFORKED, SPG_ECORRUPT. Acquires. */
SPG_API SPG_MUST_USE int spg_stream_read(spg_stream *stream, void *bytes, size_t count,
                                         int64_t timeout);

/* Room for `size` bytes in one piece, at most the capacity, to be written in place. Waits for it.
 * Returns 0, SPG_ETOOBIG, and as spg_stream_write. Reserving again gives the same place. */
SPG_API SPG_MUST_USE int spg_stream_reserve(spg_stream *stream, size_t size, void **bytes,
                                            int64_t timeout);

/* Makes the first `size` of the reserved bytes readable; the rest was never reserved. One store.
 * Returns 0, SPG_EINVAL (more than reserved), SPG_ECLOSED (ended), SPG_EPERM, SPG_EFORKED.
 * Releases. Does not wait. */
SPG_API int spg_stream_commit(spg_stream *stream, size_t size);

/* What can be read, in one piece, in place; waits while there is nothing. Returns the count of
 * bytes, 0 at the end, and as spg_stream_read. The bytes stay until consumed. */
SPG_API SPG_MUST_USE int spg_stream_peek(spg_stream *stream, const void **bytes, int64_t timeout);

/* Gives the first `size` of the peeked bytes back as room. Returns 0, SPG_EINVAL (more than there
 * is), SPG_EPERM, SPG_EFORKED. Does not wait. */
SPG_API int spg_stream_consume(spg_stream *stream, size_t size);

/* The writer has nothing more to say; the reader gets the end after the last byte. Returns 0,
 * SPG_EPERM (the reader's end), SPG_EFORKED. Does not wait. */
SPG_API int spg_stream_end(spg_stream *stream);

/* For a wait set (waitset.h): the reader's end is ready when there is something to read, or the
 * writer has ended or died; the writer's when there is room, or the reader has gone or died. Room
 * is one byte, or what the last spg_stream_reserve wanted if it did not get it. The waitable ends
 * with the stream. NULL for NULL; else it never fails. */
SPG_API spg_waitable *spg_stream_waitable(spg_stream *stream);

/* A descriptor that is readable when this end is ready, the writer's too: spg_waitable_fd, whose
 * results it has. What makes it quiet again is a read, peek, write or reserve that gives SPG_EAGAIN
 * or SPG_ETIMEDOUT, or a write that has written less than it was given. */
SPG_API SPG_MUST_USE int spg_stream_fd(spg_stream *stream);

/* Bytes that may be on the way at once. */
SPG_API size_t spg_stream_capacity(const spg_stream *stream);

/* Takes the name away, in the domain of `node` (NULL: the default node's). Those who have an end
 * keep it, and the next opener makes a new stream. Returns 0, SPG_ENOENT, SPG_EINVAL, SPG_EPERM,
 * SPG_ETIMEDOUT, SPG_EFORKED, SPG_ESYSTEM, or for NULL what spg_node_open may. */
SPG_API int spg_stream_unlink(spg_node *node, const char *name);

/* Gives the end back; a writer ends the stream first. The last to leave removes the stream; what a
 * writer left, be it only the end, stays for a reader that has not come yet. May wait up to five
 * seconds for a process that is stopped while it holds the domain's lock. Returns 0, SPG_EINVAL
 * (not an open stream). NULL does nothing. In a fork child only the copy is freed. */
SPG_API int spg_stream_close(spg_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
