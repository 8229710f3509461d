/* samepage/segment.h: memory that several processes map, each at its own address.
 *
 * A name chooses the kind:
 *
 *   posix:/frames        POSIX shared memory; the slash may be left out
 *   sysv:0x5eed          System V, by key (decimal or hexadecimal, not 0)
 *   sysv:/etc/hosts#7    System V, by ftok of a file and a number from 1 to 255
 *   sysv:private         System V that nobody finds by chance; spg_segment_name gives what to open
 *                        it by: sysv:id=N (bare), or an unused key (managed)
 *   qt:KEY               what QSharedMemory of Qt means by a key: System V, by ftok of a file that
 *                        create makes and unlink removes. Native keys: qt:posix:NAME,
 *                        qt:systemv:/path, qt:systemv-N:/path. Keys of a Qt that was built for
 *                        POSIX: qt:legacy-posix:KEY. (qt:legacy:KEY for a KEY that begins so.)
 *   file:/data/index     a file
 *   memfd:label          no name in the system: pass the descriptor, or fork
 *   anonymous:           no name and no descriptor: fork
 *
 * Bare segments hold the caller's bytes and nothing else, from offset 0, so that programs that know
 * nothing of Samepage open them. Managed ones begin with a 4,096-byte header that is checked when
 * they are opened; spg_segment_address and spg_segment_size speak of the caller's bytes after it.
 *
 * A segment of the kinds posix and file, and a managed one of any kind, is complete before it has a
 * name: nobody opens half of it, and what a creator leaves that dies half-way does not hinder the
 * next. Every page is reserved when it is created: if there is no room, create says so, and no
 * later access fails.
 *
 * Where something is needed of the domain's lock (managed segments with a name: create, open for
 * writing, close a temporary one, unlink) a call may wait up to five seconds for a process that is
 * stopped while it holds it.
 *
 * Fork: a child has its parent's mappings (copy-on-write ones privately) and may go on using the
 * handle; closing it there closes the child's mapping. */
#ifndef SAMEPAGE_SEGMENT_H
#define SAMEPAGE_SEGMENT_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_segment spg_segment;

enum spg_segment_access {
    SPG_READ_WRITE = 0,
    SPG_READ_ONLY = 1,
    SPG_COPY_ON_WRITE = 2 /* writes stay private to this process. Not for sysv and anonymous */
};

enum spg_segment_profile { SPG_BARE = 0, SPG_MANAGED = 1 };

enum spg_segment_lifetime {
    SPG_KEEP = 0,     /* stays until spg_segment_unlink, or the machine stops */
    SPG_TEMPORARY = 1 /* managed, with a name: removed when the last who has it open for writing
                         closes it. If that one dies, whoever wants the name next removes it, or
                         spg_collect; for who would create it or open it for writing
                         it is not there any more */
};

enum spg_huge_pages {
    SPG_HUGE_NONE = 0,
    SPG_HUGE_TRANSPARENT = 1, /* ask the kernel for them; it may not follow */
    SPG_HUGE_2M = 2,          /* explicit; memfd, anonymous, sysv; the size, with the header of a
                                 managed one, must be a multiple */
    SPG_HUGE_1G = 3
};

enum spg_seals {
    SPG_SEAL_SHRINK = 1,       /* nobody can make it smaller */
    SPG_SEAL_GROW = 2,         /* nobody can make it larger */
    SPG_SEAL_WRITE = 4,        /* nobody can write; refused while a writable mapping exists */
    SPG_SEAL_FUTURE_WRITE = 8, /* no new writers; mappings that exist go on writing */
    SPG_SEAL_SEALS = 16        /* no more seals */
};

enum { SPG_NUMA_ANY = -1, SPG_SEGMENT_NAME_MAX = 4095, SPG_SEGMENT_TYPE_MAX = 47 };

/* Fills the bytes of a segment that is being made: the place to initialise locks, so that nobody
 * finds them half-made and it does not matter who was first.
 * Returns 0, or a negative result other than SPG_EEXIST, which the create call returns after
 * undoing everything. It must not create, open, close or unlink managed segments. */
