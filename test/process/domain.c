/* domain.c: the directory in which processes find each other: how many fit, how it is made, what
 * its options do, and what damage to its table does.
 *
 * clock_gettime is the test's own here, so that it can set the library's realtime clock without
 * touching the machine's. */
#include <sys/resource.h>

#include "process/domain.h"

static _Atomic int64_t realtime_offset_s;

int clock_gettime(clockid_t clock, struct timespec *now) {
    long result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += realtime_offset_s;
    return (int)result;
}

/* ---- listed ---------------------------------------------------------------------------------- */

static int stop(void *context, const spg_domain_entry *entry) {
    ++*(int *)context;
    return entry->kind == SPG_ENTRY_NODE ? 7 : 0;
}

TEST(a_visitor_stops_the_listing) {
    spg_node *first, *second;
    int seen = 0;
    CHECK_OK(spg_node_open(&first, NULL));
    CHECK_OK(spg_node_open(&second, NULL));
    CHECK_INT(7, spg_domain_list(NULL, stop, &seen));
    CHECK_INT(1, seen);
    CHECK_OK(spg_node_close(second));
    CHECK_OK(spg_node_close(first));
}

/* The domain is a folder like any other. */
TEST(files_of_others_in_a_domain_are_left_alone) {
    static const char *const names[] = {"a", "new", ".new", "notes.txt"};
    char path[300];
    CHECK_OK(spg_node_id(NULL, &(uint64_t){0}));
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", getenv("SAMEPAGE_DOMAIN"), names[i]);
        FILE *file = fopen(path, "w");
        CHECK(file != NULL);
        fclose(file);
    }
    CHECK_OK(spg_collect(NULL, NULL));
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", getenv("SAMEPAGE_DOMAIN"), names[i]);
        CHECK_INT(0, unlink(path));
    }
}

/* ---- full ------------------------------------------------------------------------------------ */

enum { HOLDERS = 16, EACH = SPG_DOMAIN_NODES_MAX / HOLDERS };

ROLE(opens_many) {
    struct rlimit limit = {4 * EACH, 4 * EACH};
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < EACH; i++) {
        spg_node *node;
        CHECK_OK(spg_node_open(&node, NULL));
    }
    ++*counter(READY);
    for (;;) pause();
}

TEST(a_domain_has_4096_nodes_and_room_again_when_they_die) {
    pid_t pids[HOLDERS];
    spg_node *node;
    int64_t before = now_ns();
    for (int i = 0; i < HOLDERS; i++) pids[i] = spawn("opens_many", NULL, NULL);
    await(READY, HOLDERS);
    printf("        4,096 nodes opened in %.1f s\n", (double)(now_ns() - before) / 1e9);
    before = now_ns();
    CHECK_RESULT(SPG_EFULL, spg_node_open(&node, NULL));
    CHECK_DETAIL("4096");
    printf("        one more refused in %.1f ms\n", (double)(now_ns() - before) / 1e6);
    CHECK_RESULT(SPG_EFULL, spg_node_id(NULL, &(uint64_t){0}));
    CHECK_RESULT(SPG_EFULL, spg_mutex_init(&(spg_mutex){{0}}));
    struct census census = take_census(NULL, 0);
    CHECK_INT(SPG_DOMAIN_NODES_MAX, census.living);
    CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    kill_and_reap(pids[0]);
    CHECK_OK(spg_node_open(&node, NULL));
    CHECK_OK(spg_node_close(node));
    for (int i = 1; i < HOLDERS; i++) kill_and_reap(pids[i]);
    spg_collected collected;
    CHECK_OK(spg_collect(NULL, &collected));
    CHECK_INT(0, take_census(NULL, 0).nodes);
}

/* ---- options --------------------------------------------------------------------------------- */

static int open_with(spg_node **node, const char *domain, const char *name, uint32_t mode) {
    spg_node_options options = SPG_NODE_OPTIONS;
    options.domain = domain;
    options.name = name;
    options.mode = mode;
    return spg_node_open(node, &options);
}

