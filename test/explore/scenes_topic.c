/* scenes_topic.c: one order for all; exactly once for who must not lose; exactly counted for who
 * may; what was received stays as it is; what was published stays published. topic_scene.h has the
 * members and the judge. */
#include "topic_scene.h"

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
    static const struct members members = {8, 2, 1, 0, 0, 0, 0, 0, 0, 0};
    if (who == 2) {
        receive_some(who, 3);
        return;
    }
    open_publisher(who, &members);
    send(who, 1, PATIENCE);
    CHECK_OK(spg_publisher_close(notes->publisher[who]));
}
static void open_nobody(int who) {
    static const struct members members = {8, 2, 1, 4, 0, 4, 0, 0, 0, 0};
    open_node(who);
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
