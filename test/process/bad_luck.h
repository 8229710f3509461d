/* bad_luck.h: what the tests of bad luck share. What fails says why, changes nothing and leaves
 * nothing; the next call works. Full file systems are small ones, mounted over /dev/shm in a mount
 * namespace of the test's own. */
#ifndef TEST_PROCESS_BAD_LUCK_H
#define TEST_PROCESS_BAD_LUCK_H

#include <sched.h>
#include <sys/mount.h>

#include "process/segment.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static const char *const kinds[] = {"posix:", "file:", "sysv:", "memfd:", "anonymous:"};
enum { KINDS = 5, NAMED_KINDS = 3 };

__attribute__((unused)) static const char *domain(void) {
    return getenv("SAMEPAGE_DOMAIN");
}

__attribute__((unused)) static const char *in_domain(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", domain(), name);
    return path;
}

__attribute__((unused)) static int count_segment(void *context, const spg_domain_entry *entry) {
    *(int *)context += entry->kind == SPG_ENTRY_SEGMENT;
    return 0;
}

__attribute__((unused)) static int segments_on_record(void) {
    int count = 0;
    CHECK_OK(spg_domain_list(NULL, count_segment, &count));
    return count;
}

/* How many are open, without the two that the process's node keeps in its domain. */
__attribute__((unused)) static int descriptors(void) {
    int others = 0, of_node = 0;
    struct dirent *entry;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && (entry = readdir(directory))) {
        char target[300] = "";
        if (readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1) < 0) continue;
        if (strncmp(target, domain(), strlen(domain())) == 0) of_node++;
        else others++;
    }
    if (directory) closedir(directory);
    return others + (of_node > 2 ? of_node - 2 : 0);
}

__attribute__((unused)) static void join_domain(void *argument) {
    uint64_t id;
    (void)argument;
    CHECK_OK(spg_node_id(NULL, &id));
}

/* From now on /dev/shm, and the domain on it, is this file system. */
__attribute__((unused)) static void live_on(const char *options) {
    if (unshare(CLONE_NEWNS) < 0) SKIP("may not have a mount namespace: %s", strerror(errno));
    CHECK_INT(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_INT(0, mount("tmpfs", "/dev/shm", "tmpfs", 0, options));
}

/* Tries to create and expects this; nothing may be left of it. */
__attribute__((unused)) static void refuse(int expected, const char *name, size_t size,
                                           const spg_segment_options *options) {
    spg_segment *untouched = (spg_segment *)(void *)&untouched, *segment = untouched;
    int before = descriptors();
    int result = spg_segment_create(&segment, name, size, options);
    if (result != expected) {
        FAIL("%s, %zu bytes: %s, not %s: %s", name, size, spg_error_name(result),
             spg_error_name(expected), spg_error_detail());
    }
    CHECK_DETAIL(name);
    CHECK(segment == untouched);
    CHECK_INT(before, descriptors());
}

__attribute__((unused)) static void check_works(const char *name, size_t size,
                                                const spg_segment_options *options) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, name, size, options));
    memset(spg_segment_address(segment), 1, size);
    char told[300];
    snprintf(told, sizeof told, "%s", spg_segment_name(segment));
    CHECK_OK(spg_segment_close(segment));
    if (strncmp(told, "memfd:", 6) == 0 || strncmp(told, "anonymous:", 10) == 0) return;
    if (!options || options->lifetime == SPG_KEEP) CHECK_OK(spg_segment_unlink(told));
}

#endif
