/* channel.h: channels as seen by somebody who does not take part in them.
 *
 * What the kinds of channels differ in is a table of five functions each (stream.c, topic.c,
 * cell.c, jobs.c); listing, telling, auditing and collecting go through it. */
#ifndef SPG_LOOK_CHANNEL_H
#define SPG_LOOK_CHANNEL_H

#include "channel/jobs.h"
#include "channel/topic.h"
#include "look/look.h"

/* A channel found in a domain's directory. `as.channel.address` is NULL if it could not be mapped,
 * or is damaged beyond reading; then `trouble` and this thread's detail say why. */
struct spg__looked {
    union {
        struct spg__channel channel;
        struct spg__topic topic;
        struct spg__jobs jobs;
    } as;
    const struct spg__look_kind *kind;
    char name[SPG__CHANNEL_FILE_BYTES]; /* with its kind: "topic:video/left" */
    int trouble;
};

struct spg__look_kind {
    const struct spg__channel_kind *channel;
    uint32_t entry; /* enum spg_entry_kind */
    /* Checks what was mapped and sets what the others need. */
    int (*settle)(struct spg__looked *looked);
    void (*facts)(const struct spg__looked *looked, spg_channel_facts *facts);
    /* Calls `visit` for each member, with what is known of it but its node's name and process. */
    int (*members)(const struct spg__looked *looked, spg_member_visitor *visit, void *context);
    void (*audit)(const struct spg__looked *looked, struct spg__audit *audit);
    /* Under the domain's lock, mapped for writing: gives back what the dead held; returns how many
     * they were. `over`: nobody uses it, or can use it, any more. */
    uint32_t (*recover)(const struct spg__looked *looked, bool *over);
};

extern const struct spg__look_kind spg__look_stream;
extern const struct spg__look_kind spg__look_topic;
extern const struct spg__look_kind spg__look_cell;
extern const struct spg__look_kind spg__look_queue;
extern const struct spg__look_kind spg__look_service;

/* The kind that a file's name says, or NULL. */
const struct spg__look_kind *spg__look_kind_of_file(const char *file_name);
/* The kind that a channel's name begins with ("topic:"), or NULL; `name` is moved past it. */
const struct spg__look_kind *spg__look_kind_of_name(const char **name);

void spg__looked_open(struct spg__looked *looked, const struct spg__domain *domain,
                      const char *file_name, enum spg__file_access access);
void spg__looked_close(struct spg__looked *looked);

/* How many members live, and how many are dead. */
struct spg__members {
    uint32_t living;
    uint32_t dead;
};
struct spg__members spg__looked_members(const struct spg__looked *looked);

/* A member's row: node number << 4 | flags. False: it is free. */
bool spg__member_begin(const struct spg__looked *looked, uint64_t owner, uint32_t role,
                       spg_member *member);

#endif
