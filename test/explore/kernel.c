/* kernel.c: the system calls of the machine: the porting contract (src/platform/platform.h).
 *
 * Here: processes, their memory, futexes, and a clock that moves only when everybody sleeps; in
 * files.c: files, names, openings, locks of openings, bells. A call that others can notice is a
 * step like an access to memory. A file is mapped where it lies, by all at the same address. A
 * process that dies loses its openings, and with them its locks; nothing else of it changes. */
#include "kernel.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "platform/platform.h"

struct kernel kernel;
static struct kernel saved;
static _Alignas(64) char heap[HEAP_BYTES];
static char saved_heap[HEAP_BYTES];
static int entered; /* whose globals are in place */
static char pristine_globals[GLOBALS_MAX];

/* The library's global state: the section that its objects' data were put into. */
extern char __start_spg_globals[], __stop_spg_globals[];

static size_t globals_bytes(void) {
    return (size_t)(__stop_spg_globals - __start_spg_globals);
}

void kernel_enter(int process) {
    if (process == entered) return;
    memcpy(kernel.globals[entered], __start_spg_globals, globals_bytes());
    memcpy(__start_spg_globals, kernel.globals[process], globals_bytes());
    entered = process;
}

void kernel_boot(void) {
    static bool has_pristine;
    if (globals_bytes() > GLOBALS_MAX) fail("GLOBALS_MAX is too small");
    if (!has_pristine) memcpy(pristine_globals, __start_spg_globals, globals_bytes());
    has_pristine = true;
    memset(&kernel, 0, sizeof kernel);
    memset(shared_memory, 0, SHARED_BYTES);
    memcpy(__start_spg_globals, pristine_globals, globals_bytes());
    for (int i = 0; i < PROCESSES; i++)
        memcpy(kernel.globals[i], pristine_globals, globals_bytes());
    entered = 0;
    kernel.files[0] = (struct file){.is_used = true, .is_directory = true, .mode = 0700};
    kernel.chance = 1;
    virtual_time = INT64_C(1000000000000);
}

void kernel_save(void) {
    kernel_enter(JUDGE);
    memcpy(kernel.globals[JUDGE], __start_spg_globals, globals_bytes());
    kernel.time = virtual_time;
    saved = kernel;
    memcpy(saved_heap, heap, kernel.heap_used);
    memory_save();
}

void kernel_restore(void) {
    kernel = saved;
    memcpy(heap, saved_heap, kernel.heap_used);
    memcpy(__start_spg_globals, kernel.globals[JUDGE], globals_bytes());
    entered = JUDGE;
    virtual_time = kernel.time;
    memory_restore();
}

/* ---- the heap: what is freed is not used again ----------------------------------------------- */

void *machine_aligned_alloc(size_t alignment, size_t bytes) {
    size_t at = (kernel.heap_used + alignment - 1) / alignment * alignment;
    if (at + bytes > HEAP_BYTES) fail("the heap is full");
    kernel.heap_used = at + bytes;
    return heap + at;
}

void *machine_malloc(size_t bytes) {
    return machine_aligned_alloc(16, bytes);
}

void *machine_calloc(size_t count, size_t bytes) {
    void *memory = machine_malloc(count * bytes);
    return memset(memory, 0, count * bytes);
}

void machine_free(void *memory) {
    (void)memory;
}

void *scene_memory(size_t bytes) {
    return machine_calloc(1, bytes);
}

void *scene_shared(size_t bytes) {
    void *memory = shared_memory + kernel.memory_used;
    kernel.memory_used += (uint32_t)((bytes + PAGE - 1) / PAGE * PAGE);
    return memory;
}

void everybody_dies(void) {
    for (int i = 0; i < PARTICIPANTS_MAX; i++) kernel_dies(i);
}

/* ---- time, chance, processes ----------------------------------------------------------------- */

int64_t spg__clock_monotonic(void) {
    return virtual_time;
}
int64_t spg__clock_realtime(void) {
    return virtual_time;
}
int64_t spg__clock_coarse(void) {
    return virtual_time;
}

int spg__random(void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) ((char *)bytes)[i] = (char)random_word(&kernel.chance);
    return 0;
}

bool spg__several_processors(void) {
    return false; /* a spin is nothing but looking more often */
}

