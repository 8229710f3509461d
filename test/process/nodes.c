/* nodes.c: who is alive and who is dead: however a process began, forked, slept or ended. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <spawn.h>

#include "process/domain.h"

extern char **environ;

/* ---- numbers --------------------------------------------------------------------------------- */

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

TEST(a_thousand_nodes_have_a_thousand_numbers) {
    enum { COUNT = 1000 };
    static uint64_t ids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        spg_node *node;
        CHECK_OK(spg_node_open(&node, NULL));
        CHECK_OK(spg_node_id(node, &ids[i]));
        CHECK_INT(1, spg_node_alive(node, ids[i]));
        CHECK_OK(spg_node_close(node));
        if (i % 100 == 0) CHECK_INT(0, alive(ids[i]));
    }
    for (int i = 0; i < COUNT; i += 7) CHECK_INT(0, alive(ids[i]));
    qsort(ids, COUNT, sizeof *ids, by_number);
    for (int i = 1; i < COUNT; i++) CHECK(ids[i] != ids[i - 1]);
    CHECK(ids[0] != 0);
}

static void join_and_tell(void *argument) {
    *counter(IDS) = (int64_t)own_id();
    ++*counter(READY);
    if (argument) _exit(0); /* without leaving in order */
    for (;;) pause();
}

TEST(a_thousand_deaths_leave_an_empty_domain) {
    enum { COUNT = 1000 };
    static uint64_t ids[COUNT];
    uint64_t random = 1;
    spg_collected collected;
    for (int i = 0; i < COUNT; i++) {
        int64_t before = *counter(READY);
        pid_t pid = harness_fork();
        if (pid == 0) join_and_tell(i % 3 ? NULL : &ids);
        if (i % 3) {
            while (*counter(READY) == before) dawdle(100);
            dawdle((unsigned)(chance(&random) % 1000));
            kill_and_reap(pid);
        } else {
            CHECK_INT(0, reap(pid));
        }
        ids[i] = (uint64_t)*counter(IDS);
    }
    for (int i = 0; i < COUNT; i += 9) CHECK_INT(0, alive(ids[i]));
    qsort(ids, COUNT, sizeof *ids, by_number);
    for (int i = 1; i < COUNT; i++) CHECK(ids[i] != ids[i - 1]);
    struct findings findings = {0, 0};
    CHECK_INT(0, spg_check(NULL, NULL, count_finding, &findings));
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(findings.left, collected.nodes);
    struct census census = take_census(NULL, own_id());
    CHECK_INT(1, census.nodes);
    CHECK_INT(1, census.living);
    findings.left = 0;
    CHECK_INT(0, spg_check(NULL, NULL, count_finding, &findings));
    CHECK_INT(0, findings.left);
    check_nothing_but_the_table(domain_path());
}

/* Killed at any point of joining, not after it. */
TEST(a_death_while_joining_leaves_nothing_or_a_dead_node) {
    uint64_t random = 2;
    own_id();
    for (int i = 0; i < 300; i++) {
        int64_t before = *counter(READY);
        pid_t pid = harness_fork();
        if (pid == 0) {
            ++*counter(READY);
            dawdle(1000);
            spg_node *node;
            for (;;) {
                CHECK_OK(spg_node_open(&node, NULL));
                CHECK_OK(spg_node_close(node));
            }
        }
        while (*counter(READY) == before) dawdle(100);
        dawdle((unsigned)(chance(&random) % 300000));
        kill_and_reap(pid);
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    }
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK_INT(1, take_census(NULL, 0).nodes);
    check_nothing_but_the_table(domain_path());
}

/* ---- alive or dead --------------------------------------------------------------------------- */

TEST(the_living_the_stopped_and_the_killed_are_told_apart) {
    uint64_t id, self = own_id();
    CHECK_INT(1, alive(self));
    CHECK_INT(0, alive(0));
    CHECK_INT(0, alive(UINT64_MAX));
    CHECK_INT(0, alive(self + 4096 * 1000));
    pid_t pid = start_living(0, &id);
    CHECK(id != self);
    CHECK_INT(1, alive(id));
    kill(pid, SIGSTOP);
    nap_ms(50);
    CHECK_INT(1, alive(id));
    kill(pid, SIGCONT);
    CHECK_INT(1, alive(id));
    kill_and_reap(pid);
    CHECK_INT(0, alive(id));
    struct census census = take_census(NULL, id);
    CHECK_INT(2, census.nodes);
    CHECK_INT(1, census.dead);
    CHECK_INT(pid, census.found.pid);
    struct findings findings = {0, 0};
    CHECK_INT(0, spg_check(NULL, NULL, count_finding, &findings));
    CHECK_INT(1, findings.left);
    spg_collected collected;
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(1, collected.nodes);
    CHECK_INT(0, alive(id));
}

