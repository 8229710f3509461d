/* command_load.c: samepage load, and what samepage stat tells of pages that are shared. */
#include "command.h"

enum { PAGE = 4096, PAGES = 64, SIZE = PAGES * PAGE, CHANGED = 5 };

static const char *name_of_data(void) {
    return unique_name("posix:", "data");
}

/* A file of bytes that tell where they are, loaded. */
static void load_data(void) {
    char path[256], script[1024];
    static unsigned char bytes[SIZE];
    for (int i = 0; i < SIZE; i++) bytes[i] = (unsigned char)(i / PAGE + i);
    snprintf(path, sizeof path, "/dev/shm/spgtest-%s-source", harness_tag());
    FILE *file = fopen(path, "w");
    CHECK(file && fwrite(bytes, 1, SIZE, file) == SIZE && fclose(file) == 0);
    snprintf(script, sizeof script, "samepage load %s --name %s >$D/name && rm %s; cat $D/name",
             path, name_of_data(), path);
    char expected[256];
    snprintf(expected, sizeof expected, "%s\n", name_of_data());
    SCRIPT(expected, script);
}

static unsigned char *map_own(spg_segment **segment) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open(segment, name_of_data(), &options));
    CHECK_INT(SIZE, spg_segment_size(*segment));
    return spg_segment_address(*segment);
}

static void is_as_loaded(const unsigned char *bytes, int from) {
    for (int i = from; i < SIZE; i++) {
        if (bytes[i] != (unsigned char)(i / PAGE + i)) FAIL("byte %d is %d", i, bytes[i]);
    }
}

/* A process that changes the first pages for itself; all its pages are in memory then. */
ROLE(changer) {
    int pages = atoi(arguments[0]), step = atoi(arguments[1]);
    spg_segment *segment;
    unsigned char *bytes = map_own(&segment);
    is_as_loaded(bytes, 0);
    for (int i = 0; i < pages; i++) bytes[i * PAGE] = 0xff;
    is_as_loaded(bytes, pages * PAGE);
    step_reach(step);
    step_await(10);
    for (int i = 0; i < pages; i++) CHECK_INT(0xff, bytes[i * PAGE]);
    CHECK_OK(spg_segment_close(segment));
}

TEST(what_unrelated_processes_change_stays_their_own) {
    spg_segment *segment;
    load_data();
    const unsigned char *bytes = map_own(&segment);
    struct role *first = role_start("changer", "5", "1");
    step_await(1);
    struct role *second = role_start("changer", "64", "2");
    step_await(2);
    is_as_loaded(bytes, 0);
    step_reach(10);
    ROLE_ENDS_WELL(first);
    ROLE_ENDS_WELL(second);
    CHECK_OK(spg_segment_close(segment));
    map_own(&segment);
    is_as_loaded(spg_segment_address(segment), 0);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name_of_data()));
}

static void change_after_fork(void *argument) {
    unsigned char *bytes = argument;
    CHECK_INT(0xee, bytes[0]); /* as its parent had it */
    bytes[0] = 1;
    step_reach(1);
    step_await(2);
    CHECK_INT(1, bytes[0]);
}

TEST(what_a_fork_child_changes_stays_its_own) {
    spg_segment *segment;
    load_data();
    unsigned char *bytes = map_own(&segment);
    bytes[0] = 0xee;
    struct role *child = role_fork(change_after_fork, bytes);
    step_await(1);
    CHECK_INT(0xee, bytes[0]);
    bytes[0] = 0xdd;
    step_reach(2);
    ROLE_ENDS_WELL(child);
    is_as_loaded(bytes, 1);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name_of_data()));
}

/* Adds up what the JSON of stat says of one process, in pages: shared and private ones. */
#define COUNT                                                                                      \
    "count() { samepage stat --json %s | awk -v pid=$1 -F '[:,]' '\n"                              \
    "  /\"pid\"/ { is = $2 == pid } !is { next }\n"                                                \
    "  /\"copies\"/ { copies = $2 } /\"writes\"/ { writes = $2 }\n"                                \
    "  /\"shared_/ { shared += $2 } /\"private_/ { private += $2 } /\"resident\"/ { all += $2 }\n" \
    "  END { print all / 4096, shared / 4096, private / 4096, copies writes }'; }\n"

