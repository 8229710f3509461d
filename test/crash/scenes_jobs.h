/* scenes_jobs.h: the scenes of the queue and the service. Included by scenes.h.
 *
 * Queue: `memory->value[n]` tells how far job n is, written by whoever handles it: so a survivor
 * knows which jobs must be there, which must not, and for which both are right.
 *
 * Service: `value[2]` and `value[3]` are node and process of a keeper: a client that stays, so that
 * the service is not simply made anew, and what the dead left in it has to be repaired. */
enum { NOT_YET, PUSHING, THERE, FINISHING, GONE };
enum { SCENE_JOBS = 4, JOB_BUDGET = 2048, JOB_BIG = 500 };

/* ---- queue ----------------------------------------------------------------------------------- */

static int open_scene_queue_of(spg_queue **queue, uint32_t at_most_once) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = SCENE_JOBS;
    options.budget = JOB_BUDGET;
    options.members = 3;
    options.holds = SCENE_JOBS;
    options.at_most_once = at_most_once;
    return spg_queue_open(queue, NULL, "scene", &options);
}
static int open_scene_queue(spg_queue **queue) {
    return open_scene_queue_of(queue, 0);
}

/* Jobs 1 and 3 are big, job 3 is written in place. */
static int push_job(spg_queue *queue, uint64_t number) {
    char bytes[JOB_BIG] = "";
    void *data = bytes;
    size_t size = number % 2 ? JOB_BIG : sizeof number;
    memory->value[number] = PUSHING;
    int result = number == 3 ? spg_queue_loan(queue, size, &data, SECONDS(5)) : 0;
    if (result < 0) return result;
    memset(data, (int)number, size);
    memcpy(data, &number, sizeof number);
    result = number == 3 ? spg_queue_publish(queue, data, size, SECONDS(5))
                         : spg_queue_push(queue, data, size, SECONDS(5));
    if (result == 0) memory->value[number] = THERE;
    return result;
}

static int finish_job(spg_queue *queue, const spg_job *job) {
    uint64_t number;
    memcpy(&number, job->data, sizeof number);
    if (number < SCENE_JOBS) memory->value[number] = FINISHING;
    int result = spg_queue_done(queue, job);
    if (result == 0 && number < SCENE_JOBS) memory->value[number] = GONE;
    return result;
}

static int push_jobs(void) {
    spg_queue *queue;
    int result = open_scene_queue(&queue);
    if (result < 0) return result;
    for (uint64_t n = 0; n < SCENE_JOBS && result == 0; n++) {
        if (memory->value[n] == NOT_YET) result = push_job(queue, n);
    }
    spg_queue_close(queue);
    return result;
}

static int open_and_close_queue(void) {
    spg_queue *queue;
    int result = open_scene_queue(&queue);
    return result < 0 ? result : spg_queue_close(queue);
}

static void begin_queue(void) {
    CHECK_OK(join());
    for (int n = 0; n < SCENE_JOBS; n++) memory->value[n] = NOT_YET;
}

/* Two in hand at a time, the second done first; one goes back, and one is in hand at the end. */
static int handle_jobs(void) {
    spg_queue *queue;
    spg_job first, second;
    int result = open_scene_queue(&queue);
    if (result < 0) return result;
    result = spg_queue_pop(queue, &first, SPG_NOWAIT);
    if (result == 0) result = spg_queue_pop(queue, &second, SPG_NOWAIT);
    if (result == 0) result = finish_job(queue, &second);
    if (result == 0) result = spg_queue_return(queue, &first);
    if (result == 0) result = spg_queue_pop(queue, &first, SPG_NOWAIT);
    if (result == 0) result = finish_job(queue, &first);
    if (result == 0) result = spg_queue_pop(queue, &first, SPG_NOWAIT);
    spg_queue_close(queue);
    return result == SPG_EAGAIN ? 0 : result;
}

static void check_job(const spg_job *job, uint64_t *last) {
    uint64_t number;
    CHECK(job->size >= sizeof number);
    memcpy(&number, job->data, sizeof number);
    if (number >= SCENE_JOBS) return; /* of a survivor before us */
    CHECK(number >= *last);
    *last = number + 1;
    uint64_t state = memory->value[number];
    CHECK(state == PUSHING || state == THERE || state == FINISHING);
    CHECK_INT(number % 2 ? JOB_BIG : sizeof number, job->size);
    for (size_t i = sizeof number; i < job->size; i++)
        CHECK_INT(number, ((const char *)job->data)[i]);
}

