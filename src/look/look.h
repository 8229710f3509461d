/* look.h: the walk over a domain that listing, auditing and collecting share. */
#ifndef SPG_LOOK_LOOK_H
#define SPG_LOOK_LOOK_H

#include <samepage/look.h>

#include "node/node.h"
#include "segment/managed.h"
#include "segment/record.h"

/* An audit in progress: check.c. */
struct spg__audit {
    const struct spg__domain *domain;
    spg_finding_visitor *visit;
    void *context;
    int damage;
};

void spg__found_out(struct spg__audit *audit, int weight, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A segment found through its record, mapped for looking or tidying; `map` is NULL if it could not
 * be (then `trouble` says why). */
struct spg__found {
    char text[SPG__PATH_BYTES + 16]; /* its name */
    struct spg__segment_name name;
    struct spg__managed_shared *map; /* of the first SPG__MANAGED_HEADER bytes */
    struct spg__managed_head head;
    uint64_t room; /* bytes the object really has */
    uint32_t mode;
    uint32_t user;
    int trouble;
    int sysv_id;
    bool half_made; /* sysv: under construction */
};

/* Looks at the segment of this name. Never fails: `trouble` tells. `detail` of this thread says
 * what the trouble is. */
void spg__found_open(struct spg__found *found, const char *text, bool writable);
void spg__found_close(struct spg__found *found);

/* Takes its name away. */
int spg__found_remove(const struct spg__found *found);

/* Reads the hints of a place, made safe to print. */
void spg__place_read_hints(const struct spg__place_shared *place, struct spg__place_hints *hints);

#endif
