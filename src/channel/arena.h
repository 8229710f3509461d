/* arena.h: the memory of a channel for messages that do not fit where they are announced.
 *
 * It is `units` units of 1 << unit_shift bytes, and a map with one word a unit. A chunk is a run of
 * units; the word of its first unit says everything about it, those of the others mean nothing:
 *
 *   63          22 21         2 1     0
 *   |     tag     |   length   | state |     length in units
 *
 *   FREE    nobody's; tag 0
 *   LOANED  a member's that fills it, or has it ready; tag: the member's row
 *   GIVEN   belongs to what was published; tag: the caller's (a sequence, an entry's generation)
 *   ORPHAN  published, not to be found any more, but a reader may hold it; tag as before
 *
 * A chunk is known by its first unit. Chunks are split and joined under the guard alone, and only
 * free ones; so the word of a chunk that is not free stands until its state changes. Every change
 * is one store or compare-and-swap of that word.
 *
 * What a member has on loan is also written in its row, before the loan: `loans` words, each a
 * chunk plus one. Whoever recovers the row looks there, and nowhere else. */
#ifndef SPG_CHANNEL_ARENA_H
#define SPG_CHANNEL_ARENA_H

#include "channel/channel.h"

enum spg__chunk_state {
    SPG__CHUNK_FREE = 0,
    SPG__CHUNK_LOANED = 1,
    SPG__CHUNK_GIVEN = 2,
    SPG__CHUNK_ORPHAN = 3
};

enum { SPG__CHUNK_LENGTH_BITS = 20, SPG__CHUNK_TAG_SHIFT = 22, SPG__ARENA_UNITS_MAX = 65536 };

#define SPG__CHUNK_TAG_MASK ((UINT64_C(1) << 42) - 1)

static inline uint64_t spg__chunk_word(uint64_t tag, uint32_t length, enum spg__chunk_state state) {
    return (tag & SPG__CHUNK_TAG_MASK) << SPG__CHUNK_TAG_SHIFT | (uint64_t)length << 2 |
           (uint64_t)state;
}
static inline enum spg__chunk_state spg__chunk_state(uint64_t word) {
    return (enum spg__chunk_state)(word & 3);
}
static inline uint32_t spg__chunk_length(uint64_t word) {
    return (uint32_t)(word >> 2) & ((1u << SPG__CHUNK_LENGTH_BITS) - 1);
}
static inline uint64_t spg__chunk_tag(uint64_t word) {
    return word >> SPG__CHUNK_TAG_SHIFT;
}

/* How an arena of at least `budget` bytes is cut. Units are cache lines where that makes not too
 * many of them; a budget of 0 gives none. False: too big. */
struct spg__arena_shape {
    uint32_t units;
    uint32_t unit_shift;
};
bool spg__arena_shape(struct spg__arena_shape *shape, uint64_t budget);
/* Of an arena that a file describes: could spg__arena_shape have made it? */
bool spg__arena_shape_is_right(const struct spg__arena_shape *shape);
static inline uint64_t spg__arena_map_bytes(const struct spg__arena_shape *shape) {
    return ((uint64_t)shape->units * 8 + 127) / 128 * 128;
}
static inline uint64_t spg__arena_bytes(const struct spg__arena_shape *shape) {
    return (uint64_t)shape->units << shape->unit_shift;
}

/* Writes the map of a new arena: one free chunk. `map` lies in zeros. */
void spg__arena_prepare(spg__word64 *map, const struct spg__arena_shape *shape);

/* One member's view. Private. `guard` and `rover` (where the next search begins; under the guard)
 * lie in the channel. */
struct spg__arena {
    struct spg__arena_shape shape;
    spg__word64 *map;
    char *bytes;
    spg__word64 *guard;
    spg__word64 *rover;
    const struct spg__channel *channel;
    uint32_t row;
    spg__word64 *loans;
    uint32_t loan_count;
};

/* A chunk of at least `size` bytes from what is free, now ours. 0, SPG_EAGAIN (none is free, or not
 * in one piece), SPG_ETIMEDOUT (another has the guard, and is slow or stopped), SPG_ETOOBIG (there
 * never is), SPG_EFULL (all our loans are out), SPG_ECORRUPT. */
int spg__arena_loan(const struct spg__arena *arena, uint64_t size, uint32_t *chunk);

/* The same of a chunk that is in `state` with `tag`: one that was published and is no more needed.
 * False: it is not, or it is too small, or so big that it would be wasted. */
bool spg__arena_take(const struct spg__arena *arena, uint32_t chunk, enum spg__chunk_state state,
                     uint64_t tag, uint64_t size);

/* Ours becomes what is published under `tag`; it stays among our loans until it is settled: until
 * what publishes it is visible. */
void spg__arena_give(const struct spg__arena *arena, uint32_t chunk, uint64_t tag);
void spg__arena_settle(const struct spg__arena *arena, uint32_t chunk);

/* Ours becomes free. */
void spg__arena_return(const struct spg__arena *arena, uint32_t chunk);

/* From `state` with `tag` to another state, by whoever may. False: it was not so (any more). */
bool spg__arena_change(const struct spg__arena *arena, uint32_t chunk, enum spg__chunk_state from,
                       uint64_t tag, enum spg__chunk_state to);

/* The chunk's word, checked: SPG__CHUNK_FREE's without length if `chunk` cannot be one. */
uint64_t spg__arena_look(const struct spg__arena *arena, uint32_t chunk);

/* Is it published under `tag`, to be found or not? */
static inline bool spg__arena_is_out(const struct spg__arena *arena, uint32_t chunk,
                                     uint64_t tag) {
    uint64_t word = spg__arena_look(arena, chunk);
    return spg__chunk_state(word) >= SPG__CHUNK_GIVEN && spg__chunk_tag(word) == tag;
}

static inline void *spg__arena_address(const struct spg__arena *arena, uint32_t chunk) {
    return arena->bytes + ((uint64_t)chunk << arena->shape.unit_shift);
}

/* Bytes that a chunk has room for; 0 if it cannot be one. */
uint64_t spg__arena_room(const struct spg__arena *arena, uint32_t chunk);

/* Under the domain's lock: the loans of a member that died, `arena->row`'s. What it had on loan is
 * free; what it gave and did not settle is free too unless `stands` says that it was published. */
typedef bool spg__chunk_stands(void *context, uint32_t chunk, uint64_t tag);
void spg__arena_recover(const struct spg__arena *arena, spg__chunk_stands *stands, void *context);

/* Walks all chunks, counting units in each state; SPG_ECORRUPT if they do not fill the arena. True
 * of a moment only if nobody splits or joins. */
int spg__arena_audit(const struct spg__arena *arena, uint64_t units[4]);

#endif
