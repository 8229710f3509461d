/* herd_topic.h: publishers and subscribers. */
#ifndef TEST_STORM_HERD_TOPIC_H
#define TEST_STORM_HERD_TOPIC_H

#include "storm.h"

static spg_topic_options topic_options(void) {
    spg_topic_options options = small_topic(64, 512 * 1024);
    options.publishers = 24;
    options.subscribers = 48;
    return options;
}

static spg_publisher *open_publisher(void) {
    spg_publisher *publisher;
    spg_topic_options options = topic_options();
    SUCCEEDS(spg_publisher_open(&publisher, NULL, topic_name(), &options));
    return publisher;
}

static spg_subscriber *open_subscriber(uint32_t policy, uint32_t history) {
    spg_subscriber *subscriber;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = policy;
    options.history = history;
    options.timeout = SPG_FOREVER;
    SUCCEEDS(spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    return subscriber;
}

static size_t message_size(void) {
    uint64_t kind = chance(16);
    if (kind < 9) return 16 + chance(32);
    return kind < 15 ? 64 + chance(4000) : 4000 + chance(30000);
}

static void publish_one(spg_publisher *publisher, size_t size, uint32_t n) {
    void *data;
    CHECK_OK(spg_publisher_loan(publisher, size, &data, MILLISECONDS(PATIENCE_MS)));
    message_fill(data, size, self.life, n);
    if (is_mortal() && chance(64) == 0) { /* changes its mind */
        CHECK_OK(spg_publisher_discard(publisher, data));
        CHECK_OK(spg_publisher_loan(publisher, size, &data, MILLISECONDS(PATIENCE_MS)));
        message_fill(data, size, self.life, n);
    }
    linger();
    storm->attempted[self.life] = n + 1;
    CHECK_OK(spg_publisher_publish(publisher, data, size, MILLISECONDS(PATIENCE_MS)));
    storm->committed[self.life] = n + 1;
}

static void be_publisher(void) {
    spg_publisher *publisher = open_publisher();
    is_ready();
    for (uint32_t n = 0; goes_on(); n++) {
        if (is_mortal() && chance(256) == 0) stop_in_the_middle(&storm->is_over);
        publish_one(publisher, message_size(), n);
        step();
        if (n % 8 == 0) nap_us(200);
        if (!is_mortal() && storm->phase >= STOP) {
            CHECK_OK(message_send(publisher, 16, MARK, storm->epoch, MILLISECONDS(PATIENCE_MS)));
            park(STOP);
        }
    }
    CHECK_OK(spg_publisher_close(publisher));
}

/* Subscribes with either policy, holds up to eight messages, and leaves again. */
static void read_a_while(void) {
    spg_message held[8];
    int out = 0;
    uint32_t history = chance(3) ? (uint32_t)chance(80) : 0;
    spg_subscriber *subscriber = open_subscriber((uint32_t)chance(2), history);
    for (uint64_t i = chance(1000); i > 0; i--) {
        if (out == 8 || (out > 0 && chance(2))) {
            uint64_t which = chance((uint64_t)out);
            message_stamp(&held[which]);
            CHECK_OK(spg_subscriber_release(subscriber, &held[which]));
            held[which] = held[--out];
        }
        int result = spg_subscriber_receive(subscriber, &held[out], MILLISECONDS(20));
        if (result == SPG_ETIMEDOUT) continue;
        CHECK_OK(result);
        message_stamp(&held[out++]);
        if (chance(100) == 0) nap_ms(1);
    }
    for (int i = 0; i < out; i++) message_stamp(&held[i]);
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void be_subscriber(void) {
    for (;;) read_a_while();
}

/* ---- survivors ------------------------------------------------------------------------------- */

/* What a publisher's calls returned for has come, and nothing that it did not try. */
static void compare_with_what_was_published(const uint32_t *expected) {
    for (uint32_t life = 0; life < storm->next_life; life++) {
        if (life >= SURVIVORS && life < storm->first_life) life = storm->first_life;
        if (expected[life] < storm->committed[life] || expected[life] > storm->attempted[life])
            FAIL("life %u: %u messages came, %u were tried, %u committed", life, expected[life],
                 storm->attempted[life], storm->committed[life]);
    }
}

static void be_faithful(void) {
    static uint32_t expected[LIVES_MAX];
    spg_message message;
    spg_subscriber *subscriber = open_subscriber(SPG_MUST_NOT_LOSE, 0);
    is_ready();
    while (goes_on()) {
        int result = spg_subscriber_receive(subscriber, &message, MILLISECONDS(100));
        if (result == SPG_ETIMEDOUT) continue;
        CHECK_OK(result);
        struct stamp stamp = message_stamp(&message);
        CHECK_INT(0, message.lost);
        CHECK_OK(spg_subscriber_release(subscriber, &message));
        storm->seen[0]++;
        count(MESSAGES, 1);
        step();
        if (stamp.writer == MARK) {
            CHECK_INT(storm->epoch, stamp.n);
            compare_with_what_was_published(expected);
            park(STOP);
            continue;
        }
        CHECK(stamp.writer < LIVES_MAX);
        if (stamp.n != expected[stamp.writer])
            FAIL("life %llu: message %llu comes where %u should", (unsigned long long)stamp.writer,
                 (unsigned long long)stamp.n, expected[stamp.writer]);
        expected[stamp.writer]++;
    }
    CHECK_OK(spg_subscriber_close(subscriber));
}

static bool take_forgetfully(spg_subscriber *subscriber, uint64_t *sequence) {
    spg_message message;
    int result = spg_subscriber_receive(subscriber, &message, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return false;
    CHECK_OK(result);
    struct stamp stamp = message_stamp(&message);
    CHECK(message.sequence > *sequence + message.lost);
    *sequence = message.sequence;
    storm->seen[1]++;
    storm->lost += message.lost;
    count(MISSED, message.lost);
    CHECK_OK(spg_subscriber_release(subscriber, &message));
    step();
    if (stamp.writer == MARK) park(STOP);
    return true;
}

/* Sleeps in a wait set, naps now and then so that it misses something, and is told how much. */
static void be_forgetful(void) {
    void *tag;
    uint64_t sequence = 0;
    spg_waitset *set;
    spg_subscriber *subscriber = open_subscriber(SPG_MAY_LOSE, 0);
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, spg_subscriber_waitable(subscriber), &sequence));
    is_ready();
    while (goes_on()) {
        int result = spg_waitset_wait(set, &tag, 1, MILLISECONDS(100));
        if (result == SPG_ETIMEDOUT) continue;
        CHECK_INT(1, result);
        CHECK(tag == &sequence);
        while (take_forgetfully(subscriber, &sequence)) {
            if (chance(500) == 0) nap_ms((int)chance(30));
        }
    }
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_subscriber_close(subscriber));
}

#endif
