/* semaphore.c: System V semaphore sets. */
#include <errno.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "base/deadline.h"
#include "platform/platform.h"
#include "platform/posix/reason.h"
#include "platform/seam.h"
#include "platform/semaphore.h"

/* The caller gives this type to the C library, which only names it. */
union argument {
    int value;
    struct semid_ds *status;
};

/* An id that is not there any more is a set that was removed. */
static int reason(const char *call) {
    if (errno == EINVAL) errno = EIDRM;
    return spg__reason(call);
}

int spg__sysv_set_find(int *id, int32_t key) {
    int found = (int)SPG_SYSTEM(semget, (key, 0, 0));
    if (found < 0) return spg__reason("semget");
    *id = found;
    return 0;
}

int spg__sysv_set_make(int *id, int32_t key, int members, uint32_t mode) {
    int flags = IPC_CREAT | IPC_EXCL | (int)(mode & 0777);
    int made = (int)SPG_SYSTEM(semget, (key, members, flags));
    if (made < 0) return spg__reason("semget");
    *id = made;
    return 0;
}

int spg__sysv_set_facts(int id, struct spg__sysv_set *set) {
    struct semid_ds status;
    union argument argument = {.status = &status};
    if (SPG_SYSTEM(semctl, (id, 0, IPC_STAT, argument)) < 0) return reason("semctl");
    *set = (struct spg__sysv_set){(uint32_t)status.sem_nsems, status.sem_otime != 0};
    return 0;
}

static int work_once(int id, struct sembuf *steps, int count, int64_t deadline) {
    if (deadline == SPG__NEVER) return (int)SPG_SYSTEM(semop, (id, steps, (size_t)count));
    int64_t left = deadline - spg__clock_monotonic();
    if (left < 0) left = 0;
    struct timespec time = {.tv_sec = (time_t)(left / 1000000000),
                            .tv_nsec = (long)(left % 1000000000)};
    return (int)SPG_SYSTEM(semtimedop, (id, steps, (size_t)count, &time));
}

int spg__sysv_set_work(int id, const struct spg__sysv_step *steps, int count, int64_t timeout) {
    struct sembuf buffers[SPG__SYSV_STEPS_MAX];
    int64_t deadline = spg__deadline(spg__clock_monotonic(), timeout);
    for (int i = 0; i < count; i++) {
        int flags = (steps[i].undo ? SEM_UNDO : 0) | (timeout == 0 ? IPC_NOWAIT : 0);
        buffers[i] = (struct sembuf){steps[i].member, steps[i].change, (short)flags};
    }
    while (work_once(id, buffers, count, deadline) < 0) {
        if (errno == EAGAIN) return timeout == 0 ? SPG_EAGAIN : SPG_ETIMEDOUT;
        if (errno == ERANGE) return SPG_EFULL;
        if (errno != EINTR) return reason("semop");
    }
    return 0;
}

int spg__sysv_set_value(int id, int member) {
    int value = (int)SPG_SYSTEM(semctl, (id, member, GETVAL));
    return value < 0 ? reason("semctl") : value;
}

int spg__sysv_set_assign(int id, int member, int value) {
    union argument argument = {.value = value};
    return SPG_SYSTEM(semctl, (id, member, SETVAL, argument)) < 0 ? reason("semctl") : 0;
}

int spg__sysv_set_remove(int id) {
    return SPG_SYSTEM(semctl, (id, 0, IPC_RMID)) < 0 ? reason("semctl") : 0;
}
