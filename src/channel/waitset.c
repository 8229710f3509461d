/* waitset.c: sleeping in several alarms at once.
 *
 * A wait set is private; nothing of it is shared. It sleeps as one receiver does (alarm.c), only in
 * all turn words: it announces itself in each, makes one barrier for all of them, looks at every
 * receiver once more, and sleeps on all words in one call. A message stored before the barrier is
 * seen by that look; a sender that stores later sees the announcement. Receivers that cannot
 * announce themselves make the sleep a short one.
 *
 * Global state: the list of open wait sets, under the process lock. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "channel/alarm.h"

static struct spg__link *open_sets;

struct member {
    spg_waitable *waitable;
    void *tag;
};

/* Private to this process, and to the thread that uses it. */
struct spg_waitset {
    struct spg__link link; /* first: all wait sets of this process; under the process lock */
    uint64_t incarnation;  /* of the process that added the members */
    int count;
    int next; /* with whom the next look begins */
    struct member members[SPG_WAITSET_MAX];
};

_Static_assert((int)SPG_WAITSET_MAX < (int)SPG__WAIT_WORDS_MAX, "one word for each member");

int spg_waitset_open(spg_waitset **out) {
    if (!out) return spg__fail(SPG_EINVAL, "spg_waitset_open: out is NULL");
    spg_waitset *set = calloc(1, sizeof *set);
    if (!set) return spg__fail(SPG_ENOMEM, "no memory for a wait set");
    spg__process_lock();
    spg__list_push(&open_sets, &set->link);
    spg__process_unlock();
    *out = set;
    return 0;
}

int spg_waitset_close(spg_waitset *set) {
    if (!set) return 0;
    spg__process_lock();
    bool found = spg__list_remove(&open_sets, &set->link);
    spg__process_unlock();
    if (!found) {
        return spg__fail(SPG_EINVAL, "spg_waitset_close: not an open wait set (closed twice?)");
    }
    free(set);
    return 0;
}

/* ---- members --------------------------------------------------------------------------------- */

static int find(const spg_waitset *set, const spg_waitable *waitable) {
    int at = 0;
    while (at < set->count && set->members[at].waitable != waitable) at++;
    return at;
}

int spg_waitset_add(spg_waitset *set, spg_waitable *waitable, void *tag) {
    if (!set || !waitable) return spg__fail(SPG_EINVAL, "spg_waitset_add: NULL");
    if (set->count == 0) set->incarnation = spg__incarnation();
    if (set->incarnation != spg__incarnation()) return SPG_EFORKED;
    if (find(set, waitable) < set->count) {
        return spg__fail(SPG_EEXIST, "spg_waitset_add: this receiver is in the wait set already");
    }
    if (set->count == SPG_WAITSET_MAX) {
        return spg__fail(SPG_EFULL, "a wait set has room for %d receivers", SPG_WAITSET_MAX);
    }
    set->members[set->count++] = (struct member){waitable, tag};
    return 0;
}

/* The others keep their turns. */
int spg_waitset_remove(spg_waitset *set, spg_waitable *waitable) {
    if (!set || !waitable) return spg__fail(SPG_EINVAL, "spg_waitset_remove: NULL");
    int at = find(set, waitable);
    if (at == set->count) {
        return spg__fail(SPG_ENOENT, "spg_waitset_remove: this receiver is not in the wait set");
    }
    set->count--;
    memmove(&set->members[at], &set->members[at + 1],
            (size_t)(set->count - at) * sizeof set->members[0]);
    if (at < set->next) set->next--;
    if (set->next >= set->count) set->next = 0;
    return 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int look(spg_waitset *set, void **tags, int max) {
    int found = 0, begin = set->next;
    for (int i = 0; i < set->count && found < max; i++) {
        int at = (begin + i) % set->count;
        if (!set->members[at].waitable->ready(set->members[at].waitable)) continue;
        tags[found++] = set->members[at].tag;
        set->next = (at + 1) % set->count;
    }
    return found;
}

/* How many words to sleep on. */
static size_t announce(const spg_waitset *set, struct spg__wait_word *words,
                       bool *barrier_was_made) {
    size_t count = 0;
    for (int i = 0; i < set->count; i++) {
        const struct spg__alarm *alarm = set->members[i].waitable->alarm;
        if (alarm)
            words[count++] = (struct spg__wait_word){alarm->turn, spg__turn_announce(alarm->turn)};
    }
    *barrier_was_made = spg__barrier_everywhere(); /* pairs: alarm.sleeper */
    return count;
}

/* As long as each of them may. */
static int64_t rest(const spg_waitset *set, bool barrier_was_made) {
    int64_t longest = SPG__REST_NS;
    for (int i = 0; i < set->count; i++) {
        const spg_waitable *waitable = set->members[i].waitable;
        int64_t most = waitable->alarm ? spg__waitable_rest(waitable, barrier_was_made)
                                       : SPG__LOOK_NS;
        if (most < longest) longest = most;
    }
    return longest;
}

/* In the rows of the receivers, for people. */
static void fall_asleep(const spg_waitset *set, bool asleep) {
    uint64_t since = asleep ? (uint64_t)spg__clock_coarse() : 0;
    for (int i = 0; i < set->count; i++) {
        spg__word64 *word = set->members[i].waitable->asleep;
        if (word) spg__store_relaxed_64(word, since); /* relaxed: for people */
    }
}

/* How many were found in the last look; 0: look again. */
static int sleep_a_slice(spg_waitset *set, struct spg__wait *wait, void **tags, int max) {
    struct spg__wait_word words[SPG__WAIT_WORDS_MAX];
    bool barrier_was_made;
    if (wait->timeout == 0) return SPG_EAGAIN;
    size_t count = announce(set, words, &barrier_was_made);
    int found = look(set, tags, max);
    if (found > 0) return found;
    int64_t longest = rest(set, barrier_was_made);
    int64_t left = spg__wait_left(wait);
    if (left == 0) return SPG_ETIMEDOUT;
    if (left < 0 || left > longest) left = longest;
    fall_asleep(set, true);
    if (count > 0) spg__wait_any(words, count, left);
    else spg__nap(left);
    fall_asleep(set, false);
    return 0;
}

int spg_waitset_wait(spg_waitset *set, void **tags, int max, int64_t timeout) {
    if (!set || !tags || max < 1 || set->count == 0 || !spg__timeout_is_valid(timeout)) {
        return SPG_EINVAL;
    }
    if (set->incarnation != spg__incarnation()) return SPG_EFORKED;
    struct spg__wait wait = spg__wait_begin(timeout);
    /* Together the looks take no longer than one receiver's spin. */
    int looks = 1 + SPG__SPINS / set->count;
    for (;;) {
        int found = look(set, tags, max);
        if (found > 0) return found;
        if (looks-- > 0 && spg__wait_spins(&wait)) continue;
        found = sleep_a_slice(set, &wait, tags, max);
        if (found != 0) return found;
    }
}

int spg_waitable_fd(spg_waitable *waitable) {
    if (!waitable) return spg__fail(SPG_EINVAL, "spg_waitable_fd: NULL");
    return spg__waitable_fd(waitable);
}
