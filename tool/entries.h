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

/* The segment or channel of this name as the library writes it, or NULL. */
const spg_domain_entry *entries_find(const struct entries *entries, const char *name);

/* "3 nodes, 2 segments, 1 topic": who lives, and what there is. Into SUMMARY_BYTES. */
enum { SUMMARY_BYTES = 256 };
const char *entries_summary(char *text, const struct entries *entries);

/* How many things of this kind there are; of nodes, how many live. */
size_t entries_count(const struct entries *entries, uint32_t kind);

/* Members of a JSON object about one thing, without the braces. */
void node_json(const spg_domain_entry *node);
void segment_json(const spg_domain_entry *segment); /* what its record says */
void channel_json(const spg_domain_entry *channel);

/* The word before the colon, for people: "posix". Into a buffer of SHORT_TEXT bytes. */
const char *kind_text(char *text, const char *name);

/* The number of the PID namespace this process is in; 0 if it cannot be known. */
unsigned long long own_pid_namespace(void);

/* A pid of that namespace if it counts here, or 0. */
unsigned pid_in_here(uint64_t pid_namespace, unsigned pid);

/* A node's pid if it counts here, or 0. */
unsigned pid_here(const spg_domain_entry *node);

/* What a node is called: by itself, else its program's file if it can be known; may be empty. Into
 * a buffer of 64 bytes. */
const char *node_text(char *text, const char *name, unsigned pid);

#endif