TEST(names_and_options_are_checked) {
    spg_node *node = NULL;
    spg_node_options options = SPG_NODE_OPTIONS;
    uint64_t id;
    CHECK_RESULT(SPG_EINVAL, spg_node_open(NULL, NULL));
    options.struct_size--;
    CHECK_RESULT(SPG_EINVAL, spg_node_open(&node, &options));
    CHECK_DETAIL("struct_size");
    CHECK_RESULT(SPG_EINVAL, open_with(&node, NULL, "12345678901234567890123456789012", 0700));
    CHECK_RESULT(SPG_EINVAL, open_with(&node, NULL, NULL, 0702));
    CHECK_RESULT(SPG_EINVAL, open_with(&node, NULL, NULL, 010700));
    CHECK_RESULT(SPG_EINVAL, open_with(&node, "", NULL, 0700));
    char path[8192];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    CHECK_RESULT(SPG_EINVAL, open_with(&node, path, NULL, 0700));
    CHECK_RESULT(SPG_ENOENT, open_with(&node, "/dev/shm/spgtest-no-such/below", NULL, 0700));
    CHECK(node == NULL);
    CHECK_OK(open_with(&node, NULL, "1234567890123456789012345678901", 0700));
    CHECK_OK(spg_node_id(node, &id));
    struct census census = take_census(NULL, id);
    CHECK(strcmp(census.name, "1234567890123456789012345678901") == 0);
    CHECK_INT(getpid(), census.found.pid);
    CHECK_INT(getuid(), census.found.uid);
    CHECK_OK(spg_node_close(node));
    CHECK_OK(open_with(&node, NULL, "a\nb\x1b[2J", 0700));
    CHECK_OK(spg_node_id(node, &id));
    census = take_census(NULL, id);
    CHECK(strpbrk(census.name, "\n\x1b") == NULL); /* safe for a terminal */
    CHECK_OK(spg_node_close(node));
    CHECK_RESULT(SPG_EINVAL, spg_node_close(node)); /* NOLINT: only the address is compared */
}

