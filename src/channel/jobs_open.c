/* jobs_open.c: how a queue or a service is made, joined and left.
 *
 * All of it happens under the domain's lock but the freeing of rows. The file is complete before it
 * has its name. A row is taken by one swap that puts the owner in; a death before it leaves
 * nothing, after it a row of the dead.
 *
 * Whoever opens repairs what the dead left. If then nobody is in it and nothing of use, it is made
 * anew: so nobody is bound by what others declared who are no more. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "channel/jobs.h"

/* ---- the shape ------------------------------------------------------------------------------- */

static uint64_t round_up(uint64_t number, uint64_t to) {
    return (number + to - 1) / to * to;
}

/* Where everything lies. All parts are within their bounds, so nothing overflows. */
static void lay_out(struct spg__jobs_shape *shape) {
    uint64_t page = spg__page_size();
    shape->row_bytes = round_up(sizeof(struct spg__row_shared) + 16 * (uint64_t)shape->limit, 128);
    shape->schema_at = sizeof(struct spg__jobs_shared) + shape->rows * shape->row_bytes;
    shape->entries_at = round_up(shape->schema_at + shape->schema, 128);
    shape->map_at = round_up(shape->entries_at + (uint64_t)shape->capacity * shape->slot, 128);
    shape->bytes_at = round_up(shape->map_at + spg__arena_map_bytes(&shape->arena), page);
    shape->size = round_up(shape->bytes_at + spg__arena_bytes(&shape->arena), page);
}

static bool is_possible(const struct spg__jobs_shape *shape) {
    return shape->capacity >= 2 && shape->capacity <= SPG__JOBS_CAPACITY_MAX &&
           spg__is_power_of_two(shape->capacity) && shape->slot >= 64 &&
           shape->slot <= SPG__JOBS_SLOT_MAX && shape->slot % 64 == 0 && shape->rows >= 1 &&
           shape->rows <= SPG__JOBS_ROWS_MAX && shape->limit >= 1 &&
           shape->limit <= SPG__JOBS_LIMIT_MAX && shape->schema <= SPG_SCHEMA_MAX &&
           spg__arena_shape_is_right(&shape->arena) &&
           (shape->flags & ~(uint32_t)SPG__JOBS_AT_MOST_ONCE) == 0;
}

static void write_geometry(uint64_t geometry[8], const struct spg__jobs_shape *shape) {
    geometry[0] = shape->capacity;
    geometry[1] = shape->slot;
    geometry[2] = shape->rows;
    geometry[3] = shape->limit;
    geometry[4] = shape->arena.units;
    geometry[5] = shape->arena.unit_shift;
    geometry[6] = (uint64_t)shape->type_size << 32 | shape->flags;
    geometry[7] = shape->schema;
}

int spg__jobs_check_geometry(const struct spg__channel_head *head, const char *name,
                             struct spg__jobs_shape *shape) {
    const uint64_t *geometry = head->geometry;
    bool fits = true;
    for (int i = 0; i < 6; i++) fits = fits && geometry[i] <= UINT32_MAX;
    *shape = (struct spg__jobs_shape){
        .capacity = (uint32_t)geometry[0],
        .slot = (uint32_t)geometry[1],
        .rows = (uint32_t)geometry[2],
        .limit = (uint32_t)geometry[3],
        .arena = {(uint32_t)geometry[4], (uint32_t)geometry[5]},
        .flags = (uint32_t)geometry[6],
        .type_size = (uint32_t)(geometry[6] >> 32),
        .schema = geometry[7],
    };
    if (fits && is_possible(shape)) {
        lay_out(shape);
        if (shape->size == head->header.size) return 0;
    }
    return spg__fail(SPG_ECORRUPT, "%.300s: its numbers contradict each other", name);
}

static int refuse(const struct spg__channel_kind *kind, const char *what) {
    return spg__fail(SPG_EINVAL, "spg_%s_options: %s", kind->word, what);
}

static int shape_options(struct spg__jobs_shape *shape, struct spg__jobs_options *options,
                         const struct spg__channel_kind *kind) {
    uint32_t capacity = 2;
    if (options->capacity > SPG__JOBS_CAPACITY_MAX) return refuse(kind, "slots is above 65536");
    while (capacity < options->capacity) capacity *= 2;
    *shape = (struct spg__jobs_shape){
        .capacity = capacity,
        .slot = options->slot <= 64 ? 64 : (uint32_t)round_up(options->slot, 64),
        .rows = options->members,
        .limit = options->limit,
        .flags = options->flags,
        .type_size = options->type_size,
        .schema = options->schema ? strlen(options->schema) : 0,
    };
    if (options->slot > SPG__JOBS_SLOT_MAX) return refuse(kind, "slot_size is above 4096");
    if (shape->rows < 1 || shape->rows > SPG__JOBS_ROWS_MAX)
        return refuse(kind, "members is not 1 to 4094");
    if (shape->limit < 1 || shape->limit > SPG__JOBS_LIMIT_MAX)
        return refuse(kind, "holds is not 1 to 1000");
    if (options->type && strlen(options->type) >= SPG__JOBS_TYPE_BYTES)
        return refuse(kind, "the type's name has more than 63 bytes");
    if (shape->schema > SPG_SCHEMA_MAX) return refuse(kind, "the schema is above 65536");
    if (!spg__arena_shape(&shape->arena, options->budget) ||
        !spg__arena_shape_is_right(&shape->arena))
        return refuse(kind, "such a budget cannot be");
    lay_out(shape);
    return 0;
}

