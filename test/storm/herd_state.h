/* herd_state.h: who writes and reads the cell, and who speaks over streams. */
#ifndef TEST_STORM_HERD_STATE_H
#define TEST_STORM_HERD_STATE_H

#include <poll.h>

#include "storm.h"

enum { CELL_ROOM = 600, PIECE = 5000 };

/* ---- cell ------------------------------------------------------------------------------------ */

static spg_cell *open_cell(void) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = CELL_ROOM;
    options.buffers = 6;
    SUCCEEDS(spg_cell_open(&cell, NULL, "storm/cell", &options));
    return cell;
}

static void write_in_place(spg_cell *cell, size_t size, uint64_t n) {
    void *data;
    CHECK_OK(spg_cell_loan(cell, &data, MILLISECONDS(PATIENCE_MS)));
    message_fill(data, size, self.life, n);
    linger();
    if (chance(8) == 0) {
        CHECK_OK(spg_cell_discard(cell));
        return;
    }
    storm->values_attempted++;
    CHECK_OK(spg_cell_publish(cell, size));
    storm->values_committed++;
}

static void write_a_copy(spg_cell *cell, size_t size, uint64_t n) {
    char bytes[CELL_ROOM];
    message_fill(bytes, size, self.life, n);
    storm->values_attempted++;
    CHECK_OK(spg_cell_write(cell, bytes, size, MILLISECONDS(PATIENCE_MS)));
    storm->values_committed++;
}

static void be_cell_writer(void) {
    spg_cell *cell = open_cell();
    is_ready();
    for (uint64_t n = 0; goes_on(); n++) {
        if (park(STOP)) continue;
        size_t size = 16 + chance(CELL_ROOM - 16);
        if (chance(2)) write_in_place(cell, size, n);
        else write_a_copy(cell, size, n);
        step();
        if (n % 4 == 0) nap_us(200);
    }
    CHECK_OK(spg_cell_close(cell));
}

struct known {
    uint64_t version;
    struct stamp stamp;
};

static void read_value(spg_cell *cell, struct known *known) {
    char bytes[CELL_ROOM];
    uint64_t version;
    int size = spg_cell_read(cell, bytes, sizeof bytes, &version);
    if (size == SPG_EAGAIN || size == SPG_EFULL) return;
    if (size < 0) CHECK_OK(size);
    struct stamp stamp = stamp_of(bytes, (size_t)size, "value");
    if (version < known->version) FAIL("an older value comes after a newer one");
    if (version == known->version && (stamp.writer != known->stamp.writer ||
                                      stamp.n != known->stamp.n))
        FAIL("two values have one version");
    if (version > known->version) count(VALUES, 1), step();
    *known = (struct known){version, stamp};
}

/* The descriptor for poll; none where as many have one as the channel allows. */
static int bell_of(spg_waitable *waitable) {
    int fd;
    while ((fd = spg_waitable_fd(waitable)) == SPG_ETIMEDOUT) count(LOCKED_OUT, 1);
    if (fd < 0) CHECK_RESULT(SPG_EFULL, fd);
    return fd;
}

/* Waits in poll, or in the call. */
static void be_cell_reader(void) {
    struct known known = {0, {0, 0}};
    spg_cell *cell = open_cell();
    struct pollfd wanted = {.fd = -1, .events = POLLIN};
    if (!is_mortal() || chance(2)) wanted.fd = bell_of(spg_cell_waitable(cell));
    is_ready();
    while (goes_on()) {
        park(QUIET);
        if (wanted.fd >= 0 && poll(&wanted, 1, 20) == 1) count(WAITS, 1);
        int64_t timeout = wanted.fd >= 0 ? SPG_NOWAIT : MILLISECONDS(20);
        int result = spg_cell_wait(cell, known.version, timeout);
        if (result == SPG_EAGAIN || result == SPG_ETIMEDOUT) continue;
        CHECK_OK(result);
        read_value(cell, &known);
    }
    CHECK_OK(spg_cell_close(cell));
}

/* ---- streams --------------------------------------------------------------------------------- */

enum { TO_A_SURVIVOR, FROM_A_SURVIVOR, AMONG_THE_MORTAL, STREAMS };

static const char *stream_name(int which) {
    return which == TO_A_SURVIVOR     ? "storm/to-a-survivor"
           : which == FROM_A_SURVIVOR ? "storm/from-a-survivor"
                                      : "storm/among-the-mortal";
}

/* Takes this end as soon as the conversation before is over; NULL: it is time to rest. */
static spg_stream *take_end(int which, int end, enum phase rest) {
    spg_stream *stream;
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = 16384;
    while (is_mortal() || storm->phase < (int)rest) {
        int result = spg_stream_open(&stream, NULL, stream_name(which), end, &options);
        if (result == 0) return stream;
        if (result == SPG_ETIMEDOUT) count(LOCKED_OUT, 1);
        else CHECK_RESULT(SPG_EEXIST, result);
        nap_us(200);
    }
    return NULL;
}

/* Bytes from `at` on of a conversation: its number, then what follows from that. */
static void fill_piece(char *bytes, size_t size, uint64_t conversation, uint64_t at) {
    for (size_t i = 0; i < size; i++, at++) {
        uint64_t word = at / 8 ? pattern_word(conversation, 3, at / 8) : conversation;
        bytes[i] = (char)(word >> 8 * (at % 8));
    }
}

