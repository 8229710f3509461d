/* process.c: time, chance, waiting and processes of the port (state.h). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "state.h"

enum { LOOK_NS = 40 };
static const int64_t SLOW_NS = 2000000000;

static int64_t now(void) {
    if (!state) return 0; /* constructors */
    return state->time += LOOK_NS;
}

int64_t spg__clock_monotonic(void) {
    return now();
}

int64_t spg__clock_realtime(void) {
    return now();
}

int64_t spg__clock_coarse(void) {
    return now();
}

int spg__random(void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)(random_next(&state->chance) >> 24);
    return 0;
}

/* Looking again and again is of no use here. */
bool spg__several_processors(void) {
    return false;
}

void spg__process_hint(struct spg__process_hint *hint) {
    *hint = (struct spg__process_hint){(uint32_t)state->process, 0, 1};
}

uint32_t spg__user(void) {
    return 0;
}

int spg__at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    return pthread_atfork(prepare, parent, child) == 0 ? 0 : SPG_ENOMEM;
}

static int depth;

void spg__process_lock(void) {
    if (depth++ > 0) finding("the process lock is taken twice");
}

void spg__process_unlock(void) {
    if (depth-- != 1) finding("the process lock is not held");
}

int spg__page_wiped_on_fork(void **page) {
    void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || madvise(mapped, PAGE, MADV_WIPEONFORK) < 0) abort();
    *page = mapped;
    return 0;
}

const char *spg__environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *spg__shared_memory_directory(void) {
    return "/dev/shm";
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void (*help)(void);

bool place_when_stuck(void (*helper)(void)) {
    help = helper;
    return true;
}

/* Nobody wakes anybody. Who sleeps until somebody else does something may be helped, once. */
void sleep_for(int64_t nanoseconds) {
    void (*helper)(void) = help;
    state->time += nanoseconds > 0 ? nanoseconds : 1;
    state->slept += nanoseconds > 0 ? nanoseconds : 1;
    if (nanoseconds >= 0 && state->slept <= SLOW_NS) return;
    if (!helper)
        finding("it sleeps for %lld ns, and for %lld", (long long)state->slept,
                (long long)nanoseconds);
    help = NULL;
    state->slept = 0;
    helper();
}

void spg__nap(int64_t nanoseconds) {
    sleep_for(nanoseconds);
}

static bool is_still(const spg__word32 *word, uint32_t expected) {
    return atomic_load_explicit((_Atomic uint32_t *)&word->word, memory_order_relaxed) == expected;
}

void spg__wait(spg__word32 *word, uint32_t expected, int64_t nanoseconds) {
    if (is_still(word, expected)) sleep_for(nanoseconds);
}

void spg__wait_any(const struct spg__wait_word *words, size_t count, int64_t nanoseconds) {
    for (size_t i = 0; i < count; i++) {
        if (!is_still(words[i].word, words[i].expected)) return;
    }
    sleep_for(nanoseconds);
}

void spg__wake(spg__word32 *word, int count) {
    (void)word, (void)count;
}

void spg__add_and_wake(spg__word32 *word, uint32_t addend) {
    SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "add_and_wake", &word->word, 4);
    atomic_fetch_add(&word->word, addend);
}

void spg__set_and_wake(spg__word32 *word, uint32_t bits) {
    SPG__SEAM_ACCESS(SPG__SEAM_BEFORE_STORE, "set_and_wake", &word->word, 4);
    atomic_fetch_or(&word->word, bits);
}

bool spg__barrier_register(void) {
    return true;
}

bool spg__barrier_everywhere(void) {
    return true;
}
