/* stream.h: a stream as it lies in memory, and as a process holds one end of it.
 *
 *     0  the channel's head; geometry[0] is the capacity
 *   256  writer    who writes: node number << 4 | LEFT; 0: not come yet. Set by who takes the
 *                  end, under the domain's lock; LEFT added by him when he goes
 *   264  written   bytes committed since the beginning. Writer: the writer. Readers: the reader
 *   272  bell      bell word (alarm.h) of a writer that waits for room in poll
 *   280  asleep    for people
 *   384  reader    who reads, likewise
 *   392  consumed  bytes given back since the beginning. Writer: the reader. Readers: the writer
 *   400  bell      bell word of a reader that waits in poll
 *   408  asleep    for people
 *   512  data      turn word (sync/wait.h): the reader sleeps until there is something to read
 *   640  room      turn word: the writer sleeps until there is room
 *   one page on    the bytes, `capacity` of them; byte n lies at n modulo capacity
 *
 * What each side writes lies on lines of its own, two apart, since processors fetch them in pairs.
 * */
#ifndef SPG_CHANNEL_STREAM_H
#define SPG_CHANNEL_STREAM_H

#include <samepage/stream.h>

#include "base/list.h"
#include "channel/alarm.h"

enum { SPG__END_LEFT = 1, SPG__END_SHIFT = 4 };

struct spg__end_shared {
    spg__word64 owner;
    spg__word64 position; /* written, or consumed */
    spg__word64 bell;
    spg__word64 asleep; /* since when, in nanoseconds since 1970, for people; 0: awake */
    spg__word64 zeros[12];
};

_Static_assert(offsetof(struct spg__end_shared, bell) == 16, "layout of the stream");
_Static_assert(sizeof(struct spg__end_shared) == 128, "an end has two lines");

struct spg__stream_shared {
    spg__word64 head[SPG__CHANNEL_OWN / 8];
    struct spg__end_shared writer;
    struct spg__end_shared reader;
    spg__word32 data;
    spg__word32 zeros[31];
    spg__word32 room;
    spg__word32 more_zeros[31];
};

_Static_assert(offsetof(struct spg__stream_shared, writer) == 256, "layout of the stream");
_Static_assert(offsetof(struct spg__stream_shared, reader) == 384, "layout of the stream");
_Static_assert(offsetof(struct spg__stream_shared, data) == 512, "layout of the stream");
_Static_assert(offsetof(struct spg__stream_shared, room) == 640, "layout of the stream");
_Static_assert(sizeof(struct spg__stream_shared) == 768, "layout of the stream");

/* Private to this process, and to the thread that uses the end. */
struct spg_stream {
    struct spg__link link; /* first: all streams of this process; under the process lock */
    struct spg__stream_shared *shared; /* one page */
    char *ring;                        /* mapped twice in a row */
    uint64_t capacity;
    uint64_t position; /* ours: the truth, of which the shared one is the copy for the other side */
    uint64_t other;    /* the other side's, as last seen */
    uint64_t reserved; /* writer: bytes handed out and not committed */
    uint64_t wanted;   /* what the last call would have had to wait for; 1 if it did not */
    spg__word64 *own_position; /* what we write of the counters, and what the other side does */
    spg__word64 *other_position;
    int end;
    bool ended; /* writer: said that it has nothing more to say */
    spg_node *node;
    uint64_t incarnation;
    struct spg__alarm theirs; /* the other side sleeps here */
    struct spg__alarm ours;   /* we sleep here */
    struct spg_waitable waitable;
    int64_t asked;                /* when the kernel was last asked whether the other side lives */
    struct spg__file_facts facts; /* which file it is */
    char file_name[SPG__CHANNEL_FILE_BYTES];
};

/* Do capacity and size in a stream's head go together? SPG_ECORRUPT; `name` is for the detail. */
int spg__stream_check_geometry(const struct spg__channel_head *head, const char *name);

enum spg__end_state { SPG__END_NOBODY, SPG__END_HERE, SPG__END_GONE, SPG__END_DEAD };

enum spg__end_state spg__end_state(const struct spg__domain *domain,
                                   const struct spg__end_shared *end);

/* Will neither side ever use it again? */
bool spg__stream_is_over(const struct spg__domain *domain, const struct spg__stream_shared *shared);

/* Once mapped: where both sides sleep. */
void spg__stream_prepare_waiting(spg_stream *stream);

/* Marks our end as left and wakes the other side. */
void spg__stream_leave(spg_stream *stream);

#endif
