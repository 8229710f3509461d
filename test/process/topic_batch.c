/* topic_batch.c: several messages at a time. */
#include "process/topic.h"

enum { SLOTS = 16, MOST = 48 };

static char bytes[MOST][400];

static spg_topic_options batch_topic(void) {
    spg_topic_options options = small_topic(SLOTS, 65536);
    options.holds = MOST;
    return options;
}

static spg_publisher *publisher;
static spg_subscriber *subscriber;

static void open_both(const spg_topic_options *options, uint32_t policy) {
    publisher = publish_as(options);
    subscriber = subscribe_as(policy, 0);
}
static void close_both(void) {
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

/* Messages `first` and on of writer 1; every fifth one does not fit in a slot. */
static size_t size_of(uint64_t n) {
    return n % 5 == 4 ? 400 : 16 + n % 4 * 8;
}
static void fill_batch(spg_bytes *batch, uint64_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        size_t size = size_of(first + i);
        message_fill(bytes[i], size, 1, first + i);
        batch[i] = (spg_bytes){bytes[i], size};
    }
}
static int send_batch(uint64_t first, uint32_t count, int64_t timeout) {
    spg_bytes batch[MOST];
    fill_batch(batch, first, count);
    return spg_publisher_send_batch(publisher, batch, count, timeout);
}
static void check_messages(const spg_message *messages, uint64_t first, int count) {
    for (int i = 0; i < count; i++) {
        uint64_t n = first + (uint64_t)i;
        CHECK_INT(size_of(n), messages[i].size);
        CHECK(message_is(messages[i].data, messages[i].size, 1, n));
        CHECK_INT(n + 1, messages[i].sequence);
    }
}

TEST(a_batch_arrives_whole_and_in_order) {
    spg_topic_options options = batch_topic();
    open_both(&options, SPG_MUST_NOT_LOSE);
    spg_message messages[MOST];
    for (uint64_t n = 0; n < 600; n += 12) {
        CHECK_INT(12, send_batch(n, 12, SPG_NOWAIT));
        CHECK_INT(5, spg_subscriber_receive_batch(subscriber, messages, 5, SPG_NOWAIT));
        CHECK_INT(7, spg_subscriber_receive_batch(subscriber, messages + 5, MOST - 5, SPG_NOWAIT));
        check_messages(messages, n, 12);
        CHECK_OK(spg_subscriber_release_batch(subscriber, messages, 12));
        CHECK_RESULT(SPG_EAGAIN,
                     spg_subscriber_receive_batch(subscriber, messages, MOST, SPG_NOWAIT));
    }
    close_both();
}

TEST(a_batch_is_cut_where_there_is_no_room) {
    spg_topic_options options = batch_topic();
    open_both(&options, SPG_MUST_NOT_LOSE);
    spg_message messages[MOST];
    CHECK_INT(SLOTS, send_batch(0, 20, MILLISECONDS(20)));
    CHECK_RESULT(SPG_EAGAIN, send_batch(SLOTS, 4, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, send_batch(SLOTS, 4, MILLISECONDS(20)));
    CHECK_INT(SLOTS, spg_subscriber_receive_batch(subscriber, messages, MOST, SPG_NOWAIT));
    check_messages(messages, 0, SLOTS);
    CHECK_OK(spg_subscriber_release_batch(subscriber, messages, SLOTS));
    CHECK_INT(4, send_batch(SLOTS, 4, SPG_NOWAIT));
    close_both();
}

TEST(what_a_batch_missed_is_told_once) {
    spg_topic_options options = batch_topic();
    open_both(&options, SPG_MAY_LOSE);
    spg_message messages[MOST];
    uint64_t told = 0;
    CHECK_INT(30, send_batch(0, 30, SPG_NOWAIT));
    int count = spg_subscriber_receive_batch(subscriber, messages, MOST, SPG_NOWAIT);
    CHECK(count > 0 && count <= SLOTS);
    for (int i = 0; i < count; i++) told += messages[i].lost;
    CHECK_INT(30 - count, told);
    CHECK_INT(30 - count, messages[0].lost);
    check_messages(messages, 30 - (uint64_t)count, count);
    CHECK_OK(spg_subscriber_release_batch(subscriber, messages, (uint32_t)count));
    close_both();
}

TEST(no_more_are_received_than_may_be_held) {
    spg_topic_options options = batch_topic();
    options.holds = 8;
    open_both(&options, SPG_MUST_NOT_LOSE);
    spg_message messages[MOST];
    CHECK_INT(12, send_batch(0, 12, SPG_NOWAIT));
    CHECK_INT(8, spg_subscriber_receive_batch(subscriber, messages, MOST, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFULL, spg_subscriber_receive_batch(subscriber, messages, MOST, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_release_batch(subscriber, messages, 8));
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_release_batch(subscriber, messages, 8));
    CHECK_INT(4, spg_subscriber_receive_batch(subscriber, messages, MOST, SPG_NOWAIT));
    check_messages(messages, 8, 4);
    close_both();
}

ROLE(sleeper) {
    spg_message messages[MOST];
    uint64_t n = 0;
    (void)arguments;
    subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    step_reach(1);
    while (n < 200) {
        int count = spg_subscriber_receive_batch(subscriber, messages, MOST, MILLISECONDS(20000));
        CHECK(count > 0);
        check_messages(messages, n, count);
        CHECK_OK(spg_subscriber_release_batch(subscriber, messages, (uint32_t)count));
        n += (uint64_t)count;
    }
    CHECK_OK(spg_subscriber_close(subscriber));
}

TEST(a_batch_wakes_who_sleeps) {
    spg_topic_options options = batch_topic();
    publisher = publish_as(&options);
    struct role *sleeper = role_start("sleeper");
    step_await(1);
    for (uint64_t n = 0; n < 200;) {
        nap_ms(2);
        int count = send_batch(n, n + 10 < 200 ? 10 : (uint32_t)(200 - n),
                               MILLISECONDS(20000));
        CHECK(count > 0);
        n += (uint64_t)count;
    }
    CHECK_INT(0, role_wait(sleeper));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_wrong_message_stops_a_batch_and_is_told_next) {
    spg_topic_options options = batch_topic();
    open_both(&options, SPG_MAY_LOSE);
    spg_message message;
    spg_bytes batch[3] = {{"one", 3}, {NULL, 4}, {"three", 5}};
    CHECK_RESULT(SPG_EINVAL, spg_publisher_send_batch(publisher, NULL, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_publisher_send_batch(publisher, batch, 0, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_publisher_send_batch(publisher, batch, 3, -5));
    CHECK_INT(1, spg_publisher_send_batch(publisher, batch, 3, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_publisher_send_batch(publisher, batch + 1, 2, SPG_NOWAIT));
    batch[1] = (spg_bytes){NULL, 0};
    CHECK_INT(2, spg_publisher_send_batch(publisher, batch + 1, 2, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_receive_batch(subscriber, NULL, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_receive_batch(subscriber, &message, 0, SPG_NOWAIT));
    close_both();
}