TEST(a_zombie_that_nobody_has_reaped_is_dead) {
    uint64_t id;
    pid_t pid = start_living(0, &id);
    kill(pid, SIGKILL);
    siginfo_t information;
    CHECK_INT(0, waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT));
    CHECK_INT(0, alive(id));
    CHECK_INT(-SIGKILL, reap(pid));
}

ROLE(execs) {
    *counter(IDS) = (int64_t)own_id();
    execl("/proc/self/exe", "test", "--role", "has_execed", NULL);
}

ROLE(has_execed) {
    step_reach(1);
    step_await(2);
    *counter(IDS + 1) = (int64_t)own_id();
    step_reach(3);
    for (;;) pause();
}

TEST(exec_ends_a_node_and_the_new_program_has_another) {
    pid_t pid = spawn("execs", NULL, NULL);
    step_await(1);
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
    step_reach(2);
    step_await(3);
    CHECK(*counter(IDS + 1) != *counter(IDS));
    CHECK_INT(1, alive((uint64_t)*counter(IDS + 1)));
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
    kill_and_reap(pid);
}

ROLE(ends_in_order) {
    *counter(IDS) = (int64_t)own_id();
}

TEST(a_process_that_ends_in_order_leaves_no_dead_node) {
    own_id();
    CHECK_INT(0, reap(spawn("ends_in_order", NULL, NULL)));
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
    CHECK_INT(1, take_census(NULL, 0).nodes);
}

static void *join_in_thread(void *argument) {
    *(uint64_t *)argument = own_id();
    return NULL;
}

TEST(many_threads_that_begin_at_once_share_one_node) {
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    uint64_t ids[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, join_in_thread, &ids[i]);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 1; i < THREADS; i++) CHECK_INT(ids[0], ids[i]);
    CHECK_INT(1, alive(ids[0])); /* those who made it have ended */
    CHECK_INT(1, take_census(NULL, 0).nodes);
}

static void *pause_in_thread(void *argument) {
    (void)argument;
    own_id();
    for (;;) pause();
    return NULL;
}

ROLE(lives_with_threads) {
    pthread_t thread;
    *counter(IDS) = (int64_t)own_id();
    for (int i = 0; i < 8; i++) pthread_create(&thread, NULL, pause_in_thread, NULL);
    step_reach(1);
    pthread_exit(NULL); /* its first thread ends, it does not */
}

TEST(a_process_lives_as_long_as_its_last_thread) {
    pid_t pid = spawn("lives_with_threads", NULL, NULL);
    step_await(1);
    nap_ms(50);
    CHECK_INT(1, alive((uint64_t)*counter(IDS)));
    kill_and_reap(pid);
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
}

/* ---- forks ----------------------------------------------------------------------------------- */

static void pause_for_ever(void *argument) {
    (void)argument;
    step_reach(1);
    for (;;) pause();
}

ROLE(forks_and_lives) {
    *counter(IDS) = (int64_t)own_id();
    role_fork(pause_for_ever, NULL);
    for (;;) pause();
}

TEST(a_fork_child_that_lives_on_does_not_keep_its_parent_alive) {
    pid_t pid = spawn("forks_and_lives", NULL, NULL);
    step_await(1);
    CHECK_INT(1, alive((uint64_t)*counter(IDS)));
    kill_and_reap(pid);
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
}

static void look_as_child(void *argument) {
    spg_node *node = argument;
    uint64_t id, parent = (uint64_t)*counter(IDS), own;
    CHECK_RESULT(SPG_EFORKED, spg_node_id(node, &id));
    CHECK_RESULT(SPG_EFORKED, spg_node_alive(node, parent));
    CHECK(spg_node_domain(node) == NULL);
    own = own_id();
    CHECK(own != parent);
    CHECK_INT(1, alive(parent));
    CHECK_RESULT(SPG_EFORKED, spg_node_id(node, &id));
    CHECK_OK(spg_node_close(node));
    CHECK_INT(1, alive(parent));
    spg_node *mine;
    CHECK_OK(spg_node_open(&mine, NULL));
    CHECK_OK(spg_node_id(mine, &id));
    CHECK(id != own && id != (uint64_t)*counter(IDS + 1));
    CHECK_OK(spg_node_close(mine));
}

