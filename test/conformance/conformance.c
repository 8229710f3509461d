/* conformance.c: one side of a conversation over the vectors (README.md), in C. */
#include <samepage/samepage.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES_MAX = 4096, MESSAGE_MAX = 65536, BUDGET = 4 << 20, NEVER = -1 };

static const int64_t patience = 20000000000; /* nanoseconds */

struct vector {
    size_t size;
    unsigned seed;
};

static struct {
    const char *name;
    struct vector vectors[MESSAGES_MAX];
    int count;
    int from;
    int die_after;
    int readers;
} task = {.die_after = NEVER};

static unsigned char expected[MESSAGE_MAX], received[MESSAGE_MAX];

/* ---- messages and failures ------------------------------------------------------------------- */

static void must_be(int true_it_is, int index, const char *what) {
    if (true_it_is) return;
    fprintf(stderr, "conformance.c: message %d: %s\n", index, what);
    exit(1);
}

static int must(int result, int index) {
    must_be(result >= 0, index, result < 0 ? spg_error_text(result) : "");
    return result;
}

static int must_open(int result) {
    if (result >= 0) return result;
    fprintf(stderr, "conformance.c: %s: %s\n", task.name, spg_error_detail());
    exit(1);
}

static void read_vectors(const char *path) {
    FILE *file = fopen(path, "r");
    must_be(file != NULL, 0, path);
    struct vector *vector = task.vectors;
    while (task.count < MESSAGES_MAX && fscanf(file, "%zu %u", &vector->size, &vector->seed) == 2) {
        must_be(vector->size <= MESSAGE_MAX, task.count, "too long");
        vector++, task.count++;
    }
    fclose(file);
}

static size_t make_message(int index) {
    const struct vector *vector = &task.vectors[index];
    for (size_t i = 0; i < vector->size; i++) {
        expected[i] = (unsigned char)(vector->seed + 7 * i + i / 256);
    }
    return vector->size;
}

static void compare(int index, const void *bytes, size_t size) {
    must_be(size == make_message(index), index, "has another size");
    must_be(memcmp(bytes, expected, size) == 0, index, "has other bytes");
}

static void reverse(unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size / 2; i++) {
        unsigned char byte = bytes[i];
        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = byte;
    }
}

/* Message `index` is next: has this process lived long enough? */
static void die_if_due(int index) {
    if (task.die_after != NEVER && index - task.from >= task.die_after) kill(getpid(), SIGKILL);
}

static int done(const char *word) {
    printf("%s %d\n", word, task.count - task.from);
    return 0;
}

/* ---- topic ----------------------------------------------------------------------------------- */

static int count_reader(void *context, const spg_member *member) {
    if (member->role == SPG_ROLE_SUBSCRIBER && member->alive) ++*(int *)context;
    return 0;
}

static void wait_for_readers(void) {
    char name[256];
    snprintf(name, sizeof name, "topic:%s", task.name);
    for (int patient = 2000; patient > 0; patient--) {
        spg_channel_facts facts = {.struct_size = sizeof facts};
        int readers = 0;
        must(spg_channel_stat(NULL, name, &facts, count_reader, &readers), task.from);
        if (readers >= task.readers) return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    must_be(0, task.from, "the readers did not come");
}

/* By turns copied and written in place. */
static int publish_one(spg_publisher *publisher, int index) {
    void *room;
    size_t size = make_message(index);
    if (index % 2) return spg_publisher_send(publisher, expected, size, patience);
    int result = spg_publisher_loan(publisher, size, &room, patience);
    if (result < 0) return result;
    memcpy(room, expected, size);
    return spg_publisher_publish(publisher, room, size, patience);
}

static int publish(void) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher;
    options.type = "conformance";
    options.budget = BUDGET;
    options.slots = 64;
    must_open(spg_publisher_open(&publisher, NULL, task.name, &options));
    wait_for_readers();
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        must(publish_one(publisher, i), i);
    }
    must_open(spg_publisher_close(publisher));
    return done("published");
}

