/* harness.h: tests of programs that consist of several processes, in one header.
 *
 * A test program is a list of TESTs and ROLEs. Each TEST runs in a process of its own, which leads
 * a process group of its own, has a domain of its own, and must end before its deadline; when it
 * has ended the whole group is killed, and what it left is looked for: processes, descriptors,
 * names in /dev/shm, System V segments, things in its domain. Anything left is a failure. Two
 * copies of a program may run at once: all names carry the process.
 *
 *   TEST(a_waiter_gets_the_mutex_of_a_killed_owner) {
 *       struct role *owner = role_start("owner", name);   // this program again, in another role
 *       step_await(1);                                    // until somebody has reached step 1
 *       role_kill(owner);
 *       CHECK_RESULT(SPG_EOWNERDEAD, spg_mutex_lock(mutex, SPG_FOREVER));
 *   }
 *   ROLE(owner) { …; step_reach(1); pause(); }            // arguments[0] is `name`
 *
 * Roles are started by exec, so they share nothing with the test but what they open by name, or
 * what role_fork gives them. A program prints one line a test and "N passed, N failed" at the end,
 * which it also appends to the file that SAMEPAGE_TALLY names. Exit status 0 or 1.
 *
 * Usage: PROGRAM [--list] [TEST…] */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <samepage/samepage.h>

enum {
    HARNESS_DEADLINE_S = 120,
    HARNESS_TESTS_MAX = 256,
    HARNESS_ROLES_MAX = 64,
    HARNESS_ARGUMENTS_MAX = 8,
    HARNESS_SKIPPED = 77
};

typedef void harness_function(char **arguments);

struct harness_entry {
    const char *name;
    harness_function *function;
};

static struct harness_entry harness_tests[HARNESS_TESTS_MAX];
static struct harness_entry harness_roles[HARNESS_ROLES_MAX];
static int harness_test_count, harness_role_count;

static void harness_add(struct harness_entry *list, int *count, int most, const char *name,
                        harness_function *function) {
    if (*count == most) abort();
    list[(*count)++] = (struct harness_entry){name, function};
}

#define TEST(name)                                                                                 \
    static void test_##name(char **arguments);                                                     \
    __attribute__((constructor)) static void add_test_##name(void) {                               \
        harness_add(harness_tests, &harness_test_count, HARNESS_TESTS_MAX, #name, test_##name);    \
    }                                                                                              \
    static void test_##name(char **arguments __attribute__((unused)))

#define ROLE(name)                                                                                 \
    static void role_##name(char **arguments);                                                     \
    __attribute__((constructor)) static void add_role_##name(void) {                               \
        harness_add(harness_roles, &harness_role_count, HARNESS_ROLES_MAX, #name, role_##name);    \
    }                                                                                              \
    static void role_##name(char **arguments __attribute__((unused)))

/* ---- checks: say what and where, and end the process ----------------------------------------- */

__attribute__((format(printf, 3, 4), noreturn, unused)) static void
harness_fail(const char *file, int line, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "    %s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(1);
}

#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) FAIL("not true: %s", #condition);                                        \
    } while (0)

#define CHECK_INT(expected, actual)                                                                \
    do {                                                                                           \
        long long expected_ = (long long)(expected), actual_ = (long long)(actual);                \
        if (expected_ != actual_) FAIL("%s is %lld, not %lld", #actual, actual_, expected_);       \
    } while (0)

/* A result of Samepage. */
#define CHECK_RESULT(expected, actual)                                                             \
    do {                                                                                           \
        int expected_ = (expected), actual_ = (actual);                                            \
        if (expected_ != actual_)                                                                  \
            FAIL("%s is %s (%d), not %s (%d): %s", #actual, spg_error_name(actual_), actual_,      \
                 spg_error_name(expected_), expected_, spg_error_detail());                        \
    } while (0)

#define CHECK_OK(actual) CHECK_RESULT(0, actual)

/* Does the detail of the last failure say this? */
#define CHECK_DETAIL(part)                                                                         \
    do {                                                                                           \
        if (!strstr(spg_error_detail(), part))                                                     \
            FAIL("the detail does not say \"%s\": %s", part, spg_error_detail());                  \
    } while (0)

#define SKIP(...)                                                                                  \
    do {                                                                                           \
        fprintf(stderr, "    skipped: ");                                                          \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        fflush(NULL);                                                                              \
        _exit(HARNESS_SKIPPED);                                                                    \
    } while (0)

/* ---- time ------------------------------------------------------------------------------------ */

#define MILLISECONDS(n) ((int64_t)(n)*1000000)

__attribute__((unused)) static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((unused)) static void nap_ms(int milliseconds) {
    struct timespec nap = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&nap, &nap) < 0 && errno == EINTR) {}
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The bytes that the value has as an integer of this length; they may also be written to. */
__attribute__((unused)) static void *low_bytes(const uint64_t *value, size_t length) {
    static const uint16_t probe = 1;
    size_t before = *(const uint8_t *)&probe ? 0 : sizeof *value - length;
    return (char *)(uintptr_t)value + before;
}