void spg__process_hint(struct spg__process_hint *hint) {
    *hint = (struct spg__process_hint){(uint32_t)me + 1, 0, 1};
}

uint32_t spg__user(void) {
    return 0;
}

int spg__at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    (void)prepare, (void)parent, (void)child;
    return 0;
}

void spg__process_lock(void) {
}
void spg__process_unlock(void) {
}

int spg__page_wiped_on_fork(void **page) {
    *page = machine_calloc(1, 256);
    return 0;
}

const char *spg__environment(const char *name) {
    return strcmp(name, "SAMEPAGE_DOMAIN") == 0 ? "/d" : NULL;
}

const char *spg__shared_memory_directory(void) {
    return "/";
}

/* ---- wait words ------------------------------------------------------------------------------ */

/* In setting up and judging nobody else runs: the time passes. */
void kernel_sleep(const void *const *words, size_t count, int64_t nanoseconds, bool is_nap) {
    int64_t deadline = nanoseconds < 0 ? INT64_MAX : virtual_time + nanoseconds;
    if (!is_running) {
        if (nanoseconds < 0) fail("the judge sleeps for ever");
        virtual_time = deadline;
        return;
    }
    struct sleeper *sleeper = &kernel.sleepers[me];
    memset(sleeper, 0, sizeof *sleeper);
    for (size_t i = 0; i < count && i < 4; i++) sleeper->words[i] = words[i];
    sleeper->order = ++kernel.sleeps;
    sleep_until(deadline, is_nap);
}

unsigned kernel_sleepers(const void *word) {
    unsigned found = 0;
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        for (int k = 0; k < 4; k++) {
            if (word && kernel.sleepers[i].words[k] == word && is_asleep(i)) found |= 1u << i;
        }
    }
    return found;
}

static int first_sleeper(const void *word) {
    unsigned sleepers = kernel_sleepers(word);
    int first = -1;
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        if (!(sleepers & 1u << i)) continue;
        if (first < 0 || kernel.sleepers[i].order < kernel.sleepers[first].order) first = i;
    }
    return first;
}

void kernel_wake(const void *word, int count) {
    for (int i; count > 0 && (i = first_sleeper(word)) >= 0; count--) wake_up(i);
}

void spg__wait(spg__word32 *word, uint32_t expected, int64_t nanoseconds) {
    const void *words[1] = {word};
    bool is_nap = !is_shared(word);
    if (is_running && !is_nap) {
        before(place_of(word), CHANGE, 0);
        happened(place_of(word), CHANGE, 2);
    }
    if (*(const uint32_t *)(const void *)word != expected) return;
    kernel_sleep(words, 1, nanoseconds, is_nap);
}

void spg__wait_any(const struct spg__wait_word *wanted, size_t count, int64_t nanoseconds) {
    const void *words[4];
    if (is_running) {
        before(place_of(wanted[0].word), CHANGE, 0);
        happened(place_of(wanted[0].word), CHANGE, 3);
    }
    for (size_t i = 0; i < count && i < 4; i++) {
        words[i] = wanted[i].word;
        if (*(const uint32_t *)words[i] != wanted[i].expected) return;
    }
    kernel_sleep(words, count, nanoseconds, false);
}

void spg__nap(int64_t nanoseconds) {
    spg__word32 never_woken = {0};
    spg__wait(&never_woken, 0, nanoseconds);
}

void spg__wake(spg__word32 *word, int count) {
    if (!is_running || !is_shared(word)) return;
    before(place_of(word), CHANGE, kernel_sleepers(word));
    happened(place_of(word), CHANGE, 4);
    kernel_wake(word, count);
}

static void change_and_wake(spg__word32 *word, enum machine_change change, uint32_t operand) {
    machine_modify(word, 4, change, operand, memory_order_seq_cst);
    if (!is_running) return;
    machine_fence(memory_order_seq_cst);
    kernel_wake(word, PARTICIPANTS_MAX);
}

void spg__add_and_wake(spg__word32 *word, uint32_t addend) {
    change_and_wake(word, MACHINE_ADD, addend);
}
void spg__set_and_wake(spg__word32 *word, uint32_t bits) {
    change_and_wake(word, MACHINE_OR, bits);
}

bool spg__barrier_register(void) {
    return true;
}

bool spg__barrier_everywhere(void) {
    memory_fence_all();
    return true;
}
