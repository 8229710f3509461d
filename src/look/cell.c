/* cell.c: a cell as seen from outside. It has no rows: who has it open is not known. */
#include <string.h>

#include "base/error.h"
#include "channel/cell.h"
#include "look/channel.h"

static const struct spg__cell_shared *shared_of(const struct spg__looked *looked) {
    return looked->as.channel.address;
}

static int settle(struct spg__looked *looked) {
    return spg__cell_check_geometry(&looked->as.channel.head, looked->name);
}

static int read_facts(const struct spg__looked *looked, struct spg__cell_facts *facts) {
    memset(facts, 0, sizeof *facts);
    return spg__cell_audit(looked->as.channel.domain, shared_of(looked), &looked->as.channel.head,
                           looked->name, facts);
}

static void facts_of(const struct spg__looked *looked, spg_channel_facts *facts) {
    struct spg__cell_shape shape;
    struct spg__cell_facts found;
    (void)spg__cell_shape(&shape, &looked->as.channel.head); /* was checked by settle */
    (void)read_facts(looked, &found);                        /* as far as it got */
    facts->capacity = shape.capacity;
    facts->messages = found.version;
    facts->waiting = found.size;
    facts->kept = 1;
    facts->type_size = shape.type_size;
    /* relaxed: a look */
    facts->receivers_sleep = spg__load_relaxed_32(&shared_of(looked)->turn) & 1;
    spg__copy_from_shared(facts->type, shared_of(looked)->type, sizeof facts->type);
    facts->type[sizeof facts->type - 1] = '\0';
}

/* Who wrote the latest value, and who is writing. */
static int members(const struct spg__looked *looked, spg_member_visitor *visit, void *context) {
    struct spg__cell_facts found;
    spg_member member;
    (void)read_facts(looked, &found);
    uint64_t node = found.writer ? found.writer : found.author;
    bool alive = node && spg__domain_alive(looked->as.channel.domain, node);
    /* That whoever wrote it has gone is no remnant; that he had the cell when he died is one. */
    if (!found.writer && !alive) return 0;
    if (!spg__member_begin(looked, node << 4, SPG_ROLE_WRITER, &member)) return 0;
    member.held = found.writer != 0;
    return visit(context, &member);
}

static void audit(const struct spg__looked *looked, struct spg__audit *audit) {
    struct spg__cell_facts found;
    if (read_facts(looked, &found) < 0) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, looked->name, "%s", spg_error_detail());
    }
    if (found.pins_of_dead > 0) {
        spg__found_out(audit, SPG_FINDING_LEFT, looked->name, "%u of its pins %s held by the dead",
                       found.pins_of_dead, found.pins_of_dead == 1 ? "is" : "are");
    }
}

static uint32_t recover(const struct spg__looked *looked, bool *over) {
    *over = false;
    return spg__cell_collect(looked->as.channel.domain, looked->as.channel.address,
                             &looked->as.channel.head) > 0;
}

const struct spg__look_kind spg__look_cell = {
    &spg__kind_of_cell, SPG_ENTRY_CELL, settle, facts_of, members, audit, recover};
