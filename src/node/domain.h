/* domain.h: one opening of a domain by this process: its directory and its table of nodes. */
#ifndef SPG_NODE_DOMAIN_H
#define SPG_NODE_DOMAIN_H

#include "base/list.h"
#include "node/table.h"
#include "platform/new_file.h"

/* Private to this process. `nodes` is an opening of its own, because locks belong to openings; it
 * is never mapped, because a mapping keeps its opening, and with it the locks, alive in fork
 * children. */
struct spg__domain {
    spg__file directory;
    spg__file nodes;
    struct spg__table_shared *table; /* mapped; read-only if opened for looking */
    uint64_t number;                 /* random; tells two domains apart */
    uint64_t own;                    /* the node whose lock this opening holds; 0: none */
    char path[SPG__PATH_BYTES];
};

enum spg__domain_purpose {
    SPG__DOMAIN_JOIN, /* made if it is not there */
    SPG__DOMAIN_LOOK, /* SPG_ENOENT if it is not there; nothing is written */
    SPG__DOMAIN_TIDY, /* SPG_ENOENT if it is not there; what the dead left may be removed */
    SPG__DOMAIN_PLAIN /* its directory alone, for who may not open the table: nothing is known of
                         its nodes, and `number` is 0 */
};

/* `path` NULL: SAMEPAGE_DOMAIN, or the user's own. */
int spg__domain_path(const char *path, char *full, size_t size);
int spg__domain_open(struct spg__domain *domain, const char *path, uint32_t mode,
                     enum spg__domain_purpose purpose);
void spg__domain_close(struct spg__domain *domain);

/* SPG_ECORRUPT if the table was cut since it was mapped: a touch would be fatal. */
int spg__domain_check(const struct spg__domain *domain);

/* 0: surely dead. 1: alive, or doubt. Asks the kernel alone. A number that no node can have is
 * dead. */
int spg__domain_alive(const struct spg__domain *domain, uint64_t number);

/* The domain's one lock for steps that name or remove things; freed by the kernel if its holder
 * dies. An opening of its own, so that threads exclude each other too. */
struct spg__domain_lock {
    struct spg__link link; /* first: all that this process holds; under the process lock */
    spg__file file;
};

/* Waits up to five seconds: SPG_ETIMEDOUT. */
int spg__domain_lock(const struct spg__domain *domain, struct spg__domain_lock *lock);
/* The same without waiting: SPG_EAGAIN. */
int spg__domain_try_lock(const struct spg__domain *domain, struct spg__domain_lock *lock);
void spg__domain_unlock(struct spg__domain_lock *lock);

/* For locks of others than the domain: the opening is made by the caller, under the process lock,
 * and entered before it is unlocked; and closed and taken off the list again. */
void spg__held_lock_enter(struct spg__domain_lock *lock);
void spg__held_lock_close(struct spg__domain_lock *lock);

/* In a fork child, before anything else: closes what it inherited of its parent's locks. */
void spg__domain_locks_drop(void);

#endif
