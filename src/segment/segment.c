/* segment.c: creating, opening and closing segments of every kind.
 *
 * Creating: the kind builds the object complete, the head is written if it is managed, and one step
 * of the kind commits it. Opening: the kind maps it, the head is checked, this process is entered.
 *
 * A managed segment with a name is created, opened for writing and removed under the domain's lock;
 * closing takes it only where it may be the last to hold a temporary one. So "the last holder
 * leaves" and "a new one comes" are never at once, and a name is only removed while it stands for
 * the object that was meant. Death under the lock: the kernel frees it, and what stands then is
 *   a record without an object           the next creator uses it, a collector removes it
 *   sysv, under construction             the next creator removes it, a collector too
 *   an object with rows of the dead      they are taken out by whoever needs one or collects; if it
 *                                        is temporary and nobody is left, whoever wants the name
 *                                        removes it, a collector too
 *
 * Global state: the list of open handles, under the process lock. */
#include "segment/managed.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "node/self.h"
#include "segment/record.h"

enum { TRIES = 100 };

static struct spg__link *open_segments;

const struct spg__segment_kind_calls *spg__segment_kind_calls(enum spg__segment_kind kind) {
    switch (kind) {
    case SPG__SYSV: return &spg__segment_sysv_calls;
    case SPG__MEMFD: return &spg__segment_memfd_calls;
    case SPG__ANONYMOUS: return &spg__segment_anonymous_calls;
    default: return &spg__segment_file_calls;
    }
}

static void enlist(spg_segment *segment) {
    segment->incarnation = spg__incarnation();
    spg__process_lock();
    spg__list_push(&open_segments, &segment->link);
    spg__process_unlock();
}

static bool delist(spg_segment *segment) {
    spg__process_lock();
    bool found = spg__list_remove(&open_segments, &segment->link);
    spg__process_unlock();
    return found;
}

static bool has_record(const spg_segment *segment) {
    return segment->options.profile == SPG_MANAGED && segment->name.kind != SPG__MEMFD &&
           segment->name.kind != SPG__ANONYMOUS;
}

/* Opening comes below; creating needs it where a name is in the way. */
static int open_locked(spg_segment *segment, spg_node *node);

static void remove_object(const spg_segment *segment) {
    if (segment->name.kind == SPG__SYSV) spg__sysv_remove(segment->sysv_id);
    else spg__file_unlink(SPG__NO_FILE, segment->name.path);
}

/* ---- create ---------------------------------------------------------------------------------- */

/* The bytes of the whole object, or why not. */
static int total_size(const spg_segment *segment, size_t size, size_t *total) {
    size_t head = segment->options.profile == SPG_MANAGED ? SPG__MANAGED_HEADER : 0;
    size_t huge_page = spg__huge_page_bytes(segment->options.huge_pages);
    if (size == 0) return spg__fail(SPG_EINVAL, "%.300s: the size is 0", segment->name.text);
    if (size > SIZE_MAX / 2 - head) {
        return spg__fail(SPG_EINVAL, "%.300s: %zu bytes are more than a process can map",
                         segment->name.text, size);
    }
    *total = size + head;
    if (huge_page && *total % huge_page != 0) {
        return spg__fail(
            SPG_EINVAL, "%.300s: %zu bytes are not a multiple of the huge page of %zu%s",
            segment->name.text, *total, huge_page, head ? " (4096 of them are the header)" : "");
    }
    return 0;
}

static int prepare(const spg_segment *segment) {
    const spg_segment_options *options = &segment->options;
    if (!options->prepare) return 0;
    int result = options->prepare(options->context, spg_segment_address(segment),
                                  spg_segment_size(segment));
    if (result >= 0) return 0;
    if (result == SPG_EEXIST) result = SPG_EINVAL; /* would say that the name is taken */
    return spg__fail(result, "%.300s was not made: what should prepare it returned %s",
                     segment->name.text, spg_error_name(result));
}

