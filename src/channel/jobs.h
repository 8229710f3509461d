/* jobs.h: what queue and service have in common: entries that are offered, and taken by one.
 *
 *      0  the channel's head; geometry: capacity, slot, rows, limit, units and unit shift of the
 *         arena, flags and type size << 32, bytes of the schema
 *    256  tail    where the next job is offered, a position
 *    384  head    the first position where a job may be offered; version above it
 *    512  offers  turn word (sync/wait.h): takers sleep until there is a job
 *    640  room    turn word: makers sleep until there is an entry or memory
 *    768  guard, rover  of the arena
 *    896  bells   of takers, 32 words
 *   1152  type    name of the type, zero-padded
 *   1216  zeros
 *   1280  rows, each of 256 bytes, `limit` hands and `limit` loans, in pairs of lines
 *         the schema's text
 *         entries, `capacity` times `slot` bytes
 *         the arena's map, the arena's bytes
 *
 * Positions number the entries round and round: position p is entry p modulo capacity, in lap p
 * divided by it. What is a position's is said by the entry alone:
 *
 *   63     32 31   24 23   12 11    0
 *   |  lap   | phase | taker | maker |      rows plus one; 0: none
 *
 * A position is over when its entry's lap has reached it, and still to come when the lap is one
 * less. An entry in use when its turn comes is passed over: its lap is raised and all else stays.
 * So laps and tail agree at every instant but for the last step, and `tail` and `head` are hints
 * that anybody helps along. */
#ifndef SPG_CHANNEL_JOBS_H
#define SPG_CHANNEL_JOBS_H

#include "channel/alarm.h"
#include "channel/arena.h"

enum spg__job_phase {
    SPG__JOB_FREE,
    SPG__JOB_FILLING,   /* its maker writes it */
    SPG__JOB_OFFERED,   /* committed: whoever comes takes it */
    SPG__JOB_TAKEN,     /* its taker has it */
    SPG__JOB_RETURNING, /* its taker is about to offer it again */
    SPG__JOB_DONE,      /* committed, too: what is left is to free its memory */
    SPG__JOB_ANSWERED,  /* service: its maker reads the response */
    SPG__JOB_BROKEN,    /* service: its taker died; its maker is to know */
    SPG__JOB_CANCELLED, /* service: its taker has it, and its maker does not want it any more */
    SPG__JOB_ORPHANED,  /* service: the same, since its maker died */
    SPG__JOB_PHASES
};

enum {
    SPG__JOBS_CAPACITY_MAX = 65536,
    SPG__JOBS_SLOT_MAX = 4096,
    SPG__JOBS_ROWS_MAX = 4094,
    SPG__JOBS_LIMIT_MAX = 1000,
    SPG__JOBS_BELLS = 32,
    SPG__JOBS_TYPE_BYTES = 64,
    SPG__JOB_HEAD_BYTES = 16,
    SPG__JOBS_AT_MOST_ONCE = 1,
    SPG__ROW_SHIFT = 4,
    SPG__ROW_RECOVERING = 1 /* the node in the word repairs what the last owner left */
};

/* ---- as it lies in memory -------------------------------------------------------------------- */

struct spg__job_shared {
    spg__word64 state;
    spg__word64 meta;     /* two halves; written by the entry's present owner */
    spg__word64 bytes[6]; /* the payload, to the end of the slot */
};

/* On the first line what takers read of makers, which seldom changes; on the second what each
 * writes for every job. */
struct spg__row_shared {
    spg__word64 owner; /* node number << 4 | RECOVERING; 0: free */
    spg__word64 since; /* when it was taken; display only */
    spg__word64 uses;  /* how many owners it has had */
    spg__word64 role;  /* enum spg__job_role */
    spg__word64 zeros[4];
    spg__word64 filling; /* an entry plus one, written before it is claimed; may be old */
    spg__word64 asleep;  /* since when; 0: awake; display only */
    spg__word64 made;    /* jobs committed, taken, finished; display only */
    spg__word64 taken;
    spg__word64 finished;
    spg__word64 holding; /* since when it has had something in hand; display only */
    spg__word64 more_zeros[2];
    spg__word32 turn; /* a client sleeps here; written by sleepers and who wakes them alone */
    spg__word32 zero;
    spg__word64 bell;
    spg__word64 last_zeros[14];
    spg__word64 ledger[]; /* `limit` hands: entries plus one; `limit` loans: arena.h */
};

