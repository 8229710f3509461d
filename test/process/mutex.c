/* mutex.c: the mutex between processes: exclusion, and owners that die, stop, fork and exec.
 *
 * Every test maps its segment twice: the two sides of a process see the lock at different
 * addresses. */
#include <pthread.h>

#include "harness/harness.h"

struct shared {
    spg_mutex mutex;
    uint64_t count;
};

struct both {
    spg_segment *first, *second;
    struct shared *here, *there;
};

static struct both open_both(const char *name) {
    struct both both;
    CHECK_OK(spg_segment_open(&both.first, name, NULL));
    CHECK_OK(spg_segment_open(&both.second, name, NULL));
    both.here = spg_segment_address(both.first);
    both.there = spg_segment_address(both.second);
    CHECK(both.here != both.there);
    return both;
}

static void close_both(struct both *both) {
    CHECK_OK(spg_segment_close(both->first));
    CHECK_OK(spg_segment_close(both->second));
}

static struct both create_both(const char *name) {
    spg_segment *made;
    CHECK_OK(spg_segment_create(&made, name, sizeof(struct shared), NULL));
    CHECK_OK(spg_segment_close(made));
    struct both both = open_both(name);
    CHECK_OK(spg_mutex_init(&both.here->mutex));
    return both;
}

static void remove_both(struct both *both, const char *name) {
    close_both(both);
    CHECK_OK(spg_segment_unlink(name));
}

/* Locks, tells, and stays until it is killed. */
ROLE(owner) {
    struct both both = open_both(arguments[0]);
    CHECK_OK(spg_mutex_lock(&both.there->mutex, SPG_FOREVER));
    step_reach(1);
    for (;;) pause();
}

ROLE(adder) {
    struct both both = open_both(arguments[0]);
    long rounds = atol(arguments[1]);
    for (long i = 0; i < rounds; i++) {
        spg_mutex *mutex = i % 2 ? &both.here->mutex : &both.there->mutex;
        CHECK_OK(spg_mutex_lock(mutex, SPG_FOREVER));
        both.here->count++;
        CHECK_OK(spg_mutex_unlock(mutex));
    }
    close_both(&both);
}

TEST(three_processes_exclude_each_other) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *roles[3];
    for (int i = 0; i < 3; i++) roles[i] = role_start("adder", name, "30000");
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(roles[i]);
    CHECK_INT(90000, both.there->count);
    remove_both(&both, name);
}

TEST(a_held_mutex_gives_eagain_and_etimedout_in_time) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *owner = role_start("owner", name);
    step_await(1);
    CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(&both.here->mutex, SPG_NOWAIT));
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_mutex_lock(&both.here->mutex, MILLISECONDS(35)));
    CHECK(now_ns() - before >= MILLISECONDS(35));
    CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(&both.here->mutex));
    role_kill(owner);
    remove_both(&both, name);
}

static void check_takeover(const char *kind) {
    const char *name = unique_name(kind, "x");
    struct both both = create_both(name);
    struct role *owner = role_start("owner", name);
    step_await(1);
    role_kill(owner);
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(&both.here->mutex, SPG_FOREVER));
    CHECK_OK(spg_mutex_recovered(&both.there->mutex));
    CHECK_OK(spg_mutex_unlock(&both.there->mutex));
    CHECK_OK(spg_mutex_lock(&both.there->mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    remove_both(&both, name);
}

TEST(a_killed_owner_is_followed_in_posix_memory) {
    check_takeover("posix:");
}

TEST(a_killed_owner_is_followed_in_system_v_memory) {
    check_takeover("sysv:");
}

TEST(a_killed_owner_is_followed_in_a_file) {
    check_takeover("file:");
}

TEST(a_killed_owner_is_found_without_waiting) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *owner = role_start("owner", name);
    step_await(1);
    role_kill(owner);
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(&both.here->mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    remove_both(&both, name);
}

TEST(unrepaired_data_are_reported_until_somebody_says_recovered) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    role_kill((step_reach(0), role_start("owner", name)));
    struct role *owner = role_start("owner", name);
    step_await(1);
    role_kill(owner);
    for (int i = 0; i < 3; i++) {
        CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(&both.here->mutex, SPG_NOWAIT));
        CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    }
    CHECK_RESULT(SPG_EPERM, spg_mutex_recovered(&both.here->mutex));
    remove_both(&both, name);
}

ROLE(waiter) {
    struct both both = open_both(arguments[0]);
    step_reach(2);
    int result = spg_mutex_lock(&both.here->mutex, SPG_FOREVER);
    *counter(1) = now_ns();
    CHECK_RESULT(SPG_EOWNERDEAD, result);
    CHECK_OK(spg_mutex_recovered(&both.here->mutex));
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    close_both(&both);
}

TEST(a_waiter_that_sleeps_gets_the_mutex_of_a_killed_owner) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *owner = role_start("owner", name);
    step_await(1);
    struct role *waiter = role_start("waiter", name);
    step_await(2);
    nap_ms(30);
    role_kill(owner);
    ROLE_ENDS_WELL(waiter);
    remove_both(&both, name);
}

