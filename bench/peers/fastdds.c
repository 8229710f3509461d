/* fastdds.c: Fast DDS, whose writer lends room in memory that its readers share. A thread of its
 * own takes notice of what arrives, on the processor of the role that wants it; so who looks all
 * the time gives way in between. */
#include <sched.h>
#include <unistd.h>

#include "copying.h"
#include "fastdds_ends.h"

enum { TRIP_SAMPLES = 4, NETWORKS = 200, FILES_MAX = 64, FILE_NAME = 100 };

/* Names of its files in /dev/shm, told by the roles: what to remove if they are killed. */
struct left {
    _Atomic int count;
    char names[FILES_MAX][FILE_NAME];
};

/* ---- what is left of roles that were killed -------------------------------------------------- */

/* A name stands in several lines, one after the other. */
static void note_name(struct left *left, const char *name) {
    static char last[FILE_NAME];
    if (strcmp(name, last) == 0) return;
    snprintf(last, FILE_NAME, "%s", name);
    int place = atomic_fetch_add(&left->count, 1);
    if (place < FILES_MAX) snprintf(left->names[place], FILE_NAME, "%s", name);
}

/* Those that are mapped; the others are named after them. */
static void note_files(struct contest *contest) {
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *name = strstr(line, "/dev/shm/fast");
        if (!name) continue;
        name[strcspn(name, "\n ")] = 0;
        note_name((struct left *)contest->memory, strrchr(name, '/') + 1);
    }
    if (file) fclose(file);
}

static void remove_files(struct contest *contest) {
    static const char *const patterns[] = {"%s", "%s_el", "%s_sl", "sem.%s_mutex"};
    const struct left *left = (const struct left *)contest->memory;
    int count = atomic_load(&left->count);
    for (int i = 0; i < count && i < FILES_MAX; i++) {
        for (int j = 0; j < 4; j++) {
            char path[FILE_NAME + 32] = "/dev/shm/";
            snprintf(path + strlen(path), FILE_NAME + 16, patterns[j], left->names[i]);
            unlink(path);
        }
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What DDS calls a domain. Nobody meets who has not the same, and the same names of topics. */
static unsigned network_of(const struct contest *contest) {
    unsigned number = (unsigned)atoi(strrchr(contest->name, '-') + 1);
    return 1 + ((unsigned)getppid() + number) % NETWORKS;
}

static void open_end(struct contest *contest, int role) {
    char names[2][128];
    const char *domain = strrchr(settings.domain, '-') + 1;
    for (int i = 0; i < 2; i++) {
        snprintf(names[i], sizeof names[i], "%.6s_%s_%d", domain, contest->name, i);
    }
    enum pattern pattern = contest->contestant->pattern;
    bool way = pattern == ONE_WAY || pattern == HAND_OVER;
    size_t samples = way ? ring_slots(contest->size) : TRIP_SAMPLES;
    contest->mine = fastdds_open(network_of(contest), names[role], names[1 - role], contest->size,
                                 (unsigned)samples);
    note_files(contest);
}

static void close_end(struct contest *contest, int role) {
    (void)role;
    fastdds_close(contest->mine);
}

/* ---- moving ---------------------------------------------------------------------------------- */

LOOP void *loan(struct contest *contest) {
    void *sample;
    while (!(sample = fastdds_loan(contest->mine))) sched_yield();
    return sample;
}

LOOP void send_loaned(struct contest *contest, void *sample) {
    while (!fastdds_write(contest->mine, sample)) sched_yield();
}

LOOP void put(struct contest *contest, uint64_t number) {
    void *sample = loan(contest);
    fill(contest, sample, contest->size, number);
    send_loaned(contest, sample);
}

LOOP void put_untouched(struct contest *contest, uint64_t number) {
    uint64_t *sample = loan(contest);
    *sample = number;
    send_loaned(contest, sample);
}

LOOP const void *look(struct contest *contest) {
    const void *sample;
    while (!(sample = fastdds_take(contest->mine))) sched_yield();
    return sample;
}

LOOP const void *await(struct contest *contest) {
    const void *sample;
    while (!(sample = fastdds_take(contest->mine))) fastdds_wait(contest->mine);
    return sample;
}

LOOP void done(struct contest *contest) {
    if (!fastdds_return(contest->mine)) reject(contest);
}

static void get_looking(struct contest *contest, uint64_t number) {
    absorb(contest, look(contest), contest->size, number);
    done(contest);
}

static void get_waiting(struct contest *contest, uint64_t number) {
    absorb(contest, await(contest), contest->size, number);
    done(contest);
}

static void get_untouched(struct contest *contest, uint64_t number) {
    touch(contest, look(contest), number);
    done(contest);
}

static void run_looking(struct contest *contest, int role) {
    round_trips(contest, role, put, get_looking);
}

static void run_waiting(struct contest *contest, int role) {
    round_trips(contest, role, put, get_waiting);
}

static void run_untouched(struct contest *contest, int role) {
    round_trips(contest, role, put_untouched, get_untouched);
}

static void run_way(struct contest *contest, int role) {
    one_way(contest, role, put, get_waiting);
}

static void run_way_untouched(struct contest *contest, int role) {
    one_way(contest, role, put_untouched, get_untouched);
}

#define SHARING "data-sharing, plain type, loans; reliable, keep all"
#define FASTDDS(HOW, PATTERN, LEAST, RUN)                                                          \
    {                                                                                              \
        .name = "Fast DDS", .how = SHARING HOW, .side = PEER, .pattern = PATTERN, .least = LEAST,  \
        .most = SIZE_MAX, .shared = sizeof(struct left), .open = open_end, .run = RUN,             \
        .close = close_end, .clean = remove_files                                                  \
    }

const struct contestant peer_fastdds[] = {
    FASTDDS("; takes all the time, giving way in between", ROUND_TRIP, 8, run_looking),
    FASTDDS("; wait_for_unread_message", WAITING, 8, run_waiting),
    FASTDDS("; wait_for_unread_message", WAKING, 8, run_waiting),
    FASTDDS("; wait_for_unread_message", ONE_WAY, 8, run_way),
    FASTDDS("; takes all the time; 8 bytes touched", HAND_OFF, 1024, run_untouched),
    FASTDDS("; takes all the time; 8 bytes touched", HAND_OVER, 1024, run_way_untouched),
};
