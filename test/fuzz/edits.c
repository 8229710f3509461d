/* edits.c: the mutator of the target `file`. Half of what it does is libFuzzer's own; the other
 * half makes, changes and takes away edits of an image, at whole words, with values that mean
 * something there: small numbers, words that stand elsewhere in the image (nodes, offsets,
 * sequences), and what was there with a bit or a one more or less. So the head of a file stays
 * valid, and what is reached lies behind its checks. */
#include <string.h>

#include "edits.h"
#include "world.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

enum { OPERATIONS = 4, EDITS_MAX = 40 };

static uint64_t word_of(const struct image *image, size_t at) {
    uint64_t word = 0;
    if (at + 8 <= image->size) memcpy(&word, image->bytes + at, 8);
    return word;
}

/* Where it is not all zeros, and a little further; a table of nodes has its first places far in. */
static size_t some_place(const struct image *image, uint64_t *random) {
    size_t words = (image->length + 64) / 8, at = random_next(random) % words * 8;
    return random_next(random) % 8 ? at : at + random_next(random) % 8;
}

static uint64_t some_word(const struct image *image, size_t at, uint64_t *random) {
    uint64_t was = word_of(image, at), chance = random_next(random);
    unsigned shift = chance >> 8 & 63;
    switch (chance & 7) {
    case 0: return chance >> 16 & 15;
    case 1: return was ^ UINT64_C(1) << shift;
    case 2: return was + 1;
    case 3: return was - 1;
    case 4: return word_of(image, some_place(image, random) & ~(size_t)7);
    case 5: return UINT64_MAX >> shift;
    case 6: return (was & ~UINT64_C(0xffffffff)) | (chance >> 16 & 0xff);
    default: return random_next(random);
    }
}

static void write_edit(uint8_t *edit, const struct image *image, uint64_t *random) {
    size_t at = some_place(image, random);
    uint64_t word = some_word(image, at, random);
    edit[0] = (uint8_t)at;
    edit[1] = (uint8_t)(at >> 8);
    memcpy(edit + 2, &word, 8);
}

static size_t edit(uint8_t *data, size_t count, size_t room, uint64_t *random) {
    const struct image *image = &images[data[0] % FILE_KINDS];
    uint8_t *edits = data + EDIT_HEAD;
    size_t which = count ? random_next(random) % count : 0;
    switch (count ? random_next(random) % OPERATIONS : 0) {
    case 1: write_edit(edits + which * EDIT_BYTES, image, random); return count;
    case 2:
        memmove(edits + which * EDIT_BYTES, edits + (which + 1) * EDIT_BYTES,
                (count - which - 1) * EDIT_BYTES);
        return count - 1;
    case 3: data[1] = (uint8_t)random_next(random) | EDIT_MODE; return count;
    default:
        if (count >= room) return count;
        write_edit(edits + count * EDIT_BYTES, image, random);
        return count + 1;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    random_next(&random);
    bool is_edits = size >= EDIT_HEAD && data[1] & EDIT_MODE;
    if (max < EDIT_HEAD + EDIT_BYTES || random_next(&random) % 4 == 0 ||
        (!is_edits && random_next(&random) % 4))
        return LLVMFuzzerMutate(data, size, max);
    if (!is_edits) {
        memset(data, 0, EDIT_HEAD);
        data[0] = (uint8_t)random_next(&random);
        data[1] = (uint8_t)random_next(&random) | EDIT_MODE;
        size = EDIT_HEAD;
    }
    size_t room = (max - EDIT_HEAD) / EDIT_BYTES, count = (size - EDIT_HEAD) / EDIT_BYTES;
    if (room > EDITS_MAX) room = EDITS_MAX;
    return EDIT_HEAD + edit(data, count, room, &random) * EDIT_BYTES;
}
