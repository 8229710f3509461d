/* check.c: the audit. Proves a domain sound, or says what is not; the oracle of every crash test.
 *
 * Left by the dead (spg_collect removes it): a taken place whose owner is dead; a record without a
 * segment; a segment under construction; a holder that is dead; a temporary segment nobody holds; a
 * half-made file. Anything else that is not as this library writes it is damage. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "look/channel.h"
#include "look/look.h"

void spg__found_out(struct spg__audit *audit, int weight, const char *name, const char *format,
                    ...) {
    char text[1024];
    va_list arguments;
    if (weight == SPG_FINDING_DAMAGE) audit->damage++;
    if (!audit->visit) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    audit->visit(audit->context, weight, name, text);
}

static void check_place(struct spg__audit *audit, uint32_t index) {
    const struct spg__place_shared *place = &audit->domain->table->places[index];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    char name[32];
    snprintf(name, sizeof name, "place %" PRIu32, index);
    if (!spg__state_is_sane(state)) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, name, "its state is %#" PRIx64, state);
        return;
    }
    if (spg__state_phase(state) != SPG__PHASE_TAKEN) return;
    uint64_t number = spg__node_number(spg__state_generation(state), index);
    if (spg__domain_alive(audit->domain, number)) return;
    /* It may have left between the two looks. */
    if (spg__load_acquire_64(&place->state) != state) return; /* pairs: place.state */
    spg__found_out(audit, SPG_FINDING_LEFT, name, "node %" PRIx64 " is dead", number);
}

static void check_nodes(struct spg__audit *audit) {
    if (spg__domain_check(audit->domain) < 0) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, "nodes", "%s", spg_error_detail());
        return;
    }
    for (uint32_t index = 0; index < SPG__PLACES; index++) check_place(audit, index);
}

/* Can a number in a row have been some node's? Its place has had that generation, then. */
static bool was_a_node(const struct spg__domain *domain, uint64_t number) {
    uint64_t generation = spg__number_generation(number);
    const struct spg__place_shared *place = &domain->table->places[spg__number_place(number)];
    uint64_t state = spg__load_acquire_64(&place->state); /* pairs: place.state */
    return generation > 0 && generation <= spg__state_generation(state);
}

static void check_holders(struct spg__audit *audit, const struct spg__found *found) {
    for (uint32_t i = 0; i < SPG__HOLDERS; i++) {
        uint64_t number = spg__load_relaxed_64(&found->map->holders[i]); /* relaxed: a look */
        if (number != 0 && !was_a_node(audit->domain, number)) {
            spg__found_out(audit, SPG_FINDING_DAMAGE, found->text,
                           "row %" PRIu32 " names %" PRIx64 ", which was never a node", i, number);
        }
    }
    struct spg__holders holders = spg__managed_holders(found->map, audit->domain, false);
    if (holders.dead > 0) {
        spg__found_out(audit, SPG_FINDING_LEFT, found->text, "%" PRIu32 " %s dead", holders.dead,
                       holders.dead == 1 ? "holder is" : "holders are");
    }
    if (holders.living == 0 && found->head.lifetime == SPG_TEMPORARY) {
        spg__found_out(audit, SPG_FINDING_LEFT, found->text,
                       "it is temporary, and nobody holds it");
    }
}

/* Is it damaged, or did we not get to see it? */
static int weight_of(int trouble) {
    bool unseen = trouble == SPG_EPERM || trouble == SPG_EMFILE || trouble == SPG_ENOMEM;
    return unseen ? SPG_FINDING_UNSEEN : SPG_FINDING_DAMAGE;
}

static void check_found(struct spg__audit *audit, const struct spg__found *found) {
    if (found->half_made) {
        spg__found_out(audit, SPG_FINDING_LEFT, found->text, "it is under construction");
    } else if (found->trouble) {
        spg__found_out(audit, weight_of(found->trouble), found->text, "%s", spg_error_detail());
    } else if (found->head.header.domain != audit->domain->number) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, found->text, "it belongs to another domain");
    } else {
        check_holders(audit, found);
    }
}

static void check_segment(struct spg__audit *audit, const char *text) {
    struct spg__found found;
    spg__found_open(&found, text, false);
    if (found.trouble == SPG_ENOENT) {
        spg__found_out(audit, SPG_FINDING_LEFT, text, "it is on record and does not exist");
    } else {
        check_found(audit, &found);
    }
    spg__found_close(&found);
}

struct census {
    struct spg__audit *audit;
    const struct spg__looked *looked;
    uint32_t dead;
};

