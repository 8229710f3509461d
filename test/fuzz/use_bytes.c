/* use_bytes.c: see use.h. What lies in a segment's bytes: the things of sync.h, variables of PHP;
 * and managed segments that come as a descriptor. */
#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "use.h"

static void open_bare(spg_segment **segment, enum file_kind kind) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    named(spg_segment_open(segment, world_name(kind), &options));
}

/* ---- synchronisation ------------------------------------------------------------------------- */

void use_open_sync(struct user *user) {
    open_bare(&user->segments[0], FILE_SYNC);
}

static bool is_held(int result) {
    return named(result) == 0 || result == SPG_EOWNERDEAD;
}

static struct sync_things *things_at_hand;

static void free_mutex(void) {
    named(spg_mutex_init(&things_at_hand->mutex));
}

/* It takes its mutex again, however long that takes: in the end its holder must give it. */
static void wait_for_condition(struct sync_things *things, int64_t wait) {
    things_at_hand = things;
    if (!place_when_stuck(free_mutex)) wait = SPG_NOWAIT;
    named(spg_condition_wait(&things->condition, &things->mutex, wait));
    place_when_stuck(NULL);
}

static void use_locks(struct sync_things *things, int64_t wait) {
    if (is_held(spg_mutex_lock(&things->mutex, wait))) {
        wait_for_condition(things, wait);
        named(spg_mutex_recovered(&things->mutex));
    }
    named(spg_mutex_unlock(&things->mutex));
    named(spg_condition_signal(&things->condition));
    if (is_held(spg_rwlock_lock_read(&things->rwlock, wait)))
        named(spg_rwlock_unlock(&things->rwlock));
    if (is_held(spg_rwlock_lock_write(&things->rwlock, wait)))
        named(spg_rwlock_recovered(&things->rwlock));
    named(spg_rwlock_unlock(&things->rwlock));
}

static void begin_barrier_anew(void) {
    named(spg_barrier_init(&things_at_hand->barrier, 2));
}

/* It waits for a process that is stopped in a call on the barrier, however long that takes. */
static void leave_barrier(struct sync_things *things) {
    things_at_hand = things;
    if (place_when_stuck(begin_barrier_anew)) named(spg_barrier_leave(&things->barrier));
    place_when_stuck(NULL);
}

static void use_semaphore(spg_semaphore *semaphore, int64_t wait) {
    named(spg_semaphore_value(semaphore));
    named(spg_semaphore_wait(semaphore, SPG_NOWAIT));
    named(spg_semaphore_wait(semaphore, wait));
    named(spg_semaphore_post(semaphore));
    named(spg_semaphore_post(semaphore));
}

static void use_meetings(struct sync_things *things, int64_t wait) {
    uint64_t value[SYNC_VALUE_WORDS] = {1, 2, 3};
    named(spg_event_wait(&things->event, wait));
    named(spg_event_set(&things->event));
    named(spg_event_wait(&things->event, SPG_NOWAIT));
    named(spg_event_reset(&things->event));
    named(spg_barrier_wait(&things->barrier, wait));
    named(spg_barrier_wait(&things->barrier, SPG_NOWAIT));
    leave_barrier(things);
    named(spg_seqlock_read(&things->seqlock, things->value, value, sizeof value, wait));
    named(spg_seqlock_write(&things->seqlock, things->value, value, sizeof value, wait));
    named(spg_seqlock_read(&things->seqlock, things->value, value, sizeof value, SPG_NOWAIT));
}

void use_sync(struct user *user) {
    spg_segment *segment = user->segments[0];
    if (!segment || spg_segment_size(segment) < sizeof(struct sync_things)) return;
    struct sync_things *things = spg_segment_address(segment);
    for (int i = 0; i < (user->briefly ? 1 : 2); i++) {
        use_locks(things, shortly(user));
        use_semaphore(&things->plain, shortly(user));
        use_semaphore(&things->owned, shortly(user));
        use_meetings(things, shortly(user));
    }
}

/* ---- PHP ------------------------------------------------------------------------------------- */

void use_open_php(struct user *user) {
    open_bare(&user->segments[0], FILE_PHP);
}

static void put_php(void *memory, size_t size, int64_t key, uint32_t type, size_t length) {
    static const char text[300] = "a \"text\"";
    spg_php_value value = SPG_PHP_VALUE;
    value.type = type;
    value.integer = key * 1000003;
    value.real = 0.1 * (double)key;
    value.bytes = text;
    value.size = length;
    named(spg_php_put(memory, size, key, &value));
}

static void get_php(const void *memory, size_t size, int64_t key) {
    spg_php_value value = SPG_PHP_VALUE;
    if (named(spg_php_get(memory, size, key, &value)) < 0) return;
    if (value.type >= SPG_PHP_STRING) touch(value.bytes, value.size);
}

void use_php(struct user *user) {
    spg_segment *segment = user->segments[0];
    if (!segment) return;
    void *memory = spg_segment_address(segment);
    size_t size = spg_segment_size(segment);
    for (int64_t key = 0; key < 6; key++) get_php(memory, size, key);
    named(spg_php_remove(memory, size, 2));
    for (int64_t key = 1; key < 6; key++) {
        put_php(memory, size, key, (uint32_t)key % 6, (size_t)key * 7);
        get_php(memory, size, key);
    }
    put_php(memory, size, 3, SPG_PHP_STRING, 250);
    named(spg_php_remove(memory, size, 1));
    if (user->briefly) return;
    named(spg_php_format(memory, size));
    put_php(memory, size, 1, SPG_PHP_STRING, 100);
    get_php(memory, size, 1);
}

/* ---- passed ---------------------------------------------------------------------------------- */

void use_open_passed(struct user *user) {
    int file = place_open(world_path(FILE_PASSED));
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    if (file < 0) return;
    options.profile = SPG_MANAGED;
    options.type = "fuzzed";
    named(spg_segment_open_fd(&user->segments[0], file, &options));
    options.access = SPG_COPY_ON_WRITE;
    options.type = NULL;
    named(spg_segment_open_fd(&user->segments[1], file, &options));
    options.access = SPG_READ_ONLY;
    named(spg_segment_open_fd(&user->segments[2], file, &options));
    place_close(file);
}

void use_passed(struct user *user) {
    use_segment(user);
    if (user->segments[0]) named(spg_segment_seal(user->segments[0], SPG_SEAL_SHRINK));
    if (user->segments[1])
        memset(spg_segment_address(user->segments[1]), 3, spg_segment_size(user->segments[1]));
}
