/* memory.c: mappings. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

size_t spg__page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

int spg__memory_unmap(void *address, size_t size) {
    return SPG_SYSTEM(munmap, (address, size)) < 0 ? spg__reason("munmap") : 0;
}

int spg__memory_lock(void *address, size_t size) {
    return SPG_SYSTEM(mlock, (address, size)) < 0 ? spg__reason("mlock") : 0;
}
