/* managed.h: what the tests of managed segments share: their making, and what the domain says. */
#ifndef TEST_PROCESS_MANAGED_H
#define TEST_PROCESS_MANAGED_H

#include "process/segment.h"

enum { HEADER = 4096, HOLDERS = 496 };

__attribute__((unused)) static spg_segment_options reading(void) {
    spg_segment_options options = managed();
    options.access = SPG_READ_ONLY;
    return options;
}

__attribute__((unused)) static spg_segment *create(const char *name, size_t size,
                                                   spg_segment_options options) {
    spg_segment *segment;
    CHECK_OK(spg_segment_create(&segment, name, size, &options));
    return segment;
}

__attribute__((unused)) static spg_segment *open_again(const char *name) {
    spg_segment *segment;
    spg_segment_options options = managed();
    CHECK_OK(spg_segment_open(&segment, name, &options));
    return segment;
}

/* ---- what the domain says -------------------------------------------------------------------- */

struct census {
    const char *name; /* of the segment looked for; NULL: any */
    int nodes, segments;
    char type[64];
    spg_domain_entry last;
};

__attribute__((unused)) static int count_entry(void *context, const spg_domain_entry *entry) {
    struct census *census = context;
    if (entry->kind == SPG_ENTRY_NODE) census->nodes++;
    if (entry->kind != SPG_ENTRY_SEGMENT) return 0;
    if (census->name && strcmp(census->name, entry->name) != 0) return 0;
    census->segments++;
    census->last = *entry;
    snprintf(census->type, sizeof census->type, "%s", entry->type);
    return 0;
}

__attribute__((unused)) static struct census census_of(const char *name) {
    struct census census = {.name = name};
    CHECK_OK(spg_domain_list(NULL, count_entry, &census));
    return census;
}

__attribute__((unused)) static int files_in_domain(void) {
    return names_in(getenv("SAMEPAGE_DOMAIN"));
}

__attribute__((unused)) static bool exists(const char *name) {
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    int result = spg_segment_open(&segment, name, &options);
    if (result == SPG_ENOENT) return false;
    CHECK_OK(result);
    CHECK_OK(spg_segment_close(segment));
    return true;
}

#endif
