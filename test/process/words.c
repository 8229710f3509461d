/* words.c: a process with words of 32 bits and one with words of 64 share every primitive and a
 * managed segment. This file is built twice (words.cmake); the tests run in the 64-bit program,
 * which starts roles of both. Skipped where there is no 32-bit program. */
#include <sys/resource.h>

#include "process/both.h"

#ifndef OTHER_WORDS
#    define OTHER_WORDS ""
#endif

enum { ROUNDS = 4000, WORDS = 16 };

struct shared {
    spg_mutex mutex;
    spg_rwlock rwlock;
    spg_semaphore empty, full, owned;
    spg_condition condition;
    spg_event event, answer;
    spg_barrier barrier;
    spg_seqlock seqlock;
    SPG_ALIGN_8 uint64_t value[WORDS];
    SPG_ALIGN_8 uint64_t sums[2], left, right, turn, box;
};

/* Before anything is made that a skipped test would leave. */
static void need_the_other(void) {
    if (OTHER_WORDS[0] && access(OTHER_WORDS, X_OK) == 0) return;
    SKIP("there is no 32-bit program");
}

static struct both make(void) {
    need_the_other();
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_mutex_init(&here->mutex));
    CHECK_OK(spg_rwlock_init(&here->rwlock));
    CHECK_OK(spg_semaphore_init(&here->empty, 1));
    CHECK_OK(spg_semaphore_init(&here->full, 0));
    CHECK_OK(spg_semaphore_init_owned(&here->owned, 1));
    CHECK_OK(spg_condition_init(&here->condition));
    CHECK_OK(spg_event_init(&here->event));
    CHECK_OK(spg_event_init(&here->answer));
    CHECK_OK(spg_barrier_init(&here->barrier, 2));
    CHECK_OK(spg_seqlock_init(&here->seqlock));
    return both;
}

/* Starts a role of the 32-bit program, or of this one. */
static pid_t start(bool other, const char *role, const char *name, const char *argument) {
    need_the_other();
    pid_t pid = harness_fork();
    if (pid == 0) {
        char *command[] = {(char *)"test", (char *)"--role", (char *)role,
                           (char *)name,   (char *)argument, NULL};
        execv(other ? OTHER_WORDS : "/proc/self/exe", command);
        _exit(127);
    }
    return pid;
}

/* One of each, with "0" and "1". */
static void run_both(const char *role, const char *name) {
    pid_t small = start(true, role, name, "0"), large = start(false, role, name, "1");
    CHECK_INT(0, reap(small));
    CHECK_INT(0, reap(large));
}

ROLE(tells_its_words) {
    *counter(1) = sizeof(void *);
    *counter(2) = sizeof(struct shared);
}

TEST(the_other_program_has_words_of_32_bits) {
    CHECK_INT(0, reap(start(true, "tells_its_words", NULL, NULL)));
    CHECK_INT(4, *counter(1));
    CHECK_INT(sizeof(struct shared), *counter(2));
    CHECK_INT(8, sizeof(void *));
}

/* ---- all primitives, both ways --------------------------------------------------------------- */

static void use_locks(struct shared *side) {
    CHECK_OK(spg_mutex_lock(&side->mutex, SPG_FOREVER));
    side->left++;
    CHECK_OK(spg_mutex_unlock(&side->mutex));
    CHECK_OK(spg_semaphore_wait(&side->owned, SPG_FOREVER));
    side->right++;
    CHECK_OK(spg_semaphore_post(&side->owned));
}

ROLE(counts) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    for (int i = 0; i < ROUNDS; i++) {
        struct shared *side = sides[i % 2];
        use_locks(side);
        if (i % 3) {
            CHECK_OK(spg_rwlock_lock_read(&side->rwlock, SPG_FOREVER));
            CHECK_INT(side->sums[0], side->sums[1]);
        } else {
            CHECK_OK(spg_rwlock_lock_write(&side->rwlock, MILLISECONDS(60000)));
            side->sums[0]++;
            side->sums[1]++;
        }
        CHECK_OK(spg_rwlock_unlock(&side->rwlock));
    }
    both_close(&both);
}

