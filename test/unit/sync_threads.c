/* sync_threads.c: the primitives between threads of one process. What they guard is plain memory,
 * so that the thread sanitizer proves the order; without it the counts do. */
#include <pthread.h>

#include "harness/harness.h"

enum { THREADS = 4, ROUNDS = 4000, WORDS = 8 };

static struct {
    spg_mutex mutex;
    spg_rwlock rwlock;
    spg_semaphore empty, full, owned;
    spg_condition condition;
    spg_event event, answer;
    spg_barrier barrier;
    spg_seqlock seqlock;
    uint64_t value[WORDS];
} * shared;

/* Plain on purpose. */
static uint64_t left, right, box, filled, cells[THREADS], sums[THREADS];

static void make_shared(void) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, "anonymous:", sizeof *shared, NULL));
    shared = spg_segment_address(segment);
}

static void run_threads(void *(*function)(void *)) {
    pthread_t threads[THREADS];
    static int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK_INT(0, pthread_create(&threads[i], NULL, function, &numbers[i]));
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void *add_under_mutex(void *argument) {
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_OK(spg_mutex_lock(&shared->mutex, i % 2 ? SPG_FOREVER : MILLISECONDS(60000)));
        left++;
        right++;
        CHECK_OK(spg_mutex_unlock(&shared->mutex));
    }
    return NULL;
}

TEST(a_mutex_orders_what_it_guards) {
    make_shared();
    CHECK_OK(spg_mutex_init(&shared->mutex));
    run_threads(add_under_mutex);
    CHECK_INT(THREADS * ROUNDS, left);
    CHECK_INT(THREADS * ROUNDS, right);
}

static void *read_and_write(void *argument) {
    int number = *(int *)argument;
    for (int i = 0; i < ROUNDS; i++) {
        if ((i + number) % 3 == 0) {
            CHECK_OK(spg_rwlock_lock_write(&shared->rwlock, SPG_FOREVER));
            left++;
            right++;
        } else {
            CHECK_OK(spg_rwlock_lock_read(&shared->rwlock, SPG_FOREVER));
            CHECK_INT(left, right);
        }
        CHECK_OK(spg_rwlock_unlock(&shared->rwlock));
    }
    return NULL;
}

TEST(a_rwlock_orders_what_it_guards) {
    make_shared();
    CHECK_OK(spg_rwlock_init(&shared->rwlock));
    run_threads(read_and_write);
    CHECK_INT(left, right);
    CHECK(left >= THREADS * (ROUNDS / 3) && left <= THREADS * (ROUNDS / 3 + 1));
}

static void *add_with_permit(void *argument) {
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_OK(spg_semaphore_wait(&shared->owned, SPG_FOREVER));
        left++;
        CHECK_OK(spg_semaphore_post(&shared->owned));
    }
    return NULL;
}

TEST(the_only_permit_orders_what_it_guards) {
    make_shared();
    CHECK_OK(spg_semaphore_init_owned(&shared->owned, 1));
    run_threads(add_with_permit);
    CHECK_INT(THREADS * ROUNDS, left);
}

/* ---- producers and consumers ----------------------------------------------------------------- */

static void *pass_by_semaphores(void *argument) {
    int number = *(int *)argument;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        if (number % 2) {
            CHECK_OK(spg_semaphore_wait(&shared->empty, SPG_FOREVER));
            box = i;
            CHECK_OK(spg_semaphore_post(&shared->full));
        } else {
            CHECK_OK(spg_semaphore_wait(&shared->full, SPG_FOREVER));
            sums[number] += box;
            CHECK_OK(spg_semaphore_post(&shared->empty));
        }
    }
    return NULL;
}

static void check_sum(void) {
    uint64_t sum = 0;
    for (int i = 0; i < THREADS; i++) sum += sums[i];
    CHECK_INT((uint64_t)THREADS / 2 * ROUNDS * (ROUNDS + 1) / 2, sum);
}

