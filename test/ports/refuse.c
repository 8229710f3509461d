/* refuse.c: runs a command to which the kernel refuses FUTEX_WAKE_OP.
 *
 * An emulator that hands this call on for a processor of the other byte order has the kernel change
 * the word in the machine's order, and tells nobody. Refused it is harmless: the library then makes
 * the two steps itself (src/platform/linux/wait.c). */
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CALL = offsetof(struct seccomp_data, nr),
    OPERATION = offsetof(struct seccomp_data, args[1])
};

static int refuse(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CALL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OPERATION),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_CMD_MASK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE_OP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int main(int count, char **words) {
    if (count < 2) return 2;
    if (refuse() < 0) {
        fprintf(stderr, "refuse: cannot filter system calls: %s\n", strerror(errno));
        return 1;
    }
    execvp(words[1], words + 1);
    fprintf(stderr, "refuse: %s: %s\n", words[1], strerror(errno));
    return 127;
}
