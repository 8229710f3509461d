/* kind_file.c: segments that are files: posix (in the directory of POSIX shared memory) and file.
 *
 * Built complete as an unnamed file, then linked: the link is the commit (platform/new_file.h). */
#include "base/error.h"
#include "segment/segment.h"

static int create(spg_segment *segment, size_t total) {
    struct spg__new_file *building = &segment->building;
    int result = spg__new_file_begin(building, SPG__NO_FILE, segment->name.path);
    if (result < 0) return result;
    result = spg__segment_fill_file(segment, building->file, total);
    if (result == 0) result = spg__file_set_mode(building->file, segment->options.mode);
    if (result == 0) return 0;
    spg__segment_unmap(segment);
    spg__new_file_abandon(building);
    return result;
}

static int commit(spg_segment *segment) {
    int result = spg__new_file_commit(&segment->building);
    if (result == 0) segment->file = segment->building.file;
    return result;
}

static void abandon(spg_segment *segment) {
    spg__segment_unmap(segment);
    spg__new_file_abandon(&segment->building);
}

static int open_named(spg_segment *segment) {
    enum spg__file_access access = segment->options.access == SPG_READ_WRITE ? SPG__FILE_READ_WRITE
                                                                             : SPG__FILE_READ;
    int result = spg__file_open(&segment->file, SPG__NO_FILE, segment->name.path, access);
    if (result < 0) return result;
    result = spg__segment_map_file(segment, segment->file);
    if (result == 0) return 0;
    spg__file_close(segment->file);
    segment->file = SPG__NO_FILE;
    return result;
}

static bool is_named(const spg_segment *segment) {
    struct spg__file_facts facts;
    return spg__file_facts(segment->file, &facts) == 0 &&
           spg__file_is_named(&facts, SPG__NO_FILE, segment->name.path);
}

static int unlink_named(const struct spg__segment_name *name) {
    return spg__file_unlink(SPG__NO_FILE, name->path);
}

const struct spg__segment_kind_calls spg__segment_file_calls = {create,     commit,   abandon,
                                                                open_named, is_named, unlink_named};
