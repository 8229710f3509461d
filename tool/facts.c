/* facts.c: see facts.h. */
#include "facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "print.h"

static const char *after_kind(const char *name) {
    return strchr(name, ':') + 1;
}

/* The library has accepted the name, so only its spelling is open. */
static void spell(char *spelled, const char *name) {
    const char *rest = after_kind(name);
    if (strncmp(name, "posix:", 6) == 0 && *rest != '/') {
        snprintf(spelled, NAME_BYTES, "posix:/%s", rest);
    } else if (strncmp(name, "sysv:", 5) == 0 && *rest >= '0' && *rest <= '9') {
        unsigned long key = strtoul(rest, NULL, strncmp(rest, "0x", 2) == 0 ? 16 : 10);
        snprintf(spelled, NAME_BYTES, "sysv:0x%lx", key);
    } else {
        snprintf(spelled, NAME_BYTES, "%s", name);
    }
}

/* ---- what the system knows ------------------------------------------------------------------- */

static int find_sysv(const char *name) {
    const char *rest = after_kind(name);
    const char *mark = strrchr(rest, '#');
    if (strncmp(rest, "id=", 3) == 0) return atoi(rest + 3);
    if (*rest != '/') return shmget((key_t)strtoul(rest, NULL, 16), 0, 0);
    char *path = must_have(strndup(rest, mark ? (size_t)(mark - rest) : strlen(rest)));
    key_t key = ftok(path, mark ? atoi(mark + 1) : 0);
    free(path);
    return key == -1 ? -1 : shmget(key, 0, 0);
}

/* Everybody may read this table, also about segments that he may not. */
static bool read_sysv_table(struct facts *facts, int id) {
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/sysvipc/shm", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        int32_t key;
        int this_id;
        if (sscanf(line, "%" SCNd32 " %d %" SCNo32 " %" SCNu64 " %*d %*d %" SCNu64 " %" SCNu32,
                   &key, &this_id, &facts->mode, &facts->size, &facts->attached,
                   &facts->uid) != 6) {
            continue;
        }
        facts->key = (uint32_t)key;
        found = this_id == id;
    }
    if (file) fclose(file);
    return found;
}

static bool ask_sysv(struct facts *facts) {
    struct shmid_ds status;
    int id = find_sysv(facts->name);
    if (id < 0) return false;
    facts->number = (uint64_t)id;
    if (shmctl(id, IPC_STAT, &status) != 0) return errno == EACCES && read_sysv_table(facts, id);
    facts->size = status.shm_segsz;
    facts->mode = status.shm_perm.mode;
    facts->uid = status.shm_perm.uid;
    facts->attached = status.shm_nattch;
    facts->key = (uint32_t)status.shm_perm.__key;
    return true;
}

static bool ask_file(struct facts *facts) {
    struct stat status;
    char path[NAME_BYTES + 16];
    bool posix = strncmp(facts->name, "posix:", 6) == 0;
    snprintf(path, sizeof path, "%s%s", posix ? "/dev/shm" : "", after_kind(facts->name));
    if (stat(path, &status) != 0) return false;
    facts->size = (uint64_t)status.st_size;
    facts->allocated = (uint64_t)status.st_blocks * 512;
    facts->mode = status.st_mode;
    facts->uid = status.st_uid;
    facts->device = status.st_dev;
    facts->number = status.st_ino;
    return true;
}

/* ---- what Samepage knows --------------------------------------------------------------------- */

static int open_for_reading(spg_segment **segment, const char *name, uint8_t profile) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    options.profile = profile;
    return spg_segment_open(segment, name, &options);
}

/* Fills in the profile and the exact size. Returns what the library said if the name stands for
 * nothing it could open. */
static int ask_samepage(struct facts *facts, const char *name) {
    spg_segment *segment;
    int result = open_for_reading(&segment, name, SPG_MANAGED);
    if (result == 0) facts->profile = PROFILE_MANAGED;
    if (result == SPG_EVERSION || result == SPG_ECORRUPT) {
        facts->profile = PROFILE_MANAGED;
        facts->trouble = result;
        snprintf(facts->trouble_text, sizeof facts->trouble_text, "%s", spg_error_detail());
        return 0;
    }
    if (result == SPG_ETYPE) {
        facts->profile = PROFILE_BARE;
        result = open_for_reading(&segment, name, SPG_BARE);
    }
    if (result < 0) return result;
    facts->size = spg_segment_size(segment);
    snprintf(facts->name, sizeof facts->name, "%s", spg_segment_name(segment));
    spg_segment_close(segment);
    return 0;
}

int facts_read(struct facts *facts, const char *name) {
    memset(facts, 0, sizeof *facts);
    struct facts seen;
    memset(&seen, 0, sizeof seen);
    int result = ask_samepage(&seen, name);
    if (result == SPG_EINVAL || result == SPG_ENOTSUP) return complain_of(result);
    spell(facts->name, *seen.name ? seen.name : name);
    facts->sysv = strncmp(facts->name, "sysv:", 5) == 0;
    bool there = facts->sysv ? ask_sysv(facts) : ask_file(facts);
    if (result < 0 && !(there && result == SPG_EPERM)) return complain_of(result);
    if (result == 0 && seen.trouble == 0) facts->size = seen.size;
    facts->profile = seen.profile;
    facts->trouble = seen.trouble;
    memcpy(facts->trouble_text, seen.trouble_text, sizeof facts->trouble_text);
    if (entries_read(&facts->entries) == 0)
        facts->entry = entries_find(&facts->entries, facts->name);
    return EXIT_OK;
}

void facts_free(struct facts *facts) {
    entries_free(&facts->entries);
}