/* ---- names that no other copy of the program uses -------------------------------------------- */

/* Of the test that runs here; its roles inherit it. */
__attribute__((unused)) static const char *harness_tag(void) {
    const char *tag = getenv("HARNESS_TAG");
    return tag ? tag : "none";
}

/* "posix:", "sysv:", "file:", "memfd:" or "anonymous:" made into a whole name. `suffix` tells names
 * of one test apart. The text is one of eight static ones. */
__attribute__((unused)) static const char *unique_name(const char *kind, const char *suffix) {
    static char texts[8][256];
    static unsigned next;
    char *text = texts[next++ % 8];
    unsigned hash = 2166136261u;
    for (const char *c = harness_tag(); *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (const char *c = suffix; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
    if (strcmp(kind, "sysv:") == 0) {
        snprintf(text, 256, "sysv:0x7e57%04x", hash & 0xffff);
    } else if (strcmp(kind, "posix:") == 0) {
        snprintf(text, 256, "posix:/spgtest-%s-%s", harness_tag(), suffix);
    } else if (strcmp(kind, "file:") == 0) {
        snprintf(text, 256, "file:/dev/shm/spgtest-%s-file-%s", harness_tag(), suffix);
    } else {
        snprintf(text, 256, "%s%s", kind, strcmp(kind, "anonymous:") == 0 ? "" : suffix);
    }
    return text;
}

/* ---- steps: what roles tell each other ------------------------------------------------------- */

/* Counters in a memory file that is inherited through exec; slot 0 is the greatest step reached,
 * the others are the test's to use. */
enum { HARNESS_COUNTERS = 512 };

static _Atomic int64_t *harness_counters;

__attribute__((unused)) static _Atomic int64_t *counter(int index) {
    if (index < 0 || index >= HARNESS_COUNTERS) abort();
    return &harness_counters[index];
}

/* Says that this step is reached. */
__attribute__((unused)) static void step_reach(int64_t step) {
    int64_t before = *counter(0);
    while (before < step && !atomic_compare_exchange_strong(counter(0), &before, step)) {}
}

/* Waits until somebody has reached it. The deadline of the test bounds it. */
__attribute__((unused)) static void step_await(int64_t step) {
    struct timespec nap = {0, 200000};
    while (*counter(0) < step) nanosleep(&nap, NULL);
}

/* ---- roles ----------------------------------------------------------------------------------- */

struct role {
    pid_t pid;
    const char *name;
};

static struct role harness_running[HARNESS_ROLES_MAX];
static int harness_running_count;

__attribute__((unused)) static struct role *harness_started(pid_t pid, const char *name) {
    if (pid < 0) FAIL("cannot fork: %s", strerror(errno));
    if (harness_running_count == HARNESS_ROLES_MAX) abort();
    struct role *role = &harness_running[harness_running_count++];
    *role = (struct role){pid, name};
    return role;
}

/* Starts this program in another role: a new process image, unrelated but for the group. Up to
 * eight texts, ended by NULL, become its `arguments`. */
#define role_start(...) harness_role_start((const char *[]){__VA_ARGS__, NULL})

/* A process more, or the test has failed: who kills process -1 kills everything. */
__attribute__((unused)) static pid_t harness_fork(void) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) FAIL("cannot fork: %s", strerror(errno));
    return pid;
}

__attribute__((unused)) static struct role *harness_role_start(const char **words) {
    char *command[HARNESS_ARGUMENTS_MAX + 4] = {(char *)"test", (char *)"--role"};
    int count = 2;
    for (; *words && count < HARNESS_ARGUMENTS_MAX + 2; words++) command[count++] = (char *)*words;
    pid_t pid = harness_fork();
    if (pid == 0) {
        execv("/proc/self/exe", command);
        _exit(127);
    }
    return harness_started(pid, command[2]);
}

/* Runs a function in a fork child, which ends when it returns. */
__attribute__((unused)) static struct role *role_fork(void (*function)(void *), void *argument) {
    pid_t pid = harness_fork();
    if (pid == 0) {
        function(argument);
        fflush(NULL);
        _exit(0);
    }
    return harness_started(pid, "fork");
}

