/* checked.h: arithmetic on sizes that come from outside. Checks are by subtraction: nothing here
 * can wrap. */
#ifndef SPG_BASE_CHECKED_H
#define SPG_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Do `length` bytes at `offset` lie inside `size` bytes? */
static inline bool spg__inside(uint64_t offset, uint64_t length, uint64_t size) {
    return length <= size && offset <= size - length;
}

/* `size` rounded up to a multiple of `unit` (a power of two); 0 if that does not fit. */
static inline uint64_t spg__round_up(uint64_t size, uint64_t unit) {
    return size > UINT64_MAX - (unit - 1) ? 0 : (size + (unit - 1)) & ~(unit - 1);
}

static inline bool spg__is_power_of_two(uint64_t number) {
    return number != 0 && (number & (number - 1)) == 0;
}

#endif
