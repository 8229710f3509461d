/* memory.c: the arena and the mappings of the port (state.h). */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../guard.h"
#include "base/error.h"
#include "state.h"

enum { WRITING = 10, READING = 6, WINDOWS = WRITING + READING, RINGS = 32 };

char *arena;
static char *windows; /* one after the other; those for writing first */
static int backing;
static int spared;

/* A double mapping, kept for the next one of the same bytes. */
static struct ring {
    char *address;
    uint64_t at; /* in the arena */
    size_t size;
    bool is_used;
} rings[RINGS];

void memory_begin(void) {
    backing = memfd_create("fuzz-arena", MFD_CLOEXEC);
    if (backing < 0 || ftruncate(backing, ARENA_BYTES) < 0) abort();
    arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, backing, 0);
    windows = mmap(NULL, (size_t)WINDOWS * ARENA_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
    if (arena == MAP_FAILED || windows == MAP_FAILED) abort();
    for (int i = 0; i < WINDOWS; i++) {
        int protection = i < WRITING ? PROT_READ | PROT_WRITE : PROT_READ;
        char *window = windows + (size_t)i * ARENA_BYTES;
        if (mmap(window, ARENA_BYTES, protection, MAP_SHARED | MAP_FIXED, backing, 0) != window)
            abort();
    }
    ASAN_POISON_MEMORY_REGION(windows, (size_t)WINDOWS * ARENA_BYTES);
}

/* ---- room for files -------------------------------------------------------------------------- */

static bool is_free(uint32_t from, uint32_t pages, int but) {
    for (uint32_t i = from; i < from + pages; i++) {
        if (i >= ARENA_PAGES || (state->owners[i] && state->owners[i] != but)) return false;
    }
    return true;
}

/* The first gap; 0 if there is none. Page 0 is nobody's. */
static uint32_t find_room(uint32_t pages) {
    uint32_t at = 1;
    while (at + pages <= ARENA_PAGES) {
        int owner = state->owners[at];
        if (owner) at = state->files[owner].at + state->files[owner].pages;
        else if (is_free(at, pages, 0)) return at;
        else at++;
    }
    return 0;
}

static void own(const struct file *file, int number) {
    memset(state->owners + file->at, number, file->pages);
}

static bool is_mapped(int number) {
    for (int i = 0; i < MAPPINGS; i++) {
        if (state->mappings[i].file == number) return true;
    }
    return false;
}

/* To where there is room, unless somebody maps it. */
static bool make_room(int number, uint32_t pages) {
    struct file *file = &state->files[number];
    uint32_t from = file->at;
    if (file->pages > 0 && is_free(file->at, pages, number)) {
        file->pages = pages;
        own(file, number);
        return true;
    }
    uint32_t at = find_room(pages);
    if (!at || (file->pages > 0 && is_mapped(number))) return false;
    own(file, 0);
    memcpy(arena + at * (size_t)PAGE, arena + from * (size_t)PAGE, file->size);
    memset(arena + from * (size_t)PAGE, 0, file->dirty);
    file->at = at;
    file->pages = pages;
    own(file, number);
    return true;
}

int file_grow(int number, uint64_t size) {
    struct file *file = &state->files[number];
    uint64_t pages = (size + PAGE - 1) / PAGE;
    if (pages > ARENA_PAGES) return refuse(SPG_ENOSPC, "no room");
    if (pages > file->pages && !make_room(number, (uint32_t)pages + 2) &&
        !make_room(number, (uint32_t)pages))
        return refuse(SPG_ENOSPC, "no room");
    file->size = size;
    if (file->dirty < size) file->dirty = size;
    mappings_cover(number);
    return 0;
}

void file_cut(int number, uint64_t size) {
    struct file *file = &state->files[number];
    memset(arena + file->at * (size_t)PAGE + size, 0, file->size - size);
    file->size = size;
    mappings_cover(number);
}

void file_zero(int number) {
    struct file *file = &state->files[number];
    memset(arena + file->at * (size_t)PAGE, 0, file->dirty);
    own(file, 0);
}

/* ---- mappings -------------------------------------------------------------------------------- */

