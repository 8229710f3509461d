/* process.c: chance, processors, forks, and what names a process to a human. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "platform/platform.h"
#include "platform/posix/reason.h"

static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;

void spg__process_lock(void) {
    pthread_mutex_lock(&process_lock);
}

void spg__process_unlock(void) {
    pthread_mutex_unlock(&process_lock);
}

int spg__random(void *bytes, size_t count) {
    intptr_t result;
    do {
        result = SPG_SYSTEM(getrandom, (bytes, count, 0));
    } while (result < 0 && errno == EINTR);
    return result < 0 ? spg__reason("getrandom") : 0;
}

bool spg__several_processors(void) {
    /* Not those that this process may use: whom it waits for may have another. */
    return sysconf(_SC_NPROCESSORS_ONLN) != 1;
}

void spg__process_hint(struct spg__process_hint *hint) {
    struct stat status;
    *hint = (struct spg__process_hint){.pid = (uint32_t)getpid(), .uid = (uint32_t)getuid()};
    if (SPG_SYSTEM(stat, ("/proc/self/ns/pid", &status)) == 0) hint->pid_namespace = status.st_ino;
}

uint32_t spg__user(void) {
    return (uint32_t)geteuid();
}

int spg__at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    if (pthread_atfork(prepare, parent, child) == 0) return 0;
    spg__system_reason("pthread_atfork", "no memory");
    return SPG_ENOMEM;
}

const char *spg__environment(const char *name) {
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}

const char *spg__shared_memory_directory(void) {
    return "/dev/shm";
}
