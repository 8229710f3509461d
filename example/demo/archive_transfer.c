/* archive_transfer.c: the bytes of an archive, from tar or from memory, through a stream or pipes,
 * to a process that keeps them.
 *
 *   TAR_PIPE          tar | keeper                    as in a shell, with nothing between
 *   TAR_LINK_STREAM   tar | sender => keeper          as tar | samepage send, samepage recv
 *   TAR_LINK_PIPE     tar | sender | keeper           the same, but a pipe where the stream was
 *   MEMORY_STREAM     sender => keeper                no tar: the archive is in memory already
 *   MEMORY_PIPE       sender | keeper
 *
 * Before the clock: sender and keeper have joined, and the keeper's pages are there. The clock runs
 * from tar's start, or the sender's, until the keeper has met the end. After it: the digest. Pipes
 * and stream have the same size. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <samepage/samepage.h>

#include "archive.h"
#include "digest.h"

#define ARCHIVE_STREAM "archive"

enum { LINK_BYTES = 1024 * 1024, PIECES = 4, READY = 'R', BEGIN = 'B', ARRIVED = 'A' };

struct link {
    const struct archive *archive;
    enum way way;
    int from_tar[2]; /* pipes; -1: there is none */
    int between[2];
};

struct verdict {
    uint64_t size;
    uint8_t sha256[DIGEST_BYTES];
};

static bool has_tar(enum way way) {
    return way <= TAR_LINK_PIPE;
}

static bool has_sender(enum way way) {
    return way != TAR_PIPE;
}

static bool has_stream(enum way way) {
    return way == TAR_LINK_STREAM || way == MEMORY_STREAM;
}

static void close_end(int *end) {
    if (*end >= 0) close(*end);
    *end = -1;
}

static int open_stream(spg_stream **stream, enum spg_stream_end end) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = LINK_BYTES;
    int result = spg_stream_open(stream, NULL, ARCHIVE_STREAM, end, &options);
    return result < 0 ? complain_of("the stream", result) : 0;
}

/* ---- the sender ------------------------------------------------------------------------------ */

