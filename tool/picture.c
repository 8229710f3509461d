/* picture.c: see picture.h. */
#include "picture.h"

#include <string.h>

static const struct picture_format formats[] = {
    {"BGRX", 4, 2, 1, 0}, {"BGRA", 4, 2, 1, 0}, {"RGBX", 4, 0, 1, 2}, {"RGBA", 4, 0, 1, 2},
    {"BGR3", 3, 2, 1, 0}, {"RGB3", 3, 0, 1, 2}, {"GREY", 1, 0, 0, 0},
};

static const struct picture_format *find_format(const char name[4]) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (memcmp(formats[i].name, name, 4) == 0) return &formats[i];
    }
    return NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool side_is_right(uint32_t side) {
    return side >= 1 && side <= PICTURE_SIDE_MAX;
}

/* The head begins as it must; NULL, or what is wrong. */
static const char *trouble_of_head(const struct picture_header *header) {
    static const uint8_t zeros[sizeof header->zeros];
    if (memcmp(header->magic, "picture", 8) != 0) return "it does not begin as a picture does";
    if (memcmp(header->zeros, zeros, sizeof zeros) != 0) return "its head is of another version";
    if (!side_is_right(header->width)) return "its width is out of range";
    if (!side_is_right(header->height)) return "its height is out of range";
    if (!find_format(header->format)) return "its format is not known";
    return NULL;
}

/* The numbers fit each other and the message. */
static const char *trouble_of_sizes(const struct picture_header *header, size_t size) {
    uint64_t pixel = find_format(header->format)->bytes;
    if (header->stride < header->width * pixel) return "a row has more bytes than its stride";
    if (header->offset < sizeof *header || header->offset % 64 != 0 || header->offset > size) {
        return "its pixels begin nowhere in it";
    }
    if ((uint64_t)header->stride * header->height > size - header->offset) {
        return "its pixels go beyond its end";
    }
    return NULL;
}

const char *picture_read(struct picture *picture, const void *data, size_t size) {
    struct picture_header header;
    if (size < sizeof header) return "it is too short for a head";
    memcpy(&header, data, sizeof header);
    const char *trouble = trouble_of_head(&header);
    if (!trouble) trouble = trouble_of_sizes(&header, size);
    if (trouble) return trouble;
    *picture = (struct picture){
        .format = find_format(header.format),
        .width = header.width,
        .height = header.height,
        .stride = header.stride,
        .offset = header.offset,
        .pixels = (const uint8_t *)data + header.offset,
    };
    return NULL;
}

/* ---- converting ------------------------------------------------------------------------------ */

/* Which byte of a pixel a mask is, if it is exactly one; else 255. */
static unsigned byte_of(uint32_t mask, const struct picture_screen *screen) {
    for (unsigned i = 0; i < screen->bytes; i++) {
        if (mask == UINT32_C(0xff) << 8 * i) {
            return screen->high_byte_first ? screen->bytes - 1 - i : i;
        }
    }
    return 255;
}

bool picture_is_native(const struct picture *picture, const struct picture_screen *screen) {
    const struct picture_format *format = picture->format;
    return format->bytes == screen->bytes && format->bytes > 1 &&
           format->red == byte_of(screen->red, screen) &&
           format->green == byte_of(screen->green, screen) &&
           format->blue == byte_of(screen->blue, screen) &&
           picture->stride % screen->row_multiple == 0 && picture->stride % screen->bytes == 0;
}

uint32_t picture_screen_stride(const struct picture_screen *screen, uint32_t width) {
    uint32_t multiple = screen->row_multiple;
    return (width * screen->bytes + multiple - 1) / multiple * multiple;
}

/* The bits of a mask, from `value` of eight bits. */
static uint32_t under(uint32_t mask, uint32_t value) {
    uint32_t lowest = mask & -mask;
    if (mask == 0) return 0;
    return (uint32_t)((uint64_t)(mask / lowest) * value / 255) * lowest;
}

static void write_pixel(const struct picture_screen *screen, uint32_t value, uint8_t *to) {
    for (uint32_t i = 0; i < screen->bytes; i++) {
        to[screen->high_byte_first ? screen->bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
    }
}

/* What each value of a colour is for the screen, reckoned once. */
struct palette {
    uint32_t red[256], green[256], blue[256];
};

static void prepare(struct palette *palette, const struct picture_screen *screen) {
    for (uint32_t value = 0; value < 256; value++) {
        palette->red[value] = under(screen->red, value);
        palette->green[value] = under(screen->green, value);
        palette->blue[value] = under(screen->blue, value);
    }
}

static void convert_row(const struct picture *picture, const struct picture_screen *screen,
                        const struct palette *palette, uint32_t y, uint8_t *to) {
    const struct picture_format *format = picture->format;
    const uint8_t *from = picture->pixels + (size_t)y * picture->stride;
    for (uint32_t x = 0; x < picture->width; x++) {
        uint32_t value = palette->red[from[format->red]] | palette->green[from[format->green]] |
                         palette->blue[from[format->blue]];
        write_pixel(screen, value, to);
        from += format->bytes;
        to += screen->bytes;
    }
}

void picture_convert(const struct picture *picture, const struct picture_screen *screen,
                     uint8_t *to) {
    uint32_t stride = picture_screen_stride(screen, picture->width);
    struct palette palette;
    prepare(&palette, screen);
    for (uint32_t y = 0; y < picture->height; y++, to += stride) {
        if (picture_is_native(picture, screen)) {
            memcpy(to, picture->pixels + (size_t)y * picture->stride,
                   (size_t)picture->width * screen->bytes);
        } else {
            convert_row(picture, screen, &palette, y, to);
        }
    }
}
