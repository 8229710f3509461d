/* digest.h: SHA-256, by OpenSSL. */
#ifndef DIGEST_H
#define DIGEST_H

#include "demo.h"

/* Returns 0 or -1. */
int digest(const void *bytes, size_t size, uint8_t sha256[DIGEST_BYTES]);

#endif
