/* stream.c: moving bytes.
 *
 * One writer, one reader, two counters that only grow: `written` is the writer's, `consumed` the
 * reader's. Each side keeps its own in private, and the other's as it last saw it; it looks again
 * only when that does not suffice. So a line travels between processors only when there is news.
 *
 * Commit: one release store of `written`. Before it the bytes are invisible; a writer that dies
 * leaves what it committed. Giving room back: one release store of `consumed`.
 *
 * Sleeping: each side has an alarm (alarm.c) with one bell. The sleeper announces itself, makes a
 * barrier on all processors, looks once more, and sleeps a slice. The other side stores its counter
 * and then looks at the turn word, without a fence. A side that dies between its store and its
 * wake-up leaves the other to the end of its slice, or of its bell's period.
 *
 * A corrupt peer: its counter is read once into a local and checked by subtraction; it can make the
 * bytes wrong, and nothing else.
 *
 *   tag              release               acquire                without it
 *   stream.written   writer commits        reader looks           bytes from before the commit
 *   stream.consumed  reader gives back     writer looks           bytes overwritten while read
 *   stream.owner     an end leaves         the other side looks   the last bytes could be missed */
#include "channel/stream.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "node/self.h"

/* ---- the two sides --------------------------------------------------------------------------- */

static struct spg__end_shared *own_end(const spg_stream *stream) {
    return stream->end == SPG_STREAM_WRITER ? &stream->shared->writer : &stream->shared->reader;
}

static struct spg__end_shared *other_end(const spg_stream *stream) {
    return stream->end == SPG_STREAM_WRITER ? &stream->shared->reader : &stream->shared->writer;
}

enum spg__end_state spg__end_state(const struct spg__domain *domain,
                                   const struct spg__end_shared *end) {
    uint64_t owner = spg__load_acquire_64(&end->owner); /* pairs: stream.owner */
    if (owner == 0) return SPG__END_NOBODY;
    if (owner & SPG__END_LEFT) return SPG__END_GONE;
    return spg__domain_alive(domain, owner >> SPG__END_SHIFT) ? SPG__END_HERE : SPG__END_DEAD;
}

static int check_end(const spg_stream *stream, int end) {
    if (stream->incarnation != spg__incarnation()) return SPG_EFORKED;
    return stream->end == end ? 0 : SPG_EPERM;
}

/* Publishes our counter and wakes the other side if it sleeps. */
static inline void publish(spg_stream *stream) {
    /* pairs: stream.written, stream.consumed */
    spg__store_release_64(stream->own_position, stream->position);
    spg__alarm_sound(&stream->theirs);
}

/* A call of memcpy costs more than what many streams carry at a time. */
static inline void copy(char *to, const char *from, size_t count) {
    uint64_t first, last;
    if (count < 8 || count > 16) {
        memcpy(to, from, count);
        return;
    }
    memcpy(&first, from, 8);
    memcpy(&last, from + count - 8, 8);
    memcpy(to, &first, 8);
    memcpy(to + count - 8, &last, 8);
}

