/* both.h: what the tests of synchronisation between processes share: a segment that is mapped
 * twice, chance that can be repeated, memory that was overwritten, storms of kills, how soon
 * the living go on, and stopping a process exactly before a system call. */
#ifndef TEST_PROCESS_BOTH_H
#define TEST_PROCESS_BOTH_H

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "harness/harness.h"

/* ---- one segment, two addresses -------------------------------------------------------------- */

struct both {
    spg_segment *first, *second;
    void *here, *there;
    const char *name;
};

__attribute__((unused)) static struct both both_open(const char *name) {
    struct both both = {.name = name};
    CHECK_OK(spg_segment_open(&both.first, name, NULL));
    CHECK_OK(spg_segment_open(&both.second, name, NULL));
    both.here = spg_segment_address(both.first);
    both.there = spg_segment_address(both.second);
    CHECK(both.here != both.there);
    return both;
}

__attribute__((unused)) static struct both both_make(size_t size) {
    spg_segment *made;
    const char *name = unique_name("posix:", "x");
    CHECK_OK(spg_segment_create(&made, name, size, NULL));
    CHECK_OK(spg_segment_close(made));
    return both_open(name);
}

__attribute__((unused)) static void both_close(struct both *both) {
    CHECK_OK(spg_segment_close(both->first));
    CHECK_OK(spg_segment_close(both->second));
}

__attribute__((unused)) static void both_remove(struct both *both) {
    both_close(both);
    CHECK_OK(spg_segment_unlink(both->name));
}

/* ---- chance ---------------------------------------------------------------------------------- */

