/* managed.c: the head of a managed segment, and its rows of holders.
 *
 * Death: entering is one swap, leaving is one swap; in between the row names the dead, and whoever
 * wants a row, closes the segment or collects takes it out with one swap from exactly that number.
 *
 *   tag              release             acquire                  without it
 *   managed.holder   leaving, burying    entering                 nothing of the caller's hangs on
 *                                                                 it: rows say who, not what
 *   managed.size     growing             open, resize             a size could be seen before the
 *                                                                 pages are there */
#include "segment/managed.h"

#include <string.h>

#include "base/error.h"
#include "node/domain.h"

static struct spg__managed_shared *shared_of(const spg_segment *segment) {
    return (struct spg__managed_shared *)(void *)segment->base;
}

void spg__managed_init(spg_segment *segment, const struct spg__domain *domain, uint64_t total) {
    struct spg__managed_head head;
    memset(&head, 0, sizeof head);
    spg__header_fill(&head.header, SPG__KIND_SEGMENT, (uint32_t)spg__page_size());
    head.header.header_size = SPG__MANAGED_HEADER;
    head.header.size = total;
    head.header.domain = domain->number;
    head.header.creator = segment->holder;
    head.header.created = (uint64_t)spg__clock_realtime();
    if (segment->options.type) strcpy(head.type, segment->options.type);
    head.lifetime = segment->options.lifetime;
    struct spg__managed_shared *shared = shared_of(segment);
    spg__copy_to_shared(shared->head, &head, sizeof head);
    spg__store_relaxed_64(&shared->holders[0], segment->holder); /* relaxed: nobody sees it yet */
    segment->row = 0;
}

static int check_type(const spg_segment *segment, const struct spg__managed_head *head) {
    const char *wanted = segment->options.type;
    if (!memchr(head->type, '\0', sizeof head->type) || head->lifetime > SPG_TEMPORARY) {
        return spg__fail(SPG_ECORRUPT, "%.300s: type or lifetime cannot be right",
                         segment->name.text);
    }
    if (!wanted || strcmp(wanted, head->type) == 0) return 0;
    return spg__fail(SPG_ETYPE, "%.300s holds \"%s\", and \"%s\" was expected", segment->name.text,
                     head->type, wanted);
}

int spg__managed_check(const spg_segment *segment, struct spg__managed_head *head) {
    const char *name = segment->name.text;
    uint64_t room = segment->mapped;
    memset(head, 0, sizeof *head);
    if (segment->mapped >= SPG__MANAGED_HEADER) {
        struct spg__managed_shared *shared = shared_of(segment);
        /* pairs: managed.size */
        uint64_t size = spg__load_acquire_64(spg__managed_size(shared));
        spg__copy_from_shared(head, shared->head, sizeof *head);
        head->header.size = size;
        struct spg__file_facts facts; /* somebody may have grown it since it was mapped */
        bool grown = size > room && segment->file != SPG__NO_FILE;
        if (grown && spg__file_facts(segment->file, &facts) == 0) room = facts.size;
    }
    int result = spg__header_check(&head->header, SPG__KIND_SEGMENT, (uint32_t)spg__page_size(),
                                   room, name);
    if (result < 0) return result;
    if (head->header.header_size != SPG__MANAGED_HEADER ||
        head->header.size == SPG__MANAGED_HEADER) {
        return spg__fail(SPG_ECORRUPT, "%.300s: says its header has %u bytes", name,
                         head->header.header_size);
    }
    return check_type(segment, head);
}

static bool claim_row(spg_segment *segment) {
    struct spg__managed_shared *shared = shared_of(segment);
    for (uint32_t i = 0; i < SPG__HOLDERS; i++) {
        uint64_t nobody = 0;
        /* pairs: managed.holder */
        if (!spg__cas_acquire_64(&shared->holders[i], &nobody, segment->holder)) continue;
        segment->row = i;
        return true;
    }
    return false;
}

int spg__managed_enter(spg_segment *segment, const struct spg__domain *domain, uint64_t number) {
    segment->holder = number;
    if (claim_row(segment)) return 0;
    spg__managed_holders(shared_of(segment), domain, true);
    if (claim_row(segment)) return 0;
    segment->holder = 0;
    return spg__fail(SPG_EFULL, "%.300s has %d holders, which is all it can have",
                     segment->name.text, SPG__HOLDERS);
}

void spg__managed_leave(spg_segment *segment) {
    uint64_t mine = segment->holder;
    if (mine == 0) return;
    /* pairs: managed.holder */
    spg__cas_release_64(&shared_of(segment)->holders[segment->row], &mine, 0);
    segment->holder = 0;
}

struct spg__holders spg__managed_holders(struct spg__managed_shared *shared,
                                         const struct spg__domain *domain, bool bury) {
    struct spg__holders count = {0, 0};
    for (uint32_t i = 0; i < SPG__HOLDERS; i++) {
        uint64_t number = spg__load_relaxed_64(&shared->holders[i]); /* relaxed: the swap decides */
        if (number == 0) continue;
        if (spg__domain_alive(domain, number)) {
            count.living++;
            continue;
        }
        count.dead++;
        /* pairs: managed.holder */
        if (bury) spg__cas_release_64(&shared->holders[i], &number, 0);
    }
    return count;
}
