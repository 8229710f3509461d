/* topic_storm.c: many publishers and subscribers, of whom random ones are killed all the time.
 *
 * Survivors that must not lose check that every writer's messages come in order, whole, once, and
 * none that was committed is missing; survivors that may lose check that what they received and
 * what they are told they lost add up. SAMEPAGE_LONG=1 makes the storm a minute long. */
#include "process/topic.h"
#include "process/victims.h"

enum {
    WRITERS_MAX = 1 << 16, /* incarnations of publishers */
    PUBLISHERS = 16,
    SUBSCRIBERS = 64,
    FAITHFUL = 4,  /* survivors that must not lose */
    FORGETFUL = 4, /* survivors that may */
    IMMORTAL = 2,  /* publishers */
    LAST = WRITERS_MAX - 1
};

static struct storm {
    _Atomic uint32_t committed[WRITERS_MAX]; /* publish returned so often */
    _Atomic uint32_t attempted[WRITERS_MAX]; /* and was called so often */
    _Atomic uint32_t next_writer, kills;
    _Atomic bool is_over, is_released;
    _Atomic uint32_t ready;
    _Atomic uint64_t seen[FAITHFUL + FORGETFUL], lost[FAITHFUL + FORGETFUL], order[FAITHFUL];
} * storm;

static spg_topic_options storm_options(void) {
    spg_topic_options options = small_topic(64, 512 * 1024);
    options.publishers = PUBLISHERS + 2;
    options.subscribers = SUBSCRIBERS + 2;
    options.keep = 1;
    return options;
}

static size_t storm_size(uint64_t *random) {
    uint64_t kind = next_random(random) % 16;
    if (kind < 9) return 16 + next_random(random) % 32;
    return kind < 15 ? 64 + next_random(random) % 4000 : 4000 + next_random(random) % 30000;
}

/* ---- those who are killed -------------------------------------------------------------------- */

static void be_publisher(void *argument) {
    spg_topic_options options = storm_options();
    uint32_t writer = (uint32_t)(uintptr_t)argument;
    bool is_mortal = writer >= IMMORTAL;
    if (nice(5) < 0) FAIL("cannot be nice");
    uint64_t random = 88172645463325252u + writer * 7919u;
    spg_publisher *publisher = publish_as(&options);
    for (uint32_t n = 0; !storm->is_over; n++) {
        void *data;
        size_t size = storm_size(&random);
        if (is_mortal && next_random(&random) % 256 == 0) stop_in_the_middle(&storm->is_over);
        int result = spg_publisher_loan(publisher, size, &data, MILLISECONDS(100));
        if (result == SPG_ETIMEDOUT) {
            n--;
            continue;
        }
        CHECK_OK(result);
        message_fill(data, size, writer, n);
        storm->attempted[writer] = n + 1;
        while ((result = spg_publisher_publish(publisher, data, size, MILLISECONDS(100)))) {
            if (result != SPG_ETIMEDOUT) CHECK_OK(result);
        }
        storm->committed[writer] = n + 1;
    }
    CHECK_OK(spg_publisher_close(publisher));
}

