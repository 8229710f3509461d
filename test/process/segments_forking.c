/* segments_forking.c: segments in a parent and its fork child. */
#include <pthread.h>

#include "process/segment.h"

static void use_and_close(void *argument) {
    spg_segment *segment = argument;
    check_pattern(segment, 5000, 1);
    write_pattern(segment, 2);
    CHECK_OK(spg_segment_close(segment));
    CHECK_RESULT(SPG_EINVAL, spg_segment_close(segment));
}

TEST(a_fork_child_goes_on_using_the_handle_and_closes_its_own_mapping) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
    for (int i = 0; i < 10; i++) {
        spg_segment *segment;
        spg_segment_options options = with_profile(i < 5 ? "bare" : "managed");
        const char *name = unique_name(kinds[i % 5], "x");
        CHECK_OK(spg_segment_create(&segment, name, 5000, &options));
        write_pattern(segment, 1);
        ROLE_ENDS_WELL(role_fork(use_and_close, segment));
        check_pattern(segment, 5000, 2);
        if (i % 5 == 3) CHECK_OK(spg_segment_resize(segment, 6000));
        CHECK_OK(spg_segment_close(segment));
        if (i % 5 < 3) CHECK_OK(spg_segment_unlink(name));
    }
}

static void grow_in_child(void *argument) {
    spg_segment *segment = argument;
    CHECK_OK(spg_segment_resize(segment, 70000));
    write_pattern(segment, 4);
}

TEST(a_parent_follows_when_its_fork_child_grows_a_segment) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, "memfd:x", 5000, NULL));
    ROLE_ENDS_WELL(role_fork(grow_in_child, segment));
    CHECK_INT(5000, spg_segment_size(segment));
    CHECK_OK(spg_segment_resize(segment, 0));
    check_pattern(segment, 70000, 4);
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_fork_child_has_copies_on_write_to_itself) {
    spg_segment *made, *copy;
    spg_segment_options options = with_access(SPG_COPY_ON_WRITE);
    CHECK_OK(spg_segment_create(&made, "memfd:x", 5000, NULL));
    write_pattern(made, 1);
    CHECK_OK(spg_segment_open_fd(&copy, spg_segment_fd(made), &options));
    ROLE_ENDS_WELL(role_fork(use_and_close, copy));
    check_pattern(copy, 5000, 1);
    CHECK_OK(spg_segment_close(copy));
    CHECK_OK(spg_segment_close(made));
}

#if defined(__SANITIZE_ADDRESS__)
enum { FORKS_BESIDE_THREADS_WORK = 0 }; /* the sanitizer's own memory is locked in the child */
#else
enum { FORKS_BESIDE_THREADS_WORK = 1 };
#endif

static _Atomic bool forks_are_over;

static void *open_and_close(void *argument) {
    while (!forks_are_over) {
        spg_segment *segment;
        CHECK_OK(spg_segment_create(&segment, "anonymous:", 100, NULL));
        CHECK_OK(spg_segment_close(segment));
    }
    return argument;
}

/* Forks fall into any moment of the thread's calls; the child must inherit no lock that is held. */
TEST(a_fork_beside_busy_threads_gives_a_child_that_works) {
    pthread_t threads[3];
    if (!FORKS_BESIDE_THREADS_WORK) SKIP("a sanitizer's child of a process with threads hangs");
    for (int i = 0; i < 3; i++) {
        CHECK_INT(0, pthread_create(&threads[i], NULL, open_and_close, NULL));
    }
    for (int i = 0; i < 500; i++) {
        pid_t child = harness_fork();
        if (child == 0) {
            spg_segment *segment;
            signal(SIGALRM, SIG_DFL);
            alarm(10);
            CHECK_OK(spg_segment_create(&segment, "anonymous:", 100, NULL));
            CHECK_OK(spg_segment_close(segment));
            _exit(0);
        }
        int status;
        CHECK_INT(child, waitpid(child, &status, 0));
        CHECK_INT(0, status);
    }
    forks_are_over = true;
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
