/* publisher.h: a publisher as its process holds it. Private to the process, and to the thread that
 * uses it. */
#ifndef SPG_CHANNEL_PUBLISHER_H
#define SPG_CHANNEL_PUBLISHER_H

#include "channel/topic.h"

#define SPG__NO_CHUNK UINT32_MAX

struct spg__loan {
    char *data; /* NULL: free */
    uint64_t room;
    uint32_t chunk; /* or SPG__NO_CHUNK: `data` is a private place */
};

struct spg_publisher {
    struct spg__topic topic; /* first */
    struct spg__publisher_shared *row;
    uint32_t row_index;
    uint64_t author;        /* number of our node, as in a slot's meta */
    uint64_t few_end;       /* smaller messages go the short way; 0: none, because it is timed */
    uint64_t limit;         /* as in our row */
    uint64_t retired_below; /* below it no slot has a chunk that is not free or held */
    uint64_t reclaim_from;  /* below it there is no memory to be had */
    uint64_t published;
    int64_t looked; /* when we last asked whether somebody died */
    char *places;   /* for small messages in the making: one for each loan */
    struct spg__loan loans[SPG_TOPIC_LOANS_MAX];
};

/* What a place for a small message takes. */
static inline uint64_t spg__place_bytes(const struct spg__topic *topic) {
    return ((uint64_t)topic->shape.inline_max + 63) / 64 * 64;
}

#endif
