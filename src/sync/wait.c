/* wait.c: spins, slices, and turn words.
 *
 * A turn word closes the gap between "I looked, there is nothing" and "I sleep". The sleeper sets
 * bit 0, looks, and sleeps while the word is unchanged. The waker changes what is looked at, then
 * reads the word; both sides are sequentially consistent, so either the sleeper sees the change or
 * the waker sees the bit. Waking adds 1 inside the kernel: the bit is cleared, the carry makes the
 * word a new one, and all sleepers wake, in one step. Two wakers at once add 2: the word is new and
 * the bit stands for nobody, which costs one needless call later. */
#include "sync/wait.h"

bool spg__wait_can_spin(void) {
    static _Atomic int known; /* 0: not asked, 1: no, 2: yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = spg__several_processors() ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}

bool spg__wait_spins(struct spg__wait *wait) {
    if (wait->timeout == 0 || wait->spins == 0) return false;
    if (wait->spins == SPG__SPINS && !spg__wait_can_spin()) {
        wait->spins = 0;
        return false;
    }
    wait->spins--;
    spg__pause();
    return true;
}

int64_t spg__wait_left(struct spg__wait *wait) {
    if (wait->timeout == SPG_FOREVER) return -1;
    int64_t now = spg__clock_monotonic();
    if (wait->deadline == 0) wait->deadline = spg__deadline(now, wait->timeout);
    return wait->deadline > now ? wait->deadline - now : 0;
}

void spg__wait_falls_asleep(struct spg__wait *wait) {
    if (!wait->asleep) return;
    if (wait->asleep_since == 0) wait->asleep_since = (uint64_t)spg__clock_coarse();
    spg__store_relaxed_64(wait->asleep, wait->asleep_since); /* relaxed: for people */
}

void spg__wait_wakes(struct spg__wait *wait) {
    if (wait->asleep) spg__store_relaxed_64(wait->asleep, 0); /* relaxed: for people */
}

int spg__wait_at_most(struct spg__wait *wait, spg__word32 *word, uint32_t expected,
                      int64_t longest) {
    if (wait->timeout == 0) return SPG_EAGAIN;
    int64_t left = spg__wait_left(wait);
    if (left == 0) return SPG_ETIMEDOUT;
    if (longest >= 0 && (left < 0 || left > longest)) left = longest;
    spg__wait_falls_asleep(wait);
    spg__wait(word, expected, left);
    spg__wait_wakes(wait);
    return 0;
}

uint32_t spg__turn_announce(spg__word32 *turn) {
    /* pairs: turn.sleeper. Also where another sleeper has set the bit: our look comes after his. */
    uint32_t word = spg__load_seq_cst_32(turn);
    while (!(word & 1)) {
        /* pairs: turn.sleeper. Without it the waker may miss us, and we the change. */
        if (spg__cas_seq_cst_32(turn, &word, word | 1)) return word | 1;
    }
    return word;
}

void spg__turn_wake(spg__word32 *turn) {
    /* pairs: turn.sleeper */
    if (spg__load_seq_cst_32(turn) & 1) spg__add_and_wake(turn, 1);
}
