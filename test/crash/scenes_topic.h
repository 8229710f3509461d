/* scenes_topic.h: the scenes of the topic. Included by scenes.h.
 *
 * `memory->value[0]` numbers the writers, so that what each published can be told apart;
 * `memory->first` is how many messages the victim's publisher has published, and `second` says that
 * none of the last four of those may be missing. */
#define TOPIC_NAME "scene"
#define TOPIC_FILE "scene.topic"
#include "process/topic.h"

enum { SCENE_SLOTS = 8, SCENE_CHUNK = 200, SCENE_BUDGET = 2048, SCENE_HOT = 256 * 1024 };

static int open_scene_topic_of(spg_publisher **publisher, uint32_t slots, uint64_t budget) {
    spg_topic_options options = small_topic(slots, budget);
    options.publishers = 3;
    options.subscribers = 3;
    options.type = "scene";
    return spg_publisher_open(publisher, NULL, TOPIC_NAME, &options);
}
static int open_scene_topic(spg_publisher **publisher) {
    return open_scene_topic_of(publisher, SCENE_SLOTS, SCENE_BUDGET);
}

static int open_scene_reader(spg_subscriber **subscriber, uint32_t policy, uint32_t history) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = policy;
    options.history = history;
    return spg_subscriber_open(subscriber, NULL, TOPIC_NAME, &options);
}

static void begin_writing(bool strict) {
    memory->value[0]++;
    memory->first = 0;
    memory->second = strict;
}

static int write_topic(spg_publisher *publisher, size_t size) {
    int result = message_send(publisher, size, memory->value[0], memory->first, SECONDS(5));
    if (result == 0) memory->first++;
    return result;
}

/* ---- what must be true afterwards ------------------------------------------------------------ */

