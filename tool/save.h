/* save.h: writing a file that has its name only when it is complete. */
#ifndef TOOL_SAVE_H
#define TOOL_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct save {
    int directory;
    int fd;             /* to write to */
    char temporary[64]; /* its name until then; empty: it has none */
};

/* Begins a new file in a directory, with these permission bits less the umask. -1 and errno. */
int save_begin(struct save *save, int directory, uint32_t mode);

/* Gives it its name, in place of what had it. -1 and errno. Either way it is over. */
int save_commit(struct save *save, const char *name);
void save_abandon(struct save *save);

/* Writes all of it; -1 and errno, EINTR too. */
int write_fully(int fd, const void *bytes, size_t count);

#endif