/* ---- making, and viewing --------------------------------------------------------------------- */

static spg__word64 *at(void *address, uint64_t offset) {
    return (void *)((char *)address + offset);
}

struct making {
    const struct spg__jobs_shape *shape;
    const struct spg__jobs_options *options;
};

static void prepare(void *address, const struct spg__channel_head *head, const void *context) {
    const struct making *making = context;
    const struct spg__jobs_shape *shape = making->shape;
    struct spg__jobs_shared *shared = address;
    char type[SPG__JOBS_TYPE_BYTES] = "";
    (void)head;
    if (making->options->type) strcpy(type, making->options->type);
    spg__copy_to_shared(shared->type, type, sizeof type);
    /* The first positions are those of lap 1: the entries say lap 0, so they are to come. */
    spg__store_relaxed_64(&shared->tail, shape->capacity); /* relaxed: nobody can see it yet */
    spg__store_relaxed_64(&shared->head, shape->capacity); /* relaxed: likewise */
    if (shape->schema)
        memcpy((char *)address + shape->schema_at, making->options->schema,
               (size_t)shape->schema);
    spg__arena_prepare(at(address, shape->map_at), &shape->arena);
}

int spg__jobs_view(struct spg__jobs *jobs) {
    int result = spg__jobs_check_geometry(&jobs->channel.head, jobs->channel.file_name,
                                          &jobs->shape);
    if (result < 0) return result;
    const struct spg__jobs_shape *shape = &jobs->shape;
    spg__file directory = jobs->channel.domain->directory;
    jobs->shared = jobs->channel.address;
    jobs->entries = (char *)jobs->channel.address + shape->entries_at;
    jobs->shift = 0;
    while (1u << jobs->shift < shape->capacity) jobs->shift++;
    jobs->mask = shape->capacity - 1;
    jobs->positions = ((uint64_t)shape->capacity << 32) - 1;
    jobs->offers = (struct spg__alarm){&jobs->shared->offers, jobs->shared->bells, SPG__JOBS_BELLS,
                                       directory};
    jobs->arena = (struct spg__arena){
        .shape = shape->arena,
        .map = at(jobs->shared, shape->map_at),
        .bytes = (char *)jobs->shared + shape->bytes_at,
        .guard = &jobs->shared->guard,
        .rover = &jobs->shared->rover,
        .channel = &jobs->channel,
        .loan_count = shape->limit,
    };
    return 0;
}

static int make(struct spg__jobs *jobs, const struct spg__jobs_options *options,
                const struct spg__jobs_shape *shape) {
    struct making making = {shape, options};
    memset(&jobs->channel.head, 0, sizeof jobs->channel.head);
    write_geometry(jobs->channel.head.geometry, shape);
    jobs->channel.head.header.size = shape->size;
    int result = spg__channel_create(&jobs->channel, options->mode, prepare, &making);
    return result < 0 ? result : spg__jobs_view(jobs);
}

/* What is there, repaired; or a new one. */
static int attach_or_make(struct spg__jobs *jobs, const struct spg__jobs_options *options,
                          const struct spg__jobs_shape *shape) {
    int result = spg__channel_attach(&jobs->channel, SPG__FILE_READ_WRITE);
    if (result == SPG_ENOENT) return make(jobs, options, shape);
    if (result == 0) result = spg__jobs_view(jobs);
    if (result < 0) return result;
    spg__jobs_recover_all(jobs);
    if (!spg__jobs_is_over(jobs)) return 0;
    spg__channel_unname(&jobs->channel);
    spg__channel_detach(&jobs->channel);
    return make(jobs, options, shape);
}

/* ---- joining --------------------------------------------------------------------------------- */

static int check_type(const struct spg__jobs *jobs, const struct spg__jobs_options *options) {
    char type[SPG__JOBS_TYPE_BYTES];
    spg__copy_from_shared(type, jobs->shared->type, sizeof type);
    type[sizeof type - 1] = '\0';
    return spg__channel_check_type(
        &jobs->channel, (struct spg__message_type){type, jobs->shape.type_size},
        (struct spg__message_type){options->type, options->type_size});
}

