/* managed.c: what the domain tells about managed segments, their types, and other domains. */
#include "process/managed.h"

TEST(the_list_tells_what_a_segment_is) {
    spg_segment_options options = temporary();
    const char *name = unique_name("posix:", "x");
    options.type = "a table of frames";
    options.mode = 0640;
    spg_segment *segment = create(name, 5000, options), *again = open_again(name);
    struct census census = census_of(name);
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK_INT(1, census.nodes);
    CHECK_INT(1, census.segments);
    CHECK(strcmp(census.type, "a table of frames") == 0);
    CHECK_INT(id, census.last.id);
    CHECK_INT(5000, census.last.size);
    CHECK_INT(0640, census.last.mode);
    CHECK_INT(geteuid(), census.last.uid);
    CHECK_INT(2, census.last.living);
    CHECK_INT(0, census.last.dead);
    CHECK_INT(1, census.last.temporary);
    CHECK_INT(0, census.last.trouble);
    CHECK_INT(0, spg_check(NULL, name, NULL, NULL));
    CHECK_OK(spg_segment_close(again));
    CHECK_OK(spg_segment_close(segment));
}

TEST(the_callers_bytes_begin_after_a_page_and_are_zero) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
    for (int i = 0; i < 5; i++) {
        const char *name = unique_name(kinds[i], "x");
        spg_segment *segment = create(name, 4097, managed());
        char *bytes = spg_segment_address(segment);
        CHECK_INT(0, (uintptr_t)bytes % 4096);
        CHECK_INT(4097, spg_segment_size(segment));
        CHECK(memcmp(bytes - HEADER, "SAMEPAGE", 8) == 0);
        for (int j = 0; j < 4097; j++) CHECK_INT(0, bytes[j]);
        CHECK_OK(spg_segment_close(segment));
        if (i < 3) CHECK_OK(spg_segment_unlink(name));
    }
    CHECK_INT(1, files_in_domain());
}

/* ---- types ---------------------------------------------------------------------------------- */

TEST(the_type_must_agree_and_both_are_named) {
    spg_segment_options frames = managed(), queue = managed();
    spg_segment *segment, *refused = NULL;
    const char *name = unique_name("posix:", "x");
    frames.type = "frames v3";
    queue.type = "queue v1";
    segment = create(name, 10, frames);
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    CHECK_DETAIL(name);
    CHECK_DETAIL("frames v3");
    CHECK_DETAIL("queue v1");
    queue.access = SPG_READ_ONLY;
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    queue.type = "";
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    queue.type = "frames v";
    CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &queue));
    queue = managed();
    queue.type = "queue v1";
    queue.exclusive = 0;
    CHECK_RESULT(SPG_ETYPE, spg_segment_create(&refused, name, 10, &queue));
    CHECK(refused == NULL);
    CHECK_INT(1, census_of(name).last.living);
    CHECK_OK(spg_segment_open(&refused, name, &frames));
    CHECK_OK(spg_segment_close(refused));
    CHECK_OK(spg_segment_close(open_again(name)));
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_unlink(name));
}

TEST(what_is_not_managed_is_of_another_type) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:"};
    static const size_t sizes[] = {1, 63, 64, 128, 4095, 4096, 100000};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 7; j++) {
            spg_segment *bare, *refused = NULL;
            spg_segment_options options = managed(), reader = reading();
            const char *name = unique_name(kinds[i], "x");
            CHECK_OK(spg_segment_create(&bare, name, sizes[j], NULL));
            memset(spg_segment_address(bare), 'x', sizes[j]);
            int before = count_descriptors();
            CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &reader));
            CHECK_DETAIL(name);
            CHECK_INT(before, count_descriptors());
            CHECK_RESULT(SPG_ETYPE, spg_segment_open(&refused, name, &options));
            CHECK_RESULT(SPG_EEXIST, spg_segment_create(&refused, name, 10, &options));
            options.exclusive = 0;
            CHECK_RESULT(SPG_ETYPE, spg_segment_create(&refused, name, 10, &options));
            CHECK(refused == NULL);
            CHECK_INT('x', *(char *)spg_segment_address(bare));
            CHECK_INT(0, census_of(NULL).segments);
            CHECK_OK(spg_segment_close(bare));
            CHECK_OK(spg_segment_unlink(name));
        }
    }
}