static int build(spg_segment *segment, size_t total, spg_node *node) {
    const struct spg__segment_kind_calls *kind = spg__segment_kind_calls(segment->name.kind);
    char what[48];
    snprintf(what, sizeof what, "create %zu bytes as", total);
    int result = kind->create(segment, total);
    if (result < 0) return spg__segment_failed(segment, result, what);
    if (node) {
        segment->holder = node->number;
        segment->header = SPG__MANAGED_HEADER;
        spg__managed_init(segment, &node->domain, total);
    }
    result = prepare(segment);
    if (result == 0) result = spg__segment_settle(segment);
    if (result == 0) {
        result = kind->commit(segment);
        if (result < 0) spg__segment_failed(segment, result, what);
    }
    if (result < 0) kind->abandon(segment);
    return result;
}

/* A segment of key 0 could not be put on record before it exists; an unused key can. */
static int choose_key(spg_segment *segment) {
    if (segment->name.kind != SPG__SYSV || segment->name.sysv != SPG__BY_NOTHING) return 0;
    int32_t key = 0;
    while (key == 0) {
        int result = spg__random(&key, sizeof key);
        if (result < 0) return result;
    }
    segment->name.sysv = SPG__BY_KEY;
    segment->name.number = key;
    snprintf(segment->name.text, sizeof segment->name.text, "sysv:0x%x", (unsigned)key);
    return 0;
}

/* Whoever had this temporary segment has died: its name is free, only not yet taken away. */
static int clear_abandoned(const spg_segment *wanted, spg_node *node) {
    spg_segment *found;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    int result = spg__segment_new(&found, wanted->name.text, &options);
    if (result < 0) return result;
    result = open_locked(found, node);
    if (result == 0) spg__managed_leave(found);
    spg__segment_free(found);
    return result == SPG_ENOENT ? 0 : SPG_EEXIST;
}

/* On record before it is made. A record that was there before speaks of what is there, if something
 * is. */
static int build_locked(spg_segment *segment, size_t total, spg_node *node) {
    int record = spg__segment_record_make(&node->domain, segment->name.text);
    if (record < 0) return spg__segment_failed(segment, record, "put on record");
    segment->was_on_record = record == 1;
    int result = build(segment, total, node);
    if (result == SPG_EEXIST && record == 1 && clear_abandoned(segment, node) == 0) {
        record = spg__segment_record_make(&node->domain, segment->name.text);
        if (record < 0) return spg__segment_failed(segment, record, "put on record");
        result = build(segment, total, node);
    }
    if (result < 0 && record == 0) {
        spg__segment_record_remove(&node->domain, segment->name.text);
    }
    return result;
}

static int build_on_record(spg_segment *segment, size_t total, spg_node *node) {
    struct spg__domain_lock lock;
    int result = choose_key(segment);
    if (result < 0) return spg__segment_failed(segment, result, "choose a key for");
    result = spg__domain_lock(&node->domain, &lock);
    if (result < 0) return result;
    result = build_locked(segment, total, node);
    spg__domain_unlock(&lock);
    return result;
}

static int create_new(spg_segment **out, const char *name, size_t size,
                      const spg_segment_options *options) {
    spg_segment *segment;
    spg_node *node = NULL;
    size_t total = 0;
    int result = spg__segment_new(&segment, name, options);
    if (result < 0) return result;
    if (segment->options.access != SPG_READ_WRITE) {
        result = spg__fail(SPG_EINVAL,
                           "%.300s: a new segment is mapped for reading and writing; open it "
                           "again for less",
                           segment->name.text);
    }
    if (result == 0) result = total_size(segment, size, &total);
    if (result == 0 && segment->options.profile == SPG_MANAGED) result = spg__self_node(&node);
    if (result == 0) {
        result = has_record(segment) ? build_on_record(segment, total, node)
                                     : build(segment, total, node);
    }
    if (result < 0) {
        spg__segment_free(segment);
        return result;
    }
    if (segment->name.kind == SPG__SYSV && segment->name.sysv == SPG__BY_NOTHING) {
        snprintf(segment->name.text, sizeof segment->name.text, "sysv:id=%d", segment->sysv_id);
    }
    enlist(segment);
    *out = segment;
    return 0;
}