/* What is beyond the file's end cannot be had. */
static void cover_piece(char *address, size_t size, uint64_t offset, uint64_t end) {
    size_t there = end < offset ? 0 : end - offset < size ? (size_t)(end - offset) : size;
    if (there < size) ASAN_POISON_MEMORY_REGION(address + there, size - there);
    ASAN_UNPOISON_MEMORY_REGION(address, there);
}

static void cover(const struct mapping *mapping) {
    uint64_t end = state->files[mapping->file].size;
    if (mapping->is_private) return;
    if (mapping->ring < 0) {
        cover_piece(mapping->address, mapping->size, mapping->offset, end);
        return;
    }
    size_t half = mapping->size / 2;
    cover_piece(mapping->address, half, mapping->offset, end);
    cover_piece(mapping->address + half, half, mapping->offset, end);
}

void mappings_cover(int file) {
    for (int i = 0; i < MAPPINGS; i++) {
        if (state->mappings[i].file == file) cover(&state->mappings[i]);
    }
}

/* One that has no mapping of this file; -1. */
static int free_window(int file, bool writable) {
    unsigned used = 0;
    for (int i = 0; i < MAPPINGS; i++) {
        const struct mapping *mapping = &state->mappings[i];
        if (mapping->file == file && mapping->window >= 0) used |= 1u << mapping->window;
    }
    int first = writable ? 0 : WRITING, end = writable ? WRITING : WINDOWS;
    for (int i = first; i < end; i++) {
        if (!(used & 1u << i)) return i;
    }
    return -1;
}

static struct mapping *enter(int file, size_t size, bool writable) {
    for (int i = 0; i < MAPPINGS; i++) {
        struct mapping *mapping = &state->mappings[i];
        if (mapping->file) continue;
        *mapping = (struct mapping){.file = file,
                                    .process = state->process,
                                    .window = -1,
                                    .ring = -1,
                                    .size = size,
                                    .writable = writable};
        state->files[file].uses++;
        return mapping;
    }
    return NULL;
}

struct mapping *mapping_make(int file, size_t size, bool writable) {
    int window = free_window(file, writable);
    size_t room = (ARENA_PAGES - state->files[file].at) * (size_t)PAGE;
    if (window < 0 || size == 0 || size > room) return NULL;
    struct mapping *mapping = enter(file, size, writable);
    if (!mapping) return NULL;
    mapping->window = window;
    mapping->address = windows + (size_t)window * ARENA_BYTES +
                       state->files[file].at * (size_t)PAGE;
    cover(mapping);
    return mapping;
}

static struct mapping *make_private(int file, size_t size) {
    struct mapping *mapping = enter(file, size, true);
    if (!mapping) return NULL;
    const struct file *from = &state->files[file];
    mapping->is_private = true;
    mapping->address = aligned_alloc(PAGE, (size + PAGE - 1) / PAGE * PAGE);
    if (!mapping->address) abort();
    memset(mapping->address, 0, size);
    memcpy(mapping->address, arena + from->at * (size_t)PAGE,
           from->size < size ? from->size : size);
    return mapping;
}

static int map_memory(void **address, size_t size) {
    if (size > ARENA_BYTES / 2) return refuse(SPG_ENOMEM, "too large");
    int file = file_new(REGULAR);
    struct mapping *mapping = NULL;
    if (file_grow(file, size) == 0) mapping = mapping_make(file, size, true);
    if (!mapping) file_release(file);
    if (!mapping) return refuse(SPG_ENOMEM, "no room");
    *address = mapping->address;
    return 0;
}