/* What is not there now is nowhere. */
static void check_missing(void) {
    for (int n = 0; n < SCENE_JOBS; n++) {
        uint64_t state = memory->value[n];
        if (state == THERE) FAIL("job %d is lost", n);
        if (state != NOT_YET) memory->value[n] = GONE;
    }
}

static void check_queue_is_whole(spg_queue *queue) {
    uint64_t number = 1000;
    spg_job job;
    void *data;
    CHECK_OK(spg_queue_loan(queue, JOB_BUDGET, &data, SPG_NOWAIT));
    CHECK_OK(spg_queue_discard(queue, data));
    for (int i = 0; i < SCENE_JOBS; i++)
        CHECK_OK(spg_queue_push(queue, &number, sizeof number, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_queue_push(queue, "x", 1, SPG_NOWAIT));
    for (int i = 0; i < SCENE_JOBS; i++) {
        CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
        CHECK_OK(spg_queue_done(queue, &job));
    }
}

static void survive_queue(void) {
    spg_queue *queue;
    spg_job job;
    uint64_t last = 0;
    CHECK_OK(open_scene_queue(&queue));
    int result;
    while ((result = spg_queue_pop(queue, &job, SPG_NOWAIT)) == 0) {
        check_job(&job, &last);
        CHECK_OK(finish_job(queue, &job));
    }
    CHECK_RESULT(SPG_EAGAIN, result);
    check_missing();
    check_queue_is_whole(queue);
    CHECK_OK(spg_queue_close(queue));
}

static void leave_jobs(void) {
    begin_queue();
    CHECK_OK(push_jobs());
}
static void leave_one_job(void) {
    spg_queue *queue;
    begin_queue();
    CHECK_OK(open_scene_queue(&queue));
    CHECK_OK(push_job(queue, 0));
    CHECK_OK(spg_queue_close(queue));
}

static void die_with_jobs(void) {
    spg_queue *queue;
    spg_job job;
    void *data;
    CHECK_OK(push_jobs());
    CHECK_OK(open_scene_queue(&queue));
    for (int i = 0; i < 3; i++) CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
    CHECK_OK(spg_queue_loan(queue, 300, &data, SPG_NOWAIT));
    raise(SIGKILL);
}
static void prepare_dead_consumer(void) {
    begin_queue();
    in_a_killed_process(die_with_jobs);
}

/* With at most once, to take it is to be done with it. */
static int take_jobs_once(void) {
    spg_queue *queue;
    spg_job job;
    int result = open_scene_queue_of(&queue, 1);
    for (uint64_t n = 0; n < 2 && result == 0; n++) {
        if (memory->value[n] == NOT_YET) result = push_job(queue, n);
    }
    for (int n = 0; n < 2 && result == 0; n++) {
        memory->value[n] = FINISHING;
        result = spg_queue_pop(queue, &job, SPG_NOWAIT);
        if (result == 0) memory->value[n] = GONE;
    }
    spg_queue_close(queue);
    return result == SPG_EAGAIN ? 0 : result;
}

/* Any job may be gone, but none comes twice. */
static void survive_loss(void) {
    for (int n = 0; n < SCENE_JOBS; n++) {
        if (memory->value[n] == THERE) memory->value[n] = FINISHING;
    }
    survive_queue();
}

/* Takes jobs up to n, which is there. Before it comes what the dead one may not have pushed to the
 * end, or not have taken. What we are about to take may be over, should we die, too. */
static void take_until(spg_queue *queue, uint64_t n) {
    spg_job job;
    uint64_t number;
    do {
        memory->value[n] = FINISHING;
        CHECK_OK(spg_queue_pop(queue, &job, SPG_NOWAIT));
        memcpy(&number, job.data, sizeof number);
        CHECK(number <= n);
        memory->value[n] = THERE;
        CHECK(memory->value[number] != NOT_YET && memory->value[number] != GONE);
        memory->value[number] = GONE;
        CHECK_OK(spg_queue_done(queue, &job));
    } while (number != n);
}

static void survive_once(void) {
    spg_queue *queue;
    CHECK_OK(open_scene_queue(&queue));
    for (uint64_t n = 0; n < SCENE_JOBS; n++) {
        if (memory->value[n] == THERE) take_until(queue, n);
    }
    CHECK_OK(spg_queue_close(queue));
    survive_loss();
}

static int unlink_queue(void) {
    int result = spg_queue_unlink(NULL, "scene");
    return result == SPG_ENOENT ? 0 : result;
}

/* ---- service --------------------------------------------------------------------------------- */

struct ends {
    spg_server *server;
    spg_client *client;
};

static spg_service_options scene_service(void) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.slots = SCENE_JOBS;
    options.budget = JOB_BUDGET;
    options.members = 5;
    options.holds = SCENE_JOBS + 1;
    return options;
}

