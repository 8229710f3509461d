/* alarm.c: sleeping until a sender has something, and waking.
 *
 * Asleep on the turn word. The sleeper announces itself (bit 0), makes a barrier on all
 * processors, looks once more, and sleeps. The sender stores what is waited for and then looks at
 * the turn word, without a fence: the sleeper's barrier falls either before the store was made,
 * then the look comes after it and sees the announcement, or after it, then the sleeper sees what
 * was stored. Where the system has no such barrier the sleep is ended by a slice.
 *
 * A sender may die between its store and its look. Therefore most senders look twice. They mark in
 * shared memory that they are about to store (a slot claimed, an entry being filled), look, store,
 * and look again. By the same argument a sleeper that has announced itself and sees no mark knows
 * of every sender who marks from now on that he will wake it before he stores: it is not asleep any
 * more when he dies. So it sleeps as long as it likes, and an idle receiver costs
 * nothing. One that sees a mark sleeps a slice: of him who made it nothing is known.
 *
 * Asleep in poll. The sleeper empties its bell, begins a period, arms the bell, announces itself,
 * and looks once more. The sender clears the announcement first and looks at the bells after that,
 * each with ARMED it takes (ARMED goes, by compare-and-swap) and rings. Why this loses nobody:
 *   - Whoever clears an announcement looks at every bell afterwards. So a sleeper that armed before
 *     its announcement was cleared is found. One that arms later announces itself later, finds the
 *     bit cleared, and sets it. (In the other order a sender that has looked at the bells already
 *     clears the announcement of somebody who armed since, and nobody rings.)
 *   - Whoever takes ARMED away rings afterwards. So a bell that is neither armed nor rung has a
 *     sender on its way to it; a ring that comes late, even after the bell was armed anew, is one
 *     look for nothing. (Ringing first, he could take ARMED from a sleeper that has emptied his
 *     ring and armed again.)
 * Two senders at once add 2 to the turn word: the bit stands for nobody, and costs one needless
 * call later; the bells are rung all the same.
 *
 * A receiver that finds something while it arms makes its own descriptor readable, so that it stays
 * readable until a receive finds nothing.
 *
 * Deaths. A sender's, anywhere before its last ring: futex sleepers look after their slice, poll
 * sleepers after the bell's period, unless they have been woken or rung before, as above. (The
 * period is kept also by those who see no mark: arm.) A
 * receiver's: its bell is closed by the kernel; who rings it clears the word and removes the name,
 * and if nobody rings, who wants a bell word or collects does. While it makes its bell: a name
 * without a word, which a collector removes; the domain's
 * lock is held meanwhile, so that no collector takes a bell for a dead one's before it is open.
 * While it closes: the name goes first, so a word is left and no name. If a bell's name is removed
 * by hand, who rings it clears the word; its owner finds that when it arms, takes a word again, and
 * learns of messages by the period.
 *
 * A fork child closes its copy of what proves that the owner of a bell lives, before anything else,
 * as it does with locks. The rest it has is the same epoll instance and timer, which it must not
 * touch, and does not: the receiver answers SPG_EFORKED.
 *
 *   tag            release                     acquire                 without it
 *   alarm.sleeper  barrier everywhere          light load              a wake-up could be missed
 *   alarm.bell     its owner arms it;          who raises the alarm;   a bell stays silent for a
 *                  who clears the turn word    its owner announces     period */
#include "channel/alarm.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* How long who sleeps in poll may miss the death of whoever should have rung. */
static const int64_t PERIOD_NS = 50 * 1000 * 1000;

/* A spin, and a trial of one: long enough for a partner who sleeps to wake and answer. */
static const int64_t SPIN_NS = 20 * 1000;
static const int64_t TRIAL_NS = 80 * 1000;
enum { TRIALS_OFTEN = 7, TRIALS_SELDOM = 2000, LOOKS_BY_THE_CLOCK = 16 };

static const char bell_prefix[] = "bell-";

static void bell_name(char name[SPG__BELL_NAME_BYTES], uint64_t word) {
    snprintf(name, SPG__BELL_NAME_BYTES, "%s%016llx", bell_prefix,
             (unsigned long long)(word & ~(uint64_t)SPG__BELL_ARMED));
}

bool spg__is_bell_file(const char *file_name) {
    size_t prefix = sizeof bell_prefix - 1;
    return strncmp(file_name, bell_prefix, prefix) == 0 && strlen(file_name + prefix) == 16 &&
           strspn(file_name + prefix, "0123456789abcdef") == 16;
}