TEST(locks_count_exactly) {
    struct both both = make();
    struct shared *here = both.here;
    run_both("counts", both.name);
    CHECK_INT(2 * ROUNDS, here->left);
    CHECK_INT(2 * ROUNDS, here->right);
    CHECK_INT(2 * ((ROUNDS + 2) / 3), here->sums[0]);
    both_remove(&both);
}

ROLE(passes) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    bool gives = *arguments[1] == '0';
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        if (gives) {
            CHECK_OK(spg_semaphore_wait(&here->empty, SPG_FOREVER));
            here->box = i;
            CHECK_OK(spg_semaphore_post(&here->full));
            CHECK_OK(spg_event_wait(&here->answer, SPG_FOREVER));
            CHECK_OK(spg_event_reset(&here->answer));
            CHECK_OK(spg_event_set(&here->event));
        } else {
            CHECK_OK(spg_semaphore_wait(&here->full, SPG_FOREVER));
            here->sums[0] += here->box;
            CHECK_OK(spg_event_set(&here->answer));
            CHECK_OK(spg_event_wait(&here->event, SPG_FOREVER));
            CHECK_OK(spg_event_reset(&here->event));
            CHECK_OK(spg_semaphore_post(&here->empty));
        }
    }
    both_close(&both);
}

TEST(semaphores_and_events_lose_nothing) {
    struct both both = make();
    struct shared *here = both.here;
    run_both("passes", both.name);
    CHECK_INT((uint64_t)ROUNDS * (ROUNDS + 1) / 2, here->sums[0]);
    both_remove(&both);
}

ROLE(takes_turns) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    uint64_t mine = (uint64_t)atoi(arguments[1]);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_OK(spg_mutex_lock(&here->mutex, SPG_FOREVER));
        while (here->turn % 2 != mine) {
            CHECK_OK(spg_condition_wait(&here->condition, &here->mutex, SPG_FOREVER));
        }
        here->turn++;
        CHECK_OK(spg_condition_signal(&here->condition));
        CHECK_OK(spg_mutex_unlock(&here->mutex));
    }
    both_close(&both);
}

TEST(a_condition_passes_the_turn) {
    struct both both = make();
    struct shared *here = both.here;
    run_both("takes_turns", both.name);
    CHECK_INT(2 * ROUNDS, here->turn);
    both_remove(&both);
}

ROLE(meets) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    int mine = atoi(arguments[1]);
    for (uint64_t i = 1; i <= 1000; i++) {
        here->sums[mine] = i;
        CHECK(spg_barrier_wait(&here->barrier, SPG_FOREVER) >= 0);
        CHECK_INT(i, here->sums[1 - mine]);
        CHECK(spg_barrier_wait(&here->barrier, SPG_FOREVER) >= 0);
    }
    CHECK_OK(spg_barrier_leave(&here->barrier));
    both_close(&both);
}

TEST(a_barrier_joins_both) {
    struct both both = make();
    run_both("meets", both.name);
    both_remove(&both);
}

ROLE(writes_and_reads) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open(&segment, both.name, &options));
    const struct shared *view = spg_segment_address(segment);
    uint64_t value[WORDS], random = (uint64_t)atoi(arguments[1]);
    for (int i = 0; i < ROUNDS; i++) {
        value[0] = chance(&random);
        for (uint64_t j = 1; j < WORDS; j++) value[j] = value[0] * (j + 1);
        CHECK_OK(spg_seqlock_write(&here->seqlock, here->value, value, sizeof value, SPG_FOREVER));
        CHECK_OK(spg_seqlock_read(&view->seqlock, view->value, value, sizeof value, SPG_FOREVER));
        for (uint64_t j = 1; j < WORDS; j++) CHECK_INT(value[0] * (j + 1), value[j]);
    }
    CHECK_OK(spg_segment_close(segment));
    both_close(&both);
}

