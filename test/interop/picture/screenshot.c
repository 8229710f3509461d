/* screenshot.c: screenshot PPM SECONDS
 *
 * Takes screenshots until the root window shows the picture of the file PPM in its upper left
 * corner, pixel by pixel. Otherwise says how many pixels of the last one were wrong. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <xcb/xcb.h>

static uint32_t width, height;
static uint8_t *colours; /* red, green, blue */

static bool read_picture(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fscanf(file, "P6 %5u %5u 255", &width, &height) != 2) return false;
    size_t size = (size_t)width * height * 3;
    colours = malloc(size);
    bool whole = colours && size > 0 && fgetc(file) == '\n' &&
                 fread(colours, 1, size, file) == size && fgetc(file) == EOF;
    fclose(file);
    return whole;
}

static uint32_t shown_at(const uint8_t *pixel, bool low_byte_first) {
    return low_byte_first ? (uint32_t)pixel[2] << 16 | (uint32_t)pixel[1] << 8 | pixel[0]
                          : (uint32_t)pixel[1] << 16 | (uint32_t)pixel[2] << 8 | pixel[3];
}

static uint32_t expected_at(const uint8_t *colour) {
    return (uint32_t)colour[0] << 16 | (uint32_t)colour[1] << 8 | colour[2];
}

/* Tells one of them, if `says`. */
static uint32_t count_wrong(const uint8_t *pixels, bool low_byte_first, bool says) {
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < width * height; i++) {
        uint32_t shown = shown_at(pixels + (size_t)4 * i, low_byte_first);
        uint32_t expected = expected_at(colours + (size_t)3 * i);
        if (shown != expected && wrong++ == 0 && says) {
            printf("the pixel at %u, %u is %06x, not %06x\n", i % width, i / width, shown,
                   expected);
        }
    }
    return wrong;
}

static uint32_t compare(xcb_connection_t *connection, bool says) {
    const xcb_setup_t *setup = xcb_get_setup(connection);
    xcb_window_t root = xcb_setup_roots_iterator(setup).data->root;
    xcb_get_image_cookie_t asked = xcb_get_image(connection, XCB_IMAGE_FORMAT_Z_PIXMAP, root, 0, 0,
                                                 (uint16_t)width, (uint16_t)height, ~0u);
    xcb_get_image_reply_t *image = xcb_get_image_reply(connection, asked, NULL);
    uint32_t wrong = width * height;
    if (image && (uint32_t)xcb_get_image_data_length(image) == 4 * width * height) {
        wrong = count_wrong(xcb_get_image_data(image),
                            setup->image_byte_order == XCB_IMAGE_ORDER_LSB_FIRST, says);
    } else if (says) {
        puts("no screenshot of 32 bits a pixel can be taken");
    }
    free(image);
    return wrong;
}

int main(int count, char **words) {
    if (count != 3 || !read_picture(words[1])) {
        fprintf(stderr, "usage: screenshot PPM SECONDS\n");
        return 2;
    }
    xcb_connection_t *connection = xcb_connect(NULL, NULL);
    const time_t end = time(NULL) + atoi(words[2]);
    const struct timespec nap = {0, 50 * 1000 * 1000};
    uint32_t wrong = width * height;
    bool is_last = false;
    while (wrong > 0 && !is_last && !xcb_connection_has_error(connection)) {
        is_last = time(NULL) >= end;
        wrong = compare(connection, is_last);
        if (wrong > 0) nanosleep(&nap, NULL);
    }
    if (xcb_connection_has_error(connection)) puts("the X server has gone");
    if (wrong > 0) printf("%u of %u pixels are wrong\n", wrong, width * height);
    xcb_disconnect(connection);
    free(colours);
    return wrong > 0;
}
