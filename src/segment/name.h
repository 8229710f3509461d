/* name.h: a segment's name, taken apart. */
#ifndef SPG_SEGMENT_NAME_H
#define SPG_SEGMENT_NAME_H

#include <samepage/segment.h>

#include "platform/new_file.h"

enum spg__segment_kind { SPG__POSIX, SPG__SYSV, SPG__MEMFD, SPG__ANONYMOUS, SPG__FILE };

enum spg__sysv_naming { SPG__BY_KEY, SPG__BY_ID, SPG__BY_FILE, SPG__BY_NOTHING };

struct spg__segment_name {
    enum spg__segment_kind kind;
    enum spg__sysv_naming sysv;
    bool has_key_file; /* sysv by file: the file is the segment's own, and comes and goes with it */
    int32_t number;    /* sysv: key, id, or the number given to ftok */
    char path
        [SPG__PATH_BYTES]; /* posix, file: of the file; sysv by file: of the key's; memfd: label */
    char text[SPG__PATH_BYTES + 16]; /* the name in its one proper form */
};

/* SPG_EINVAL with a text that says how names look. Asks nothing of the system. */
int spg__segment_name_parse(struct spg__segment_name *name, const char *text);

/* What follows "qt:" (name_qt.c); `name` is empty before. */
int spg__segment_name_parse_qt(struct spg__segment_name *name, const char *rest);
int spg__segment_name_parse_qt_semaphore(struct spg__segment_name *name, const char *rest);

/* The key file of a name that has one (kind_sysv.c). Made: 0 also if it is there already. */
int spg__key_file_make(const struct spg__segment_name *name);
void spg__key_file_remove(const struct spg__segment_name *name);

#endif
