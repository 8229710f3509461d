/* topic_open.c: where the parts of a topic lie, and how one is made and opened.
 *
 * Making, opening, taking a row and leaving it happen under the domain's lock. Death: before the
 * file is linked, nothing; after, before a row is taken, a topic without members, which stays for
 * the next to open it; after, a row whose owner is dead. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "channel/topic.h"

static uint64_t rounded(uint64_t bytes, uint64_t to) {
    return (bytes + to - 1) / to * to;
}

static uint64_t pack(uint32_t low, uint32_t high) {
    return (uint64_t)high << 32 | low;
}

/* ---- shape ----------------------------------------------------------------------------------- */

static void unpack(struct spg__topic_shape *shape, const uint64_t *geometry) {
    shape->slots = (uint32_t)geometry[0];
    shape->slot_size = (uint32_t)(geometry[0] >> 32);
    shape->publishers = (uint32_t)geometry[1];
    shape->subscribers = (uint32_t)(geometry[1] >> 32);
    shape->arena.units = (uint32_t)geometry[2];
    shape->arena.unit_shift = (uint32_t)(geometry[2] >> 32);
    shape->holds = (uint32_t)geometry[3];
    shape->history = (uint32_t)(geometry[3] >> 32);
    shape->flags = (uint32_t)geometry[4];
    shape->type_size = (uint32_t)(geometry[4] >> 32);
    shape->schema_bytes = geometry[5];
    shape->first = geometry[6];
}

static bool counts_are_right(const struct spg__topic_shape *shape) {
    return spg__is_power_of_two(shape->slots) && shape->slots >= 4 &&
           shape->slots <= SPG_TOPIC_SLOTS_MAX && spg__is_power_of_two(shape->slot_size) &&
           shape->slot_size >= 64 && shape->slot_size <= SPG_TOPIC_SLOT_MAX &&
           shape->publishers >= 1 && shape->publishers <= SPG_TOPIC_PUBLISHERS_MAX &&
           shape->subscribers >= 1 && shape->subscribers <= SPG_TOPIC_SUBSCRIBERS_MAX &&
           shape->holds >= 8 && shape->holds % 8 == 0 && shape->holds <= 1000 &&
           shape->flags <= (SPG__TOPIC_TIMED | SPG__TOPIC_KEEP) &&
           shape->schema_bytes <= SPG_SCHEMA_MAX && spg__arena_shape_is_right(&shape->arena) &&
           shape->first >= shape->slots && shape->first < SPG__SEQUENCE_END;
}

/* After the counts: nothing here can overflow. */
static void place(struct spg__topic_shape *shape) {
    uint64_t page = spg__page_size();
    shape->inline_max = shape->slot_size - SPG__SLOT_HEAD;
    if (shape->flags & SPG__TOPIC_TIMED) shape->inline_max -= 8;
    shape->subscriber_bytes = rounded(sizeof(struct spg__subscriber_shared) + 8u * shape->holds,
                                      128);
    shape->publishers_at = 4096;
    shape->subscribers_at = shape->publishers_at +
                            shape->publishers * sizeof(struct spg__publisher_shared);
    shape->bells_at = shape->subscribers_at + shape->subscribers * shape->subscriber_bytes;
    shape->schema_at = shape->bells_at + rounded(8u * shape->subscribers, 128);
    shape->slots_at = rounded(shape->schema_at + rounded(shape->schema_bytes, 8), 128);
    shape->map_at = rounded(shape->slots_at + (uint64_t)shape->slots * shape->slot_size, 128);
    shape->arena_at = rounded(shape->map_at + spg__arena_map_bytes(&shape->arena), page);
    shape->size = rounded(shape->arena_at + spg__arena_bytes(&shape->arena), page);
}

int spg__topic_shape_read(struct spg__topic_shape *shape, const struct spg__channel_head *head,
                          const char *name) {
    unpack(shape, head->geometry);
    if (counts_are_right(shape)) {
        place(shape);
        if (shape->size == head->header.size) return 0;
    }
    return spg__fail(SPG_ECORRUPT, "%.300s: its geometry cannot be right", name);
}

/* ---- options --------------------------------------------------------------------------------- */

static uint32_t power_of_two(uint32_t least) {
    uint32_t power = 4;
    while (power < least) power *= 2;
    return power;
}

