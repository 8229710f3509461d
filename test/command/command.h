/* command.h: tests of the command samepage, as scripts of the shell. Each test has a domain of its
 * own, so names need no care; $D is a folder of its own. A script that ends leaves nothing. */
#ifndef TEST_COMMAND_H
#define TEST_COMMAND_H

#include "harness/harness.h"

enum { SCRIPT_TEXT = 1 << 20 };

struct script_end {
    int status;
    char *output, *errors; /* as texts; they live as long as the test */
};

__attribute__((unused)) static char *script_text(int fd) {
    char *text = malloc(SCRIPT_TEXT);
    ssize_t count = text ? pread(fd, text, SCRIPT_TEXT - 1, 0) : -1;
    if (count < 0) FAIL("cannot read what a script wrote");
    text[count] = '\0';
    close(fd);
    return text;
}

__attribute__((noreturn, unused)) static void script_become(const char *script, int output,
                                                            int errors) {
    static const char before[] = "set -u; D=/tmp/spgtest-$HARNESS_TAG; mkdir -p \"$D\"; "
                                 "trap 'status=$?; rm -rf \"$D\"; exit $status' EXIT\n";
    char path[4200];
    size_t room = strlen(before) + strlen(script) + 1;
    char *whole = malloc(room);
    if (!whole) _exit(99);
    snprintf(whole, room, "%s%s", before, script);
    snprintf(path, sizeof path, "%s:%s", SAMEPAGE_COMMAND_DIR, getenv("PATH"));
    setenv("PATH", path, 1);
    signal(SIGPIPE, SIG_DFL);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", whole, (char *)NULL);
    _exit(99);
}

__attribute__((unused)) static struct script_end script_run(const char *script) {
    int output = memfd_create("output", MFD_CLOEXEC), errors = memfd_create("errors", MFD_CLOEXEC);
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) script_become(script, output, errors);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    struct script_end end = {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                             script_text(output), script_text(errors)};
    return end;
}

/* The script ends with 0, and has written exactly this. */
#define SCRIPT(expected, script)                                                                   \
    do {                                                                                           \
        struct script_end end_ = script_run(script);                                               \
        if (end_.status != 0 || strcmp(end_.output, expected) != 0)                                \
            FAIL("status %d\n--- expected:\n%s--- output:\n%s--- errors:\n%s", end_.status,        \
                 expected, end_.output, end_.errors);                                              \
    } while (0)

/* The script ends with this status and one line of complaint that holds the part. */
#define SCRIPT_FAILS(expected, part, script)                                                       \
    do {                                                                                           \
        struct script_end end_ = script_run(script);                                               \
        const char *line_ = strchr(end_.errors, '\n');                                             \
        if (end_.status != (expected) || !strstr(end_.errors, part) ||                             \
            strncmp(end_.errors, "samepage: ", 10) != 0 || !line_ || line_[1] != '\0')             \
            FAIL("status %d\n--- output:\n%s--- errors:\n%s--- expected one line with: %s",        \
                 end_.status, end_.output, end_.errors, part);                                     \
    } while (0)

/* Waits, in a script, until a command succeeds. */
#define AWAIT "await() { while ! \"$@\" >/dev/null 2>&1; do sleep 0.02; done; }\n"

#endif
