/* samepage/topic.h: publish and subscribe, without a copy and without the kernel.
 *
 * A topic has any number of publishers and of subscribers. Every subscriber sees every message, all
 * in the same order. The order is kept in a ring of slots; a small message lies in its slot, a
 * larger one in the topic's arena, whence every subscriber reads it in place. Publishing costs the
 * same for one subscriber as for a thousand.
 *
 * A subscriber says what is to happen when it falls behind: SPG_MUST_NOT_LOSE makes publishers wait
 * for it (or get SPG_EAGAIN); SPG_MAY_LOSE makes it miss messages, and it is told exactly how many.
 * What a subscriber has received stays as it is until it releases it, whoever publishes.
 *
 * What is published stays published: the death of its publisher does not take it back. A message
 * that a publisher had not finished when it died was never there.
 *
 * A topic is made by the first publisher. It is removed when its last publisher or subscriber
 * closes, unless it is to be kept; when all died, it stays with its history for the next to open
 * it, or until it is collected (samepage gc).
 *
 * No call makes a system call unless it has to wait, or somebody sleeps. A handle is used by one
 * thread at a time; a process may open as many as it likes. Fork: a child has none of its parent's
 * handles; its copies give SPG_EFORKED.
 *
 * A publisher that is stopped in the middle of a publish, for however long, holds up those who wait
 * for what comes after it; nothing is taken from it. One that dies there does not. */
#ifndef SAMEPAGE_TOPIC_H
#define SAMEPAGE_TOPIC_H

#include <samepage/node.h>
#include <samepage/waitset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_publisher spg_publisher;
typedef struct spg_subscriber spg_subscriber;

enum {
    SPG_TOPIC_SLOTS_MAX = 1 << 20, /* messages on the way */
    SPG_TOPIC_SLOT_MAX = 4096,     /* bytes of a slot */
    SPG_TOPIC_PUBLISHERS_MAX = 255,
    SPG_TOPIC_SUBSCRIBERS_MAX = 1024,
    SPG_TOPIC_LOANS_MAX = 16 /* of one publisher at a time */
};

/* Whoever makes the topic decides; for others `type`, `type_size` and `mode` alone count: a type
 * that is given must be the topic's. */
typedef struct spg_topic_options {
    uint32_t struct_size; /* sizeof(spg_topic_options) */
    uint32_t mode;        /* permission bits of a topic that is made now. Default 0600 */
    uint64_t budget;      /* bytes for messages that do not fit in a slot. Default 64 KiB */
    uint32_t slots;       /* messages on the way, at least 4; rounded up to a power of two.
                             Default 256 */
    uint32_t slot_size;   /* bytes of a slot: 64, 128, ... 4096. A message of up to 16 bytes less
                             (24 where it is timed) lies in it, by a copy on each side: up to a
                             page that is faster than a chunk of the budget. Default 64 */
    uint32_t publishers;  /* at a time, at most 255. With 1 there is no claim to make. Default 16 */
    uint32_t subscribers; /* at a time, at most 1024. Default 64 */
    uint32_t holds;       /* messages that one subscriber may have received and not released,
                             1 to 1000; rounded up to a multiple of 8. Default 8 */
    uint32_t history;     /* how many of the last messages are kept for late joiners though all
                             have read them; more stay as long as nobody needs their room, and
                             fewer if their memory is needed. Default 1 */
    uint32_t timed;       /* 1: every message carries the time of its publishing. Default 0 */
    uint32_t keep;        /* 1: the topic stays until it is unlinked. Default 0 */
    uint32_t type_size;   /* bytes of the type; 0: any. Default 0 */
    uint32_t zero;
    const char *type;   /* name of what is published, at most 63 bytes. Default NULL: any */
    const char *schema; /* a text that describes it, for others to read. Default NULL */
} spg_topic_options;

#define SPG_TOPIC_OPTIONS                                                                          \
    { sizeof(spg_topic_options), 0600, 65536, 256, 64, 16, 64, 8, 1, 0, 0, 0, 0, NULL, NULL }

enum spg_policy { SPG_MAY_LOSE = 0, SPG_MUST_NOT_LOSE = 1 };

#define SPG_ALL_HISTORY UINT32_MAX

typedef struct spg_subscriber_options {
    uint32_t struct_size; /* sizeof(spg_subscriber_options) */
    uint32_t policy;      /* enum spg_policy. Default SPG_MAY_LOSE */
    uint32_t history;     /* with how many of the last messages to begin, as far as they are still
                             there; SPG_ALL_HISTORY: all. Who must not lose begins after the last
                             one that is gone. Default 0: what is published from now */
    uint32_t read_only;   /* 1: the topic is not written to at all, so it needs the right to read
                             only; node must be NULL. It may lose, its messages are copies, and it
                             waits by looking every millisecond. Default 0 */
    uint32_t type_size;   /* as in spg_topic_options */
    uint32_t zero;
    const char *type;
    const char *domain; /* read_only: the domain's path. Default NULL: SAMEPAGE_DOMAIN, else the
                           user's own */
    int64_t timeout;    /* how long to wait for the topic to be made. Default SPG_NOWAIT */
} spg_subscriber_options;

