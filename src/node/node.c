/* node.c: the public calls on nodes. */
#include "node/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "node/self.h"

static int read_options(spg_node_options *options, const spg_node_options *given) {
    *options = (spg_node_options)SPG_NODE_OPTIONS;
    if (!given) return 0;
    int result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_node_options",
                                        "SPG_NODE_OPTIONS");
    if (result < 0) return result;
    *options = *given;
    if (options->mode & ~0777u || (options->mode & 0002)) {
        return spg__fail(SPG_EINVAL,
                         "spg_node_options: mode %04o lets everybody write or is no mode",
                         options->mode);
    }
    if (options->mode == 0) options->mode = 0700;
    if (options->name && strlen(options->name) > SPG_NODE_NAME_MAX) {
        return spg__fail(SPG_EINVAL, "spg_node_options: the name has more than %d bytes",
                         SPG_NODE_NAME_MAX);
    }
    return 0;
}

int spg_node_open(spg_node **out, const spg_node_options *given) {
    spg_node_options options;
    if (!out) return spg__fail(SPG_EINVAL, "spg_node_open: out is NULL");
    int result = read_options(&options, given);
    if (result < 0) return result;
    spg_node *node = calloc(1, sizeof *node);
    if (!node) return spg__fail(SPG_ENOMEM, "no memory for a node");
    result = spg__node_join(node, options.domain, options.mode, options.name);
    if (result < 0) {
        free(node);
        return result;
    }
    *out = node;
    return 0;
}

/* In a fork child the openings are closed already, and the place is the parent's. */
int spg_node_close(spg_node *node) {
    if (!node) return 0;
    if (!spg__node_delist(node)) {
        return spg__fail(SPG_EINVAL, "spg_node_close: not an open node (closed twice?)");
    }
    if (node->incarnation == spg__incarnation()) {
        spg__place_leave(&node->domain, node->number);
    }
    spg__domain_close(&node->domain);
    free(node);
    return 0;
}

int spg__node_resolve(spg_node **node) {
    if (!*node) return spg__self_node(node);
    if ((*node)->incarnation == spg__incarnation()) return 0;
    return spg__fail(SPG_EFORKED,
                     "the node belongs to the parent of this process: open one of your own");
}

int spg_node_id(spg_node *node, uint64_t *id) {
    int result = spg__node_resolve(&node);
    if (result == 0) *id = node->number;
    return result;
}

int spg_node_alive(spg_node *node, uint64_t id) {
    int result = spg__node_resolve(&node);
    if (result < 0) return result;
    return spg__domain_alive(&node->domain, id);
}

const char *spg_node_domain(spg_node *node) {
    return spg__node_resolve(&node) < 0 ? NULL : node->domain.path;
}
