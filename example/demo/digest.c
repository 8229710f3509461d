/* digest.c: SHA-256, by OpenSSL. */
#include "digest.h"

#include <openssl/evp.h>

int digest(const void *bytes, size_t size, uint8_t sha256[DIGEST_BYTES]) {
    unsigned length = 0;
    if (EVP_Digest(bytes, size, sha256, &length, EVP_sha256(), NULL) == 1) return 0;
    return complain("SHA-256 failed");
}
