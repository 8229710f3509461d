/* queue.c: jobs between processes: order, one taker each, memory, waiting. */
#include "process/queue.h"

#include <poll.h>

/* ---- alone ----------------------------------------------------------------------------------- */

TEST(jobs_come_out_in_the_order_in_which_they_were_pushed) {
    spg_queue *queue = open_queue();
    uint64_t before = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        for (uint64_t n = 0; n < 5; n++) push_number(queue, 5 * i + n, SPG_NOWAIT);
        for (uint64_t n = 0; n < 5; n++) {
            spg_job job;
            CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
            CHECK_INT(5 * i + n, number_in(&job));
            CHECK(job.number > before);
            CHECK_INT(1, job.deliveries);
            uint64_t own;
            CHECK_OK(spg_node_id(NULL, &own));
            CHECK_INT(own, job.producer);
            before = job.number;
            CHECK_OK(spg_queue_done(queue, &job));
        }
    }
    check_empty(queue);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(a_full_queue_takes_no_more_and_each_slot_comes_back) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 5;
    spg_queue *queue = open_with(&options);
    check_slots(queue, 8);
    push_number(queue, 7, SPG_NOWAIT);
    for (int i = 0; i < 7; i++) push_number(queue, 8, SPG_NOWAIT);
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_push(queue, "x", 1, MILLISECONDS(30)));
    for (int i = 0; i < 8; i++) pop_number(queue);
    CHECK_OK(spg_queue_close(queue));
}

TEST(jobs_are_done_in_any_order_and_the_ring_goes_on_around_those_in_hand) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 8;
    options.holds = 4;
    spg_job held, jobs[3];
    spg_queue *queue = open_with(&options);
    push_number(queue, 1000, SPG_NOWAIT);
    CHECK_OK(spg_queue_pop(queue, &held, SPG_NOWAIT));
    for (uint64_t i = 0; i < 5000; i++) {
        for (int n = 0; n < 3; n++) push_number(queue, 3 * i + (uint64_t)n, SPG_NOWAIT);
        for (int n = 0; n < 3; n++) CHECK_OK(spg_queue_pop(queue, &jobs[n], SPG_NOWAIT));
        spg_job one;
        CHECK_RESULT(SPG_EFULL, spg_queue_pop(queue, &one, SPG_NOWAIT));
        for (int n = 2; n >= 0; n--) {
            CHECK_INT(3 * i + (uint64_t)n, number_in(&jobs[n]));
            CHECK_OK(spg_queue_done(queue, &jobs[n]));
            CHECK_RESULT(SPG_EINVAL, spg_queue_done(queue, &jobs[n]));
        }
    }
    CHECK_INT(1000, number_in(&held));
    for (int n = 0; n < 7; n++) push_number(queue, 1, SPG_NOWAIT);
    CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    CHECK_OK(spg_queue_return(queue, &held));
    CHECK_RESULT(SPG_EINVAL, spg_queue_return(queue, &held));
    for (int i = 0; i < 8; i++) {
        CHECK_OK(spg_queue_pop(queue, &jobs[0], SPG_NOWAIT));
        if (number_in(&jobs[0]) == 1000) {
            CHECK_INT(held.number, jobs[0].number);
            CHECK_INT(2, jobs[0].deliveries);
            held.size = 0;
        }
        CHECK_OK(spg_queue_done(queue, &jobs[0]));
    }
    CHECK_INT(0, held.size);
    check_slots(queue, 8);
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_returned_job_has_its_old_place) {
    spg_job first, second;
    spg_queue *queue = open_queue();
    for (uint64_t i = 0; i < 4; i++) push_number(queue, i, SPG_NOWAIT);
    CHECK_OK(spg_queue_pop(queue, &first, SPG_NOWAIT));
    CHECK_OK(spg_queue_pop(queue, &second, SPG_NOWAIT));
    CHECK_OK(spg_queue_return(queue, &second));
    CHECK_OK(spg_queue_return(queue, &first));
    for (uint64_t i = 0; i < 4; i++) CHECK_INT(i, pop_number(queue));
    for (uint64_t i = 0; i < 9; i++) {
        push_number(queue, i, SPG_NOWAIT);
        for (uint32_t n = 1; n < 10; n++) {
            CHECK_OK(spg_queue_pop(queue, &first, SPG_NOWAIT));
            CHECK_INT(n < 7 ? n : 7, first.deliveries);
            CHECK_OK(spg_queue_return(queue, &first));
        }
        CHECK_INT(i, pop_number(queue));
    }
    CHECK_OK(spg_queue_close(queue));
}