static int subscribe(void) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    spg_subscriber *subscriber;
    spg_message message;
    options.policy = SPG_MUST_NOT_LOSE;
    options.type = "conformance";
    options.timeout = patience;
    must_open(spg_subscriber_open(&subscriber, NULL, task.name, &options));
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        must(spg_subscriber_receive(subscriber, &message, patience), i);
        must_be(message.lost == 0, i, "messages before it are lost");
        compare(i, message.data, message.size);
        must(spg_subscriber_release(subscriber, &message), i);
    }
    must_open(spg_subscriber_close(subscriber));
    return done("received");
}

/* ---- cell ------------------------------------------------------------------------------------ */

static spg_cell *open_cell(const char *suffix, size_t capacity) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    spg_cell *cell;
    char name[256];
    snprintf(name, sizeof name, "%s%s", task.name, suffix);
    options.capacity = capacity;
    must_open(spg_cell_open(&cell, NULL, name, &options));
    return cell;
}

static unsigned little_endian(const unsigned char *bytes) {
    return bytes[0] | (unsigned)bytes[1] << 8 | (unsigned)bytes[2] << 16 | (unsigned)bytes[3] << 24;
}

static void wait_until_seen(spg_cell *seen, int index) {
    unsigned char bytes[4] = {0};
    uint64_t version = 0;
    while (little_endian(bytes) != (unsigned)index + 1) {
        must(spg_cell_wait(seen, version, patience), index);
        must(spg_cell_read(seen, bytes, sizeof bytes, &version), index);
    }
}

static int set(void) {
    spg_cell *cell = open_cell("", MESSAGE_MAX), *seen = open_cell(".seen", 4);
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        size_t size = make_message(i);
        must(spg_cell_write(cell, expected, size, patience), i);
        wait_until_seen(seen, i);
    }
    must_open(spg_cell_close(cell));
    must_open(spg_cell_close(seen));
    return done("set");
}

static int get(void) {
    spg_cell *cell = open_cell("", MESSAGE_MAX), *seen = open_cell(".seen", 4);
    uint64_t version = (uint64_t)task.from; /* of the message before */
    for (int i = task.from; i < task.count; i++) {
        unsigned number = (unsigned)i + 1;
        die_if_due(i);
        must(spg_cell_wait(cell, version, patience), i);
        int size = must(spg_cell_read(cell, received, sizeof received, &version), i);
        compare(i, received, (size_t)size);
        unsigned char bytes[4] = {(unsigned char)number, (unsigned char)(number >> 8),
                                  (unsigned char)(number >> 16), (unsigned char)(number >> 24)};
        must(spg_cell_write(seen, bytes, sizeof bytes, patience), i);
    }
    must_open(spg_cell_close(cell));
    must_open(spg_cell_close(seen));
    return done("got");
}

/* ---- stream ---------------------------------------------------------------------------------- */

/* An end that is still taken becomes free when the one before has gone. */
static spg_stream *open_stream(int end) {
    spg_stream *stream;
    int result = SPG_EEXIST;
    for (int patient = 2000; result == SPG_EEXIST && patient > 0; patient--) {
        result = spg_stream_open(&stream, NULL, task.name, end, NULL);
        if (result == SPG_EEXIST) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    must_open(result);
    return stream;
}

static int write_all(void) {
    spg_stream *stream = open_stream(SPG_STREAM_WRITER);
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        size_t size = make_message(i);
        int count = must(spg_stream_write(stream, expected, size, patience), i);
        must_be((size_t)count == size, i, "was not written in time");
    }
    must_open(spg_stream_end(stream));
    must_open(spg_stream_close(stream));
    return done("wrote");
}

/* A whole message, or the end (0), or that the writer died before it. */
static int read_message(spg_stream *stream, int index) {
    size_t size = index < task.count ? task.vectors[index].size : 1, have = 0;
    while (have < size) {
        int count = spg_stream_read(stream, received + have, size - have, patience);
        if (count == 0 || count == SPG_EPEERDEAD) must_be(have == 0, index, "is cut off");
        if (count == 0 || count == SPG_EPEERDEAD) return count;
        have += (size_t)must(count, index);
    }
    return (int)size;
}

