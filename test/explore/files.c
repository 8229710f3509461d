/* files.c: files, names, openings, locks and bells of the machine (kernel.c). */
#include "kernel.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "platform/platform.h"

/* ---- names and openings ---------------------------------------------------------------------- */

enum { SIZE = 7 }; /* a position that nobody locks */

static void step(uint32_t place, enum access access, unsigned victims) {
    if (!is_running) return;
    before(place, access, victims);
    if (access == CHANGE) memory_release_place(place);
    memory_acquire_place(place);
    happened(place, access, 5);
}

/* Where the kernel keeps what it knows of this lock, or of the file's size. */
static uint32_t lock_place(int file, uint64_t position) {
    return PLACE_OF_LOCKS +
           (uint32_t)(((uint64_t)file * 31 + position + (position >> 12) * 7) % 64);
}

static int refuse(int result, const char *why) {
    spg__system_reason("machine", why);
    return result;
}

static struct name *find_name(const char *text) {
    for (int i = 0; i < NAMES_MAX; i++) {
        if (kernel.names[i].file && strcmp(kernel.names[i].text, text) == 0)
            return &kernel.names[i];
    }
    return NULL;
}

static int open_number(spg__file *file, int number) {
    for (int i = 0; i < OPENINGS_MAX; i++) {
        if (kernel.openings[i].file) continue;
        kernel.openings[i] = (struct opening){number + 1, me};
        *file = i;
        return 0;
    }
    fail("too many openings");
}

static struct file *file_of(spg__file file) {
    if (file < 0 || file >= OPENINGS_MAX || !kernel.openings[file].file)
        fail("a descriptor that is not open");
    if (kernel.openings[file].process != me) fail("a descriptor of another process");
    return &kernel.files[kernel.openings[file].file - 1];
}

int spg__directory_open(spg__file *directory, const char *path) {
    if (strcmp(path, "/d") != 0) return refuse(SPG_ENOENT, "no such directory");
    return open_number(directory, 0);
}

int spg__directory_make(const char *path, uint32_t mode) {
    (void)path, (void)mode;
    return SPG_EEXIST;
}

int spg__file_open(spg__file *file, spg__file directory, const char *path,
                   enum spg__file_access access) {
    (void)directory, (void)access;
    step(PLACE_OF_NAMES, LOOK, 0);
    const struct name *name = find_name(path);
    if (!name) return refuse(SPG_ENOENT, "no such file");
    return open_number(file, name->file - 1);
}

static int new_file(void) {
    for (int i = 1; i < FILES_MAX; i++) {
        if (kernel.files[i].is_used) continue;
        kernel.files[i] = (struct file){.is_used = true, .mode = 0600};
        return i;
    }
    fail("too many files");
}

int spg__file_create_unnamed(spg__file *file, spg__file directory, const char *path) {
    (void)directory, (void)path;
    return open_number(file, new_file());
}

static int enter_name(const char *text, int number) {
    if (find_name(text)) return refuse(SPG_EEXIST, "the name is taken");
    for (int i = 0; i < NAMES_MAX; i++) {
        if (kernel.names[i].file) continue;
        snprintf(kernel.names[i].text, NAME_BYTES, "%s", text);
        kernel.names[i].file = number + 1;
        kernel.files[number].links++;
        return 0;
    }
    fail("too many names");
}

int spg__file_link(spg__file file, spg__file directory, const char *path) {
    (void)directory;
    step(PLACE_OF_NAMES, CHANGE, 0);
    file_of(file);
    return enter_name(path, kernel.openings[file].file - 1);
}

int spg__file_create_named(spg__file *file, spg__file directory, const char *path) {
    (void)directory;
    step(PLACE_OF_NAMES, CHANGE, 0);
    int number = new_file();
    int result = enter_name(path, number);
    return result < 0 ? result : open_number(file, number);
}

int spg__file_unlink(spg__file directory, const char *path) {
    (void)directory;
    step(PLACE_OF_NAMES, CHANGE, 0);
    struct name *name = find_name(path);
    if (!name) return refuse(SPG_ENOENT, "no such file");
    kernel.files[name->file - 1].links--;
    name->file = 0;
    return 0;
}

bool spg__file_is_named(const struct spg__file_facts *facts, spg__file directory,
                        const char *path) {
    (void)directory;
    step(PLACE_OF_NAMES, LOOK, 0);
    const struct name *name = find_name(path);
    return name && (uint64_t)name->file == facts->number;
}

int spg__file_reopen(spg__file *again, spg__file file) {
    file_of(file);
    return open_number(again, kernel.openings[file].file - 1);
}

