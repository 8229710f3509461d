/* namespaces.c: nodes of processes that count their PIDs apart, and PIDs that are used again.
 * Skipped where a PID namespace of one's own is not permitted. */
#include <sched.h>
#include <sys/mount.h>

#include "process/domain.h"

static void set_next_pid(pid_t pid) {
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    char text[16];
    int length = snprintf(text, sizeof text, "%d", (int)pid - 1);
    if (fd < 0 || write(fd, text, (size_t)length) != length) _exit(HARNESS_SKIPPED);
    close(fd);
}

static pid_t fork_joined(spg_mutex *mutex, bool locks) {
    int64_t before = *counter(READY);
    pid_t pid = harness_fork();
    if (pid == 0) {
        uint64_t id = own_id();
        if (locks) CHECK_OK(spg_mutex_lock(mutex, SPG_NOWAIT));
        *counter(IDS) = (int64_t)id;
        ++*counter(READY);
        for (;;) pause();
    }
    await(READY, before + 1);
    return pid;
}

/* The first process of a PID namespace of its own. */
static void reuse_pids(void *argument) {
    spg_mutex *mutex = argument;
    own_id();
    CHECK_OK(spg_mutex_init(mutex));
    pid_t owner = fork_joined(mutex, true);
    uint64_t dead = (uint64_t)*counter(IDS);
    kill_and_reap(owner);
    pid_t other = 0;
    for (int i = 0; i < 20 && other != owner; i++) {
        if (other) kill_and_reap(other);
        set_next_pid(owner);
        other = fork_joined(mutex, false);
    }
    CHECK_INT(owner, other);
    CHECK(dead != (uint64_t)*counter(IDS));
    CHECK_INT(0, alive(dead));
    CHECK_INT(1, alive((uint64_t)*counter(IDS)));
    CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(mutex));
    kill_and_reap(other);
}

static void run_in_pid_namespace(void (*function)(void *), void *argument) {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) _exit(HARNESS_SKIPPED);
    pid_t pid = harness_fork();
    if (pid == 0) {
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        mount("proc", "/proc", "proc", 0, NULL);
        function(argument);
        fflush(NULL);
        _exit(0);
    }
    int status = reap(pid);
    fflush(NULL);
    _exit(status < 0 ? 1 : status);
}

static void reuse_pids_apart(void *argument) {
    run_in_pid_namespace(reuse_pids, argument);
}

TEST(a_process_that_gets_the_pid_of_a_dead_one_is_not_taken_for_it) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = role_wait(role_fork(reuse_pids_apart, memory));
    if (status == HARNESS_SKIPPED) SKIP("no PID namespace of our own is permitted here");
    CHECK_INT(0, status);
}

static void live_in_namespace(void *argument) {
    (void)argument;
    uint64_t outside = (uint64_t)*counter(IDS);
    *counter(IDS + 1) = (int64_t)own_id();
    CHECK_INT(1, alive(outside));
    pid_t child = fork_joined(NULL, false); /* writes IDS */
    *counter(IDS + 2) = *counter(IDS);
    step_reach(1);
    step_await(2); /* the node outside is dead now */
    CHECK_INT(0, alive(outside));
    kill_and_reap(child);
    step_reach(3);
    step_await(4);
}

static void live_apart(void *argument) {
    run_in_pid_namespace(live_in_namespace, argument);
}

TEST(two_pid_namespaces_share_a_domain) {
    uint64_t outside;
    own_id();
    pid_t pid = start_living(0, &outside);
    struct role *role = role_fork(live_apart, NULL);
    while (*counter(0) < 1) {
        int status;
        if (waitpid(role->pid, &status, WNOHANG) == role->pid) {
            if (WIFEXITED(status) && WEXITSTATUS(status) == HARNESS_SKIPPED) {
                kill_and_reap(pid);
                SKIP("no PID namespace of our own is permitted here");
            }
            FAIL("the namespace ended with %#x", status);
        }
        nap_ms(1);
    }
    uint64_t inside = (uint64_t)*counter(IDS + 1), child = (uint64_t)*counter(IDS + 2);
    CHECK_INT(1, alive(inside));
    CHECK_INT(1, alive(child));
    CHECK_INT(4, take_census(NULL, inside).living);
    struct census here = take_census(NULL, outside), there = take_census(NULL, inside);
    CHECK(here.found.pid_namespace != there.found.pid_namespace);
    CHECK_INT(1, there.found.pid);
    spg_collected collected;
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(0, collected.nodes);
    kill_and_reap(pid);
    CHECK_INT(0, alive(outside));
    step_reach(2);
    step_await(3);
    CHECK_INT(0, alive(child));
    CHECK_INT(1, alive(inside));
    step_reach(4);
    ROLE_ENDS_WELL(role);
    CHECK_INT(0, alive(inside));
}
