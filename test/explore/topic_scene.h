/* topic_scene.h: members of a topic, what they send and receive, and what must be true of it; for
 * scenes_topic.c and scenes_topic_weak.c.
 *
 * A message is a number, publisher << 8 | index, and words made of it and of the size, so that any
 * mixture shows. In the end all processes are dead, and the judge comes as a new one: it must find
 * every message whose publish returned, in the order that the subscribers saw, and all memory to be
 * had. */
#ifndef EXPLORE_TOPIC_SCENE_H
#define EXPLORE_TOPIC_SCENE_H

#include <samepage/samepage.h>
#include <string.h>

#include "channel/subscriber.h"
#include "machine.h"

/* HOT: as large as what is taken back first from those who have read it (SPG__HOT_BYTES, build). */
enum { SMALL = 16, LARGE = 56, HOT = 104, LONG = 136, LOG_MAX = 24, BUDGET = 128 };

static struct notes {
    spg_publisher *publisher[PROCESSES];
    spg_subscriber *subscriber[PROCESSES];
    uint64_t tried[PROCESSES], published[PROCESSES], node[PROCESSES];
    uint32_t budget, smallest; /* of the messages that `send` sends */
    int64_t sent_at[PROCESSES][LOG_MAX];
    struct log {
        uint64_t number[LOG_MAX], sequence[LOG_MAX], lost;
        int count;
        bool must_not_lose, drained;
    } log[PROCESSES];
} * notes;

static const char topic_name[] = "t";

static inline uint64_t word_of(uint64_t number, size_t size, size_t i) {
    return number * UINT64_C(0x100000001) + i * 0x1001 + ((uint64_t)size << 48);
}

static inline void fill(uint64_t *message, uint64_t number, size_t size) {
    for (size_t i = 0; i < size / 8; i++) plain_store(&message[i], word_of(number, size, i));
}

static inline uint64_t number_in(const uint64_t *message, size_t size) {
    uint64_t number = plain_load(message) & 0xffffffff;
    for (size_t i = 0; i < size / 8; i++)
        CHECK(plain_load(&message[i]) == word_of(number, size, i));
    return number;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct members {
    uint32_t slots, publishers, history;
    unsigned publish, must_not_lose, may_lose; /* a bit for each participant */
    uint32_t budget;                           /* 0: BUDGET */
    uint32_t slot_size, smallest, timed;       /* 0: 64, SMALL, not */
};

static inline void open_publisher(int who, const struct members *members) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.slots = members->slots;
    options.publishers = members->publishers;
    options.subscribers = 3;
    options.budget = members->budget ? members->budget : BUDGET;
    if (who != JUDGE) {
        notes->budget = (uint32_t)options.budget;
        notes->smallest = members->smallest ? members->smallest : SMALL;
    }
    options.history = members->history;
    options.timed = members->timed;
    if (members->slot_size) options.slot_size = members->slot_size;
    options.keep = 1;
    CHECK_OK(spg_publisher_open(&notes->publisher[who], NULL, topic_name, &options));
}

static inline void open_subscriber(int who, bool must_not_lose, uint32_t history) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = must_not_lose ? SPG_MUST_NOT_LOSE : SPG_MAY_LOSE;
    options.history = history;
    notes->log[who].must_not_lose = must_not_lose;
    CHECK_OK(spg_subscriber_open(&notes->subscriber[who], NULL, topic_name, &options));
}

static inline void open_node(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
    notes->node[who] = id & SPG__PUBLISHER_MASK;
}

static inline void open_topic(int who, const struct members *members) {
    open_node(who);
    if (members->publish >> who & 1) open_publisher(who, members);
    if (members->must_not_lose >> who & 1) open_subscriber(who, true, 0);
    if (members->may_lose >> who & 1) open_subscriber(who, false, 0);
}

/* ---- what they do ---------------------------------------------------------------------------- */

static inline void published(int who, int result) {
    if (result == SPG_ETIMEDOUT && deaths() > 0) return;
    if (result == SPG_EAGAIN) return;
    CHECK_OK(result);
    notes->published[who]++;
}

/* Of two sizes, by turns of four. */
static inline void send(int who, int count, int64_t timeout) {
    uint64_t message[LONG / 8 + 1];
    for (int i = 0; i < count; i++) {
        uint64_t number = (uint64_t)(who + 1) << 8 | notes->tried[who];
        size_t size = notes->smallest + (number & 4) * 2;
        fill(message, number, size);
        notes->sent_at[who][number & 15] = virtual_time;
        notes->tried[who]++;
        uint64_t before = notes->published[who];
        int64_t began = virtual_time;
        int result = spg_publisher_send(notes->publisher[who], message, size, timeout);
        CHECK_WOKEN(result, began);
        published(who, result);
        if (notes->published[who] == before) notes->tried[who]--;
    }
}

