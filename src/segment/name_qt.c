/* name_qt.c: names of Qt's QSharedMemory and QSystemSemaphore, turned into what they stand for.
 *
 * A legacy key (the constructor with a text, and setKey) becomes "qipc_sharedmemory_" (of a
 * semaphore "qipc_systemsem_"), the letters of the key, and the SHA-1 of all of it in hexadecimal:
 * a file in the temporary directory, of which ftok makes the System V key; or, where Qt was built
 * so, a POSIX name. A native key, as Qt 6.6 and later write one, says which it is. Whoever creates
 * a System V segment for Qt makes its key file too, and whoever removes it takes that away
 * (kind_sysv.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sha1.h"
#include "segment/name.h"

enum { QT_PROJECT = 'Q', KEY_MAX = 1000, LEGACY_BYTES = 20 + KEY_MAX + 2 * SPG__SHA1_BYTES };

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int refuse(const char *rest, const char *why) {
    return spg__fail(SPG_EINVAL,
                     "qt:%.300s: %s; a Qt name is a key (qt:KEY), or a native key, as "
                     "qt:posix:NAME or qt:systemv:/path",
                     rest, why);
}

static bool skip(const char **text, const char *beginning) {
    size_t length = strlen(beginning);
    if (strncmp(*text, beginning, length) != 0) return false;
    *text += length;
    return true;
}

/* ---- legacy keys ----------------------------------------------------------------------------- */

static void make_legacy(char leaf[LEGACY_BYTES], const char *key, const char *prefix) {
    uint8_t digest[SPG__SHA1_BYTES];
    char *to = stpcpy(leaf, prefix);
    for (const char *c = key; *c; c++) {
        if (is_letter(*c)) *to++ = *c;
    }
    spg__sha1(digest, key, strlen(key));
    for (int i = 0; i < SPG__SHA1_BYTES; i++) to += sprintf(to, "%02x", digest[i]);
}

/* ---- what it stands for ---------------------------------------------------------------------- */

static int by_posix(struct spg__segment_name *name, const char *leaf, const char *rest) {
    char text[SPG__PATH_BYTES];
    if (strlen(leaf) > SPG__PATH_BYTES - 8) return refuse(rest, "it is too long");
    snprintf(text, sizeof text, "posix:%s", leaf);
    return spg__segment_name_parse(name, text);
}

static int by_file(struct spg__segment_name *name, const char *directory, const char *leaf,
                   int project, const char *rest) {
    const char *between = *directory ? "/" : "";
    int length = snprintf(name->path, sizeof name->path, "%s%s%s", directory, between, leaf);
    if (length < 1 || length >= (int)sizeof name->path - 8) return refuse(rest, "it is too long");
    name->kind = SPG__SYSV;
    name->sysv = SPG__BY_FILE;
    name->number = project;
    name->has_key_file = true;
    snprintf(name->text, sizeof name->text, "sysv:%s#%d", name->path, project);
    return 0;
}

/* As QDir::tempPath has it. */
static const char *temporary_directory(void) {
    const char *directory = getenv("TMPDIR");
    return directory && *directory ? directory : "/tmp";
}

static int parse_legacy(struct spg__segment_name *name, const char *key, bool posix,
                        const char *prefix, const char *rest) {
    char leaf[LEGACY_BYTES];
    if (*key == '\0' || strlen(key) > KEY_MAX) return refuse(rest, "its key has 1 to 1000 bytes");
    make_legacy(leaf, key, prefix);
    if (posix) return by_posix(name, leaf, rest);
    return by_file(name, temporary_directory(), leaf, QT_PROJECT, rest);
}

/* ---- native keys ----------------------------------------------------------------------------- */

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "%2F" is a slash. False: malformed, or too long. */
static bool decode(char *to, size_t size, const char *from) {
    for (size_t length = 0; length < size; length++) {
        to[length] = *from;
        if (*from == '\0') return length > 0;
        if (*from++ != '%') continue;
        int high = digit_of(from[0]), low = high < 0 ? -1 : digit_of(from[1]);
        if (low < 0 || high * 16 + low == 0) return false;
        to[length] = (char)(high * 16 + low);
        from += 2;
    }
    return false;
}

static int parse_native_sysv(struct spg__segment_name *name, const char *key, int project,
                             const char *rest) {
    char path[SPG__PATH_BYTES];
    const char *directory = getenv("XDG_RUNTIME_DIR");
    if (!decode(path, sizeof path, key)) return refuse(rest, "its path is malformed or too long");
    if (!directory || !*directory) directory = temporary_directory();
    return by_file(name, path[0] == '/' ? "" : directory, path, project, rest);
}

/* What follows "systemv-": "N:PATH", N from 1 to 255. */
static int parse_numbered(struct spg__segment_name *name, const char *number, const char *rest) {
    char *end;
    long project = strtol(number, &end, 10);
    if (*end != ':' || project < 1 || project > 255) {
        return refuse(rest, "after systemv- comes a number from 1 to 255 and a colon");
    }
    return parse_native_sysv(name, end + 1, (int)project, rest);
}

static int parse(struct spg__segment_name *name, const char *prefix, const char *rest) {
    char leaf[SPG__PATH_BYTES];
    const char *key = rest;
    if (skip(&key, "legacy-posix:")) return parse_legacy(name, key, true, prefix, rest);
    if (skip(&key, "legacy:")) return parse_legacy(name, key, false, prefix, rest);
    if (skip(&key, "systemv:")) return parse_native_sysv(name, key, QT_PROJECT, rest);
    if (skip(&key, "systemv-")) return parse_numbered(name, key, rest);
    if (!skip(&key, "posix:")) return parse_legacy(name, rest, false, prefix, rest);
    if (!decode(leaf, sizeof leaf, key)) return refuse(rest, "its name is malformed or too long");
    return by_posix(name, leaf, rest);
}

int spg__segment_name_parse_qt(struct spg__segment_name *name, const char *rest) {
    return parse(name, "qipc_sharedmemory_", rest);
}

int spg__segment_name_parse_qt_semaphore(struct spg__segment_name *name, const char *rest) {
    return parse(name, "qipc_systemsem_", rest);
}
