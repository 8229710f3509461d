/* scenes_jobs.c: a queue gives each job out once, unless its taker died or gave it back; a service
 * gives each request one response, to who asked. In the end all processes are dead, and the judge,
 * a new one, finds every job that was pushed and not done, and everything else free. */
#include <samepage/samepage.h>
#include <string.h>

#include "channel/jobs.h"
#include "machine.h"

enum { JOBS_MAX = 24, SMALL = 16, LARGE = 56 };
static struct notes {
    spg_queue *queue[PROCESSES];
    spg_server *server[PROCESSES];
    spg_client *client[PROCESSES];
    struct job {
        uint64_t number; /* pusher << 8 | index */
        bool pushed;     /* the call returned */
        int done, given; /* by whom the call returned, times */
        int doing;       /* calls of done that began */
    } jobs[JOBS_MAX];
    int count;
    uint64_t last_number[PROCESSES][PROCESSES]; /* by taker and pusher */
    int outcomes[PROCESSES], asked[PROCESSES];
    bool gave_back;
} * notes;

static uint64_t word_of(uint64_t number, size_t i) {
    return number * UINT64_C(0x100000001) + i * 0x1001;
}

static uint64_t number_in(const void *data, size_t size) {
    const uint64_t *words = data;
    uint64_t number = peek(words) & 0xffffffff;
    for (size_t i = 0; i < size / 8; i++) CHECK(peek(&words[i]) == word_of(number, i));
    return number;
}

/* ---- queue ----------------------------------------------------------------------------------- */

static void open_queue_with(int who, uint32_t at_most_once) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
    options.slots = 4;
    options.members = 5; /* the judge has two, so that the channel outlives its members */
    options.holds = 2;
    options.budget = 128;
    options.at_most_once = at_most_once;
    CHECK_OK(spg_queue_open(&notes->queue[who], NULL, "q", &options));
}

static void open_queue(int who) {
    open_queue_with(who, 0);
}

static void open_once(int who) {
    open_queue_with(who, 1);
}

static bool push(int who, size_t size) {
    uint64_t words[LARGE / 8];
    CHECK(notes->count < JOBS_MAX);
    struct job *job = &notes->jobs[notes->count++];
    job->number = (uint64_t)(who + 1) << 8 | (uint64_t)notes->count;
    for (size_t i = 0; i < size / 8; i++) words[i] = word_of(job->number, i);
    int64_t began = virtual_time;
    int result = spg_queue_push(notes->queue[who], words, size, PATIENCE);
    CHECK_WOKEN(result, began);
    if (result == SPG_ETIMEDOUT && deaths() > 0) {
        job->number = 0;
        return false;
    }
    CHECK_OK(result);
    return job->pushed = true;
}

static struct job *find_job(uint64_t number) {
    for (int i = 0; i < notes->count; i++) {
        if (notes->jobs[i].number == number) return &notes->jobs[i];
    }
    fail("a job that nobody pushed: %#llx", (unsigned long long)number);
}

static struct job *pop(int who, spg_job *job, int64_t timeout) {
    int64_t began = virtual_time;
    int result = spg_queue_pop(notes->queue[who], job, timeout);
    CHECK_WOKEN(result, began);
    if (result == SPG_ETIMEDOUT && deaths() > 0) return NULL;
    if (result == SPG_EAGAIN && timeout == 0) return NULL;
    CHECK_OK(result);
    struct job *found = find_job(number_in(job->data, job->size));
    CHECK(job->deliveries >= 1);
    if (deaths() == 0 && !notes->gave_back) {
        CHECK(found->given == 0 && job->deliveries == 1);
        CHECK(job->number >= notes->last_number[who][found->number >> 8 & 3]);
    }
    found->given++;
    notes->last_number[who][found->number >> 8 & 3] = job->number + 1;
    return found;
}

/* False: nothing came, in vain. */
static bool work(int who, int64_t timeout) {
    spg_job job;
    struct job *found = pop(who, &job, timeout);
    if (!found) return timeout == 0;
    found->doing++;
    CHECK_OK(spg_queue_done(notes->queue[who], &job));
    found->done++;
    return true;
}

static void work_all(int who, int count) {
    while (count-- > 0 && work(who, PATIENCE)) {}
}

static bool give_back(int who) {
    spg_job job;
    notes->gave_back = true;
    if (!pop(who, &job, PATIENCE)) return false;
    CHECK_OK(spg_queue_return(notes->queue[who], &job));
    return true;
}

