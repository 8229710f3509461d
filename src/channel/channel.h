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
#include "node/node.h"

enum { SPG__CHANNEL_OWN = 256, SPG__CHANNEL_FILE_BYTES = 640 };

struct spg__channel_head {
    struct spg__header header;
    uint64_t geometry[8];
};

_Static_assert(sizeof(struct spg__channel_head) == 128, "the head takes 128 bytes");

struct spg__channel_kind {
    enum spg__header_kind kind;
    const char *suffix; /* ".stream" */
};

extern const struct spg__channel_kind spg__kind_of_stream;

/* The file's name for a channel's. SPG_EINVAL. */
int spg__channel_file_name(char *file_name, const char *name, const struct spg__channel_kind *kind);

/* Opens the channel's file and copies its head, checked. The domain's lock is held. SPG_ENOENT. */
int spg__channel_open(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, enum spg__file_access access,
                      spg__file *file, struct spg__channel_head *head);

/* Makes it: `head->geometry` and `head->header.size` are given; `fill` writes the channel's own
 * words, before anybody can see them. */
int spg__channel_make(const struct spg__domain *domain, const char *file_name,
                      const struct spg__channel_kind *kind, uint32_t mode,
                      struct spg__channel_head *head, spg__file *file);

#endif
