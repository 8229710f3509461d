/* samepage/php.h: the variables of PHP's sysvshm (shm_put_var, shm_get_var) in a segment.
 *
 * PHP keeps them in its own form: a header of 40 bytes, then records with a number for a name and
 * a value as serialize() writes it. These calls read and write variables of the scalar types
 * there. They take the segment's bytes: spg_segment_open(&segment, "php:24301", NULL), then
 * address and size. (A segment that has no such header is formatted by PHP when shm_attach meets
 * it: what was in its first 40 bytes is gone.)
 *
 * The form is that of 64-bit PHP. Nothing is locked, by PHP neither: hold a semaphore that both
 * know (system_semaphore.h, "php:"). No call trusts what is there, waits, or calls the system. */
#ifndef SAMEPAGE_PHP_H
#define SAMEPAGE_PHP_H

#include <samepage/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum spg_php_type {
    SPG_PHP_NULL = 0,
    SPG_PHP_BOOL = 1,
    SPG_PHP_INT = 2,
    SPG_PHP_FLOAT = 3,
    SPG_PHP_STRING = 4,
    SPG_PHP_OTHER = 5 /* an array or an object: its bytes as serialize() wrote them. To read only */
};

typedef struct spg_php_value {
    uint32_t struct_size; /* sizeof(spg_php_value) */
    uint32_t type;        /* enum spg_php_type */
    int64_t integer;      /* bool: 0 or 1; int */
    double real;          /* float */
    const void *bytes; /* string, other. From get: in the segment, until the next put or remove */
    size_t size;       /* of `bytes` */
} spg_php_value;

#define SPG_PHP_VALUE                                                                              \
    { sizeof(spg_php_value), SPG_PHP_NULL, 0, 0, NULL, 0 }

/* Makes the bytes an empty set of variables, whatever they were. At least 40 bytes, at a multiple
 * of 8. Returns 0, SPG_EINVAL, SPG_ETOOBIG (fewer than 40 bytes). */
SPG_API SPG_MUST_USE int spg_php_format(void *memory, size_t size);

/* Finds the variable `key`. Returns 0, SPG_ENOENT (there is none), SPG_ETYPE (no variables of PHP
 * here), SPG_ECORRUPT, SPG_EINVAL. */
SPG_API SPG_MUST_USE int spg_php_get(const void *memory, size_t size, int64_t key,
                                     spg_php_value *value);

/* Gives it a value. Returns 0, SPG_ENOSPC (it is as it was), SPG_ETYPE, SPG_ECORRUPT, SPG_EINVAL
 * (also: SPG_PHP_OTHER). A caller that dies inside may have removed it, as PHP may. */
SPG_API SPG_MUST_USE int spg_php_put(void *memory, size_t size, int64_t key,
                                     const spg_php_value *value);

/* Removes it. Returns 0, SPG_ENOENT, SPG_ETYPE, SPG_ECORRUPT, SPG_EINVAL. */
SPG_API int spg_php_remove(void *memory, size_t size, int64_t key);

#ifdef __cplusplus
}
#endif

#endif
