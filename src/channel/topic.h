/* topic.h: a topic as it lies in memory, and what its members share in private.
 *
 *      0  the channel's head; geometry:
 *           0  slots, slot size       (low half, high half)
 *           1  publishers, subscribers
 *           2  units and unit shift of the arena
 *           3  holds of a subscriber, history
 *           4  flags (TIMED, KEEP), type size
 *           5  bytes of the schema
 *           6  first sequence
 *    256  next      a hint: all sequences below it are claimed. Publishers help it along
 *    384  news      turn word: subscribers sleep until something is published
 *    512  room      turn word: publishers sleep until there is room
 *    640  guard, rover   of the arena
 *    768  gates     16 words, a bit for each subscriber that must not lose; under the domain's lock
 *   1024  voids     how many sequences were voided; under the domain's lock
 *   1032            the last 64 of them, in a circle
 *   2048  type      64 bytes, constant
 *   4096  rows of publishers, rows of subscribers, bells of subscribers, schema, slots, map of the
 *         arena, each on a line pair of its own; then, on a page, the arena
 *
 * A sequence is the number of a message in the order; its slot is sequence modulo slots. A slot:
 *
 *      0  state     sequence << 10 | phase << 8 | row of its publisher
 *      8  meta      publisher's node number (low 48 bits) << 16 | size << 2 | TIMED 2 | CHUNK 1
 *     16  body      the message; or, with CHUNK, its size and its chunk. With TIMED the last eight
 *                   bytes of the slot are the time
 *
 * The phases of a sequence: CLAIMED (a publisher writes it), COMMITTED (readable), VOID (its
 * publisher died), DROPPED (was readable; its chunk is wanted back). A slot that no message has
 * used carries the sequence one lap before the first, VOID. */
#ifndef SPG_CHANNEL_TOPIC_H
#define SPG_CHANNEL_TOPIC_H

#include <samepage/topic.h>

#include "channel/alarm.h"
#include "channel/arena.h"
#include "channel/channel.h"

enum spg__slot_phase {
    SPG__SLOT_CLAIMED = 0,
    SPG__SLOT_COMMITTED = 1,
    SPG__SLOT_VOID = 2,
    SPG__SLOT_DROPPED = 3
};

enum {
    SPG__TOPIC_TIMED = 1,
    SPG__TOPIC_KEEP = 2,
    SPG__SLOT_HAS_CHUNK = 1,
    SPG__SLOT_HAS_TIME = 2,
    SPG__SLOT_HEAD = 16,
    SPG__TOPIC_LOANS = 24,
    SPG__TOPIC_VOIDS = 64,
    SPG__TOPIC_GATES = SPG_TOPIC_SUBSCRIBERS_MAX / 64,
    SPG__TOPIC_LEFT = 1,
    SPG__ROWS_END = 256, /* rows that a state has room for */
    SPG__LINE = 64,
    SPG__FEW_BYTES = 128, /* up to which a call of memcpy is not worth it */
    SPG__TOPIC_ROW_SHIFT = 4
};

#define SPG__SEQUENCE_END (UINT64_C(1) << 54)
#define SPG__PUBLISHER_MASK ((UINT64_C(1) << 48) - 1)

/* Written by its publisher; `owner` also by who recovers it, under the domain's lock. */
struct spg__publisher_shared {
    spg__word64 owner;     /* node number << 4 | LEFT; 0: free */
    spg__word64 claim;     /* the sequence that it claims or has claimed last */
    spg__word64 limit;     /* it claims only sequences below this one */
    spg__word64 published; /* how many, for people */
    spg__word64 since;     /* nanoseconds since 1970, for people */
    spg__word64 drops;     /* it may be dropping messages below this one; 0: it is not */
    spg__word64 asleep;    /* since when, likewise, for people; 0: it is awake */
    spg__word64 zero;
    spg__word64 loans[SPG__TOPIC_LOANS]; /* arena.h */
};

_Static_assert(sizeof(struct spg__publisher_shared) == 256, "layout of the topic");

/* Written by its subscriber; `owner` and `holds` also by who recovers it. */
struct spg__subscriber_shared {
    spg__word64 owner;
    spg__word64 cursor;   /* it may still read this sequence and all after it */
    spg__word64 policy;   /* enum spg_policy */
    spg__word64 received; /* how many, for people */
    spg__word64 lost;     /* how many, for people */
    spg__word64 since;
    spg__word64 asleep;  /* since when, likewise; 0: it is awake */
    spg__word64 holding; /* milliseconds since 1970 << 16 | how many chunks it has in hand */
    spg__word64 holds[]; /* sequence << 21 | chunk << 1 | RELEASING */
};

