/* segment_pages.c: pages that are there at once, stay in memory, are huge or lie on a NUMA node. */
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "unit/segment_options.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MLOCK_WORKS = 0 }; /* the sanitizer makes it do nothing */
#else
enum { MLOCK_WORKS = 1 };
#endif

enum { HUGE_2M = 2 << 20 };

static void check_works(int kind, const spg_segment_options *options) {
    spg_segment *segment;
    const char *name = unique_name(kinds[kind], "x");
    int result = spg_segment_create(&segment, name, 3 * 4096 + 1, options);
    if (result != 0) FAIL("%s: %s: %s", name, spg_error_name(result), spg_error_detail());
    CHECK_INT(3 * 4096 + 1, spg_segment_size(segment));
    char *bytes = spg_segment_address(segment);
    for (int i = 0; i < 3 * 4096 + 1; i++) {
        CHECK_INT(0, bytes[i]);
        bytes[i] = (char)i;
    }
    remove_segment(segment, kind);
}

/* ---- populate and lock ---------------------------------------------------------------------- */

/* How many of the pages are in this process's page table. */
static size_t pages_present(const void *address, size_t count) {
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    size_t present = 0;
    if (fd < 0) SKIP("no /proc/self/pagemap");
    for (size_t i = 0; i < count; i++) {
        uint64_t entry = 0;
        off_t at = (off_t)(((uintptr_t)address / 4096 + i) * sizeof entry);
        CHECK_INT(sizeof entry, pread(fd, &entry, sizeof entry, at));
        present += entry >> 63;
    }
    close(fd);
    return present;
}

TEST(populate_faults_in_every_page_of_the_mapping) {
    enum { PAGES = 64 };
    if (sysconf(_SC_PAGESIZE) != 4096) SKIP("it counts pages of 4096 bytes");
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *made, *again;
        spg_segment_options options = defaults();
        const char *name = unique_name(kinds[kind], "x");
        options.populate = 1;
        CHECK_OK(spg_segment_create(&made, name, PAGES * 4096, &options));
        CHECK_INT(PAGES, pages_present(spg_segment_address(made), PAGES));
        for (uint8_t access = SPG_READ_WRITE; access <= SPG_COPY_ON_WRITE && is_named(kind);
             access++) {
            if (kind == SYSV && access == SPG_COPY_ON_WRITE) continue;
            options.access = access;
            CHECK_OK(spg_segment_open(&again, name, &options));
            CHECK_INT(PAGES, pages_present(spg_segment_address(again), PAGES));
            CHECK_OK(spg_segment_close(again));
        }
        remove_segment(made, kind);
    }
}

static long locked_kib(void) {
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "VmLck:", 6) == 0) kib = atol(line + 6);
    }
    if (status) fclose(status);
    return kib;
}

TEST(lock_keeps_the_mapping_in_memory_until_it_is_closed) {
    if (!MLOCK_WORKS) SKIP("a sanitizer has taken mlock away");
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *segment;
        spg_segment_options options = defaults();
        long before = locked_kib();
        options.lock = 1;
        int result = spg_segment_create(&segment, unique_name(kinds[kind], "x"), 65536, &options);
        if (result == SPG_EPERM || result == SPG_ENOMEM) SKIP("may not lock memory");
        CHECK_OK(result);
        CHECK_INT(before + 64, locked_kib());
        remove_segment(segment, kind);
        CHECK_INT(before, locked_kib());
    }
}

static void lock_without_permission(void *argument) {
    int kind = *(int *)argument;
    spg_segment_options options = defaults();
    struct rlimit none = {0, 0}, page = {4096, 4096};
    options.lock = 1;
    CHECK_INT(0, setrlimit(RLIMIT_MEMLOCK, &page));
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
    int before = count_descriptors();
    refuse_on(kind, SPG_ENOMEM, &options, "ulimit -l");
    CHECK_INT(0, setrlimit(RLIMIT_MEMLOCK, &none));
    refuse_on(kind, SPG_EPERM, &options, "ulimit -l");
    CHECK_INT(before, count_descriptors());
}

TEST(lock_without_permission_is_an_error_that_says_so_and_leaves_nothing) {
    if (!MLOCK_WORKS) SKIP("a sanitizer has taken mlock away");
    for (int kind = 0; kind < KINDS; kind++) {
        ROLE_ENDS_WELL(role_fork(lock_without_permission, &kind));
    }
}

static void open_with_lock_without_permission(void *argument) {
    spg_segment *segment = NULL;
    spg_segment_options options = defaults();
    struct rlimit none = {0, 0};
    options.lock = 1;
    CHECK_INT(0, setrlimit(RLIMIT_MEMLOCK, &none));
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
    int before = count_descriptors();
    CHECK_RESULT(SPG_EPERM, spg_segment_open(&segment, argument, &options));
    CHECK(segment == NULL);
    CHECK_INT(before, count_descriptors());
}

TEST(open_with_lock_without_permission_leaves_the_segment_as_it_was) {
    if (!MLOCK_WORKS) SKIP("a sanitizer has taken mlock away");
    for (int kind = 0; kind < MEMFD; kind++) {
        spg_segment *segment;
        spg_segment_options options = defaults();
        const char *name = unique_name(kinds[kind], "x");
        options.mode = 0666;
        CHECK_OK(spg_segment_create(&segment, name, 8192, &options));
        ROLE_ENDS_WELL(role_fork(open_with_lock_without_permission, (void *)name));
        remove_segment(segment, kind);
    }
}

/* ---- huge pages and NUMA -------------------------------------------------------------------- */