TEST(stat_tells_shared_pages_from_private_ones) {
    char script[2048], expected[256];
    if (sysconf(_SC_PAGESIZE) != PAGE) SKIP("pages are not of %d bytes", PAGE);
    load_data();
    struct role *changer = role_start("changer", "5", "1");
    step_await(1);
    struct role *reader = role_start("changer", "0", "2");
    step_await(2);
    snprintf(script, sizeof script, COUNT "count %d; count %d", name_of_data(), (int)changer->pid,
             (int)reader->pid);
    snprintf(expected, sizeof expected, "%d %d %d  true false\n%d %d %d  true false\n", PAGES,
             PAGES - CHANGED, CHANGED, PAGES, PAGES - CHANGED, CHANGED);
    SCRIPT(expected, script);
    step_reach(10);
    ROLE_ENDS_WELL(changer);
    ROLE_ENDS_WELL(reader);
    CHECK_OK(spg_segment_unlink(name_of_data()));
}

TEST(stat_tells_people_who_copies) {
    char script[512];
    load_data();
    struct role *changer = role_start("changer", "5", "1");
    step_await(1);
    snprintf(script, sizeof script, "samepage stat %s | awk '/^ *%d/ { print $3, $4 }'",
             name_of_data(), (int)changer->pid);
    SCRIPT("reads, copies\n", script);
    step_reach(10);
    ROLE_ENDS_WELL(changer);
    CHECK_OK(spg_segment_unlink(name_of_data()));
}

#define OWN "n=spgtest-$HARNESS_TAG-x\n"

TEST(the_name_is_the_file_s_own_and_so_are_the_rights_to_read) {
    SCRIPT("posix:/data-1\n440 9\nsame\n",
           "cd $D; n=data-1; printf 'some data' >$n; chmod 640 $n; rm -f /dev/shm/$n\n"
           "samepage load $n && stat -c '%a %s' /dev/shm/$n && cmp $n /dev/shm/$n && echo same\n"
           "samepage rm posix:/$n");
}

TEST(a_file_can_be_one_again) {
    SCRIPT("same\n", "head -c 70001 /dev/urandom >$D/a\n"
                     "samepage load $D/a --name file:$D/b >/dev/null\n"
                     "cmp $D/a $D/b && echo same");
}

TEST(what_is_replaced_stays_with_who_has_it) {
    char script[1024];
    spg_segment *old, *new;
    load_data();
    const unsigned char *bytes = map_own(&old);
    snprintf(script, sizeof script,
             "head -c %d /dev/zero >$D/f; samepage load $D/f --name %s 2>&1 | grep -c replace\n"
             "samepage load --replace $D/f --name %s >/dev/null",
             SIZE, name_of_data(), name_of_data());
    SCRIPT("1\n", script);
    is_as_loaded(bytes, 0);
    CHECK_INT(0, map_own(&new)[SIZE - 1]);
    CHECK_OK(spg_segment_close(old));
    CHECK_OK(spg_segment_close(new));
    CHECK_OK(spg_segment_unlink(name_of_data()));
}

/* Killed after more and more milliseconds: what has the name is all of it. */
TEST(a_killed_load_leaves_all_or_nothing) {
    SCRIPT("none was half\n",
           OWN "head -c 20M /dev/urandom >$D/f\n"
               "for ms in 000 001 003 005 008 012 020 030 050; do\n"
               "  samepage load $D/f --name posix:/$n >/dev/null 2>&1 & load=$!\n"
               "  sleep 0.$ms; kill -9 $load 2>/dev/null; wait $load 2>/dev/null\n"
               "  [ ! -e /dev/shm/$n ] || cmp $D/f /dev/shm/$n || echo half at $ms\n"
               "  rm -f /dev/shm/$n; done 2>/dev/null; echo none was half");
}

TEST(wrong_use_of_load_is_told) {
    SCRIPT_FAILS(2, "something is missing", "samepage load");
    SCRIPT_FAILS(1, "No such file", "samepage load $D/none");
    SCRIPT_FAILS(1, "no file", "samepage load $D");
    SCRIPT_FAILS(1, "no bytes", ": >$D/empty; samepage load $D/empty");
    SCRIPT_FAILS(2, "posix:/NAME", "echo x >$D/f; samepage load $D/f --name sysv:0x77");
    SCRIPT_FAILS(2, "posix:/NAME", "echo x >$D/f; samepage load $D/f --name data");
}
