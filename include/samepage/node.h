/* samepage/node.h: who takes part.
 *
 * A domain is a directory in which one group of processes that trust each other finds each other.
 * The default one is the user's own, /dev/shm/samepage-<uid>, mode 0700; SAMEPAGE_DOMAIN or an
 * argument names another, which is also how containers share: mount that one directory in both.
 *
 * A node is one process in one domain: a number that is never used again, and a lock that only the
 * kernel can free. The lock free means dead; anything else, doubt included, means alive. There is
 * no heartbeat and no timeout: a process stopped for an hour in a debugger is alive.
 *
 * Most programs never call anything here: locks and managed segments use the process's own default
 * node, which is made on first use in the default domain. */
#ifndef SAMEPAGE_NODE_H
#define SAMEPAGE_NODE_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_node spg_node;

enum {
    SPG_NODE_NAME_MAX = 31,     /* bytes of a node's name */
    SPG_DOMAIN_NODES_MAX = 4096 /* nodes of one domain at a time */
};

typedef struct spg_node_options {
    uint32_t struct_size; /* sizeof(spg_node_options) */
    uint32_t mode;        /* permission bits of a domain directory that is made now. Default 0700 */
    const char *domain;   /* path of the directory. Default: SAMEPAGE_DOMAIN, else the user's own */
    const char *name;     /* for people to read, at most 31 bytes. Default: none */
} spg_node_options;

#define SPG_NODE_OPTIONS                                                                           \
    { sizeof(spg_node_options), 0700, NULL, NULL }

/* Joins a domain, making its directory if it is not there.
 *   out      receives the node; untouched on failure
 *   options  NULL for the defaults
 * Returns 0, or SPG_EINVAL (a malformed option), SPG_EPERM (the directory is not ours to use, or
 * others may write to it), SPG_ENOSPC, SPG_ENOMEM, SPG_EMFILE, SPG_EFULL (4,096 nodes live),
 * SPG_ECORRUPT, SPG_ETYPE, SPG_EVERSION (the table of nodes is not right), SPG_EAGAIN (it was
 * replaced meanwhile), SPG_ENOENT (the parent directory is missing), SPG_ESYSTEM.
 * May be called by any number of threads at once; one process may open several nodes. Does not
 * wait for others. A fork child does not inherit the node: its handle gives SPG_EFORKED there.
 * A caller that dies inside leaves nothing, or a dead node, whose place another takes. */
SPG_API SPG_MUST_USE int spg_node_open(spg_node **out, const spg_node_options *options);

/* Leaves the domain. What the node holds is from now on held by a dead node.
 * Returns 0, SPG_EINVAL (not an open node: closed twice?). NULL does nothing. No other call on this
 * node may run at the same time. In a fork child it frees the child's copy of the handle and leaves
 * the parent's node alone. */
SPG_API int spg_node_close(spg_node *node);

/* The node's number: never zero, never used again in its domain. NULL is the default node.
 * Returns 0 and the number, or SPG_EFORKED, or for NULL what spg_node_open may return. Callable
 * from any number of threads at once; does not wait. */
SPG_API int spg_node_id(spg_node *node, uint64_t *id);

/* Is the node with this number alive, in the domain of `node` (NULL: the default node's)? Returns 1
 * if it is or if there is doubt, 0 if it is surely dead (and will stay so, if it is a number that
 * some node had); SPG_EFORKED, or for NULL what spg_node_open may return. One system call; callable
 * from any number of threads at once; does not wait. */
SPG_API int spg_node_alive(spg_node *node, uint64_t id);

/* The path of the node's domain. NULL is the default node; NULL is returned if that cannot be had
 * (spg_error_detail says why). The text lives as long as the node. */
SPG_API const char *spg_node_domain(spg_node *node);

#ifdef __cplusplus
}
#endif

#endif
