/* explain_evidence.c: gathers what the system and the first bytes of a segment tell. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "explain.h"
#include "print.h"

static const char shared_memory[] = "/dev/shm/";

/* ---- names ----------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* The file of a channel: a slash in the name is written out. */
static int find_channel(struct evidence *evidence, const char *name, const char *rest) {
    size_t kind = strcspn(name, ":");
    int result = spg_domain_path(NULL, evidence->path, NAME_BYTES / 2);
    if (result < 0) return complain_of(result);
    size_t length = strlen(evidence->path);
    evidence->path[length++] = '/';
    for (; *rest && length < NAME_BYTES - 64; rest++) {
        if (*rest != '/') evidence->path[length++] = *rest;
        else length += (size_t)sprintf(evidence->path + length, "%%2F");
    }
    snprintf(evidence->path + length, 64, ".%.*s", (int)kind, name);
    snprintf(evidence->facts.name, NAME_BYTES, "%s", name);
    evidence->is_channel = true;
    return EXIT_OK;
}

/* A name without its kind is a path, or that of POSIX shared memory. */
static int find_file(struct evidence *evidence, const char *name) {
    const char *rest = name;
    bool posix = begins(name, "posix:");
    if (posix) rest = name[6] == '/' ? name + 7 : name + 6;
    else if (begins(name, "file:")) rest = name + 5;
    else if (begins(name, shared_memory)) rest = name + strlen(shared_memory);
    else if (begins(name, "memfd:") || begins(name, "anonymous:"))
        return wrong_use("%s: what has no name in the system cannot be looked up", name);
    bool leaf = (posix || rest == name || begins(name, shared_memory)) && !strchr(rest, '/');
    if (*rest == '\0' || strlen(rest) >= NAME_BYTES - 16 || (posix && !leaf)) {
        return wrong_use("%s is no name of a segment; see samepage explain --help", name);
    }
    if (leaf) {
        snprintf(evidence->path, sizeof evidence->path, "%s%s", shared_memory, rest);
        snprintf(evidence->facts.name, NAME_BYTES, "posix:/%s", rest);
        return EXIT_OK;
    }
    if (begins(name, "file:")) name = rest;
    snprintf(evidence->path, sizeof evidence->path, "%s", name);
    snprintf(evidence->facts.name, NAME_BYTES, "file:%.*s", NAME_BYTES - 16, name);
    return EXIT_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void read_bytes(struct evidence *evidence, int file) {
    ssize_t more;
    while (evidence->count < EVIDENCE_BYTES &&
           (more = pread(file, evidence->bytes + evidence->count, EVIDENCE_BYTES - evidence->count,
                         (off_t)evidence->count)) > 0) {
        evidence->count += (size_t)more;
    }
}

static void take_status(struct facts *facts, const struct stat *status) {
    facts->size = (uint64_t)status->st_size;
    facts->allocated = (uint64_t)status->st_blocks * 512;
    facts->mode = status->st_mode;
    facts->uid = status->st_uid;
    facts->device = status->st_dev;
    facts->number = status->st_ino;
}

/* O_NONBLOCK: it may be a FIFO. */
static int look_at_file(struct evidence *evidence) {
    struct stat status;
    int file = open(evidence->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    evidence->is_unreadable = file < 0 && errno == EACCES;
    int result = file < 0 ? stat(evidence->path, &status) : fstat(file, &status);
    int reason = errno;
    if (result == 0 && file >= 0 && S_ISREG(status.st_mode)) read_bytes(evidence, file);
    if (file >= 0) close(file);
    if (result != 0) return complain("%s: %s", evidence->facts.name, strerror(reason));
    if (!S_ISREG(status.st_mode)) {
        return complain("%s: it is no file, so no memory that can be shared", evidence->path);
    }
    take_status(&evidence->facts, &status);
    evidence->leaf = strrchr(evidence->path, '/') ? strrchr(evidence->path, '/') + 1
                                                  : evidence->path;
    return EXIT_OK;
}

/* ---- System V -------------------------------------------------------------------------------- */

struct wanted {
    bool by_id;
    uint64_t number;
};

static bool read_wanted(struct wanted *wanted, const char *rest) {
    char path[NAME_BYTES], *end;
    const char *mark = strrchr(rest, '#');
    if (*rest == '/') {
        if (!mark || (size_t)(mark - rest) >= sizeof path) return false;
        snprintf(path, sizeof path, "%.*s", (int)(mark - rest), rest);
        key_t key = ftok(path, atoi(mark + 1));
        *wanted = (struct wanted){false, (uint32_t)key};
        return key != -1;
    }
    wanted->by_id = begins(rest, "id=");
    if (wanted->by_id) rest += 3;
    wanted->number = strtoull(rest, &end, begins(rest, "0x") ? 16 : 10);
    return *rest >= '0' && *rest <= '9' && *end == '\0' && (wanted->by_id || wanted->number > 0);
}

/* Everybody may read this table, also about segments that he may not. It is read before anything
 * else, since to attach a segment changes what it says. */
static bool read_row(struct evidence *evidence, const struct wanted *wanted) {
    char line[512];
    bool found = false;
    struct facts *facts = &evidence->facts;
    FILE *file = fopen("/proc/sysvipc/shm", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        int32_t key;
        if (sscanf(line,
                   "%" SCNd32 " %" SCNu64 " %" SCNo32 " %" SCNu64 " %u %u %" SCNu64 " %" SCNu32,
                   &key, &facts->number, &facts->mode, &facts->size, &evidence->creator,
                   &evidence->last, &facts->attached, &facts->uid) != 8) {
            continue;
        }
        facts->key = (uint32_t)key;
        found = wanted->number == (wanted->by_id ? facts->number : facts->key);
    }
    if (file) fclose(file);
    evidence->is_removed = (facts->mode & SHM_DEST) != 0;
    if (evidence->last == (unsigned)getpid()) evidence->last = 0; /* we have looked it up */
    return found;
}

/* Nobody can make it smaller while we have it. */
static void copy_attached(struct evidence *evidence) {
    struct shmid_ds status;
    const void *address = shmat((int)evidence->facts.number, NULL, SHM_RDONLY);
    evidence->is_unreadable = address == (void *)-1;
    if (evidence->is_unreadable) return;
    if (shmctl((int)evidence->facts.number, IPC_STAT, &status) == 0) {
        evidence->count = status.shm_segsz < EVIDENCE_BYTES ? status.shm_segsz : EVIDENCE_BYTES;
        memcpy(evidence->bytes, address, evidence->count);
    }
    shmdt(address);
}

static int look_at_sysv(struct evidence *evidence, const char *name) {
    struct wanted wanted = {false, 0};
    const char *rest = name + 5;
    if (!read_wanted(&wanted, rest)) {
        return wrong_use("%s: a key follows, as in sysv:0x5eed or sysv:/etc/hosts#7, or id=N, as "
                         "ipcs shows it",
                         name);
    }
    if (!read_row(evidence, &wanted)) return complain("%s: nothing has this name", name);
    if (*rest == '/' || wanted.by_id) snprintf(evidence->facts.name, NAME_BYTES, "%s", name);
    else snprintf(evidence->facts.name, NAME_BYTES, "sysv:0x%" PRIx32, evidence->facts.key);
    evidence->facts.sysv = true;
    copy_attached(evidence);
    return EXIT_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What a name of Qt's stands for the library alone knows, and only of what is there. */
static int resolve(const char *name, char *meant) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    int result = spg_segment_open(&segment, name, &options);
    if (result < 0) return complain_of(result);
    snprintf(meant, NAME_BYTES, "%s", spg_segment_name(segment));
    spg_segment_close(segment);
    return EXIT_OK;
}

static int look(struct evidence *evidence, const char *name) {
    char meant[NAME_BYTES];
    const char *rest;
    if (begins(name, "qt:")) {
        int status = resolve(name, meant);
        if (status != EXIT_OK) return status;
        name = meant;
    }
    if (begins(name, "sysv:")) return look_at_sysv(evidence, name);
    int status = channel_kind_of_name(name, &rest) ? find_channel(evidence, name, rest)
                                                   : find_file(evidence, name);
    return status == EXIT_OK ? look_at_file(evidence) : status;
}

int evidence_read(struct evidence *evidence, const char *name) {
    memset(evidence, 0, sizeof *evidence);
    evidence->leaf = "";
    evidence->bytes = must_have(calloc(1, EVIDENCE_BYTES));
    int status = look(evidence, name);
    if (status != EXIT_OK) return status;
    users_find(&evidence->users, &evidence->facts);
    if (entries_read(&evidence->facts.entries) == 0) {
        evidence->facts.entry = entries_find(&evidence->facts.entries, evidence->facts.name);
    }
    return EXIT_OK;
}

void evidence_free(struct evidence *evidence) {
    users_free(&evidence->users);
    facts_free(&evidence->facts);
    free(evidence->bytes);
}

uint32_t evidence_32(const struct evidence *evidence, size_t offset) {
    uint32_t number = 0;
    if (offset <= evidence->count && evidence->count - offset >= sizeof number)
        memcpy(&number, evidence->bytes + offset, sizeof number);
    return number;
}

uint64_t evidence_64(const struct evidence *evidence, size_t offset) {
    uint64_t number = 0;
    if (offset <= evidence->count && evidence->count - offset >= sizeof number)
        memcpy(&number, evidence->bytes + offset, sizeof number);
    return number;
}