/* Old programs make System V segments of mode 0777; that they are in the way is all there is. */
TEST(a_foreign_system_v_segment_of_any_mode_is_not_removed) {
    static const int modes[] = {0600, 0700, 0777, 0666};
    for (int i = 0; i < 4; i++) {
        spg_segment *segment = NULL;
        spg_segment_options options = managed();
        const char *name = unique_name("sysv:", "x");
        key_t key = (key_t)strtoul(name + strlen("sysv:"), NULL, 16);
        int id = shmget(key, 8192, IPC_CREAT | IPC_EXCL | modes[i]);
        CHECK(id >= 0);
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&segment, name, 10, &options));
        CHECK_INT(id, shmget(key, 0, 0));
        CHECK_RESULT(SPG_ETYPE, spg_segment_open(&segment, name, &options));
        CHECK_OK(spg_collect(NULL, NULL));
        CHECK_INT(id, shmget(key, 0, 0));
        CHECK_INT(0, shmctl(id, IPC_RMID, NULL));
    }
}

/* ---- domains -------------------------------------------------------------------------------- */

ROLE(of_another_domain) {
    spg_segment *segment = NULL;
    spg_segment_options options = managed(), reader = reading();
    int before = count_descriptors();
    CHECK_OK(spg_segment_open(&segment, arguments[0], &reader));
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(before, count_descriptors());
    segment = NULL;
    CHECK_RESULT(SPG_EDOMAIN, spg_segment_open(&segment, arguments[0], &options));
    CHECK_DETAIL(arguments[0]);
    CHECK_DETAIL(getenv("SAMEPAGE_DOMAIN"));
    options.exclusive = 0;
    CHECK_RESULT(SPG_EDOMAIN, spg_segment_create(&segment, arguments[0], 5, &options));
    CHECK_RESULT(SPG_EDOMAIN, spg_segment_open_fd(&segment, atoi(arguments[1]), &options));
    CHECK(segment == NULL);
    CHECK_OK(spg_collect(NULL, NULL));
}

TEST(another_domain_may_read_but_not_hold) {
    static const char *const kinds[] = {"posix:", "file:", "sysv:"};
    for (int i = 0; i < 3; i++) {
        const char *name = unique_name(kinds[i], "x");
        char domain[200], other[220], path[240], fd[16];
        spg_segment *segment = create(name, 5, temporary()), *memory;
        spg_segment_options options = managed();
        CHECK_OK(spg_segment_create(&memory, "memfd:x", 5, &options));
        int inherited = dup(spg_segment_fd(memory));
        *(char *)spg_segment_address(segment) = 7;
        snprintf(fd, sizeof fd, "%d", inherited);
        snprintf(domain, sizeof domain, "%s", getenv("SAMEPAGE_DOMAIN"));
        snprintf(other, sizeof other, "%s-other", domain);
        setenv("SAMEPAGE_DOMAIN", other, 1);
        int result = role_wait(role_start("of_another_domain", name, fd));
        snprintf(path, sizeof path, "%s/nodes", other);
        unlink(path);
        rmdir(other);
        CHECK_INT(0, result);
        setenv("SAMEPAGE_DOMAIN", domain, 1);
        CHECK_INT(1, census_of(name).last.living);
        CHECK_OK(spg_segment_close(memory));
        CHECK_OK(spg_segment_close(segment));
        close(inherited);
    }
}

ROLE(reads_without_a_domain) {
    spg_segment *segment;
    spg_segment_options options = reading();
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_OK(spg_segment_close(segment));
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open(&segment, arguments[0], &options));
    *(char *)spg_segment_address(segment) = 8;
    CHECK_OK(spg_segment_close(segment));
    CHECK_INT(-1, access(getenv("SAMEPAGE_DOMAIN"), F_OK));
}

TEST(who_only_reads_writes_nothing_and_joins_no_domain) {
    const char *name = unique_name("posix:", "x");
    char domain[200];
    spg_segment *segment = create(name, 5, temporary());
    *(char *)spg_segment_address(segment) = 7;
    snprintf(domain, sizeof domain, "%s", getenv("SAMEPAGE_DOMAIN"));
    setenv("SAMEPAGE_DOMAIN", "/dev/shm/spgdomain-that-is-never-made", 1);
    ROLE_ENDS_WELL(role_start("reads_without_a_domain", name));
    setenv("SAMEPAGE_DOMAIN", domain, 1);
    CHECK_INT(7, *(char *)spg_segment_address(segment));
    CHECK_INT(1, census_of(name).nodes);
    CHECK_OK(spg_segment_close(segment));
}