TEST(transparent_huge_pages_can_be_asked_for_on_every_kind) {
    spg_segment_options options = defaults();
    options.huge_pages = SPG_HUGE_TRANSPARENT;
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *segment;
        options.profile = SPG_BARE;
        check_works(kind, &options);
        options.profile = SPG_MANAGED;
        check_works(kind, &options);
        CHECK_OK(
            spg_segment_create(&segment, unique_name(kinds[kind], "x"), 3 * HUGE_2M, &options));
        memset(spg_segment_address(segment), 1, 3 * HUGE_2M);
        remove_segment(segment, kind);
    }
}

TEST(explicit_huge_pages_need_a_multiple_of_their_size) {
    static const int with[] = {SYSV, MEMFD, ANONYMOUS};
    for (int i = 0; i < 3; i++) {
        spg_segment_options options = defaults();
        options.huge_pages = SPG_HUGE_2M;
        refuse_on(with[i], SPG_EINVAL, &options, "multiple");
        options.huge_pages = SPG_HUGE_1G;
        refuse_on(with[i], SPG_EINVAL, &options, "multiple");
    }
}

TEST(without_huge_pages_in_the_pool_create_says_so) {
    static const int with[] = {SYSV, MEMFD, ANONYMOUS};
    enum { FAR_TOO_MUCH = 1 << 30 };
    for (int i = 0; i < 3; i++) {
        spg_segment *segment = NULL;
        spg_segment_options options = defaults();
        const char *name = unique_name(kinds[with[i]], "x");
        int before = count_descriptors();
        options.huge_pages = SPG_HUGE_1G;
        int result = spg_segment_create(&segment, name, (size_t)8 * FAR_TOO_MUCH, &options);
        if (result == 0) SKIP("this machine has eight huge pages of 1 GiB to spare");
        CHECK(result == SPG_ENOMEM || result == SPG_ENOSPC || result == SPG_EINVAL ||
              result == SPG_ENOTSUP || result == SPG_EPERM);
        CHECK_DETAIL(name);
        CHECK_INT(before, count_descriptors());
        if (is_named(with[i])) CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
    }
}

/* Adds pages to the pool or takes them away; false if that is not permitted. */
static bool change_pool(int fd, long by) {
    char text[32];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    if (length <= 0) return false;
    text[length] = '\0';
    int count = snprintf(text, sizeof text, "%ld\n", atol(text) + by);
    return pwrite(fd, text, (size_t)count, 0) == count;
}

static long free_huge_pages(void) {
    char text[32] = "0";
    int fd = open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0) strcpy(text, "0");
    close(fd);
    return atol(text);
}

static void use_huge_pages(void *argument) {
    static const int with[] = {SYSV, MEMFD, ANONYMOUS};
    (void)argument;
    for (int i = 0; i < 3; i++) {
        spg_segment *segment, *again;
        spg_segment_options options = defaults();
        long before = free_huge_pages();
        options.huge_pages = SPG_HUGE_2M;
        CHECK_OK(
            spg_segment_create(&segment, unique_name(kinds[with[i]], "x"), 2 * HUGE_2M, &options));
        CHECK_INT(before - 2, free_huge_pages());
        CHECK_INT(2 * HUGE_2M, spg_segment_size(segment));
        CHECK_INT(0, (uintptr_t)spg_segment_address(segment) % HUGE_2M);
        memset(spg_segment_address(segment), 7, 2 * HUGE_2M);
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_resize(segment, 4 * HUGE_2M));
        if (with[i] == MEMFD) {
            CHECK_OK(spg_segment_open_fd(&again, spg_segment_fd(segment), NULL));
            CHECK_INT(2 * HUGE_2M, spg_segment_size(again));
            CHECK_INT(7, ((char *)spg_segment_address(again))[2 * HUGE_2M - 1]);
            CHECK_RESULT(SPG_ENOTSUP, spg_segment_resize(again, 4 * HUGE_2M));
            CHECK_OK(spg_segment_close(again));
        }
        remove_segment(segment, with[i]);
        CHECK_INT(before, free_huge_pages());
    }
}

/* The pool belongs to the machine: one test at a time raises it, and puts it back. */
TEST(explicit_huge_pages_are_used) {
    int fd = open("/proc/sys/vm/nr_hugepages", O_RDWR | O_CLOEXEC);
    if (fd < 0) SKIP("may not change the pool of huge pages");
    CHECK_INT(0, flock(fd, LOCK_EX));
    if (!change_pool(fd, 2)) SKIP("may not change the pool of huge pages");
    int result = HARNESS_SKIPPED;
    if (free_huge_pages() >= 2) result = role_wait(role_fork(use_huge_pages, NULL));
    CHECK(change_pool(fd, -2));
    close(fd);
    if (result == HARNESS_SKIPPED) SKIP("the machine has no room for huge pages");
    CHECK_INT(0, result);
}

static bool has_numa(void) {
    unsigned long nodes[16] = {1};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool works = syscall(SYS_mbind, page, 4096, 2, nodes, 1024, 0) == 0;
    munmap(page, 4096);
    return works;
}

TEST(pages_can_be_put_on_numa_node_0) {
    spg_segment_options options = defaults();
    if (!has_numa()) SKIP("no NUMA policies here");
    options.numa_node = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        options.profile = SPG_BARE;
        check_works(kind, &options);
        options.profile = SPG_MANAGED;
        check_works(kind, &options);
    }
}

TEST(a_numa_node_that_is_not_there_is_refused) {
    if (!has_numa()) SKIP("no NUMA policies here");
    static const int32_t absent[] = {1023, 1024, 100000, INT32_MAX};
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 0; i < 4; i++) {
            spg_segment_options options = defaults();
            options.numa_node = absent[i];
            refuse_on(kind, SPG_EINVAL, &options, "mbind");
        }
    }
}
