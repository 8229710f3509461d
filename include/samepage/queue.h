/* samepage/queue.h: work, each piece of it to exactly one consumer.
 *
 * A queue is found by its name in a domain; the first to come makes it. A handle may push and pop.
 * Jobs are given out in the order in which they were pushed. A job that was taken carries its
 * taker: if that one dies, closes or returns it before spg_queue_done, it is given out again, in
 * its old place of the order, or if so many were pushed meanwhile that its entry was passed over,
 * after those (a death is noticed by who finds nothing else to take, within 20 milliseconds); so it
 * is done at least once, and exactly once where nobody dies. A queue made with
 * `at_most_once` gives nothing out twice: there a job is over when it is taken.
 *
 * What was pushed outlives its producer, and every member: a queue with jobs waiting stays when the
 * last member closes, and is removed by the last one that leaves it empty.
 *
 * A consumer that is stopped, for however long, keeps what it took; the others go on. No call makes
 * a system call unless it has to wait or somebody sleeps. A handle is used by one thread at a time;
 * a process may open as many as it likes. Fork: a child has none of its parent's handles; its
 * copies give SPG_EFORKED. */
#ifndef SAMEPAGE_QUEUE_H
#define SAMEPAGE_QUEUE_H

#include <samepage/node.h>
#include <samepage/waitset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_queue spg_queue;

/* Whoever makes the queue decides; for others `type` and `type_size` alone count: a type that is
 * given must be the queue's. */
typedef struct spg_queue_options {
    uint32_t struct_size;  /* sizeof(spg_queue_options) */
    uint32_t mode;         /* permission bits of a queue that is made now. Default 0600 */
    uint64_t budget;       /* bytes for jobs that do not fit in a slot. Default 64 KiB */
    uint32_t slots;        /* jobs waiting or in hand, at most 65,536; rounded up to a power of two.
                              Default 256 */
    uint32_t slot_size;    /* bytes of a slot: 64, 128, ... 4096. A job of up to 16 bytes less lies
                              in it. Default 64 */
    uint32_t members;      /* handles at a time, 1 to 4,094. Default 64 */
    uint32_t holds;        /* jobs that one handle may have in hand, and loans, 1 to 1,000.
                              Default 8 */
    uint32_t at_most_once; /* 1: what a dead consumer took is not given out again. Default 0 */
    uint32_t type_size;    /* bytes of the type; 0: any. Default 0 */
    const char *type;      /* name of what is pushed, at most 63 bytes. Default NULL: any */
    const char *schema;    /* a text that describes it, at most 65,536 bytes. Default NULL */
} spg_queue_options;

#define SPG_QUEUE_OPTIONS                                                                          \
    { sizeof(spg_queue_options), 0600, 65536, 256, 64, 64, 8, 0, 0, NULL, NULL }

/* A job in hand. */
typedef struct spg_job {
    const void *data;    /* aligned to 8 bytes, to 64 where it does not fit in a slot; ours alone
                            until done or returned. Never NULL */
    size_t size;         /* bytes */
    uint64_t number;     /* the same each time this job is given out, and no other's in this queue
                            (until after 2^32 rounds of its slots); grows in the order of pushing */
    uint64_t producer;   /* node number of who pushed it; 0 if that one left and another has its
                            place */
    uint32_t deliveries; /* how often it has been given out, this time included; 7: seven or more */
    uint32_t zero;
    uint64_t ticket; /* for spg_queue_done and spg_queue_return */
} spg_job;

/* Becomes a member of a queue, making it if it is not there.
 *   node  NULL: the default node; must stay open as long as the handle
 *   name  1 to 200 bytes: letters, digits, '_', '-', '.', '/' and anything beyond ASCII; not
 *         beginning with '.' or '/'
 * Returns 0, or SPG_EFULL (so many members live), SPG_ETYPE (another type, or another kind of
 * thing), SPG_EINVAL, SPG_EVERSION, SPG_ECORRUPT, SPG_ENOSPC, SPG_ENOMEM, SPG_EMFILE, SPG_EPERM,
 * SPG_ETOOBIG, SPG_ETIMEDOUT (a stopped process holds the domain's lock for five seconds),
 * SPG_EFORKED, and what spg_node_open may. Reclaims what dead members left; what they had in hand
 * is offered again. A caller that dies inside leaves nothing, or a member that is dead. */
