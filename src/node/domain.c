/* domain.c: making and opening a domain.
 *
 * What is shared: the directory, and in it the file "nodes". The file is built complete and then
 * linked: that link is the commit. A death before it leaves at most an empty directory; two makers
 * at once race on the link, and the loser opens the winner's file.
 *
 * What is trusted: the directory must belong to us or to root and not be writable for strangers;
 * the bytes of the table are checked before the first use, and its size before each later one.
 *
 * Global state: the list of domain locks that this process holds, under the process lock. */
#include "node/domain.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static struct spg__link *held_locks;

enum { LOCK_OF_NAMES = 2, LOCK_NAP_NS = 10 * 1000 * 1000 };
static const int64_t LOCK_WAIT_NS = (int64_t)5 * 1000 * 1000 * 1000;

int spg__domain_path(const char *path, char *full, size_t size) {
    int length;
    if (!path) path = spg__environment("SAMEPAGE_DOMAIN");
    if (path) {
        length = snprintf(full, size, "%s", path);
    } else {
        length = snprintf(full, size, "%s/samepage-%u", spg__shared_memory_directory(),
                          spg__user());
    }
    if (length == 0) return spg__fail(SPG_EINVAL, "the domain's path is empty");
    if (length < (int)size) return 0;
    return spg__fail(SPG_EINVAL, "the domain's path is longer than %zu bytes", size - 1);
}

static int check_directory(const struct spg__domain *domain) {
    struct spg__file_facts facts;
    int result = spg__file_facts(domain->directory, &facts);
    if (result < 0) return spg__fail_system(result, "domain %s", domain->path);
    if (facts.user != spg__user() && facts.user != 0) {
        return spg__fail(SPG_EPERM,
                         "domain %s belongs to user %u: use a directory of your own or of root",
                         domain->path, facts.user);
    }
    if (facts.mode & 0002) {
        return spg__fail(SPG_EPERM, "domain %s is writable for everybody (mode %04o): chmod o-w it",
                         domain->path, facts.mode);
    }
    return 0;
}

static int open_directory(struct spg__domain *domain, uint32_t mode, bool make) {
    int result = spg__directory_open(&domain->directory, domain->path);
    if (result == SPG_ENOENT && make) {
        result = spg__directory_make(domain->path, mode);
        if (result < 0 && result != SPG_EEXIST) {
            return spg__fail_system(result, "cannot make the domain %s", domain->path);
        }
        result = spg__directory_open(&domain->directory, domain->path);
    }
    if (result < 0) return spg__fail_system(result, "cannot open the domain %s", domain->path);
    return check_directory(domain);
}

static int fill_table(spg__file file) {
    void *address;
    struct spg__header header;
    int result = spg__memory_map(&address, file, SPG__PLACES_OFFSET, SPG__MEMORY_READ_WRITE, 0);
    if (result < 0) return result;
    spg__header_fill(&header, SPG__KIND_NODES, (uint32_t)spg__page_size());
    header.header_size = SPG__PLACES_OFFSET;
    header.size = SPG__TABLE_BYTES;
    header.created = (uint64_t)spg__clock_realtime();
    result = spg__random(&header.domain, sizeof header.domain);
    if (header.domain == 0) header.domain = 1;
    struct spg__table_shared *table = address;
    spg__copy_to_shared(table->header, &header, sizeof header);
    spg__memory_unmap(address, SPG__PLACES_OFFSET);
    return result;
}

/* Whoever may write to the directory may take part. */
static int build_table(struct spg__new_file *new_file, spg__file directory) {
    struct spg__file_facts facts;
    int result = spg__file_facts(directory, &facts);
    if (result == 0) result = spg__file_reserve(new_file->file, SPG__TABLE_BYTES);
    if (result == 0) result = fill_table(new_file->file);
    if (result == 0) result = spg__file_set_mode(new_file->file, facts.mode & 0660);
    return result;
}