__attribute__((unused)) static uint64_t chance(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

__attribute__((unused)) static void nap_us(unsigned microseconds) {
    struct timespec nap = {microseconds / 1000000, microseconds % 1000000 * 1000L};
    nanosleep(&nap, NULL);
}

/* Some work that the compiler keeps. */
__attribute__((unused)) static void dawdle(unsigned turns) {
    for (unsigned i = 0; i < turns; i++) __asm__ __volatile__("" ::: "memory");
}

/* ---- processes without a limit on their number ----------------------------------------------- */

/* As role_start, for tests that start hundreds. */
__attribute__((unused)) static pid_t spawn(const char *role, const char *first,
                                           const char *second) {
    pid_t pid = harness_fork();
    if (pid > 0) return pid;
    char *command[] = {(char *)"test", (char *)"--role", (char *)role,
                       (char *)first,  (char *)second,   NULL};
    execv("/proc/self/exe", command);
    _exit(127);
}

/* Its exit status, or minus the signal that ended it. */
__attribute__((unused)) static int reap(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) FAIL("process %d is gone already", (int)pid);
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

__attribute__((unused)) static void kill_and_reap(pid_t pid) {
    CHECK(pid > 0);
    kill(pid, SIGKILL);
    CHECK_INT(-SIGKILL, reap(pid));
}

/* ---- storms ---------------------------------------------------------------------------------- */

/* Counters that the storm uses; a role runs until STORM_OVER is set, and counts its rounds. */
enum { STORM_SLOTS = 6, STORM_OVER = 400, STORM_ROUNDS = 401, STORM_PROCESSES = 402 };

__attribute__((unused)) static bool storm_goes_on(void) {
    (*counter(STORM_ROUNDS))++;
    return *counter(STORM_OVER) == 0;
}

/* A number for chance that is another one in each process of the storm. */
__attribute__((unused)) static uint64_t storm_seed(void) {
    return (uint64_t)++ * counter(STORM_PROCESSES) * 7919;
}

/* Six processes in `role` (arguments: the segment's name and a slot); `kills` times one of them is
 * killed at some moment, `after` is called, and another takes its slot. In the end all must leave
 * by themselves. */
__attribute__((unused)) static void storm(const char *role, const char *name, int kills,
                                          void (*after)(void *context, int slot), void *context) {
    pid_t pids[STORM_SLOTS];
    char slots[STORM_SLOTS][12];
    uint64_t random = (uint64_t)kills;
    for (int i = 0; i < STORM_SLOTS; i++) {
        snprintf(slots[i], sizeof slots[i], "%d", i);
        pids[i] = spawn(role, name, slots[i]);
    }
    for (int i = 0; i < kills; i++) {
        int64_t before = *counter(STORM_ROUNDS);
        nap_us(500 + (unsigned)(chance(&random) % 4000));
        for (int j = 0; j < 3000 && *counter(STORM_ROUNDS) < before + 2; j++) nap_us(1000);
        if (*counter(STORM_ROUNDS) == before) FAIL("everybody stands still before kill %d", i);
        int slot = (int)(chance(&random) % STORM_SLOTS);
        kill_and_reap(pids[slot]);
        if (after) after(context, slot);
        pids[slot] = spawn(role, name, slots[slot]);
    }
    *counter(STORM_OVER) = 1;
    for (int i = 0; i < STORM_SLOTS; i++) CHECK_INT(0, reap(pids[i]));
}

/* ---- how soon the living go on --------------------------------------------------------------- */

__attribute__((unused)) static int by_size(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* Prints how long it took after each death, and judges the median: not the most, since a machine
 * may be busy. Who is never released meets the harness's deadline. */
__attribute__((unused)) static void tell_times(const char *what, int64_t *times, int count) {
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("        %s: least %.1f, median %.1f, 90%% %.1f, most %.1f ms (%d deaths)\n", what,
           (double)times[0] / 1e6, (double)times[count / 2] / 1e6,
           (double)times[count * 9 / 10] / 1e6, (double)times[count - 1] / 1e6, count);
    CHECK(times[count / 2] < MILLISECONDS(2000));
}

/* ---- memory that was overwritten ------------------------------------------------------------- */

struct bad_memory {
    size_t size; /* of the struct */
    void (*init)(void *object);
    void (*use)(void *object, int64_t timeout); /* calls everything, and judges the results */
};

/* Is it a result that a call may give to a struct whose bytes may be anything? */
__attribute__((unused)) static void is_a_result(int result) {
    switch (result) {
    case 0:
    case 1:
    case SPG_EINVAL:
    case SPG_EPERM:
    case SPG_EAGAIN:
    case SPG_ETIMEDOUT:
    case SPG_EOWNERDEAD:
    case SPG_EPEERDEAD:
    case SPG_ECORRUPT:
    case SPG_EFULL:
    case SPG_EDEADLOCK:
    case SPG_EDOMAIN: return;
    default:
        FAIL("a result that says nothing about bad memory: %s (%d)", spg_error_name(result),
             result);
    }
}

enum { BAD_EDGE = 64 };

__attribute__((unused)) static void check_edges(const unsigned char *edges, size_t size) {
    for (size_t i = 0; i < BAD_EDGE; i++) {
        if (edges[i] != 0xa5 || edges[BAD_EDGE + size + i] != 0xa5)
            FAIL("written outside the struct");
    }
}

/* Zeros, ones, chance everywhere; and each word by itself replaced in a sound struct. */
__attribute__((unused)) static void try_bad_memory(const struct bad_memory *bad) {
    _Alignas(64) static unsigned char edges[2 * BAD_EDGE + 1024];
    void *object = edges + BAD_EDGE;
    uint64_t random = 5, self;
    CHECK_OK(spg_node_id(NULL, &self));
    const uint64_t values[] = {0,
                               1,
                               2,
                               3,
                               4,
                               8,
                               15,
                               UINT64_MAX,
                               1ull << 63,
                               UINT32_MAX,
                               self << 4,
                               self << 4 | 7,
                               0xfffffffeull,
                               0x7fffffffull << 32,
                               16};
    const size_t count = sizeof values / sizeof *values;
    memset(edges, 0xa5, sizeof edges);
    for (int i = 0; i < 102; i++) {
        uint64_t words[128];
        for (size_t j = 0; j < 128; j++)
            words[j] = i == 0 ? 0 : i == 1 ? UINT64_MAX : chance(&random);
        memcpy(object, words, bad->size);
        bad->use(object, SPG_NOWAIT);
        check_edges(edges, bad->size);
    }
    for (size_t word = 0; word < bad->size / 8; word++) {
        for (size_t i = 0; i < count + 12; i++) {
            uint64_t value = i < count ? values[i] : chance(&random) >> (i % 4 * 16);
            if (i >= count + 6) { /* one half of a word only */
                memset(object, 0, bad->size);
                bad->init(object);
                memcpy((char *)object + 8 * word + 4 * (i % 2), &value, 4);
            } else {
                memset(object, 0, bad->size);
                bad->init(object);
                memcpy((char *)object + 8 * word, &value, 8);
            }
            bad->use(object, SPG_NOWAIT);
            if (i % 9 == 0) bad->use(object, 200000);
            check_edges(edges, bad->size);
        }
    }
}

/* ---- another domain -------------------------------------------------------------------------- */

/* Starts a role whose SAMEPAGE_DOMAIN is another one; end_in_other_domain waits and removes it. */
__attribute__((unused)) static void run_in_other_domain(const char *role, const char *name) {
    char other[300], command[340];
    const char *domain = getenv("SAMEPAGE_DOMAIN");
    char own[256];
    snprintf(own, sizeof own, "%s", domain);
    snprintf(other, sizeof other, "%s-other", own);
    setenv("SAMEPAGE_DOMAIN", other, 1);
    int status = reap(spawn(role, name, NULL));
    setenv("SAMEPAGE_DOMAIN", own, 1);
    snprintf(command, sizeof command, "rm -rf %s", other);
    CHECK_INT(0, system(command));
    CHECK_INT(0, status);
}

/* ---- stopping before a system call ----------------------------------------------------------- */

/* In the role: lets the parent drive it. Returns at the parent's first trace_to. */
__attribute__((unused)) static void trace_me(void) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) _exit(HARNESS_SKIPPED);
    raise(SIGSTOP);
}

