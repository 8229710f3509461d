/* place.c: the world of the fuzzers in the port (place.h), and what an execution must leave as it
 * was. */
#include "../place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "state.h"

static struct state marked;

void place_begin(char *domain, size_t size) {
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state == MAP_FAILED) abort();
    state->process = 1;
    state->chance = 1;
    state->time = INT64_C(1000000000000);
    state->files[ROOT] = (struct file){.type = DIRECTORY, .mode = 0755, .links = 1};
    memory_begin();
    place_make_directory("/dev");
    place_make_directory("/dev/shm");
    place_make_directory("/tmp");
    snprintf(domain, size, "/dev/shm/spg-fuzz");
}

void place_make_directory(const char *path) {
    if (spg__directory_make(path, 0700) < 0) finding("cannot make %s", path);
}

void place_remove_directory(const char *path) {
    (void)path;
}

void place_remove(const char *path) {
    spg__file_unlink(SPG__NO_FILE, path);
}

static char *bytes_of(const struct file *file) {
    return arena + file->at * (size_t)PAGE;
}

void place_put(const char *path, const void *bytes, size_t count, size_t size) {
    place_remove(path);
    int file = make_named(REGULAR, SPG__NO_FILE, path);
    if (file < 0 || file_grow(file, size > count ? size : count) < 0)
        finding("cannot make %s", path);
    if (count > 0) memcpy(bytes_of(&state->files[file]), bytes, count);
}

void place_patch(const char *path, size_t offset, const void *bytes, size_t count) {
    int number = find_file(SPG__NO_FILE, path);
    if (number < 0) return;
    const struct file *file = &state->files[number];
    if (file->type != REGULAR || offset >= file->size) return;
    size_t there = file->size - offset;
    memcpy(bytes_of(file) + offset, bytes, count < there ? count : there);
}

void place_put_record(const char *path, const char *text) {
    place_remove(path);
    if (spg__record_make(SPG__NO_FILE, path, text) < 0) finding("cannot make %s", path);
}

unsigned char *place_read(const char *path, size_t *size) {
    int number = find_file(SPG__NO_FILE, path);
    if (number < 0) return NULL;
    const struct file *file = &state->files[number];
    unsigned char *bytes = malloc(file->size + 1);
    if (!bytes) abort();
    memcpy(bytes, bytes_of(file), file->size);
    *size = file->size;
    return bytes;
}

uint64_t place_number(const char *path) {
    int file = find_file(SPG__NO_FILE, path);
    return file < 0 ? 0 : state->files[file].serial;
}

int place_open(const char *path) {
    spg__file file = -1;
    (void)!spg__file_open(&file, SPG__NO_FILE, path, SPG__FILE_READ_WRITE);
    return file;
}

void place_close(int file) {
    spg__file_close(file);
}

bool place_is_private(void) {
    return true;
}

void place_have_no_unnamed_files(void) {
    state->has_no_unnamed = true;
}

/* ---- another process ------------------------------------------------------------------------- */

void place_become_another(void) {
    state->process = 2;
}

static void reap_mappings(void) {
    for (int i = 0; i < MAPPINGS; i++) {
        struct mapping *mapping = &state->mappings[i];
        if (!mapping->file || mapping->process != 2) continue;
        int file = mapping->file;
        mapping->file = 0;
        state->files[file].uses--;
        file_release(file);
    }
}

void place_reap(void) {
    reap_mappings();
    for (int i = 0; i < DESCRIPTORS; i++) {
        int opening = state->descriptors[i];
        if (opening && state->openings[opening - 1].process == 2)
            spg__file_close(FIRST_DESCRIPTOR + i);
    }
    state->process = 1;
}

/* ---- executions ------------------------------------------------------------------------------ */

void place_mark(void) {
    marked = *state;
}

static void compare_descriptors(void) {
    for (int i = 0; i < DESCRIPTORS; i++) {
        if (state->descriptors[i] == marked.descriptors[i]) continue;
        finding("descriptor %d was %s", FIRST_DESCRIPTOR + i,
                state->descriptors[i] ? "left open" : "closed");
    }
}

static void compare_mappings(void) {
    for (int i = 0; i < MAPPINGS; i++) {
        if (state->mappings[i].file == marked.mappings[i].file) continue;
        finding("a mapping of %zu bytes was %s", state->mappings[i].size,
                state->mappings[i].file ? "left" : "taken away");
    }
}

static void remove_sysv(void) {
    for (int i = 0; i < SEGMENTS; i++) {
        if (state->segments[i].file) spg__sysv_remove(i);
    }
}

/* Names may be left, by who finds that what he should remove is another's now; nothing else. */
void place_reset(void) {
    compare_descriptors();
    compare_mappings();
    for (int i = 0; i < state->name_end; i++) {
        struct name *name = &state->names[i];
        if (name->file && state->files[name->file].serial > marked.serial) remove_name(name);
    }
    remove_sysv();
    memcpy(state->semaphores, marked.semaphores, sizeof state->semaphores);
    state->name_end = marked.name_end;
    state->lock_end = marked.lock_end;
    state->serial = marked.serial;
    state->chance = marked.chance;
    state->time = marked.time;
    state->slept = 0;
    state->has_no_unnamed = false;
}
