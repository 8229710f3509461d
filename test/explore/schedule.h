/* schedule.h: one execution after another, and which of all there are. */
#ifndef EXPLORE_SCHEDULE_H
#define EXPLORE_SCHEDULE_H

#include "machine.h"

enum { SCHEDULE_BYTES = 4096 };

/* How the next execution decides. */
enum deciding {
    DECIDE_DEPTH_FIRST, /* the next one of the search that schedule_search began */
    DECIDE_AT_RANDOM,   /* PCT: priorities, and `depth` changes of them; from a seed */
    DECIDE_AS_TOLD      /* as a schedule string says */
};

struct outcome {
    bool failed, cut; /* cut: what follows has been seen */
    int preemptions, deaths, stale;
    uint64_t digest; /* of what is shared, before it is judged */
    char text[1024]; /* why it failed */
};

void schedule_boot(const struct scene *scene);

/* Every place at which anybody may give way is one, until what is shared is known. */
void schedule_learn(bool learning);
void schedule_cut(bool cutting); /* off: without the third reduction */

void schedule_search(int preemptions, int deaths, int stale);
bool schedule_has_next(void);
void schedule_randomly(uint64_t seed, int depth, int deaths, int stale);
bool schedule_as_told(const char *text);

void schedule_run(enum deciding deciding, struct outcome *outcome);

/* What the last execution did: told again, it does the same. */
const char *schedule_text(void);

#endif
