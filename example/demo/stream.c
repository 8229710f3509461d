/* stream.c: shares, cursors and stores. Private memory only. */
#include "stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PIECES = 64 };

/* ---- the sender's side ----------------------------------------------------------------------- */

int plan_make(struct plan *plan, const struct tree *tree) {
    uint64_t bytes[RECEIVERS] = {0};
    memset(plan, 0, sizeof *plan);
    for (int i = 0; i < RECEIVERS; i++) {
        plan->shares[i].tree = tree;
        plan->shares[i].records = calloc(tree->count, sizeof(struct record));
        if (plan->shares[i].records) continue;
        plan_free(plan);
        return complain("no memory for the plan");
    }
    for (size_t file = 0; file < tree->count; file++) {
        int least = 0;
        for (int i = 1; i < RECEIVERS; i++) {
            if (bytes[i] < bytes[least]) least = i;
        }
        struct share *share = &plan->shares[least];
        share->records[share->count++] = (struct record){file, tree->files[file].size};
        bytes[least] += sizeof(struct record) + tree->files[file].size;
    }
    return 0;
}

void plan_free(struct plan *plan) {
    for (int i = 0; i < RECEIVERS; i++) free(plan->shares[i].records);
    memset(plan, 0, sizeof *plan);
}

uint64_t share_bytes(const struct share *share, size_t first) {
    uint64_t bytes = 0;
    for (size_t i = first; i < share->count; i++) {
        bytes += sizeof(struct record) + share->records[i].size;
    }
    return bytes;
}

bool cursor_at_end(const struct cursor *cursor) {
    return cursor->file == cursor->share->count;
}

/* What is left of the piece at `done` of a file: of its record, or of its bytes. */
static struct iovec piece_at(const struct share *share, size_t file, uint64_t done) {
    struct record *record = &share->records[file];
    if (done < sizeof *record) {
        return (struct iovec){(uint8_t *)record + done, sizeof *record - done};
    }
    done -= sizeof *record;
    return (struct iovec){share->tree->files[record->file].bytes + done, record->size - done};
}

int cursor_pieces(const struct cursor *cursor, struct iovec *pieces, int most, size_t limit) {
    struct cursor at = *cursor;
    int count = 0;
    while (count < most && limit > 0 && !cursor_at_end(&at)) {
        struct iovec piece = piece_at(at.share, at.file, at.done);
        if (piece.iov_len > limit) piece.iov_len = limit;
        pieces[count++] = piece;
        limit -= piece.iov_len;
        cursor_move(&at, piece.iov_len);
    }
    return count;
}

void cursor_move(struct cursor *cursor, size_t bytes) {
    while (!cursor_at_end(cursor)) {
        const struct record *record = &cursor->share->records[cursor->file];
        uint64_t left = sizeof *record + record->size - cursor->done;
        if (bytes < left) {
            cursor->done += bytes;
            return;
        }
        bytes -= left;
        cursor->file++;
        cursor->done = 0;
    }
}

size_t cursor_copy(struct cursor *cursor, uint8_t *to, size_t limit) {
    struct iovec pieces[PIECES];
    size_t copied = 0;
    while (copied < limit && !cursor_at_end(cursor)) {
        size_t before = copied;
        int count = cursor_pieces(cursor, pieces, PIECES, limit - copied);
        for (int i = 0; i < count; i++) {
            memcpy(to + copied, pieces[i].iov_base, pieces[i].iov_len);
            copied += pieces[i].iov_len;
        }
        cursor_move(cursor, copied - before);
    }
    return copied;
}

/* ---- the receiver's side --------------------------------------------------------------------- */

int store_make(struct store *store, uint64_t size) {
    memset(store, 0, sizeof *store);
    store->bytes = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (store->bytes == MAP_FAILED) {
        return complain("no memory for %llu bytes to arrive in", (unsigned long long)size);
    }
    store->size = size;
    return 0;
}

int store_next(struct store *store, struct record *record, const uint8_t **bytes) {
    uint64_t left = store->filled - store->walked;
    if (left < sizeof *record) return 0;
    memcpy(record, store->bytes + store->walked, sizeof *record);
    if (record->size > store->size - store->walked - sizeof *record) {
        return complain("a file of %llu bytes is more than what was announced",
                        (unsigned long long)record->size);
    }
    if (record->size > left - sizeof *record) return 0;
    *bytes = store->bytes + store->walked + sizeof *record;
    store->walked += sizeof *record + record->size;
    return 1;
}
