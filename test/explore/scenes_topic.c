/* scenes_topic.c: one order for all; exactly once for who must not lose; exactly counted for who
 * may; what was received stays as it is; what was published stays published.
 *
 * A message is a number, publisher << 8 | index, and words made of it, so that any mixture shows.
 * In the end all processes are dead, and the judge comes as a new one: it must find every message
 * whose publish returned, in the order that the subscribers saw, and all memory to be had. */
#include <samepage/samepage.h>
#include <string.h>

#include "machine.h"

/* HOT: as large as what is taken back first from those who have read it (SPG__HOT_BYTES, build). */
enum { SMALL = 16, LARGE = 56, HOT = 104, LOG_MAX = 24, BUDGET = 128 };

static struct notes {
    spg_publisher *publisher[PROCESSES];
    spg_subscriber *subscriber[PROCESSES];
    uint64_t tried[PROCESSES], published[PROCESSES];
    uint32_t budget;
    struct log {
        uint64_t number[LOG_MAX], sequence[LOG_MAX], lost;
        int count;
        bool must_not_lose, drained;
    } log[PROCESSES];
} * notes;

static const char topic_name[] = "t";

static void fill(uint64_t *message, uint64_t number, size_t size) {
    for (size_t i = 0; i < size / 8; i++)
        poke(&message[i], number * UINT64_C(0x100000001) + i * 0x1001);
}

static uint64_t number_in(const uint64_t *message, size_t size) {
    uint64_t number = peek(message) & 0xffffffff;
    for (size_t i = 0; i < size / 8; i++)
        CHECK(peek(&message[i]) == number * UINT64_C(0x100000001) + i * 0x1001);
    return number;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct members {
    uint32_t slots, publishers, history;
    unsigned publish, must_not_lose, may_lose; /* a bit for each participant */
    uint32_t budget;                           /* 0: BUDGET */
};

static void open_publisher(int who, const struct members *members) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.slots = members->slots;
    options.publishers = members->publishers;
    options.subscribers = 3;
    options.budget = members->budget ? members->budget : BUDGET;
    if (who != JUDGE) notes->budget = (uint32_t)options.budget;
    options.history = members->history;
    options.keep = 1;
    CHECK_OK(spg_publisher_open(&notes->publisher[who], NULL, topic_name, &options));
}

static void open_subscriber(int who, bool must_not_lose, uint32_t history) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = must_not_lose ? SPG_MUST_NOT_LOSE : SPG_MAY_LOSE;
    options.history = history;
    notes->log[who].must_not_lose = must_not_lose;
    CHECK_OK(spg_subscriber_open(&notes->subscriber[who], NULL, topic_name, &options));
}

static void open_topic(int who, const struct members *members) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
    if (members->publish >> who & 1) open_publisher(who, members);
    if (members->must_not_lose >> who & 1) open_subscriber(who, true, 0);
    if (members->may_lose >> who & 1) open_subscriber(who, false, 0);
}

/* ---- what they do ---------------------------------------------------------------------------- */

static void published(int who, int result) {
    if (result == SPG_ETIMEDOUT && deaths() > 0) return;
    if (result == SPG_EAGAIN) return;
    CHECK_OK(result);
    notes->published[who]++;
}

static void send(int who, int count, int64_t timeout) {
    uint64_t message[SMALL / 8];
    for (int i = 0; i < count; i++) {
        uint64_t number = (uint64_t)(who + 1) << 8 | notes->tried[who];
        fill(message, number, sizeof message);
        notes->tried[who]++;
        uint64_t before = notes->published[who];
        int64_t began = virtual_time;
        int result = spg_publisher_send(notes->publisher[who], message, SMALL, timeout);
        CHECK_WOKEN(result, began);
        published(who, result);
        if (notes->published[who] == before) notes->tried[who]--;
    }
}

