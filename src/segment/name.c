/* name.c: from text to kind and place. */
#include "segment/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "segment/name_php.h"

enum { POSIX_NAME_MAX = 255, MEMFD_LABEL_MAX = 200 };

static int parse_posix(struct spg__segment_name *name, const char *rest) {
    const char *leaf = rest[0] == '/' ? rest + 1 : rest;
    if (*leaf == '\0' || strchr(leaf, '/') || strlen(leaf) > POSIX_NAME_MAX ||
        strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0) {
        return spg__fail(SPG_EINVAL,
                         "posix:%.300s: a POSIX name is one word of at most %d bytes without "
                         "further slashes, as in posix:/frames",
                         rest, POSIX_NAME_MAX);
    }
    snprintf(name->path, sizeof name->path, "%s/%s", spg__shared_memory_directory(), leaf);
    snprintf(name->text, sizeof name->text, "posix:/%s", leaf);
    return 0;
}

/* A whole number, decimal or hexadecimal, of at most 32 bits. */
static bool parse_number(const char *text, long long low, long long high, int32_t *number) {
    char *end;
    if (!(*text >= '0' && *text <= '9')) return false;
    long long value = strtoll(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    if (*end || value < low || value > high) return false;
    *number = (int32_t)(uint32_t)value;
    return true;
}

static int parse_sysv_file(struct spg__segment_name *name, const char *rest) {
    const char *mark = strrchr(rest, '#');
    size_t length = mark ? (size_t)(mark - rest) : 0;
    if (!mark || length >= sizeof name->path || !parse_number(mark + 1, 1, 255, &name->number)) {
        return spg__fail(SPG_EINVAL,
                         "sysv:%.300s: after the path comes # and a number from 1 to 255, as in "
                         "sysv:/etc/hosts#7",
                         rest);
    }
    memcpy(name->path, rest, length);
    name->path[length] = '\0';
    name->sysv = SPG__BY_FILE;
    snprintf(name->text, sizeof name->text, "sysv:%s#%d", name->path, (int)name->number);
    return 0;
}

static int parse_sysv(struct spg__segment_name *name, const char *rest) {
    if (rest[0] == '/') return parse_sysv_file(name, rest);
    if (strcmp(rest, "private") == 0) {
        name->sysv = SPG__BY_NOTHING;
        strcpy(name->text, "sysv:private");
        return 0;
    }
    if (strncmp(rest, "id=", 3) == 0 && parse_number(rest + 3, 0, INT32_MAX, &name->number)) {
        name->sysv = SPG__BY_ID;
        snprintf(name->text, sizeof name->text, "sysv:id=%d", (int)name->number);
        return 0;
    }
    if (parse_number(rest, 1, UINT32_MAX, &name->number)) {
        name->sysv = SPG__BY_KEY;
        snprintf(name->text, sizeof name->text, "sysv:0x%x", (unsigned)name->number);
        return 0;
    }
    return spg__fail(
        SPG_EINVAL,
        "sysv:%.300s: a key is a number from 1 to 0xffffffff (sysv:0x5eed), a file and a "
        "number (sysv:/etc/hosts#7), id=N, or private",
        rest);
}

static int parse_file(struct spg__segment_name *name, const char *rest) {
    size_t length = strlen(rest);
    if (length == 0 || length >= sizeof name->path || rest[length - 1] == '/') {
        return spg__fail(SPG_EINVAL,
                         "file:%.300s: the path of a file of at most %d bytes must follow", rest,
                         SPG__PATH_BYTES - 1);
    }
    strcpy(name->path, rest);
    snprintf(name->text, sizeof name->text, "file:%s", rest);
    return 0;
}

static int parse_memfd(struct spg__segment_name *name, const char *rest) {
    if (strlen(rest) > MEMFD_LABEL_MAX) {
        return spg__fail(SPG_EINVAL, "memfd:%.40s…: the label has more than %d bytes", rest,
                         MEMFD_LABEL_MAX);
    }
    strcpy(name->path, rest);
    snprintf(name->text, sizeof name->text, "memfd:%s", rest);
    return 0;
}

static int parse_anonymous(struct spg__segment_name *name, const char *rest) {
    if (*rest) return spg__fail(SPG_EINVAL, "anonymous:%.300s: nothing may follow the colon", rest);
    strcpy(name->text, "anonymous:");
    return 0;
}

static int parse_php(struct spg__segment_name *name, const char *rest) {
    char sysv[SPG__PATH_BYTES];
    int result = spg__php_name(rest, sysv, sizeof sysv);
    return result < 0 ? result : parse_sysv(name, sysv + strlen("sysv:"));
}

static const struct {
    const char *prefix;
    enum spg__segment_kind kind;
    int (*parse)(struct spg__segment_name *name, const char *rest);
} kinds[] = {
    {"posix:", SPG__POSIX, parse_posix},
    {"sysv:", SPG__SYSV, parse_sysv},
    {"file:", SPG__FILE, parse_file},
    {"memfd:", SPG__MEMFD, parse_memfd},
    {"anonymous:", SPG__ANONYMOUS, parse_anonymous},
    {"qt:", SPG__SYSV, spg__segment_name_parse_qt},
    {"php:", SPG__SYSV, parse_php},
};

int spg__segment_name_parse(struct spg__segment_name *name, const char *text) {
    if (!text) return spg__fail(SPG_EINVAL, "the segment's name is NULL");
    if (strlen(text) > SPG_SEGMENT_NAME_MAX) {
        return spg__fail(SPG_EINVAL, "%.80s…: a segment's name has at most %d bytes", text,
                         SPG_SEGMENT_NAME_MAX);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].prefix);
        if (strncmp(text, kinds[i].prefix, length) != 0) continue;
        *name = (struct spg__segment_name){.kind = kinds[i].kind};
        return kinds[i].parse(name, text + length);
    }
    return spg__fail(SPG_EINVAL,
                     "%.300s: a segment's name begins with its kind: posix:/frames, sysv:0x5eed, "
                     "file:/data/index, memfd:label or anonymous:",
                     text);
}