typedef int spg_segment_preparer(void *context, void *bytes, size_t size);

typedef struct spg_segment_options {
    uint32_t struct_size; /* sizeof(spg_segment_options) */
    uint32_t mode;     /* create: permission bits, exactly; the umask plays no part. Default 0600 */
    uint8_t access;    /* enum spg_segment_access. Default SPG_READ_WRITE; create: that only */
    uint8_t profile;   /* enum spg_segment_profile. Default SPG_BARE */
    uint8_t exclusive; /* create: 1 (default) SPG_EEXIST if the name is taken; 0 open it then */
    uint8_t lifetime;  /* create: enum spg_segment_lifetime. Default SPG_KEEP */
    uint8_t populate;  /* 1: fault every page of this mapping in now. Default 0 */
    uint8_t lock;      /* 1: keep it in memory (mlock). Default 0 */
    uint8_t huge_pages; /* enum spg_huge_pages. Default SPG_HUGE_NONE */
    uint8_t reserved;   /* 0 */
    int32_t numa_node;  /* create: put the pages on this node. Default SPG_NUMA_ANY */
    uint32_t seals;     /* memfd, create: enum spg_seals, set when it is complete. Default 0 */
    const char *type;   /* managed: what is inside, at most 47 bytes; must agree. Default: any */
    spg_segment_preparer *prepare; /* create: fills the caller's bytes before anybody else can see
                             them (sysv, bare: others can). Default: they are zero */
    void *context;                 /* given to `prepare` */
} spg_segment_options;

#define SPG_SEGMENT_OPTIONS                                                                        \
    { sizeof(spg_segment_options), 0600, 0, 0, 1, 0, 0, 0, 0, 0, SPG_NUMA_ANY, 0, NULL, NULL, NULL }

/* Makes a segment and maps it for reading and writing.
 *   out   receives the handle; untouched on failure
 *   size  bytes the caller wants, at least 1; exactly what spg_segment_size will say
 * Returns 0, or SPG_EINVAL (name, size or option), SPG_EEXIST, SPG_ENOSPC (nothing is left behind),
 * SPG_ENOMEM, SPG_EPERM, SPG_ENOENT (its directory or the file of the key), SPG_EMFILE,
 * SPG_ENOTSUP (the option is not for this kind), SPG_ESYSTEM; not exclusive and there: what open
 * returns, and SPG_ETOOBIG if it is smaller than asked for. Managed: also what spg_node_open may,
 * and SPG_ETIMEDOUT (a stopped process holds the domain's lock for five seconds).
 * Callable by any threads at once; of several creators of one name one wins. A caller that dies
 * inside leaves nothing that is in anybody's way, or the complete segment; except sysv, bare: the
 * kernel names it first, its pages are zero. (Where a file system has no unnamed files, a dead
 * creator can leave NAME.new, which the next creator of the name removes.) */
SPG_API SPG_MUST_USE int spg_segment_create(spg_segment **out, const char *name, size_t size,
                                            const spg_segment_options *options);

/* Maps a segment that exists, whole. For managed ones the header is checked first, and this process
 * is entered as a holder (not with SPG_READ_ONLY or SPG_COPY_ON_WRITE, which write nothing).
 * Returns 0, or SPG_ENOENT, SPG_EINVAL, SPG_EPERM, SPG_ENOMEM, SPG_EMFILE, SPG_ENOTSUP (memfd and
 * anonymous have no name), SPG_ETYPE (no bytes, or no file that can be mapped), SPG_ESYSTEM;
 * managed: SPG_ETYPE (also: not managed, or another type), SPG_EVERSION, SPG_ECORRUPT, SPG_EDOMAIN,
 * SPG_EFULL (496 holders), and as create. Callable by any threads at once. */
SPG_API SPG_MUST_USE int spg_segment_open(spg_segment **out, const char *name,
                                          const spg_segment_options *options);

