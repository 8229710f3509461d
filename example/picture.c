/* picture.c: publishes a moving test picture, 25 times a second. samepage view shows it:
 *
 *     picture example/picture BGRX &  samepage view example/picture
 *
 * The format is BGRX, RGBX, BGR3, RGB3 or GREY; a third argument is how many pictures. What a
 * picture's message is stands in docs/layout/picture.md. */
#include <samepage/samepage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 320, HEIGHT = 240, PICTURES = 4 };

struct picture {
    char magic[8];
    uint32_t width, height;
    uint32_t stride;
    char format[4];
    uint64_t offset;
    uint8_t zeros[32];
    uint8_t pixels[];
};

_Static_assert(sizeof(struct picture) == 64, "the pixels begin on a cache line");

static uint32_t bytes_of(const char *format) {
    return strcmp(format, "GREY") == 0 ? 1 : format[3] == '3' ? 3 : 4;
}

/* The bytes of a pixel in the order of the format's letters: what is no colour stays 0. */
static void draw_pixel(uint8_t *pixel, const char *format, unsigned x, unsigned y, unsigned n) {
    for (uint32_t i = 0; i < bytes_of(format); i++) {
        if (format[i] == 'B') pixel[i] = (uint8_t)(x ^ y);
        else if (i == 1) pixel[i] = (uint8_t)(y + 2 * n);
        else if (i < 3) pixel[i] = (uint8_t)(x + n);
        else pixel[i] = 0;
    }
}

static void draw(struct picture *picture, const char *format, unsigned n) {
    uint32_t bytes = bytes_of(format);
    *picture = (struct picture){
        .magic = "picture",
        .width = WIDTH,
        .height = HEIGHT,
        .stride = WIDTH * bytes,
        .offset = sizeof *picture,
    };
    memcpy(picture->format, format, 4);
    for (unsigned y = 0; y < HEIGHT; y++) {
        for (unsigned x = 0; x < WIDTH; x++) {
            draw_pixel(picture->pixels + ((size_t)y * WIDTH + x) * bytes, format, x, y, n);
        }
    }
}

/* Drawn where all will see it: nobody copies. */
static int publish(spg_publisher *publisher, const char *format, unsigned n) {
    size_t size = sizeof(struct picture) + (size_t)WIDTH * HEIGHT * bytes_of(format);
    void *picture;
    int result = spg_publisher_loan(publisher, size, &picture, SPG_FOREVER);
    if (result < 0) return result;
    draw(picture, format, n);
    return spg_publisher_publish(publisher, picture, size, SPG_FOREVER);
}

int main(int count, char **words) {
    static const char *const formats = "BGRX RGBX BGR3 RGB3 GREY";
    const char *name = count > 1 ? words[1] : "example/picture";
    const char *format = count > 2 ? words[2] : "BGRX";
    unsigned long pictures = count > 3 ? strtoul(words[3], NULL, 10) : 0;
    struct timespec pause = {0, 1000 * 1000 * 1000 / 25};
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher;
    if (strlen(format) != 4 || !strstr(formats, format)) {
        fprintf(stderr, "the format is one of %s\n", formats);
        return 1;
    }
    options.type = "picture";
    options.budget = PICTURES * (sizeof(struct picture) + 4 * WIDTH * HEIGHT);
    if (spg_publisher_open(&publisher, NULL, name, &options) < 0) {
        fprintf(stderr, "%s\n", spg_error_detail());
        return 1;
    }
    for (unsigned n = 1; pictures == 0 || n <= pictures; n++) {
        int result = publish(publisher, format, n);
        if (result < 0) {
            fprintf(stderr, "%s: %s\n", name, spg_error_text(result));
            return 1;
        }
        nanosleep(&pause, NULL);
    }
    return spg_publisher_close(publisher) < 0;
}
