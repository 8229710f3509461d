/* users.c: who has a segment mapped, from /proc/PID/maps by device and inode; System V segments
 * appear there with their identifier as inode and a name of their own. How many of its pages are
 * shared is read from smaps, which costs more, so only of those who have it mapped. */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "facts.h"
#include "json.h"
#include "print.h"

/* Identifiers of System V count within one IPC namespace. Doubt means the same. */
static bool shares_ipc(const char *pid) {
    struct stat own, other;
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/ns/ipc", pid);
    if (stat("/proc/self/ns/ipc", &own) != 0 || stat(path, &other) != 0) return true;
    return own.st_ino == other.st_ino;
}

/* Is this line of maps a mapping of the segment? If so, how: as in "rw-s". */
static bool is_of(const char *line, const struct facts *facts, char access[8]) {
    unsigned device_major, device_minor;
    uint64_t inode;
    int path = 0;
    if (sscanf(line, "%*x-%*x %7s %*x %x:%x %" SCNu64 " %n", access, &device_major, &device_minor,
               &inode, &path) != 4 ||
        inode != facts->number) {
        return false;
    }
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

static void add(struct users *users, const struct user *user) {
    if (users->count == users->room) {
        users->room = users->room ? 2 * users->room : 16;
        users->list = must_have(realloc(users->list, users->room * sizeof *users->list));
    }
    users->list[users->count++] = *user;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* A line of smaps below that of a mapping: "Rss:   4 kB". */
static void count_pages(struct pages *pages, const char *line) {
    const struct {
        const char *name;
        uint64_t *bytes;
    } fields[] = {
        {"Rss:", &pages->resident},
        {"Pss:", &pages->proportional},
        {"Shared_Clean:", &pages->shared_clean},
        {"Shared_Dirty:", &pages->shared_dirty},
        {"Private_Clean:", &pages->private_clean},
        {"Private_Dirty:", &pages->private_dirty},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t length = strlen(fields[i].name);
        if (strncmp(line, fields[i].name, length) != 0) continue;
        *fields[i].bytes += strtoull(line + length, NULL, 10) * 1024;
    }
}

static void read_pages(struct user *user, const struct facts *facts) {
    char path[64], access[8], *line = NULL;
    size_t room = 0;
    bool counts = false;
    snprintf(path, sizeof path, "/proc/%u/smaps", user->pid);
    FILE *file = fopen(path, "re");
    while (file && getline(&line, &room, file) > 0) {
        /* The line of a mapping begins with its address; the others with a capital letter. */
        bool begins = !isupper((unsigned char)*line);
        if (begins) counts = is_of(line, facts, access);
        else if (counts) count_pages(&user->pages, line);
    }
    if (file) fclose(file);
    free(line);
}

/* ---- who ------------------------------------------------------------------------------------- */

static bool read_maps(FILE *file, const struct facts *facts, struct user *user) {
    char access[8], *line = NULL;
    size_t room = 0;
    bool maps = false;
    while (getline(&line, &room, file) > 0) {
        if (!is_of(line, facts, access)) continue;
        maps = true;
        user->writes = user->writes || (access[1] == 'w' && access[3] == 's');
        user->copies = user->copies || access[3] == 'p';
    }
    free(line);
    return maps;
}

/* A process may end while we look: what cannot be opened because it is gone is nobody. */
static void look_into(struct users *users, const struct facts *facts, const char *pid) {
    char path[64];
    struct stat status;
    struct user user = {.pid = (unsigned)strtoul(pid, NULL, 10)};
    snprintf(path, sizeof path, "/proc/%.20s/maps", pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        users->unreadable += stat(path, &status) == 0;
        return;
    }
    bool maps = read_maps(file, facts, &user);
    if (fstat(fileno(file), &status) == 0) user.uid = status.st_uid;
    fclose(file);
    if (!maps || (facts->sysv && !shares_ipc(pid))) return;
    read_pages(&user, facts);
    command_of(user.command, sizeof user.command, user.pid);
    add(users, &user);
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

/* ---- telling --------------------------------------------------------------------------------- */

static const char *access_text(const struct user *user) {
    if (user->copies) return user->writes ? "reads, writes, copies" : "reads, copies";
    return user->writes ? "reads, writes" : "reads";
}

static void print_row(struct table *table, const struct user *user) {
    const struct pages *pages = &user->pages;
    char text[64];
    snprintf(text, sizeof text, "%u", user->pid);
    table_cell(table, text);
    table_cell(table, user_text(text, user->uid));
    table_cell(table, access_text(user));
    table_cell(table, size_text(text, pages->resident));
    table_cell(table, size_text(text, pages->shared_clean + pages->shared_dirty));
    table_cell(table, size_text(text, pages->private_clean + pages->private_dirty));
    table_cell(table, size_text(text, pages->proportional));
    table_cell(table, user->command);
}

void print_users(const struct users *users) {
    static const char *const titles[] = {">PID",    "USER",     "ACCESS", ">IN MEMORY",
                                         ">SHARED", ">PRIVATE", ">SHARE", "COMMAND"};
    struct table table;
    if (users->count > 0) {
        printf("\n");
        table_begin(&table, titles, 8);
        for (size_t i = 0; i < users->count; i++) print_row(&table, &users->list[i]);
        table_end(&table);
    }
    if (users->unreadable == 0) return;
    char text[SHORT_TEXT];
    remark("%s of others cannot be looked into, and may have it mapped too",
           count_text(text, users->unreadable, "process"));
}

static void pages_json(const struct pages *pages) {
    json_number("resident", pages->resident);
    json_number("proportional", pages->proportional);
    json_number("shared_clean", pages->shared_clean);
    json_number("shared_dirty", pages->shared_dirty);
    json_number("private_clean", pages->private_clean);
    json_number("private_dirty", pages->private_dirty);
}

void users_json(const struct users *users) {
    json_open("mapped_by", '[');
    for (size_t i = 0; i < users->count; i++) {
        const struct user *user = &users->list[i];
        json_open(NULL, '{');
        json_number("pid", user->pid);
        json_number("uid", user->uid);
        json_bool("writes", user->writes);
        json_bool("copies", user->copies);
        pages_json(&user->pages);
        json_text("command", user->command);
        json_close('}');
    }
    json_close(']');
    json_number("processes_not_readable", users->unreadable);
}
