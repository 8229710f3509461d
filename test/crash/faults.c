/* faults.c: every system call of every operation fails once with every plausible error. The
 * operation says so or gets by, loses nothing, leaks nothing, and works the next time. */
#include "crash/scenes.h"

static const int errors[] = {EINTR, ENOMEM, ENOSPC, EMFILE, EACCES,
                             EPERM, EAGAIN, EIO,    ENOSYS, EINVAL};
enum { ERRORS = sizeof errors / sizeof *errors };

static int calls_left; /* until the one that fails */
static int failing_error;
static bool has_failed;

static int fail_at_call(const struct spg__seam_event *event) {
    if (event->kind != SPG__SEAM_CALL || calls_left == 0 || --calls_left > 0) return 0;
    /* These have nothing to say and cannot fail with a descriptor or address that is right. */
    if (strcmp(event->name, "close") == 0 || strcmp(event->name, "munmap") == 0) return 0;
    has_failed = true;
    return failing_error;
}

static const struct scene *scene;
static int failing_call;

/* How much of this process's address space is mapped, in pages. */
static long mapped_pages(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1) FAIL("no /proc/self/statm");
    fclose(file);
    return pages;
}

/* First without a fault, so that what a process keeps for good is there. Then with one; then
 * without. */
static void fail_once(void) {
    scene->operate();
    clear_segments();
    run_apart(scene->prepare, "prepare again", scene, failing_call);
    int descriptors = count_descriptors();
    long pages = mapped_pages();
    calls_left = failing_call;
    spg__seam = fail_at_call;
    int result = scene->operate();
    spg__seam = NULL;
    if (result < 0 && spg_error_name(result)[5] == 'U') FAIL("unknown result %d", result);
    if (count_descriptors() != descriptors) {
        FAIL("scene %s: call %d failing with %s leaks a descriptor", scene->name, failing_call,
             strerror(failing_error));
    }
    /* A page or two may be the C library's. */
    if (mapped_pages() > pages + 40) {
        FAIL("scene %s: call %d failing with %s leaks %ld pages", scene->name, failing_call,
             strerror(failing_error), mapped_pages() - pages);
    }
}

/* The same in a process that has nothing yet: its first calls fail. */
static void fail_first(void) {
    calls_left = failing_call;
    spg__seam = fail_at_call;
    scene->operate();
    spg__seam = NULL;
    scene->operate();
}

/* True if there was a call to fail. */
static bool run_and_see(void (*part)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        part();
        _exit(has_failed ? 0 : 3);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3)) {
        return WEXITSTATUS(status) == 0;
    }
    FAIL("scene %s: call %d failing with %s: status %#x", scene->name, failing_call,
         strerror(failing_error), status);
}

static long fail_each(void (*part)(void)) {
    long count = 0;
    int misses = 0;
    /* A call that cannot fail counts as none; three in a row mean that there are no more. */
    for (failing_call = 1; misses < 3; failing_call++) {
        clear_world();
        run_apart(scene->prepare, "prepare", scene, failing_call);
        bool failed = run_and_see(part);
        misses = failed ? 0 : misses + 1;
        run_apart(scene->survive, "survive", scene, failing_call);
        check_domain(scene, failing_call);
        count += failed;
    }
    return count;
}

/* Every second scene from this one: the two halves run side by side. */
static void fail_half(int half, void (*part)(void), int stride) {
    long all = 0;
    scenes_begin();
    for (int i = half; i < scene_count; i += 2) {
        long faults = 0;
        int64_t begin = now_ns();
        scene = &scenes[i];
        for (int e = 0; e < ERRORS; e += stride) {
            failing_error = errors[e];
            faults += fail_each(part);
        }
        printf("    %4ld faults in %4.1f s: %s\n", faults, (double)(now_ns() - begin) / 1e9,
               scene->name);
        fflush(stdout);
        all += faults;
    }
    printf("proof: system calls: %ld failures\n", all);
    clear_world();
}

TEST(a_failing_system_call_leaks_nothing_and_spoils_nothing) {
    fail_half(0, fail_once, 1);
}

TEST(a_failing_system_call_leaks_nothing_and_spoils_nothing_likewise) {
    fail_half(1, fail_once, 1);
}

/* EINTR, EMFILE, EAGAIN, EINVAL. */
TEST(a_failing_system_call_in_a_process_s_first_operation_spoils_nothing) {
    fail_half(0, fail_first, 3);
}

TEST(a_failing_system_call_in_a_process_s_first_operation_spoils_nothing_likewise) {
    fail_half(1, fail_first, 3);
}
