/* facts.h: what is known about one segment, from Samepage and from the system. */
#ifndef TOOL_FACTS_H
#define TOOL_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "entries.h"

enum { NAME_BYTES = 4200 };

enum profile { PROFILE_UNKNOWN = 0, PROFILE_BARE = 1, PROFILE_MANAGED = 2 };

struct facts {
    char name[NAME_BYTES]; /* as the library writes it */
    enum profile profile;
    bool sysv;
    int trouble; /* managed: why its head is not to be believed, or 0 */
    char trouble_text[1024];
    uint64_t size;      /* the caller's bytes, or all where the profile is not known */
    uint64_t allocated; /* bytes of memory that it takes; 0 if not known */
    uint32_t mode, uid;
    uint64_t attached;             /* sysv */
    dev_t device;                  /* posix, file */
    uint64_t number;               /* inode; sysv: identifier */
    uint32_t key;                  /* sysv */
    struct entries entries;        /* of the domain; empty if there is none */
    const spg_domain_entry *entry; /* the segment's, or NULL: bare, or of another domain */
};

/* Returns an exit status; if that is not EXIT_OK it was said why, and there is nothing to free. */
int facts_read(struct facts *facts, const char *name);
void facts_free(struct facts *facts);

/* What is in memory of the segment by a process's mappings, in bytes, as the kernel counts it
 * (smaps): a page is shared if others have it mapped too; of `proportional` each has its share. */
struct pages {
    uint64_t resident, proportional;
    uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
};

/* A process that has the segment mapped. */
struct user {
    unsigned pid;
    uint32_t uid;
    bool writes;
    bool copies; /* some of it copy-on-write: what it writes there nobody else sees */
    struct pages pages;
    char command[64];
};

struct users {
    struct user *list;
    size_t count, room;
    size_t unreadable; /* processes that we may not look into */
};

void users_find(struct users *users, const struct facts *facts);
/* The name of a process's program; empty if it cannot be known. */
void command_of(char *command, size_t size, unsigned pid);
void users_free(struct users *users);

/* A table of them, and members of a JSON object. */
void print_users(const struct users *users);
void users_json(const struct users *users);

#endif
