/* platform.h: the porting contract.
 *
 * Everything the library needs of an operating system is declared here and nowhere else; a port is
 * a folder that defines these functions. Nothing above this layer includes a system header or asks
 * which system it is on.
 *
 * Conventions. Every function that can fail returns zero or a count, or a negative SPG_E… with the
 * system's reason recorded (spg__system_reason) for the layer above to put into words. Calls
 * interrupted by signals are resumed. All descriptors are closed on exec. Nothing here writes to
 * shared memory except where it says so. */
#ifndef SPG_PLATFORM_PLATFORM_H
#define SPG_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <samepage/base.h>

#include "platform/atomic.h"

/* ---- time, chance, processors ---------------------------------------------------------------- */

int64_t spg__clock_monotonic(void); /* nanoseconds; for deadlines. Clock changes do not move it */
int64_t spg__clock_realtime(void);  /* nanoseconds since 1970; for display only */
int64_t spg__clock_coarse(void);    /* the same to some milliseconds, for a few nanoseconds */
int spg__random(void *bytes, size_t count);
bool spg__several_processors(void); /* has the machine more than one? */

/* ---- processes ------------------------------------------------------------------------------- */

/* What names a process to a human. Never used as identity or proof of life. */
struct spg__process_hint {
    uint32_t pid;
    uint32_t uid;
    uint64_t pid_namespace;
};
void spg__process_hint(struct spg__process_hint *hint);
uint32_t spg__user(void); /* the effective user */

/* Runs the three around every fork of this process. Called once. */
int spg__at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* The one lock of this process for the library's cold private state: open handles and the default
 * node. Held for short and never across a wait for another process. A fork takes it too. */
void spg__process_lock(void);
void spg__process_unlock(void);

/* One page, zeroed, which every child of this process finds zeroed again, however it was forked. */
int spg__page_wiped_on_fork(void **page);

/* An environment variable; NULL if unset, empty, or if the program has raised its privileges. */
const char *spg__environment(const char *name);

/* The directory under which default domains lie, and the one of POSIX shared memory. */
const char *spg__shared_memory_directory(void);

/* Sleeps so long; a signal ends it early. */
void spg__nap(int64_t nanoseconds);

/* ---- wait words ------------------------------------------------------------------------------ */

/* Sleeps while `*word` is `expected`, until woken, a signal, or `nanoseconds` passed (negative: no
 * end). Returns for no reason too: callers look again. The word may be mapped anywhere by each
 * process. */
void spg__wait(spg__word32 *word, uint32_t expected, int64_t nanoseconds);

/* Wakes up to `count` sleepers of `*word`. */
void spg__wake(spg__word32 *word, int count);

/* Adds `addend` (1 to 2047) to `*word` and wakes all its sleepers, as one step that a kill cannot
 * split: either nothing happened or both did. Full barrier. This is a store to shared memory. */
void spg__add_and_wake(spg__word32 *word, uint32_t addend);

/* The same, setting `bits` (1 to 2047) instead: however many do it at once, they are set. */
void spg__set_and_wake(spg__word32 *word, uint32_t bits);

enum { SPG__WAKE_ALL = INT32_MAX };

/* A barrier on every processor that runs a process which has registered: as if each of them had
 * made a full barrier somewhere during the call. False where the system has none. For the side that
 * waits and has time, so that the other side, which has none, can do with spg__load_light. */
bool spg__barrier_register(void);
bool spg__barrier_everywhere(void);

/* Sleeps while every word is what is expected of it, until one of them is woken, a signal, or
 * `nanoseconds` passed (negative: no end). Returns for no reason too. */
struct spg__wait_word {
    spg__word32 *word;
    uint32_t expected;
};
enum { SPG__WAIT_WORDS_MAX = 128 };
void spg__wait_any(const struct spg__wait_word *words, size_t count, int64_t nanoseconds);

