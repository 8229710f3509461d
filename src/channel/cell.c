/* cell.c: writing and reading values.
 *
 * Shared: `latest`, which says where the value is and which version it has; the buffers; the pins.
 * One writer at a time, under the guard. It takes a buffer that is neither the latest nor pinned,
 * the oldest of those; marks it (stamp 0), fills it, stamps it with the new version, and commits by
 * one store of `latest`. There always is such a buffer: pins are two less than buffers.
 *
 * A reader loads `latest`, looks whether the buffer carries that version, copies, and looks again.
 * If the stamp is the same the value is whole: whoever overwrites a buffer marks it first, and who
 * saw a byte written after the mark sees the mark. Versions are never used twice, so a stamp that
 * came back was never away. The buffer that `latest` names is never overwritten; so a stamp that is
 * wrong while `latest` is still the same was not written by this library: SPG_ECORRUPT.
 *
 * A copy fails only if it took as long as writers need to come round to its buffer. After four
 * times the reader pins: it claims a pin that says "I want the latest", loads `latest`, and swaps
 * the wish for the buffer it found there. If that fails a writer did it before: every writer first
 * grants all wishes it finds with the buffer that is the latest while it has the guard. A pinned
 * buffer is not overwritten, by this argument. Take the last writer that looked at this pin before
 * the wish was there, and the value that was the latest then. Its commit, that look, the wish, and
 * the reader's load of `latest` are sequentially consistent and come in this order; so the reader
 * finds that value, which this writer keeps off, or a later one. All writers after that one find
 * the wish and grant it, or find the buffer; both keep them off it. So one try suffices.
 *
 * Who waits for whom: nobody for a reader; a reader for nobody. A read ends after four copies, one
 * look at every pin, and one more copy. Only if all pins are taken by the living, or a writer
 * grants a dead reader's wish while it takes his pin (then the next round has it), or the reader
 * may not write, does it go on to copy as before: then it fails as long as writers succeed (it is
 * lock-free, not wait-free), and gives up after a thousand times. A writer waits for the guard; one
 * that is stopped holds up writers, and no reader. With the guard its steps are bounded.
 *
 * Death of a writer: before the commit the value is as it was, and its buffer is free, whatever its
 * stamp; after, the new one stands. The guard names the dead, and the next writer takes it over;
 * nothing is to be repaired. Death of a reader: its pin names it; who needs a pin and finds none
 * free takes it over. Until then one buffer is kept for nobody, of which there are enough.
 *
 *   tag          release                    acquire                    without it
 *   cell.latest  writer commits             reader, next writer        a buffer that is not full
 *   cell.stamp   writer marks and stamps    reader, before and after   a mixture of two values
 *   cell.pin     reader wishes and unpins;  writer looks at pins;      overwritten while read
 *                writer grants              reader looks at its own
 *
 * A hostile peer can make bytes wrong and copies fail. What is read of the shared words is read
 * once and bounded; there is a free buffer whatever pins and stamps say. */
#include "channel/cell.h"

#include "base/error.h"
#include "channel/guard.h"

enum { TRIES_BEFORE_PINNING = 4, TRIES_IN_ALL = 1000, OVERTAKEN = -1000, NO_PIN = -1 };

/* ---- both sides ------------------------------------------------------------------------------ */

static int check(const spg_cell *cell) {
    return spg__channel_is_own(&cell->channel) ? 0 : SPG_EFORKED;
}

static int check_latest(const spg_cell *cell, uint64_t latest) {
    if (spg__cell_index(latest) >= cell->shape.buffers) return SPG_ECORRUPT;
    return spg__cell_version(latest) == 0 && latest != 0 ? SPG_ECORRUPT : 0;
}

static struct spg__cell_buffer_shared *buffer_at(const spg_cell *cell, uint32_t index) {
    return spg__cell_buffer(cell->shared, &cell->shape, index);
}

