/* system_v.c: System V memory and the system's semaphores, in the port (state.h). */
#include <string.h>

#include "base/error.h"
#include "platform/semaphore.h"
#include "state.h"

/* ---- memory ---------------------------------------------------------------------------------- */

int spg__sysv_key_of_file(int32_t *key, const char *path, int project) {
    spg__file file;
    struct spg__file_facts facts;
    int result = spg__file_open(&file, SPG__NO_FILE, path, SPG__FILE_READ);
    if (result < 0) return result;
    spg__file_facts(file, &facts);
    spg__file_close(file);
    *key = (int32_t)((facts.number & 0xffff) | 1u << 16 | (uint32_t)(project & 0x7f) << 24);
    return 0;
}

static struct sysv_segment *segment_of(int id) {
    if (id < 0 || id >= SEGMENTS || !state->segments[id].file) return NULL;
    return &state->segments[id];
}

static void release_segment(struct sysv_segment *segment) {
    if (!segment->is_removed || segment->attached > 0) return;
    int file = segment->file;
    segment->file = 0;
    state->files[file].links--;
    file_release(file);
}

int spg__sysv_find(int *id, int32_t key) {
    for (int i = 0; i < SEGMENTS; i++) {
        const struct sysv_segment *segment = &state->segments[i];
        if (!segment->file || segment->is_removed || segment->key != key || key == 0) continue;
        *id = i;
        return 0;
    }
    return refuse(SPG_ENOENT, "no such segment");
}

int spg__sysv_create(int *id, int32_t key, size_t size, uint32_t mode, size_t huge_page) {
    if (huge_page) return refuse(SPG_ENOMEM, "no huge pages");
    if (spg__sysv_find(id, key) == 0) return refuse(SPG_EEXIST, "the key is taken");
    if (size == 0 || size > ARENA_BYTES) return refuse(SPG_EINVAL, "its size");
    for (int i = 0; i < SEGMENTS; i++) {
        if (state->segments[i].file) continue;
        int file = file_new(REGULAR);
        if (file_grow(file, size) < 0) {
            file_release(file);
            return SPG_ENOSPC;
        }
        state->files[file].links = 1;
        state->segments[i] = (struct sysv_segment){.key = key, .file = file, .mode = mode & 0777};
        *id = i;
        return 0;
    }
    return refuse(SPG_ENOSPC, "too many segments");
}

int spg__sysv_attach(void **address, int id, bool read_only) {
    struct sysv_segment *segment = segment_of(id);
    if (!segment) return refuse(SPG_ENOENT, "removed");
    struct mapping *mapping = mapping_make(segment->file, state->files[segment->file].size,
                                           !read_only);
    if (!mapping) return refuse(SPG_ENOMEM, "no room");
    segment->attached++;
    *address = mapping->address;
    return 0;
}

int spg__sysv_detach(void *address) {
    for (int i = 0; i < MAPPINGS; i++) {
        const struct mapping *mapping = &state->mappings[i];
        if (!mapping->file || mapping->address != address) continue;
        for (int k = 0; k < SEGMENTS; k++) {
            struct sysv_segment *segment = &state->segments[k];
            if (segment->file != mapping->file) continue;
            mapping_remove(address, mapping->size);
            segment->attached--;
            release_segment(segment);
            return 0;
        }
    }
    finding("what is not attached is detached");
}

int spg__sysv_facts(int id, struct spg__sysv_facts *facts) {
    const struct sysv_segment *segment = segment_of(id);
    if (!segment || segment->is_removed) return refuse(SPG_ENOENT, "removed");
    *facts = (struct spg__sysv_facts){.size = state->files[segment->file].size,
                                      .attached = segment->attached,
                                      .mode = segment->mode,
                                      .creator_pid = 1,
                                      .key = segment->key};
    return 0;
}

int spg__sysv_set_mode(int id, uint32_t mode) {
    struct sysv_segment *segment = segment_of(id);
    if (!segment) return refuse(SPG_ENOENT, "removed");
    segment->mode = mode & 0777;
    return 0;
}

int spg__sysv_remove(int id) {
    struct sysv_segment *segment = segment_of(id);
    if (!segment) return refuse(SPG_ENOENT, "removed");
    segment->is_removed = true;
    release_segment(segment);
    return 0;
}

/* ---- semaphores of POSIX --------------------------------------------------------------------- */

static struct semaphore *find_semaphore(const char *name, int32_t key) {
    for (int i = 0; i < SEMAPHORES; i++) {
        struct semaphore *semaphore = &state->semaphores[i];
        if (!semaphore->is_used || semaphore->is_removed) continue;
        if (name && strcmp(semaphore->name, name) == 0) return semaphore;
        if (!name && !semaphore->name[0] && key && semaphore->key == key) return semaphore;
    }
    return NULL;
}

static struct semaphore *new_semaphore(void) {
    for (int i = 0; i < SEMAPHORES; i++) {
        if (state->semaphores[i].is_used) continue;
        state->semaphores[i] = (struct semaphore){.is_used = true};
        return &state->semaphores[i];
    }
    return NULL;
}

static bool is_semaphore_name(const char *name) {
    return name[0] && strlen(name) < sizeof state->semaphores[0].name && !strchr(name + 1, '/');
}

