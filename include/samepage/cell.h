/* samepage/cell.h: the latest value of something: a position, a state, a configuration.
 *
 * A cell holds one value of up to a declared size, and nothing of the values before it. Any number
 * of processes write it, one at a time, and any number read it. A reader gets the last value that
 * was published, whole, in a bounded number of steps, whatever writers do: it waits for nobody, and
 * nobody waits for it. A writer that dies half-way leaves the value as it was.
 *
 * Each value has a version: 1 for the first, one more for each that follows. So a reader can wait
 * for something newer than what it knows. Values that it did not look at it has missed: a cell
 * shows what is, not what happened.
 *
 * A cell is state: it stays, with its value, until it is unlinked, whoever lives or dies.
 *
 * No call makes a system call unless it has to wait, or somebody sleeps. A handle is used by one
 * thread at a time; a process may open as many as it likes. Fork: a child has none of its parent's
 * handles; its copies give SPG_EFORKED. */
#ifndef SAMEPAGE_CELL_H
#define SAMEPAGE_CELL_H

#include <samepage/node.h>
#include <samepage/waitset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_cell spg_cell;

enum {
    SPG_CELL_CAPACITY_MAX = 1 << 30, /* bytes of a value */
    SPG_CELL_BUFFERS_MIN = 3,
    SPG_CELL_BUFFERS_MAX = 64
};

/* Whoever makes the cell decides; for others `capacity`, `type`, `type_size` and what is said of
 * reading count. */
typedef struct spg_cell_options {
    uint32_t struct_size; /* sizeof(spg_cell_options) */
    uint32_t mode;        /* permission bits of a cell that is made now. Default 0600 */
    uint64_t capacity;    /* bytes of the largest value, at most 1 GiB. The cell is made if it is
                             not there; one that is there must have as much. Default 0: it must be
                             there */
    uint32_t buffers;     /* how many values there is room for, 3 to 64. Two less is the number of
                             readers for whom one can be held at a time. Default 4 */
    uint32_t type_size;   /* bytes of the type; 0: any. Default 0 */
    const char *type;     /* name of what is in it, at most 63 bytes. Default NULL: any */
    const char *schema;   /* a text that describes it, for others to read, at most 65536 bytes.
                             Default NULL */
    uint32_t read_only;   /* 1: nothing is written to the cell, so it needs the right to read only,
                             and no node; node must be NULL. It waits by looking every millisecond.
                             Default 0 */
    uint32_t zero;
    const char *domain; /* read_only: the domain's path. Default NULL: SAMEPAGE_DOMAIN, else the
                           user's own */
} spg_cell_options;

#define SPG_CELL_OPTIONS                                                                           \
    { sizeof(spg_cell_options), 0600, 0, 4, 0, NULL, NULL, 0, 0, NULL }

/* Opens the cell of this name, or makes it, without a value, if a capacity is given.
 *   node     NULL: the default node; must stay open as long as the handle
 *   name     1 to 200 bytes: letters, digits, '_', '-', '.', '/' and anything beyond ASCII; not
 *            beginning with '.' or '/'
 *   options  NULL: SPG_CELL_OPTIONS, so the cell must be there
 * Returns 0, or SPG_ENOENT (it is not there and no capacity is given), SPG_ETOOBIG (it is there and
 * has less capacity), SPG_ETYPE (a type is given and is not the cell's; or it is another kind of
 * thing), SPG_EINVAL, SPG_EVERSION, SPG_ECORRUPT, SPG_ENOSPC, SPG_ENOMEM, SPG_EMFILE, SPG_EPERM
 * (open it read_only?), SPG_ETIMEDOUT (a stopped process holds the domain's lock for five seconds),
 * SPG_EFORKED (a node of the parent), SPG_ESYSTEM, and what spg_node_open may.
 * A caller that dies inside leaves nothing, or a cell without a value. */
SPG_API SPG_MUST_USE int spg_cell_open(spg_cell **out, spg_node *node, const char *name,
                                       const spg_cell_options *options);

/* Publishes a value of `size` bytes, at most the capacity; 0 is a value, too. Waits while another
 * handle writes or has a loan; a writer that died is waited for 100 milliseconds at most. Uses up
 * this handle's loan, if it has one.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ETOOBIG, SPG_EINVAL, SPG_EPERM (read-only), SPG_EFULL
 * (versions have come to their end, after 2^56 - 1 of them), SPG_EFORKED, SPG_ECORRUPT. Releases. A
 * caller that dies inside has published it whole or not at all. */
