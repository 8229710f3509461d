/* camera.c: the second part: pictures, over a topic; and its director.
 *
 * The director starts everybody, has two of them killed, and counts afterwards. The points of death
 * are staged, to be sure that something is at stake: who is to die is told to stop itself, a
 * subscriber with a picture in its hands that it has not given back, the camera with one half
 * drawn. That costs the others a few milliseconds, in which they wait for a process that is only
 * stopped; then it is killed. (Death at every other point is what the library's own tests are
 * for.) */
#include "camera.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

enum { FAST, SLOW, VICTIM, LATE, AGAIN };

const struct role camera_roles[AUDIENCE] = {
    [FAST] = {"fast, must not lose", SPG_MUST_NOT_LOSE, 0, false},
    [SLOW] = {"slow, may lose", SPG_MAY_LOSE, 0, true},
    [VICTIM] = {"killed, must not lose", SPG_MUST_NOT_LOSE, 0, false},
    [LATE] = {"late, must not lose", SPG_MUST_NOT_LOSE, KEPT, false},
    [AGAIN] = {"killed one, started again", SPG_MUST_NOT_LOSE, 0, false},
};

/* When things happen, in seconds; times the pace. */
static const double LATE_JOINS = 2, VICTIM_DIES = 2.5, VICTIM_RETURNS = 3, CAMERA_DIES = 4,
                    ALL_ENDS = 6.5;

struct direction {
    const struct wishes *wishes;
    spg_segment *segment;
    struct studio *studio;
    struct easel *easel;
    struct process cameras[CAMERAS];
    struct process audience[AUDIENCE];
    int64_t began;
    struct camera_report report;
};

static double seconds(const struct direction *direction) {
    return (double)(now() - direction->began) / (double)SECOND;
}

static void say_when(const struct direction *direction) {
    printf("%6.2f s  ", seconds(direction));
}

/* ---- waiting, with an eye on everybody ------------------------------------------------------- */

static int look_at_memory(struct direction *direction) {
    spg_channel_facts *facts = &direction->report.facts;
    facts->struct_size = sizeof *facts;
    int result = spg_channel_stat(NULL, "topic:" CAMERA_TOPIC, facts, NULL, NULL);
    if (result < 0) return complain_of("cannot look at the topic", result);
    if (facts->used > direction->report.most_used) direction->report.most_used = facts->used;
    return 0;
}

/* Who has work left must live. */
static int look_after_all(const struct direction *direction) {
    for (int i = 0; i < AUDIENCE; i++) {
        const struct process *process = &direction->audience[i];
        if (process->pid && process_is_over(process)) {
            return complain("the subscriber \"%s\" ended before its time", camera_roles[i].label);
        }
    }
    for (int i = 0; i < CAMERAS; i++) {
        const struct process *process = &direction->cameras[i];
        const _Atomic uint32_t *stage = &direction->studio->cameras[i].stage;
        if (!process->pid || !process_is_over(process)) continue;
        if (atomic_load(stage) != STAGE_DONE) { /* only now: it is set before the end */
            return complain("the camera ended before its time");
        }
    }
    return 0;
}

static int nap(const struct direction *direction) {
    poll(NULL, 0, 5);
    return is_stopping() ? -1 : look_after_all(direction);
}

static int wait_until(struct direction *direction, double when) {
    while (seconds(direction) < when * direction->wishes->pace) {
        if (look_at_memory(direction) < 0 || nap(direction) < 0) return -1;
    }
    return 0;
}

static int wait_for(const struct direction *direction, const _Atomic uint32_t *stage,
                    enum stage wanted) {
    int64_t deadline = now() + PATIENCE;
    while (atomic_load(stage) != wanted) {
        if (nap(direction) < 0) return -1;
        if (now() > deadline) return complain("a process of part 2 does not come on");
    }
    return 0;
}

/* ---- what happens ---------------------------------------------------------------------------- */

static int start_camera(struct direction *direction, int index) {
    struct camera_job job = {direction->studio, index, direction->wishes->rate};
    if (process_fork(&direction->cameras[index], camera_publish, &job) < 0) return -1;
    return wait_for(direction, &direction->studio->cameras[index].stage, STAGE_READY);
}