static void read_a_while(uint64_t *random) {
    spg_message held[8];
    int out = 0;
    int count = (int)(next_random(random) % 3000);
    uint32_t history = next_random(random) % 3 ? (uint32_t)(next_random(random) % 80) : 0;
    spg_subscriber *subscriber = subscribe_as(next_random(random) % 2, history);
    for (int i = 0; i < count && !storm->is_over; i++) {
        if (out == 8 || (out > 0 && next_random(random) % 2)) {
            int which = (int)(next_random(random) % (uint64_t)out);
            message_stamp(&held[which]);
            CHECK_OK(spg_subscriber_release(subscriber, &held[which]));
            held[which] = held[--out];
        }
        int result = spg_subscriber_receive(subscriber, &held[out], MILLISECONDS(20));
        if (result == SPG_ETIMEDOUT) continue;
        CHECK_OK(result);
        message_stamp(&held[out++]);
        if (next_random(random) % 200 == 0) nap_ms(1);
    }
    for (int i = 0; i < out; i++) message_stamp(&held[i]);
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void be_subscriber(void *argument) {
    if (nice(5) < 0) FAIL("cannot be nice");
    uint64_t random = 362436069 + (uintptr_t)argument * 104729u;
    while (!storm->is_over) read_a_while(&random);
}

/* ---- those who are not ----------------------------------------------------------------------- */

static void be_faithful(void *argument) {
    static uint32_t expected[WRITERS_MAX];
    int own = (int)(intptr_t)argument;
    uint64_t order = 0, seen = 0;
    spg_message message;
    spg_subscriber *subscriber = subscribe_as(SPG_MUST_NOT_LOSE, 0);
    storm->ready++;
    for (;;) {
        CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(60000)));
        struct stamp stamp = message_stamp(&message);
        CHECK_INT(0, message.lost);
        CHECK_OK(spg_subscriber_release(subscriber, &message));
        seen++;
        if (stamp.writer == LAST) break;
        CHECK(stamp.writer < WRITERS_MAX);
        if (stamp.n != expected[stamp.writer])
            FAIL("writer %llu: message %llu comes where %u should",
                 (unsigned long long)stamp.writer, (unsigned long long)stamp.n,
                 expected[stamp.writer]);
        expected[stamp.writer]++;
        order = order * 31 + stamp.writer * 65537 + stamp.n + message.sequence;
    }
    for (int i = 0; i < LAST; i++) {
        CHECK(expected[i] >= storm->committed[i]);
        CHECK(expected[i] <= storm->attempted[i]);
    }
    storm->seen[own] = seen;
    storm->order[own] = order;
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* Until it has the last message, which may not be lost: nothing comes after it. */
static void be_forgetful(void *argument) {
    int own = (int)(intptr_t)argument;
    uint64_t seen = 0, lost = 0, sequence = 0, random = 5 + (uint64_t)own;
    spg_message message;
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    storm->ready++;
    for (;;) {
        CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(60000)));
        struct stamp stamp = message_stamp(&message);
        CHECK(message.sequence > sequence && message.sequence > sequence + message.lost);
        sequence = message.sequence;
        seen++;
        lost += message.lost;
        CHECK_OK(spg_subscriber_release(subscriber, &message));
        if (stamp.writer == LAST) break;
        if (next_random(&random) % 500 == 0) nap_ms((int)(next_random(&random) % 30));
    }
    storm->seen[own] = seen;
    storm->lost[own] = lost;
    CHECK_OK(spg_subscriber_close(subscriber));
}

static void publish_the_last(void *argument) {
    (void)argument;
    spg_topic_options options = storm_options();
    spg_publisher *publisher = publish_as(&options);
    CHECK_OK(message_send(publisher, 16, LAST, 0, MILLISECONDS(60000)));
    CHECK_OK(spg_publisher_close(publisher));
}

static void make_and_wait(void *argument) {
    (void)argument;
    spg_topic_options options = storm_options();
    spg_publisher *publisher = publish_as(&options);
    storm->ready++;
    while (!storm->is_released) nap_ms(5);
    CHECK_OK(spg_publisher_close(publisher));
}

static void look_at_what_is_left(void *argument) {
    (void)argument;
    spg_topic_options options = storm_options();
    spg_publisher *publisher = publish_as(&options);
    topic_is_clean(1, 0);
    struct audit audit = topic_audit();
    CHECK_INT(0, audit.units[SPG__CHUNK_ORPHAN]);
    CHECK_INT(audit.published - audit.voids, storm->seen[0]);
    printf("    %llu messages, %llu voids, %u kills\n", (unsigned long long)storm->seen[0],
           (unsigned long long)audit.voids, storm->kills);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_OK(spg_topic_unlink(NULL, topic_name()));
}

/* ---- the storm ------------------------------------------------------------------------------- */

static void await_ready(uint32_t count) {
    while (storm->ready < count) nap_ms(2);
}

static pid_t start_victim(int i) {
    if (i < PUBLISHERS) return start(be_publisher, storm->next_writer++);
    return start(be_subscriber, (uintptr_t)(unsigned)rand());
}

