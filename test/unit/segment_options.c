/* segment_options.c: each option in and out of range, on each kind. */
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "harness/harness.h"

#if defined(__SANITIZE_ADDRESS__)
enum { MLOCK_WORKS = 0 }; /* the sanitizer makes it do nothing */
#else
enum { MLOCK_WORKS = 1 };
#endif

static const char *const kinds[] = {"posix:", "sysv:", "file:", "memfd:", "anonymous:"};
enum { KINDS = 5, SYSV = 1, MEMFD = 3, ANONYMOUS = 4, HUGE_2M = 2 << 20 };

static bool is_named(int kind) {
    return kind < MEMFD;
}

static spg_segment_options defaults(void) {
    return (spg_segment_options)SPG_SEGMENT_OPTIONS;
}

static void remove_segment(spg_segment *segment, int kind) {
    char name[300];
    snprintf(name, sizeof name, "%s", spg_segment_name(segment));
    CHECK_OK(spg_segment_close(segment));
    if (is_named(kind)) CHECK_OK(spg_segment_unlink(name));
}

/* Neither create nor open takes these options, and the detail says `part`. */
static void refuse_always(int expected, const spg_segment_options *options, const char *part) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    const char *name = unique_name("posix:", "x");
    CHECK_RESULT(expected, spg_segment_create(&segment, name, 100, options));
    CHECK_DETAIL(part);
    CHECK_RESULT(expected, spg_segment_open(&segment, name, options));
    CHECK_DETAIL(part);
    CHECK(segment == untouched);
    CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

/* Create refuses it on this kind, names the segment and leaves nothing. */
static void refuse_on(int kind, int expected, const spg_segment_options *options,
                      const char *part) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    const char *name = unique_name(kinds[kind], "x");
    int result = spg_segment_create(&segment, name, 8192, options);
    if (result != expected) FAIL("%s: %d, not %d: %s", name, result, expected, spg_error_detail());
    CHECK_DETAIL(name);
    CHECK_DETAIL(part);
    CHECK(segment == untouched);
    if (is_named(kind)) CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
}

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

/* ---- ranges --------------------------------------------------------------------------------- */

TEST(the_struct_says_its_size) {
    static const uint32_t sizes[] = {0, 1, sizeof(spg_segment_options) - 1,
                                     sizeof(spg_segment_options) + 1, UINT32_MAX};
    for (int i = 0; i < 5; i++) {
        spg_segment_options options = defaults();
        options.struct_size = sizes[i];
        refuse_always(SPG_EINVAL, &options, "struct_size");
        refuse_always(SPG_EINVAL, &options, "SPG_SEGMENT_OPTIONS");
    }
}

TEST(each_value_has_a_range) {
    for (int value = 1; value <= 255; value++) {
        for (int field = 0; field < 8; field++) {
            spg_segment_options options = defaults();
            uint8_t *const fields[] = {&options.access,     &options.profile,  &options.exclusive,
                                       &options.lifetime,   &options.populate, &options.lock,
                                       &options.huge_pages, &options.reserved};
            static const int most[] = {
                SPG_COPY_ON_WRITE, SPG_MANAGED, 1, SPG_TEMPORARY, 1, 1, SPG_HUGE_1G, 0};
            if (value <= most[field]) continue;
            *fields[field] = (uint8_t)value;
            refuse_always(SPG_EINVAL, &options, "SPG_SEGMENT_OPTIONS");
        }
    }
}

TEST(a_mode_has_permission_bits_for_reading_and_writing_alone) {
    static const uint32_t bad[] = {0700, 0611, 0777, 01600, 04600, 010600, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        spg_segment_options options = defaults();
        options.mode = bad[i];
        refuse_always(SPG_EINVAL, &options, "mode");
    }
}

TEST(seals_and_nodes_that_do_not_exist_are_refused) {
    spg_segment_options options = defaults();
    options.seals = 32;
    refuse_always(SPG_EINVAL, &options, "seals");
    options.seals = UINT32_MAX;
    refuse_always(SPG_EINVAL, &options, "seals");
    options = defaults();
    options.numa_node = -2;
    refuse_always(SPG_EINVAL, &options, "numa_node");
    options.numa_node = INT32_MIN;
    refuse_always(SPG_EINVAL, &options, "numa_node");
}