#define SPG_SUBSCRIBER_OPTIONS                                                                     \
    { sizeof(spg_subscriber_options), SPG_MAY_LOSE, 0, 0, 0, 0, NULL, NULL, SPG_NOWAIT }

/* A received message. */
typedef struct spg_message {
    const void *data;   /* aligned to 8 bytes, to 64 where it does not fit in a slot; constant until
                           released. Never NULL */
    size_t size;        /* bytes */
    uint64_t sequence;  /* its number in the topic's order; grows, first is 1; of a publisher that
                           died in the middle one stays unused */
    uint64_t publisher; /* node number (its low 48 bits) of who published it */
    int64_t time;       /* nanoseconds of the monotonic clock; 0 where the topic is not timed */
    uint64_t lost;      /* messages that this subscriber missed since the last one it received: of
                           all that were published since it joined, and where it was overrun, of
                           the history that it had begun with, too. What of the history gave its
                           memory up is not counted */
    uint64_t ticket;    /* for spg_subscriber_release */
} spg_message;

/* Bytes of the caller's, one message of several. */
typedef struct spg_bytes {
    const void *data; /* may be NULL if size is 0 */
    size_t size;
} spg_bytes;

/* Becomes a publisher, making the topic if it is not there.
 *   node  NULL: the default node; must stay open as long as the publisher
 *   name  1 to 200 bytes: letters, digits, '_', '-', '.', '/' and anything beyond ASCII; not
 *         beginning with '.' or '/'
 * Returns 0, or SPG_EFULL (so many publishers live), SPG_ETYPE (another type, or another kind of
 * thing), SPG_EINVAL, SPG_EVERSION, SPG_ECORRUPT, SPG_ENOSPC, SPG_ENOMEM, SPG_EMFILE, SPG_EPERM,
 * SPG_ETOOBIG, SPG_ETIMEDOUT (a stopped process holds the domain's lock for five seconds),
 * SPG_EFORKED, and what spg_node_open may. Reclaims what dead members of the topic left. A caller
 * that dies inside leaves nothing, or a member that is dead. */
SPG_API SPG_MUST_USE int spg_publisher_open(spg_publisher **out, spg_node *node, const char *name,
                                            const spg_topic_options *options);

/* Room for a message of up to `size` bytes, to be written in place: aligned to 64 bytes, contents
 * undefined. Up to 16 at a time. Waits for memory as long as subscribers that must not lose have
 * not read what takes it; where all of it is held by who may lose, likewise.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ETOOBIG (more than the budget), SPG_EFULL (16 loans are
 * out), SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT. If the caller dies the loan is reclaimed. */
SPG_API SPG_MUST_USE int spg_publisher_loan(spg_publisher *publisher, size_t size, void **data,
                                            int64_t timeout);

/* Publishes the first `size` bytes of a loan; one store makes it visible to all. Waits for a place
 * in the order as long as a subscriber that must not lose is a whole ring behind.
 * Returns 0, SPG_EAGAIN or SPG_ETIMEDOUT (the loan is still the caller's), SPG_EINVAL (no loan of
 * this publisher, or more than it has), SPG_EFULL (the order has reached its end, after 2^54
 * messages), SPG_EFORKED, SPG_ECORRUPT. Releases. A caller that dies inside has published it whole
 * or not at all. */
SPG_API SPG_MUST_USE int spg_publisher_publish(spg_publisher *publisher, void *data, size_t size,
                                               int64_t timeout);

/* Gives a loan back. Returns 0, SPG_EINVAL, SPG_EFORKED. */
SPG_API int spg_publisher_discard(spg_publisher *publisher, void *data);

/* Loan, copy, publish. Returns as these; nothing is on loan afterwards. The deadline is of the
 * whole. */
SPG_API SPG_MUST_USE int spg_publisher_send(spg_publisher *publisher, const void *data, size_t size,
                                            int64_t timeout);

/* Sends `count` messages (1 to 2^31 - 1), the first as spg_publisher_send does, with its timeout;
 * of the others those for which there is room at once. Each becomes visible by itself as soon as it
 * is there, and messages of other publishers may come between; but who sleeps is woken once, at the
 * end, and what a call costs is paid once. Worth it for small messages.
 * Returns how many were sent, at least 1, or as spg_publisher_send if not even the first was; why
 * the next one was not is told by the next call. A caller that dies inside has sent some of them,
 * the first ones, each whole. */
