/* output.c: see output.h. */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "print.h"

void output_begin(void) {
    signal(SIGPIPE, SIG_IGN);
}

static int fail(int reason) {
    if (reason == EPIPE) return EXIT_FAILED;
    return complain("cannot write the standard output: %s", strerror(reason));
}

int output_bytes(const void *bytes, size_t size) {
    const char *next = bytes;
    while (size > 0) {
        ssize_t count = write(STDOUT_FILENO, next, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(errno);
        next += count;
        size -= (size_t)count;
    }
    return EXIT_OK;
}

void output_message(const void *bytes, size_t size, bool raw) {
    const char *text = bytes;
    fwrite(bytes, 1, size, stdout);
    if (!raw && (size == 0 || text[size - 1] != '\n')) putchar('\n');
}

int output_flush(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_OK;
    return fail(errno);
}

bool output_is_closed(void) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = 0};
    return poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLNVAL));
}
