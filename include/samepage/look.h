/* samepage/look.h: looking at a domain from outside, proving it sound, and clearing up.
 *
 * These calls take a domain's path (NULL: SAMEPAGE_DOMAIN, else the user's own), not a node:
 * whoever looks does not join, and does not make what is not there. All may run at any time beside
 * all others, in any number of threads and processes; what they tell is true at some moment of the
 * call. */
#ifndef SAMEPAGE_LOOK_H
#define SAMEPAGE_LOOK_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum spg_entry_kind { SPG_ENTRY_NODE = 1, SPG_ENTRY_SEGMENT = 2, SPG_ENTRY_STREAM = 3 };

/* One thing in a domain. Texts live as long as the visit. */
typedef struct spg_domain_entry {
    uint32_t struct_size;
    uint32_t kind;          /* enum spg_entry_kind */
    const char *name;       /* node: as given by its process, may be empty; others: to open it by */
    const char *type;       /* segment: as given by its creator, may be empty */
    uint64_t id;            /* node: its number; others: that of their creator */
    uint64_t size;          /* segment: the caller's bytes; stream: its capacity */
    uint64_t waiting;       /* stream: bytes committed and not consumed */
    uint64_t created;       /* nanoseconds since 1970 */
    uint64_t pid_namespace; /* node: in which `pid` counts */
    uint32_t pid;           /* node: for people; another process may have it by now */
    uint32_t uid;
    uint32_t mode;      /* not node: permission bits */
    uint32_t living;    /* node: 1 or 0; segment: holders, stream: ends, that live */
    uint32_t dead;      /* node: 0 or 1; segment: holders, stream: ends, that died */
    uint32_t temporary; /* segment: 1 if the last holder removes it */
    int32_t trouble;    /* 0, or why it cannot be told more: SPG_ENOENT, SPG_ECORRUPT, … */
} spg_domain_entry;

/* Called for each entry; non-zero ends the walk and is returned. */
typedef int spg_domain_visitor(void *context, const spg_domain_entry *entry);

/* Visits the nodes of a domain, then its managed segments and channels. Returns 0, what the visitor
 * returned, SPG_ENOENT (no such domain), SPG_EINVAL, SPG_EPERM, SPG_ECORRUPT, SPG_EVERSION,
 * SPG_ENOMEM, SPG_EMFILE, SPG_ESYSTEM. Changes nothing. Does not wait. */
SPG_API SPG_MUST_USE int spg_domain_list(const char *domain, spg_domain_visitor *visit,
                                         void *context);

/* The path of a domain as these calls understand it, copied into `path`. SPG_ETOOBIG, SPG_EINVAL.
 * */
SPG_API int spg_domain_path(const char *domain, char *path, size_t size);

enum spg_finding_weight {
    SPG_FINDING_UNSEEN = 0, /* could not be looked at: no permission, no descriptors, no memory */
    SPG_FINDING_LEFT = 1,   /* left by the dead; spg_collect removes it */
    SPG_FINDING_DAMAGE = 2  /* cannot be right; Samepage never writes this */
};

typedef void spg_finding_visitor(void *context, int weight, const char *name, const char *text);

/* Audits a domain, or one segment of it: every place of the table of nodes is free or taken, each
 * taken one's owner lives or is dead, every record has its segment, every header is right, each
 * holder is a living node or a dead one, every channel's counters fit its capacity, nothing else
 * lies in the directory.
 *   name   NULL: the domain and everything in it; otherwise a segment's name, managed or bare, or
 *          "stream:" and a stream's
 *   visit  called for each finding; may be NULL
 * Returns how many findings are damage (0: sound), or what spg_domain_list may, and SPG_EINVAL.
 * Changes nothing. Does not wait. */
SPG_API SPG_MUST_USE int spg_check(const char *domain, const char *name, spg_finding_visitor *visit,
                                   void *context);

typedef struct spg_collected {
    uint32_t nodes;    /* places of dead nodes, freed */
    uint32_t holders;  /* entries of dead nodes in segments, taken out */
    uint32_t segments; /* temporary ones without a living holder, or half-made: removed */
    uint32_t records;  /* of segments that are no more, removed */
    uint32_t files;    /* half-made files in the directory, removed */
    uint32_t channels; /* streams that nobody can use any more, removed */
} spg_collected;

/* Removes what the dead left in a domain, and nothing that a living process uses. Whoever needs a
 * place, a row or a name removes what is in its way by itself; this is for tidiness.
 *   collected  may be NULL
 * Returns 0 or what spg_domain_list may, and SPG_ETIMEDOUT (a stopped process holds the domain's
 * lock). A caller that dies inside has collected some; the next one collects the rest. */
SPG_API int spg_collect(const char *domain, spg_collected *collected);

#ifdef __cplusplus
}
#endif

#endif
