/* doctor_login.c: does the login manager remove the user's shared memory when he logs out? That of
 * systemd does for users who are not the system's, unless RemoveIPC=no is set: it deletes all that
 * they own in /dev/shm and System V, also under programs that run on. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "print.h"

enum { DROP_INS_MAX = 64, FIRST_USER = 1000 };

struct drop_in {
    char path[300];
    const char *name; /* its last component */
};

static bool is_yes(const char *value) {
    return strcmp(value, "1") == 0 || strcasecmp(value, "yes") == 0 ||
           strcasecmp(value, "y") == 0 || strcasecmp(value, "true") == 0 ||
           strcasecmp(value, "t") == 0 || strcasecmp(value, "on") == 0;
}

/* The last setting wins; one that is commented out is none. */
static void read_setting(const char *path, bool *remove, char *where, size_t size) {
    char line[512], value[64];
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, " RemoveIPC = %63s", value) != 1) continue;
        *remove = is_yes(value);
        snprintf(where, size, "%s", path);
    }
    if (file) fclose(file);
}

static size_t find_drop_ins(struct drop_in *found, size_t count, const char *directory) {
    DIR *opened = opendir(directory);
    const struct dirent *entry;
    while (opened && count < DROP_INS_MAX && (entry = readdir(opened))) {
        size_t length = strlen(entry->d_name), i = 0;
        if (length < 6 || length > 200 || strcmp(entry->d_name + length - 5, ".conf") != 0)
            continue;
        while (i < count && strcmp(found[i].name, entry->d_name) != 0) i++;
        snprintf(found[i].path, sizeof found[i].path, "%s/%s", directory, entry->d_name);
        found[i].name = found[i].path + strlen(directory) + 1;
        count += i == count;
    }
    if (opened) closedir(opened);
    return count;
}

static int by_name(const void *left, const void *right) {
    const char *const *left_name = left, *const *right_name = right;
    return strcmp(strrchr(*left_name, '/'), strrchr(*right_name, '/'));
}

/* Drop-ins are read in the order of their names, after the main file; of two with one name the one
 * in the folder listed last here counts. */
static bool removes(char *where, size_t size) {
    static const char *const mains[] = {"/usr/lib/systemd/logind.conf", "/run/systemd/logind.conf",
                                        "/etc/systemd/logind.conf"};
    static const char *const folders[] = {
        "/usr/lib/systemd/logind.conf.d", "/usr/local/lib/systemd/logind.conf.d",
        "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"};
    static struct drop_in found[DROP_INS_MAX];
    const char *paths[DROP_INS_MAX];
    bool remove = true;
    size_t count = 0;
    snprintf(where, size, "by default");
    for (int i = 2; i >= 0; i--) {
        if (access(mains[i], R_OK) != 0) continue;
        read_setting(mains[i], &remove, where, size);
        break;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        count = find_drop_ins(found, count, folders[i]);
    for (size_t i = 0; i < count; i++) paths[i] = found[i].path;
    if (count > 0) qsort(paths, count, sizeof *paths, by_name);
    for (size_t i = 0; i < count; i++) read_setting(paths[i], &remove, where, size);
    return remove;
}

static bool has_login_manager(void) {
    return access("/run/systemd/seats", F_OK) == 0 &&
           (access("/usr/lib/systemd/systemd-logind", X_OK) == 0 ||
            access("/lib/systemd/systemd-logind", X_OK) == 0);
}

/* The largest number of a user of the system. */
static unsigned long last_system_user(void) {
    char line[256];
    unsigned long last = FIRST_USER - 1;
    FILE *file = fopen("/etc/login.defs", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, " SYS_UID_MAX %lu", &last) == 1) break;
    }
    if (file) fclose(file);
    return last;
}

static bool lingers(void) {
    char path[128], user[64];
    snprintf(path, sizeof path, "/var/lib/systemd/linger/%s", user_text(user, (uint32_t)getuid()));
    return access(path, F_OK) == 0;
}

void examine_login_manager(void) {
    char where[320];
    if (!has_login_manager()) {
        report(WEIGHT_OK, "logging out", NULL,
               "no login manager of systemd runs here: nothing is removed");
    } else if (!removes(where, sizeof where)) {
        report(WEIGHT_OK, "logging out", NULL, "RemoveIPC is no (%s): nothing is removed", where);
    } else if (getuid() <= last_system_user() || getuid() == 65534) {
        report(WEIGHT_OK, "logging out", NULL,
               "RemoveIPC is yes (%s), but not for users of the system as this one", where);
    } else if (lingers()) {
        report(WEIGHT_OK, "logging out", NULL, "RemoveIPC is yes (%s), but this user lingers",
               where);
    } else {
        report(WEIGHT_NOTE, "logging out",
               "programs that run on lose their shared memory: set RemoveIPC=no, or loginctl "
               "enable-linger",
               "RemoveIPC is yes (%s): all of this user's is removed when his last session ends",
               where);
    }
}