static int open_ends(struct ends *ends) {
    spg_service_options options = scene_service();
    int result = spg_server_open(&ends->server, NULL, "scene", &options);
    if (result < 0) return result;
    result = spg_client_open(&ends->client, NULL, "scene", &options);
    if (result < 0) spg_server_close(ends->server);
    return result;
}

static int close_ends(struct ends *ends, int result) {
    int closed = spg_server_close(ends->server);
    if (result == 0) result = closed;
    closed = spg_client_close(ends->client);
    return result < 0 ? result : closed;
}

/* One request and its response; big ones are copied in and written in place out. */
static int ask(struct ends *ends, size_t size) {
    char bytes[JOB_BIG] = "";
    void *data = bytes;
    spg_request request;
    spg_response response;
    int result = spg_client_send(ends->client, bytes, size, NULL, SECONDS(5));
    if (result == 0) result = spg_server_receive(ends->server, &request, SPG_NOWAIT);
    if (result == 0 && size == JOB_BIG)
        result = spg_server_loan(ends->server, size, &data, SPG_NOWAIT);
    if (result == 0) result = spg_server_reply(ends->server, &request, data, size);
    if (result == 0) result = spg_client_receive(ends->client, &response, SPG_NOWAIT);
    return result < 0 ? result : spg_client_release(ends->client, &response);
}

static int ask_and_answer(void) {
    struct ends ends;
    int result = open_ends(&ends);
    if (result < 0) return result;
    result = ask(&ends, 8);
    if (result == 0) result = ask(&ends, JOB_BIG);
    return close_ends(&ends, result);
}

/* One that nobody has taken, one that is being served, one that is answered. */
static int cancel_requests(void) {
    struct ends ends;
    spg_request request;
    char bytes[JOB_BIG] = "";
    uint64_t id;
    int result = open_ends(&ends);
    if (result < 0) return result;
    for (int i = 0; i < 3 && result == 0; i++) {
        result = spg_client_send(ends.client, bytes, i == 1 ? 8 : JOB_BIG, &id, SPG_NOWAIT);
        if (result == 0 && i > 0) result = spg_server_receive(ends.server, &request, SPG_NOWAIT);
        if (result == 0 && i == 2) result = spg_server_reply(ends.server, &request, bytes, 300);
        if (result == 0) result = spg_client_cancel(ends.client, id);
        if (result == 0 && i == 1) {
            result = spg_server_reply(ends.server, &request, bytes, 300);
            if (result == SPG_ECLOSED) result = 0;
        }
    }
    return close_ends(&ends, result);
}

/* Two on the way, of which the server has one and refuses it by going. */
static int go_with_requests(void) {
    struct ends ends;
    spg_request request;
    char bytes[JOB_BIG] = "";
    int result = open_ends(&ends);
    if (result < 0) return result;
    result = spg_client_send(ends.client, bytes, JOB_BIG, NULL, SPG_NOWAIT);
    if (result == 0) result = spg_client_send(ends.client, bytes, 8, NULL, SPG_NOWAIT);
    if (result == 0) result = spg_server_receive(ends.server, &request, SPG_NOWAIT);
    return close_ends(&ends, result);
}

static int open_and_close_service(void) {
    struct ends ends;
    int result = open_ends(&ends);
    return result < 0 ? result : close_ends(&ends, 0);
}

/* Has one request offered, one taken, one answered, one cancelled while taken; and loans. */
static void die_as_both(void) {
    struct ends ends;
    spg_request request;
    char bytes[JOB_BIG] = "";
    void *data;
    uint64_t ids[3];
    CHECK_OK(open_ends(&ends));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(spg_client_send(ends.client, bytes, i % 2 ? 8 : 300, &ids[i], SPG_NOWAIT));
        CHECK_OK(spg_server_receive(ends.server, &request, SPG_NOWAIT));
        if (i == 0) CHECK_OK(spg_server_reply(ends.server, &request, bytes, 300));
    }
    CHECK_OK(spg_client_cancel(ends.client, ids[1]));
    CHECK_OK(spg_client_send(ends.client, bytes, 300, NULL, SPG_NOWAIT));
    CHECK_OK(spg_client_loan(ends.client, 100, &data, SPG_NOWAIT));
    CHECK_OK(spg_server_loan(ends.server, 100, &data, SPG_NOWAIT));
    raise(SIGKILL);
}