/* Maps the segment behind a descriptor. The descriptor stays the caller's: a duplicate is kept.
 * Returns as spg_segment_open; SPG_ETYPE if it is not a file that can be mapped. */
SPG_API SPG_MUST_USE int spg_segment_open_fd(spg_segment **out, int fd,
                                             const spg_segment_options *options);

/* Sends the segment over a connected Unix socket (stream or packet), to a process that calls
 * spg_segment_receive. What the receiver may do is what the descriptor and its seals allow: send
 * one that was opened read-only, or sealed, to a process that must not write.
 * Returns 0, SPG_ENOTSUP (sysv, anonymous: no descriptor), SPG_EAGAIN (a non-blocking socket is
 * full), SPG_EINVAL, SPG_ESYSTEM. Blocks as the socket does. */
SPG_API SPG_MUST_USE int spg_segment_send(const spg_segment *segment, int socket);

/* Receives a segment sent by spg_segment_send and maps it. More than one descriptor, or none, is
 * refused, and all are closed. Returns as spg_segment_open_fd; SPG_ECLOSED (the other side is
 * gone), SPG_EAGAIN (a non-blocking socket is empty), SPG_EINVAL (not exactly one descriptor),
 * SPG_ETYPE (not from spg_segment_send). */
SPG_API SPG_MUST_USE int spg_segment_receive(spg_segment **out, int socket,
                                             const spg_segment_options *options);

/* Where the caller's bytes begin in this process. Constant until close or resize. */
SPG_API void *spg_segment_address(const spg_segment *segment);

/* How many bytes the caller has, exactly, as mapped here. */
SPG_API size_t spg_segment_size(const spg_segment *segment);

/* Its name, in the form spg_segment_open takes, if its kind has names. The text lives as long as
 * the handle. */
SPG_API const char *spg_segment_name(const spg_segment *segment);

/* The descriptor, which stays the segment's: do not close it. SPG_ENOTSUP for sysv, anonymous. */
SPG_API int spg_segment_fd(const spg_segment *segment);

/* Grows the segment to `size` bytes and maps what is new; 0, or a size that it has already: maps
 * what others have grown. The address may change. Segments do not shrink: other processes would die
 * of it.
 * Returns 0, SPG_ENOTSUP (sysv, anonymous, explicit huge pages), SPG_EPERM (not mapped for writing,
 * or sealed), SPG_ENOSPC (nothing has changed), SPG_ENOMEM (this mapping has not changed; the
 * segment may have grown), SPG_ETOOBIG (smaller than it is), SPG_ECORRUPT (it was cut behind our
 * back), SPG_ETIMEDOUT (a process that is stopped while it grows it is waited for five seconds),
 * SPG_EINVAL, SPG_ESYSTEM. No other call on this handle may run at the same time. A caller that
 * dies inside has grown it or not. */
SPG_API SPG_MUST_USE int spg_segment_resize(spg_segment *segment, size_t size);

/* Adds seals (enum spg_seals); memfd only. Returns 0, SPG_ENOTSUP, SPG_EPERM (sealed against it, or
 * SPG_SEAL_WRITE while somebody maps it for writing, or adopted and no memfd), SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_segment_seal(spg_segment *segment, unsigned seals);

/* Unmaps it and frees the handle; the memory lives as long as its name or another mapping. The last
 * holder of a temporary one removes it. Returns 0, SPG_EINVAL (not an open handle: closed twice?).
 * NULL does nothing. No other call on the handle may run at the same time. */
SPG_API int spg_segment_close(spg_segment *segment);

/* Takes the name away. Those who have it mapped keep it.
 * Returns 0, SPG_ENOENT, SPG_EPERM, SPG_EINVAL, SPG_ENOTSUP (memfd, anonymous), SPG_ETIMEDOUT,
 * SPG_ESYSTEM. */
SPG_API int spg_segment_unlink(const char *name);

#ifdef __cplusplus
}
#endif

#endif
