/* scenes.c: the list of them all. */
#include "machine.h"

#define LISTS(LIST)                                                                                \
    LIST(node) LIST(sync) LIST(sync_weak) LIST(segment) LIST(topic) LIST(topic_weak) LIST(cell)    \
    LIST(stream) LIST(jobs) LIST(pin) LIST(arena) LIST(rows)
#define DECLARE(kind)                                                                              \
    extern const struct scene *const kind##_scenes[];                                              \
    extern const int kind##_scene_count;
LISTS(DECLARE)

const struct scene *scenes[SCENES_MAX];
int scene_count;

__attribute__((constructor)) static void gather(void) {
#define GATHER(kind)                                                                               \
    for (int i = 0; i < kind##_scene_count; i++) {                                                 \
        if (scene_count == SCENES_MAX) fail("SCENES_MAX is too small");                            \
        scenes[scene_count++] = kind##_scenes[i];                                                  \
    }
    LISTS(GATHER)
}
