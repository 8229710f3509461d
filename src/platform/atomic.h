/* atomic.h: words in shared memory, and the only ways to touch them.
 *
 * A shared word is a type of its own, so that a plain read or write of one does not compile. The
 * memory order is in the accessor's name: nobody has to guess it, and a script can list it. There
 * is no volatile, and no fence but inside accessors here. Every use outside this file carries a
 * tag: `pairs: NAME` on both ends of a release and its acquire, or `relaxed: why`
 * (dev/check-pairs).
 *
 * Words are 32 bits where a system can sleep on them and 64 bits where an owner must fit; both are
 * lock-free on every target or the build stops. A 64-bit word is aligned to 8 also where the
 * processor's own rule would say 4, so that 32-bit and 64-bit processes share it. */
#ifndef SPG_PLATFORM_ATOMIC_H
#define SPG_PLATFORM_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "platform/seam.h"

/* Kept out of the functions that call it, so that these need no more registers than their usual
 * case. */
#define SPG__APART __attribute__((noinline))
/* Made part of the functions that call it, of which there are few. */
#define SPG__MERGED static inline __attribute__((always_inline))

/* The thread sanitizer knows no fences; it watches words. Only this file uses one. */
#if defined(__SANITIZE_THREAD__)
#    define SPG__WATCHED_BY_THREADS
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define SPG__WATCHED_BY_THREADS
#    endif
#endif
#ifdef SPG__WATCHED_BY_THREADS
#    define SPG__FENCE(order) ((void)0)
#else
#    define SPG__FENCE(order) atomic_thread_fence(order)
#endif
#if defined(SPG__WATCHED_BY_THREADS) || defined(SPG_SEAM)
#    define SPG__BULK_BY_WORDS
#endif

typedef struct {
    _Atomic uint32_t word;
} spg__word32;

typedef struct {
    _Alignas(8) _Atomic uint64_t word;
} spg__word64;

_Static_assert(sizeof(spg__word32) == 4, "a 32-bit word takes four bytes");
_Static_assert(sizeof(spg__word64) == 8 && _Alignof(spg__word64) == 8, "a 64-bit word is aligned");
/* Not ATOMIC_LLONG_LOCK_FREE: that speaks of a long long as it lies, and ours is aligned. */
_Static_assert(__atomic_always_lock_free(sizeof(uint32_t), 0), "32-bit words are lock-free");
_Static_assert(__atomic_always_lock_free(sizeof(uint64_t), 0), "64-bit words are lock-free");

/* One set of accessors for each width. A load or store names one order; a compare-and-swap names
 * the order of its success, and is relaxed where it fails. */
