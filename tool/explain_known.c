/* explain_known.c: the programs and libraries whose segments are known by their names or bytes.
 * What stands here was read in their sources or seen in what they make; each is bounds-checked, and
 * a number that does not fit the segment's size makes it something else. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>

#include "explain.h"
#include "print.h"

void finding_note(struct finding *finding, const char *format, ...) {
    va_list arguments;
    if (finding->count == NOTES_MAX) return;
    va_start(arguments, format);
    vsnprintf(finding->notes[finding->count++], NOTE_TEXT, format, arguments);
    va_end(arguments);
}

static void find(struct finding *finding, const char *what, const char *title,
                 enum sureness sureness) {
    finding->what = what;
    finding->title = title;
    finding->sureness = sureness;
}

static bool is_posix(const struct evidence *evidence) {
    return strncmp(evidence->facts.name, "posix:", 6) == 0;
}

/* What follows a beginning of the leaf, or NULL. */
static const char *after(const struct evidence *evidence, const char *beginning) {
    size_t length = strlen(beginning);
    return strncmp(evidence->leaf, beginning, length) == 0 ? evidence->leaf + length : NULL;
}

static bool is_all(const char *text, const char *of) {
    return *text != '\0' && text[strspn(text, of)] == '\0';
}

static bool is_gone(uint32_t thread) {
    return thread > 0 && thread < INT32_MAX && kill((pid_t)thread, 0) != 0 && errno == ESRCH;
}

/* ---- Boost.Interprocess ---------------------------------------------------------------------- */

/* The locks lie among the first bytes, at places that differ between versions: those of the C
 * library, shared between processes. Was one left taken? */
static void note_locks(const struct evidence *evidence, struct finding *finding) {
    for (size_t at = 16; at < 256; at += 8) {
        uint32_t lock = evidence_32(evidence, at), owner = evidence_32(evidence, at + 8);
        uint32_t kind = evidence_32(evidence, at + 16);
        if (lock == 0 || (kind & ~0x11u) != 0x80 || !is_gone(owner)) continue;
        finding_note(finding,
                     "a lock in it is held by thread %" PRIu32 ", which is gone: who waits "
                     "for it waits for ever",
                     owner);
        return;
    }
}

/* The segment manager keeps the size of what follows the state word. */
static bool has_boost_manager(const struct evidence *evidence) {
    for (size_t offset = 16; offset < 256; offset += 8) {
        if (evidence_64(evidence, offset) == evidence->facts.size - 16) return true;
    }
    return false;
}

static bool has_boost_queue(const struct evidence *evidence) {
    uint64_t index = 16 + evidence_64(evidence, 16), most = evidence_64(evidence, 24);
    uint64_t bytes = evidence_64(evidence, 32), size = evidence->facts.size;
    return index % 8 == 0 && index > 48 && index < size && most >= 1 && most < size / 8 &&
           bytes >= 1 && bytes < size && most <= size / (bytes + 16) &&
           evidence_64(evidence, 40) <= most;
}

void recognise_boost(const struct evidence *evidence, struct finding *finding) {
    uint32_t state = evidence_32(evidence, 0);
    bool padded = evidence_32(evidence, 4) == 0 && evidence_64(evidence, 8) == 0;
    if (evidence->facts.size < 64 || state < 1 || state > 3 || !padded) return;
    if (has_boost_manager(evidence)) {
        find(finding, "boost-managed", "a managed segment of Boost.Interprocess", CERTAIN);
    } else if (has_boost_queue(evidence)) {
        find(finding, "boost-message-queue", "a message queue of Boost.Interprocess", LIKELY);
        finding_note(finding, "%" PRIu64 " of %" PRIu64 " messages, of at most %" PRIu64 " bytes",
                     evidence_64(evidence, 40), evidence_64(evidence, 24),
                     evidence_64(evidence, 32));
    } else if (evidence_32(evidence, 32) == 0x80) {
        find(finding, "boost-object", "a named object of Boost.Interprocess, such as a condition",
             POSSIBLE);
    } else {
        return;
    }
    note_locks(evidence, finding);
    if (state == 1) finding_note(finding, "it is being made, or who made it died in the middle");
    if (state == 3) finding_note(finding, "it is marked as corrupt: who made it failed");
    snprintf(finding->advice, NOTE_TEXT,
             "Its layout depends on the compiler and on Boost's version: open it by Boost");
}

/* ---- Qt -------------------------------------------------------------------------------------- */

static const char qt_memory[] = "qipc_sharedmemory_";

