/* herd_sync.h: who holds locks in a managed segment. What they guard is right whenever it is
 * nobody's, and each holder that finds its predecessor dead mends it. */
#ifndef TEST_STORM_HERD_SYNC_H
#define TEST_STORM_HERD_SYNC_H

#include "storm.h"

enum { PERMITS = 2, WORDS = 8 };

struct board {
    spg_mutex mutex, guard;
    spg_rwlock rwlock;
    spg_semaphore permits, plain;
    spg_condition condition;
    spg_event event;
    spg_barrier barrier;
    spg_seqlock seqlock;
    _Atomic uint64_t owner, left, right; /* of the mutex */
    _Atomic uint64_t words[WORDS];       /* of the rwlock: all are equal */
    _Atomic uint64_t slots[PERMITS];     /* who has a permit is in one of these */
    _Atomic uint64_t rung;               /* of the guard */
    uint64_t value[WORDS];               /* of the seqlock: all are equal */
};

static int prepare_board(void *context, void *bytes, size_t size) {
    struct board *board = bytes;
    (void)context, (void)size;
    CHECK_OK(spg_mutex_init(&board->mutex));
    CHECK_OK(spg_mutex_init(&board->guard));
    CHECK_OK(spg_rwlock_init(&board->rwlock));
    CHECK_OK(spg_semaphore_init_owned(&board->permits, PERMITS));
    CHECK_OK(spg_semaphore_init(&board->plain, 3));
    CHECK_OK(spg_condition_init(&board->condition));
    CHECK_OK(spg_event_init(&board->event));
    CHECK_OK(spg_barrier_init(&board->barrier, 2));
    CHECK_OK(spg_seqlock_init(&board->seqlock));
    return 0;
}

static spg_segment *open_board(void) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.exclusive = 0;
    options.prepare = prepare_board;
    SUCCEEDS(spg_segment_create(&segment, unique_name("posix:", "storm"), sizeof(struct board),
                                &options));
    return segment;
}

static uint64_t own_number(void) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    return id;
}

/* Was it taken, and from the dead? */
static bool is_of_the_dead(int result) {
    if (result != SPG_EOWNERDEAD) CHECK_OK(result);
    count(LOCKS, 1);
    if (result == SPG_EOWNERDEAD) count(LOCKS_OF_THE_DEAD, 1);
    return result == SPG_EOWNERDEAD;
}

static void use_mutex(struct board *board) {
    if (is_of_the_dead(spg_mutex_lock(&board->mutex, MILLISECONDS(PATIENCE_MS)))) {
        uint64_t owner = board->owner;
        if (owner && spg_node_alive(NULL, owner)) FAIL("two have the mutex");
        board->right = (uint64_t)board->left;
        CHECK_OK(spg_mutex_recovered(&board->mutex));
    } else if (board->owner != 0 || board->left != board->right) {
        FAIL("the mutex was free, and what it guards is not right");
    }
    board->owner = own_number();
    board->left++;
    linger();
    board->right++;
    if (board->owner != own_number()) FAIL("another has the mutex, too");
    board->owner = 0;
    CHECK_OK(spg_mutex_unlock(&board->mutex));
}

static void write_words(struct board *board, uint64_t word) {
    for (int i = 0; i < WORDS; i++) board->words[i] = word;
}

static void check_words(const struct board *board) {
    for (int i = 1; i < WORDS; i++) {
        if (board->words[i] != board->words[0]) FAIL("what the rwlock guards is not right");
    }
}

static void use_rwlock_to_write(struct board *board) {
    if (is_of_the_dead(spg_rwlock_lock_write(&board->rwlock, MILLISECONDS(PATIENCE_MS)))) {
        write_words(board, 1);
        CHECK_OK(spg_rwlock_recovered(&board->rwlock));
    }
    check_words(board);
    write_words(board, board->words[0] + 1);
    linger();
    check_words(board);
    CHECK_OK(spg_rwlock_unlock(&board->rwlock));
}

static void use_rwlock(struct board *board) {
    if (chance(3) == 0) {
        use_rwlock_to_write(board);
        return;
    }
    int result = spg_rwlock_lock_read(&board->rwlock, MILLISECONDS(PATIENCE_MS));
    if (result == SPG_EOWNERDEAD) {
        use_rwlock_to_write(board);
        return;
    }
    is_of_the_dead(result);
    check_words(board);
    linger();
    check_words(board);
    CHECK_OK(spg_rwlock_unlock(&board->rwlock));
}

/* A place that nobody who lives has: there is one, since there are as many as permits. */
static int take_slot(struct board *board) {
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < PERMITS; i++) {
            uint64_t owner = board->slots[i];
            if (owner && spg_node_alive(NULL, owner)) continue;
            if (atomic_compare_exchange_strong(&board->slots[i], &owner, own_number())) return i;
        }
    }
    FAIL("more than %d have a permit", PERMITS);
}

static void use_permit(struct board *board) {
    int result = spg_semaphore_wait(&board->permits, MILLISECONDS(PATIENCE_MS));
    if (result != 1) CHECK_OK(result);
    is_of_the_dead(result == 1 ? SPG_EOWNERDEAD : 0);
    int slot = take_slot(board);
    linger();
    if (board->slots[slot] != own_number()) FAIL("another has this permit, too");
    board->slots[slot] = 0;
    CHECK_OK(spg_semaphore_post(&board->permits));
}