/* ---- bells: what makes a sleeper in the system's own poll call wake ---------------------------
 * A bell is a name in a directory, by which other processes ring it, and one descriptor that is
 * readable from a ring, or from the end of `period` nanoseconds, until it is made quiet. The name
 * is of no use without its owner: who rings a bell whose owner is dead is told so. */
struct spg__bell {
    int readable; /* the descriptor for poll */
    int rung;     /* what dies with its owner, and tells the others so; -1: without a name */
    int timer;
    bool timer_is_set;
};
/* `name` NULL: only its timer wakes. Until it returns, others take the bell for a dead one's. */
int spg__bell_make(struct spg__bell *bell, int directory, const char *name);
void spg__bell_quiet(struct spg__bell *bell);
/* When it rings by itself, so many nanoseconds from now; 0: never. */
void spg__bell_set(struct spg__bell *bell, int64_t from_now);
void spg__bell_close(struct spg__bell *bell); /* its name is unlinked by the caller */
/* 1: rung, or it may not be reached by us. 0: nobody is there. No signal is raised, whenever its
 * owner dies. */
int spg__bell_ring(int directory, const char *name);
/* The same answer, without ringing. */
int spg__bell_is_heard(int directory, const char *name);

/* ---- files ----------------------------------------------------------------------------------- */

typedef int spg__file; /* a descriptor; negative is none */
enum { SPG__NO_FILE = -1 };

enum spg__file_access { SPG__FILE_READ, SPG__FILE_READ_WRITE };

/* What a file is, as the kernel says. `device` and `number` name the object, not its path. */
struct spg__file_facts {
    uint64_t size;
    uint64_t device;
    uint64_t number;
    uint32_t mode; /* permission bits */
    uint32_t user;
    uint64_t links;
    bool regular;
    bool directory;
};

/* Do the facts of two openings speak of one object? */
static inline bool spg__same_file(const struct spg__file_facts *first,
                                  const struct spg__file_facts *second) {
    return first->device == second->device && first->number == second->number;
}

/* Does the name stand for this object now? */
bool spg__file_is_named(const struct spg__file_facts *facts, spg__file directory, const char *path);

/* `directory` may be SPG__NO_FILE: then `path` is taken as it is. Links at the end of a path are
 * not followed. */
int spg__file_open(spg__file *file, spg__file directory, const char *path,
                   enum spg__file_access access);
int spg__directory_open(spg__file *directory, const char *path);
int spg__directory_make(const char *path, uint32_t mode);

/* A new empty file without a name, in `directory`. SPG_ENOTSUP where the file system has none. */
int spg__file_create_unnamed(spg__file *file, spg__file directory, const char *path);
/* Gives an open file a name; SPG_EEXIST if taken. The step is atomic. */
int spg__file_link(spg__file file, spg__file directory, const char *path);
/* A new empty file with a name, for file systems without unnamed ones; SPG_EEXIST if taken. */
int spg__file_create_named(spg__file *file, spg__file directory, const char *path);
int spg__file_unlink(spg__file directory, const char *path);

void spg__file_close(spg__file file);
int spg__file_duplicate(spg__file *copy, spg__file file);
/* Another opening of the same file, for reading and writing: locks belong to openings. */
int spg__file_reopen(spg__file *again, spg__file file);
int spg__file_facts(spg__file file, struct spg__file_facts *facts);
int spg__file_set_mode(spg__file file, uint32_t mode);
int spg__file_set_size(spg__file file, uint64_t size);
/* Makes the file `size` bytes long with every page of it allocated; never shrinks it. SPG_ENOSPC
 * leaves size and contents as they were. Only one at a time may do this with a file that others
 * have: what is taken back on failure must not be somebody else's. */
int spg__file_reserve(spg__file file, uint64_t size);
/* Free bytes and all bytes of the file system on which `path` lies. */
int spg__file_system_room(const char *path, uint64_t *free_bytes, uint64_t *all_bytes);

/* `path` made absolute with the directory this process is in; links are left as they are. */
int spg__path_absolute(char *absolute, size_t size, const char *path);

