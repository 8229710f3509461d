/* images.c: files in the middle of being used. Their maker is killed, so they name the dead:
 * loans, holds, jobs and requests in hand are there to be recovered. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "use.h"

static char bytes[600];

static void must(int result) {
    if (result < 0) finding("an image cannot be made: %s", spg_error_name(result));
}

static void make_stream(void) {
    spg_stream *writer;
    must(spg_stream_open(&writer, NULL, world_name(FILE_STREAM), SPG_STREAM_WRITER, &small_stream));
    must(spg_stream_write(writer, bytes, 300, SPG_NOWAIT));
}

/* A claim that is open cannot be had from outside; the bytes of its row and slot are written by the
 * fuzzers themselves. */
static void make_topic(void) {
    spg_publisher *publisher;
    spg_subscriber *keeper, *loser;
    spg_message message;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    const char *name = world_name(FILE_TOPIC);
    void *loan;
    must(spg_publisher_open(&publisher, NULL, name, &small_topic));
    must(spg_subscriber_open(&loser, NULL, name, &options));
    options.policy = SPG_MUST_NOT_LOSE;
    must(spg_subscriber_open(&keeper, NULL, name, &options));
    must(spg_publisher_send(publisher, bytes, 10, SPG_NOWAIT));
    must(spg_publisher_send(publisher, bytes, 200, SPG_NOWAIT));
    must(spg_publisher_send(publisher, bytes, 100, SPG_NOWAIT));
    must(spg_subscriber_receive(loser, &message, SPG_NOWAIT));
    must(spg_subscriber_receive(loser, &message, SPG_NOWAIT));
    must(spg_subscriber_receive(keeper, &message, SPG_NOWAIT));
    must(spg_publisher_loan(publisher, 150, &loan, SPG_NOWAIT));
}

static void make_cell(void) {
    spg_cell *cell;
    void *loan;
    must(spg_cell_open(&cell, NULL, world_name(FILE_CELL), &small_cell));
    must(spg_cell_write(cell, bytes, 5, SPG_NOWAIT));
    must(spg_cell_write(cell, bytes, 20, SPG_NOWAIT));
    must(spg_cell_loan(cell, &loan, SPG_NOWAIT));
}

static void make_queue(void) {
    spg_queue *queue;
    spg_job job;
    void *loan;
    must(spg_queue_open(&queue, NULL, world_name(FILE_QUEUE), &small_queue));
    must(spg_queue_push(queue, bytes, 10, SPG_NOWAIT));
    must(spg_queue_push(queue, bytes, 100, SPG_NOWAIT));
    must(spg_queue_push(queue, bytes, 20, SPG_NOWAIT));
    must(spg_queue_pop(queue, &job, SPG_NOWAIT));
    must(spg_queue_loan(queue, 130, &loan, SPG_NOWAIT));
}

static void make_service(void) {
    spg_server *server;
    spg_client *client;
    spg_request request;
    void *loan;
    const char *name = world_name(FILE_SERVICE);
    must(spg_server_open(&server, NULL, name, &small_service));
    must(spg_client_open(&client, NULL, name, &small_service));
    must(spg_client_send(client, bytes, 100, NULL, SPG_NOWAIT));
    must(spg_client_send(client, bytes, 10, NULL, SPG_NOWAIT));
    must(spg_server_receive(server, &request, SPG_NOWAIT));
    must(spg_server_loan(server, 90, &loan, SPG_NOWAIT));
}

static void make_segment(void) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.lifetime = SPG_TEMPORARY;
    options.type = "fuzzed";
    must(spg_segment_create(&segment, world_name(FILE_SEGMENT), SEGMENT_BYTES, &options));
}

static int prepare_sync(void *context, void *memory, size_t size) {
    struct sync_things *things = memory;
    (void)context, (void)size;
    must(spg_mutex_init(&things->mutex));
    must(spg_condition_init(&things->condition));
    must(spg_event_init(&things->event));
    must(spg_seqlock_init(&things->seqlock));
    must(spg_semaphore_init(&things->plain, 1));
    must(spg_semaphore_init_owned(&things->owned, 2));
    must(spg_rwlock_init(&things->rwlock));
    must(spg_barrier_init(&things->barrier, 2));
    return 0;
}

static void *make_bare(enum file_kind kind, size_t size, spg_segment_preparer *prepare) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.prepare = prepare;
    must(spg_segment_create(&segment, world_name(kind), size, &options));
    return spg_segment_address(segment);
}

/* The dead hold all that can be held. */
static void make_sync(void) {
    struct sync_things *things = make_bare(FILE_SYNC, sizeof *things, prepare_sync);
    must(spg_mutex_lock(&things->mutex, SPG_NOWAIT));
    must(spg_rwlock_lock_read(&things->rwlock, SPG_NOWAIT));
    must(spg_semaphore_wait(&things->owned, SPG_NOWAIT));
    must(spg_seqlock_write(&things->seqlock, things->value, bytes, sizeof things->value,
                           SPG_NOWAIT));
    if (spg_barrier_wait(&things->barrier, 1000) != SPG_ETIMEDOUT) abort();
}

static void make_php(void) {
    void *memory = make_bare(FILE_PHP, PHP_BYTES, NULL);
    spg_php_value value = SPG_PHP_VALUE;
    must(spg_php_format(memory, PHP_BYTES));
    for (int64_t key = 0; key < 5; key++) {
        value.type = (uint32_t)key;
        value.integer = key * 11;
        value.real = 0.5;
        value.bytes = bytes;
        value.size = 20;
        must(spg_php_put(memory, PHP_BYTES, key, &value));
    }
}

static void make_passed(void) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.type = "fuzzed";
    must(spg_segment_create(&segment, world_name(FILE_PASSED), SEGMENT_BYTES, &options));
}

_Noreturn void images_make(void) {
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)i;
    make_stream();
    make_topic();
    make_cell();
    make_queue();
    make_service();
    make_segment();
    make_sync();
    make_php();
    make_passed();
    raise(SIGKILL);
    abort();
}
