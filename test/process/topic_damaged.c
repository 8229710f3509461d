/* topic_damaged.c: any byte of a topic's file may be anything: calls give an error, or work, or
 * wait as long as they were told to; nobody dies of it and nobody hangs. */
#include "process/topic.h"

enum { SLOTS = 8, BUDGET = 2048, WAIT_MS = 1 };

static spg_publisher *publisher;
static spg_subscriber *readers[3]; /* may lose, must not, only reads */
static spg_message held[3];
static bool is_held[3];

static spg_topic_options damaged_options(void) {
    spg_topic_options options = small_topic(SLOTS, BUDGET);
    options.publishers = 3;
    options.subscribers = 4;
    options.timed = 1;
    options.type = "t";
    options.schema = "a schema";
    return options;
}

static int open_reader(int which) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = which == 1;
    options.read_only = which == 2;
    options.history = 3;
    return spg_subscriber_open(&readers[which], NULL, topic_name(), &options);
}

/* Opened while all is well, with messages in each state. */
static void make_all(void) {
    spg_topic_options options = damaged_options();
    publisher = publish_as(&options);
    for (int i = 0; i < 3; i++) CHECK_OK(open_reader(i));
    for (uint64_t n = 0; n < 3; n++) {
        CHECK_OK(message_send(publisher, n % 2 ? 20 : 300, 1, n, SPG_NOWAIT));
        for (int i = 0; i < 3 && n == 0; i++) {
            message_expect(readers[i], &held[i], 300, 1, n);
            is_held[i] = true;
        }
    }
}

static void read_some(int which, int64_t timeout) {
    spg_message message;
    if (!readers[which]) return;
    for (int n = 0; n < 4; n++) {
        int result = spg_subscriber_receive(readers[which], &message, n ? SPG_NOWAIT : timeout);
        if (result < 0) continue;
        volatile unsigned char sum = 0;
        for (size_t i = 0; i < message.size; i++) sum += ((const unsigned char *)message.data)[i];
        (void)sum; /* that it can be read at all is the test */
        CHECK_OK(spg_subscriber_release(readers[which], &message));
    }
}

static void call_all(void) {
    void *data;
    static char bytes[BUDGET];
    for (int n = 0; n < 6 && publisher; n++) {
        int result = spg_publisher_send(publisher, bytes, n % 2 ? 600 : 20,
                                        n == 5 ? MILLISECONDS(WAIT_MS) : SPG_NOWAIT);
        CHECK(result <= 0);
        if (n == 2 && spg_publisher_loan(publisher, 100, &data, SPG_NOWAIT) == 0) {
            memset(data, 1, 100);
            CHECK(spg_publisher_publish(publisher, data, 100, SPG_NOWAIT) <= 0);
        }
        for (int i = 0; i < 3; i++) read_some(i, n == 5 ? MILLISECONDS(WAIT_MS) : SPG_NOWAIT);
    }
    for (int i = 0; i < 3; i++) {
        if (is_held[i]) CHECK_OK(spg_subscriber_release(readers[i], &held[i]));
    }
}

static void close_all(void) {
    for (int i = 0; i < 3; i++) CHECK_OK(spg_subscriber_close(readers[i]));
    CHECK_OK(spg_publisher_close(publisher));
}

/* As one who comes new to it. */
static void open_damaged(void) {
    spg_topic_options options = damaged_options();
    publisher = NULL;
    memset(readers, 0, sizeof readers);
    memset(is_held, 0, sizeof is_held);
    if (spg_publisher_open(&publisher, NULL, topic_name(), &options) < 0) publisher = NULL;
    for (int i = 0; i < 3; i++) {
        if (open_reader(i) < 0) readers[i] = NULL;
    }
    call_all();
    close_all();
}

static uint64_t damaged(uint64_t word, int how, uint64_t random) {
    switch (how) {
    case 0: return 0;
    case 1: return 1;
    case 2: return word ^ (UINT64_C(0xff) << random % 8 * 8);
    case 3: return random;
    case 4: return word + 1;
    case 5: return word - 1;
    case 6: return UINT64_MAX;
    default: return random >> random % 64;
    }
}

