/* arena.c: loans of chunks.
 *
 * Death: before the loan is written in the row, nothing. After it, before the chunk's word: the row
 * names a chunk that is not ours; recovery sees that from the word. After: the row names our chunk.
 * Splitting writes the word of the rest first, which nobody looks at, and then that of the chunk;
 * joining is one store of the first word. So the guard may be taken over at any point.
 *
 * A corrupt peer can make chunks overlap, and so messages wrong; every unit and length is checked
 * against the arena before it is used, so nothing outside of it is ever touched.
 *
 *   tag          release                  acquire                       without it
 *   arena.chunk  whoever changes a word   whoever finds it so           bytes written while another
 *                                                                       still reads or fills them
 *   arena.loan   a member notes a loan    who recovers it               a loan of the dead is lost
 *
 * The store that makes a chunk ours goes ahead of all that is written into it: so a reader that
 * copies without a hold sees by its second look that the message was dropped. */
#include "channel/arena.h"

#include "base/error.h"
#include "channel/guard.h"

enum { LINE_SHIFT = 6 };

/* A stopped process may have the guard: then there is no memory now, even for who does not wait. */
static const int64_t GUARD_NS = 2 * 1000 * 1000;

bool spg__arena_shape(struct spg__arena_shape *shape, uint64_t budget) {
    if (budget > UINT64_C(1) << 46) return false;
    shape->unit_shift = LINE_SHIFT;
    while ((budget >> shape->unit_shift) >= SPG__ARENA_UNITS_MAX) shape->unit_shift++;
    uint64_t unit = UINT64_C(1) << shape->unit_shift;
    shape->units = (uint32_t)((budget + unit - 1) >> shape->unit_shift);
    return true;
}

bool spg__arena_shape_is_right(const struct spg__arena_shape *shape) {
    return shape->units <= SPG__ARENA_UNITS_MAX && shape->unit_shift >= LINE_SHIFT &&
           shape->unit_shift <= 32;
}

void spg__arena_prepare(spg__word64 *map, const struct spg__arena_shape *shape) {
    if (shape->units == 0) return;
    /* relaxed: nobody can see it yet */
    spg__store_relaxed_64(&map[0], spg__chunk_word(0, shape->units, SPG__CHUNK_FREE));
}

uint64_t spg__arena_look(const struct spg__arena *arena, uint32_t chunk) {
    if (chunk >= arena->shape.units) return 0;
    /* pairs: arena.chunk. Sequentially consistent for who lets go of an orphan: topic_chunks.c */
    uint64_t word = spg__load_seq_cst_64(&arena->map[chunk]);
    uint32_t length = spg__chunk_length(word);
    return length > 0 && length <= arena->shape.units - chunk ? word : 0;
}

uint64_t spg__arena_room(const struct spg__arena *arena, uint32_t chunk) {
    return (uint64_t)spg__chunk_length(spg__arena_look(arena, chunk)) << arena->shape.unit_shift;
}

bool spg__arena_change(const struct spg__arena *arena, uint32_t chunk, enum spg__chunk_state from,
                       uint64_t tag, enum spg__chunk_state to) {
    uint64_t word = spg__arena_look(arena, chunk);
    uint32_t length = spg__chunk_length(word);
    if (length == 0 || word != spg__chunk_word(tag, length, from)) return false;
    uint64_t next = spg__chunk_word(to == SPG__CHUNK_FREE ? 0 : tag, length, to);
    return spg__cas_seq_cst_64(&arena->map[chunk], &word, next); /* pairs: arena.chunk */
}

/* ---- what is on loan ------------------------------------------------------------------------- */

static spg__word64 *find_loan(const struct spg__arena *arena, uint64_t noted) {
    for (uint32_t i = 0; i < arena->loan_count; i++) {
        /* relaxed: our own row */
        if (spg__load_relaxed_64(&arena->loans[i]) == noted) return &arena->loans[i];
    }
    return NULL;
}

static void forget_loan(const struct spg__arena *arena, uint32_t chunk) {
    spg__word64 *loan = find_loan(arena, (uint64_t)chunk + 1);
    if (loan) spg__store_release_64(loan, 0); /* pairs: arena.loan */
}

bool spg__arena_take(const struct spg__arena *arena, uint32_t chunk, enum spg__chunk_state state,
                     uint64_t tag, uint64_t size) {
    uint64_t word = spg__arena_look(arena, chunk);
    uint32_t length = spg__chunk_length(word);
    uint64_t room = (uint64_t)length << arena->shape.unit_shift;
    if (room == 0 || room < size || (room > size + size / 4 && length > 1)) return false;
    spg__word64 *loan = find_loan(arena, 0);
    if (!loan || word != spg__chunk_word(tag, length, state)) return false;
    spg__store_release_64(loan, (uint64_t)chunk + 1); /* pairs: arena.loan */
    /* pairs: arena.chunk */
    if (spg__cas_ahead_64(&arena->map[chunk], &word,
                          spg__chunk_word(arena->row, length, SPG__CHUNK_LOANED)))
        return true;
    spg__store_release_64(loan, 0); /* pairs: arena.loan */
    return false;
}

void spg__arena_give(const struct spg__arena *arena, uint32_t chunk, uint64_t tag) {
    uint64_t word = spg__arena_look(arena, chunk);
    /* pairs: arena.chunk */
    spg__store_release_64(&arena->map[chunk],
                          spg__chunk_word(tag, spg__chunk_length(word), SPG__CHUNK_GIVEN));
}

void spg__arena_settle(const struct spg__arena *arena, uint32_t chunk) {
    forget_loan(arena, chunk);
}