static int make_table(struct spg__domain *domain) {
    struct spg__new_file new_file;
    int result = spg__new_file_begin(&new_file, domain->directory, "nodes");
    if (result < 0) return result;
    result = build_table(&new_file, domain->directory);
    if (result == 0) result = spg__new_file_commit(&new_file);
    if (result < 0) {
        spg__new_file_abandon(&new_file);
    } else {
        spg__file_close(new_file.file);
    }
    return result == SPG_EEXIST ? 0 : result;
}

static int open_table(struct spg__domain *domain, enum spg__domain_purpose purpose) {
    enum spg__file_access access = purpose == SPG__DOMAIN_LOOK ? SPG__FILE_READ
                                                               : SPG__FILE_READ_WRITE;
    int result = spg__file_open(&domain->nodes, domain->directory, "nodes", access);
    if (result == SPG_ENOENT && purpose == SPG__DOMAIN_JOIN) {
        result = make_table(domain);
        if (result == 0)
            result = spg__file_open(&domain->nodes, domain->directory, "nodes", access);
    }
    if (result < 0) return spg__fail_system(result, "cannot open %s/nodes", domain->path);
    return 0;
}

int spg__domain_check(const struct spg__domain *domain) {
    struct spg__file_facts facts;
    int result = spg__file_facts(domain->nodes, &facts);
    if (result < 0) return spg__fail_system(result, "%s/nodes", domain->path);
    if (!facts.regular || facts.size < SPG__TABLE_BYTES) {
        return spg__fail(SPG_ECORRUPT,
                         "%s/nodes has %llu bytes where %d are needed: somebody cut it; "
                         "remove the directory when none of its processes run",
                         domain->path, (unsigned long long)facts.size, SPG__TABLE_BYTES);
    }
    return 0;
}

static int check_header(struct spg__domain *domain) {
    struct spg__header header;
    char name[SPG__PATH_BYTES + 8];
    snprintf(name, sizeof name, "%s/nodes", domain->path);
    spg__copy_from_shared(&header, domain->table->header, sizeof header);
    int result = spg__header_check(&header, SPG__KIND_NODES, (uint32_t)spg__page_size(),
                                   SPG__TABLE_BYTES, name);
    if (result == SPG_ETYPE) return SPG_ECORRUPT; /* the name says what it must be */
    if (result < 0) return result;
    if (header.size != SPG__TABLE_BYTES || header.header_size != SPG__PLACES_OFFSET ||
        header.domain == 0) {
        return spg__fail(SPG_ECORRUPT, "%s: the header contradicts itself", name);
    }
    domain->number = header.domain;
    return 0;
}

/* Is it the file that we hold open for locks? Somebody may have put another under the name. */
static int check_same(const struct spg__domain *domain, spg__file file) {
    struct spg__file_facts locked, mapped;
    int result = spg__file_facts(domain->nodes, &locked);
    if (result == 0) result = spg__file_facts(file, &mapped);
    if (result < 0) return spg__fail_system(result, "%s/nodes", domain->path);
    if (spg__same_file(&locked, &mapped)) return 0;
    return spg__fail(SPG_EAGAIN, "%s/nodes was replaced while it was opened: try again",
                     domain->path);
}

static int map_table(struct spg__domain *domain, enum spg__domain_purpose purpose) {
    bool look = purpose == SPG__DOMAIN_LOOK;
    spg__file file;
    void *address = NULL;
    int result = spg__domain_check(domain);
    if (result < 0) return result;
    result = spg__file_open(&file, domain->directory, "nodes",
                            look ? SPG__FILE_READ : SPG__FILE_READ_WRITE);
    if (result < 0) return spg__fail_system(result, "cannot open %s/nodes", domain->path);
    result = check_same(domain, file);
    if (result == 0) {
        result = spg__memory_map(&address, file, SPG__TABLE_BYTES,
                                 look ? SPG__MEMORY_READ : SPG__MEMORY_READ_WRITE, 0);
        if (result < 0) spg__fail_system(result, "cannot map %s/nodes", domain->path);
    }
    spg__file_close(file);
    if (result < 0) return result;
    domain->table = address;
    return check_header(domain);
}