static void judge_jobs(bool at_most_once) {
    spg_job popped;
    everybody_dies();
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    CHECK_OK(spg_queue_open(&notes->queue[JUDGE], NULL, "q", &options));
    CHECK_OK(spg__jobs_audit((struct spg__jobs *)notes->queue[JUDGE]));
    uint64_t last[PROCESSES] = {0};
    for (struct job *job; (job = pop(JUDGE, &popped, SPG_NOWAIT));) {
        CHECK(job->done == 0);
        CHECK(job->number > last[job->number >> 8 & 3]); /* in the order of pushing */
        last[job->number >> 8 & 3] = job->number;
        job->doing = job->done = 1;
        CHECK_OK(spg_queue_done(notes->queue[JUDGE], &popped));
    }
    int unknown = 0;
    for (int i = 0; i < notes->count; i++) {
        const struct job *job = &notes->jobs[i];
        CHECK(job->done <= 1);
        if (job->pushed && !job->done && !job->doing) CHECK(at_most_once && deaths() > 0);
        unknown += job->pushed && !job->done;
    }
    CHECK(unknown <= deaths() * 2);
    CHECK_OK(spg__jobs_audit((struct spg__jobs *)notes->queue[JUDGE]));
    /* All slots and all memory are to be had. */
    void *loan;
    CHECK_OK(spg_queue_loan(notes->queue[JUDGE], 128, &loan, SPG_NOWAIT));
    CHECK_OK(spg_queue_discard(notes->queue[JUDGE], loan));
    uint32_t capacity = ((struct spg__jobs *)notes->queue[JUDGE])->shape.capacity;
    for (uint32_t i = 0; i < capacity; i++)
        CHECK_OK(spg_queue_push(notes->queue[JUDGE], "12345678", 8, SPG_NOWAIT));
}

/* A taker that the judge calls dead may have had a job in hand: that is not a loss to it. */
static void judge_queue(void) {
    judge_jobs(false);
}
static void judge_once(void) {
    judge_jobs(true);
}

static void one_pushes(int who) {
    for (int i = 0; i < 3 && who == 0 && push(who, SMALL); i++) {}
    work_all(who, who);
}
static const struct scene push1 = {"queue", 3, 7, 1, false, open_queue, one_pushes, judge_queue};

static void two_push(int who) {
    if (who < 2) push(who, SMALL);
    if (who == 0) push(who, SMALL);
    if (who == 2) work_all(who, 3);
}
static const struct scene push2 = {"queue-two-push", 3,        7,          1, false,
                                   open_queue,       two_push, judge_queue};

static void push_and_return(int who) {
    if (who == 0) {
        push(who, SMALL);
        push(who, SMALL);
        return;
    }
    if (who == 1 && !give_back(who)) return;
    work_all(who, 1);
}
static const struct scene returns = {"queue-return",  3,          7, 1, false, open_queue,
                                     push_and_return, judge_queue};
static const struct scene once = {"queue-at-most-once", 3,         7, 1, false, open_once,
                                  one_pushes,           judge_once};

static void fill_the_ring(int who) {
    for (int i = 0; i < 6 && who == 0 && push(who, SMALL); i++) {}
    if (who == 1) work_all(who, 6);
}
static const struct scene full = {"queue-full",  2,          3, 1, false, open_queue,
                                  fill_the_ring, judge_queue};
static const struct scene full_weak = {"queue-weak",  2,          3, 1, true, open_queue,
                                       fill_the_ring, judge_queue};

static void large_jobs(int who) {
    for (int i = 0; i < 3 && who == 0 && push(who, LARGE); i++) {}
    if (who == 1) work_all(who, 3);
}
static const struct scene large = {"queue-large", 2,          3,          2,
                                   false,         open_queue, large_jobs, judge_queue};
static const struct scene large_weak = {"queue-large-weak", 2,          3,          1, true,
                                        open_queue,         large_jobs, judge_queue};

static void push_and_pop(int who) {
    push(who, SMALL);
    work(who, SPG_NOWAIT);
    push(who, SMALL);
    work(who, SPG_NOWAIT);
}
static const struct scene both = {"queue-both", 2,          3, 2, false, open_queue,
                                  push_and_pop, judge_queue};

/* ---- service --------------------------------------------------------------------------------- */

static void open_service(int who, unsigned servers) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
    options.slots = 4;
    options.members = 5;
    options.holds = 2;
    options.budget = 128;
    if (servers >> who & 1) CHECK_OK(spg_server_open(&notes->server[who], NULL, "s", &options));
    else CHECK_OK(spg_client_open(&notes->client[who], NULL, "s", &options));
}

static void open_one_server(int who) {
    open_service(who, 2);
}
static void open_two_servers(int who) {
    open_service(who, 6);
}

static bool is_loss(int result) {
    return (result == SPG_EPEERDEAD || result == SPG_ETIMEDOUT) && deaths() > 0;
}

static bool ask(int who, size_t size) {
    uint64_t words[LARGE / 8];
    spg_response response;
    uint64_t number = (uint64_t)(who + 1) << 8 | (uint64_t)++notes->asked[who];
    for (size_t i = 0; i < size / 8; i++) words[i] = word_of(number, i);
    int64_t began = virtual_time;
    int result = spg_client_call(notes->client[who], words, size, &response, PATIENCE);
    CHECK_WOKEN(result, began);
    notes->outcomes[who]++;
    if (is_loss(result)) return result == SPG_EPEERDEAD;
    CHECK_OK(result);
    CHECK(response.size == size);
    CHECK(number_in(response.data, size) == number + 0x10000);
    CHECK_OK(spg_client_release(notes->client[who], &response));
    return true;
}

