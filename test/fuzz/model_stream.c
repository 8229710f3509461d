/* model_stream.c: one conversation after the other. The model is two counters: byte number n has a
 * value that follows from n. A reader may be given less than there is, as it last looked, but never
 * nothing. */
#include <string.h>

#include "model.h"

enum { CAPACITY = 4096, OPERATIONS_MAX = 500 };

static struct {
    spg_stream *writer, *reader;
    bool reader_came, reader_left, ended;
    uint64_t written, consumed;
} stream;

static size_t waiting(void) {
    return (size_t)(stream.written - stream.consumed);
}

static size_t size_of(unsigned byte) {
    static const size_t sizes[] = {1, 7, 64, 100, 1000, 2048, 4095, 4096};
    return sizes[byte % 8] - (byte >> 7);
}

static void fill(unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)((stream.written + i) % 251);
}

static void check(const unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        MUST(bytes[i] == (unsigned char)((stream.consumed + i) % 251), "byte %zu is another one",
             (size_t)stream.consumed + i);
}

/* Whether the reader is there is asked only where room is wanted. */
static bool writing_is_over(size_t wanted, int result) {
    if (stream.ended) MUST_BE(SPG_ECLOSED, result);
    else if (stream.reader_left && wanted > CAPACITY - waiting()) MUST_BE(SPG_ECLOSED, result);
    else return false;
    return true;
}

static void write_bytes(size_t count) {
    unsigned char bytes[CAPACITY];
    size_t room = CAPACITY - waiting();
    if (!stream.writer) return;
    fill(bytes, count);
    int result = spg_stream_write(stream.writer, bytes, count, SPG_NOWAIT);
    if (count == 0) return;
    if (stream.ended || (stream.reader_left && room == 0)) {
        MUST_BE(SPG_ECLOSED, result);
    } else if (room == 0) {
        MUST_BE(SPG_EAGAIN, result);
    } else {
        size_t expected = count < room ? count : room;
        MUST(result == (int)expected, "%d of %zu bytes were written", result, expected);
        stream.written += expected;
    }
}

static void write_in_place(size_t count) {
    void *place = NULL;
    if (!stream.writer || count == 0) return;
    int result = spg_stream_reserve(stream.writer, count, &place, SPG_NOWAIT);
    if (writing_is_over(count, result)) return;
    if (count > CAPACITY - waiting()) {
        MUST_BE(SPG_EAGAIN, result);
        return;
    }
    MUST_BE(0, result);
    fill(place, count);
    MUST_BE(SPG_EINVAL, spg_stream_commit(stream.writer, count + 1));
    MUST_BE(0, spg_stream_commit(stream.writer, count / 2));
    stream.written += count / 2;
}

static int nothing(void) {
    return stream.ended ? 0 : SPG_EAGAIN;
}

static void read_bytes(size_t count) {
    unsigned char bytes[CAPACITY];
    if (!stream.reader || count == 0) return;
    int result = spg_stream_read(stream.reader, bytes, count, SPG_NOWAIT);
    size_t expected = count < waiting() ? count : waiting();
    if (expected == 0) {
        MUST_BE(nothing(), result);
        return;
    }
    MUST(result > 0 && result <= (int)expected, "%d of %zu bytes were read", result, expected);
    check(bytes, (size_t)result);
    stream.consumed += (size_t)result;
}

static void read_in_place(size_t count) {
    const void *bytes = NULL;
    if (!stream.reader) return;
    int result = spg_stream_peek(stream.reader, &bytes, SPG_NOWAIT);
    if (waiting() == 0) {
        MUST_BE(nothing(), result);
        return;
    }
    MUST(result > 0 && result <= (int)waiting(), "%d of %zu bytes are seen", result, waiting());
    check(bytes, (size_t)result);
    MUST_BE(SPG_EINVAL, spg_stream_consume(stream.reader, waiting() + 1));
    if (count > (size_t)result) count = (size_t)result;
    MUST_BE(0, spg_stream_consume(stream.reader, count));
    stream.consumed += count;
}

static void end(void) {
    if (!stream.writer) return;
    MUST_BE(0, spg_stream_end(stream.writer));
    stream.ended = true;
}

static void begin(void) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    spg_stream *another = NULL;
    options.capacity = CAPACITY;
    memset(&stream, 0, sizeof stream);
    MUST_BE(0, spg_stream_open(&stream.writer, NULL, "m", SPG_STREAM_WRITER, &options));
    MUST_BE(SPG_EEXIST, spg_stream_open(&another, NULL, "m", SPG_STREAM_WRITER, &options));
}

static void bring_reader(void) {
    if (stream.reader_came) return;
    MUST_BE(0, spg_stream_open(&stream.reader, NULL, "m", SPG_STREAM_READER, NULL));
    stream.reader_came = true;
}

static void close_reader(void) {
    if (!stream.reader) return;
    MUST_BE(0, spg_stream_close(stream.reader));
    stream.reader = NULL;
    stream.reader_left = true;
    if (!stream.writer) begin();
}

static void close_writer(void) {
    if (!stream.writer) return;
    MUST_BE(0, spg_stream_close(stream.writer));
    stream.writer = NULL;
    stream.ended = true;
    if (stream.reader_left) begin();
    else bring_reader();
}

static void step(struct program *program) {
    unsigned byte = next_byte(program);
    switch (byte & 15) {
    case 0:
    case 1:
    case 2:
    case 3: write_bytes(size_of(next_byte(program))); break;
    case 4:
    case 5: write_in_place(size_of(next_byte(program))); break;
    case 6:
    case 7:
    case 8: read_bytes(size_of(next_byte(program))); break;
    case 9:
    case 10: read_in_place(size_of(next_byte(program))); break;
    case 11:
        if (byte >> 4 == 0) end();
        break;
    case 12:
        if (byte >> 4 == 0) close_reader();
        break;
    case 13:
        if (byte >> 4 == 0) close_writer();
        break;
    default: bring_reader();
    }
}

void model_stream(struct program *program) {
    begin();
    for (int i = 0; program->left > 0 && i < OPERATIONS_MAX; i++) step(program);
    spg_stream_close(stream.writer);
    spg_stream_close(stream.reader);
    spg_stream_unlink(NULL, "m");
}
