/* self.c: the nodes of this process, its default one, and what a fork does to them.
 *
 * Global state, all under the process lock (platform.h) but the page pointer, which is set once:
 *   page         the wiped page of self.h; an all-zero stand-in until it is needed
 *   nodes        every node this process has open
 *   default_node the one that locks and managed segments use
 *   incarnations how many times this memory image became a process of its own
 *   page_is_made, forks_are_prepared   the page is mapped; the handlers of forks stand
 *
 * After fork the child must not keep the parent's proof of life: the child handler closes the
 * inherited openings. A child made without running handlers finds the page wiped and drops them at
 * its first call; until then the parent looks alive, which is the safe mistake. */
#include "node/self.h"

#include <stdlib.h>

#include "base/error.h"

static struct spg__self nobody;
_Atomic(struct spg__self *) spg__self_page = &nobody;

static struct spg__link *nodes;
static spg_node *default_node;
static uint64_t incarnations;
static bool page_is_made;
static bool forks_are_prepared;

/* The inherited openings are closed; the handles stay in the list, to answer SPG_EFORKED and to be
 * closed. */
static void drop_nodes_of_parent(void) {
    spg__domain_locks_drop();
    for (struct spg__link *link = nodes; link; link = link->next) {
        spg_node *node = (spg_node *)link;
        spg__file_close(node->domain.nodes);
        spg__file_close(node->domain.directory);
        node->domain.nodes = node->domain.directory = SPG__NO_FILE;
    }
    default_node = NULL;
}

/* Nothing is left to do where the kernel has wiped the page; an emulator may take the advice and do
 * nothing. */
static void wipe_page(void) {
    if (!page_is_made) return;
    spg__store_relaxed_64(&spg__self()->domain, 0);      /* relaxed: the child has one thread */
    spg__store_relaxed_64(&spg__self()->number, 0);      /* relaxed: likewise */
    spg__store_relaxed_64(&spg__self()->incarnation, 0); /* relaxed: likewise */
}

static void after_fork_in_child(void) {
    wipe_page();
    drop_nodes_of_parent();
    spg__process_unlock();
}

/* From the start, because bare segments take the process lock too, and a child must not find it
 * held by a thread that it does not have. */
__attribute__((constructor)) static void prepare_for_forks(void) {
    forks_are_prepared = spg__at_fork(spg__process_lock, spg__process_unlock,
                                      after_fork_in_child) == 0;
}

static int make_page(void) {
    void *page;
    if (!forks_are_prepared) return SPG_ENOMEM;
    int result = spg__page_wiped_on_fork(&page);
    if (result < 0) return result;
    atomic_store_explicit(&spg__self_page, page, memory_order_release);
    page_is_made = true;
    return 0;
}

/* Under the process lock: makes sure that this process has an incarnation. */
static int incarnate(void) {
    int result = page_is_made ? 0 : make_page();
    if (result < 0) return spg__fail_system(result, "cannot prepare for forks");
    if (spg__incarnation() != 0) return 0;
    drop_nodes_of_parent();
    /* pairs: self.incarnation */
    spg__store_release_64(&spg__self()->incarnation, ++incarnations);
    return 0;
}

/* Under the process lock. */
static int join(spg_node *node, const char *domain, uint32_t mode, const char *name) {
    int result = incarnate();
    if (result < 0) return result;
    result = spg__domain_open(&node->domain, domain, mode, SPG__DOMAIN_JOIN);
    if (result < 0) return result;
    result = spg__place_take(&node->domain, name, &node->number);
    if (result < 0) {
        spg__domain_close(&node->domain);
        return result;
    }
    node->incarnation = spg__incarnation();
    spg__list_push(&nodes, &node->link);
    return 0;
}

int spg__self_incarnate(void) {
    spg__process_lock();
    int result = incarnate();
    spg__process_unlock();
    return result;
}

int spg__node_join(spg_node *node, const char *domain, uint32_t mode, const char *name) {
    spg__process_lock();
    int result = join(node, domain, mode, name);
    spg__process_unlock();
    return result;
}

bool spg__node_delist(spg_node *node) {
    spg__process_lock();
    bool found = spg__list_remove(&nodes, &node->link);
    spg__process_unlock();
    return found;
}

/* Under the process lock. */
static int make_default_node(void) {
    spg_node *node = calloc(1, sizeof *node);
    if (!node) return spg__fail(SPG_ENOMEM, "no memory for a node");
    int result = join(node, NULL, 0700, NULL);
    if (result < 0) {
        free(node);
        return result;
    }
    default_node = node;
    struct spg__self *self = spg__self();
    spg__store_release_64(&self->number, node->number); /* pairs: self.number */
    /* pairs: self.domain. Last: a fast path that finds its domain here finds the number too. */
    spg__store_release_64(&self->domain, node->domain.number);
    return 0;
}

int spg__self_node(spg_node **node) {
    spg__process_lock();
    int result = incarnate();
    if (result == 0 && !default_node) result = make_default_node();
    if (result == 0) *node = default_node;
    spg__process_unlock();
    return result;
}

int spg__self_join(void) {
    spg_node *node;
    return spg__self_node(&node);
}

bool spg__self_sees_dead(uint64_t number) {
    spg_node *node = NULL;
    if (spg__self_node(&node) < 0) return false;
    return !spg__domain_alive(&node->domain, number);
}

/* A process that ends in order leaves no dead node behind. */
__attribute__((destructor)) static void leave_default_node(void) {
    if (spg__incarnation() == 0 || !default_node) return;
    spg__place_leave(&default_node->domain, default_node->number);
}
