/* new_file.h: a file that is built complete before it has a name.
 *
 * Where the file system has unnamed files, a death at any point before the link leaves nothing, and
 * the link is one step. Where it has none, the file is built under "<name>.new", which its builder
 * keeps locked; a builder that dies leaves that one file, and the next one to build under the same
 * name finds it unlocked and removes it. */
#ifndef SPG_PLATFORM_NEW_FILE_H
#define SPG_PLATFORM_NEW_FILE_H

#include "platform/platform.h"

enum { SPG__PATH_BYTES = 4096 };

struct spg__new_file {
    spg__file file;
    spg__file directory;             /* or SPG__NO_FILE: then the name is a path */
    char name[SPG__PATH_BYTES];      /* it will have */
    char temporary[SPG__PATH_BYTES]; /* it has until then; empty for an unnamed file */
};

int spg__new_file_begin(struct spg__new_file *new_file, spg__file directory, const char *name);
/* SPG_EEXIST if the name is taken. After success the file is the caller's to close. */
int spg__new_file_commit(struct spg__new_file *new_file);
void spg__new_file_abandon(struct spg__new_file *new_file);

/* Removes "<name>.new", given whole, if its builder is dead. 1: removed. 0: not there any more. */
int spg__new_file_clear(spg__file directory, const char *temporary);

#endif