TEST(a_seqlock_gives_whole_values_also_from_a_read_only_mapping) {
    struct both both = make();
    run_both("writes_and_reads", both.name);
    both_remove(&both);
}

/* ---- death ----------------------------------------------------------------------------------- */

ROLE(holds_all) {
    struct both both = both_open(arguments[0]);
    struct shared *there = both.there;
    uint64_t value[WORDS] = {0}, id;
    CHECK_OK(spg_barrier_wait(&there->barrier, SPG_NOWAIT) == SPG_EAGAIN ? 0 : -1);
    CHECK_OK(spg_seqlock_write(&there->seqlock, there->value, value, sizeof value, SPG_FOREVER));
    CHECK_OK(spg_mutex_lock(&there->mutex, SPG_FOREVER));
    CHECK_OK(spg_semaphore_wait(&there->owned, SPG_FOREVER));
    if (*arguments[1] == 'r') CHECK_OK(spg_rwlock_lock_read(&there->rwlock, SPG_FOREVER));
    else CHECK_OK(spg_rwlock_lock_write(&there->rwlock, SPG_FOREVER));
    CHECK_OK(spg_node_id(NULL, &id));
    *counter(1) = (int64_t)id;
    step_reach(1);
    for (;;) pause();
}

/* What the killed one held is there, and said to be held by a living one before. */
ROLE(takes_over) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    bool read = *arguments[1] == 'r';
    CHECK_INT(1, spg_node_alive(NULL, (uint64_t)*counter(1)));
    CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(&here->mutex, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_rwlock_lock_write(&here->rwlock, MILLISECONDS(30)));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(&here->owned, SPG_NOWAIT));
    step_reach(2);
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(&here->mutex, MILLISECONDS(20000)));
    CHECK_OK(spg_mutex_recovered(&here->mutex));
    CHECK_OK(spg_mutex_unlock(&here->mutex));
    CHECK_INT(1, spg_semaphore_wait(&here->owned, MILLISECONDS(20000)));
    CHECK_OK(spg_semaphore_post(&here->owned));
    CHECK_RESULT(read ? 0 : SPG_EOWNERDEAD,
                 spg_rwlock_lock_write(&here->rwlock, MILLISECONDS(20000)));
    CHECK_OK(spg_rwlock_recovered(&here->rwlock));
    CHECK_OK(spg_rwlock_unlock(&here->rwlock));
    CHECK_RESULT(SPG_EPEERDEAD, spg_barrier_wait(&here->barrier, MILLISECONDS(20000)));
    CHECK_INT(0, spg_node_alive(NULL, (uint64_t)*counter(1)));
    both_close(&both);
}

static void check_death(bool other_dies, const char *how) {
    struct both both = make();
    *counter(0) = 0;
    pid_t holder = start(other_dies, "holds_all", both.name, how);
    step_await(1);
    pid_t heir = start(!other_dies, "takes_over", both.name, how);
    step_await(2);
    kill_and_reap(holder);
    CHECK_INT(0, reap(heir));
    both_remove(&both);
}

TEST(the_large_recover_from_the_death_of_the_small) {
    check_death(true, "read");
    check_death(true, "write");
}

TEST(the_small_recover_from_the_death_of_the_large) {
    check_death(false, "read");
    check_death(false, "write");
}

/* Both kinds in turn add under the mutex and are killed. */
ROLE(adds_for_ever) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    for (;;) {
        int result = spg_mutex_lock(&here->mutex, SPG_FOREVER);
        if (result == SPG_EOWNERDEAD) {
            here->right = here->left;
            CHECK_OK(spg_mutex_recovered(&here->mutex));
        } else {
            CHECK_OK(result);
        }
        CHECK_INT(here->left, here->right);
        here->left++;
        dawdle(50);
        here->right++;
        CHECK_OK(spg_mutex_unlock(&here->mutex));
        ++*counter(5);
    }
}

