/* scenes.c: the list of them all. */
#include "machine.h"

#define LISTS(LIST) LIST(node) LIST(sync) LIST(topic) LIST(cell) LIST(jobs)
#define DECLARE(kind)                                                                              \
    extern const struct scene *const kind##_scenes[];                                              \
    extern const int kind##_scene_count;
LISTS(DECLARE)

const struct scene *scenes[128];
int scene_count;

__attribute__((constructor)) static void gather(void) {
#define GATHER(kind)                                                                               \
    for (int i = 0; i < kind##_scene_count; i++) scenes[scene_count++] = kind##_scenes[i];
    LISTS(GATHER)
}
