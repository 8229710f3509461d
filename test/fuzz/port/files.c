/* files.c: names, openings, records, locks and bells of the port (state.h). */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "state.h"

struct state *state;

int refuse(int result, const char *why) {
    spg__system_reason("port", why);
    return result;
}

/* ---- files and names ------------------------------------------------------------------------- */

int file_new(enum file_type type) {
    for (int i = ROOT; i < FILES; i++) {
        struct file *file = &state->files[i];
        if (file->type != FREE) continue;
        *file = (struct file){.type = type, .mode = 0600, .serial = ++state->serial};
        return i;
    }
    finding("the port has too many files");
}

void file_release(int number) {
    struct file *file = &state->files[number];
    if (file->links > 0 || file->uses > 0) return;
    file_zero(number);
    file->type = FREE;
}

static uint32_t hash_of(const char *text, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static struct name *find_name(int parent, const char *text, size_t length) {
    uint32_t hash = hash_of(text, length);
    for (int i = 0; i < state->name_end; i++) {
        struct name *name = &state->names[i];
        if (!name->file || name->hash != hash || name->parent != parent) continue;
        if (strncmp(name->text, text, length) == 0 && !name->text[length]) return name;
    }
    return NULL;
}

/* The folder that a path ends in, and the last part of it. */
struct place {
    int parent;
    const char *text;
    size_t length;
};

static int step_into(int parent, const char *text, size_t length) {
    if (length == 0 || (length == 1 && *text == '.')) return parent;
    if (length == 2 && strncmp(text, "..", 2) == 0) return ROOT; /* near enough */
    const struct name *name = find_name(parent, text, length);
    return name ? name->file : 0;
}

static int find_place(struct place *place, spg__file directory, const char *path) {
    int parent = *path == '/' || directory == SPG__NO_FILE ? ROOT : file_of(directory);
    if (!*path) return refuse(SPG_ENOENT, "no such file");
    if (strlen(path) >= 4096) return refuse(SPG_EINVAL, "a path that is too long");
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length > NAME_MAX_BYTES) return refuse(SPG_EINVAL, "a name that is too long");
        if (path[length + strspn(path + length, "/")] == '\0') {
            *place = (struct place){parent, path, length};
            return 0;
        }
        parent = step_into(parent, path, length);
        if (!parent) return refuse(SPG_ENOENT, "no such directory");
        if (state->files[parent].type != DIRECTORY) return refuse(SPG_EINVAL, "no directory");
        path += length + 1;
    }
}

/* The number of a file, or a result. */
int find_file(spg__file directory, const char *path) {
    struct place place;
    int result = find_place(&place, directory, path);
    if (result < 0) return result;
    int file = step_into(place.parent, place.text, place.length);
    return file ? file : refuse(SPG_ENOENT, "no such file");
}

static int enter_name(spg__file directory, const char *path, int file) {
    struct place place;
    int result = find_place(&place, directory, path);
    if (result < 0) return result;
    if (step_into(place.parent, place.text, place.length))
        return refuse(SPG_EEXIST, "the name is taken");
    if (state->files[place.parent].links == 0 && place.parent != ROOT)
        return refuse(SPG_ENOENT, "the directory is removed");
    for (int i = 0; i < NAMES; i++) {
        struct name *name = &state->names[i];
        if (name->file) continue;
        *name = (struct name){place.parent, file, hash_of(place.text, place.length), ""};
        memcpy(name->text, place.text, place.length);
        if (i >= state->name_end) state->name_end = i + 1;
        state->files[file].links++;
        return 0;
    }
    finding("the port has too many names");
}

void remove_name(struct name *name) {
    int file = name->file;
    name->file = 0;
    state->files[file].links--;
    file_release(file);
}

/* ---- openings -------------------------------------------------------------------------------- */

static struct opening *opening_of(spg__file descriptor) {
    int index = descriptor - FIRST_DESCRIPTOR;
    if (index < 0 || index >= DESCRIPTORS || !state->descriptors[index])
        finding("descriptor %d is used and is not open", descriptor);
    return &state->openings[state->descriptors[index] - 1];
}

int file_of(spg__file descriptor) {
    return opening_of(descriptor)->file;
}

bool is_writable(spg__file descriptor) {
    return opening_of(descriptor)->writable;
}

static int new_descriptor(spg__file *descriptor, int opening) {
    for (int i = 0; i < DESCRIPTORS; i++) {
        if (state->descriptors[i]) continue;
        state->descriptors[i] = opening + 1;
        state->openings[opening].descriptors++;
        *descriptor = FIRST_DESCRIPTOR + i;
        return 0;
    }
    return refuse(SPG_EMFILE, "too many descriptors");
}

int open_number(spg__file *descriptor, int file, bool writable) {
    for (int i = 0; i < DESCRIPTORS; i++) {
        if (state->openings[i].file) continue;
        int result = new_descriptor(descriptor, i);
        if (result < 0) file_release(file);
        if (result < 0) return result;
        state->openings[i] = (struct opening){file, 1, state->process, writable};
        state->files[file].uses++;
        return 0;
    }
    file_release(file);
    return refuse(SPG_EMFILE, "too many descriptors");
}

