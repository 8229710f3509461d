/* sha1.h: the digest of FIPS 180-4, of which other programs make names. It protects nothing. */
#ifndef SPG_BASE_SHA1_H
#define SPG_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { SPG__SHA1_BYTES = 20 };

void spg__sha1(uint8_t digest[SPG__SHA1_BYTES], const void *bytes, size_t size);

#endif
