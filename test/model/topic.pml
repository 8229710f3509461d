/* topic.pml: a topic's claims, commits, holds, and what is recovered of the dead.
 *
 * Models src/channel/publisher.c, subscriber.c, subscriber_open.c, topic_chunks.c, topic_recover.c
 * and what of arena.c they stand on; their opening comments have the arguments, docs/layout/topic.md
 * has the words. The macros have the names of the functions. A step is one load, store or swap of
 * shared memory or one system call; a walk over all slots, or all holds, is one step.
 *
 * PUBLISHERS publish MESSAGES messages, or one, every one with a chunk, into a ring of SLOTS slots and
 * an arena of CHUNKS chunks. The first subscriber must not lose, and joins at any time with all the
 * history there is; the others may lose. Up to DEATHS of all of them die, each between any two
 * steps. Whoever waits recovers what the dead left, under the domain's lock, which the kernel frees.
 *
 * Safety, as assertions:
 *   - a sequence has one owner, and what is committed is committed by that one
 *   - a chunk is not filled while somebody reads the message that it holds
 *   - who must not lose gets every committed message from where it begins, once and in order
 *   - nobody reads other bytes than were published under that sequence
 *   - when all is over and recovered, each chunk is free or named by a slot, and no claim is open
 * Progress: a wait is a statement that cannot go on until what it waits for is there, or somebody is
 *   dead and can be recovered. So whoever waits for ever is an invalid end, and whoever runs in
 *   circles is a cycle without progress (-DNP).
 *
 * Not here: splitting and joining of chunks, which the guard protects (a free chunk is one); small
 * messages; batches; subscribers that only read; the hint `next` (all slots are looked at); leaving;
 * memory order, which the explorer has.
 *
 * MUTATION seeds a fault, which must be found: 1 a claim is a store, as if there were one publisher;
 * 2 who holds does not look at the slot again; 3 the limit is not written down before the gates are
 * looked at; 4 a claim of the dead stays; 5 a chunk is freed though it is held; 6 the last to let go
 * does not free the orphan; 7 a loan is noted after the chunk is taken; 8 a held chunk is orphaned
 * without a second look at the holds; 9 who must not lose moves on before it has read. */

#include "topic_shared.pml"
#include "topic_recover.pml"

/* ---- publisher.c ----------------------------------------------------------------------------- */

/* spg__topic_head: the first sequence that nobody has claimed. */
inline spg__topic_head(head) {
    head = FIRST;
    do
    :: SEQUENCE(slot_state[SLOT(head)]) >= head -> head = SEQUENCE(slot_state[SLOT(head)]) + 1
    :: else -> break
    od
}

/* Could give_up make it unreadable? It is the oldest, or the older one has nothing to give. */
#define OF_SLOT(slot) SEQUENCE(slot_state[slot])
#define HAS_GIVEN(slot)                                                                            \
    (HAS_CHUNK(slot_state[slot], OF_SLOT(slot)) &&                                                 \
     chunk_word[slot_chunk[slot]] == WORD(OF_SLOT(slot), GIVEN))
#define IS_OPEN(slot) (PHASE(slot_state[slot]) == CLAIMED)
#define OTHER(slot) (SLOTS - 1 - (slot))
#define GIVEABLE(slot)                                                                             \
    (HAS_GIVEN(slot) && !(gate && cursor <= OF_SLOT(slot)) &&                                      \
     !(IS_OPEN(OTHER(slot)) && OF_SLOT(OTHER(slot)) < OF_SLOT(slot)))

/* A free chunk; NO_CHUNK if there is none. */
inline find_free(piece) {
    piece = 0;
    do
    :: piece < CHUNKS && chunk_word[piece] != FREE -> piece++
    :: piece == CHUNKS -> piece = NO_CHUNK; break
    :: else -> break
    od
}

/* The swap that makes it ours. */
inline take_chunk(me, piece, well) {
    d_step {
        well = (chunk_word[piece] == FREE);
        if
        :: well ->
            chunk_word[piece] = WORD(me, LOANED);
            assert(!IS_READ(piece));
            content[piece] = 0
        :: else
        fi
    }
}

