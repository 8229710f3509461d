/* topic_waiting.c: sleeping and waking, descriptors, wait sets, time, forks; publishers that are
 * stopped, or die between a message and the wake-up for it. */
#include <poll.h>

#include "channel/subscriber.h"
#include "process/topic.h"

enum { PATIENCE_MS = 10000 };

static int is_readable(int fd, int milliseconds) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int count = poll(&wanted, 1, milliseconds);
    CHECK(count >= 0 && (wanted.revents & ~POLLIN) == 0);
    return count;
}

ROLE(publishes_now_and_then) {
    spg_publisher *publisher = publish_as(NULL);
    uint64_t count = (uint64_t)atoi(arguments[0]);
    step_await(1);
    for (uint64_t n = 0; n < count; n++) {
        nap_ms((int)(n % 4) * 5);
        CHECK_OK(message_send(publisher, n % 2 ? 40 : 4000, 1, n, MILLISECONDS(5000)));
    }
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_receiver_that_sleeps_wakes) {
    struct role *writer = role_start("publishes_now_and_then", "100");
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    spg_message message;
    int64_t begin = now_ns();
    CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_subscriber_receive(subscriber, &message, MILLISECONDS(50)));
    CHECK(now_ns() - begin >= MILLISECONDS(50));
    step_reach(1);
    for (uint64_t n = 0; n < 100; n++) {
        if (n % 4 == 2) { /* three centuries */
            CHECK_OK(spg_subscriber_receive(subscriber, &message, INT64_MAX));
            CHECK_INT(n, message_stamp(&message).n);
            CHECK_OK(spg_subscriber_release(subscriber, &message));
        } else {
            message_receive(subscriber, n % 2 ? 40 : 4000, 1, n);
        }
    }
    ROLE_ENDS_WELL(writer);
    CHECK_OK(spg_subscriber_close(subscriber));
}

TEST(what_is_there_already_is_no_reason_to_spin) {
    spg_topic_options options = small_topic(16, 4096);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    subscriber->waitable.spin_trust = 2;
    for (uint64_t n = 0; n < 8; n++) {
        size_t size = n % 2 ? 200 : 16;
        spg_message message;
        CHECK_OK(message_send(publisher, size, 1, n, SPG_NOWAIT));
        CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_FOREVER));
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
    CHECK_INT(2, subscriber->waitable.spin_trust);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_subscriber_waits_for_its_topic_to_be_made) {
    spg_subscriber *subscriber = NULL;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    CHECK_RESULT(SPG_ENOENT, spg_subscriber_open(&subscriber, NULL, topic_name(), NULL));
    options.timeout = MILLISECONDS(30);
    CHECK_RESULT(SPG_ENOENT, spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    pid_t child = harness_fork();
    if (child == 0) {
        nap_ms(30);
        spg_publisher *publisher = publish_as(NULL);
        step_await(1);
        CHECK_OK(spg_publisher_close(publisher));
        _exit(0);
    }
    options.timeout = MILLISECONDS(PATIENCE_MS);
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    step_reach(1);
    CHECK_OK(spg_subscriber_close(subscriber));
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- descriptors and wait sets --------------------------------------------------------------- */

TEST(a_descriptor_is_readable_when_there_is_a_message) {
    struct role *writer = role_start("publishes_now_and_then", "60");
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    spg_message message;
    int fd = spg_subscriber_fd(subscriber);
    CHECK(fd >= 0);
    CHECK_INT(fd, spg_waitable_fd(spg_subscriber_waitable(subscriber)));
    step_reach(1);
    for (uint64_t n = 0; n < 60;) {
        CHECK_INT(1, is_readable(fd, PATIENCE_MS));
        while (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) == 0) {
            CHECK(message_is(message.data, message.size, 1, n++));
            CHECK_OK(spg_subscriber_release(subscriber, &message));
        }
    }
    ROLE_ENDS_WELL(writer);
    CHECK_OK(spg_subscriber_close(subscriber));
}

TEST(a_descriptor_stays_readable_until_all_is_received) {
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    spg_message message;
    int fd = spg_subscriber_fd(subscriber);
    for (uint64_t n = 0; n < 5; n++) CHECK_OK(message_send(publisher, 20, 1, n, SPG_NOWAIT));
    for (uint64_t n = 0; n < 5; n++) {
        CHECK_INT(1, is_readable(fd, PATIENCE_MS));
        message_receive(subscriber, 20, 1, n);
    }
    CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK_INT(0, is_readable(fd, 0));
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_wait_set_tells_which_topics_have_messages) {
    enum { TOPICS = 5 };
    spg_publisher *publishers[TOPICS];
    spg_subscriber *subscribers[TOPICS];
    spg_waitset *set;
    void *tags[TOPICS];
    char name[32];
    CHECK_OK(spg_waitset_open(&set));
    for (int i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof name, "topic-%d", i);
        CHECK_OK(spg_publisher_open(&publishers[i], NULL, name, NULL));
        CHECK_OK(spg_subscriber_open(&subscribers[i], NULL, name, NULL));
        CHECK_OK(spg_waitset_add(set, spg_subscriber_waitable(subscribers[i]), &subscribers[i]));
    }
    CHECK_RESULT(SPG_EAGAIN, spg_waitset_wait(set, tags, TOPICS, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, tags, TOPICS, MILLISECONDS(30)));
    for (uint64_t n = 0; n < 50; n++) {
        CHECK_OK(message_send(publishers[n * 3 % TOPICS], 30, 1, n, SPG_NOWAIT));
        CHECK_INT(1, spg_waitset_wait(set, tags, TOPICS, MILLISECONDS(PATIENCE_MS)));
        CHECK(tags[0] == &subscribers[n * 3 % TOPICS]);
        message_receive(subscribers[n * 3 % TOPICS], 30, 1, n);
    }
    CHECK_OK(spg_waitset_close(set));
    for (int i = 0; i < TOPICS; i++) {
        CHECK_OK(spg_subscriber_close(subscribers[i]));
        CHECK_OK(spg_publisher_close(publishers[i]));
    }
}

