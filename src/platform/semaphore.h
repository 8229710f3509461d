/* semaphore.h: the system's semaphores; part of the porting contract (platform.h). */
#ifndef SPG_PLATFORM_SEMAPHORE_H
#define SPG_PLATFORM_SEMAPHORE_H

#include <stdbool.h>
#include <stdint.h>

/* ---- POSIX, by name: "/ready" ---------------------------------------------------------------- */

int spg__posix_semaphore_open(void **semaphore, const char *name);
int spg__posix_semaphore_make(void **semaphore, const char *name, uint32_t mode, uint32_t value);
int spg__posix_semaphore_wait(void *semaphore, int64_t timeout);
int spg__posix_semaphore_post(void *semaphore);
int spg__posix_semaphore_value(void *semaphore);
int spg__posix_semaphore_close(void *semaphore);
int spg__posix_semaphore_unlink(const char *name);

/* ---- System V sets, by key ------------------------------------------------------------------- */

enum { SPG__SYSV_STEPS_MAX = 4 };

struct spg__sysv_step {
    uint16_t member;
    int16_t change; /* 0: wait until it is 0 */
    bool undo;      /* if this process dies */
};

struct spg__sysv_set {
    uint32_t members;
    bool used; /* somebody has worked on it since it was made */
};

int spg__sysv_set_find(int *id, int32_t key);
int spg__sysv_set_make(int *id, int32_t key, int members, uint32_t mode);
int spg__sysv_set_facts(int id, struct spg__sysv_set *set);

/* All steps at once, waiting until they can be done. SPG_ENOENT: the set was removed. */
int spg__sysv_set_work(int id, const struct spg__sysv_step *steps, int count, int64_t timeout);
int spg__sysv_set_value(int id, int member);
int spg__sysv_set_assign(int id, int member, int value);
int spg__sysv_set_remove(int id);

#endif