/* It is there already: opened, if it is large enough. */
static int open_instead(spg_segment **out, const char *name, size_t size,
                        const spg_segment_options *options) {
    spg_segment *found;
    int result = spg_segment_open(&found, name, options);
    if (result < 0) return result;
    if (spg_segment_size(found) >= size) {
        *out = found;
        return 0;
    }
    size_t there = spg_segment_size(found);
    spg_segment_close(found);
    return spg__fail(SPG_ETOOBIG, "%.300s is there already and has %zu bytes where %zu are wanted",
                     name, there, size);
}

/* Not exclusive: whichever of open and create finds its case first. What has no name is new. */
int spg_segment_create(spg_segment **out, const char *name, size_t size,
                       const spg_segment_options *options) {
    if (!out) return spg__fail(SPG_EINVAL, "spg_segment_create: out is NULL");
    if (!options || options->struct_size != sizeof *options || options->exclusive || size == 0) {
        return create_new(out, name, size, options);
    }
    int result = SPG_EEXIST;
    for (int i = 0; i < TRIES && result == SPG_EEXIST; i++) {
        result = open_instead(out, name, size, options);
        if (result != SPG_ENOENT && result != SPG_ENOTSUP && result != SPG_EINVAL) return result;
        result = create_new(out, name, size, options);
    }
    return result;
}

/* ---- open ------------------------------------------------------------------------------------ */

/* The mapping is made to end where the checked head says the segment ends: before the file does, if
 * a creator died growing it; after what was mapped, if somebody has grown it since. */
static int fit(spg_segment *segment, size_t size) {
    if (segment->file == SPG__NO_FILE || size == segment->mapped) return 0;
    void *address = segment->base;
    int result = spg__memory_remap(&address, segment->mapped, size);
    if (result < 0) return spg__segment_failed(segment, result, "map");
    segment->base = address;
    segment->mapped = size;
    return 0;
}

/* Checks the head and, for a mapping that can be written, enters this process. */
static int enter(spg_segment *segment, spg_node *node) {
    struct spg__managed_head head;
    int result = spg__managed_check(segment, &head);
    if (result < 0) return result;
    segment->header = SPG__MANAGED_HEADER;
    segment->options.lifetime = (uint8_t)head.lifetime;
    result = fit(segment, (size_t)head.header.size);
    if (result < 0 || !node) return result;
    if (head.header.domain != node->domain.number) {
        return spg__fail(SPG_EDOMAIN,
                         "%.300s belongs to another domain than %.300s: its holders could not "
                         "be told dead from alive",
                         segment->name.text, node->domain.path);
    }
    return spg__managed_enter(segment, &node->domain, node->number);
}

static int finish_open(spg_segment *segment, spg_node *node) {
    int result = segment->options.profile == SPG_MANAGED ? enter(segment, node) : 0;
    if (result == 0) result = spg__segment_settle(segment);
    if (result < 0) spg__managed_leave(segment);
    return result;
}

/* Its last holder died: it is removed, as that one would have done. Under the domain's lock. */
static int bury(spg_segment *segment, spg_node *node) {
    if (spg__segment_kind_calls(segment->name.kind)->is_named(segment)) {
        remove_object(segment);
        spg__segment_record_remove(&node->domain, segment->name.text);
    }
    return spg__fail(SPG_ENOENT, "%.300s was temporary, and its last holder died",
                     segment->name.text);
}

static bool is_abandoned(const spg_segment *segment, spg_node *node) {
    struct spg__managed_head head;
    return node && has_record(segment) && spg__managed_check(segment, &head) == 0 &&
           head.lifetime == SPG_TEMPORARY && head.header.domain == node->domain.number &&
           spg__managed_holders((void *)segment->base, &node->domain, false).living == 0;
}

