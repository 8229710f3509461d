/* system_semaphore.c: the system's semaphores, by our calls alone. What other programs make of
 * them is shown by test/interop. */
#include <limits.h>
#include <semaphore.h>
#include <sys/wait.h>

#include "harness/harness.h"

#include <samepage/system_semaphore.h>

static spg_system_semaphore *make(const char *name, uint32_t value, uint32_t undo) {
    spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    spg_system_semaphore *semaphore;
    options.create = 1;
    options.value = value;
    options.undo = undo;
    CHECK_OK(spg_system_semaphore_open(&semaphore, name, &options));
    return semaphore;
}

/* "sysv:" and "php:" with a key of this process. */
static const char *key_name(const char *kind) {
    static char name[64];
    snprintf(name, sizeof name, "%s%d", kind, 0x60000000 + (int)getpid());
    return name;
}

static void counts_down_and_up(const char *name) {
    spg_system_semaphore *semaphore = make(name, 2, 1);
    CHECK_INT(2, spg_system_semaphore_value(semaphore));
    CHECK_OK(spg_system_semaphore_wait(semaphore, SPG_NOWAIT));
    CHECK_OK(spg_system_semaphore_wait(semaphore, SPG_FOREVER));
    CHECK_RESULT(SPG_EAGAIN, spg_system_semaphore_wait(semaphore, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, spg_system_semaphore_wait(semaphore, MILLISECONDS(20)));
    CHECK_RESULT(SPG_EINVAL, spg_system_semaphore_wait(semaphore, -7));
    CHECK_OK(spg_system_semaphore_post(semaphore));
    CHECK_OK(spg_system_semaphore_wait(semaphore, MILLISECONDS(20)));
    CHECK_OK(spg_system_semaphore_post(semaphore));
    CHECK_OK(spg_system_semaphore_post(semaphore));
    CHECK_OK(spg_system_semaphore_close(semaphore));
    CHECK_OK(spg_system_semaphore_unlink(name));
    CHECK_RESULT(SPG_ENOENT, spg_system_semaphore_unlink(name));
    CHECK_RESULT(SPG_ENOENT, spg_system_semaphore_open(&semaphore, name, NULL));
    CHECK_DETAIL(name);
}

TEST(a_posix_semaphore_counts_down_and_up) {
    counts_down_and_up(unique_name("posix:", "ready"));
}

TEST(a_system_v_semaphore_counts_down_and_up) {
    counts_down_and_up(key_name("sysv:"));
}

TEST(a_semaphore_of_php_counts_down_and_up) {
    counts_down_and_up(key_name("php:"));
}

TEST(a_semaphore_by_the_key_of_a_file_counts_down_and_up) {
    char path[200], name[220];
    snprintf(path, sizeof path, "/dev/shm/spgtest-%s-key", harness_tag());
    snprintf(name, sizeof name, "sysv:%s#7", path);
    close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    counts_down_and_up(name);
    CHECK_INT(0, unlink(path));
}

TEST(a_posix_semaphore_by_qt_s_name_counts_down_and_up) {
    char name[200];
    snprintf(name, sizeof name, "qt:posix:spgtest-%s-ready", harness_tag());
    counts_down_and_up(name);
}

TEST(a_posix_semaphore_has_a_greatest_value) {
    const char *name = unique_name("posix:", "full");
    spg_system_semaphore *semaphore;
    sem_t *made = sem_open(name + strlen("posix:"), O_CREAT | O_EXCL, 0600, SEM_VALUE_MAX);
    CHECK(made != SEM_FAILED);
    CHECK_OK(spg_system_semaphore_open(&semaphore, name, NULL));
    CHECK_RESULT(SPG_EFULL, spg_system_semaphore_post(semaphore));
    CHECK_OK(spg_system_semaphore_wait(semaphore, SPG_NOWAIT));
    CHECK_OK(spg_system_semaphore_post(semaphore));
    CHECK_OK(spg_system_semaphore_close(semaphore));
    CHECK_OK(spg_system_semaphore_unlink(name));
    sem_close(made);
}

static void is_made_once(const char *name) {
    spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    spg_system_semaphore *first = make(name, 3, 1), *second = make(name, 9, 1);
    CHECK_INT(3, spg_system_semaphore_value(second));
    options.create = options.exclusive = 1;
    CHECK_RESULT(SPG_EEXIST, spg_system_semaphore_open(&second, name, &options));
    spg_system_semaphore_close(first);
    spg_system_semaphore_close(second);
    CHECK_OK(spg_system_semaphore_unlink(name));
}

TEST(the_second_maker_opens_what_the_first_made) {
    is_made_once(unique_name("posix:", "once"));
    is_made_once(key_name("sysv:"));
}

TEST(a_system_v_semaphore_can_begin_at_zero) {
    spg_system_semaphore *semaphore = make(key_name("sysv:"), 0, 1);
    CHECK_INT(0, spg_system_semaphore_value(semaphore));
    spg_system_semaphore_close(semaphore);
    CHECK_OK(spg_system_semaphore_unlink(key_name("sysv:")));
}

/* What a child took and did not give back, when it has ended. */
static int value_after_a_death(const char *name, uint32_t undo) {
    spg_system_semaphore *semaphore = make(name, 1, undo);
    pid_t child = harness_fork();
    if (child == 0) _exit(spg_system_semaphore_wait(semaphore, SPG_NOWAIT) != 0);
    waitpid(child, NULL, 0);
    int value = spg_system_semaphore_value(semaphore);
    spg_system_semaphore_close(semaphore);
    CHECK_OK(spg_system_semaphore_unlink(name));
    return value;
}

TEST(what_the_dead_took_comes_back_where_it_is_undone) {
    CHECK_INT(1, value_after_a_death(key_name("sysv:"), 1));
    CHECK_INT(0, value_after_a_death(key_name("sysv:"), 0));
    CHECK_INT(1, value_after_a_death(key_name("php:"), 1));
    CHECK_INT(0, value_after_a_death(unique_name("posix:", "death"), 1));
}

TEST(closing_gives_back_what_was_taken_of_php_s) {
    const char *name = key_name("php:");
    spg_system_semaphore *keeps = make(name, 1, 1), *takes = make(name, 1, 1);
    CHECK_OK(spg_system_semaphore_wait(takes, SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_system_semaphore_post(keeps));
    CHECK_OK(spg_system_semaphore_close(takes));
    CHECK_INT(1, spg_system_semaphore_value(keeps));
    spg_system_semaphore_close(keeps);
    CHECK_OK(spg_system_semaphore_unlink(name));
}

TEST(who_has_one_that_was_removed_is_told_so) {
    spg_system_semaphore *semaphore = make(key_name("sysv:"), 1, 1);
    CHECK_OK(spg_system_semaphore_unlink(key_name("sysv:")));
    CHECK_RESULT(SPG_ECLOSED, spg_system_semaphore_wait(semaphore, SPG_FOREVER));
    CHECK_RESULT(SPG_ECLOSED, spg_system_semaphore_post(semaphore));
    CHECK_RESULT(SPG_ECLOSED, spg_system_semaphore_value(semaphore));
    CHECK_OK(spg_system_semaphore_close(semaphore));
}

/* What another program made under that key, with fewer members than PHP's sets have. */
TEST(a_set_that_is_not_php_s_is_refused_as_one) {
    char name[64];
    spg_system_semaphore *semaphore, *other = make(key_name("sysv:"), 1, 0);
    strcpy(name, key_name("sysv:"));
    CHECK_RESULT(SPG_ETYPE, spg_system_semaphore_open(&semaphore, key_name("php:"), NULL));
    CHECK_DETAIL("not one of PHP's");
    CHECK_OK(spg_system_semaphore_close(other));
    CHECK_OK(spg_system_semaphore_unlink(name));
}

TEST(where_no_key_file_can_be_made_the_reason_is_told) {
    const char *folder = getenv("TMPDIR");
    char *before = folder ? strdup(folder) : NULL;
    spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    spg_system_semaphore *semaphore;
    options.create = 1;
    setenv("TMPDIR", "/nowhere/at/all", 1);
    CHECK_RESULT(SPG_ENOENT, spg_system_semaphore_open(&semaphore, "qt:unit", &options));
    CHECK_DETAIL("qt:unit");
    if (before) setenv("TMPDIR", before, 1);
    else unsetenv("TMPDIR");
    free(before);
}

TEST(names_that_cannot_be_are_refused) {
    static char too_long[5000];
    memset(too_long, 'x', sizeof too_long - 1);
    memcpy(too_long, "posix:/", 7);
    const char *const names[] = {"ready",     "posix:", "posix:/a/b", "sysv:0",     "sysv:private",
                                 "sysv:id=3", "php:",   "php:0",      "php:/etc/x", "qt:",
                                 "qt:posix:", too_long, NULL};
    spg_system_semaphore *semaphore;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_RESULT(SPG_EINVAL, spg_system_semaphore_open(&semaphore, names[i], NULL));
        CHECK_RESULT(SPG_EINVAL, spg_system_semaphore_unlink(names[i]));
    }
}

TEST(options_out_of_range_are_refused) {
    spg_system_semaphore *semaphore;
    for (int i = 0; i < 6; i++) {
        spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
        if (i == 0) options.struct_size = 3;
        if (i == 1) options.mode = 010000;
        if (i == 2) options.create = 2;
        if (i == 3) options.exclusive = 1;
        if (i == 4) options.value = SPG_SYSTEM_SEMAPHORE_VALUE_MAX + 1;
        if (i == 5) options.undo = 2;
        CHECK_RESULT(SPG_EINVAL, spg_system_semaphore_open(&semaphore, "posix:/x", &options));
    }
    CHECK_RESULT(SPG_EINVAL, spg_system_semaphore_open(NULL, "posix:/x", NULL));
    CHECK_RESULT(SPG_EINVAL, spg_system_semaphore_post(NULL));
    CHECK_OK(spg_system_semaphore_close(NULL));
}

/* Qt makes the file in the temporary directory; what other programs make of it test/interop/qt
 * shows. */
TEST(qt_s_semaphore_has_a_key_file_which_goes_with_it) {
    char name[64], command[200];
    snprintf(name, sizeof name, "qt:unit %d", (int)getpid());
    snprintf(command, sizeof command,
             "test $(ls ${TMPDIR:-/tmp} | grep -c '^qipc_systemsem_unit'"
             "$(printf 'unit %d' | sha1sum | cut -d' ' -f1)) = ",
             (int)getpid());
    size_t end = strlen(command);
    strcpy(command + end, "0");
    CHECK_INT(0, system(command));
    spg_system_semaphore *semaphore = make(name, 1, 1);
    strcpy(command + end, "1");
    CHECK_INT(0, system(command));
    CHECK_OK(spg_system_semaphore_wait(semaphore, SPG_NOWAIT));
    CHECK_RESULT(SPG_EAGAIN, spg_system_semaphore_wait(semaphore, SPG_NOWAIT));
    CHECK_OK(spg_system_semaphore_close(semaphore));
    CHECK_OK(spg_system_semaphore_unlink(name));
    strcpy(command + end, "0");
    CHECK_INT(0, system(command));
}