struct spg__jobs_shared {
    spg__word64 channel[SPG__CHANNEL_OWN / 8];
    spg__word64 tail;
    spg__word64 zeros1[15];
    spg__word64 head;
    spg__word64 zeros2[15];
    spg__word32 offers;
    spg__word32 zeros3[31];
    spg__word32 room;
    spg__word32 zeros4[31];
    spg__word64 guard;
    spg__word64 rover;
    spg__word64 zeros5[14];
    spg__word64 bells[SPG__JOBS_BELLS];
    spg__word64 type[SPG__JOBS_TYPE_BYTES / 8];
    spg__word64 zeros6[8];
};

_Static_assert(sizeof(struct spg__job_shared) == 64, "an entry has at least a line");
_Static_assert(offsetof(struct spg__row_shared, filling) == 64, "layout of a row");
_Static_assert(offsetof(struct spg__row_shared, turn) == 128, "layout of a row");
_Static_assert(sizeof(struct spg__row_shared) == 256, "layout of a row");
_Static_assert(offsetof(struct spg__jobs_shared, head) == 384, "layout of jobs");
_Static_assert(offsetof(struct spg__jobs_shared, offers) == 512, "layout of jobs");
_Static_assert(offsetof(struct spg__jobs_shared, room) == 640, "layout of jobs");
_Static_assert(offsetof(struct spg__jobs_shared, guard) == 768, "layout of jobs");
_Static_assert(offsetof(struct spg__jobs_shared, bells) == 896, "layout of jobs");
_Static_assert(offsetof(struct spg__jobs_shared, type) == 1152, "layout of jobs");
_Static_assert(sizeof(struct spg__jobs_shared) == 1280, "layout of jobs");

enum spg__job_role { SPG__MEMBER = 1, SPG__SERVER = 2, SPG__CLIENT = 3 };

/* What a state says besides the lap. */
static inline uint32_t spg__job_what(enum spg__job_phase phase, uint32_t taker, uint32_t maker) {
    return (uint32_t)phase << 24 | taker << 12 | maker;
}
static inline uint32_t spg__job_lap(uint64_t state) {
    return (uint32_t)(state >> 32);
}
static inline uint32_t spg__job_phase(uint64_t state) {
    return (uint32_t)state >> 24;
}
static inline uint32_t spg__job_taker(uint64_t state) {
    return (uint32_t)state >> 12 & 0xfff;
}
static inline uint32_t spg__job_maker(uint64_t state) {
    return (uint32_t)state & 0xfff;
}

/* ---- as a process has it open ---------------------------------------------------------------- */

struct spg__jobs_shape {
    uint32_t capacity, slot, rows, limit;
    struct spg__arena_shape arena;
    uint32_t flags, type_size;
    uint64_t schema; /* bytes */
    /* Computed from those above. */
    uint64_t row_bytes, schema_at, entries_at, map_at, bytes_at, size;
};

/* One of the entries that a member has to do with: in hand, or in flight. Private. */
struct spg__hand {
    uint64_t serial; /* 0: not in use */
    uint64_t state;  /* as last seen */
    uint32_t entry;
    uint32_t chunk; /* server: the loan for the response, plus one */
    uint32_t place; /* client: in its list of those on the way */
    bool given;     /* client: the response is with the caller */
};

struct spg__jobs {
    struct spg__channel channel; /* first */
    struct spg__jobs_shape shape;
    struct spg__jobs_shared *shared;
    char *entries;
    struct spg__row_shared *row; /* ours */
    uint32_t member;             /* ours, plus one; 0: none */
    uint32_t shift;              /* capacity is 1 << shift */
    uint64_t mask;               /* of entries */
    uint64_t positions;          /* mask of what is a position in `head` and `tail` */
    struct spg__arena arena;
    struct spg__alarm offers, own; /* where takers sleep; where this client does */
    struct spg_waitable waitable;
    struct spg__hand *hands;
    uint32_t *free_hands;
    uint32_t free_hand_count;
    uint64_t seen_head, next_head; /* what the next take raises first; not 0 */
    uint32_t idle;                 /* looks that found nothing since the last that did */
    int64_t looked;                /* when we last looked who died */
    uint64_t serial;
    const char *word; /* for details: "queue" */
};

