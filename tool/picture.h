/* picture.h: what a message of a topic of pictures is (docs/layout/picture.md), judged; and its
 * pixels in the form that a screen wants. */
#ifndef TOOL_PICTURE_H
#define TOOL_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PICTURE_TYPE "picture"

enum { PICTURE_SIDE_MAX = 32767 };

struct picture_header {
    char magic[8];
    uint32_t width, height;
    uint32_t stride;
    char format[4];
    uint64_t offset;
    uint8_t zeros[32];
};

_Static_assert(sizeof(struct picture_header) == 64, "the pixels begin on a cache line");

/* Where the colours lie in a pixel, in bytes. */
struct picture_format {
    char name[5];
    uint8_t bytes, red, green, blue;
};

struct picture {
    const struct picture_format *format;
    uint32_t width, height, stride;
    uint64_t offset;
    const uint8_t *pixels;
};

/* Judges a message. Returns NULL, or why it is no picture. */
const char *picture_read(struct picture *picture, const void *data, size_t size);

/* How a screen has its pixels: numbers of one to four bytes with a mask for each colour. */
struct picture_screen {
    uint32_t red, green, blue;
    uint32_t bytes;
    uint32_t row_multiple; /* rows take a multiple of that many bytes */
    bool high_byte_first;
};

/* Are the bytes of a pixel of the picture those of the screen? */
bool picture_is_native(const struct picture *picture, const struct picture_screen *screen);

/* Bytes of a row of so many pixels. */
uint32_t picture_screen_stride(const struct picture_screen *screen, uint32_t width);

/* Writes the pixels as the screen wants them, to rows of picture_screen_stride bytes. */
void picture_convert(const struct picture *picture, const struct picture_screen *screen,
                     uint8_t *to);

#endif
