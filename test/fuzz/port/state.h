/* state.h: the library's platform (src/platform/platform.h) kept in memory, for the fuzzers.
 *
 * No call of the library becomes a system call, but for a ring's double mapping that was never
 * asked for before. Files lie in one piece of memory, the arena, which is mapped many times over, a
 * window each; a mapping of a file is its place in a window that has no other mapping of it.
 * Everything in the windows is poisoned for the address sanitizer but the bytes of mappings, so a
 * step of one byte beyond a mapping's end, or a use after it is gone, is fatal at once. Windows for
 * reading are mapped for reading.
 *
 * Time moves by sleeping, and a little by being looked at. Nobody else runs: a sleep without end
 * and sleeps of more than two seconds in all are findings, and so are descriptors and mappings that
 * an execution leaves, or uses when they are closed. */
#ifndef FUZZ_PORT_STATE_H
#define FUZZ_PORT_STATE_H

#include "../place.h"
#include "../world.h"
#include "platform/platform.h"

enum {
    PAGE = 4096,
    ARENA_PAGES = 2048,
    ARENA_BYTES = ARENA_PAGES * PAGE,
    FILES = 96,
    NAMES = 96,
    NAME_MAX_BYTES = 255,
    DESCRIPTORS = 96,
    FIRST_DESCRIPTOR = 10000,
    LOCKS = 64,
    MAPPINGS = 64,
    SEGMENTS = 16,
    SEMAPHORES = 16,
    SET_MEMBERS = 8,
    ROOT = 1
};

enum file_type { FREE, REGULAR, DIRECTORY, RECORD, BELL };

struct file {
    enum file_type type;
    bool is_memfd;
    uint32_t mode, links, uses; /* names; openings and mappings */
    uint32_t at, pages;         /* in the arena */
    unsigned seals;
    uint64_t size, dirty, serial; /* beyond `dirty` it was always zero */
};

struct name {
    int parent, file; /* `file` 0: free */
    uint32_t hash;
    char text[NAME_MAX_BYTES + 1];
};

struct opening {
    int file; /* 0: free */
    int descriptors, process;
    bool writable;
};

struct lock {
    int opening; /* plus one; 0: free */
    uint64_t position;
};

struct mapping {
    int file; /* 0: free */
    int process, window, ring;
    char *address;
    size_t size;
    uint64_t offset;
    bool writable, is_private;
};

struct sysv_segment {
    int32_t key;
    int file; /* 0: free */
    uint32_t mode, attached;
    bool is_removed;
};

struct semaphore {
    bool is_used, is_removed, was_worked_on;
    char name[64]; /* of a POSIX one; empty: a set */
    int32_t key;
    int members, users, values[SET_MEMBERS];
};

/* File 0 is none. */
struct state {
    struct file files[FILES];
    struct name names[NAMES];
    struct opening openings[DESCRIPTORS];
    int descriptors[DESCRIPTORS]; /* an opening, plus one; 0: free */
    struct lock locks[LOCKS];
    struct mapping mappings[MAPPINGS];
    struct sysv_segment segments[SEGMENTS];
    struct semaphore semaphores[SEMAPHORES];
    uint8_t owners[ARENA_PAGES]; /* whose a page is */
    uint64_t serial;
    uint64_t chance;
    int64_t time, slept;
    int name_end, lock_end; /* beyond these all are free */
    int process;
    bool has_no_unnamed;
};
extern struct state *state;
extern char *arena; /* the window of the port's own */

int refuse(int result, const char *why);

/* files.c */
int file_new(enum file_type type);
void file_release(int file); /* when nobody uses it any more */
int file_of(spg__file descriptor);
int find_file(spg__file directory, const char *path); /* its number, or a result */
int make_named(enum file_type type, spg__file directory, const char *path); /* likewise */
void remove_name(struct name *name);
bool is_writable(spg__file descriptor);
int open_number(spg__file *descriptor, int file, bool writable);

/* memory.c */
void memory_begin(void);
int file_grow(int file, uint64_t size);
void file_cut(int file, uint64_t size);
void file_zero(int file);
void mappings_cover(int file);
struct mapping *mapping_make(int file, size_t size, bool writable);
int mapping_remove(void *address, size_t size);

/* process.c */
void sleep_for(int64_t nanoseconds);

#endif
