/* queue.c: push and pop: work, each piece of it to exactly one worker. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <samepage/samepage.h>

#include "channel.h"
#include "child.h"
#include "commands.h"
#include "input.h"
#include "json.h"
#include "output.h"
#include "own.h"
#include "print.h"
#include "stop.h"

enum { BUDGET = 1 << 20, DELIVERIES_KNOWN = 7, AGAIN_NS = 200 * 1000 * 1000 };

static bool is_nothing(int result) {
    return result == SPG_EAGAIN || result == SPG_ETIMEDOUT;
}

/* ---- push ------------------------------------------------------------------------------------ */

static int push_one(spg_queue *queue, const char *name, int64_t timeout, const char *bytes,
                    size_t size) {
    struct patience patience = {timeout, 0};
    char text[SHORT_TEXT];
    int result;
    do {
        result = spg_queue_push(queue, bytes, size, patience_slice(&patience));
    } while (patience_goes_on(&patience, result));
    if (result == 0) return EXIT_OK;
    if (stop_signal()) return EXIT_FAILED;
    if (is_nothing(result))
        return complain("queue:%s: no room in time; samepage stat queue:%s "
                        "shows what waits",
                        name, name);
    if (result == SPG_ETOOBIG) {
        return complain("queue:%s: a job of %s is more than its budget; make the queue with more: "
                        "--budget SIZE",
                        name, size_text(text, size));
    }
    return complain_about(name, result);
}

static int push_input(spg_queue *queue, const char *name, int64_t timeout, uint64_t frame) {
    struct input input = {NULL, 0, 0, 0};
    const char *bytes;
    size_t size;
    int status = EXIT_OK, more;
    while (status == EXIT_OK && (more = input_next(&input, frame, &bytes, &size)) != 0) {
        status = more < 0 ? EXIT_FAILED : push_one(queue, name, timeout, bytes, size);
    }
    input_free(&input);
    return status;
}

static int run_push(const struct arguments *arguments) {
    const char *name = channel_operand(arguments);
    const char *value = arguments->count > 1 ? arguments->operands[1] : NULL;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    int64_t timeout = SPG_FOREVER;
    uint64_t frame = 0;
    spg_queue *queue;
    spg_node *node;
    options.budget = 0;
    options.type = option_value(arguments, "type");
    options.at_most_once = option_given(arguments, "at-most-once");
    if (!take_size(arguments, "frame", &frame) ||
        !take_size(arguments, "budget", &options.budget) ||
        !take_number(arguments, "slots", 1, 65536, &options.slots) ||
        !take_duration(arguments, "wait", &timeout)) {
        return EXIT_WRONG_USE;
    }
    if (value && frame) return wrong_use("push: --frame is for the input, and VALUE is a job");
    if (!option_given(arguments, "budget")) {
        options.budget = budget_for_frames(frame);
    }
    stop_listen();
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_queue_open(&queue, node, name, &options);
    if (result < 0) return complain_of(result);
    status = value ? push_one(queue, name, timeout, value, strlen(value))
                   : push_input(queue, name, timeout, frame);
    spg_queue_close(queue);
    return status;
}

/* ---- pop ------------------------------------------------------------------------------------- */

struct worker {
    const char *name;
    spg_queue *queue;
    char *const *command; /* NULL: jobs are printed */
    bool raw, json, follow;
    uint32_t count, tries; /* 0: no end */
    int64_t timeout;
};

/* SPG_ECLOSED: stop. */
static int take_job(const struct worker *worker, spg_job *job) {
    struct patience patience = {worker->timeout, 0};
    int result;
    do {
        int64_t slice = patience_slice(&patience);
        if (stop_signal() || output_is_closed()) return SPG_ECLOSED;
        result = spg_queue_pop(worker->queue, job, slice);
    } while (patience_goes_on(&patience, result));
    return result;
}

static int print_job(const struct worker *worker, const spg_job *job) {
    if (worker->json) {
        json_open(NULL, '{');
        json_number("number", job->number);
        json_id("producer", job->producer);
        json_number("deliveries", job->deliveries);
        json_number("size", job->size);
        json_payload(job->data, job->size);
        json_close('}');
    } else {
        output_message(job->data, job->size, worker->raw);
    }
    return output_flush();
}

/* The command failed: the job goes back, unless it was tried often enough. */
static int give_back(const struct worker *worker, const spg_job *job, int status) {
    char text[SHORT_TEXT];
    bool given_up = worker->tries && job->deliveries >= worker->tries;
    if (given_up) spg_queue_done(worker->queue, job);
    else spg_queue_return(worker->queue, job);
    if (stop_signal()) return EXIT_FAILED;
    complain("queue:%s: job %" PRIu64 ": %s %s; %s", worker->name, job->number, worker->command[0],
             status < 0 ? "could not be run" : child_text(text, status),
             given_up ? "given up" : "it is back in the queue");
    if (!given_up && worker->follow) nap(AGAIN_NS * (int64_t)job->deliveries);
    return EXIT_FAILED;
}

