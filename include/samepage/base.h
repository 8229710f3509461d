/* samepage/base.h: results, timeouts, version. What every other header stands on.
 *
 * Every function that can fail returns an int: zero or a count on success, a negative SPG_E… on
 * failure. The numbers are the same on every system and never change: they cross processes,
 * languages and machines. */
#ifndef SAMEPAGE_BASE_H
#define SAMEPAGE_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPG_VERSION_MAJOR 0
#define SPG_VERSION_MINOR 1
#define SPG_VERSION_PATCH 0

#if defined(_WIN32)
#    if defined(SPG_BUILDING)
#        define SPG_API __declspec(dllexport)
#    else
#        define SPG_API
#    endif
#    define SPG_MUST_USE
#else
#    define SPG_API __attribute__((visibility("default")))
#    define SPG_MUST_USE __attribute__((warn_unused_result))
#endif

#ifdef __cplusplus
#    define SPG_ALIGN_8 alignas(8)
#else
#    define SPG_ALIGN_8 _Alignas(8)
#endif

/* A timeout is a number of nanoseconds from now, on the monotonic clock. Other negative numbers
 * are SPG_EINVAL. */
#define SPG_NOWAIT ((int64_t)0)   /* do not wait: SPG_EAGAIN instead */
#define SPG_FOREVER ((int64_t)-1) /* no deadline */

/* What is said of a channel's type. */
enum {
    SPG_TYPE_NAME_MAX = 63, /* bytes of its name */
    SPG_SCHEMA_MAX = 65536  /* bytes of a text that describes it */
};

/* The one list of results: name, number, sentence. */
#define SPG_ERROR_LIST(ENTRY)                                                                      \
    ENTRY(SPG_EINVAL, -1, "an argument is malformed or out of range")                              \
    ENTRY(SPG_ENOMEM, -2, "the system has no memory left for this process")                        \
    ENTRY(SPG_ENOSPC, -3, "there is no room where the segment lies")                               \
    ENTRY(SPG_EEXIST, -4, "the name is already taken")                                             \
    ENTRY(SPG_ENOENT, -5, "nothing has this name")                                                 \
    ENTRY(SPG_EPERM, -6, "the operation is not permitted to this process")                         \
    ENTRY(SPG_EAGAIN, -7, "it would have to wait")                                                 \
    ENTRY(SPG_ETIMEDOUT, -8, "the deadline passed")                                                \
    ENTRY(SPG_EOWNERDEAD, -9, "held, but the last owner died: the data need a look")               \
    ENTRY(SPG_EPEERDEAD, -10, "the process on the other side died")                                \
    ENTRY(SPG_ECORRUPT, -11, "the bytes in the segment cannot be right")                           \
    ENTRY(SPG_EVERSION, -12, "the segment has another layout version, byte order or page size")    \
    ENTRY(SPG_ETYPE, -13, "the segment holds something of another type")                           \
    ENTRY(SPG_EFULL, -14, "every place is taken")                                                  \
    ENTRY(SPG_ETOOBIG, -15, "it does not fit into what was declared")                              \
    ENTRY(SPG_ECLOSED, -16, "the handle or the channel is closed")                                 \
    ENTRY(SPG_EFORKED, -17, "the handle belongs to the parent of this process")                    \
    ENTRY(SPG_ENOTSUP, -18, "this kind of segment, system or file system cannot do that")          \
    ENTRY(SPG_ESYSTEM, -19, "a system call failed")                                                \
    ENTRY(SPG_EDEADLOCK, -20, "this thread holds the lock already")                                \
    ENTRY(SPG_EDOMAIN, -21, "the object belongs to another domain")                                \
    ENTRY(SPG_EMFILE, -22, "there are too many open files")

#define SPG_ERROR_ENUMERATOR(name, number, text) name = (number),
enum spg_error { SPG_ERROR_LIST(SPG_ERROR_ENUMERATOR) };
#undef SPG_ERROR_ENUMERATOR

/* The name of a result, "SPG_ECORRUPT"; "SPG_OK" for zero and counts, "SPG_EUNKNOWN" otherwise.
 * Never fails, never blocks, callable from anywhere at once, also in signal handlers. The text is
 * static. */
SPG_API const char *spg_error_name(int error);

/* One plain sentence for a result. As spg_error_name. */
SPG_API const char *spg_error_text(int error);

/* What the last failed cold call of this thread was about: what was tried, on which name, the
 * system's reason, what to do. Cold calls are those that open, create, close, list or check; a call
 * that only waits (SPG_EAGAIN, SPG_ETIMEDOUT) leaves the text alone. Empty if nothing failed yet.
 * The text belongs to the thread and stands until its next cold call: one that succeeds may have
 * met failures on its way. A fork child has its parent's text. */
SPG_API const char *spg_error_detail(void);

/* The version of the library that runs, "0.1.0"; the macros above are the one compiled against. */
SPG_API const char *spg_version(void);

#ifdef __cplusplus
}
#endif

#endif
