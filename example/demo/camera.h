/* camera.h: the second part: who takes part, what they tell the director, and how it is shown.
 *
 * The pictures go over the topic alone. Beside it lies the studio, a bare anonymous segment that
 * everybody inherits by fork: there each process counts what it did, so that the counts of a killed
 * one are not lost with it, and finds its orders. Every word of a tally is written by its process
 * alone, but for `order`, which is the director's. */
#ifndef CAMERA_H
#define CAMERA_H

#include <stdatomic.h>

#include <samepage/samepage.h>

#include "parts.h"
#include "picture.h"
#include "process.h"

#define CAMERA_TOPIC "camera"

enum {
    CAMERAS = 2,     /* the first is killed, the second goes on */
    AUDIENCE = 5,    /* subscribers, the one that is started again counted twice */
    KEPT = 4,        /* pictures that the topic keeps for late joiners */
    AT_ONCE = 10,    /* pictures that its memory has room for */
    SAMPLES = 65536, /* latencies of a subscriber; more are not looked at */
    SLOW_MS = 100    /* that the slow one takes for a picture */
};

enum stage {
    STAGE_STARTING = 0,
    STAGE_READY = 1,  /* has joined */
    STAGE_IN_ACT = 2, /* has stopped itself as told, with a picture in its hands */
    STAGE_DONE = 3    /* the last picture is out; or received, by a subscriber */
};

enum order {
    ORDER_NONE = 0,
    ORDER_STOP = 1, /* stop yourself in the middle of a picture */
    ORDER_END = 2   /* camera: the next picture is the last one; subscriber: leave */
};

struct camera_tally {
    _Atomic uint32_t stage;
    _Atomic uint32_t order;
    _Atomic uint64_t first;     /* frame that it began with */
    _Atomic uint64_t published; /* frame that it published last */
};

struct subscriber_tally {
    _Atomic uint32_t stage;
    _Atomic uint32_t order;
    _Atomic uint64_t before; /* pictures published when it was about to join */
    _Atomic uint64_t after;  /* and when it had joined */
    _Atomic uint64_t begin;  /* the first frame that was its to receive */
    _Atomic uint64_t old;    /* received that were published before it joined */
    _Atomic uint64_t received;
    _Atomic uint64_t missed; /* as the library told it */
    _Atomic uint64_t wrong;  /* pictures whose checksum does not match */
    _Atomic uint64_t jumps;  /* frames whose number is not what follows, with what was missed */
    _Atomic uint64_t frame;  /* received last */
    _Atomic uint64_t samples;
    int64_t latencies[SAMPLES]; /* nanoseconds from publishing to receiving */
};

struct studio {
    _Atomic uint32_t is_on; /* the first camera may begin */
    struct camera_tally cameras[CAMERAS];
    struct subscriber_tally audience[AUDIENCE];
};

/* How a subscriber behaves. */
struct role {
    const char *label;
    uint32_t policy;
    uint32_t history;
    bool is_slow;
};

extern const struct role camera_roles[AUDIENCE];

/* What a process is told. */
struct camera_job {
    struct studio *studio;
    int index;
    long rate; /* camera */
};

/* What they do. Return their exit status. */
int camera_publish(void *job, int report);
int camera_subscribe(void *job, int report);

/* How many pictures were published so far; 0 without a topic. Returns 0 or -1. */
int camera_published(uint64_t *count);

/* Joins as a subscriber that may lose, reads what history there is, and leaves. Returns how many
 * pictures that are, or -1: one was wrong, or does not follow the one before. `last`: its frame. */
int camera_look_back(struct easel *easel, uint32_t history, uint64_t *last);

/* ---- what is shown at the end ---------------------------------------------------------------- */

struct camera_report {
    const struct studio *studio;
    spg_channel_facts facts; /* at the end */
    uint64_t most_used;      /* of the budget, at any look */
    uint64_t published;
    double seconds;
    int told; /* subscribers of which the library's counts are the same */
};

/* Prints who received what, latencies, memory. */
void camera_print(const struct camera_report *report);

/* Whether everything adds up. */
bool camera_is_sound(const struct camera_report *report);

#endif