static int start_subscriber(struct direction *direction, int index) {
    struct camera_job job = {direction->studio, index, 0};
    if (process_fork(&direction->audience[index], camera_subscribe, &job) < 0) return -1;
    return wait_for(direction, &direction->studio->audience[index].stage, STAGE_READY);
}

static int begin(struct direction *direction) {
    if (start_camera(direction, 0) < 0) return -1;
    for (int i = FAST; i <= VICTIM; i++) {
        if (start_subscriber(direction, i) < 0) return -1;
    }
    direction->began = now();
    atomic_store(&direction->studio->is_on, 1);
    say_when(direction);
    printf("the camera begins; three subscribers watch, one of them slow (%d ms each)\n", SLOW_MS);
    return 0;
}

static int join_late(struct direction *direction) {
    if (wait_until(direction, LATE_JOINS) < 0 || start_subscriber(direction, LATE) < 0) return -1;
    say_when(direction);
    printf("a fourth one joins, and asks for the last %d pictures before\n", KEPT);
    return 0;
}

/* Has a process stop itself with a picture in its hands. */
static int stop_in_act(const struct direction *direction, const struct process *process,
                       _Atomic uint32_t *order, const _Atomic uint32_t *stage) {
    int64_t deadline = now() + PATIENCE;
    atomic_store(order, ORDER_STOP);
    if (wait_for(direction, stage, STAGE_IN_ACT) < 0) return -1;
    while (!process_is_stopped(process)) {
        if (nap(direction) < 0) return -1;
        if (now() > deadline) return complain("a process does not stop itself");
    }
    return 0;
}

static int kill_subscriber(struct direction *direction) {
    struct process *process = &direction->audience[VICTIM];
    struct subscriber_tally *tally = &direction->studio->audience[VICTIM];
    if (wait_until(direction, VICTIM_DIES) < 0) return -1;
    if (stop_in_act(direction, process, &tally->order, &tally->stage) < 0) return -1;
    process_kill(process);
    say_when(direction);
    printf("a subscriber is killed, with picture %" PRIu64 " in its hands\n",
           atomic_load(&tally->frame));
    if (wait_until(direction, VICTIM_RETURNS) < 0) return -1;
    if (start_subscriber(direction, AGAIN) < 0) return -1;
    say_when(direction);
    printf("it is started again\n");
    return 0;
}

/* With no camera alive: what it had published is there and right, and nothing else is. */
static int look_at_history(struct direction *direction, uint64_t published) {
    uint64_t last;
    int count = camera_look_back(direction->easel, SPG_ALL_HISTORY, &last);
    if (count < 0) return -1;
    if (count < KEPT || last != published) {
        return complain("of %" PRIu64 " pictures the last %d are there, up to %" PRIu64, published,
                        count, last);
    }
    printf("           who asks now still gets %" PRIu64 " to %" PRIu64 ", every checksum right\n",
           last - (uint64_t)count + 1, last);
    return 0;
}

