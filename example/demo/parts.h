/* parts.h: the three parts of the demo, and what each is asked for. */
#ifndef PARTS_H
#define PARTS_H

#include "tree.h"

struct wishes {
    const char *path; /* the files to send, in the first part */
    struct tree_limits limits;
    int rounds; /* of the first part and of the third */

    double pace; /* 1: the second part as it is told; less: that much quicker */
    long rate;   /* pictures a second; 0: as many as can be */

    const char *archived; /* what tar reads, in the third part */
    uint64_t archived_bytes;
};

/* Each prints its part of the story, and returns 0 if everything in it was verified, or -1. What
 * the killed have left in the domain is for domain_remove. */
int files_run(const struct wishes *wishes);
int camera_run(const struct wishes *wishes);
int archive_run(const struct wishes *wishes);

/* On a terminal, shows what goes on now, until the next call or progress_end. */
void progress_show(const char *what, const char *kind);
void progress_end(void);

#endif
