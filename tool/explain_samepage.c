/* explain_samepage.c: our own, by the header that docs/layout/header.md describes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "print.h"

enum { OWN_ORDER = 0x01020304, OTHER_ORDER = 0x04030201, OWN_MAJOR = 1 };

static void name_kind(struct finding *finding, uint32_t kind) {
    static const struct {
        const char *what, *title;
    } kinds[] = {
        {"samepage-unknown", "Samepage's, of a kind that this version does not know"},
        {"samepage-nodes", "the table of nodes of a domain of Samepage"},
        {"samepage-segment", "a managed segment of Samepage"},
        {"samepage-stream", "a stream of Samepage"},
        {"samepage-topic", "a topic of Samepage"},
        {"samepage-cell", "a cell of Samepage"},
        {"samepage-queue", "a queue of Samepage"},
        {"samepage-service", "a service of Samepage"},
    };
    if (kind >= sizeof kinds / sizeof *kinds) kind = 0;
    finding->what = kinds[kind].what;
    finding->title = kinds[kind].title;
}

static void note_holders(const struct evidence *evidence, struct finding *finding) {
    const spg_domain_entry *entry = evidence->facts.entry;
    if (!entry || entry->trouble) return;
    finding_note(finding, "it is in this domain: %u of its holders or members live, %u are dead",
                 entry->living, entry->dead);
}

static void note_header(const struct evidence *evidence, struct finding *finding) {
    char age[SHORT_TEXT];
    uint32_t version = evidence_32(evidence, 12), page = evidence_32(evidence, 24);
    finding_note(finding, "layout %" PRIu32 ".%" PRIu32 ", made %s ago by node %" PRIx64,
                 version & 0xffff, version >> 16, age_text(age, evidence_64(evidence, 56)),
                 evidence_64(evidence, 48));
    if ((version & 0xffff) != OWN_MAJOR) {
        finding_note(finding, "this version of Samepage cannot open it: its layout is %d.x",
                     OWN_MAJOR);
    }
    if (page != (uint32_t)sysconf(_SC_PAGESIZE)) {
        finding_note(finding, "it was made on a system with pages of %" PRIu32 " bytes", page);
    }
    if (evidence_64(evidence, 32) > evidence->facts.size) {
        finding_note(finding, "it is damaged: it says that it has %" PRIu64 " bytes",
                     evidence_64(evidence, 32));
    }
}

void recognise_samepage(const struct evidence *evidence, struct finding *finding) {
    if (evidence->count < 64 || memcmp(evidence->bytes, "SAMEPAGE", 8) != 0) return;
    finding->sureness = CERTAIN;
    uint32_t order = evidence_32(evidence, 8);
    if (order == OWN_ORDER) {
        name_kind(finding, evidence_32(evidence, 16));
        note_header(evidence, finding);
        note_holders(evidence, finding);
    } else {
        name_kind(finding, 0);
        finding_note(finding, order == OTHER_ORDER ? "it was made on a machine of the other byte "
                                                     "order"
                                                   : "its header is damaged");
    }
    finding->cares_for_itself = strcmp(finding->what, "samepage-nodes") == 0;
    snprintf(finding->advice, NOTE_TEXT, "samepage stat, check and ls tell more");
}
