/* use.h: every call of the library on a file of each kind. What they return is not looked at but
 * for being a result at all; what they give to read is read. */
#ifndef FUZZ_USE_H
#define FUZZ_USE_H

#include "world.h"

/* Handles on one file; those that could not be had are NULL. */
struct user {
    enum file_kind kind;
    bool briefly; /* it does not wait, and wants no descriptors */
    spg_stream *writer, *reader;
    spg_publisher *publishers[2];
    spg_subscriber *subscribers[3]; /* must not lose, may lose, only reads */
    spg_cell *cells[3];             /* the last only reads */
    spg_queue *queues[2];
    spg_server *server;
    spg_client *client;
    spg_segment *segments[3]; /* for writing, for reading, bare */
    spg_node *node;
};

/* With these options the images were made, and each user opens or makes it. */
extern const spg_stream_options small_stream;
extern const spg_topic_options small_topic;
extern const spg_cell_options small_cell;
extern const spg_queue_options small_queue;
extern const spg_service_options small_service;
enum { SEGMENT_BYTES = 64, PHP_BYTES = 512, SYNC_VALUE_WORDS = 3 };

/* What the bytes of a segment of kind FILE_SYNC are. */
struct sync_things {
    spg_mutex mutex;
    spg_condition condition;
    spg_event event;
    spg_seqlock seqlock;
    uint64_t value[SYNC_VALUE_WORDS];
    spg_semaphore plain, owned;
    spg_rwlock rwlock;
    spg_barrier barrier;
};

void use_open(struct user *user, enum file_kind kind);
void use_all(struct user *user);
void use_close(struct user *user);

/* For each kind, in use.c, use_jobs.c and use_bytes.c. */
void use_stream(struct user *user);
void use_topic(struct user *user);
void use_cell(struct user *user);
void use_queue(struct user *user);
void use_service(struct user *user);
void use_segment(struct user *user);
void use_nodes(struct user *user);
void use_sync(struct user *user);
void use_php(struct user *user);
void use_passed(struct user *user);
void use_open_sync(struct user *user);
void use_open_php(struct user *user);
void use_open_passed(struct user *user);

/* Tells of one, and audits it, from outside. */
void use_look_at(enum file_kind kind);
/* Lists, audits and collects the domain that it lies in. */
void use_look_around(enum file_kind kind);

/* How long to wait: not at all, or shortly. */
static inline int64_t shortly(const struct user *user) {
    return user->briefly ? SPG_NOWAIT : 1000;
}

#endif
