/* channel.c: finding, telling and judging channels from outside. Takes no part, changes nothing. */
#include "look/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const struct spg__look_kind *const kinds[] = {
    &spg__look_stream, &spg__look_topic, &spg__look_cell, &spg__look_queue, &spg__look_service};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- names ----------------------------------------------------------------------------------- */

const struct spg__look_kind *spg__look_kind_of_file(const char *file_name) {
    size_t length = strlen(file_name);
    for (size_t i = 0; i < KINDS; i++) {
        size_t suffix = strlen(kinds[i]->channel->suffix);
        if (length > suffix && strcmp(file_name + length - suffix, kinds[i]->channel->suffix) == 0)
            return kinds[i];
    }
    return NULL;
}

const struct spg__look_kind *spg__look_kind_of_name(const char **name) {
    const char *colon = strchr(*name, ':');
    for (size_t i = 0; colon && i < KINDS; i++) {
        const char *word = kinds[i]->channel->word;
        if (strlen(word) != (size_t)(colon - *name)) continue;
        if (strncmp(word, *name, strlen(word)) != 0) continue;
        *name = colon + 1;
        return kinds[i];
    }
    return NULL;
}

/* ---- opening --------------------------------------------------------------------------------- */

void spg__looked_open(struct spg__looked *looked, const struct spg__domain *domain,
                      const char *file_name, enum spg__file_access access) {
    struct spg__channel *channel = &looked->as.channel;
    memset(looked, 0, sizeof *looked);
    looked->kind = spg__look_kind_of_file(file_name);
    spg__channel_told_name(looked->name, sizeof looked->name, file_name, looked->kind->channel);
    channel->kind = looked->kind->channel;
    channel->domain = domain;
    if (strlen(file_name) >= sizeof channel->file_name) {
        looked->trouble = spg__fail(SPG_ECORRUPT, "%.300s: no channel has such a name", file_name);
        return;
    }
    strcpy(channel->file_name, file_name);
    looked->trouble = spg__channel_attach(channel, access);
    if (looked->trouble == 0) looked->trouble = looked->kind->settle(looked);
    if (looked->trouble < 0) spg__channel_detach(channel);
}

void spg__looked_close(struct spg__looked *looked) {
    spg__channel_detach(&looked->as.channel);
    if (looked->kind == &spg__look_topic) free(looked->as.topic.schema);
}

/* ---- members --------------------------------------------------------------------------------- */

enum { LEFT = 1, NUMBER_SHIFT = 4 };

bool spg__member_begin(const struct spg__looked *looked, uint64_t owner, uint32_t role,
                       spg_member *member) {
    *member = (spg_member){.struct_size = sizeof *member, .role = role, .node_name = ""};
    if (owner == 0) return false;
    member->node = owner >> NUMBER_SHIFT;
    member->alive = !(owner & LEFT) && spg__domain_alive(looked->as.channel.domain, member->node);
    return true;
}

static int count_member(void *context, const spg_member *member) {
    struct spg__members *members = context;
    if (member->alive) members->living++;
    else members->dead++;
    return 0;
}

struct spg__members spg__looked_members(const struct spg__looked *looked) {
    struct spg__members members = {0, 0};
    looked->kind->members(looked, count_member, &members);
    return members;
}

/* What the table of nodes says of a member's process. */
struct telling {
    const struct spg__domain *domain;
    spg_member_visitor *visit;
    void *context;
};

static int tell_member(void *context, const spg_member *found) {
    const struct telling *telling = context;
    const struct spg__domain *domain = telling->domain;
    spg_member member = *found;
    struct spg__place_hints hints;
    uint32_t index = spg__number_place(member.node);
    const struct spg__place_shared *place = &domain->table->places[index];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    if (spg__state_phase(state) == SPG__PHASE_TAKEN &&
        spg__state_generation(state) == spg__number_generation(member.node)) {
        spg__place_read_hints(place, &hints);
        member.node_name = hints.name;
        member.pid = hints.pid;
        member.pid_namespace = hints.pid_namespace;
    }
    return telling->visit(telling->context, &member);
}

/* ---- telling everything ---------------------------------------------------------------------- */

static void begin_facts(const struct spg__looked *looked, spg_channel_facts *facts) {
    const struct spg__channel *channel = &looked->as.channel;
    *facts = (spg_channel_facts){
        .struct_size = sizeof *facts,
        .kind = looked->kind->entry,
        .bytes = channel->size,
        .creator = channel->head.header.creator,
        .created = channel->head.header.created,
        .mode = channel->facts.mode,
        .uid = channel->facts.user,
    };
}

static int tell(const struct spg__domain *domain, const struct spg__look_kind *kind,
                const char *name, spg_channel_facts *facts, const struct telling *telling) {
    char file_name[SPG__CHANNEL_FILE_BYTES];
    struct spg__looked looked;
    int result = spg__channel_file_name(file_name, name, kind->channel);
    if (result < 0) return result;
    spg__looked_open(&looked, domain, file_name, SPG__FILE_READ);
    result = looked.trouble;
    if (result == 0) {
        begin_facts(&looked, facts);
        kind->facts(&looked, facts);
        if (telling->visit) result = kind->members(&looked, tell_member, (void *)telling);
    }
    spg__looked_close(&looked);
    return result;
}

int spg_channel_stat(const char *path, const char *name, spg_channel_facts *facts,
                     spg_member_visitor *visit, void *context) {
    struct spg__domain domain;
    if (!name || !facts) return spg__fail(SPG_EINVAL, "spg_channel_stat: name or facts is NULL");
    int result = spg__check_struct_size(facts->struct_size, sizeof *facts, "spg_channel_facts",
                                        "its size");
    if (result < 0) return result;
    const struct spg__look_kind *kind = spg__look_kind_of_name(&name);
    if (!kind)
        return spg__fail(SPG_EINVAL, "%.220s: a channel's name begins with its kind, as topic:NAME",
                         name);
    result = spg__domain_open(&domain, path, 0, SPG__DOMAIN_LOOK);
    if (result < 0) return result;
    result = spg__domain_check(&domain);
    if (result == 0) {
        struct telling telling = {&domain, visit, context};
        result = tell(&domain, kind, name, facts, &telling);
    }
    spg__domain_close(&domain);
    return result;
}