#define SPG__LOAD(width, name, order)                                                              \
    static inline uint##width##_t spg__load_##name##_##width(const spg__word##width *shared) {     \
        SPG__SEAM_ACCESS(SPG__SEAM_LOAD, "load_" #name, &shared->word, width / 8);                 \
        return atomic_load_explicit((_Atomic uint##width##_t *)&shared->word, order);              \
    }
#define SPG__STORE(width, name, order)                                                             \
    static inline void spg__store_##name##_##width(spg__word##width *shared,                       \
                                                   uint##width##_t value) {                        \
        SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "store_" #name, &shared->word, width / 8);        \
        atomic_store_explicit(&shared->word, value, order);                                        \
        SPG__SEAM_ACCESS(SPG__SEAM_STORED, "store_" #name, &shared->word, width / 8);              \
    }
#define SPG__SWAP(width, name, order)                                                              \
    static inline uint##width##_t spg__swap_##name##_##width(spg__word##width *shared,             \
                                                             uint##width##_t value) {              \
        SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "swap_" #name, &shared->word, width / 8);         \
        uint##width##_t old = atomic_exchange_explicit(&shared->word, value, order);               \
        SPG__SEAM_ACCESS(SPG__SEAM_STORED, "swap_" #name, &shared->word, width / 8);               \
        return old;                                                                                \
    }
/* True if `*expected` was there and `value` is now; otherwise `*expected` is what was there. */
#define SPG__CAS(width, name, order)                                                               \
    static inline bool spg__cas_##name##_##width(                                                  \
        spg__word##width *shared, uint##width##_t *expected, uint##width##_t value) {              \
        SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "cas_" #name, &shared->word, width / 8);          \
        bool done = atomic_compare_exchange_strong_explicit(&shared->word, expected, value, order, \
                                                            memory_order_relaxed);                 \
        if (done) SPG__SEAM_ACCESS(SPG__SEAM_STORED, "cas_" #name, &shared->word, width / 8);      \
        return done;                                                                               \
    }

#define SPG__ACCESSORS(width)                                                                      \
    SPG__LOAD(width, relaxed, memory_order_relaxed)                                                \
    SPG__LOAD(width, acquire, memory_order_acquire)                                                \
    SPG__LOAD(width, seq_cst, memory_order_seq_cst)                                                \
    SPG__STORE(width, relaxed, memory_order_relaxed)                                               \
    SPG__STORE(width, release, memory_order_release)                                               \
    SPG__STORE(width, seq_cst, memory_order_seq_cst)                                               \
    SPG__SWAP(width, release, memory_order_release)                                                \
    SPG__SWAP(width, seq_cst, memory_order_seq_cst)                                                \
    SPG__CAS(width, relaxed, memory_order_relaxed)                                                 \
    SPG__CAS(width, acquire, memory_order_acquire)                                                 \
    SPG__CAS(width, release, memory_order_release)                                                 \
    SPG__CAS(width, acq_rel, memory_order_acq_rel)                                                 \
    SPG__CAS(width, seq_cst, memory_order_seq_cst)

SPG__ACCESSORS(32)
SPG__ACCESSORS(64)

#undef SPG__LOAD
#undef SPG__STORE
#undef SPG__SWAP
#undef SPG__CAS
#undef SPG__ACCESSORS

/* A load that the compiler leaves after the stores before it. The processor may not; who depends on
 * it makes up for that with spg__barrier_everywhere (platform.h). */
static inline uint32_t spg__load_light_32(const spg__word32 *shared) {
    atomic_signal_fence(memory_order_seq_cst);
    return spg__load_relaxed_32(shared);
}

/* The half of a 64-bit word that a waiter can sleep on: the one with the low bits. */
static inline spg__word32 *spg__low_half(spg__word64 *shared) {
    const uint16_t probe = 1;
    const unsigned low = *(const uint8_t *)&probe ? 0 : 1;
    return (spg__word32 *)(void *)shared + low;
}

/* Bytes that are not atomic as a whole, word by word: into memory that nobody reads yet or whose
 * readers check afterwards, and out of memory that a peer may be writing. `bytes` is a multiple of
 * eight. */
static inline void spg__copy_to_shared(spg__word64 *shared, const void *private, size_t bytes) {
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t value;
        memcpy(&value, (const char *)private + 8 * i, 8);
        spg__store_relaxed_64(&shared[i], value);
    }
}

static inline void spg__copy_from_shared(void *private, const spg__word64 *shared, size_t bytes) {
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t value = spg__load_relaxed_64(&shared[i]);
        memcpy((char *)private + 8 * i, &value, 8);
    }
}

/* The same where other readers may be copying meanwhile: each word is stored with release and read
 * with acquire, so that a mark set before the words is seen by whoever saw one of them, and a look
 * after the reads comes after them. */
static inline void spg__publish_to_shared(spg__word64 *shared, const void *private, size_t bytes) {
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t value;
        memcpy(&value, (const char *)private + 8 * i, 8);
        spg__store_release_64(&shared[i], value);
    }
}

static inline void spg__acquire_from_shared(void *private, const spg__word64 *shared,
                                            size_t bytes) {
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t value = spg__load_acquire_64(&shared[i]);
        memcpy((char *)private + 8 * i, &value, 8);
    }
}

/* A mark that all later stores of this thread stay behind, plain and streaming ones too: who sees
 * one of those, and then looks with acquire, sees the mark. Full barrier. */