static void fill(char *bytes, size_t size, size_t seed) {
    for (size_t i = 0; i < size; i++) bytes[i] = (char)((i + seed) * 2654435761u >> 11);
}

TEST(jobs_of_all_sizes_arrive_whole) {
    static char bytes[5000000], copy[5000000];
    static const size_t sizes[] = {0,    1,    47,    48,    49,     63,      64,     65,
                                   4080, 4096, 65536, 65537, 999999, 4999999, 5000000};
    static const uint32_t slots[] = {64, 100, 4096};
    for (int s = 0; s < 3; s++) {
        spg_queue_options options = SPG_QUEUE_OPTIONS;
        options.budget = sizeof bytes;
        options.slot_size = slots[s];
        spg_queue *queue = open_with(&options);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            spg_job job;
            fill(bytes, sizes[i], i);
            CHECK_OK(spg_queue_push(queue, bytes, sizes[i], SPG_NOWAIT));
            CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
            CHECK_INT(sizes[i], job.size);
            CHECK_INT(0, memcmp(bytes, job.data, job.size));
            CHECK_OK(spg_queue_done(queue, &job));
            void *data;
            CHECK_OK(spg_queue_loan(queue, sizes[i], &data, SPG_NOWAIT));
            CHECK_INT(0, (uintptr_t)data % 64);
            fill(data, sizes[i], i);
            CHECK_OK(spg_queue_publish(queue, data, sizes[i], SPG_NOWAIT));
            CHECK_RESULT(SPG_EINVAL, spg_queue_publish(queue, data, sizes[i], SPG_NOWAIT));
            CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
            CHECK(job.data == data);
            memcpy(copy, job.data, job.size);
            CHECK_INT(0, memcmp(bytes, copy, sizes[i]));
            CHECK_OK(spg_queue_done(queue, &job));
        }
        check_whole(queue, sizeof bytes);
        uint64_t room = sizeof bytes + 4096;
        CHECK_RESULT(SPG_ETOOBIG, spg_queue_push(queue, bytes, room, SPG_NOWAIT));
        CHECK_OK(spg_queue_close(queue));
    }
}

TEST(without_memory_a_push_waits_and_its_loan_stays) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.budget = 8192;
    options.slots = 2;
    static char bytes[8192];
    void *first, *second;
    spg_job job;
    spg_queue *queue = open_with(&options);
    CHECK_OK(spg_queue_loan(queue, 4096, &first, SPG_NOWAIT));
    CHECK_OK(spg_queue_push(queue, bytes, 4096, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, bytes, 100, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_loan(queue, 100, &second, MILLISECONDS(25)));
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, bytes, 100, SPG_NOWAIT));
    CHECK_OK(spg_queue_done(queue, &job));
    push_number(queue, 1, SPG_NOWAIT);
    push_number(queue, 2, SPG_NOWAIT);
    CHECK_RESULT(SPG_EAGAIN, spg_queue_publish(queue, first, 4096, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_push(queue, bytes, 4000, MILLISECONDS(25)));
    CHECK_INT(1, pop_number(queue));
    CHECK_RESULT(SPG_EINVAL, spg_queue_publish(queue, first, 4097, SPG_NOWAIT));
    CHECK_OK(spg_queue_publish(queue, first, 4096, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_discard(queue, first));
    CHECK_RESULT(SPG_EINVAL, spg_queue_discard(queue, bytes));
    CHECK_INT(2, pop_number(queue));
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_INT(4096, job.size);
    CHECK_OK(spg_queue_done(queue, &job));
    check_whole(queue, 8192);
    for (int i = 0; i < 8; i++) CHECK_OK(spg_queue_loan(queue, 1, &first, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFULL, spg_queue_loan(queue, 1, &first, SPG_NOWAIT));
    CHECK_OK(spg_queue_close(queue));
}

static void *loan_bytes(spg_queue *queue, size_t size) {
    void *data;
    CHECK_OK(spg_queue_loan(queue, size, &data, SPG_NOWAIT));
    return data;
}

/* The search goes on behind what was given out last, which may be part of another piece by now. */
TEST(memory_that_was_joined_is_not_given_out_twice) {
    enum { PIECE = 64 };
    void *pieces[4], *none;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.holds = 8;
    options.budget = 4 * PIECE;
    spg_queue *queue = open_with(&options);
    for (int i = 0; i < 4; i++) pieces[i] = loan_bytes(queue, PIECE);
    CHECK_OK(spg_queue_discard(queue, pieces[0]));
    CHECK(loan_bytes(queue, PIECE) == pieces[0]);
    CHECK_OK(spg_queue_discard(queue, pieces[0]));
    CHECK_OK(spg_queue_discard(queue, pieces[1]));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_loan(queue, 3 * PIECE, &none, SPG_NOWAIT));
    loan_bytes(queue, PIECE);
    CHECK_RESULT(SPG_EAGAIN, spg_queue_loan(queue, 2 * PIECE, &none, SPG_NOWAIT));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_new_queue_of_the_most_slots_takes_a_job_at_once) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 65536;
    spg_queue *queue = open_with(&options);
    push_number(queue, 7, SPG_NOWAIT);
    CHECK_INT(7, pop_number(queue));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_queue_without_memory_takes_what_fits_in_its_slots) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.budget = 0;
    char bytes[49] = "";
    void *data;
    spg_queue *queue = open_with(&options);
    CHECK_OK(spg_queue_push(queue, bytes, 48, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETOOBIG, spg_queue_push(queue, bytes, 49, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETOOBIG, spg_queue_loan(queue, 1, &data, SPG_NOWAIT));
    spg_job job;
    CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_done(queue, &job));
    CHECK_OK(spg_queue_close(queue));
}

