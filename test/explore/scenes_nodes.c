/* scenes_nodes.c: numbers are given once, nobody living is taken for dead, and the dead are found
 * so by everybody who asks. */
#include <samepage/samepage.h>

#include "machine.h"
#include "node/node.h"

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

/* Whoever lived before the question and after it was alive; whoever was dead before it was not. */
static void ask_after_others(int who) {
    for (int other = 0; other < PARTICIPANTS_MAX; other++) {
        uint64_t id = notes->open[other];
        int changes = notes->changes[other];
        bool was_dead = has_died(other);
        if (other == who || id == 0) continue;
        int alive = spg_node_alive(NULL, id);
        if (was_dead) CHECK(alive == 0);
        else if (changes == notes->changes[other] && !has_died(other)) CHECK(alive == 1);
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

const struct scene *const node_scenes[] = {&two, &two_weak, &reclaims, &firsts, &firsts3};
const int node_scene_count = sizeof node_scenes / sizeof *node_scenes;
