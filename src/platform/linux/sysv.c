/* sysv.c: System V shared memory. */
#include <errno.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

#ifndef SHM_HUGETLB
#    define SHM_HUGETLB 04000
#endif
enum { HUGE_SHIFT = 26 };

int spg__sysv_key_of_file(int32_t *key, const char *path, int project) {
    key_t made = (key_t)SPG_SYSTEM(ftok, (path, project));
    if (made == -1) return spg__reason("ftok");
    *key = made;
    return 0;
}

int spg__sysv_create(int *id, int32_t key, size_t size, uint32_t mode, size_t huge_page) {
    int flags = IPC_CREAT | IPC_EXCL | (int)(mode & 0777);
    if (huge_page) flags |= SHM_HUGETLB | (__builtin_ctzll(huge_page) << HUGE_SHIFT);
    int made = (int)SPG_SYSTEM(shmget, (key, size, flags));
    if (made < 0) return spg__reason("shmget");
    *id = made;
    return 0;
}

int spg__sysv_find(int *id, int32_t key) {
    int found = (int)SPG_SYSTEM(shmget, (key, 0, 0));
    if (found < 0) return spg__reason("shmget");
    *id = found;
    return 0;
}

int spg__sysv_attach(void **address, int id, bool read_only) {
    void *attached = (void *)SPG_SYSTEM(shmat, (id, NULL, read_only ? SHM_RDONLY : 0));
    if (attached == (void *)-1) {
        if (errno == EINVAL) errno = EIDRM;
        return spg__reason("shmat");
    }
    *address = attached;
    return 0;
}

int spg__sysv_detach(void *address) {
    return SPG_SYSTEM(shmdt, (address)) < 0 ? spg__reason("shmdt") : 0;
}

static int control(int id, int command, struct shmid_ds *status) {
    if (SPG_SYSTEM(shmctl, (id, command, status)) >= 0) return 0;
    if (errno == EINVAL) errno = EIDRM;
    return spg__reason("shmctl");
}

static void facts_of(const struct shmid_ds *status, struct spg__sysv_facts *facts) {
    *facts = (struct spg__sysv_facts){
        .size = status->shm_segsz,
        .attached = status->shm_nattch,
        .mode = status->shm_perm.mode & 0777,
        .user = status->shm_perm.uid,
        .creator_pid = (uint32_t)status->shm_cpid,
        .key = status->shm_perm.__key,
    };
}

int spg__sysv_facts(int id, struct spg__sysv_facts *facts) {
    struct shmid_ds status;
    int result = control(id, IPC_STAT, &status);
    if (result < 0) return result;
    if (status.shm_perm.mode & SHM_DEST) { /* removed, and still mapped by some */
        errno = EIDRM;
        return spg__reason("shmctl");
    }
    facts_of(&status, facts);
    return 0;
}

int spg__sysv_set_mode(int id, uint32_t mode) {
    struct shmid_ds status;
    int result = control(id, IPC_STAT, &status);
    if (result < 0) return result;
    status.shm_perm.mode = (unsigned short)((status.shm_perm.mode & ~0777u) | (mode & 0777));
    return control(id, IPC_SET, &status);
}

int spg__sysv_remove(int id) {
    return control(id, IPC_RMID, NULL);
}