/* ---- deaths and stops ------------------------------------------------------------------------ */

/* Publishes as one that dies between the message and the wake-up: the words alone. */
ROLE(commits_and_dies) {
    struct image image;
    spg_publisher *publisher = publish_as(NULL);
    CHECK_OK(message_send(publisher, 20, 1, 0, SPG_NOWAIT));
    image_open(&image);
    step_reach(1);
    step_await(2);
    nap_ms(150);
    uint32_t row = image_own_row(&image);
    uint64_t sequence = image_claim(&image, row);
    *counter(1) = now_ns();
    image_commit(&image, row, sequence, 4711);
    raise(SIGKILL);
}

static void check_late(int64_t since) {
    int64_t late = now_ns() - since;
    if (late > MILLISECONDS(100)) fprintf(stderr, "    after %lld ms\n", (long long)late / 1000000);
    CHECK(late < MILLISECONDS(1000)); /* 100 are promised; this machine may be busy */
}

TEST(a_message_whose_publisher_died_before_waking_is_received_soon) {
    struct role *writer = role_start("commits_and_dies");
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 1);
    spg_message message;
    step_await(1);
    while (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) == 0)
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    step_reach(2);
    CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(PATIENCE_MS)));
    check_late(*counter(1));
    CHECK(message.size == 8 && *(const uint64_t *)message.data == 4711);
    CHECK_INT(-SIGKILL, role_wait(writer));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* A claim stays open; others publish after it. */
ROLE(claims_and_stays) {
    struct image image;
    spg_publisher *publisher = publish_as(NULL);
    CHECK_OK(message_send(publisher, 20, 1, 0, SPG_NOWAIT));
    image_open(&image);
    uint32_t row = image_own_row(&image);
    uint64_t sequence = image_claim(&image, row);
    step_reach(1);
    step_await(2);
    image_commit(&image, row, sequence, 4711);
    CHECK_OK(message_send(publisher, 20, 1, 1, MILLISECONDS(5000)));
    CHECK_OK(spg_publisher_close(publisher));
}

static pid_t kill_later(struct role *role, int milliseconds) {
    pid_t killer = harness_fork();
    if (killer != 0) return killer;
    nap_ms(milliseconds);
    *counter(1) = now_ns();
    kill(role->pid, SIGKILL);
    _exit(0);
}

static void follow_a_dead_claim(uint32_t read_only) {
    struct role *writer = role_start("claims_and_stays");
    step_await(1);
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.history = 2;
    options.read_only = read_only;
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    message_receive(subscriber, 20, 1, 0);
    CHECK_OK(message_send(publisher, 20, 2, 0, SPG_NOWAIT));
    pid_t killer = kill_later(writer, 300);
    message_receive(subscriber, 20, 2, 0);
    check_late(*counter(1));
    CHECK_INT(-SIGKILL, role_wait(writer));
    waitpid(killer, NULL, 0);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}
TEST(what_comes_after_the_claim_of_one_who_dies_is_received_soon) {
    follow_a_dead_claim(0);
}
TEST(who_only_reads_passes_the_claim_of_one_who_died) {
    follow_a_dead_claim(1);
}

TEST(a_descriptor_tells_of_what_comes_after_a_dead_claim) {
    struct role *writer = role_start("claims_and_stays");
    step_await(1);
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 1);
    spg_message message;
    CHECK_OK(message_send(publisher, 20, 2, 0, SPG_NOWAIT));
    int fd = spg_subscriber_fd(subscriber);
    CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    pid_t killer = kill_later(writer, 50);
    do {
        CHECK_INT(1, is_readable(fd, PATIENCE_MS));
    } while (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) == SPG_EAGAIN);
    CHECK(message_is(message.data, message.size, 2, 0));
    check_late(*counter(1));
    CHECK_INT(-SIGKILL, role_wait(writer));
    waitpid(killer, NULL, 0);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

