/* stat.h: what the parts of samepage stat share. */
#ifndef TOOL_STAT_H
#define TOOL_STAT_H

#include <stdbool.h>
#include <stdint.h>

#include "entries.h"

/* A channel, by its name with the kind, seen twice at this interval. Returns an exit status. */
int stat_channel(const char *name, int64_t interval, bool json);

void print_size(const char *name, uint64_t bytes); /* "4.0 KiB (4096 bytes)" */
void print_age(uint64_t created);
void print_creator(const struct entries *entries, uint64_t creator); /* with its state and pid */

#endif
