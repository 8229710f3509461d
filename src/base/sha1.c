/* sha1.c: see sha1.h. The names are the standard's. */
#include "base/sha1.h"

#include <string.h>

enum { BLOCK = 64, LENGTH_AT = 56 };

static uint32_t rotated(uint32_t word, unsigned by) {
    return word << by | word >> (32 - by);
}

static void expand(uint32_t schedule[80], const uint8_t *block) {
    for (int t = 0; t < 16; t++) {
        schedule[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
                      (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    }
    for (int t = 16; t < 80; t++) {
        schedule[t] = rotated(
            schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], 1);
    }
}

/* The standard's f and K of step t. */
static uint32_t mixed(int t, uint32_t b, uint32_t c, uint32_t d) {
    if (t < 20) return ((b & c) ^ (~b & d)) + UINT32_C(0x5a827999);
    if (t < 40) return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
    if (t < 60) return ((b & c) ^ (b & d) ^ (c & d)) + UINT32_C(0x8f1bbcdc);
    return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
}

static void compress(uint32_t hash[5], const uint8_t *block) {
    uint32_t schedule[80];
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    expand(schedule, block);
    for (int t = 0; t < 80; t++) {
        uint32_t next = rotated(a, 5) + mixed(t, b, c, d) + e + schedule[t];
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

/* What is left of the bytes, a one bit, zeros, and the length in bits. */
static void finish(uint32_t hash[5], const uint8_t *rest, size_t left, uint64_t size) {
    uint8_t block[BLOCK] = {0};
    memcpy(block, rest, left);
    block[left] = 0x80;
    if (left >= LENGTH_AT) {
        compress(hash, block);
        memset(block, 0, sizeof block);
    }
    for (int i = 0; i < 8; i++) block[LENGTH_AT + i] = (uint8_t)(size * 8 >> (56 - 8 * i));
    compress(hash, block);
}

void spg__sha1(uint8_t digest[SPG__SHA1_BYTES], const void *bytes, size_t size) {
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const uint8_t *at = bytes;
    size_t left = size;
    for (; left >= BLOCK; left -= BLOCK, at += BLOCK) compress(hash, at);
    finish(hash, at, left, size);
    for (int i = 0; i < SPG__SHA1_BYTES; i++) {
        digest[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
    }
}