/* Nothing is taken from one that is only stopped, and nothing is lost. */
TEST(a_publisher_that_is_stopped_with_a_claim_loses_nothing) {
    struct role *writer = role_start("claims_and_stays");
    step_await(1);
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 2);
    spg_message message;
    role_signal(writer, SIGSTOP);
    for (uint64_t n = 0; n < 200; n++) CHECK_OK(message_send(publisher, 20, 2, n, SPG_NOWAIT));
    message_receive(subscriber, 20, 1, 0);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_subscriber_receive(subscriber, &message, MILLISECONDS(300)));
    step_reach(2);
    role_signal(writer, SIGCONT);
    CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(PATIENCE_MS)));
    CHECK(message.size == 8 && *(const uint64_t *)message.data == 4711);
    CHECK_OK(spg_subscriber_release(subscriber, &message));
    for (uint64_t n = 0; n < 200; n++) message_receive(subscriber, 20, 2, n);
    message_receive(subscriber, 20, 1, 1);
    ROLE_ENDS_WELL(writer);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

ROLE(stays_as_reader) {
    subscribe_as(SPG_MUST_NOT_LOSE, 0);
    step_reach(1);
    for (;;) pause();
}
TEST(a_publisher_that_waits_for_a_reader_goes_on_when_that_dies) {
    spg_topic_options options = small_topic(8, 4096);
    spg_publisher *publisher = publish_as(&options);
    struct role *reader = role_start("stays_as_reader");
    step_await(1);
    for (uint64_t n = 0; n < 8; n++) CHECK_OK(message_send(publisher, 20, 1, n, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, message_send(publisher, 20, 1, 8, MILLISECONDS(100)));
    pid_t killer = kill_later(reader, 100);
    CHECK_OK(message_send(publisher, 20, 1, 8, MILLISECONDS(PATIENCE_MS)));
    check_late(*counter(1));
    CHECK_INT(-SIGKILL, role_wait(reader));
    waitpid(killer, NULL, 0);
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- time and forks -------------------------------------------------------------------------- */

TEST(a_timed_message_tells_when_it_was_published) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_message message;
    options.timed = 1;
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    for (uint64_t n = 0; n < 300; n++) {
        size_t size = n % 2 ? n % 41 : 41 + n;
        int64_t before = now_ns();
        CHECK_OK(message_send(publisher, size, 1, n, SPG_NOWAIT));
        int64_t after = now_ns();
        message_expect(subscriber, &message, size, 1, n);
        CHECK(message.time >= before && message.time <= after);
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

struct handles {
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    spg_message *message;
    void *data;
};

static void use_in_child(void *argument) {
    struct handles *handles = argument;
    spg_message message;
    void *data;
    CHECK_RESULT(SPG_EFORKED, spg_publisher_send(handles->publisher, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_publisher_loan(handles->publisher, 1, &data, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED,
                 spg_publisher_publish(handles->publisher, handles->data, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_publisher_discard(handles->publisher, handles->data));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_receive(handles->subscriber, &message, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_release(handles->subscriber, handles->message));
    CHECK_RESULT(SPG_EFORKED, spg_subscriber_fd(handles->subscriber));
    CHECK_OK(spg_publisher_close(handles->publisher));
    CHECK_OK(spg_subscriber_close(handles->subscriber));
    spg_subscriber *own = subscribe_as(SPG_MUST_NOT_LOSE, 1);
    message_receive(own, 2000, 1, 0);
    CHECK_OK(spg_subscriber_close(own));
}

TEST(a_fork_child_has_none_of_its_parent_s_handles) {
    struct handles handles;
    spg_message message;
    handles.publisher = publish_as(NULL);
    handles.subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    handles.message = &message;
    CHECK(spg_subscriber_fd(handles.subscriber) >= 0);
    CHECK_OK(message_send(handles.publisher, 2000, 1, 0, SPG_NOWAIT));
    message_expect(handles.subscriber, &message, 2000, 1, 0);
    CHECK_OK(spg_publisher_loan(handles.publisher, 3000, &handles.data, SPG_NOWAIT));
    ROLE_ENDS_WELL(role_fork(use_in_child, &handles));
    CHECK(message_is(message.data, message.size, 1, 0));
    CHECK_OK(spg_subscriber_release(handles.subscriber, &message));
    message_fill(handles.data, 3000, 1, 1);
    CHECK_OK(spg_publisher_publish(handles.publisher, handles.data, 3000, SPG_NOWAIT));
    CHECK_INT(1, is_readable(spg_subscriber_fd(handles.subscriber), PATIENCE_MS));
    message_receive(handles.subscriber, 3000, 1, 1);
    CHECK_OK(spg_subscriber_close(handles.subscriber));
    topic_is_clean(1, 0);
    CHECK_OK(spg_publisher_close(handles.publisher));
}