static void lock_guard(struct board *board, int result) {
    if (is_of_the_dead(result)) CHECK_OK(spg_mutex_recovered(&board->guard));
}

static void ring(struct board *board) {
    lock_guard(board, spg_mutex_lock(&board->guard, MILLISECONDS(PATIENCE_MS)));
    board->rung++;
    CHECK_OK(spg_condition_signal(&board->condition));
    CHECK_OK(spg_mutex_unlock(&board->guard));
}

/* Until somebody rings, or it takes too long. */
static bool await_ring(struct board *board, int64_t timeout) {
    lock_guard(board, spg_mutex_lock(&board->guard, MILLISECONDS(PATIENCE_MS)));
    uint64_t before = board->rung;
    int result = 0;
    while (board->rung == before && result != SPG_ETIMEDOUT) {
        result = spg_condition_wait(&board->condition, &board->guard, timeout);
        if (result != SPG_ETIMEDOUT) lock_guard(board, result);
    }
    bool came = board->rung != before;
    CHECK_OK(spg_mutex_unlock(&board->guard));
    return came;
}

static void use_event(struct board *board) {
    CHECK_OK(spg_event_set(&board->event));
    if (chance(2)) CHECK_OK(spg_event_reset(&board->event));
}

static bool await_event(struct board *board, int64_t timeout) {
    int result = spg_event_wait(&board->event, timeout);
    if (result != SPG_ETIMEDOUT) CHECK_OK(result);
    return result == 0;
}

static void use_barrier(struct board *board) {
    int result = spg_barrier_wait(&board->barrier, MILLISECONDS(5));
    if (result != SPG_ETIMEDOUT && result != SPG_EFULL && result != SPG_EPEERDEAD && result != 1)
        CHECK_OK(result);
    result = spg_barrier_leave(&board->barrier);
    if (result != SPG_EPERM) CHECK_OK(result);
}

static void use_seqlock(struct board *board) {
    uint64_t value[WORDS];
    if (chance(3) == 0) {
        for (int i = 0; i < WORDS; i++) value[i] = self.random;
        CHECK_OK(spg_seqlock_write(&board->seqlock, board->value, value, sizeof value,
                                   MILLISECONDS(PATIENCE_MS)));
        return;
    }
    int result = spg_seqlock_read(&board->seqlock, board->value, value, sizeof value,
                                  MILLISECONDS(PATIENCE_MS));
    if (result == SPG_EOWNERDEAD) return; /* no value until the next one writes */
    CHECK_OK(result);
    for (int i = 1; i < WORDS; i++) {
        if (value[i] != value[0]) FAIL("a torn value under the seqlock");
    }
}

/* A signal that is counted: what the dead took is gone, so it is given more than it is taken. */
static void use_plain(struct board *board) {
    int result = spg_semaphore_wait(&board->plain, MILLISECONDS(1));
    if (result != SPG_ETIMEDOUT) CHECK_OK(result);
    int value = spg_semaphore_value(&board->plain);
    if (value < 0) CHECK_OK(value);
    if (value < 5) CHECK_OK(spg_semaphore_post(&board->plain));
}

static void use_one(struct board *board) {
    switch (chance(is_mortal() ? 10 : 8)) {
    case 0: use_mutex(board); break;
    case 1: use_rwlock(board); break;
    case 2: use_permit(board); break;
    case 3: ring(board); break;
    case 4: use_event(board); break;
    case 5: use_seqlock(board); break;
    case 6: use_plain(board); break;
    case 7: use_barrier(board); break;
    case 8: await_ring(board, MILLISECONDS(5)); break;
    case 9: await_event(board, MILLISECONDS(5)); break;
    }
}

static void be_holder(void) {
    spg_segment *segment = open_board();
    is_ready();
    while (goes_on()) {
        park(STOP);
        use_one(spg_segment_address(segment));
        step();
        if (chance(8) == 0) nap_us(100);
    }
    CHECK_OK(spg_segment_close(segment));
}

/* Survives, and waits for what others do. */
static void be_waiter(void) {
    spg_segment *segment = open_board();
    is_ready();
    while (goes_on()) {
        park(QUIET);
        if (await_ring(spg_segment_address(segment), MILLISECONDS(100))) step();
        if (await_event(spg_segment_address(segment), MILLISECONDS(100))) step();
    }
    CHECK_OK(spg_segment_close(segment));
}

/* When all rest: somebody waits at the barrier until those who died there are found and gone. (One
 * that had arrived may end a round first.) */
static void bury(void) {
    spg_segment *segment = open_board();
    struct board *board = spg_segment_address(segment);
    int result;
    do result = spg_barrier_wait(&board->barrier, MILLISECONDS(200));
    while (result == SPG_EPEERDEAD || result == 0 || result == 1);
    CHECK_RESULT(SPG_ETIMEDOUT, result);
    CHECK_OK(spg_barrier_leave(&board->barrier));
    CHECK_OK(spg_segment_close(segment));
}

/* And then: two come together at it. */
static void meet(void) {
    spg_segment *segment = open_board();
    struct board *board = spg_segment_address(segment);
    int result = spg_barrier_wait(&board->barrier, MILLISECONDS(PATIENCE_MS));
    if (result != 1) CHECK_OK(result);
    CHECK_OK(spg_barrier_leave(&board->barrier));
    CHECK_OK(spg_segment_close(segment));
}

#endif