static int kill_camera(struct direction *direction) {
    struct camera_tally *first = &direction->studio->cameras[0];
    struct camera_tally *second = &direction->studio->cameras[1];
    struct process *process = &direction->cameras[0];
    if (wait_until(direction, CAMERA_DIES) < 0) return -1;
    if (stop_in_act(direction, process, &first->order, &first->stage) < 0) return -1;
    process_kill(process);
    uint64_t published = atomic_load(&first->published);
    say_when(direction);
    printf("the camera is killed, with picture %" PRIu64 " half drawn;\n", published + 1);
    if (look_at_history(direction, published) < 0 || start_camera(direction, 1) < 0) return -1;
    uint64_t next = atomic_load(&second->first);
    say_when(direction);
    printf("another camera goes on with picture %" PRIu64 "\n", next);
    return next == published + 1 ? 0 : complain("that is not the picture that comes next");
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool has_process(const struct direction *direction, int index, uint32_t pid) {
    return direction->audience[index].pid > 0 && (uint32_t)direction->audience[index].pid == pid;
}

/* The library's own counts of a subscriber, beside those that it made itself. */
static int compare_member(void *context, const spg_member *member) {
    struct direction *direction = context;
    for (int i = 0; i < AUDIENCE && member->role == SPG_ROLE_SUBSCRIBER; i++) {
        const struct subscriber_tally *tally = &direction->studio->audience[i];
        if (!has_process(direction, i, member->pid)) continue;
        direction->report.told += member->received == atomic_load(&tally->received) &&
                                  member->lost == atomic_load(&tally->missed);
    }
    return 0;
}

static int count_up(struct direction *direction) {
    struct camera_report *report = &direction->report;
    report->published = atomic_load(&direction->studio->cameras[1].published);
    report->told = 0;
    int result = spg_channel_stat(NULL, "topic:" CAMERA_TOPIC, &report->facts, compare_member,
                                  direction);
    return result < 0 ? complain_of("cannot look at the topic", result) : 0;
}

static int leave_all(struct direction *direction) {
    for (int i = 0; i < AUDIENCE; i++) {
        atomic_store(&direction->studio->audience[i].order, ORDER_END);
    }
    for (int i = 0; i < AUDIENCE; i++) {
        if (i != VICTIM && process_end(&direction->audience[i]) < 0) return -1;
    }
    return process_end(&direction->cameras[1]);
}

static int end(struct direction *direction) {
    struct camera_tally *camera = &direction->studio->cameras[1];
    if (wait_until(direction, ALL_ENDS) < 0) return -1;
    atomic_store(&camera->order, ORDER_END);
    if (wait_for(direction, &camera->stage, STAGE_DONE) < 0) return -1;
    direction->report.seconds = seconds(direction);
    for (int i = 0; i < AUDIENCE; i++) {
        const struct subscriber_tally *tally = &direction->studio->audience[i];
        if (i != VICTIM && wait_for(direction, &tally->stage, STAGE_DONE) < 0) return -1;
    }
    say_when(direction);
    printf("everybody has the last picture, %" PRIu64 "\n\n", atomic_load(&camera->published));
    return count_up(direction) < 0 ? -1 : leave_all(direction);
}

static int direct(struct direction *direction) {
    if (begin(direction) < 0 || join_late(direction) < 0) return -1;
    if (kill_subscriber(direction) < 0 || kill_camera(direction) < 0) return -1;
    if (end(direction) < 0) return -1;
    camera_print(&direction->report);
    return camera_is_sound(&direction->report) ? 0 : complain("part 2 does not add up: see above");
}

static int open_studio(struct direction *direction) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_BARE;
    int result = spg_segment_create(&direction->segment, "anonymous:", sizeof(struct studio),
                                    &options);
    if (result < 0) return complain_of("the studio", result);
    direction->studio = spg_segment_address(direction->segment); /* all zeros */
    direction->report.studio = direction->studio;
    return easel_make(&direction->easel);
}

static void announce(const struct wishes *wishes) {
    char rate[48] = "as many pictures as it can";
    if (wishes->rate) snprintf(rate, sizeof rate, "%ld pictures a second", wishes->rate);
    printf("2. Pictures, over a topic\n\n"
           "A camera publishes %s of %dx%dx3 bytes, drawn in shared memory;\n"
           "each subscriber computes every checksum where the picture lies. Nothing is copied.\n\n",
           rate, PICTURE_WIDTH, PICTURE_HEIGHT);
    fflush(stdout);
}

int camera_run(const struct wishes *wishes) {
    struct direction direction = {.wishes = wishes};
    for (int i = 0; i < CAMERAS; i++) direction.cameras[i] = NO_PROCESS;
    for (int i = 0; i < AUDIENCE; i++) direction.audience[i] = NO_PROCESS;
    announce(wishes);
    int result = open_studio(&direction);
    if (result == 0) result = direct(&direction);
    for (int i = 0; i < CAMERAS; i++) process_kill(&direction.cameras[i]);
    for (int i = 0; i < AUDIENCE; i++) process_kill(&direction.audience[i]);
    easel_free(direction.easel);
    spg_segment_close(direction.segment);
    return result;
}