/* One word of the file after the other, each in several ways; `stride` of them at a time. */
static void damage_each(uint64_t begin, uint64_t end, uint64_t stride) {
    uint64_t random = 20261123 + begin;
    for (uint64_t at = begin; at < end; at += stride) {
        for (int how = 0; how < 8; how++) {
            struct image image;
            int64_t since = now_ns();
            make_all();
            image_open(&image);
            char *word = image.bytes + at / 8 * 8;
            image_set(word, damaged(image_word(word), how, next_random(&random)));
            image_close(&image);
            call_all();
            CHECK(spg_check(NULL, NULL, NULL, NULL) >= 0);
            close_all();
            unlink(topic_path());
            if (now_ns() - since > MILLISECONDS(3000))
                FAIL("word %llu, way %d: %lld ms", (unsigned long long)at, how,
                     (long long)(now_ns() - since) / 1000000);
        }
    }
}

static void damage_before_opening(uint64_t begin, uint64_t end, uint64_t stride) {
    uint64_t random = 19700101 + begin;
    for (uint64_t at = begin; at < end; at += stride) {
        for (int how = 0; how < 8; how++) {
            struct image image;
            pid_t pid = harness_fork();
            if (pid == 0) {
                make_all();
                raise(SIGKILL);
            }
            waitpid(pid, NULL, 0);
            image_open(&image);
            char *word = image.bytes + at / 8 * 8;
            image_set(word, damaged(image_word(word), how, next_random(&random)));
            image_close(&image);
            open_damaged();
            unlink(topic_path());
        }
    }
}

/* Where the parts lie, for these options. */
enum { ROWS = 4096, READER_ROWS = ROWS + 3 * 256, BELLS = READER_ROWS + 4 * 128 };
enum { SCHEMA = BELLS + 128, RING = SCHEMA + 128, MAP = RING + SLOTS * 64, MAP_END = MAP + 256 };

TEST(damage_where_the_parts_are_is_damage_to_all_of_them) {
    struct image image;
    make_all();
    image_open(&image);
    CHECK_INT(RING, image.slots_at - image.bytes);
    CHECK_INT(MAP, image.map_at - image.bytes);
    image_close(&image);
    call_all();
    close_all();
}
TEST(a_damaged_head) {
    damage_each(0, 256, 8);
}
TEST(damaged_control_words) {
    damage_each(256, 768, 32);
    damage_each(640, 656, 8);
    damage_each(768, 784, 8);
    damage_each(1024, 1048, 8);
}
TEST(damaged_rows) {
    damage_each(ROWS, ROWS + 128, 8);
    damage_each(READER_ROWS, BELLS, 8);
    damage_each(BELLS, BELLS + 32, 8);
}
TEST(a_damaged_ring) {
    damage_each(RING, MAP, 8);
}
TEST(a_damaged_map) {
    damage_each(MAP, MAP_END, 8);
}
TEST(a_damaged_head_before_it_is_opened) {
    damage_before_opening(0, 256, 8);
}
TEST(damaged_control_words_before_they_are_opened) {
    damage_before_opening(256, 784, 16);
    damage_before_opening(1024, 1048, 8);
    damage_before_opening(2048, 2112, 32);
}
TEST(damaged_rows_before_they_are_opened) {
    damage_before_opening(ROWS, ROWS + 96, 8);
    damage_before_opening(READER_ROWS, READER_ROWS + 256, 8);
}
TEST(a_damaged_ring_and_map_before_they_are_opened) {
    damage_before_opening(RING, MAP, 8);
    damage_before_opening(MAP, MAP_END, 16);
}

TEST(a_file_that_is_cut_short_or_empty_is_refused) {
    spg_publisher *other = NULL;
    spg_topic_options options = damaged_options();
    for (int i = 0; i < 3; i++) {
        options.keep = 1;
        CHECK_OK(spg_publisher_close(publish_as(&options)));
        static const off_t sizes[] = {0, 100, 5000};
        CHECK_INT(0, truncate(topic_path(), sizes[i]));
        int result = spg_publisher_open(&other, NULL, topic_name(), &options);
        CHECK(result == SPG_ETYPE || result == SPG_ECORRUPT);
        result = open_reader(2);
        CHECK(result == SPG_ETYPE || result == SPG_ECORRUPT);
        CHECK_OK(spg_topic_unlink(NULL, topic_name()));
    }
}
