/* victims.h: processes that are made to be killed, for tests that kill many: forks without exec. */
#ifndef TEST_PROCESS_VICTIMS_H
#define TEST_PROCESS_VICTIMS_H

#include "harness/harness.h"

__attribute__((unused)) static pid_t start(void (*function)(void *), uintptr_t argument) {
    pid_t pid = harness_fork();
    if (pid > 0) return pid;
    function((void *)argument);
    fflush(NULL);
    _exit(0);
}

__attribute__((unused)) static void ends_well(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status != 0) FAIL("a process of the storm ended with status %#x", status);
}

__attribute__((unused)) static void ends_or_dies(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    bool well = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0;
    if (!well) FAIL("a victim of the storm ended with status %#x", status);
}

__attribute__((unused)) static void dies(pid_t pid) {
    kill(pid, SIGKILL);
    ends_or_dies(pid);
}

#endif
