/* queue.h: what the tests of queues share. */
#ifndef TEST_PROCESS_QUEUE_H
#define TEST_PROCESS_QUEUE_H

#include "harness/harness.h"

__attribute__((unused)) static const char *queue_name(void) {
    return "test/queue";
}

__attribute__((unused)) static spg_queue *open_with(const spg_queue_options *options) {
    spg_queue *queue;
    CHECK_OK(spg_queue_open(&queue, NULL, queue_name(), options));
    return queue;
}

__attribute__((unused)) static spg_queue *open_queue(void) {
    return open_with(NULL);
}

__attribute__((unused)) static void push_number(spg_queue *queue, uint64_t number,
                                                int64_t timeout) {
    CHECK_OK(spg_queue_push(queue, &number, sizeof number, timeout));
}

/* The number in a job that push_number pushed. */
__attribute__((unused)) static uint64_t number_in(const spg_job *job) {
    uint64_t number;
    CHECK_INT(sizeof number, job->size);
    memcpy(&number, job->data, sizeof number);
    return number;
}

__attribute__((unused)) static uint64_t pop_number(spg_queue *queue) {
    spg_job job;
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    uint64_t number = number_in(&job);
    CHECK_OK(spg_queue_done(queue, &job));
    return number;
}

__attribute__((unused)) static void check_empty(spg_queue *queue) {
    spg_job job;
    CHECK_RESULT(SPG_EAGAIN, spg_queue_pop(queue, &job, SPG_NOWAIT));
}

/* All memory of the arena is free: one piece of it all can be had. */
__attribute__((unused)) static void check_whole(spg_queue *queue, size_t budget) {
    void *data;
    CHECK_OK(spg_queue_loan(queue, budget, &data, SPG_NOWAIT));
    CHECK_OK(spg_queue_discard(queue, data));
}

/* Every slot can be used: none is lost. */
__attribute__((unused)) static void check_slots(spg_queue *queue, int slots) {
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < slots; i++) push_number(queue, (uint64_t)i, SPG_NOWAIT);
        uint64_t one = 1;
        CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, &one, sizeof one, SPG_NOWAIT));
        for (int i = 0; i < slots; i++) CHECK_INT(i, pop_number(queue));
        check_empty(queue);
    }
}

__attribute__((unused)) static const char *queue_path(void) {
    static char path[300];
    snprintf(path, sizeof path, "%s/test%%2Fqueue.queue", getenv("SAMEPAGE_DOMAIN"));
    return path;
}

__attribute__((unused)) static void check_gone(void) {
    if (access(queue_path(), F_OK) == 0) FAIL("%s is still there", queue_path());
}

#endif
