/* nodes.pml: taking a place in a domain's table of nodes, leaving it, and freeing those of the dead.
 *
 * Models src/node/place.c, whose opening comment has the argument; docs/layout/nodes.md has the
 * words. Each step here is one load, one store or one system call there; the macro's name is the
 * function's. PROCESSES processes join and leave, LIVES times each; a collector frees what is dead;
 * up to DEATHS processes die, each between any two steps, and the kernel frees their locks. In the end
 * a survivor joins alone.
 *
 * Safety, as assertions:
 *   - a place never has two owners that live, and is never freed under a living one
 *   - a number is given out once
 *   - whoever has joined looks alive to all others, from the swap that commits to leaving or death
 *   - nobody locks a number that somebody had: the dead stay dead
 *   - the survivor gets a place, whatever the others left
 * Progress: every process comes to its end; there is no cycle without progress (-DNP).
 *
 * Not here: the hints, which nobody depends on; forks; the memory order, which the explorer has.
 *
 * MUTATION seeds a fault, which must be found: 1 no lock of takers; 2 a number is locked after the
 * swap and not before; 3 the generation does not grow; 4 who frees does not ask whether the owner
 * lives; 5 freeing is a store and not a swap; 6 the lock of takers is kept by who finds a place
 * taken. */

#ifndef MUTATION
#define MUTATION 0
#endif
#ifndef PROCESSES
#define PROCESSES 2
#endif
#ifndef PLACES
#define PLACES 2
#endif
#ifndef LIVES
#define LIVES 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#define NUMBERS 8 /* generations of a place, at most */
#define SURVIVOR PROCESSES
#define COLLECTOR (PROCESSES + 1)
#define NOBODY 15
#define NO_PLACE 15

/* The word spg__state of a place: its generation twice, and 1 if it is taken. One word is one. */
byte state[PLACES];
#define FREE(generation) ((generation) * 2)
#define TAKEN(generation) ((generation) * 2 + 1)
#define IS_TAKEN(word) ((word) % 2)
#define GENERATION(word) ((word) / 2)

/* The kernel's locks, each with its holder: of a place for takers; of a number. */
byte taker[PLACES] = NOBODY;
byte lock_of[PLACES * NUMBERS] = NOBODY;
#define NUMBER(place, generation) ((place) * NUMBERS + (generation))

/* For the assertions: who has joined at a place; which numbers somebody had. */
byte owner[PLACES] = NOBODY;
bit given[PLACES * NUMBERS];

byte deaths, ended;
bool kill[PROCESSES];

#define OWNER_LOOKS_ALIVE(place)                                                                   \
    (owner[place] == NOBODY ||                                                                     \
     (IS_TAKEN(state[place]) &&                                                                    \
      lock_of[NUMBER(place, GENERATION(state[place]))] == owner[place]))

/* spg__domain_alive: F_OFD_GETLK. */
#define ALIVE(place, generation) (lock_of[NUMBER(place, generation)] != NOBODY)

/* spg__lock_try on a number. */
inline lock_number(me, place, generation, well) {
    d_step {
        assert(MUTATION == 2 || !given[NUMBER(place, generation)]);
        well = (lock_of[NUMBER(place, generation)] == NOBODY);
        if
        :: well -> lock_of[NUMBER(place, generation)] = me
        :: else
        fi
    }
}

/* spg__place_recover. `freed`: the state that was swapped away, or 0. */
inline spg__place_recover(place, seen, freed) {
    d_step { /* the load */
        freed = 0;
        seen = state[place]
    }
    if
    :: IS_TAKEN(seen) ->
        if
        :: MUTATION != 4 && ALIVE(place, GENERATION(seen)) /* spg__domain_alive */
        :: !(MUTATION != 4 && ALIVE(place, GENERATION(seen))) ->
            d_step { /* the swap */
                if
                :: state[place] == seen || MUTATION == 5 ->
                    assert(owner[place] == NOBODY);
                    state[place] = FREE(GENERATION(seen));
                    freed = seen
                :: else
                fi
            }
        fi
    :: else
    fi
}

/* may_be_taken: one load, and one question if the place is taken. */
inline may_be_taken(place, from_the_dead, seen, may) {
    seen = state[place];
    if
    :: !IS_TAKEN(seen) -> may = true
    :: IS_TAKEN(seen) && !from_the_dead -> may = false
    :: IS_TAKEN(seen) && from_the_dead -> may = !ALIVE(place, GENERATION(seen))
    fi
}

/* The swap that commits. */
inline commit(me, place, seen, well) {
    d_step {
        well = (state[place] == seen);
        if
        :: well ->
            assert(owner[place] == NOBODY);
            assert(MUTATION == 2 || !given[NUMBER(place, new)]);
            state[place] = TAKEN(new);
            given[NUMBER(place, new)] = 1;
            owner[place] = me
        :: else
        fi
    }
}

