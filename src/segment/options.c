/* options.c: what a caller asks for, checked before anything is done. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "segment/segment.h"

static int check_values(const spg_segment_options *options) {
    if (options->access > SPG_COPY_ON_WRITE || options->profile > SPG_MANAGED ||
        options->lifetime > SPG_TEMPORARY || options->huge_pages > SPG_HUGE_1G ||
        options->exclusive > 1 || options->populate > 1 || options->lock > 1 || options->reserved) {
        return spg__fail(SPG_EINVAL, "spg_segment_options: a value is out of range; begin with "
                                     "SPG_SEGMENT_OPTIONS");
    }
    if (options->mode & ~0666u) {
        return spg__fail(SPG_EINVAL,
                         "spg_segment_options: mode %#o has bits that memory has no use for",
                         options->mode);
    }
    if (options->seals & ~31u || options->numa_node < SPG_NUMA_ANY) {
        return spg__fail(SPG_EINVAL,
                         "spg_segment_options: seals %#x or numa_node %d does not exist",
                         options->seals, options->numa_node);
    }
    if (options->type && strlen(options->type) > SPG_SEGMENT_TYPE_MAX) {
        return spg__fail(SPG_EINVAL, "spg_segment_options: the type has more than %d bytes",
                         SPG_SEGMENT_TYPE_MAX);
    }
    return 0;
}

static bool has_name(enum spg__segment_kind kind) {
    return kind != SPG__MEMFD && kind != SPG__ANONYMOUS;
}

/* Does the option suit the kind? */
static int check_kind(const spg_segment *segment) {
    const spg_segment_options *options = &segment->options;
    enum spg__segment_kind kind = segment->name.kind;
    const char *unsuitable = NULL;
    if (options->seals && kind != SPG__MEMFD) unsuitable = "seals, which memfd alone has";
    if (options->huge_pages >= SPG_HUGE_2M && (kind == SPG__POSIX || kind == SPG__FILE)) {
        unsuitable =
            "explicit huge pages, which memfd, sysv and anonymous have (for a file: put it on "
            "a hugetlbfs)";
    }
    if (options->access == SPG_COPY_ON_WRITE && (kind == SPG__SYSV || kind == SPG__ANONYMOUS)) {
        unsuitable = "copy-on-write, which posix, file and memfd have";
    }
    if (options->lifetime == SPG_TEMPORARY && !has_name(kind)) {
        unsuitable = "a lifetime: without a name it lives as long as somebody has it";
    }
    if (unsuitable) {
        return spg__fail(SPG_ENOTSUP, "%.300s cannot have %s", segment->name.text, unsuitable);
    }
    if (options->profile == SPG_BARE && (options->lifetime == SPG_TEMPORARY || options->type)) {
        return spg__fail(SPG_EINVAL,
                         "%.300s: lifetime and type are noted in the header, which only "
                         "SPG_MANAGED has",
                         segment->name.text);
    }
    return 0;
}

static int make_path_absolute(struct spg__segment_name *name) {
    char absolute[SPG__PATH_BYTES];
    if (name->kind != SPG__FILE || name->path[0] == '/') return 0;
    int result = spg__path_absolute(absolute, sizeof absolute, name->path);
    if (result < 0) return spg__fail_system(result, "%.300s", name->text);
    strcpy(name->path, absolute);
    strcpy(name->text, "file:");
    strcat(name->text, absolute);
    return 0;
}

static int fill(spg_segment *segment, const char *name, const spg_segment_options *given) {
    segment->options = (spg_segment_options)SPG_SEGMENT_OPTIONS;
    int result = 0;
    if (given) {
        result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_segment_options",
                                        "SPG_SEGMENT_OPTIONS");
        if (result < 0) return result;
        segment->options = *given;
    }
    if (segment->options.mode == 0) segment->options.mode = 0600;
    result = check_values(&segment->options);
    if (result == 0) result = spg__segment_name_parse(&segment->name, name);
    if (result == 0) result = check_kind(segment);
    if (result == 0) result = make_path_absolute(&segment->name);
    return result;
}

int spg__segment_new(spg_segment **out, const char *name, const spg_segment_options *options) {
    spg_segment *segment = calloc(1, sizeof *segment);
    if (!segment) return spg__fail(SPG_ENOMEM, "no memory for a segment's handle");
    segment->file = segment->building.file = SPG__NO_FILE;
    segment->sysv_id = -1;
    int result = fill(segment, name, options);
    if (result < 0) {
        free(segment);
        return result;
    }
    *out = segment;
    return 0;
}

void spg__segment_free(spg_segment *segment) {
    spg__segment_unmap(segment);
    spg__file_close(segment->file);
    free(segment);
}