/* The first two publishers live through it. Several die at once. */
static void rage(pid_t *victims, int count, int64_t end) {
    uint64_t random = (uint64_t)now_ns() | 1;
    while (now_ns() < end && storm->next_writer < WRITERS_MAX - 100) {
        int chosen[8], burst = 1 + (int)(next_random(&random) % 8), first;
        first = (int)(next_random(&random) % (uint64_t)(count - IMMORTAL));
        for (int n = 0; n < burst; n++) {
            chosen[n] = IMMORTAL + (first + 11 * n) % (count - IMMORTAL);
            kill(victims[chosen[n]], SIGKILL);
        }
        for (int n = 0; n < burst; n++) {
            ends_or_dies(victims[chosen[n]]);
            victims[chosen[n]] = start_victim(chosen[n]);
            storm->kills++;
        }
        nap_ms((int)(next_random(&random) % 4));
    }
}

static void check_survivors(void) {
    for (int i = 1; i < FAITHFUL; i++) {
        CHECK_INT(storm->seen[0], storm->seen[i]);
        CHECK(storm->order[0] == storm->order[i]);
    }
    for (int i = FAITHFUL; i < FAITHFUL + FORGETFUL; i++) {
        CHECK_INT(storm->seen[0], storm->seen[i] + storm->lost[i]);
    }
}

TEST(a_storm_of_kills_loses_nothing_and_tears_nothing) {
    enum { VICTIMS = PUBLISHERS + SUBSCRIBERS - FAITHFUL - FORGETFUL };
    static pid_t victims[VICTIMS], survivors[FAITHFUL + FORGETFUL];
    storm = mmap(NULL, sizeof *storm, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(storm != MAP_FAILED);
    pid_t maker = start(make_and_wait, 0);
    await_ready(1);
    for (int i = 0; i < FAITHFUL + FORGETFUL; i++)
        survivors[i] = start(i < FAITHFUL ? be_faithful : be_forgetful, (uintptr_t)i);
    await_ready(1 + FAITHFUL + FORGETFUL);
    for (int i = 0; i < VICTIMS; i++) victims[i] = start_victim(i);
    rage(victims, VICTIMS, now_ns() + MILLISECONDS(getenv("SAMEPAGE_LONG") ? 60000 : 5000));
    for (int i = IMMORTAL; i < VICTIMS; i += 2) dies(victims[i]);
    storm->is_over = true;
    for (int i = 0; i < VICTIMS; i++) {
        if (i < IMMORTAL || i % 2) ends_or_dies(victims[i]);
    }
    ends_well(start(publish_the_last, 0));
    for (int i = 0; i < FAITHFUL + FORGETFUL; i++) ends_well(survivors[i]);
    storm->is_released = true;
    ends_well(maker);
    check_survivors();
    ends_well(start(look_at_what_is_left, 0));
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void work_until_killed(void *argument) {
    spg_message message;
    spg_topic_options options = small_topic(16, 8192);
    uint64_t random = 1 + (uintptr_t)argument;
    spg_publisher *publisher = publish_as(&options);
    spg_subscriber *subscriber = subscribe_as(next_random(&random) % 2, SPG_ALL_HISTORY);
    for (uint64_t n = 0;; n++) {
        int result = message_send(publisher, 16 + next_random(&random) % 800, 1, n, SPG_NOWAIT);
        if (result != SPG_EAGAIN) CHECK_OK(result);
        result = spg_subscriber_receive(subscriber, &message, SPG_NOWAIT);
        if (result == SPG_EAGAIN || result == SPG_EFULL) continue;
        CHECK_OK(result);
        message_stamp(&message);
        if (n % 7) CHECK_OK(spg_subscriber_release(subscriber, &message));
    }
}

static void open_again(void *argument) {
    (void)argument;
    spg_topic_options options = small_topic(16, 8192);
    spg_publisher *publisher = publish_as(&options);
    topic_is_clean(1, 0);
    CHECK_OK(spg_publisher_close(publisher));
    CHECK_RESULT(SPG_ENOENT, spg_topic_unlink(NULL, topic_name()));
}

TEST(create_kill_and_open_again_leaves_nothing) {
    int cycles = getenv("SAMEPAGE_LONG") ? 10000 : 1000;
    for (int i = 0; i < cycles; i++) {
        pid_t victim = start(work_until_killed, (uintptr_t)i);
        struct timespec nap = {0, i % 40 * 50000};
        nanosleep(&nap, NULL);
        dies(victim);
        if (i % 4 == 3) ends_well(start(open_again, 0));
    }
    ends_well(start(open_again, 0));
    CHECK_OK(spg_collect(NULL, NULL));
}
