/* memory.c: what mapping has on Linux beyond POSIX: populating, huge pages, NUMA, resizing, pages
 * that a fork wipes, and memory without a name. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/platform.h"
#include "platform/posix/reason.h"

/* Numbers of the kernel's interface, for headers that are older or not glibc's. */
#ifndef MADV_POPULATE_READ
#    define MADV_POPULATE_READ 22
#    define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_WIPEONFORK
#    define MADV_WIPEONFORK 18
#endif
#ifndef MFD_HUGETLB
#    define MFD_HUGETLB 4U
#endif
#ifndef MFD_NOEXEC_SEAL
#    define MFD_NOEXEC_SEAL 8U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#    define F_SEAL_FUTURE_WRITE 0x0010
#endif
enum { HUGE_SHIFT = 26, POLICY_BIND = 2, NODES_AT_MOST = 1024 };

/* The bits by which mmap and memfd_create are told a huge page size: its logarithm, shifted. */
static unsigned huge_bits(size_t huge_page) {
    return (unsigned)__builtin_ctzll(huge_page) << HUGE_SHIFT;
}

int spg__memory_map(void **address, spg__file file, size_t size, enum spg__memory_access access,
                    size_t huge_page) {
    int protection = access == SPG__MEMORY_READ ? PROT_READ : PROT_READ | PROT_WRITE;
    int flags = access == SPG__MEMORY_COPY_ON_WRITE ? MAP_PRIVATE : MAP_SHARED;
    if (file == SPG__NO_FILE) flags |= MAP_ANONYMOUS;
    if (file == SPG__NO_FILE && huge_page) flags |= MAP_HUGETLB | (int)huge_bits(huge_page);
    void *mapped = (void *)SPG_SYSTEM(mmap, (NULL, size, protection, flags, file, 0));
    if (mapped == MAP_FAILED) return spg__reason("mmap");
    *address = mapped;
    return 0;
}

/* First a reservation of both, so that the two mappings meet in address space that is ours. */
int spg__memory_map_ring(void **address, spg__file file, uint64_t offset, size_t size) {
    char *both = (char *)SPG_SYSTEM(
        mmap, (NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (both == MAP_FAILED) return spg__reason("mmap");
    for (int i = 0; i < 2; i++) {
        char *mapped = (char *)SPG_SYSTEM(mmap,
                                          (both + (size_t)i * size, size, PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_FIXED, file, (off_t)offset));
        if (mapped != MAP_FAILED) continue;
        int result = spg__reason("mmap");
        munmap(both, 2 * size);
        return result;
    }
    *address = both;
    return 0;
}

int spg__memory_remap(void **address, size_t size, size_t new_size) {
    void *moved = (void *)SPG_SYSTEM(mremap, (*address, size, new_size, MREMAP_MAYMOVE));
    if (moved == MAP_FAILED) return spg__reason("mremap");
    *address = moved;
    return 0;
}

/* Kernels before 5.14 do not know the advice; a touch of each page does the same, without the
 * error. */
static void touch(void *address, size_t size, bool write) {
    size_t page = spg__page_size();
    for (size_t offset = 0; offset < size; offset += page) {
        spg__word32 *word = (spg__word32 *)(void *)((char *)address + offset);
        uint32_t value = atomic_load_explicit(&word->word, memory_order_relaxed);
        if (write) atomic_compare_exchange_strong(&word->word, &value, value);
    }
}

int spg__memory_populate(void *address, size_t size, bool write) {
    int advice = write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    intptr_t result;
    do {
        result = SPG_SYSTEM(madvise, (address, size, advice));
    } while (result < 0 && (errno == EINTR || errno == EAGAIN));
    if (result == 0) return 0;
    if (errno != EINVAL) {
        if (errno == EFAULT) errno = ENOMEM; /* the page could not be had: SIGBUS, if touched */
        return spg__reason("madvise(MADV_POPULATE)");
    }
    touch(address, size, write);
    return 0;
}

int spg__memory_advise_huge(void *address, size_t size) {
    if (SPG_SYSTEM(madvise, (address, size, MADV_HUGEPAGE)) < 0) {
        return spg__reason("madvise(MADV_HUGEPAGE)");
    }
    return 0;
}

int spg__memory_bind(void *address, size_t size, int numa_node) {
    unsigned long nodes[NODES_AT_MOST / (8 * sizeof(unsigned long))] = {0};
    if (numa_node < 0 || numa_node >= NODES_AT_MOST) {
        errno = EINVAL;
        return spg__reason("mbind");
    }
    size_t bits = 8 * sizeof(unsigned long);
    nodes[(size_t)numa_node / bits] = 1UL << ((size_t)numa_node % bits);
    long result = (long)SPG_SYSTEM(
        syscall, (SYS_mbind, address, size, POLICY_BIND, nodes, (unsigned long)NODES_AT_MOST, 0));
    return result < 0 ? spg__reason("mbind") : 0;
}

int spg__page_wiped_on_fork(void **page) {
    size_t size = spg__page_size();
    void *mapped = (void *)SPG_SYSTEM(
        mmap, (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mapped == MAP_FAILED) return spg__reason("mmap");
    if (SPG_SYSTEM(madvise, (mapped, size, MADV_WIPEONFORK)) < 0) {
        int result = spg__reason("madvise(MADV_WIPEONFORK)");
        munmap(mapped, size);
        return result;
    }
    *page = mapped;
    return 0;
}

/* Kernels before 6.3 do not know that the memory is not for programs. */
int spg__memfd_create(spg__file *file, const char *label, size_t huge_page) {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL;
    if (huge_page) flags |= MFD_HUGETLB | huge_bits(huge_page);
    int created = (int)SPG_SYSTEM(memfd_create, (label, flags));
    if (created < 0 && errno == EINVAL) {
        created = (int)SPG_SYSTEM(memfd_create, (label, flags & ~MFD_NOEXEC_SEAL));
    }
    if (created < 0) return spg__reason("memfd_create");
    *file = created;
    return 0;
}

/* On a file system of huge pages? Its mappings cannot grow. */
bool spg__file_is_huge(spg__file file) {
    struct statfs system;
    return SPG_SYSTEM(fstatfs, (file, &system)) == 0 &&
           (unsigned long)system.f_type == 0x958458f6UL;
}

static const struct {
    unsigned ours;
    int kernels;
} seal_table[] = {
    {SPG__SEAL_SHRINK, F_SEAL_SHRINK}, {SPG__SEAL_GROW, F_SEAL_GROW},
    {SPG__SEAL_WRITE, F_SEAL_WRITE},   {SPG__SEAL_FUTURE_WRITE, F_SEAL_FUTURE_WRITE},
    {SPG__SEAL_SEALS, F_SEAL_SEAL},
};
enum { SEAL_KINDS = sizeof seal_table / sizeof *seal_table };

int spg__file_seal(spg__file file, unsigned seals) {
    int wanted = 0;
    for (int i = 0; i < SEAL_KINDS; i++) {
        if (seals & seal_table[i].ours) wanted |= seal_table[i].kernels;
    }
    if (SPG_SYSTEM(fcntl, (file, F_ADD_SEALS, wanted)) >= 0) return 0;
    bool mapped = errno == EBUSY; /* somebody maps it for writing */
    int result = spg__reason("fcntl(F_ADD_SEALS)");
    return mapped ? SPG_EPERM : result;
}