__attribute__((unused)) static int trace_stop(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) FAIL("the traced process is gone");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == HARNESS_SKIPPED)
        SKIP("ptrace is not permitted here");
    if (!WIFSTOPPED(status)) FAIL("the traced process ended with status %#x", status);
    return WSTOPSIG(status);
}

/* After its start: waits until it has reached trace_me. */
__attribute__((unused)) static void trace_begin(pid_t pid) {
    while (trace_stop(pid) != SIGSTOP) ptrace(PTRACE_CONT, pid, NULL, NULL);
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(long)PTRACE_O_TRACESYSGOOD) < 0) {
        kill_and_reap(pid);
        SKIP("ptrace is not permitted here");
    }
}

struct trace_call {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t instruction, stack;
    uint64_t number, arguments[6];
};

/* Lets it run until it is about to make a system call that `wanted` wants. */
__attribute__((unused)) static void trace_to(pid_t pid,
                                             bool (*wanted)(const struct trace_call *call)) {
    for (;;) {
        struct trace_call call = {0};
        if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0) FAIL("cannot trace: %s", strerror(errno));
        if (trace_stop(pid) != (SIGTRAP | 0x80)) continue;
        long got = ptrace(0x420e /* PTRACE_GET_SYSCALL_INFO */, pid, (void *)sizeof call, &call);
        if (got < 0) {
            kill_and_reap(pid);
            SKIP("this kernel does not tell about traced system calls");
        }
        if (call.op == 1 && wanted(&call)) return;
    }
}

/* Lets it make that call, and stops it when the call is done. */
__attribute__((unused)) static void trace_through(pid_t pid) {
    if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0) FAIL("cannot trace: %s", strerror(errno));
    CHECK_INT(SIGTRAP | 0x80, trace_stop(pid));
}

__attribute__((unused)) static void trace_end(pid_t pid) {
    if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0) FAIL("cannot detach: %s", strerror(errno));
}

#endif
