/* service.c: serve and call: a command answers requests.
 *
 * A command that fails is told to the caller as an error: its exit status, below FAILED_BASE. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <samepage/samepage.h>

#include "channel.h"
#include "child.h"
#include "commands.h"
#include "input.h"
#include "output.h"
#include "own.h"
#include "print.h"
#include "stop.h"

enum {
    BUDGET = 4 << 20,
    FAILED_BASE = -500, /* less the exit status of a command */
    FAILED_LAST = FAILED_BASE - 255,
    WORKERS_MAX = 256,
    AGAIN_NS = 500 * 1000 * 1000,
    LAST_NS = 500 * 1000 * 1000 /* a death is told within 100 ms */
};

/* ---- serve ----------------------------------------------------------------------------------- */

struct service {
    const char *name;
    spg_service_options options;
    char *const *command;
    spg_server *server;
    struct answer answer;
    uint32_t workers;
};

/* With room that has to be waited for. */
static int reply_later(struct service *service, const spg_request *request) {
    struct patience patience = {SPG_FOREVER, 0};
    void *room;
    int result;
    do {
        result = spg_server_loan(service->server, service->answer.size, &room,
                                 patience_slice(&patience));
    } while (patience_goes_on(&patience, result));
    if (result < 0) return result;
    memcpy(room, service->answer.bytes, service->answer.size);
    result = spg_server_reply(service->server, request, room, service->answer.size);
    if (result == SPG_EAGAIN || result == SPG_ETOOBIG || result == SPG_EINVAL) {
        spg_server_discard(service->server, room);
    }
    return result;
}

static void answer(struct service *service, const spg_request *request) {
    char text[SHORT_TEXT];
    int status = child_run(service->command, request->data, request->size, &service->answer);
    if (status != 0) {
        if (status > 0) {
            remark("service:%s: %s %s; the caller is told", service->name, service->command[0],
                   child_text(text, status));
        }
        spg_server_refuse(service->server, request, FAILED_BASE - (status < 0 ? 127 : status));
        return;
    }
    int result = spg_server_reply(service->server, request, service->answer.bytes,
                                  service->answer.size);
    if (result == SPG_EAGAIN) result = reply_later(service, request);
    if (result == SPG_ETOOBIG) {
        complain("service:%s: an answer of %s is more than its budget; make the service with more: "
                 "--budget SIZE",
                 service->name, size_text(text, service->answer.size));
        spg_server_refuse(service->server, request, SPG_ETOOBIG);
    } else if (result < 0 && result != SPG_ECLOSED && result != SPG_EPEERDEAD) {
        complain_about(service->name, result);
        spg_server_refuse(service->server, request, result);
    }
}

static int answer_all(struct service *service) {
    while (stop_signal() == 0) {
        spg_request request;
        struct patience patience = {SPG_FOREVER, 0};
        int result;
        do {
            result = spg_server_receive(service->server, &request, patience_slice(&patience));
        } while (patience_goes_on(&patience, result));
        if (stop_signal() && result < 0) break;
        if (result < 0) return complain_about(service->name, result);
        answer(service, &request);
    }
    return EXIT_OK;
}

static int serve(const struct arguments *arguments, struct service *service) {
    spg_node *node;
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_server_open(&service->server, node, service->name, &service->options);
    if (result < 0) return complain_of(result);
    status = answer_all(service);
    spg_server_close(service->server);
    free(service->answer.bytes);
    return status;
}

/* ---- several at a time ----------------------------------------------------------------------- */

static pid_t start_worker(const struct arguments *arguments, struct service *service) {
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) complain("cannot start a server: %s", strerror(errno));
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(EXIT_FAILED);
    int status = serve(arguments, service);
    own_end();
    fflush(stdout);
    _exit(status);
}

static void end_workers(const pid_t *workers, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (workers[i] > 0) kill(workers[i], SIGTERM);
    }
}