SPG_API SPG_MUST_USE int spg_cell_write(spg_cell *cell, const void *data, size_t size,
                                        int64_t timeout);

/* Room for the next value, to be written in place: as many bytes as the capacity, aligned to 16, to
 * 64 if the capacity is above 112; contents undefined. Waits as spg_cell_write. Until it is
 * published or discarded no other handle writes, so what spg_cell_read tells meanwhile is the value
 * that the next one follows. A second loan gives the same place. It must not be touched any more
 * when it was published or discarded. Returns as spg_cell_write. If the caller dies the loan is
 * nobody's. */
SPG_API SPG_MUST_USE int spg_cell_loan(spg_cell *cell, void **data, int64_t timeout);

/* Publishes the first `size` bytes of the loan; one store makes them the cell's value. Returns 0,
 * SPG_EINVAL (nothing is on loan), SPG_ETOOBIG (the loan stands), SPG_EFORKED. Releases. Does not
 * wait. */
SPG_API SPG_MUST_USE int spg_cell_publish(spg_cell *cell, size_t size);

/* Gives the loan back; the value stays as it was. Returns 0, SPG_EINVAL (nothing is on loan),
 * SPG_EFORKED. Does not wait. */
SPG_API int spg_cell_discard(spg_cell *cell);

/* Copies the latest value to `buffer`, which has room for `room` bytes, and tells its version
 * (`version` may be NULL). Does not wait: copies again where writers have overtaken the copy, at
 * most four times, then holds one value while it is copied, so that no writer overtakes it.
 * Returns the size of the value, or SPG_EAGAIN (there is no value yet), SPG_ETOOBIG (it does not
 * fit in `buffer`), SPG_EFULL (writers overtook the copy a thousand times, and no value could be
 * held: other readers hold as many as the buffers allow, or this one is read-only), SPG_EINVAL,
 * SPG_EFORKED, SPG_ECORRUPT. After a failure `buffer` may hold anything. Acquires. If the caller
 * dies inside, a value may stay held until another reader needs its place, or until collected. */
SPG_API SPG_MUST_USE int spg_cell_read(spg_cell *cell, void *buffer, size_t room,
                                       uint64_t *version);

/* Waits until there is a value with a version above `version`; 0 for any. A writer's death is no
 * reason to return: the value stays.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EINVAL, SPG_EFORKED. Acquires. Whoever sleeps here is
 * woken by the publish; if its writer died before it woke anybody, it takes 20 milliseconds. */
SPG_API SPG_MUST_USE int spg_cell_wait(spg_cell *cell, uint64_t version, int64_t timeout);

/* For a wait set; and the descriptor for poll (waitset.h, with its results; SPG_EFORKED). Both are
 * ready while the cell's version is above that which this handle has read last or has last waited
 * for. The descriptor becomes quiet when spg_cell_wait says SPG_EAGAIN or SPG_ETIMEDOUT, and not by
 * reading: poll, then wait with SPG_NOWAIT, and read if that gives 0. 16 handles of a cell may have
 * a descriptor at a time. NULL, or SPG_EINVAL, for NULL. */
SPG_API spg_waitable *spg_cell_waitable(spg_cell *cell);
SPG_API SPG_MUST_USE int spg_cell_fd(spg_cell *cell);

/* Bytes of the largest value. */
SPG_API size_t spg_cell_capacity(const spg_cell *cell);

/* What was said of the type when the cell was made; empty, and 0, if nothing. `type_size` may be
 * NULL. The texts live as long as the handle. */
SPG_API const char *spg_cell_type(const spg_cell *cell, uint32_t *type_size);
SPG_API const char *spg_cell_schema(const spg_cell *cell);

/* Gives the handle back, and its loan with it; the cell stays. Returns 0, SPG_EINVAL (not an open
 * cell). Does not wait. NULL does nothing. In a fork child only the copy is freed. */
SPG_API int spg_cell_close(spg_cell *cell);

/* Removes the cell, in the domain of `node` (NULL: the default node's): who has it open goes on
 * with it, the next opener makes a new one. Returns 0, SPG_ENOENT, SPG_EPERM, SPG_EINVAL,
 * SPG_ETIMEDOUT, SPG_EFORKED, SPG_ESYSTEM, and for NULL what spg_node_open may. */
SPG_API int spg_cell_unlink(spg_node *node, const char *name);

#ifdef __cplusplus
}
#endif

#endif
