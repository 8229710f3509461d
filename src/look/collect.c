/* collect.c: removing what the dead left.
 *
 * Places need no protection: freeing one is a single swap (node/place.c). Everything that has a
 * name is removed under the domain's lock, because then nobody is making or entering one: a record
 * without a segment, a segment under construction, a temporary one without a living holder cannot
 * become anything else while we look. Each step stands alone; a death between two leaves the rest
 * for the next. */
#include <string.h>

#include "base/error.h"
#include "look/channel.h"
#include "look/look.h"

struct collection {
    struct spg__domain *domain;
    spg_collected *count;
};

static void collect_places(struct collection *collection) {
    for (uint32_t index = 0; index < SPG__PLACES; index++) {
        if (spg__place_recover(collection->domain, index)) collection->count->nodes++;
    }
}

static void remove_record(struct collection *collection, const char *record) {
    if (spg__file_unlink(collection->domain->directory, record) == 0) collection->count->records++;
}

static void remove_segment(struct collection *collection, const struct spg__found *found,
                           const char *record) {
    if (spg__found_remove(found) < 0) return;
    collection->count->segments++;
    spg__file_unlink(collection->domain->directory, record);
}

static void collect_segment(struct collection *collection, const char *record, const char *text) {
    struct spg__found found;
    spg__found_open(&found, text, true);
    if (found.trouble == SPG_ENOENT) {
        remove_record(collection, record);
    } else if (found.half_made) {
        remove_segment(collection, &found, record);
    } else if (found.trouble == 0 && found.head.header.domain == collection->domain->number) {
        struct spg__holders holders = spg__managed_holders(found.map, collection->domain, true);
        collection->count->holders += holders.dead;
        if (holders.living == 0 && found.head.lifetime == SPG_TEMPORARY) {
            remove_segment(collection, &found, record);
        }
    }
    spg__found_close(&found);
}

/* A half-made file is its builder's as long as he keeps it locked (platform/new_file.h). */
static void collect_file(struct collection *collection, const char *name) {
    if (spg__new_file_clear(collection->domain->directory, name) == 1) collection->count->files++;
}

static void collect_channel(struct collection *collection, const char *file_name) {
    struct spg__looked looked;
    spg__looked_open(&looked, collection->domain, file_name, SPG__FILE_READ_WRITE);
    if (looked.trouble == 0) {
        bool over = false;
        collection->count->members += looked.kind->recover(&looked, &over);
        if (over && spg__file_unlink(collection->domain->directory, file_name) == 0)
            collection->count->channels++;
    }
    spg__looked_close(&looked);
}

static int collect_name(void *context, const char *name) {
    struct collection *collection = context;
    char text[SPG__PATH_BYTES + 16];
    size_t length = strlen(name);
    if (spg__look_kind_of_file(name)) {
        collect_channel(collection, name);
    } else if (spg__is_bell_file(name)) {
        collection->count->files += (uint32_t)spg__bell_clear(collection->domain->directory, name);
    } else if (strncmp(name, SPG__RECORD_PREFIX, strlen(SPG__RECORD_PREFIX)) == 0) {
        if (spg__record_read(collection->domain->directory, name, text, sizeof text) == 0) {
            collect_segment(collection, name, text);
        }
    } else if (length > 4 && strcmp(name + length - 4, ".new") == 0) {
        collect_file(collection, name);
    }
    return 0;
}

int spg_collect(const char *path, spg_collected *collected) {
    struct spg__domain domain;
    spg_collected count = {0};
    struct spg__domain_lock lock;
    int result = spg__domain_open(&domain, path, 0, SPG__DOMAIN_TIDY);
    if (result < 0) return result;
    struct collection collection = {&domain, &count};
    collect_places(&collection);
    result = spg__domain_lock(&domain, &lock);
    if (result == 0) {
        result = spg__directory_each(domain.directory, collect_name, &collection);
        spg__domain_unlock(&lock);
    }
    spg__domain_close(&domain);
    if (collected) *collected = count;
    return result;
}
