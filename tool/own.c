/* own.c: see own.h. Global state: our node. */
#include "own.h"

#include <stdio.h>

#include "print.h"

static spg_node *own;

int own_begin(const struct arguments *arguments, spg_node **node) {
    spg_node_options options = SPG_NODE_OPTIONS;
    char name[SPG_NODE_NAME_MAX + 1];
    snprintf(name, sizeof name, "samepage %s", arguments->command->name);
    options.name = name;
    int result = spg_node_open(&own, &options);
    if (result < 0) return complain_of(result);
    *node = own;
    return EXIT_OK;
}

void own_end(void) {
    spg_node_close(own);
    own = NULL;
}