static int do_job(const struct worker *worker, const spg_job *job) {
    if (worker->command) {
        int status = child_run(worker->command, job->data, job->size, NULL);
        if (status != 0) return give_back(worker, job, status);
    } else {
        int status = print_job(worker, job);
        if (status != EXIT_OK) {
            spg_queue_return(worker->queue, job);
            return status;
        }
    }
    int result = spg_queue_done(worker->queue, job);
    return result == 0 ? EXIT_OK : complain_about(worker->name, result);
}

static int work(const struct worker *worker) {
    int worst = EXIT_OK;
    for (uint32_t count = 0; worker->count == 0 || count < worker->count; count++) {
        spg_job job;
        int result = take_job(worker, &job);
        if (result == SPG_ECLOSED) return worst;
        if (is_nothing(result)) {
            if (worker->follow) return worst;
            if (stop_signal()) return EXIT_FAILED;
            return complain("queue:%s: no job came in time", worker->name);
        }
        if (result < 0) return complain_about(worker->name, result);
        int status = do_job(worker, &job);
        if (status > worst) worst = status;
        if (stop_signal() || (status != EXIT_OK && !(worker->follow && worker->command)))
            return worst;
    }
    return worst;
}

static int begin_work(const struct arguments *arguments, struct worker *worker) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    spg_node *node;
    options.budget = BUDGET;
    options.type = option_value(arguments, "type");
    stop_listen();
    output_begin();
    if (worker->json) json_on_one_line();
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_queue_open(&worker->queue, node, worker->name, &options);
    if (result < 0) return complain_of(result);
    status = work(worker);
    spg_queue_close(worker->queue);
    return status;
}

static int run_pop(const struct arguments *arguments) {
    struct worker worker = {.timeout = SPG_FOREVER, .count = 1};
    bool exec = option_given(arguments, "exec");
    worker.name = channel_operand(arguments);
    worker.raw = option_given(arguments, "raw");
    worker.json = option_given(arguments, "json");
    worker.follow = option_given(arguments, "follow");
    if (worker.follow) worker.count = 0;
    if (!take_number(arguments, "count", 1, UINT32_MAX, &worker.count) ||
        !take_number(arguments, "tries", 1, DELIVERIES_KNOWN, &worker.tries) ||
        !take_duration(arguments, "wait", &worker.timeout)) {
        return EXIT_WRONG_USE;
    }
    if (exec != (arguments->count > 1)) {
        return wrong_use("pop: use it as samepage pop QUEUE, or samepage pop QUEUE --exec -- "
                         "COMMAND [ARGUMENT]...");
    }
    if (worker.tries && !exec) {
        return wrong_use("pop: --tries is of a command that fails; without --exec none is run");
    }
    if (exec && (worker.raw || worker.json)) {
        return wrong_use("pop: with --exec nothing is printed; leave out --raw and --json");
    }
    if (worker.raw && worker.json) {
        return wrong_use("pop: --json is not raw; leave out one of --raw and --json");
    }
    if (exec) worker.command = arguments->operands + 1;
    return begin_work(arguments, &worker);
}

/* ---- what they are --------------------------------------------------------------------------- */

static const struct option push_options[] = {
    {"frame", 'f', "SIZE", "a job is SIZE bytes of the input (the last one less), not a line"},
    {"wait", 'w', "TIME", "for room, at most (forever)"},
    {"budget", 0, "SIZE", "if it makes the queue: memory for jobs (8 frames, at least 1M)"},
    {"slots", 0, "N", "if it makes the queue: jobs waiting or in hand at most (256)"},
    {"at-most-once", 0, NULL, "if it makes the queue: nothing is given out twice"},
    {"type", 0, "NAME", "name of what is pushed; another's queue is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command push_command = {
    .name = "push",
    .operands = "QUEUE [VALUE]",
    .channel = "queue",
    .summary = "push a job, or each line of the input as one",
    .about = "Jobs stay until somebody does them, whoever lives or dies.",
    .examples = "  samepage push resize photo.jpg\n"
                "  find . -name '*.jpg' | samepage push resize",
    .options = push_options,
    .least = 1,
    .most = 2,
    .run = run_push,
};

static const struct option pop_options[] = {
    {"exec", 0, NULL, "run COMMAND with the job as its input; done if it exits with 0"},
    {"follow", 0, NULL, "go on until interrupted, or until none comes for --wait"},
    {"count", 'n', "N", "end after N jobs (1)"},
    {"wait", 'w', "TIME", "for a job, at most (forever)"},
    {"tries", 0, "N", "with --exec: give a job up that has failed N times, 1 to 7"},
    {"raw", 0, NULL, "the bytes of the job alone, without a line end"},
    {"json", 0, NULL, "one object a line: number, producer, deliveries, text or base64"},
    {"type", 0, "NAME", "name of what is expected; another type is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command pop_command = {
    .name = "pop",
    .operands = "QUEUE [--exec -- COMMAND...]",
    .channel = "queue",
    .summary = "take a job: print it, or run a command on it",
    .about = "A job is done when it is written out, or when COMMAND has ended with 0. If\n"
             "COMMAND fails, or pop is killed, the job goes back to its place in the queue.",
    .examples = "  samepage pop resize\n"
                "  samepage pop resize --follow --exec -- xargs -I% convert % -resize 50% small/%",
    .options = pop_options,
    .least = 1,
    .most = ANY_NUMBER,
    .run = run_pop,
};
