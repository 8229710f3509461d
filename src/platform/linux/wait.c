/* wait.c: wait words over the futex.
 *
 * The futexes are shared ones, keyed by page and offset: each process may map the word anywhere.
 * Constants are written out because musl's headers have none of them. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/platform.h"

enum { OP_WAIT = 0, OP_WAKE = 1, OP_WAKE_OP = 5 };

/* FUTEX_WAKE_OP: "change, and wake more if the old value is less than zero". The low twelve bits
 * are the number compared with, the next twelve the operand. */
enum { THEN_ADD = 1 << 28, THEN_OR = 2 << 28, COMPARE_LESS = 2 << 24 };

/* The kernel's own timespec: of the old call, two words of the processor's width; the newest 32-bit
 * processors have only the call with wide ones. */
#ifdef SYS_futex
typedef long kernel_time;
#else
#    define SYS_futex SYS_futex_time64
typedef int64_t kernel_time;
#endif

struct kernel_timespec {
    kernel_time seconds;
    kernel_time nanoseconds;
};

static long futex(spg__word32 *word, int operation, uint32_t value, const void *timeout,
                  spg__word32 *second, uint32_t encoded) {
    return syscall(SYS_futex, word, operation, value, timeout, second, encoded);
}

/* A 32-bit process cannot tell the kernel of a century; whoever waits that long asks again. */
static const int64_t LONGEST_NS = (int64_t)3600 * 1000 * 1000 * 1000;

void spg__wait(spg__word32 *word, uint32_t expected, int64_t nanoseconds) {
    if (nanoseconds > LONGEST_NS) nanoseconds = LONGEST_NS;
    struct kernel_timespec timeout = {(kernel_time)(nanoseconds / 1000000000),
                                      (kernel_time)(nanoseconds % 1000000000)};
    (void)SPG_SYSTEM(futex, (word, OP_WAIT, expected, nanoseconds < 0 ? NULL : &timeout, NULL, 0));
}

void spg__wake(spg__word32 *word, int count) {
    (void)SPG_SYSTEM(futex, (word, OP_WAKE, (uint32_t)count, NULL, NULL, 0));
}

/* The word is both futexes of the call: the kernel changes it under the lock of its queue and wakes
 * the sleepers before it lets go. False where the call is refused (an emulator, a sandbox). */
static bool change_and_wake(spg__word32 *word, uint32_t operation, uint32_t operand) {
#ifdef __SANITIZE_THREAD__
    /* The sanitizer does not see what the kernel stores: a change by nothing stands for it. */
    atomic_fetch_add_explicit(&word->word, 0, memory_order_seq_cst);
#endif
    return (long)SPG_SYSTEM(futex, (word, OP_WAKE_OP, SPG__WAKE_ALL, NULL, word,
                                    operation | COMPARE_LESS | (operand << 12))) >= 0;
}

/* Where it is refused the two steps are made one after the other; then a kill between them can
 * leave sleepers to their deadline. */
void spg__add_and_wake(spg__word32 *word, uint32_t addend) {
    SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "add_and_wake", &word->word, sizeof word->word);
    bool done = change_and_wake(word, THEN_ADD, addend);
    if (!done) atomic_fetch_add_explicit(&word->word, addend, memory_order_seq_cst);
    SPG__SEAM_ACCESS(SPG__SEAM_STORED, "add_and_wake", &word->word, sizeof word->word);
    if (!done) spg__wake(word, SPG__WAKE_ALL);
}

void spg__set_and_wake(spg__word32 *word, uint32_t bits) {
    SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "set_and_wake", &word->word, sizeof word->word);
    bool done = change_and_wake(word, THEN_OR, bits);
    if (!done) atomic_fetch_or_explicit(&word->word, bits, memory_order_seq_cst);
    SPG__SEAM_ACCESS(SPG__SEAM_STORED, "set_and_wake", &word->word, sizeof word->word);
    if (!done) spg__wake(word, SPG__WAKE_ALL);
}

/* The newer call that sleeps on several words; its numbers, too, are missing in older headers. */
#ifndef SYS_futex_waitv
#    define SYS_futex_waitv 449
#endif

struct kernel_wait_word {
    uint64_t expected;
    uint64_t address;
    uint32_t flags;
    uint32_t zero;
};

struct kernel_wide_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

enum { WIDTH_32 = 2, CLOCK_IS_MONOTONIC = 1 };

static long futex_waitv(const struct kernel_wait_word *words, size_t count,
                        const struct kernel_wide_timespec *until) {
    return syscall(SYS_futex_waitv, words, count, 0, until, CLOCK_IS_MONOTONIC);
}

/* Where the call is missing (before Linux 5.16) or refused it is a nap: the caller looks again. */
static const int64_t ANY_NAP_NS = 1000 * 1000;

void spg__wait_any(const struct spg__wait_word *words, size_t count, int64_t nanoseconds) {
    struct kernel_wait_word wanted[SPG__WAIT_WORDS_MAX];
    for (size_t i = 0; i < count; i++) {
        wanted[i] = (struct kernel_wait_word){
            .expected = words[i].expected, .address = (uintptr_t)words[i].word, .flags = WIDTH_32};
    }
    if (nanoseconds > LONGEST_NS) nanoseconds = LONGEST_NS;
    int64_t end = nanoseconds < 0 ? 0 : spg__clock_monotonic() + nanoseconds;
    struct kernel_wide_timespec until = {end / 1000000000, end % 1000000000};
    long result = (long)SPG_SYSTEM(futex_waitv, (wanted, count, nanoseconds < 0 ? NULL : &until));
    if (result >= 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT) return;
    spg__nap(nanoseconds < 0 || nanoseconds > ANY_NAP_NS ? ANY_NAP_NS : nanoseconds);
}

void spg__nap(int64_t nanoseconds) {
    spg__word32 never_woken = {0};
    spg__wait(&never_woken, 0, nanoseconds);
}