static int refuse(const char *what) {
    return spg__fail(SPG_EINVAL, "spg_topic_options: %s", what);
}

static int check_options(const spg_topic_options *options) {
    if (options->slots > SPG_TOPIC_SLOTS_MAX || options->slots < 4)
        return refuse("slots is 4 to 1048576");
    if (!spg__is_power_of_two(options->slot_size) || options->slot_size < 64 ||
        options->slot_size > SPG_TOPIC_SLOT_MAX)
        return refuse("slot_size is 64, 128, ... 4096");
    if (options->publishers < 1 || options->publishers > SPG_TOPIC_PUBLISHERS_MAX)
        return refuse("publishers is 1 to 255");
    if (options->subscribers < 1 || options->subscribers > SPG_TOPIC_SUBSCRIBERS_MAX)
        return refuse("subscribers is 1 to 1024");
    if (options->holds < 1 || options->holds > 1000) return refuse("holds is 1 to 1000");
    if (options->timed > 1 || options->keep > 1 || options->zero != 0)
        return refuse("timed and keep are 0 or 1, and zero is 0");
    if (options->type && strlen(options->type) > SPG_TYPE_NAME_MAX)
        return refuse("the type's name has more than 63 bytes");
    if (options->schema && strlen(options->schema) > SPG_SCHEMA_MAX)
        return refuse("the schema has more than 65536 bytes");
    return 0;
}

int spg__topic_read_options(spg_topic_options *options, const spg_topic_options *given) {
    *options = (spg_topic_options)SPG_TOPIC_OPTIONS;
    if (given) {
        int result = spg__check_struct_size(given->struct_size, sizeof *given, "spg_topic_options",
                                            "SPG_TOPIC_OPTIONS");
        if (result < 0) return result;
        *options = *given;
    }
    int result = spg__channel_check_mode(&options->mode, "spg_topic_options");
    return result < 0 ? result : check_options(options);
}

int spg__topic_read_reader_options(spg_subscriber_options *options,
                                   const spg_subscriber_options *given, const spg_node *node) {
    *options = (spg_subscriber_options)SPG_SUBSCRIBER_OPTIONS;
    if (given) {
        int result = spg__check_struct_size(given->struct_size, sizeof *given,
                                            "spg_subscriber_options", "SPG_SUBSCRIBER_OPTIONS");
        if (result < 0) return result;
        *options = *given;
    }
    if (options->policy > SPG_MUST_NOT_LOSE || !spg__timeout_is_valid(options->timeout))
        return spg__fail(SPG_EINVAL, "spg_subscriber_options: policy or timeout cannot be");
    if (options->read_only > 1 || options->zero != 0)
        return spg__fail(SPG_EINVAL, "spg_subscriber_options: read_only is 0 or 1, and zero is 0");
    if (options->read_only && (options->policy == SPG_MUST_NOT_LOSE || node))
        return spg__fail(SPG_EINVAL,
                         "spg_subscriber_options: who only reads has no node, and may lose");
    return 0;
}

static int write_geometry(struct spg__channel_head *head, const spg_topic_options *options) {
    struct spg__topic_shape shape;
    uint32_t slots = power_of_two(options->slots);
    uint32_t flags = (options->timed ? SPG__TOPIC_TIMED : 0u) |
                     (options->keep ? SPG__TOPIC_KEEP : 0u);
    uint64_t schema = options->schema ? strlen(options->schema) : 0;
    memset(head, 0, sizeof *head);
    if (!spg__arena_shape(&shape.arena, options->budget)) {
        return spg__fail(SPG_ETOOBIG, "a budget of %llu bytes is beyond any memory",
                         (unsigned long long)options->budget);
    }
    head->geometry[0] = pack(slots, options->slot_size);
    head->geometry[1] = pack(options->publishers, options->subscribers);
    head->geometry[2] = pack(shape.arena.units, shape.arena.unit_shift);
    head->geometry[3] = pack((options->holds + 7) / 8 * 8, options->history);
    head->geometry[4] = pack(flags, options->type_size);
    head->geometry[5] = schema;
    head->geometry[6] = slots;
    unpack(&shape, head->geometry);
    place(&shape);
    head->header.size = shape.size;
    return 0;
}

/* ---- making and opening ---------------------------------------------------------------------- */

