/* use.c: see use.h. Streams, topics, cells, segments, nodes. */
#include "use.h"

#include <stdlib.h>
#include <string.h>

#include "place.h"

const spg_stream_options small_stream = {sizeof(spg_stream_options), 0600, 4096};
const spg_topic_options small_topic = {.struct_size = sizeof(spg_topic_options),
                                       .mode = 0600,
                                       .budget = 1024,
                                       .slots = 4,
                                       .slot_size = 64,
                                       .publishers = 2,
                                       .subscribers = 2,
                                       .holds = 8,
                                       .history = 1,
                                       .type = "fuzzed",
                                       .schema = "bytes"};
const spg_cell_options small_cell = {.struct_size = sizeof(spg_cell_options),
                                     .mode = 0600,
                                     .capacity = 24,
                                     .buffers = 3,
                                     .type = "fuzzed",
                                     .schema = "bytes"};

static char bytes[600];

static void write_loan(void *loan, size_t size) {
    memset(loan, 1, size);
}

/* ---- stream ---------------------------------------------------------------------------------- */

static void open_stream(struct user *user) {
    const char *name = world_name(FILE_STREAM);
    named(spg_stream_open(&user->reader, NULL, name, SPG_STREAM_READER, &small_stream));
    named(spg_stream_open(&user->writer, NULL, name, SPG_STREAM_WRITER, &small_stream));
}

static void write_stream(spg_stream *writer, int64_t wait) {
    void *room;
    named(spg_stream_write(writer, bytes, 300, SPG_NOWAIT));
    if (named(spg_stream_reserve(writer, 4000, &room, SPG_NOWAIT)) == 0) {
        write_loan(room, 4000);
        named(spg_stream_commit(writer, 100));
    }
    named(spg_stream_reserve(writer, 5000, &room, wait));
    named(spg_stream_write(writer, bytes, 600, wait));
}

static void read_stream(spg_stream *reader, int64_t wait) {
    const void *data;
    named(spg_stream_read(reader, bytes, 100, SPG_NOWAIT));
    int there = named(spg_stream_peek(reader, &data, wait));
    if (there > 0) {
        touch(data, (size_t)there);
        named(spg_stream_consume(reader, (size_t)there / 2));
    }
    named(spg_stream_read(reader, bytes, 600, wait));
}

void use_stream(struct user *user) {
    for (int i = 0; i < (user->briefly ? 1 : 3); i++) {
        if (user->writer) write_stream(user->writer, shortly(user));
        if (user->reader) read_stream(user->reader, shortly(user));
    }
    if (user->briefly) return;
    if (user->reader) {
        touch(&(size_t){spg_stream_capacity(user->reader)}, sizeof(size_t));
        named(spg_stream_fd(user->reader));
        read_stream(user->reader, shortly(user));
    }
    if (user->writer) {
        named(spg_stream_fd(user->writer));
        write_stream(user->writer, shortly(user));
        named(spg_stream_end(user->writer));
    }
}

/* ---- topic ----------------------------------------------------------------------------------- */

static void open_topic(struct user *user) {
    const char *name = world_name(FILE_TOPIC);
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    named(spg_publisher_open(&user->publishers[0], NULL, name, &small_topic));
    named(spg_publisher_open(&user->publishers[1], NULL, name, &small_topic));
    options.history = SPG_ALL_HISTORY;
    options.policy = SPG_MUST_NOT_LOSE;
    named(spg_subscriber_open(&user->subscribers[0], NULL, name, &options));
    options.policy = SPG_MAY_LOSE;
    named(spg_subscriber_open(&user->subscribers[1], NULL, name, &options));
    options.read_only = 1;
    named(spg_subscriber_open(&user->subscribers[2], NULL, name, &options));
}

static void publish(spg_publisher *publisher, int64_t wait) {
    void *loan;
    named(spg_publisher_send(publisher, bytes, 10, SPG_NOWAIT));
    named(spg_publisher_send(publisher, bytes, 200, wait));
    if (named(spg_publisher_loan(publisher, 400, &loan, SPG_NOWAIT)) == 0) {
        write_loan(loan, 400);
        if (spg_publisher_publish(publisher, loan, 300, SPG_NOWAIT) < 0)
            named(spg_publisher_discard(publisher, loan));
    }
}

