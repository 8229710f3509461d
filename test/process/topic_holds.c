/* topic_holds.c: what a subscriber has received stays as it is until it is released, however far
 * publishers go on; and history for those who come late. */
#include "process/topic.h"

enum { SLOTS = 16, BUDGET = 65536, LAPS = 40, LARGE = 3000 };

static spg_publisher *open_writer(void) {
    spg_topic_options options = small_topic(SLOTS, BUDGET);
    return publish_as(&options);
}

static void check_message(const spg_message *message, size_t size, uint64_t writer, uint64_t n) {
    CHECK_INT(size, message->size);
    if (!message_is(message->data, message->size, writer, n))
        FAIL("message %llu was overwritten while it was held", (unsigned long long)n);
}

/* Many laps of messages that nobody need read, large ones among them; never waits. */
static void run_laps(spg_publisher *publisher, uint64_t writer) {
    for (uint64_t n = 0; n < LAPS * SLOTS; n++)
        CHECK_OK(message_send(publisher, n % 3 ? LARGE : 40, writer, n, SPG_NOWAIT));
}

/* ---- one holder ------------------------------------------------------------------------------ */

static void hold_while_others_publish(size_t size, uint32_t policy, uint32_t history) {
    spg_message held, message;
    spg_publisher *publisher = open_writer();
    if (history) CHECK_OK(message_send(publisher, size, 1, 0, SPG_NOWAIT));
    spg_subscriber *subscriber = subscribe_as(policy, history);
    if (!history) CHECK_OK(message_send(publisher, size, 1, 0, SPG_NOWAIT));
    message_expect(subscriber, &held, size, 1, 0);
    CHECK_INT(0, (uintptr_t)held.data % (size > 48 ? 64 : 8));
    for (uint64_t n = 0; n < LAPS * SLOTS; n++) {
        size_t other = n % 3 ? LARGE : 40;
        CHECK_OK(message_send(publisher, other, 2, n, SPG_NOWAIT));
        if (policy == SPG_MUST_NOT_LOSE) message_receive(subscriber, other, 2, n);
        check_message(&held, size, 1, 0);
    }
    CHECK_OK(spg_subscriber_release(subscriber, &held));
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_release(subscriber, &held));
    while (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) == 0)
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    topic_is_clean(1, 1);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_held_message_in_line_stays) {
    hold_while_others_publish(48, SPG_MAY_LOSE, 0);
    hold_while_others_publish(48, SPG_MUST_NOT_LOSE, 0);
}
TEST(a_held_chunk_stays_with_who_may_lose) {
    hold_while_others_publish(LARGE, SPG_MAY_LOSE, 0);
}
TEST(a_held_chunk_stays_with_who_must_not_lose) {
    hold_while_others_publish(LARGE, SPG_MUST_NOT_LOSE, 0);
}
TEST(a_held_chunk_of_history_stays) {
    hold_while_others_publish(LARGE, SPG_MAY_LOSE, 5);
    hold_while_others_publish(LARGE, SPG_MUST_NOT_LOSE, 5);
}
TEST(an_empty_message_has_data_and_may_be_held) {
    hold_while_others_publish(0, SPG_MAY_LOSE, 0);
}

/* ---- the place of a message that was read ---------------------------------------------------- */

static void *publish_and_read(spg_publisher *publisher, spg_subscriber *subscriber, size_t size) {
    void *place;
    CHECK_OK(spg_publisher_loan(publisher, size, &place, SPG_NOWAIT));
    message_fill(place, size, 1, 0);
    CHECK_OK(spg_publisher_publish(publisher, place, size, SPG_NOWAIT));
    message_receive(subscriber, size, 1, 0);
    return place;
}

