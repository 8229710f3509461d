/* channel.h: one channel as seen from outside at some moment: its facts, its members, its rates. */
#ifndef TOOL_CHANNEL_H
#define TOOL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <samepage/samepage.h>

/* What kinds of channels there are, and how they are spoken of. Beside enum spg_entry_kind. */
struct channel_kind {
    const char *word;    /* "topic", as its names begin */
    const char *noun;    /* what its counts count: "message"; NULL: bytes */
    const char *counted; /* what `messages` is called: "published" */
    int (*unlink)(spg_node *node, const char *name);
};

/* NULL for nodes and segments. */
const struct channel_kind *channel_kind(uint32_t entry_kind);

/* Does the name begin with a kind of channel? Sets `rest` to what follows it. */
const struct channel_kind *channel_kind_of_name(const char *name, const char **rest);

const char *role_text(uint32_t role);

/* "12 messages", "4.0 KiB": so many of what a channel of this kind carries. SHORT_TEXT bytes. */
const char *amount_text(char *text, uint32_t entry_kind, uint64_t amount);

/* The memory for messages of so many bytes, where nobody says it: for eight, but 1 MiB at least and
 * 1 GiB at most, and always for two. */
uint64_t budget_for_frames(uint64_t frame);

struct channel {
    spg_channel_facts facts;
    spg_member *members; /* their node_name is copied */
    size_t count, room;
    int64_t time; /* when it was read, of the monotonic clock */
};

/* As spg_channel_stat returns. Free it in any case. */
int channel_read(struct channel *channel, const char *name);
void channel_free(struct channel *channel);

/* How many members of this role live; 0 too if it cannot be known. */
uint32_t channel_living(const char *kind, const char *name, uint32_t role);

/* What went through a second between the two; below 0: not known. */
double channel_rate(const struct channel *before, const struct channel *now);
double member_rate(const struct channel *before, const struct channel *now, size_t member);

#endif
