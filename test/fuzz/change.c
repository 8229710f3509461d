/* change.c: fuzz target. Bytes change while the library works on them: the hook of a seam build
 * changes a word between one access and the next, so that what was judged is not what is used.
 *
 *     byte 0   what kind of file, modulo FILE_KINDS
 *     byte 1   bit 0: calls do not wait
 *              bit 3: the file is told of and audited
 *     then changes of 4 bytes: after how many accesses to shared memory, counted from the change
 *     before (byte 0, and the high 3 bits of byte 1 as its high part); how (byte 1, below); and
 *     with what (bytes 2 and 3)
 *
 * After one execution in 128, by the bytes' sum, the domain is listed, audited and collected, which
 * takes long. Changed is the word that is accessed next, or one beside it: for a while, or for
 * good. */
#include <stdlib.h>
#include <string.h>

#include "platform/seam.h"
#include "guard.h"
#include "use.h"

enum { HEAD = 2, CHANGE = 4, TRIES = 3, BRIEFLY = 1, AT = 8 };
static const double SLOW_S = 2.0;

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input, and when the next change is due. */
static const uint8_t *changes;
static size_t change_count;
static enum file_kind kind_at_hand;
static unsigned due;

static void plan(void) {
    due = change_count ? (unsigned)changes[0] | (unsigned)(changes[1] >> 5) << 8 : 0;
}

/* How to change a word: one of these, by the low bits. */
static uint64_t changed(uint64_t word, unsigned how, unsigned with) {
    unsigned shift = with >> 8 & 63;
    switch (how & 7) {
    case 0: return word ^ (uint64_t)(with & 0xff) << shift;
    case 1: return word + (uint64_t)(with & 0xff);
    case 2: return word - (uint64_t)(with & 0xff);
    case 3: return 0;
    case 4: return UINT64_MAX >> shift;
    case 5: return (uint64_t)with << shift;
    case 6: return word << 1;
    default: return ~word;
    }
}

static void change(const volatile void *address, unsigned how, unsigned with) {
    static const int beside[4] = {0, 8, -8, 16};
    uintptr_t at = ((uintptr_t)address & ~(uintptr_t)7) + (uintptr_t)(intptr_t)beside[how >> 3 & 3];
    size_t offset;
    uint64_t word;
    enum guard_access access = guard_access((void *)at, &offset);
    if (access == GUARD_NOT_SHARED) return;
    memcpy(&word, (void *)at, 8);
    word = changed(word, how, with);
    if (access == GUARD_WRITABLE) memcpy((void *)at, &word, 8);
    else world_patch(kind_at_hand, offset, &word, 8);
}

static bool is_access(const struct spg__seam_event *event) {
    size_t offset;
    return (event->kind == SPG__SEAM_LOAD || event->kind == SPG__SEAM_BEFORE_STORE) &&
           guard_access(event->address, &offset) != GUARD_NOT_SHARED;
}

static int hook(const struct spg__seam_event *event) {
    if (change_count == 0 || !is_access(event) || due-- > 0) return 0;
    change(event->address, changes[1], (unsigned)changes[2] | (unsigned)changes[3] << 8);
    changes += CHANGE;
    change_count--;
    plan();
    return 0;
}

int LLVMFuzzerInitialize(int *count, char ***words) {
    (void)count, (void)words;
    guard_watch();
    world_begin();
    return 0;
}

static void run(enum file_kind kind, const uint8_t *data, size_t size) {
    struct user user;
    world_put_image(kind);
    kind_at_hand = kind;
    changes = data + HEAD;
    change_count = (size - HEAD) / CHANGE;
    plan();
    spg__seam = hook;
    use_open(&user, kind);
    user.briefly = data[1] & BRIEFLY;
    use_all(&user);
    if (data[1] & AT) use_look_at(kind);
    if (world_looks_around(data, size)) use_look_around(kind);
    use_close(&user);
    spg__seam = NULL;
    world_clear(kind);
    world_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD) return -1;
    for (int i = 0; i < TRIES; i++) { /* slow once may be the machine's doing */
        double began = seconds_now();
        run((enum file_kind)(data[0] % FILE_KINDS), data, size);
        if (seconds_now() - began < SLOW_S) return 0;
    }
    finding("it takes more than %.0f seconds", SLOW_S);
}
