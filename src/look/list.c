/* list.c: what is in a domain. Changes nothing. */
#include <string.h>

#include "base/error.h"
#include "look/channel.h"
#include "look/look.h"

static int visit_place(const struct spg__domain *domain, uint32_t index, spg_domain_visitor *visit,
                       void *context) {
    const struct spg__place_shared *place = &domain->table->places[index];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    if (!spg__state_is_sane(state) || spg__state_phase(state) != SPG__PHASE_TAKEN) return 0;
    struct spg__place_hints hints;
    spg__place_read_hints(place, &hints);
    uint64_t number = spg__node_number(spg__state_generation(state), index);
    uint32_t alive = (uint32_t)spg__domain_alive(domain, number);
    spg_domain_entry entry = {
        .struct_size = sizeof entry,
        .kind = SPG_ENTRY_NODE,
        .name = hints.name,
        .type = "",
        .id = number,
        .created = hints.started,
        .pid_namespace = hints.pid_namespace,
        .pid = hints.pid,
        .uid = hints.uid,
        .living = alive,
        .dead = !alive,
    };
    return visit(context, &entry);
}

static int visit_nodes(const struct spg__domain *domain, spg_domain_visitor *visit, void *context) {
    int result = spg__domain_check(domain);
    for (uint32_t index = 0; index < SPG__PLACES && result == 0; index++) {
        result = visit_place(domain, index, visit, context);
    }
    return result;
}

struct walk {
    const struct spg__domain *domain;
    spg_domain_visitor *visit;
    void *context;
};

static void describe(const struct walk *walk, const struct spg__found *found,
                     spg_domain_entry *entry) {
    entry->mode = found->mode;
    entry->uid = found->user;
    entry->size = found->room;
    if (found->trouble) return;
    struct spg__holders holders = spg__managed_holders(found->map, walk->domain, false);
    entry->type = found->head.type;
    entry->id = found->head.header.creator;
    entry->size = found->head.header.size - found->head.header.header_size;
    entry->created = found->head.header.created;
    entry->living = holders.living;
    entry->dead = holders.dead;
    entry->temporary = found->head.lifetime == SPG_TEMPORARY;
}

static int visit_channel(const struct walk *walk, const char *file_name) {
    struct spg__looked looked;
    spg__looked_open(&looked, walk->domain, file_name, SPG__FILE_READ);
    const struct spg__channel *channel = &looked.as.channel;
    spg_channel_facts facts = {.struct_size = sizeof facts};
    spg_domain_entry entry = {
        .struct_size = sizeof entry,
        .kind = looked.kind->entry,
        .name = looked.name,
        .type = facts.type,
        .id = channel->head.header.creator,
        .created = channel->head.header.created,
        .mode = channel->facts.mode,
        .uid = channel->facts.user,
        .trouble = looked.trouble,
    };
    if (looked.trouble == 0) {
        struct spg__members members = spg__looked_members(&looked);
        looked.kind->facts(&looked, &facts);
        entry.size = looked.kind == &spg__look_stream ? facts.capacity : channel->size;
        entry.waiting = facts.waiting;
        entry.living = members.living;
        entry.dead = members.dead;
        entry.temporary = !facts.kept;
    }
    int result = walk->visit(walk->context, &entry);
    spg__looked_close(&looked);
    return result;
}

static int visit_name(void *context, const char *name) {
    struct walk *walk = context;
    char text[SPG__PATH_BYTES + 16];
    if (spg__look_kind_of_file(name)) return visit_channel(walk, name);
    if (strncmp(name, SPG__RECORD_PREFIX, strlen(SPG__RECORD_PREFIX)) != 0) return 0;
    if (spg__record_read(walk->domain->directory, name, text, sizeof text) < 0) return 0;
    struct spg__found found;
    spg__found_open(&found, text, false);
    spg_domain_entry entry = {
        .struct_size = sizeof entry,
        .kind = SPG_ENTRY_SEGMENT,
        .name = text,
        .type = "",
        .trouble = found.trouble,
    };
    describe(walk, &found, &entry);
    int result = walk->visit(walk->context, &entry);
    spg__found_close(&found);
    return result;
}

int spg_domain_list(const char *path, spg_domain_visitor *visit, void *context) {
    struct spg__domain domain;
    if (!visit) return spg__fail(SPG_EINVAL, "spg_domain_list: visit is NULL");
    int result = spg__domain_open(&domain, path, 0, SPG__DOMAIN_LOOK);
    if (result < 0) return result;
    struct walk walk = {&domain, visit, context};
    result = visit_nodes(&domain, visit, context);
    if (result == 0) result = spg__directory_each(domain.directory, visit_name, &walk);
    spg__domain_close(&domain);
    return result;
}

int spg_domain_path(const char *domain, char *path, size_t size) {
    char full[SPG__PATH_BYTES];
    int result = spg__domain_path(domain, full, sizeof full);
    if (result < 0) return result;
    if (strlen(full) >= size) return spg__fail(SPG_ETOOBIG, "the path has %zu bytes", strlen(full));
    strcpy(path, full);
    return 0;
}