static void enter(struct spg__jobs *jobs, uint32_t index, enum spg__job_role role) {
    struct spg__row_shared *row = spg__jobs_row(jobs, index);
    jobs->row = row;
    jobs->member = index + 1;
    jobs->arena.row = index + 1;
    jobs->arena.loans = spg__row_loans(jobs, row);
    jobs->own = (struct spg__alarm){&row->turn, &row->bell, 1, jobs->channel.domain->directory};
    /* relaxed: display only, and our own row */
    spg__store_relaxed_64(&row->since, (uint64_t)spg__clock_realtime());
    spg__store_relaxed_64(&row->role, (uint64_t)role);                   /* relaxed: likewise */
    spg__store_relaxed_64(&row->made, 0);                                /* relaxed: likewise */
    spg__store_relaxed_64(&row->taken, 0);                               /* relaxed: likewise */
    spg__store_relaxed_64(&row->finished, 0);                            /* relaxed: likewise */
    spg__store_relaxed_64(&row->asleep, 0);                              /* relaxed: likewise */
    spg__store_relaxed_64(&row->holding, 0);                             /* relaxed: likewise */
}

/* The row's use is counted before its owner is there, so that who sees the owner sees the count:
 * a job of the one before is not taken for the next one's (spg__jobs_node). Rows are taken under
 * the domain's lock. */
static bool take(struct spg__row_shared *row, uint64_t own) {
    uint64_t nobody = 0;
    if (spg__load_acquire_64(&row->owner) != 0) return false; /* pairs: jobs.row */
    /* relaxed: released with the owner */
    spg__store_relaxed_64(&row->uses, spg__load_relaxed_64(&row->uses) + 1);
    return spg__cas_acq_rel_64(&row->owner, &nobody, own); /* pairs: jobs.row */
}

static int take_row(struct spg__jobs *jobs, enum spg__job_role role) {
    uint64_t own = jobs->channel.node->number << SPG__ROW_SHIFT;
    for (uint32_t i = 0; i < jobs->shape.rows; i++) {
        if (!take(spg__jobs_row(jobs, i), own)) continue;
        enter(jobs, i, role);
        return 0;
    }
    return spg__fail(SPG_EFULL, "%.300s has %u members already, as many as it was made for",
                     jobs->channel.file_name, jobs->shape.rows);
}

static int make_hands(struct spg__jobs *jobs) {
    uint32_t limit = jobs->shape.limit;
    jobs->hands = calloc(limit, sizeof *jobs->hands);
    jobs->free_hands = calloc(limit, sizeof *jobs->free_hands);
    if (!jobs->hands || !jobs->free_hands)
        return spg__fail(SPG_ENOMEM, "no memory for the handle of a %s", jobs->channel.kind->word);
    for (uint32_t i = 0; i < limit; i++) jobs->free_hands[i] = limit - 1 - i;
    jobs->free_hand_count = limit;
    return 0;
}

static void drop(struct spg__jobs *jobs) {
    spg__channel_detach(&jobs->channel);
    free(jobs->hands);
    free(jobs->free_hands);
}

int spg__jobs_open(struct spg__jobs *jobs, spg_node *node, const char *name,
                   const struct spg__channel_kind *kind, struct spg__jobs_options *options,
                   enum spg__job_role role) {
    struct spg__jobs_shape shape;
    struct spg__domain_lock lock;
    int result = shape_options(&shape, options, kind);
    if (result == 0) result = spg__channel_begin(&jobs->channel, node, name, kind);
    if (result == 0) result = spg__domain_lock(jobs->channel.domain, &lock);
    if (result < 0) return result;
    result = attach_or_make(jobs, options, &shape);
    if (result == 0) result = check_type(jobs, options);
    if (result == 0) result = make_hands(jobs);
    if (result == 0) result = take_row(jobs, role);
    spg__domain_unlock(&lock);
    if (result < 0) drop(jobs);
    else spg__channel_enlist(&jobs->channel);
    return result;
}

/* ---- leaving --------------------------------------------------------------------------------- */

static void leave(struct spg__jobs *jobs) {
    struct spg__domain_lock lock;
    spg__jobs_clear_row(jobs, jobs->member - 1);
    spg__store_release_64(&jobs->row->owner, 0); /* pairs: jobs.row */
    jobs->member = 0;
    if (spg__domain_lock(jobs->channel.domain, &lock) < 0) return;
    spg__jobs_recover_all(jobs);
    if (spg__jobs_is_over(jobs)) spg__channel_unname(&jobs->channel);
    spg__domain_unlock(&lock);
}

int spg__jobs_close(struct spg__jobs *jobs, const struct spg__channel_kind *kind,
                    void (*farewell)(struct spg__jobs *jobs)) {
    if (!spg__channel_delist(&jobs->channel, kind))
        return spg__fail(SPG_EINVAL, "not an open %s (closed twice?)", kind->word);
    bool is_own = spg__channel_is_own(&jobs->channel);
    spg__waitable_close(&jobs->waitable);
    if (is_own && farewell) farewell(jobs);
    if (is_own) leave(jobs);
    drop(jobs);
    free(jobs);
    return 0;
}
