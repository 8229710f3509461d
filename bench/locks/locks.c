/* locks.c: what Samepage's locks and segments cost beside those of the C library. What is compared
 * with what, and how, is told in locks.h. */
#include <string.h>

#include "locks.h"

enum { OUTCOMES_MAX = 32 };

static struct outcome outcomes[OUTCOMES_MAX];
static struct kills kills;
static int outcome_count;

static void init_ours(struct arena *arena) {
    char value[VALUE_BYTES];
    memset(value, 7, sizeof value);
    must(spg_mutex_init(&arena->mutex));
    must(spg_rwlock_init(&arena->rwlock));
    must(spg_semaphore_init(&arena->semaphore, 0));
    must(spg_semaphore_init_owned(&arena->owned, 1));
    must(spg_semaphore_init(&arena->there, 0));
    must(spg_semaphore_init(&arena->back, 0));
    must(spg_event_init(&arena->event));
    must(spg_seqlock_init(&arena->seqlock));
    must(spg_seqlock_write(&arena->seqlock, arena->value, value, sizeof value, SPG_FOREVER));
}

static void init_theirs(struct arena *arena) {
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_rwlockattr_t rwlock;
    must(pthread_mutexattr_init(&mutex));
    must(pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED));
    must(pthread_mutex_init(&arena->plain_mutex, &mutex));
    must(pthread_mutex_init(&arena->event_mutex, &mutex));
    must(pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST));
    must(pthread_mutex_init(&arena->robust_mutex, &mutex));
    must(pthread_condattr_init(&condition));
    must(pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED));
    must(pthread_cond_init(&arena->event_condition, &condition));
    must(pthread_rwlockattr_init(&rwlock));
    must(pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED));
    must(pthread_rwlock_init(&arena->plain_rwlock, &rwlock));
    must(sem_init(&arena->plain_semaphore, 1, 0));
    must(sem_init(&arena->plain_there, 1, 0));
    must(sem_init(&arena->plain_back, 1, 0));
    must(sem_init(&arena->begin, 1, 0));
}

static int measure_all(struct arena *arena, const struct comparison *list, int count,
                       struct outcome *to) {
    for (int i = 0; i < count; i++) {
        to[i] = compare(arena, &list[i]);
        print_outcome(&to[i]);
    }
    return count;
}

void measure_locks(void) {
    spg_segment *segment;
    must(spg_segment_create(&segment, "anonymous:", sizeof(struct arena), NULL));
    struct arena *arena = spg_segment_address(segment);
    init_ours(arena);
    init_theirs(arena);

    putchar('\n');
    compare_on_one_processor(arena, &sleeping); /* first: no wait has spun yet */
    start_partner(arena);
    int count = measure_all(arena, alone, alone_count, outcomes);
    outcomes[count] = arena->outcome;
    print_outcome(&outcomes[count++]);
    count += measure_all(arena, together, together_count, outcomes + count);
    count += measure_all(arena, segments, segments_count, outcomes + count);
    end_partner(arena);
    measure_kills(arena, &kills);
    print_kills(&kills);
    outcome_count = count;
}

void locks_write(FILE *file) {
    write_outcomes(file, outcomes, outcome_count, &kills);
}
