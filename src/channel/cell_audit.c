/* cell_audit.c: judging a cell from outside, and clearing what the dead hold in it.
 *
 * The audit loads each word once, while others may be using the cell; a finding that could be true
 * of a moment only is looked at again, and counts if `latest` has not moved meanwhile.
 *
 * Clearing is one compare-and-swap from exactly the dead's word, so it cannot hit anybody else. */
#include <inttypes.h>

#include "base/error.h"
#include "channel/cell.h"
#include "channel/guard.h"

enum { GUARD_SHIFT = 4, GUARD_ZEROS = 14 }; /* guard.h */

static bool is_number(uint64_t number) {
    uint64_t generation = spg__number_generation(number);
    return generation > 0 && generation <= SPG__GENERATION_MAX;
}

static int check_guard(const struct spg__domain *domain, const struct spg__cell_shared *shared,
                       const char *name, struct spg__cell_facts *facts) {
    uint64_t word = spg__load_acquire_64(&shared->writers); /* pairs: guard.word */
    facts->writer = word >> GUARD_SHIFT;
    if ((word & GUARD_ZEROS) || (facts->writer && !is_number(facts->writer))) {
        return spg__fail(SPG_ECORRUPT, "%.300s: the word of its writers is %#" PRIx64, name, word);
    }
    facts->writer_is_dead = facts->writer && !spg__domain_alive(domain, facts->writer);
    return 0;
}

static int check_pins(const struct spg__domain *domain, const struct spg__cell_shared *shared,
                      const struct spg__cell_shape *shape, const char *name,
                      struct spg__cell_facts *facts) {
    facts->pins = shape->pins;
    for (uint32_t i = 0; i < SPG__CELL_PINS; i++) {
        uint64_t word = spg__load_acquire_64(&shared->pins[i]); /* pairs: cell.pin */
        uint64_t held = word & SPG__PIN_WANTS;
        if (word == 0) continue;
        bool is_right = i < shape->pins && is_number(word >> SPG__PIN_SHIFT) && held > 0 &&
                        (held <= shape->buffers || held == SPG__PIN_WANTS);
        if (!is_right) return spg__fail(SPG_ECORRUPT, "%.300s: pin %u is %#" PRIx64, name, i, word);
        facts->pins_held++;
        facts->pins_of_dead += !spg__domain_alive(domain, word >> SPG__PIN_SHIFT);
    }
    return 0;
}

/* Why the value that `latest` names cannot be right; NULL if it can. */
static const char *trouble_of_value(const struct spg__cell_buffer_shared *buffer,
                                    const struct spg__cell_shape *shape,
                                    struct spg__cell_facts *facts) {
    uint64_t stamp = spg__load_acquire_64(&buffer->stamp); /* pairs: cell.stamp */
    facts->size = spg__load_acquire_64(&buffer->size);     /* pairs: cell.stamp */
    if (stamp != facts->version) return "its latest buffer carries another version";
    if (facts->size > shape->capacity) return "its value is larger than its capacity";
    return NULL;
}

static int check_value(const struct spg__cell_shared *shared, const struct spg__cell_shape *shape,
                       const char *name, struct spg__cell_facts *facts) {
    enum { LOOKS = 100 };
    struct spg__cell_shared *unconst = (struct spg__cell_shared *)shared;
    const char *trouble = NULL;
    for (int i = 0; i < LOOKS; i++) {
        uint64_t latest = spg__load_acquire_64(&shared->latest); /* pairs: cell.latest */
        uint32_t index = spg__cell_index(latest);
        facts->version = spg__cell_version(latest);
        if (latest == 0) return 0;
        if (index >= shape->buffers || facts->version == 0)
            return spg__fail(SPG_ECORRUPT, "%.300s: its latest word is %#" PRIx64, name, latest);
        /* relaxed: for people */
        facts->author = spg__load_relaxed_64(&shared->authors[index]);
        trouble = trouble_of_value(spg__cell_buffer(unconst, shape, index), shape, facts);
        if (!trouble) return 0;
        /* pairs: cell.latest */
        if (spg__load_acquire_64(&shared->latest) == latest)
            return spg__fail(SPG_ECORRUPT, "%.300s: %s", name, trouble);
    }
    return 0; /* it is busy, so it cannot be that wrong */
}

int spg__cell_audit(const struct spg__domain *domain, const struct spg__cell_shared *shared,
                    const struct spg__channel_head *head, const char *name,
                    struct spg__cell_facts *facts) {
    struct spg__cell_shape shape;
    *facts = (struct spg__cell_facts){0};
    int result = spg__cell_check_geometry(head, name);
    if (result < 0) return result;
    spg__cell_shape(&shape, head);
    result = check_value(shared, &shape, name, facts);
    if (result == 0) result = check_guard(domain, shared, name, facts);
    if (result == 0) result = check_pins(domain, shared, &shape, name, facts);
    return result;
}

static bool is_dead(const struct spg__domain *domain, uint64_t number) {
    return number != 0 && !spg__domain_alive(domain, number);
}

int spg__cell_collect(const struct spg__domain *domain, struct spg__cell_shared *shared,
                      const struct spg__channel_head *head) {
    struct spg__cell_shape shape;
    int cleared = 0;
    if (!spg__cell_shape(&shape, head)) return 0;
    uint64_t word = spg__load_acquire_64(&shared->writers); /* pairs: guard.word */
    /* pairs: guard.word */
    if (is_dead(domain, word >> GUARD_SHIFT) && spg__cas_acq_rel_64(&shared->writers, &word, 0)) {
        spg__wake(spg__low_half(&shared->writers), SPG__WAKE_ALL);
        cleared++;
    }
    for (uint32_t i = 0; i < shape.pins; i++) {
        word = spg__load_acquire_64(&shared->pins[i]); /* pairs: cell.pin */
        if (!is_dead(domain, word >> SPG__PIN_SHIFT)) continue;
        cleared += spg__cas_acq_rel_64(&shared->pins[i], &word, 0); /* pairs: cell.pin */
    }
    return cleared;
}