static void copy_text(spg__word64 *to, const char *text, size_t bytes) {
    char padded[8];
    for (size_t i = 0; i < bytes; i += 8) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, text + i, bytes - i < 8 ? bytes - i : 8);
        spg__copy_to_shared(to + i / 8, padded, 8);
    }
}

/* relaxed, all: nobody can see it yet */
static void prepare(void *address, const struct spg__channel_head *head, const void *context) {
    const spg_topic_options *options = context;
    struct spg__topic_shared *shared = address;
    struct spg__topic_shape shape;
    char *bytes = address;
    unpack(&shape, head->geometry);
    place(&shape);
    spg__store_relaxed_64(&shared->next, shape.first); /* relaxed: as above */
    if (options->type) copy_text(shared->type, options->type, strlen(options->type));
    if (options->schema)
        copy_text((spg__word64 *)(void *)(bytes + shape.schema_at), options->schema,
                  (size_t)shape.schema_bytes);
    for (uint32_t i = 0; i < shape.slots; i++) {
        uint64_t sequence = shape.first + i;
        uint64_t at = shape.slots_at + (sequence & (shape.slots - 1)) * shape.slot_size;
        struct spg__slot_shared *slot = (struct spg__slot_shared *)(void *)(bytes + at);
        /* relaxed: as above */
        spg__store_relaxed_64(&slot->state,
                              spg__slot_state(sequence - shape.slots, SPG__SLOT_VOID, 0));
    }
    spg__arena_prepare((spg__word64 *)(void *)(bytes + shape.map_at), &shape.arena);
}

static int read_texts(struct spg__topic *topic) {
    size_t bytes = (size_t)topic->shape.schema_bytes;
    spg__copy_from_shared(topic->type, topic->shared->type, sizeof topic->type);
    topic->type[SPG_TYPE_NAME_MAX] = '\0';
    if (bytes == 0) return 0;
    char *schema = calloc(1, bytes + 8);
    if (!schema) return spg__fail(SPG_ENOMEM, "no memory for a schema of %zu bytes", bytes);
    char *at = (char *)topic->channel.address + topic->shape.schema_at;
    spg__copy_from_shared(schema, (spg__word64 *)(void *)at, (bytes + 7) / 8 * 8);
    schema[bytes] = '\0';
    topic->schema = schema;
    return 0;
}

int spg__topic_settle(struct spg__topic *topic) {
    struct spg__topic_shape *shape = &topic->shape;
    int result = spg__topic_shape_read(shape, &topic->channel.head, topic->channel.file_name);
    if (result < 0) return result;
    char *bytes = topic->channel.address;
    struct spg__topic_shared *shared = topic->channel.address;
    topic->shared = shared;
    topic->slots = bytes + shape->slots_at;
    topic->arena = (struct spg__arena){
        .shape = shape->arena,
        .map = (spg__word64 *)(void *)(bytes + shape->map_at),
        .bytes = bytes + shape->arena_at,
        .guard = &shared->guard,
        .rover = &shared->rover,
        .channel = &topic->channel,
    };
    topic->news = (struct spg__alarm){&shared->news,
                                      (spg__word64 *)(void *)(bytes + shape->bells_at),
                                      shape->subscribers, topic->channel.domain->directory};
    topic->room = (struct spg__alarm){&shared->room, NULL, 0, topic->channel.domain->directory};
    return read_texts(topic);
}

int spg__topic_check_type(const struct spg__topic *topic, const char *type, uint32_t type_size) {
    return spg__channel_check_type(
        &topic->channel, (struct spg__message_type){topic->type, topic->shape.type_size},
        (struct spg__message_type){type, type_size});
}

/* Attaches the topic; makes it with `options` if it is not there and they are given. */
int spg__topic_attach(struct spg__topic *topic, const spg_topic_options *options) {
    int result = spg__channel_attach(&topic->channel, SPG__FILE_READ_WRITE);
    if (result == SPG_ENOENT && options) {
        result = write_geometry(&topic->channel.head, options);
        if (result == 0)
            result = spg__channel_create(&topic->channel, options->mode, prepare, options);
    }
    return result < 0 ? result : spg__topic_settle(topic);
}

void spg__topic_detach(struct spg__topic *topic) {
    spg__channel_detach(&topic->channel);
    free(topic->schema);
    topic->schema = NULL;
}

int spg_topic_unlink(spg_node *node, const char *name) {
    return spg__channel_unlink(node, name, &spg__kind_of_topic);
}
