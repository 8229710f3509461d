/* members.c: what is told of those who take part in a channel: what they hold and since when, and
 * who sleeps. */
#include "harness/harness.h"

enum { LARGE = 3000 };

/* ---- looking --------------------------------------------------------------------------------- */

struct search {
    uint32_t role;
    spg_member found;
    int count;
};

static int note(void *context, const spg_member *member) {
    struct search *search = context;
    if (member->role != search->role) return 0;
    search->found = *member;
    search->count++;
    return 0;
}

/* The only member of that role. */
static spg_member member_of(const char *channel, uint32_t role) {
    struct search search = {.role = role};
    spg_channel_facts facts = {.struct_size = sizeof facts};
    CHECK_OK(spg_channel_stat(NULL, channel, &facts, note, &search));
    CHECK_INT(1, search.count);
    return search.found;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* A moment of this test, give or take what a coarse clock is behind. */
static void check_recent(uint64_t moment, uint64_t began) {
    CHECK(moment + (uint64_t)MILLISECONDS(50) >= began);
    CHECK(moment <= now());
}

static void nap(void) {
    nanosleep(&(struct timespec){0, 2 * 1000 * 1000}, NULL);
}

/* Until it sleeps, or is awake again. */
static void await_sleep(const char *channel, uint32_t role, uint64_t began) {
    spg_member member;
    while ((member = member_of(channel, role)).asleep == 0) nap();
    check_recent(member.asleep, began);
}

/* ---- what they hold -------------------------------------------------------------------------- */

static spg_subscriber *subscribe(uint32_t policy) {
    spg_subscriber *subscriber;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = policy;
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, "t", &options));
    return subscriber;
}

