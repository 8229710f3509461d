/* exchange_serve.c: the server of the exchange. What a death leaves is in exchange.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "exchange_files.h"
#include "print.h"
#include "stop.h"

enum {
    DEFAULT_BUFFER = 1024 * 1024,
    LEAST_BUFFER = 4096, /* one entry of a list must fit */
    BEGIN_TRIES = 100
};

/* Longer than a client holds the permit that it tries, shorter than anybody's patience. */
static const int64_t permit_timeout = INT64_C(300) * 1000 * 1000;

struct server {
    struct exchange exchange;
    struct files files;
    uint64_t answered; /* the number of the last request answered */
    uint64_t requests, bytes;
};

static int may_wait(struct exchange *exchange) {
    (void)exchange;
    return stop_signal() ? SPG_ECLOSED : 0;
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* Before the segment has its name; the permit, too, is taken before anybody can look for it. */
static int prepare(void *context, void *bytes, size_t size) {
    const struct exchange *exchange = context;
    struct exchange_shared *shared = bytes;
    (void)size;
    shared->capacity = exchange->capacity;
    shared->server_count = 1;
    int result = spg_semaphore_init_owned(&shared->server, 1);
    if (result == 0) result = spg_semaphore_wait(&shared->server, SPG_NOWAIT);
    if (result == 0) result = spg_semaphore_init_owned(&shared->client, 1);
    if (result == 0) result = spg_semaphore_init_owned(&shared->guard, 1);
    if (result == 0) result = spg_semaphore_init(&shared->written, 0);
    if (result == 0) result = spg_semaphore_init(&shared->answered, 0);
    return result;
}

static int create(struct exchange *exchange, uint64_t capacity) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.lifetime = SPG_TEMPORARY;
    options.type = EXCHANGE_TYPE;
    options.prepare = prepare;
    options.context = exchange;
    exchange->capacity = capacity;
    size_t size = sizeof(struct exchange_shared) + (size_t)capacity;
    int result = spg_segment_create(&exchange->segment, exchange->name, size, &options);
    if (result == 0) exchange->shared = spg_segment_address(exchange->segment);
    return result;
}

/* Under the guard everything of the last server is voided; the count tells its client. */
static int void_the_old(struct exchange *exchange) {
    struct exchange_shared *shared = exchange->shared;
    int result = exchange_take(exchange);
    if (result < 0) return result;
    shared->request.number = 0;
    shared->answer.number = 0;
    shared->server_count++;
    exchange_drain(&shared->written);
    exchange_give(exchange);
    return 0;
}

/* The segment of a dead server that some client still holds. SPG_EEXIST: its server lives. */
static int take_over(struct exchange *exchange) {
    int result = exchange_open(exchange, exchange->name);
    if (result < 0) return result;
    result = spg_semaphore_wait(&exchange->shared->server, permit_timeout);
    if (result == SPG_ETIMEDOUT) result = SPG_EEXIST;
    if (result >= 0)
        result = exchange->capacity < LEAST_BUFFER ? SPG_ECORRUPT : void_the_old(exchange);
    if (result < 0) exchange_close(exchange);
    return result;
}

/* Until one of the two ways leads somewhere: what is there may come and go meanwhile. */
static int begin(struct exchange *exchange, uint64_t capacity) {
    int result = SPG_ENOENT;
    for (int i = 0; i < BEGIN_TRIES && result == SPG_ENOENT; i++) {
        result = create(exchange, capacity);
        if (result == SPG_EEXIST) result = take_over(exchange);
        if (stop_signal()) break;
    }
    return result;
}

static int complain_of_begin(int result, const char *name) {
    switch (result) {
    case SPG_ECLOSED: return EXIT_OK;
    case SPG_EEXIST:
        return complain("%s is being served by another process; use another name", name);
    case SPG_ECORRUPT:
        return complain(
            "%s: what lies there is no exchange that can be right; samepage rm %s removes it", name,
            name);
    case SPG_ETYPE:
        return complain("%s is taken by something that is no exchange; use another name", name);
    default: return complain_of(result);
    }
}

/* ---- serving --------------------------------------------------------------------------------- */

static bool path_is_sound(const char *path, size_t length) {
    if (length == 0 || memchr(path, '\0', length) || *path == '/') return false;
    for (const char *part = path;; part++) {
        size_t part_length = strcspn(part, "/");
        if (part_length == 2 && strncmp(part, "..", 2) == 0) return false;
        part += part_length;
        if (*part == '\0') return true;
    }
}

