/* barrier.c: the barrier that one process makes for all. */
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/platform.h"

enum { GLOBAL_EXPEDITED = 1 << 1, REGISTER_GLOBAL_EXPEDITED = 1 << 2 };

static long membarrier(int command) {
    return syscall(SYS_membarrier, command, 0, 0);
}

bool spg__barrier_register(void) {
    return SPG_SYSTEM(membarrier, (REGISTER_GLOBAL_EXPEDITED)) == 0;
}

bool spg__barrier_everywhere(void) {
    return SPG_SYSTEM(membarrier, (GLOBAL_EXPEDITED)) == 0;
}