/* A record: a name that carries a text, made and removed in one step each (a symbolic link). */
int spg__record_make(spg__file directory, const char *name, const char *text);
int spg__record_read(spg__file directory, const char *name, char *text, size_t size);

/* Calls `visit` with each name in a directory (not "." and ".."), until it returns non-zero. */
int spg__directory_each(spg__file directory, int (*visit)(void *context, const char *name),
                        void *context);

/* ---- proofs of life -------------------------------------------------------------------------- */

/* A lock on the number `position` of an open file, held by this opening of the file and freed by
 * the kernel when it is closed, which a kill does too. Nobody can free it for its holder. */
int spg__lock_try(spg__file file, uint64_t position); /* SPG_EAGAIN: another opening holds it */
int spg__lock_release(spg__file file, uint64_t position);
int spg__lock_held(spg__file file,
                   uint64_t position); /* 1: by another opening, or unsure; 0: free */

/* ---- memory ---------------------------------------------------------------------------------- */

enum spg__memory_access { SPG__MEMORY_READ, SPG__MEMORY_READ_WRITE, SPG__MEMORY_COPY_ON_WRITE };

size_t spg__page_size(void);
/* Maps `size` bytes of `file`, or fresh memory shared with fork children if it is SPG__NO_FILE.
 * `huge_page` is the size of explicit huge pages for fresh memory, or 0. */
int spg__memory_map(void **address, spg__file file, size_t size, enum spg__memory_access access,
                    size_t huge_page);
/* Maps `size` bytes of `file` from `offset` twice, one after the other, so that what wraps round
 * the end lies in one piece. Both are multiples of the page. Unmapped as 2 * size bytes. */
int spg__memory_map_ring(void **address, spg__file file, uint64_t offset, size_t size);
int spg__memory_unmap(void *address, size_t size);
/* The same pages and more after them; the address may change. */
int spg__memory_remap(void **address, size_t size, size_t new_size);
int spg__memory_populate(void *address, size_t size, bool write); /* faults every page in */
int spg__memory_lock(void *address, size_t size);
int spg__memory_advise_huge(void *address, size_t size);
int spg__memory_bind(void *address, size_t size, int numa_node);

/* ---- memory without a name ------------------------------------------------------------------- */

enum {
    SPG__SEAL_SHRINK = 1,
    SPG__SEAL_GROW = 2,
    SPG__SEAL_WRITE = 4,
    SPG__SEAL_FUTURE_WRITE = 8,
    SPG__SEAL_SEALS = 16
};

int spg__memfd_create(spg__file *file, const char *label, size_t huge_page);
int spg__file_seal(spg__file file, unsigned seals);
bool spg__file_is_huge(spg__file file); /* of explicit huge pages */

/* ---- passing descriptors over a local socket ------------------------------------------------- */

int spg__file_send(int socket, spg__file file, const void *bytes, size_t count);
/* Receives exactly one descriptor with up to `size` bytes beside it; returns their count. */
int spg__file_receive(int socket, spg__file *file, void *bytes, size_t size);

/* ---- System V shared memory ------------------------------------------------------------------ */

struct spg__sysv_facts {
    uint64_t size;
    uint64_t attached;
    uint32_t mode;
    uint32_t user;
    uint32_t creator_pid;
    int32_t key;
};

enum { SPG__SYSV_PRIVATE = 0 }; /* the key that makes a segment without one */

int spg__sysv_key_of_file(int32_t *key, const char *path, int project);
int spg__sysv_create(int *id, int32_t key, size_t size, uint32_t mode, size_t huge_page);
int spg__sysv_find(int *id, int32_t key);
int spg__sysv_attach(void **address, int id, bool read_only);
int spg__sysv_detach(void *address);
int spg__sysv_facts(int id, struct spg__sysv_facts *facts);
int spg__sysv_set_mode(int id, uint32_t mode);
int spg__sysv_remove(int id);

#endif
