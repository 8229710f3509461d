/* model_segment.c: three handles on one name. The model is its size, its bytes, and who has it. */
#include <string.h>

#include "model.h"

enum { HANDLES = 3, BYTES_MAX = 20000, OPERATIONS_MAX = 100 };

static struct {
    spg_segment *handles[HANDLES];
    bool of_old[HANDLES]; /* it has one that was unlinked */
    size_t sizes[HANDLES];
    bool exists, temporary;
    size_t size;
    unsigned char bytes[BYTES_MAX];
} segment;
static spg_segment_options options;

static size_t size_of(unsigned byte) {
    static const size_t sizes[] = {1, 2, 100, 4095, 4096, 4097, 8192, 20000};
    return sizes[byte % 8];
}

static void create(int who, unsigned byte) {
    size_t size = size_of(byte);
    if (segment.handles[who]) return;
    options.exclusive = byte >> 3 & 1;
    int result = spg_segment_create(&segment.handles[who], world_name(FILE_SEGMENT), size,
                                    &options);
    if (segment.exists && options.exclusive) {
        MUST_BE(SPG_EEXIST, result);
    } else if (segment.exists && segment.size < size) {
        MUST_BE(SPG_ETOOBIG, result);
    } else {
        MUST_BE(0, result);
        if (!segment.exists) {
            segment.size = size;
            memset(segment.bytes, 0, sizeof segment.bytes);
        }
        segment.exists = true;
        segment.of_old[who] = false;
        segment.sizes[who] = segment.size;
    }
}

static void open_it(int who) {
    if (segment.handles[who]) return;
    int result = spg_segment_open(&segment.handles[who], world_name(FILE_SEGMENT), &options);
    MUST_BE(segment.exists ? 0 : SPG_ENOENT, result);
    if (result < 0) return;
    segment.of_old[who] = false;
    segment.sizes[who] = segment.size;
}

static bool has(int who) {
    return segment.handles[who] && !segment.of_old[who];
}

static void write_bytes(int who, unsigned byte, unsigned at) {
    if (!has(who)) return;
    size_t offset = (size_t)at * 79 % segment.sizes[who];
    ((unsigned char *)spg_segment_address(segment.handles[who]))[offset] = (unsigned char)byte;
    segment.bytes[offset] = (unsigned char)byte;
}

static void check_bytes(int who) {
    if (!has(who)) return;
    MUST(spg_segment_size(segment.handles[who]) == segment.sizes[who], "%zu bytes",
         spg_segment_size(segment.handles[who]));
    MUST(memcmp(spg_segment_address(segment.handles[who]), segment.bytes, segment.sizes[who]) == 0,
         "other bytes");
}

static void resize(int who, unsigned byte) {
    size_t size = byte >> 7 ? 0 : size_of(byte);
    if (!has(who)) return;
    int result = spg_segment_resize(segment.handles[who], size);
    if (result == SPG_ENOSPC) return; /* nothing has changed */
    if (size != 0 && size < segment.sizes[who]) { /* than it is mapped here */
        MUST_BE(SPG_ETOOBIG, result);
        return;
    }
    MUST_BE(0, result);
    if (size > segment.size) segment.size = size;
    segment.sizes[who] = size ? size : segment.size;
}

static void close_it(int who) {
    bool another = false;
    if (!segment.handles[who]) return;
    MUST_BE(0, spg_segment_close(segment.handles[who]));
    segment.handles[who] = NULL;
    for (int i = 0; i < HANDLES; i++) another |= has(i);
    if (segment.temporary && !another && !segment.of_old[who]) segment.exists = false;
}

static void unlink_it(void) {
    MUST_BE(segment.exists ? 0 : SPG_ENOENT, spg_segment_unlink(world_name(FILE_SEGMENT)));
    segment.exists = false;
    for (int i = 0; i < HANDLES; i++) segment.of_old[i] = true;
}

static void step(struct program *program) {
    unsigned byte = next_byte(program);
    int who = (int)(byte >> 4 & 3) % HANDLES;
    switch (byte & 15) {
    case 0:
    case 1: create(who, next_byte(program)); break;
    case 2:
    case 3:
    case 4: open_it(who); break;
    case 5:
    case 6:
    case 7: write_bytes(who, byte, next_byte(program)); break;
    case 8:
    case 9: resize(who, next_byte(program)); break;
    case 10: close_it(who); break;
    case 11:
        if (byte >> 4 == 0) unlink_it();
        break;
    default: check_bytes(who);
    }
}

void model_segment(struct program *program) {
    unsigned how = next_byte(program);
    memset(&segment, 0, sizeof segment);
    options = (spg_segment_options)SPG_SEGMENT_OPTIONS;
    options.profile = how & 1 ? SPG_MANAGED : SPG_BARE;
    segment.temporary = (how & 3) == 3;
    options.lifetime = segment.temporary ? SPG_TEMPORARY : SPG_KEEP;
    for (int i = 0; program->left > 0 && i < OPERATIONS_MAX; i++) step(program);
    for (int i = 0; i < HANDLES; i++) close_it(i);
    spg_segment_unlink(world_name(FILE_SEGMENT));
}