static inline struct spg__job_shared *spg__jobs_entry(const struct spg__jobs *jobs,
                                                      uint64_t position) {
    return (void *)(jobs->entries + (position & jobs->mask) * jobs->shape.slot);
}
static inline uint32_t spg__jobs_lap(const struct spg__jobs *jobs, uint64_t position) {
    return (uint32_t)(position >> jobs->shift);
}
static inline uint64_t spg__jobs_position(const struct spg__jobs *jobs, uint64_t state,
                                          uint32_t entry) {
    return (uint64_t)spg__job_lap(state) << jobs->shift | entry;
}
/* Bytes that lie in the entry itself. */
static inline uint32_t spg__jobs_inline(const struct spg__jobs *jobs) {
    return jobs->shape.slot - SPG__JOB_HEAD_BYTES;
}
static inline struct spg__row_shared *spg__jobs_row(const struct spg__jobs *jobs, uint32_t row) {
    return (void *)((char *)jobs->shared + sizeof *jobs->shared + row * jobs->shape.row_bytes);
}
static inline spg__word64 *spg__row_loans(const struct spg__jobs *jobs,
                                          struct spg__row_shared *row) {
    return &row->ledger[jobs->shape.limit];
}
/* What a chunk given by this job is tagged with. */
static inline uint64_t spg__job_tag(uint64_t state, uint32_t entry) {
    return ((uint64_t)spg__job_lap(state) << 16 | entry) & SPG__CHUNK_TAG_MASK;
}
static inline uint32_t spg__tag_entry(uint64_t tag) {
    return (uint32_t)(tag & 0xffff);
}

/* ---- jobs.c: offering, taking, finishing ----------------------------------------------------- */

/* Claims the next entry, to be filled by us. SPG_EAGAIN, SPG_ECORRUPT. */
int spg__jobs_claim(struct spg__jobs *jobs, uint32_t *entry, uint64_t *state);

/* After the commit: helps the tail over it. */
void spg__jobs_claimed(struct spg__jobs *jobs, uint32_t entry, uint64_t state);

/* Takes the first job offered, into `hand`. SPG_EAGAIN, SPG_ECORRUPT. */
int spg__jobs_take(struct spg__jobs *jobs, struct spg__hand *hand);

/* Is there one? Or something else that taking would tell. */
bool spg__jobs_is_offered(const struct spg__jobs *jobs);
/* For the waitable of who takes. */
bool spg__jobs_is_quiet(const struct spg_waitable *waitable);

/* From what `*state` says to `what`, whatever becomes of the lap. False: it is not so any more;
 * `*state` is what is there. */
bool spg__jobs_change(struct spg__jobs *jobs, uint32_t entry, uint64_t *state, uint32_t what);

/* A job that `member` took is offered again. False: it is not so any more. */
bool spg__jobs_give_back(struct spg__jobs *jobs, uint32_t entry, uint64_t *state);

/* Frees a chunk if it was given by this entry, and the entry itself, which nobody else finishes. */
void spg__jobs_free_chunk(const struct spg__jobs *jobs, uint32_t entry, uint32_t chunk);
bool spg__jobs_free(struct spg__jobs *jobs, uint32_t entry, uint64_t *state);

/* Tells makers that there is room; tells a member that waits in its row. */
void spg__jobs_sound_room(const struct spg__jobs *jobs);
void spg__jobs_sound_member(const struct spg__jobs *jobs, uint32_t member);