TEST(a_large_message_takes_the_place_of_a_read_one_unless_most_of_it_would_be_empty) {
    enum { MIB = 1 << 20 };
    spg_topic_options options = small_topic(SLOTS, 8 * MIB);
    options.history = 0;
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    void *first = publish_and_read(publisher, subscriber, MIB);
    CHECK(publish_and_read(publisher, subscriber, MIB) == first);
    CHECK(publish_and_read(publisher, subscriber, MIB / 2) != first);
    topic_is_clean(1, 1);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- several --------------------------------------------------------------------------------- */

TEST(each_of_several_holders_keeps_its_messages_in_any_order_of_release) {
    enum { READERS = 3, HELD = 8 };
    spg_subscriber *subscribers[READERS];
    spg_message held[READERS][HELD], message;
    spg_publisher *publisher = open_writer();
    uint64_t random = 4711;
    for (int i = 0; i < READERS; i++) subscribers[i] = subscribe_as(SPG_MAY_LOSE, 0);
    for (uint64_t n = 0; n < HELD; n++) {
        CHECK_OK(message_send(publisher, 1000, 1, n, SPG_NOWAIT));
        for (int i = 0; i < READERS; i++) message_expect(subscribers[i], &held[i][n], 1000, 1, n);
    }
    for (int i = 0; i < READERS; i++)
        CHECK_RESULT(SPG_EFULL, spg_subscriber_receive(subscribers[i], &message, SPG_NOWAIT));
    run_laps(publisher, 2);
    for (int left = READERS * HELD; left > 0; left--) {
        int which = (int)(next_random(&random) % (READERS * HELD));
        while (!held[which / HELD][which % HELD].data) which = (which + 1) % (READERS * HELD);
        spg_message *one = &held[which / HELD][which % HELD];
        check_message(one, 1000, 1, (uint64_t)which % HELD);
        CHECK_OK(spg_subscriber_release(subscribers[which / HELD], one));
        one->data = NULL;
        CHECK_OK(message_send(publisher, 900, 3, (uint64_t)left, SPG_NOWAIT));
    }
    topic_is_clean(1, READERS);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    for (int i = 0; i < READERS; i++) CHECK_OK(spg_subscriber_close(subscribers[i]));
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- holders that die ------------------------------------------------------------------------ */

ROLE(holds_for_good) {
    spg_message message;
    spg_subscriber *subscriber = subscribe_as((uint32_t)atoi(arguments[0]), 0);
    step_reach(1);
    for (uint64_t n = 0; n < 3; n++) message_expect(subscriber, &message, LARGE, 1, n);
    step_reach(2);
    for (;;) pause();
}

static void a_holder_dies(const char *policy) {
    spg_message held;
    spg_publisher *publisher = open_writer();
    spg_subscriber *forgetful = subscribe_as(SPG_MAY_LOSE, 0);
    struct role *holder = role_start("holds_for_good", policy);
    step_await(1);
    for (uint64_t n = 0; n < 3; n++) CHECK_OK(message_send(publisher, LARGE, 1, n, SPG_NOWAIT));
    step_await(2);
    message_expect(forgetful, &held, LARGE, 1, 0);
    role_kill(holder);
    for (uint64_t n = 0; n < LAPS * SLOTS; n++)
        CHECK_OK(message_send(publisher, LARGE, 2, n, MILLISECONDS(1000)));
    check_message(&held, LARGE, 1, 0);
    CHECK_OK(spg_subscriber_release(forgetful, &held));
    CHECK_OK(spg_subscriber_close(forgetful));
    topic_is_clean(1, 0);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    CHECK_OK(spg_publisher_close(publisher));
}
TEST(what_a_dead_holder_held_is_free_again) {
    a_holder_dies("0");
}
TEST(a_dead_holder_that_must_not_lose_holds_up_nobody) {
    a_holder_dies("1");
}

/* ---- never releases -------------------------------------------------------------------------- */

/* All of the memory is held: who must publish waits, and goes on when one lets go. */
TEST(memory_that_is_held_is_waited_for) {
    spg_message held[8];
    spg_topic_options options = small_topic(SLOTS, 8000);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    for (uint64_t n = 0; n < 2; n++) {
        CHECK_OK(message_send(publisher, LARGE, 1, n, SPG_NOWAIT));
        message_expect(subscriber, &held[n], LARGE, 1, n);
    }
    CHECK_RESULT(SPG_EAGAIN, message_send(publisher, LARGE, 1, 2, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, message_send(publisher, LARGE, 1, 2, MILLISECONDS(40)));
    CHECK_OK(message_send(publisher, 48, 1, 2, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_release(subscriber, &held[0]));
    CHECK_OK(message_send(publisher, LARGE, 1, 3, SPG_NOWAIT));
    check_message(&held[1], LARGE, 1, 1);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(message_send(publisher, LARGE, 1, 4, SPG_NOWAIT));
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- history --------------------------------------------------------------------------------- */

ROLE(publishes_and_dies) {
    spg_topic_options options = small_topic(SLOTS, BUDGET);
    options.history = 10;
    options.keep = (uint32_t)atoi(arguments[0]);
    spg_publisher *publisher = publish_as(&options);
    for (uint64_t n = 0; n < 20; n++)
        CHECK_OK(message_send(publisher, n % 2 ? 20 : LARGE, 7, n, SPG_NOWAIT));
    if (atoi(arguments[1])) raise(SIGKILL);
    CHECK_OK(spg_publisher_close(publisher));
}

static void read_history(uint32_t policy, uint32_t history, uint64_t count) {
    spg_message message;
    spg_subscriber *subscriber = subscribe_as(policy, history);
    for (uint64_t n = 20 - count; n < 20; n++)
        message_receive(subscriber, n % 2 ? 20 : LARGE, 7, n);
    CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void read_all_histories(void) {
    spg_publisher *publisher = publish_as(NULL);
    for (uint32_t policy = 0; policy < 2; policy++) {
        read_history(policy, 0, 0);
        read_history(policy, 1, 1);
        read_history(policy, 9, 9);
        read_history(policy, SLOTS, SLOTS);
        read_history(policy, 1000, SLOTS);
        read_history(policy, SPG_ALL_HISTORY, SLOTS);
    }
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(history_outlives_its_publisher_s_death) {
    CHECK_INT(-SIGKILL, role_wait(role_start("publishes_and_dies", "0", "1")));
    read_all_histories();
    CHECK_RESULT(SPG_ENOENT, spg_topic_unlink(NULL, topic_name()));
}
TEST(history_of_a_kept_topic_outlives_everybody) {
    ROLE_ENDS_WELL(role_start("publishes_and_dies", "1", "0"));
    read_all_histories();
    read_all_histories();
    CHECK_OK(spg_topic_unlink(NULL, topic_name()));
}
TEST(a_topic_that_is_not_kept_ends_with_its_last_member) {
    spg_subscriber *subscriber = NULL;
    ROLE_ENDS_WELL(role_start("publishes_and_dies", "0", "0"));
    CHECK_RESULT(SPG_ENOENT, spg_subscriber_open(&subscriber, NULL, topic_name(), NULL));
}

/* What the topic keeps for late joiners stays while there is other memory to be had. */
TEST(as_much_history_is_kept_as_was_asked_for) {
    spg_topic_options options = small_topic(SLOTS, BUDGET);
    options.history = 5;
    spg_publisher *publisher = publish_as(&options);
    for (uint64_t n = 0; n < 100; n++) CHECK_OK(message_send(publisher, 6000, 1, n, SPG_NOWAIT));
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 5);
    for (uint64_t n = 95; n < 100; n++) message_receive(subscriber, 6000, 1, n);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- joining at full speed ------------------------------------------------------------------- */

ROLE(publishes_until_told) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    uint64_t writer = (uint64_t)atoi(arguments[0]), random = writer + 31;
    spg_publisher *publisher = publish_as(&options);
    step_reach(1);
    for (uint64_t n = 0; !*counter(5); n++) {
        size_t size = 16 + next_random(&random) % (next_random(&random) % 2 ? 32 : 4000);
        CHECK_OK(message_send(publisher, size, writer, n, MILLISECONDS(60000)));
    }
    CHECK_OK(spg_publisher_close(publisher));
}

/* From its first message on it misses none: also not of the history it asked for. */
static void join_and_follow(uint32_t history, int count) {
    uint64_t next[2] = {0}, sequence = 0;
    bool known[2] = {false};
    spg_message message;
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, history);
    for (int i = 0; i < count; i++) {
        CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(10000)));
        struct stamp stamp = message_stamp(&message);
        CHECK(stamp.writer < 2);
        if (i > 0) CHECK_INT(sequence + 1, message.sequence);
        if (known[stamp.writer]) CHECK_INT(next[stamp.writer], stamp.n);
        CHECK_INT(0, message.lost);
        sequence = message.sequence;
        known[stamp.writer] = true;
        next[stamp.writer] = stamp.n + 1;
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void follow_many_times(uint64_t budget) {
    spg_topic_options options = small_topic(64, budget);
    spg_publisher *publisher = publish_as(&options);
    struct role *writers[2] = {role_start("publishes_until_told", "0"),
                               role_start("publishes_until_told", "1")};
    step_await(1);
    for (int i = 0; i < 1500; i++)
        join_and_follow(i % 4 ? (uint32_t)i % 70 : SPG_ALL_HISTORY, 30 + i % 60);
    *counter(5) = 1;
    for (int i = 0; i < 2; i++) ROLE_ENDS_WELL(writers[i]);
    topic_is_clean(1, 0);
    CHECK_OK(spg_publisher_close(publisher));
}
TEST(who_joins_with_history_at_full_speed_has_no_gap) {
    follow_many_times(1 << 20);
}
TEST(who_joins_with_history_while_memory_is_short_has_no_gap) {
    follow_many_times(40000);
}