/* What grows is the last thing in memory. Its size is a word of the kernel's, as a lock is. */
static bool may_grow(const struct file *file) {
    return file->at + file->size == kernel.memory_used && file->size > 0;
}

static uint64_t present_size(const struct file *file, int number) {
    uint32_t place = lock_place(number, SIZE);
    if (!is_running || !may_grow(file)) return file->size;
    before(place, LOOK, 0);
    bool hidden = memory_hides_call(place, SIZE);
    if (!hidden) memory_acquire_place(place);
    happened(place, LOOK, hidden ? 6 : 5);
    return hidden ? file->size_before : file->size;
}

static int grow(struct file *file, int number, uint64_t size) {
    uint32_t place = lock_place(number, SIZE);
    if (!may_grow(file)) fail("only the last file of the machine grows");
    if (file->at + size > SHARED_BYTES) fail("the machine's files are full");
    step(place, CHANGE, 0);
    memory_note_call(place, SIZE);
    kernel.memory_used = file->at + (uint32_t)size;
    file->size_before = file->size;
    file->size = size;
    return 0;
}

bool spg__file_is_huge(spg__file file) {
    (void)file;
    return false;
}

int spg__file_facts(spg__file file, struct spg__file_facts *facts) {
    const struct file *found = file_of(file);
    *facts = (struct spg__file_facts){
        .size = present_size(found, kernel.openings[file].file),
        .device = 1,
        .number = (uint64_t)kernel.openings[file].file,
        .mode = found->mode,
        .links = found->links,
        .regular = !found->is_directory && !found->is_bell,
        .directory = found->is_directory,
    };
    return 0;
}

int spg__file_set_mode(spg__file file, uint32_t mode) {
    file_of(file)->mode = mode;
    return 0;
}

