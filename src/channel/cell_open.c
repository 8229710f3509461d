/* cell_open.c: how a cell comes and goes.
 *
 * It is made under the domain's lock, complete before it has its name, and stays until it is
 * unlinked. An open handle holds nothing of it but, for a while, the guard or a pin; so a death
 * leaves nothing here. Who reads only neither joins the domain nor takes its lock: a file that has
 * its name is complete. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "channel/cell.h"
#include "channel/guard.h"

enum { BUFFERS_AT = sizeof(struct spg__cell_shared), LINE_PAIR = 128 };

/* ---- geometry -------------------------------------------------------------------------------- */

static uint64_t rounded(uint64_t bytes, uint64_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

bool spg__cell_shape(struct spg__cell_shape *shape, const struct spg__channel_head *head) {
    const uint64_t *geometry = head->geometry;
    if (geometry[0] < 1 || geometry[0] > SPG_CELL_CAPACITY_MAX) return false;
    if (geometry[1] < SPG_CELL_BUFFERS_MIN || geometry[1] > SPG_CELL_BUFFERS_MAX) return false;
    if (geometry[2] > UINT32_MAX || geometry[3] > SPG_SCHEMA_MAX) return false;
    if (geometry[4] | geometry[5] | geometry[6] | geometry[7]) return false;
    shape->capacity = geometry[0];
    shape->buffers = (uint32_t)geometry[1];
    shape->pins = shape->buffers - 2;
    shape->type_size = (uint32_t)geometry[2];
    shape->schema_bytes = geometry[3];
    shape->value_at = shape->capacity > SPG__CELL_SMALL ? SPG__CELL_LARGE_AT : SPG__CELL_SMALL_AT;
    shape->stride = rounded(shape->value_at + shape->capacity, LINE_PAIR);
    shape->schema_at = BUFFERS_AT + shape->buffers * shape->stride;
    shape->file_size = shape->schema_at + rounded(shape->schema_bytes, 8);
    return true;
}

int spg__cell_check_geometry(const struct spg__channel_head *head, const char *name) {
    struct spg__cell_shape shape;
    if (spg__cell_shape(&shape, head) && head->header.size == shape.file_size) return 0;
    return spg__fail(SPG_ECORRUPT, "%.300s: capacity, buffers and size contradict each other",
                     name);
}

/* ---- options --------------------------------------------------------------------------------- */

static int refuse(const char *what) {
    return spg__fail(SPG_EINVAL, "spg_cell_options: %s", what);
}

static int check_texts(const spg_cell_options *options) {
    if (options->type && strlen(options->type) >= SPG__CELL_TYPE_BYTES)
        return refuse("the type's name has more than 63 bytes");
    if (options->schema && strlen(options->schema) > SPG_SCHEMA_MAX)
        return refuse("the schema has more than 65536 bytes");
    return 0;
}

static int read_options(spg_cell_options *options, const spg_cell_options *given,
                        const spg_node *node) {
    *options = (spg_cell_options)SPG_CELL_OPTIONS;
    if (!given) return 0;
    int result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_cell_options",
                                        "SPG_CELL_OPTIONS");
    if (result < 0) return result;
    *options = *given;
    if (options->capacity > SPG_CELL_CAPACITY_MAX) return refuse("a capacity above 1 GiB");
    if (options->buffers == 0) options->buffers = 4;
    if (options->buffers < SPG_CELL_BUFFERS_MIN || options->buffers > SPG_CELL_BUFFERS_MAX)
        return refuse("buffers are 3 to 64");
    if (options->read_only > 1 || options->zero != 0)
        return refuse("read_only is 0 or 1, and zero is 0");
    if (options->read_only && node) return refuse("who reads only needs no node");
    if (!options->read_only && options->domain)
        return refuse("a domain is given for read_only alone; otherwise it is the node's");
    result = check_texts(options);
    return result < 0 ? result : spg__channel_check_mode(&options->mode, "spg_cell_options");
}

/* ---- making ---------------------------------------------------------------------------------- */

/* The file is zeros: only the last word of a text needs padding. */
static void write_text(spg__word64 *words, const char *text) {
    size_t bytes = strlen(text);
    uint64_t last = 0;
    spg__copy_to_shared(words, text, bytes);
    memcpy(&last, text + bytes / 8 * 8, bytes % 8);
    /* relaxed: nobody else can see the file */
    if (bytes % 8) spg__store_relaxed_64(&words[bytes / 8], last);
}

static void prepare(void *address, const struct spg__channel_head *head, const void *context) {
    const spg_cell_options *options = context;
    struct spg__cell_shared *shared = address;
    struct spg__cell_shape shape;
    if (!spg__cell_shape(&shape, head)) return;
    if (options->type) write_text(shared->type, options->type);
    if (options->schema) write_text((void *)((char *)address + shape.schema_at), options->schema);
}