TEST(semaphores_carry_a_box_from_producers_to_consumers) {
    make_shared();
    CHECK_OK(spg_semaphore_init(&shared->empty, 1));
    CHECK_OK(spg_semaphore_init(&shared->full, 0));
    run_threads(pass_by_semaphores);
    check_sum();
}

static void await_filled(uint64_t wanted) {
    CHECK_OK(spg_mutex_lock(&shared->mutex, SPG_FOREVER));
    while (filled != wanted) {
        CHECK_OK(spg_condition_wait(&shared->condition, &shared->mutex, SPG_FOREVER));
    }
}

static void *pass_by_condition(void *argument) {
    int number = *(int *)argument;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        await_filled(number % 2 ? 0 : 1);
        if (number % 2) box = i;
        else sums[number] += box;
        filled = number % 2 ? 1 : 0;
        CHECK_OK(spg_condition_signal(&shared->condition));
        CHECK_OK(spg_mutex_unlock(&shared->mutex));
    }
    return NULL;
}

TEST(a_condition_carries_a_box_from_producers_to_consumers) {
    make_shared();
    CHECK_OK(spg_mutex_init(&shared->mutex));
    CHECK_OK(spg_condition_init(&shared->condition));
    run_threads(pass_by_condition);
    check_sum();
}

/* Threads 0 and 1 only: ping and pong, each with an event. */
static void *pass_by_events(void *argument) {
    int number = *(int *)argument;
    for (uint64_t i = 1; i <= ROUNDS && number < 2; i++) {
        if (number == 0) {
            box = i;
            CHECK_OK(spg_event_set(&shared->event));
            CHECK_OK(spg_event_wait(&shared->answer, SPG_FOREVER));
            CHECK_OK(spg_event_reset(&shared->answer));
        } else {
            CHECK_OK(spg_event_wait(&shared->event, SPG_FOREVER));
            CHECK_OK(spg_event_reset(&shared->event));
            sums[0] += box;
            CHECK_OK(spg_event_set(&shared->answer));
        }
    }
    return NULL;
}

TEST(events_carry_a_box_to_and_fro) {
    make_shared();
    CHECK_OK(spg_event_init(&shared->event));
    CHECK_OK(spg_event_init(&shared->answer));
    run_threads(pass_by_events);
    CHECK_INT((uint64_t)ROUNDS * (ROUNDS + 1) / 2, sums[0]);
}

static void *set_or_await(void *argument) {
    int number = *(int *)argument;
    if (number == 0) {
        nap_ms(20);
        box = 4711;
        CHECK_OK(spg_event_set(&shared->event));
    } else {
        CHECK_OK(spg_event_wait(&shared->event, SPG_FOREVER));
        CHECK_INT(4711, box);
    }
    return NULL;
}

TEST(an_event_shows_all_waiters_what_was_written_before) {
    for (int i = 0; i < 20; i++) {
        make_shared();
        box = 0;
        CHECK_OK(spg_event_init(&shared->event));
        run_threads(set_or_await);
    }
}

/* Everybody sets, one sleeps: the event is set when all have returned. */
static void *sleep_or_set(void *argument) {
    int number = *(int *)argument;
    if (number == 0) CHECK_OK(spg_event_wait(&shared->event, SPG_FOREVER));
    else CHECK_OK(spg_event_set(&shared->event));
    return NULL;
}

TEST(an_event_that_several_set_is_set) {
    make_shared();
    CHECK_OK(spg_event_init(&shared->event));
    for (int i = 0; i < 500; i++) {
        run_threads(sleep_or_set);
        CHECK_OK(spg_event_wait(&shared->event, SPG_NOWAIT));
        CHECK_OK(spg_event_reset(&shared->event));
        CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&shared->event, SPG_NOWAIT));
    }
}

/* ---- barrier --------------------------------------------------------------------------------- */