static void receive(spg_subscriber *subscriber, int64_t wait) {
    spg_message messages[3];
    uint64_t offset;
    int held = 0;
    for (; held < 3; held++) {
        if (named(spg_subscriber_receive(subscriber, &messages[held], SPG_NOWAIT)) < 0) break;
        touch(messages[held].data, messages[held].size);
        named(spg_subscriber_offset(subscriber, &messages[held], &offset));
    }
    for (int i = held; i > 0; i--) named(spg_subscriber_release(subscriber, &messages[i % held]));
    if (named(spg_subscriber_receive(subscriber, &messages[0], wait)) == 0)
        named(spg_subscriber_release(subscriber, &messages[0]));
}

static void tell_topic(spg_subscriber *subscriber) {
    uint32_t size;
    touch(spg_subscriber_type(subscriber, &size), 1);
    touch(spg_subscriber_schema(subscriber), 1);
    named(spg_subscriber_fd(subscriber));
    int file = named(spg_subscriber_memory_fd(subscriber));
    if (file >= 0) place_close(file);
}

void use_topic(struct user *user) {
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            if (user->publishers[i]) publish(user->publishers[i], shortly(user));
        }
        for (int i = round == 1; i < 3; i++) {
            if (user->subscribers[i]) receive(user->subscribers[i], shortly(user));
        }
    }
    for (int i = 0; i < 3 && !user->briefly; i++) {
        if (user->subscribers[i]) tell_topic(user->subscribers[i]);
    }
}

/* ---- cell ------------------------------------------------------------------------------------ */

static void open_cell(struct user *user) {
    const char *name = world_name(FILE_CELL);
    spg_cell_options options = SPG_CELL_OPTIONS;
    named(spg_cell_open(&user->cells[0], NULL, name, &small_cell));
    named(spg_cell_open(&user->cells[1], NULL, name, NULL));
    options.read_only = 1;
    named(spg_cell_open(&user->cells[2], NULL, name, &options));
}

static void write_cell(spg_cell *cell, size_t size, int64_t wait) {
    void *loan;
    named(spg_cell_write(cell, bytes, size, SPG_NOWAIT));
    if (named(spg_cell_loan(cell, &loan, wait)) < 0) return;
    write_loan(loan, spg_cell_capacity(cell));
    named(size % 2 ? spg_cell_publish(cell, size) : spg_cell_discard(cell));
}

static void read_cell(spg_cell *cell, int64_t wait) {
    uint64_t version = 0;
    uint32_t size;
    named(spg_cell_read(cell, bytes, sizeof bytes, &version));
    named(spg_cell_wait(cell, version, SPG_NOWAIT));
    named(spg_cell_wait(cell, version, wait));
    named(spg_cell_read(cell, bytes, 3, NULL));
    touch(spg_cell_type(cell, &size), 1);
    touch(spg_cell_schema(cell), 1);
}

void use_cell(struct user *user) {
    for (int i = 0; i < 6; i++) {
        spg_cell *writer = user->cells[i % 2], *reader = user->cells[i % 3];
        if (writer) write_cell(writer, (size_t)i * 4 + 1, shortly(user));
        if (reader) read_cell(reader, shortly(user));
        if (i == 2 && user->cells[1] && !user->briefly) named(spg_cell_fd(user->cells[1]));
    }
}

/* ---- segment --------------------------------------------------------------------------------- */

static void open_segment(struct user *user) {
    const char *name = world_name(FILE_SEGMENT);
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    named(spg_segment_open(&user->segments[2], name, &options));
    options.profile = SPG_MANAGED;
    named(spg_segment_open(&user->segments[1], name, &options));
    options.access = SPG_READ_WRITE;
    options.exclusive = 0;
    options.lifetime = SPG_TEMPORARY;
    options.type = "fuzzed";
    named(spg_segment_create(&user->segments[0], name, SEGMENT_BYTES, &options));
}

