/* cyclone.c: Cyclone DDS over UDP on the loopback device, since Debian builds it without shared
 * memory. Its receiving is done by a thread of its own, which a caller that looks all the time
 * would keep from its processor; so it waits. */
#include <bench_payload.h>
#include <dds/dds.h>

#include "copying.h"

enum { NETWORK = 77 }; /* what DDS calls a domain */

static const char config[] =
    "<General><Interfaces><NetworkInterface name='lo'/></Interfaces>"
    "<AllowMulticast>false</AllowMulticast><MaxMessageSize>65500B</MaxMessageSize></General>"
    "<Discovery><LeaseDuration>600s</LeaseDuration><ParticipantIndex>auto</ParticipantIndex>"
    "<Peers><Peer address='127.0.0.1'/></Peers></Discovery>";

struct ends {
    dds_entity_t writer, reader, wait;
};

static dds_entity_t valid(dds_entity_t entity) {
    must(entity < 0);
    return entity;
}

static dds_entity_t make_topic(const struct contest *contest, dds_entity_t participant,
                               const char *way) {
    char name[128];
    const char *domain = strrchr(settings.domain, '-') + 1;
    snprintf(name, sizeof name, "bench_%.6s_%d_%s", domain, atoi(strrchr(contest->name, '-') + 1),
             way);
    return valid(dds_create_topic(participant, &bench_payload_desc, name, NULL, NULL));
}

static bool are_matched(const struct ends *ends) {
    dds_publication_matched_status_t out;
    dds_subscription_matched_status_t in;
    must(dds_get_publication_matched_status(ends->writer, &out));
    must(dds_get_subscription_matched_status(ends->reader, &in));
    return out.current_count == 1 && in.current_count == 1;
}

static void open_end(struct contest *contest, int role) {
    static struct ends ends;
    valid(dds_create_domain(NETWORK, config));
    dds_entity_t participant = valid(dds_create_participant(NETWORK, NULL, NULL));
    dds_entity_t out = make_topic(contest, participant, role == 0 ? "there" : "back");
    dds_entity_t in = make_topic(contest, participant, role == 0 ? "back" : "there");
    dds_qos_t *quality = dds_create_qos();
    dds_qset_reliability(quality, DDS_RELIABILITY_RELIABLE, DDS_INFINITY);
    dds_qset_history(quality, DDS_HISTORY_KEEP_ALL, 0);
    ends.writer = valid(dds_create_writer(participant, out, quality, NULL));
    ends.reader = valid(dds_create_reader(participant, in, quality, NULL));
    dds_delete_qos(quality);
    dds_entity_t some = valid(dds_create_readcondition(ends.reader, DDS_ANY_STATE));
    ends.wait = valid(dds_create_waitset(participant));
    must(dds_waitset_attach(ends.wait, some, 0));
    while (!are_matched(&ends)) sleep_ns(1000 * 1000);
    contest->mine = &ends;
}

static void put(struct contest *contest, uint64_t number) {
    const struct ends *ends = contest->mine;
    source_of(contest, number);
    bench_payload payload = {
        .bytes = {._maximum = (uint32_t)contest->size,
                  ._length = (uint32_t)contest->size,
                  ._buffer = (uint8_t *)contest->source},
    };
    must(dds_write(ends->writer, &payload));
}

static void take(struct contest *contest, const bench_payload *payload, uint64_t number) {
    if (payload->bytes._length != contest->size) reject(contest);
    else absorb(contest, payload->bytes._buffer, contest->size, number);
}

/* The next message, lent. Others tell of the writer's state. */
static void *await(const struct ends *ends) {
    for (;;) {
        void *sample[1] = {NULL};
        dds_sample_info_t about;
        dds_return_t taken = dds_take(ends->reader, sample, &about, 1, 1);
        must(taken < 0);
        if (taken == 0) must(dds_waitset_wait(ends->wait, NULL, 0, DDS_INFINITY) < 0);
        else if (about.valid_data) return sample[0];
        else must(dds_return_loan(ends->reader, sample, taken));
    }
}

static void get(struct contest *contest, uint64_t number) {
    const struct ends *ends = contest->mine;
    void *sample = await(ends);
    take(contest, sample, number);
    must(dds_return_loan(ends->reader, &sample, 1));
}

COPYING_RUNS(put, get)

#define CYCLONE(PATTERN, RUN)                                                                      \
    COPYING("Cyclone DDS", "UDP on loopback (Debian's has no shared memory), reliable, keep all",  \
            PATTERN, 8, SIZE_MAX, NULL, open_end, RUN, NULL, NULL)

const struct contestant peer_cyclone[] = {
    CYCLONE(WAITING, run_trips),
    CYCLONE(WAKING, run_trips),
    CYCLONE(ONE_WAY, run_way),
};
