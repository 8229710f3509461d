/* weaker.h: the switch that mutants are chosen by, and what they do that no accessor of
 * platform/atomic.h does. The sources that orders.pl writes include it first. */
#ifndef MUTANTS_WEAKER_H
#define MUTANTS_WEAKER_H

#include "platform/atomic.h"

/* Which mutant this process is; 0: none. From the environment's MUTANT (switch.c). */
extern int spg__mutant;

/* Says what a compare-and-swap would have found, and stores nothing. */
#define SPG__CAS_DROPPED(width)                                                                    \
    __attribute__((unused)) static inline bool spg__cas_dropped_##width(                           \
        spg__word##width *shared, uint##width##_t *expected, uint##width##_t value) {              \
        uint##width##_t found = spg__load_seq_cst_##width(shared);                                 \
        bool same = found == *expected;                                                            \
        (void)value;                                                                               \
        *expected = found;                                                                         \
        return same;                                                                               \
    }
SPG__CAS_DROPPED(32)
SPG__CAS_DROPPED(64)

__attribute__((unused)) static inline uint64_t spg__swap_dropped_64(spg__word64 *shared,
                                                                    uint64_t value) {
    (void)value;
    return spg__load_seq_cst_64(shared);
}

__attribute__((unused)) static inline uint64_t spg__swap_relaxed_64(spg__word64 *shared,
                                                                    uint64_t value) {
    uint64_t found = spg__load_relaxed_64(shared);
    while (!spg__cas_relaxed_64(shared, &found, value)) {}
    return found;
}

#endif
