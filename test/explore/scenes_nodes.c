/* scenes_nodes.c: numbers are given once, nobody living is taken for dead, and the dead are found
 * so by everybody who asks. */
#include <samepage/samepage.h>

#include "machine.h"
#include "node/node.h"
#include "sync/owner.h"

enum { IDS_MAX = 8, PLACES_LOOKED_AT = 4 };

static struct notes {
    uint64_t ids[IDS_MAX];
    int count;
    uint64_t open[PROCESSES]; /* the node that each has open, from after opening until before
                                 closing */
    int changes[PROCESSES];
} * notes;

static void note_id(uint64_t id) {
    CHECK(id != 0 && notes->count < IDS_MAX);
    for (int i = 0; i < notes->count; i++) CHECK(notes->ids[i] != id);
    notes->ids[notes->count++] = id;
}

/* Does the table say so here and now? Then all that came before it is seen as well. */
static bool is_entered(uint64_t id) {
    spg_node *node;
    CHECK_OK(spg__self_node(&node));
    const spg__word64 *state = &node->domain.table->places[spg__number_place(id)].state;
    return spg__load_acquire_64(state) == spg__state(spg__number_generation(id), SPG__PHASE_TAKEN);
}

/* Whoever lived before the question and after it was alive; whoever was dead before it was not. */
static void ask_after_others(int who) {
    for (int other = 0; other < PARTICIPANTS_MAX; other++) {
        uint64_t id = notes->open[other];
        int changes = notes->changes[other];
        bool was_dead = has_died(other);
        if (other == who || id == 0) continue;
        bool entered = is_entered(id);
        int alive = spg_node_alive(NULL, id);
        if (was_dead) CHECK(alive == 0);
        else if (entered && changes == notes->changes[other] && !has_died(other)) CHECK(alive == 1);
    }
}

static void come_and_go(int who) {
    spg_node *node;
    uint64_t id;
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_id(node, &id));
    note_id(id);
    uint64_t own = notes->open[who];
    notes->open[who] = id;
    notes->changes[who]++;
    ask_after_others(who);
    notes->open[who] = own;
    notes->changes[who]++;
    CHECK_OK(spg_node_close(node));
    CHECK(spg_node_alive(NULL, id) == 0);
}

static void recover_places(void) {
    struct spg__domain domain;
    CHECK_OK(spg__domain_open(&domain, NULL, 0700, SPG__DOMAIN_TIDY));
    for (uint32_t i = 0; i < PLACES_LOOKED_AT; i++) spg__place_recover(&domain, i);
    spg__domain_close(&domain);
}

/* The table says so of everybody living. */
static void check_places(void) {
    struct spg__domain domain;
    CHECK_OK(spg__domain_open(&domain, NULL, 0700, SPG__DOMAIN_LOOK));
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        uint64_t id = notes->open[i];
        if (id == 0 || has_died(i)) continue;
        uint64_t state = peek(&domain.table->places[spg__number_place(id)].state);
        CHECK(state == spg__state(spg__number_generation(id), SPG__PHASE_TAKEN));
    }
    spg__domain_close(&domain);
}

static void open_nodes(int who) {
    uint64_t id;
    if (who == 0) notes = scene_memory(sizeof *notes);
    CHECK_OK(spg_node_id(NULL, &id));
    note_id(id);
    notes->open[who] = id;
}

static void open_nothing(int who) {
    if (who == 0) notes = scene_memory(sizeof *notes);
}

/* Default nodes live as long as their processes, whatever others recover. */
static void judge_nodes(void) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        if (notes->open[i]) CHECK(spg_node_alive(NULL, notes->open[i]) == !has_died(i));
    }
    recover_places();
    check_places();
    spg_node *node;
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_id(node, &id));
    note_id(id);
    CHECK_OK(spg_node_close(node));
}

static const struct scene two = {"node-open-close", 2,           3,          2, false,
                                 open_nodes,        come_and_go, judge_nodes};
static const struct scene two_weak = {
    "node-open-close-weak", 2, 3, 1, true, open_nodes, come_and_go, judge_nodes};

static void reclaim_beside(int who) {
    if (who == 2) {
        recover_places();
        ask_after_others(who);
        recover_places();
    } else {
        come_and_go(who);
    }
}
static const struct scene reclaims = {"node-reclaim", 3,          3, 1, false, open_nodes,
                                      reclaim_beside, judge_nodes};

/* The first to come make the domain's table. */
static void join_first(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    note_id(id);
    notes->open[who] = id;
    ask_after_others(who);
}
/* What another has not finished is not mistaken for what a dead one left. */
static void open_one(int who) {
    if (who == 0) notes = scene_memory(sizeof *notes);
    else open_nodes(who);
}
static void join_or_recover(int who) {
    if (who == 0) join_first(who);
    else recover_places();
}
static const struct scene reclaims_weak = {"node-reclaim-weak", 2,          1, 1, true, open_one,
                                           join_or_recover,     judge_nodes};

static void judge_first(void) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    note_id(id);
    judge_nodes();
}
static const struct scene firsts = {"node-first", 2,          3,          2, false,
                                    open_nothing, join_first, judge_first};
static const struct scene firsts3 = {"node-first-three", 3,          7,          1, false,
                                     open_nothing,       join_first, judge_first};

/* The second stands for another thread of the first one's process: it has the same page. For calls
 * that look further it has a node of its own. */
static struct threads {
    struct spg__self page;
    struct spg__sync_shared lock;
} * threads;

static void open_threads(int who) {
    if (who == 0) {
        threads = scene_shared(sizeof *threads);
        CHECK_OK(spg__self_incarnate());
        threads->page = *spg__self();
        spg__self_page = &threads->page;
    } else if (who == 1) {
        CHECK_OK(spg__own_init(&threads->lock.domain));
        spg__store_relaxed_32(&threads->lock.kind, SPG__MUTEX);
        spg__self_page = &threads->page;
    }
}

/* A thread that finds the domain of its process finds the number of its node as well. */
static void join_beside(int who) {
    if (who == 0) {
        CHECK_OK(spg__self_join());
        return;
    }
    int result = spg__own_check(&threads->lock, SPG__MUTEX);
    CHECK(result == 0 || result == SPG_EDOMAIN);
    if (result == 0) CHECK(spg__self_word() != 0);
}

static void judge_threads(void) {
}

static const struct scene threads_weak = {
    "node-threads-weak", 2, 0, 0, true, open_threads, join_beside, judge_threads};

const struct scene *const node_scenes[] = {&two,    &two_weak, &reclaims,    &reclaims_weak,
                                           &firsts, &firsts3,  &threads_weak};
const int node_scene_count = sizeof node_scenes / sizeof *node_scenes;