static int make(spg_cell *cell, const char *name, const spg_cell_options *options) {
    struct spg__channel_head *head = &cell->channel.head;
    struct spg__cell_shape shape;
    if (options->capacity == 0) {
        return spg__fail(SPG_ENOENT,
                         "there is no cell %.220s; the options give no capacity to make one", name);
    }
    memset(head, 0, sizeof *head);
    head->geometry[0] = options->capacity;
    head->geometry[1] = options->buffers;
    head->geometry[2] = options->type_size;
    head->geometry[3] = options->schema ? strlen(options->schema) : 0;
    if (!spg__cell_shape(&shape, head)) return SPG_ECORRUPT;
    head->header.size = shape.file_size;
    return spg__channel_create(&cell->channel, options->mode, prepare, options);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int copy_texts(spg_cell *cell) {
    size_t bytes = (size_t)cell->shape.schema_bytes;
    spg__copy_from_shared(cell->type, cell->shared->type, sizeof cell->type);
    cell->type[sizeof cell->type - 1] = '\0';
    cell->schema = calloc(1, bytes + 8);
    if (!cell->schema) return spg__fail(SPG_ENOMEM, "no memory for a schema of %zu bytes", bytes);
    const char *at = (const char *)cell->shared + cell->shape.schema_at;
    spg__copy_from_shared(cell->schema, (const void *)at, (size_t)rounded(bytes, 8));
    cell->schema[bytes] = '\0';
    return 0;
}

static int check_wishes(const spg_cell *cell, const char *name, const spg_cell_options *options) {
    int result = spg__channel_check_type(
        &cell->channel, (struct spg__message_type){cell->type, cell->shape.type_size},
        (struct spg__message_type){options->type, options->type_size});
    if (result < 0) return result;
    if (options->capacity <= cell->shape.capacity) return 0;
    return spg__fail(
        SPG_ETOOBIG, "cell %.220s has a capacity of %llu bytes, and was opened for %llu", name,
        (unsigned long long)cell->shape.capacity, (unsigned long long)options->capacity);
}

static int use_mapping(spg_cell *cell, const char *name, const spg_cell_options *options) {
    int result = spg__cell_check_geometry(&cell->channel.head, cell->channel.file_name);
    if (result < 0) return result;
    spg__cell_shape(&cell->shape, &cell->channel.head);
    cell->shared = cell->channel.address;
    result = copy_texts(cell);
    return result < 0 ? result : check_wishes(cell, name, options);
}

static int open_to_write(spg_cell *cell, spg_node *node, const char *name,
                         const spg_cell_options *options) {
    struct spg__domain_lock lock;
    int result = spg__channel_begin(&cell->channel, node, name, &spg__kind_of_cell);
    if (result == 0) result = spg__domain_lock(cell->channel.domain, &lock);
    if (result < 0) return result;
    result = spg__channel_attach(&cell->channel, SPG__FILE_READ_WRITE);
    if (result == SPG_ENOENT) result = make(cell, name, options);
    spg__domain_unlock(&lock);
    return result;
}

static int open_to_read(spg_cell *cell, const char *name, const spg_cell_options *options) {
    struct spg__channel *channel = &cell->channel;
    int result = spg__channel_file_name(channel->file_name, name, &spg__kind_of_cell);
    if (result == 0) result = spg__self_incarnate();
    if (result == 0) result = spg__domain_open(&cell->plain, options->domain, 0, SPG__DOMAIN_PLAIN);
    if (result < 0) return result;
    channel->incarnation = spg__incarnation();
    channel->kind = &spg__kind_of_cell;
    channel->domain = &cell->plain;
    return spg__channel_attach(channel, SPG__FILE_READ);
}

static void prepare_waiting(spg_cell *cell) {
    if (cell->read_only) {
        spg__waitable_init(&cell->waitable, NULL, spg__cell_is_newer);
        return;
    }
    cell->alarm = (struct spg__alarm){&cell->shared->turn, cell->shared->bells, SPG__CELL_BELLS,
                                      cell->channel.domain->directory};
    spg__waitable_init(&cell->waitable, &cell->alarm, spg__cell_is_newer);
}

static void release(spg_cell *cell) {
    spg__channel_detach(&cell->channel);
    if (cell->read_only) spg__domain_close(&cell->plain);
    free(cell->schema);
    free(cell);
}

int spg_cell_open(spg_cell **out, spg_node *node, const char *name, const spg_cell_options *given) {
    spg_cell_options options;
    if (!out) return spg__fail(SPG_EINVAL, "spg_cell_open: out is NULL");
    int result = read_options(&options, given, node);
    if (result < 0) return result;
    spg_cell *cell = calloc(1, sizeof *cell);
    if (!cell) return spg__fail(SPG_ENOMEM, "no memory for a cell's handle");
    cell->plain.directory = cell->plain.nodes = SPG__NO_FILE;
    cell->read_only = options.read_only != 0;
    result = cell->read_only ? open_to_read(cell, name, &options)
                             : open_to_write(cell, node, name, &options);
    if (result == 0) result = use_mapping(cell, name, &options);
    if (result < 0) {
        release(cell);
        return result;
    }
    prepare_waiting(cell);
    spg__channel_enlist(&cell->channel);
    *out = cell;
    return 0;
}

/* ---- asking and closing ---------------------------------------------------------------------- */

size_t spg_cell_capacity(const spg_cell *cell) {
    return (size_t)cell->shape.capacity;
}

const char *spg_cell_type(const spg_cell *cell, uint32_t *type_size) {
    if (type_size) *type_size = cell->shape.type_size;
    return cell->type;
}

const char *spg_cell_schema(const spg_cell *cell) {
    return cell->schema;
}

/* A fork child gives nothing back: guard, pin and bell are its parent's. */
int spg_cell_close(spg_cell *cell) {
    if (!cell) return 0;
    if (!spg__channel_delist(&cell->channel, &spg__kind_of_cell))
        return spg__fail(SPG_EINVAL, "spg_cell_close: not an open cell (closed twice?)");
    if (cell->loaned) spg_cell_discard(cell);
    spg__waitable_close(&cell->waitable);
    release(cell);
    return 0;
}

int spg_cell_unlink(spg_node *node, const char *name) {
    return spg__channel_unlink(node, name, &spg__kind_of_cell);
}
