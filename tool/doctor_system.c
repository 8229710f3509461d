/* doctor_system.c: what the system is and allows: limits, file system, pages, namespaces. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "print.h"

enum { TMPFS = 0x01021994, PERCENT_FULL = 90 };

static const uint64_t small_room = UINT64_C(256) << 20;

/* ---- limits ---------------------------------------------------------------------------------- */

static const char *limit_text(char *text, rlim_t limit, bool bytes) {
    if (limit == RLIM_INFINITY) return strcpy(text, "unlimited");
    if (bytes) return size_text(text, limit);
    snprintf(text, SHORT_TEXT, "%llu", (unsigned long long)limit);
    return text;
}

/* A limit below `least` deserves a note. */
static void examine_limit(int which, const char *subject, rlim_t least, bool bytes,
                          const char *advice) {
    struct rlimit limit;
    char soft[SHORT_TEXT], hard[SHORT_TEXT];
    if (getrlimit(which, &limit) != 0) return;
    bool low = limit.rlim_cur < least;
    limit_text(soft, limit.rlim_cur, bytes);
    limit_text(hard, limit.rlim_max, bytes);
    report(low ? WEIGHT_NOTE : WEIGHT_OK, subject, low ? advice : NULL,
           strcmp(soft, hard) == 0 ? "%s" : "%s, can be raised to %s", soft, hard);
}

void examine_limits(void) {
    examine_limit(RLIMIT_NOFILE, "open files", 256, false,
                  "each segment takes one; raise it with ulimit -n");
    examine_limit(RLIMIT_MEMLOCK, "locked memory", 8 << 20, true,
                  "larger segments cannot be locked; raise it with ulimit -l");
    examine_limit(RLIMIT_AS, "address space", RLIM_INFINITY, true,
                  "segments that do not fit cannot be mapped; lift it with ulimit -v unlimited");
    examine_limit(RLIMIT_FSIZE, "file size", RLIM_INFINITY, true,
                  "no larger segment can be made; lift it with ulimit -f unlimited");
}

/* ---- /dev/shm -------------------------------------------------------------------------------- */

/* The options of the mount that is on top at /dev/shm. */
static bool mount_options(char *options, size_t size) {
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && getline(&line, &room, file) > 0) {
        char place[256], own[256], super[512];
        const char *dash = strstr(line, " - ");
        if (sscanf(line, "%*s %*s %*s %*s %255s %255s", place, own) != 2 || !dash) continue;
        if (strcmp(place, "/dev/shm") != 0) continue;
        if (sscanf(dash, " - %*s %*s %511s", super) != 1) continue;
        snprintf(options, size, "%s,%s", own, strncmp(super, "rw,", 3) == 0 ? super + 3 : super);
        found = true;
    }
    free(line);
    if (file) fclose(file);
    return found;
}

static void examine_room(const struct statvfs *room) {
    char size[SHORT_TEXT], used[SHORT_TEXT];
    uint64_t total = (uint64_t)room->f_blocks * room->f_frsize;
    uint64_t taken = total - (uint64_t)room->f_bfree * room->f_frsize;
    const char *advice = NULL;
    size_text(size, total);
    size_text(used, taken);
    if (total == 0) {
        report(WEIGHT_OK, "/dev/shm size", NULL, "no limit of its own, %s used", used);
        return;
    }
    if (total < small_room)
        advice = "small; enlarge it: mount -o remount,size=1G /dev/shm, docker run --shm-size=1g";
    else if (taken / (total / 100) >= PERCENT_FULL)
        advice = "almost full; see samepage ls and ls -l /dev/shm";
    report(advice ? WEIGHT_NOTE : WEIGHT_OK, "/dev/shm size", advice, "%s, %s used", size, used);
    if (room->f_files == 0) return;
    bool few = room->f_ffree < 100;
    report(few ? WEIGHT_NOTE : WEIGHT_OK, "/dev/shm files",
           few ? "remove what is not needed" : NULL, "%" PRIu64 " more can be made",
           (uint64_t)room->f_ffree);
}

