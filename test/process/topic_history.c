/* topic_history.c: with what those begin who come late, and what their coming leaves to the others.
 * A ring has eight slots here, and memory for two chunks. */
#include "process/topic.h"

enum { SLOTS = 8, SMALL = 20, CHUNK = 56, BUDGET = 128 };

static spg_publisher *publish(void) {
    spg_topic_options options = small_topic(SLOTS, BUDGET);
    options.history = 0;
    return publish_as(&options);
}

static void send_all(spg_publisher *publisher, size_t size, uint64_t from, uint64_t end) {
    for (uint64_t n = from; n < end; n++) CHECK_OK(message_send(publisher, size, 1, n, SPG_NOWAIT));
}

TEST(a_full_ring_that_nobody_may_overwrite_is_all_history) {
    spg_publisher *publisher = publish();
    spg_subscriber *first = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    send_all(publisher, SMALL, 0, SLOTS);
    CHECK_RESULT(SPG_EAGAIN, message_send(publisher, SMALL, 1, SLOTS, SPG_NOWAIT));
    spg_subscriber *late = subscribe_as(SPG_MUST_NOT_LOSE, SPG_ALL_HISTORY);
    for (uint64_t n = 0; n < SLOTS; n++) message_receive(late, SMALL, 1, n);
    CHECK_OK(spg_subscriber_close(late));
    CHECK_OK(spg_subscriber_close(first));
    CHECK_OK(spg_publisher_close(publisher));
}

/* One that has published may go on without looking who has come; one that has not, has to look. */
TEST(a_publisher_that_has_not_published_takes_no_history) {
    spg_publisher *publisher = publish();
    spg_subscriber *first = subscribe_as(SPG_MAY_LOSE, 0);
    send_all(publisher, SMALL, 0, SLOTS + 1);
    CHECK_OK(spg_publisher_close(publisher));
    publisher = publish();
    spg_subscriber *late = subscribe_as(SPG_MUST_NOT_LOSE, SPG_ALL_HISTORY);
    for (uint64_t n = 1; n <= SLOTS; n++) message_receive(late, SMALL, 1, n);
    CHECK_OK(spg_subscriber_close(late));
    CHECK_OK(spg_subscriber_close(first));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(what_gave_its_memory_up_takes_no_more_history_than_itself) {
    spg_publisher *publisher = publish();
    send_all(publisher, CHUNK, 0, 3);
    spg_subscriber *late = subscribe_as(SPG_MUST_NOT_LOSE, SPG_ALL_HISTORY);
    message_receive(late, CHUNK, 1, 1);
    message_receive(late, CHUNK, 1, 2);
    CHECK_OK(spg_subscriber_close(late));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(who_begins_after_what_is_gone_holds_up_nothing_before) {
    spg_publisher *publisher = publish();
    send_all(publisher, SMALL, 0, 5);
    send_all(publisher, CHUNK, 5, SLOTS); /* for the last one the first of them is given up */
    spg_subscriber *late = subscribe_as(SPG_MUST_NOT_LOSE, SPG_ALL_HISTORY);
    send_all(publisher, SMALL, SLOTS, SLOTS + 6);
    CHECK_RESULT(SPG_EAGAIN, message_send(publisher, SMALL, 1, SLOTS + 6, SPG_NOWAIT));
    for (uint64_t n = 6; n < SLOTS + 6; n++) message_receive(late, n < SLOTS ? CHUNK : SMALL, 1, n);
    CHECK_OK(spg_subscriber_close(late));
    CHECK_OK(spg_publisher_close(publisher));
}

enum { HOT = 256 * 1024 };

/* Large memory is taken back from who has read it last; but not that of the last message. */
TEST(the_last_large_message_stays_while_the_next_is_filled) {
    spg_topic_options options = small_topic(SLOTS, 2 * HOT);
    options.history = 1;
    spg_publisher *publisher = publish_as(&options);
    void *data;
    for (uint64_t n = 0; n < 5; n++) {
        CHECK_OK(message_send(publisher, HOT, 1, n, SPG_NOWAIT));
        CHECK_OK(spg_publisher_loan(publisher, HOT, &data, SPG_NOWAIT));
        spg_subscriber *late = subscribe_as(SPG_MAY_LOSE, 1);
        message_receive(late, HOT, 1, n);
        CHECK_OK(spg_subscriber_close(late));
        CHECK_OK(spg_publisher_discard(publisher, data));
    }
    CHECK_OK(spg_publisher_close(publisher));
}

/* What lies before the chunk that keeps the cursor back is free when it is released: also what was
 * taken in one call with it, and what was published before its reader came. */
TEST(what_was_released_before_a_chunk_in_hand_is_free) {
    enum { COUNT = 3 };
    spg_topic_options options = small_topic(2 * SLOTS, BUDGET);
    options.history = 0;
    spg_publisher *publisher = publish_as(&options);
    spg_message messages[COUNT];
    void *data;
    CHECK_OK(message_send(publisher, SMALL, 1, 0, SPG_NOWAIT));
    CHECK_OK(message_send(publisher, CHUNK, 1, 1, SPG_NOWAIT));
    spg_subscriber *late = subscribe_as(SPG_MUST_NOT_LOSE, 2);
    CHECK_OK(message_send(publisher, CHUNK, 1, 2, SPG_NOWAIT));
    CHECK_INT(COUNT, spg_subscriber_receive_batch(late, messages, COUNT, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_publisher_loan(publisher, CHUNK, &data, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_release(late, &messages[0]));
    CHECK_OK(spg_subscriber_release(late, &messages[1]));
    CHECK_OK(message_send(publisher, CHUNK, 1, 3, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_release(late, &messages[2]));
    CHECK_OK(spg_subscriber_close(late));
    CHECK_OK(spg_publisher_close(publisher));
}