TEST(a_type_has_up_to_47_bytes_and_belongs_to_managed_segments) {
    char type[64];
    spg_segment_options options = defaults();
    spg_segment *segment;
    memset(type, 't', sizeof type);
    type[SPG_SEGMENT_TYPE_MAX + 1] = '\0';
    options.type = type;
    options.profile = SPG_MANAGED;
    refuse_always(SPG_EINVAL, &options, "47");
    type[SPG_SEGMENT_TYPE_MAX] = '\0';
    for (int kind = 0; kind < KINDS; kind++) {
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 8, &options));
        remove_segment(segment, kind);
    }
    options.profile = SPG_BARE;
    for (int kind = 0; kind < KINDS; kind++) refuse_on(kind, SPG_EINVAL, &options, "SPG_MANAGED");
}

TEST(a_new_segment_is_mapped_for_writing) {
    spg_segment_options options = defaults();
    for (int kind = 0; kind < KINDS; kind++) {
        options.access = SPG_READ_ONLY;
        refuse_on(kind, SPG_EINVAL, &options, "open");
        options.access = SPG_COPY_ON_WRITE;
        refuse_on(kind, kind == SYSV || kind == ANONYMOUS ? SPG_ENOTSUP : SPG_EINVAL, &options, "");
    }
}

TEST(a_temporary_segment_is_managed_and_has_a_name) {
    spg_segment_options options = defaults();
    options.lifetime = SPG_TEMPORARY;
    for (int kind = 0; kind < KINDS; kind++) {
        refuse_on(kind, is_named(kind) ? SPG_EINVAL : SPG_ENOTSUP, &options,
                  is_named(kind) ? "SPG_MANAGED" : "lifetime");
    }
    options.profile = SPG_MANAGED;
    for (int kind = 0; kind < KINDS; kind++) {
        if (!is_named(kind)) refuse_on(kind, SPG_ENOTSUP, &options, "lifetime");
    }
}

TEST(copy_on_write_is_not_for_system_v) {
    spg_segment_options options = defaults();
    spg_segment *segment, *copy;
    const char *name = unique_name("sysv:", "x");
    CHECK_OK(spg_segment_create(&segment, name, 8, NULL));
    options.access = SPG_COPY_ON_WRITE;
    CHECK_RESULT(SPG_ENOTSUP, spg_segment_open(&copy, name, &options));
    CHECK_DETAIL(name);
    CHECK_DETAIL("memfd");
    remove_segment(segment, SYSV);
}

TEST(seals_are_for_memfd) {
    spg_segment_options options = defaults();
    options.seals = SPG_SEAL_SHRINK;
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind != MEMFD) refuse_on(kind, SPG_ENOTSUP, &options, "memfd");
    }
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *segment;
        if (kind == MEMFD) continue;
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 8, NULL));
        CHECK_RESULT(SPG_ENOTSUP, spg_segment_seal(segment, SPG_SEAL_SHRINK));
        CHECK_DETAIL(spg_segment_name(segment));
        CHECK_DETAIL("memfd");
        remove_segment(segment, kind);
    }
}

TEST(explicit_huge_pages_are_not_for_posix_and_file) {
    spg_segment_options options = defaults();
    for (options.huge_pages = SPG_HUGE_2M; options.huge_pages <= SPG_HUGE_1G;
         options.huge_pages++) {
        refuse_on(0, SPG_ENOTSUP, &options, "hugetlbfs");
        refuse_on(2, SPG_ENOTSUP, &options, "hugetlbfs");
    }
}

/* ---- not exclusive -------------------------------------------------------------------------- */

TEST(exclusive_refuses_what_is_there_and_not_exclusive_opens_it) {
    for (int kind = 0; kind < KINDS; kind++) {
        spg_segment *first, *second = NULL;
        spg_segment_options options = defaults();
        const char *name = unique_name(kinds[kind], "x");
        if (!is_named(kind)) continue;
        options.exclusive = 0;
        CHECK_OK(spg_segment_create(&first, name, 5000, &options));
        CHECK_RESULT(SPG_EEXIST, spg_segment_create(&second, name, 5000, NULL));
        CHECK_DETAIL(name);
        CHECK_OK(spg_segment_create(&second, name, 5000, &options));
        *(char *)spg_segment_address(first) = 'x';
        CHECK_INT('x', *(char *)spg_segment_address(second));
        CHECK_OK(spg_segment_close(second));
        CHECK_OK(spg_segment_create(&second, name, 1, &options));
        CHECK_INT(5000, spg_segment_size(second));
        CHECK_OK(spg_segment_close(second));
        remove_segment(first, kind);
    }
}

