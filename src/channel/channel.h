/* channel.h: what all channels share: a file in the domain's directory, complete before it has its
 * name, with a head that says what it is.
 *
 *     0  the header (base/header.h), of the channel's kind
 *    64  geometry  eight words, each kind's own; constant
 *   128  zeros
 *   256  the channel's own words
 *
 * The file's name is the channel's with "%2F" for a slash, a dot, and the kind. It is made, and
 * removed, under the domain's lock. */
#ifndef SPG_CHANNEL_CHANNEL_H
#define SPG_CHANNEL_CHANNEL_H

#include "base/header.h"
#include "base/list.h"
#include "node/self.h"

enum { SPG__CHANNEL_OWN = 256, SPG__CHANNEL_FILE_BYTES = 640 };

struct spg__channel_head {
    struct spg__header header;
    uint64_t geometry[8];
};

_Static_assert(sizeof(struct spg__channel_head) == 128, "the head takes 128 bytes");

struct spg__channel_kind {
    enum spg__header_kind kind;
    const char *suffix; /* ".stream" */
    const char *word;   /* "stream" */
};

extern const struct spg__channel_kind spg__kind_of_stream;
extern const struct spg__channel_kind spg__kind_of_topic;
extern const struct spg__channel_kind spg__kind_of_cell;
extern const struct spg__channel_kind spg__kind_of_queue;
extern const struct spg__channel_kind spg__kind_of_service;

/* The file's name for a channel's. SPG_EINVAL. */
int spg__channel_file_name(char *file_name, const char *name, const struct spg__channel_kind *kind);

/* The other way, as people are told it: "topic:video/left" for "video%2Fleft.topic". */
void spg__channel_told_name(char *told, size_t size, const char *file_name,
                            const struct spg__channel_kind *kind);

/* Opens the channel's file and copies its head, checked. The domain's lock is held. SPG_ENOENT. */
int spg__channel_open(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, enum spg__file_access access,
                      spg__file *file, struct spg__channel_head *head);

/* Writes the channel's own words before anybody can see them; the file is zeros. */
typedef void spg__channel_prepare(void *address, const struct spg__channel_head *head,
                                  const void *context);

/* Makes it: `head->geometry` and `head->header.size` are given. The domain's lock is held.
 * `prepare` and `address` may be NULL; if neither is, `*address` is where all of the file is mapped
 * then. */
int spg__channel_make(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, uint32_t mode,
                      struct spg__channel_head *head, spg__file *file,
                      spg__channel_prepare *prepare, const void *context, void **address);

/* ---- a channel as this process has it open ------------------------------------------------- */

/* First member of every handle. Private. */
struct spg__channel {
    struct spg__link link; /* first: all open channels of this process; under the process lock */
    const struct spg__channel_kind *kind;
    spg_node *node;                   /* NULL: this process looks on without taking part */
    const struct spg__domain *domain; /* the node's, or that of who looks on */
    void *address;                    /* the whole file */
    uint64_t size;
    struct spg__channel_head head; /* our copy, checked */
    uint64_t incarnation;          /* of the process that opened it: spg__incarnation() */
    struct spg__file_facts facts;  /* which file it is */
    char file_name[SPG__CHANNEL_FILE_BYTES];
};

/* Resolves the node and the file's name; nothing is opened. */
int spg__channel_begin(struct spg__channel *channel, spg_node *node, const char *name,
                       const struct spg__channel_kind *kind);

/* Opens the file under its name and maps all of it. The domain's lock is held. SPG_ENOENT. */
int spg__channel_attach(struct spg__channel *channel, enum spg__file_access access);

/* Makes the file from `channel->head` and maps it. The domain's lock is held. */
int spg__channel_create(struct spg__channel *channel, uint32_t mode, spg__channel_prepare *prepare,
                        const void *context);

void spg__channel_detach(struct spg__channel *channel);

/* What a channel's messages are: a name and a size, "" and 0 where they are not told. */
struct spg__message_type {
    const char *name;
    uint32_t size;
};

/* SPG_ETYPE if `asked` tells something else than `held`; its name may be NULL. */
int spg__channel_check_type(const struct spg__channel *channel, struct spg__message_type held,
                            struct spg__message_type asked);

/* Does its name still stand for it? Takes the name away if so. The domain's lock is held. */
void spg__channel_unname(const struct spg__channel *channel);

/* Enters a handle among the open ones, and takes it out again: false if it is not one of `kind`. */
void spg__channel_enlist(struct spg__channel *channel);
bool spg__channel_delist(struct spg__channel *channel, const struct spg__channel_kind *kind);

/* Takes a channel's name away, whatever it holds; who has it open keeps it. */
int spg__channel_unlink(spg_node *node, const char *name, const struct spg__channel_kind *kind);

/* Checks the mode among the options, and gives 0600 for 0. */
int spg__channel_check_mode(uint32_t *mode, const char *options);

/* Did this process open it, or its parent before a fork? */
static inline bool spg__channel_is_own(const struct spg__channel *channel) {
    return channel->incarnation == spg__incarnation();
}

#endif
