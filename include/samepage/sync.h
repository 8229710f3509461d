/* samepage/sync.h: synchronisation that survives its owner's death.
 *
 * Plain structs that the caller places in shared memory of any kind, at an address that is a
 * multiple of 8, and initialises once before anybody uses them. They hold no pointers and nothing
 * of the C library, so each process may map them anywhere, and a 32-bit and a 64-bit process share
 * them. There is nothing to destroy: forget the memory.
 *
 * Who owns. A lock is held by a process (its default node, see node.h), not by a thread; the thread
 * that took it is remembered to refuse an unlock by another and to find a thread waiting for
 * itself. A process that dies, by whatever signal and at whatever instruction, or calls exec, loses
 * everything it held; one that is only stopped loses nothing. After fork the child holds nothing.
 *
 * Mutex, rwlock, owned semaphore, barrier and seqlock name their owners by node numbers, so they
 * belong to the domain of the process that initialised them: others get SPG_EDOMAIN. Their calls
 * may also return what spg_node_open may, when the default node is made on first use. Plain
 * semaphore, condition and event belong to no domain and need no node.
 *
 * Waiting. Every wait takes a timeout (base.h). A wait for something that a process holds looks
 * after that process every 20 milliseconds. Signals do not end a wait. Uncontended calls make no
 * system call; the one that ends a barrier's round makes one.
 *
 * Bad memory. A struct that was never initialised or was overwritten gives SPG_ECORRUPT; NULL or a
 * misaligned address SPG_EINVAL. No call crashes, writes outside the struct, or takes longer than
 * the wait that was asked for: with SPG_FOREVER, on words that mean "wait", that is for ever.
 *
 * Order. Taking (lock, wait) acquires what the matching release (unlock, post, signal, set) made
 * visible; nothing else is promised. All calls may be made by any number of threads and processes
 * at once, except the init calls. None is safe in a signal handler.
 *
 * Each struct is described to the byte in docs/layout/sync.md. */
#ifndef SAMEPAGE_SYNC_H
#define SAMEPAGE_SYNC_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- mutex ----------------------------------------------------------------------------------- */

typedef struct spg_mutex {
    SPG_ALIGN_8 uint64_t words[4];
} spg_mutex;

/* Makes the mutex, free. Not concurrent with anything else on it.
 * Returns 0, SPG_EINVAL, or what spg_node_open may. A caller that dies inside leaves a mutex that
 * is not initialised, or is. */
SPG_API SPG_MUST_USE int spg_mutex_init(spg_mutex *mutex);

/* Takes the mutex.
 * Returns 0; SPG_EOWNERDEAD: taken as well, but the last owner died, or unlocked without having
 * repaired: look at the data, then spg_mutex_recovered; SPG_EAGAIN (SPG_NOWAIT and it is held),
 * SPG_ETIMEDOUT, SPG_EDEADLOCK (this thread holds it), SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL.
 * A mutex whose owner is killed goes to a waiter within 100 milliseconds. Not fair. */
SPG_API SPG_MUST_USE int spg_mutex_lock(spg_mutex *mutex, int64_t timeout);

/* Says that the data are right again, so that the next owner gets 0. Without it every owner gets
 * SPG_EOWNERDEAD.
 * Returns 0, SPG_EPERM (not held by this thread), SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL. Does not
 * wait. */
SPG_API int spg_mutex_recovered(spg_mutex *mutex);

/* Gives the mutex back and wakes one waiter. Releases.
 * Returns 0, SPG_EPERM (not held by this thread; also in a fork child), SPG_EDOMAIN, SPG_ECORRUPT,
 * SPG_EINVAL.
 * Does not wait. A caller that dies inside has either unlocked or died as the owner. */
SPG_API int spg_mutex_unlock(spg_mutex *mutex);

/* ---- read-write lock ------------------------------------------------------------------------- */

enum { SPG_RWLOCK_READERS_MAX = 56 };

typedef struct spg_rwlock {
    SPG_ALIGN_8 uint64_t words[64];
} spg_rwlock;

/* As spg_mutex_init. */
SPG_API SPG_MUST_USE int spg_rwlock_init(spg_rwlock *lock);