TEST(not_exclusive_refuses_one_that_is_too_small_and_leaves_out_alone) {
    for (int kind = 0; kind < MEMFD; kind++) {
        for (uint8_t profile = SPG_BARE; profile <= SPG_MANAGED; profile++) {
            spg_segment *first, *untouched = (spg_segment *)(void *)&first, *second = untouched;
            spg_segment_options options = defaults();
            const char *name = unique_name(kinds[kind], "x");
            options.exclusive = 0;
            options.profile = profile;
            CHECK_OK(spg_segment_create(&first, name, 100, &options));
            CHECK_RESULT(SPG_ETOOBIG, spg_segment_create(&second, name, 101, &options));
            CHECK_DETAIL(name);
            CHECK_DETAIL("100");
            CHECK(second == untouched);
            remove_segment(first, kind);
        }
    }
}

/* ---- prepare -------------------------------------------------------------------------------- */

struct preparation {
    const char *name;
    int calls, result;
};

/* While it works, nobody finds the name. */
static int fill_bytes(void *context, void *bytes, size_t size) {
    struct preparation *preparation = context;
    spg_segment *early;
    CHECK_INT(5000, size);
    for (size_t i = 0; i < size; i++) CHECK_INT(0, ((char *)bytes)[i]);
    memset(bytes, 'p', size);
    preparation->calls++;
    if (preparation->name)
        CHECK_RESULT(SPG_ENOENT, spg_segment_open(&early, preparation->name, NULL));
    return preparation->result;
}

static void check_prepare(int kind, uint8_t profile) {
    struct preparation preparation = {0};
    spg_segment_options options = defaults();
    spg_segment *made, *again, *untouched = (spg_segment *)(void *)&made, *refused = untouched;
    const char *name = unique_name(kinds[kind], "x");
    /* System V memory has its name from the start. */
    if (is_named(kind) && kind != SYSV) preparation.name = name;
    options.profile = profile;
    options.prepare = fill_bytes;
    options.context = &preparation;
    int before = count_descriptors();
    preparation.result = SPG_EFULL;
    CHECK_RESULT(SPG_EFULL, spg_segment_create(&refused, name, 5000, &options));
    CHECK(refused == untouched);
    CHECK(count_descriptors() <= before + 2); /* its node stays */
    if (is_named(kind)) CHECK_RESULT(SPG_ENOENT, spg_segment_unlink(name));
    preparation.result = 0;
    CHECK_OK(spg_segment_create(&made, name, 5000, &options));
    CHECK_INT(2, preparation.calls);
    CHECK_INT('p', ((char *)spg_segment_address(made))[4999]);
    preparation.name = NULL;
    options.exclusive = 0;
    if (is_named(kind)) {
        CHECK_OK(spg_segment_create(&again, name, 5000, &options));
        CHECK_INT('p', *(char *)spg_segment_address(again));
        CHECK_OK(spg_segment_close(again));
    }
    remove_segment(made, kind);
}

TEST(a_segment_is_prepared_before_anybody_sees_it_or_not_made_at_all) {
    for (int kind = 0; kind < KINDS; kind++) {
        check_prepare(kind, SPG_BARE);
        check_prepare(kind, SPG_MANAGED);
    }
}

/* ---- mode ----------------------------------------------------------------------------------- */

static uint32_t mode_of(const spg_segment *segment, int kind) {
    struct stat status;
    struct shmid_ds sysv;
    if (kind != SYSV) {
        CHECK_INT(0, fstat(spg_segment_fd(segment), &status));
        return status.st_mode & 07777;
    }
    unsigned key = (unsigned)strtoul(spg_segment_name(segment) + strlen("sysv:"), NULL, 16);
    CHECK_INT(0, shmctl(shmget((key_t)key, 0, 0), IPC_STAT, &sysv));
    return sysv.shm_perm.mode & 07777;
}

static void check_modes(int kind, uint8_t profile) {
    static const uint32_t modes[] = {0600, 0640, 0660, 0664, 0666, 0644, 0602};
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (int mask = 0; mask < 4; mask++) {
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            spg_segment *segment;
            spg_segment_options options = defaults();
            options.mode = modes[i];
            options.profile = profile;
            mode_t before = umask(masks[mask]);
            CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, &options));
            umask(before);
            CHECK_INT(modes[i], mode_of(segment, kind));
            remove_segment(segment, kind);
        }
    }
}

TEST(the_mode_is_exactly_as_asked_under_every_umask) {
    for (int kind = 0; kind < ANONYMOUS; kind++) {
        check_modes(kind, SPG_BARE);
        check_modes(kind, SPG_MANAGED);
    }
}

