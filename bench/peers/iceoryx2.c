/* iceoryx2.c: iceoryx2, a library of Rust, through the few functions of iceoryx2/src/lib.rs. It
 * lends room in shared memory. Who waits for a message waits for an event sent after it. */
#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include "copying.h"

enum { TRIP_SLOTS = 2, OPENED_MAX = 8 };

struct ice;
struct ice *ice_open(const char *folder, const char *prefix, size_t role, size_t words,
                     size_t slots);
void ice_close(struct ice *ice);
uint64_t *ice_loan(struct ice *ice);
size_t ice_send(struct ice *ice);
const uint64_t *ice_receive(struct ice *ice);
void ice_release(struct ice *ice);
void ice_notify(struct ice *ice);
void ice_wait(struct ice *ice);

/* Short, since it puts sockets into its folder, whose paths have at most 107 bytes. */
static const char *mark_of(const struct contest *contest) {
    return strrchr(contest->name, '-');
}

static void folder_of(const struct contest *contest, char folder[400]) {
    snprintf(folder, 400, "%s/i%s", settings.domain, mark_of(contest));
}

/* Of its objects of shared memory, which lie outside its folder. */
static void prefix_of(const struct contest *contest, char prefix[64]) {
    const char *domain = strrchr(settings.domain, '-') + 1;
    snprintf(prefix, 64, "%.6s%.40s-", domain, mark_of(contest));
}

static void open_end(struct contest *contest, int role) {
    char folder[400], prefix[64];
    folder_of(contest, folder);
    prefix_of(contest, prefix);
    bool way = contest->contestant->pattern == ONE_WAY;
    size_t slots = way ? ring_slots(contest->size) : TRIP_SLOTS;
    contest->mine = ice_open(folder, prefix, (size_t)role, contest->size / 8, slots);
}

static void close_end(struct contest *contest, int role) {
    (void)role;
    ice_close(contest->mine);
}

/* ---- what is left of roles that were killed -------------------------------------------------- */

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at) {
    (void)about;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_memory(const char *prefix) {
    char path[400];
    DIR *directory = opendir("/dev/shm");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
        snprintf(path, sizeof path, "/dev/shm/%.300s", entry->d_name);
        unlink(path);
    }
    if (directory) closedir(directory);
}

static void remove_all(struct contest *contest) {
    char folder[400], prefix[64];
    folder_of(contest, folder);
    prefix_of(contest, prefix);
    nftw(folder, remove_one, OPENED_MAX, FTW_DEPTH | FTW_PHYS);
    remove_memory(prefix);
}

/* ---- moving ---------------------------------------------------------------------------------- */

LOOP void put(struct contest *contest, uint64_t number) {
    do fill(contest, ice_loan(contest->mine), contest->size, number);
    while (ice_send(contest->mine) == 0);
}

LOOP void take(struct contest *contest, const uint64_t *message, uint64_t number) {
    absorb(contest, message, contest->size, number);
    ice_release(contest->mine);
}

LOOP void get(struct contest *contest, uint64_t number) {
    const uint64_t *message;
    while (!(message = ice_receive(contest->mine))) relax();
    take(contest, message, number);
}

LOOP void put_with_event(struct contest *contest, uint64_t number) {
    put(contest, number);
    ice_notify(contest->mine);
}

LOOP void get_after_event(struct contest *contest, uint64_t number) {
    const uint64_t *message;
    while (!(message = ice_receive(contest->mine))) ice_wait(contest->mine);
    take(contest, message, number);
}

LOOP void put_untouched(struct contest *contest, uint64_t number) {
    do *ice_loan(contest->mine) = number;
    while (ice_send(contest->mine) == 0);
}

LOOP void get_untouched(struct contest *contest, uint64_t number) {
    const uint64_t *message;
    while (!(message = ice_receive(contest->mine))) relax();
    touch(contest, message, number);
    ice_release(contest->mine);
}

static void run_polling(struct contest *contest, int role) {
    round_trips(contest, role, put, get);
}

static void run_waiting(struct contest *contest, int role) {
    round_trips(contest, role, put_with_event, get_after_event);
}

static void run_untouched(struct contest *contest, int role) {
    round_trips(contest, role, put_untouched, get_untouched);
}

static void run_way(struct contest *contest, int role) {
    one_way(contest, role, put, get);
}

static void run_way_untouched(struct contest *contest, int role) {
    one_way(contest, role, put_untouched, get_untouched);
}

#define ICE(HOW, PATTERN, LEAST, RUN)                                                              \
    COPYING("iceoryx2", HOW, PATTERN, LEAST, SIZE_MAX, NULL, open_end, RUN, close_end, remove_all)
#define LOAN "loan and send, looking all the time"
#define EVENT "loan and send, then an event; waits for the event"

const struct contestant peer_iceoryx2[] = {
    ICE(LOAN, ROUND_TRIP, 8, run_polling),
    ICE(EVENT, WAITING, 8, run_waiting),
    ICE(EVENT, WAKING, 8, run_waiting),
    ICE(LOAN ", must not lose", ONE_WAY, 8, run_way),
    ICE("loan, 8 bytes touched, send", HAND_OFF, 1024, run_untouched),
    ICE("loan, 8 bytes touched, send; must not lose", HAND_OVER, 1024, run_way_untouched),
};