/* ---- several --------------------------------------------------------------------------------- */

enum { JOBS = 60000 };

ROLE(producer) {
    spg_queue *queue = open_queue();
    uint64_t number = (uint64_t)atoll(arguments[0]) << 32;
    for (uint64_t i = 0; i < JOBS; i++) {
        char bytes[400] = "";
        uint64_t word = number | i;
        size_t size = i % 7 == 0 ? 8 + i % 390 : 8;
        memcpy(bytes, &word, 8);
        CHECK_OK(spg_queue_push(queue, bytes, size, SPG_FOREVER));
    }
    CHECK_OK(spg_queue_close(queue));
}

/* Counts in counters 10 on: jobs and a sum of what they say. Job 0 of producer 0 is the end. */
ROLE(consumer) {
    uint64_t last[16] = {0};
    spg_queue *queue = open_queue();
    for (;;) {
        spg_job job;
        uint64_t word;
        CHECK_OK(spg_queue_pop(queue, &job, SPG_FOREVER));
        memcpy(&word, job.data, 8);
        if (word == 0) {
            CHECK_OK(spg_queue_done(queue, &job));
            break;
        }
        CHECK_INT(1, job.deliveries);
        uint64_t producer = word >> 32;
        CHECK(producer < 16);
        CHECK((word & UINT32_MAX) + 1 > last[producer]);
        last[producer] = (word & UINT32_MAX) + 1;
        atomic_fetch_add(counter(10), 1);
        atomic_fetch_add(counter(11), (int64_t)word);
        CHECK_OK(spg_queue_done(queue, &job));
    }
    CHECK_OK(spg_queue_close(queue));
}

