/* system_semaphore.c: named semaphores that the system has for everybody.
 *
 * POSIX: the semaphore is made with its value, by the C library.
 *
 * System V: a set is made with its members at 0, and the value comes by a first operation, which
 * leaves a time on the set. Whoever finds a set without that time waits a little for its maker; a
 * set whose maker assigned the value instead (semctl) keeps no time until its first use, so the
 * wait is short and ends well.
 *
 * PHP: a set of three: the semaphore, how many processes have it open, and a guard which is held
 * while these two are looked at. Who finds itself the only user assigns the value. All three steps
 * of entering are one operation, and are undone for one who dies. */
#include <samepage/system_semaphore.h>

#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "base/error.h"
#include "platform/platform.h"
#include "platform/semaphore.h"
#include "segment/name.h"
#include "segment/name_php.h"

enum kind { POSIX, SYSV, PHP };
enum { PHP_SEMAPHORE, PHP_USERS, PHP_GUARD, PHP_MEMBERS };

static const int64_t guard_patience = 5000000000;
static const int64_t maker_patience = 100000000;

struct name {
    enum kind kind;
    char posix[SPG__PATH_BYTES];
    struct spg__segment_name sysv;
    char text[SPG__PATH_BYTES];
};

struct spg_system_semaphore {
    enum kind kind;
    void *posix;
    int id;
    int taken; /* php: by this handle */
    bool undo;
};

/* ---- names ----------------------------------------------------------------------------------- */

static int parse_posix(struct name *name, const char *text) {
    int result = spg__segment_name_parse(&name->sysv, text);
    if (result < 0) return result;
    strcpy(name->posix, name->sysv.text + strlen("posix:"));
    name->kind = POSIX;
    return 0;
}

static int parse_sysv(struct name *name, const char *text) {
    int result = spg__segment_name_parse(&name->sysv, text);
    if (result < 0) return result;
    if (name->sysv.sysv != SPG__BY_KEY && name->sysv.sysv != SPG__BY_FILE) {
        return spg__fail(SPG_EINVAL, "%.300s: a semaphore is named by its key", text);
    }
    name->kind = SYSV;
    return 0;
}

static int parse_php(struct name *name, const char *text) {
    char sysv[SPG__PATH_BYTES];
    int result = spg__php_name(text + strlen("php:"), sysv, sizeof sysv);
    if (result == 0) result = parse_sysv(name, sysv);
    name->kind = PHP;
    return result;
}

static int parse_qt(struct name *name, const char *text) {
    int result = spg__segment_name_parse_qt_semaphore(&name->sysv, text + strlen("qt:"));
    if (result < 0) return result;
    if (name->sysv.kind == SPG__POSIX) {
        char posix[sizeof name->sysv.text];
        strcpy(posix, name->sysv.text); /* parsing begins by clearing where it is */
        return parse_posix(name, posix);
    }
    name->kind = SYSV;
    return 0;
}

static int parse(struct name *name, const char *text) {
    if (!text || strlen(text) >= sizeof name->text) {
        return spg__fail(SPG_EINVAL, "the semaphore's name is NULL or too long");
    }
    strcpy(name->text, text);
    memset(&name->sysv, 0, sizeof name->sysv);
    if (strncmp(text, "posix:", 6) == 0) return parse_posix(name, text);
    if (strncmp(text, "sysv:", 5) == 0) return parse_sysv(name, text);
    if (strncmp(text, "php:", 4) == 0) return parse_php(name, text);
    if (strncmp(text, "qt:", 3) == 0) return parse_qt(name, text);
    return spg__fail(SPG_EINVAL,
                     "%.300s: a semaphore's name begins with its kind: posix:/ready, "
                     "sysv:0x5eed, php:24301 or qt:KEY",
                     text);
}

static int key_of(const struct name *name, int32_t *key) {
    *key = name->sysv.number;
    if (name->sysv.sysv != SPG__BY_FILE) return 0;
    return spg__sysv_key_of_file(key, name->sysv.path, name->sysv.number);
}

static int failed(int result, const char *what, const char *name) {
    return result < 0 ? spg__fail_system(result, "cannot %s %.300s", what, name) : result;
}

/* ---- System V -------------------------------------------------------------------------------- */

