/* record.c: see record.h. A record's name is a hash of the segment's; two that collide take
 * neighbouring names. */
#include "segment/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NEIGHBOURS = 16, RECORD_NAME_BYTES = 32 };

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static void record_name(char *name, uint64_t hash) {
    snprintf(name, RECORD_NAME_BYTES, SPG__RECORD_PREFIX "%016" PRIx64, hash);
}

/* Does the record of this name speak of this segment? */
static bool speaks_of(const struct spg__domain *domain, const char *name, const char *text) {
    char found[SPG__PATH_BYTES + 16];
    return spg__record_read(domain->directory, name, found, sizeof found) == 0 &&
           strcmp(found, text) == 0;
}

/* The name of the record that speaks of this segment. */
static bool find(const struct spg__domain *domain, const char *text, char *name) {
    for (uint64_t i = 0; i < NEIGHBOURS; i++) {
        record_name(name, hash_of(text) + i);
        if (speaks_of(domain, name, text)) return true;
    }
    return false;
}

bool spg__segment_record_exists(const struct spg__domain *domain, const char *text) {
    char name[RECORD_NAME_BYTES];
    return find(domain, text, name);
}

int spg__segment_record_make(const struct spg__domain *domain, const char *text) {
    char name[RECORD_NAME_BYTES];
    if (find(domain, text, name)) return 1;
    int result = SPG_EEXIST;
    for (uint64_t i = 0; i < NEIGHBOURS && result == SPG_EEXIST; i++) {
        record_name(name, hash_of(text) + i);
        result = spg__record_make(domain->directory, name, text);
    }
    return result;
}

int spg__segment_record_remove(const struct spg__domain *domain, const char *text) {
    char name[RECORD_NAME_BYTES];
    if (!find(domain, text, name)) return SPG_ENOENT;
    return spg__file_unlink(domain->directory, name);
}