SPG_API SPG_MUST_USE int spg_publisher_send_batch(spg_publisher *publisher,
                                                  const spg_bytes *messages, uint32_t count,
                                                  int64_t timeout);

/* Leaves the topic; its loans are given back, what it published stays. The last member to leave
 * removes the topic, unless it is kept. May wait up to five seconds for a process that is stopped
 * while it holds the domain's lock. Returns 0, SPG_EINVAL (not an open publisher). NULL does
 * nothing. In a fork child only the copy is freed. */
SPG_API int spg_publisher_close(spg_publisher *publisher);

/* Becomes a subscriber of a topic that is there.
 * Returns 0, or SPG_ENOENT (no such topic, also after the timeout of the options), SPG_EFULL (so
 * many subscribers live), and as spg_publisher_open. Who must not lose gets every message from
 * where it begins. */
SPG_API SPG_MUST_USE int spg_subscriber_open(spg_subscriber **out, spg_node *node, const char *name,
                                             const spg_subscriber_options *options);

/* The next message, in place. Waits while there is none. With SPG_NOWAIT a look in vain takes one
 * pause of the processor, so that who looks all the time leaves the publisher its cache line.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EFULL (as many messages are held as the topic allows),
 * SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT, SPG_ENOMEM (read_only). Acquires. There is no end: while
 * nobody publishes it waits. */
SPG_API SPG_MUST_USE int spg_subscriber_receive(spg_subscriber *subscriber, spg_message *message,
                                                int64_t timeout);

/* The next messages in order, up to `count` (1 to 2^31 - 1): the first as spg_subscriber_receive,
 * with its timeout, and what is there behind it. At most as many as the topic allows to be held;
 * for batches of 64 it must have been made with holds = 64.
 * Returns how many, at least 1, or as spg_subscriber_receive if there is none. */
SPG_API SPG_MUST_USE int spg_subscriber_receive_batch(spg_subscriber *subscriber,
                                                      spg_message *messages, uint32_t count,
                                                      int64_t timeout);

/* Gives a message back; in any order. Returns 0, SPG_EINVAL (not held by this subscriber, or given
 * back before), SPG_EFORKED. Does not wait. */
SPG_API int spg_subscriber_release(spg_subscriber *subscriber, const spg_message *message);

/* Gives back `count` messages, as they were received or in any order. Returns 0, or as
 * spg_subscriber_release does for the first that it refuses; those before it are given back. */
SPG_API int spg_subscriber_release_batch(spg_subscriber *subscriber, const spg_message *messages,
                                         uint32_t count);

/* For a wait set; and the descriptor for poll (waitset.h). NULL, or SPG_EINVAL, for NULL. */
SPG_API spg_waitable *spg_subscriber_waitable(spg_subscriber *subscriber);
SPG_API SPG_MUST_USE int spg_subscriber_fd(spg_subscriber *subscriber);

/* The topic's memory as a descriptor, for who hands messages on as they are to a program that maps
 * the file, as an X server does: a new opening, for reading only, which closes on exec and is the
 * caller's to close. It is all of the topic's memory, not one message; whoever gets it sees every
 * message. Where a message lies in it, spg_subscriber_offset tells.
 * Returns the descriptor, or SPG_ENOENT (the topic's name was taken away), SPG_EPERM, SPG_EMFILE,
 * SPG_EFORKED, SPG_ESYSTEM. Does not wait. */
SPG_API SPG_MUST_USE int spg_subscriber_memory_fd(spg_subscriber *subscriber);

/* Where a message that is held begins in the topic's memory, in bytes; it lies there in one piece
 * and stays as it is until it is released.
 * Returns 0, SPG_ENOTSUP (`data` is a copy: it fits in a slot, or the subscriber is read_only),
 * SPG_EINVAL (not held by this subscriber), SPG_EFORKED. Does not wait. */
SPG_API SPG_MUST_USE int spg_subscriber_offset(const spg_subscriber *subscriber,
                                               const spg_message *message, uint64_t *offset);

/* What was said of the type when the topic was made; empty if nothing. The texts live as long as
 * the subscriber. */
SPG_API const char *spg_subscriber_type(const spg_subscriber *subscriber, uint32_t *type_size);
SPG_API const char *spg_subscriber_schema(const spg_subscriber *subscriber);

/* Leaves the topic; the messages it held are given back. As spg_publisher_close. */
SPG_API int spg_subscriber_close(spg_subscriber *subscriber);

/* Takes a topic's name away, whatever it holds: who has it open goes on with it, the next opener
 * makes a new one. Returns 0, SPG_ENOENT, SPG_EPERM, SPG_EINVAL, SPG_ETIMEDOUT, SPG_EFORKED, and
 * what spg_node_open may. */
SPG_API int spg_topic_unlink(spg_node *node, const char *name);

#ifdef __cplusplus
}
#endif

#endif
