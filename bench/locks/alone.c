/* alone.c: what a lock costs when nobody else wants it. Each function is a side of a comparison. */
#include <string.h>

#include "locks.h"

static void mutex(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_mutex_lock(&arena->mutex, SPG_FOREVER));
        must(spg_mutex_unlock(&arena->mutex));
    }
}

static void plain_mutex(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_mutex_lock(&arena->plain_mutex));
        must(pthread_mutex_unlock(&arena->plain_mutex));
    }
}

static void robust_mutex(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_mutex_lock(&arena->robust_mutex));
        must(pthread_mutex_unlock(&arena->robust_mutex));
    }
}

static void semaphore(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_semaphore_post(&arena->semaphore));
        must(spg_semaphore_wait(&arena->semaphore, SPG_FOREVER));
    }
}

static void owned_semaphore(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_semaphore_wait(&arena->owned, SPG_FOREVER));
        must(spg_semaphore_post(&arena->owned));
    }
}

static void plain_semaphore(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(sem_post(&arena->plain_semaphore));
        must(sem_wait(&arena->plain_semaphore));
    }
}

static void rwlock(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_rwlock_lock_read(&arena->rwlock, SPG_FOREVER));
        must(spg_rwlock_unlock(&arena->rwlock));
    }
}

static void plain_rwlock(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_rwlock_rdlock(&arena->plain_rwlock));
        must(pthread_rwlock_unlock(&arena->plain_rwlock));
    }
}

static void rwlock_write(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_rwlock_lock_write(&arena->rwlock, SPG_FOREVER));
        must(spg_rwlock_unlock(&arena->rwlock));
    }
}

static void plain_rwlock_write(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_rwlock_wrlock(&arena->plain_rwlock));
        must(pthread_rwlock_unlock(&arena->plain_rwlock));
    }
}

static void event(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_event_set(&arena->event));
        must(spg_event_wait(&arena->event, SPG_FOREVER));
        must(spg_event_reset(&arena->event));
    }
}

static void plain_event(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_mutex_lock(&arena->event_mutex));
        arena->event_is_set = 1;
        must(pthread_cond_broadcast(&arena->event_condition));
        must(pthread_mutex_unlock(&arena->event_mutex));

        must(pthread_mutex_lock(&arena->event_mutex));
        while (!arena->event_is_set) {
            must(pthread_cond_wait(&arena->event_condition, &arena->event_mutex));
        }
        must(pthread_mutex_unlock(&arena->event_mutex));

        must(pthread_mutex_lock(&arena->event_mutex));
        arena->event_is_set = 0;
        must(pthread_mutex_unlock(&arena->event_mutex));
    }
}

static void seqlock(struct arena *arena, long count) {
    char value[VALUE_BYTES];
    for (long i = 0; i < count; i++) {
        must(spg_seqlock_read(&arena->seqlock, arena->value, value, VALUE_BYTES, SPG_FOREVER));
    }
}

static void copy(struct arena *arena, long count) {
    char value[VALUE_BYTES];
    for (long i = 0; i < count; i++) must(memcpy(value, arena->value, VALUE_BYTES) != value);
}

const struct comparison alone[] = {
    {"mutex lock+unlock", {"", mutex, NULL}, {"pthread mutex, shared", plain_mutex, NULL}},
    {"mutex lock+unlock", {"", mutex, NULL}, {"pthread mutex, robust", robust_mutex, NULL}},
    {"semaphore post+wait", {"", semaphore, NULL}, {"sem_t", plain_semaphore, NULL}},
    {"owned semaphore wait+post", {"", owned_semaphore, NULL}, {"sem_t", plain_semaphore, NULL}},
    {"rwlock read lock+unlock", {"", rwlock, NULL}, {"pthread rwlock", plain_rwlock, NULL}},
    {"rwlock write lock+unlock",
     {"", rwlock_write, NULL},
     {"pthread rwlock", plain_rwlock_write, NULL}},
    {"event set+wait+reset", {"", event, NULL}, {"mutex and condition", plain_event, NULL}},
    {"seqlock read of 48 bytes", {"", seqlock, NULL}, {"memcpy", copy, NULL}},
};
const int alone_count = sizeof alone / sizeof alone[0];
