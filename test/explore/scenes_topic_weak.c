/* scenes_topic_weak.c: what the orders of a topic are for, each in as few steps as show it. What
 * leads up to it is done while the scene is opened. */
#include "channel/publisher.h"
#include "topic_scene.h"

#define WEAK(id, name, participants, act, judge, ...)                                              \
    TOPIC(id, name, participants, 0, 0, true, act, judge, __VA_ARGS__)

static void judge_nothing(void) {
}

/* The first participant's, while the others' is set up: as if they had seen nothing of it since. */
static void send_before(int messages, int chunks, size_t chunk_size) {
    int who = me;
    me = 0;
    kernel_enter(me);
    send(me, messages, SPG_NOWAIT);
    send_chunks_of(me, chunks, chunk_size, SPG_NOWAIT);
    me = who;
    kernel_enter(me);
}

/* ---- claims, a lap later --------------------------------------------------------------------- */

/* A slot is claimed again by who has not seen its first message. */
static void two_laps(int who) {
    if (who == 0) send_chunks(who, 1, SPG_NOWAIT);
    send(who, 4 - who, SPG_NOWAIT);
}
WEAK(laps, "topic-laps-weak", 2, two_laps, judge_part, 4, 2, 1, 3, 0, 0)

/* A chunk is committed late: whoever claims its slot next finds it there. */
static void chunk_after_all(int who) {
    if (who == 0) send_chunks(who, 1, SPG_NOWAIT);
    else send(who, 9, SPG_NOWAIT);
}
WEAK(late, "topic-late-chunk-weak", 2, chunk_after_all, judge_part, 8, 2, 1, 3, 0, 0)

/* The first one's last claim is told by the second one, who has found it, to the third: also if the
 * first died before it told, and the second right after. */
static void help_on(int who) {
    static const spg_bytes nothing[5];
    int result = who == 0 ? spg_publisher_send_batch(notes->publisher[0], nothing, 5, SPG_NOWAIT)
                          : spg_publisher_send(notes->publisher[who], NULL, 0, SPG_NOWAIT);
    CHECK(result >= 0 || result == SPG_EAGAIN);
}
static void open_helped(int who) {
    static const struct members members = {4, 3, 1, 7, 0, 0, 0, 0, 0, 0};
    open_topic(who, &members);
}
static const struct scene helped = {"topic-help-weak", 3,       3,           2, true,
                                    open_helped,       help_on, judge_nothing};

/* ---- joining --------------------------------------------------------------------------------- */

/* The ring is full, and what it begins with may be overwritten. */
static void join_full(int who) {
    if (who == 0) {
        send(who, 2, SPG_NOWAIT);
        return;
    }
    open_subscriber(who, true, SPG_ALL_HISTORY);
    receive_some(who, 2);
}
static void open_full_ring(int who) {
    static const struct members members = {4, 2, 1, 1, 0, 0, 0, 0, 0, 0};
    open_topic(who, &members);
    if (who == 0) send_before(4, 0, 0);
}
static const struct scene full = {"topic-join-full-weak", 2,         0,           0, true,
                                  open_full_ring,         join_full, judge_joiner};

/* Memory is short, and a message in the middle may be given up for it. */
static void join_drop(int who) {
    if (who == 0) {
        send_chunks_of(who, 1, notes->budget == BUDGET ? LARGE : HOT, SPG_NOWAIT);
        return;
    }
    open_subscriber(who, true, SPG_ALL_HISTORY);
    receive_some(who, 3);
}
static void open_short(int who) {
    static const struct members members = {8, 2, 1, 1, 0, 0, 0, 0, 0, 0};
    open_topic(who, &members);
    if (who == 0) send_before(1, 2, LARGE);
}
static void open_short_hot(int who) {
    static const struct members members = {8, 2, 1, 1, 0, 0, 2 * BUDGET, 0, 0, 0};
    open_topic(who, &members);
    if (who == 0) send_before(1, 2, HOT);
}
static const struct scene dropped = {"topic-join-drop-weak", 2,         0,           0, true,
                                     open_short,             join_drop, judge_joiner};
