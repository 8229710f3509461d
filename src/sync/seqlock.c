/* seqlock.c: a value that is read whole without locking anybody out.
 *
 *    0  kind      constant after init
 *    4  zeros
 *    8  sequence  odd while a writer is at it; changed under the mutex
 *   16  writers   a mutex (mutex.h)
 *
 * The writer makes the sequence odd, writes, makes it even. The reader reads an even sequence, the
 * value, and the sequence again; if it is the same, the value is one that some writer wrote.
 *
 * There are no fences: the words of the value are written with release and read with acquire. So
 * the odd sequence is visible to whoever sees a word written after it, and a reader's second look
 * at the sequence comes after its reads of the value.
 *
 * An odd sequence while nobody holds the mutex was not written by this library: SPG_ECORRUPT.
 *
 * Death: of a writer in the middle: the sequence stays odd and the mutex names the dead. Readers
 * see both and say SPG_EOWNERDEAD; the next writer gets the mutex, writes the value whole, and
 * makes the sequence even.
 *
 *   tag               release                   acquire                 without it
 *   seqlock.value     writer's words            reader's words          torn values pass unseen
 *   seqlock.sequence  writer makes it even      reader's first look     an old value could pass as
 *                                                                       the new one
 *   seqlock.writer    writer makes it odd       reader's look at        a writer at work could be
 *                                               the mutex after it      taken for none */
#include "sync/mutex.h"

struct seqlock_shared {
    spg__word32 kind;
    spg__word32 zeros;
    spg__word64 sequence;
    spg_mutex writers;
};

_Static_assert(sizeof(struct seqlock_shared) == sizeof(spg_seqlock), "48 bytes");
_Static_assert(offsetof(struct seqlock_shared, writers) == 16, "layout of the seqlock");

enum { READER_NAP_NS = 200 * 1000 };

static struct seqlock_shared *shared_of(spg_seqlock *seqlock) {
    return (struct seqlock_shared *)(void *)seqlock;
}

int spg_seqlock_init(spg_seqlock *seqlock) {
    if (!spg__is_placed(seqlock)) return SPG_EINVAL;
    struct seqlock_shared *shared = shared_of(seqlock);
    int result = spg_mutex_init(&shared->writers);
    if (result < 0) return result;
    spg__store_relaxed_64(&shared->sequence, 0);        /* relaxed: init is alone */
    spg__store_release_32(&shared->kind, SPG__SEQLOCK); /* pairs: sync.init */
    return 0;
}

static int check(const spg_seqlock *seqlock, const void *shared_value, size_t size,
                 int64_t timeout) {
    int result = spg__kind_check(seqlock, SPG__SEQLOCK);
    if (result < 0) return result;
    if (!spg__is_placed(shared_value) || size % 8 != 0) return SPG_EINVAL;
    return spg__timeout_is_valid(timeout) ? 0 : SPG_EINVAL;
}

static void write_words(spg__word64 *words, const char *value, size_t size) {
    for (size_t i = 0; i < size / 8; i++) {
        uint64_t word;
        memcpy(&word, value + 8 * i, 8);
        spg__store_release_64(&words[i], word); /* pairs: seqlock.value */
    }
}

static void read_words(const spg__word64 *words, char *value, size_t size) {
    for (size_t i = 0; i < size / 8; i++) {
        uint64_t word = spg__load_acquire_64(&words[i]); /* pairs: seqlock.value */
        memcpy(value + 8 * i, &word, 8);
    }
}

int spg_seqlock_write(spg_seqlock *seqlock, void *shared_value, const void *value, size_t size,
                      int64_t timeout) {
    struct seqlock_shared *shared = shared_of(seqlock);
    int result = check(seqlock, shared_value, size, timeout);
    if (result < 0) return result;
    result = spg_mutex_lock(&shared->writers, timeout);
    if (result < 0 && result != SPG_EOWNERDEAD) return result;
    uint64_t odd = spg__load_relaxed_64(&shared->sequence) | 1; /* relaxed: under the mutex */
    /* pairs: seqlock.writer. The words of the value release it as well. */
    spg__store_release_64(&shared->sequence, odd);
    write_words(shared_value, value, size);
    spg__store_release_64(&shared->sequence, odd + 1); /* pairs: seqlock.sequence */
    spg_mutex_recovered(&shared->writers);
    spg_mutex_unlock(&shared->writers);
    return 0;
}

/* The sequence is odd. Whoever made it so holds the mutex until it is even again: if it is still
 * the same after the look at the mutex, it belongs to the owner seen there. */
static int judge_writer(const struct seqlock_shared *shared, uint64_t sequence) {
    bool dead = spg__mutex_is_abandoned(&shared->writers);
    bool nobody = spg__mutex_is_free(&shared->writers);
    /* pairs: seqlock.writer */
    if (spg__load_acquire_64(&shared->sequence) != sequence) return 0;
    if (dead) return SPG_EOWNERDEAD;
    return nobody ? SPG_ECORRUPT : 0;
}

/* A writer is at it, or was: naps, since nobody wakes readers, and looks whether it lives. Sleeping
 * needs no write access. */
static int await_writer(const struct seqlock_shared *shared, uint64_t sequence,
                        struct spg__wait *wait) {
    if (spg__wait_spins(wait)) return 0;
    int result = spg__own_check(&shared->writers, SPG__MUTEX);
    if (result < 0) return result;
    if (sequence & 1) {
        result = judge_writer(shared, sequence);
        if (result < 0) return result;
    }
    spg__word32 *word = spg__low_half((spg__word64 *)&shared->sequence);
    return spg__wait_at_most(wait, word, (uint32_t)sequence, READER_NAP_NS);
}

int spg_seqlock_read(const spg_seqlock *seqlock, const void *shared_value, void *value, size_t size,
                     int64_t timeout) {
    const struct seqlock_shared *shared = (const void *)seqlock;
    int result = check(seqlock, shared_value, size, timeout);
    if (result < 0) return result;
    struct spg__wait wait = spg__wait_begin(timeout);
    for (;;) {
        uint64_t before = spg__load_acquire_64(&shared->sequence); /* pairs: seqlock.sequence */
        if (!(before & 1)) {
            read_words(shared_value, value, size);
            /* relaxed: the acquiring reads of the value come before it */
            if (spg__load_relaxed_64(&shared->sequence) == before) return 0;
        }
        result = await_writer(shared, before, &wait);
        if (result < 0) return result;
    }
}
