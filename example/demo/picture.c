/* picture.c: draws colour bars in bands that slide past each other, and a square that wanders over
 * them; and checks pictures.
 *
 * The checksum is Poly1305 by OpenSSL, with a key that everybody knows: nobody is kept from
 * forging, but no picture that is torn, old or half drawn passes, and it is fast enough to be
 * computed over every picture by everybody. */
#include "picture.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { BARS = 8, BAR = PICTURE_WIDTH / BARS, BANDS = 6, SQUARE = 160, KEY_BYTES = 32 };

struct easel {
    uint8_t rows[BANDS][2 * ROW_BYTES]; /* of each band a row twice, so that it can slide */
    uint8_t white[SQUARE * 3];
    EVP_MAC_CTX *sums;
};

static void draw_bars(uint8_t *row, int band) {
    for (int x = 0; x < 2 * PICTURE_WIDTH; x++) {
        int bar = x / BAR % BARS;
        int light = 55 + 200 * (x % BAR) / BAR * (band + 1) / BANDS;
        for (int i = 0; i < 3; i++) row[3 * x + i] = (uint8_t)(bar >> i & 1 ? light : light / 4);
    }
}

int easel_make(struct easel **out) {
    struct easel *easel = calloc(1, sizeof *easel);
    if (!easel) return complain("no memory to draw");
    for (int i = 0; i < BANDS; i++) draw_bars(easel->rows[i], i);
    memset(easel->white, 255, sizeof easel->white);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    easel->sums = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    *out = easel;
    if (easel->sums) return 0;
    easel_free(easel);
    return complain("libcrypto has no Poly1305");
}

void easel_free(struct easel *easel) {
    if (!easel) return;
    EVP_MAC_CTX_free(easel->sums);
    free(easel);
}

/* To and fro between 0 and `end`. */
static int wander(uint64_t step, int end) {
    int at = (int)(step % (uint64_t)(2 * end));
    return at < end ? at : 2 * end - at;
}

void picture_draw(const struct easel *easel, struct picture *picture, uint64_t frame, int first,
                  int end) {
    int left = wander(11 * frame, PICTURE_WIDTH - SQUARE);
    int top = wander(7 * frame, PICTURE_HEIGHT - SQUARE);
    int slide = (int)(6 * frame % PICTURE_WIDTH);
    for (int y = first; y < end; y++) {
        int band = y * BANDS / PICTURE_HEIGHT;
        int from = band % 2 ? slide : PICTURE_WIDTH - slide;
        uint8_t *row = picture->pixels + (size_t)y * ROW_BYTES;
        memcpy(row, easel->rows[band] + 3 * (size_t)from, ROW_BYTES);
        if (y >= top && y < top + SQUARE) {
            memcpy(row + 3 * (size_t)left, easel->white, sizeof easel->white);
        }
    }
}

static int compute_sum(struct easel *easel, const struct picture *picture, uint64_t frame,
                       uint8_t sum[SUM_BYTES]) {
    static const uint8_t key[KEY_BYTES] = "samepage-demo: a checksum, not a";
    size_t size;
    bool is_done = EVP_MAC_init(easel->sums, key, sizeof key, NULL) == 1 &&
                   EVP_MAC_update(easel->sums, (const uint8_t *)&frame, sizeof frame) == 1 &&
                   EVP_MAC_update(easel->sums, picture->pixels, PIXEL_BYTES) == 1 &&
                   EVP_MAC_final(easel->sums, sum, &size, SUM_BYTES) == 1;
    return is_done ? 0 : complain("Poly1305 failed");
}

int picture_seal(struct easel *easel, struct picture *picture, uint64_t frame, bool is_last) {
    picture->frame = frame;
    picture->width = PICTURE_WIDTH;
    picture->height = PICTURE_HEIGHT;
    picture->is_last = is_last;
    memset(picture->zeros, 0, sizeof picture->zeros);
    memset(picture->gap, 0, sizeof picture->gap);
    return compute_sum(easel, picture, frame, picture->sum);
}

bool picture_is_right(struct easel *easel, const struct picture *picture, size_t size) {
    uint8_t sum[SUM_BYTES];
    if (size != sizeof *picture) return false;
    if (picture->width != PICTURE_WIDTH || picture->height != PICTURE_HEIGHT) return false;
    if (compute_sum(easel, picture, picture->frame, sum) < 0) return false;
    return memcmp(sum, picture->sum, SUM_BYTES) == 0;
}
