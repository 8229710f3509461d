/* managed_holders.c: the holders that are counted, and what is left when they die. */
#include <sched.h>

#include "process/managed.h"

/* ---- holders -------------------------------------------------------------------------------- */

TEST(a_segment_has_496_holders_and_no_more) {
    static spg_segment *segments[HOLDERS];
    const char *name = unique_name("posix:", "x");
    spg_segment_options options = managed(), reader = reading();
    spg_segment *one_more = NULL;
    segments[0] = create(name, 10, managed());
    for (int i = 1; i < HOLDERS; i++) segments[i] = open_again(name);
    int before = count_descriptors();
    CHECK_RESULT(SPG_EFULL, spg_segment_open(&one_more, name, &options));
    CHECK_DETAIL(name);
    CHECK_DETAIL("496");
    CHECK_RESULT(SPG_EFULL, spg_segment_open_fd(&one_more, spg_segment_fd(segments[0]), &options));
    CHECK(one_more == NULL);
    CHECK_INT(before, count_descriptors());
    CHECK_INT(HOLDERS, census_of(name).last.living);
    CHECK_OK(spg_segment_open(&one_more, name, &reader));
    CHECK_OK(spg_segment_close(one_more));
    CHECK_OK(spg_segment_close(segments[77]));
    segments[77] = open_again(name);
    for (int i = 0; i < HOLDERS; i++) CHECK_OK(spg_segment_close(segments[i]));
    CHECK_INT(0, census_of(name).last.living);
    CHECK_OK(spg_segment_unlink(name));
}

ROLE(holder) {
    for (int i = 0; i < atoi(arguments[1]); i++) open_again(arguments[0]);
    step_reach(1);
    for (;;) pause();
}

TEST(the_rows_of_a_killed_holder_are_taken_over) {
    const char *name = unique_name("posix:", "x");
    spg_segment_options options = managed();
    spg_segment *segment;
    CHECK_OK(spg_segment_close(create(name, 10, managed())));
    struct role *role = role_start("holder", name, "496");
    step_await(1);
    CHECK_RESULT(SPG_EFULL, spg_segment_open(&segment, name, &options));
    role_signal(role, SIGSTOP);
    CHECK_RESULT(SPG_EFULL, spg_segment_open(&segment, name, &options));
    role_kill(role);
    CHECK_INT(HOLDERS, census_of(name).last.dead);
    segment = open_again(name);
    CHECK_INT(1, census_of(name).last.living);
    CHECK_INT(0, census_of(name).last.dead);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

static void close_in_child(void *argument) {
    CHECK_OK(spg_segment_close(argument));
}

TEST(a_fork_child_that_closes_does_not_end_its_parents_hold) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, temporary());
    ROLE_ENDS_WELL(role_fork(close_in_child, segment));
    CHECK(exists(name));
    CHECK_INT(1, census_of(name).last.living);
    CHECK_OK(spg_segment_close(segment));
    CHECK(!exists(name));
}

/* ---- temporary ------------------------------------------------------------------------------ */

static const char *const named_kinds[] = {"posix:", "file:", "sysv:"};

TEST(the_last_holder_of_a_temporary_segment_removes_it) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *first = create(name, 10, temporary()), *second = open_again(name), *reader;
        spg_segment_options options = reading();
        CHECK_OK(spg_segment_open(&reader, name, &options));
        CHECK_OK(spg_segment_close(first));
        CHECK(exists(name));
        *(char *)spg_segment_address(second) = 7;
        CHECK_OK(spg_segment_close(second));
        CHECK(!exists(name));
        CHECK_INT(7, *(char *)spg_segment_address(reader));
        CHECK_OK(spg_segment_close(reader));
        CHECK_INT(1, files_in_domain());
    }
}

TEST(a_private_system_v_segment_can_be_temporary) {
    char name[64];
    spg_segment *first = create("sysv:private", 10, temporary());
    snprintf(name, sizeof name, "%s", spg_segment_name(first));
    spg_segment *second = open_again(name);
    CHECK_OK(spg_segment_close(first));
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(second));
    CHECK(!exists(name));
    CHECK_INT(1, files_in_domain());
}

TEST(a_reader_does_not_remove_a_temporary_segment) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, temporary()), *reader;
    spg_segment_options options = reading();
    CHECK_OK(spg_segment_open(&reader, name, &options));
    CHECK_OK(spg_segment_close(reader));
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(segment));
}