TEST(a_stopped_owner_loses_nothing) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *owner = role_start("owner", name);
    step_await(1);
    role_signal(owner, SIGSTOP);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_mutex_lock(&both.here->mutex, MILLISECONDS(300)));
    role_signal(owner, SIGCONT);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_mutex_lock(&both.here->mutex, MILLISECONDS(50)));
    role_kill(owner);
    remove_both(&both, name);
}

ROLE(becomes_another_program) {
    struct both both = open_both(arguments[0]);
    CHECK_OK(spg_mutex_lock(&both.here->mutex, SPG_FOREVER));
    execl("/proc/self/exe", "test", "--role", "sleeper", NULL);
    _exit(1);
}

ROLE(sleeper) {
    step_reach(1);
    for (;;) pause();
}

TEST(exec_counts_as_death) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *role = role_start("becomes_another_program", name);
    step_await(1);
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(&both.here->mutex, SPG_FOREVER));
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    role_kill(role);
    remove_both(&both, name);
}

static void child_of_owner(void *argument) {
    struct both *both = argument;
    CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(&both->here->mutex));
    CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(&both->here->mutex, SPG_NOWAIT));
}

TEST(a_fork_child_does_not_hold_what_its_parent_holds) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    CHECK_OK(spg_mutex_lock(&both.here->mutex, SPG_FOREVER));
    ROLE_ENDS_WELL(role_fork(child_of_owner, &both));
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    remove_both(&both, name);
}

static void sleep_on(void *argument) {
    (void)argument;
    for (;;) pause();
}

ROLE(owner_with_a_child) {
    struct both both = open_both(arguments[0]);
    CHECK_OK(spg_mutex_lock(&both.there->mutex, SPG_FOREVER));
    role_fork(sleep_on, NULL);
    step_reach(1);
    for (;;) pause();
}

TEST(a_fork_child_that_lives_on_does_not_hide_the_death_of_its_parent) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    struct role *owner = role_start("owner_with_a_child", name);
    step_await(1);
    role_kill(owner);
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(&both.here->mutex, MILLISECONDS(2000)));
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    remove_both(&both, name);
}

static void *lock_in_thread(void *argument) {
    struct both *both = argument;
    CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(&both->there->mutex, SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(&both->there->mutex));
    return NULL;
}

TEST(threads_of_one_process_are_told_apart) {
    const char *name = unique_name("posix:", "x");
    struct both both = create_both(name);
    pthread_t thread;
    CHECK_OK(spg_mutex_lock(&both.here->mutex, SPG_FOREVER));
    CHECK_RESULT(SPG_EDEADLOCK, spg_mutex_lock(&both.there->mutex, SPG_FOREVER));
    pthread_create(&thread, NULL, lock_in_thread, &both);
    pthread_join(thread, NULL);
    CHECK_OK(spg_mutex_unlock(&both.here->mutex));
    CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(&both.here->mutex));
    remove_both(&both, name);
}

ROLE(in_another_domain) {
    struct both both = open_both(arguments[0]);
    CHECK_RESULT(SPG_EDOMAIN, spg_mutex_lock(&both.here->mutex, SPG_NOWAIT));
    close_both(&both);
}

TEST(a_process_of_another_domain_is_refused) {
    char other[300];
    const char *name = unique_name("posix:", "x");
    const char *domain = getenv("SAMEPAGE_DOMAIN");
    struct both both = create_both(name);
    snprintf(other, sizeof other, "%s-other", domain);
    setenv("SAMEPAGE_DOMAIN", other, 1);
    struct role *role = role_start("in_another_domain", name);
    ROLE_ENDS_WELL(role);
    snprintf(other, sizeof other, "rm -r %s-other", domain);
    CHECK_INT(0, system(other));
    remove_both(&both, name);
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) char bytes[sizeof(spg_mutex) + 8] = {0};
    spg_mutex *mutex = (spg_mutex *)(void *)bytes;
    CHECK_RESULT(SPG_EINVAL, spg_mutex_init(NULL));
    CHECK_RESULT(SPG_EINVAL, spg_mutex_lock(NULL, 0));
    CHECK_RESULT(SPG_EINVAL, spg_mutex_lock((spg_mutex *)(void *)(bytes + 4), 0));
    CHECK_RESULT(SPG_ECORRUPT, spg_mutex_lock(mutex, 0));
    CHECK_RESULT(SPG_ECORRUPT, spg_mutex_unlock(mutex));
    memset(bytes, 0xff, sizeof bytes);
    CHECK_RESULT(SPG_ECORRUPT, spg_mutex_lock(mutex, 0));
    CHECK_OK(spg_mutex_init(mutex));
    CHECK_RESULT(SPG_EINVAL, spg_mutex_lock(mutex, -2));
    mutex->words[2] = UINT64_MAX; /* an owner that never was: dead */
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(mutex));
}