int spg__bell_clear(spg__file directory, const char *file_name) {
    if (!spg__is_bell_file(file_name) || spg__bell_is_heard(directory, file_name)) return 0;
    return spg__file_unlink(directory, file_name) == 0;
}

/* ---- the sender ------------------------------------------------------------------------------ */

/* Its owner is dead: the word is free for the next one. No two bells ever have one name. */
static void forget(const struct spg__alarm *alarm, spg__word64 *bell, uint64_t word) {
    char name[SPG__BELL_NAME_BYTES];
    bell_name(name, word);
    /* The name first: who dies between leaves a word, which leads the next one here. */
    spg__file_unlink(alarm->directory, name);
    spg__cas_relaxed_64(bell, &word, 0); /* relaxed: if it fails somebody was faster */
}

static void ring(const struct spg__alarm *alarm, spg__word64 *bell, uint64_t word) {
    char name[SPG__BELL_NAME_BYTES];
    uint64_t taken = word & ~(uint64_t)SPG__BELL_ARMED;
    /* pairs: alarm.bell. If it fails another one rings, or the owner closes. */
    if (!spg__cas_seq_cst_64(bell, &word, taken)) return;
    bell_name(name, taken);
    if (!spg__bell_ring(alarm->directory, name)) forget(alarm, bell, taken);
}

void spg__alarm_raise(const struct spg__alarm *alarm) {
    spg__add_and_wake(alarm->turn, 1); /* pairs: alarm.bell, turn.sleeper */
    for (uint32_t i = 0; i < alarm->bell_count; i++) {
        uint64_t word = spg__load_seq_cst_64(&alarm->bells[i]); /* pairs: alarm.bell */
        if (word & SPG__BELL_ARMED) ring(alarm, &alarm->bells[i], word);
    }
}

void spg__alarm_raise_both(const struct spg__alarm *first, const struct spg__alarm *second) {
    spg__alarm_sound(first);
    spg__alarm_sound(second);
}

/* ---- the sleeper ----------------------------------------------------------------------------- */

void spg__waitable_init(struct spg_waitable *waitable, const struct spg__alarm *alarm,
                        bool (*ready)(struct spg_waitable *)) {
    *waitable = (struct spg_waitable){
        .alarm = alarm,
        .ready = ready,
        .spin_trust = SPG__SPIN_TRUST,
        .spins_to_leave_out = TRIALS_OFTEN,
        .incarnation = spg__incarnation(),
    };
}

struct spg__wait spg__waitable_begin(const struct spg_waitable *waitable, int64_t timeout) {
    struct spg__wait wait = spg__wait_begin(timeout);
    wait.asleep = waitable->asleep;
    return wait;
}

/* 0: opened by who has no node, in a process that had none then. */
static bool is_own(const struct spg_waitable *waitable) {
    return waitable->incarnation == 0 || waitable->incarnation == spg__incarnation();
}

static uint32_t announce(const struct spg_waitable *waitable, bool *barrier_was_made) {
    uint32_t turn = spg__turn_announce(waitable->alarm->turn);
    *barrier_was_made = spg__barrier_everywhere(); /* pairs: alarm.sleeper */
    return turn;
}

uint32_t spg__waitable_announce(struct spg_waitable *waitable) {
    bool barrier_was_made;
    return announce(waitable, &barrier_was_made);
}

int64_t spg__waitable_rest(const struct spg_waitable *waitable, bool barrier_was_made) {
    bool is_quiet = barrier_was_made && waitable->is_quiet && waitable->is_quiet(waitable);
    return is_quiet ? SPG__REST_NS : SPG__SLICE_NS;
}

static int nap(struct spg__wait *wait) {
    if (wait->timeout == 0) return SPG_EAGAIN;
    int64_t left = spg__wait_left(wait);
    if (left == 0) return SPG_ETIMEDOUT;
    spg__nap(left < 0 || left > SPG__LOOK_NS ? SPG__LOOK_NS : left);
    return 0;
}

/* 0: look again. */
static int sleep_a_slice(struct spg_waitable *waitable, struct spg__wait *wait) {
    if (!waitable->alarm || wait->timeout == 0) return nap(wait);
    bool barrier_was_made;
    uint32_t turn = announce(waitable, &barrier_was_made);
    if (waitable->ready(waitable)) return 0;
    int64_t rest = spg__waitable_rest(waitable, barrier_was_made);
    return spg__wait_at_most(wait, waitable->alarm->turn, turn, rest);
}