TEST(the_mode_is_0600_unless_asked_otherwise) {
    for (int kind = 0; kind < ANONYMOUS; kind++) {
        spg_segment *segment;
        spg_segment_options options = defaults();
        umask(0);
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, NULL));
        CHECK_INT(0600, mode_of(segment, kind));
        remove_segment(segment, kind);
        options.mode = 0;
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, &options));
        CHECK_INT(0600, mode_of(segment, kind));
        remove_segment(segment, kind);
    }
}

/* The mode is for those who come later: its creator writes to it in any case. */
static void create_read_only_modes(void *argument) {
    int kind = *(int *)argument;
    static const uint32_t modes[] = {0400, 0444, 0200, 0040};
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
    for (int i = 0; i < 4; i++) {
        spg_segment *segment;
        spg_segment_options options = defaults();
        options.mode = modes[i];
        CHECK_OK(spg_segment_create(&segment, unique_name(kinds[kind], "x"), 5, &options));
        *(char *)spg_segment_address(segment) = 1;
        CHECK_INT(modes[i], mode_of(segment, kind) & 0777);
        remove_segment(segment, kind);
    }
}

TEST(a_narrow_mode_does_not_keep_out_the_creator_of_a_file_or_memfd) {
    for (int kind = 0; kind < ANONYMOUS; kind++) {
        if (kind != SYSV) ROLE_ENDS_WELL(role_fork(create_read_only_modes, &kind));
    }
}

static void create_narrow_sysv(void *argument) {
    spg_segment *segment;
    spg_segment_options options = defaults();
    (void)argument;
    if (geteuid() == 0) CHECK_INT(0, setresuid(65534, 65534, 65534));
    options.mode = 0400;
    CHECK_OK(spg_segment_create(&segment, "sysv:private", 5, &options));
    *(char *)spg_segment_address(segment) = 1;
    remove_segment(segment, SYSV);
}

TEST(a_narrow_mode_does_not_keep_out_the_creator_of_a_system_v_segment) {
    ROLE_ENDS_WELL(role_fork(create_narrow_sysv, NULL));
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

/* ---- seals ---------------------------------------------------------------------------------- */

static spg_segment *sealed(uint32_t seals) {
    spg_segment *segment;
    spg_segment_options options = defaults();
    options.seals = seals;
    CHECK_OK(spg_segment_create(&segment, "memfd:sealed", 8192, &options));
    return segment;
}

TEST(each_seal_is_set_as_asked) {
    static const struct {
        uint32_t ours;
        int kernels;
    } seals[] = {{SPG_SEAL_SHRINK, F_SEAL_SHRINK},
                 {SPG_SEAL_GROW, F_SEAL_GROW},
                 {SPG_SEAL_FUTURE_WRITE, 0x10},
                 {SPG_SEAL_SEALS, F_SEAL_SEAL}};
    for (uint32_t set = 0; set < 16; set++) {
        uint32_t ours = 0;
        int kernels = 0;
        for (int i = 0; i < 4; i++) {
            if (!(set >> i & 1)) continue;
            ours |= seals[i].ours;
            kernels |= seals[i].kernels;
        }
        spg_segment *at_once = sealed(ours), *later = sealed(0);
        CHECK_INT(kernels, fcntl(spg_segment_fd(at_once), F_GET_SEALS) & 0x1f);
        CHECK_INT(0, fcntl(spg_segment_fd(later), F_GET_SEALS) & 0x1f);
        CHECK_OK(spg_segment_seal(later, ours));
        CHECK_INT(kernels, fcntl(spg_segment_fd(later), F_GET_SEALS) & 0x1f);
        CHECK_OK(spg_segment_close(at_once));
        CHECK_OK(spg_segment_close(later));
    }
}

TEST(a_segment_sealed_against_shrinking_cannot_be_cut) {
    spg_segment *segment = sealed(SPG_SEAL_SHRINK);
    CHECK_INT(-1, ftruncate(spg_segment_fd(segment), 4096));
    CHECK_INT(EPERM, errno);
    CHECK_OK(spg_segment_resize(segment, 20000));
    CHECK_INT(20000, spg_segment_size(segment));
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_segment_sealed_against_growing_cannot_grow) {
    spg_segment *segment = sealed(SPG_SEAL_GROW);
    CHECK_RESULT(SPG_EPERM, spg_segment_resize(segment, 8193));
    CHECK_DETAIL("memfd:sealed");
    CHECK_INT(8192, spg_segment_size(segment));
    CHECK_INT(-1, ftruncate(spg_segment_fd(segment), 8193));
    CHECK_INT(EPERM, errno);
    CHECK_OK(spg_segment_resize(segment, 0));
    CHECK_OK(spg_segment_close(segment));
}

TEST(a_segment_sealed_against_future_writers_has_those_it_had) {
    spg_segment *segment = sealed(SPG_SEAL_FUTURE_WRITE), *reader, *writer = NULL;
    spg_segment_options options = defaults();
    char *bytes = spg_segment_address(segment);
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&writer, spg_segment_fd(segment), NULL));
    CHECK(writer == NULL);
    CHECK_INT(-1, pwrite(spg_segment_fd(segment), "x", 1, 0));
    CHECK_INT(EPERM, errno);
    options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open_fd(&reader, spg_segment_fd(segment), &options));
    bytes[5] = 'w';
    CHECK_INT('w', ((char *)spg_segment_address(reader))[5]);
    CHECK_OK(spg_segment_close(reader));
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open_fd(&writer, spg_segment_fd(segment), &options));
    ((char *)spg_segment_address(writer))[5] = 'p';
    CHECK_INT('w', bytes[5]);
    CHECK_OK(spg_segment_close(writer));
    CHECK_OK(spg_segment_close(segment));
}