/* The letters of the key, and 40 digits of SHA-1. */
static void note_qt_key(struct finding *finding, const char *rest) {
    size_t length = strlen(rest);
    size_t letters = length > 40 ? length - 40 : 0;
    if (letters > 0 && letters <= 100) {
        finding_note(finding, "the letters of its key are %.*s", (int)letters, rest);
    }
}

static void find_qt(struct finding *finding, const char *rest) {
    find(finding, "qt", "shared memory of Qt (QSharedMemory)", CERTAIN);
    note_qt_key(finding, rest);
}

/* The file of Qt's in this directory that a System V key was made of. */
static bool find_key_file(const char *directory, uint32_t key, char *path, size_t size) {
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    bool found = false;
    while (stream && !found && (entry = readdir(stream))) {
        if (strncmp(entry->d_name, qt_memory, strlen(qt_memory)) != 0) continue;
        snprintf(path, size, "%s/%s", directory, entry->d_name);
        found = (uint32_t)ftok(path, 'Q') == key;
    }
    if (stream) closedir(stream);
    return found;
}

void recognise_qt(const struct evidence *evidence, struct finding *finding) {
    char path[NAME_BYTES];
    const char *rest = after(evidence, qt_memory), *temporary = getenv("TMPDIR");
    if (rest && is_posix(evidence)) {
        find_qt(finding, rest);
        finding_note(finding, "Qt never removes one of this kind");
        return;
    }
    if (!evidence->facts.sysv || evidence->facts.key >> 24 != 'Q') return;
    if (find_key_file(temporary ? temporary : "/tmp", evidence->facts.key, path, sizeof path) ||
        find_key_file("/tmp", evidence->facts.key, path, sizeof path)) {
        find_qt(finding, strrchr(path, '/') + 1 + strlen(qt_memory));
        finding_note(finding, "its key was made of the file %s", path);
        snprintf(finding->advice, NOTE_TEXT, "With it goes its file: rm %.200s", path);
    } else {
        find(finding, "qt", "shared memory of Qt (QSharedMemory)", POSSIBLE);
        finding_note(finding, "its key has the letter Q as Qt's have, but the file that it was "
                              "made of is not in the temporary directory");
    }
}

/* ---- Python ---------------------------------------------------------------------------------- */

/* A count, offsets that only grow, and after the data a format and a code for each item. */
static bool is_shareable_list(const struct evidence *evidence, uint64_t *count) {
    uint64_t size = evidence->count, last = 0;
    *count = evidence_64(evidence, 0);
    if (*count < 1 || *count > size / 16 || evidence_64(evidence, 8) != 0) return false;
    for (uint64_t i = 0; i <= *count; i++) {
        uint64_t offset = evidence_64(evidence, (size_t)(8 + 8 * i));
        if (offset < last || offset > size) return false;
        last = offset;
    }
    uint64_t formats = 8 + 8 * (*count + 1) + last;
    if (last == 0 || formats > size || *count > (size - formats) / 9) return false;
    for (uint64_t i = 0; i < *count; i++) {
        if (!strchr("qdsx0123456789", evidence->bytes[formats + 8 * i])) return false;
        if (evidence->bytes[formats + 8 * i] == '\0') return false;
    }
    return true;
}

void recognise_python(const struct evidence *evidence, struct finding *finding) {
    const char *rest = after(evidence, "psm_");
    uint64_t count;
    bool list = is_shareable_list(evidence, &count);
    bool named = rest && strlen(rest) == 8 && is_all(rest, "0123456789abcdef");
    if (!is_posix(evidence) || (!named && !list)) return;
    find(finding, "python", "a block of Python's multiprocessing.shared_memory",
         named ? CERTAIN : POSSIBLE);
    if (list) finding_note(finding, "it has the form of a ShareableList of %" PRIu64, count);
    finding_note(finding, "before Python 3.13 whoever attaches it removes it when he ends");
    finding->cares_for_itself = named;
}

/* ---- PHP ------------------------------------------------------------------------------------- */

static uint64_t count_php_variables(const struct evidence *evidence, uint64_t at, uint64_t end) {
    uint64_t count = 0;
    if (end > evidence->count) end = evidence->count;
    while (at + 24 <= end) {
        uint64_t next = evidence_64(evidence, (size_t)at + 16);
        if (next < 24 || next > end - at) break;
        count++;
        at += next;
    }
    return count;
}

