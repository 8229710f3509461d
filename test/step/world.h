/* world.h: what others can reach of what the victim shares: the files of the domain and the locks
 * on them, the segments of the scenes, and the memory that they inherit. A file without a name is
 * not in it: it ends with its maker. */
#ifndef TEST_STEP_WORLD_H
#define TEST_STEP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where to look. */
struct world_roots {
    const char *domain;
    const char *files[2];
    key_t key; /* of the System V segment */
    void *memory;
    size_t memory_size;
};

struct world_change {
    char name[64];
    uint64_t begin, end; /* the bytes that changed; both 0: its being there, size, mode; or locks */
};

void world_open(const struct world_roots *roots);

/* True if something has changed since the last look, which says what. Names, sizes and modes are
 * looked at only after system calls, since nothing else changes them. */
bool world_look(bool names, struct world_change *change);

void world_close(void);

#endif
