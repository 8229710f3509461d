/* managed.h: the first 4,096 bytes of a managed segment, and who holds it.
 *
 *      0  the header (base/header.h), kind 2
 *     64  type      zero-padded text; constant
 *    112  lifetime  enum spg_segment_lifetime; constant
 *    116  zeros
 *    128  holders   496 node numbers; 0: free. A process enters its own by compare-and-swap, takes
 *                   it out again; whoever meets a dead one may take it out
 *   4096  the caller's bytes */
#ifndef SPG_SEGMENT_MANAGED_H
#define SPG_SEGMENT_MANAGED_H

#include "base/header.h"
#include "segment/segment.h"

enum { SPG__MANAGED_HEADER = 4096, SPG__HOLDERS = 496 };

struct spg__managed_head {
    struct spg__header header;
    char type[SPG_SEGMENT_TYPE_MAX + 1];
    uint32_t lifetime;
    uint32_t zeros[3];
};

struct spg__managed_shared {
    spg__word64 head[sizeof(struct spg__managed_head) / 8];
    spg__word64 holders[SPG__HOLDERS];
};

_Static_assert(offsetof(struct spg__managed_head, type) == 64, "layout of a managed segment");
_Static_assert(offsetof(struct spg__managed_head, lifetime) == 112, "layout of a managed segment");
_Static_assert(sizeof(struct spg__managed_head) == 128, "layout of a managed segment");
_Static_assert(sizeof(struct spg__managed_shared) == SPG__MANAGED_HEADER,
               "layout of a managed segment");

struct spg__domain;

/* The word of the header that holds the size of the whole. */
static inline spg__word64 *spg__managed_size(struct spg__managed_shared *shared) {
    return &shared->head[offsetof(struct spg__header, size) / 8];
}

/* Writes the head of a segment that nobody else sees yet, `total` bytes in all. */
void spg__managed_init(spg_segment *segment, const struct spg__domain *domain, uint64_t total);

/* Copies the head and checks it against what is mapped and wanted. SPG_ETYPE, SPG_EVERSION,
 * SPG_ECORRUPT. */
int spg__managed_check(const spg_segment *segment, struct spg__managed_head *head);

/* Enters this process as a holder. SPG_EFULL. */
int spg__managed_enter(spg_segment *segment, const struct spg__domain *domain, uint64_t number);

/* Takes it out again. */
void spg__managed_leave(spg_segment *segment);

struct spg__holders {
    uint32_t living;
    uint32_t dead;
};

/* Counts the holders; with `bury` the dead are taken out. */
struct spg__holders spg__managed_holders(struct spg__managed_shared *shared,
                                         const struct spg__domain *domain, bool bury);

#endif