/* Looks after them until they have ended; in the place of one that was killed comes another. */
static int attend(const struct arguments *arguments, struct service *service, pid_t *workers) {
    bool told = false;
    int worst = EXIT_OK, status;
    for (uint32_t left = service->workers; left > 0;) {
        if (stop_signal() && !told) end_workers(workers, service->workers);
        told = told || stop_signal();
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == ECHILD) break;
        if (pid <= 0) {
            nap(AGAIN_NS / 10);
            continue;
        }
        uint32_t index = 0;
        while (index < service->workers && workers[index] != pid) index++;
        if (index == service->workers) continue;
        workers[index] = 0;
        if (WIFSIGNALED(status) && !stop_signal()) {
            remark("service:%s: a server died of signal %d; another takes its place", service->name,
                   WTERMSIG(status));
            nap(AGAIN_NS);
            workers[index] = stop_signal() ? 0 : start_worker(arguments, service);
        }
        if (workers[index] <= 0) left--;
        if (WIFEXITED(status) && WEXITSTATUS(status) > worst) worst = WEXITSTATUS(status);
    }
    return worst;
}

static int serve_in_parallel(const struct arguments *arguments, struct service *service) {
    pid_t workers[WORKERS_MAX] = {0};
    for (uint32_t i = 0; i < service->workers; i++) {
        workers[i] = start_worker(arguments, service);
        if (workers[i] > 0) continue;
        end_workers(workers, i);
        service->workers = i;
        (void)attend(arguments, service, workers);
        return EXIT_FAILED;
    }
    return attend(arguments, service, workers);
}

static int run_serve(const struct arguments *arguments) {
    struct service service = {.options = SPG_SERVICE_OPTIONS, .workers = 1};
    service.name = channel_operand(arguments);
    service.command = arguments->operands + 1;
    service.options.budget = BUDGET;
    service.options.type = option_value(arguments, "type");
    if (!take_size(arguments, "budget", &service.options.budget) ||
        !take_number(arguments, "slots", 1, 65536, &service.options.slots) ||
        !take_number(arguments, "parallel", 1, WORKERS_MAX, &service.workers)) {
        return EXIT_WRONG_USE;
    }
    stop_listen();
    output_begin();
    return service.workers == 1 ? serve(arguments, &service)
                                : serve_in_parallel(arguments, &service);
}

/* ---- call ------------------------------------------------------------------------------------ */

struct call {
    const char *name;
    spg_client *client;
    int64_t timeout;
    bool limited; /* the user said how long; else a server must be there */
};

static int tell_failure(const struct call *call, int result) {
    char text[SHORT_TEXT];
    const char *name = call->name;
    if (stop_signal()) return EXIT_FAILED;
    if (result <= FAILED_BASE && result >= FAILED_LAST) {
        return complain("service:%s: the server's command %s", name,
                        child_text(text, FAILED_BASE - result));
    }
    if (result == SPG_EPEERDEAD) {
        return complain("service:%s: the server died with the request; how far it came is not "
                        "known. Call again if it may be done twice",
                        name);
    }
    if (result == SPG_ECLOSED) {
        return complain("service:%s: the server ended without an answer; call again", name);
    }
    if (result == SPG_ETIMEDOUT || result == SPG_EAGAIN) {
        return complain("service:%s: no answer in time; samepage stat service:%s shows who serves",
                        name, name);
    }
    if (result == SPG_ENOENT) {
        return complain("service:%s: nobody serves it; start a server: samepage serve %s -- "
                        "COMMAND, or wait for one with --timeout",
                        name, name);
    }
    if (result == SPG_ETOOBIG) {
        return complain("service:%s: the request or its answer is more than its budget; make the "
                        "service with more: --budget SIZE",
                        name);
    }
    return complain_about(name, result);
}

/* Nobody is there to answer, and the user did not say to wait for one. */
static bool is_in_vain(const struct call *call) {
    return !call->limited && channel_living("service", call->name, SPG_ROLE_SERVER) == 0;
}

/* The last server has gone. If it had the request, the library says how it ended with it. */
static int ask_at_last(const struct call *call, spg_response *response) {
    int result = spg_client_receive(call->client, response, LAST_NS);
    return result == SPG_ETIMEDOUT ? SPG_ENOENT : result;
}

