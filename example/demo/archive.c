/* archive.c: the third part: what a real tar writes, over a stream; and over pipes, for
 * comparison.
 *
 * In rounds over all ways, so that a slow moment of the machine hits all alike; each round begins
 * with another way. What arrives must be what tar wrote when it ran for the first time. */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "table.h"

static const char *const labels[WAYS] = {
    [TAR_PIPE] = "tar | keeper",
    [TAR_LINK_PIPE] = "tar | sender | keeper",
    [TAR_LINK_STREAM] = "tar | sender => keeper",
    [MEMORY_PIPE] = "sender | keeper",
    [MEMORY_STREAM] = "sender => keeper",
};

/* As the table shows them, each with what its stream stands against. */
static const struct {
    enum way way, other;
} order[WAYS] = {{TAR_PIPE, TAR_LINK_PIPE},
                 {TAR_LINK_PIPE, TAR_LINK_PIPE},
                 {TAR_LINK_STREAM, TAR_LINK_PIPE},
                 {MEMORY_PIPE, MEMORY_PIPE},
                 {MEMORY_STREAM, MEMORY_PIPE}};

struct result {
    double speeds[ROUNDS_MAX]; /* MiB a second */
    int rounds;
    int matched;
};

/* ---- what tar writes ------------------------------------------------------------------------- */

static int grow(struct archive *archive, uint64_t *room) {
    uint64_t wanted = *room ? 2 * *room : 64 << 20;
    uint8_t *bytes = realloc(archive->bytes, wanted);
    if (!bytes) return complain("no memory for an archive");
    archive->bytes = bytes;
    *room = wanted;
    return 0;
}

static int read_archive(struct archive *archive, int input) {
    uint64_t room = 0;
    for (;;) {
        if (archive->size == room && grow(archive, &room) < 0) return -1;
        ssize_t got = read(input, archive->bytes + archive->size, room - archive->size);
        if (is_stopping()) return -1;
        if (got < 0 && errno != EINTR) return complain("cannot read from tar");
        if (got == 0) return digest(archive->bytes, archive->size, archive->sha256);
        if (got > 0) archive->size += (uint64_t)got;
    }
}

static int run_tar(struct archive *archive) {
    struct process tar = NO_PROCESS;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return complain("pipe: %s", strerror(errno));
    int result = archive_start_tar(&tar, archive, ends[1]);
    close(ends[1]);
    if (result == 0) result = read_archive(archive, ends[0]);
    if (result == 0) result = process_end(&tar);
    close(ends[0]);
    process_kill(&tar);
    return result;
}

int archive_load(struct archive *archive, const char *path, uint64_t limit) {
    memset(archive, 0, sizeof *archive);
    archive->list = -1;
    int result = archive_list(archive, path, limit);
    if (result == 0) result = run_tar(archive);
    if (result < 0) archive_free(archive);
    return result;
}

void archive_free(struct archive *archive) {
    if (archive->list >= 0) close(archive->list);
    free(archive->bytes);
    *archive = (struct archive){.list = -1};
}

/* ---- measuring ------------------------------------------------------------------------------- */

static int measure(struct result results[WAYS], const struct archive *archive, int round) {
    for (int i = 0; i < WAYS; i++) {
        enum way way = (enum way)((i + round) % WAYS);
        struct result *result = &results[way];
        struct transfer transfer = {0};
        progress_show("measuring:", labels[way]);
        if (archive_transfer(&transfer, archive, way) < 0) return -1;
        result->speeds[result->rounds++] = (double)archive->size / 1048576 /
                                           ((double)transfer.nanoseconds / 1e9);
        result->matched += transfer.is_match;
    }
    return 0;
}

static void announce(const struct wishes *wishes, const struct archive *archive) {
    printf("tar reads %zu names, %.1f MiB, from %s%s.\n"
           "A stream (=>) and a pipe (|) hold 1 MiB; the keeper puts what comes into its own "
           "memory. The\nlast two ways send the finished archive out of memory, without tar. "
           "Rounds: %d.\n\n",
           archive->names, (double)archive->contents / 1048576, wishes->archived,
           archive->is_cut ? " (within the limits)" : "", wishes->rounds);
    fflush(stdout);
}

static void print_row(const struct result results[WAYS], enum way way, enum way other) {
    const struct result *result = &results[way];
    double speed = median(result->speeds, result->rounds);
    double against = median(results[other].speeds, results[other].rounds);
    char digests[32] = "all match";
    if (result->matched != result->rounds) {
        snprintf(digests, sizeof digests, "%d DIFFER", result->rounds - result->matched);
    }
    printf("%-29s %13.0f %16.2f   %s\n", labels[way], speed, speed / against, digests);
}

static int conclude(const struct result results[WAYS], const struct archive *archive) {
    int matched = 0, expected = 0;
    printf("%-29s %13s %16s   %s\n", "way", "MiB/s, median", "against the pipe", "SHA-256");
    for (int i = 0; i < WAYS; i++) {
        print_row(results, order[i].way, order[i].other);
        matched += results[i].matched;
        expected += results[i].rounds;
    }
    printf("\nWhere tar takes part it sets the pace; what stream and pipe carry by themselves the "
           "last two\nways show. %d digests of %d match, each of %.1f MiB.\n",
           matched, expected, (double)archive->size / 1048576);
    if (matched == expected) return 0;
    return complain("what arrived is not what tar wrote before; did any file change meanwhile?");
}

int archive_run(const struct wishes *wishes) {
    struct result results[WAYS] = {0};
    struct archive archive;
    printf("3. An archive, over a stream\n\n");
    progress_show("reading", wishes->archived);
    if (archive_load(&archive, wishes->archived, wishes->archived_bytes) < 0) return -1;
    progress_end();
    announce(wishes, &archive);
    int result = 0;
    for (int i = 0; i < wishes->rounds && result == 0; i++) {
        result = measure(results, &archive, i);
    }
    progress_end();
    if (result == 0) result = conclude(results, &archive);
    archive_free(&archive);
    return result;
}