TEST(handles_in_a_fork_child_are_refused_and_its_default_node_is_new) {
    spg_node *node;
    uint64_t id;
    *counter(IDS) = (int64_t)own_id();
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_id(node, &id));
    *counter(IDS + 1) = (int64_t)id;
    for (int i = 0; i < 3; i++) {
        ROLE_ENDS_WELL(role_fork(look_as_child, node));
        CHECK_INT(1, alive(id));
        CHECK_INT(1, spg_node_alive(node, (uint64_t)*counter(IDS)));
        CHECK_INT(*counter(IDS), own_id());
    }
    CHECK_OK(spg_node_close(node));
    CHECK_INT(0, alive(id));
    CHECK_OK(spg_node_close(NULL));
}

/* From now on the kernel takes every advice on memory and follows none, as some emulators do. */
static void ignore_advice(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
        SKIP("no filter is permitted here");
    }
}

static spg_mutex *shared_mutex;

static void lock_and_look_as_child(void *argument) {
    CHECK_OK(spg_mutex_lock(shared_mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(shared_mutex));
    look_as_child(argument);
}

TEST(a_fork_child_is_new_also_where_its_page_is_not_wiped) {
    spg_node *node;
    uint64_t id;
    ignore_advice();
    shared_mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK_OK(spg_mutex_init(shared_mutex));
    *counter(IDS) = (int64_t)own_id();
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_id(node, &id));
    *counter(IDS + 1) = (int64_t)id;
    ROLE_ENDS_WELL(role_fork(look_as_child, node));
    ROLE_ENDS_WELL(role_fork(lock_and_look_as_child, node));
    CHECK_INT(1, alive(id));
    CHECK_OK(spg_node_close(node));
}

static pid_t fork_without_handlers(void) {
#ifdef __s390__ /* takes the stack first */
    return (pid_t)syscall(SYS_clone, NULL, SIGCHLD, NULL, NULL, NULL);
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
#endif
}

ROLE(clones_and_lives) {
    *counter(IDS) = (int64_t)own_id();
    if (fork_without_handlers() == 0) {
        step_reach(1);
        step_await(2);
        *counter(IDS + 1) = (int64_t)own_id();
        step_reach(3);
        for (;;) pause();
    }
    for (;;) pause();
}

/* Until the clone calls something, its parent may look alive: doubt. After that it must not. */
TEST(a_clone_without_handlers_lets_its_parent_die_with_its_first_call) {
    pid_t pid = spawn("clones_and_lives", NULL, NULL);
    step_await(1);
    CHECK_INT(1, alive((uint64_t)*counter(IDS)));
    kill_and_reap(pid);
    step_reach(2);
    step_await(3);
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
    CHECK(*counter(IDS) != *counter(IDS + 1));
    CHECK_INT(1, alive((uint64_t)*counter(IDS + 1)));
}

TEST(a_clone_without_handlers_does_not_pass_for_its_parent) {
    spg_node *node;
    spg_mutex *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t id;
    CHECK_OK(spg_mutex_init(mutex));
    CHECK_OK(spg_mutex_lock(mutex, SPG_NOWAIT));
    CHECK_OK(spg_node_open(&node, NULL));
    *counter(IDS) = (int64_t)own_id();
    pid_t pid = fork_without_handlers();
    if (pid == 0) {
        CHECK_RESULT(SPG_EFORKED, spg_node_id(node, &id));
        CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(mutex));
        CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(mutex, SPG_NOWAIT));
        CHECK((uint64_t)*counter(IDS) != own_id());
        CHECK_OK(spg_node_close(node));
        CHECK_INT(1, alive((uint64_t)*counter(IDS)));
        _exit(0);
    }
    CHECK_INT(0, reap(pid));
    CHECK_OK(spg_mutex_unlock(mutex));
    CHECK_INT(1, spg_node_alive(node, (uint64_t)*counter(IDS)));
    CHECK_OK(spg_node_close(node));
}

/* What a closed node holds is held by a dead one, whoever else has its descriptors. */
TEST(a_closed_node_is_dead_though_a_clone_without_handlers_lives) {
    spg_node *node;
    uint64_t id;
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_id(node, &id));
    pid_t pid = fork_without_handlers();
    if (pid == 0) {
        for (;;) pause();
    }
    CHECK_OK(spg_node_close(node));
    int result = alive(id);
    kill_and_reap(pid);
    CHECK_INT(0, result);
}

/* Two threads, one of which opens nodes while the other forks: a child that has somebody's
 * descriptors by chance keeps a dead node alive for as long as it lives. */
static void *open_and_close(void *argument) {
    while (*counter(5) == 0) {
        spg_node *node;
        CHECK_OK(spg_node_open(&node, NULL));
        CHECK_OK(spg_node_id(node, argument));
        CHECK_OK(spg_node_close(node));
        ++*counter(6);
    }
    return NULL;
}

