/* subscriber.h: a subscriber as its process holds it. Private to the process, and to the thread
 * that uses it. */
#ifndef SPG_CHANNEL_SUBSCRIBER_H
#define SPG_CHANNEL_SUBSCRIBER_H

#include "channel/topic.h"

struct spg__ticket {
    uint64_t sequence; /* 0: free */
    bool is_protected; /* by our cursor alone: no hold */
    bool is_chunk;     /* of the topic's memory, not a copy of ours */
    void *bulk;        /* read_only: our copy of a chunk, kept for the next */
    uint64_t bulk_room;
};

struct spg_subscriber {
    struct spg__topic topic; /* first */
    struct spg_waitable waitable;
    struct spg__domain outside;         /* read_only: the domain as looked at */
    struct spg__subscriber_shared *row; /* NULL: read_only */
    uint64_t position;                  /* the sequence we read next */
    uint64_t joined;                    /* below it others may not have seen us when they looked */
    uint64_t cursor;                    /* as in our row */
    struct spg__voids voids;            /* below our position */
    uint64_t lost;                      /* since the last message received */
    uint64_t received;
    uint64_t lost_ever;
    uint32_t claims_seen; /* how often in a row our next slot was a claim */
    int64_t claim_looked; /* when it last was */
    uint32_t next_ticket; /* probably free */
    uint32_t protected_out;
    uint64_t protected_from; /* the oldest of these, or older */
    uint32_t chunks_out;
    uint64_t holding_since; /* as in our row */
    uint64_t few_end;       /* smaller messages are read the short way; 0: none, read_only */
    bool must_not_lose;
    bool is_looking; /* `outside` is open */
    char *copies;    /* of small messages: one for each ticket */
    uint64_t copy_bytes;
    struct spg__ticket *tickets; /* as many as holds */
};

/* Would a receive return at once? For its waitable. */
bool spg__subscriber_is_ready(struct spg_waitable *waitable);
bool spg__subscriber_is_quiet(const struct spg_waitable *waitable);

#endif
