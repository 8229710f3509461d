/* name_php.c: PHP's keys are System V keys. A number is an integer of PHP, of which the system
 * takes the low 32 bits; ftok is given a letter there and not a number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "segment/name_php.h"

static int fail(const char *rest) {
    return spg__fail(SPG_EINVAL,
                     "php:%.300s: a key is an integer other than 0 (php:24301), or a file and the "
                     "letter given to PHP's ftok (php:/etc/hosts#R)",
                     rest);
}

static int by_file(const char *rest, char *sysv, size_t size) {
    const char *mark = strrchr(rest, '#');
    if (!mark || mark[1] == '\0' || mark[2] != '\0') return fail(rest);
    int length = snprintf(sysv, size, "sysv:%.*s#%u", (int)(mark - rest), rest,
                          (unsigned)(unsigned char)mark[1]);
    return length < (int)size ? 0 : fail(rest);
}

int spg__php_name(const char *rest, char *sysv, size_t size) {
    char *end;
    if (rest[0] == '/') return by_file(rest, sysv, size);
    bool number = (rest[0] >= '0' && rest[0] <= '9') || rest[0] == '-';
    long long key = strtoll(rest, &end, strncmp(rest, "0x", 2) == 0 ? 16 : 10);
    if (!number || *end || (uint32_t)key == 0 || key < INT32_MIN || key > UINT32_MAX) {
        return fail(rest);
    }
    snprintf(sysv, size, "sysv:0x%x", (unsigned)(uint32_t)key);
    return 0;
}