static const struct scene dropped_hot = {"topic-join-hot-weak", 2,         0,           0, true,
                                         open_short_hot,        join_drop, judge_joiner};

/* The same in vain: what was given up is still held, or does not suffice. */
static void join_in_vain(int who) {
    if (who == 0) {
        send_chunks_of(who, 1, HOT, SPG_NOWAIT);
        return;
    }
    open_subscriber(who, true, SPG_ALL_HISTORY);
    receive_some(who, 4);
}
static void open_in_vain(int who) {
    static const struct members members = {8, 2, 1, 1, 0, 1, 0, 0, 0, 0};
    spg_message message;
    open_topic(who, &members);
    if (who != 0) return;
    send_before(1, 2, LARGE);
    send_before(1, 0, 0);
    CHECK_OK(receive(who, SPG_NOWAIT));
    CHECK_OK(spg_subscriber_receive(notes->subscriber[who], &message, SPG_NOWAIT));
}
static const struct scene in_vain = {"topic-join-short-weak", 2,            0,           0, true,
                                     open_in_vain,            join_in_vain, judge_joiner};

/* Who joins and may lose holds what it reads. */
static void join_hold(int who) {
    if (who == 0) {
        send_chunks_of(who, 1, notes->budget == BUDGET ? LARGE : HOT, SPG_NOWAIT);
        return;
    }
    open_subscriber(who, false, SPG_ALL_HISTORY);
    receive_some(who, 2);
}
static const struct scene held = {"topic-join-hold-weak", 2,         0,           0, true,
                                  open_short,             join_hold, judge_joiner};
static const struct scene held_hot = {"topic-join-hold-hot-weak", 2,         0,           0, true,
                                      open_short_hot,             join_hold, judge_joiner};

/* ---- being overrun --------------------------------------------------------------------------- */

