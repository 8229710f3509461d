/* payload.c: reading large payloads. One function for all, outside of their loops: how the compiler
 * happens to lay out a loop would otherwise tell more than how the bytes came. */
#include "loops.h"

typedef uint64_t two_words __attribute__((vector_size(16), aligned(8), may_alias));

enum { STRIDE = 8 }; /* words: a line */

uint64_t sum_of_many(const uint64_t *words, size_t size) {
    two_words a = {0, 0}, b = a, c = a, d = a;
    size_t count = size / 8, i = 0;
    uint64_t total = 0;
    for (; i + STRIDE <= count; i += STRIDE) {
        const two_words *line = (const two_words *)(const void *)(words + i);
        a += line[0];
        b += line[1];
        c += line[2];
        d += line[3];
    }
    for (; i < count; i++) total += words[i];
    a += b + c + d;
    return total + a[0] + a[1];
}
