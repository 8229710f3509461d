/* receive.c: what a receiver process does.
 *
 * In the clocked part it copies what arrives into a store of private memory whose pages are there
 * already, says ARRIVED, and only then takes the stream apart and computes digests. When it
 * confirms, it does so file by file, with the buffer that completed the file in its hands. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "digest.h"
#include "receiver.h"

enum { READ_BYTES = 1024 * 1024 };

struct intake {
    const struct job *job;
    int report;
    struct store store;
    struct board board;
};

/* ---- over a pipe or a socket ----------------------------------------------------------------- */

static int take_stream(struct intake *intake) {
    struct store *store = &intake->store;
    while (store->filled < store->size) {
        uint64_t left = store->size - store->filled;
        ssize_t got = read(intake->job->data, store->bytes + store->filled,
                           left < READ_BYTES ? left : READ_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1; /* the sender is gone */
        store->filled += (uint64_t)got;
    }
    return 0;
}

/* ---- over the board -------------------------------------------------------------------------- */

static int confirm_what_is_whole(struct intake *intake) {
    int lane = (int)intake->job->lane;
    struct record record;
    const uint8_t *bytes;
    uint8_t sha256[DIGEST_BYTES];
    int found;
    while ((found = store_next(&intake->store, &record, &bytes)) > 0) {
        if (digest(bytes, record.size, sha256) < 0) return -1;
        if (board_confirm(&intake->board, lane, record.file, sha256) < 0) return -1;
    }
    return found;
}

/* Copies a buffer into the store; half-way through the one with byte `stop_at`, stops itself. */
static void copy(struct intake *intake, const uint8_t *bytes, size_t length) {
    struct store *store = &intake->store;
    size_t half = 0;
    if (intake->job->stop_at - store->filled < length) {
        half = length / 2;
        memcpy(store->bytes + store->filled, bytes, half);
        raise(SIGSTOP);
    }
    memcpy(store->bytes + store->filled + half, bytes + half, length - half);
    store->filled += length;
}

static int take_buffer(struct intake *intake) {
    int lane = (int)intake->job->lane;
    const uint8_t *bytes;
    size_t length;
    if (board_take(&intake->board, lane, &bytes, &length) < 0) return -1;
    if (length > intake->store.size - intake->store.filled) return complain("more than announced");
    copy(intake, bytes, length);
    if (intake->job->confirms && confirm_what_is_whole(intake) < 0) return -1;
    return board_give_back(&intake->board, lane);
}

static int take_buffers(struct intake *intake) {
    while (intake->store.filled < intake->store.size) {
        if (take_buffer(intake) < 0) return -1;
    }
    return 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int report_digests(struct intake *intake) {
    struct record record;
    struct verdict verdict;
    const uint8_t *bytes;
    int found;
    while ((found = store_next(&intake->store, &record, &bytes)) > 0) {
        verdict.file = record.file;
        if (digest(bytes, record.size, verdict.sha256) < 0) return -1;
        if (process_say(intake->report, &verdict, sizeof verdict) < 0) return -1;
    }
    return found;
}

static int prepare(struct intake *intake, const spg_segment *segment) {
    if (store_make(&intake->store, intake->job->bytes) < 0) return -1;
    if (!segment) return 0;
    if (board_attach(&intake->board, segment, intake->job->files) < 0) return -1;
    return board_arrive(&intake->board, (int)intake->job->lane);
}

static int run(const struct job *job, const spg_segment *segment, int report) {
    struct intake intake = {.job = job, .report = report};
    int result = prepare(&intake, segment);
    if (result == 0) result = process_say_byte(report, READY);
    if (result == 0) result = segment ? take_buffers(&intake) : take_stream(&intake);
    if (result == 0) result = process_say_byte(report, ARRIVED);
    if (result == 0 && !job->confirms) result = report_digests(&intake);
    return result < 0;
}

int receive_inherited(const struct job *job, const spg_segment *segment, int report) {
    return run(job, segment, report);
}

int receive(int report) {
    struct job job;
    spg_segment *segment = NULL;
    if (recv(report, &job, sizeof job, MSG_WAITALL) != (ssize_t)sizeof job) return 1;
    if (job.medium >= MEDIA || job.lane >= RECEIVERS) return 1;
    job.name[NAME_BYTES - 1] = '\0';
    enum medium medium = (enum medium)job.medium;
    if (medium_is_memory(medium) && carrier_open(&segment, medium, job.name, report) < 0) return 1;
    int status = run(&job, segment, report);
    spg_segment_close(segment);
    return status;
}