static int read_all(void) {
    spg_stream *stream = open_stream(SPG_STREAM_READER);
    int index = task.from;
    for (;;) {
        die_if_due(index);
        int size = read_message(stream, index);
        if (size == 0) break;
        if (size == SPG_EPEERDEAD) { /* another one goes on, in a stream of its own */
            must_open(spg_stream_close(stream));
            stream = open_stream(SPG_STREAM_READER);
            continue;
        }
        must_be(index < task.count, index, "is one too many");
        compare(index++, received, (size_t)size);
    }
    must_be(index == task.count, index, "is missing");
    must_open(spg_stream_close(stream));
    return done("read");
}

/* ---- queue ----------------------------------------------------------------------------------- */

static spg_queue *open_queue(void) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    spg_queue *queue;
    options.budget = BUDGET;
    must_open(spg_queue_open(&queue, NULL, task.name, &options));
    return queue;
}

static int push(void) {
    spg_queue *queue = open_queue();
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        size_t size = make_message(i);
        must(spg_queue_push(queue, expected, size, patience), i);
    }
    must_open(spg_queue_close(queue));
    return done("pushed");
}

/* One that dies has the next job in hand. */
static int pop(void) {
    spg_queue *queue = open_queue();
    spg_job job;
    for (int i = task.from; i < task.count; i++) {
        must(spg_queue_pop(queue, &job, patience), i);
        die_if_due(i);
        compare(i, job.data, job.size);
        must(spg_queue_done(queue, &job), i);
    }
    must_open(spg_queue_close(queue));
    return done("popped");
}

/* ---- service --------------------------------------------------------------------------------- */

static spg_service_options service_options(void) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    options.budget = BUDGET;
    return options;
}

static int serve(void) {
    spg_service_options options = service_options();
    spg_server *server;
    spg_request request;
    must_open(spg_server_open(&server, NULL, task.name, &options));
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        must(spg_server_receive(server, &request, patience), i);
        compare(i, request.data, request.size);
        reverse(expected, request.size);
        must(spg_server_reply(server, &request, expected, request.size), i);
    }
    must_open(spg_server_close(server));
    return done("served");
}

static int call(void) {
    spg_service_options options = service_options();
    spg_client *client;
    spg_response response;
    must_open(spg_client_open(&client, NULL, task.name, &options));
    for (int i = task.from; i < task.count; i++) {
        die_if_due(i);
        size_t size = make_message(i);
        must(spg_client_call(client, expected, size, &response, patience), i);
        must_be(response.size == size, i, "its answer has another size");
        memcpy(received, response.data, size);
        reverse(received, size);
        compare(i, received, size);
        must(spg_client_release(client, &response), i);
    }
    must_open(spg_client_close(client));
    return done("called");
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int (*run)(void);
} roles[] = {
    {"publish", publish}, {"subscribe", subscribe}, {"set", set},   {"get", get},
    {"write", write_all}, {"read", read_all},       {"push", push}, {"pop", pop},
    {"serve", serve},     {"call", call},
};

enum { ROLES = sizeof roles / sizeof *roles };

static int wrong_use(void) {
    fprintf(stderr, "usage: conformance ROLE NAME VECTORS [--from N] [--die-after N] [--readers N]"
                    " | roles\n");
    return 2;
}

static int *option(const char *word) {
    if (strcmp(word, "--from") == 0) return &task.from;
    if (strcmp(word, "--die-after") == 0) return &task.die_after;
    if (strcmp(word, "--readers") == 0) return &task.readers;
    return NULL;
}

static int list_roles(void) {
    for (int i = 0; i < ROLES; i++) puts(roles[i].name);
    return 0;
}

int main(int count, char **words) {
    if (count == 2 && strcmp(words[1], "roles") == 0) return list_roles();
    if (count < 4) return wrong_use();
    task.name = words[2];
    read_vectors(words[3]);
    for (int i = 4; i < count; i += 2) {
        int *number = option(words[i]);
        if (!number || i + 1 == count) return wrong_use();
        *number = atoi(words[i + 1]);
    }
    alarm(60);
    for (int i = 0; i < ROLES; i++) {
        if (strcmp(words[1], roles[i].name) == 0) return roles[i].run();
    }
    return wrong_use();
}