int spg__memory_map(void **address, spg__file descriptor, size_t size,
                    enum spg__memory_access access, size_t huge_page) {
    if (huge_page) return refuse(SPG_ENOMEM, "no huge pages");
    if (size == 0) return refuse(SPG_EINVAL, "no bytes");
    if (descriptor == SPG__NO_FILE) return map_memory(address, size);
    int file = file_of(descriptor);
    bool writes = access == SPG__MEMORY_READ_WRITE;
    if (state->files[file].type != REGULAR) return refuse(SPG_ESYSTEM, "no file to be mapped");
    if (writes && (!is_writable(descriptor) ||
                   state->files[file].seals & (SPG__SEAL_WRITE | SPG__SEAL_FUTURE_WRITE)))
        return refuse(SPG_EPERM, "not for writing");
    struct mapping *mapping = NULL;
    if (access != SPG__MEMORY_COPY_ON_WRITE) mapping = mapping_make(file, size, writes);
    else if (size <= ARENA_BYTES) mapping = make_private(file, size);
    if (!mapping) return refuse(SPG_ENOMEM, "no room");
    *address = mapping->address;
    return 0;
}

int mapping_remove(void *address, size_t size) {
    for (int i = 0; i < MAPPINGS; i++) {
        struct mapping *mapping = &state->mappings[i];
        if (!mapping->file || mapping->address != address) continue;
        if ((mapping->size + PAGE - 1) / PAGE != (size + PAGE - 1) / PAGE)
            finding("%zu bytes of %zu are unmapped", size, mapping->size);
        int file = mapping->file;
        if (mapping->is_private) free(address);
        else ASAN_POISON_MEMORY_REGION(address, mapping->size);
        if (mapping->ring >= 0) rings[mapping->ring].is_used = false;
        mapping->file = 0;
        state->files[file].uses--;
        file_release(file);
        return 0;
    }
    finding("what is not mapped is unmapped");
}

int spg__memory_unmap(void *address, size_t size) {
    return mapping_remove(address, size);
}

int spg__memory_remap(void **address, size_t size, size_t new_size) {
    for (int i = 0; i < MAPPINGS; i++) {
        struct mapping *mapping = &state->mappings[i];
        if (!mapping->file || mapping->address != *address) continue;
        struct mapping *moved = mapping->is_private
                                    ? make_private(mapping->file, new_size)
                                    : mapping_make(mapping->file, new_size, mapping->writable);
        if (!moved) return refuse(SPG_ENOMEM, "no room");
        mapping_remove(*address, size);
        *address = moved->address;
        return 0;
    }
    finding("what is not mapped is mapped anew");
}

/* ---- rings ----------------------------------------------------------------------------------- */

static bool map_ring(struct ring *ring) {
    size_t all = 2 * ring->size;
    ring->address = mmap(NULL, all + 2 * (size_t)PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0);
    if (ring->address == MAP_FAILED) return false;
    ring->address += PAGE;
    for (size_t i = 0; i < 2; i++) {
        if (mmap(ring->address + i * ring->size, ring->size, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, backing, (off_t)ring->at) == MAP_FAILED)
            abort();
    }
    return true;
}

static void unmap_ring(const struct ring *ring) {
    ASAN_UNPOISON_MEMORY_REGION(ring->address, 2 * ring->size);
    munmap(ring->address - PAGE, 2 * ring->size + 2 * (size_t)PAGE);
}

/* One of the same bytes, or else in place of another. */
static struct ring *find_ring(uint64_t at, size_t size) {
    struct ring *other = NULL;
    for (int i = 0; i < RINGS; i++) {
        struct ring *ring = &rings[i];
        if (ring->is_used) continue;
        if (ring->at == at && ring->size == size) return ring;
        if (!other || !ring->address || ring->size > other->size) other = ring;
    }
    if (!other) return NULL;
    if (other->address) unmap_ring(other);
    *other = (struct ring){.at = at, .size = size};
    if (map_ring(other)) return other;
    *other = (struct ring){0};
    return NULL;
}

