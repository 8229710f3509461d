/* topic_shared.pml: the shared memory of topic.pml, the kernel, and what the assertions remember. */

#ifndef MUTATION
#define MUTATION 0
#endif
#ifndef PUBLISHERS
#define PUBLISHERS 2
#endif
#ifndef SUBSCRIBERS
#define SUBSCRIBERS 2
#endif
#ifndef KEEPER
#define KEEPER 1 /* 0: who must not lose does not come */
#endif
#ifndef LOSERS
#define LOSERS (SUBSCRIBERS - 1) /* how many of the others come */
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* of the first publisher; any other has one */
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef CHUNKS
#define CHUNKS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#define STEP 1 /* by which a limit is raised: a quarter of the ring, at least one */
#define FIRST SLOTS
#define MEMBERS (PUBLISHERS + SUBSCRIBERS)
#define MEMBER(subscriber) (PUBLISHERS + (subscriber))
#define SURVIVOR MEMBERS
#define NOBODY 15
#define NO_CHUNK 15

/* A slot's state: sequence, phase, row. One word. */
#define CLAIMED 0
#define COMMITTED 1
#define VOID 2
#define DROPPED 3
#define STATE(sequence, phase, row) ((sequence) * 16 + (phase) * 4 + (row))
#define SEQUENCE(state) ((state) / 16)
#define PHASE(state) (((state) / 4) % 4)
#define ROW(state) ((state) % 4)
#define SLOT(sequence) ((sequence) % SLOTS)
byte slot_state[SLOTS];
byte slot_chunk[SLOTS]; /* body[1] */

/* A chunk's word: tag and state. One word. */
#define FREE 0
#define LOANED 1
#define GIVEN 2
#define ORPHAN 3
#define WORD(tag, state) ((tag) * 4 + (state))
byte chunk_word[CHUNKS];

/* Rows. Of all: is there an owner? Of publishers: a loan is a chunk plus one. Of subscribers: a hold
 * is one word with a sequence, 0 for none, and a chunk. */
bool owner[MEMBERS];
byte claim[PUBLISHERS];
byte limit[PUBLISHERS];
byte drops[PUBLISHERS];
byte loan[PUBLISHERS];
byte hold[SUBSCRIBERS];
byte hold_chunk[SUBSCRIBERS];
bool releasing[SUBSCRIBERS];
byte cursor; /* of the one who must not lose */
bool gate;   /* its bit */

/* The kernel. */
byte domain_lock = NOBODY;
bool dead[MEMBERS];
bool kill[MEMBERS];
byte deaths, ended, publishers_ended;

/* For the assertions: of which sequence the bytes of a chunk are, 0 while it is filled; the chunk
 * plus one that a subscriber reads; who claimed a sequence, and which are committed. */
byte content[CHUNKS];
byte reading[SUBSCRIBERS];
byte claimant[16];
bool committed[16];

#define GONE(member) (owner[member] && dead[member])
#if PUBLISHERS == 1
#define A_PUBLISHER_IS_GONE GONE(0)
#else
#define A_PUBLISHER_IS_GONE (GONE(0) || GONE(1))
#endif
#if SUBSCRIBERS == 2
#define SOMEBODY_IS_GONE (A_PUBLISHER_IS_GONE || GONE(MEMBER(0)) || GONE(MEMBER(1)))
#define IS_READ(chunk) (reading[0] == (chunk) + 1 || reading[1] == (chunk) + 1)
#else
#define SOMEBODY_IS_GONE                                                                           \
    (A_PUBLISHER_IS_GONE || GONE(MEMBER(0)) || GONE(MEMBER(1)) || GONE(MEMBER(2)))
#define IS_READ(chunk)                                                                             \
    (reading[0] == (chunk) + 1 || reading[1] == (chunk) + 1 || reading[2] == (chunk) + 1)
#endif
#define CAN_RECOVER (SOMEBODY_IS_GONE && domain_lock == NOBODY)
