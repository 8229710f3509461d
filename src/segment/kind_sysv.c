/* kind_sysv.c: System V shared memory.
 *
 * The kernel names a segment when it makes it, so it cannot be built before it has a name. A
 * managed one is made with the execute bit of others, which means nothing for memory and says
 * "under construction" here; setting the final mode is the commit. All managed segments of a domain
 * are made and opened under the domain's lock, and are on its record before they are made: so
 * whoever holds the lock and finds the bit on a segment that is on record has found what a dead
 * creator left, and removes it. A stranger's segment is on no record and is left alone. A bare one
 * is complete when the kernel has made it: its pages are zero; reserving them comes after. */
#include "base/error.h"
#include "segment/segment.h"

enum { KEY_FILE_MODE = 0640 };

/* The file that the key is made of, where it is the segment's own, as Qt's. One that is there may
 * be left of an earlier segment, and does as well. */
int spg__key_file_make(const struct spg__segment_name *name) {
    spg__file file;
    if (!name->has_key_file) return 0;
    int result = spg__file_create_named(&file, SPG__NO_FILE, name->path);
    if (result < 0) return result == SPG_EEXIST ? 0 : result;
    result = spg__file_set_mode(file, KEY_FILE_MODE);
    spg__file_close(file);
    return result;
}

void spg__key_file_remove(const struct spg__segment_name *name) {
    if (name->has_key_file) spg__file_unlink(SPG__NO_FILE, name->path);
}

static int key_of(const struct spg__segment_name *name, int32_t *key) {
    *key = name->number;
    if (name->sysv == SPG__BY_NOTHING) *key = SPG__SYSV_PRIVATE;
    return name->sysv == SPG__BY_FILE ? spg__sysv_key_of_file(key, name->path, name->number) : 0;
}

static int find(const struct spg__segment_name *name, int *id) {
    int32_t key;
    if (name->sysv == SPG__BY_ID) {
        *id = name->number;
        return 0;
    }
    if (name->sysv == SPG__BY_NOTHING) {
        spg__system_reason("name", "a private segment is opened by sysv:id=N");
        return SPG_EINVAL;
    }
    int result = key_of(name, &key);
    return result < 0 ? result : spg__sysv_find(id, key);
}

/* Removes what a dead creator left under the name; under the domain's lock. */
static int clear_dead_creation(const spg_segment *segment) {
    struct spg__sysv_facts facts;
    int id;
    if (!segment->was_on_record) return SPG_EEXIST;
    int result = find(&segment->name, &id);
    if (result == 0) result = spg__sysv_facts(id, &facts);
    if (result < 0) return result == SPG_ENOENT ? 0 : result;
    return spg__sysv_is_half_made(&facts) ? spg__sysv_remove(id) : SPG_EEXIST;
}

static int make(spg_segment *segment, size_t total) {
    bool managed = segment->options.profile == SPG_MANAGED;
    size_t huge_page = spg__huge_page_bytes(segment->options.huge_pages);
    uint32_t mode = segment->options.mode | 0600 | (managed ? SPG__UNDER_CONSTRUCTION : 0);
    int32_t key;
    if (segment->name.sysv == SPG__BY_ID) {
        spg__system_reason("name", "ids are given by the system: create by key or sysv:private");
        return SPG_EINVAL;
    }
    int result = spg__key_file_make(&segment->name);
    if (result == 0) result = key_of(&segment->name, &key);
    if (result < 0) return result;
    result = spg__sysv_create(&segment->sysv_id, key, total, mode, huge_page);
    if (result != SPG_EEXIST || !managed) return result;
    result = clear_dead_creation(segment);
    if (result < 0) return result;
    return spg__sysv_create(&segment->sysv_id, key, total, mode, huge_page);
}

static void abandon(spg_segment *segment) {
    spg__segment_unmap(segment);
    if (segment->sysv_id >= 0) spg__sysv_remove(segment->sysv_id);
    segment->sysv_id = -1;
    spg__key_file_remove(&segment->name);
}

static int attach(spg_segment *segment, size_t total) {
    void *address;
    bool read_only = segment->options.access == SPG_READ_ONLY;
    int result = spg__sysv_attach(&address, segment->sysv_id, read_only);
    if (result < 0) return result;
    segment->base = address;
    segment->mapped = total;
    return 0;
}

static int create(spg_segment *segment, size_t total) {
    int result = make(segment, total);
    if (result < 0 && result != SPG_EEXIST) spg__key_file_remove(&segment->name);
    if (result < 0) return result;
    result = attach(segment, total);
    if (result == 0) result = spg__segment_fill_memory(segment);
    if (result < 0) abandon(segment);
    return result;
}

static int commit(spg_segment *segment) {
    if (segment->options.profile != SPG_MANAGED && (segment->options.mode & 0600) == 0600) return 0;
    return spg__sysv_set_mode(segment->sysv_id, segment->options.mode);
}

static int open_named(spg_segment *segment) {
    struct spg__sysv_facts facts;
    int result = find(&segment->name, &segment->sysv_id);
    if (result == 0) result = spg__sysv_facts(segment->sysv_id, &facts);
    if (result == 0 && spg__sysv_is_half_made(&facts) && segment->options.profile == SPG_MANAGED) {
        spg__system_reason("shmctl", "its creator died, or is still at it");
        result = SPG_ENOENT;
    }
    if (result == 0) result = attach(segment, (size_t)facts.size);
    if (result < 0) segment->sysv_id = -1;
    return result;
}

/* The key may stand for a younger segment by now. */
static bool is_named(const spg_segment *segment) {
    int id;
    return find(&segment->name, &id) == 0 && id == segment->sysv_id;
}

static int unlink_named(const struct spg__segment_name *name) {
    struct spg__sysv_facts facts;
    int id;
    int result = find(name, &id);
    if (result == 0) result = spg__sysv_facts(id, &facts);
    if (result == 0 || result == SPG_EPERM) result = spg__sysv_remove(id);
    if (result == 0 || result == SPG_ENOENT) spg__key_file_remove(name);
    return result;
}

const struct spg__segment_kind_calls spg__segment_sysv_calls = {create,     commit,   abandon,
                                                                open_named, is_named, unlink_named};
