/* members.h: who takes part in a channel, as a table; for stat and top. */
#ifndef TOOL_MEMBERS_H
#define TOOL_MEMBERS_H

#include "channel.h"
#include "print.h"

/* A channel, seen once or twice. */
struct seen {
    const char *name;
    struct channel before, now;
    bool twice; /* there are rates */
};

double seen_rate(const struct seen *seen); /* below 0: not known */

/* "12/s", of a stream "1.2 MiB/s". Into SHORT_TEXT bytes. */
void put_rate(char *text, const struct seen *seen, double rate);

/* "who receives, who sends", "nobody" */
const char *sleepers_text(const spg_channel_facts *facts);

/* To be printed, or drawn and freed. */
void members_table(struct table *table, const struct seen *seen);

#endif