SPG_API SPG_MUST_USE int spg_queue_open(spg_queue **out, spg_node *node, const char *name,
                                        const spg_queue_options *options);

/* Pushes a copy of `size` bytes at `data` (NULL if 0), or a loan of this handle without copying.
 * Waits while all slots, or all memory, are taken. The deadline is of the whole.
 * Returns 0; SPG_EAGAIN, SPG_ETIMEDOUT (not pushed; a loan is still the caller's), SPG_ETOOBIG (it
 * never fits), SPG_EFULL (as many loans are out as may be), SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT.
 * Releases. One store pushes: a caller that dies inside has pushed it whole or not at all, and its
 * room is reclaimed. */
SPG_API SPG_MUST_USE int spg_queue_push(spg_queue *queue, const void *data, size_t size,
                                        int64_t timeout);

/* Room for a job of up to `size` bytes, to be written in place: aligned to 64 bytes, contents
 * undefined. Up to `holds` at a time, out of the budget. Waits for memory.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ETOOBIG (more than the budget), SPG_EFULL (as many are
 * out as may be), SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT. If the caller dies the loan is
 * reclaimed. */
SPG_API SPG_MUST_USE int spg_queue_loan(spg_queue *queue, size_t size, void **data,
                                        int64_t timeout);

/* Pushes the first `size` bytes of a loan. As spg_queue_push; SPG_EINVAL also: no loan of this
 * handle, or more than it has. */
SPG_API SPG_MUST_USE int spg_queue_publish(spg_queue *queue, void *data, size_t size,
                                           int64_t timeout);

/* Gives a loan back. Returns 0, SPG_EINVAL (no loan of this handle), SPG_EFORKED. Does not wait. */
SPG_API int spg_queue_discard(spg_queue *queue, void *data);

/* Takes the next job, in place. Waits while there is none, be there producers or not. With
 * SPG_NOWAIT a look in vain takes one pause of the processor.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EFULL (as many jobs are in hand as may be),
 * SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT (a job whose bytes cannot be right is dropped). Acquires.
 * Jobs of consumers that died are given out within 100 ms, if somebody waits. */
SPG_API SPG_MUST_USE int spg_queue_pop(spg_queue *queue, spg_job *job, int64_t timeout);

/* The job is done, and its room free; in any order. Returns 0, SPG_EINVAL (not in hand, or done
 * before), SPG_EFORKED, SPG_ECORRUPT. One store: a caller that dies inside has done it or not. Does
 * not wait. */
SPG_API int spg_queue_done(spg_queue *queue, const spg_job *job);

/* Gives a job back undone: it is offered again, where a job of the dead is. With `at_most_once` it
 * is over all the same. As spg_queue_done. */
SPG_API int spg_queue_return(spg_queue *queue, const spg_job *job);

/* For a wait set, ready when there is a job; and the descriptor for poll (waitset.h). NULL, or
 * SPG_EINVAL, for NULL. */
SPG_API spg_waitable *spg_queue_waitable(spg_queue *queue);
SPG_API SPG_MUST_USE int spg_queue_fd(spg_queue *queue);

/* Leaves. Jobs in hand are returned (with `at_most_once`: they are over), loans given back. The
 * last to leave an empty queue removes it. May wait up to five seconds for a process that is
 * stopped while it holds the domain's lock. Returns 0, SPG_EINVAL (not an open queue). NULL does
 * nothing. In a fork child only the copy is freed. */
SPG_API int spg_queue_close(spg_queue *queue);

/* Takes a queue's name away, whatever it holds: who has it open goes on with it, the next opener
 * makes a new one. Returns 0, SPG_ENOENT, SPG_EPERM, SPG_EINVAL, SPG_ETIMEDOUT, SPG_EFORKED, and
 * what spg_node_open may. */
SPG_API int spg_queue_unlink(spg_node *node, const char *name);

#ifdef __cplusplus
}
#endif

#endif
