/* segment.c: making and closing a segment of 1 MiB, against the bare calls.
 *
 * Ours reserves every page when it is made. The bare calls that everybody writes do not, and so a
 * full file system kills the process later; with posix_fallocate they promise the same. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "locks.h"

static void name_of(char *name, size_t size, const char *prefix) {
    snprintf(name, size, "%s/samepage-bench-%d", prefix, (int)getpid());
}

static void create(struct arena *arena, long count) {
    char name[64];
    (void)arena;
    name_of(name, sizeof name, "posix:");
    for (long i = 0; i < count; i++) {
        spg_segment *segment;
        must(spg_segment_create(&segment, name, SEGMENT_BYTES, NULL));
        must(spg_segment_unlink(name));
        must(spg_segment_close(segment));
    }
}

static void create_bare(long count, int reserve) {
    char name[64];
    name_of(name, sizeof name, "");
    for (long i = 0; i < count; i++) {
        int file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        must(file < 0);
        must(ftruncate(file, SEGMENT_BYTES));
        if (reserve) must(posix_fallocate(file, 0, SEGMENT_BYTES));
        void *address = mmap(NULL, SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        must(address == MAP_FAILED);
        must(shm_unlink(name));
        must(munmap(address, SEGMENT_BYTES));
        must(close(file));
    }
}

static void create_plain(struct arena *arena, long count) {
    (void)arena;
    create_bare(count, 0);
}

static void create_reserved(struct arena *arena, long count) {
    (void)arena;
    create_bare(count, 1);
}

const struct comparison segments[] = {
    {"segment create+close, 1 MiB", {"", create, NULL}, {"shm_open+mmap", create_plain, NULL}},
    {"segment create+close, 1 MiB", {"", create, NULL}, {"and reserved", create_reserved, NULL}},
};
const int segments_count = sizeof segments / sizeof segments[0];
