/* file.c: fuzz target. Arbitrary bytes as a file of each kind, and every call made on it.
 *
 *     byte 0   what kind of file, modulo FILE_KINDS
 *     byte 1   bit 0: 0, the rest is the file; 1, the rest is edits of an image, 10 bytes each:
 *              where (two bytes, the low one first) and eight bytes to be put there
 *              bit 1: whoever opens it finds it so (0), or has it open when it changes (1)
 *              bit 2: calls do not wait
 *              bit 3: the file is told of and audited
 *     bytes 2, 3   of a file: its size in units of 512 bytes, at most 128; beyond what is given it
 *              is zeros
 *
 * After one execution in 128, by the bytes' sum, the domain is listed, audited and collected, which
 * takes long. What could be had is used; nothing may crash, take two seconds, or give a result that
 * is none. */
#include <stdlib.h>
#include <string.h>

#include "edits.h"
#include "use.h"

enum { TRIES = 3 };
static const double SLOW_S = 2.0;

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***words) {
    (void)count, (void)words;
    world_begin();
    return 0;
}

static size_t file_size(enum file_kind kind, const uint8_t *data, size_t count) {
    size_t size = 512 * (size_t)((data[2] | data[3] << 8) % 129);
    if (kind == FILE_NODES) return size ? NODES_BYTES : count;
    return size < count ? count : size;
}

static void apply(enum file_kind kind, const uint8_t *data, size_t size) {
    if (data[1] & EDIT_MODE) {
        for (size_t at = EDIT_HEAD; at + EDIT_BYTES <= size; at += EDIT_BYTES)
            world_patch(kind, data[at] | (size_t)data[at + 1] << 8, data + at + 2, 8);
    } else if (data[1] & EDIT_LATER) {
        world_patch(kind, 0, data + EDIT_HEAD, size - EDIT_HEAD);
    } else {
        world_put(kind, data + EDIT_HEAD, size - EDIT_HEAD,
                  file_size(kind, data, size - EDIT_HEAD));
    }
}

static void run(enum file_kind kind, const uint8_t *data, size_t size) {
    struct user user;
    bool later = data[1] & EDIT_LATER;
    if (later && kind == FILE_STREAM) world_clear(kind);
    else if (later || data[1] & EDIT_MODE) world_put_image(kind);
    if (!later) apply(kind, data, size);
    use_open(&user, kind);
    user.briefly = true;
    if (later) {
        use_all(&user);
        apply(kind, data, size);
    }
    user.briefly = data[1] & EDIT_BRIEFLY;
    use_all(&user);
    if (data[1] & EDIT_AT) use_look_at(kind);
    if (world_looks_around(data, size)) use_look_around(kind);
    use_close(&user);
    world_clear(kind);
    world_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < EDIT_HEAD) return -1;
    for (int i = 0; i < TRIES; i++) { /* slow once may be the machine's doing */
        double began = seconds_now();
        run((enum file_kind)(data[0] % FILE_KINDS), data, size);
        if (seconds_now() - began < SLOW_S) return 0;
    }
    finding("it takes more than %.0f seconds", SLOW_S);
}
