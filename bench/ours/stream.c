/* stream.c: the stream, one way, as everybody writes and reads. */
#include "ours.h"

enum { CAPACITY = 256 * 1024 };

static void open_stream(struct contest *contest, int role) {
    spg_stream *stream;
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = CAPACITY;
    int end = role == 0 ? SPG_STREAM_WRITER : SPG_STREAM_READER;
    must(spg_stream_open(&stream, NULL, contest->name, end, &options));
    contest->mine = stream;
}

static void close_stream(struct contest *contest, int role) {
    (void)role;
    must(spg_stream_close(contest->mine));
}

/* ---- copied in, copied out ------------------------------------------------------------------- */

LOOP void put(struct contest *contest, uint64_t number) {
    const char *bytes = source_of(contest, number);
    for (size_t done = 0; done < contest->size;) {
        int some = spg_stream_write(contest->mine, bytes + done, contest->size - done, SPG_NOWAIT);
        if (some == SPG_EAGAIN) relax();
        else done += (size_t)must_not_be_negative(some, "spg_stream_write");
    }
}

LOOP void get(struct contest *contest, uint64_t number) {
    char *room = (char *)contest->room;
    for (size_t done = 0; done < contest->size;) {
        int some = spg_stream_read(contest->mine, room + done, contest->size - done, SPG_NOWAIT);
        if (some == SPG_EAGAIN) relax();
        else done += (size_t)must_not_be_negative(some, "spg_stream_read");
    }
    absorb(contest, room, contest->size, number);
}

static void run(struct contest *contest, int role) {
    one_way(contest, role, put, get);
}

/* ---- in place -------------------------------------------------------------------------------- */

LOOP void put_in_place(struct contest *contest, uint64_t number) {
    void *room;
    until_done(spg_stream_reserve(contest->mine, contest->size, &room, SPG_NOWAIT));
    fill(contest, room, contest->size, number);
    must(spg_stream_commit(contest->mine, contest->size));
}

/* Takes all pieces that are there and gives them back at once. */
static void take_in_place(struct contest *contest) {
    for (uint64_t i = 1; i <= contest->count;) {
        const void *bytes;
        int there = spg_stream_peek(contest->mine, &bytes, SPG_NOWAIT);
        if (there == SPG_EAGAIN) {
            relax();
            continue;
        }
        must_not_be_negative(there, "spg_stream_peek");
        size_t pieces = (size_t)there / contest->size;
        for (size_t piece = 0; piece < pieces; piece++) {
            const char *from = (const char *)bytes + piece * contest->size;
            absorb(contest, from, contest->size, contest->number + i++);
        }
        must(spg_stream_consume(contest->mine, pieces * contest->size));
    }
}

static void run_in_place(struct contest *contest, int role) {
    if (role == 1) {
        take_in_place(contest);
        return;
    }
    for (uint64_t i = 1; i <= contest->count; i++) put_in_place(contest, contest->number + i);
}

#define STREAM(NAME, HOW, RUN)                                                                     \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = OURS, .pattern = BYTES, .least = 8,                      \
        .most = CAPACITY / 4, .open = open_stream, .run = RUN, .close = close_stream               \
    }

const struct contestant stream_bytes = STREAM("stream", "256 KiB, write and read", run);
const struct contestant stream_in_place = STREAM(
    "stream, in place", "256 KiB, reserve, commit, peek, consume", run_in_place);
