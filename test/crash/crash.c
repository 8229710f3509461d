/* crash.c: die after every store to shared memory and after every system call of each operation;
 * a survivor must find everything working, and the audit must hold. Then the same with a second
 * victim that dies after every such step of the survivor.
 *
 * A killed process has made the first k steps and no more, so the images of an operation are as
 * many as its steps: all of them are tried. */
#include <limits.h>

#include "crash/scenes.h"

static int steps_left; /* of this process; 0: it does not die */

/* A step is a store that others can see, or a system call that has happened. */
static int die_at_step(const struct spg__seam_event *event) {
    if (event->kind != SPG__SEAM_STORED && event->kind != SPG__SEAM_CALLED) return 0;
    if (steps_left > 0 && --steps_left == 0) raise(SIGKILL);
    return 0;
}

/* Where the file system has no unnamed files. */
static int die_at_step_without_unnamed(const struct spg__seam_event *event) {
    if (event->kind == SPG__SEAM_CALL && strcmp(event->name, "open_unnamed") == 0) {
        memory->asked = true;
        return EOPNOTSUPP;
    }
    return die_at_step(event);
}

/* True if the process died at that step; false if there were fewer. */
static bool dies_at(void (*part)(void), int step, spg__seam_hook *hook) {
    pid_t pid = fork();
    if (pid == 0) {
        steps_left = step;
        spg__seam = hook;
        part();
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) FAIL("step %d: status %#x", step, status);
    return false;
}

static const struct scene *scene;

static void operate(void) {
    int result = scene->operate();
    if (result < 0)
        FAIL("scene %s: %s: %s", scene->name, spg_error_name(result), spg_error_detail());
}

static bool play(int step, spg__seam_hook *hook) {
    clear_world();
    run_apart(scene->prepare, "prepare", scene, step);
    return dies_at(operate, step, hook);
}

static int enumerate(spg__seam_hook *hook) {
    int step = 1;
    for (;; step++) {
        bool died = play(step, hook);
        run_apart(scene->survive, "survive", scene, step);
        check_domain(scene, step);
        if (!died) break;
    }
    return step - 1;
}

/* The survivor dies too, at each step of its own; a third must find everything working. */
static int enumerate_pairs(int step, spg__seam_hook *hook) {
    int second = 1;
    for (;; second++) {
        play(step, hook);
        bool died = dies_at(scene->survive, second, hook);
        if (!died) break;
        run_apart(scene->survive, "survive twice", scene, step * 100000 + second);
        check_domain(scene, step * 100000 + second);
    }
    return second - 1;
}

/* Does the operation ask for an unnamed file at all? If not, its images are the same without. */
static bool asks_for_unnamed(void) {
    play(INT_MAX, die_at_step_without_unnamed);
    run_apart(scene->survive, "survive", scene, 0);
    return memory->asked;
}

static void enumerate_all(spg__seam_hook *hook) {
    long images = 0;
    scenes_begin();
    for (int i = 0; i < scene_count; i++) {
        scene = &scenes[i];
        if (hook == die_at_step_without_unnamed && !asks_for_unnamed()) continue;
        int steps = enumerate(hook);
        printf("    %4d images: %s\n", steps, scene->name);
        CHECK(steps > 0);
        images += steps;
    }
    printf("proof: deaths: %ld recovered\n", images);
    clear_world();
}

TEST(after_death_at_any_step_of_any_operation_the_others_go_on) {
    enumerate_all(die_at_step);
}

TEST(the_same_where_the_file_system_has_no_unnamed_files) {
    enumerate_all(die_at_step_without_unnamed);
}

/* All pairs would take hours; each run takes another slice of them. SAMEPAGE_PAIRS=1 takes all, 4
 * every fourth image, 4/2 beginning with the third. */
static int read_slice(int *first) {
    const char *asked = getenv("SAMEPAGE_PAIRS");
    int stride = 90, phase = -1;
    if (asked) sscanf(asked, "%d/%d", &stride, &phase);
    if (stride < 1) stride = 90;
    *first = 1 + (phase < 0 ? (int)(time(NULL) % stride) : phase % stride);
    return stride;
}

/* Every second scene: the two halves run side by side, since much of their time they wait. */
static void enumerate_half(int half) {
    long pairs = 0;
    int first, stride = read_slice(&first);
    scenes_begin();
    printf("    one image of %d, from %d\n", stride, first);
    for (int i = half; i < scene_count; i += 2) {
        scene = &scenes[i];
        for (int step = first; play(step, die_at_step); step += stride) {
            pairs += enumerate_pairs(step, die_at_step);
        }
    }
    printf("proof: second deaths: %ld recovered\n", pairs);
    clear_world();
}

TEST(after_a_second_death_during_recovery_the_others_go_on) {
    enumerate_half(0);
}

TEST(after_a_second_death_during_recovery_the_others_go_on_likewise) {
    enumerate_half(1);
}
