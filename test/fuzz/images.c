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

_Noreturn void images_make(void) {
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)i;
    make_stream();
    make_topic();
    make_cell();
    make_queue();
    make_service();
    make_segment();
    raise(SIGKILL);
    abort();
}
