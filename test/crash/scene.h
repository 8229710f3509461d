/* scene.h: what the crash and fault enumerations play: small scenes of one operation each.
 *
 * A scene has a world made ready, one operation, and what must be true afterwards for somebody who
 * was not there. Every part runs in a process of its own: `prepare` and leaves (what it holds, it
 * dies with), the victim runs `operate` until it is stopped somewhere, a survivor runs `survive`,
 * which must find every function there and nothing to repair by hand.
 *
 * The test process itself never joins a domain; `memory` is shared by all through fork. */
#ifndef TEST_CRASH_SCENE_H
#define TEST_CRASH_SCENE_H

#include "harness/harness.h"

#include "platform/seam.h"

struct memory {
    spg_mutex mutex;
    spg_condition condition;
    spg_semaphore plain, owned;
    spg_event event;
    spg_rwlock rwlock;
    spg_barrier barrier;
    spg_seqlock seqlock;
    SPG_ALIGN_8 uint64_t value[4];
    bool asked;             /* of the one who looks what an operation asks of the system */
    uint64_t first, second; /* equal unless somebody died between writing the one and the other */
};

struct scene {
    const char *name;
    void (*prepare)(void);
    int (*operate)(void); /* a result of Samepage, for fault injection */
    void (*survive)(void);
};

extern struct memory *memory;
extern const struct scene scenes[];
extern const int scene_count;

/* Names of the segments of the scenes. */
const char *scene_posix(void);
const char *scene_sysv(void);
const char *scene_file(void);

/* Makes `memory`. */
void scenes_begin(void);

/* In a process of its own; must end well. */
void run_apart(void (*part)(void), const char *what, const struct scene *scene, int point);

/* After each image: the domain is sound; once collected, nothing of the dead is left in it. */
void check_domain(const struct scene *scene, int point);

/* Removes the segments and the domain, so that the next image begins with nothing. */
void clear_world(void);

#endif