TEST(a_domain_comes_by_option_or_environment) {
    char other[300], path[320];
    spg_node *first, *second;
    uint64_t id, other_id;
    snprintf(other, sizeof other, "%s-other", domain_path());
    CHECK_RESULT(SPG_ENOENT, spg_domain_list(other, count_entry, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_check(other, NULL, NULL, NULL));
    CHECK_RESULT(SPG_ENOENT, spg_collect(other, NULL));
    CHECK_OK(open_with(&first, NULL, "first", 0700));
    CHECK_OK(open_with(&second, other, "second", 0750));
    CHECK(strcmp(spg_node_domain(first), domain_path()) == 0);
    CHECK(strcmp(spg_node_domain(second), other) == 0);
    CHECK_OK(spg_node_id(first, &id));
    CHECK_OK(spg_node_id(second, &other_id));
    CHECK_INT(id, other_id); /* each domain counts for itself */
    struct census here = take_census(NULL, id), there = take_census(other, other_id);
    CHECK(strcmp(here.name, "first") == 0);
    CHECK(strcmp(there.name, "second") == 0);
    CHECK_INT(1, here.nodes);
    CHECK_INT(1, there.nodes);
    struct stat status;
    CHECK_INT(0, stat(other, &status));
    CHECK_INT(0750, status.st_mode & 07777);
    snprintf(path, sizeof path, "%s/nodes", other);
    CHECK_INT(0, stat(path, &status));
    CHECK_INT(0, status.st_mode & 07); /* nothing for others, whatever the umask */
    CHECK_INT(0, stat(domain_path(), &status));
    CHECK_INT(0700, status.st_mode & 07777);
    CHECK_INT(1, spg_node_alive(second, other_id));
    CHECK_OK(spg_node_close(first));
    CHECK_INT(1, spg_node_alive(second, other_id));
    CHECK_OK(spg_node_close(second));
    char command[340];
    CHECK_OK(spg_domain_path(NULL, path, sizeof path));
    CHECK(strcmp(path, domain_path()) == 0);
    CHECK_OK(spg_domain_path(other, path, sizeof path));
    CHECK(strcmp(path, other) == 0);
    CHECK_RESULT(SPG_ETOOBIG, spg_domain_path(other, path, strlen(other)));
    CHECK_OK(spg_domain_path(other, path, strlen(other) + 1));
    snprintf(path, sizeof path, "%s", domain_path());
    unsetenv("SAMEPAGE_DOMAIN");
    char user[64], expected[64];
    CHECK_OK(spg_domain_path(NULL, user, sizeof user));
    snprintf(expected, sizeof expected, "/dev/shm/samepage-%u", geteuid());
    CHECK(strcmp(user, expected) == 0);
    setenv("SAMEPAGE_DOMAIN", path, 1);
    snprintf(command, sizeof command, "rm -r %s", other);
    CHECK_INT(0, system(command));
}

TEST(a_domain_that_strangers_may_write_to_is_refused) {
    spg_node *node;
    char other[300];
    snprintf(other, sizeof other, "%s-open", domain_path());
    CHECK_INT(0, mkdir(other, 0700));
    CHECK_INT(0, chmod(other, 0777));
    CHECK_RESULT(SPG_EPERM, open_with(&node, other, NULL, 0700));
    CHECK_DETAIL("writable");
    CHECK_RESULT(SPG_EPERM, spg_domain_list(other, count_entry, NULL));
    CHECK_INT(0, chmod(other, 01777));
    CHECK_RESULT(SPG_EPERM, open_with(&node, other, NULL, 0700));
    if (geteuid() == 0) {
        CHECK_INT(0, chmod(other, 0700));
        CHECK_INT(0, chown(other, 12345, 12345));
        CHECK_RESULT(SPG_EPERM, open_with(&node, other, NULL, 0700));
        CHECK_DETAIL("12345");
    }
    CHECK_INT(0, rmdir(other));
}

TEST(the_umask_plays_no_part) {
    char other[300], path[320];
    struct stat status;
    spg_node *node;
    snprintf(other, sizeof other, "%s-umask", domain_path());
    snprintf(path, sizeof path, "%s/nodes", other);
    umask(0777);
    CHECK_OK(open_with(&node, other, NULL, 0770));
    umask(022);
    CHECK_INT(0, stat(other, &status));
    CHECK_INT(0770, status.st_mode & 07777);
    CHECK_INT(0, stat(path, &status));
    CHECK_INT(0660, status.st_mode & 07777);
    CHECK_OK(spg_node_close(node));
    CHECK_INT(0, unlink(path));
    CHECK_INT(0, rmdir(other));
}

TEST(many_processes_make_a_domain_at_once) {
    for (int round = 0; round < 10; round++) {
        char other[300], command[340];
        pid_t pids[8];
        char own[256];
        snprintf(own, sizeof own, "%s", domain_path());
        snprintf(other, sizeof other, "%s-%d", own, round);
        *counter(READY) = 0;
        setenv("SAMEPAGE_DOMAIN", other, 1);
        char slots[8][4];
        for (int i = 0; i < 8; i++) {
            snprintf(slots[i], sizeof slots[i], "%d", i);
            pids[i] = spawn("lives", slots[i], NULL);
        }
        await(READY, 8);
        struct census census = take_census(other, 0);
        CHECK_INT(8, census.living);
        CHECK_INT(0, spg_check(other, NULL, NULL, NULL));
        check_nothing_but_the_table(other);
        for (int i = 0; i < 8; i++) kill_and_reap(pids[i]);
        setenv("SAMEPAGE_DOMAIN", own, 1);
        snprintf(command, sizeof command, "rm -r %s", other);
        CHECK_INT(0, system(command));
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

TEST(the_time_of_day_plays_no_part) {
    uint64_t id;
    spg_mutex *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const int64_t offsets[] = {-1000000000, 0, 86400, INT32_MAX, 4000000000, -1500000000};
    pid_t pid = start_living(0, &id);
    CHECK_OK(spg_mutex_init(mutex));
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        realtime_offset_s = offsets[i];
        CHECK_INT(1, alive(id));
        CHECK_INT(1, alive(own_id()));
        spg_node *node;
        CHECK_OK(spg_node_open(&node, NULL));
        CHECK_OK(spg_node_close(node));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
        CHECK_INT(2, take_census(NULL, id).living);
        CHECK_OK(spg_mutex_lock(mutex, MILLISECONDS(100)));
        CHECK_OK(spg_mutex_unlock(mutex));
    }
    kill_and_reap(pid);
    CHECK_INT(0, alive(id));
}

/* ---- damage ---------------------------------------------------------------------------------- */

static uint64_t *map_table(void) {
    char path[300];
    snprintf(path, sizeof path, "%s/nodes", domain_path());
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    void *table = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(table != MAP_FAILED);
    close(fd);
    return table;
}

static int visit_quietly(void *context, const spg_domain_entry *entry) {
    (void)context;
    return entry->name[0] == 1;
}

/* Nothing crashes; the results are ones that are promised. */
static void use_damaged(void) {
    spg_node *node;
    int result = spg_node_open(&node, NULL);
    if (result == 0) CHECK_OK(spg_node_close(node));
    else CHECK(result == SPG_ECORRUPT || result == SPG_EVERSION || result == SPG_ETYPE);
    result = spg_domain_list(NULL, visit_quietly, NULL);
    CHECK(result == 0 || result == SPG_ECORRUPT || result == SPG_EVERSION || result == SPG_ETYPE);
    result = spg_collect(NULL, NULL);
    CHECK(result == 0 || result == SPG_ECORRUPT || result == SPG_EVERSION || result == SPG_ETYPE);
}

TEST(each_damaged_place_is_found) {
    own_id();
    uint64_t *table = map_table();
    for (size_t place = 0; place < SPG_DOMAIN_NODES_MAX; place++) {
        uint64_t *state = &table[(4096 + place * 64) / 8], right = *state;
        struct findings findings = {0, 0};
        *state = place % 3 == 0 ? UINT64_MAX : place % 3 == 1 ? 0x105 : 1;
        CHECK_INT(1, spg_check(NULL, NULL, count_finding, &findings));
        CHECK_INT(1, findings.damage);
        if (place % 64 == 0) use_damaged();
        *state = right;
    }
    CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    munmap(table, TABLE_BYTES);
}

TEST(a_damaged_header_is_found) {
    static const uint16_t minor[4] = {0, 0, 0, UINT16_MAX};
    uint64_t minor_version;
    memcpy(&minor_version, minor, sizeof minor_version);
    own_id();
    uint64_t *table = map_table();
    for (size_t word = 0; word < 5; word++) {
        uint64_t right = table[word];
        for (int bit = 0; bit < 64; bit++) {
            if (word == 1 && minor_version >> bit & 1) continue; /* any will do */
            table[word] = right ^ 1ull << bit;
            int result = spg_check(NULL, NULL, NULL, NULL);
            if (result == 0) FAIL("bit %d of word %zu is not missed", bit, word);
            use_damaged();
        }
        table[word] = right;
    }
    for (size_t word = 5; word < 8; word++) {
        uint64_t right = table[word];
        table[word] = word == 5 ? 0 : UINT64_MAX;
        if (word == 5) CHECK(spg_check(NULL, NULL, NULL, NULL) != 0);
        use_damaged();
        table[word] = right;
    }
    CHECK_INT(0, spg_check(NULL, NULL, NULL, NULL));
    munmap(table, TABLE_BYTES);
}

TEST(damaged_magic_is_corruption_and_nothing_else) {
    spg_node *node;
    own_id();
    uint64_t *table = map_table();
    uint64_t right = table[0];
    table[0] ^= 1;
    int result = spg_node_open(&node, NULL), listed = spg_domain_list(NULL, visit_quietly, NULL);
    table[0] = right;
    munmap(table, TABLE_BYTES);
    CHECK_RESULT(SPG_ECORRUPT, result); /* node.h and look.h know no SPG_ETYPE */
    CHECK_RESULT(SPG_ECORRUPT, listed);
}

TEST(damaged_hints_and_zeros_harm_nobody) {
    uint64_t self = own_id(), random = 5;
    uint64_t *table = map_table();
    for (size_t word = 8; word < 4096 / 8; word++) {
        table[word] = UINT64_MAX;
        if (word % 50 == 0) use_damaged();
    }
    memset(table + 8, 0, 4096 - 64);
    size_t place = self & 4095;
    for (size_t word = 1; word < 8; word++) {
        for (int i = 0; i < 10; i++) {
            table[(4096 + place * 64) / 8 + word] = i ? chance(&random) : UINT64_MAX;
            use_damaged();
            struct census census = take_census(NULL, self);
            CHECK_INT(1, census.living);
            CHECK(strlen(census.name) <= SPG_NODE_NAME_MAX);
            CHECK_INT(1, alive(self));
        }
    }
    munmap(table, TABLE_BYTES);
}

TEST(a_table_that_was_cut_is_found_and_harms_nobody) {
    char path[300];
    spg_node *node;
    uint64_t self = own_id();
    struct stat status;
    snprintf(path, sizeof path, "%s/nodes", domain_path());
    CHECK_INT(0, stat(path, &status));
    const off_t sizes[] = {0, 1, 63, 64, 4095, 4096, 8192, TABLE_BYTES - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CHECK_INT(0, truncate(path, sizes[i]));
        CHECK_RESULT(SPG_ECORRUPT, spg_node_open(&node, NULL));
        CHECK(spg_check(NULL, NULL, NULL, NULL) != 0);
        CHECK_RESULT(SPG_ECORRUPT, spg_domain_list(NULL, visit_quietly, NULL));
        CHECK_RESULT(SPG_ECORRUPT, spg_collect(NULL, NULL));
        CHECK_INT(1, alive(self));
    }
    CHECK_INT(0, unlink(path));
    CHECK_INT(0, mkfifo(path, 0600));
    CHECK(spg_node_open(&node, NULL) < 0);
    CHECK_INT(0, unlink(path));
    CHECK_INT(0, symlink("/etc/passwd", path));
    CHECK_RESULT(SPG_EPERM, spg_node_open(&node, NULL));
    CHECK_INT(0, unlink(path));
    CHECK_INT(0, rmdir(domain_path())); /* it is none any more, so the harness leaves it */
}