static void wait_for_the_maker(int id) {
    int64_t end = spg__clock_monotonic() + maker_patience;
    struct spg__sysv_set set = {0, false};
    while (spg__sysv_set_facts(id, &set) == 0 && !set.used && spg__clock_monotonic() < end) {
        spg__nap(1000000);
    }
}

/* Also of 0: up and down is an operation. */
static int give_first_value(int id, int value) {
    struct spg__sysv_step steps[] = {{0, (int16_t)(value ? value : 1), false}, {0, -1, false}};
    return spg__sysv_set_work(id, steps, value ? 1 : 2, SPG_NOWAIT);
}

static int make_sysv(spg_system_semaphore *semaphore, int32_t key,
                     const spg_system_semaphore_options *options) {
    int result = spg__sysv_set_make(&semaphore->id, key, 1, options->mode);
    return result < 0 ? result : give_first_value(semaphore->id, (int)options->value);
}

static int find_sysv(spg_system_semaphore *semaphore, int32_t key) {
    int result = spg__sysv_set_find(&semaphore->id, key);
    if (result == 0) wait_for_the_maker(semaphore->id);
    return result;
}

/* ---- PHP ------------------------------------------------------------------------------------- */

static int check_php_set(int id) {
    struct spg__sysv_set set;
    int result = spg__sysv_set_facts(id, &set);
    if (result < 0 || set.members >= PHP_MEMBERS) return result;
    spg__system_reason("semctl", "the set is not one of PHP's");
    return SPG_ETYPE;
}

static int enter_php(int id, int value) {
    const struct spg__sysv_step enter[] = {
        {PHP_GUARD, 0, false}, {PHP_GUARD, 1, true}, {PHP_USERS, 1, true}};
    const struct spg__sysv_step leave[] = {{PHP_GUARD, -1, true}};
    int result = spg__sysv_set_work(id, enter, 3, guard_patience);
    if (result < 0) return result;
    int users = spg__sysv_set_value(id, PHP_USERS);
    if (users == 1) users = spg__sysv_set_assign(id, PHP_SEMAPHORE, value);
    result = spg__sysv_set_work(id, leave, 1, guard_patience);
    return users < 0 ? users : result;
}

static int open_php(spg_system_semaphore *semaphore, int32_t key,
                    const spg_system_semaphore_options *options) {
    int result = spg__sysv_set_find(&semaphore->id, key);
    if (result == SPG_ENOENT && options->create) {
        result = spg__sysv_set_make(&semaphore->id, key, PHP_MEMBERS, options->mode);
        if (result == SPG_EEXIST) result = spg__sysv_set_find(&semaphore->id, key);
    }
    if (result == 0) result = check_php_set(semaphore->id);
    return result < 0 ? result : enter_php(semaphore->id, (int)options->value);
}

