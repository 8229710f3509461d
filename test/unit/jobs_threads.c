/* jobs_threads.c: queues and services between threads, each with a handle of its own. */
#include <pthread.h>

#include "harness/harness.h"

enum { MAKERS = 2, TAKERS = 3, JOBS = 4000, CALLS = 2000 };

/* ---- queue ----------------------------------------------------------------------------------- */

static spg_queue *open_one(void) {
    spg_queue *queue;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = 8;
    options.budget = 4096;
    CHECK_OK(spg_queue_open(&queue, NULL, "threads", &options));
    return queue;
}

/* Jobs of all sizes, full of their first byte, which is not 0. */
static void *push_jobs(void *argument) {
    char bytes[400];
    spg_queue *queue = open_one();
    (void)argument;
    for (int i = 0; i < JOBS; i++) {
        size_t size = (size_t)(1 + i * 31 % 400);
        memset(bytes, 1 + i % 100, size);
        CHECK_OK(spg_queue_push(queue, bytes, size, SPG_FOREVER));
    }
    CHECK_OK(spg_queue_close(queue));
    return NULL;
}

/* Every ninth goes back once. A 0 is the end. */
static void *take_jobs(void *argument) {
    spg_queue *queue = open_one();
    for (int i = 0;; i++) {
        spg_job job;
        CHECK_OK(spg_queue_pop(queue, &job, SPG_FOREVER));
        const char *bytes = job.data;
        for (size_t n = 0; n < job.size; n++) CHECK_INT(bytes[0], bytes[n]);
        bool last = bytes[0] == 0;
        if (!last && i % 9 == 0 && job.deliveries == 1) {
            CHECK_OK(spg_queue_return(queue, &job));
            continue;
        }
        CHECK_OK(spg_queue_done(queue, &job));
        if (last) break;
        atomic_fetch_add((_Atomic int *)argument, 1);
    }
    CHECK_OK(spg_queue_close(queue));
    return NULL;
}

TEST(each_job_is_done_once) {
    _Atomic int done = 0;
    pthread_t makers[MAKERS], takers[TAKERS];
    spg_queue *queue = open_one();
    for (int i = 0; i < TAKERS; i++)
        CHECK_INT(0, pthread_create(&takers[i], NULL, take_jobs, &done));
    for (int i = 0; i < MAKERS; i++)
        CHECK_INT(0, pthread_create(&makers[i], NULL, push_jobs, NULL));
    for (int i = 0; i < MAKERS; i++) CHECK_INT(0, pthread_join(makers[i], NULL));
    for (int i = 0; i < TAKERS; i++) CHECK_OK(spg_queue_push(queue, "", 1, SPG_FOREVER));
    for (int i = 0; i < TAKERS; i++) CHECK_INT(0, pthread_join(takers[i], NULL));
    CHECK_INT(MAKERS * JOBS, done);
    CHECK_OK(spg_queue_close(queue));
}

/* ---- service --------------------------------------------------------------------------------- */

static void *serve(void *argument) {
    spg_server *server;
    bool last = false;
    (void)argument;
    CHECK_OK(spg_server_open(&server, NULL, "threads", NULL));
    while (!last) {
        spg_request request;
        char bytes[500];
        CHECK_OK(spg_server_receive(server, &request, SPG_FOREVER));
        CHECK(request.size <= sizeof bytes);
        memcpy(bytes, request.data, request.size);
        last = request.size == 0;
        for (size_t i = 0; i < request.size; i++) bytes[i]++;
        int result = spg_server_reply(server, &request, bytes, request.size);
        CHECK(result == 0 || result == SPG_ECLOSED || result == SPG_EAGAIN);
        if (result == SPG_EAGAIN) spg_server_refuse(server, &request, SPG_ENOMEM);
    }
    CHECK_OK(spg_server_close(server));
    return NULL;
}

static void *call(void *argument) {
    spg_client *client;
    char bytes[300];
    (void)argument;
    CHECK_OK(spg_client_open(&client, NULL, "threads", NULL));
    for (int i = 0; i < CALLS; i++) {
        spg_response response;
        uint64_t id;
        size_t size = (size_t)(1 + i * 7 % 300);
        memset(bytes, i, size);
        CHECK_OK(spg_client_send(client, bytes, size, &id, SPG_FOREVER));
        if (i % 10 == 0) CHECK_OK(spg_client_cancel(client, id));
        int result = spg_client_call(client, bytes, size, &response, SPG_FOREVER);
        if (result == SPG_ENOMEM) continue;
        CHECK_OK(result);
        CHECK_INT(size, response.size);
        for (size_t n = 0; n < size; n++)
            CHECK_INT((char)(i + 1), ((const char *)response.data)[n]);
        CHECK_OK(spg_client_release(client, &response));
        while (spg_client_receive(client, &response, SPG_NOWAIT) == 0)
            CHECK_OK(spg_client_release(client, &response));
    }
    CHECK_OK(spg_client_close(client));
    return NULL;
}

TEST(each_request_gets_its_response) {
    pthread_t callers[MAKERS], servers[TAKERS];
    spg_client *client;
    spg_response response;
    CHECK_OK(spg_client_open(&client, NULL, "threads", NULL));
    for (int i = 0; i < TAKERS; i++) CHECK_INT(0, pthread_create(&servers[i], NULL, serve, NULL));
    for (int i = 0; i < MAKERS; i++) CHECK_INT(0, pthread_create(&callers[i], NULL, call, NULL));
    for (int i = 0; i < MAKERS; i++) CHECK_INT(0, pthread_join(callers[i], NULL));
    for (int i = 0; i < TAKERS; i++) {
        CHECK_OK(spg_client_call(client, NULL, 0, &response, SPG_FOREVER));
        CHECK_OK(spg_client_release(client, &response));
    }
    for (int i = 0; i < TAKERS; i++) CHECK_INT(0, pthread_join(servers[i], NULL));
    CHECK_OK(spg_client_close(client));
}