/* `node` NULL: for somebody who writes nothing and is not entered; then without the lock. */
static int open_locked(spg_segment *segment, spg_node *node) {
    int result = spg__segment_kind_calls(segment->name.kind)->open(segment);
    if (result < 0) return spg__segment_failed(segment, result, "open");
    if (is_abandoned(segment, node)) return bury(segment, node);
    return finish_open(segment, node);
}

/* Only who may write is entered as a holder, and needs a node for it. */
static int node_of(const spg_segment *segment, spg_node **node) {
    *node = NULL;
    if (segment->options.profile != SPG_MANAGED) return 0;
    if (segment->options.access != SPG_READ_WRITE) return 0;
    return spg__self_node(node);
}

static int open_named(spg_segment *segment) {
    spg_node *node;
    struct spg__domain_lock lock;
    int result = node_of(segment, &node);
    if (result < 0) return result;
    if (!node) return open_locked(segment, NULL);
    result = spg__domain_lock(&node->domain, &lock);
    if (result < 0) return result;
    result = open_locked(segment, node);
    spg__domain_unlock(&lock);
    return result;
}

int spg_segment_open(spg_segment **out, const char *name, const spg_segment_options *options) {
    spg_segment *segment;
    if (!out) return spg__fail(SPG_EINVAL, "spg_segment_open: out is NULL");
    int result = spg__segment_new(&segment, name, options);
    if (result < 0) return result;
    result = open_named(segment);
    if (result < 0) {
        spg__segment_free(segment);
        return result;
    }
    enlist(segment);
    *out = segment;
    return 0;
}

static int adopt(spg_segment *segment, int fd) {
    spg_node *node;
    int result = spg__file_duplicate(&segment->file, fd);
    if (result == 0) result = spg__segment_map_file(segment, segment->file);
    if (result < 0) return spg__segment_failed(segment, result, "map");
    result = node_of(segment, &node);
    return result < 0 ? result : finish_open(segment, node);
}

int spg_segment_open_fd(spg_segment **out, int fd, const spg_segment_options *options) {
    spg_segment *segment;
    char name[32];
    if (!out) return spg__fail(SPG_EINVAL, "spg_segment_open_fd: out is NULL");
    snprintf(name, sizeof name, "memfd:descriptor-%d", fd);
    int result = spg__segment_new(&segment, name, options);
    if (result < 0) return result;
    result = adopt(segment, fd);
    if (result < 0) {
        spg__segment_free(segment);
        return result;
    }
    enlist(segment);
    *out = segment;
    return 0;
}

/* ---- passing --------------------------------------------------------------------------------- */

static const char greeting[8] = {'S', 'P', 'G', 'S', 'E', 'G', '0', '1'};

int spg_segment_send(const spg_segment *segment, int socket) {
    int fd = spg_segment_fd(segment);
    if (fd < 0) return fd;
    int result = spg__file_send(socket, fd, greeting, sizeof greeting);
    return result < 0 ? spg__segment_failed(segment, result, "send") : 0;
}

int spg_segment_receive(spg_segment **out, int socket, const spg_segment_options *options) {
    char bytes[sizeof greeting];
    spg__file file;
    int result = spg__file_receive(socket, &file, bytes, sizeof bytes);
    if (result < 0) return spg__fail_system(result, "cannot receive a segment");
    if (result != (int)sizeof greeting || memcmp(bytes, greeting, sizeof greeting) != 0) {
        spg__file_close(file);
        return spg__fail(SPG_ETYPE, "what came with the descriptor is not from spg_segment_send");
    }
    result = spg_segment_open_fd(out, file, options);
    spg__file_close(file);
    return result;
}

/* ---- looking --------------------------------------------------------------------------------- */

void *spg_segment_address(const spg_segment *segment) {
    return segment->base + segment->header;
}

size_t spg_segment_size(const spg_segment *segment) {
    return segment->mapped - segment->header;
}

const char *spg_segment_name(const spg_segment *segment) {
    return segment->name.text;
}

