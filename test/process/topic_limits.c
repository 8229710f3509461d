/* topic_limits.c: what is too much, too little or wrong is an error that says so; nothing is spoilt
 * by it. */
#include <sys/statvfs.h>

#include "process/topic.h"

/* ---- backpressure ---------------------------------------------------------------------------- */

TEST(a_full_ring_is_an_error_or_a_wait) {
    spg_topic_options options = small_topic(8, 4096);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    void *data;
    for (uint64_t n = 0; n < 8; n++) CHECK_OK(message_send(publisher, 20, 1, n, SPG_NOWAIT));
    int64_t begin = now_ns();
    CHECK_RESULT(SPG_EAGAIN, spg_publisher_send(publisher, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_publisher_send(publisher, "x", 1, MILLISECONDS(60)));
    CHECK(now_ns() - begin >= MILLISECONDS(60));
    /* A loan that finds no place is still ours. */
    CHECK_OK(spg_publisher_loan(publisher, 100, &data, SPG_NOWAIT));
    message_fill(data, 100, 1, 8);
    CHECK_RESULT(SPG_EAGAIN, spg_publisher_publish(publisher, data, 100, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_publisher_publish(publisher, data, 100, MILLISECONDS(5)));
    message_receive(subscriber, 20, 1, 0);
    CHECK_OK(spg_publisher_publish(publisher, data, 100, MILLISECONDS(1000)));
    CHECK_RESULT(SPG_EINVAL, spg_publisher_publish(publisher, data, 100, SPG_NOWAIT));
    for (uint64_t n = 1; n < 8; n++) message_receive(subscriber, 20, 1, n);
    message_receive(subscriber, 100, 1, 8);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

ROLE(reads_slowly) {
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    step_reach(1);
    for (uint64_t n = 0; n < 40; n++) {
        if (n % 8 == 0) nap_ms(10);
        message_receive(subscriber, 20, 1, n);
    }
    CHECK_OK(spg_subscriber_close(subscriber));
}
TEST(a_publisher_that_sleeps_goes_on_when_there_is_room) {
    spg_topic_options options = small_topic(8, 4096);
    spg_publisher *publisher = publish_as(&options);
    struct role *reader = role_start("reads_slowly");
    step_await(1);
    for (uint64_t n = 0; n < 40; n++) CHECK_OK(message_send(publisher, 20, 1, n, SPG_FOREVER));
    ROLE_ENDS_WELL(reader);
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(memory_that_must_not_be_lost_is_waited_for) {
    spg_topic_options options = small_topic(64, 4096);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    for (uint64_t n = 0; n < 4; n++) CHECK_OK(message_send(publisher, 1000, 1, n, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, message_send(publisher, 1000, 1, 4, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, message_send(publisher, 1000, 1, 4, MILLISECONDS(30)));
    CHECK_OK(message_send(publisher, 30, 1, 4, SPG_NOWAIT));
    message_receive(subscriber, 1000, 1, 0);
    CHECK_OK(message_send(publisher, 1000, 1, 5, SPG_NOWAIT));
    for (uint64_t n = 1; n < 6; n++) message_receive(subscriber, n == 4 ? 30 : 1000, 1, n);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(loans_are_as_many_as_promised_and_none_is_lent_twice) {
    spg_topic_options options = small_topic(64, 65536);
    spg_publisher *publisher = publish_as(&options);
    void *data[SPG_TOPIC_LOANS_MAX], *more;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SPG_TOPIC_LOANS_MAX; i++) {
            size_t size = i % 2 ? 1000 : 20;
            CHECK_OK(spg_publisher_loan(publisher, size, &data[i], SPG_NOWAIT));
            CHECK_INT(0, (uintptr_t)data[i] % 64);
            message_fill(data[i], size, 9, (uint64_t)i);
        }
        CHECK_RESULT(SPG_EFULL, spg_publisher_loan(publisher, 1, &more, SPG_NOWAIT));
        for (int i = 0; i < SPG_TOPIC_LOANS_MAX; i++) {
            CHECK(message_is(data[i], i % 2 ? 1000 : 20, 9, (uint64_t)i));
            CHECK_RESULT(SPG_EINVAL, spg_publisher_publish(publisher, data[i], 1089, SPG_NOWAIT));
            if (i % 3) CHECK_OK(spg_publisher_discard(publisher, data[i]));
            else CHECK_OK(spg_publisher_publish(publisher, data[i], 10, SPG_NOWAIT));
            CHECK_RESULT(SPG_EINVAL, spg_publisher_discard(publisher, data[i]));
        }
    }
    CHECK_RESULT(SPG_EINVAL, spg_publisher_discard(publisher, NULL));
    CHECK_OK(spg_publisher_loan(publisher, 5000, &more, SPG_NOWAIT));
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- sizes ----------------------------------------------------------------------------------- */

TEST(a_payload_larger_than_the_budget_is_refused) {
    spg_topic_options options = small_topic(8, 10000);
    spg_publisher *publisher = publish_as(&options);
    static char bytes[20000];
    CHECK_RESULT(SPG_ETOOBIG, spg_publisher_send(publisher, bytes, 10050, SPG_FOREVER));
    CHECK_RESULT(SPG_ETOOBIG, spg_publisher_send(publisher, bytes, SIZE_MAX, SPG_FOREVER));
    CHECK_RESULT(SPG_ETOOBIG, spg_publisher_send(publisher, bytes, SIZE_MAX - 62, SPG_FOREVER));
    for (int i = 0; i < 20; i++) CHECK_OK(spg_publisher_send(publisher, bytes, 10000, SPG_NOWAIT));
    CHECK_OK(spg_publisher_close(publisher));
    options.budget = 0;
    publisher = publish_as(&options);
    CHECK_OK(spg_publisher_send(publisher, bytes, 48, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETOOBIG, spg_publisher_send(publisher, bytes, 49, SPG_NOWAIT));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_budget_larger_than_the_file_system_is_refused) {
    struct statvfs room;
    spg_publisher *publisher = NULL;
    CHECK_INT(0, statvfs("/dev/shm", &room));
    spg_topic_options options = small_topic(8, (uint64_t)room.f_blocks * room.f_frsize + (1 << 20));
    int expected = options.budget > SIZE_MAX ? SPG_ETOOBIG : SPG_ENOSPC;
    CHECK_RESULT(expected, spg_publisher_open(&publisher, NULL, topic_name(), &options));
    options.budget = UINT64_C(1) << 47;
    CHECK_RESULT(SPG_ETOOBIG, spg_publisher_open(&publisher, NULL, topic_name(), &options));
    options.budget = UINT64_MAX;
    CHECK_RESULT(SPG_ETOOBIG, spg_publisher_open(&publisher, NULL, topic_name(), &options));
    CHECK_RESULT(SPG_ENOENT, spg_topic_unlink(NULL, topic_name()));
}

TEST(a_default_topic_is_small) {
    struct stat status;
    spg_publisher *publisher = publish_as(NULL);
    CHECK_INT(0, stat(topic_path(), &status));
    CHECK(status.st_size <= 128 * 1024);
    CHECK(status.st_blocks * 512 <= 128 * 1024);
    CHECK_INT(0600, status.st_mode & 0777);
    CHECK_OK(spg_publisher_close(publisher));
}

/* ---- options --------------------------------------------------------------------------------- */

static void refuses(spg_topic_options options) {
    spg_publisher *publisher = NULL;
    CHECK_RESULT(SPG_EINVAL, spg_publisher_open(&publisher, NULL, topic_name(), &options));
    CHECK(publisher == NULL);
}

#define REFUSES(member, value)                                                                     \
    do {                                                                                           \
        spg_topic_options options_ = SPG_TOPIC_OPTIONS;                                            \
        options_.member = value;                                                                   \
        refuses(options_);                                                                         \
    } while (0)

TEST(options_out_of_range_are_refused) {
    char text[70];
    memset(text, 'x', sizeof text);
    text[64] = '\0';
    REFUSES(struct_size, 3);
    REFUSES(mode, 0700);
    REFUSES(slots, 3);
    REFUSES(slots, SPG_TOPIC_SLOTS_MAX + 1);
    REFUSES(slot_size, 32);
    REFUSES(slot_size, 96);
    REFUSES(slot_size, 8192);
    REFUSES(publishers, 0);
    REFUSES(publishers, 256);
    REFUSES(subscribers, 0);
    REFUSES(subscribers, 1025);
    REFUSES(holds, 0);
    REFUSES(holds, 1001);
    REFUSES(timed, 2);
    REFUSES(keep, 7);
    REFUSES(zero, 1);
    REFUSES(type, text);
}

TEST(subscriber_options_out_of_range_are_refused) {
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = NULL;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = 2;
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    options = (spg_subscriber_options)SPG_SUBSCRIBER_OPTIONS;
    options.read_only = 1;
    options.policy = SPG_MUST_NOT_LOSE;
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    options = (spg_subscriber_options)SPG_SUBSCRIBER_OPTIONS;
    options.timeout = -5;
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    options.struct_size = 1;
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    options = (spg_subscriber_options)SPG_SUBSCRIBER_OPTIONS;
    options.zero = 1;
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    CHECK_RESULT(SPG_EINVAL, spg_subscriber_open(NULL, NULL, topic_name(), NULL));
    CHECK_RESULT(SPG_EINVAL, spg_publisher_open(NULL, NULL, topic_name(), NULL));
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_RESULT(SPG_EINVAL, spg_publisher_close(publisher));
    CHECK_OK(spg_publisher_close(NULL));
    CHECK_OK(spg_subscriber_close(NULL));
}

TEST(the_largest_options_work) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.slots = 1 << 16;
    options.slot_size = SPG_TOPIC_SLOT_MAX;
    options.publishers = SPG_TOPIC_PUBLISHERS_MAX;
    options.subscribers = SPG_TOPIC_SUBSCRIBERS_MAX;
    options.holds = 1000;
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    CHECK_OK(message_send(publisher, 4080, 1, 0, SPG_NOWAIT));
    CHECK_OK(message_send(publisher, 4081, 1, 1, SPG_NOWAIT));
    message_receive(subscriber, 4080, 1, 0);
    message_receive(subscriber, 4081, 1, 1);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(as_many_members_as_declared) {
    enum { SUBSCRIBERS = 70, PUBLISHERS = 20 };
    spg_topic_options options = small_topic(8, 4096);
    spg_publisher *publishers[PUBLISHERS], *publisher = NULL;
    spg_subscriber *subscribers[SUBSCRIBERS], *subscriber = NULL;
    options.subscribers = SUBSCRIBERS;
    options.publishers = PUBLISHERS;
    for (int i = 0; i < PUBLISHERS; i++) publishers[i] = publish_as(&options);
    for (uint32_t i = 0; i < SUBSCRIBERS; i++) subscribers[i] = subscribe_as(i % 2, 0);
    CHECK_RESULT(SPG_EFULL, spg_publisher_open(&publisher, NULL, topic_name(), NULL));
    CHECK_DETAIL("20 publishers");
    CHECK_RESULT(SPG_EFULL, spg_subscriber_open(&subscriber, NULL, topic_name(), NULL));
    CHECK_DETAIL("70 subscribers");
    for (uint64_t n = 0; n < 100; n++) {
        CHECK_OK(message_send(publishers[n % PUBLISHERS], n % 60, 1, n, SPG_NOWAIT));
        for (int i = 0; i < SUBSCRIBERS; i++) message_receive(subscribers[i], n % 60, 1, n);
    }
    for (int i = 0; i < PUBLISHERS; i++) CHECK_OK(spg_publisher_close(publishers[i]));
    for (int i = 0; i < SUBSCRIBERS; i++) CHECK_OK(spg_subscriber_close(subscribers[i]));
}

/* ---- types ----------------------------------------------------------------------------------- */

TEST(another_type_size_or_kind_is_an_error_that_names_both) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_subscriber_options wanted = SPG_SUBSCRIBER_OPTIONS;
    spg_publisher *other = NULL;
    spg_subscriber *subscriber = NULL;
    uint32_t size = 0;
    options.type = "pose";
    options.type_size = 24;
    options.schema = "x y z: f64";
    spg_publisher *publisher = publish_as(&options);
    options.type = "point";
    CHECK_RESULT(SPG_ETYPE, spg_publisher_open(&other, NULL, topic_name(), &options));
    CHECK_DETAIL("pose");
    CHECK_DETAIL("point");
    wanted.type_size = 25;
    CHECK_RESULT(SPG_ETYPE, spg_subscriber_open(&subscriber, NULL, topic_name(), &wanted));
    CHECK_DETAIL("24");
    CHECK_DETAIL("25");
    wanted.type_size = 24;
    wanted.type = "pose";
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, topic_name(), &wanted));
    CHECK(strcmp(spg_subscriber_type(subscriber, &size), "pose") == 0 && size == 24);
    CHECK(strcmp(spg_subscriber_schema(subscriber), "x y z: f64") == 0);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_file_of_another_kind_is_refused) {
    char stream_path[320];
    spg_stream *stream;
    spg_publisher *publisher = NULL;
    CHECK_OK(spg_stream_open(&stream, NULL, topic_name(), SPG_STREAM_WRITER, NULL));
    publisher = publish_as(NULL); /* another kind, another thing */
    CHECK_OK(spg_publisher_close(publisher));
    snprintf(stream_path, sizeof stream_path, "%s/test%%2Ftopic.stream", getenv("SAMEPAGE_DOMAIN"));
    CHECK_INT(0, rename(stream_path, topic_path()));
    CHECK_RESULT(SPG_ETYPE, spg_publisher_open(&publisher, NULL, topic_name(), NULL));
    CHECK_OK(spg_topic_unlink(NULL, topic_name()));
    CHECK_OK(spg_stream_close(stream));
}

TEST(a_schema_of_any_length_up_to_the_longest) {
    static char schema[SPG_SCHEMA_MAX + 2];
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher = NULL;
    memset(schema, 's', sizeof schema - 1);
    options.schema = schema;
    CHECK_RESULT(SPG_EINVAL, spg_publisher_open(&publisher, NULL, topic_name(), &options));
    static const size_t lengths[] = {SPG_SCHEMA_MAX, 1, 7, 8, 9, 1000};
    for (int i = 0; i < 6; i++) {
        schema[lengths[i]] = '\0';
        publisher = publish_as(&options);
        spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
        CHECK(strcmp(spg_subscriber_schema(subscriber), schema) == 0);
        CHECK_OK(message_send(publisher, 100, 1, 1, SPG_NOWAIT));
        message_receive(subscriber, 100, 1, 1);
        CHECK_OK(spg_subscriber_close(subscriber));
        CHECK_OK(spg_publisher_close(publisher));
        schema[lengths[i]] = 's';
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

static int try_name(const char *name) {
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    spg_message message;
    int result = spg_publisher_open(&publisher, NULL, name, NULL);
    if (result < 0) return result;
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, name, NULL));
    CHECK_OK(spg_publisher_send(publisher, name, strlen(name), SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    CHECK(message.size == strlen(name) && memcmp(message.data, name, message.size) == 0);
    CHECK_OK(spg_subscriber_close(subscriber));
    return spg_publisher_close(publisher);
}

TEST(names_with_slashes_and_unicode_work_and_odd_ones_are_refused) {
    char name[302];
    CHECK_OK(try_name("a/b/c"));
    CHECK_OK(try_name("a/../../../etc"));
    CHECK_OK(try_name("Größe/日本/😀"));
    memset(name, 'n', sizeof name);
    name[200] = '\0';
    CHECK_OK(try_name(name));
    name[200] = 'n';
    name[300] = '\0';
    CHECK_RESULT(SPG_EINVAL, try_name(name));
    memset(name, '/', 200);
    name[0] = 'a';
    name[200] = '\0';
    CHECK_RESULT(SPG_EINVAL, try_name(name));
    static const char *const odd[] = {"", "..", "../x", "/x", ".x", "a b", "a\nb", "a%2Fb"};
    for (int i = 0; i < 8; i++) CHECK_RESULT(SPG_EINVAL, try_name(odd[i]));
    CHECK_RESULT(SPG_EINVAL, spg_topic_unlink(NULL, ".."));
    CHECK_RESULT(SPG_EINVAL, spg_topic_unlink(NULL, NULL));
}