void recognise_php(const struct evidence *evidence, struct finding *finding) {
    uint64_t start = evidence_64(evidence, 8), end = evidence_64(evidence, 16);
    uint64_t free_bytes = evidence_64(evidence, 24), total = evidence_64(evidence, 32);
    if (!evidence->facts.sysv || evidence->count < 40) return;
    if (memcmp(evidence->bytes, "PHP_SM\0\0", 8) != 0) return;
    bool sound = start == 40 && end >= start && end <= total && total <= evidence->facts.size &&
                 free_bytes == total - end;
    find(finding, "php-sysvshm", "variables of PHP (sysvshm)", CERTAIN);
    if (sound) {
        finding_note(finding, "%" PRIu64 " variables, %" PRIu64 " of %" PRIu64 " bytes free",
                     count_php_variables(evidence, start, end), free_bytes, total);
    } else {
        finding_note(finding, "its numbers cannot be right: PHP would trust them, and may crash");
    }
}

/* ---- PostgreSQL ------------------------------------------------------------------------------ */

enum { PG_MAIN = 679834894, PG_HANDLES = 0x9a503d32 & 0x7fffffff };

static void recognise_pg_main(const struct evidence *evidence, struct finding *finding) {
    uint64_t total = evidence_64(evidence, 8);
    if (evidence_32(evidence, 0) != PG_MAIN || total == 0) return;
    find(finding, "postgresql", "the main segment of a PostgreSQL server", CERTAIN);
    finding->creator = evidence_32(evidence, 4);
    finding_note(finding, "its server's first process was %u", finding->creator);
    if (evidence_32(evidence, 24)) {
        finding_note(finding, "its list of further segments is posix:/PostgreSQL.%" PRIu32,
                     evidence_32(evidence, 24));
    }
}

void recognise_postgresql(const struct evidence *evidence, struct finding *finding) {
    const char *rest = after(evidence, "PostgreSQL.");
    if (evidence->facts.sysv && evidence->count >= 56) recognise_pg_main(evidence, finding);
    if (rest && is_posix(evidence) && is_all(rest, "0123456789")) {
        find(finding, "postgresql", "a segment of a PostgreSQL server", CERTAIN);
        if ((evidence_32(evidence, 0) & 0x7fffffff) == PG_HANDLES) {
            finding_note(finding, "it is the list of the server's further segments");
        }
    }
    finding->cares_for_itself = finding->sureness != NOT_SURE;
    if (finding->cares_for_itself) {
        snprintf(finding->advice, NOTE_TEXT,
                 "A PostgreSQL server removes what its predecessor left when it is started again");
    }
}

/* ---- LMDB ------------------------------------------------------------------------------------ */

static const uint32_t lmdb_magic = 0xbeefc0de;

void recognise_lmdb(const struct evidence *evidence, struct finding *finding) {
    if (evidence->facts.sysv) return;
    if (evidence_32(evidence, 0) == lmdb_magic && evidence->count >= 128) {
        find(finding, "lmdb-lock", "the lock file of an LMDB database", CERTAIN);
        finding_note(finding, "its format word is 0x%" PRIx32, evidence_32(evidence, 4));
        snprintf(finding->advice, NOTE_TEXT,
                 "Never remove it while the database is open; LMDB makes it anew and clears its "
                 "readers itself (mdb_stat -r shows them)");
        finding->cares_for_itself = true;
    } else if (evidence_32(evidence, 16) == lmdb_magic && evidence_32(evidence, 20) == 1) {
        find(finding, "lmdb-data", "an LMDB database", CERTAIN);
        snprintf(finding->advice, NOTE_TEXT, "It is data, and meant to stay");
        finding->cares_for_itself = true;
    }
}

/* ---- others ---------------------------------------------------------------------------------- */

void recognise_semaphore(const struct evidence *evidence, struct finding *finding) {
    const char *rest = after(evidence, "sem.");
    if (!rest || !is_posix(evidence) ||
        (evidence->facts.size != 32 && evidence->facts.size != 16)) {
        return;
    }
    find(finding, "posix-semaphore", "a named POSIX semaphore (sem_open) of the C library",
         CERTAIN);
    finding_note(finding, "its value is %" PRIu32 "; whoever died with it has not given it back",
                 evidence_32(evidence, 0));
    if (strncmp(rest, "qipc_systemsem_", 15) == 0) {
        find(finding, "qt-semaphore", "a semaphore of Qt (QSystemSemaphore)", CERTAIN);
    } else if (strncmp(rest, "mp-", 3) == 0) {
        finding_note(finding, "its name is like those of Python's multiprocessing");
    }
}

void recognise_rust(const struct evidence *evidence, struct finding *finding) {
    const char *rest = after(evidence, "shmem_");
    if (!rest || !is_posix(evidence) || !is_all(rest, "0123456789abcdefABCDEF")) return;
    find(finding, "rust-shared-memory", "a segment of Rust's crate shared_memory", POSSIBLE);
}
