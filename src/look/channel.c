/* channel.c: finding and judging channels from outside. Takes no end, changes nothing. */
#include "look/channel.h"

#include <string.h>

#include "base/error.h"

bool spg__is_stream_file(const char *file_name) {
    size_t length = strlen(file_name), suffix = strlen(spg__kind_of_stream.suffix);
    return length > suffix && strcmp(file_name + length - suffix, spg__kind_of_stream.suffix) == 0;
}

/* "video%2Fleft.stream" is "stream:video/left". */
static void set_name(struct spg__found_stream *found, const char *file_name) {
    size_t length = strlen(file_name) - strlen(spg__kind_of_stream.suffix);
    char *to = stpcpy(found->name, "stream:");
    for (size_t i = 0; i < length && to < found->name + sizeof found->name - 1; i++) {
        bool slash = length - i >= 3 && strncmp(file_name + i, "%2F", 3) == 0;
        *to++ = slash ? '/' : file_name[i];
        if (slash) i += 2;
    }
    *to = '\0';
}

static int judge(const struct spg__found_stream *found) {
    int result = spg__stream_check_geometry(&found->head, found->name);
    if (result < 0 || found->facts.size == found->head.header.size) return result;
    return spg__fail(SPG_ECORRUPT, "%.300s: capacity and size contradict each other", found->name);
}

void spg__found_stream_open(struct spg__found_stream *found, const struct spg__domain *domain,
                            const char *file_name) {
    spg__file file;
    void *address;
    memset(found, 0, sizeof *found);
    set_name(found, file_name);
    found->trouble = spg__channel_open(domain, file_name, &spg__kind_of_stream, SPG__FILE_READ,
                                       &file, &found->head);
    if (found->trouble < 0) return;
    found->trouble = spg__file_facts(file, &found->facts);
    if (found->trouble == 0) found->trouble = judge(found);
    if (found->trouble == 0) {
        found->trouble = spg__memory_map(&address, file, spg__page_size(), SPG__MEMORY_READ, 0);
        if (found->trouble == 0) found->shared = address;
    }
    spg__file_close(file);
}

void spg__found_stream_close(struct spg__found_stream *found) {
    if (found->shared) spg__memory_unmap(found->shared, spg__page_size());
    found->shared = NULL;
}
