/* cell_threads.c: one cell between threads, each with a handle of its own. */
#include <pthread.h>

#include "harness/harness.h"

enum { WRITERS = 2, READERS = 3, WRITES = 20000, CAPACITY = 200 };

static spg_cell *open_one(void) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = CAPACITY;
    options.buffers = 3;
    CHECK_OK(spg_cell_open(&cell, NULL, "threads", &options));
    return cell;
}

/* A value is its size many times over, and as long. */
static void *write_values(void *argument) {
    unsigned char bytes[CAPACITY];
    spg_cell *cell = open_one();
    (void)argument;
    for (int i = 0; i < WRITES; i++) {
        size_t size = (size_t)(1 + i * 37 % CAPACITY);
        memset(bytes, (int)size, size);
        CHECK_OK(spg_cell_write(cell, bytes, size, SPG_FOREVER));
    }
    CHECK_OK(spg_cell_close(cell));
    return NULL;
}

/* Some wait for each value, some read as fast as they can. */
static void *read_values(void *argument) {
    unsigned char bytes[CAPACITY];
    bool waits = argument != NULL;
    uint64_t version = 0, last = 0;
    spg_cell *cell = open_one();
    while (version < WRITERS * WRITES) {
        if (waits || version == 0) CHECK_OK(spg_cell_wait(cell, version, SPG_FOREVER));
        int size = spg_cell_read(cell, bytes, sizeof bytes, &version);
        if (size < 1) FAIL("a read gives %s", spg_error_name(size));
        CHECK(version >= last);
        for (int i = 0; i < size; i++) CHECK_INT(size, bytes[i]);
        last = version;
    }
    CHECK_OK(spg_cell_close(cell));
    return NULL;
}

TEST(threads_write_and_read_whole_values) {
    pthread_t threads[WRITERS + READERS];
    spg_cell *cell = open_one();
    for (int i = 0; i < READERS; i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, read_values, i == 0 ? cell : NULL));
    for (int i = READERS; i < READERS + WRITERS; i++)
        CHECK_INT(0, pthread_create(&threads[i], NULL, write_values, NULL));
    for (int i = 0; i < READERS + WRITERS; i++) CHECK_INT(0, pthread_join(threads[i], NULL));
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, "threads"));
}