/* `request` is our copy of it. */
static void perform(struct server *server, struct exchange_request *request,
                    struct exchange_answer *answer) {
    struct exchange *exchange = &server->exchange;
    uint32_t length = request->path_bytes;
    bool sound = length < sizeof request->path;
    if (sound) request->path[length] = '\0';
    sound = sound && path_is_sound(request->path, length);
    answer->status = sound ? ANSWER_OK : ANSWER_MALFORMED;
    if (sound && request->operation == OPERATION_READ) {
        files_read(&server->files, request->path, request->offset, exchange->shared->buffer,
                   exchange->capacity, answer);
    } else if (sound && request->operation == OPERATION_LIST) {
        files_list(&server->files, request->path, request->offset, exchange->shared->buffer,
                   exchange->capacity, answer);
    } else {
        answer->status = ANSWER_MALFORMED;
    }
    server->requests++;
    server->bytes += answer->bytes;
}

/* After `written`: there need not be a request, nor a new one. */
static int answer_one(struct server *server) {
    struct exchange_shared *shared = server->exchange.shared;
    struct exchange_request request;
    struct exchange_answer answer = {0};
    int result = exchange_take(&server->exchange);
    if (result < 0) return result;
    memcpy(&request, &shared->request, sizeof request);
    bool is_new = request.number != 0 && request.number != server->answered;
    if (is_new) {
        perform(server, &request, &answer);
        answer.number = server->answered = request.number;
        memcpy(&shared->answer, &answer, sizeof answer);
    }
    exchange_give(&server->exchange);
    return is_new ? spg_semaphore_post(&shared->answered) : 0;
}

static int serve(struct server *server) {
    for (;;) {
        int result = exchange_wait(&server->exchange, &server->exchange.shared->written);
        if (result >= 0) result = answer_one(server);
        if (result >= 0) result = may_wait(&server->exchange);
        if (result < 0) return result == SPG_ECLOSED ? 0 : result;
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

static int serve_folder(struct server *server, const char *folder, uint64_t capacity) {
    char text[SHORT_TEXT], requests[SHORT_TEXT];
    struct exchange *exchange = &server->exchange;
    int result = begin(exchange, capacity);
    if (result < 0) return complain_of_begin(result, exchange->name);
    if (exchange->capacity != capacity) {
        remark("a client still holds the segment of the last server, so its buffer of %s stays",
               size_text(text, exchange->capacity));
    }
    printf("serving %s through %s\n", folder, spg_segment_name(exchange->segment));
    fflush(stdout);
    result = serve(server);
    spg_semaphore_post(&exchange->shared->server);
    exchange_close(exchange);
    if (result < 0) return complain("%s: %s; serving ends", exchange->name, spg_error_text(result));
    printf("answered %s with %s\n", count_text(requests, server->requests, "request"),
           size_text(text, server->bytes));
    return EXIT_OK;
}

static bool read_capacity(const struct arguments *arguments, uint64_t *capacity) {
    const char *text = option_value(arguments, "buffer");
    *capacity = DEFAULT_BUFFER;
    return !text ||
           (size_read(text, capacity) && *capacity >= LEAST_BUFFER && *capacity <= SIZE_MAX / 4);
}

static int run(const struct arguments *arguments) {
    struct server server = {.exchange = {.name = arguments->operands[0], .look = may_wait}};
    const char *folder = arguments->operands[1];
    uint64_t capacity;
    if (!read_capacity(arguments, &capacity)) {
        return wrong_use("--buffer %s: it is a number of bytes from 4K, as in 64K or 1M",
                         option_value(arguments, "buffer"));
    }
    int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return complain("cannot serve %s: %s", folder, strerror(errno));
    stop_listen();
    files_begin(&server.files, root);
    int status = serve_folder(&server, folder, capacity);
    files_end(&server.files);
    close(root);
    return status;
}

static const struct option options[] = {
    {"buffer", 0, "BYTES", "room for the bytes of one answer; default 1M"},
    {NULL, 0, NULL, NULL},
};

const struct command exchange_serve_command = {
    .name = "exchange serve",
    .operands = "NAME DIR",
    .summary = "serve the files beneath DIR through a segment",
    .about = "Makes the segment NAME (posix:, sysv: or file:) and answers through it until it\n"
             "is interrupted. Any number of clients may come, one conversation at a time.\n"
             "Nothing outside of DIR is served, and nothing but files and directories. If the\n"
             "server is killed, start it again: it goes on under the same name.",
    .options = options,
    .least = 2,
    .most = 2,
    .run = run,
};
