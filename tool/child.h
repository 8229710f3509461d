/* child.h: runs a command of the user's on some bytes. */
#ifndef TOOL_CHILD_H
#define TOOL_CHILD_H

#include <stddef.h>

struct answer {
    char *bytes; /* allocated; NULL: none */
    size_t size, room;
};

/* Runs words[0] with `bytes` as its standard input. What it writes goes to `answer`, or if that is
 * NULL to our own output. If we are asked to stop it is, too; if we die it gets SIGTERM.
 * Returns its exit status, 128 and the signal if one killed it, 127 if it cannot be run (that was
 * said), or -1: the system cannot start it, which was said. */
int child_run(char *const *words, const void *bytes, size_t size, struct answer *answer);

/* "ended with status 3", "died of signal 9", "could not be run". Into SHORT_TEXT bytes. */
const char *child_text(char *text, int status);

#endif