int spg_segment_fd(const spg_segment *segment) {
    if (segment->file != SPG__NO_FILE) return segment->file;
    return spg__fail(SPG_ENOTSUP, "%.300s has no descriptor", segment->name.text);
}

int spg_segment_seal(spg_segment *segment, unsigned seals) {
    if (seals & ~31u) return spg__fail(SPG_EINVAL, "seals %#x do not exist", seals);
    if (segment->name.kind != SPG__MEMFD) {
        return spg__fail(SPG_ENOTSUP, "%.300s: only memfd takes seals", segment->name.text);
    }
    int result = spg__file_seal(segment->file, seals);
    if (result == SPG_ESYSTEM) result = SPG_EPERM; /* somebody maps it for writing */
    return result < 0 ? spg__segment_failed(segment, result, "seal") : 0;
}

/* ---- close and unlink ------------------------------------------------------------------------ */

/* Was the file cut behind our back? Then our row is gone, and a touch would be fatal. */
static bool is_whole(const spg_segment *segment) {
    struct spg__file_facts facts;
    return segment->file == SPG__NO_FILE ||
           (spg__file_facts(segment->file, &facts) == 0 && facts.size >= segment->mapped);
}

/* The last to leave a temporary segment takes its name away. If the lock cannot be had in time the
 * next one who wants the name does. */
static void leave_named(spg_segment *segment, spg_node *node) {
    struct spg__domain_lock lock;
    struct spg__managed_shared *shared = (void *)segment->base;
    spg__managed_leave(segment);
    if (segment->options.lifetime != SPG_TEMPORARY) return;
    if (spg__domain_lock(&node->domain, &lock) < 0) return;
    if (spg__managed_holders(shared, &node->domain, false).living == 0 &&
        spg__segment_kind_calls(segment->name.kind)->is_named(segment)) {
        remove_object(segment);
        spg__segment_record_remove(&node->domain, segment->name.text);
    }
    spg__domain_unlock(&lock);
}

/* A fork child is not the holder that its copy of the handle names. */
static void leave(spg_segment *segment) {
    spg_node *node = NULL;
    if (segment->holder == 0 || segment->incarnation != spg__incarnation()) return;
    if (!is_whole(segment) || spg__self_node(&node) < 0) return;
    if (has_record(segment)) leave_named(segment, node);
    else spg__managed_leave(segment);
}

int spg_segment_close(spg_segment *segment) {
    if (!segment) return 0;
    if (!delist(segment)) {
        return spg__fail(SPG_EINVAL, "spg_segment_close: not an open segment (closed twice?)");
    }
    leave(segment);
    spg__segment_free(segment);
    return 0;
}

static int unlink_name(const spg_segment *segment) {
    int result = spg__segment_kind_calls(segment->name.kind)->unlink(&segment->name);
    return result < 0 ? spg__segment_failed(segment, result, "unlink") : 0;
}

/* The name goes first: a death in between leaves a record, which a collector removes. */
static int unlink_on_record(const spg_segment *segment, const struct spg__domain *domain) {
    struct spg__domain_lock lock;
    int result = spg__domain_lock(domain, &lock);
    if (result < 0) return result;
    result = unlink_name(segment);
    if (result == 0 || result == SPG_ENOENT) {
        spg__segment_record_remove(domain, segment->name.text);
    }
    spg__domain_unlock(&lock);
    return result;
}

int spg_segment_unlink(const char *text) {
    spg_segment *segment;
    struct spg__domain domain;
    int result = spg__segment_new(&segment, text, NULL);
    if (result < 0) return result;
    bool recorded = false;
    if (spg__domain_open(&domain, NULL, 0, SPG__DOMAIN_TIDY) == 0) {
        recorded = spg__segment_record_exists(&domain, segment->name.text);
        if (recorded) result = unlink_on_record(segment, &domain);
        spg__domain_close(&domain);
    }
    if (!recorded) result = unlink_name(segment);
    spg__segment_free(segment);
    return result;
}