int spg__domain_open(struct spg__domain *domain, const char *path, uint32_t mode,
                     enum spg__domain_purpose purpose) {
    domain->directory = domain->nodes = SPG__NO_FILE;
    domain->table = NULL;
    domain->own = domain->number = 0;
    int result = spg__domain_path(path, domain->path, sizeof domain->path);
    if (result == 0) result = open_directory(domain, mode, purpose == SPG__DOMAIN_JOIN);
    bool table = purpose != SPG__DOMAIN_PLAIN;
    if (result == 0 && table) result = open_table(domain, purpose);
    if (result == 0 && table) result = map_table(domain, purpose);
    if (result < 0) spg__domain_close(domain);
    return result;
}

void spg__domain_close(struct spg__domain *domain) {
    if (domain->table) spg__memory_unmap(domain->table, SPG__TABLE_BYTES);
    spg__file_close(domain->nodes);
    spg__file_close(domain->directory);
    domain->table = NULL;
    domain->directory = domain->nodes = SPG__NO_FILE;
}

/* Our own lock is no obstacle to ourselves, so the kernel would call us dead. */
int spg__domain_alive(const struct spg__domain *domain, uint64_t number) {
    if (number == domain->own) return 1;
    uint64_t generation = spg__number_generation(number);
    if (generation == 0 || generation > SPG__GENERATION_MAX) return 0;
    return spg__lock_held(domain->nodes, number);
}

/* Opened and put on the list as one step for forks: a child that shares the opening must know it,
 * or it would keep the lock from everybody for as long as it lives. */
static int open_lock(const struct spg__domain *domain, struct spg__domain_lock *lock) {
    spg__process_lock();
    int result = spg__file_open(&lock->file, domain->directory, "nodes", SPG__FILE_READ_WRITE);
    if (result == 0) spg__held_lock_enter(lock);
    spg__process_unlock();
    return result;
}

void spg__held_lock_enter(struct spg__domain_lock *lock) {
    spg__list_push(&held_locks, &lock->link);
}

void spg__held_lock_close(struct spg__domain_lock *lock) {
    spg__process_lock();
    spg__list_remove(&held_locks, &lock->link);
    spg__process_unlock();
    spg__file_close(lock->file);
}

void spg__domain_unlock(struct spg__domain_lock *lock) {
    spg__lock_release(lock->file, LOCK_OF_NAMES);
    spg__held_lock_close(lock);
}

void spg__domain_locks_drop(void) {
    for (struct spg__link *link = held_locks; link; link = link->next) {
        spg__file_close(((struct spg__domain_lock *)link)->file);
    }
    held_locks = NULL;
}

int spg__domain_try_lock(const struct spg__domain *domain, struct spg__domain_lock *lock) {
    int result = open_lock(domain, lock);
    if (result < 0) return result;
    result = spg__lock_try(lock->file, LOCK_OF_NAMES);
    if (result < 0) spg__held_lock_close(lock);
    return result;
}

int spg__domain_lock(const struct spg__domain *domain, struct spg__domain_lock *lock) {
    int result = open_lock(domain, lock);
    if (result < 0) return spg__fail_system(result, "cannot open %s/nodes", domain->path);
    int64_t end = spg__clock_monotonic() + LOCK_WAIT_NS;
    while ((result = spg__lock_try(lock->file, LOCK_OF_NAMES)) == SPG_EAGAIN) {
        if (spg__clock_monotonic() >= end) break;
        spg__nap(LOCK_NAP_NS);
    }
    if (result == 0) return 0;
    spg__domain_unlock(lock);
    if (result == SPG_EAGAIN) {
        return spg__fail(SPG_ETIMEDOUT,
                         "domain %s is locked by another process for five seconds: is one "
                         "stopped while it opens or closes a segment?",
                         domain->path);
    }
    return spg__fail_system(result, "cannot lock %s/nodes", domain->path);
}
