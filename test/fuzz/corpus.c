/* corpus.c: writes the seeds of the fuzz targets, a folder for each. Regressions (inputs that found
 * something) lie beside them and are not made here.
 *
 * Usage: corpus FOLDER */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "use.h"

enum { SEED_MAX = 8000 };

static const char *folder;

static void seed(const char *target, const char *name, const void *bytes, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, target);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        finding("cannot write %s", path);
}

/* ---- file ------------------------------------------------------------------------------------ */

/* Without the zeros at its end, and what is no control structure. */
static size_t length_of(const struct image *image) {
    size_t length = image->size < SEED_MAX ? image->size : SEED_MAX;
    while (length > 0 && image->bytes[length - 1] == 0) length--;
    return length;
}

static void seed_file(enum file_kind kind) {
    unsigned char bytes[4 + SEED_MAX] = {(unsigned char)kind, 0x08};
    char name[64];
    size_t length = length_of(&images[kind]);
    bytes[2] = (unsigned char)((images[kind].size + 511) / 512);
    if (kind == FILE_NODES) bytes[2] = 1;
    memcpy(bytes + 4, images[kind].bytes, length);
    seed("file", kind_words[kind], bytes, 4 + length);
    for (unsigned later = 0; later < 2; later++) {
        unsigned char edit[24] = {(unsigned char)kind,
                                  (unsigned char)(1 + 2 * later + 8),
                                  0,
                                  0,
                                  0x08,
                                  0x01,
                                  7,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0x80,
                                  0x01,
                                  1};
        snprintf(name, sizeof name, "%s-%s", kind_words[kind], later ? "edited" : "changed");
        seed("file", name, edit, 4 + 20);
    }
}

static void seed_change(enum file_kind kind) {
    unsigned char bytes[2 + 4 * 6] = {(unsigned char)kind, 0x08};
    for (unsigned i = 0; i < 6; i++) {
        unsigned char *change = bytes + 2 + (size_t)i * 4;
        change[0] = (unsigned char)(20 + 30 * i);
        change[1] = (unsigned char)i;
        change[2] = (unsigned char)(1u << i);
    }
    seed("change", kind_words[kind], bytes, sizeof bytes);
}

/* ---- model: a program for each channel, and one that is long --------------------------------- */

static void seed_model(unsigned kind) {
    unsigned char bytes[160];
    char name[32];
    uint64_t random = 1234567 + kind;
    bytes[0] = (unsigned char)kind;
    for (size_t i = 1; i < sizeof bytes; i++) bytes[i] = (unsigned char)random_next(&random);
    for (size_t i = 1; i < 40; i++) bytes[i] = (unsigned char)(i / 2 % 8 + (i % 3) * 16);
    snprintf(name, sizeof name, "channel-%u", kind);
    seed("model", name, bytes, sizeof bytes);
}

/* ---- words ----------------------------------------------------------------------------------- */

static const char *const words[] = {"\0video/left",
                                    "\1posix:/frames",
                                    "\1sysv:0x5eed",
                                    "\1sysv:/etc/hosts#7",
                                    "\1sysv:id=3",
                                    "\1memfd:label",
                                    "\1file:/data/index",
                                    "\1anonymous:",
                                    "\2topic:video",
                                    "\3\1\2\3\4\5\6\7\10\0\0\0\0\0\0\0\0\377\377\377\377",
                                    "\4ls\n--json",
                                    "\4pub\nx\n--budget=64K",
                                    "\4sub\nx\n--wait\n1min\n--history=3",
                                    "\4--domain\nd\ncheck\ntopic:x",
                                    "\4help\nstat",
                                    "\5"
                                    "200ms",
                                    "\5"
                                    "1.5h",
                                    "\5"
                                    "forever",
                                    "\5"
                                    "64K",
                                    "\6posix:/ready",
                                    "\6sysv:0x5eed",
                                    "\6php:24301",
                                    "\6php:/tmp#R",
                                    "\6qt:key",
                                    "\6qt:posix:/key",
                                    "\6qt:systemv:/tmp",
                                    "\1sysv:private",
                                    "\1sysv:/tmp#7",
                                    "\1qt:key",
                                    "\1php:24301",
                                    "\1file:/tmp/x",
                                    "\205video/left",
                                    "\206posix:/frames"};

int main(int count, char **arguments) {
    if (count != 2) finding("usage: corpus FOLDER");
    folder = arguments[1];
    mkdir(folder, 0755);
    world_begin();
    for (int i = 0; i < FILE_KINDS; i++) {
        seed_file((enum file_kind)i);
        seed_change((enum file_kind)i);
    }
    for (unsigned i = 0; i < 6; i++) seed_model(i);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char name[32];
        snprintf(name, sizeof name, "word-%02zu", i);
        seed("words", name, words[i], i == 9 ? 20 : 1 + strlen(words[i] + 1));
    }
    return 0;
}
