/* list.h: a list of handles, linked through their first field. The caller protects it. */
#ifndef SPG_BASE_LIST_H
#define SPG_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct spg__link {
    struct spg__link *next;
};

static inline void spg__list_push(struct spg__link **first, struct spg__link *link) {
    link->next = *first;
    *first = link;
}

/* Compares addresses alone, so `link` may be one that was freed long ago. */
static inline bool spg__list_remove(struct spg__link **first, const struct spg__link *link) {
    for (; *first; first = &(*first)->next) {
        if (*first != link) continue;
        *first = link->next;
        return true;
    }
    return false;
}

#endif
