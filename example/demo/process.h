/* process.h: a process that the demo started, and the socket on which it reports. */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

#include "demo.h"

struct process {
    pid_t pid;  /* 0: none */
    int report; /* -1: none */
};

static const struct process NO_PROCESS = {0, -1};

/* What a process does. Returns its exit status. */
typedef int process_main(void *context, int report);

/* Starts one by fork. An interrupt from the terminal is ours to handle, so it ignores those; it is
 * killed when we die. Returns 0 or -1. */
int process_fork(struct process *process, process_main *run, void *context);

/* Reads exactly `size` bytes of its report. Returns 0, or -1: it died, is silent for 30 seconds, or
 * we are stopping. */
int process_read(const struct process *process, void *to, size_t size);

/* Reads one byte, which must be this one. Returns 0 or -1. */
int process_expect(const struct process *process, char wanted);

/* Waits until it has ended in order. Returns 0 or -1. */
int process_end(struct process *process);

/* Kills it, if it is there, and waits until it is gone. */
void process_kill(struct process *process);

/* Has it stopped itself? Does not wait. */
bool process_is_stopped(const struct process *process);

/* Has it ended? Does not wait, and leaves its status for process_end. */
bool process_is_over(const struct process *process);

/* The other side: reports that many bytes, or one. Returns 0 or -1. */
int process_say(int report, const void *bytes, size_t size);
int process_say_byte(int report, char byte);

#endif