inline spg__arena_loan(me, piece, well) {
    d_step { find_free(piece); well = false }
    if
    :: piece != NO_CHUNK ->
        if
        :: MUTATION != 7 ->
            loan[me] = piece + 1;
            take_chunk(me, piece, well);
            if
            :: !well -> loan[me] = 0
            :: else
            fi
        :: else ->
            take_chunk(me, piece, well);
            if
            :: well -> loan[me] = piece + 1
            :: else
            fi
        fi
    :: else
    fi
}

/* The oldest message that may be given up, below `bound`; 0: none. */
inline find_given_up(bound, old) {
    spg__topic_head(old);
    old = (old > SLOTS + FIRST -> old - SLOTS : FIRST);
    do
    :: old < bound && PHASE(slot_state[SLOT(old)]) != CLAIMED &&
           !(HAS_CHUNK(slot_state[SLOT(old)], old) &&
             (chunk_word[slot_chunk[SLOT(old)]] == WORD(old, GIVEN))) -> old++
    :: old < bound && PHASE(slot_state[SLOT(old)]) == CLAIMED -> old = 0; break
    :: old >= bound -> old = 0; break
    :: else -> break
    od
}

/* begin_to_drop, give_up, end_to_drop: what who may lose has not read, too. */
inline give_up(me, next, bound, old, piece, index, held, well) {
    d_step { spg__topic_head(next); drops[me] = next }
    d_step { /* spg__topic_gate */
        bound = (gate && cursor < next -> cursor : next)
    }
    drops[me] = bound;
    d_step {
        find_given_up(bound, old);
        piece = (old != 0 -> slot_chunk[SLOT(old)] : NO_CHUNK)
    }
    if
    :: old != 0 -> spg__topic_retire(old, piece, index, held, well)
    :: else
    fi;
    atomic { drops[me] = 0; next = 0; bound = 0; index = 0; held = false }
}

/* await_room: until a chunk is free, a message may be given up, or somebody can be recovered. */
inline await_memory(me, next, old, row, index, held, well) {
    atomic { piece = 0 }
    if
    :: atomic { CAN_RECOVER -> domain_lock = me }
        spg__topic_recover(row, index, held, well)
    :: chunk_word[0] == FREE || chunk_word[CHUNKS - 1] == FREE
    :: GIVEABLE(0) || GIVEABLE(SLOTS - 1)
    fi
}

/* find_chunk: waits until there is one. */
inline find_chunk(me, next, bound, old, piece, row, index, held, well) {
    do
    :: true ->
        spg__arena_loan(me, piece, well);
        if
        :: well -> break
        :: else -> give_up(me, next, bound, old, piece, index, held, well)
        fi;
        d_step { well = (old != 0); old = 0; find_free(piece) }
        if
        :: well || piece != NO_CHUNK -> atomic { well = false; piece = 0 }
        :: else -> await_memory(me, next, old, row, index, held, well)
        fi
    od;
    atomic { well = false; old = 0 }
}

/* extend_limit */
inline extend_limit(me, next, bound, my_limit) {
    if
    :: MUTATION != 3 -> limit[me] = next + STEP
    :: else
    fi;
    d_step { /* spg__topic_gate */
        bound = (gate && cursor < next -> cursor : next) + SLOTS;
        bound = (bound < next -> next : bound);
        my_limit = (next + STEP > bound -> bound : next + STEP)
    }
    limit[me] = my_limit;
    bound = 0
}

/* enter_claim, and the swap. */
inline enter_claim(me, next, well) {
    claim[me] = next;
    d_step {
        well = (SEQUENCE(slot_state[SLOT(next)]) == next - SLOTS || MUTATION == 1);
        if
        :: well ->
            assert(claimant[next] == 0);
            claimant[next] = me + 1;
            slot_state[SLOT(next)] = STATE(next, CLAIMED, me)
        :: else
        fi
    }
}

/* try_claim, once: `well` if it is claimed. */
inline try_claim(me, next, bound, old, other, my_limit, index, held, well, room) {
    d_step { spg__topic_head(next); well = false; room = true }
    if
    :: next >= my_limit ->
        extend_limit(me, next, bound, my_limit);
        room = (next < my_limit)
    :: else
    fi;
    if
    :: room && PHASE(slot_state[SLOT(next)]) == CLAIMED -> room = false
    :: room && HAS_CHUNK(slot_state[SLOT(next)], next - SLOTS) ->
        d_step { old = next - SLOTS; other = slot_chunk[SLOT(next)] }
        spg__topic_retire(old, other, index, held, well);
        atomic { old = 0; other = 0; index = 0; held = false }
    :: else
    fi;
    if
    :: room -> enter_claim(me, next, well)
    :: else
    fi
}