static void send_chunks_of(int who, int count, size_t size, int64_t timeout) {
    for (int i = 0; i < count; i++) {
        void *loan;
        int result = spg_publisher_loan(notes->publisher[who], size, &loan, timeout);
        if (result == SPG_EAGAIN) continue;
        if (result == SPG_ETIMEDOUT && deaths() > 0) return;
        CHECK_OK(result);
        fill(loan, (uint64_t)(who + 1) << 8 | notes->tried[who], size);
        notes->tried[who]++;
        uint64_t before = notes->published[who];
        published(who, spg_publisher_publish(notes->publisher[who], loan, size, timeout));
        if (notes->published[who] == before) notes->tried[who]--;
    }
}

static void send_chunks(int who, int count, int64_t timeout) {
    send_chunks_of(who, count, LARGE, timeout);
}

enum { BATCH = 3 };

static void send_batch(int who) {
    uint64_t messages[BATCH][SMALL / 8];
    spg_bytes batch[BATCH];
    for (uint64_t i = 0; i < BATCH; i++) {
        fill(messages[i], (uint64_t)(who + 1) << 8 | (notes->tried[who] + i), SMALL);
        batch[i] = (spg_bytes){messages[i], SMALL};
    }
    notes->tried[who] += BATCH;
    CHECK(spg_publisher_send_batch(notes->publisher[who], batch, BATCH, PATIENCE) == BATCH);
    notes->published[who] += BATCH;
}

static void log_message(struct log *log, const spg_message *message) {
    CHECK(log->count < LOG_MAX);
    uint64_t number = number_in(message->data, message->size);
    CHECK(log->count == 0 || message->sequence > log->sequence[log->count - 1]);
    log->number[log->count] = number;
    log->sequence[log->count++] = message->sequence;
    log->lost += message->lost;
    if (log->must_not_lose) CHECK(message->lost == 0);
}

/* Looks at the message again before it is given back. */
static int receive(int who, int64_t timeout) {
    spg_message message;
    int64_t began = virtual_time;
    int result = spg_subscriber_receive(notes->subscriber[who], &message, timeout);
    CHECK_WOKEN(result, began);
    if (result < 0) return result;
    log_message(&notes->log[who], &message);
    uint64_t number = notes->log[who].number[notes->log[who].count - 1];
    CHECK(number_in(message.data, message.size) == number);
    CHECK_OK(spg_subscriber_release(notes->subscriber[who], &message));
    return 0;
}

/* So many, or those that come before time is up, which is only after a death. */
static void receive_all(int who, int count) {
    for (int i = 0; i < count; i++) {
        int result = receive(who, PATIENCE);
        if (result == SPG_ETIMEDOUT && deaths() > 0) return;
        CHECK_OK(result);
    }
    notes->log[who].drained = true;
}

static void receive_batches(int who, int count) {
    struct log *log = &notes->log[who];
    spg_message messages[BATCH];
    while (log->count < count) {
        int64_t began = virtual_time;
        int result = spg_subscriber_receive_batch(notes->subscriber[who], messages, BATCH,
                                                  PATIENCE);
        CHECK_WOKEN(result, began);
        if (result == SPG_ETIMEDOUT && deaths() > 0) return;
        CHECK(result > 0);
        for (int i = 0; i < result; i++) log_message(log, &messages[i]);
        CHECK_OK(spg_subscriber_release_batch(notes->subscriber[who], messages,
                                              (uint32_t)result));
    }
}

