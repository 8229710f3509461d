/* semaphore.c: named semaphores of POSIX. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <time.h>

#include "base/deadline.h"
#include "platform/platform.h"
#include "platform/posix/reason.h"
#include "platform/seam.h"
#include "platform/semaphore.h"

static int opened(void **semaphore, sem_t *made) {
    if (made == SEM_FAILED) return spg__reason("sem_open");
    *semaphore = made;
    return 0;
}

int spg__posix_semaphore_open(void **semaphore, const char *name) {
    return opened(semaphore, (sem_t *)SPG_SYSTEM(sem_open, (name, 0)));
}

int spg__posix_semaphore_make(void **semaphore, const char *name, uint32_t mode, uint32_t value) {
    return opened(semaphore, (sem_t *)SPG_SYSTEM(sem_open, (name, O_CREAT | O_EXCL, (mode_t)mode,
                                                            (unsigned)value)));
}

static struct timespec time_of(int64_t nanoseconds) {
    return (struct timespec){.tv_sec = (time_t)(nanoseconds / 1000000000),
                             .tv_nsec = (long)(nanoseconds % 1000000000)};
}

/* By the clock that nobody sets, where the C library knows of it. */
static int wait_until(sem_t *semaphore, int64_t deadline) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 30)
    struct timespec end = time_of(deadline);
    return (int)SPG_SYSTEM(sem_clockwait, (semaphore, CLOCK_MONOTONIC, &end));
#else
    int64_t left = deadline - spg__clock_monotonic();
    struct timespec end = time_of(spg__clock_realtime() + (left > 0 ? left : 0));
    return (int)SPG_SYSTEM(sem_timedwait, (semaphore, &end));
#endif
}

static int wait_once(sem_t *semaphore, int64_t timeout, int64_t deadline) {
    if (timeout == 0) return (int)SPG_SYSTEM(sem_trywait, (semaphore));
    if (deadline == SPG__NEVER) return (int)SPG_SYSTEM(sem_wait, (semaphore));
    return wait_until(semaphore, deadline);
}

int spg__posix_semaphore_wait(void *semaphore, int64_t timeout) {
    int64_t deadline = timeout == 0 ? 0 : spg__deadline(spg__clock_monotonic(), timeout);
    while (wait_once(semaphore, timeout, deadline) < 0) {
        if (errno == ETIMEDOUT) return SPG_ETIMEDOUT;
        if (errno == EAGAIN) return SPG_EAGAIN;
        if (errno != EINTR) return spg__reason("sem_wait");
    }
    return 0;
}

int spg__posix_semaphore_post(void *semaphore) {
    if (SPG_SYSTEM(sem_post, (semaphore)) == 0) return 0;
    return errno == EOVERFLOW ? SPG_EFULL : spg__reason("sem_post");
}

int spg__posix_semaphore_value(void *semaphore) {
    int value;
    if (SPG_SYSTEM(sem_getvalue, (semaphore, &value)) < 0) return spg__reason("sem_getvalue");
    return value > 0 ? value : 0;
}

int spg__posix_semaphore_close(void *semaphore) {
    return SPG_SYSTEM(sem_close, (semaphore)) < 0 ? spg__reason("sem_close") : 0;
}

int spg__posix_semaphore_unlink(const char *name) {
    return SPG_SYSTEM(sem_unlink, (name)) < 0 ? spg__reason("sem_unlink") : 0;
}
