/* role.h: the processes of a contest, as their parent sees them. */
#ifndef BENCH_ROLE_H
#define BENCH_ROLE_H

#include "contest.h"

/* Starts the processes; they open what they need and then sleep. */
void roles_start(struct contest *contest);
/* One repetition of so many operations. False: contest->failure says why. */
bool roles_run(struct contest *contest, uint64_t count);
/* Lets them close, or kills them if they do not. */
void roles_end(struct contest *contest);
void roles_kill(struct contest *contest);

#endif