void spg__stream_leave(spg_stream *stream) {
    struct spg__end_shared *end = own_end(stream);
    uint64_t owner = spg__load_relaxed_64(&end->owner);       /* relaxed: our own word */
    spg__swap_seq_cst_64(&end->owner, owner | SPG__END_LEFT); /* pairs: stream.owner */
    spg__alarm_sound(&stream->theirs);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* What the other side's counter allows us: bytes to read, or room. Looks at it only if what is
 * known does not reach `wanted`. SPG_ECORRUPT is told by a count above the capacity. */
static inline uint64_t known(const spg_stream *stream) {
    return stream->end == SPG_STREAM_WRITER ? stream->capacity - (stream->position - stream->other)
                                            : stream->other - stream->position;
}

static uint64_t available(spg_stream *stream, uint64_t wanted) {
    bool writes = stream->end == SPG_STREAM_WRITER;
    if (known(stream) >= wanted) return known(stream);
    /* pairs: stream.written, stream.consumed */
    uint64_t other = spg__load_acquire_64(stream->other_position);
    uint64_t between = writes ? stream->position - other : other - stream->position;
    if (between > stream->capacity) return UINT64_MAX;
    stream->other = other;
    return writes ? stream->capacity - between : between;
}

/* The other side will never give us what we wait for: 0 for "it may", else why not. A reader is
 * told the end by SPG_ECLOSED. */
static int verdict(const spg_stream *stream) {
    switch (spg__end_state(&stream->node->domain, other_end(stream))) {
    case SPG__END_GONE: return SPG_ECLOSED;
    case SPG__END_DEAD: return SPG_EPEERDEAD;
    default: return 0;
    }
}

/* How often who looks all the time asks the kernel whether the other side lives. */
static const int64_t ASK_NS = SPG__SLICE_NS / 2;

static bool other_is_finished(spg_stream *stream) {
    uint64_t owner = spg__load_acquire_64(&other_end(stream)->owner); /* pairs: stream.owner */
    if (owner & SPG__END_LEFT) return true;
    int64_t now = spg__clock_monotonic();
    if (now - stream->asked < ASK_NS) return false;
    bool finished = verdict(stream) != 0;
    stream->asked = finished ? 0 : now; /* whoever looks next is to be told, too */
    return finished;
}

/* What comes after all else: bytes that came meanwhile, or why there are none. */
static int settle(spg_stream *stream, uint64_t wanted, int otherwise) {
    uint64_t have = available(stream, wanted);
    if (have == UINT64_MAX) return SPG_ECORRUPT;
    return have >= wanted ? 0 : otherwise;
}

/* The call returns empty-handed. Who sleeps in poll is armed for what it wanted. */
static int give_up(spg_stream *stream, uint64_t wanted, int otherwise) {
    stream->wanted = wanted;
    spg__waitable_arm(&stream->waitable);
    return settle(stream, wanted, otherwise);
}

/* Waits until `wanted` bytes are available. Returns 0 or why not. Looks at the counter again after
 * a verdict: what was committed before the other side left or died is still ours. */
static int wait_for(spg_stream *stream, uint64_t wanted, int64_t timeout) {
    struct spg__wait wait = spg__waitable_begin(&stream->waitable, timeout);
    stream->wanted = 1;
    for (;;) {
        uint64_t have = available(stream, wanted);
        if (have == UINT64_MAX) return SPG_ECORRUPT;
        if (have >= wanted) return 0;
        if (spg__wait_spins(&wait)) continue;
        int judged = timeout == 0 && !other_is_finished(stream) ? 0 : verdict(stream);
        if (judged) return settle(stream, wanted, judged);
        uint32_t turn = 0;
        if (timeout != 0) {
            turn = spg__waitable_announce(&stream->waitable);
            if (available(stream, wanted) >= wanted) continue;
            if (verdict(stream)) continue;
        }
        int over = spg__wait_slice(&wait, stream->ours.turn, turn);
        if (over) return give_up(stream, wanted, over);
    }
}

/* ---- waiting in a wait set or in poll -------------------------------------------------------- */

static bool is_ready(struct spg_waitable *waitable) {
    spg_stream *stream = (spg_stream *)(void *)((char *)waitable - offsetof(spg_stream, waitable));
    if (stream->ended || available(stream, stream->wanted) >= stream->wanted) return true;
    return other_is_finished(stream);
}

void spg__stream_prepare_waiting(spg_stream *stream) {
    struct spg__stream_shared *shared = stream->shared;
    spg__file directory = stream->node->domain.directory;
    const struct spg__alarm data = {&shared->data, &shared->reader.bell, 1, directory};
    const struct spg__alarm room = {&shared->room, &shared->writer.bell, 1, directory};
    bool writes = stream->end == SPG_STREAM_WRITER;
    stream->ours = writes ? room : data;
    stream->theirs = writes ? data : room;
    stream->own_position = writes ? &shared->writer.position : &shared->reader.position;
    stream->other_position = writes ? &shared->reader.position : &shared->writer.position;
    stream->wanted = 1;
    spg__waitable_init(&stream->waitable, &stream->ours, is_ready);
    stream->waitable.asleep = writes ? &shared->writer.asleep : &shared->reader.asleep;
}

spg_waitable *spg_stream_waitable(spg_stream *stream) {
    return stream ? &stream->waitable : NULL;
}

int spg_stream_fd(spg_stream *stream) {
    return stream ? spg_waitable_fd(&stream->waitable) : SPG_EINVAL;
}

/* ---- writing --------------------------------------------------------------------------------- */

int spg_stream_reserve(spg_stream *stream, size_t size, void **bytes, int64_t timeout) {
    int result = check_end(stream, SPG_STREAM_WRITER);
    if (result < 0) return result;
    if (!bytes || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    if (size > stream->capacity) return SPG_ETOOBIG;
    if (stream->ended) return SPG_ECLOSED;
    if (known(stream) < size) result = wait_for(stream, size, timeout);
    if (result < 0) return result;
    stream->wanted = 1;
    stream->reserved = size;
    *bytes = stream->ring + (stream->position & (stream->capacity - 1));
    return 0;
}

int spg_stream_commit(spg_stream *stream, size_t size) {
    int result = check_end(stream, SPG_STREAM_WRITER);
    if (result < 0) return result;
    if (stream->ended) return SPG_ECLOSED;
    if (size > stream->reserved) return SPG_EINVAL;
    stream->reserved = 0;
    stream->position += size;
    if (size > 0) publish(stream);
    return 0;
}

/* There is room. */
static inline void write_known(spg_stream *stream, const char *bytes, size_t count) {
    copy(stream->ring + (stream->position & (stream->capacity - 1)), bytes, count);
    stream->position += count;
    stream->wanted = 1;
    publish(stream);
}

/* As much as there is room for, at least one byte. */
static int write_some(spg_stream *stream, const char *bytes, size_t count, int64_t timeout) {
    int result = wait_for(stream, 1, timeout);
    if (result < 0) return result;
    uint64_t room = available(stream, count);
    if (room == UINT64_MAX) return SPG_ECORRUPT;
    if (room < count) count = (size_t)room;
    write_known(stream, bytes, count);
    return (int)count;
}

/* The deadline is of the whole, so it is fixed before the first wait. */
SPG__APART static int write_slowly(spg_stream *stream, const char *bytes, size_t count,
                                   int64_t timeout) {
    size_t done = 0;
    int64_t deadline = timeout > 0 ? spg__deadline(spg__clock_monotonic(), timeout) : 0;
    while (done < count) {
        int64_t left = timeout;
        if (timeout > 0 && done > 0) left = deadline - spg__clock_monotonic();
        if (left < 0 && timeout > 0) left = 0;
        int result = write_some(stream, bytes + done, count - done, left);
        if (result < 0) return done > 0 ? (int)done : result;
        done += (size_t)result;
    }
    return (int)done;
}

int spg_stream_write(spg_stream *stream, const void *bytes, size_t count, int64_t timeout) {
    int result = check_end(stream, SPG_STREAM_WRITER);
    if (result < 0) return result;
    if ((!bytes && count) || count > INT_MAX || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    if (stream->ended) return SPG_ECLOSED;
    stream->reserved = 0;
    if (count == 0 || known(stream) < count) return write_slowly(stream, bytes, count, timeout);
    write_known(stream, bytes, count);
    return (int)count;
}

int spg_stream_end(spg_stream *stream) {
    int result = check_end(stream, SPG_STREAM_WRITER);
    if (result < 0) return result;
    if (!stream->ended) spg__stream_leave(stream);
    stream->ended = true;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static inline int peek(spg_stream *stream, const void **bytes, int64_t timeout) {
    int result = check_end(stream, SPG_STREAM_READER);
    if (result < 0) return result;
    if (!bytes || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    if (known(stream) == 0) {
        result = wait_for(stream, 1, timeout);
        if (result == SPG_ECLOSED) return 0;
        if (result < 0) return result;
    }
    stream->wanted = 1;
    *bytes = stream->ring + (stream->position & (stream->capacity - 1));
    return (int)(stream->other - stream->position);
}

int spg_stream_peek(spg_stream *stream, const void **bytes, int64_t timeout) {
    return peek(stream, bytes, timeout);
}

int spg_stream_consume(spg_stream *stream, size_t size) {
    int result = check_end(stream, SPG_STREAM_READER);
    if (result < 0) return result;
    if (size > stream->other - stream->position) return SPG_EINVAL;
    stream->position += size;
    if (size > 0) publish(stream);
    return 0;
}

int spg_stream_read(spg_stream *stream, void *bytes, size_t count, int64_t timeout) {
    const void *found;
    if (!bytes || count == 0) return SPG_EINVAL;
    int there = peek(stream, &found, timeout);
    if (there <= 0) return there;
    if ((size_t)there < count) count = (size_t)there;
    copy(bytes, found, count);
    stream->position += count;
    publish(stream);
    return (int)count;
}

size_t spg_stream_capacity(const spg_stream *stream) {
    return (size_t)stream->capacity;
}