static void check_many(int producers, int consumers) {
    struct role *making[8], *taking[8];
    char text[8][16];
    int64_t sum = 0;
    spg_queue *queue = open_queue();
    for (int i = 0; i < consumers; i++) taking[i] = role_start("consumer");
    for (int i = 0; i < producers; i++) {
        snprintf(text[i], sizeof text[i], "%d", i + 1);
        making[i] = role_start("producer", text[i]);
        for (int64_t n = 0; n < JOBS; n++) sum += ((int64_t)(i + 1) << 32) + n;
    }
    for (int i = 0; i < producers; i++) ROLE_ENDS_WELL(making[i]);
    for (int i = 0; i < consumers; i++) push_number(queue, 0, SPG_FOREVER);
    for (int i = 0; i < consumers; i++) ROLE_ENDS_WELL(taking[i]);
    CHECK_INT((int64_t)producers * JOBS, *counter(10));
    CHECK_INT(sum, *counter(11));
    check_whole(queue, 65536);
    check_slots(queue, 256);
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(one_producer_and_one_consumer) {
    check_many(1, 1);
}
TEST(each_job_goes_to_one_of_many_consumers) {
    check_many(1, 4);
}
TEST(many_producers_and_many_consumers) {
    check_many(4, 4);
}

/* ---- staying --------------------------------------------------------------------------------- */

ROLE(push_and_leave) {
    spg_queue *queue = open_queue();
    for (uint64_t i = 0; i < 10; i++) push_number(queue, i, SPG_NOWAIT);
    CHECK_OK(spg_queue_close(queue));
}

TEST(jobs_wait_for_who_comes_later) {
    ROLE_ENDS_WELL(role_start("push_and_leave"));
    CHECK_INT(0, access(queue_path(), F_OK));
    ROLE_ENDS_WELL(role_start("push_and_leave"));
    spg_queue *queue = open_queue();
    for (uint64_t i = 0; i < 20; i++) {
        spg_job job;
        CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
        CHECK_INT(i % 10, number_in(&job));
        CHECK_INT(0, job.producer);
        CHECK_OK(spg_queue_done(queue, &job));
    }
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(a_hundred_producers_come_and_go_before_a_consumer_comes) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.members = 1;
    for (uint64_t i = 0; i < 100; i++) {
        spg_queue *queue = open_with(&options), *other;
        CHECK_RESULT(SPG_EFULL, spg_queue_open(&other, NULL, queue_name(), NULL));
        push_number(queue, i, SPG_NOWAIT);
        CHECK_OK(spg_queue_close(queue));
    }
    spg_queue *queue = open_queue();
    for (uint64_t i = 0; i < 100; i++) CHECK_INT(i, pop_number(queue));
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(what_is_in_hand_at_close_is_given_out_again) {
    spg_job job;
    void *data;
    spg_queue *first = open_queue(), *second = open_queue();
    for (uint64_t i = 0; i < 3; i++) push_number(first, i, SPG_NOWAIT);
    CHECK_OK(spg_queue_pop(first, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_pop(first, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_loan(first, 60000, &data, SPG_NOWAIT));
    CHECK_OK(spg_queue_close(first));
    for (uint64_t i = 0; i < 3; i++) CHECK_INT(i, pop_number(second));
    check_whole(second, 65536);
    CHECK_OK(spg_queue_close(second));
}

/* ---- waiting --------------------------------------------------------------------------------- */

ROLE(late_producer) {
    spg_queue *queue = open_queue();
    nap_ms(atoi(arguments[0]));
    push_number(queue, 42, SPG_NOWAIT);
    CHECK_OK(spg_queue_close(queue));
}

ROLE(late_consumer) {
    spg_queue *queue = open_queue();
    nap_ms(50);
    pop_number(queue);
    CHECK_OK(spg_queue_close(queue));
}

TEST(who_waits_for_a_job_gets_it) {
    spg_job job;
    spg_queue *queue = open_queue();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_pop(queue, &job, MILLISECONDS(30)));
    struct role *producer = role_start("late_producer", "60");
    CHECK_OK(spg_queue_pop(queue, &job, SPG_FOREVER));
    CHECK_INT(42, number_in(&job));
    CHECK_OK(spg_queue_done(queue, &job));
    ROLE_ENDS_WELL(producer);
    CHECK_OK(spg_queue_close(queue));
}

TEST(who_waits_for_room_gets_it) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 2;
    spg_queue *queue = open_with(&options);
    push_number(queue, 1, SPG_NOWAIT);
    push_number(queue, 2, SPG_NOWAIT);
    struct role *consumer = role_start("late_consumer");
    push_number(queue, 3, SPG_FOREVER);
    ROLE_ENDS_WELL(consumer);
    CHECK_INT(2, pop_number(queue));
    CHECK_INT(3, pop_number(queue));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_descriptor_tells_of_a_job) {
    spg_queue *queue = open_queue();
    int fd = spg_queue_fd(queue);
    CHECK(fd >= 0);
    check_empty(queue);
    struct role *producer = role_start("late_producer", "60");
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    spg_job job;
    int result;
    do {
        CHECK_INT(1, poll(&wanted, 1, 10000));
        result = spg_queue_pop(queue, &job, SPG_NOWAIT);
    } while (result == SPG_EAGAIN);
    CHECK_OK(result);
    CHECK_INT(42, number_in(&job));
    CHECK_OK(spg_queue_done(queue, &job));
    ROLE_ENDS_WELL(producer);
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_wait_set_tells_of_a_job) {
    void *tag = NULL;
    spg_waitset *set;
    spg_queue *queue = open_queue();
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, spg_queue_waitable(queue), queue));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, &tag, 1, MILLISECONDS(20)));
    struct role *producer = role_start("late_producer", "40");
    CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
    CHECK(tag == queue);
    CHECK_INT(42, pop_number(queue));
    ROLE_ENDS_WELL(producer);
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_queue_close(queue));
}