inline claim_slowly(me, next, bound, old, other, my_limit, row, index, held, well, room) {
    do
    :: true ->
        try_claim(me, next, bound, old, other, my_limit, index, held, well, room);
        if
        :: well -> break
        :: !well && room -> skip /* another was first */
        :: else -> /* await_room */
            if
            :: atomic { CAN_RECOVER -> domain_lock = me }
                spg__topic_recover(row, index, held, well)
            :: SEQUENCE(slot_state[SLOT(next)]) >= next
            :: !(gate && cursor + SLOTS <= next) && PHASE(slot_state[SLOT(next)]) != CLAIMED
            fi
        fi
    od
}

/* publish_chunk */
inline publish_chunk(me, next, piece) {
    d_step { /* spg__arena_give */
        assert(chunk_word[piece] == WORD(me, LOANED));
        chunk_word[piece] = WORD(next, GIVEN);
        content[piece] = next
    }
    slot_chunk[SLOT(next)] = piece;
    d_step { /* commit */
        assert(claimant[next] == me + 1 &&
               slot_state[SLOT(next)] == STATE(next, CLAIMED, me));
        slot_state[SLOT(next)] = STATE(next, COMMITTED, me);
        committed[next] = true
    }
    loan[me] = 0 /* spg__arena_settle */
}

proctype publisher(byte me) {
    byte messages, next, bound, old, other, piece, my_limit, row, index;
    bool held, well, room;
    {
        do
        :: messages < (me == 0 -> MESSAGES : 1) ->
            find_chunk(me, next, bound, old, piece, row, index, held, well);
            claim_slowly(me, next, bound, old, other, my_limit, row, index, held, well, room);
            publish_chunk(me, next, piece);
            atomic { messages++; next = 0; piece = 0; well = false; room = false }
        :: else -> break
        od;
        atomic { ended++; publishers_ended++; kill[me] = false }
    } unless {
        atomic { kill[me] -> die(me); publishers_ended++ }
    }
}

/* ---- subscriber.c ---------------------------------------------------------------------------- */

/* begin, close_gate: who must not lose joins, under the domain's lock. */
inline join(me, position, joined, row, safe) {
    atomic { domain_lock == NOBODY -> domain_lock = me }
    d_step { /* begin_at, with all the history */
        spg__topic_head(position);
        position = (position >= FIRST + SLOTS -> position - SLOTS : FIRST)
    }
    cursor = position;
    owner[me] = true;
    gate = true;
    do /* first_safe: limit and drops of each publisher */
    :: row < PUBLISHERS ->
        if
        :: owner[row] && limit[row] > safe + SLOTS -> safe = limit[row] - SLOTS
        :: else
        fi;
        if
        :: owner[row] && drops[row] > safe -> safe = drops[row]
        :: else
        fi;
        row++
    :: else -> break
    od;
    atomic { /* after_drops */
        position = (safe > position -> safe : position);
        row = position;
        spg__topic_head(joined);
        do
        :: row < joined ->
            if
            :: slot_state[SLOT(row)] / 4 == row * 4 + DROPPED -> position = row + 1
            :: else
            fi;
            row++
        :: else -> break
        od;
        row = 0;
        safe = 0
    }
    d_step { spg__topic_head(joined) }
    cursor = position;
    domain_lock = NOBODY
}

/* The bytes are read; anything may happen between the two looks. */
inline read_bytes(which, piece, position) {
    d_step { reading[which] = piece + 1; assert(content[piece] == position) }
    d_step { assert(content[piece] == position) }
}

/* secure_chunk by a hold, and what comes after. `state` is 1 if the message was still there. */
inline read_held(which, piece, position, index, held, well) {
    d_step { hold[which] = position; hold_chunk[which] = piece }
    d_step {
        state = (MUTATION == 2 || slot_state[SLOT(position)] / 4 == position * 4 + COMMITTED);
    }
    if
    :: state == 1 && which == 0 -> cursor = position + 1
    :: else
    fi;
    if
    :: state == 1 -> read_bytes(which, piece, position)
    :: else
    fi;
    spg__topic_release_hold(which, index, held, well);
    atomic { position = position + state; index = 0; held = false; well = false }
}

