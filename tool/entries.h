/* entries.h: everything that is in the domain, kept after the visit. */
#ifndef TOOL_ENTRIES_H
#define TOOL_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include <samepage/samepage.h>

struct entries {
    spg_domain_entry *list;
    size_t count, room;
};

/* Returns what spg_domain_list does. */
int entries_read(struct entries *entries);
void entries_free(struct entries *entries);

/* The segment or stream of this name as the library writes it, or NULL. */
const spg_domain_entry *entries_find(const struct entries *entries, const char *name);

/* "3 nodes, 2 segments, 1 stream": who lives, and what there is. Into 3 * SHORT_TEXT bytes. */
const char *entries_summary(char *text, const struct entries *entries);

/* The word before the colon, for people: "posix". Into a buffer of SHORT_TEXT bytes. */
const char *kind_text(char *text, const char *name);

/* The number of the PID namespace this process is in; 0 if it cannot be known. */
unsigned long long own_pid_namespace(void);

/* A node's pid if it counts here, or 0. */
unsigned pid_here(const spg_domain_entry *node);

#endif