/* For how long. Where both sides share one processor it is never of use, and is soon left out but
 * for a trial now and then, ever more seldom. Two partners who both sleep wake each other for ever,
 * each finding the other too slow to spin for; a trial outlasts that, and brings both out of it. */
static int64_t spin_time(struct spg_waitable *waitable, int64_t timeout) {
    int64_t longest = SPIN_NS * waitable->spin_trust / SPG__SPIN_TRUST;
    if (timeout == 0 || !spg__wait_can_spin()) return 0;
    if (waitable->spin_trust == 0) {
        if (++waitable->spins_left_out < waitable->spins_to_leave_out) return 0;
        waitable->spins_left_out = 0;
        longest = TRIAL_NS;
    }
    return timeout > 0 && timeout < longest ? timeout : longest;
}

void spg__waitable_spun_well(struct spg_waitable *waitable) {
    bool was_trial = waitable->spin_trust == 0;
    if (was_trial) waitable->spin_trust = SPG__SPIN_TRUST;
    else if (waitable->spin_trust < SPG__SPIN_TRUST) waitable->spin_trust++;
    waitable->spins_to_leave_out = TRIALS_OFTEN;
}

static void spin_was_in_vain(struct spg_waitable *waitable) {
    bool was_trial = waitable->spin_trust == 0;
    waitable->spin_trust /= 2;
    if (was_trial && waitable->spins_to_leave_out < TRIALS_SELDOM)
        waitable->spins_to_leave_out *= 2;
}

/* What it is worth: as long as to sleep and be woken takes. */
static bool spin(struct spg_waitable *waitable, int64_t timeout) {
    int64_t longest = spin_time(waitable, timeout);
    if (longest == 0) return false;
    int64_t end = spg__clock_monotonic() + longest;
    do {
        for (int i = 0; i < LOOKS_BY_THE_CLOCK; i++) {
            spg__pause();
            if (!waitable->ready(waitable)) continue;
            spg__waitable_spun_well(waitable);
            return true;
        }
    } while (spg__clock_monotonic() < end);
    spin_was_in_vain(waitable);
    return false;
}

int spg__waitable_wait(struct spg_waitable *waitable, int64_t timeout) {
    struct spg__wait wait = spg__waitable_begin(waitable, timeout);
    if (waitable->ready(waitable) || spin(waitable, timeout)) return 0;
    for (;;) {
        if (waitable->ready(waitable)) return 0;
        int over = sleep_a_slice(waitable, &wait);
        if (over) return waitable->ready(waitable) ? 0 : over;
    }
}

/* ---- the descriptor -------------------------------------------------------------------------- */

static spg__word64 *take_bell_word(const struct spg__alarm *alarm, uint64_t id) {
    for (uint32_t i = 0; i < alarm->bell_count; i++) {
        uint64_t nobody = 0;
        /* pairs: alarm.bell */
        if (spg__cas_seq_cst_64(&alarm->bells[i], &nobody, id)) return &alarm->bells[i];
    }
    return NULL;
}

static void forget_dead_bells(const struct spg__alarm *alarm) {
    char name[SPG__BELL_NAME_BYTES];
    for (uint32_t i = 0; i < alarm->bell_count; i++) {
        uint64_t word = spg__load_seq_cst_64(&alarm->bells[i]); /* pairs: alarm.bell */
        bell_name(name, word);
        if (word == 0 || spg__bell_is_heard(alarm->directory, name)) continue;
        forget(alarm, &alarm->bells[i], word);
    }
}

/* Opened and put on the list of what a fork child closes as one step for forks. */
static int make_named_bell(struct spg_waitable *waitable, const char *name) {
    struct spg__domain_lock lock;
    const struct spg__domain domain = {.directory = waitable->alarm->directory,
                                       .path = "(this channel's)"};
    int result = spg__domain_lock(&domain, &lock);
    if (result < 0) return result;
    spg__process_lock();
    result = spg__bell_make(&waitable->bell, domain.directory, name);
    if (result == 0) {
        waitable->listening.file = waitable->bell.rung;
        spg__held_lock_enter(&waitable->listening);
    }
    spg__process_unlock();
    spg__domain_unlock(&lock);
    return result < 0 ? spg__fail_system(result, "cannot make %s in the domain", name) : 0;
}