/* Waits for its end: its exit status, or minus the signal that killed it. */
__attribute__((unused)) static int role_wait(struct role *role) {
    int status;
    while (waitpid(role->pid, &status, 0) < 0) {
        if (errno != EINTR) FAIL("role %s is gone already", role->name);
    }
    role->pid = -1;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* It must have ended well. */
#define ROLE_ENDS_WELL(role) CHECK_INT(0, role_wait(role))

__attribute__((unused)) static void role_signal(struct role *role, int signal_number) {
    if (kill(role->pid, signal_number) < 0) FAIL("cannot signal role %s", role->name);
}

/* SIGKILL, and waits until it is dead. */
__attribute__((unused)) static void role_kill(struct role *role) {
    role_signal(role, SIGKILL);
    CHECK_INT(-SIGKILL, role_wait(role));
}

/* ---- what is left ---------------------------------------------------------------------------- */

__attribute__((unused)) static int count_descriptors(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory)) count++;
    if (directory) closedir(directory);
    return count;
}

static int harness_complain_of_names(const char *tag) {
    int left = 0;
    char part[128];
    snprintf(part, sizeof part, "spgtest-%s-", tag);
    DIR *directory = opendir("/dev/shm");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (strncmp(entry->d_name, part, strlen(part)) != 0) continue;
        char path[512];
        snprintf(path, sizeof path, "/dev/shm/%s", entry->d_name);
        fprintf(stderr, "    left behind: %s\n", path);
        unlink(path);
        left++;
    }
    if (directory) closedir(directory);
    return left;
}

static time_t harness_began; /* seconds since 1970 */

/* System V segments made by processes of the test's group, which their creator tells. An older one
 * is of somebody who had the same number before. */
static int harness_complain_of_sysv(const pid_t *pids, int count) {
    int left = 0;
    struct shmid_ds information, status;
    int last = shmctl(0, SHM_INFO, (void *)&information);
    for (int index = 0; index <= last; index++) {
        int id = shmctl(index, SHM_STAT, &status);
        for (int i = 0; id >= 0 && i < count; i++) {
            if (status.shm_cpid != pids[i] || status.shm_ctime < harness_began) continue;
            fprintf(stderr, "    left behind: System V segment %d\n", id);
            shmctl(id, IPC_RMID, NULL);
            left++;
            break;
        }
    }
    return left;
}

/* After spg_collect a domain that nobody uses holds its table of nodes and nothing else. */
static int harness_complain_of_domain(const char *domain) {
    int left = 0;
    DIR *directory = opendir(domain);
    struct dirent *entry;
    char path[512];
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", domain, entry->d_name);
        if (strcmp(entry->d_name, "nodes") != 0) {
            fprintf(stderr, "    left behind: %s\n", path);
            left++;
        }
        unlink(path);
    }
    if (directory) closedir(directory);
    rmdir(domain);
    return left;
}

static int harness_count_node(void *context, const spg_domain_entry *entry) {
    (void)entry;
    ++*(int *)context;
    return 0;
}

static void harness_print_finding(void *context, int weight, const char *name, const char *text) {
    (void)context;
    if (weight == SPG_FINDING_DAMAGE) fprintf(stderr, "    damage: %s: %s\n", name, text);
}

/* The domain must be sound, and empty once the dead are cleared away. */
__attribute__((unused)) static int harness_complain_of_state(const char *domain) {
    int left = 0, entries = 0;
    int damage = spg_check(domain, NULL, harness_print_finding, NULL);
    if (damage == SPG_ENOENT) return 0;
    if (damage != 0) left++;
    if (damage < 0) fprintf(stderr, "    check: %s\n", spg_error_detail());
    if (damage == 0 && spg_collect(domain, NULL) == 0 &&
        spg_domain_list(domain, harness_count_node, &entries) == 0 && entries != 0) {
        fprintf(stderr, "    left behind: %d entries in %s after spg_collect\n", entries, domain);
        left++;
    }
    return left + harness_complain_of_domain(domain);
}

/* ---- running --------------------------------------------------------------------------------- */

static volatile sig_atomic_t harness_is_late;

static void harness_late(int signal_number) {
    (void)signal_number;
    harness_is_late = 1;
}

static struct harness_entry *harness_find(struct harness_entry *list, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) return &list[i];
    }
    return NULL;
}

static void harness_map_counters(int fd) {
    size_t size = HARNESS_COUNTERS * sizeof(int64_t);
    harness_counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (harness_counters == MAP_FAILED) abort();
}

/* In a process of its own, leading a group of its own. */
static void harness_run_in_child(const struct harness_entry *test, const char *domain,
                                 const char *tag) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("SAMEPAGE_DOMAIN", domain, 1);
    setenv("HARNESS_TAG", tag, 1);
    int fd = memfd_create("steps", 0);
    char text[16];
    snprintf(text, sizeof text, "%d", fd);
    setenv("HARNESS_STEPS", text, 1);
    if (fd < 0 || ftruncate(fd, HARNESS_COUNTERS * (off_t)sizeof(int64_t)) < 0) abort();
    harness_map_counters(fd);
    signal(SIGPIPE, SIG_IGN);
    test->function(NULL);
    fflush(NULL);
    _exit(0);
}

