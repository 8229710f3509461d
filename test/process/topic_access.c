/* topic_access.c: who only reads: as another user, without the right to write anything. And many
 * who come at once, and counters near their end. */
#include <poll.h>

#include "process/topic.h"

enum { STRANGER = 65534 };

/* ---- reading as another user ----------------------------------------------------------------- */

static spg_subscriber *look_on(uint32_t history) {
    spg_subscriber *subscriber;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.history = history;
    options.read_only = 1;
    options.timeout = MILLISECONDS(10000);
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    return subscriber;
}

static spg_publisher *publish_for_all(void) {
    spg_topic_options options = small_topic(16, 65536);
    options.mode = 0644;
    spg_publisher *publisher = publish_as(&options);
    CHECK_INT(0, chmod(getenv("SAMEPAGE_DOMAIN"), 0755));
    return publisher;
}

static uint64_t hash_of_topic(void) {
    struct image image;
    uint64_t hash = 0;
    image_open(&image);
    for (uint64_t at = 0; at < image.size; at += 8) hash = hash * 31 + image_word(image.bytes + at);
    image_close(&image);
    return hash;
}

static void become_a_stranger(void) {
    CHECK_INT(0, setgid(STRANGER));
    CHECK_INT(0, setuid(STRANGER));
    CHECK(open(topic_path(), O_RDWR) < 0 && errno == EACCES);
}

/* Reads history, then what is published while it sleeps, then by its descriptor. */
static void read_as_a_stranger(void *argument) {
    spg_message held, message;
    spg_subscriber *refused = NULL;
    if (argument) step_await(1); /* until we may */
    if (argument) become_a_stranger();
    if (argument) CHECK_RESULT(SPG_EPERM, spg_subscriber_open(&refused, NULL, topic_name(), NULL));
    spg_subscriber *subscriber = look_on(4);
    for (uint64_t n = 0; n < 4; n++) message_receive(subscriber, n % 2 ? 2000 : 20, 1, n);
    CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_subscriber_receive(subscriber, &message, MILLISECONDS(5)));
    step_reach(2);
    message_receive(subscriber, 20, 1, 4);
    message_expect(subscriber, &held, 2000, 1, 5);
    step_reach(3);
    int fd = spg_subscriber_fd(subscriber);
    CHECK(fd >= 0);
    for (uint64_t n = 6; n < 10;) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        CHECK_INT(1, poll(&wanted, 1, 10000));
        if (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) == SPG_EAGAIN) continue;
        CHECK(message_is(message.data, message.size, 1, n++));
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
    step_reach(4);
    step_await(5);
    CHECK(message_is(held.data, held.size, 1, 5));
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK(message.lost > 0);
    CHECK(message_is(message.data, message.size, 2, message.sequence - 11));
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void publish_for(struct role *reader) {
    spg_publisher *publisher = publish_for_all();
    for (uint64_t n = 0; n < 4; n++)
        CHECK_OK(message_send(publisher, n % 2 ? 2000 : 20, 1, n, SPG_NOWAIT));
    step_reach(1);
    step_await(2);
    nap_ms(20);
    for (uint64_t n = 4; n < 6; n++)
        CHECK_OK(message_send(publisher, n % 2 ? 2000 : 20, 1, n, SPG_NOWAIT));
    step_await(3);
    uint64_t hash = hash_of_topic();
    nap_ms(20);
    CHECK(hash == hash_of_topic());
    for (uint64_t n = 6; n < 10; n++) {
        nap_ms(5);
        CHECK_OK(message_send(publisher, n % 2 ? 2000 : 20, 1, n, SPG_NOWAIT));
    }
    step_await(4);
    /* It holds up nobody. */
    for (uint64_t n = 0; n < 500; n++)
        CHECK_OK(message_send(publisher, n % 3 ? 20 : 3000, 2, n, SPG_NOWAIT));
    step_reach(5);
    ROLE_ENDS_WELL(reader);
    topic_is_clean(1, 0);
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(who_only_reads_receives_wakes_and_delays_nobody) {
    publish_for(role_fork(read_as_a_stranger, NULL));
}
TEST(who_only_reads_may_be_another_user) {
    if (geteuid() != 0) SKIP("only root can become another user");
    publish_for(role_fork(read_as_a_stranger, (void *)1));
}

/* What it counts is exact, whatever it misses; it reads while others overwrite. */
ROLE(overwrites) {
    spg_publisher *publisher = publish_for_all();
    step_reach(1);
    step_await(2);
    uint64_t random = 5;
    for (uint64_t n = 0; n < 60000; n++) {
        size_t size = 16 + next_random(&random) % (n % 3 ? 32 : 3000);
        CHECK_OK(message_send(publisher, size, 1, n, MILLISECONDS(1000)));
    }
    step_reach(3);
    step_await(4);
    CHECK_OK(spg_publisher_close(publisher));
}
TEST(who_only_reads_sees_nothing_torn_and_counts_exactly) {
    struct role *writer = role_start("overwrites");
    spg_message message;
    uint64_t seen = 0, lost = 0, random = 3;
    step_await(1);
    spg_subscriber *subscriber = look_on(0);
    step_reach(2);
    while (seen + lost < 60000) {
        CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(10000)));
        struct stamp stamp = message_stamp(&message);
        seen++;
        lost += message.lost;
        CHECK_INT(stamp.n + 1, seen + lost);
        CHECK_OK(spg_subscriber_release(subscriber, &message));
        if (next_random(&random) % 1000 == 0) nap_ms(1);
    }
    step_reach(4);
    ROLE_ENDS_WELL(writer);
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* ---- many at once ---------------------------------------------------------------------------- */

