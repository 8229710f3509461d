/* scenes_segment.c: a managed segment that grows. Of src/segment/ the explorer has managed.c and
 * resize.c; how a name leads to a file is not explored. */
#include <samepage/samepage.h>

#include "machine.h"
#include "node/self.h"
#include "segment/managed.h"

enum { SMALL = 2 * PAGE, LARGE = 3 * PAGE };

static spg_segment *segments[PROCESSES];

int spg__segment_failed(const spg_segment *segment, int result, const char *what) {
    (void)segment, (void)what;
    return result;
}

size_t spg_segment_size(const spg_segment *segment) {
    return segment->mapped - segment->header;
}

static void open_file(int who, spg__file *file) {
    if (who != 0) {
        CHECK_OK(spg__file_open(file, SPG__NO_FILE, "segment", SPG__FILE_READ_WRITE));
        return;
    }
    CHECK_OK(spg__file_create_named(file, SPG__NO_FILE, "segment"));
    CHECK_OK(spg__file_reserve(*file, SMALL));
}

static void open_small(int who) {
    void *address;
    spg_node *node;
    CHECK_OK(spg__self_node(&node));
    spg_segment *segment = segments[who] = scene_memory(sizeof *segment);
    segment->options = (spg_segment_options)SPG_SEGMENT_OPTIONS;
    open_file(who, &segment->file);
    CHECK_OK(spg__memory_map(&address, segment->file, SMALL, SPG__MEMORY_READ_WRITE, 0));
    segment->base = address;
    segment->mapped = SMALL;
    segment->header = SPG__MANAGED_HEADER;
    segment->holder = node->number;
    if (who == 0) spg__managed_init(segment, &node->domain, SMALL);
}

/* Whoever sees the new size finds the file as long as it says. */
static void act_growing(int who) {
    struct spg__managed_head head;
    spg_segment *segment = segments[who];
    if (who == 1) CHECK_OK(spg__managed_check(segment, &head));
    CHECK_OK(spg_segment_resize(segment, who == 2 ? 0 : LARGE - SPG__MANAGED_HEADER));
    CHECK(segment->mapped == LARGE || (who == 2 && segment->mapped == SMALL));
}

static void judge_growing(void) {
    struct spg__managed_head head;
    CHECK_OK(spg__managed_check(segments[JUDGE], &head));
    CHECK(head.header.size == LARGE || deaths() > 0);
    CHECK_OK(spg_segment_resize(segments[JUDGE], LARGE - SPG__MANAGED_HEADER));
}

static const struct scene growing = {"segment-growing", 3, 3, 1, false, open_small, act_growing,
                                     judge_growing};
static const struct scene growing_weak = {
    "segment-growing-weak", 3, 3, 1, true, open_small, act_growing, judge_growing};

const struct scene *const segment_scenes[] = {&growing, &growing_weak};
const int segment_scene_count = sizeof segment_scenes / sizeof *segment_scenes;
