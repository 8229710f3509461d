/* topic_recover.pml: of topic.pml, who may still read a chunk, and what the dead left. */

/* ---- topic_chunks.c -------------------------------------------------------------------------- */

/* spg__topic_has_chunk, of a state that was seen. */
#define HAS_CHUNK(state, sequence)                                                                 \
    (SEQUENCE(state) == (sequence) && (sequence) >= FIRST &&                                       \
     (PHASE(state) == COMMITTED || PHASE(state) == DROPPED))

/* spg__arena_change: the swap. */
inline change(piece, tag, from, to_word, well) {
    d_step {
        well = (chunk_word[piece] == WORD(tag, from));
        if
        :: well -> chunk_word[piece] = to_word
        :: else
        fi
    }
}

/* each_hold */
#define NAMES(subscriber, sequence, piece)                                                         \
    (owner[MEMBER(subscriber)] && hold[subscriber] == (sequence) &&                                \
     hold_chunk[subscriber] == (piece) && !releasing[subscriber])
#if SUBSCRIBERS == 2
#define IS_HELD(sequence, piece) (NAMES(0, sequence, piece) || NAMES(1, sequence, piece))
#else
#define IS_HELD(sequence, piece)                                                                   \
    (NAMES(0, sequence, piece) || NAMES(1, sequence, piece) || NAMES(2, sequence, piece))
#endif

inline drop(sequence) {
    d_step {
        if
        :: SEQUENCE(slot_state[SLOT(sequence)]) == sequence &&
               PHASE(slot_state[SLOT(sequence)]) == COMMITTED ->
            slot_state[SLOT(sequence)] =
                STATE(sequence, DROPPED, ROW(slot_state[SLOT(sequence)]))
        :: else
        fi
    }
}

inline spg__topic_retire(sequence, piece, index, held, well) {
    drop(sequence);
    held = IS_HELD(sequence, piece);
    if
    :: !held || MUTATION == 5 ->
        change(piece, sequence, GIVEN, FREE, well);
        if
        :: !well -> change(piece, sequence, ORPHAN, FREE, well)
        :: else
        fi
    :: else -> /* orphan_held */
        change(piece, sequence, GIVEN, WORD(sequence, ORPHAN), well);
        if
        :: MUTATION != 8 ->
            held = IS_HELD(sequence, piece);
            if
            :: !held -> change(piece, sequence, ORPHAN, FREE, well)
            :: else
            fi
        :: else
        fi
    fi
}

/* Of a subscriber's row, by itself or by who recovers it. */
inline spg__topic_release_hold(whose, index, held, well) {
    if
    :: hold[whose] != 0 ->
        d_step { releasing[whose] = true; reading[whose] = 0 }
        if
        :: chunk_word[hold_chunk[whose]] == WORD(hold[whose], ORPHAN) && MUTATION != 6 ->
            held = IS_HELD(hold[whose], hold_chunk[whose]);
            if
            :: !held -> change(hold_chunk[whose], hold[whose], ORPHAN, FREE, well)
            :: else
            fi
        :: else
        fi;
        d_step { hold[whose] = 0; hold_chunk[whose] = 0; releasing[whose] = false }
    :: else
    fi
}

/* ---- topic_recover.c: under the domain's lock ------------------------------------------------ */

inline void_claim(row) {
    if
    :: claim[row] != 0 && MUTATION != 4 &&
           slot_state[SLOT(claim[row])] == STATE(claim[row], CLAIMED, row) ->
        d_step { /* log_void, and then the swap, which fails if it is not so any more */
            assert(!committed[claim[row]]);
            slot_state[SLOT(claim[row])] = STATE(claim[row], VOID, row)
        }
    :: else
    fi
}

#define STANDS(row)                                                                                \
    (chunk_word[loan[row] - 1] != WORD(claim[row], GIVEN) ||                                       \
     (HAS_CHUNK(slot_state[SLOT(claim[row])], claim[row]) &&                                       \
      slot_chunk[SLOT(claim[row])] == loan[row] - 1))

inline recover_publisher(row) {
    void_claim(row);
    d_step { /* spg__arena_recover: the swap of the chunk's word */
        if
        :: loan[row] != 0 && chunk_word[loan[row] - 1] == WORD(row, LOANED) ->
            chunk_word[loan[row] - 1] = FREE
        :: loan[row] != 0 && chunk_word[loan[row] - 1] % 4 == GIVEN && !STANDS(row) ->
            chunk_word[loan[row] - 1] = FREE
        :: else
        fi
    }
    loan[row] = 0;
    owner[row] = false
}

inline recover_subscriber(whose, index, held, well) {
    spg__topic_release_hold(whose, index, held, well);
    if
    :: whose == 0 -> gate = false
    :: else
    fi;
    owner[MEMBER(whose)] = false
}

/* spg__topic_recover. The lock is ours. */
inline spg__topic_recover(row, index, held, well) {
    row = 0;
    do
    :: row < PUBLISHERS ->
        if
        :: GONE(row) -> recover_publisher(row)
        :: else
        fi;
        row++
    :: row >= PUBLISHERS && row < MEMBERS ->
        if
        :: GONE(row) -> recover_subscriber(row - PUBLISHERS, index, held, well)
        :: else
        fi;
        row++
    :: else -> break
    od;
    atomic { domain_lock = NOBODY; row = 0; index = 0; held = false; well = false }
}

/* What every member dies like. */
inline die(me) {
    kill[me] = false;
    dead[me] = true;
    ended++;
    if
    :: domain_lock == me -> domain_lock = NOBODY
    :: else
    fi
}
