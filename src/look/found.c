/* found.c: a managed segment as seen by somebody who does not hold it.
 *
 * Nothing here enters a row. Only the head is mapped, whole or not at all, after its size was
 * checked; it is copied and judged before anything in it is used. */
#include <string.h>

#include "base/error.h"
#include "look/look.h"

static int map_file(struct spg__found *found, bool writable) {
    spg__file file;
    struct spg__file_facts facts;
    void *address;
    int result = spg__file_open(&file, SPG__NO_FILE, found->name.path,
                                writable ? SPG__FILE_READ_WRITE : SPG__FILE_READ);
    if (result < 0) return spg__fail_system(result, "%.300s", found->text);
    result = spg__file_facts(file, &facts);
    if (result < 0 || !facts.regular || facts.size < SPG__MANAGED_HEADER) {
        spg__file_close(file);
        return spg__fail(SPG_ETYPE, "%.300s is no managed segment: it has no room for a header",
                         found->text);
    }
    found->room = facts.size;
    found->mode = facts.mode;
    found->user = facts.user;
    result = spg__memory_map(&address, file, SPG__MANAGED_HEADER,
                             writable ? SPG__MEMORY_READ_WRITE : SPG__MEMORY_READ, 0);
    spg__file_close(file);
    if (result < 0) return spg__fail_system(result, "%.300s", found->text);
    found->map = address;
    return 0;
}

static int attach_sysv(struct spg__found *found, bool writable) {
    struct spg__sysv_facts facts;
    void *address;
    int32_t key = found->name.number;
    int result = 0;
    if (found->name.sysv == SPG__BY_FILE) {
        result = spg__sysv_key_of_file(&key, found->name.path, found->name.number);
    }
    if (result == 0 && found->name.sysv == SPG__BY_ID) found->sysv_id = key;
    else if (result == 0) result = spg__sysv_find(&found->sysv_id, key);
    if (result == 0) result = spg__sysv_facts(found->sysv_id, &facts);
    if (result < 0) return spg__fail_system(result, "%.300s", found->text);
    found->room = facts.size;
    found->mode = facts.mode & 0666;
    found->user = facts.user;
    found->half_made = spg__sysv_is_half_made(&facts);
    if (found->half_made) return spg__fail(SPG_EAGAIN, "%.300s is under construction", found->text);
    if (facts.size < SPG__MANAGED_HEADER) {
        return spg__fail(SPG_ETYPE, "%.300s is no managed segment: it has no room for a header",
                         found->text);
    }
    result = spg__sysv_attach(&address, found->sysv_id, !writable);
    if (result < 0) return spg__fail_system(result, "%.300s", found->text);
    found->map = address;
    return 0;
}

static int map_head(struct spg__found *found, bool writable) {
    switch (found->name.kind) {
    case SPG__SYSV: return attach_sysv(found, writable);
    case SPG__POSIX:
    case SPG__FILE: return map_file(found, writable);
    default:
        return spg__fail(SPG_EINVAL, "%.300s has no name in the system to find it by", found->text);
    }
}

static int judge_head(struct spg__found *found) {
    spg__copy_from_shared(&found->head, found->map->head, sizeof found->head);
    int result = spg__header_check(&found->head.header, SPG__KIND_SEGMENT,
                                   (uint32_t)spg__page_size(), found->room, found->text);
    if (result < 0) return result;
    if (found->head.header.header_size != SPG__MANAGED_HEADER ||
        found->head.header.size == SPG__MANAGED_HEADER ||
        !memchr(found->head.type, '\0', sizeof found->head.type) ||
        found->head.lifetime > SPG_TEMPORARY) {
        return spg__fail(SPG_ECORRUPT, "%.300s: header size, type or lifetime cannot be right",
                         found->text);
    }
    return 0;
}

void spg__found_open(struct spg__found *found, const char *text, bool writable) {
    memset(found, 0, sizeof *found);
    found->sysv_id = -1;
    strncpy(found->text, text, sizeof found->text - 1);
    int result = spg__segment_name_parse(&found->name, text);
    if (result == 0) result = map_head(found, writable);
    if (result == 0) result = judge_head(found);
    found->trouble = result;
}

void spg__found_close(struct spg__found *found) {
    if (!found->map) return;
    if (found->name.kind == SPG__SYSV) spg__sysv_detach(found->map);
    else spg__memory_unmap(found->map, SPG__MANAGED_HEADER);
    found->map = NULL;
}

int spg__found_remove(const struct spg__found *found) {
    if (found->name.kind == SPG__SYSV) return spg__sysv_remove(found->sysv_id);
    return spg__file_unlink(SPG__NO_FILE, found->name.path);
}

void spg__place_read_hints(const struct spg__place_shared *place, struct spg__place_hints *hints) {
    spg__copy_from_shared(hints, place->hints, sizeof *hints);
    hints->name[sizeof hints->name - 1] = '\0';
    for (char *c = hints->name; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    }
}