static void check_holds(uint32_t policy) {
    char bytes[LARGE] = "";
    spg_message messages[3];
    spg_publisher *publisher;
    CHECK_OK(spg_publisher_open(&publisher, NULL, "t", NULL));
    spg_subscriber *subscriber = subscribe(policy);
    CHECK_INT(0, member_of("topic:t", SPG_ROLE_SUBSCRIBER).held_since);
    uint64_t began = now();
    for (int i = 0; i < 3; i++) {
        CHECK_OK(spg_publisher_send(publisher, bytes, i == 1 ? 8 : LARGE, SPG_NOWAIT));
        CHECK_OK(spg_subscriber_receive(subscriber, &messages[i], SPG_NOWAIT));
    }
    spg_member member = member_of("topic:t", SPG_ROLE_SUBSCRIBER);
    CHECK_INT(2, member.held); /* the small one is a copy */
    CHECK(member.held_bytes >= 2 * LARGE);
    CHECK_INT(1, member.held_oldest);
    check_recent(member.held_since, began);
    CHECK_OK(spg_subscriber_release(subscriber, &messages[0]));
    CHECK_INT(3, member_of("topic:t", SPG_ROLE_SUBSCRIBER).held_oldest);
    for (int i = 1; i < 3; i++) CHECK_OK(spg_subscriber_release(subscriber, &messages[i]));
    CHECK_INT(0, member_of("topic:t", SPG_ROLE_SUBSCRIBER).held);
    CHECK_INT(0, member_of("topic:t", SPG_ROLE_SUBSCRIBER).held_since);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(what_a_subscriber_that_may_lose_holds_is_told) {
    check_holds(SPG_MAY_LOSE);
}
TEST(what_a_subscriber_that_must_not_lose_holds_is_told) {
    check_holds(SPG_MUST_NOT_LOSE);
}

TEST(since_when_a_job_is_in_hand_is_told) {
    spg_queue *queue;
    spg_job job;
    uint64_t began = now();
    CHECK_OK(spg_queue_open(&queue, NULL, "q", NULL));
    CHECK_OK(spg_queue_push(queue, "job", 3, SPG_NOWAIT));
    CHECK_INT(0, member_of("queue:q", SPG_ROLE_QUEUE).held_since);
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    spg_member member = member_of("queue:q", SPG_ROLE_QUEUE);
    CHECK_INT(1, member.held);
    check_recent(member.held_since, began);
    CHECK_OK(spg_queue_done(queue, &job));
    CHECK_INT(0, member_of("queue:q", SPG_ROLE_QUEUE).held_since);
    CHECK_OK(spg_queue_close(queue));
}

/* ---- what they did --------------------------------------------------------------------------- */

enum { RING = 4 };

static spg_publisher *publish(void) {
    spg_publisher *publisher;
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.slots = RING;
    CHECK_OK(spg_publisher_open(&publisher, NULL, "t", &options));
    return publisher;
}

static void overrun(spg_publisher *publisher, spg_subscriber *subscriber) {
    spg_message message;
    for (int i = 0; i < 2 * RING; i++)
        CHECK_OK(spg_publisher_send(publisher, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_release(subscriber, &message));
}

TEST(what_members_of_a_topic_did_is_told) {
    uint64_t began = now();
    spg_publisher *publisher = publish();
    spg_subscriber *subscriber = subscribe(SPG_MAY_LOSE);
    overrun(publisher, subscriber);
    spg_member sender = member_of("topic:t", SPG_ROLE_PUBLISHER);
    spg_member receiver = member_of("topic:t", SPG_ROLE_SUBSCRIBER);
    CHECK_INT(2 * RING, sender.sent);
    check_recent(sender.since, began);
    CHECK_INT(1, receiver.received);
    CHECK_INT(0, receiver.must_not_lose);
    CHECK(receiver.lost >= RING && receiver.lost < 2 * RING);
    CHECK_INT(2 * RING - 1 - (int)receiver.lost, receiver.behind);
    check_recent(receiver.since, began);
    CHECK_OK(spg_subscriber_close(subscriber));
    subscriber = subscribe(SPG_MUST_NOT_LOSE);
    CHECK_INT(1, member_of("topic:t", SPG_ROLE_SUBSCRIBER).must_not_lose);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

ROLE(member_with_figures) {
    char bytes[LARGE] = "";
    spg_message message;
    spg_subscriber *subscriber = subscribe(SPG_MAY_LOSE);
    spg_publisher *publisher = publish();
    overrun(publisher, subscriber);
    while (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) == 0)
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    CHECK_OK(spg_publisher_send(publisher, bytes, sizeof bytes, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    step_reach(1);
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_FOREVER));
}

ROLE(publisher_that_sleeps) {
    spg_publisher *publisher = publish();
    for (;;) CHECK_OK(spg_publisher_send(publisher, "x", 1, SPG_FOREVER));
}

/* Its row is that of one that died asleep. */
TEST(who_comes_after_a_dead_subscriber_begins_with_nothing) {
    spg_publisher *publisher = publish();
    uint64_t began = now();
    struct role *dead = role_start("member_with_figures");
    step_await(1);
    await_sleep("topic:t", SPG_ROLE_SUBSCRIBER, began);
    role_kill(dead);
    began = now();
    spg_subscriber *subscriber = subscribe(SPG_MUST_NOT_LOSE);
    spg_member member = member_of("topic:t", SPG_ROLE_SUBSCRIBER);
    CHECK_INT(0, member.received + member.lost + member.asleep + member.held + member.held_since);
    CHECK_INT(1, member.must_not_lose);
    check_recent(member.since, began);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(who_comes_after_a_dead_publisher_begins_with_nothing) {
    spg_publisher *publisher = publish();
    spg_subscriber *subscriber = subscribe(SPG_MUST_NOT_LOSE);
    CHECK_OK(spg_publisher_close(publisher));
    uint64_t began = now();
    struct role *dead = role_start("publisher_that_sleeps");
    struct search search = {.role = SPG_ROLE_PUBLISHER};
    spg_channel_facts facts = {.struct_size = sizeof facts};
    while (search.found.asleep == 0) {
        CHECK_OK(spg_channel_stat(NULL, "topic:t", &facts, note, &search));
        nap();
    }
    CHECK_INT(RING, search.found.sent);
    CHECK(search.found.since + (uint64_t)MILLISECONDS(50) >= began);
    role_kill(dead);
    began = now();
    publisher = publish();
    spg_member member = member_of("topic:t", SPG_ROLE_PUBLISHER);
    CHECK_INT(0, member.sent + member.asleep);
    check_recent(member.since, began);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- who sleeps ------------------------------------------------------------------------------ */

ROLE(subscriber_that_waits) {
    spg_message message;
    spg_subscriber *subscriber = subscribe(SPG_MAY_LOSE);
    step_reach(1);
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_FOREVER));
    step_reach(2);
    for (;;) pause();
}

TEST(a_subscriber_that_sleeps_is_told_until_it_is_woken) {
    spg_publisher *publisher;
    CHECK_OK(spg_publisher_open(&publisher, NULL, "t", NULL));
    uint64_t began = now();
    struct role *role = role_start("subscriber_that_waits");
    step_await(1);
    await_sleep("topic:t", SPG_ROLE_SUBSCRIBER, began);
    CHECK_OK(spg_publisher_send(publisher, "x", 1, SPG_NOWAIT));
    step_await(2);
    CHECK_INT(0, member_of("topic:t", SPG_ROLE_SUBSCRIBER).asleep);
    role_kill(role);
    CHECK_OK(spg_publisher_close(publisher));
}

ROLE(publisher_without_room) {
    spg_publisher *publisher;
    CHECK_OK(spg_publisher_open(&publisher, NULL, "t", NULL));
    step_reach(1);
    for (;;) CHECK_OK(spg_publisher_send(publisher, "x", 1, SPG_FOREVER));
}

TEST(a_publisher_that_waits_for_room_is_told) {
    spg_publisher *first;
    CHECK_OK(spg_publisher_open(&first, NULL, "t", NULL));
    spg_subscriber *subscriber = subscribe(SPG_MUST_NOT_LOSE);
    CHECK_OK(spg_publisher_close(first));
    uint64_t began = now();
    struct role *role = role_start("publisher_without_room");
    step_await(1);
    await_sleep("topic:t", SPG_ROLE_PUBLISHER, began);
    role_kill(role);
    CHECK_OK(spg_subscriber_close(subscriber));
}

ROLE(reader_that_waits) {
    spg_stream *stream;
    char byte;
    CHECK_OK(spg_stream_open(&stream, NULL, "s", SPG_STREAM_READER, NULL));
    step_reach(1);
    CHECK_INT(1, spg_stream_read(stream, &byte, 1, SPG_FOREVER));
}

TEST(a_reader_that_sleeps_is_told) {
    spg_stream *stream;
    CHECK_OK(spg_stream_open(&stream, NULL, "s", SPG_STREAM_WRITER, NULL));
    uint64_t began = now();
    struct role *role = role_start("reader_that_waits");
    step_await(1);
    await_sleep("stream:s", SPG_ROLE_READER, began);
    CHECK_INT(1, spg_stream_write(stream, "x", 1, SPG_NOWAIT));
    ROLE_ENDS_WELL(role);
    CHECK_OK(spg_stream_close(stream));
}

/* In a wait set all its receivers are said to sleep. */
ROLE(server_in_a_wait_set) {
    spg_waitset *set;
    spg_server *server;
    void *tag;
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_server_open(&server, NULL, "v", NULL));
    CHECK_OK(spg_waitset_add(set, spg_server_waitable(server), server));
    step_reach(1);
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
}

TEST(who_sleeps_in_a_wait_set_is_told) {
    spg_client *client;
    uint64_t began = now();
    CHECK_OK(spg_client_open(&client, NULL, "v", NULL));
    struct role *role = role_start("server_in_a_wait_set");
    step_await(1);
    await_sleep("service:v", SPG_ROLE_SERVER, began);
    role_kill(role);
    CHECK_OK(spg_client_close(client));
}