int spg__posix_semaphore_open(void **semaphore, const char *name) {
    struct semaphore *found = is_semaphore_name(name) ? find_semaphore(name, 0) : NULL;
    if (!found) return refuse(SPG_ENOENT, "no such semaphore");
    found->users++;
    *semaphore = found;
    return 0;
}

int spg__posix_semaphore_make(void **semaphore, const char *name, uint32_t mode, uint32_t value) {
    (void)mode;
    if (!is_semaphore_name(name)) return refuse(SPG_EINVAL, "its name");
    if (find_semaphore(name, 0)) return refuse(SPG_EEXIST, "the name is taken");
    if (value > INT32_MAX) return refuse(SPG_EINVAL, "its value");
    struct semaphore *made = new_semaphore();
    if (!made) return refuse(SPG_ENOSPC, "too many semaphores");
    strcpy(made->name, name);
    made->values[0] = (int)value;
    made->users = 1;
    *semaphore = made;
    return 0;
}

static int wait_in_vain(int64_t timeout) {
    if (timeout == 0) return SPG_EAGAIN;
    sleep_for(timeout);
    return SPG_ETIMEDOUT;
}

int spg__posix_semaphore_wait(void *semaphore, int64_t timeout) {
    struct semaphore *taken = semaphore;
    if (taken->values[0] == 0) return wait_in_vain(timeout);
    taken->values[0]--;
    return 0;
}

int spg__posix_semaphore_post(void *semaphore) {
    struct semaphore *given = semaphore;
    if (given->values[0] == INT32_MAX) return SPG_EFULL;
    given->values[0]++;
    return 0;
}

int spg__posix_semaphore_value(void *semaphore) {
    return ((struct semaphore *)semaphore)->values[0];
}

int spg__posix_semaphore_close(void *semaphore) {
    struct semaphore *closed = semaphore;
    if (--closed->users == 0 && closed->is_removed) closed->is_used = false;
    return 0;
}

int spg__posix_semaphore_unlink(const char *name) {
    struct semaphore *found = is_semaphore_name(name) ? find_semaphore(name, 0) : NULL;
    if (!found) return refuse(SPG_ENOENT, "no such semaphore");
    found->is_removed = true;
    if (found->users == 0) found->is_used = false;
    return 0;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static struct semaphore *set_of(int id) {
    if (id < 0 || id >= SEMAPHORES || !state->semaphores[id].is_used) return NULL;
    return state->semaphores[id].name[0] ? NULL : &state->semaphores[id];
}

int spg__sysv_set_find(int *id, int32_t key) {
    const struct semaphore *found = find_semaphore(NULL, key);
    if (!found) return refuse(SPG_ENOENT, "no such set");
    *id = (int)(found - state->semaphores);
    return 0;
}

int spg__sysv_set_make(int *id, int32_t key, int members, uint32_t mode) {
    (void)mode;
    if (find_semaphore(NULL, key)) return refuse(SPG_EEXIST, "the key is taken");
    if (members < 1 || members > SET_MEMBERS) return refuse(SPG_EINVAL, "its members");
    struct semaphore *made = new_semaphore();
    if (!made) return refuse(SPG_ENOSPC, "too many semaphores");
    made->key = key;
    made->members = members;
    *id = (int)(made - state->semaphores);
    return 0;
}

int spg__sysv_set_facts(int id, struct spg__sysv_set *set) {
    const struct semaphore *found = set_of(id);
    if (!found) return refuse(SPG_ENOENT, "removed");
    *set = (struct spg__sysv_set){(uint32_t)found->members, found->was_worked_on};
    return 0;
}

/* 0: they are done. */
static int do_steps(struct semaphore *set, const struct spg__sysv_step *steps, int count) {
    int values[SET_MEMBERS];
    memcpy(values, set->values, sizeof values);
    for (int i = 0; i < count; i++) {
        if (steps[i].member >= set->members) return SPG_EINVAL;
        int *value = &values[steps[i].member];
        if (steps[i].change == 0 && *value != 0) return SPG_EAGAIN;
        if (*value + steps[i].change < 0) return SPG_EAGAIN;
        if (*value + steps[i].change > 32767) return SPG_EFULL;
        *value += steps[i].change;
    }
    memcpy(set->values, values, sizeof values);
    return 0;
}

int spg__sysv_set_work(int id, const struct spg__sysv_step *steps, int count, int64_t timeout) {
    struct semaphore *set = set_of(id);
    if (!set) return refuse(SPG_ENOENT, "removed");
    int result = do_steps(set, steps, count);
    if (result == SPG_EAGAIN) return wait_in_vain(timeout);
    set->was_worked_on = true;
    return result;
}

int spg__sysv_set_value(int id, int member) {
    const struct semaphore *set = set_of(id);
    if (!set) return refuse(SPG_ENOENT, "removed");
    return member < set->members ? set->values[member] : refuse(SPG_EINVAL, "no such member");
}

int spg__sysv_set_assign(int id, int member, int value) {
    struct semaphore *set = set_of(id);
    if (!set) return refuse(SPG_ENOENT, "removed");
    if (member >= set->members) return refuse(SPG_EINVAL, "no such member");
    set->values[member] = value;
    return 0;
}

int spg__sysv_set_remove(int id) {
    struct semaphore *set = set_of(id);
    if (!set) return refuse(SPG_ENOENT, "removed");
    set->is_used = false;
    return 0;
}