TEST(the_last_holder_leaves_alone_what_has_taken_the_name_since) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *old = create(name, 10, temporary());
        CHECK_OK(spg_segment_unlink(name));
        spg_segment *fresh = create(name, 10, temporary());
        CHECK_OK(spg_segment_close(old));
        CHECK(exists(name));
        CHECK_INT(1, census_of(name).last.living);
        CHECK_OK(spg_segment_close(fresh));
        CHECK(!exists(name));
    }
}

TEST(spg_collect_removes_a_temporary_segment_when_its_last_holder_was_killed) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_collected collected;
        spg_segment *segment = create(name, 10, temporary());
        *counter(0) = 0;
        struct role *role = role_start("holder", name, "2");
        step_await(1);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK(exists(name));
        role_signal(role, SIGSTOP);
        CHECK_OK(spg_collect(NULL, &collected));
        CHECK_INT(0, collected.segments + collected.nodes + collected.holders);
        CHECK(exists(name));
        CHECK_INT(2, census_of(name).last.living);
        role_kill(role);
        CHECK_INT(2, census_of(name).last.dead);
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
        CHECK_OK(spg_collect(NULL, &collected));
        CHECK_INT(1, collected.segments);
        CHECK_INT(1, collected.nodes);
        CHECK_INT(2, collected.holders);
        CHECK(!exists(name));
        CHECK_INT(1, files_in_domain());
    }
}

TEST(a_killed_holder_does_not_take_a_temporary_segment_from_a_living_one) {
    const char *name = unique_name("posix:", "x");
    spg_collected collected;
    spg_segment *segment = create(name, 10, temporary());
    struct role *role = role_start("holder", name, "3");
    step_await(1);
    role_kill(role);
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(0, collected.segments);
    CHECK_INT(3, collected.holders);
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(segment));
    CHECK(!exists(name));
}

TEST(the_last_living_holder_removes_a_temporary_segment_that_the_dead_still_hold) {
    const char *name = unique_name("posix:", "x");
    spg_segment *segment = create(name, 10, temporary());
    struct role *role = role_start("holder", name, "3");
    step_await(1);
    role_kill(role);
    CHECK_OK(spg_segment_close(segment));
    CHECK(!exists(name));
}

/* For whoever wants the name, it is not there any more. */
TEST(the_name_of_a_temporary_segment_that_only_the_dead_hold_is_free) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *segment = create(name, 10, temporary());
        *counter(0) = 0;
        struct role *role = role_start("holder", name, "1");
        step_await(1);
        *(char *)spg_segment_address(segment) = 7;
        spg_segment *kept = segment;
        role_signal(role, SIGSTOP);
        CHECK_OK(spg_segment_close(kept));
        spg_segment_options options = temporary();
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&segment, name, 20, &options));
        role_kill(role);
        CHECK_RESULT(SPG_ENOENT, spg_segment_open(&segment, name, &options));
        CHECK_OK(spg_segment_create(&segment, name, 20, &options));
        CHECK_INT(20, spg_segment_size(segment));
        CHECK_INT(0, *(char *)spg_segment_address(segment));
        CHECK_OK(spg_segment_close(segment));
    }
}

/* One that adopts a descriptor does not know the name; a collector does. */
TEST(a_temporary_segment_that_was_last_held_by_descriptor_is_collected) {
    const char *name = unique_name("posix:", "x");
    spg_segment_options options = managed();
    spg_segment *segment = create(name, 10, temporary()), *adopted;
    CHECK_OK(spg_segment_open_fd(&adopted, spg_segment_fd(segment), &options));
    CHECK_OK(spg_segment_close(segment));
    CHECK(exists(name));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK(exists(name));
    CHECK_OK(spg_segment_close(adopted));
    CHECK_OK(spg_collect(NULL, NULL));
    CHECK(!exists(name));
}

TEST(a_kept_segment_stays_without_holders_and_is_unlinked_whole) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        spg_segment *segment = create(name, 10, managed());
        *counter(0) = 0;
        struct role *role = role_start("holder", name, "1");
        step_await(1);
        role_kill(role);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK(exists(name));
        CHECK_INT(0, census_of(name).last.temporary);
        CHECK_INT(0, census_of(name).last.dead);
        CHECK_OK(spg_segment_unlink(name));
        CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
        CHECK_INT(1, files_in_domain());
    }
}