static void overrun_twice(int who) {
    if (who == 0) send(who, 2, SPG_NOWAIT);
    else receive_some(who, 2);
}
#define OVERRUN(id, name, ...)                                                                     \
    static void open_##id(int who) {                                                               \
        static const struct members members = {__VA_ARGS__};                                       \
        open_topic(who, &members);                                                                 \
        if (who == 1) send_before(4, 0, 0);                                                        \
    }                                                                                              \
    static const struct scene id = {name, 2, 0, 0, true, open_##id, overrun_twice, judge_part};
OVERRUN(small, "topic-overrun-small-weak", 4, 2, 1, 1, 0, 2)
OVERRUN(wide, "topic-overrun-wide-weak", 4, 2, 1, 1, 0, 2, 0, 128, 56, 0)
OVERRUN(larger, "topic-overrun-long-weak", 4, 2, 1, 1, 0, 2, 0, 256, LONG, 0)
OVERRUN(larger_single, "topic-overrun-long-single-weak", 4, 1, 1, 1, 0, 2, 0, 256, LONG, 0)

/* The first lap's messages have a word, those of the second are empty; each may have its time. */
static void overrun_emptily(int who) {
    spg_message message;
    for (int i = 0; who == 0 && i < 2; i++) {
        notes->sent_at[0][notes->tried[0]++] = ++virtual_time;
        CHECK_OK(spg_publisher_send(notes->publisher[0], NULL, 0, SPG_NOWAIT));
    }
    for (int i = 0; who == 1 && i < 2; i++) {
        if (spg_subscriber_receive(notes->subscriber[1], &message, SPG_NOWAIT) != 0) continue;
        CHECK(message.size == (message.sequence > 4 ? 0 : 8));
        if (message.time) CHECK(message.time == notes->sent_at[0][message.sequence - 1]);
    }
}
static void open_timed(int who) {
    static const struct members members = {4, 2, 1, 1, 0, 2, 0, 128, 8, 1};
    open_topic(who, &members);
    if (who == 1) send_before(4, 0, 0);
}
static const struct scene timed = {"topic-overrun-timed-weak", 2, 0, 0, true, open_timed,
                                   overrun_emptily, judge_nothing};
static void open_untimed(int who) {
    static const struct members members = {4, 2, 1, 1, 0, 2, 0, 0, 8, 0};
    open_topic(who, &members);
    if (who == 1) send_before(4, 0, 0);
}
static const struct scene emptied = {"topic-overrun-empty-weak", 2, 0, 0, true, open_untimed,
                                     overrun_emptily, judge_nothing};

/* Who only reads copies chunks; what it takes for the first message is the first. */
static void overrun_reader(int who) {
    struct log *log = &notes->log[who];
    if (who == 0) send_chunks_of(who, 1, 64, SPG_NOWAIT);
    else receive_some(who, 1);
    for (int i = 0; i < log->count; i++) CHECK((log->number[i] & 255) == log->sequence[i] - 1);
}
static void open_reader(int who) {
    static const struct members members = {4, 2, 1, 1, 0, 0, 384, 0, 0, 0};
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.read_only = 1;
    open_topic(who, &members);
    if (who != 1) return;
    CHECK_OK(spg_subscriber_open(&notes->subscriber[who], NULL, topic_name, &options));
    send_before(0, 4, LARGE);
}
static const struct scene reader = {"topic-overrun-reader-weak", 2, 0, 0, true, open_reader,
                                    overrun_reader, judge_part, .stale = 2};

/* The first dies with the second message claimed; the second one goes round the ring and voids it;
 * the third, overrun, does not count it. */
static void void_and_overrun(int who) {
    if (who == 2) receive_some(who, 3);
    else send(who, who == 0 ? 1 : 4, PATIENCE);
}
static void open_void(int who) {
    static const struct members members = {4, 2, 1, 3, 0, 4, 0, 0, 0, 0};
    open_topic(who, &members);
    if (who == 2) send_before(1, 0, 0);
}
static const struct scene voided = {"topic-void-weak", 3,         1,               1,
                                    true,              open_void, void_and_overrun, judge_part};

/* ---- holds ----------------------------------------------------------------------------------- */

/* The slot is used again: who lets go last alone knows the chunk. */
static void two_let_go(int who) {
    if (who == 0) send_chunks(who, 1, SPG_NOWAIT);
    else receive_some(who, 1);
}
#define HELD(id, name, act, ...)                                                                   \
    static void open_##id(int who) {                                                               \
        static const struct members members = {__VA_ARGS__};                                       \
        open_topic(who, &members);                                                                 \
        if (who != 2) return;                                                                      \
        send_before(0, 2, LARGE);                                                                  \
        send_before(2, 0, 0);                                                                      \
    }                                                                                              \
    static const struct scene id = {name, 3, 0, 0, true, open_##id, act, judge_part};
HELD(two_holders, "topic-recycle-two-hold-weak", two_let_go, 4, 2, 1, 1, 0, 6)

static void two_drop(int who) {
    if (who == 2) receive_some(who, 1);
    else send_chunks(who, 1, SPG_NOWAIT);
}
HELD(two_droppers, "topic-recycle-two-drop-weak", two_drop, 8, 2, 1, 3, 0, 4)

/* ---- leaving --------------------------------------------------------------------------------- */

/* Whoever recovers its row finds all that it had. */
static void leave_with_a_loan(int who) {
    static const struct members members = {8, 3, 1, 0, 0, 0, 0, 0, 0, 0};
    void *loan;
    if (who == 1) {
        open_publisher(who, &members);
        return;
    }
    CHECK_OK(spg_publisher_loan(notes->publisher[who], LARGE, &loan, SPG_NOWAIT));
    CHECK_OK(spg_publisher_close(notes->publisher[who]));
}
WEAK(leaves, "topic-leave-weak", 2, leave_with_a_loan, judge_part, 8, 3, 1, 1, 0, 0)

/* One leaves with a chunk that it alone knows; another finds the row, and with it the hold. */
static void leave_with_a_hold(int who) {
    static const struct members members = {4, 3, 1, 0, 0, 0, 0, 0, 0, 0};
    spg_message message;
    if (who == 0) send_chunks(who, 1, SPG_NOWAIT);
    if (who == 2) open_publisher(who, &members);
    if (who != 1 || spg_subscriber_receive(notes->subscriber[1], &message, SPG_NOWAIT) != 0) return;
    number_in(message.data, message.size);
    CHECK_OK(spg_subscriber_close(notes->subscriber[1]));
}
HELD(leaves_hold, "topic-leave-hold-weak", leave_with_a_hold, 4, 3, 1, 1, 0, 2)

/* The same with a chunk that its cursor protects. */
static void open_protected(int who) {
    static const struct members members = {8, 2, 1, 1, 2, 0, 0, 0, 0, 0};
    open_topic(who, &members);
    if (who == 1) send_before(0, 2, LARGE);
}
static const struct scene leaves_protected = {
    "topic-leave-protected-weak", 2, 0, 0, true, open_protected, leave_with_a_hold, judge_part};

/* ---- the log of voids ------------------------------------------------------------------------ */

enum { LOGGED = SPG__TOPIC_VOIDS, FIRST = 8 };

/* Two publishers have left with a claim each, and the log is full of older ones. */
static void open_voids(int who) {
    static const struct members members = {FIRST, 4, 1, 3, 0, 0, 0, 0, 0, 0};
    open_topic(who, &members);
    if (who != 1) return;
    struct spg__topic *topic = &notes->publisher[0]->topic;
    for (uint64_t i = 0; i < LOGGED; i++) poke(&topic->shared->void_log[i], 1 + i % (FIRST - 1));
    poke(&topic->shared->voids, LOGGED);
    for (uint32_t row = 0; row < 2; row++) {
        struct spg__publisher_shared *left = spg__topic_publisher(topic, row);
        poke(&spg__topic_slot(topic, FIRST + row)->state,
             spg__slot_state(FIRST + row, SPG__SLOT_CLAIMED, row));
        poke(&left->claim, FIRST + row);
        poke(&left->owner, peek(&left->owner) | SPG__TOPIC_LEFT);
    }
}
/* One with a claim that another one went past. */
static void open_claim(int who) {
    static const struct members members = {4, 2, 1, 3, 0, 2, 0, 0, 0, 0};
    open_topic(who, &members);
    if (who != 1) return;
    struct spg__topic *topic = &notes->publisher[0]->topic;
    struct spg__publisher_shared *left = spg__topic_publisher(topic, 1);
    uint64_t claimed = topic->shape.first + 1;
    send_before(1, 0, 0);
    poke(&spg__topic_slot(topic, claimed)->state, spg__slot_state(claimed, SPG__SLOT_CLAIMED, 1));
    poke(&topic->shared->next, claimed + 1);
    poke(&left->claim, claimed);
    poke(&left->owner, peek(&left->owner) | SPG__TOPIC_LEFT);
    send_before(3, 0, 0);
}
static void void_and_skip(int who) {
    if (who == 0) spg__topic_recover_unlocked(&notes->publisher[0]->topic);
    else receive_some(who, 1);
}
static const struct scene skips = {"topic-void-skip-weak", 2,             0,         0, true,
                                   open_claim,             void_and_skip, judge_part};

static void void_and_count(int who) {
    struct spg__topic *topic = &notes->publisher[0]->topic;
    if (who == 0) spg__topic_recover_unlocked(topic);
    else CHECK(spg__topic_voids_below(topic, FIRST) == LOGGED);
}
static void judge_voids(void) {
    struct spg__topic *topic = &notes->publisher[0]->topic;
    CHECK(spg__topic_voids_below(topic, FIRST) == LOGGED);
    CHECK(spg__topic_voids_below(topic, FIRST + 2) == LOGGED + 2);
}
static const struct scene voids = {"topic-voids-weak", 2,              0,          0, true,
                                   open_voids,         void_and_count, judge_voids};

const struct scene *const topic_weak_scenes[] = {
    &laps,   &late,     &helped, &full,  &dropped,       &dropped_hot, &in_vain,      &held,
    &held_hot, &small,  &wide,   &larger, &larger_single, &timed, &emptied, &reader, &voided,
    &skips,  &two_holders, &two_droppers, &leaves, &leaves_hold,
    &leaves_protected, &voids};
const int topic_weak_scene_count = sizeof topic_weak_scenes / sizeof *topic_weak_scenes;
