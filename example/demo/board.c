/* board.c: the protocol over the segment.
 *
 * What is shared. One segment, with a lane for each receiver and a table of digests. A lane is
 * eight buffers that are used in turn, the semaphores that count them, and how far its receiver
 * got:
 *
 *   word                written by                             when
 *   lane.free           receiver adds, sender takes            a buffer is empty
 *   lane.full           sender adds, receiver takes            a buffer is filled
 *   buffer, length      sender                                 between taking free and posting full
 *   lane.receiver       receiver takes it and never gives it   it lives; owned, one permit
 *   sender              sender, in the same way                it lives
 *   digest of a file    the file's receiver, under confirming  it has the whole file
 *   lane.confirmed      the receiver, under confirming         after the digest
 *   room                receivers set it, sender resets it     something is given back or confirmed
 *
 * A buffer belongs to the sender from `free` to `full` and to the receiver from `full` to `free`;
 * the semaphores carry the order, so nothing else is atomic. Who is next stands in each side's
 * private memory, so no peer can move another's position.
 *
 * Waiting. The sender serves all lanes, so it does not wait for one semaphore: it resets `room`,
 * tries every lane without waiting, and if none has a free buffer waits for `room`, which a
 * give-back since the reset has set. A receiver waits for `full`. Both waits have a deadline, after
 * which they ask whether the other side lives: that is, whether its owned permit can be had.
 *
 * What commits a file: the store to `confirmed`, under the mutex, after the digest is in the table.
 *
 * What the death of a receiver leaves, and who repairs it: the sender, in board_bury and
 * board_reopen, alone in the lane, because it holds the lane's permit and the receiver is dead.
 *
 *   death                              what stands                    repaired by
 *   before it takes its permit         nothing; the sender sees its   (it never became ready)
 *                                      report socket end
 *   waiting, or between two buffers    the permit comes back          lane reset: 8 free, 0 full
 *   with a buffer in its hands         free + full = 7                the same
 *   files copied, not confirmed        lost with its memory           sent again, from `confirmed`
 *   inside confirming, before the      a digest that nobody counts    the next lock says OWNERDEAD;
 *   store to `confirmed`                                              the count is right: recovered
 *   after that store                   the file is confirmed          the same; not sent again
 *   after posting free, before room    the sender's wait ends at its  nobody: the permit comes back
 *                                      deadline
 *
 * What the death of the sender leaves: receivers find its permit free within a tenth of a second
 * and end; the segment is temporary, so the last to leave removes it. */
#include "board.h"

#include <string.h>

enum { PAGE = 4096 };

struct lane_shared {
    spg_semaphore receiver; /* owned */
    spg_semaphore free;     /* plain */
    spg_semaphore full;     /* plain */
    spg_mutex confirming;
    uint64_t confirmed;
    uint32_t lengths[BUFFERS];
};

struct board_shared {
    spg_semaphore sender; /* owned */
    spg_event room;
    struct lane_shared lanes[RECEIVERS];
};

_Static_assert(sizeof(struct lane_shared) == 3 * 192 + 32 + 8 + 4 * BUFFERS, "no padding");
_Static_assert(sizeof(struct board_shared) <= PAGE, "the buffers begin after one page");

static const int64_t LOOK_AGAIN = INT64_C(100000000);

static size_t buffers_bytes(void) {
    return (size_t)RECEIVERS * BUFFERS * BUFFER_BYTES;
}

size_t board_bytes(uint64_t files) {
    return PAGE + buffers_bytes() + files * DIGEST_BYTES;
}

int board_attach(struct board *board, const spg_segment *segment, uint64_t files) {
    if (spg_segment_size(segment) < board_bytes(files)) return complain("the segment is too small");
    uint8_t *base = spg_segment_address(segment);
    memset(board, 0, sizeof *board);
    board->shared = (struct board_shared *)(void *)base;
    board->buffers = base + PAGE;
    board->digests = base + PAGE + buffers_bytes();
    board->files = files;
    return 0;
}

static uint8_t *buffer_of(const struct board *board, int lane, uint32_t index) {
    return board->buffers + ((size_t)lane * BUFFERS + index) * BUFFER_BYTES;
}

/* ---- the sender ------------------------------------------------------------------------------ */

static int format_buffers(struct lane_shared *lane) {
    int result = spg_semaphore_init(&lane->free, BUFFERS);
    return result < 0 ? result : spg_semaphore_init(&lane->full, 0);
}

static int format_lane(struct lane_shared *lane) {
    int result = format_buffers(lane);
    if (result == 0) result = spg_semaphore_init_owned(&lane->receiver, 1);
    if (result == 0) result = spg_mutex_init(&lane->confirming);
    lane->confirmed = 0;
    return result;
}

