/* channel.c: see channel.h. */
#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "stop.h"

/* ---- kinds ----------------------------------------------------------------------------------- */

static const struct channel_kind kinds[] = {
    [SPG_ENTRY_STREAM] = {"stream", NULL, "written", spg_stream_unlink},
    [SPG_ENTRY_TOPIC] = {"topic", "message", "published", spg_topic_unlink},
    [SPG_ENTRY_CELL] = {"cell", NULL, "version", spg_cell_unlink},
    [SPG_ENTRY_QUEUE] = {"queue", "job", "pushed", spg_queue_unlink},
    [SPG_ENTRY_SERVICE] = {"service", "request", "requested", spg_service_unlink},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

const struct channel_kind *channel_kind(uint32_t entry_kind) {
    return entry_kind < KINDS && kinds[entry_kind].word ? &kinds[entry_kind] : NULL;
}

const struct channel_kind *channel_kind_of_name(const char *name, const char **rest) {
    for (size_t i = 0; i < KINDS; i++) {
        size_t length = kinds[i].word ? strlen(kinds[i].word) : 0;
        if (length == 0 || strncmp(name, kinds[i].word, length) != 0 || name[length] != ':')
            continue;
        *rest = name + length + 1;
        return &kinds[i];
    }
    return NULL;
}

const char *role_text(uint32_t role) {
    static const char *const texts[] = {
        [SPG_ROLE_WRITER] = "writer",       [SPG_ROLE_READER] = "reader",
        [SPG_ROLE_PUBLISHER] = "publisher", [SPG_ROLE_SUBSCRIBER] = "subscriber",
        [SPG_ROLE_QUEUE] = "member",        [SPG_ROLE_SERVER] = "server",
        [SPG_ROLE_CLIENT] = "client",
    };
    return role < sizeof texts / sizeof *texts && texts[role] ? texts[role] : "-";
}

const char *amount_text(char *text, uint32_t entry_kind, uint64_t amount) {
    const struct channel_kind *kind = channel_kind(entry_kind);
    if (!kind || !kind->noun) return size_text(text, amount);
    return count_text(text, amount, kind->noun);
}

uint64_t budget_for_frames(uint64_t frame) {
    const uint64_t least = UINT64_C(1) << 20, most = UINT64_C(1) << 30;
    if (frame > UINT64_MAX / 2) return UINT64_MAX;
    if (frame <= least / 8) return least;
    if (frame <= most / 8) return 8 * frame;
    return frame > most / 2 ? 2 * frame : most;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int keep(void *context, const spg_member *member) {
    struct channel *channel = context;
    if (channel->count == channel->room) {
        channel->room = channel->room ? 2 * channel->room : 16;
        channel->members = must_have(
            realloc(channel->members, channel->room * sizeof *channel->members));
    }
    spg_member *kept = &channel->members[channel->count++];
    *kept = *member;
    kept->node_name = must_have(strdup(member->node_name ? member->node_name : ""));
    return 0;
}

int channel_read(struct channel *channel, const char *name) {
    memset(channel, 0, sizeof *channel);
    channel->facts.struct_size = sizeof channel->facts;
    channel->time = now_nanoseconds();
    return spg_channel_stat(NULL, name, &channel->facts, keep, channel);
}

void channel_free(struct channel *channel) {
    for (size_t i = 0; i < channel->count; i++) {
        free((char *)(uintptr_t)channel->members[i].node_name);
    }
    free(channel->members);
    memset(channel, 0, sizeof *channel);
}

struct living {
    uint32_t role, count;
};

static int count_living(void *context, const spg_member *member) {
    struct living *living = context;
    living->count += member->alive && member->role == living->role;
    return 0;
}

uint32_t channel_living(const char *kind, const char *name, uint32_t role) {
    char whole[300];
    struct living living = {role, 0};
    spg_channel_facts facts = {.struct_size = sizeof facts};
    snprintf(whole, sizeof whole, "%s:%s", kind, name);
    if (spg_channel_stat(NULL, whole, &facts, count_living, &living) < 0) return 0;
    return living.count;
}

/* ---- rates ----------------------------------------------------------------------------------- */

static double per_second(uint64_t before, uint64_t now, int64_t nanoseconds) {
    if (now < before || nanoseconds <= 0) return -1;
    return (double)(now - before) * 1e9 / (double)nanoseconds;
}

/* A channel that was removed and made again has begun anew. */
static bool is_same(const struct channel *before, const struct channel *now) {
    return before && before->facts.created != 0 && before->facts.created == now->facts.created &&
           before->facts.creator == now->facts.creator;
}

double channel_rate(const struct channel *before, const struct channel *now) {
    if (!is_same(before, now)) return -1;
    return per_second(before->facts.messages, now->facts.messages, now->time - before->time);
}

static bool is_same_member(const spg_member *one, const spg_member *other) {
    return one->node == other->node && one->role == other->role && one->since == other->since;
}

/* The same member before: of several that look alike the one in the same order. */
static const spg_member *find_before(const struct channel *before, const struct channel *now,
                                     size_t member) {
    size_t earlier = 0;
    for (size_t i = 0; i < member; i++) {
        earlier += is_same_member(&now->members[i], &now->members[member]);
    }
    for (size_t i = 0; i < before->count; i++) {
        if (!is_same_member(&before->members[i], &now->members[member])) continue;
        if (earlier-- == 0) return &before->members[i];
    }
    return NULL;
}

double member_rate(const struct channel *before, const struct channel *now, size_t member) {
    if (!is_same(before, now)) return -1;
    const spg_member *then = find_before(before, now, member), *this = &now->members[member];
    if (!then) return -1;
    double sent = per_second(then->sent, this->sent, now->time - before->time);
    double received = per_second(then->received, this->received, now->time - before->time);
    return sent > received ? sent : received;
}