static inline void spg__store_ahead_64(spg__word64 *shared, uint64_t value) {
    spg__swap_seq_cst_64(shared, value);
    SPG__FENCE(memory_order_release);
}

/* The same for ordinary stores: the last step of taking memory over, whose former state was taken
 * away by stores before this one. */
static inline void spg__store_release_ahead_64(spg__word64 *shared, uint64_t value) {
    spg__store_release_64(shared, value);
    SPG__FENCE(memory_order_release);
}
static inline bool spg__cas_ahead_64(spg__word64 *shared, uint64_t *expected, uint64_t value) {
    bool done = spg__cas_seq_cst_64(shared, expected, value);
    SPG__FENCE(memory_order_release);
    return done;
}

/* Any number of bytes between such a mark and what takes it away, and between two looks at it. What
 * is copied while somebody writes is some mixture of old and new, and is thrown away because the
 * mark has changed; so it need not go by atomic words, of which no compiler makes more than one
 * move each. To C11 that is a race, of which it says nothing; but between two barriers a compiler
 * can make nothing else of memcpy than a copy. Where a tool watches every access (the thread
 * sanitizer, the seam) it is done by words. `shared` has room for whole words. */
static inline void spg__bulk_to_shared(spg__word64 *shared, const void *private, size_t bytes) {
#ifdef SPG__BULK_BY_WORDS
    uint64_t last = 0;
    spg__copy_to_shared(shared, private, bytes);
    if (bytes % 8 == 0) return;
    memcpy(&last, (const char *)private + bytes / 8 * 8, bytes % 8);
    spg__store_relaxed_64(&shared[bytes / 8], last);
#else
    if (bytes > 0) memcpy((void *)shared, private, bytes);
#endif
}

static inline void spg__bulk_from_shared(void *private, const spg__word64 *shared, size_t bytes) {
#ifdef SPG__BULK_BY_WORDS
    spg__acquire_from_shared(private, shared, bytes);
    if (bytes % 8 == 0) return;
    uint64_t last = spg__load_acquire_64(&shared[bytes / 8]);
    memcpy((char *)private + bytes / 8 * 8, &last, bytes % 8);
#else
    if (bytes > 0) memcpy(private, (const void *)shared, bytes);
    SPG__FENCE(memory_order_acquire);
#endif
}

/* The same for a few bytes, without a call, 16 at a time: the fewer the stores, the seldomer a
 * reader takes the line away between two of them. What lies behind them in the last word is zeros,
 * and what is read is whole words. */
static inline void spg__few_to_shared(spg__word64 *shared, const char *private, size_t bytes) {
    size_t rest = bytes % 8, words = bytes / 8, done = 0;
    uint64_t last = 0;
#ifdef SPG__BULK_BY_WORDS
    spg__publish_to_shared(shared, private, words * 8);
#else
    for (; done + 16 <= bytes; done += 16) memcpy((char *)shared + done, private + done, 16);
    if (done < words * 8) memcpy((char *)shared + done, private + done, 8);
#endif
    if (rest == 0) return;
    char *to = (char *)&last;
    const char *from = private + 8 * words;
    for (done = 0; done < rest; done++) to[done] = from[done];
    spg__store_release_64(&shared[words], last);
}

static inline void spg__few_from_shared(char *private, const spg__word64 *shared, size_t bytes) {
#ifdef SPG__BULK_BY_WORDS
    spg__acquire_from_shared(private, shared, (bytes + 7) / 8 * 8);
#else
    size_t done = 0;
    for (; done + 8 < bytes; done += 16) memcpy(private + done, (const char *)shared + done, 16);
    if (done < bytes) memcpy(private + done, (const char *)shared + done, 8);
    SPG__FENCE(memory_order_acquire);
#endif
}

/* One turn of a spin: tells the processor that somebody else has to write first. */
static inline void spg__pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield" ::: "memory");
#elif defined(__riscv)
    __asm__ __volatile__(".insn i 0x0F, 0, x0, x0, 0x010" ::: "memory");
#else
    __asm__ __volatile__("" ::: "memory");
#endif
}

#endif