static void leave_php(spg_system_semaphore *semaphore) {
    const struct spg__sysv_step steps[] = {{PHP_USERS, -1, true},
                                           {PHP_SEMAPHORE, (int16_t)semaphore->taken, true}};
    spg__sysv_set_work(semaphore->id, steps, semaphore->taken ? 2 : 1, SPG_NOWAIT);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int make(spg_system_semaphore *semaphore, const struct name *name, int32_t key,
                const spg_system_semaphore_options *options) {
    if (name->kind == SYSV) return make_sysv(semaphore, key, options);
    return spg__posix_semaphore_make(&semaphore->posix, name->posix, options->mode, options->value);
}

static int find(spg_system_semaphore *semaphore, const struct name *name, int32_t key) {
    if (name->kind == SYSV) return find_sysv(semaphore, key);
    return spg__posix_semaphore_open(&semaphore->posix, name->posix);
}

/* Between a look and the making another may have made it, or removed it. */
static int find_or_make(spg_system_semaphore *semaphore, const struct name *name,
                        const spg_system_semaphore_options *options) {
    int32_t key = 0;
    int result = options->create ? spg__key_file_make(&name->sysv) : 0;
    if (result == 0 && name->kind != POSIX) result = key_of(name, &key);
    if (result < 0) return result;
    if (name->kind == PHP) return open_php(semaphore, key, options);
    for (int tries = 100; tries > 0; tries--) {
        if (!options->exclusive) result = find(semaphore, name, key);
        if (!options->create || (!options->exclusive && result != SPG_ENOENT)) return result;
        result = make(semaphore, name, key, options);
        if (options->exclusive || result != SPG_EEXIST) return result;
    }
    return result;
}

static int check_options(const spg_system_semaphore_options *options) {
    int result = spg__check_struct_size(options->struct_size, sizeof *options,
                                        "spg_system_semaphore_options",
                                        "SPG_SYSTEM_SEMAPHORE_OPTIONS");
    if (result < 0) return result;
    if (options->mode & ~0777u || options->create > 1 || options->exclusive > options->create ||
        options->value > SPG_SYSTEM_SEMAPHORE_VALUE_MAX || options->undo > 1) {
        return spg__fail(SPG_EINVAL, "spg_system_semaphore_options: a value is out of range; begin "
                                     "with SPG_SYSTEM_SEMAPHORE_OPTIONS");
    }
    return 0;
}

int spg_system_semaphore_open(spg_system_semaphore **out, const char *text,
                              const spg_system_semaphore_options *options) {
    static const spg_system_semaphore_options defaults = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    struct name name;
    if (!options) options = &defaults;
    int result = out ? check_options(options) : spg__fail(SPG_EINVAL, "`out` is NULL");
    if (result == 0) result = parse(&name, text);
    if (result < 0) return result;
    if (name.kind == PHP && options->exclusive) {
        return spg__fail(SPG_EINVAL, "%.300s: PHP's semaphores are not made exclusively", text);
    }
    spg_system_semaphore *semaphore = calloc(1, sizeof *semaphore);
    if (!semaphore) return spg__fail(SPG_ENOMEM, "cannot open %.300s: no memory", text);
    semaphore->kind = name.kind;
    semaphore->undo = name.kind == PHP || options->undo;
    result = failed(find_or_make(semaphore, &name, options), "open", text);
    if (result < 0) free(semaphore);
    else *out = semaphore;
    return result;
}

/* ---- using ----------------------------------------------------------------------------------- */

/* A set that is not there any more was removed behind our back. */
static int gone(int result) {
    return result == SPG_ENOENT ? SPG_ECLOSED : result;
}

int spg_system_semaphore_wait(spg_system_semaphore *semaphore, int64_t timeout) {
    if (!semaphore || !spg__timeout_is_valid(timeout)) return SPG_EINVAL;
    if (semaphore->kind == POSIX) return spg__posix_semaphore_wait(semaphore->posix, timeout);
    const struct spg__sysv_step take = {0, -1, semaphore->undo};
    int result = spg__sysv_set_work(semaphore->id, &take, 1, timeout);
    if (result == 0) semaphore->taken++;
    return gone(result);
}

int spg_system_semaphore_post(spg_system_semaphore *semaphore) {
    if (!semaphore) return SPG_EINVAL;
    if (semaphore->kind == POSIX) return spg__posix_semaphore_post(semaphore->posix);
    if (semaphore->kind == PHP && semaphore->taken == 0) return SPG_EPERM;
    const struct spg__sysv_step give = {0, 1, semaphore->undo};
    int result = spg__sysv_set_work(semaphore->id, &give, 1, SPG_NOWAIT);
    if (result == 0) semaphore->taken--;
    return gone(result);
}

int spg_system_semaphore_value(spg_system_semaphore *semaphore) {
    if (!semaphore) return SPG_EINVAL;
    if (semaphore->kind == POSIX) return spg__posix_semaphore_value(semaphore->posix);
    return gone(spg__sysv_set_value(semaphore->id, 0));
}

int spg_system_semaphore_close(spg_system_semaphore *semaphore) {
    if (!semaphore) return 0;
    if (semaphore->kind == POSIX) spg__posix_semaphore_close(semaphore->posix);
    if (semaphore->kind == PHP) leave_php(semaphore);
    free(semaphore);
    return 0;
}

int spg_system_semaphore_unlink(const char *text) {
    struct name name;
    int32_t key;
    int id, result = parse(&name, text);
    if (result < 0) return result;
    if (name.kind == POSIX) return failed(spg__posix_semaphore_unlink(name.posix), "remove", text);
    result = key_of(&name, &key);
    if (result == 0) result = spg__sysv_set_find(&id, key);
    if (result == 0) result = spg__sysv_set_remove(id);
    if (result == 0 || result == SPG_ENOENT) spg__key_file_remove(&name.sysv);
    return failed(result, "remove", text);
}