static void close_opening(int index) {
    int file = state->openings[index].file;
    for (int i = 0; i < state->lock_end; i++) {
        if (state->locks[i].opening == index + 1) state->locks[i].opening = 0;
    }
    state->openings[index].file = 0;
    state->files[file].uses--;
    file_release(file);
}

void spg__file_close(spg__file descriptor) {
    if (descriptor < 0) return;
    struct opening *opening = opening_of(descriptor);
    state->descriptors[descriptor - FIRST_DESCRIPTOR] = 0;
    if (--opening->descriptors == 0) close_opening((int)(opening - state->openings));
}

int spg__file_duplicate(spg__file *copy, spg__file descriptor) {
    int index = descriptor - FIRST_DESCRIPTOR; /* the caller's, who may be wrong */
    if (index < 0 || index >= DESCRIPTORS || !state->descriptors[index])
        return refuse(SPG_ESYSTEM, "a bad descriptor");
    return new_descriptor(copy, state->descriptors[index] - 1);
}

int spg__file_reopen(spg__file *again, spg__file descriptor) {
    return open_number(again, file_of(descriptor), true);
}

int spg__file_open(spg__file *descriptor, spg__file directory, const char *path,
                   enum spg__file_access access) {
    int file = find_file(directory, path);
    if (file < 0) return file;
    bool writable = access == SPG__FILE_READ_WRITE;
    if (state->files[file].type == RECORD) return refuse(SPG_EPERM, "a link");
    if (state->files[file].type == DIRECTORY && writable) return refuse(SPG_ETYPE, "a directory");
    return open_number(descriptor, file, writable);
}

int spg__directory_open(spg__file *descriptor, const char *path) {
    int file = find_file(SPG__NO_FILE, path);
    if (file < 0) return file;
    if (state->files[file].type != DIRECTORY) return refuse(SPG_EINVAL, "no directory");
    return open_number(descriptor, file, false);
}

int make_named(enum file_type type, spg__file directory, const char *path) {
    int file = file_new(type);
    int result = enter_name(directory, path, file);
    if (result < 0) file_release(file);
    return result < 0 ? result : file;
}

int spg__directory_make(const char *path, uint32_t mode) {
    int file = make_named(DIRECTORY, SPG__NO_FILE, path);
    if (file < 0) return file;
    state->files[file].mode = mode;
    return 0;
}

int spg__file_create_unnamed(spg__file *descriptor, spg__file directory, const char *path) {
    int folder = find_file(directory, path);
    if (folder < 0) return folder;
    if (state->has_no_unnamed) return refuse(SPG_ENOTSUP, "no unnamed files");
    if (state->files[folder].type != DIRECTORY) return refuse(SPG_EINVAL, "no directory");
    return open_number(descriptor, file_new(REGULAR), true);
}

int spg__file_create_named(spg__file *descriptor, spg__file directory, const char *path) {
    int file = make_named(REGULAR, directory, path);
    return file < 0 ? file : open_number(descriptor, file, true);
}

int spg__file_link(spg__file descriptor, spg__file directory, const char *path) {
    return enter_name(directory, path, file_of(descriptor));
}

int spg__file_unlink(spg__file directory, const char *path) {
    struct place place;
    int result = find_place(&place, directory, path);
    if (result < 0) return result;
    struct name *name = find_name(place.parent, place.text, place.length);
    if (!name) return refuse(SPG_ENOENT, "no such file");
    if (state->files[name->file].type == DIRECTORY) return refuse(SPG_ESYSTEM, "a directory");
    remove_name(name);
    return 0;
}

bool spg__file_is_named(const struct spg__file_facts *facts, spg__file directory,
                        const char *path) {
    int file = find_file(directory, path);
    return file > 0 && state->files[file].serial == facts->number;
}

int spg__file_facts(spg__file descriptor, struct spg__file_facts *facts) {
    const struct file *file = &state->files[file_of(descriptor)];
    *facts = (struct spg__file_facts){.size = file->size,
                                      .device = 1,
                                      .number = file->serial,
                                      .mode = file->mode,
                                      .links = file->links,
                                      .regular = file->type == REGULAR,
                                      .directory = file->type == DIRECTORY};
    return 0;
}

int spg__file_set_mode(spg__file descriptor, uint32_t mode) {
    state->files[file_of(descriptor)].mode = mode;
    return 0;
}

int spg__file_set_size(spg__file descriptor, uint64_t size) {
    int number = file_of(descriptor);
    const struct file *file = &state->files[number];
    unsigned seal = size < file->size ? SPG__SEAL_SHRINK : SPG__SEAL_GROW;
    if (!is_writable(descriptor) || file->type != REGULAR || size > INT64_MAX)
        return refuse(SPG_EINVAL, "its size cannot be set");
    if (size != file->size && file->seals & seal) return refuse(SPG_EPERM, "sealed");
    if (size > file->size) return file_grow(number, size);
    file_cut(number, size);
    return 0;
}