/* Goes when its service is taken from the directory. */
static void keep_service(void) {
    char path[300];
    spg_client *client;
    spg_service_options options = scene_service();
    uint64_t node;
    snprintf(path, sizeof path, "%s/scene.service", getenv("SAMEPAGE_DOMAIN"));
    CHECK_OK(spg_client_open(&client, NULL, "scene", &options));
    CHECK_OK(spg_node_id(NULL, &node));
    memory->value[3] = (uint64_t)getpid();
    memory->value[2] = node;
    while (access(path, F_OK) == 0) nap_ms(20);
    _exit(0);
}

static bool is_running(uint64_t pid) {
    char path[40], text[300] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    bool read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    const char *name_end = strrchr(text, ')');
    return read && name_end && name_end[2] != 'Z';
}

/* It is no child of ours: somebody else will collect what is left of it. */
static void end_keeper(void) {
    uint64_t pid = memory->value[3];
    if (pid) kill((pid_t)pid, SIGKILL);
    while (pid && is_running(pid)) nap_ms(1);
    memory->value[2] = memory->value[3] = 0;
}

static void prepare_keeper(void) {
    end_keeper();
    if (fork() == 0) keep_service();
    while (*(volatile uint64_t *)&memory->value[2] == 0) nap_ms(1);
}
static void prepare_dead_service(void) {
    in_a_killed_process(die_as_both);
}
static void prepare_dead_among_living(void) {
    prepare_keeper();
    prepare_dead_service();
}

static void check_service_works(void) {
    struct ends ends;
    spg_request request;
    uint64_t ids[SCENE_JOBS];
    void *data;
    CHECK_OK(open_ends(&ends));
    CHECK_RESULT(SPG_EAGAIN, spg_server_receive(ends.server, &request, SPG_NOWAIT));
    CHECK_OK(spg_client_loan(ends.client, JOB_BUDGET, &data, SPG_NOWAIT));
    CHECK_OK(spg_client_discard(ends.client, data));
    for (int i = 0; i < SCENE_JOBS; i++)
        CHECK_OK(spg_client_send(ends.client, "abcdefgh", 8, &ids[i], SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_client_send(ends.client, "x", 1, NULL, SPG_NOWAIT));
    for (int i = 0; i < SCENE_JOBS; i++) CHECK_OK(spg_client_cancel(ends.client, ids[i]));
    CHECK_OK(ask(&ends, 8));
    CHECK_OK(ask(&ends, JOB_BIG));
    CHECK_OK(close_ends(&ends, 0));
}

static void survive_service(void) {
    check_service_works();
    end_keeper();
    check_service_works();
}

#define JOBS_SCENES                                                                                \
    {"make a queue", begin_queue, open_and_close_queue, survive_queue},                            \
        {"make a queue and push", begin_queue, push_jobs, survive_queue},                          \
        {"push to a queue", leave_one_job, push_jobs, survive_queue},                              \
        {"take, return and do jobs", leave_jobs, handle_jobs, survive_queue},                      \
        {"take a dead consumer's jobs", prepare_dead_consumer, handle_jobs, survive_queue},        \
        {"open a dead consumer's queue", prepare_dead_consumer, open_and_close_queue,              \
         survive_queue},                                                                           \
        {"take jobs at most once", begin_queue, take_jobs_once, survive_once},                     \
        {"collect a dead consumer's queue", prepare_dead_consumer, collect, survive_queue},        \
        {"unlink a queue", leave_jobs, unlink_queue, survive_loss},                                \
        {"make a service", prepare_domain, open_and_close_service, survive_service},               \
        {"ask and answer", prepare_keeper, ask_and_answer, survive_service},                       \
        {"cancel requests", prepare_keeper, cancel_requests, survive_service},                     \
        {"go with requests", prepare_keeper, go_with_requests, survive_service},                   \
        {"repair a service", prepare_dead_among_living, open_and_close_service, survive_service},  \
        {"make a dead service anew", prepare_dead_service, open_and_close_service,                 \
         survive_service},                                                                         \
    {                                                                                              \
        "collect a dead service", prepare_dead_service, collect, survive_service                   \
    }
