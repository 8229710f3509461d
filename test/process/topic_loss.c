/* topic_loss.c: who may lose is told exactly how much; what a dead publisher did not finish was
 * never there, and is not counted. */
#include "process/topic.h"

struct tally {
    uint64_t seen, lost, last;
};

/* Takes what there is. */
static void drain(spg_subscriber *subscriber, struct tally *tally, int64_t patience) {
    spg_message message;
    int result;
    while ((result = spg_subscriber_receive(subscriber, &message, patience)) == 0) {
        message_stamp(&message);
        CHECK(message.sequence > tally->last + message.lost);
        tally->last = message.sequence;
        tally->seen++;
        tally->lost += message.lost;
        CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
    CHECK(result == SPG_EAGAIN || result == SPG_ETIMEDOUT);
}

static void send_many(spg_publisher *publisher, uint64_t *n, uint64_t count, size_t size) {
    for (uint64_t i = 0; i < count; i++)
        CHECK_OK(message_send(publisher, size, 1, (*n)++, MILLISECONDS(5000)));
}

TEST(the_count_of_what_was_missed_is_exact) {
    spg_topic_options options = small_topic(16, 16384);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    struct tally tally = {0, 0, 0};
    uint64_t n = 0, random = 77;
    for (int round = 0; round < 500; round++) {
        size_t size = round % 3 ? 16 + next_random(&random) % 32 : 64 + next_random(&random) % 3000;
        send_many(publisher, &n, next_random(&random) % 60, size);
        drain(subscriber, &tally, SPG_NOWAIT);
        CHECK_INT(n, tally.seen + tally.lost);
    }
    CHECK(tally.lost > 0 && tally.seen > 0);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
}

TEST(messages_whose_memory_was_taken_back_are_counted) {
    spg_topic_options options = small_topic(64, 8192);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    struct tally tally = {0, 0, 0};
    uint64_t n = 0;
    for (int i = 0; i < 10; i++) {
        send_many(publisher, &n, 1, 16);
        send_many(publisher, &n, 3, 1500);
    }
    drain(subscriber, &tally, SPG_NOWAIT);
    CHECK_INT(40, tally.seen + tally.lost);
    CHECK(tally.lost > 20 && tally.lost <= 27);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* ---- publishers that die in the middle ------------------------------------------------------- */

/* At least three messages, then a claim; counter 3 is how many all published. */
ROLE(dies_in_the_middle) {
    struct image image;
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher = publish_as(&options);
    uint64_t n = 0, writer = (uint64_t)atoi(arguments[0]), sequence;
    image_open(&image);
    do {
        size_t size = n < 3 ? 100 : 16;
        CHECK_OK(message_send(publisher, size, writer, n++, MILLISECONDS(5000)));
        ++*counter(3);
    } while (n < 3 || !image_claims(&image, image_own_row(&image), &sequence));
    step_reach((int64_t)writer);
    for (;;) pause();
}

static void die_in_the_middle(int writer) {
    char text[16];
    snprintf(text, sizeof text, "%d", writer);
    struct role *role = role_start("dies_in_the_middle", text);
    step_await(writer);
    role_kill(role);
    harness_running_count = 0;
}

/* Some claims are found by the
 * subscriber, some by publishers, some lie where the subscriber never gets. */
TEST(what_the_dead_claimed_is_not_counted_as_lost) {
    spg_topic_options options = small_topic(16, 16384);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    spg_subscriber *faithful = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    CHECK_OK(spg_subscriber_close(faithful));
    struct tally tally = {0, 0, 0};
    uint64_t n = 0;
    for (int i = 1; i <= 80; i++) {
        die_in_the_middle(i);
        send_many(publisher, &n, (uint64_t)i * 7 % 41, i % 2 ? 16 : 200);
        if (i % 3) drain(subscriber, &tally, MILLISECONDS(60));
        if (i % 3) CHECK_INT((int64_t)n + *counter(3), tally.seen + tally.lost);
    }
    drain(subscriber, &tally, MILLISECONDS(60));
    CHECK_INT((int64_t)n + *counter(3), tally.seen + tally.lost);
    CHECK(tally.lost > 0);
    struct audit audit = topic_audit();
    CHECK_INT(80, audit.voids);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* A void at every distance behind the end, one of them where the overrun subscriber goes on. */
TEST(where_an_overrun_subscriber_goes_on_may_be_a_void) {
    enum { SLOTS = 16 };
    spg_topic_options options = small_topic(SLOTS, 16384);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    struct tally tally = {0, 0, 0};
    uint64_t n = 0;
    for (int after = 0; after < SLOTS; after++) {
        send_many(publisher, &n, 3 * SLOTS, 16);
        die_in_the_middle(after + 1);
        CHECK_OK(spg_publisher_close(publish_as(&options))); /* who comes recovers */
        send_many(publisher, &n, (uint64_t)after, 16);
        drain(subscriber, &tally, SPG_NOWAIT);
        CHECK_INT((int64_t)n + *counter(3), tally.seen + tally.lost);
    }
    CHECK_INT(SLOTS, topic_audit().voids);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* The claim was open when the subscriber came, below where it began. */
TEST(a_claim_that_was_open_before_the_subscriber_came_is_not_counted) {
    spg_topic_options options = small_topic(16, 16384);
    spg_publisher *publisher = publish_as(&options);
    struct role *role = role_start("dies_in_the_middle", "1");
    struct tally tally = {0, 0, 0};
    uint64_t n = 0;
    step_await(1);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    role_kill(role);
    send_many(publisher, &n, 50, 16);
    drain(subscriber, &tally, SPG_NOWAIT);
    CHECK(tally.lost > 0);
    CHECK_INT(50, tally.seen + tally.lost);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* Who recovered it died between the log and the slot, and others were entered since. */
TEST(a_void_that_was_entered_before_is_not_entered_again) {
    struct image image;
    spg_topic_options options = small_topic(16, 16384);
    spg_publisher *publisher = publish_as(&options);
    struct role *role = role_start("dies_in_the_middle", "1");
    step_await(1);
    role_kill(role);
    image_open(&image);
    uint64_t claimed = image_word(image_publisher(&image, 1) + 8);
    CHECK_INT(claimed << 10 | 1, image_word(image_slot(&image, claimed)));
    image_set(image.bytes + 1032, claimed);
    image_set(image.bytes + 1040, image.first - 1);
    image_set(image.bytes + 1024, 2);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    CHECK_INT(2, image_word(image.bytes + 1024));
    topic_is_clean(1, 1);
    image_close(&image);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* It stays a claim for as long as its publisher lives; nobody goes past it. */
TEST(nobody_goes_past_a_claim_while_its_publisher_lives) {
    spg_topic_options options = small_topic(16, 16384);
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *forgetful = subscribe_as(SPG_MAY_LOSE, 0);
    struct role *role = role_start("dies_in_the_middle", "1");
    struct tally tally = {0, 0, 0};
    uint64_t n = 0;
    step_await(1);
    int64_t before = *counter(3);
    drain(forgetful, &tally, SPG_NOWAIT);
    send_many(publisher, &n, 15, 16);
    CHECK_RESULT(SPG_EAGAIN, message_send(publisher, 16, 1, n, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, message_send(publisher, 16, 1, n, MILLISECONDS(50)));
    drain(forgetful, &tally, SPG_NOWAIT);
    CHECK_INT(before, tally.seen + tally.lost);
    role_kill(role);
    CHECK_OK(message_send(publisher, 16, 1, n++, MILLISECONDS(100)));
    drain(forgetful, &tally, MILLISECONDS(100));
    CHECK_INT(before + (int64_t)n, tally.seen + tally.lost);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_subscriber_close(forgetful));
}

/* ---- with several publishers ----------------------------------------------------------------- */

ROLE(publishes_fast) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    uint64_t writer = (uint64_t)atoi(arguments[0]), count = (uint64_t)atoi(arguments[1]);
    uint64_t random = writer + 99;
    spg_publisher *publisher = publish_as(&options);
    for (uint64_t n = 0; n < count; n++) {
        size_t size = 16 + next_random(&random) % (next_random(&random) % 4 ? 32 : 2000);
        CHECK_OK(message_send(publisher, size, writer, n, MILLISECONDS(60000)));
        if (next_random(&random) % 50 == 0) nap_ms(1);
    }
    CHECK_OK(spg_publisher_close(publisher));
}

ROLE(counts_losses) {
    struct tally tally = {0, 0, 0};
    uint64_t random = (uint64_t)atoi(arguments[0]) + 1, all = (uint64_t)atoi(arguments[1]);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    ++*counter(1);
    while (tally.seen + tally.lost < all) {
        drain(subscriber, &tally, MILLISECONDS(1));
        if (next_random(&random) % 4 == 0) nap_ms((int)(next_random(&random) % 10));
        if (*counter(2)) break;
    }
    CHECK_INT(all, tally.seen + tally.lost);
    CHECK_OK(spg_subscriber_close(subscriber));
}

TEST(every_subscriber_that_may_lose_counts_all_that_was_published) {
    struct role *writers[3], *readers[5];
    char text[16];
    spg_topic_options options = small_topic(32, 32768);
    spg_publisher *publisher = publish_as(&options);
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "%d", i);
        readers[i] = role_start("counts_losses", text, "9000");
    }
    while (*counter(1) < 5) nap_ms(1);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%d", i);
        writers[i] = role_start("publishes_fast", text, "3000");
    }
    for (int i = 0; i < 3; i++) ROLE_ENDS_WELL(writers[i]);
    /* What a reader has yet to be told it missed comes with its next message. */
    for (int i = 0; i < 5; i++) ROLE_ENDS_WELL(readers[i]);
    topic_is_clean(1, 0);
    CHECK_OK(spg_publisher_close(publisher));
}