static ssize_t read_from(int file, void *bytes, size_t size) {
    ssize_t got;
    do {
        got = read(file, bytes, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

static int write_all(int file, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return complain("the keeper is gone: %s", strerror(errno));
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

/* tar's bytes are read straight into the stream's memory. */
static int pass_on_by_stream(const struct link *link, spg_stream *stream) {
    void *room;
    for (;;) {
        int result = spg_stream_reserve(stream, LINK_BYTES / PIECES, &room, PATIENCE);
        if (result < 0) return complain_of("no room in the stream", result);
        ssize_t got = read_from(link->from_tar[0], room, LINK_BYTES / PIECES);
        if (got < 0) return complain("cannot read from tar: %s", strerror(errno));
        if (got == 0) return 0;
        result = spg_stream_commit(stream, (size_t)got);
        if (result < 0) return complain_of("cannot commit", result);
    }
}

static int pass_on_by_pipe(const struct link *link) {
    static uint8_t buffer[LINK_BYTES / PIECES];
    for (;;) {
        ssize_t got = read_from(link->from_tar[0], buffer, sizeof buffer);
        if (got < 0) return complain("cannot read from tar: %s", strerror(errno));
        if (got == 0) return 0;
        if (write_all(link->between[1], buffer, (size_t)got) < 0) return -1;
    }
}

static int send_memory(const struct link *link, spg_stream *stream) {
    const struct archive *archive = link->archive;
    if (!stream) return write_all(link->between[1], archive->bytes, archive->size);
    for (uint64_t done = 0; done < archive->size;) {
        uint64_t left = archive->size - done;
        size_t piece = left < (1u << 30) ? (size_t)left : 1u << 30;
        int written = spg_stream_write(stream, archive->bytes + done, piece, PATIENCE);
        if (written < 0) return complain_of("cannot write into the stream", written);
        done += (uint64_t)written;
    }
    return 0;
}

static int wait_to_begin(int report) {
    char order;
    return recv(report, &order, 1, 0) == 1 && order == BEGIN ? 0 : -1;
}

static int be_sender(void *context, int report) {
    struct link *link = context;
    spg_stream *stream = NULL;
    close_end(&link->from_tar[1]);
    close_end(&link->between[0]);
    if (has_stream(link->way) && open_stream(&stream, SPG_STREAM_WRITER) < 0) return 1;
    if (process_say_byte(report, READY) < 0) return 1;
    int result;
    if (!has_tar(link->way)) {
        result = wait_to_begin(report);
        if (result == 0) result = send_memory(link, stream);
    } else {
        result = stream ? pass_on_by_stream(link, stream) : pass_on_by_pipe(link);
    }
    if (result < 0) return 1; /* which the keeper hears as our death, not as the end */
    close_end(&link->between[1]);
    return spg_stream_close(stream) < 0;
}

/* ---- the keeper ------------------------------------------------------------------------------ */

struct keeping {
    uint8_t *bytes;
    uint64_t room;
    uint64_t size;
};

/* A byte more than is expected, so that more than that is seen. */
static int make_room(struct keeping *keeping, uint64_t size) {
    keeping->room = size + 1;
    keeping->bytes = mmap(NULL, keeping->room, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return keeping->bytes == MAP_FAILED ? complain("no memory to keep an archive in") : 0;
}

static int keep_some(struct keeping *keeping, spg_stream *stream, int input) {
    uint64_t left = keeping->room - keeping->size;
    uint8_t *to = keeping->bytes + keeping->size;
    if (left == 0) return complain("more arrives than tar wrote before");
    if (!stream) {
        ssize_t got = read_from(input, to, left < LINK_BYTES ? (size_t)left : LINK_BYTES);
        if (got < 0) return complain("cannot read: %s", strerror(errno));
        keeping->size += (uint64_t)got;
        return got > 0;
    }
    int got = spg_stream_read(stream, to, left < LINK_BYTES ? (size_t)left : LINK_BYTES, PATIENCE);
    if (got < 0) return complain_of("cannot read from the stream", got);
    keeping->size += (uint64_t)got;
    return got > 0;
}

static int tell(const struct keeping *keeping, int report) {
    struct verdict verdict = {.size = keeping->size};
    if (process_say_byte(report, ARRIVED) < 0) return -1;
    if (digest(keeping->bytes, keeping->size, verdict.sha256) < 0) return -1;
    return process_say(report, &verdict, sizeof verdict);
}

static int be_keeper(void *context, int report) {
    struct link *link = context;
    struct keeping keeping = {0};
    spg_stream *stream = NULL;
    int input = has_sender(link->way) ? link->between[0] : link->from_tar[0];
    if (has_sender(link->way)) close_end(&link->from_tar[0]);
    close_end(&link->from_tar[1]);
    close_end(&link->between[1]);
    if (make_room(&keeping, link->archive->size) < 0) return 1;
    if (has_stream(link->way) && open_stream(&stream, SPG_STREAM_READER) < 0) return 1;
    if (process_say_byte(report, READY) < 0) return 1;
    int more = 1;
    while (more > 0) more = keep_some(&keeping, stream, input);
    if (more < 0 || tell(&keeping, report) < 0) return 1;
    return spg_stream_close(stream) < 0;
}

/* ---- from outside ---------------------------------------------------------------------------- */

struct crew {
    struct process tar, sender, keeper;
};

static int make_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) return complain("pipe: %s", strerror(errno));
    (void)fcntl(ends[1], F_SETPIPE_SZ, LINK_BYTES); /* if refused, as it is */
    return 0;
}

static int make_link(struct link *link) {
    bool is_piped = has_sender(link->way) && !has_stream(link->way);
    if (has_tar(link->way) && make_pipe(link->from_tar) < 0) return -1;
    return is_piped ? make_pipe(link->between) : 0;
}

static void close_link(struct link *link) {
    for (int i = 0; i < 2; i++) {
        close_end(&link->from_tar[i]);
        close_end(&link->between[i]);
    }
}

static int start_crew(struct crew *crew, struct link *link) {
    if (process_fork(&crew->keeper, be_keeper, link) < 0) return -1;
    if (process_expect(&crew->keeper, READY) < 0) return -1;
    if (!has_sender(link->way)) return 0;
    if (process_fork(&crew->sender, be_sender, link) < 0) return -1;
    return process_expect(&crew->sender, READY);
}

static int begin(struct crew *crew, struct link *link) {
    int result = has_tar(link->way)
                     ? archive_start_tar(&crew->tar, link->archive, link->from_tar[1])
                     : process_say_byte(crew->sender.report, BEGIN);
    close_link(link); /* or the end of a pipe would never come */
    return result;
}

static int move(struct transfer *transfer, struct crew *crew, struct link *link) {
    struct verdict verdict;
    const struct archive *archive = link->archive;
    int64_t start = now();
    if (begin(crew, link) < 0 || process_expect(&crew->keeper, ARRIVED) < 0) return -1;
    transfer->nanoseconds = now() - start;
    if (process_read(&crew->keeper, &verdict, sizeof verdict) < 0) return -1;
    transfer->is_match = verdict.size == archive->size &&
                         memcmp(verdict.sha256, archive->sha256, DIGEST_BYTES) == 0;
    if (process_end(&crew->keeper) < 0) return -1;
    if (has_sender(link->way) && process_end(&crew->sender) < 0) return -1;
    return has_tar(link->way) ? process_end(&crew->tar) : 0;
}

int archive_transfer(struct transfer *transfer, const struct archive *archive, enum way way) {
    struct link link = {archive, way, {-1, -1}, {-1, -1}};
    struct crew crew = {NO_PROCESS, NO_PROCESS, NO_PROCESS};
    int result = make_link(&link);
    if (result == 0) result = start_crew(&crew, &link);
    if (result == 0) result = move(transfer, &crew, &link);
    close_link(&link);
    process_kill(&crew.tar);
    process_kill(&crew.sender);
    process_kill(&crew.keeper);
    return result;
}