int board_format(struct board *board) {
    int result = spg_semaphore_init_owned(&board->shared->sender, 1);
    if (result == 0) result = spg_event_init(&board->shared->room);
    for (int i = 0; i < RECEIVERS && result == 0; i++) {
        result = format_lane(&board->shared->lanes[i]);
    }
    if (result == 0) result = spg_semaphore_wait(&board->shared->sender, SPG_NOWAIT);
    return result == 0 ? 0 : complain_of("cannot prepare the segment", result);
}

void board_listen(struct board *board) {
    spg_event_reset(&board->shared->room);
}

int board_await(struct board *board, int64_t timeout) {
    return spg_event_wait(&board->shared->room, timeout);
}

int board_put(struct board *board, int lane, struct cursor *cursor) {
    struct lane_shared *shared = &board->shared->lanes[lane];
    int result = spg_semaphore_wait(&shared->free, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return 0;
    if (result < 0) return complain_of("no free buffer can be had", result);
    uint32_t index = board->next[lane]++ % BUFFERS;
    uint8_t *buffer = buffer_of(board, lane, index);
    shared->lengths[index] = (uint32_t)cursor_copy(cursor, buffer, BUFFER_BYTES);
    result = spg_semaphore_post(&shared->full);
    return result < 0 ? complain_of("cannot hand a buffer over", result) : 1;
}

int board_bury(struct board *board, int lane) {
    int result = spg_semaphore_wait(&board->shared->lanes[lane].receiver, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return 0;
    if (result == 1) return 1;
    if (result == 0) return complain("a receiver gave its permit back, which it never does");
    return complain_of("cannot look after a receiver", result);
}

int board_reopen(struct board *board, int lane) {
    struct lane_shared *shared = &board->shared->lanes[lane];
    board->next[lane] = 0;
    int result = format_buffers(shared);
    if (result == 0) result = spg_semaphore_post(&shared->receiver);
    return result < 0 ? complain_of("cannot reopen a lane", result) : 0;
}

int board_confirmed(struct board *board, int lane, uint64_t *count) {
    struct lane_shared *shared = &board->shared->lanes[lane];
    int result = spg_mutex_lock(&shared->confirming, SECOND);
    if (result == SPG_EOWNERDEAD) result = spg_mutex_recovered(&shared->confirming);
    if (result < 0) return complain_of("cannot read what is confirmed", result);
    *count = shared->confirmed;
    spg_mutex_unlock(&shared->confirming);
    return 0;
}

int board_held(struct board *board, int lane) {
    struct lane_shared *shared = &board->shared->lanes[lane];
    return BUFFERS - spg_semaphore_value(&shared->free) - spg_semaphore_value(&shared->full);
}

/* ---- a receiver ------------------------------------------------------------------------------ */

int board_arrive(struct board *board, int lane) {
    int result = spg_semaphore_wait(&board->shared->lanes[lane].receiver, SECOND);
    return result < 0 ? complain_of("another receiver is there already", result) : 0;
}

static bool sender_is_gone(struct board *board) {
    return spg_semaphore_wait(&board->shared->sender, SPG_NOWAIT) != SPG_EAGAIN;
}

int board_take(struct board *board, int lane, const uint8_t **bytes, size_t *length) {
    struct lane_shared *shared = &board->shared->lanes[lane];
    int result = spg_semaphore_wait(&shared->full, LOOK_AGAIN);
    while (result == SPG_ETIMEDOUT && !sender_is_gone(board)) {
        result = spg_semaphore_wait(&shared->full, LOOK_AGAIN);
    }
    if (result < 0) return -1;
    uint32_t index = board->next[lane]++ % BUFFERS;
    *length = shared->lengths[index];
    *bytes = buffer_of(board, lane, index);
    return *length <= BUFFER_BYTES ? 0 : complain("a buffer is said to hold %zu bytes", *length);
}

int board_give_back(struct board *board, int lane) {
    int result = spg_semaphore_post(&board->shared->lanes[lane].free);
    if (result == 0) result = spg_event_set(&board->shared->room);
    return result < 0 ? complain_of("cannot give a buffer back", result) : 0;
}

int board_confirm(struct board *board, int lane, uint64_t file,
                  const uint8_t sha256[DIGEST_BYTES]) {
    struct lane_shared *shared = &board->shared->lanes[lane];
    if (file >= board->files) return complain("there is no file %llu", (unsigned long long)file);
    int result = spg_mutex_lock(&shared->confirming, PATIENCE);
    if (result < 0 && result != SPG_EOWNERDEAD) return complain_of("cannot confirm", result);
    if (result == SPG_EOWNERDEAD) spg_mutex_recovered(&shared->confirming); /* the count is right */
    memcpy(board->digests + file * DIGEST_BYTES, sha256, DIGEST_BYTES);
    shared->confirmed++;
    spg_mutex_unlock(&shared->confirming);
    return spg_event_set(&board->shared->room);
}
