/* cell.h: what the tests of cells share: one cell, and values that show whether they are whole. */
#ifndef TEST_PROCESS_CELL_H
#define TEST_PROCESS_CELL_H

#include "harness/harness.h"

__attribute__((unused)) static const char *cell_name(void) {
    return "test/cell";
}

__attribute__((unused)) static spg_cell *open_with(const spg_cell_options *options) {
    spg_cell *cell;
    CHECK_OK(spg_cell_open(&cell, NULL, cell_name(), options));
    return cell;
}

__attribute__((unused)) static spg_cell *open_cell(uint64_t capacity, uint32_t buffers) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = capacity;
    options.buffers = buffers;
    return open_with(&options);
}

__attribute__((unused)) static void close_and_unlink(spg_cell *cell) {
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, cell_name()));
}

__attribute__((unused)) static const char *cell_path(void) {
    static char path[300];
    snprintf(path, sizeof path, "%s/test%%2Fcell.cell", getenv("SAMEPAGE_DOMAIN"));
    return path;
}

__attribute__((unused)) static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- values that show whether they are whole ------------------------------------------------- */

/* Every byte of a value follows from its seed, which is its first eight bytes, and its size. */
__attribute__((unused)) static unsigned char byte_of(uint64_t seed, size_t i, size_t size) {
    return (unsigned char)((seed + size) * 2654435761u >> 7) ^ (unsigned char)(i * 31);
}

__attribute__((unused)) static void fill_value(unsigned char *bytes, size_t size, uint64_t seed) {
    for (size_t i = 0; i < size; i++) bytes[i] = byte_of(seed, i, size);
    memcpy(bytes, &seed, size < 8 ? size : 8);
}

__attribute__((unused)) static void check_value(const unsigned char *bytes, size_t size) {
    uint64_t seed;
    if (size < 8) return;
    memcpy(&seed, bytes, 8);
    for (size_t i = 8; i < size; i++) {
        if (bytes[i] != byte_of(seed, i, size))
            FAIL("a torn value: byte %zu of %zu, seed %llu", i, size, (unsigned long long)seed);
    }
}

#endif