/* Orphans of a test come to us, so that none is overlooked. Those that end before it are collected
 * at once: there may be more of them than there are process numbers. False if it is late. */
static bool harness_await(pid_t child, siginfo_t *information, pid_t *pids, int most, int *count) {
    while (!harness_is_late) {
        if (waitid(P_ALL, 0, information, WEXITED | WNOWAIT) < 0) continue;
        if (information->si_pid == child) return true;
        waitpid(information->si_pid, NULL, 0);
        if (*count < most) pids[(*count)++] = information->si_pid;
    }
    return false;
}

/* Collects every process that is left. */
static int harness_reap_group(pid_t group, pid_t *pids, int most, int count) {
    kill(-group, SIGKILL);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, 0);
        if (pid < 0 && errno == EINTR) continue;
        if (pid < 0) break;
        if (count < most) pids[count++] = pid;
    }
    return count;
}

/* 0 passed, 1 failed, HARNESS_SKIPPED. */
static int harness_run(const struct harness_entry *test) {
    char domain[128], tag[64];
    pid_t pids[1024];
    static int serial;
    snprintf(tag, sizeof tag, "%d-%d", (int)getpid(), ++serial);
    snprintf(domain, sizeof domain, "/dev/shm/spgdomain-%s", tag);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) harness_run_in_child(test, domain, tag);
    if (child < 0) {
        fprintf(stderr, "    cannot fork: %s\n", strerror(errno));
        return 1;
    }
    setpgid(child, child);
    harness_is_late = 0;
    const char *patience = getenv("HARNESS_DEADLINE_S");
    alarm(patience ? (unsigned)atoi(patience) : HARNESS_DEADLINE_S);
    siginfo_t information;
    int count = 0;
    if (!harness_await(child, &information, pids, 1024, &count))
        fprintf(stderr, "    it did not end in time\n");
    alarm(0);
    int result = harness_is_late || information.si_code != CLD_EXITED ? 1 : information.si_status;
    if (!harness_is_late && information.si_code != CLD_EXITED) {
        fprintf(stderr, "    it died of signal %d\n", information.si_status);
    }
    count = harness_reap_group(child, pids, 1024, count);
    int left = harness_complain_of_names(tag) + harness_complain_of_sysv(pids, count);
    setenv("SAMEPAGE_DOMAIN", domain, 1);
    left += harness_complain_of_state(domain);
    if (result != 0 && result != HARNESS_SKIPPED) return 1;
    return left > 0 ? 1 : result;
}

static int harness_run_role(char **words) {
    struct harness_entry *role = harness_find(harness_roles, harness_role_count, words[2]);
    const char *steps = getenv("HARNESS_STEPS");
    if (!role || !steps) {
        fprintf(stderr, "no role %s\n", words[2]);
        return 2;
    }
    harness_map_counters(atoi(steps));
    role->function(words + 3);
    fflush(NULL);
    return 0;
}

static void harness_tell(int passed, int failed, int skipped) {
    const char *path = getenv("SAMEPAGE_TALLY");
    FILE *tally = path ? fopen(path, "a") : NULL;
    char line[96];
    if (skipped) {
        snprintf(line, sizeof line, "%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    } else {
        snprintf(line, sizeof line, "%d passed, %d failed\n", passed, failed);
    }
    fputs(line, stdout);
    if (tally) fputs(line, tally);
    if (tally) fclose(tally);
}

static bool harness_is_wanted(const char *name, int count, char **words) {
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], name) == 0) return true;
    }
    return count == 1;
}

static int harness_run_all(int count, char **words) {
    int passed = 0, failed = 0, skipped = 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct sigaction late = {.sa_handler = harness_late};
    sigaction(SIGALRM, &late, NULL);
    for (int i = 0; i < harness_test_count; i++) {
        if (!harness_is_wanted(harness_tests[i].name, count, words)) continue;
        int result = harness_run(&harness_tests[i]);
        if (result == 0) passed++;
        else if (result == HARNESS_SKIPPED) skipped++;
        else failed++;
        printf("%s %s\n",
               result == 0                 ? "ok     "
               : result == HARNESS_SKIPPED ? "skipped"
                                           : "FAILED ",
               harness_tests[i].name);
    }
    harness_tell(passed, failed, skipped);
    return failed > 0 || passed + skipped == 0;
}

int main(int count, char **words) {
    harness_began = time(NULL);
    if (count >= 3 && strcmp(words[1], "--role") == 0) return harness_run_role(words);
    if (count == 2 && strcmp(words[1], "--list") == 0) {
        for (int i = 0; i < harness_test_count; i++) puts(harness_tests[i].name);
        return 0;
    }
    return harness_run_all(count, words);
}

#endif