void examine_shared_memory(void) {
    struct statfs kind;
    struct statvfs room;
    char options[800] = "-";
    if (statfs("/dev/shm", &kind) != 0 || statvfs("/dev/shm", &room) != 0) {
        report(WEIGHT_PROBLEM, "/dev/shm", "mount -t tmpfs tmpfs /dev/shm", "%s", strerror(errno));
        return;
    }
    bool mounted = mount_options(options, sizeof options);
    if (kind.f_type != TMPFS) {
        report(WEIGHT_NOTE, "/dev/shm", "mount -t tmpfs tmpfs /dev/shm",
               "it is not in memory (no tmpfs)");
    } else if (access("/dev/shm", W_OK | X_OK) != 0) {
        report(WEIGHT_PROBLEM, "/dev/shm", "chmod 1777 /dev/shm, and mount it rw",
               "it cannot be written to: %s", strerror(errno));
    } else {
        report(WEIGHT_OK, "/dev/shm", NULL, "tmpfs%s%s", mounted ? ", " : "",
               mounted ? options : "");
    }
    examine_room(&room);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void examine_pool(const char *entry) {
    char path[300], subject[64], size[SHORT_TEXT];
    uint64_t total, unused, kilobytes;
    if (sscanf(entry, "hugepages-%" SCNu64 "kB", &kilobytes) != 1) return;
    snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/%s/nr_hugepages", entry);
    if (!read_number(path, &total)) return;
    snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/%s/free_hugepages", entry);
    if (!read_number(path, &unused)) return;
    snprintf(subject, sizeof subject, "pages of %s", size_text(size, kilobytes << 10));
    report(WEIGHT_OK, subject, NULL,
           total ? "%" PRIu64 " in the pool, %" PRIu64 " free"
                 : "none in the pool, so only who asks for them is refused",
           total, unused);
}

/* The word in brackets is the one that is set. */
static bool read_choice(const char *path, char *choice, size_t size) {
    char line[256];
    if (!read_line(path, line, sizeof line)) return false;
    const char *open = strchr(line, '[');
    size_t length = open ? strcspn(open + 1, "]") : 0;
    if (length == 0 || length >= size) return false;
    memcpy(choice, open + 1, length);
    choice[length] = '\0';
    return true;
}

void examine_huge_pages(void) {
    char choice[32];
    DIR *directory = opendir("/sys/kernel/mm/hugepages");
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) examine_pool(entry->d_name);
    if (directory) closedir(directory);
    if (!read_choice("/sys/kernel/mm/transparent_hugepage/shmem_enabled", choice, sizeof choice)) {
        report(WEIGHT_OK, "transparent ones", NULL, "this kernel has none for shared memory");
        return;
    }
    bool never = strcmp(choice, "never") == 0 || strcmp(choice, "deny") == 0;
    report(never ? WEIGHT_NOTE : WEIGHT_OK, "transparent ones",
           never ? "SPG_HUGE_TRANSPARENT gets none; echo advise > "
                   "/sys/kernel/mm/transparent_hugepage/shmem_enabled allows them"
                 : NULL,
           "for shared memory: %s", choice);
}

void examine_numa(void) {
    char nodes[128];
    if (!read_line("/sys/devices/system/node/online", nodes, sizeof nodes)) {
        report(WEIGHT_OK, "NUMA", NULL, "the kernel does not tell of nodes");
    } else if (strpbrk(nodes, "-,")) {
        report(WEIGHT_NOTE, "NUMA", "place segments with numa_node, near those who use them",
               "nodes %s", nodes);
    } else {
        report(WEIGHT_OK, "NUMA", NULL, "one node");
    }
}

/* ---- System V -------------------------------------------------------------------------------- */

/* The kernel's own defaults are as good as none. */
static const char *sysv_limit(char *text, uint64_t bytes) {
    return bytes >> 60 ? strcpy(text, "unlimited size") : size_text(text, bytes);
}

void examine_sysv(void) {
    uint64_t largest, pages, count;
    char largest_text[SHORT_TEXT], all_text[SHORT_TEXT];
    if (!read_number("/proc/sys/kernel/shmmax", &largest) ||
        !read_number("/proc/sys/kernel/shmall", &pages) ||
        !read_number("/proc/sys/kernel/shmmni", &count)) {
        report(WEIGHT_NOTE, "System V limits", "use posix: or file: segments",
               "the kernel does not tell them");
        return;
    }
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t all = pages > UINT64_MAX / page ? UINT64_MAX : pages * page;
    bool low = largest < small_room || all < small_room;
    report(low ? WEIGHT_NOTE : WEIGHT_OK, "System V limits",
           low ? "raise them: sysctl kernel.shmmax and kernel.shmall" : NULL,
           "%" PRIu64 " segments of at most %s, %s in all", count,
           sysv_limit(largest_text, largest), sysv_limit(all_text, all));
}

/* ---- namespaces ------------------------------------------------------------------------------ */

/* The first namespace of each kind has had the same number since Linux 3.8. */
static bool is_first(const char *kind, uint64_t first, bool *known) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    *known = stat(path, &status) == 0;
    return *known && status.st_ino == first;
}

static void examine_namespace(const char *kind, uint64_t first, const char *subject,
                              const char *meaning) {
    bool known;
    bool same = is_first(kind, first, &known);
    if (!known)
        report(WEIGHT_NOTE, subject, "mount /proc to know", "it cannot be known which one this is");
    else if (same) report(WEIGHT_OK, subject, NULL, "that of the machine");
    else report(WEIGHT_NOTE, subject, meaning, "one of its own");
}

static const char *container(void) {
    static char kind[64];
    if (getenv("container")) return getenv("container");
    if (read_line("/run/systemd/container", kind, sizeof kind)) return kind;
    if (access("/run/.containerenv", F_OK) == 0) return "podman";
    if (access("/.dockerenv", F_OK) == 0) return "docker";
    return getenv("KUBERNETES_SERVICE_HOST") ? "kubernetes" : NULL;
}

void examine_namespaces(void) {
    examine_namespace("pid", 0xEFFFFFFC, "PID namespace",
                      "pids of nodes outside are shown as -; liveness is not affected");
    examine_namespace(
        "ipc", 0xEFFFFFFF, "IPC namespace",
        "sysv: segments are seen only inside; share it with --ipc=host, or use file:");
    examine_namespace("user", 0xEFFFFFFD, "user namespace",
                      "users outside have other numbers; check who may open what");
    const char *kind = container();
    if (!kind) report(WEIGHT_OK, "container", NULL, "no sign of one");
    else
        report(WEIGHT_NOTE, "container",
               "to share with others outside, mount one directory in both and name it "
               "in SAMEPAGE_DOMAIN",
               "there are signs of %s", kind);
}