static void check_history(void) {
    spg_subscriber *subscriber;
    spg_message message;
    uint64_t next[64] = {0}, own = 0;
    int result;
    CHECK_OK(open_scene_reader(&subscriber, SPG_MAY_LOSE, SPG_ALL_HISTORY));
    while ((result = spg_subscriber_receive(subscriber, &message, SPG_NOWAIT)) == 0) {
        struct stamp stamp = message_stamp(&message);
        CHECK(stamp.writer < 64 && stamp.n >= next[stamp.writer]);
        next[stamp.writer] = stamp.n + 1;
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
    CHECK_RESULT(SPG_EAGAIN, result);
    own = next[memory->value[0]];
    CHECK(own <= memory->first + 1);
    if (memory->second) CHECK(own >= memory->first);
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* Two laps, in line and in chunks, and back. */
static void use_topic(spg_publisher *publisher) {
    spg_subscriber *subscriber;
    CHECK_OK(open_scene_reader(&subscriber, SPG_MUST_NOT_LOSE, 0));
    begin_writing(false);
    for (uint64_t n = 0; n < 2 * SCENE_SLOTS; n++) {
        size_t size = n % 3 ? SCENE_CHUNK : 16;
        CHECK_OK(write_topic(publisher, size));
        message_receive(subscriber, size, memory->value[0], n);
    }
    topic_is_clean(1, 1);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void survive_topic(void) {
    spg_publisher *publisher;
    CHECK_OK(open_scene_topic(&publisher));
    topic_is_clean(1, 0);
    check_history();
    use_topic(publisher);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_RESULT(SPG_ENOENT, spg_topic_unlink(NULL, TOPIC_NAME));
}

/* ---- worlds ---------------------------------------------------------------------------------- */

static void die_having_published(void) {
    spg_publisher *publisher;
    CHECK_OK(open_scene_topic(&publisher));
    begin_writing(false);
    for (int i = 0; i < 3; i++) CHECK_OK(write_topic(publisher, i % 2 ? 16 : SCENE_CHUNK));
    raise(SIGKILL);
}
static void leave_a_topic(void) {
    in_a_killed_process(die_having_published);
}

/* With a claim, a loan, a held orphan, a held message, a protected message. */
static void die_with_all_of_a_topic(void) {
    spg_publisher *publisher;
    spg_subscriber *forgetful, *faithful;
    spg_message message;
    struct image image;
    void *data;
    uint64_t sequence;
    CHECK_OK(open_scene_topic(&publisher));
    begin_writing(false);
    CHECK_OK(open_scene_reader(&forgetful, SPG_MAY_LOSE, 0));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(write_topic(publisher, SCENE_CHUNK));
        CHECK_OK(spg_subscriber_receive(forgetful, &message, SPG_NOWAIT));
    }
    for (int i = 0; i < SCENE_SLOTS - 1; i++) CHECK_OK(write_topic(publisher, 16));
    CHECK_OK(open_scene_reader(&faithful, SPG_MUST_NOT_LOSE, 0));
    CHECK_OK(write_topic(publisher, SCENE_CHUNK));
    CHECK_OK(spg_subscriber_receive(faithful, &message, SPG_NOWAIT));
    CHECK_OK(spg_publisher_loan(publisher, SCENE_CHUNK, &data, SPG_NOWAIT));
    image_open(&image);
    for (image_allow(&image, image_own_row(&image));
         !image_claims(&image, image_own_row(&image), &sequence);
         image_allow(&image, image_own_row(&image)))
        CHECK_OK(write_topic(publisher, 16));
    raise(SIGKILL);
}
static void leave_a_full_topic(void) {
    in_a_killed_process(die_with_all_of_a_topic);
}

/* ---- operations ------------------------------------------------------------------------------ */

static int publish_topic_of(size_t size, int count) {
    spg_publisher *publisher;
    int result = open_scene_topic(&publisher);
    if (result < 0) return result;
    begin_writing(true);
    for (int i = 0; i < count && result == 0; i++) result = write_topic(publisher, size);
    memory->second = false; /* the last to leave takes all away */
    spg_publisher_close(publisher);
    return result;
}
static int publish_in_line(void) {
    return publish_topic_of(24, 2);
}
static int publish_a_chunk(void) {
    return publish_topic_of(SCENE_CHUNK, 2);
}
/* In the second lap in few steps. */
static int send_at_once(void) {
    spg_publisher *publisher;
    char bytes[24];
    int result = open_scene_topic(&publisher);
    if (result < 0) return result;
    begin_writing(true);
    for (int i = 0; i < SCENE_SLOTS + 2 && result == 0; i++) {
        message_fill(bytes, sizeof bytes, memory->value[0], memory->first);
        result = spg_publisher_send(publisher, bytes, sizeof bytes, SECONDS(5));
        if (result == 0) memory->first++;
    }
    memory->second = false; /* the last to leave takes all away */
    spg_publisher_close(publisher);
    return result;
}
static int publish_a_lap_of_chunks(void) {
    return publish_topic_of(SCENE_CHUNK, SCENE_SLOTS + 2);
}

/* Any of the first ones may be there, each whole. */
static int publish_a_batch(void) {
    enum { BATCH = 3 };
    static char bytes[BATCH][SCENE_CHUNK];
    spg_bytes batch[BATCH];
    spg_publisher *publisher;
    int result = open_scene_topic(&publisher);
    if (result < 0) return result;
    begin_writing(false);
    for (uint64_t n = 0; n < BATCH; n++) {
        size_t size = n == 1 ? SCENE_CHUNK : 24;
        message_fill(bytes[n], size, memory->value[0], n);
        batch[n] = (spg_bytes){bytes[n], size};
    }
    memory->first = BATCH - 1;
    result = spg_publisher_send_batch(publisher, batch, BATCH, SECONDS(5));
    spg_publisher_close(publisher);
    return result == BATCH || result < 0 ? result : SPG_EAGAIN;
}

static int loan_and_discard(void) {
    spg_publisher *publisher;
    void *one, *two;
    int result = open_scene_topic(&publisher);
    if (result < 0) return result;
    result = spg_publisher_loan(publisher, SCENE_CHUNK, &one, SECONDS(5));
    if (result == 0) result = spg_publisher_loan(publisher, 900, &two, SECONDS(5));
    if (result == 0) result = spg_publisher_discard(publisher, one);
    spg_publisher_close(publisher);
    return result;
}

/* Each takes a good third of the memory. */
static int publish_without_memory(void) {
    return publish_topic_of(700, 5);
}

static int publish_again_what_was_read(void) {
    spg_publisher *publisher;
    int result = open_scene_topic_of(&publisher, SCENE_SLOTS, 2 * SCENE_HOT);
    if (result < 0) return result;
    begin_writing(false);
    for (int i = 0; i < 4 && result == 0; i++) result = write_topic(publisher, SCENE_HOT);
    spg_publisher_close(publisher);
    return result;
}

/* Takes `count` chunks, each at once after it was published, and gives them back later. */
static int hold_chunks(uint32_t policy, int count) {
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    spg_message held[8];
    int taken = 0, result = open_scene_topic(&publisher);
    if (result < 0) return result;
    begin_writing(false);
    result = open_scene_reader(&subscriber, policy, 0);
    for (int i = 0; i < SCENE_SLOTS + 3 && result == 0; i++) {
        result = write_topic(publisher, i < count ? SCENE_CHUNK : 16);
        if (result == 0) result = spg_subscriber_receive(subscriber, &held[taken], SECONDS(5));
        if (result == 0 && i < count) taken++;
        else if (result == 0) result = spg_subscriber_release(subscriber, &held[taken]);
    }
    for (int i = 0; i < taken; i++) spg_subscriber_release(subscriber, &held[i]);
    if (memory->first > 0 || result == 0) spg_subscriber_close(subscriber);
    spg_publisher_close(publisher);
    return result;
}
static int hold_over_a_lap(void) {
    return hold_chunks(SPG_MAY_LOSE, 2);
}
static int hold_by_the_cursor(void) {
    return hold_chunks(SPG_MUST_NOT_LOSE, 2);
}

static int read_history_by(uint32_t policy) {
    spg_subscriber *subscriber;
    spg_message message;
    int result = open_scene_reader(&subscriber, policy, SPG_ALL_HISTORY);
    if (result < 0) return result;
    while ((result = spg_subscriber_receive(subscriber, &message, SPG_NOWAIT)) == 0) {
        message_stamp(&message);
        spg_subscriber_release(subscriber, &message);
    }
    spg_subscriber_close(subscriber);
    return result == SPG_EAGAIN ? 0 : result;
}
static int read_history(void) {
    return read_history_by(SPG_MAY_LOSE);
}
static int read_history_faithfully(void) {
    return read_history_by(SPG_MUST_NOT_LOSE);
}

static int open_and_close_topic(void) {
    spg_publisher *publisher;
    int result = open_scene_topic(&publisher);
    return result < 0 ? result : spg_publisher_close(publisher);
}
static int unlink_topic(void) {
    return spg_topic_unlink(NULL, TOPIC_NAME);
}

#define TOPIC_SCENES                                                                               \
    {"make a topic", prepare_domain, open_and_close_topic, survive_topic},                         \
        {"open a topic", leave_a_topic, open_and_close_topic, survive_topic},                      \
        {"open a topic of many dead", leave_a_full_topic, open_and_close_topic, survive_topic},    \
        {"publish in line", prepare_domain, publish_in_line, survive_topic},                       \
        {"publish a chunk", leave_a_topic, publish_a_chunk, survive_topic},                        \
        {"send at once", prepare_domain, send_at_once, survive_topic},                             \
        {"publish after many dead", leave_a_full_topic, publish_a_chunk, survive_topic},           \
        {"publish a lap of chunks", prepare_domain, publish_a_lap_of_chunks, survive_topic},       \
        {"publish a batch", leave_a_topic, publish_a_batch, survive_topic},                        \
        {"loan and discard", prepare_domain, loan_and_discard, survive_topic},                     \
        {"publish without memory", leave_a_topic, publish_without_memory, survive_topic},          \
        {"publish again what was read", prepare_domain, publish_again_what_was_read,               \
         survive_topic},                                                                           \
        {"hold chunks over a lap", prepare_domain, hold_over_a_lap, survive_topic},                \
        {"hold chunks by the cursor", prepare_domain, hold_by_the_cursor, survive_topic},          \
        {"read a topic's history", leave_a_topic, read_history, survive_topic},                    \
        {"read history faithfully", leave_a_full_topic, read_history_faithfully, survive_topic}, { \
        "unlink a topic", leave_a_topic, unlink_topic, survive_topic                               \
    }
