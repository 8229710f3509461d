/* model_cell.c: three handles on a cell, and one that only reads. The model is one value, its
 * version, and who has it on loan. */
#include <string.h>

#include "model.h"

enum { HANDLES = 4, LOOKER = 3, CAPACITY = 130, OPERATIONS_MAX = 500, NOBODY = -1 };

static struct {
    spg_cell *handles[HANDLES];
    uint64_t version;
    size_t size;
    int lender;
    void *place;
} cell;

static size_t size_of(unsigned byte) {
    static const size_t sizes[] = {0, 1, 8, 112, 113, 129, 130, 131};
    return sizes[byte % 8];
}

/* What a writer is told that is not alone. */
static bool refused(int who, int result) {
    if (who == LOOKER) MUST_BE(SPG_EPERM, result);
    else if (cell.lender != NOBODY && cell.lender != who) MUST_BE(SPG_EAGAIN, result);
    else return false;
    return true;
}

static void written(size_t size) {
    cell.version++;
    cell.size = size;
    cell.lender = NOBODY;
}

static void write_value(int who, unsigned byte) {
    char bytes[CAPACITY + 1];
    size_t size = size_of(byte);
    content_fill(bytes, size, cell.version + 1);
    int result = spg_cell_write(cell.handles[who], bytes, size, SPG_NOWAIT);
    if (size > CAPACITY) {
        MUST(result == SPG_ETOOBIG || result == SPG_EAGAIN || result == SPG_EPERM,
             "too much gives %d", result);
    } else if (!refused(who, result)) {
        MUST_BE(0, result);
        written(size);
    }
}

static void loan(int who) {
    void *place = NULL;
    int result = spg_cell_loan(cell.handles[who], &place, SPG_NOWAIT);
    if (refused(who, result)) return;
    MUST_BE(0, result);
    MUST(cell.lender != who || place == cell.place, "a second loan gives another place");
    memset(place, 0xee, CAPACITY);
    cell.lender = who;
    cell.place = place;
}

static void publish(int who, unsigned byte) {
    size_t size = size_of(byte);
    if (cell.lender == who)
        content_fill(cell.place, size < CAPACITY ? size : CAPACITY, cell.version + 1);
    int result = spg_cell_publish(cell.handles[who], size);
    if (who == LOOKER) MUST(result < 0, "who only reads has published");
    else if (cell.lender != who) MUST_BE(SPG_EINVAL, result);
    else if (size > CAPACITY) MUST_BE(SPG_ETOOBIG, result);
    else {
        MUST_BE(0, result);
        written(size);
    }
}

static void discard(int who) {
    int result = spg_cell_discard(cell.handles[who]);
    MUST(cell.lender == who ? result == 0 : result < 0, "discard gives %d", result);
    if (cell.lender == who) cell.lender = NOBODY;
}

static void read_value(int who, unsigned byte) {
    char bytes[CAPACITY + 8];
    uint64_t version = 0;
    size_t room = byte % 4 == 0 ? size_of(byte >> 2) : CAPACITY;
    int result = spg_cell_read(cell.handles[who], bytes, room, &version);
    if (cell.version == 0) {
        MUST_BE(SPG_EAGAIN, result);
    } else if (cell.size > room) {
        MUST_BE(SPG_ETOOBIG, result);
    } else {
        MUST(result == (int)cell.size, "%d bytes", result);
        MUST(version == cell.version, "version %zu", (size_t)version);
        MUST(content_is(bytes, cell.size, cell.version), "another value");
    }
}

static void wait_for(int who, unsigned byte) {
    uint64_t version = cell.version + byte % 3 - (cell.version > 0);
    int expected = cell.version > version ? 0 : SPG_EAGAIN;
    MUST_BE(expected, spg_cell_wait(cell.handles[who], version, SPG_NOWAIT));
}

static void reopen(int who) {
    if (who == LOOKER) return;
    MUST_BE(0, spg_cell_close(cell.handles[who]));
    if (cell.lender == who) cell.lender = NOBODY;
    MUST_BE(0, spg_cell_open(&cell.handles[who], NULL, "m", NULL));
}

static void step(struct program *program) {
    unsigned byte = next_byte(program);
    int who = (int)(byte >> 4 & 3);
    switch (byte & 7) {
    case 0: write_value(who, next_byte(program)); break;
    case 1: loan(who); break;
    case 2: publish(who, next_byte(program)); break;
    case 3: discard(who); break;
    case 4: wait_for(who, next_byte(program)); break;
    case 5: reopen(who); break;
    default: read_value(who, next_byte(program));
    }
}

void model_cell(struct program *program) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    memset(&cell, 0, sizeof cell);
    cell.lender = NOBODY;
    options.capacity = CAPACITY;
    options.buffers = 3 + next_byte(program) % 3;
    for (int i = 0; i < HANDLES; i++) {
        options.read_only = i == LOOKER;
        if (i == LOOKER) options.capacity = 0;
        MUST_BE(0, spg_cell_open(&cell.handles[i], NULL, "m", &options));
    }
    for (int i = 0; program->left > 0 && i < OPERATIONS_MAX; i++) step(program);
    for (int i = 0; i < HANDLES; i++) spg_cell_close(cell.handles[i]);
    MUST_BE(0, spg_cell_unlink(NULL, "m"));
}