TEST(a_fork_beside_an_opening_keeps_nobody_alive) {
    enum { FORKS = 150 };
    pthread_t thread;
    pid_t pids[FORKS];
    static _Atomic uint64_t current;
    uint64_t random = 3;
    int kept = 0;
    own_id();
    pthread_create(&thread, NULL, open_and_close, (void *)&current);
    for (int i = 0; i < FORKS; i++) {
        dawdle((unsigned)(chance(&random) % 30000));
        pids[i] = harness_fork();
        if (pids[i] == 0) {
            for (;;) pause();
        }
    }
    *counter(5) = 1;
    pthread_join(thread, NULL);
    uint64_t self = own_id();
    for (uint64_t generation = 1; generation < (uint64_t)*counter(6) + 2; generation++) {
        for (uint64_t place = 0; place < 2; place++) {
            uint64_t id = generation << 12 | place;
            if (id != self && alive(id)) kept++;
        }
    }
    for (int i = 0; i < FORKS; i++) kill_and_reap(pids[i]);
    if (kept) FAIL("%d closed nodes look alive, because of fork children", kept);
}

static void *create_and_unlink(void *argument) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.lifetime = SPG_TEMPORARY;
    while (*counter(5) == 0) {
        spg_segment *segment;
        CHECK_OK(spg_segment_create(&segment, argument, 4096, &options));
        CHECK_OK(spg_segment_close(segment));
    }
    return NULL;
}

TEST(a_fork_beside_a_creation_does_not_keep_the_domain_locked) {
    enum { FORKS = 150 };
    pthread_t thread;
    pid_t pids[FORKS];
    uint64_t random = 4;
    own_id();
    pthread_create(&thread, NULL, create_and_unlink, (void *)(uintptr_t)unique_name("posix:", "m"));
    int forks = 0;
    for (; forks < FORKS; forks++) {
        dawdle((unsigned)(chance(&random) % 30000));
        pids[forks] = harness_fork();
        if (pids[forks] == 0) {
            for (;;) pause();
        }
    }
    int result = spg_collect(NULL, NULL);
    *counter(5) = 1;
    for (int i = 0; i < forks; i++) kill_and_reap(pids[i]);
    pthread_join(thread, NULL);
    CHECK_OK(result);
}

static pid_t vfork_and_exec(void) {
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "test", "--role", "sleeps", NULL);
        _exit(127);
    }
    return pid;
}

ROLE(sleeps) {
    ++*counter(2);
    for (;;) pause();
}

ROLE(starts_others_and_lives) {
    char *command[] = {(char *)"test", (char *)"--role", (char *)"sleeps", NULL};
    pid_t pid;
    *counter(IDS) = (int64_t)own_id();
    CHECK(vfork_and_exec() > 0);
    CHECK_INT(0, posix_spawn(&pid, "/proc/self/exe", NULL, NULL, command, environ));
    await(2, 2);
    CHECK_INT(*counter(IDS), own_id());
    step_reach(1);
    for (;;) pause();
}

TEST(programs_started_by_vfork_and_posix_spawn_keep_nobody_alive) {
    pid_t pid = spawn("starts_others_and_lives", NULL, NULL);
    step_await(1);
    CHECK_INT(1, alive((uint64_t)*counter(IDS)));
    kill_and_reap(pid);
    CHECK_INT(0, alive((uint64_t)*counter(IDS)));
}

/* ---- the dead stay dead ---------------------------------------------------------------------- */

ROLE(traced_joiner) {
    trace_me();
    *counter(IDS + 50) = (int64_t)own_id();
    step_reach(1);
    for (;;) pause();
}

static bool is_lock_try(const struct trace_call *call) {
#ifdef SYS_fcntl64
    if (call->number == SYS_fcntl64) return call->arguments[1] == 37;
#endif
    return call->number == SYS_fcntl && call->arguments[1] == 37; /* F_OFD_SETLK */
}

/* A joiner is slow between reading a free place and locking the number that comes next there. In
 * the meantime another has joined with that number, and died. */
TEST(a_dead_node_stays_dead_while_a_slow_one_joins) {
    uint64_t id;
    own_id();
    pid_t slow = spawn("traced_joiner", NULL, NULL);
    trace_begin(slow);
    trace_to(slow, is_lock_try);
    pid_t dies = start_living(0, &id);
    kill_and_reap(dies);
    CHECK_INT(0, alive(id));
    trace_through(slow);
    int result = alive(id);
    trace_end(slow);
    step_await(1);
    CHECK((uint64_t)*counter(IDS + 50) != id);
    CHECK_INT(0, alive(id));
    kill_and_reap(slow);
    if (result != 0) FAIL("the dead node came back to life for a while");
}
