/* alarm.h: how a receiver of any channel sleeps, and how a sender wakes it.
 *
 * An alarm is a turn word (sync/wait.h), on which receivers sleep, and a row of bells, by which
 * those are woken that sleep in poll. The sender looks at the turn word alone: one light load of a
 * line that only sleepers write. Each receiver with a descriptor owns one bell word:
 *
 *     0            no bell here
 *     id           63 random bits, shifted left by one; the bell's name is made of it
 *     id | ARMED   its owner has looked, found nothing, and sleeps
 *
 * Its owner takes the word from 0 and arms it. Whoever rings takes ARMED away first, and sets the
 * word to 0 if he finds nobody: the bell is a name in the domain's directory, and the kernel knows
 * whether somebody listens. */
#ifndef SPG_CHANNEL_ALARM_H
#define SPG_CHANNEL_ALARM_H

#include "channel/channel.h"
#include "sync/wait.h"

#include <samepage/waitset.h>

enum { SPG__BELL_ARMED = 1, SPG__BELL_NAME_BYTES = 32 };
/* How often who cannot announce himself looks. */
enum { SPG__LOOK_NS = 1000 * 1000 };
enum { SPG__SPIN_TRUST = 8 };

/* Private: where an alarm of a channel lies. */
struct spg__alarm {
    spg__word32 *turn;
    spg__word64 *bells;
    uint32_t bell_count;
    spg__file directory; /* of the domain: where bells have their names */
};

void spg__alarm_raise(const struct spg__alarm *alarm);
void spg__alarm_raise_both(const struct spg__alarm *first, const struct spg__alarm *second);

/* Does somebody sleep? What is waited for has been stored, with release, before. */
static inline bool spg__alarm_is_awaited(const struct spg__alarm *alarm) {
    return spg__load_light_32(alarm->turn) & 1; /* pairs: alarm.sleeper */
}

static inline void spg__alarm_sound(const struct spg__alarm *alarm) {
    if (spg__alarm_is_awaited(alarm)) spg__alarm_raise(alarm);
}

/* Two at once, of which seldom one has somebody to wake. */
static inline bool spg__alarm_are_awaited(const struct spg__alarm *first,
                                          const struct spg__alarm *second) {
    uint32_t turns = spg__load_light_32(first->turn); /* pairs: alarm.sleeper */
    turns |= spg__load_light_32(second->turn);        /* pairs: alarm.sleeper */
    return turns & 1;
}

static inline void spg__alarm_sound_both(const struct spg__alarm *first,
                                         const struct spg__alarm *second) {
    if (spg__alarm_are_awaited(first, second)) spg__alarm_raise_both(first, second);
}

/* What every receiver's handle embeds. */
struct spg_waitable {
    const struct spg__alarm *alarm; /* NULL: it cannot announce itself, so it naps and looks */
    /* Would a receive return at once, be it with a message or with an error? Is called by the
     * receiver's own thread, often, and must be cheap; may ask the kernel whether a peer lives. */
    bool (*ready)(struct spg_waitable *waitable);
    /* Has nobody begun what we wait for? Then whoever begins it will wake us before it is done. Is
     * looked at after announcing. NULL: nobody can say. */
    bool (*is_quiet)(const struct spg_waitable *waitable);
    int spin_trust;       /* how often spinning was of use lately, up to SPG__SPIN_TRUST */
    int spins_left_out;   /* since it was tried the last time */
    int spins_to_leave_out;
    spg__word64 *asleep;  /* as in spg__wait; may be NULL */
    uint64_t incarnation; /* of the process that opened the receiver */
    uint64_t bell_id;     /* 0: no descriptor was asked for */
    spg__word64 *bell_word;
    struct spg__bell bell;
    struct spg__domain_lock listening; /* what tells that we live; a fork child closes it */
};

void spg__waitable_init(struct spg_waitable *waitable, const struct spg__alarm *alarm,
                        bool (*ready)(struct spg_waitable *));
/* Begins a wait that says so where the receiver's row has a place for it. */
struct spg__wait spg__waitable_begin(const struct spg_waitable *waitable, int64_t timeout);
/* Before the alarm is unmapped. In a fork child it closes the child's copies and nothing else. */
void spg__waitable_close(struct spg_waitable *waitable);

/* A receiver has looked by itself for a while, and it was of use. */
void spg__waitable_spun_well(struct spg_waitable *waitable);

/* Spins, announces, sleeps in slices until ready. 0, SPG_EAGAIN, SPG_ETIMEDOUT. */
int spg__waitable_wait(struct spg_waitable *waitable, int64_t timeout);

/* The descriptor, made by the first call and closed with the receiver. Takes the domain's lock. */
int spg__waitable_fd(struct spg_waitable *waitable);

/* A receive found nothing: makes the descriptor quiet and arms the bell. True if something came
 * meanwhile: receive again; the descriptor is readable then. Does nothing where no descriptor was
 * asked for. */
bool spg__waitable_arm(struct spg_waitable *waitable);

/* For a sleeper in one alarm: announces, and gives the word to sleep on. */
uint32_t spg__waitable_announce(struct spg_waitable *waitable);

/* How long may it sleep that has announced itself, made the barrier (or failed to), looked, and
 * found nothing? */
int64_t spg__waitable_rest(const struct spg_waitable *waitable, bool barrier_was_made);

/* Is this the name of a bell? */
bool spg__is_bell_file(const char *file_name);

/* Removes a bell that nobody listens to. 1: removed. 0: somebody does, or it could not be removed.
 * The domain's lock is held: under it bells are made, and before it is open a bell looks like a
 * dead one's. */
int spg__bell_clear(spg__file directory, const char *file_name);

#endif