void use_segment(struct user *user) {
    for (int i = 0; i < 3; i++) {
        spg_segment *segment = user->segments[i];
        if (!segment) continue;
        touch(spg_segment_address(segment), spg_segment_size(segment));
        touch(spg_segment_name(segment), 1);
        named(spg_segment_fd(segment));
        named(spg_segment_resize(segment, 0));
    }
    if (!user->segments[0]) return;
    named(spg_segment_resize(user->segments[0], 9000));
    write_loan(spg_segment_address(user->segments[0]), spg_segment_size(user->segments[0]));
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void open_nodes(struct user *user) {
    spg_node_options options = SPG_NODE_OPTIONS;
    options.domain = world_other_domain();
    options.name = "fuzzed";
    named(spg_node_open(&user->node, &options));
}

void use_nodes(struct user *user) {
    uint64_t id = 0;
    spg_cell *cell = NULL;
    if (!user->node) return;
    named(spg_node_id(user->node, &id));
    for (uint64_t i = 0; i < 4; i++) named(spg_node_alive(user->node, id + (i << 12) - 4096));
    if (!spg_node_domain(user->node)) finding("a node without a domain");
    named(spg_cell_open(&cell, user->node, "c", &small_cell));
    if (cell) named(spg_cell_write(cell, bytes, 5, SPG_NOWAIT));
    named(spg_cell_close(cell));
    named(spg_cell_unlink(user->node, "c"));
}

/* ---- all ------------------------------------------------------------------------------------- */

static void open_queue(struct user *user) {
    for (int i = 0; i < 2; i++)
        named(spg_queue_open(&user->queues[i], NULL, world_name(FILE_QUEUE), &small_queue));
}

static void open_service(struct user *user) {
    const char *name = world_name(FILE_SERVICE);
    named(spg_server_open(&user->server, NULL, name, &small_service));
    named(spg_client_open(&user->client, NULL, name, &small_service));
}

static void (*const openers[FILE_KINDS])(struct user *) = {
    open_stream,  open_topic, open_cell,     open_queue,   open_service,
    open_segment, open_nodes, use_open_sync, use_open_php, use_open_passed};
static void (*const users[FILE_KINDS])(struct user *) = {
    use_stream,  use_topic, use_cell, use_queue, use_service,
    use_segment, use_nodes, use_sync, use_php,   use_passed};

void use_open(struct user *user, enum file_kind kind) {
    *user = (struct user){.kind = kind};
    openers[kind](user);
}

/* All that can be waited for, in one wait set. */
static void use_together(struct user *user) {
    spg_waitable *waitables[] = {
        user->reader ? spg_stream_waitable(user->reader) : NULL,
        user->subscribers[0] ? spg_subscriber_waitable(user->subscribers[0]) : NULL,
        user->subscribers[1] ? spg_subscriber_waitable(user->subscribers[1]) : NULL,
        user->cells[0] ? spg_cell_waitable(user->cells[0]) : NULL,
        spg_queue_waitable(user->queues[0]),
        spg_queue_waitable(user->queues[1]),
        spg_server_waitable(user->server),
        spg_client_waitable(user->client)};
    enum { WAITABLES = sizeof waitables / sizeof *waitables };
    spg_waitset *set;
    void *tags[2];
    if (named(spg_waitset_open(&set)) < 0) return;
    for (int i = 0; i < WAITABLES; i++) {
        if (waitables[i]) named(spg_waitset_add(set, waitables[i], &waitables[i]));
    }
    named(spg_waitset_wait(set, tags, 2, SPG_NOWAIT));
    named(spg_waitset_wait(set, tags, 2, shortly(user)));
    for (int i = 0; i < WAITABLES; i += 2) {
        if (waitables[i]) named(spg_waitset_remove(set, waitables[i]));
    }
    named(spg_waitset_wait(set, tags, 1, shortly(user)));
    named(spg_waitset_close(set));
}

void use_all(struct user *user) {
    users[user->kind](user);
    if (!user->briefly && user->kind < FILE_SEGMENT) use_together(user);
}

void use_close(struct user *user) {
    named(spg_stream_close(user->writer));
    named(spg_stream_close(user->reader));
    for (int i = 0; i < 2; i++) named(spg_publisher_close(user->publishers[i]));
    for (int i = 0; i < 3; i++) {
        named(spg_subscriber_close(user->subscribers[i]));
        named(spg_cell_close(user->cells[i]));
        named(spg_segment_close(user->segments[i]));
    }
    for (int i = 0; i < 2; i++) named(spg_queue_close(user->queues[i]));
    named(spg_client_close(user->client));
    named(spg_server_close(user->server));
    named(spg_node_close(user->node));
}
