/* victim.c: ptrace. Between two instructions that matter the victim runs at full speed, stopped by
 * its system calls, which are counted, and by a breakpoint of the processor, which changes nothing
 * in its code. */
#include "step/victim.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORBIDDEN = 77, CALL_STOP = SIGTRAP | 0x80 };

/* Goes on until it stops for us; signals of its own are passed on. The signal it stopped with, or 0
 * when it has ended. */
static int go(struct victim *victim, int request) {
    for (;;) {
        if (ptrace(request, victim->pid, NULL, (void *)(intptr_t)victim->signal) < 0) return 0;
        victim->signal = 0;
        while (waitpid(victim->pid, &victim->status, __WALL) < 0) {
            if (errno != EINTR) return 0;
        }
        if (!WIFSTOPPED(victim->status)) {
            victim->ended = true;
            return 0;
        }
        int signal = WSTOPSIG(victim->status);
        if (signal == SIGTRAP || signal == CALL_STOP) return signal;
        victim->signal = signal;
    }
}

bool victim_start(struct victim *victim, void (*part)(void)) {
    *victim = (struct victim){.pid = fork()};
    if (victim->pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) _exit(FORBIDDEN);
        raise(SIGSTOP);
        part();
        _exit(0);
    }
    while (waitpid(victim->pid, &victim->status, __WALL) < 0 && errno == EINTR) {}
    victim->ended = !WIFSTOPPED(victim->status);
    if (victim->ended) return false;
    intptr_t options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
    return ptrace(PTRACE_SETOPTIONS, victim->pid, NULL, (void *)options) == 0;
}

uint64_t victim_address(const struct victim *victim) {
    struct __ptrace_syscall_info information = {0};
    ptrace(PTRACE_GET_SYSCALL_INFO, victim->pid, (void *)sizeof information, &information);
    return information.instruction_pointer;
}

static bool is_call(long instruction) {
#if defined(__x86_64__)
    return (instruction & 0xffff) == 0x050f;
#elif defined(__aarch64__)
    return (uint32_t)instruction == 0xd4000001u;
#else
#    error "how does this processor call the system?"
#endif
}

/* What was found is kept: code does not change. */
bool victim_is_calling(const struct victim *victim, uint64_t address) {
    enum { KNOWN = 1 << 16 };
    static struct {
        uint64_t address;
        bool calls;
    } known[KNOWN];
    size_t i = address * 0x9e3779b97f4a7c15u >> 48;
    if (known[i].address != address) {
        known[i].address = address;
        known[i].calls = is_call(ptrace(PTRACE_PEEKTEXT, victim->pid, (void *)address, NULL));
    }
    return known[i].calls;
}

bool victim_step(struct victim *victim) {
    return go(victim, PTRACE_SINGLESTEP) != 0;
}

bool victim_pass_calls(struct victim *victim, long count) {
    struct __ptrace_syscall_info information = {0};
    while (count > 0) {
        if (go(victim, PTRACE_SYSCALL) != CALL_STOP) return false;
        ptrace(PTRACE_GET_SYSCALL_INFO, victim->pid, (void *)sizeof information, &information);
        if (information.op == PTRACE_SYSCALL_INFO_EXIT) count--;
    }
    return true;
}

bool victim_reach_call(struct victim *victim) {
    return go(victim, PTRACE_SYSCALL) == CALL_STOP;
}

#if defined(__x86_64__)

static bool set_breakpoint(const struct victim *victim, uint64_t address) {
    size_t where = offsetof(struct user, u_debugreg[0]), how = offsetof(struct user, u_debugreg[7]);
    long on = address != 0;
    return ptrace(PTRACE_POKEUSER, victim->pid, (void *)how, NULL) == 0 &&
           ptrace(PTRACE_POKEUSER, victim->pid, (void *)where, (void *)address) == 0 &&
           ptrace(PTRACE_POKEUSER, victim->pid, (void *)how, (void *)on) == 0;
}

#else

static bool set_breakpoint(const struct victim *victim, uint64_t address) {
    (void)victim, (void)address;
    return false;
}

#endif

bool victim_has_breakpoints(const struct victim *victim) {
    return set_breakpoint(victim, 0);
}

bool victim_reach(struct victim *victim, uint64_t address, long times) {
    int signal = SIGTRAP;
    if (victim_address(victim) == address && --times == 0) return true;
    set_breakpoint(victim, address);
    while (times-- > 0 && signal == SIGTRAP) signal = go(victim, PTRACE_SYSCALL);
    if (signal == 0) return false;
    set_breakpoint(victim, 0);
    return signal == SIGTRAP;
}

void victim_kill(struct victim *victim) {
    if (victim->ended) return;
    kill(victim->pid, SIGKILL);
    while (waitpid(victim->pid, &victim->status, __WALL) < 0 && errno == EINTR) {}
    victim->ended = true;
}