/* Takes a share: up to 56 at a time over all processes; more wait. A waiting writer goes first.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL, or SPG_EOWNERDEAD:
 * NOT taken, because a writer died and nobody has repaired: take it for writing. A reader that dies
 * delays a writer by at most 100 milliseconds. A thread that takes a second share can deadlock with
 * a writer waiting in between. */
SPG_API SPG_MUST_USE int spg_rwlock_lock_read(spg_rwlock *lock, int64_t timeout);

/* Takes the whole. Returns as spg_mutex_lock, SPG_EOWNERDEAD taken; but a thread that holds it, or
 * a share of it, waits for itself. */
SPG_API SPG_MUST_USE int spg_rwlock_lock_write(spg_rwlock *lock, int64_t timeout);

/* As spg_mutex_recovered, for the writer. */
SPG_API int spg_rwlock_recovered(spg_rwlock *lock);

/* Gives back the whole if this process holds it, otherwise a share. Wakes all waiters. Releases.
 * Returns 0, SPG_EPERM (this process holds neither), SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL. Does
 * not wait. */
SPG_API int spg_rwlock_unlock(spg_rwlock *lock);

/* ---- semaphore ------------------------------------------------------------------------------- */

enum { SPG_SEMAPHORE_OWNED_MAX = 16 };
#define SPG_SEMAPHORE_VALUE_MAX 0x3fffffffu

typedef struct spg_semaphore {
    SPG_ALIGN_8 uint64_t words[24];
} spg_semaphore;

/* A plain semaphore: a signal that is counted. Anybody may post; what a process took is gone when
 * it dies. `value` at most SPG_SEMAPHORE_VALUE_MAX. Returns 0 or SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_semaphore_init(spg_semaphore *semaphore, uint32_t value);

/* An owned semaphore: permits that belong to the process that took them and come back if it dies.
 * `permits` 1 to 16; all free. Only a process that holds one may post.
 * Returns 0, SPG_EINVAL, or what spg_node_open may. */
SPG_API SPG_MUST_USE int spg_semaphore_init_owned(spg_semaphore *semaphore, uint32_t permits);

/* Takes one.
 * Returns 0; 1: taken from a process that died holding it (owned only); SPG_EAGAIN, SPG_ETIMEDOUT,
 * SPG_EDOMAIN (owned only), SPG_ECORRUPT, SPG_EINVAL. Owned: a dead process's permit comes back
 * within 100 milliseconds. Not fair. */
SPG_API SPG_MUST_USE int spg_semaphore_wait(spg_semaphore *semaphore, int64_t timeout);

/* Gives one and wakes the waiters, which then race for it: waking only one would lose the wake-up
 * if that one died. Releases. Plain: giving and waking are one step, and a caller that dies inside
 * has done both or neither. Owned: if it dies in between, the waiters look within 20 milliseconds.
 * Does not wait. Returns 0, SPG_EFULL (the largest value is reached), SPG_EPERM (owned, and this
 * process holds none), SPG_EDOMAIN (owned), SPG_ECORRUPT, SPG_EINVAL. */
SPG_API int spg_semaphore_post(spg_semaphore *semaphore);

/* How many can be taken now: a hint, old when it arrives. Permits of the dead count as taken.
 * Returns the count, SPG_ECORRUPT, SPG_EINVAL. Does not wait. */
SPG_API int spg_semaphore_value(const spg_semaphore *semaphore);

/* ---- condition ------------------------------------------------------------------------------- */

typedef struct spg_condition {
    SPG_ALIGN_8 uint64_t words[2];
} spg_condition;

/* Returns 0 or SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_condition_init(spg_condition *condition);

/* Unlocks the mutex, sleeps until a signal, and locks it again.
 * Returns for no reason too: look at what you wait for in a loop. If a process dies holding the
 * mutex while others sleep here, one of them wakes within 100 milliseconds and gets SPG_EOWNERDEAD:
 * nobody waits for a signal that the dead would have given.
 * Returns 0, SPG_EOWNERDEAD or SPG_ETIMEDOUT, each with the mutex held (taking it again is not
 * bound by the timeout); SPG_EPERM (the mutex is not held by this thread), SPG_EAGAIN (SPG_NOWAIT;
 * the mutex stayed held), SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_condition_wait(spg_condition *condition, spg_mutex *mutex,
                                            int64_t timeout);

/* Wakes every waiter. (One at a time would lose the wake-up if that one died.) Call it with the
 * mutex held. No system call if nobody waits; does not wait. Returns 0, SPG_ECORRUPT, SPG_EINVAL.
 * */
