/* node.h: taking and leaving a place, inside the library. */
#ifndef SPG_NODE_NODE_H
#define SPG_NODE_NODE_H

#include <samepage/node.h>

#include "base/list.h"
#include "node/domain.h"

/* Private to this process. */
struct spg_node {
    struct spg__link link; /* first: all nodes of this process; under the process lock */
    struct spg__domain domain;
    uint64_t number;
    uint64_t incarnation; /* of the process that opened it: spg__incarnation() */
};

/* The default node for NULL; SPG_EFORKED for one of the parent's. */
int spg__node_resolve(spg_node **node);

/* Taking a place and leaving it, without the process's bookkeeping. */
int spg__place_take(struct spg__domain *domain, const char *name, uint64_t *number);
void spg__place_leave(struct spg__domain *domain, uint64_t number);

/* Frees the place of a node that died; does nothing if it lives or the place is free already.
 * Returns 1 if this call freed it. */
int spg__place_recover(struct spg__domain *domain, uint32_t place);

#endif
