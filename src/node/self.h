/* self.h: this process's own default node, as the fast paths see it. */
#ifndef SPG_NODE_SELF_H
#define SPG_NODE_SELF_H

#include "node/node.h"

/* Lies in a page that every fork child finds zeroed, so a child never passes for its parent,
 * however it was forked. Written under the process lock, `domain` last. */
struct spg__self {
    spg__word64 number;      /* of the default node; 0: none yet */
    spg__word64 domain;      /* number of its domain */
    spg__word64 incarnation; /* of this process since its last fork; 0: none yet */
};

extern _Atomic(struct spg__self *) spg__self_page;

static inline struct spg__self *spg__self(void) {
    return atomic_load_explicit(&spg__self_page, memory_order_acquire);
}

/* Makes the default node if there is none yet. */
int spg__self_join(void);

/* The default node; joins first. */
int spg__self_node(spg_node **node);

/* Is the node with this number, in the default node's domain, surely dead? */
bool spg__self_sees_dead(uint64_t number);

/* Which process this is: changes with every fork. 0 if the page is not there yet. */
static inline uint64_t spg__incarnation(void) {
    /* pairs: self.incarnation */
    return spg__load_acquire_64(&spg__self()->incarnation);
}

/* For a process that has handles and no node: makes sure that it has an incarnation. */
int spg__self_incarnate(void);

/* Opens a domain, takes a place in it, and enters the node in the process's list, as one step for
 * forks: a child that shares the opening must know it. */
int spg__node_join(spg_node *node, const char *domain, uint32_t mode, const char *name);
bool spg__node_delist(spg_node *node);

#endif
