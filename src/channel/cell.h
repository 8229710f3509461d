/* cell.h: a cell as it lies in memory, and as a process holds it.
 *
 *     0  the channel's head; geometry: 0 capacity, 1 buffers, 2 type size, 3 bytes of the schema
 *   256  latest   version << 8 | buffer; 0: no value yet. Writer: who owns the guard
 *   384  writers  guard (guard.h): one writer at a time
 *   512  turn     turn word: readers sleep until there is something newer
 *   640  bells    16 bells (alarm.h)
 *   768  type     64 bytes, padded with zeros; constant
 *   896  pins     62 words, of which there are two less than buffers
 *  1408  authors  64 words: node number of who wrote the value in each buffer, for people
 *  1920  buffers, each on line pairs of its own; then the schema
 *
 * A pin, by which a reader keeps writers off one buffer:
 *
 *   63                 8 7       0
 *   | node number       |  held  |      0: nobody's. held: buffer plus one; 255: wants the latest
 *
 * A buffer:
 *
 *     0  stamp    version of the value in it; 0: being written, or never was
 *     8  size     bytes of the value
 *    16  the value, `capacity` bytes; what is beyond its size means nothing. Where the capacity is
 *        above 112 the value is at 64. So a reader of a small one fetches one line, or two */
#ifndef SPG_CHANNEL_CELL_H
#define SPG_CHANNEL_CELL_H

#include <samepage/cell.h>

#include "channel/alarm.h"
#include "channel/channel.h"

enum {
    SPG__CELL_PINS = SPG_CELL_BUFFERS_MAX - 2,
    SPG__CELL_BELLS = 16,
    SPG__CELL_TYPE_BYTES = 64,
    SPG__CELL_SMALL = 112,
    SPG__CELL_SMALL_AT = 16,
    SPG__CELL_LARGE_AT = 64,
    SPG__CELL_INDEX_BITS = 8,
    SPG__PIN_SHIFT = 8,
    SPG__PIN_WANTS = 255
};

#define SPG__CELL_VERSION_MAX ((UINT64_C(1) << 56) - 1)
/* The greatest node number that fits in a pin. A node beyond it reads without. */
#define SPG__PIN_NODE_MAX ((UINT64_C(1) << 56) - 1)

struct spg__cell_shared {
    spg__word64 head[SPG__CHANNEL_OWN / 8];
    spg__word64 latest;
    spg__word64 zeros[15];
    spg__word64 writers;
    spg__word64 more_zeros[15];
    spg__word32 turn;
    spg__word32 still_zeros[31];
    spg__word64 bells[SPG__CELL_BELLS];
    spg__word64 type[SPG__CELL_TYPE_BYTES / 8];
    spg__word64 yet_zeros[8];
    spg__word64 pins[SPG__CELL_PINS];
    spg__word64 last_zeros[2];
    spg__word64 authors[SPG_CELL_BUFFERS_MAX];
};

_Static_assert(offsetof(struct spg__cell_shared, latest) == 256, "layout of the cell");
_Static_assert(offsetof(struct spg__cell_shared, writers) == 384, "layout of the cell");
_Static_assert(offsetof(struct spg__cell_shared, turn) == 512, "layout of the cell");
_Static_assert(offsetof(struct spg__cell_shared, bells) == 640, "layout of the cell");
_Static_assert(offsetof(struct spg__cell_shared, type) == 768, "layout of the cell");
_Static_assert(offsetof(struct spg__cell_shared, pins) == 896, "layout of the cell");
_Static_assert(offsetof(struct spg__cell_shared, authors) == 1408, "layout of the cell");
_Static_assert(sizeof(struct spg__cell_shared) == 1920, "layout of the cell");

struct spg__cell_buffer_shared {
    spg__word64 stamp;
    spg__word64 size;
};

_Static_assert(sizeof(struct spg__cell_buffer_shared) == SPG__CELL_SMALL_AT, "a buffer's head");

/* The constants of a cell, worked out from its geometry. */
struct spg__cell_shape {
    uint64_t capacity;
    uint64_t stride;   /* from buffer to buffer */
    uint64_t value_at; /* in a buffer */
    uint64_t schema_at;
    uint64_t schema_bytes;
    uint64_t file_size;
    uint32_t buffers;
    uint32_t pins;
    uint32_t type_size;
};

/* False: no cell can have this geometry. */
bool spg__cell_shape(struct spg__cell_shape *shape, const struct spg__channel_head *head);

/* Private to this process, and to the thread that uses it. */
struct spg_cell {
    struct spg__channel channel; /* first */
    struct spg__cell_shared *shared;
    struct spg__cell_shape shape;
    struct spg__alarm alarm;
    struct spg_waitable waitable;
    uint64_t seen;   /* ready means newer than this version */
    uint64_t next;   /* version that the loan becomes */
    uint32_t loaned; /* a buffer plus one; 0: nothing is on loan, and the guard is not ours */
    bool read_only;
    struct spg__domain plain; /* of a read-only handle: opened without its table */
    char type[SPG__CELL_TYPE_BYTES];
    char *schema;
};

static inline uint64_t spg__cell_version(uint64_t latest) {
    return latest >> SPG__CELL_INDEX_BITS;
}
static inline uint32_t spg__cell_index(uint64_t latest) {
    return (uint32_t)(latest & ((1u << SPG__CELL_INDEX_BITS) - 1));
}

static inline struct spg__cell_buffer_shared *spg__cell_buffer(struct spg__cell_shared *shared,
                                                               const struct spg__cell_shape *shape,
                                                               uint32_t index) {
    return (void *)((char *)shared + sizeof *shared + index * shape->stride);
}

static inline spg__word64 *spg__cell_value(struct spg__cell_buffer_shared *buffer,
                                           const struct spg__cell_shape *shape) {
    return (void *)((char *)buffer + shape->value_at);
}

/* Is there a value newer than what this handle has seen? For its waitable. */
bool spg__cell_is_newer(struct spg_waitable *waitable);

/* ---- for who looks on ------------------------------------------------------------------------ */

/* Do geometry and size in a cell's head go together? SPG_ECORRUPT; `name` is for the detail. */
int spg__cell_check_geometry(const struct spg__channel_head *head, const char *name);

struct spg__cell_facts {
    uint64_t version;      /* of the latest value; 0: none yet */
    uint64_t size;         /* its bytes */
    uint64_t author;       /* node number of who wrote it */
    uint64_t writer;       /* node number of who owns the guard; 0: nobody */
    bool writer_is_dead;   /* then the next writer takes it over */
    uint32_t pins;         /* how many there are */
    uint32_t pins_held;    /* how many of them are taken */
    uint32_t pins_of_dead; /* and how many of those by dead nodes */
};

/* Reads the words of a cell of that head, mapped whole (read-only will do), and judges them. Others
 * may be using it. 0 or SPG_ECORRUPT, with a detail that begins with `name`; the facts are as far
 * as it got. */
int spg__cell_audit(const struct spg__domain *domain, const struct spg__cell_shared *shared,
                    const struct spg__channel_head *head, const char *name,
                    struct spg__cell_facts *facts);

/* Takes pins and guard from the dead; `head` has been checked. Returns how many words it cleared.
 * Needs no lock. */
int spg__cell_collect(const struct spg__domain *domain, struct spg__cell_shared *shared,
                      const struct spg__channel_head *head);

#endif
