/* checked.h: checks of numbers that come from outside. */
#ifndef SPG_BASE_CHECKED_H
#define SPG_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool spg__is_power_of_two(uint64_t number) {
    return number != 0 && (number & (number - 1)) == 0;
}

#endif