static spg__word64 *value_at(const spg_cell *cell, uint32_t index) {
    return spg__cell_value(buffer_at(cell, index), &cell->shape);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A bit for each buffer that readers have pinned; grants their wishes with the latest. */
static uint64_t pinned_buffers(const spg_cell *cell, uint32_t latest) {
    uint64_t pinned = 0;
    for (uint32_t i = 0; i < cell->shape.pins; i++) {
        spg__word64 *pin = &cell->shared->pins[i];
        uint64_t word = spg__load_seq_cst_64(pin); /* pairs: cell.pin */
        uint64_t held = word & SPG__PIN_WANTS;
        if (held == SPG__PIN_WANTS) {
            uint64_t granted = word - SPG__PIN_WANTS + latest + 1;
            /* pairs: cell.pin */
            if (spg__cas_seq_cst_64(pin, &word, granted)) continue;
            held = spg__load_seq_cst_64(pin) & SPG__PIN_WANTS; /* pairs: cell.pin */
        }
        if (held >= 1 && held <= SPG_CELL_BUFFERS_MAX) pinned |= UINT64_C(1) << (held - 1);
    }
    return pinned;
}

/* The buffer that was the latest longest ago; what a writer left when it died comes first. */
static uint32_t choose_buffer(const spg_cell *cell, uint64_t latest) {
    uint64_t taken = pinned_buffers(cell, spg__cell_index(latest));
    uint64_t oldest = UINT64_MAX;
    uint32_t chosen = 0;
    taken |= UINT64_C(1) << spg__cell_index(latest);
    for (uint32_t i = 0; i < cell->shape.buffers; i++) {
        if (taken >> i & 1) continue;
        /* relaxed: writers alone write it, under the guard */
        uint64_t stamp = spg__load_relaxed_64(&buffer_at(cell, i)->stamp);
        if (stamp > spg__cell_version(latest)) stamp = 0;
        if (stamp >= oldest) continue;
        oldest = stamp;
        chosen = i;
    }
    return chosen;
}

/* With the guard: takes a buffer for the next value. */
static int take_buffer(spg_cell *cell) {
    uint64_t latest = spg__load_acquire_64(&cell->shared->latest); /* pairs: cell.latest */
    int result = check_latest(cell, latest);
    if (result < 0) return result;
    if (spg__cell_version(latest) == SPG__CELL_VERSION_MAX) return SPG_EFULL;
    uint32_t index = choose_buffer(cell, latest);
    spg__store_ahead_64(&buffer_at(cell, index)->stamp, 0); /* pairs: cell.stamp */
    cell->loaned = index + 1;
    cell->next = spg__cell_version(latest) + 1;
    return 0;
}

/* Takes the guard and a buffer, unless this handle has them. */
static int begin_write(spg_cell *cell, int64_t timeout) {
    int result = check(cell);
    if (result < 0) return result;
    if (cell->read_only) return SPG_EPERM;
    if (!spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    if (cell->loaned) return 0;
    result = spg__guard_take(&cell->shared->writers, &cell->channel, timeout);
    if (result < 0) return result;
    result = take_buffer(cell);
    if (result < 0) spg__guard_give(&cell->shared->writers);
    return result;
}

static void end_write(spg_cell *cell) {
    cell->loaned = 0;
    spg__guard_give(&cell->shared->writers);
}

/* What is on loan becomes the value. */
static void commit(spg_cell *cell, size_t size) {
    uint32_t index = cell->loaned - 1;
    struct spg__cell_buffer_shared *buffer = buffer_at(cell, index);
    spg__store_relaxed_64(&buffer->size, size); /* relaxed: the stamp releases it */
    /* relaxed: the stamp releases it */
    spg__store_relaxed_64(&cell->shared->authors[index], cell->channel.node->number);
    spg__store_release_64(&buffer->stamp, cell->next); /* pairs: cell.stamp */
    /* pairs: cell.latest. Sequentially consistent because of the next writer's look at pins. */
    spg__store_seq_cst_64(&cell->shared->latest, cell->next << SPG__CELL_INDEX_BITS | index);
    end_write(cell);
    spg__alarm_sound(&cell->alarm);
}

int spg_cell_write(spg_cell *cell, const void *data, size_t size, int64_t timeout) {
    if (!data && size > 0) return SPG_EINVAL;
    if (size > cell->shape.capacity) return SPG_ETOOBIG;
    int result = begin_write(cell, timeout);
    if (result < 0) return result;
    spg__bulk_to_shared(value_at(cell, cell->loaned - 1), data, size);
    commit(cell, size);
    return 0;
}

int spg_cell_loan(spg_cell *cell, void **data, int64_t timeout) {
    if (!data) return SPG_EINVAL;
    int result = begin_write(cell, timeout);
    if (result == 0) *data = value_at(cell, cell->loaned - 1);
    return result;
}

int spg_cell_publish(spg_cell *cell, size_t size) {
    int result = check(cell);
    if (result < 0) return result;
    if (!cell->loaned) return SPG_EINVAL;
    if (size > cell->shape.capacity) return SPG_ETOOBIG;
    commit(cell, size);
    return 0;
}

int spg_cell_discard(spg_cell *cell) {
    int result = check(cell);
    if (result < 0) return result;
    if (!cell->loaned) return SPG_EINVAL;
    end_write(cell);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct into {
    void *bytes;
    size_t room;
    uint64_t version;
};

/* Copies what the buffer holds, if it is that version. Size, SPG_ETOOBIG, SPG_ECORRUPT, OVERTAKEN.
 */
static int copy_value(const spg_cell *cell, uint32_t index, uint64_t version, struct into *into) {
    const struct spg__cell_buffer_shared *buffer = buffer_at(cell, index);
    if (spg__load_acquire_64(&buffer->stamp) != version) return OVERTAKEN; /* pairs: cell.stamp */
    uint64_t size = spg__load_acquire_64(&buffer->size);                   /* pairs: cell.stamp */
    int result = 0;
    if (size > cell->shape.capacity) result = SPG_ECORRUPT;
    else if (size > into->room) result = SPG_ETOOBIG;
    else spg__bulk_from_shared(into->bytes, value_at(cell, index), (size_t)size);
    if (spg__load_acquire_64(&buffer->stamp) != version) return OVERTAKEN; /* pairs: cell.stamp */
    into->version = version;
    return result < 0 ? result : (int)size;
}

static int read_once(const spg_cell *cell, struct into *into) {
    uint64_t latest = spg__load_acquire_64(&cell->shared->latest); /* pairs: cell.latest */
    if (latest == 0) return SPG_EAGAIN;
    int result = check_latest(cell, latest);
    if (result < 0) return result;
    result = copy_value(cell, spg__cell_index(latest), spg__cell_version(latest), into);
    if (result != OVERTAKEN) return result;
    /* pairs: cell.latest */
    return spg__load_acquire_64(&cell->shared->latest) == latest ? SPG_ECORRUPT : OVERTAKEN;
}

/* Claims a pin with a wish; NO_PIN if the living have all. The dead are looked for last: it costs a
 * system call each. */
static int claim_pin(const spg_cell *cell, uint64_t wish) {
    spg__word64 *pins = cell->shared->pins;
    for (uint32_t i = 0; i < cell->shape.pins; i++) {
        uint64_t nobody = 0;
        if (spg__cas_seq_cst_64(&pins[i], &nobody, wish)) return (int)i; /* pairs: cell.pin */
    }
    for (uint32_t i = 0; i < cell->shape.pins; i++) {
        uint64_t word = spg__load_acquire_64(&pins[i]); /* pairs: cell.pin */
        if (word && spg__domain_alive(cell->channel.domain, word >> SPG__PIN_SHIFT)) continue;
        if (spg__cas_seq_cst_64(&pins[i], &word, wish)) return (int)i; /* pairs: cell.pin */
    }
    return NO_PIN;
}

/* The wish stands: makes it a buffer, or finds that a writer did. Copies what is in it. */
static int read_by_pin(const spg_cell *cell, spg__word64 *pin, uint64_t wish, struct into *into) {
    uint64_t latest = spg__load_seq_cst_64(&cell->shared->latest); /* pairs: cell.latest */
    int result = check_latest(cell, latest);
    if (result < 0) return result;
    uint64_t held = wish;
    uint64_t wanted = wish - SPG__PIN_WANTS + spg__cell_index(latest) + 1;
    if (spg__cas_seq_cst_64(pin, &held, wanted)) held = wanted; /* pairs: cell.pin */
    else held = spg__load_acquire_64(pin);                      /* pairs: cell.pin */
    uint64_t index = (held & SPG__PIN_WANTS) - 1;
    if (held >> SPG__PIN_SHIFT != wish >> SPG__PIN_SHIFT || index >= cell->shape.buffers)
        return SPG_ECORRUPT;
    /* pairs: cell.stamp */
    uint64_t version = spg__load_acquire_64(&buffer_at(cell, (uint32_t)index)->stamp);
    if (version == 0) return SPG_ECORRUPT;
    result = copy_value(cell, (uint32_t)index, version, into);
    return result == OVERTAKEN ? SPG_ECORRUPT : result;
}

static int read_pinned(const spg_cell *cell, struct into *into) {
    if (cell->read_only || cell->channel.node->number > SPG__PIN_NODE_MAX) return OVERTAKEN;
    uint64_t wish = cell->channel.node->number << SPG__PIN_SHIFT | SPG__PIN_WANTS;
    int index = claim_pin(cell, wish);
    if (index == NO_PIN) return OVERTAKEN;
    spg__word64 *pin = &cell->shared->pins[index];
    int result = read_by_pin(cell, pin, wish, into);
    spg__store_release_64(pin, 0); /* pairs: cell.pin */
    return result;
}

int spg_cell_read(spg_cell *cell, void *buffer, size_t room, uint64_t *version) {
    struct into into = {buffer, room, 0};
    int result = check(cell);
    if (result < 0) return result;
    if (!buffer && room > 0) return SPG_EINVAL;
    result = OVERTAKEN;
    for (int tries = 1; tries <= TRIES_IN_ALL && result == OVERTAKEN; tries++) {
        result = read_once(cell, &into);
        if (result == OVERTAKEN && tries % TRIES_BEFORE_PINNING == 0)
            result = read_pinned(cell, &into);
    }
    if (result == OVERTAKEN) return SPG_EFULL;
    if (result < 0) return result;
    cell->seen = into.version;
    if (version) *version = into.version;
    return result;
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool spg__cell_is_newer(struct spg_waitable *waitable) {
    const char *inside = (const char *)waitable - offsetof(struct spg_cell, waitable);
    const spg_cell *cell = (const void *)inside;
    /* pairs: cell.latest */
    return spg__cell_version(spg__load_acquire_64(&cell->shared->latest)) > cell->seen;
}

int spg_cell_wait(spg_cell *cell, uint64_t version, int64_t timeout) {
    int result = check(cell);
    if (result < 0) return result;
    if (!spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    cell->seen = version;
    result = spg__waitable_wait(&cell->waitable, timeout);
    if (result < 0 && spg__waitable_arm(&cell->waitable)) return 0;
    return result;
}

spg_waitable *spg_cell_waitable(spg_cell *cell) {
    return cell ? &cell->waitable : NULL;
}

int spg_cell_fd(spg_cell *cell) {
    int result = cell ? check(cell) : SPG_EINVAL;
    return result < 0 ? result : spg__waitable_fd(&cell->waitable);
}
