/* samepage/system_semaphore.h: the system's own named semaphores, to share a lock with programs
 * that know nothing of Samepage. Among Samepage's own, spg_mutex and spg_semaphore (sync.h) are
 * better: they need no system call, and tell of deaths.
 *
 * A name chooses the kind:
 *
 *   posix:/ready         sem_open; also named_mutex and named_semaphore of Boost.Interprocess. What
 *                        a process took is gone when it dies
 *   sysv:0x5eed          the first semaphore of a System V set, by key; sysv:/etc/hosts#7, by ftok
 *   php:24301            PHP's sem_get, by its key; php:/etc/hosts#R, by PHP's ftok and its letter
 *   qt:KEY               Qt's QSystemSemaphore, and the other forms that qt: names of segments have
 *                        (segment.h). Its key file is made and removed with it
 *
 * What a process took of the last three comes back when it dies (sysv, qt: unless `undo` is 0).
 *
 * Calls on a handle may be made by one thread at a time. Fork: a child may go on using the handle;
 * what its parent took is the parent's. */
#ifndef SAMEPAGE_SYSTEM_SEMAPHORE_H
#define SAMEPAGE_SYSTEM_SEMAPHORE_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_system_semaphore spg_system_semaphore;

enum { SPG_SYSTEM_SEMAPHORE_VALUE_MAX = 32767 };

typedef struct spg_system_semaphore_options {
    uint32_t struct_size; /* sizeof(spg_system_semaphore_options) */
    uint32_t mode;        /* permission bits of one that is made now; posix: less the umask. Default
                             0600 */
    uint32_t create;      /* 1: made if it is not there. Default 0: it must be there */
    uint32_t exclusive;   /* 1, with `create`: SPG_EEXIST if it is there. Not php. Default 0 */
    uint32_t value;       /* of one that is made now, or that nobody uses (php). Default 1 */
    uint32_t undo; /* sysv: 1 (default): what this process takes comes back, and what it gives
                             is taken again, when it dies, which suits a lock; 0: it does not, which
                             suits a signal. php always, posix never */
} spg_system_semaphore_options;

#define SPG_SYSTEM_SEMAPHORE_OPTIONS                                                               \
    { sizeof(spg_system_semaphore_options), 0600, 0, 0, 1, 1 }

/* Opens a semaphore, or makes it. `options` NULL: SPG_SYSTEM_SEMAPHORE_OPTIONS.
 * Returns 0, or SPG_ENOENT (not there, or the file of its key), SPG_EEXIST, SPG_EINVAL (name or
 * option), SPG_ETYPE (php: a set of fewer than three), SPG_EPERM, SPG_ENOMEM, SPG_ENOSPC,
 * SPG_EMFILE, SPG_ETIMEDOUT (php: another process has been opening it for five seconds),
 * SPG_ESYSTEM. Callable by any threads at once. A System V one has a name before it has its value;
 * who comes in between waits 100 milliseconds at most. A caller that dies inside leaves nothing,
 * or a semaphore, which may have the value 0 if it is sysv. */
SPG_API SPG_MUST_USE int spg_system_semaphore_open(spg_system_semaphore **out, const char *name,
                                                   const spg_system_semaphore_options *options);

/* Takes one. Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ECLOSED (removed; sysv and php),
 * SPG_EINVAL, SPG_EPERM, SPG_ESYSTEM. Signals do not end it. Not fair. */
SPG_API SPG_MUST_USE int spg_system_semaphore_wait(spg_system_semaphore *semaphore,
                                                   int64_t timeout);

/* Gives one. Returns 0, SPG_EFULL, SPG_ECLOSED, SPG_EPERM (no right to; php: this handle has taken
 * none), SPG_EINVAL, SPG_ESYSTEM. Does not wait. */
SPG_API int spg_system_semaphore_post(spg_system_semaphore *semaphore);

/* How many can be taken now: a hint, old when it arrives. Returns the count, SPG_ECLOSED,
 * SPG_EINVAL, SPG_EPERM, SPG_ESYSTEM. */
SPG_API int spg_system_semaphore_value(spg_system_semaphore *semaphore);

/* Frees the handle; php: what it took is given back. The semaphore stays. Returns 0. NULL does
 * nothing. */
SPG_API int spg_system_semaphore_close(spg_system_semaphore *semaphore);

/* Removes it. Who has a posix one open keeps it; who waits for one of the others gets SPG_ECLOSED.
 * Returns 0, SPG_ENOENT, SPG_EPERM, SPG_EINVAL, SPG_ESYSTEM. */
SPG_API int spg_system_semaphore_unlink(const char *name);

#ifdef __cplusplus
}
#endif

#endif