/* Returns how many bytes went, or why none. */
static int speak(spg_stream *stream, uint64_t conversation, uint64_t at) {
    char bytes[PIECE];
    void *place = bytes;
    size_t size = 1 + chance(PIECE - 1);
    if (chance(2)) {
        fill_piece(bytes, size, conversation, at);
        return spg_stream_write(stream, bytes, size, MILLISECONDS(20));
    }
    int result = spg_stream_reserve(stream, size, &place, MILLISECONDS(20));
    if (result < 0) return result;
    fill_piece(place, size, conversation, at);
    result = spg_stream_commit(stream, size);
    return result < 0 ? result : (int)size;
}

static void have_said(spg_stream *stream, uint32_t conversation, uint32_t bytes) {
    storm->ended[conversation] = bytes + 1;
    CHECK_OK(spg_stream_end(stream));
}

/* Speaks until the reader has gone, or for so many bytes. */
static void hold_a_speech(spg_stream *stream, enum phase rest) {
    uint32_t conversation = storm->next_conversation++, at = 0;
    if (conversation >= WORKS_MAX) FAIL("too many conversations");
    for (uint32_t length = (uint32_t)chance(200000); at < length;) {
        if (!is_mortal() && storm->phase >= (int)rest) break;
        int result = speak(stream, conversation, at);
        if (result == SPG_ECLOSED || result == SPG_EPEERDEAD) return;
        if (result == SPG_ETIMEDOUT) continue;
        if (result < 0) CHECK_OK(result);
        at += (uint32_t)result;
        storm->spoken[conversation] = at;
        step();
    }
    have_said(stream, conversation, at);
}

static void be_stream_writer_on(int which) {
    is_ready();
    while (goes_on()) {
        spg_stream *stream = take_end(which, SPG_STREAM_WRITER, STOP);
        if (stream) {
            hold_a_speech(stream, STOP);
            CHECK_OK(spg_stream_close(stream));
        }
        park(STOP);
    }
}

/* What was heard of it is all that there was, or all that its writer had committed. */
static void compare_speech(uint64_t conversation, uint64_t at, int result) {
    count(CONVERSATIONS, 1);
    if (result == SPG_EPEERDEAD) count(STREAM_DEATHS, 1);
    if (at < 8) return; /* not even its number */
    if (result == 0 && storm->ended[conversation] != at + 1)
        FAIL("the end after %llu bytes, not %lld", (unsigned long long)at,
             (long long)storm->ended[conversation] - 1);
    if (result == SPG_EPEERDEAD && at < storm->spoken[conversation])
        FAIL("%llu bytes came, and %u were committed", (unsigned long long)at,
             storm->spoken[conversation]);
}

struct speech {
    uint64_t conversation, at;
};

static void hear(struct speech *speech, const char *bytes, size_t size) {
    char expected[PIECE];
    while (size > 0 && speech->at < 8) {
        speech->conversation |= (uint64_t)(unsigned char)*bytes << 8 * speech->at;
        bytes++, size--, speech->at++;
    }
    if (speech->at >= 8 && speech->conversation >= storm->next_conversation)
        FAIL("bytes of no conversation");
    fill_piece(expected, size, speech->conversation, speech->at);
    if (memcmp(expected, bytes, size) != 0)
        FAIL("wrong bytes after %llu of conversation %llu", (unsigned long long)speech->at,
             (unsigned long long)speech->conversation);
    speech->at += size;
}

/* In place, or by a copy. Returns how many bytes were heard, or why none. */
static int listen_once(spg_stream *stream, struct speech *speech) {
    char bytes[PIECE];
    const void *place = bytes;
    bool in_place = chance(2);
    int result = in_place ? spg_stream_peek(stream, &place, MILLISECONDS(20))
                          : spg_stream_read(stream, bytes, sizeof bytes, MILLISECONDS(20));
    if (result <= 0) return result;
    if (result > PIECE) result = PIECE;
    hear(speech, place, (size_t)result);
    if (in_place) CHECK_OK(spg_stream_consume(stream, (size_t)result));
    count(STREAM_BYTES, (uint64_t)result);
    return result;
}

static void be_stream_reader_on(int which) {
    is_ready();
    while (goes_on()) {
        int result = SPG_ETIMEDOUT;
        struct speech speech = {0, 0};
        spg_stream *stream = take_end(which, SPG_STREAM_READER, QUIET);
        while (stream && (result > 0 || result == SPG_ETIMEDOUT)) {
            if (!is_mortal() && storm->phase >= QUIET) break;
            if (is_mortal() && chance(200) == 0) break; /* has heard enough */
            result = listen_once(stream, &speech);
            if (result > 0) step();
        }
        if (result < 0 && result != SPG_ETIMEDOUT && result != SPG_EPEERDEAD) CHECK_OK(result);
        if (result == 0 || result == SPG_EPEERDEAD)
            compare_speech(speech.conversation, speech.at, result);
        if (stream) CHECK_OK(spg_stream_close(stream));
        park(QUIET);
    }
}

static void be_stream_writer(void) {
    bool either = chance(2);
    be_stream_writer_on(!is_mortal() ? FROM_A_SURVIVOR
                        : either     ? TO_A_SURVIVOR
                                     : AMONG_THE_MORTAL);
}

static void be_stream_reader(void) {
    bool either = chance(2);
    be_stream_reader_on(!is_mortal() ? TO_A_SURVIVOR
                        : either     ? FROM_A_SURVIVOR
                                     : AMONG_THE_MORTAL);
}

#endif
