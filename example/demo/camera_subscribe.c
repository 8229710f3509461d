/* camera_subscribe.c: a subscriber: computes each picture's checksum where it lies, and counts.
 *
 * That received and missed add up is not taken from the library's word alone: the camera numbers
 * its frames without a gap, so the number of each must be that of the one before, and one, and what
 * was missed in between. */
#include <signal.h>
#include <time.h>

#include "camera.h"

struct watching {
    struct subscriber_tally *tally;
    const struct role *role;
    struct easel *easel;
    spg_subscriber *subscriber;
    int64_t joined; /* when */
};

int camera_published(uint64_t *count) {
    spg_channel_facts facts = {.struct_size = sizeof facts};
    int result = spg_channel_stat(NULL, "topic:" CAMERA_TOPIC, &facts, NULL, NULL);
    *count = result == 0 ? facts.messages : 0;
    if (result == 0 || result == SPG_ENOENT) return 0;
    return complain_of("cannot look at the topic", result);
}

static int open_topic(spg_subscriber **subscriber, uint32_t policy, uint32_t history) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = policy;
    options.history = history;
    options.type = PICTURE_TYPE;
    options.type_size = sizeof(struct picture);
    options.timeout = PATIENCE;
    int result = spg_subscriber_open(subscriber, NULL, CAMERA_TOPIC, &options);
    return result < 0 ? complain_of("cannot subscribe", result) : 0;
}

/* ---- looking back ---------------------------------------------------------------------------- */

static int look_at_next(spg_subscriber *subscriber, struct easel *easel, uint64_t *last) {
    spg_message message;
    int result = spg_subscriber_receive(subscriber, &message, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return 0;
    if (result < 0) return complain_of("cannot read the history", result);
    const struct picture *picture = message.data;
    bool is_right = picture_is_right(easel, picture, message.size);
    bool follows = *last == 0 || picture->frame == *last + message.lost + 1;
    *last = picture->frame;
    spg_subscriber_release(subscriber, &message);
    if (!is_right) return complain("a picture of the history is not what was published");
    return follows ? 1 : complain("a picture is missing in the history");
}

int camera_look_back(struct easel *easel, uint32_t history, uint64_t *last) {
    spg_subscriber *subscriber;
    int count = 0, found;
    *last = 0;
    if (open_topic(&subscriber, SPG_MAY_LOSE, history) < 0) return -1;
    while ((found = look_at_next(subscriber, easel, last)) > 0) count++;
    int result = spg_subscriber_close(subscriber);
    if (result < 0) return complain_of("cannot leave the topic", result);
    return found < 0 ? found : count;
}

/* ---- watching -------------------------------------------------------------------------------- */

static int join(struct watching *watching) {
    struct subscriber_tally *tally = watching->tally;
    uint64_t count;
    if (easel_make(&watching->easel) < 0) return -1;
    if (camera_published(&count) < 0) return -1;
    atomic_store(&tally->before, count);
    if (open_topic(&watching->subscriber, watching->role->policy, watching->role->history) < 0) {
        return -1;
    }
    watching->joined = now();
    if (camera_published(&count) < 0) return -1;
    atomic_store(&tally->after, count);
    atomic_store(&tally->stage, STAGE_READY);
    return 0;
}

/* What is older than we are says nothing of latency. */
static void note_latency(struct watching *watching, const spg_message *message) {
    struct subscriber_tally *tally = watching->tally;
    uint64_t count = atomic_load(&tally->samples);
    if (message->time < watching->joined) {
        atomic_fetch_add(&tally->old, 1);
    } else if (count < SAMPLES) {
        tally->latencies[count] = now() - message->time;
        atomic_store(&tally->samples, count + 1);
    }
}

static void count(struct watching *watching, const spg_message *message, uint64_t frame) {
    struct subscriber_tally *tally = watching->tally;
    bool is_first = atomic_load(&tally->received) == 0;
    if (is_first) atomic_store(&tally->begin, frame - message->lost);
    bool follows = is_first || frame == atomic_load(&tally->frame) + message->lost + 1;
    if (!follows) atomic_fetch_add(&tally->jumps, 1);
    atomic_store(&tally->frame, frame);
    atomic_fetch_add(&tally->missed, message->lost);
    atomic_fetch_add(&tally->received, 1);
}

static void act(struct watching *watching) {
    struct timespec nap = {0, SLOW_MS * MILLISECOND};
    if (watching->role->is_slow) nanosleep(&nap, NULL);
    if (atomic_load(&watching->tally->order) != ORDER_STOP) return;
    atomic_store(&watching->tally->stage, STAGE_IN_ACT);
    raise(SIGSTOP);
}

/* Returns 1 after the last picture, 0, -1. */
static int watch_one(struct watching *watching) {
    spg_message message;
    int result = spg_subscriber_receive(watching->subscriber, &message, PATIENCE);
    if (result < 0) return complain_of("no picture comes", result);
    note_latency(watching, &message);
    const struct picture *picture = message.data;
    bool is_right = picture_is_right(watching->easel, picture, message.size);
    if (!is_right) atomic_fetch_add(&watching->tally->wrong, 1);
    bool is_last = is_right && picture->is_last;
    if (is_right) count(watching, &message, picture->frame);
    act(watching);
    result = spg_subscriber_release(watching->subscriber, &message);
    return result < 0 ? complain_of("cannot give a picture back", result) : is_last;
}

int camera_subscribe(void *context, int report) {
    struct camera_job *job = context;
    struct watching watching = {.tally = &job->studio->audience[job->index],
                                .role = &camera_roles[job->index]};
    struct timespec nap = {0, MILLISECOND};
    int is_last = 0;
    (void)report;
    if (join(&watching) < 0) return 1;
    while (is_last == 0) is_last = watch_one(&watching);
    if (is_last < 0) return 1;
    atomic_store(&watching.tally->stage, STAGE_DONE);
    while (atomic_load(&watching.tally->order) != ORDER_END) nanosleep(&nap, NULL);
    int result = spg_subscriber_close(watching.subscriber);
    if (result < 0) complain_of("a subscriber cannot leave", result);
    easel_free(watching.easel);
    return result < 0;
}
