/* many_signals.c: signals without end, and the wait for a domain that stays locked. */
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#include "process/bad_luck.h"

static void on_alarm(int signal_number) {
    (void)signal_number;
}

static void begin_storm(void) {
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval every = {{0, 1000}, {0, 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static void end_storm(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}

/* Without the resident pages there is no room; then the test says nothing. */
static void need_room(const char *folder, uint64_t bytes) {
    struct statvfs room;
    if (statvfs(folder, &room) < 0) SKIP("no %s", folder);
    if ((uint64_t)room.f_bavail * room.f_frsize < 2 * bytes) SKIP("too little room in %s", folder);
}

static void check_storm(const char *name, size_t size) {
    begin_storm();
    check_works(name, size, NULL);
    end_storm();
}

TEST(signals_without_end_do_not_keep_large_segments_from_being_made) {
    need_room("/dev/shm", (uint64_t)256 * MIB);
    check_storm(unique_name("posix:", "x"), (size_t)256 * MIB);
    check_storm("memfd:x", (size_t)256 * MIB);
}

TEST(signals_without_end_do_not_keep_pages_from_being_faulted_in) {
    need_room("/dev/shm", (uint64_t)128 * MIB);
    check_storm("anonymous:", (size_t)128 * MIB);
    check_storm(unique_name("sysv:", "x"), (size_t)128 * MIB);
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.huge_pages = SPG_HUGE_TRANSPARENT;
    begin_storm();
    check_works(unique_name("posix:", "x"), (size_t)128 * MIB, &options);
    end_storm();
}

TEST(signals_without_end_do_not_keep_a_file_on_disk_from_being_made) {
    char folder[128], name[200];
    need_room("/var/tmp", (uint64_t)256 * MIB);
    snprintf(folder, sizeof folder, "/var/tmp/spgtest-%s", harness_tag());
    if (mkdir(folder, 0700) < 0) SKIP("no /var/tmp");
    snprintf(name, sizeof name, "file:%s/x", folder);
    spg_segment *segment;
    begin_storm();
    int result = spg_segment_create(&segment, name, (size_t)256 * MIB, NULL);
    if (result == 0) CHECK_OK(spg_segment_resize(segment, (size_t)257 * MIB));
    end_storm();
    unlink(name + strlen("file:"));
    rmdir(folder);
    CHECK_OK(result);
    CHECK_OK(spg_segment_close(segment));
}

TEST(signals_without_end_do_not_disturb_the_small_calls) {
    spg_segment_options options = temporary();
    int pair[2];
    CHECK_INT(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    begin_storm();
    int64_t end = now_ns() + MILLISECONDS(300);
    while (now_ns() < end) {
        spg_segment *received, *memory;
        for (int i = 0; i < NAMED_KINDS; i++)
            check_works(unique_name(kinds[i], "x"), 5000, &options);
        CHECK_OK(spg_segment_create(&memory, "memfd:x", 5000, NULL));
        CHECK_OK(spg_segment_send(memory, pair[0]));
        CHECK_OK(spg_segment_receive(&received, pair[1], NULL));
        CHECK_OK(spg_segment_close(received));
        CHECK_OK(spg_segment_close(memory));
        CHECK_OK(spg_collect(NULL, NULL));
    }
    end_storm();
}

/* Holds the lock of the domain's names (node/domain.c: number 2 of the file "nodes"). */
ROLE(locks_the_domain) {
    int fd = open(in_domain("nodes"), O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 1};
    CHECK_INT(0, fcntl(fd, F_OFD_SETLK, &lock));
    step_reach(1);
    if (atoi(arguments[0]) == 0)
        for (;;) pause();
    nap_ms(atoi(arguments[0]));
}

TEST(signals_without_end_do_not_shorten_the_wait_for_the_domain) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    struct role *role = role_start("locks_the_domain", "1500");
    step_await(1);
    spg_segment_options options = temporary();
    begin_storm();
    check_works(unique_name("posix:", "x"), 5000, &options);
    end_storm();
    ROLE_ENDS_WELL(role);
}

TEST(a_domain_that_stays_locked_is_given_up_and_named) {
    uint64_t id;
    spg_segment_options options = managed();
    CHECK_OK(spg_node_id(NULL, &id));
    struct role *role = role_start("locks_the_domain", "0");
    step_await(1);
    role_signal(role, SIGSTOP);
    spg_segment *segment = NULL;
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT,
                 spg_segment_create(&segment, unique_name("posix:", "x"), 5, &options));
    CHECK_DETAIL(domain());
    CHECK_DETAIL("stopped");
    CHECK(segment == NULL);
    CHECK(now_ns() - before >= MILLISECONDS(4900));
    check_works(unique_name("posix:", "x"), 5, NULL);
    role_kill(role);
    check_works(unique_name("posix:", "x"), 5, &options);
}
