/* victim.h: a process that is led instruction by instruction, from its first to its death. */
#ifndef TEST_STEP_VICTIM_H
#define TEST_STEP_VICTIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct victim {
    pid_t pid;
    int status; /* of waitpid, once it has ended */
    int signal; /* on its way to it */
    bool ended;
};

/* Forks it; it stops before it runs `part`. False: this system forbids to trace. */
bool victim_start(struct victim *victim, void (*part)(void));

/* Of the instruction that comes next. */
uint64_t victim_address(const struct victim *victim);

/* Is that a system call? */
bool victim_is_calling(const struct victim *victim, uint64_t address);

/* One instruction, or one whole system call. False: it has ended. */
bool victim_step(struct victim *victim);

/* At full speed, until so many more system calls are over. False: it has ended. */
bool victim_pass_calls(struct victim *victim, long count);

/* At full speed, to where its next system call begins. False: it has ended. */
bool victim_reach_call(struct victim *victim);

bool victim_has_breakpoints(const struct victim *victim);

/* At full speed, by a breakpoint, until it has come to this instruction so many times. False: it
 * has ended, or a system call was first. */
bool victim_reach(struct victim *victim, uint64_t address, long times);

/* SIGKILL, and waits until it is dead. */
void victim_kill(struct victim *victim);

#endif
