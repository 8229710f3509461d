/* channel.h: a channel as seen by somebody who does not take part in it. */
#ifndef SPG_LOOK_CHANNEL_H
#define SPG_LOOK_CHANNEL_H

#include "channel/stream.h"

/* A stream found in a domain's directory; `shared` is NULL if it could not be mapped, or is damaged
 * beyond reading (then `trouble` and this thread's detail say why). */
struct spg__found_stream {
    struct spg__channel_head head;
    struct spg__stream_shared *shared;
    struct spg__file_facts facts;
    char name[SPG__CHANNEL_FILE_BYTES]; /* with its prefix: "stream:video/left" */
    int trouble;
};

/* Is this the name of a stream's file? */
bool spg__is_stream_file(const char *file_name);

void spg__found_stream_open(struct spg__found_stream *found, const struct spg__domain *domain,
                            const char *file_name);
void spg__found_stream_close(struct spg__found_stream *found);

#endif
