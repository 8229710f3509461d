/* stop.h: ending when asked to, and waiting in slices so that it can be asked. */
#ifndef TOOL_STOP_H
#define TOOL_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT and SIGTERM only set a mark, and end a system call that blocks. A
 * second signal of the kind kills. */
void stop_listen(void);

/* The signal that came, or 0. */
int stop_signal(void);

/* The caller has tidied up: dies of the signal that came, so that a shell sees it. Returns if none
 * came. */
void stop_for_good(void);

/* How long the user lets us wait, spent in slices:
 *
 *     struct patience patience = {timeout, 0};
 *     do {
 *         result = spg_…(…, patience_slice(&patience));
 *     } while (patience_goes_on(&patience, result));
 */
struct patience {
    int64_t timeout;  /* nanoseconds, SPG_NOWAIT or SPG_FOREVER */
    int64_t deadline; /* of the monotonic clock; 0: not begun */
};

int64_t patience_slice(struct patience *patience);
bool patience_goes_on(const struct patience *patience, int result);

int64_t now_nanoseconds(void); /* of the monotonic clock */
void nap(int64_t nanoseconds); /* a signal ends it */

#endif
