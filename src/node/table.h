/* table.h: the file "nodes" of a domain, as it lies in memory.
 *
 *      0  the header (base/header.h), kind 1
 *     64  zeros
 *   4096  4,096 places of 64 bytes
 *
 * A place:
 *
 *    0  state    generation << 8 | phase (0 free, 1 taken)
 *    8  pid, uid       display only
 *   16  started        nanoseconds since 1970, display only
 *   24  pid_namespace  display only
 *   32  name           zero-padded, display only
 *
 * A node's number is generation << 12 | place. Its proof of life is a lock on that number, as a
 * position of this very file: each number has a lock of its own, so a lock never speaks of the
 * place's former or later owner. `state` is changed by compare-and-swap alone; the rest of a place
 * is written by the node that took it, after it took it, and read by anybody as a hint. */
#ifndef SPG_NODE_TABLE_H
#define SPG_NODE_TABLE_H

#include "base/header.h"
#include "platform/platform.h"

enum {
    SPG__PLACES = 4096,
    SPG__PLACE_BITS = 12,
    SPG__PLACE_BYTES = 64,
    SPG__PLACES_OFFSET = 4096,
    SPG__TABLE_BYTES = SPG__PLACES_OFFSET + SPG__PLACES * SPG__PLACE_BYTES
};

enum spg__phase { SPG__PHASE_FREE = 0, SPG__PHASE_TAKEN = 1 };

/* A generation fits where it shares a word with a place and four flag bits (sync/owner.h). */
#define SPG__GENERATION_MAX ((UINT64_C(1) << 48) - 1)

struct spg__place_shared {
    spg__word64 state;
    spg__word64 hints[7]; /* struct spg__place_hints */
};

struct spg__place_hints {
    uint32_t pid;
    uint32_t uid;
    uint64_t started;
    uint64_t pid_namespace;
    char name[32];
};

struct spg__table_shared {
    spg__word64 header[SPG__HEADER_BYTES / 8];
    spg__word64 zeros[(SPG__PLACES_OFFSET - SPG__HEADER_BYTES) / 8];
    struct spg__place_shared places[SPG__PLACES];
};

_Static_assert(sizeof(struct spg__place_hints) == 56, "the hints fill the place");
_Static_assert(sizeof(struct spg__place_shared) == SPG__PLACE_BYTES, "a place takes 64 bytes");
_Static_assert(offsetof(struct spg__table_shared, places) == SPG__PLACES_OFFSET, "layout of nodes");
_Static_assert(sizeof(struct spg__table_shared) == SPG__TABLE_BYTES, "layout of nodes");

static inline uint64_t spg__state(uint64_t generation, enum spg__phase phase) {
    return generation << 8 | (uint64_t)phase;
}
static inline uint64_t spg__state_generation(uint64_t state) {
    return state >> 8;
}
static inline unsigned spg__state_phase(uint64_t state) {
    return (unsigned)(state & 0xff);
}
static inline uint64_t spg__node_number(uint64_t generation, uint32_t place) {
    return generation << SPG__PLACE_BITS | place;
}
static inline uint32_t spg__number_place(uint64_t number) {
    return (uint32_t)(number & (SPG__PLACES - 1));
}
static inline uint64_t spg__number_generation(uint64_t number) {
    return number >> SPG__PLACE_BITS;
}
/* Can a state have been written by us at all? */
static inline bool spg__state_is_sane(uint64_t state) {
    return spg__state_generation(state) < SPG__GENERATION_MAX &&
           spg__state_phase(state) <= SPG__PHASE_TAKEN &&
           (state == 0 || spg__state_generation(state) > 0);
}

#endif