int spg__file_reserve(spg__file file, uint64_t size) {
    struct file *found = file_of(file);
    if (found->size >= size) return 0;
    if (found->size > 0) return grow(found, kernel.openings[file].file, size);
    size_t room = (size + PAGE - 1) / PAGE * PAGE;
    if (kernel.memory_used + room > SHARED_BYTES) fail("the machine's files are full");
    found->at = kernel.memory_used;
    found->size = size;
    kernel.memory_used += (uint32_t)room;
    return 0;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static struct lock *find_lock(int file, uint64_t position) {
    for (int i = 0; i < LOCKS_MAX; i++) {
        struct lock *lock = &kernel.locks[i];
        if (!lock->opening || lock->position != position) continue;
        if (kernel.openings[lock->opening - 1].file == file) return lock;
    }
    return NULL;
}

/* Who holds it from another opening may die now. */
static unsigned victim(spg__file file, uint64_t position) {
    const struct lock *lock = find_lock(kernel.openings[file].file, position);
    if (!lock || lock->opening == file + 1) return 0;
    int process = kernel.openings[lock->opening - 1].process;
    return process != me && process < PARTICIPANTS_MAX ? 1u << process : 0;
}

int spg__lock_try(spg__file file, uint64_t position) {
    file_of(file);
    int number = kernel.openings[file].file;
    step(lock_place(number, position), CHANGE, victim(file, position));
    const struct lock *lock = find_lock(number, position);
    if (lock && lock->opening == file + 1) return 0;
    if (lock) return refuse(SPG_EAGAIN, "locked");
    for (int i = 0; i < LOCKS_MAX; i++) {
        if (kernel.locks[i].opening) continue;
        kernel.locks[i] = (struct lock){file + 1, position};
        memory_note_call(lock_place(number, position), position);
        return 0;
    }
    fail("too many locks");
}

int spg__lock_release(spg__file file, uint64_t position) {
    file_of(file);
    int number = kernel.openings[file].file;
    step(lock_place(number, position), CHANGE, 0);
    struct lock *lock = find_lock(number, position);
    if (lock && lock->opening == file + 1) lock->opening = 0;
    return 0;
}

int spg__lock_held(spg__file file, uint64_t position) {
    file_of(file);
    int number = kernel.openings[file].file;
    uint32_t place = lock_place(number, position);
    if (is_running) before(place, LOOK, victim(file, position));
    const struct lock *lock = find_lock(number, position);
    bool held = lock && lock->opening != file + 1;
    bool hidden = held && memory_hides_call(place, position);
    if (!hidden) memory_acquire_place(place);
    if (is_running) happened(place, LOOK, hidden ? 6 : 5);
    return held && !hidden;
}

static void close_opening(int number) {
    int file = kernel.openings[number].file;
    for (int i = 0; i < LOCKS_MAX; i++) {
        struct lock *lock = &kernel.locks[i];
        if (lock->opening != number + 1) continue;
        if (is_running) {
            note_use(lock_place(file, lock->position), CHANGE);
            memory_release_place(lock_place(file, lock->position));
            happened(lock_place(file, lock->position), CHANGE, 6);
        }
        lock->opening = 0;
    }
    kernel.openings[number].file = 0;
}

void spg__file_close(spg__file file) {
    if (file < 0) return;
    file_of(file);
    for (int i = 0; i < LOCKS_MAX; i++) {
        const struct lock *lock = &kernel.locks[i];
        if (lock->opening != file + 1) continue;
        step(lock_place(kernel.openings[file].file, lock->position), CHANGE, 0);
        break;
    }
    close_opening(file);
}

void kernel_dies(int process) {
    int whose_turn = me;
    me = process;
    for (int i = 0; i < OPENINGS_MAX; i++) {
        if (kernel.openings[i].file && kernel.openings[i].process == process) close_opening(i);
    }
    me = whose_turn;
}

/* ---- memory ---------------------------------------------------------------------------------- */

size_t spg__page_size(void) {
    return PAGE;
}

int spg__memory_map(void **address, spg__file file, size_t size, enum spg__memory_access access,
                    size_t huge_page) {
    (void)access, (void)huge_page;
    const struct file *found = file_of(file);
    if (size > found->size) fail("a mapping beyond the end of the file");
    *address = shared_memory + found->at;
    return 0;
}

int spg__memory_remap(void **address, size_t size, size_t new_size) {
    (void)address, (void)size, (void)new_size;
    return 0; /* what grows lies before nothing */
}

int spg__memory_unmap(void *address, size_t size) {
    (void)address, (void)size;
    return 0;
}

int spg__memory_map_ring(void **address, spg__file file, uint64_t offset, size_t size) {
    const struct file *found = file_of(file);
    if (size != PAGE || offset + size > found->size) fail("a ring is one page of a file");
    *address = ring_at(found->at + offset);
    return 0;
}

/* ---- bells ----------------------------------------------------------------------------------- */

int spg__bell_make(struct spg__bell *bell, int directory, const char *name) {
    (void)directory;
    *bell = (struct spg__bell){-1, -1, -1, false};
    int number = new_file();
    kernel.files[number].is_bell = true;
    kernel.bell_due[number] = INT64_MAX;
    if (name) {
        step(PLACE_OF_NAMES, CHANGE, 0);
        int result = enter_name(name, number);
        if (result < 0) return result;
    }
    int result = open_number(&bell->rung, number);
    bell->readable = FIRST_BELL + number;
    return result;
}

void spg__bell_quiet(struct spg__bell *bell) {
    int number = bell->readable - FIRST_BELL;
    step(lock_place(number, 3), CHANGE, 0);
    kernel.files[number].rings = false;
}

void spg__bell_set(struct spg__bell *bell, int64_t from_now) {
    int64_t due = from_now > 0 ? virtual_time + from_now : INT64_MAX;
    kernel.bell_due[bell->readable - FIRST_BELL] = due;
}

void spg__bell_close(struct spg__bell *bell) {
    spg__file_close(bell->rung);
    *bell = (struct spg__bell){-1, -1, -1, false};
}

static bool is_open(int file) {
    for (int i = 0; i < OPENINGS_MAX; i++) {
        if (kernel.openings[i].file == file + 1) return true;
    }
    return false;
}

int spg__bell_is_heard(int directory, const char *text) {
    (void)directory;
    step(PLACE_OF_NAMES, LOOK, 0);
    const struct name *name = find_name(text);
    return name && is_open(name->file - 1);
}

int spg__bell_ring(int directory, const char *text) {
    if (!spg__bell_is_heard(directory, text)) return 0;
    int number = find_name(text)->file - 1;
    step(lock_place(number, 3), CHANGE, kernel_sleepers(&kernel.files[number]));
    if (!is_open(number)) return 0;
    kernel.files[number].rings = true;
    kernel_wake(&kernel.files[number], 1);
    return 1;
}

/* Sleeps until the bell rings, by itself or by others, or patience ends. */
void poll_bell(int readable, int64_t patience) {
    int number = readable - FIRST_BELL;
    const void *words[1] = {&kernel.files[number]};
    step(lock_place(number, 3), CHANGE, 0);
    int64_t due = kernel.bell_due[number];
    if (kernel.files[number].rings || due <= virtual_time + 1) return;
    kernel_sleep(words, 1, due - virtual_time < patience ? due - virtual_time : patience, false);
}
