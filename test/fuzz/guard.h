/* guard.h: mappings between walls. Every mapping that the library makes lies between two runs of
 * pages that nobody may touch, so that a step beyond its end is fatal at once and does not land in
 * whatever lies beside it. The sanitizers know of no ends of mappings. */
#ifndef FUZZ_GUARD_H
#define FUZZ_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on mappings of files that are shared are known. */
void guard_watch(void);
/* How a byte of a file is mapped that the library shares. The table of nodes that this process
 * stands in does not count. */
enum guard_access { GUARD_NOT_SHARED, GUARD_READABLE, GUARD_WRITABLE };
enum guard_access guard_access(const volatile void *address, size_t *offset);

/* From now on the file with this inode does not count. */
void guard_spare(uint64_t inode);

#endif