inline read_protected(which, piece, position) {
    if
    :: MUTATION == 9 -> cursor = position + 1
    :: else
    fi;
    read_bytes(which, piece, position);
    d_step { reading[which] = 0; position++; cursor = position }
}

inline move_cursor(which, position) {
    if
    :: which == 0 -> cursor = position
    :: else
    fi
}

/* look: `state` was loaded. */
inline look(which, state, piece, position, joined, index, held, well) {
    if
    :: SEQUENCE(state) > position -> /* skip: it was overrun */
        atomic {
            assert(which != 0);
            position = SEQUENCE(state) - SLOTS + 1
        }
    :: SEQUENCE(state) == position && PHASE(state) == VOID ->
        atomic { assert(!committed[position]); position++; move_cursor(which, position) }
    :: SEQUENCE(state) == position && PHASE(state) == DROPPED ->
        atomic { assert(which != 0); position++ }
    :: SEQUENCE(state) == position && PHASE(state) == COMMITTED ->
        piece = slot_chunk[SLOT(position)];
        if
        :: which == 0 && position >= joined -> read_protected(which, piece, position)
        :: else -> read_held(which, piece, position, index, held, well)
        fi;
        piece = 0
    fi
}

#define THERE_IS_MORE(position)                                                                    \
    (SEQUENCE(slot_state[SLOT(position)]) > position ||                                            \
     (SEQUENCE(slot_state[SLOT(position)]) == position &&                                          \
      PHASE(slot_state[SLOT(position)]) != CLAIMED))
#define IS_OVER(position)                                                                          \
    (publishers_ended == PUBLISHERS && SEQUENCE(slot_state[SLOT(position)]) < position)

proctype subscriber(byte which) {
    byte position, joined, state, piece, row, index, safe;
    bool held, well;
    {
        if
        :: which == 0 -> join(MEMBER(0), position, joined, row, safe)
        :: else -> atomic { position = FIRST; owner[MEMBER(which)] = true }
        fi;
        do
        :: atomic { THERE_IS_MORE(position) -> state = slot_state[SLOT(position)] }
            look(which, state, piece, position, joined, index, held, well);
            state = 0
        :: atomic { CAN_RECOVER && !THERE_IS_MORE(position) -> domain_lock = MEMBER(which) }
            spg__topic_recover(row, index, held, well)
        :: IS_OVER(position) -> break
        od;
        atomic { ended++; kill[MEMBER(which)] = false; position = 0; joined = 0 }
    } unless {
        atomic { kill[MEMBER(which)] -> die(MEMBER(which)); reading[which] = 0 }
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

proctype killer() {
    byte who;
    do
    :: deaths < DEATHS ->
        atomic {
            deaths++;
            select (who : 0 .. MEMBERS - 1);
            kill[who] = true;
            who = 0
        }
    :: break
    od
}

/* Comes last, recovers, and looks whether all is in order. */
proctype survivor() {
    byte row, index, slot;
    bool held, well;
    ended == PUBLISHERS + KEEPER + LOSERS;
    atomic { domain_lock == NOBODY -> domain_lock = SURVIVOR }
    spg__topic_recover(row, index, held, well);
    d_step {
        index = 0;
        do
        :: index < CHUNKS ->
            well = (chunk_word[index] == FREE);
            slot = 0;
            do
            :: slot < SLOTS ->
                well = well || (slot_chunk[slot] == index && OF_SLOT(slot) >= FIRST &&
                                chunk_word[index] / 4 == OF_SLOT(slot) &&
                                chunk_word[index] % 4 >= GIVEN);
                assert(PHASE(slot_state[slot]) != CLAIMED);
                slot++
            :: else -> break
            od;
            assert(well); /* or it is lost for ever */
            index++
        :: else -> break
        od
    }
}

init {
    byte i;
    atomic {
        for (i : 0 .. SLOTS - 1) { slot_state[SLOT(i)] = STATE(i, VOID, 0) }
        for (i : 0 .. PUBLISHERS - 1) { owner[i] = true; run publisher(i) }
        for (i : 1 - KEEPER .. LOSERS) { run subscriber(i) }
        run killer();
        run survivor()
    }
}