int spg__memory_map_ring(void **address, spg__file descriptor, uint64_t offset, size_t size) {
    int file = file_of(descriptor);
    uint64_t at = state->files[file].at * (uint64_t)PAGE + offset;
    if (size == 0 || size % PAGE || offset % PAGE) return refuse(SPG_EINVAL, "no whole pages");
    if (offset > ARENA_BYTES || size > ARENA_BYTES || at + size > ARENA_BYTES)
        return refuse(SPG_ENOMEM, "too large");
    if (!is_writable(descriptor)) return refuse(SPG_EPERM, "not for writing");
    struct ring *ring = find_ring(at, size);
    struct mapping *mapping = ring ? enter(file, 2 * size, true) : NULL;
    if (!mapping) return refuse(SPG_ENOMEM, "no room");
    ring->is_used = true;
    mapping->ring = (int)(ring - rings);
    mapping->offset = offset;
    mapping->address = ring->address;
    cover(mapping);
    *address = ring->address;
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------- */

size_t spg__page_size(void) {
    return PAGE;
}

int spg__memory_populate(void *address, size_t size, bool write) {
    (void)address, (void)size, (void)write;
    return 0;
}

int spg__memory_lock(void *address, size_t size) {
    (void)address, (void)size;
    return 0;
}

int spg__memory_advise_huge(void *address, size_t size) {
    (void)address, (void)size;
    return 0;
}

int spg__memory_bind(void *address, size_t size, int numa_node) {
    (void)address, (void)size;
    return numa_node == 0 ? 0 : refuse(SPG_EINVAL, "no such node");
}

int spg__memfd_create(spg__file *descriptor, const char *label, size_t huge_page) {
    if (huge_page) return refuse(SPG_ENOMEM, "no huge pages");
    if (strlen(label) > 249) return refuse(SPG_EINVAL, "a label that is too long");
    int file = file_new(REGULAR);
    state->files[file].is_memfd = true;
    return open_number(descriptor, file, true);
}

int spg__file_seal(spg__file descriptor, unsigned seals) {
    int number = file_of(descriptor);
    struct file *file = &state->files[number];
    if (!file->is_memfd) return refuse(SPG_EINVAL, "it has no seals");
    if (file->seals & SPG__SEAL_SEALS) return refuse(SPG_EPERM, "sealed");
    for (int i = 0; i < MAPPINGS && seals & SPG__SEAL_WRITE; i++) {
        const struct mapping *mapping = &state->mappings[i];
        if (mapping->file == number && mapping->writable && !mapping->is_private)
            return refuse(SPG_EPERM, "mapped for writing");
    }
    file->seals |= seals;
    return 0;
}

bool spg__file_is_huge(spg__file descriptor) {
    file_of(descriptor);
    return false;
}

int spg__file_send(int socket, spg__file descriptor, const void *bytes, size_t count) {
    (void)socket, (void)bytes, (void)count;
    file_of(descriptor);
    return refuse(SPG_ENOTSUP, "no sockets");
}

int spg__file_receive(int socket, spg__file *descriptor, void *bytes, size_t size) {
    (void)socket, (void)descriptor, (void)bytes, (void)size;
    return refuse(SPG_ENOTSUP, "no sockets");
}

/* ---- guard.h --------------------------------------------------------------------------------- */

void guard_watch(void) {
}

void guard_spare(uint64_t number) {
    for (int i = 0; i < FILES; i++) {
        if (state->files[i].type == REGULAR && state->files[i].serial == number) spared = i;
    }
}

static enum guard_access of_ring(uintptr_t at, size_t *offset) {
    for (int i = 0; i < RINGS; i++) {
        const struct ring *ring = &rings[i];
        if (!ring->is_used || at - (uintptr_t)ring->address >= 2 * ring->size) continue;
        uint64_t place = ring->at + (at - (uintptr_t)ring->address) % ring->size;
        *offset = (size_t)place - state->files[state->owners[place / PAGE]].at * (size_t)PAGE;
        return GUARD_WRITABLE;
    }
    return GUARD_NOT_SHARED;
}

enum guard_access guard_access(const volatile void *address, size_t *offset) {
    uintptr_t at = (uintptr_t)address, place = at - (uintptr_t)windows;
    if (place >= (uintptr_t)WINDOWS * ARENA_BYTES) return of_ring(at, offset);
    int owner = state->owners[place % ARENA_BYTES / PAGE];
    if (owner == 0 || owner == spared || __asan_address_is_poisoned((const void *)at))
        return GUARD_NOT_SHARED;
    *offset = place % ARENA_BYTES - state->files[owner].at * (size_t)PAGE;
    return place / ARENA_BYTES < WRITING ? GUARD_WRITABLE : GUARD_READABLE;
}