_Static_assert(sizeof(struct spg__subscriber_shared) == 64, "layout of the topic");

struct spg__topic_shared {
    spg__word64 head[SPG__CHANNEL_OWN / 8];
    spg__word64 next;
    spg__word64 zeros[15];
    spg__word32 news;
    spg__word32 more_zeros[31];
    spg__word32 room;
    spg__word32 still_zeros[31];
    spg__word64 guard;
    spg__word64 rover;
    spg__word64 yet_zeros[14];
    spg__word64 gates[SPG__TOPIC_GATES];
    spg__word64 last_zeros[16];
    spg__word64 voids;
    spg__word64 void_log[SPG__TOPIC_VOIDS];
    spg__word64 gap[63];
    spg__word64 type[8];
};

_Static_assert(offsetof(struct spg__topic_shared, next) == 256, "layout of the topic");
_Static_assert(offsetof(struct spg__topic_shared, news) == 384, "layout of the topic");
_Static_assert(offsetof(struct spg__topic_shared, room) == 512, "layout of the topic");
_Static_assert(offsetof(struct spg__topic_shared, guard) == 640, "layout of the topic");
_Static_assert(offsetof(struct spg__topic_shared, gates) == 768, "layout of the topic");
_Static_assert(offsetof(struct spg__topic_shared, voids) == 1024, "layout of the topic");
_Static_assert(offsetof(struct spg__topic_shared, type) == 2048, "layout of the topic");
_Static_assert(sizeof(struct spg__topic_shared) == 2112, "layout of the topic");

struct spg__slot_shared {
    spg__word64 state;
    spg__word64 meta;
    spg__word64 body[];
};

_Static_assert(sizeof(struct spg__slot_shared) == SPG__SLOT_HEAD, "layout of a slot");

static inline uint64_t spg__slot_state(uint64_t sequence, enum spg__slot_phase phase,
                                       uint32_t row) {
    return sequence << 10 | (uint64_t)phase << 8 | row;
}
static inline uint64_t spg__slot_sequence(uint64_t state) {
    return state >> 10;
}
static inline enum spg__slot_phase spg__slot_phase(uint64_t state) {
    return (enum spg__slot_phase)(state >> 8 & 3);
}
static inline uint32_t spg__slot_row(uint64_t state) {
    return (uint32_t)(state & 255);
}

/* What the geometry says, and where things lie. */
struct spg__topic_shape {
    uint32_t slots;
    uint32_t slot_size;
    uint32_t publishers;
    uint32_t subscribers;
    struct spg__arena_shape arena;
    uint32_t holds;
    uint32_t history;
    uint32_t flags;
    uint32_t type_size;
    uint64_t schema_bytes;
    uint64_t first;
    uint32_t inline_max;
    uint64_t publishers_at;
    uint64_t subscribers_at;
    uint64_t subscriber_bytes;
    uint64_t bells_at;
    uint64_t schema_at;
    uint64_t slots_at;
    uint64_t map_at;
    uint64_t arena_at;
    uint64_t size;
};

/* From a head's geometry; SPG_ECORRUPT. `name` is for the detail. */
int spg__topic_shape_read(struct spg__topic_shape *shape, const struct spg__channel_head *head,
                          const char *name);

/* What publisher and subscriber have in common. Private. */
struct spg__topic {
    struct spg__channel channel; /* first */
    struct spg__topic_shape shape;
    struct spg__topic_shared *shared;
    struct spg__arena arena; /* `row` and `loans` are a publisher's */
    struct spg__alarm news;
    struct spg__alarm room;
    char *slots;
    char type[SPG_TYPE_NAME_MAX + 1];
    char *schema; /* of this process's own; may be NULL */
};

static inline struct spg__slot_shared *spg__topic_slot(const struct spg__topic *topic,
                                                       uint64_t sequence) {
    uint64_t index = sequence & (topic->shape.slots - 1);
    return (struct spg__slot_shared *)(void *)(topic->slots + index * topic->shape.slot_size);
}
/* Messages smaller than this lie in a slot and are copied without a call. */
static inline uint64_t spg__topic_few_end(const struct spg__topic_shape *shape) {
    return (shape->inline_max < SPG__FEW_BYTES ? shape->inline_max : SPG__FEW_BYTES) + 1;
}
static inline struct spg__publisher_shared *spg__topic_publisher(const struct spg__topic *topic,
                                                                 uint32_t row) {
    char *rows = (char *)topic->channel.address + topic->shape.publishers_at;
    return (struct spg__publisher_shared *)(void *)rows + row;
}
static inline struct spg__subscriber_shared *spg__topic_subscriber(const struct spg__topic *topic,
                                                                   uint32_t row) {
    char *rows = (char *)topic->channel.address + topic->shape.subscribers_at;
    return (struct spg__subscriber_shared *)(void *)(rows + row * topic->shape.subscriber_bytes);
}

