/* edits.h: what an input of the target `file` begins with, and edits of an image in it (file.c). */
#ifndef FUZZ_EDITS_H
#define FUZZ_EDITS_H

enum {
    EDIT_HEAD = 4,
    EDIT_BYTES = 10,
    EDIT_MODE = 1,
    EDIT_LATER = 2,
    EDIT_BRIEFLY = 4,
    EDIT_AT = 8
};

#endif
