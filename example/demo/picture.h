/* picture.h: a moving test image, and the checksum that proves that it arrived whole. */
#ifndef PICTURE_H
#define PICTURE_H

#include "demo.h"

enum {
    PICTURE_WIDTH = 1920,
    PICTURE_HEIGHT = 1080,
    ROW_BYTES = PICTURE_WIDTH * 3,
    PIXEL_BYTES = PICTURE_HEIGHT * ROW_BYTES,
    SUM_BYTES = 16
};

#define PICTURE_TYPE "picture, 1920x1080 RGB"
#define PICTURE_SCHEMA                                                                             \
    "u64 frame, u32 width, u32 height, u32 is_last, 12 bytes, checksum of 16 bytes (Poly1305 "     \
    "over frame and pixels), 16 bytes; rows of red, green and blue bytes"

/* A message of the topic, as it lies in shared memory. */
struct picture {
    uint64_t frame; /* the first is 1 */
    uint32_t width;
    uint32_t height;
    uint32_t is_last; /* 1: none follows */
    uint32_t zeros[3];
    uint8_t sum[SUM_BYTES];
    uint8_t gap[16];
    uint8_t pixels[PIXEL_BYTES];
};

_Static_assert(sizeof(struct picture) == 64 + PIXEL_BYTES, "no padding");
_Static_assert(offsetof(struct picture, pixels) == 64, "pixels begin on a cache line");

/* What it takes to draw and to check: one for a process. */
struct easel;

/* Returns 0 or -1. */
int easel_make(struct easel **easel);
void easel_free(struct easel *easel);

/* Draws the rows from `first` up to `end` of this frame. Every pixel is written. */
void picture_draw(const struct easel *easel, struct picture *picture, uint64_t frame, int first,
                  int end);

/* Writes the head, with the checksum over the pixels. Returns 0 or -1. */
int picture_seal(struct easel *easel, struct picture *picture, uint64_t frame, bool is_last);

/* Whether a message of this size is a picture, with the pixels of its checksum. */
bool picture_is_right(struct easel *easel, const struct picture *picture, size_t size);

#endif
