/* stream.c: send and recv, which replace a pipe in a shell line:
 *
 *     tar c DIR | samepage send backup        samepage recv backup | tar x
 *
 * Bytes are read straight into the stream's memory and written straight out of it. `recv` ends well
 * only at the end that the sender gave; if the sender died it says so and fails, after everything
 * that the sender had committed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "output.h"
#include "own.h"
#include "print.h"
#include "stop.h"

enum { PIECES = 4 }; /* of the capacity; so that one side writes while the other reads */

/* Reads standard input into the reserved room. Returns 0 at its end. */
static ssize_t read_input(void *room, size_t size) {
    ssize_t count;
    do {
        count = read(STDIN_FILENO, room, size);
    } while (count < 0 && errno == EINTR);
    return count;
}

static int send_all(spg_stream *stream, const char *name) {
    size_t piece = spg_stream_capacity(stream) / PIECES;
    void *room;
    for (;;) {
        int result = spg_stream_reserve(stream, piece, &room, SPG_FOREVER);
        if (result == SPG_EPEERDEAD) return complain("the reader of %s died", name);
        if (result == SPG_ECLOSED) return complain("the reader of %s left before the end", name);
        if (result < 0) return complain("%s: %s", name, spg_error_text(result));
        ssize_t count = read_input(room, piece);
        if (count < 0) return complain("cannot read the standard input: %s", strerror(errno));
        if (count == 0) return EXIT_OK;
        spg_stream_commit(stream, (size_t)count);
    }
}

/* A failure must not look like the end: the stream is left as a death leaves it. */
static int end_or_leave(spg_stream *stream, int status) {
    if (status == EXIT_OK) spg_stream_close(stream);
    return status;
}

static int run_send(const struct arguments *arguments) {
    const char *name = channel_operand(arguments);
    spg_stream_options options = SPG_STREAM_OPTIONS;
    spg_stream *stream;
    spg_node *node;
    options.capacity = 1 << 20;
    if (!take_size(arguments, "capacity", &options.capacity)) return EXIT_WRONG_USE;
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_stream_open(&stream, node, name, SPG_STREAM_WRITER, &options);
    if (result < 0) return complain_of(result);
    return end_or_leave(stream, send_all(stream, name));
}

static int receive_all(spg_stream *stream, const char *name) {
    uint64_t total = 0;
    const void *bytes;
    struct patience patience = {SPG_FOREVER, 0};
    for (;;) {
        int count = spg_stream_peek(stream, &bytes, patience_slice(&patience));
        if (patience_goes_on(&patience, count)) continue;
        if (count == 0 || stop_signal()) return EXIT_OK;
        if (count == SPG_EPEERDEAD) {
            return complain("the writer of %s died after %" PRIu64 " bytes, without an end", name,
                            total);
        }
        if (count < 0) return complain("%s: %s", name, spg_error_text(count));
        int status = output_bytes(bytes, (size_t)count);
        if (status != EXIT_OK) return status;
        total += (uint64_t)count;
        spg_stream_consume(stream, (size_t)count);
    }
}

static int run_recv(const struct arguments *arguments) {
    const char *name = channel_operand(arguments);
    spg_stream_options options = SPG_STREAM_OPTIONS;
    spg_stream *stream;
    spg_node *node;
    options.capacity = 1 << 20;
    output_begin();
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_stream_open(&stream, node, name, SPG_STREAM_READER, &options);
    if (result < 0) return complain_of(result);
    stop_listen();
    status = receive_all(stream, name);
    spg_stream_close(stream);
    return status;
}

static const struct option send_options[] = {
    {"capacity", 0, "SIZE", "bytes on the way at most, if this side comes first (1M)"},
    {NULL, 0, NULL, NULL},
};

const struct command send_command = {
    .name = "send",
    .operands = "STREAM",
    .channel = "stream",
    .summary = "send the standard input through a stream",
    .about = "Waits for the reader, which may come first or later. If the input cannot be\n"
             "read to its end, the reader is not given one: it learns that the sender died.",
    .examples = "  tar c DIR | samepage send backup",
    .options = send_options,
    .least = 1,
    .most = 1,
    .run = run_send,
};

const struct command recv_command = {
    .name = "recv",
    .operands = "STREAM",
    .channel = "stream",
    .summary = "write what comes through a stream to the standard output",
    .about = "Ends with status 0 at the end that the sender gave, and with 1 if the sender\n"
             "died: what it had sent was written before.",
    .examples = "  samepage recv backup | tar x",
    .options = no_options,
    .least = 1,
    .most = 1,
    .run = run_recv,
};
