/* together.c: two processes at one lock, and two that wake each other in turns. On two processors
 * the turns are mostly found by spinning, which glibc's semaphore does not do. */
#include "locks.h"

static void mutex(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_mutex_lock(&arena->mutex, SPG_FOREVER));
        arena->counter++;
        must(spg_mutex_unlock(&arena->mutex));
    }
}

static void plain_mutex(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_mutex_lock(&arena->plain_mutex));
        arena->counter++;
        must(pthread_mutex_unlock(&arena->plain_mutex));
    }
}

static void robust_mutex(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(pthread_mutex_lock(&arena->robust_mutex));
        arena->counter++;
        must(pthread_mutex_unlock(&arena->robust_mutex));
    }
}

static void ping(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_semaphore_post(&arena->there));
        must(spg_semaphore_wait(&arena->back, SPG_FOREVER));
    }
}

static void pong(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(spg_semaphore_wait(&arena->there, SPG_FOREVER));
        must(spg_semaphore_post(&arena->back));
    }
}

static void plain_ping(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(sem_post(&arena->plain_there));
        must(sem_wait(&arena->plain_back));
    }
}

static void plain_pong(struct arena *arena, long count) {
    for (long i = 0; i < count; i++) {
        must(sem_wait(&arena->plain_there));
        must(sem_post(&arena->plain_back));
    }
}

const struct comparison together[] = {
    {"mutex, two processes want it",
     {"", mutex, mutex},
     {"pthread mutex, shared", plain_mutex, plain_mutex}},
    {"mutex, two processes want it",
     {"", mutex, mutex},
     {"pthread mutex, robust", robust_mutex, robust_mutex}},
    {"ping-pong, two processors", {"", ping, pong}, {"sem_t", plain_ping, plain_pong}},
};
const int together_count = sizeof together / sizeof together[0];

const struct comparison sleeping = {
    "ping-pong, one processor", {"", ping, pong}, {"sem_t", plain_ping, plain_pong}};
