/* users.c: who has a segment mapped, from /proc/PID/maps by device and inode; System V segments
 * appear there with their identifier as inode and a name of their own. */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "facts.h"
#include "print.h"

/* Identifiers of System V count within one IPC namespace. Doubt means the same. */
static bool shares_ipc(const char *pid) {
    struct stat own, other;
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/ns/ipc", pid);
    if (stat("/proc/self/ns/ipc", &own) != 0 || stat(path, &other) != 0) return true;
    return own.st_ino == other.st_ino;
}

/* Is this line of maps a mapping of the segment? If so, whether it can be written. */
static bool is_of(const char *line, const struct facts *facts, bool *writes) {
    char access[8];
    unsigned device_major, device_minor;
    uint64_t inode;
    int path = 0;
    if (sscanf(line, "%*x-%*x %7s %*x %x:%x %" SCNu64 " %n", access, &device_major, &device_minor,
               &inode, &path) != 4 ||
        inode != facts->number) {
        return false;
    }
    *writes = access[1] == 'w' && access[3] == 's';
    if (facts->sysv) return path > 0 && strncmp(line + path, "/SYSV", 5) == 0;
    return makedev(device_major, device_minor) == facts->device;
}

void command_of(char *command, size_t size, unsigned pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(command, (int)size, file)) *command = '\0';
    command[strcspn(command, "\n")] = '\0';
    if (file) fclose(file);
}

static void add(struct users *users, const char *pid, uint32_t uid, bool writes) {
    if (users->count == users->room) {
        users->room = users->room ? 2 * users->room : 16;
        users->list = must_have(realloc(users->list, users->room * sizeof *users->list));
    }
    struct user *user = &users->list[users->count++];
    *user = (struct user){.pid = (unsigned)strtoul(pid, NULL, 10), .uid = uid, .writes = writes};
    command_of(user->command, sizeof user->command, user->pid);
}

/* A process may end while we look: what cannot be opened because it is gone is nobody. */
static void look_into(struct users *users, const struct facts *facts, const char *pid) {
    char path[64], *line = NULL;
    size_t room = 0;
    struct stat status;
    bool maps = false, writes = false;
    snprintf(path, sizeof path, "/proc/%.20s/maps", pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        users->unreadable += stat(path, &status) == 0;
        return;
    }
    while (getline(&line, &room, file) > 0) {
        bool writable;
        if (!is_of(line, facts, &writable)) continue;
        maps = true;
        writes = writes || writable;
    }
    if (fstat(fileno(file), &status) != 0) status.st_uid = 0;
    fclose(file);
    free(line);
    if (maps && (!facts->sysv || shares_ipc(pid))) add(users, pid, status.st_uid, writes);
}

void users_find(struct users *users, const struct facts *facts) {
    *users = (struct users){NULL, 0, 0, 0};
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (isdigit((unsigned char)entry->d_name[0])) look_into(users, facts, entry->d_name);
    }
    if (directory) closedir(directory);
}

void users_free(struct users *users) {
    free(users->list);
}