/* To the kernel a shared mapping by a descriptor that can write is a writer, even one only read
 * from; a private copy is none. */
TEST(a_segment_is_sealed_against_writing_once_nobody_maps_it_for_writing) {
    spg_segment *segment = sealed(0), *copy, *writer = NULL;
    spg_segment_options options = defaults();
    *(char *)spg_segment_address(segment) = 'x';
    options.access = SPG_COPY_ON_WRITE;
    CHECK_OK(spg_segment_open_fd(&copy, spg_segment_fd(segment), &options));
    CHECK_RESULT(SPG_EPERM, spg_segment_seal(segment, SPG_SEAL_WRITE));
    CHECK_DETAIL("memfd:sealed");
    CHECK_INT(0, fcntl(spg_segment_fd(copy), F_GET_SEALS) & F_SEAL_WRITE);
    CHECK_OK(spg_segment_close(segment));
    CHECK_OK(spg_segment_seal(copy, SPG_SEAL_WRITE));
    CHECK_RESULT(SPG_EPERM, spg_segment_open_fd(&writer, spg_segment_fd(copy), NULL));
    CHECK(writer == NULL);
    CHECK_INT(-1, pwrite(spg_segment_fd(copy), "y", 1, 0));
    CHECK_INT('x', *(char *)spg_segment_address(copy));
    CHECK_OK(spg_segment_close(copy));
}

/* The creator's own mapping can write, so this cannot be had at once. */
TEST(a_seal_against_writing_cannot_be_had_at_creation) {
    spg_segment_options options = defaults();
    int before = count_descriptors();
    options.seals = SPG_SEAL_WRITE;
    refuse_on(MEMFD, SPG_EPERM, &options, "");
    CHECK_INT(before, count_descriptors());
}

TEST(a_segment_sealed_against_seals_takes_no_more) {
    spg_segment *segment = sealed(SPG_SEAL_SEALS);
    CHECK_RESULT(SPG_EPERM, spg_segment_seal(segment, SPG_SEAL_GROW));
    CHECK_DETAIL("memfd:sealed");
    CHECK_OK(spg_segment_close(segment));
}

TEST(seals_that_do_not_exist_cannot_be_added) {
    spg_segment *segment = sealed(0);
    CHECK_RESULT(SPG_EINVAL, spg_segment_seal(segment, 32));
    CHECK_RESULT(SPG_EINVAL, spg_segment_seal(segment, ~0u));
    CHECK_OK(spg_segment_seal(segment, 0));
    CHECK_OK(spg_segment_close(segment));
}

/* A descriptor of a file that is no memfd takes no seals, however it was come by. */
TEST(an_adopted_file_takes_no_seals) {
    spg_segment *segment, *adopted;
    CHECK_OK(spg_segment_create(&segment, unique_name("posix:", "x"), 8, NULL));
    CHECK_OK(spg_segment_open_fd(&adopted, spg_segment_fd(segment), NULL));
    CHECK_RESULT(SPG_EPERM, spg_segment_seal(adopted, SPG_SEAL_GROW));
    CHECK_OK(spg_segment_close(adopted));
    remove_segment(segment, 0);
}
