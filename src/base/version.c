/* version.c: the version of the library that runs. */
#include <samepage/base.h>

#define TEXT_OF(number) #number
#define JOIN(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *spg_version(void) {
    return JOIN(SPG_VERSION_MAJOR, SPG_VERSION_MINOR, SPG_VERSION_PATCH);
}
