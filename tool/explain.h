/* explain.h: what is known of a segment that may be anybody's, and what it is taken for.
 *
 * Nothing is written to it, and nothing in it is believed: its first bytes are copied, a file's by
 * reading, since a mapping of a file that somebody cuts is fatal; and every number in the copy is
 * compared with the size that the kernel tells. */
#ifndef TOOL_EXPLAIN_H
#define TOOL_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts.h"

enum { EVIDENCE_BYTES = 65536, NOTES_MAX = 8, NOTE_TEXT = 256 };

struct evidence {
    char path[NAME_BYTES + 16]; /* a file's, or empty */
    const char *leaf;           /* what follows the path's last slash */
    struct facts facts;
    struct users users;
    uint8_t *bytes; /* a copy of the first ones */
    size_t count;
    bool is_unreadable;
    bool is_channel;        /* of Samepage, named as one */
    bool is_removed;        /* sysv: it goes with the last who has it attached */
    unsigned creator, last; /* sysv: the process that made it, that attached or detached last */
};

/* Returns an exit status; what is wrong was said. To be freed in any case. */
int evidence_read(struct evidence *evidence, const char *name);
void evidence_free(struct evidence *evidence);

/* Numbers of the copy, in the machine's byte order; 0 beyond its end. */
uint32_t evidence_32(const struct evidence *evidence, size_t offset);
uint64_t evidence_64(const struct evidence *evidence, size_t offset);

enum sureness { NOT_SURE = 0, POSSIBLE = 1, LIKELY = 2, CERTAIN = 3 };

struct finding {
    const char *what;  /* one word, for programs */
    const char *title; /* for people */
    enum sureness sureness;
    unsigned creator;      /* the process that made it, if the bytes tell; 0 */
    bool cares_for_itself; /* its programs remove it, or mend it, themselves */
    char notes[NOTES_MAX][NOTE_TEXT];
    size_t count;
    char advice[NOTE_TEXT]; /* besides what holds for all; may be empty */
};

/* Adds a sentence. */
void finding_note(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Looks for what it knows. `finding` is empty before, and is left so if it is not that. */
typedef void recogniser(const struct evidence *evidence, struct finding *finding);

recogniser recognise_samepage, recognise_boost, recognise_qt, recognise_python, recognise_php,
    recognise_postgresql, recognise_lmdb, recognise_semaphore, recognise_rust;

#endif
