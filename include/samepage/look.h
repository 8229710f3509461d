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

enum spg_entry_kind {
    SPG_ENTRY_NODE = 1,
    SPG_ENTRY_SEGMENT = 2,
    SPG_ENTRY_STREAM = 3,
    SPG_ENTRY_TOPIC = 4,
    SPG_ENTRY_CELL = 5,
    SPG_ENTRY_QUEUE = 6,
    SPG_ENTRY_SERVICE = 7
};

/* One thing in a domain. Texts live as long as the visit. */
typedef struct spg_domain_entry {
    uint32_t struct_size;
    uint32_t kind;          /* enum spg_entry_kind */
    const char *name;       /* node: as given by its process, may be empty; others: to open it by */
    const char *type;       /* not node, stream: as given by its creator, may be empty */
    uint64_t id;            /* node: its number; others: that of their creator */
    uint64_t size;          /* segment: the caller's bytes; stream: its capacity; other channels:
                               all bytes it takes */
    uint64_t waiting;       /* stream: bytes committed and not consumed; topic: messages it still
                               has; cell: bytes of the value; queue: jobs, service: requests, that
                               wait to be taken */
    uint64_t created;       /* nanoseconds since 1970 */
    uint64_t pid_namespace; /* node: in which `pid` counts */
    uint32_t pid;           /* node: for people; another process may have it by now */
    uint32_t uid;
    uint32_t mode;      /* not node: permission bits */
    uint32_t living;    /* node: 1 or 0; segment: holders, channel: members, that live */
    uint32_t dead;      /* node: 0 or 1; segment: holders, channel: members, that died */
    uint32_t temporary; /* segment, channel: 1 if the last one to leave removes it */
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

enum spg_role {
    SPG_ROLE_WRITER = 1, /* stream, cell */
    SPG_ROLE_READER = 2, /* stream, cell */
    SPG_ROLE_PUBLISHER = 3,
    SPG_ROLE_SUBSCRIBER = 4,
    SPG_ROLE_QUEUE = 5, /* a queue's members push and pop */
    SPG_ROLE_SERVER = 6,
    SPG_ROLE_CLIENT = 7
};

/* Who takes part in a channel. What a kind of channel does not have is 0. */
typedef struct spg_member {
    uint32_t struct_size;
    uint32_t role;          /* enum spg_role */
    uint64_t node;          /* its number */
    const char *node_name;  /* as given by its process, may be empty */
    uint64_t pid_namespace; /* in which `pid` counts */
    uint32_t pid;           /* for people; 0 if the node is not in the table any more */
    uint32_t alive;         /* 1; 0: it left this behind when it died */
    uint32_t must_not_lose; /* subscriber: publishers wait for it */
    uint32_t zero;
    uint64_t sent;        /* messages, jobs, requests or answers, or bytes, it has sent */
    uint64_t received;    /* and received */
    uint64_t behind;      /* subscriber: messages, reader: bytes, that it has not read */
    uint64_t lost;        /* subscriber: messages it missed */
    uint64_t held;        /* messages, jobs, requests it has in hand; chunks a publisher loaned */
    uint64_t held_bytes;  /* of memory that these keep */
    uint64_t held_oldest; /* subscriber: sequence of the oldest message it holds */
    uint64_t held_since;  /* since when it has held something; nanoseconds since 1970, to some
                             milliseconds; 0: it holds nothing, or that is not known */
    uint64_t asleep;      /* since when it sleeps in a call of this library, to receive or for room,
                             likewise; 0: it does not. Who sleeps in poll is not told here */
    uint64_t since;       /* since when it takes part, likewise; 0: not known */
} spg_member;

typedef int spg_member_visitor(void *context, const spg_member *member);

typedef struct spg_channel_facts {
    uint32_t struct_size;
    uint32_t kind;     /* enum spg_entry_kind */
    uint64_t bytes;    /* all that it takes */
    uint64_t budget;   /* of these, for messages that do not fit where they are announced */
    uint64_t used;     /* of the budget */
    uint64_t capacity; /* topic, queue, service: messages at most; cell: bytes of a value; stream:
                          bytes on the way */
    uint64_t messages; /* topic: published; cell: the version; queue: jobs, service: requests, so
                          far; stream: bytes written so far */
    uint64_t waiting;  /* as in spg_domain_entry */
    uint64_t taken;    /* queue: jobs, service: requests, in hand */
    uint64_t voided;   /* topic: sequences whose publisher died in the middle */
    uint64_t creator;  /* node number */
    uint64_t created;  /* nanoseconds since 1970 */
    uint32_t mode;     /* permission bits */
    uint32_t uid;
    uint32_t receivers_sleep; /* 1: somebody waits to receive */
    uint32_t senders_sleep;   /* 1: somebody waits for room */
    uint32_t kept;            /* 1: stays when its last member leaves */
    uint32_t type_size;
    char type[64];
} spg_channel_facts;

/* Tells everything about one channel, and of each of its members.
 *   name   with its kind: "topic:video/left", "cell:", "queue:", "service:", "stream:"
 *   facts  receives the facts; its struct_size is set by the caller
 *   visit  called for each member, until it returns non-zero; may be NULL
 * Returns 0, what the visitor returned, SPG_ENOENT, and what spg_domain_list may. Changes nothing,
 * does not wait. Counts are read one after the other: those of a busy channel belong to slightly
 * different moments. */
SPG_API SPG_MUST_USE int spg_channel_stat(const char *domain, const char *name,
                                          spg_channel_facts *facts, spg_member_visitor *visit,
                                          void *context);

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
 *          a channel's with its kind: "topic:video/left"
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
    uint32_t members;  /* of channels, that died: what they held is given back */
    uint32_t channels; /* that nobody uses or can use any more, removed */
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
