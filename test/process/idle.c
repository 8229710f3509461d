/* idle.c: who waits where nothing happens is not woken, and costs nothing; and still learns of what
 * comes, also from one who dies over it. */
#include <sys/resource.h>

#include "process/topic.h"
#include "process/waiting.h"

enum { REST_MS = 400, FEW = 4 }; /* at 20 ms a look it would be twenty sleeps */

static long sleeps(void) {
    struct rusage usage;
    CHECK_INT(0, getrusage(RUSAGE_THREAD, &usage));
    return usage.ru_nvcsw;
}

static void check_few(long since) {
    if (sleeps() - since > FEW) FAIL("woken %ld times", sleeps() - since);
}

/* ---- nothing happens ------------------------------------------------------------------------- */

TEST(an_idle_subscriber_is_not_woken) {
    spg_message message;
    spg_publisher *publisher = publish_as(NULL);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    long before = sleeps();
    CHECK_RESULT(SPG_ETIMEDOUT,
                 spg_subscriber_receive(subscriber, &message, MILLISECONDS(REST_MS)));
    check_few(before);
    CHECK_OK(spg_subscriber_close(subscriber));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(an_idle_consumer_is_not_woken) {
    spg_queue *queue;
    spg_job job;
    CHECK_OK(spg_queue_open(&queue, NULL, "q", NULL));
    long before = sleeps();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_queue_pop(queue, &job, MILLISECONDS(REST_MS)));
    check_few(before);
    CHECK_OK(spg_queue_close(queue));
}

TEST(an_idle_server_is_not_woken_in_a_wait_set_either) {
    spg_server *server;
    spg_waitset *set;
    spg_request request;
    void *tag;
    CHECK_OK(spg_server_open(&server, NULL, "s", NULL));
    CHECK_OK(spg_waitset_open(&set));
    CHECK_OK(spg_waitset_add(set, spg_server_waitable(server), NULL));
    long before = sleeps();
    CHECK_RESULT(SPG_ETIMEDOUT, spg_server_receive(server, &request, MILLISECONDS(REST_MS)));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_waitset_wait(set, &tag, 1, MILLISECONDS(REST_MS)));
    check_few(before);
    CHECK_OK(spg_waitset_close(set));
    CHECK_OK(spg_server_close(server));
}

/* ---- something does -------------------------------------------------------------------------- */

/* Claims, and dies before it looked whether anybody sleeps. */
ROLE(claims_and_dies) {
    struct image image;
    spg_publisher *publisher = publish_as(NULL);
    (void)publisher;
    image_open(&image);
    step_reach(1);
    step_await(2);
    nap_ms(100);
    image_claim(&image, image_own_row(&image));
    step_reach(3);
    raise(SIGKILL);
}

/* The sleeper rests when the claim is made; the next publisher wakes it. */
ROLE(publishes_later) {
    spg_publisher *publisher = publish_as(NULL);
    step_await(3);
    nap_ms(100);
    *counter(1) = now_ns();
    CHECK_OK(message_send(publisher, 20, 2, 0, SPG_NOWAIT));
    CHECK_OK(spg_publisher_close(publisher));
}

TEST(a_rester_is_woken_by_who_publishes_behind_an_abandoned_claim) {
    struct role *first = role_start("claims_and_dies");
    step_await(1);
    spg_subscriber *subscriber = subscribe_as(SPG_MAY_LOSE, 0);
    struct role *second = role_start("publishes_later");
    step_reach(2);
    spg_message message;
    CHECK_OK(spg_subscriber_receive(subscriber, &message, MILLISECONDS(PATIENCE_MS)));
    CHECK(message_is(message.data, message.size, 2, 0));
    CHECK(now_ns() - *counter(1) < MILLISECONDS(1000)); /* 100 are promised */
    CHECK_INT(-SIGKILL, role_wait(first));
    ROLE_ENDS_WELL(second);
    CHECK_OK(spg_subscriber_release(subscriber, &message));
    CHECK_OK(spg_subscriber_close(subscriber));
}

/* A consumer that has a job dies; the other one slept before the job came. */
ROLE(takes_and_dies) {
    spg_queue *queue;
    spg_job job;
    CHECK_OK(spg_queue_open(&queue, NULL, "q", NULL));
    step_reach(1);
    CHECK_OK(spg_queue_pop(queue, &job, SPG_FOREVER));
    nap_ms(100);
    raise(SIGKILL);
}

ROLE(pushes_later) {
    spg_queue *queue;
    CHECK_OK(spg_queue_open(&queue, NULL, "q", NULL));
    step_await(1);
    nap_ms(100);
    CHECK_OK(spg_queue_push(queue, "job", 3, SPG_NOWAIT));
    CHECK_OK(spg_queue_close(queue));
}

TEST(a_resting_consumer_gets_the_job_of_one_who_dies) {
    spg_queue *queue;
    spg_job job;
    CHECK_OK(spg_queue_open(&queue, NULL, "q", NULL));
    struct role *taker = role_start("takes_and_dies");
    struct role *maker = role_start("pushes_later");
    for (int i = 0; i < 2; i++) { /* the first one may have been faster than the other taker */
        CHECK_OK(spg_queue_pop(queue, &job, MILLISECONDS(PATIENCE_MS)));
        if (job.deliveries > 1) break;
        CHECK_OK(spg_queue_return(queue, &job));
        nap_ms(20);
    }
    CHECK_OK(spg_queue_done(queue, &job));
    ROLE_ENDS_WELL(maker);
    role_signal(taker, SIGKILL);
    CHECK_INT(-SIGKILL, role_wait(taker));
    CHECK_OK(spg_queue_close(queue));
}