/* ---- wrong use ------------------------------------------------------------------------------- */

static void refuse(spg_queue_options options, const char *detail) {
    spg_queue *queue;
    CHECK_RESULT(SPG_EINVAL, spg_queue_open(&queue, NULL, queue_name(), &options));
    CHECK_DETAIL(detail);
}

TEST(options_that_cannot_be_are_refused) {
    const spg_queue_options right = SPG_QUEUE_OPTIONS;
    spg_queue_options options = right;
    options.struct_size = 3;
    refuse(options, "SPG_QUEUE_OPTIONS");
    options = right, options.slots = 65537;
    refuse(options, "slots");
    options = right, options.slot_size = 4097;
    refuse(options, "slot_size");
    options = right, options.members = 0;
    refuse(options, "members");
    options = right, options.holds = 1001;
    refuse(options, "holds");
    options = right, options.mode = 0700;
    refuse(options, "mode");
    options = right, options.budget = UINT64_MAX;
    refuse(options, "budget");
    options = right;
    options.type = "0123456789012345678901234567890123456789012345678901234567890123";
    refuse(options, "63 bytes");
    check_gone();
}

TEST(the_type_that_is_given_must_be_the_queues) {
    spg_queue *queue, *other;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.type = "frame";
    options.type_size = 24;
    options.schema = "{\"x\": 1}";
    queue = open_with(&options);
    CHECK_OK(spg_queue_close(open_with(&options)));
    CHECK_OK(spg_queue_close(open_queue()));
    options.type = "picture";
    CHECK_RESULT(SPG_ETYPE, spg_queue_open(&other, NULL, queue_name(), &options));
    CHECK_DETAIL("frame");
    CHECK_DETAIL("picture");
    options.type = "frame";
    options.type_size = 25;
    CHECK_RESULT(SPG_ETYPE, spg_queue_open(&other, NULL, queue_name(), &options));
    CHECK_OK(spg_queue_close(queue));
    check_gone();
}

TEST(wrong_use_is_an_error) {
    spg_queue *queue = open_queue();
    spg_job job = {.ticket = 12345};
    void *data;
    CHECK_RESULT(SPG_EINVAL, spg_queue_push(NULL, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_push(queue, NULL, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_push(queue, "x", 1, -2));
    CHECK_RESULT(SPG_EINVAL, spg_queue_publish(queue, &job, 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_loan(queue, 1, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETOOBIG, spg_queue_loan(queue, SIZE_MAX, &data, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_pop(queue, NULL, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_queue_done(queue, &job));
    CHECK_RESULT(SPG_EINVAL, spg_queue_done(queue, NULL));
    CHECK_RESULT(SPG_EINVAL, spg_queue_open(&queue, NULL, "../x", NULL));
    CHECK_RESULT(SPG_EINVAL, spg_queue_open(NULL, NULL, "x", NULL));
    CHECK_RESULT(SPG_ENOENT, spg_queue_unlink(NULL, "absent"));
    CHECK_OK(spg_queue_close(NULL));
    CHECK_OK(spg_queue_unlink(NULL, queue_name()));
    check_gone();
    spg_queue *other = open_queue();
    push_number(queue, 1, SPG_NOWAIT);
    check_empty(other);
    CHECK_OK(spg_queue_close(queue));
    CHECK_INT(0, access(queue_path(), F_OK));
    CHECK_RESULT(SPG_EINVAL, spg_queue_close(queue));
    CHECK_OK(spg_queue_close(other));
}

static void use_in_child(void *argument) {
    spg_queue *queue = argument;
    spg_job job;
    CHECK_RESULT(SPG_EFORKED, spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_RESULT(SPG_EFORKED, spg_queue_fd(queue));
    CHECK_OK(spg_queue_close(queue));
    queue = open_queue();
    CHECK_INT(5, pop_number(queue));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_fork_child_has_no_queue) {
    spg_queue *queue = open_queue();
    CHECK(spg_queue_fd(queue) >= 0);
    push_number(queue, 5, SPG_NOWAIT);
    ROLE_ENDS_WELL(role_fork(use_in_child, queue));
    check_empty(queue);
    CHECK_OK(spg_queue_close(queue));
}
