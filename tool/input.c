/* input.c: see input.h. */
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"
#include "stop.h"

enum { ROOM_LEAST = 65536 };

/* Waits for input with the signals let in only while it waits, so that none comes between the
 * question whether to stop and the wait. False: stop. */
static bool await_input(void) {
    struct pollfd poll_input = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    if (stop_signal() == 0) ppoll(&poll_input, 1, NULL, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return stop_signal() == 0;
}

/* Returns how many bytes came, 0 at the end, -1 if that failed. */
static ssize_t read_some(void *room, size_t size) {
    while (await_input()) {
        ssize_t count = read(STDIN_FILENO, room, size);
        if (count >= 0) return count;
        if (errno == EINTR || errno == EAGAIN) continue;
        complain("cannot read the standard input: %s", strerror(errno));
        return -1;
    }
    return 0;
}

/* Makes room behind `end`, and reads into it. */
static ssize_t fill(struct input *input) {
    if (input->at > 0) {
        memmove(input->bytes, input->bytes + input->at, input->end - input->at);
        input->end -= input->at;
        input->at = 0;
    }
    if (input->end == input->room) {
        input->room = input->room ? 2 * input->room : ROOM_LEAST;
        input->bytes = must_have(realloc(input->bytes, input->room));
    }
    ssize_t count = read_some(input->bytes + input->end, input->room - input->end);
    if (count > 0) input->end += (size_t)count;
    return count;
}

int input_line(struct input *input, const char **bytes, size_t *size) {
    for (size_t looked = 0;;) {
        size_t there = input->end - input->at;
        const char *end = there > looked
                              ? memchr(input->bytes + input->at + looked, '\n', there - looked)
                              : NULL;
        looked = there;
        ssize_t count = end ? 1 : fill(input);
        if (count < 0 || (count == 0 && there == 0) || stop_signal()) return count < 0 ? -1 : 0;
        if (!end && count > 0) continue;
        *bytes = input->bytes + input->at;
        *size = end ? (size_t)(end - *bytes) : there;
        input->at += *size + (end != NULL);
        return 1;
    }
}

int input_piece(void *room, size_t size, size_t *count) {
    for (*count = 0; *count < size;) {
        ssize_t more = read_some((char *)room + *count, size - *count);
        if (more < 0) return -1;
        if (more == 0) break;
        *count += (size_t)more;
    }
    return *count > 0 && stop_signal() == 0;
}

int input_all(struct input *input, const char **bytes, size_t *size) {
    ssize_t count;
    while ((count = fill(input)) > 0) continue;
    *bytes = input->bytes;
    *size = input->end;
    input->at = input->end;
    return count < 0 ? -1 : stop_signal() == 0;
}

int input_next(struct input *input, uint64_t frame, const char **bytes, size_t *size) {
    if (frame == 0) return input_line(input, bytes, size);
    if (input->room < frame) {
        input->bytes = must_have(realloc(input->bytes, frame));
        input->room = frame;
    }
    *bytes = input->bytes;
    return input_piece(input->bytes, frame, size);
}

void input_free(struct input *input) {
    free(input->bytes);
}