/* What it has of the bell's name and life; the descriptor stays. */
static void unmake_named_bell(struct spg_waitable *waitable, const char *name) {
    spg__file_unlink(waitable->alarm->directory, name);
    spg__held_lock_close(&waitable->listening);
    waitable->bell.rung = SPG__NO_FILE;
}

static int make_bell(struct spg_waitable *waitable, uint64_t id) {
    const struct spg__alarm *alarm = waitable->alarm;
    char name[SPG__BELL_NAME_BYTES];
    bell_name(name, id);
    int result = make_named_bell(waitable, name);
    if (result < 0) return result;
    waitable->bell_word = take_bell_word(alarm, id);
    if (!waitable->bell_word) forget_dead_bells(alarm);
    if (!waitable->bell_word) waitable->bell_word = take_bell_word(alarm, id);
    if (waitable->bell_word) return 0;
    unmake_named_bell(waitable, name);
    spg__bell_close(&waitable->bell);
    return spg__fail(SPG_EFULL, "%u receivers of this channel have a descriptor already",
                     alarm->bell_count);
}

static int make_plain_bell(struct spg_waitable *waitable) {
    int result = spg__bell_make(&waitable->bell, SPG__NO_FILE, NULL);
    return result < 0 ? spg__fail_system(result, "cannot make a descriptor to poll") : 0;
}

int spg__waitable_fd(struct spg_waitable *waitable) {
    uint64_t id;
    if (!is_own(waitable)) {
        return spg__fail(SPG_EFORKED, "spg_waitable_fd: the receiver is the parent's");
    }
    if (waitable->bell_id) return waitable->bell.readable;
    int result = spg__random(&id, sizeof id);
    if (result < 0) return spg__fail_system(result, "cannot make a descriptor to poll");
    id = (id | 2) & ~(uint64_t)SPG__BELL_ARMED;
    result = waitable->alarm ? make_bell(waitable, id) : make_plain_bell(waitable);
    if (result < 0) return result;
    waitable->bell_id = id;
    spg__waitable_arm(waitable);
    return waitable->bell.readable;
}

/* False if the word is not ours any more. One that is armed already stays so: a sender that takes
 * ARMED away now has yet to ring. */
static bool arm_word(const struct spg_waitable *waitable) {
    uint64_t armed = waitable->bell_id | SPG__BELL_ARMED;
    uint64_t word = waitable->bell_id;
    if (!waitable->bell_word) return false;
    /* pairs: alarm.bell */
    return spg__cas_seq_cst_64(waitable->bell_word, &word, armed) || word == armed;
}

/* The bell looks by itself after a period, though nobody has begun anything: a sender that has no
 * descriptor left, or no right to it, cannot ring. */
static int64_t arm(struct spg_waitable *waitable) {
    if (!waitable->alarm) return SPG__LOOK_NS;
    if (!arm_word(waitable)) {
        waitable->bell_word = take_bell_word(waitable->alarm, waitable->bell_id);
        arm_word(waitable);
    }
    spg__waitable_announce(waitable);
    return PERIOD_NS;
}

bool spg__waitable_arm(struct spg_waitable *waitable) {
    if (!waitable->bell_id) return false;
    spg__bell_quiet(&waitable->bell);
    int64_t period = arm(waitable);
    bool is_ready = waitable->ready(waitable);
    spg__bell_set(&waitable->bell, is_ready ? 1 : period);
    return is_ready;
}

/* relaxed: if neither is there, somebody found us gone and another may have the word. */
static void give_word_back(const struct spg_waitable *waitable) {
    uint64_t word = waitable->bell_id;
    uint64_t armed = waitable->bell_id | SPG__BELL_ARMED;
    if (!waitable->bell_word) return;
    if (spg__cas_relaxed_64(waitable->bell_word, &armed, 0)) return; /* relaxed: see above */
    if (spg__cas_relaxed_64(waitable->bell_word, &word, 0)) return;  /* relaxed: see above */
}

void spg__waitable_close(struct spg_waitable *waitable) {
    char name[SPG__BELL_NAME_BYTES];
    if (!waitable->bell_id) return;
    if (!is_own(waitable)) {
        /* The number may be another file's by now: what it stood for was closed at the fork. */
        waitable->bell.rung = SPG__NO_FILE;
    } else if (waitable->alarm) {
        bell_name(name, waitable->bell_id);
        unmake_named_bell(waitable, name);
        give_word_back(waitable);
    }
    spg__bell_close(&waitable->bell);
    waitable->bell_id = 0;
}