/* ---- many processes ------------------------------------------------------------------------- */

ROLE(rival) {
    spg_segment *segment;
    spg_segment_options options = managed();
    *counter(1) += 1;
    while (*counter(0) < 1) sched_yield();
    int result = spg_segment_create(&segment, arguments[0], 300000, &options);
    if (result == SPG_EEXIST) {
        segment = open_again(arguments[0]);
    } else {
        CHECK_OK(result);
        *counter(2) += 1;
    }
    CHECK_INT(300000, spg_segment_size(segment));
    __atomic_fetch_add((int *)spg_segment_address(segment), 1, __ATOMIC_SEQ_CST);
    CHECK_OK(spg_segment_close(segment));
}

TEST(of_eight_creators_of_one_managed_segment_one_wins) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        struct role *roles[8];
        for (int j = 0; j < 3; j++) *counter(j) = 0;
        for (int j = 0; j < 8; j++) roles[j] = role_start("rival", name);
        while (*counter(1) < 8) nap_ms(1);
        step_reach(1);
        for (int j = 0; j < 8; j++) ROLE_ENDS_WELL(roles[j]);
        CHECK_INT(1, *counter(2));
        spg_segment *segment = open_again(name);
        CHECK_INT(8, *(int *)spg_segment_address(segment));
        CHECK_INT(1, census_of(name).last.living);
        CHECK_OK(spg_segment_close(segment));
        CHECK_OK(spg_segment_unlink(name));
    }
}

ROLE(comes_and_goes) {
    spg_segment_options options = temporary();
    options.exclusive = 0;
    for (int i = 0; i < 300; i++) {
        spg_segment *segment;
        CHECK_OK(spg_segment_create(&segment, arguments[0], 100, &options));
        CHECK_INT(100, spg_segment_size(segment));
        CHECK_OK(spg_segment_close(segment));
    }
}

TEST(a_temporary_segment_comes_and_goes_without_ever_being_missing) {
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(named_kinds[i], "x");
        struct role *roles[4];
        for (int j = 0; j < 4; j++) roles[j] = role_start("comes_and_goes", name);
        for (int j = 0; j < 4; j++) ROLE_ENDS_WELL(roles[j]);
        CHECK(!exists(name));
        CHECK_INT(1, files_in_domain());
    }
}

static void work_until_killed(const char *const *names) {
    spg_segment_options options = temporary();
    options.exclusive = 0;
    for (int i = 0;; i = (i + 1) % 3) {
        spg_segment *first, *second;
        CHECK_OK(spg_segment_create(&first, names[i], 5000, &options));
        CHECK_OK(spg_segment_open(&second, names[i], &options));
        if (i < 2) CHECK_OK(spg_segment_resize(second, 9000));
        CHECK_OK(spg_segment_close(first));
        CHECK_OK(spg_segment_close(second));
        ++*counter(1);
    }
}

/* Killed at any moment; each time what stands is sound, and collecting leaves nothing. */
TEST(two_hundred_kills_leave_the_domain_as_empty_as_it_was) {
    const char *names[3];
    for (int i = 0; i < 3; i++) names[i] = unique_name(named_kinds[i], "x");
    for (int round = 0; round < 200; round++) {
        int64_t before = *counter(1);
        pid_t child = harness_fork();
        if (child == 0) work_until_killed(names);
        CHECK(child > 0);
        while (*counter(1) < before + 1 + round % 3) {
            struct timespec nap = {0, 20000};
            nanosleep(&nap, NULL);
        }
        struct timespec nap = {0, round % 40 * 10000};
        nanosleep(&nap, NULL);
        int status;
        CHECK_INT(0, kill(child, SIGKILL));
        CHECK_INT(child, waitpid(child, &status, 0));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
        if (round % 2) CHECK_OK(spg_collect(NULL, NULL));
    }
    CHECK_OK(spg_collect(NULL, NULL));
    struct census census = census_of(NULL);
    CHECK_INT(0, census.nodes);
    CHECK_INT(0, census.segments);
    CHECK_INT(1, files_in_domain());
    for (int i = 0; i < 3; i++) CHECK(!exists(names[i]));
}
