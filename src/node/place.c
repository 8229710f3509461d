/* place.c: taking a place in the table of nodes, leaving it, and freeing that of the dead.
 *
 * Taking a place, in this order:
 *   1. Lock the place for takers. Whoever finds it locked goes to the next place.
 *   2. Read the state: free, generation g.
 *   3. Lock the number (g+1, place). The number is nobody's yet; the lock says "if this becomes
 *      somebody's, he lives".
 *   4. Commit: compare-and-swap the state from (g, free) to (g+1, taken).
 *   5. Unlock the place for takers, write the hints.
 *
 *   Death after 1, 2 or 3: the kernel frees the locks; nothing. After 4: the state is taken and the
 *   number's lock is free: a dead node.
 *
 *   Without step 1 a taker that is slow between 2 and 3 could lock a number that somebody else has
 *   taken and died with meanwhile, and the dead would look alive until it went on.
 *
 * Recovering a dead node: swap (g, taken) to (g, free). One step, so it needs no protection of its
 * own and can be done by several at once. It cannot hit a living node: the lock of a number is
 * never taken again once free, because takers of one place exclude each other.
 *
 * Leaving: swap (g, taken) to (g, free), then unlock the number; a fork child may share the
 * opening, so closing it would not do. A death in between is a closed node whose lock goes with the
 * process.
 *
 * What a node holds stands as its number in the objects it holds (a lock's word, a row of holders):
 * those are its ledgers, each read by whoever meets the object. So a place can be reused before
 * they are cleared: the old number stays dead for ever. */
#include <string.h>

#include "base/error.h"
#include "node/node.h"

static void write_hints(struct spg__place_shared *place, const char *name) {
    struct spg__place_hints hints;
    struct spg__process_hint process;
    memset(&hints, 0, sizeof hints);
    spg__process_hint(&process);
    hints.pid = process.pid;
    hints.uid = process.uid;
    hints.pid_namespace = process.pid_namespace;
    hints.started = (uint64_t)spg__clock_realtime();
    if (name) strncpy(hints.name, name, sizeof hints.name - 1);
    spg__copy_to_shared(place->hints, &hints, sizeof hints);
}

/* Numbers end below; here lie the locks of takers. */
static uint64_t taker_position(uint32_t index) {
    return ((uint64_t)1 << 60) + index;
}

/* SPG_EAGAIN: the place is not free. The place is locked for takers. */
static int take_locked(struct spg__domain *domain, uint32_t index, uint64_t *number) {
    struct spg__place_shared *place = &domain->table->places[index];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    if (!spg__state_is_sane(state)) return SPG_EAGAIN;
    if (spg__state_phase(state) != SPG__PHASE_FREE) {
        if (!spg__place_recover(domain, index)) return SPG_EAGAIN;
        state = spg__state(spg__state_generation(state), SPG__PHASE_FREE);
    }
    uint64_t generation = spg__state_generation(state) + 1;
    uint64_t mine = spg__node_number(generation, index);
    int result = spg__lock_try(domain->nodes, mine);
    if (result < 0) return result;
    /* pairs: place.state. The hints of the last owner are overwritten only after this. */
    if (!spg__cas_acq_rel_64(&place->state, &state, spg__state(generation, SPG__PHASE_TAKEN))) {
        spg__lock_release(domain->nodes, mine);
        return SPG_EAGAIN;
    }
    *number = domain->own = mine;
    return 0;
}

/* A look before the lock. Whether a taken place's owner is dead costs a system call, so that is
 * asked only by those who found no free one. */
static bool may_be_taken(const struct spg__domain *domain, uint32_t index, bool from_the_dead) {
    const struct spg__place_shared *place = &domain->table->places[index];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    if (!spg__state_is_sane(state)) return false;
    if (spg__state_phase(state) == SPG__PHASE_FREE) return true;
    uint64_t number = spg__node_number(spg__state_generation(state), index);
    return from_the_dead && !spg__domain_alive(domain, number);
}

static int take(struct spg__domain *domain, uint32_t index, bool from_the_dead, uint64_t *number) {
    if (!may_be_taken(domain, index, from_the_dead)) return SPG_EAGAIN;
    int result = spg__lock_try(domain->nodes, taker_position(index));
    if (result < 0) return result;
    result = take_locked(domain, index, number);
    spg__lock_release(domain->nodes, taker_position(index));
    return result;
}

static int take_any(struct spg__domain *domain, bool from_the_dead, const char *name,
                    uint64_t *number) {
    int result = SPG_EAGAIN;
    for (uint32_t index = 0; index < SPG__PLACES && result == SPG_EAGAIN; index++) {
        result = take(domain, index, from_the_dead, number);
        if (result == 0) write_hints(&domain->table->places[index], name);
    }
    return result;
}

int spg__place_take(struct spg__domain *domain, const char *name, uint64_t *number) {
    int result = spg__domain_check(domain);
    if (result < 0) return result;
    result = take_any(domain, false, name, number);
    if (result == SPG_EAGAIN) result = take_any(domain, true, name, number);
    if (result == SPG_EAGAIN) {
        return spg__fail(SPG_EFULL, "domain %s has %d living nodes, which is all it holds",
                         domain->path, SPG__PLACES);
    }
    if (result < 0) return spg__fail_system(result, "cannot join the domain %s", domain->path);
    return 0;
}

void spg__place_leave(struct spg__domain *domain, uint64_t number) {
    if (spg__domain_check(domain) < 0) return;
    struct spg__place_shared *place = &domain->table->places[spg__number_place(number)];
    uint64_t generation = spg__number_generation(number);
    uint64_t taken = spg__state(generation, SPG__PHASE_TAKEN);
    /* pairs: place.state */
    spg__cas_release_64(&place->state, &taken, spg__state(generation, SPG__PHASE_FREE));
    spg__lock_release(domain->nodes, number);
}

int spg__place_recover(struct spg__domain *domain, uint32_t index) {
    struct spg__place_shared *place = &domain->table->places[index];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    if (!spg__state_is_sane(state) || spg__state_phase(state) != SPG__PHASE_TAKEN) return 0;
    uint64_t generation = spg__state_generation(state);
    if (spg__domain_alive(domain, spg__node_number(generation, index))) return 0;
    /* pairs: place.state */
    return spg__cas_release_64(&place->state, &state, spg__state(generation, SPG__PHASE_FREE));
}