static int check_member(void *context, const spg_member *member) {
    struct census *census = context;
    census->dead += !member->alive;
    if (!was_a_node(census->audit->domain, member->node)) {
        spg__found_out(census->audit, SPG_FINDING_DAMAGE, census->looked->name,
                       "one of its members is %" PRIx64 ", which was never a node", member->node);
    }
    return 0;
}

static void check_channel(struct spg__audit *audit, const char *file_name) {
    struct spg__looked looked;
    spg__looked_open(&looked, audit->domain, file_name, SPG__FILE_READ);
    if (looked.trouble && looked.trouble != SPG_ENOENT) {
        spg__found_out(audit, weight_of(looked.trouble), looked.name, "%s", spg_error_detail());
    }
    if (looked.trouble == 0) {
        struct census census = {audit, &looked, 0};
        (void)looked.kind->members(&looked, check_member, &census);
        if (census.dead > 0) {
            spg__found_out(audit, SPG_FINDING_LEFT, looked.name,
                           "%" PRIu32 " of its members %s dead", census.dead,
                           census.dead == 1 ? "is" : "are");
        }
        looked.kind->audit(&looked, audit);
    }
    spg__looked_close(&looked);
}

static void check_bell(struct spg__audit *audit, const char *name) {
    if (spg__bell_is_heard(audit->domain->directory, name)) return;
    spg__found_out(audit, SPG_FINDING_LEFT, name, "it is a bell that nobody listens to");
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static int check_name(void *context, const char *name) {
    struct spg__audit *audit = context;
    char text[SPG__PATH_BYTES + 16];
    if (strcmp(name, "nodes") == 0) return 0;
    if (spg__look_kind_of_file(name)) {
        check_channel(audit, name);
    } else if (spg__is_bell_file(name)) {
        check_bell(audit, name);
    } else if (strncmp(name, SPG__RECORD_PREFIX, strlen(SPG__RECORD_PREFIX)) == 0) {
        int result = spg__record_read(audit->domain->directory, name, text, sizeof text);
        if (result == 0) check_segment(audit, text);
        else if (result != SPG_ENOENT)
            spg__found_out(audit, SPG_FINDING_DAMAGE, name, "it is no record");
    } else if (ends_with(name, ".new")) {
        spg__found_out(audit, SPG_FINDING_LEFT, name, "it is half-made, or being made");
    } else {
        spg__found_out(audit, SPG_FINDING_DAMAGE, name,
                       "it is not Samepage's, and lies in the domain");
    }
    return 0;
}

/* A bare segment has nothing that could be wrong but that it is not there. */
static int check_bare(const char *name) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    int result = spg_segment_open(&segment, name, &options);
    if (result == 0) spg_segment_close(segment);
    return result;
}

static int check_one_channel(struct spg__audit *audit, const struct spg__look_kind *kind,
                             const char *name) {
    char file_name[SPG__CHANNEL_FILE_BYTES];
    spg__file file;
    int result = spg__channel_file_name(file_name, name, kind->channel);
    if (result < 0) return result;
    result = spg__file_open(&file, audit->domain->directory, file_name, SPG__FILE_READ);
    if (result < 0) return spg__fail_system(result, "%s:%.220s", kind->channel->word, name);
    spg__file_close(file);
    check_channel(audit, file_name);
    return audit->damage;
}

static int check_one(struct spg__audit *audit, const char *name) {
    const struct spg__look_kind *kind = spg__look_kind_of_name(&name);
    if (kind) return check_one_channel(audit, kind, name);
    struct spg__found found;
    spg__found_open(&found, name, false);
    int trouble = found.trouble;
    bool foreign = trouble == SPG_ETYPE &&
                   !spg__segment_record_exists(audit->domain, found.name.text);
    if (!foreign && trouble != SPG_ENOENT && trouble != SPG_EINVAL && trouble != SPG_EPERM) {
        check_found(audit, &found);
        trouble = 0;
    }
    spg__found_close(&found);
    if (foreign) trouble = check_bare(name);
    return trouble < 0 ? trouble : audit->damage;
}

int spg_check(const char *path, const char *name, spg_finding_visitor *visit, void *context) {
    struct spg__domain domain;
    int result = spg__domain_open(&domain, path, 0, SPG__DOMAIN_LOOK);
    const char *rest = name;
    bool bare = name && !spg__look_kind_of_name(&rest);
    if (result < 0) return bare && result == SPG_ENOENT ? check_bare(name) : result;
    struct spg__audit audit = {&domain, visit, context, 0};
    if (name) {
        result = check_one(&audit, name);
    } else {
        check_nodes(&audit);
        result = spg__directory_each(domain.directory, check_name, &audit);
        if (result == 0) result = audit.damage;
    }
    spg__domain_close(&domain);
    return result;
}