int spg__file_reserve(spg__file descriptor, uint64_t size) {
    if (state->files[file_of(descriptor)].size >= size) return 0;
    if (size > INT64_MAX) return refuse(SPG_ENOSPC, "larger than any file");
    return spg__file_set_size(descriptor, size);
}

int spg__file_system_room(const char *path, uint64_t *free_bytes, uint64_t *all_bytes) {
    (void)path;
    *all_bytes = ARENA_BYTES;
    *free_bytes = ARENA_BYTES / 2;
    return 0;
}

int spg__path_absolute(char *absolute, size_t size, const char *path) {
    int length = snprintf(absolute, size, "%s%s", *path == '/' ? "" : "/", path);
    return length < (int)size ? 0 : refuse(SPG_EINVAL, "a path that is too long");
}

/* ---- records, directories -------------------------------------------------------------------- */

int spg__record_make(spg__file directory, const char *name, const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length >= PAGE) return refuse(length ? SPG_EINVAL : SPG_ENOENT, "its text");
    int file = make_named(RECORD, directory, name);
    if (file < 0) return file;
    if (file_grow(file, length) < 0) finding("the port has no room for a record");
    memcpy(arena + state->files[file].at * (size_t)PAGE, text, length);
    return 0;
}

int spg__record_read(spg__file directory, const char *name, char *text, size_t size) {
    int number = find_file(directory, name);
    if (number < 0) return number;
    const struct file *file = &state->files[number];
    if (file->type != RECORD) return refuse(SPG_EINVAL, "no link");
    if (file->size >= size) return SPG_ETOOBIG;
    memcpy(text, arena + file->at * (size_t)PAGE, file->size);
    text[file->size] = '\0';
    return 0;
}

int spg__directory_each(spg__file directory, int (*visit)(void *context, const char *name),
                        void *context) {
    int parent = file_of(directory), result = 0;
    for (int i = 0; i < state->name_end && result == 0; i++) {
        char text[NAME_MAX_BYTES + 1];
        if (!state->names[i].file || state->names[i].parent != parent) continue;
        memcpy(text, state->names[i].text, sizeof text);
        result = visit(context, text);
    }
    return result;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static struct lock *find_lock(int file, uint64_t position) {
    for (int i = 0; i < state->lock_end; i++) {
        struct lock *lock = &state->locks[i];
        if (lock->opening && lock->position == position &&
            state->openings[lock->opening - 1].file == file)
            return lock;
    }
    return NULL;
}

int spg__lock_try(spg__file descriptor, uint64_t position) {
    int opening = (int)(opening_of(descriptor) - state->openings) + 1;
    const struct lock *lock = find_lock(file_of(descriptor), position);
    if (position > INT64_MAX) return refuse(SPG_EINVAL, "a position that no file has");
    if (!is_writable(descriptor)) return refuse(SPG_ESYSTEM, "it is open for reading alone");
    if (lock) return lock->opening == opening ? 0 : refuse(SPG_EAGAIN, "locked");
    for (int i = 0; i < LOCKS; i++) {
        if (state->locks[i].opening) continue;
        state->locks[i] = (struct lock){opening, position};
        if (i >= state->lock_end) state->lock_end = i + 1;
        return 0;
    }
    finding("the port has too many locks");
}

int spg__lock_release(spg__file descriptor, uint64_t position) {
    struct lock *lock = find_lock(file_of(descriptor), position);
    if (lock && &state->openings[lock->opening - 1] == opening_of(descriptor)) lock->opening = 0;
    return 0;
}

int spg__lock_held(spg__file descriptor, uint64_t position) {
    const struct lock *lock = find_lock(file_of(descriptor), position);
    if (position > INT64_MAX) return 1;
    return lock && &state->openings[lock->opening - 1] != opening_of(descriptor);
}

/* ---- bells ----------------------------------------------------------------------------------- */

int spg__bell_make(struct spg__bell *bell, int directory, const char *name) {
    *bell = (struct spg__bell){-1, -1, -1, false};
    if (name) {
        int file = make_named(BELL, directory, name);
        if (file < 0) return file;
        int result = open_number(&bell->rung, file, true);
        if (result < 0) spg__file_unlink(directory, name);
        if (result < 0) return result;
    }
    int result = open_number(&bell->readable, file_new(BELL), true);
    if (result < 0 && name) spg__file_unlink(directory, name);
    if (result < 0) spg__bell_close(bell);
    return result;
}

void spg__bell_quiet(struct spg__bell *bell) {
    if (bell->rung >= 0) file_of(bell->rung);
}

void spg__bell_set(struct spg__bell *bell, int64_t from_now) {
    file_of(bell->readable);
    bell->timer_is_set = from_now != 0;
}

void spg__bell_close(struct spg__bell *bell) {
    spg__file_close(bell->readable);
    spg__file_close(bell->rung);
    *bell = (struct spg__bell){-1, -1, -1, false};
}

int spg__bell_is_heard(int directory, const char *name) {
    int number = find_file(directory, name);
    if (number < 0) return 0;
    const struct file *file = &state->files[number];
    return file->type == DIRECTORY || (file->type == BELL && file->uses > 0);
}

int spg__bell_ring(int directory, const char *name) {
    return spg__bell_is_heard(directory, name);
}