static inline void send_chunks_of(int who, int count, size_t size, int64_t timeout) {
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

static inline void send_chunks(int who, int count, int64_t timeout) {
    send_chunks_of(who, count, LARGE, timeout);
}

enum { BATCH = 3 };

static inline void send_batch(int who) {
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

static inline void log_message(struct log *log, const spg_message *message) {
    CHECK(log->count < LOG_MAX);
    uint64_t number = number_in(message->data, message->size);
    CHECK(message->publisher == notes->node[(number >> 8) - 1]);
    if (message->time) CHECK(message->time == notes->sent_at[(number >> 8) - 1][number & 15]);
    CHECK(log->count == 0 || message->sequence > log->sequence[log->count - 1]);
    log->number[log->count] = number;
    log->sequence[log->count++] = message->sequence;
    log->lost += message->lost;
    if (log->must_not_lose) CHECK(message->lost == 0);
}

/* Looks at the message again before it is given back. */
static inline int receive(int who, int64_t timeout) {
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
static inline void receive_all(int who, int count) {
    for (int i = 0; i < count; i++) {
        int result = receive(who, PATIENCE);
        if (result == SPG_ETIMEDOUT && deaths() > 0) return;
        CHECK_OK(result);
    }
    notes->log[who].drained = true;
}

static inline void receive_batches(int who, int count) {
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

static inline void receive_some(int who, int tries) {
    for (int i = 0; i < tries; i++) {
        int result = receive(who, SPG_NOWAIT);
        CHECK(result == 0 || result == SPG_EAGAIN);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

static inline void check_fifo(const struct log *log) {
    for (int i = 0; i < log->count; i++) {
        uint64_t who = (log->number[i] >> 8) - 1, index = log->number[i] & 255;
        CHECK(who < PARTICIPANTS_MAX && index < notes->tried[who]);
        for (int k = 0; k < i; k++)
            CHECK(log->number[k] >> 8 != who + 1 || log->number[k] < log->number[i]);
    }
}

/* Where both have a sequence it is the same message; whoever must not lose has no gap. */
static inline void check_agreement(const struct log *log, const struct log *all) {
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
static inline void check_published(const struct log *all, bool whole) {
    for (int who = 0; who < PARTICIPANTS_MAX && whole; who++) {
        uint64_t found = 0;
        for (int i = 0; i < all->count; i++) found += all->number[i] >> 8 == (uint64_t)who + 1;
        CHECK(found >= notes->published[who]);
        CHECK(found <= notes->published[who] + has_died(who));
    }
}

static inline void check_sequences(const struct log *all, bool whole) {
    if (all->count == 0) return;
    uint64_t last = all->sequence[all->count - 1];
    if (whole) CHECK(last <= (uint64_t)(all->count + deaths()));
}

/* What was not received was lost, or void: exactly. */
static inline void check_count(const struct log *log, const struct spg__topic *topic) {
    if (log->count == 0 || log->must_not_lose) return;
    uint64_t voids = 0, last = log->sequence[log->count - 1];
    for (int i = 0; i < SPG__TOPIC_VOIDS; i++) {
        uint64_t voided = peek(&topic->shared->void_log[i]);
        voids += voided != 0 && voided - topic->shape.first + 1 < last;
    }
    CHECK(log->lost + (uint64_t)log->count + voids == last);
}

/* Who joins now and must not lose begins right after the last message that is gone. */
static inline void check_late_joiner(const struct spg__topic *topic) {
    uint64_t head = spg__topic_head(topic), begin = head - topic->shape.slots, wanted = 0;
    for (uint64_t at = head; at-- > begin;) {
        uint64_t state = peek(&spg__topic_slot(topic, at)->state);
        if (spg__slot_phase(state) == SPG__SLOT_DROPPED) break;
        if (spg__slot_phase(state) == SPG__SLOT_COMMITTED) wanted = at - topic->shape.first + 1;
    }
    spg_message message;
    open_subscriber(JUDGE, true, SPG_ALL_HISTORY);
    int result = spg_subscriber_receive(notes->subscriber[JUDGE], &message, SPG_NOWAIT);
    CHECK(result == (wanted ? 0 : SPG_EAGAIN));
    if (wanted) CHECK(message.sequence == wanted);
    CHECK_OK(spg_subscriber_close(notes->subscriber[JUDGE]));
}

static inline void judge(bool whole, bool begun_at_first) {
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
        if (begun_at_first) check_count(&notes->log[who], &notes->subscriber[JUDGE]->topic);
    }
    /* A publisher that comes now has all memory and is heard. */
    void *loan;
    struct members any = {4, 1, 1, 0, 0, 0, 0, 0, 0, 0};
    open_publisher(JUDGE, &any);
    spg_subscriber *subscriber = notes->subscriber[JUDGE];
    check_late_joiner(&subscriber->topic);
    notes->subscriber[JUDGE] = subscriber;
    CHECK_OK(spg_publisher_loan(notes->publisher[JUDGE], notes->budget, &loan, SPG_NOWAIT));
    notes->tried[JUDGE] = 0;
    fill(loan, 0x401, LARGE);
    CHECK_OK(spg_publisher_publish(notes->publisher[JUDGE], loan, LARGE, SPG_NOWAIT));
    spg_message message;
    CHECK_OK(spg_subscriber_receive(notes->subscriber[JUDGE], &message, SPG_NOWAIT));
    CHECK(number_in(message.data, message.size) == 0x401);
}

static inline void judge_whole(void) {
    judge(true, true);
}
static inline void judge_part(void) {
    judge(false, true);
}
static inline void judge_joiner(void) {
    judge(false, false);
}

#define TOPIC(id, name, participants, mortal, deaths, weak, act, judge, ...)                       \
    static void open_##id(int who) {                                                               \
        static const struct members members = {__VA_ARGS__};                                       \
        open_topic(who, &members);                                                                 \
    }                                                                                              \
    static const struct scene id = {name, participants, mortal, deaths,                            \
                                    weak, open_##id,    act,    judge};

#endif
