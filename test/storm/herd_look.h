/* herd_look.h: who waits for several channels at once, and who looks at the whole domain, clears
 * up, and finds no damage, while all others work and die. */
#ifndef TEST_STORM_HERD_LOOK_H
#define TEST_STORM_HERD_LOOK_H

#include "herd_state.h"
#include "herd_topic.h"
#include "herd_work.h"

/* ---- wait sets and poll ---------------------------------------------------------------------- */

struct watch {
    spg_subscriber *subscriber;
    spg_queue *queue;
    spg_cell *cell;
    struct known known;
};

static void take_message(struct watch *watch) {
    spg_message message;
    int result = spg_subscriber_receive(watch->subscriber, &message, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return;
    CHECK_OK(result);
    message_stamp(&message);
    CHECK_OK(spg_subscriber_release(watch->subscriber, &message));
}

static void take_job(struct watch *watch) {
    spg_job job;
    int result = spg_queue_pop(watch->queue, &job, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return;
    CHECK_OK(result);
    finish_job(watch->queue, &job, check_job(&job).n);
}

static void take_value(struct watch *watch) {
    int result = spg_cell_wait(watch->cell, watch->known.version, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return;
    CHECK_OK(result);
    read_value(watch->cell, &watch->known);
}

static void take_of(struct watch *watch, int which) {
    if (which == 0) take_message(watch);
    if (which == 1) take_job(watch);
    if (which == 2) take_value(watch);
    count(WAITS, 1);
    if (chance(16) == 0) nap_us(300);
}

static void watch_by_set(struct watch *watch) {
    static char kinds[3];
    void *tags[3];
    spg_waitset *set;
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, spg_subscriber_waitable(watch->subscriber), &kinds[0]));
    CHECK_OK(spg_waitset_add(set, spg_queue_waitable(watch->queue), &kinds[1]));
    CHECK_OK(spg_waitset_add(set, spg_cell_waitable(watch->cell), &kinds[2]));
    for (;;) {
        int ready = spg_waitset_wait(set, tags, 3, MILLISECONDS(20));
        if (ready == SPG_ETIMEDOUT) continue;
        if (ready < 1 || ready > 3) CHECK_INT(3, ready);
        for (int i = 0; i < ready; i++) take_of(watch, (int)((char *)tags[i] - kinds));
    }
}

static void watch_by_poll(struct watch *watch) {
    struct pollfd wanted[3] = {
        {.fd = bell_of(spg_subscriber_waitable(watch->subscriber)), .events = POLLIN},
        {.fd = bell_of(spg_queue_waitable(watch->queue)), .events = POLLIN},
        {.fd = bell_of(spg_cell_waitable(watch->cell)), .events = POLLIN},
    };
    for (;;) {
        if (poll(wanted, 3, 20) < 0) FAIL("poll: %s", strerror(errno));
        for (int i = 0; i < 3; i++) {
            if (wanted[i].revents & POLLIN) take_of(watch, i);
        }
    }
}

static void be_watcher(void) {
    struct watch watch = {open_subscriber(SPG_MAY_LOSE, 0), open_queue(), open_cell(), {0, {0, 0}}};
    if (chance(2)) watch_by_set(&watch);
    watch_by_poll(&watch);
}

/* ---- the whole domain ------------------------------------------------------------------------ */

static void print_damage(void *context, int weight, const char *name, const char *text) {
    (void)context;
    if (weight == SPG_FINDING_DAMAGE) fprintf(stderr, "    damage: %s: %s\n", name, text);
}

static int see(void *context, const spg_domain_entry *entry) {
    (void)context;
    if (entry->trouble != 0 && entry->trouble != SPG_ENOENT)
        FAIL("%s: %s", entry->name, spg_error_name(entry->trouble));
    return 0;
}

static void be_looker(void) {
    for (;;) {
        if (chance(2)) CHECK_INT(0, spg_check(NULL, NULL, print_damage, NULL));
        if (chance(2)) CHECK_OK(spg_domain_list(NULL, see, NULL));
        if (chance(2)) SUCCEEDS(spg_collect(NULL, NULL));
        count(LOOKS, 1);
        nap_ms((int)chance(5));
    }
}

#endif
