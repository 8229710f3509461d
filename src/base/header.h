/* header.h: the first 64 bytes of every file and managed segment of ours.
 *
 *    0  magic       "SAMEPAGE"
 *    8  byte_order  0x01020304 in the creator's order
 *   12  major, minor   of the layout; another major is refused
 *   16  kind        what the rest is
 *   20  features    bits a reader must know; unknown ones are refused
 *   24  page_size   of the creator
 *   28  header_size bytes before the contents
 *   32  size        bytes of the whole object
 *   40  domain      random number of the domain it belongs to
 *   48  creator     node number; 0 for none
 *   56  created     nanoseconds since 1970, for display
 *
 * Written by the creator before the object has a name; constant afterwards, except `size`, which
 * the one who grows the object raises. Readers copy it once and check the copy: the bytes may come
 * from anybody. docs/layout/header.md draws it. */
#ifndef SPG_BASE_HEADER_H
#define SPG_BASE_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum { SPG__LAYOUT_MAJOR = 1, SPG__LAYOUT_MINOR = 0, SPG__HEADER_BYTES = 64 };

enum spg__header_kind {
    SPG__KIND_NODES = 1,
    SPG__KIND_SEGMENT = 2,
    SPG__KIND_STREAM = 3,
    SPG__KIND_TOPIC = 4,
    SPG__KIND_CELL = 5,
    SPG__KIND_QUEUE = 6,
    SPG__KIND_SERVICE = 7
};

struct spg__header {
    char magic[8];
    uint32_t byte_order;
    uint16_t major;
    uint16_t minor;
    uint32_t kind;
    uint32_t features;
    uint32_t page_size;
    uint32_t header_size;
    uint64_t size;
    uint64_t domain;
    uint64_t creator;
    uint64_t created;
};

_Static_assert(sizeof(struct spg__header) == SPG__HEADER_BYTES, "the header takes 64 bytes");
_Static_assert(offsetof(struct spg__header, kind) == 16, "layout of the header");
_Static_assert(offsetof(struct spg__header, size) == 32, "layout of the header");
_Static_assert(offsetof(struct spg__header, created) == 56, "layout of the header");

void spg__header_fill(struct spg__header *header, enum spg__header_kind kind, uint32_t page_size);

/* Checks a private copy. `name` is for the detail text; `room` the bytes really there. Returns 0,
 * SPG_ETYPE (not ours, or of another kind), SPG_EVERSION, SPG_ECORRUPT. */
int spg__header_check(const struct spg__header *header, enum spg__header_kind kind,
                      uint32_t page_size, uint64_t room, const char *name);

#endif
