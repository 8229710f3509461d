/* topic_order.c: all subscribers see all messages in one order, each once and whole: several
 * publishers and subscribers as processes, messages of all sizes. */
#include "process/topic.h"

enum { MIB = 1024 * 1024 };

/* Of message n: mostly small, sometimes some MiB; any residue. */
static size_t size_of(uint64_t writer, uint64_t n, size_t largest) {
    uint64_t random = (writer + 1) * 7919 + n * 104729 + 12345;
    next_random(&random);
    uint64_t kind = next_random(&random) % 64;
    if (kind < 40) return next_random(&random) % 80;
    if (kind < 60) return next_random(&random) % (largest / 100 + 1);
    return next_random(&random) % (largest + 1);
}

/* Publisher's node number to writer; the first message of each says who it is. */
struct known {
    uint64_t node, next;
};

ROLE(writes) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    uint64_t writer = (uint64_t)atoi(arguments[0]), count = (uint64_t)atoi(arguments[1]);
    size_t largest = (size_t)atoi(arguments[2]);
    uint64_t id;
    char *bytes = malloc(largest + 16);
    spg_publisher *publisher = publish_as(&options);
    CHECK_OK(spg_node_id(NULL, &id));
    *counter(10 + (int)writer) = (int64_t)(id & SPG__PUBLISHER_MASK);
    for (uint64_t n = 0; n < count; n++) {
        size_t size = size_of(writer, n, largest);
        if (n % 2) {
            CHECK_OK(message_send(publisher, size, writer, n, MILLISECONDS(60000)));
        } else {
            message_fill(bytes, size, writer, n);
            CHECK_OK(spg_publisher_send(publisher, bytes, size, MILLISECONDS(60000)));
        }
    }
    free(bytes);
    CHECK_OK(spg_publisher_close(publisher));
}

static uint64_t writer_of(uint64_t node, uint64_t writers) {
    for (uint64_t i = 0; i < writers; i++) {
        if ((uint64_t)*counter(10 + (int)i) == node) return i;
    }
    FAIL("node %llx is no writer", (unsigned long long)node);
}

/* Keeps up to `hold` messages at a time, and looks at each again before it is given back. */
ROLE(reads) {
    uint64_t writers = (uint64_t)atoi(arguments[1]), count = (uint64_t)atoi(arguments[2]);
    size_t largest = (size_t)atoi(arguments[3]);
    uint64_t next[8] = {0}, order = 0, kept_writer[8], kept_n[8];
    spg_message kept[8];
    uint64_t hold = (uint64_t)atoi(arguments[4]);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    ++*counter(1);
    for (uint64_t i = 0; i < writers * count + hold; i++) {
        uint64_t at = i % hold;
        if (i >= hold) {
            CHECK(message_is(kept[at].data, kept[at].size, kept_writer[at], kept_n[at]));
            CHECK_OK(spg_subscriber_release(subscriber, &kept[at]));
        }
        if (i >= writers * count) continue;
        CHECK_OK(spg_subscriber_receive(subscriber, &kept[at], MILLISECONDS(60000)));
        uint64_t writer = writer_of(kept[at].publisher, writers);
        kept_writer[at] = writer;
        kept_n[at] = next[writer]++;
        CHECK_INT(size_of(writer, kept_n[at], largest), kept[at].size);
        CHECK(message_is(kept[at].data, kept[at].size, writer, kept_n[at]));
        CHECK_INT(i + 1, kept[at].sequence);
        CHECK_INT(0, kept[at].lost);
        CHECK_INT(0, kept[at].time);
        order = order * 31 + writer;
    }
    for (uint64_t i = 0; i < writers; i++) CHECK_INT(count, next[i]);
    *counter(20 + atoi(arguments[0])) = (int64_t)order;
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void check_order(int writers, int readers, const char *count, const char *largest,
                        const spg_topic_options *options) {
    struct role *roles[16];
    char number[16], of[16];
    static const char *const holds[] = {"1", "8", "3", "5"};
    spg_publisher *publisher = publish_as(options);
    snprintf(of, sizeof of, "%d", writers);
    for (int i = 0; i < readers; i++) {
        snprintf(number, sizeof number, "%d", i);
        roles[i] = role_start("reads", number, of, count, largest, holds[i % 4]);
    }
    while (*counter(1) < readers) nap_ms(1);
    for (int i = 0; i < writers; i++) {
        snprintf(number, sizeof number, "%d", i);
        roles[readers + i] = role_start("writes", number, count, largest);
    }
    for (int i = 0; i < writers + readers; i++) ROLE_ENDS_WELL(roles[i]);
    for (int i = 1; i < readers; i++) CHECK_INT(*counter(20), *counter(20 + i));
    topic_is_clean(1, 0);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(one_declared_publisher_and_one_subscriber) {
    spg_topic_options options = small_topic(256, 16 * MIB);
    spg_publisher *publisher = publish_as(&options);
    CHECK_OK(spg_publisher_close(publisher));
    options.publishers = 2; /* ours, and the one that publishes */
    check_order(1, 1, "3000", "100000", &options);
}
TEST(four_publishers_and_four_subscribers) {
    spg_topic_options options = small_topic(64, 2 * MIB);
    check_order(4, 4, "2000", "20000", &options);
}
TEST(messages_of_several_mebibytes) {
    spg_topic_options options = small_topic(64, 64 * MIB);
    check_order(2, 3, "150", "3000000", &options);
}
TEST(the_smallest_ring_and_little_memory) {
    spg_topic_options options = small_topic(4, 65536);
    check_order(3, 2, "1000", "2000", &options);
}
TEST(large_slots_keep_large_messages_in_line) {
    spg_topic_options options = small_topic(32, 65536);
    options.slot_size = 4096;
    check_order(2, 2, "2000", "6000", &options);
}

/* With one row there is nobody to claim against. */
ROLE(writes_alone) {
    spg_topic_options options = small_topic(16, 65536);
    options.publishers = 1;
    spg_publisher *publisher = publish_as(&options), *other = NULL;
    CHECK_RESULT(SPG_EFULL, spg_publisher_open(&other, NULL, topic_name(), NULL));
    while (*counter(1) < 2) nap_ms(1);
    for (uint64_t n = 0; n < 20000; n++)
        CHECK_OK(message_send(publisher, 16 + n % 90, 3, n, MILLISECONDS(60000)));
    step_reach(2);
    for (;;) pause();
}
ROLE(reads_alone) {
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    ++*counter(1);
    for (uint64_t n = 0; n < 20000; n++) message_receive(subscriber, 16 + n % 90, 3, n);
    CHECK_OK(spg_subscriber_close(subscriber));
}
TEST(a_single_publisher_and_its_successor_after_its_death) {
    struct role *writer = role_start("writes_alone");
    struct role *readers[2] = {role_start("reads_alone"), role_start("reads_alone")};
    for (int i = 0; i < 2; i++) ROLE_ENDS_WELL(readers[i]);
    step_await(2);
    struct image image;
    image_open(&image);
    uint64_t sequence = image_claim(&image, 0);
    role_kill(writer);
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 3);
    CHECK_OK(message_send(publisher, 70, 4, 0, SPG_NOWAIT));
    CHECK_INT(sequence + 1, image_word(image.bytes + 256) - 1);
    message_receive(subscriber, 16 + 19998 % 90, 3, 19998);
    message_receive(subscriber, 16 + 19999 % 90, 3, 19999);
    message_receive(subscriber, 70, 4, 0);
    image_close(&image);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}