SPG_API int spg_condition_signal(spg_condition *condition);

/* ---- event ----------------------------------------------------------------------------------- */

typedef struct spg_event {
    SPG_ALIGN_8 uint64_t words[2];
} spg_event;

/* An event that is set or not, at first not. Returns 0 or SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_event_init(spg_event *event);

/* Sets it and wakes all waiters, in one step that a death cannot split; it stays set. Releases.
 * Returns 0, SPG_ECORRUPT, SPG_EINVAL. Does not wait. */
SPG_API int spg_event_set(spg_event *event);

/* Unsets it. Those who waited when it was set pass all the same. Returns as spg_event_set. */
SPG_API int spg_event_reset(spg_event *event);

/* Waits until it is set, or was set since the call began.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ECORRUPT, SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_event_wait(spg_event *event, int64_t timeout);

/* ---- barrier --------------------------------------------------------------------------------- */

enum { SPG_BARRIER_MEMBERS_MAX = 28 };

typedef struct spg_barrier {
    SPG_ALIGN_8 uint64_t words[64];
} spg_barrier;

/* A barrier for `members` threads, 1 to 28, of any processes. A thread becomes a member with its
 * first wait. Returns 0, SPG_EINVAL, or what spg_node_open may. */
SPG_API SPG_MUST_USE int spg_barrier_init(spg_barrier *barrier, uint32_t members);

/* Arrives and waits for the others. Returns 0; 1: the last to arrive; SPG_EPEERDEAD: a member's
 * process died, so this round is over and the place is free: all who wait get this, and the next
 * round is complete when a new member has come. (A member that had arrived and whose death nobody
 * noticed before the last arrived breaks nothing.) SPG_EAGAIN and SPG_ETIMEDOUT: not arrived any
 * more (if a process is stopped inside a call on this barrier, the round it is about to end may
 * still count us); with SPG_NOWAIT also when another is inside a call just now. SPG_EFULL (the
 * members are others), SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL. A thread that ends without
 * spg_barrier_leave stays a member as long as its process lives. */
SPG_API SPG_MUST_USE int spg_barrier_wait(spg_barrier *barrier, int64_t timeout);

/* Gives this thread's place to whoever waits next. Waits for a process that is stopped inside a
 * call on this barrier. Returns 0, SPG_EPERM (not a member), SPG_ECORRUPT, SPG_EINVAL, SPG_EDOMAIN.
 * */
SPG_API int spg_barrier_leave(spg_barrier *barrier);

/* ---- seqlock --------------------------------------------------------------------------------- */

typedef struct spg_seqlock {
    SPG_ALIGN_8 uint64_t words[6];
} spg_seqlock;

/* Guards one value that lies beside it in shared memory. As spg_mutex_init. */
SPG_API SPG_MUST_USE int spg_seqlock_init(spg_seqlock *seqlock);

/* Copies a whole value into shared memory; writers exclude each other.
 *   shared  the guarded value, at a multiple of 8; always the same for one seqlock
 *   value   what to write;  size  in bytes, a multiple of 8
 * Returns 0 (also when it completes what a dead writer left half-written), SPG_EAGAIN,
 * SPG_ETIMEDOUT, SPG_EDEADLOCK, SPG_EDOMAIN, SPG_ECORRUPT, SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_seqlock_write(spg_seqlock *seqlock, void *shared, const void *value,
                                           size_t size, int64_t timeout);

/* Copies the value out, complete: as some writer wrote it. Writes nothing to shared memory, so a
 * read-only mapping will do.
 * Returns 0; SPG_EOWNERDEAD: a writer died half-way, there is no value until the next write;
 * SPG_EAGAIN (SPG_NOWAIT and a writer is at it), SPG_ETIMEDOUT, SPG_EDOMAIN, SPG_ECORRUPT,
 * SPG_EINVAL. Writers that never pause can keep a reader until its deadline. */
SPG_API SPG_MUST_USE int spg_seqlock_read(const spg_seqlock *seqlock, const void *shared,
                                          void *value, size_t size, int64_t timeout);

#ifdef __cplusplus
}
#endif

#endif