/* ---- topic_open.c -------------------------------------------------------------------------- */

int spg__topic_read_options(spg_topic_options *options, const spg_topic_options *given);
int spg__topic_read_reader_options(spg_subscriber_options *options,
                                   const spg_subscriber_options *given, const spg_node *node);
/* Under the domain's lock; `options` NULL: SPG_ENOENT if it is not there. */
int spg__topic_attach(struct spg__topic *topic, const spg_topic_options *options);
void spg__topic_detach(struct spg__topic *topic);
/* Sets the pointers of an attached channel. */
int spg__topic_settle(struct spg__topic *topic);

/* What is said of the type in options must be what the topic says. */
int spg__topic_check_type(const struct spg__topic *topic, const char *type, uint32_t type_size);

/* Is the owner of a row gone: left, or dead? Free rows are not. */
bool spg__topic_is_gone(const struct spg__topic *topic, uint64_t owner);

/* The first sequence that nobody has claimed; helps `next` there. */
uint64_t spg__topic_head(const struct spg__topic *topic);

/* ---- topic_recover.c: under the domain's lock ---------------------------------------------- */

/* Takes back what members that are gone left, and frees their rows. Returns how many. */
uint32_t spg__topic_recover(const struct spg__topic *topic);
/* The same, taking the lock; 0 also where it is not to be had. */
uint32_t spg__topic_recover_unlocked(const struct spg__topic *topic);
/* Is there anything to recover? One system call for each node among the members. */
bool spg__topic_has_gone(const struct spg__topic *topic);
/* Does any member live? */
bool spg__topic_has_living(const struct spg__topic *topic);
/* Our member has left: takes it out, and the topic away with its last one. */
void spg__topic_leave(struct spg__topic *topic, spg__word64 *owner);

/* How many voided sequences are below `sequence`? Exact as long as at most 63 above it are void. */
uint64_t spg__topic_voids_below(const struct spg__topic *topic, uint64_t sequence);

/* A reader's account of the voids below its position. A claim that was open below where it began
 * may become void later: this is made up for once none of those can be open any more. */
struct spg__voids {
    uint64_t below;
    uint64_t began_below; /* below where it began, when it did */
    uint64_t settles;     /* at this position none is open; 0: that is past */
};
void spg__topic_voids_begin(const struct spg__topic *topic, struct spg__voids *voids,
                            uint64_t position);
void spg__topic_voids_settle(const struct spg__topic *topic, struct spg__voids *voids);

/* ---- topic_chunks.c: published chunks and who may hold them -------------------------------- */

struct spg__published {
    uint64_t sequence;
    uint32_t chunk;
};
enum { SPG__RETIRE_BATCH = 16 };

/* Does the slot hold this sequence, readable or dropped, with a chunk that is not free again? */
bool spg__topic_has_chunk(const struct spg__topic *topic, uint64_t sequence,
                          struct spg__published *published);
/* Makes published chunks unreadable, and those that nobody holds free. All are below what any
 * subscriber that must not lose may still read. */
void spg__topic_retire(const struct spg__topic *topic, struct spg__published *batch,
                       uint32_t count);
/* The same for one of them, and the chunk is then ours. False: it was not so, is held, or does not
 * fit; where it was dropped for that, it is retired. */
bool spg__topic_recycle(const struct spg__topic *topic, struct spg__published *published,
                        uint64_t size);
/* A subscriber's word `hold` is to be cleared: frees the chunk if it was the last to name it. */
void spg__topic_release_hold(const struct spg__topic *topic, spg__word64 *hold);
/* A new hold on a message that is readable: false if it was dropped meanwhile. */
bool spg__topic_hold(const struct spg__topic *topic, spg__word64 *hold, uint64_t sequence,
                     uint32_t chunk);
/* For a message that its subscriber's own cursor protects: nothing needs to be looked at again. */
void spg__topic_hold_protected(spg__word64 *hold, uint64_t sequence, uint32_t chunk);

/* The lowest sequence that a subscriber that must not lose may still read; `everybody`: any
 * subscriber. At most `next`. */
uint64_t spg__topic_gate(const struct spg__topic *topic, uint64_t next, bool everybody);

#endif
