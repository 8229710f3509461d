/* guard.c: taking and giving a guard.
 *
 *   tag          release              acquire                  without it
 *   guard.word   the owner gives it   the next owner takes it  what was done under it unseen */
#include "channel/guard.h"

#include "sync/wait.h"

enum { WAITED_FOR = 1, OWNER_SHIFT = 4 };

static bool is_held(const struct spg__channel *channel, uint64_t word) {
    return word >> OWNER_SHIFT && spg__domain_alive(channel->domain, word >> OWNER_SHIFT);
}

/* The sleeper's mark is kept by whoever takes the word from the dead: sleepers may be left. */
static bool try_take(spg__word64 *guard, uint64_t *seen, uint64_t own) {
    /* pairs: guard.word */
    return spg__cas_acq_rel_64(guard, seen, own | (*seen & WAITED_FOR));
}

int spg__guard_take(spg__word64 *guard, const struct spg__channel *channel, int64_t timeout) {
    uint64_t own = channel->node->number << OWNER_SHIFT;
    struct spg__wait wait = spg__wait_begin(timeout);
    for (;;) {
        uint64_t seen = 0;
        if (try_take(guard, &seen, own)) return 0;
        if (spg__wait_spins(&wait)) continue;
        if (!is_held(channel, seen)) {
            bool dead = seen >> OWNER_SHIFT != 0;
            if (try_take(guard, &seen, own)) return dead;
            continue;
        }
        uint64_t marked = seen | WAITED_FOR;
        /* pairs: guard.word */
        if (timeout != 0 && seen != marked && !spg__cas_acq_rel_64(guard, &seen, marked)) continue;
        int over = spg__wait_slice(&wait, spg__low_half(guard), (uint32_t)marked);
        if (over) return over;
    }
}

void spg__guard_give(spg__word64 *guard) {
    /* pairs: guard.word */
    uint64_t word = spg__swap_seq_cst_64(guard, 0);
    if (word & WAITED_FOR) spg__wake(spg__low_half(guard), SPG__WAKE_ALL);
}
