/* stream_open.c: how a stream comes and goes.
 *
 * Everything here happens under the domain's lock, so that taking an end, finding a conversation
 * over, removing its file and making a new one are never at once with each other.
 *
 * Death: before the file is linked, nothing. After, before the end is taken: a stream with nobody,
 * whose ends the next openers take. After: an end whose owner is dead. While closing, before the
 * file is removed: a stream that is over, which the next opener or a collector removes.
 *
 * Global state: the list of open streams, under the process lock. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "channel/stream.h"
#include "node/self.h"

static const uint64_t capacity_max = (uint64_t)1 << 30;

static struct spg__link *open_streams;

static bool is_finished(enum spg__end_state state) {
    return state == SPG__END_GONE || state == SPG__END_DEAD;
}

/* Bytes of a writer that ended wait for a reader; those of one that died, when nobody has come,
 * only until the name is wanted again. */
bool spg__stream_is_over(const struct spg__domain *domain,
                         const struct spg__stream_shared *shared) {
    enum spg__end_state writer = spg__end_state(domain, &shared->writer);
    enum spg__end_state reader = spg__end_state(domain, &shared->reader);
    if (writer == SPG__END_DEAD && reader == SPG__END_NOBODY) return true;
    if (writer == SPG__END_NOBODY && is_finished(reader)) return true;
    return is_finished(writer) && is_finished(reader);
}

int spg__stream_check_geometry(const struct spg__channel_head *head, const char *name) {
    uint64_t page = spg__page_size();
    uint64_t capacity = head->geometry[0];
    if (spg__is_power_of_two(capacity) && capacity >= page && capacity <= capacity_max &&
        head->header.size == page + capacity) {
        return 0;
    }
    return spg__fail(SPG_ECORRUPT, "%.300s: capacity and size contradict each other", name);
}

/* ---- mapping --------------------------------------------------------------------------------- */

static int map(spg_stream *stream, spg__file file, const struct spg__channel_head *head) {
    uint64_t page = spg__page_size();
    uint64_t capacity = head->geometry[0];
    void *address;
    int result = spg__stream_check_geometry(head, stream->file_name);
    if (result < 0) return result;
    result = spg__memory_map(&address, file, (size_t)page, SPG__MEMORY_READ_WRITE, 0);
    if (result < 0) return spg__fail_system(result, "cannot map %.300s", stream->file_name);
    stream->shared = address;
    result = spg__memory_map_ring(&address, file, page, (size_t)capacity);
    if (result < 0) return spg__fail_system(result, "cannot map %.300s", stream->file_name);
    stream->ring = address;
    stream->capacity = capacity;
    return 0;
}

static void unmap(spg_stream *stream) {
    if (stream->shared) spg__memory_unmap(stream->shared, spg__page_size());
    if (stream->ring) spg__memory_unmap(stream->ring, 2 * (size_t)stream->capacity);
    stream->shared = NULL;
    stream->ring = NULL;
}

/* ---- opening, under the domain's lock -------------------------------------------------------- */

/* SPG_EEXIST: somebody has it, or had it. */
static int take_end(spg_stream *stream) {
    bool writes = stream->end == SPG_STREAM_WRITER;
    struct spg__end_shared *own = writes ? &stream->shared->writer : &stream->shared->reader;
    struct spg__end_shared *other = writes ? &stream->shared->reader : &stream->shared->writer;
    uint64_t nobody = 0;
    uint64_t mine = stream->node->number << SPG__END_SHIFT;
    if (spg__load_acquire_64(&own->owner) != 0) return SPG_EEXIST; /* pairs: stream.owner */
    /* Nobody has been here, so the other side had room for all it wrote.
     * pairs: stream.written, stream.consumed */
    stream->position = 0;
    stream->other = spg__load_acquire_64(&other->position);
    if (stream->other > stream->capacity) {
        return spg__fail(SPG_ECORRUPT, "%.300s: a counter is beyond the capacity",
                         stream->file_name);
    }
    /* pairs: stream.owner */
    return spg__cas_acq_rel_64(&own->owner, &nobody, mine) ? 0 : SPG_EEXIST;
}

static int open_file(spg_stream *stream, const spg_stream_options *options) {
    const struct spg__domain *domain = &stream->node->domain;
    struct spg__channel_head head;
    spg__file file;
    int result = spg__channel_open(domain, stream->file_name, &spg__kind_of_stream,
                                   SPG__FILE_READ_WRITE, &file, &head);
    if (result == SPG_ENOENT) {
        memset(&head, 0, sizeof head);
        head.geometry[0] = options->capacity;
        head.header.size = spg__page_size() + options->capacity;
        result = spg__channel_make(domain, stream->file_name, &spg__kind_of_stream, options->mode,
                                   &head, &file, NULL, NULL, NULL);
    }
    if (result < 0) return result;
    result = spg__file_facts(file, &stream->facts);
    if (result < 0) spg__fail_system(result, "%.300s", stream->file_name);
    else result = map(stream, file, &head);
    spg__file_close(file);
    return result;
}

