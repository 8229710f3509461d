/* beneath.h: opening files beneath one folder and nowhere else. */
#ifndef TOOL_BENEATH_H
#define TOOL_BENEATH_H

/* Opens a relative path without ".." beneath the folder `root`; symbolic links may not lead out of
 * it. Where the system cannot promise that (openat2 is missing) no symbolic link is followed.
 * Returns a descriptor, or -1 and errno. */
int beneath_open(int root, const char *path, int flags);

#endif
