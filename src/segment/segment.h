/* segment.h: a segment as this process holds it, and what each kind must be able to do. */
#ifndef SPG_SEGMENT_SEGMENT_H
#define SPG_SEGMENT_SEGMENT_H

#include <samepage/segment.h>

#include "base/list.h"
#include "segment/name.h"

/* Private to this process. */
struct spg_segment {
    struct spg__link link; /* first: all segments of this process; under the process lock */
    struct spg__segment_name name;
    spg_segment_options options;   /* as checked */
    spg__file file;                /* SPG__NO_FILE for sysv and anonymous */
    struct spg__new_file building; /* posix, file: until it has a name */
    int sysv_id;                   /* sysv; -1 otherwise */
    char *base;                    /* what is mapped: `mapped` bytes */
    size_t mapped;
    size_t header;        /* bytes before the caller's: 0 or SPG__MANAGED_HEADER */
    uint64_t holder;      /* managed: the node number in our row; 0: not entered */
    bool was_on_record;   /* managed: the domain knew the name before this creation */
    uint64_t incarnation; /* of the process that is the holder (node/self.h) */
    uint32_t row;
};

/* The kinds. `create` makes an object of `total` bytes, every page reserved, mapped for writing,
 * and not yet visible under its name (sysv: visible, but marked as under construction if managed).
 * `commit` makes it visible, in one step. `abandon` undoes create. `open` finds and maps what is
 * there; `total` is told. Each leaves the handle as it found it when it fails. */
struct spg__segment_kind_calls {
    int (*create)(spg_segment *segment, size_t total);
    int (*commit)(spg_segment *segment);
    void (*abandon)(spg_segment *segment);
    int (*open)(spg_segment *segment);
    bool (*is_named)(const spg_segment *segment); /* does the name still stand for what we have? */
    int (*unlink)(const struct spg__segment_name *name);
};

/* Of the mode's three execute bits a managed System V segment that is not complete has that of
 * others alone, which nobody else has a use for (kind_sysv.c). */
enum { SPG__UNDER_CONSTRUCTION = 0001, SPG__CONSTRUCTION_BITS = 0111 };

static inline bool spg__sysv_is_half_made(const struct spg__sysv_facts *facts) {
    return (facts->mode & SPG__CONSTRUCTION_BITS) == SPG__UNDER_CONSTRUCTION;
}

const struct spg__segment_kind_calls *spg__segment_kind_calls(enum spg__segment_kind kind);

extern const struct spg__segment_kind_calls spg__segment_file_calls; /* posix and file */
extern const struct spg__segment_kind_calls spg__segment_memfd_calls;
extern const struct spg__segment_kind_calls spg__segment_sysv_calls;
extern const struct spg__segment_kind_calls spg__segment_anonymous_calls;

/* ---- what the kinds share (mapping.c) -------------------------------------------------------- */

/* Makes `file` `total` bytes long with every page reserved, as the options place them, and maps it
 * for writing. */
int spg__segment_fill_file(spg_segment *segment, spg__file file, size_t total);

/* Places fresh mapped memory (NUMA, huge pages) and reserves it by faulting it in. */
int spg__segment_fill_memory(spg_segment *segment);

/* Maps a file that exists, whole, with the access of the options. */
int spg__segment_map_file(spg_segment *segment, spg__file file);

/* Populates and locks as the options say. */
int spg__segment_settle(spg_segment *segment);

void spg__segment_unmap(spg_segment *segment);

size_t spg__huge_page_bytes(uint8_t huge_pages); /* of explicit ones; otherwise 0 */

/* Composes "cannot <what> <name>: <reason>" and, where room is the reason, where it ran out. */
int spg__segment_failed(const spg_segment *segment, int result, const char *what);

/* A handle without memory, its name and options checked. */
int spg__segment_new(spg_segment **out, const char *name, const spg_segment_options *options);
void spg__segment_free(spg_segment *segment);

#endif
