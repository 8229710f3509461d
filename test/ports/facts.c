/* facts.c: what of the kernel reaches a program here. Each fact is tried in a few lines; prints a
 * line "NAME: what is wrong" for each that does not hold, which skips.list refers to. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE_WIPE = 18, POPULATE_WRITE = 23, WAITV = 449, MODE = 0640 };

/* In a child, which may be changed for ever. */
static bool in_child(bool (*holds)(void)) {
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(holds() ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool may_be_traced(void) {
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

/* Without a program the kernel says EFAULT, where it knows the call. */
static bool filters_calls(void) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 && errno == EFAULT;
}

/* Of no words it is an error, where the call is there. */
static bool waits_for_several_words(void) {
    return syscall(WAITV, NULL, 0, 0, NULL, 0) < 0 && errno != ENOSYS;
}

/* "Add 5 to the word, and wake." Refused, it leaves the word as it is. */
static bool changes_and_wakes(void) {
    enum { WAKE_OP = 5, ADD = 1 << 28, IF_LESS = 2 << 24 };
    uint32_t word = 1;
    long result = syscall(SYS_futex, &word, WAKE_OP, 1, NULL, &word, ADD | IF_LESS | 5 << 12);
    return result == 0 && word == 6;
}

static bool refuses_or_changes_and_wakes(void) {
    enum { WAKE_OP = 5, ADD = 1 << 28, IF_LESS = 2 << 24 };
    uint32_t word = 1;
    long result = syscall(SYS_futex, &word, WAKE_OP, 1, NULL, &word, ADD | IF_LESS | 5 << 12);
    return word == (result == 0 ? 6 : 1);
}

static bool keeps_address_limit(void) {
    struct rlimit limit = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    return mmap(NULL, 128 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static void *map_pages(size_t size, int kind) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
}

static bool populates(void) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char present = 0;
    void *page = map_pages(size, MAP_SHARED);
    madvise(page, size, POPULATE_WRITE);
    return mincore(page, size, &present) == 0 && present & 1;
}

static char *wiped;

static bool is_wiped(void) {
    return *wiped == 0;
}

static bool wipes_on_fork(void) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    wiped = map_pages(size, MAP_PRIVATE);
    *wiped = 1;
    return madvise(wiped, size, PAGE_WIPE) == 0 && in_child(is_wiped);
}

static bool tells_mode_of_sysv(void) {
    struct shmid_ds status = {0};
    int id = shmget(IPC_PRIVATE, 1, IPC_CREAT | MODE);
    shmctl(id, IPC_STAT, &status);
    shmctl(id, IPC_RMID, NULL);
    return (status.shm_perm.mode & 0777) == MODE;
}

/* Twenty descriptors into room for two: those that are told are those that are installed. */
static bool installs_what_it_tells(void) {
    enum { SENT = 20, ROOM = CMSG_SPACE(SENT * sizeof(int)) };
    union {
        char bytes[ROOM];
        struct cmsghdr header;
    } control = {{0}};
    int pair[2];
    char byte = 0;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = ROOM};
    control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(SENT * sizeof(int)),
                                      .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return false;
    for (int i = 0; i < SENT; i++) ((int *)(void *)CMSG_DATA(&control.header))[i] = pair[0];
    if (sendmsg(pair[0], &message, 0) < 0) return false;
    int next = dup(pair[0]);
    close(next);
    message.msg_controllen = CMSG_SPACE(2 * sizeof(int));
    if (recvmsg(pair[1], &message, 0) < 0) return false;
    size_t told = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    return (size_t)(dup(pair[0]) - next) == told;
}

static bool is_little_endian(void) {
    return *(const uint8_t *)&(const uint16_t){1} == 1;
}

int main(void) {
    static const struct {
        const char *name, *wrong;
        bool (*holds)(void);
    } facts[] = {
        {"ptrace", "no process can be traced", may_be_traced},
        {"seccomp", "system calls cannot be filtered", filters_calls},
        {"waitv", "futex_waitv is not there; a wait for several words looks every millisecond",
         waits_for_several_words},
        {"wake-op", "FUTEX_WAKE_OP is refused, or changes another number than was asked for",
         changes_and_wakes},
        {"wake-op-order", "FUTEX_WAKE_OP changes the word in the other byte order",
         refuses_or_changes_and_wakes},
        {"address-limit", "RLIMIT_AS is not kept", keeps_address_limit},
        {"populate", "madvise(MADV_POPULATE_WRITE) says yes and does nothing", populates},
        {"wipe-on-fork", "madvise(MADV_WIPEONFORK) says yes and does nothing", wipes_on_fork},
        {"descriptors", "of descriptors without room some are installed that nobody is told of",
         installs_what_it_tells},
        {"sysv-mode", "the mode of a System V segment is told wrongly", tells_mode_of_sysv},
        {"byte-order", "programs of others beside it, which are this machine's, have another one",
         is_little_endian},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (!in_child(facts[i].holds)) printf("%s: %s\n", facts[i].name, facts[i].wrong);
    }
    return 0;
}
