/* top.h: all channels of the domain at one moment, with the rates since the last one. */
#ifndef TOOL_TOP_H
#define TOOL_TOP_H

#include "entries.h"
#include "members.h"

struct view {
    struct entries entries; /* nodes too */
    struct seen *rows; /* by rate, the busiest first; one beside each channel that can be read */
    size_t count;
    int result; /* of looking at the domain */
};

/* Looks, and takes the last view's samples over for the rates. */
void view_renew(struct view *view);
void view_free(struct view *view);

/* One row a channel. To be printed, or drawn and freed. */
void view_table(struct table *table, const struct view *view);

/* "4 nodes, 0 segments, 2 topics" or why there is nothing. Into SUMMARY_BYTES. */
const char *view_summary(char *text, const struct view *view);

/* top_screen.c: until the user quits or a signal comes. False: this terminal cannot do it. */
bool top_on_screen(int64_t interval, int *status);

#endif
