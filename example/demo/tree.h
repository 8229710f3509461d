/* tree.h: the files to send, read into memory before any clock starts. */
#ifndef TREE_H
#define TREE_H

#include "demo.h"

struct tree_file {
    uint8_t *bytes;
    uint64_t size;
    uint8_t sha256[DIGEST_BYTES];
};

struct tree {
    struct tree_file *files;
    size_t count;
    uint64_t bytes;
    bool is_cut; /* the limits ended the walk, or passed over a file */
};

/* What is taken: regular files that can be read, no symbolic links, on one file system, in the
 * order of their names. A file larger than an eighth of `bytes` is passed over; the walk ends
 * before the file that would exceed `bytes` or `files`. Zero: no limit. */
struct tree_limits {
    uint64_t bytes;
    size_t files;
};

/* Returns 0 or -1; on failure there is nothing to free. */
int tree_load(struct tree *tree, const char *path, const struct tree_limits *limits);
void tree_free(struct tree *tree);

#endif