static void receive_some(int who, int tries) {
    for (int i = 0; i < tries; i++) {
        int result = receive(who, SPG_NOWAIT);
        CHECK(result == 0 || result == SPG_EAGAIN);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

static void check_fifo(const struct log *log) {
    for (int i = 0; i < log->count; i++) {
        uint64_t who = (log->number[i] >> 8) - 1, index = log->number[i] & 255;
        CHECK(who < PARTICIPANTS_MAX && index < notes->tried[who]);
        for (int k = 0; k < i; k++)
            CHECK(log->number[k] >> 8 != who + 1 || log->number[k] < log->number[i]);
    }
}

/* Where both have a sequence it is the same message; whoever must not lose has no gap. */
static void check_agreement(const struct log *log, const struct log *all) {
    uint64_t gaps = 0;
    for (int i = 1; i < log->count; i++) gaps += log->sequence[i] - log->sequence[i - 1] - 1;
    if (log->must_not_lose) CHECK(gaps <= (uint64_t)deaths());
    for (int i = 0; i < log->count; i++) {
        for (int k = 0; k < all->count; k++) {
            if (log->sequence[i] == all->sequence[k]) CHECK(log->number[i] == all->number[k]);
        }
    }
    if (!log->must_not_lose || log->count == 0) return;
    for (int k = 0; k < all->count; k++) {
        bool within = all->sequence[k] > log->sequence[0] &&
                      all->sequence[k] < log->sequence[log->count - 1];
        bool found = false;
        for (int i = 0; i < log->count; i++) found |= log->sequence[i] == all->sequence[k];
        CHECK(!within || found);
    }
}

/* `whole`: the ring holds all that was published. */
static void check_published(const struct log *all, bool whole) {
    for (int who = 0; who < PARTICIPANTS_MAX && whole; who++) {
        uint64_t found = 0;
        for (int i = 0; i < all->count; i++) found += all->number[i] >> 8 == (uint64_t)who + 1;
        CHECK(found >= notes->published[who]);
        CHECK(found <= notes->published[who] + has_died(who));
    }
}

static void check_sequences(const struct log *all, bool whole) {
    if (all->count == 0) return;
    uint64_t last = all->sequence[all->count - 1];
    if (whole) CHECK(last <= (uint64_t)(all->count + deaths()));
}

static void check_count(const struct log *log, const struct log *all) {
    if (log->count == 0 || log->must_not_lose) return;
    uint64_t voids = 0, last = log->sequence[log->count - 1];
    CHECK(log->lost + (uint64_t)log->count <= last);
    voids = last - log->lost - (uint64_t)log->count;
    CHECK(voids <= (uint64_t)deaths());
    (void)all;
}

static void judge(bool whole, bool begun_at_first) {
    struct log *all = &notes->log[JUDGE];
    everybody_dies();
    open_subscriber(JUDGE, false, SPG_ALL_HISTORY);
    while (receive(JUDGE, SPG_NOWAIT) == 0) {}
    check_fifo(all);
    check_published(all, whole);
    check_sequences(all, whole);
    for (int who = 0; who < PARTICIPANTS_MAX; who++) {
        check_fifo(&notes->log[who]);
        check_agreement(&notes->log[who], all);
        if (begun_at_first) check_count(&notes->log[who], all);
    }
    /* A publisher that comes now has all memory and is heard. */
    void *loan;
    struct members any = {4, 1, 1, 0, 0, 0};
    open_publisher(JUDGE, &any);
    CHECK_OK(spg_publisher_loan(notes->publisher[JUDGE], notes->budget, &loan, SPG_NOWAIT));
    notes->tried[JUDGE] = 0;
    fill(loan, 0x401, LARGE);
    CHECK_OK(spg_publisher_publish(notes->publisher[JUDGE], loan, LARGE, SPG_NOWAIT));
    spg_message message;
    CHECK_OK(spg_subscriber_receive(notes->subscriber[JUDGE], &message, SPG_NOWAIT));
    CHECK(number_in(message.data, message.size) == 0x401);
}

static void judge_whole(void) {
    judge(true, true);
}
static void judge_part(void) {
    judge(false, true);
}
static void judge_joiner(void) {
    judge(false, false);
}

/* ---- the scenes ------------------------------------------------------------------------------ */

#define TOPIC(id, name, participants, mortal, deaths, weak, act, judge, ...)                       \
    static void open_##id(int who) {                                                               \
        static const struct members members = {__VA_ARGS__};                                       \
        open_topic(who, &members);                                                                 \
    }                                                                                              \
    static const struct scene id = {name, participants, mortal, deaths,                            \
                                    weak, open_##id,    act,    judge};

static void two_and_one(int who) {
    if (who == 2) receive_all(who, 3);
    else send(who, who == 0 ? 2 : 1, PATIENCE);
}
TOPIC(order, "topic-order", 3, 3, 1, false, two_and_one, judge_whole, 8, 2, 1, 3, 4, 0)
TOPIC(order_lossy, "topic-order-may-lose", 3, 7, 1, false, two_and_one, judge_whole, 8, 2, 1, 3, 0,
      4)
TOPIC(order_weak, "topic-order-weak", 3, 0, 0, true, two_and_one, judge_whole, 8, 2, 1, 3, 4, 0)

static void two_publishers(int who) {
    send(who, 2, PATIENCE);
}
TOPIC(claim, "topic-claim", 2, 3, 2, false, two_publishers, judge_whole, 8, 2, 1, 3, 0, 0)
TOPIC(claim_weak, "topic-claim-weak", 2, 3, 1, true, two_publishers, judge_whole, 8, 2, 1, 3, 0, 0)

static void one_and_one(int who) {
    if (who == 0) send(who, 6, PATIENCE);
    else receive_all(who, 6);
}
TOPIC(room, "topic-room", 2, 3, 1, false, one_and_one, judge_part, 4, 2, 1, 1, 2, 0)
TOPIC(room_weak, "topic-room-weak", 2, 0, 0, true, one_and_one, judge_part, 4, 2, 1, 1, 2, 0)
TOPIC(single, "topic-single-publisher", 2, 3, 1, false, one_and_one, judge_part, 4, 1, 1, 1, 2, 0)
TOPIC(single_weak, "topic-single-weak", 2, 0, 0, true, one_and_one, judge_part, 4, 1, 1, 1, 2, 0)

static void batches(int who) {
    if (who == 0) send_batch(who);
    else receive_batches(who, BATCH);
}
TOPIC(batch, "topic-batch", 2, 3, 1, false, batches, judge_part, 8, 1, 1, 1, 2, 0)
TOPIC(batch_two, "topic-batch-two-declared", 2, 3, 1, false, batches, judge_part, 8, 2, 1, 1, 2, 0)
TOPIC(batch_weak, "topic-batch-weak", 2, 0, 0, true, batches, judge_part, 8, 2, 1, 1, 2, 0)

static void two_fill_the_ring(int who) {
    if (who == 2) receive_all(who, 6);
    else send(who, 3, PATIENCE);
}
TOPIC(room3, "topic-room-three", 3, 7, 1, false, two_fill_the_ring, judge_part, 4, 2, 1, 3, 4, 0)

static void overrun(int who) {
    if (who == 0) send(who, 6, SPG_NOWAIT);
    else receive_some(who, 5);
}
TOPIC(lossy, "topic-overrun", 2, 3, 1, false, overrun, judge_part, 4, 2, 1, 1, 0, 2)
TOPIC(lossy_single, "topic-overrun-single", 2, 1, 1, false, overrun, judge_part, 4, 1, 1, 1, 0, 2)
TOPIC(lossy_weak, "topic-overrun-weak", 2, 0, 0, true, overrun, judge_part, 4, 2, 1, 1, 0, 2)

static void two_overrun(int who) {
    if (who == 2) receive_some(who, 4);
    else send(who, 3, SPG_NOWAIT);
}
TOPIC(lossy3, "topic-overrun-three", 3, 3, 1, false, two_overrun, judge_part, 4, 2, 1, 3, 0, 4)

static void chunks(int who) {
    if (who == 0) send_chunks(who, 4, PATIENCE);
    else receive_all(who, 4);
}
TOPIC(chunk, "topic-chunk", 2, 3, 1, false, chunks, judge_part, 8, 2, 1, 1, 2, 0)
TOPIC(chunk_weak, "topic-chunk-weak", 2, 0, 0, true, chunks, judge_part, 8, 2, 1, 1, 2, 0)

static void chunks_overrun(int who) {
    if (who == 0) send_chunks(who, 4, SPG_NOWAIT);
    else receive_some(who, 3);
}
TOPIC(recycle, "topic-recycle", 2, 3, 1, false, chunks_overrun, judge_part, 4, 2, 1, 1, 0, 2)
TOPIC(recycle_weak, "topic-recycle-weak", 2, 0, 0, true, chunks_overrun, judge_part, 4, 2, 1, 1, 0,
      2)

static void hot(int who) {
    if (who == 0) send_chunks_of(who, 4, HOT, PATIENCE);
    else receive_all(who, 4);
}
TOPIC(hot_chunk, "topic-hot", 2, 3, 1, false, hot, judge_part, 8, 2, 1, 1, 2, 0, 2 * BUDGET)
TOPIC(hot_weak, "topic-hot-weak", 2, 0, 0, true, hot, judge_part, 8, 2, 1, 1, 2, 0, 2 * BUDGET)

static void hot_overrun(int who) {
    if (who == 0) send_chunks_of(who, 4, HOT, SPG_NOWAIT);
    else receive_some(who, 3);
}
TOPIC(hot_recycle, "topic-hot-recycle", 2, 3, 1, false, hot_overrun, judge_part, 4, 2, 1, 1, 0, 2,
      2 * BUDGET)
TOPIC(hot_recycle_weak, "topic-hot-recycle-weak", 2, 0, 0, true, hot_overrun, judge_part, 4, 2, 1,
      1, 0, 2, 2 * BUDGET)

static void two_hot(int who) {
    if (who == 2) receive_some(who, 3);
    else send_chunks_of(who, 2, HOT, SPG_NOWAIT);
}
TOPIC(hot3, "topic-hot-two-publish", 3, 7, 1, false, two_hot, judge_part, 4, 2, 1, 3, 0, 4,
      2 * BUDGET)

static void two_recycle(int who) {
    if (who == 2) receive_some(who, 3);
    else send_chunks(who, 2, SPG_NOWAIT);
}
TOPIC(recycle3, "topic-recycle-two-publish", 3, 7, 1, false, two_recycle, judge_part, 4, 2, 1, 3, 0,
      4)

static void two_hold(int who) {
    if (who == 0) send_chunks(who, 3, SPG_NOWAIT);
    else receive_some(who, 2);
}
TOPIC(hold3, "topic-recycle-two-hold", 3, 7, 1, false, two_hold, judge_part, 4, 2, 1, 1, 4, 2)

/* Joins while messages are published, with all that is there; then it has no gap. */
static void join_late(int who) {
    if (who == 0) {
        send(who, 5, SPG_NOWAIT);
        return;
    }
    open_subscriber(who, true, SPG_ALL_HISTORY);
    receive_some(who, 4);
}
TOPIC(joins, "topic-join", 2, 3, 1, false, join_late, judge_joiner, 4, 2, 1, 1, 0, 0)

static void join_chunks(int who) {
    if (who == 0) {
        send_chunks(who, 5, SPG_NOWAIT);
        return;
    }
    open_subscriber(who, true, SPG_ALL_HISTORY);
    receive_some(who, 4);
}
TOPIC(joins_chunks, "topic-join-chunks", 2, 3, 1, false, join_chunks, judge_joiner, 8, 2, 1, 1, 0,
      0, BUDGET + 64)
TOPIC(joins_weak, "topic-join-weak", 2, 0, 0, true, join_chunks, judge_joiner, 4, 2, 1, 1, 0, 0)

static void come_and_go(int who) {
    static const struct members members = {8, 2, 1, 0, 0, 0};
    if (who == 2) {
        receive_some(who, 3);
        return;
    }
    open_publisher(who, &members);
    send(who, 1, PATIENCE);
    CHECK_OK(spg_publisher_close(notes->publisher[who]));
}
static void open_nobody(int who) {
    static const struct members members = {8, 2, 1, 4, 0, 4};
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
    if (who != 2) return;
    open_publisher(who, &members);
    CHECK_OK(spg_publisher_close(notes->publisher[who]));
    open_subscriber(who, false, 0);
}
static const struct scene coming = {"topic-come-and-go", 3,           3,          1, false,
                                    open_nobody,         come_and_go, judge_whole};

const struct scene *const topic_scenes[] = {
    &order,      &order_lossy, &order_weak,  &claim,        &claim_weak, &room,
    &room_weak,  &single,      &single_weak, &room3,        &lossy,      &lossy_single,
    &lossy_weak, &lossy3,      &chunk,       &chunk_weak,   &recycle,    &recycle_weak,
    &recycle3,   &hold3,       &joins,       &joins_chunks, &joins_weak, &coming,
    &batch,      &batch_two,   &batch_weak,  &hot_chunk,    &hot_weak,   &hot_recycle,
    &hot_recycle_weak, &hot3};
const int topic_scene_count = sizeof topic_scenes / sizeof *topic_scenes;
