/* lock.c: proofs of life, by locks that belong to an opening of a file.
 *
 * Unlike the process-wide record locks of POSIX these are not lost when some other descriptor of
 * the file is closed, and unlike a pid they cannot be taken over by a stranger. A fork child shares
 * its parent's opening, so it must close it (node/self.c); until then the parent looks alive, which
 * is the safe mistake. Numbers are positions in the file, within it or beyond its end: they lock no
 * bytes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

#ifndef F_OFD_GETLK
#    define F_OFD_GETLK 36
#    define F_OFD_SETLK 37
#endif

static struct flock lock_at(uint64_t position, short type) {
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)position, .l_len = 1};
}

int spg__lock_try(spg__file file, uint64_t position) {
    struct flock lock = lock_at(position, F_WRLCK);
    intptr_t result;
    do {
        result = SPG_SYSTEM(fcntl, (file, F_OFD_SETLK, &lock));
    } while (result < 0 && errno == EINTR);
    if (result == 0) return 0;
    if (errno == EACCES) errno = EAGAIN;
    return spg__reason("fcntl(F_OFD_SETLK)");
}

int spg__lock_release(spg__file file, uint64_t position) {
    struct flock lock = lock_at(position, F_UNLCK);
    if (SPG_SYSTEM(fcntl, (file, F_OFD_SETLK, &lock)) < 0) return spg__reason("fcntl(F_OFD_SETLK)");
    return 0;
}

/* Any failure counts as held: doubt means alive. */
int spg__lock_held(spg__file file, uint64_t position) {
    struct flock lock = lock_at(position, F_WRLCK);
    if (SPG_SYSTEM(fcntl, (file, F_OFD_GETLK, &lock)) < 0) return 1;
    return lock.l_type != F_UNLCK;
}