static void *meet(void *argument) {
    int number = *(int *)argument;
    for (uint64_t round = 1; round <= 400; round++) {
        cells[number] = round * (uint64_t)(number + 1);
        int result = spg_barrier_wait(&shared->barrier, SPG_FOREVER);
        CHECK(result == 0 || result == 1);
        sums[number] += (uint64_t)result;
        for (int i = 0; i < THREADS; i++) CHECK_INT(round * (uint64_t)(i + 1), cells[i]);
        CHECK(spg_barrier_wait(&shared->barrier, SPG_FOREVER) >= 0);
    }
    CHECK_OK(spg_barrier_leave(&shared->barrier));
    return NULL;
}

TEST(after_a_barrier_each_sees_what_all_wrote_before) {
    uint64_t last = 0;
    make_shared();
    CHECK_OK(spg_barrier_init(&shared->barrier, THREADS));
    run_threads(meet);
    for (int i = 0; i < THREADS; i++) last += sums[i];
    CHECK_INT(400, last);
    memset(sums, 0, sizeof sums);
    run_threads(meet); /* other threads, in the places of those that left */
}

/* ---- seqlock --------------------------------------------------------------------------------- */

static void *write_and_read(void *argument) {
    uint64_t number = (uint64_t) * (int *)argument, value[WORDS];
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        if (number % 2) {
            for (uint64_t j = 0; j < WORDS; j++) value[j] = (number << 32 | i) * (j + 1);
            CHECK_OK(spg_seqlock_write(&shared->seqlock, shared->value, value, sizeof value,
                                       SPG_FOREVER));
        } else {
            CHECK_OK(spg_seqlock_read(&shared->seqlock, shared->value, value, sizeof value,
                                      SPG_FOREVER));
            for (uint64_t j = 0; j < WORDS; j++) CHECK_INT(value[0] * (j + 1), value[j]);
        }
    }
    return NULL;
}

TEST(a_seqlock_gives_whole_values) {
    make_shared();
    CHECK_OK(spg_seqlock_init(&shared->seqlock));
    run_threads(write_and_read);
}

/* What a writer wrote to plain memory before is seen by who reads the value. */
static void *publish_by_seqlock(void *argument) {
    uint64_t number = (uint64_t) * (int *)argument, value = 1;
    if (number == 0) {
        box = 4711;
        CHECK_OK(spg_seqlock_write(&shared->seqlock, shared->value, &value, 8, SPG_FOREVER));
    } else {
        do {
            CHECK_OK(spg_seqlock_read(&shared->seqlock, shared->value, &value, 8, SPG_FOREVER));
        } while (value == 0);
        CHECK_INT(4711, box);
    }
    return NULL;
}

TEST(a_seqlock_publishes_what_was_written_before) {
    for (int i = 0; i < 100; i++) {
        make_shared();
        box = 0;
        CHECK_OK(spg_seqlock_init(&shared->seqlock));
        run_threads(publish_by_seqlock);
    }
}

/* ---- threads and ownership ------------------------------------------------------------------- */

static void *find_held(void *argument) {
    if (*(int *)argument != 0) return NULL;
    CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(&shared->mutex, SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(&shared->mutex));
    CHECK_RESULT(SPG_EPERM, spg_mutex_recovered(&shared->mutex));
    CHECK_RESULT(SPG_EPERM, spg_condition_wait(&shared->condition, &shared->mutex, SPG_FOREVER));
    CHECK_RESULT(SPG_EPERM, spg_barrier_leave(&shared->barrier));
    return NULL;
}

TEST(what_one_thread_holds_another_does_not) {
    make_shared();
    CHECK_OK(spg_mutex_init(&shared->mutex));
    CHECK_OK(spg_condition_init(&shared->condition));
    CHECK_OK(spg_barrier_init(&shared->barrier, 2));
    CHECK_RESULT(SPG_EAGAIN, spg_barrier_wait(&shared->barrier, SPG_NOWAIT));
    CHECK_OK(spg_mutex_lock(&shared->mutex, SPG_NOWAIT));
    run_threads(find_held);
    CHECK_OK(spg_mutex_unlock(&shared->mutex));
    CHECK_OK(spg_barrier_leave(&shared->barrier));
}
