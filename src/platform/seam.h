/* seam.h: where tests get between the library and the world.
 *
 * Every access to shared memory (atomic.h) and every system call (SPG_SYSTEM below) passes here. In
 * a release build the seam is nothing: plain C11 atomics and plain calls. Built with SPG_SEAM, each
 * of them is an event given to one hook, which may count, log, yield, take an image of the segment,
 * kill the process, or make a system call fail.
 *
 * The hook is the one global of a seam build; a test sets it before it calls the library. */
#ifndef SPG_PLATFORM_SEAM_H
#define SPG_PLATFORM_SEAM_H

#include <stddef.h>
#include <stdint.h>

enum spg__seam_kind {
    SPG__SEAM_LOAD,         /* a load is about to happen at `address` */
    SPG__SEAM_BEFORE_STORE, /* a store or read-modify-write is about to happen */
    SPG__SEAM_STORED,       /* it has happened: the shared image is new */
    SPG__SEAM_CALL,         /* the system call `name` is about to happen */
    SPG__SEAM_CALLED        /* it has happened */
};

struct spg__seam_event {
    enum spg__seam_kind kind;
    const char *name;             /* of the operation or the system call */
    const volatile void *address; /* of the shared word; NULL for a call */
    size_t size;
};

/* For SPG__SEAM_CALL: an errno other than zero makes the call fail with it, undone. Otherwise 0. */
typedef int spg__seam_hook(const struct spg__seam_event *event);

#ifdef SPG_SEAM

__attribute__((visibility("default"))) extern spg__seam_hook *spg__seam;

int spg__seam_refuses(const char *call);
intptr_t spg__seam_passed(const char *call, intptr_t result);
void spg__seam_access(enum spg__seam_kind kind, const char *name, const volatile void *address,
                      size_t size);

#    define SPG_SYSTEM(call, arguments)                                                            \
        (spg__seam_refuses(#call) ? (intptr_t)-1                                                   \
                                  : spg__seam_passed(#call, (intptr_t)(call arguments)))
#    define SPG__SEAM_ACCESS(kind, name, address, size) spg__seam_access(kind, name, address, size)

#else

#    define SPG_SYSTEM(call, arguments) ((intptr_t)(call arguments))
#    define SPG__SEAM_ACCESS(kind, name, address, size) ((void)0)

#endif

#endif