void spg__arena_return(const struct spg__arena *arena, uint32_t chunk) {
    spg__arena_change(arena, chunk, SPG__CHUNK_LOANED, arena->row, SPG__CHUNK_FREE);
    forget_loan(arena, chunk);
}

/* ---- what is free: under the guard ----------------------------------------------------------- */

/* Joins the free chunks that follow a free one. Where the next search begins must stay the first
 * unit of a chunk. */
static uint32_t join(const struct spg__arena *arena, uint32_t chunk, uint32_t length) {
    uint32_t joined = length;
    while (chunk + joined < arena->shape.units) {
        uint64_t next = spg__arena_look(arena, chunk + joined);
        uint32_t more = spg__chunk_length(next);
        if (more == 0 || spg__chunk_state(next) != SPG__CHUNK_FREE) break;
        joined += more;
    }
    if (joined == length) return length;
    uint64_t rover = spg__load_relaxed_64(arena->rover); /* relaxed: under the guard */
    if (rover > chunk && rover < chunk + joined) {
        spg__store_relaxed_64(arena->rover, chunk); /* relaxed: under the guard */
    }
    /* pairs: arena.chunk */
    spg__store_release_64(&arena->map[chunk], spg__chunk_word(0, joined, SPG__CHUNK_FREE));
    return joined;
}

static void split(const struct spg__arena *arena, spg__word64 *loan, uint32_t chunk,
                  uint32_t length, uint32_t wanted) {
    uint32_t rest = chunk + wanted;
    if (length > wanted) {
        /* pairs: arena.chunk */
        spg__store_release_64(&arena->map[rest],
                              spg__chunk_word(0, length - wanted, SPG__CHUNK_FREE));
    }
    spg__store_release_64(loan, (uint64_t)chunk + 1); /* pairs: arena.loan */
    /* pairs: arena.chunk */
    spg__store_release_ahead_64(&arena->map[chunk],
                                spg__chunk_word(arena->row, wanted, SPG__CHUNK_LOANED));
    /* relaxed: under the guard */
    spg__store_relaxed_64(arena->rover, rest < arena->shape.units ? rest : 0);
}

/* Searches from `from` up to `end`. */
static int search(const struct spg__arena *arena, spg__word64 *loan, uint32_t from, uint32_t end,
                  uint32_t wanted, uint32_t *chunk) {
    for (uint32_t at = from; at < end;) {
        uint64_t word = spg__arena_look(arena, at);
        uint32_t length = spg__chunk_length(word);
        if (length == 0) return SPG_ECORRUPT;
        if (spg__chunk_state(word) == SPG__CHUNK_FREE) {
            length = join(arena, at, length);
            if (length >= wanted) {
                split(arena, loan, at, length, wanted);
                *chunk = at;
                return 0;
            }
        }
        at += length;
    }
    return SPG_EAGAIN;
}

int spg__arena_loan(const struct spg__arena *arena, uint64_t size, uint32_t *chunk) {
    uint32_t units = arena->shape.units;
    if (size > spg__arena_bytes(&arena->shape)) return SPG_ETOOBIG;
    uint64_t unit = UINT64_C(1) << arena->shape.unit_shift;
    uint32_t wanted = (uint32_t)((size + unit - 1) >> arena->shape.unit_shift);
    if (wanted == 0) wanted = 1;
    if (units == 0) return SPG_ETOOBIG;
    spg__word64 *loan = find_loan(arena, 0);
    if (!loan) return SPG_EFULL;
    if (spg__guard_take(arena->guard, arena->channel, GUARD_NS) < 0) return SPG_ETIMEDOUT;
    uint64_t rover = spg__load_relaxed_64(arena->rover); /* relaxed: under the guard */
    if (rover >= units) rover = 0;
    int result = search(arena, loan, (uint32_t)rover, units, wanted, chunk);
    if (result == SPG_EAGAIN) result = search(arena, loan, 0, units, wanted, chunk);
    spg__guard_give(arena->guard);
    return result;
}

/* ---- recovery and audit ---------------------------------------------------------------------- */

void spg__arena_recover(const struct spg__arena *arena, spg__chunk_stands *stands, void *context) {
    for (uint32_t i = 0; i < arena->loan_count; i++) {
        uint64_t noted = spg__load_acquire_64(&arena->loans[i]); /* pairs: arena.loan */
        if (noted == 0) continue;
        uint32_t chunk = (uint32_t)(noted - 1);
        uint64_t word = spg__arena_look(arena, chunk);
        uint64_t tag = spg__chunk_tag(word);
        if (spg__chunk_state(word) == SPG__CHUNK_LOANED && tag == arena->row) {
            spg__arena_change(arena, chunk, SPG__CHUNK_LOANED, tag, SPG__CHUNK_FREE);
        } else if (spg__chunk_state(word) == SPG__CHUNK_GIVEN && !stands(context, chunk, tag)) {
            spg__arena_change(arena, chunk, SPG__CHUNK_GIVEN, tag, SPG__CHUNK_FREE);
        }
        spg__store_release_64(&arena->loans[i], 0); /* pairs: arena.loan */
    }
}

int spg__arena_audit(const struct spg__arena *arena, uint64_t units[4]) {
    for (int i = 0; i < 4; i++) units[i] = 0;
    for (uint32_t at = 0; at < arena->shape.units;) {
        uint64_t word = spg__arena_look(arena, at);
        uint32_t length = spg__chunk_length(word);
        if (length == 0) return SPG_ECORRUPT;
        units[spg__chunk_state(word)] += length;
        at += length;
    }
    return 0;
}