/* take_locked: `mine` is the place, if all went well. */
inline take_locked(me, place, seen, other, freed, well, mine) {
    seen = state[place];
    well = true;
    if
    :: IS_TAKEN(seen) ->
        spg__place_recover(place, other, freed);
        d_step {
            well = (freed != 0);
            seen = FREE(GENERATION(seen))
        }
    :: else
    fi;
    if
    :: well ->
        d_step {
            new = GENERATION(seen) + (MUTATION == 3 && GENERATION(seen) > 0 -> 0 : 1);
            assert(new < NUMBERS)
        }
        if
        :: MUTATION != 2 ->
            lock_number(me, place, new, well);
            if
            :: well ->
                commit(me, place, seen, well);
                if
                :: well -> mine = place
                :: else -> lock_of[NUMBER(place, new)] = NOBODY /* spg__lock_release */
                fi
            :: else
            fi
        :: else ->
            commit(me, place, seen, well);
            if
            :: well -> lock_number(me, place, new, well); mine = place
            :: else
            fi
        fi
    :: else
    fi
}

/* take: with the place locked for takers. */
inline take(me, place, from_the_dead, seen, other, freed, well, mine) {
    may_be_taken(place, from_the_dead, seen, well);
    if
    :: well ->
        d_step { /* spg__lock_try */
            well = (taker[place] == NOBODY || MUTATION == 1);
            if
            :: well -> taker[place] = me
            :: else
            fi
        }
        if
        :: well ->
            take_locked(me, place, seen, other, freed, well, mine);
            if
            :: MUTATION == 6 && mine == NO_PLACE
            :: else ->
                d_step { /* spg__lock_release */
                    if
                    :: taker[place] == me -> taker[place] = NOBODY
                    :: else
                    fi
                }
            fi
        :: else
        fi
    :: else
    fi
}

/* spg__place_take: all places, and then once more those of the dead. */
inline spg__place_take(me, index, round, seen, other, freed, well, mine) {
    d_step {
        mine = NO_PLACE;
        round = 0;
        index = 0
    }
    do
    :: mine == NO_PLACE && index < PLACES ->
        take(me, index, round, seen, other, freed, well, mine);
        d_step { index++; seen = 0; other = 0; freed = 0; new = 0; well = false }
    :: mine == NO_PLACE && index == PLACES && round == 0 ->
        d_step { round = 1; index = 0 }
    :: else -> break
    od
}

/* spg__place_leave: the swap, then the lock. The node has left with the swap. */
inline spg__place_leave(me, place) {
    d_step {
        new = GENERATION(state[place]);
        assert(owner[place] == me);
        owner[place] = NOBODY;
        state[place] = FREE(new)
    }
    d_step { lock_of[NUMBER(place, new)] = NOBODY; new = 0; place = 0 }
}

/* The kernel frees what a process held. */
inline kernel_frees(me, index) {
    for (index : 0 .. PLACES - 1) {
        if
        :: taker[index] == me -> taker[index] = NOBODY
        :: else
        fi;
        if
        :: owner[index] == me -> owner[index] = NOBODY
        :: else
        fi
    }
    for (index : 0 .. PLACES * NUMBERS - 1) {
        if
        :: lock_of[index] == me -> lock_of[index] = NOBODY
        :: else
        fi
    }
    index = 0
}

proctype process(byte me) {
    byte lives, index, round, seen, other, freed, mine, new;
    bool well;
    do
    :: lives < LIVES ->
        lives++;
        {
            spg__place_take(me, index, round, seen, other, freed, well, mine);
            if
            :: mine != NO_PLACE -> spg__place_leave(me, mine)
            :: else
            fi
        } unless {
            atomic {
                kill[me] -> kill[me] = false;
                kernel_frees(me, index);
                seen = 0; other = 0; freed = 0; mine = 0; round = 0; new = 0; well = false
            }
        }
    :: else -> break
    od;
    atomic { ended++; kill[me] = false }
}

proctype collector() {
    byte index, seen, freed;
    do
    :: index < PLACES ->
        spg__place_recover(index, seen, freed);
        d_step { index++; seen = 0; freed = 0 }
    :: else -> break
    od;
    ended++
}

proctype killer() {
    byte who;
    do
    :: deaths < DEATHS ->
        d_step { deaths++; kill[0] = true }
    :: deaths < DEATHS && PROCESSES > 1 ->
        d_step { deaths++; kill[PROCESSES - 1] = true }
    :: break
    od
}

/* Comes last, alone with what the others left. (Beside a collector that frees each place between its
 * look and its lock, it could find all places just changed, and be told that there is none.) */
proctype survivor() {
    byte index, round, seen, other, freed, mine, new;
    bool well;
    ended == PROCESSES + 1;
    spg__place_take(SURVIVOR, index, round, seen, other, freed, well, mine);
    assert(mine != NO_PLACE)
}

/* Sees every state. */
proctype observer() {
end:
    do
    :: d_step { !(OWNER_LOOKS_ALIVE(0) && OWNER_LOOKS_ALIVE(PLACES - 1)) -> assert(false) }
    od
}

init {
    byte i;
    atomic {
        for (i : 0 .. PROCESSES - 1) { run process(i) }
        run collector();
        run killer();
        run survivor();
        run observer()
    }
}