static int taken(const spg_stream *stream, const char *name) {
    return spg__fail(SPG_EEXIST,
                     "stream %.220s has a %s already, or its last conversation is not over "
                     "(samepage rm removes it)",
                     name, stream->end == SPG_STREAM_WRITER ? "writer" : "reader");
}

/* Is there nobody any more to talk to for who comes now to this end? What a writer left, also a
 * dead one, is for the next reader. */
static bool is_of_no_use(const spg_stream *stream) {
    const struct spg__domain *domain = &stream->node->domain;
    enum spg__end_state writer = spg__end_state(domain, &stream->shared->writer);
    enum spg__end_state reader = spg__end_state(domain, &stream->shared->reader);
    if (stream->end == SPG_STREAM_READER && reader == SPG__END_NOBODY) return false;
    if (writer == SPG__END_NOBODY) return is_finished(reader);
    return spg__stream_is_over(domain, stream->shared);
}

static int open_locked(spg_stream *stream, const char *name, const spg_stream_options *options) {
    int result = open_file(stream, options);
    if (result < 0) return result;
    if (is_of_no_use(stream)) {
        unmap(stream);
        result = spg__file_unlink(stream->node->domain.directory, stream->file_name);
        if (result < 0) return spg__fail_system(result, "cannot replace %.300s", stream->file_name);
        result = open_file(stream, options);
        if (result < 0) return result;
    }
    result = take_end(stream);
    return result == SPG_EEXIST ? taken(stream, name) : result;
}

/* ---- open ------------------------------------------------------------------------------------ */

static int read_options(spg_stream_options *options, const spg_stream_options *given) {
    *options = (spg_stream_options)SPG_STREAM_OPTIONS;
    if (given) {
        int result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_stream_options",
                                            "SPG_STREAM_OPTIONS");
        if (result < 0) return result;
        *options = *given;
    }
    if (options->mode == 0) options->mode = 0600;
    if (options->mode & ~0666u || options->capacity > capacity_max) {
        return spg__fail(SPG_EINVAL,
                         "spg_stream_options: mode %#o or a capacity of %llu bytes cannot be",
                         options->mode, (unsigned long long)options->capacity);
    }
    uint64_t capacity = spg__page_size();
    while (capacity < options->capacity) capacity *= 2;
    options->capacity = capacity;
    return 0;
}

static int open_end(spg_stream *stream, const char *name, const spg_stream_options *options) {
    struct spg__domain_lock lock;
    int result = spg__channel_file_name(stream->file_name, name, &spg__kind_of_stream);
    if (result < 0) return result;
    result = spg__domain_lock(&stream->node->domain, &lock);
    if (result < 0) return result;
    result = open_locked(stream, name, options);
    spg__domain_unlock(&lock);
    return result;
}

int spg_stream_open(spg_stream **out, spg_node *node, const char *name, int end,
                    const spg_stream_options *given) {
    spg_stream_options options;
    if (!out || (end != SPG_STREAM_WRITER && end != SPG_STREAM_READER)) {
        return spg__fail(SPG_EINVAL,
                         "spg_stream_open: out is NULL, or end is neither writer nor reader");
    }
    int result = read_options(&options, given);
    if (result == 0) result = spg__node_resolve(&node);
    if (result < 0) return result;
    spg_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return spg__fail(SPG_ENOMEM, "no memory for a stream's handle");
    stream->node = node;
    stream->end = end;
    stream->incarnation = spg__incarnation();
    spg__barrier_register();
    result = open_end(stream, name, &options);
    if (result < 0) {
        unmap(stream);
        free(stream);
        return result;
    }
    spg__stream_prepare_waiting(stream);
    spg__process_lock();
    spg__list_push(&open_streams, &stream->link);
    spg__process_unlock();
    *out = stream;
    return 0;
}

/* ---- close ----------------------------------------------------------------------------------- */

static void leave(spg_stream *stream) {
    struct spg__domain_lock lock;
    const struct spg__domain *domain = &stream->node->domain;
    if (!stream->ended) spg__stream_leave(stream);
    if (spg__domain_lock(domain, &lock) < 0) return;
    if (spg__stream_is_over(domain, stream->shared) &&
        spg__file_is_named(&stream->facts, domain->directory, stream->file_name)) {
        spg__file_unlink(domain->directory, stream->file_name);
    }
    spg__domain_unlock(&lock);
}

int spg_stream_close(spg_stream *stream) {
    if (!stream) return 0;
    spg__process_lock();
    bool found = spg__list_remove(&open_streams, &stream->link);
    spg__process_unlock();
    if (!found)
        return spg__fail(SPG_EINVAL, "spg_stream_close: not an open stream (closed twice?)");
    spg__waitable_close(&stream->waitable);
    if (stream->incarnation == spg__incarnation()) leave(stream);
    unmap(stream);
    free(stream);
    return 0;
}

int spg_stream_unlink(spg_node *node, const char *name) {
    return spg__channel_unlink(node, name, &spg__kind_of_stream);
}
