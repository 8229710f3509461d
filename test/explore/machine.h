/* machine.h: the machine that the explorer ports the library to.
 *
 * Up to three participants and a judge, each a process of its own to the library: with its own copy
 * of the library's global state, its own descriptors, its own node. They run as coroutines of one
 * thread on one memory; memory.c makes their accesses, kernel.c their system calls, schedule.c
 * decides who goes on. Everything here is put back to what it was before the next execution. */
#ifndef EXPLORE_MACHINE_H
#define EXPLORE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PARTICIPANTS_MAX = 3,
    JUDGE = 3,
    PROCESSES = 4,
    PAGE = 4096,
    SHARED_BYTES = 3 << 19,
    ADDRESSES = 3 * SHARED_BYTES, /* of the shared memory, and of rings */
    SHARED_PLACES = SHARED_BYTES / 4, /* a place is four bytes; a word is named by its first */
    PLACE_OF_NAMES = SHARED_PLACES,   /* of the kernel's own: names of files */
    PLACE_OF_LOCKS,                   /* 64 of these: locks, by what they lie on */
    PLACES = PLACE_OF_LOCKS + 64,
    NOWHERE = PLACES
};

/* ---- what a scene is made of ----------------------------------------------------------------- */

struct scene {
    const char *name;
    int participants;
    unsigned mortal;     /* a bit for each participant that may die */
    int deaths;          /* at most so many in one execution */
    bool is_weak;        /* loads may return what the memory model allows */
    void (*open)(int);   /* each in its process, in order, before the exploration; and the judge */
    void (*act)(int);    /* what is explored */
    void (*judge)(void); /* in the judge's process, when all have ended */
    bool may_idle;       /* somebody in it sleeps whom nobody wakes, by contract */
    int stale;           /* at most so many old values in one execution of the search; 0: one */
};

enum { SCENES_MAX = 256 };
extern const struct scene *scenes[SCENES_MAX];
extern int scene_count;

/* The scene's own memory: put back like everything else. */
void *scene_memory(size_t bytes);
/* Memory that all share. */
void *scene_shared(size_t bytes);
/* For the judge: what the living had is left by dead ones, too. */
void everybody_dies(void);

/* Ends this execution as a failure, with the schedule that led here. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : fail("%s:%d: %s is not so", __FILE__, __LINE__, #condition))
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ != 0) fail("%s:%d: %s gave %d", __FILE__, __LINE__, #call, result_);           \
    } while (0)

/* How long they wait in vain, after a death, and then give up. Who got what it waited for at its
 * very deadline was not woken for it, and did not look in between. */
enum { PATIENCE = 60 * 1000 * 1000 };
#define CHECK_WOKEN(result, began)                                                                 \
    CHECK((result) != 0 || !is_running || virtual_time - (began) < PATIENCE)

/* Plain data of the user's: as relaxed words, so that who races for them is found out. */
uint64_t peek(const void *word);
void poke(void *word, uint64_t value);
/* The same where nobody may race: in weak scenes that is a failure by itself. */
uint64_t plain_load(const void *word);
void plain_store(void *word, uint64_t value);

bool has_died(int participant);
int deaths(void);

/* ---- memory.c -------------------------------------------------------------------------------- */

extern char *shared_memory;

static inline bool is_shared(const void *address) {
    return (uintptr_t)address - (uintptr_t)shared_memory < ADDRESSES;
}
/* Behind the shared memory each of its pages has two more addresses, one after the other: a ring of
 * one page, mapped twice. Nothing lies there; each access goes to the page itself. */
static inline void *ring_at(uint64_t offset) {
    return shared_memory + SHARED_BYTES + 2 * offset;
}
static inline uint32_t place_of(const void *address) {
    return (uint32_t)(((uintptr_t)address - (uintptr_t)shared_memory) / 4);
}

void memory_begin(bool is_weak); /* of an execution */
void memory_save(void);          /* this is what each execution begins with */
void memory_restore(void);
/* What others did before is seen by `participant` from now on, and what it did is released. */
void memory_fence_all(void);
/* For the kernel's own words: all that was done before the last release is seen. */
void memory_release_place(uint32_t place);
void memory_acquire_place(uint32_t place);
/* A lock was taken there, a file grew; and: is who asks told what was before, since no order tells
 * it better? */
void memory_note_call(uint32_t place, uint64_t what);
bool memory_hides_call(uint32_t place, uint64_t what);

/* ---- schedule.c ------------------------------------------------------------------------------ */

enum access { LOOK, CHANGE };

extern bool is_running; /* an execution is under way */
extern int me;          /* whose turn it is */

/* Before each access: may hand the turn to another, who may do likewise; may not return at all.
 * `victims` may be killed here besides. */
void before(uint32_t place, enum access access, unsigned victims);
/* The turn's owner uses this place: what two use, and one changes, is where they meet. `before`
 * notes it by itself. */
void note_use(uint32_t place, enum access access);
/* Which of so many values, the newest first, does a load return? */
int choose_value(uint32_t place, int count);
/* For fingerprints of executions: an access has happened, with this much besides. */
void happened(uint32_t place, enum access access, uint64_t detail);
void happened_to_all(uint64_t detail);

/* The turn goes to others until woken, or the time has come. False: the time came. */
bool sleep_until(int64_t deadline, bool is_nap);
bool is_asleep(int participant);
void wake_up(int participant);
bool is_alive(int participant);

extern int64_t virtual_time;

/* ---- kernel.c -------------------------------------------------------------------------------- */

void kernel_boot(void); /* nothing is there: before a scene is opened */
void kernel_save(void); /* this is what each execution begins with */
void kernel_restore(void);
void kernel_enter(int process); /* its globals become the library's */
void kernel_dies(int process);
unsigned kernel_sleepers(const void *word);     /* a bit for each participant that sleeps on it */
void poll_bell(int readable, int64_t patience); /* as poll with a descriptor of a receiver */

uint64_t random_word(uint64_t *state);

#endif