TEST(a_hundred_deaths_on_both_sides_spoil_nothing) {
    struct both both = make();
    uint64_t random = 1;
    pid_t pids[4];
    for (int i = 0; i < 4; i++) pids[i] = start(i % 2, "adds_for_ever", both.name, NULL);
    for (int i = 0; i < 100; i++) {
        int64_t before = *counter(5);
        nap_us(500 + (unsigned)(chance(&random) % 5000));
        for (int j = 0; j < 5000 && *counter(5) == before; j++) nap_us(1000);
        CHECK(*counter(5) > before);
        kill_and_reap(pids[i % 4]);
        pids[i % 4] = start(i % 2, "adds_for_ever", both.name, NULL);
    }
    for (int i = 0; i < 4; i++) kill_and_reap(pids[i]);
    struct shared *here = both.here;
    int result = spg_mutex_lock(&here->mutex, MILLISECONDS(2000));
    CHECK(result == 0 || result == SPG_EOWNERDEAD);
    if (result == 0) CHECK_INT(here->left, here->right);
    CHECK_OK(spg_mutex_unlock(&here->mutex));
    both_remove(&both);
}

/* ---- a managed segment ----------------------------------------------------------------------- */

static spg_segment_options managed_options(void) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.type = "words";
    return options;
}

ROLE(makes_managed) {
    spg_segment_options options = managed_options();
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, arguments[0], 12345, &options));
    memset(spg_segment_address(segment), 0x5a, 12345);
    step_reach(1);
    step_await(2);
    CHECK_OK(spg_segment_close(segment));
}

ROLE(opens_managed) {
    spg_segment_options options = managed_options();
    spg_segment *segment;
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    CHECK_INT(12345, spg_segment_size(segment));
    const unsigned char *bytes = spg_segment_address(segment);
    for (int i = 0; i < 12345; i++) CHECK_INT(0x5a, bytes[i]);
    CHECK_INT(0, spg_check(NULL, arguments[0], NULL, NULL));
    CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    step_reach(2);
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_managed_segment_made_by_one_is_opened_by_the_other) {
    for (int small_makes = 0; small_makes < 2; small_makes++) {
        const char *name = unique_name("posix:", "managed");
        *counter(0) = 0;
        pid_t maker = start(small_makes, "makes_managed", name, NULL);
        step_await(1);
        CHECK_INT(0, reap(start(!small_makes, "opens_managed", name, NULL)));
        CHECK_INT(0, reap(maker));
        CHECK_OK(spg_segment_unlink(name));
    }
}

/* ---- timeouts beyond the seconds of a 32-bit word -------------------------------------------- */

ROLE(waits_a_century) {
    struct both both = both_open(arguments[0]);
    struct shared *here = both.here;
    struct rusage usage;
    step_reach(1);
    CHECK_OK(spg_event_wait(&here->event, INT64_C(3000000000) * 1000000000));
    getrusage(RUSAGE_SELF, &usage);
    *counter(1) = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
                  usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000;
    both_close(&both);
}

TEST(a_wait_for_a_century_sleeps) {
    for (int other = 0; other < 2; other++) {
        struct both both = make();
        struct shared *here = both.here;
        *counter(0) = 0;
        pid_t pid = start(other, "waits_a_century", both.name, NULL);
        step_await(1);
        nap_ms(600);
        CHECK_INT(0, waitpid(pid, NULL, WNOHANG));
        CHECK_OK(spg_event_set(&here->event));
        CHECK_INT(0, reap(pid));
        if (*counter(1) > 200) FAIL("it was awake for %d ms of 600", (int)*counter(1));
        both_remove(&both);
    }
}
