/* own.h: our own part in the domain: one node, with a name by which others know the command. */
#ifndef TOOL_OWN_H
#define TOOL_OWN_H

#include <samepage/samepage.h>

#include "options.h"

/* Joins the domain as "samepage sub" does. Returns EXIT_OK, or what to exit with: it was said. */
int own_begin(const struct arguments *arguments, spg_node **node);

/* Leaves it, if we ever joined. What is still open in it is left as a death leaves it. */
void own_end(void);

#endif
