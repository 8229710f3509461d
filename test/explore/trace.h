/* trace.h: what is shared, and which executions are alike; for schedule.c. */
#ifndef EXPLORE_TRACE_H
#define EXPLORE_TRACE_H

#include "machine.h"

extern bool trace_learning; /* every place counts as shared */

void trace_boot(void);  /* nothing is known to be shared */
void trace_begin(void); /* an execution */
bool trace_is_shared(uint32_t place);

/* What was learned to be shared counts from `adopt` on; it tells how many places. */
bool trace_has_learned(void);
int trace_adopt(void);

/* Was there an execution like this one so far, with as many preemptions left, and alike in what is
 * given besides? If not, it is from now on. */
bool trace_was_seen(uint64_t besides, int preemptions_left);
void trace_forget(void);

/* Of what lies in the shared places. */
uint64_t trace_digest(void);

#endif
