/* guard.c: see guard.h. The linker sends the library's calls here (--wrap). */
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { WALL = 65536, PAGE = 4096, MAPPINGS_MAX = 256 };

/* `address` NULL: free. */
static struct mapping {
    char *address;
    size_t size; /* in whole pages */
    enum guard_access access;
} mappings[MAPPINGS_MAX];
static uint64_t spared;
static bool watching;

void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t size);
void *__real_mremap(void *address, size_t size, size_t new_size, int flags);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __wrap_munmap(void *address, size_t size);
void *__wrap_mremap(void *address, size_t size, size_t new_size, int flags);

static size_t whole(size_t size) {
    return (size + PAGE - 1) / PAGE * PAGE;
}

void guard_spare(uint64_t inode) {
    spared = inode;
}

void guard_watch(void) {
    watching = true;
}

static struct mapping *find(const char *address) {
    for (int i = 0; i < MAPPINGS_MAX; i++) {
        if (mappings[i].address == address) return &mappings[i];
    }
    return NULL;
}

static enum guard_access kind_of(int protection, int flags, int file) {
    struct stat facts;
    if (!watching || !(flags & MAP_SHARED) || file < 0) return GUARD_NOT_SHARED;
    if (fstat(file, &facts) < 0 || facts.st_ino == spared) return GUARD_NOT_SHARED;
    return protection & PROT_WRITE ? GUARD_WRITABLE : GUARD_READABLE;
}

static void enter(char *address, size_t size, enum guard_access access) {
    struct mapping *free_one = find(NULL);
    if (!free_one) {
        fprintf(stderr, "guard: more than %d mappings\n", MAPPINGS_MAX);
        abort();
    }
    *free_one = (struct mapping){address, whole(size), access};
}

static void *between_walls(size_t size, int protection, int flags, int file, off_t offset) {
    size_t all = whole(size) + 2 * (size_t)WALL;
    char *walls = __real_mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                              0);
    if (walls == MAP_FAILED) return MAP_FAILED;
    void *mapped = __real_mmap(walls + WALL, size, protection, flags | MAP_FIXED, file, offset);
    if (mapped == MAP_FAILED) {
        __real_munmap(walls, all);
        return MAP_FAILED;
    }
    enter(mapped, size, kind_of(protection, flags, file));
    return mapped;
}

/* Into what is mapped already: the two halves of a stream's ring. */
static void *over(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    void *mapped = __real_mmap(address, size, protection, flags, file, offset);
    enum guard_access access = kind_of(protection, flags, file);
    if (mapped == MAP_FAILED || access == GUARD_NOT_SHARED) return mapped;
    for (int i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *mapping = &mappings[i];
        uintptr_t at = (uintptr_t)address, begin = (uintptr_t)mapping->address;
        if (begin && at >= begin && at < begin + mapping->size) mapping->access = access;
    }
    return mapped;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    if (flags & MAP_FIXED) return over(address, size, protection, flags, file, offset);
    return between_walls(size, protection, flags, file, offset);
}

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return __wrap_mmap(address, size, protection, flags, file, offset);
}

int __wrap_munmap(void *address, size_t size) {
    struct mapping *mapping = find(address);
    if (!mapping) return __real_munmap(address, size);
    if (mapping->size != whole(size)) {
        fprintf(stderr, "guard: %zu bytes of %zu are unmapped\n", size, mapping->size);
        abort();
    }
    mapping->address = NULL;
    return __real_munmap((char *)address - WALL, whole(size) + 2 * (size_t)WALL);
}

/* What has moved has no walls any more. */
void *__wrap_mremap(void *address, size_t size, size_t new_size, int flags) {
    struct mapping *mapping = find(address);
    void *moved = __real_mremap(address, size, new_size, flags);
    if (!mapping || moved == MAP_FAILED) return moved;
    __real_munmap((char *)address - WALL, WALL);
    if (moved != address) __real_munmap((char *)address + mapping->size, WALL);
    mapping->address = NULL;
    return moved;
}

enum guard_access guard_access(const volatile void *address, size_t *offset) {
    uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < MAPPINGS_MAX; i++) {
        uintptr_t begin = (uintptr_t)mappings[i].address;
        if (!begin || at < begin || at >= begin + mappings[i].size) continue;
        *offset = (size_t)(at - begin);
        return mappings[i].access;
    }
    return GUARD_NOT_SHARED;
}
