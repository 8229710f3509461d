/* kernel.h: the kernel's state: all that an execution begins with. For kernel.c, which has what
 * belongs to processes, and files.c. */
#ifndef EXPLORE_KERNEL_H
#define EXPLORE_KERNEL_H

#include "machine.h"

enum {
    FILES_MAX = 24,
    NAMES_MAX = 24,
    NAME_BYTES = 64,
    OPENINGS_MAX = 64,
    LOCKS_MAX = 48,
    GLOBALS_MAX = 2048,
    HEAP_BYTES = 1 << 20,
    FIRST_BELL = 1000
};

struct file {
    bool is_used, is_directory, is_bell;
    bool rings;
    uint32_t mode, links;
    uint64_t size, size_before; /* it grew */
    uint32_t at; /* in the shared memory */
};

struct kernel {
    struct file files[FILES_MAX];
    struct name {
        char text[NAME_BYTES];
        int file; /* plus one; 0: free */
    } names[NAMES_MAX];
    struct opening {
        int file; /* plus one; 0: free */
        int process;
    } openings[OPENINGS_MAX];
    struct lock {
        int opening; /* plus one; 0: free */
        uint64_t position;
    } locks[LOCKS_MAX];
    struct sleeper {
        const void *words[4];
        uint32_t order;
    } sleepers[PARTICIPANTS_MAX];
    int64_t bell_due[FILES_MAX];
    uint32_t sleeps;
    uint32_t memory_used;
    uint64_t chance;
    int64_t time;
    size_t heap_used;
    char globals[PROCESSES][GLOBALS_MAX];
};
extern struct kernel kernel;

/* Sleeps on these words; who sleeps on one is woken, the longest first. */
void kernel_sleep(const void *const *words, size_t count, int64_t nanoseconds, bool is_nap);
void kernel_wake(const void *word, int count);

#endif