/* Is this handle ours, and the timeout one? SPG_EINVAL, SPG_EFORKED. */
static inline int spg__jobs_check(const struct spg__jobs *jobs, int64_t timeout) {
    if (!jobs || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    return spg__channel_is_own(&jobs->channel) ? 0 : SPG_EFORKED;
}

/* For who looks all the time: is the next entry one that nobody has begun? Then there is nothing to
 * take. Says no now and then all the same, so that somebody looks after the dead. */
static inline bool spg__jobs_has_nothing(struct spg__jobs *jobs) {
    if (jobs->next_head || jobs->waitable.bell_id || (jobs->idle & 255) == 255) return false;
    jobs->idle++;
    /* pairs: jobs.head */
    uint64_t head = spg__load_acquire_64(&jobs->shared->head) & jobs->positions;
    /* pairs: jobs.state */
    uint64_t state = spg__load_acquire_64(&spg__jobs_entry(jobs, head)->state);
    return spg__job_phase(state) == SPG__JOB_FREE &&
           spg__job_lap(state) + 1 == spg__jobs_lap(jobs, head);
}

static inline struct spg__jobs *spg__jobs_of(const struct spg_waitable *waitable) {
    return (void *)((char *)waitable - offsetof(struct spg__jobs, waitable));
}
static inline void spg__jobs_count(spg__word64 *word) {
    /* relaxed: our own row, for display */
    spg__store_relaxed_64(word, spg__load_relaxed_64(word) + 1);
}

/* Hands: NULL if all are in use. The caller's handle of one, and back: NULL if it is none. */
struct spg__hand *spg__jobs_hand_open(struct spg__jobs *jobs);
void spg__jobs_hand_close(struct spg__jobs *jobs, struct spg__hand *hand);
/* Something was taken in hand: says since when, if it is the only one. */
void spg__jobs_note_holding(struct spg__jobs *jobs);
struct spg__hand *spg__jobs_hand_find(struct spg__jobs *jobs, uint64_t handle);
static inline uint64_t spg__jobs_handle(const struct spg__jobs *jobs,
                                        const struct spg__hand *hand) {
    return hand->serial << 10 | (uint64_t)(hand - jobs->hands);
}
static inline spg__word64 *spg__jobs_hand_word(const struct spg__jobs *jobs,
                                               const struct spg__hand *hand) {
    return &jobs->row->ledger[hand - jobs->hands];
}

/* Tries until it gives something else than SPG_EAGAIN, sleeping where makers do. */
typedef int spg__jobs_attempt(struct spg__jobs *jobs, void *context);
int spg__jobs_insist(struct spg__jobs *jobs, spg__jobs_attempt *attempt, void *context,
                     struct spg__wait *wait);

/* ---- jobs_data.c: payloads ------------------------------------------------------------------- */

/* The meta word is two halves: of the job, and in a service of the response. The second half of a
 * queue's is the lap in which the job was pushed, for good.
 *
 *   31      16 15       13 12      0
 *   |  chunk  | deliveries | length |     length: bytes in the entry; 1fff: `chunk` has them, and
 *                                         the size is in the payload's first word (a response's:
 *                                         its second); 1ffe: there are none, `chunk` is an error
 *
 * Where there is no chunk a queue has the low bits of the maker's `uses` there. */
enum { SPG__JOB_IN_ARENA = 0x1fff, SPG__JOB_REFUSED = 0x1ffe, SPG__DELIVERIES_SHIFT = 13 };

static inline uint32_t spg__half_length(uint32_t half) {
    return half & 0x1fff;
}
static inline uint32_t spg__half_chunk(uint32_t half) {
    return half >> 16;
}
static inline uint32_t spg__half_deliveries(uint32_t half) {
    return half >> SPG__DELIVERIES_SHIFT & 7;
}

/* A payload on its way into an entry: `size` bytes at `data`, or in a chunk of ours. */
struct spg__payload {
    const void *data;
    size_t size;
    uint32_t chunk; /* plus one; 0: none */
    bool is_copy;   /* the chunk was loaned to copy into, not by the caller */
};

/* Memory for `size` bytes. Waits. SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ETOOBIG, SPG_EFULL, … */
int spg__jobs_loan(struct spg__jobs *jobs, size_t size, void **data, struct spg__wait *wait);
/* SPG_EINVAL: it is no loan of ours. */
int spg__jobs_discard(struct spg__jobs *jobs, const void *data);

/* Finds out whether `data` is a loan, and copies what is too large for an entry into a chunk.
 * Without `wait` it must be a loan: SPG_EINVAL. */
int spg__jobs_payload(struct spg__jobs *jobs, struct spg__payload *payload, const void *data,
                      size_t size, struct spg__wait *wait);
void spg__jobs_drop_copy(struct spg__jobs *jobs, const struct spg__payload *payload);

/* Puts it into an entry that is ours alone, as the job or the response, and returns its half. */
uint32_t spg__jobs_put(struct spg__jobs *jobs, uint32_t entry, const struct spg__payload *payload,
                       bool response);

/* Writes the meta word and makes the entry `what`: the commit. False: somebody changed it. */
bool spg__jobs_commit(struct spg__jobs *jobs, uint32_t entry, uint64_t *state, uint64_t meta,
                      const struct spg__payload *payload, uint32_t what);

/* Where a payload lies, checked. SPG_ECORRUPT. */
int spg__jobs_get(const struct spg__jobs *jobs, uint32_t entry, uint32_t half, bool response,
                  const void **data, size_t *size);

/* The node of a member, if the row's owner still is its `uses`-th; 0: not known. */
uint64_t spg__jobs_node(const struct spg__jobs *jobs, uint32_t member, const uint64_t *uses);

/* ---- jobs_open.c: coming and going ----------------------------------------------------------- */

struct spg__jobs_options {
    uint32_t mode, capacity, slot, members, limit, flags, type_size;
    uint64_t budget;
    const char *type, *schema;
};

/* Opens the channel, or makes it, and takes a row. `jobs` is zeros. */
int spg__jobs_open(struct spg__jobs *jobs, spg_node *node, const char *name,
                   const struct spg__channel_kind *kind, struct spg__jobs_options *options,
                   enum spg__job_role role);
/* Gives everything back; removes the file if nobody is left and nothing of use in it. `farewell`
 * (may be NULL) is called before, if the handle is this process's own. */
int spg__jobs_close(struct spg__jobs *jobs, const struct spg__channel_kind *kind,
                    void (*farewell)(struct spg__jobs *jobs));

/* Is the head's geometry one that we could have made? SPG_ECORRUPT; `name` is for the detail. */
int spg__jobs_check_geometry(const struct spg__channel_head *head, const char *name,
                             struct spg__jobs_shape *shape);

/* For who looks on: a view of a mapped file, without a row. `channel` is attached. */
int spg__jobs_view(struct spg__jobs *jobs);

/* ---- jobs_recover.c: the dead ---------------------------------------------------------------- */

/* Now and then, at most every ten milliseconds: repairs what members that died left. For who found
 * nothing; `waiting`: he will sleep, or was woken by a descriptor. True: something was repaired. */
bool spg__jobs_look_after(struct spg__jobs *jobs, bool waiting);

/* Repairs the row of a dead member and frees it. False: it is not dead, or somebody else is at it.
 * Without a node only under the domain's lock, and when no member lives. */
bool spg__jobs_recover_row(struct spg__jobs *jobs, uint32_t row);

/* Settles everything in a row that nobody else works on: our own, or one claimed for recovery. */
void spg__jobs_clear_row(struct spg__jobs *jobs, uint32_t row);

/* How many members live. */
uint32_t spg__jobs_living(const struct spg__jobs *jobs);

/* All rows of the dead, if that is allowed (see above). For openers, and collectors. */
void spg__jobs_recover_all(struct spg__jobs *jobs);

/* Nobody lives and nothing of use is in it. Counts if asked under the domain's lock. */
bool spg__jobs_is_over(const struct spg__jobs *jobs);

/* ---- jobs_facts.c: for who looks ------------------------------------------------------------- */

struct spg__jobs_facts {
    uint64_t in_phase[SPG__JOB_PHASES]; /* entries */
    uint64_t units[4];                  /* of the arena, by state of the chunk */
    uint32_t living, dead;              /* members */
};

struct spg__member_facts {
    uint64_t node; /* 0: the row is free */
    bool alive;
    enum spg__job_role role;
    uint32_t in_hand; /* jobs taken and not done; requests in flight */
    uint64_t made, taken, finished, since, asleep, holding;
};

/* Facts of a moment. */
void spg__jobs_facts(const struct spg__jobs *jobs, struct spg__jobs_facts *facts);
void spg__jobs_member(const struct spg__jobs *jobs, uint32_t row, struct spg__member_facts *facts);

/* Is everything accounted for? Every entry in a phase, at a lap that tail allows, its owners in
 * rows; every unit of the arena free, on loan, or named by an entry. What depends on several words
 * is judged only when no member lives. Returns 0 or SPG_ECORRUPT with a detail. */
int spg__jobs_audit(const struct spg__jobs *jobs);

#endif
