/* record.h: which managed segments a domain knows.
 *
 * For each managed segment with a name there is one record in the domain's directory, made before
 * the segment and removed after it: so whatever dies in between, everything that exists is on
 * record. A record is one name that carries a text (a symbolic link), so it is there or not, never
 * half. All of it happens under the domain's lock: a record without a segment, seen by one who
 * holds the lock, is what a dead process left. */
#ifndef SPG_SEGMENT_RECORD_H
#define SPG_SEGMENT_RECORD_H

#include "node/domain.h"
#include "segment/name.h"

#define SPG__RECORD_PREFIX "segment-"

/* 0: made. 1: it was there. */
int spg__segment_record_make(const struct spg__domain *domain, const char *text);
bool spg__segment_record_exists(const struct spg__domain *domain, const char *text);
int spg__segment_record_remove(const struct spg__domain *domain, const char *text);

#endif
