/* stream.c: a stream as seen from outside. */
#include <inttypes.h>

#include "base/error.h"
#include "channel/stream.h"
#include "look/channel.h"

static const struct spg__stream_shared *shared_of(const struct spg__looked *looked) {
    return looked->as.channel.address;
}

static int settle(struct spg__looked *looked) {
    return spg__stream_check_geometry(&looked->as.channel.head, looked->name);
}

struct counters {
    uint64_t written;
    uint64_t consumed;
};

static struct counters read_counters(const struct spg__stream_shared *shared) {
    struct counters counters;
    /* pairs: stream.consumed, stream.written */
    counters.consumed = spg__load_acquire_64(&shared->reader.position);
    counters.written = spg__load_acquire_64(&shared->writer.position);
    return counters;
}

static void facts_of(const struct spg__looked *looked, spg_channel_facts *facts) {
    const struct spg__stream_shared *shared = shared_of(looked);
    struct counters counters = read_counters(shared);
    facts->capacity = looked->as.channel.head.geometry[0];
    facts->messages = counters.written;
    facts->waiting = counters.written - counters.consumed;
    facts->receivers_sleep = spg__load_relaxed_32(&shared->data) & 1; /* relaxed: a look */
    facts->senders_sleep = spg__load_relaxed_32(&shared->room) & 1;   /* relaxed: a look */
}

/* An end that was left in order has no member any more. */
static int visit_end(const struct spg__looked *looked, const struct spg__end_shared *end,
                     uint32_t role, spg_member_visitor *visit, void *context) {
    spg_member member;
    uint64_t owner = spg__load_acquire_64(&end->owner); /* pairs: stream.owner */
    if ((owner & SPG__END_LEFT) || !spg__member_begin(looked, owner, role, &member)) return 0;
    struct counters counters = read_counters(shared_of(looked));
    if (role == SPG_ROLE_WRITER) member.sent = counters.written;
    else member.received = counters.consumed;
    member.asleep = spg__load_relaxed_64(&end->asleep); /* relaxed: a look */
    if (role == SPG_ROLE_READER) member.behind = counters.written - counters.consumed;
    return visit(context, &member);
}

static int members(const struct spg__looked *looked, spg_member_visitor *visit, void *context) {
    const struct spg__stream_shared *shared = shared_of(looked);
    int result = visit_end(looked, &shared->writer, SPG_ROLE_WRITER, visit, context);
    if (result == 0) result = visit_end(looked, &shared->reader, SPG_ROLE_READER, visit, context);
    return result;
}

static void audit(const struct spg__looked *looked, struct spg__audit *audit) {
    const struct spg__stream_shared *shared = shared_of(looked);
    struct counters counters = read_counters(shared);
    /* The counters are read one after the other, so only an idle stream shows them together. */
    bool idle = counters.consumed ==
                spg__load_acquire_64(&shared->reader.position); /* pairs: stream.consumed */
    if (idle && counters.written - counters.consumed > looked->as.channel.head.geometry[0]) {
        spg__found_out(audit, SPG_FINDING_DAMAGE, looked->name,
                       "%" PRIu64 " bytes are written and %" PRIu64 " consumed", counters.written,
                       counters.consumed);
    }
    if (spg__stream_is_over(looked->as.channel.domain, shared)) {
        spg__found_out(audit, SPG_FINDING_LEFT, looked->name, "nobody can use it any more");
    }
}

static uint32_t recover(const struct spg__looked *looked, bool *over) {
    *over = spg__stream_is_over(looked->as.channel.domain, shared_of(looked));
    return 0;
}

const struct spg__look_kind spg__look_stream = {
    &spg__kind_of_stream, SPG_ENTRY_STREAM, settle, facts_of, members, audit, recover};
