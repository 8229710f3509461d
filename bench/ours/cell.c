/* cell.c: reading the latest value, alone and while it is written at full speed. */
#include <stdlib.h>

#include "ours.h"

static void open_cell(struct contest *contest, int role) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    (void)role;
    options.capacity = contest->size;
    must(spg_cell_open(&cell, NULL, contest->name, &options));
    must(spg_cell_write(cell, source_of(contest, 1), contest->size, SPG_FOREVER));
    contest->mine = cell;
}

static void close_cell(struct contest *contest, int role) {
    must(spg_cell_close(contest->mine));
    if (role == 0) spg_cell_unlink(NULL, contest->name);
}

static void read_all(struct contest *contest) {
    for (uint64_t i = 0; i < contest->count; i++) {
        int size = spg_cell_read(contest->mine, contest->room, contest->size, NULL);
        must_be((int)contest->size, size, "spg_cell_read");
        absorb(contest, contest->room, contest->size, contest->room[0]);
    }
}

static void run_alone(struct contest *contest, int role) {
    if (role == 0) read_all(contest);
}

static void run_disturbed(struct contest *contest, int role) {
    _Atomic uint32_t *over = &contest->control->flag;
    if (role == 0) {
        read_all(contest);
        atomic_store(over, 1);
        return;
    }
    for (uint64_t i = 1; !atomic_load_explicit(over, memory_order_relaxed); i++) {
        must(spg_cell_write(contest->mine, source_of(contest, i), contest->size, SPG_FOREVER));
    }
}

#define CELL(NAME, HOW, RUN)                                                                       \
    {                                                                                              \
        .name = NAME, .how = HOW, .side = OURS, .pattern = READING, .least = 8, .most = 4096,      \
        .open = open_cell, .run = RUN, .close = close_cell                                         \
    }

const struct contestant cell_alone = CELL("cell, nobody writes", "spg_cell_read", run_alone);
const struct contestant cell_disturbed = CELL(
    "cell, a writer writes", "spg_cell_read; the writer pauses never", run_disturbed);