static int ask(const struct call *call, const char *bytes, size_t size, spg_response *response) {
    struct patience patience = {call->timeout, 0};
    int result;
    do {
        result = spg_client_send(call->client, bytes, size, NULL, patience_slice(&patience));
        if (result < 0 && is_in_vain(call)) return SPG_ENOENT;
    } while (patience_goes_on(&patience, result));
    if (result < 0) return result;
    do {
        result = spg_client_receive(call->client, response, patience_slice(&patience));
        bool nothing = result == SPG_ETIMEDOUT || result == SPG_EAGAIN;
        if (nothing && is_in_vain(call)) return ask_at_last(call, response);
    } while (patience_goes_on(&patience, result));
    return result;
}

static int call_it(const struct call *call, const char *bytes, size_t size) {
    spg_response response;
    int result = is_in_vain(call) ? SPG_ENOENT : ask(call, bytes, size, &response);
    if (result < 0) return tell_failure(call, result);
    int status = output_bytes(response.data, response.size);
    spg_client_release(call->client, &response);
    return status;
}

static int run_call(const struct arguments *arguments) {
    struct call call = {.timeout = SPG_FOREVER};
    spg_service_options options = SPG_SERVICE_OPTIONS;
    struct input input = {NULL, 0, 0, 0};
    const char *bytes = arguments->count > 1 ? arguments->operands[1] : NULL;
    size_t size = bytes ? strlen(bytes) : 0;
    spg_node *node;
    call.name = channel_operand(arguments);
    call.limited = option_given(arguments, "timeout");
    options.budget = BUDGET;
    options.type = option_value(arguments, "type");
    if (!take_duration(arguments, "timeout", &call.timeout)) return EXIT_WRONG_USE;
    stop_listen();
    output_begin();
    if (!bytes && input_all(&input, &bytes, &size) <= 0) return EXIT_FAILED;
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = spg_client_open(&call.client, node, call.name, &options);
    if (result < 0) return complain_of(result);
    status = call_it(&call, bytes, size);
    spg_client_close(call.client);
    input_free(&input);
    return status;
}

/* ---- what they are --------------------------------------------------------------------------- */

static const struct option serve_options[] = {
    {"parallel", 'j', "N", "N servers, each of which answers one request at a time (1)"},
    {"budget", 0, "SIZE", "if it makes the service: memory for requests and answers (4M)"},
    {"slots", 0, "N", "if it makes the service: requests at a time (256)"},
    {"type", 0, "NAME", "name of what it speaks; another's service is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command serve_command = {
    .name = "serve",
    .operands = "SERVICE -- COMMAND...",
    .channel = "service",
    .summary = "answer requests by running a command on each",
    .about = "The request is COMMAND's standard input, its standard output is the answer. If\n"
             "it fails the caller is told its exit status. More servers of the same SERVICE\n"
             "may be started at any time; each request goes to one of them.",
    .examples = "  samepage serve upper -- tr a-z A-Z\n"
                "  samepage serve thumbnail --parallel 4 -- convert - -resize 128x128 png:-",
    .options = serve_options,
    .least = 2,
    .most = ANY_NUMBER,
    .run = run_serve,
};

static const struct option call_options[] = {
    {"timeout", 't', "TIME",
     "for a server and its answer, at most; without it a server must be there"},
    {"type", 0, "NAME", "name of what it speaks; another type is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command call_command = {
    .name = "call",
    .operands = "SERVICE [REQUEST]",
    .channel = "service",
    .summary = "send a request to a service and print the answer",
    .about = "The request is REQUEST, or the input. The answer is written as it is. If the\n"
             "server fails, dies or ends without an answer, one line says so, and the status\n"
             "is 1.",
    .examples = "  samepage call upper 'hello'\n"
                "  samepage call thumbnail --timeout 5s <photo.jpg >thumbnail.png",
    .options = call_options,
    .least = 1,
    .most = 2,
    .run = run_call,
};
