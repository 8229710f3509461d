/* uncontended.c: calls that do not wait make no system call. A child does them under a filter that
 * kills it at any call but the one by which it ends. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "harness/harness.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SANITIZER_MAKES_CALLS = 1 };
#else
enum { SANITIZER_MAKES_CALLS = 0 };
#endif

static struct {
    spg_mutex mutex;
    spg_rwlock rwlock;
    spg_semaphore plain, owned;
    spg_condition condition;
    spg_event event;
    spg_barrier barrier;
    spg_seqlock seqlock;
    uint64_t value[4];
} shared;

enum { CALL = offsetof(struct seccomp_data, nr) };

/* exit_group and write, so that a failed check can still speak; anything else is death. */
static void forbid_system_calls(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CALL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
        _exit(HARNESS_SKIPPED);
    }
}

static void run_twice(void *argument) {
    void (*calls)(void);
    memcpy(&calls, &argument, sizeof calls);
    calls();
    forbid_system_calls();
    for (int i = 0; i < 1000; i++) calls();
    _exit(0);
}

static void make_no_system_call(void (*calls)(void)) {
    void *argument;
    if (SANITIZER_MAKES_CALLS) SKIP("a sanitizer makes calls of its own");
    memcpy(&argument, &calls, sizeof calls);
    int status = role_wait(role_fork(run_twice, argument));
    if (status == HARNESS_SKIPPED) SKIP("no filter is permitted here");
    if (status == -SIGSYS) FAIL("it made a system call");
    CHECK_INT(0, status);
}

static void use_mutex(void) {
    CHECK_OK(spg_mutex_lock(&shared.mutex, SPG_FOREVER));
    CHECK_OK(spg_mutex_unlock(&shared.mutex));
    CHECK_OK(spg_mutex_lock(&shared.mutex, MILLISECONDS(10)));
    CHECK_RESULT(SPG_EDEADLOCK, spg_mutex_lock(&shared.mutex, SPG_FOREVER));
    CHECK_OK(spg_mutex_recovered(&shared.mutex));
    CHECK_OK(spg_condition_signal(&shared.condition));
    CHECK_OK(spg_mutex_unlock(&shared.mutex));
}

static void use_rwlock(void) {
    CHECK_OK(spg_rwlock_lock_read(&shared.rwlock, SPG_FOREVER));
    CHECK_OK(spg_rwlock_lock_read(&shared.rwlock, MILLISECONDS(10)));
    CHECK_OK(spg_rwlock_unlock(&shared.rwlock));
    CHECK_OK(spg_rwlock_unlock(&shared.rwlock));
    CHECK_OK(spg_rwlock_lock_write(&shared.rwlock, SPG_FOREVER));
    CHECK_OK(spg_rwlock_unlock(&shared.rwlock));
}

static void use_plain(void) {
    CHECK_OK(spg_semaphore_post(&shared.plain));
    CHECK_OK(spg_semaphore_wait(&shared.plain, SPG_FOREVER));
    CHECK_RESULT(SPG_EAGAIN, spg_semaphore_wait(&shared.plain, SPG_NOWAIT));
    CHECK_INT(0, spg_semaphore_value(&shared.plain));
}

static void use_owned(void) {
    CHECK_OK(spg_semaphore_wait(&shared.owned, SPG_FOREVER));
    CHECK_OK(spg_semaphore_wait(&shared.owned, SPG_NOWAIT));
    CHECK_OK(spg_semaphore_post(&shared.owned));
    CHECK_OK(spg_semaphore_post(&shared.owned));
}

static void use_event(void) {
    CHECK_OK(spg_event_set(&shared.event));
    CHECK_OK(spg_event_wait(&shared.event, SPG_FOREVER));
    CHECK_OK(spg_event_set(&shared.event));
    CHECK_OK(spg_event_reset(&shared.event));
    CHECK_RESULT(SPG_EAGAIN, spg_event_wait(&shared.event, SPG_NOWAIT));
}

static void use_seqlock(void) {
    uint64_t value[4] = {1, 2, 3, 4};
    CHECK_OK(spg_seqlock_write(&shared.seqlock, shared.value, value, sizeof value, SPG_FOREVER));
    CHECK_OK(spg_seqlock_read(&shared.seqlock, shared.value, value, sizeof value, SPG_FOREVER));
    CHECK_INT(3, value[2]);
}

static void use_futex(void) {
    static int word = 1;
    syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0);
}

TEST(the_filter_kills_at_a_futex_call) {
    void (*calls)(void) = use_futex;
    void *argument;
    if (SANITIZER_MAKES_CALLS) SKIP("a sanitizer makes calls of its own");
    memcpy(&argument, &calls, sizeof calls);
    int status = role_wait(role_fork(run_twice, argument));
    if (status == HARNESS_SKIPPED) SKIP("no filter is permitted here");
    CHECK_INT(-SIGSYS, status);
}

TEST(a_free_mutex_makes_no_system_call) {
    CHECK_OK(spg_mutex_init(&shared.mutex));
    CHECK_OK(spg_condition_init(&shared.condition));
    make_no_system_call(use_mutex);
}

TEST(a_free_rwlock_makes_no_system_call) {
    CHECK_OK(spg_rwlock_init(&shared.rwlock));
    make_no_system_call(use_rwlock);
}

TEST(a_plain_semaphore_makes_no_system_call) {
    CHECK_OK(spg_semaphore_init(&shared.plain, 0));
    make_no_system_call(use_plain);
}

TEST(an_owned_semaphore_makes_no_system_call) {
    CHECK_OK(spg_semaphore_init_owned(&shared.owned, 2));
    make_no_system_call(use_owned);
}

TEST(an_event_makes_no_system_call) {
    CHECK_OK(spg_event_init(&shared.event));
    make_no_system_call(use_event);
}

TEST(a_seqlock_makes_no_system_call) {
    CHECK_OK(spg_seqlock_init(&shared.seqlock));
    make_no_system_call(use_seqlock);
}