/* So many processes wait with long naps, or they would do nothing else. */
static void await_calmly(int64_t step) {
    while (*counter(0) < step) nap_ms(20);
}

static void open_at_once(void *argument) {
    enum { SUBSCRIBERS = 4 };
    spg_topic_options options = small_topic(256, 65536);
    spg_subscriber *subscribers[SUBSCRIBERS];
    options.publishers = 255;
    options.subscribers = 1024;
    ++*counter(1);
    await_calmly(1);
    spg_publisher *publisher = publish_as(&options);
    for (uint32_t i = 0; i < SUBSCRIBERS; i++) subscribers[i] = subscribe_as(i % 2, 0);
    ++*counter(2);
    await_calmly(2);
    CHECK_OK(message_send(publisher, 40, (uintptr_t)argument, 0, MILLISECONDS(60000)));
    for (int i = 0; i < SUBSCRIBERS; i++) CHECK_OK(spg_subscriber_close(subscribers[i]));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_thousand_opens_at_the_same_instant) {
    enum { PROCESSES = 200 }; /* five opens each */
    pid_t pids[PROCESSES];
    int status;
    for (uintptr_t i = 0; i < PROCESSES; i++) {
        pids[i] = harness_fork();
        if (pids[i] != 0) continue;
        open_at_once((void *)i);
        fflush(NULL);
        _exit(0);
    }
    while (*counter(1) < PROCESSES) nap_ms(1);
    step_reach(1);
    while (*counter(2) < PROCESSES) nap_ms(1);
    struct audit audit = topic_audit();
    CHECK_INT(PROCESSES, audit.publishers);
    CHECK_INT(4 * PROCESSES, audit.subscribers);
    step_reach(2);
    for (int i = 0; i < PROCESSES; i++)
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    CHECK_RESULT(SPG_ENOENT, spg_topic_unlink(NULL, topic_name()));
}

/* ---- counters near their end ----------------------------------------------------------------- */

/* A topic that nobody has open, as if it had begun with this sequence. */
static void begin_with(uint64_t first) {
    struct image image;
    spg_topic_options options = small_topic(16, 65536);
    options.keep = 1;
    CHECK_OK(spg_publisher_close(publish_as(&options)));
    image_open(&image);
    image_set(image.bytes + 64 + 48, first);
    image_set(image.bytes + 256, first);
    for (uint64_t sequence = first; sequence < first + 16; sequence++)
        image_set(image_slot(&image, sequence), (sequence - 16) << 10 | 2 << 8);
    image_close(&image);
}

static void publish_across(uint64_t first, uint64_t count) {
    spg_message held;
    begin_with(first);
    spg_publisher *publishers[2] = {publish_as(NULL), publish_as(NULL)};
    spg_subscriber *faithful = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    spg_subscriber *holder = subscribe_as(SPG_MAY_LOSE, 0);
    CHECK_OK(message_send(publishers[0], 1000, 1, 0, SPG_NOWAIT));
    message_expect(holder, &held, 1000, 1, 0);
    message_receive(faithful, 1000, 1, 0);
    CHECK_INT(1, held.sequence);
    for (uint64_t n = 1; n < count; n++) {
        CHECK_OK(message_send(publishers[n % 2], n % 3 ? 1000 : 20, 1, n, SPG_NOWAIT));
        message_receive(faithful, n % 3 ? 1000 : 20, 1, n);
    }
    CHECK(message_is(held.data, held.size, 1, 0));
    CHECK_OK(spg_subscriber_release(holder, &held));
    topic_is_clean(2, 2);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    for (int i = 0; i < 2; i++) CHECK_OK(spg_publisher_close(publishers[i]));
    CHECK_OK(spg_subscriber_close(faithful));
    CHECK_OK(spg_subscriber_close(holder));
    CHECK_OK(spg_topic_unlink(NULL, topic_name()));
}

TEST(nothing_happens_where_some_counter_wraps) {
    static const int bits[] = {22, 31, 32, 41, 42, 43, 48, 53};
    for (int i = 0; i < 8; i++) publish_across((UINT64_C(1) << bits[i]) - 30, 100);
}

TEST(the_order_has_an_end_that_is_an_error) {
    uint64_t n = 0;
    int result;
    begin_with((UINT64_C(1) << 54) - 40);
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    while ((result = message_send(publisher, n % 2 ? 20 : 500, 1, n, MILLISECONDS(100))) == 0) {
        message_receive(subscriber, n % 2 ? 20 : 500, 1, n);
        n++;
    }
    CHECK_RESULT(SPG_EFULL, result);
    CHECK(n >= 38 && n <= 40);
    CHECK_RESULT(SPG_EFULL, message_send(publisher, 20, 1, n, SPG_FOREVER));
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_topic_unlink(NULL, topic_name()));
}
