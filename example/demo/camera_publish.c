/* camera_publish.c: the camera: draws each picture into memory that it has on loan, and publishes
 * it there.
 *
 * Frames are numbered without a gap. A camera that comes after another one asks the topic for the
 * last picture and goes on from there: what the one before had not published was never there. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "camera.h"

struct filming {
    struct camera_tally *tally;
    struct easel *easel;
    spg_publisher *publisher;
    uint64_t frame;
    int64_t period; /* nanoseconds between two pictures; 0: none */
    int64_t due;    /* when the next one is */
};

static int open_topic(spg_publisher **publisher) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.budget = (uint64_t)AT_ONCE * sizeof(struct picture);
    options.slots = 64;
    options.publishers = CAMERAS;
    options.subscribers = 16;
    options.history = KEPT;
    options.timed = 1;
    options.type = PICTURE_TYPE;
    options.type_size = sizeof(struct picture);
    options.schema = PICTURE_SCHEMA;
    int result = spg_publisher_open(publisher, NULL, CAMERA_TOPIC, &options);
    return result < 0 ? complain_of("the camera's topic", result) : 0;
}

static int prepare(struct filming *filming) {
    uint64_t last = 0;
    if (easel_make(&filming->easel) < 0) return -1;
    if (open_topic(&filming->publisher) < 0) return -1;
    if (camera_look_back(filming->easel, 1, &last) < 0) return -1;
    filming->frame = last;
    atomic_store(&filming->tally->first, last + 1);
    atomic_store(&filming->tally->published, last);
    atomic_store(&filming->tally->stage, STAGE_READY);
    return 0;
}

/* A camera that is late does not hurry afterwards. */
static void wait_until_due(struct filming *filming) {
    if (filming->period == 0) return;
    int64_t due = filming->due + filming->period;
    filming->due = due > now() - filming->period ? due : now();
    struct timespec time = {filming->due / SECOND, filming->due % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

static void draw(struct filming *filming, struct picture *picture, uint64_t frame, bool stops) {
    int half = PICTURE_HEIGHT / 2;
    picture_draw(filming->easel, picture, frame, 0, half);
    if (stops) {
        atomic_store(&filming->tally->stage, STAGE_IN_ACT);
        raise(SIGSTOP);
    }
    picture_draw(filming->easel, picture, frame, half, PICTURE_HEIGHT);
}

static int take_picture(struct filming *filming, uint32_t order) {
    void *room;
    size_t size = sizeof(struct picture);
    uint64_t frame = filming->frame + 1;
    int result = spg_publisher_loan(filming->publisher, size, &room, PATIENCE);
    if (result < 0) return complain_of("no room for a picture", result);
    draw(filming, room, frame, order == ORDER_STOP);
    if (picture_seal(filming->easel, room, frame, order == ORDER_END) < 0) return -1;
    result = spg_publisher_publish(filming->publisher, room, size, PATIENCE);
    if (result < 0) return complain_of("cannot publish a picture", result);
    filming->frame = frame;
    atomic_store(&filming->tally->published, frame);
    return 0;
}

static int film(struct filming *filming) {
    uint32_t order = ORDER_NONE;
    filming->due = now();
    while (order != ORDER_END) {
        wait_until_due(filming);
        order = atomic_load(&filming->tally->order);
        if (take_picture(filming, order) < 0) return -1;
    }
    return 0;
}

int camera_publish(void *context, int report) {
    struct camera_job *job = context;
    struct filming filming = {.tally = &job->studio->cameras[job->index]};
    struct timespec nap = {0, MILLISECOND};
    (void)report;
    if (job->rate > 0) filming.period = SECOND / job->rate;
    if (prepare(&filming) < 0) return 1;
    while (!atomic_load(&job->studio->is_on)) nanosleep(&nap, NULL);
    if (film(&filming) < 0) return 1;
    int result = spg_publisher_close(filming.publisher);
    if (result < 0) complain_of("the camera cannot leave", result);
    easel_free(filming.easel);
    atomic_store(&filming.tally->stage, STAGE_DONE);
    return result < 0;
}