static int answer(int who, int64_t timeout) {
    spg_request request;
    uint64_t words[LARGE / 8];
    int64_t began = virtual_time;
    int result = spg_server_receive(notes->server[who], &request, timeout);
    CHECK_WOKEN(result, began);
    if (result < 0) return result;
    uint64_t number = number_in(request.data, request.size) + 0x10000;
    for (size_t i = 0; i < request.size / 8; i++) words[i] = word_of(number, i);
    return spg_server_reply(notes->server[who], &request, words, request.size);
}

static void answer_all(int who, int count) {
    for (int i = 0; i < count; i++) {
        int result = answer(who, PATIENCE);
        if (result == SPG_ETIMEDOUT && deaths() > 0) return;
        if (is_loss(result)) continue;
        CHECK(result == 0 || (result == SPG_ECLOSED && deaths() > 0));
    }
}

static void judge_service(void) {
    everybody_dies();
    spg_service_options options = SPG_SERVICE_OPTIONS;
    CHECK_OK(spg_client_open(&notes->client[JUDGE], NULL, "s", &options));
    struct spg__jobs *jobs = (struct spg__jobs *)notes->client[JUDGE];
    CHECK_OK(spg__jobs_audit(jobs));
    for (uint32_t i = 0; i < jobs->shape.capacity; i++) {
        uint64_t state = peek(&spg__jobs_entry(jobs, i)->state);
        CHECK(spg__job_phase(state) == SPG__JOB_FREE);
    }
    void *loan;
    CHECK_OK(spg_client_loan(notes->client[JUDGE], 128, &loan, SPG_NOWAIT));
    CHECK_OK(spg_client_discard(notes->client[JUDGE], loan));
}

static void call_and_reply(int who) {
    if (who == 1) answer_all(who, 2);
    for (int i = 0; i < 2 && who == 0 && ask(who, SMALL); i++) {}
}
static const struct scene calls = {"service",    2, 3, 1, false, open_one_server, call_and_reply,
                                   judge_service};
static const struct scene calls_weak = {
    "service-weak", 2, 3, 1, true, open_one_server, call_and_reply, judge_service};

static void two_ask(int who) {
    if (who == 1) answer_all(who, 2);
    else ask(who, SMALL);
}
static const struct scene calls3 = {"service-two-ask", 3, 7, 1, false, open_one_server, two_ask,
                                    judge_service};

static void large_calls(int who) {
    if (who == 1) answer_all(who, 1);
    else ask(who, LARGE);
}
static const struct scene calls_large = {
    "service-large", 2, 3, 2, false, open_one_server, large_calls, judge_service};
static const struct scene calls_large_weak = {
    "service-large-weak", 2, 3, 1, true, open_one_server, large_calls, judge_service};

/* Cancels what may be on its way, with a server, or answered. */
static void send_and_cancel(int who) {
    uint64_t words[SMALL / 8] = {word_of(0x101, 0), word_of(0x101, 1)}, request;
    if (who != 0) {
        for (int i = 0; i < 2; i++) {
            int result = answer(who, SPG_NOWAIT);
            CHECK(result == 0 || result == SPG_EAGAIN || result == SPG_ECLOSED ||
                  (result == SPG_EPEERDEAD && has_died(0)));
        }
        return;
    }
    CHECK_OK(spg_client_send(notes->client[who], words, SMALL, &request, SPG_FOREVER));
    CHECK_OK(spg_client_cancel(notes->client[who], request));
    CHECK_OK(spg_client_send(notes->client[who], words, SMALL, &request, SPG_FOREVER));
    spg_response response;
    int result = spg_client_receive(notes->client[who], &response, SPG_NOWAIT);
    if (result == 0) {
        CHECK(response.id == request && number_in(response.data, SMALL) == 0x10101);
        CHECK_OK(spg_client_release(notes->client[who], &response));
        return;
    }
    CHECK(result == SPG_EAGAIN || (result == SPG_EPEERDEAD && deaths() > 0));
}
static const struct scene cancels = {
    "service-cancel", 2, 3, 1, false, open_one_server, send_and_cancel, judge_service};
static const struct scene cancels3 = {
    "service-cancel-two-serve", 3, 7, 1, false, open_two_servers, send_and_cancel, judge_service};

const struct scene *const jobs_scenes[] = {
    &push1, &push2, &returns,    &once,   &full,        &full_weak,        &large,   &large_weak,
    &both,  &calls, &calls_weak, &calls3, &calls_large, &calls_large_weak, &cancels, &cancels3};
const int jobs_scene_count = sizeof jobs_scenes / sizeof *jobs_scenes;
