/* topic.h: what the tests of the topic share: messages that can be told apart, and an audit of the
 * topic's file that knows the layout and nothing of the library's code. */
#ifndef TEST_PROCESS_TOPIC_H
#define TEST_PROCESS_TOPIC_H

#include <linux/futex.h>
#include <sys/syscall.h>

#include "harness/harness.h"

#include "channel/topic.h"

#define NEED __attribute__((unused)) static

/* ---- opening --------------------------------------------------------------------------------- */

#ifndef TOPIC_NAME
#    define TOPIC_NAME "test/topic"
#    define TOPIC_FILE "test%2Ftopic.topic"
#endif

NEED const char *topic_name(void) {
    return TOPIC_NAME;
}

NEED spg_topic_options small_topic(uint32_t slots, uint64_t budget) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.slots = slots;
    options.budget = budget;
    return options;
}

NEED spg_publisher *publish_as(const spg_topic_options *options) {
    spg_publisher *publisher;
    CHECK_OK(spg_publisher_open(&publisher, NULL, topic_name(), options));
    return publisher;
}

NEED spg_subscriber *subscribe_as(uint32_t policy, uint32_t history) {
    spg_subscriber *subscriber;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = policy;
    options.history = history;
    options.timeout = SPG_FOREVER;
    CHECK_OK(spg_subscriber_open(&subscriber, NULL, topic_name(), &options));
    return subscriber;
}

/* ---- messages -------------------------------------------------------------------------------- */

NEED uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Message n of a writer: its first 16 bytes say so, if it has as many; the rest follows from it. */
struct stamp {
    uint64_t writer, n;
};

static inline uint64_t pattern_word(uint64_t writer, uint64_t n, uint64_t k) {
    return (writer + 1) * 0x9e3779b97f4a7c15u + n * 0xbf58476d1ce4e5b9u + k * 0x94d049bb133111ebu;
}

NEED void message_fill(void *data, size_t size, uint64_t writer, uint64_t n) {
    char *bytes = data;
    for (size_t k = 0; k * 8 < size; k++) {
        uint64_t word = k == 0 ? writer : k == 1 ? n : pattern_word(writer, n, k);
        if (size < sizeof(struct stamp)) word = pattern_word(writer, n, k);
        memcpy(bytes + 8 * k, &word, size - 8 * k < 8 ? size - 8 * k : 8);
    }
}

NEED bool message_is(const void *data, size_t size, uint64_t writer, uint64_t n) {
    const char *bytes = data;
    for (size_t k = 0; k * 8 < size; k++) {
        uint64_t word = k == 0 ? writer : k == 1 ? n : pattern_word(writer, n, k);
        if (size < sizeof(struct stamp)) word = pattern_word(writer, n, k);
        if (memcmp(bytes + 8 * k, &word, size - 8 * k < 8 ? size - 8 * k : 8) != 0) return false;
    }
    return true;
}

/* The stamp of a message that has one, all of it checked. */
NEED struct stamp message_stamp(const spg_message *message) {
    struct stamp stamp;
    if (message->size < sizeof stamp) FAIL("a message of %zu bytes", message->size);
    memcpy(&stamp, message->data, sizeof stamp);
    if (!message_is(message->data, message->size, stamp.writer, stamp.n))
        FAIL("message %llu of writer %llu, sequence %llu, %zu bytes, is torn",
             (unsigned long long)stamp.n, (unsigned long long)stamp.writer,
             (unsigned long long)message->sequence, message->size);
    return stamp;
}

NEED int message_send(spg_publisher *publisher, size_t size, uint64_t writer, uint64_t n,
                      int64_t timeout) {
    void *data;
    int result = spg_publisher_loan(publisher, size, &data, timeout);
    if (result < 0) return result;
    message_fill(data, size, writer, n);
    result = spg_publisher_publish(publisher, data, size, timeout);
    if (result < 0) CHECK_OK(spg_publisher_discard(publisher, data));
    return result;
}

/* Receives message n of a writer, of this size, checks it, and keeps it. */
NEED void message_expect(spg_subscriber *subscriber, spg_message *message, size_t size,
                         uint64_t writer, uint64_t n) {
    CHECK_OK(spg_subscriber_receive(subscriber, message, MILLISECONDS(10000)));
    CHECK_INT(size, message->size);
    if (!message_is(message->data, size, writer, n))
        FAIL("sequence %llu is not message %llu of writer %llu",
             (unsigned long long)message->sequence, (unsigned long long)n,
             (unsigned long long)writer);
}

NEED void message_receive(spg_subscriber *subscriber, size_t size, uint64_t writer, uint64_t n) {
    spg_message message;
    message_expect(subscriber, &message, size, writer, n);
    CHECK_OK(spg_subscriber_release(subscriber, &message));
}

/* ---- the topic's file ------------------------------------------------------------------------ */

struct image {
    char *bytes;
    uint64_t size;
    uint32_t slots, slot_size, publishers, subscribers, units, unit_shift, holds;
    uint64_t schema_bytes, first;
    char *publishers_at, *subscribers_at, *slots_at, *map_at;
    uint64_t subscriber_bytes;
};

NEED const char *topic_path(void) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", getenv("SAMEPAGE_DOMAIN"), TOPIC_FILE);
    return path;
}

static inline uint64_t image_word(const char *at) {
    return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_SEQ_CST);
}
static inline void image_set(char *at, uint64_t value) {
    __atomic_store_n((uint64_t *)(void *)at, value, __ATOMIC_SEQ_CST);
}
static inline uint64_t rounded_up(uint64_t bytes, uint64_t to) {
    return (bytes + to - 1) / to * to;
}

static inline char *image_slot(const struct image *image, uint64_t sequence) {
    return image->slots_at + sequence % image->slots * image->slot_size;
}
static inline char *image_publisher(const struct image *image, uint32_t row) {
    return image->publishers_at + row * 256u;
}
static inline char *image_subscriber(const struct image *image, uint32_t row) {
    return image->subscribers_at + row * image->subscriber_bytes;
}

NEED void image_place(struct image *image) {
    const char *geometry = image->bytes + 64;
    image->slots = (uint32_t)image_word(geometry);
    image->slot_size = (uint32_t)(image_word(geometry) >> 32);
    image->publishers = (uint32_t)image_word(geometry + 8);
    image->subscribers = (uint32_t)(image_word(geometry + 8) >> 32);
    image->units = (uint32_t)image_word(geometry + 16);
    image->unit_shift = (uint32_t)(image_word(geometry + 16) >> 32);
    image->holds = (uint32_t)image_word(geometry + 24);
    image->schema_bytes = image_word(geometry + 40);
    image->first = image_word(geometry + 48);
    image->subscriber_bytes = rounded_up(64 + 8u * image->holds, 128);
    uint64_t at = 4096;
    image->publishers_at = image->bytes + at;
    at += 256u * image->publishers;
    image->subscribers_at = image->bytes + at;
    at += image->subscribers * image->subscriber_bytes;
    at += rounded_up(8u * image->subscribers, 128) + rounded_up(image->schema_bytes, 8);
    at = rounded_up(at, 128);
    image->slots_at = image->bytes + at;
    at = rounded_up(at + (uint64_t)image->slots * image->slot_size, 128);
    image->map_at = image->bytes + at;
}

NEED void image_open(struct image *image) {
    struct stat status;
    int fd = open(topic_path(), O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    image->size = (uint64_t)status.st_size;
    image->bytes = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(image->bytes != MAP_FAILED);
    close(fd);
    image_place(image);
}

NEED void image_close(struct image *image) {
    munmap(image->bytes, image->size);
}

/* The row of this process's publisher: it has one only. */
NEED uint32_t image_own_row(const struct image *image) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    for (uint32_t row = 0; row < image->publishers; row++) {
        if (image_word(image_publisher(image, row)) == id << 4) return row;
    }
    FAIL("this process publishes nothing");
}

/* Claims the next sequence as the publisher in this row would, and goes no further. False: it may
 * not just now, or would have to take back a chunk before. */
NEED bool image_claims(const struct image *image, uint32_t row, uint64_t *sequence) {
    uint64_t next = image_word(image->bytes + 256);
    while (image_word(image_slot(image, next)) >> 10 >= next) next++;
    char *slot = image_slot(image, next);
    uint64_t old = image_word(slot);
    if (next >= image_word(image_publisher(image, row) + 16)) return false;
    if (old >> 10 != next - image->slots || (old >> 8 & 3) == 0) return false;
    if ((old >> 8 & 3) != 2 && (image_word(slot + 8) & 1)) return false;
    image_set(image_publisher(image, row) + 8, next);
    *sequence = next;
    return __atomic_compare_exchange_n((uint64_t *)(void *)slot, &old, next << 10 | row, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* As who publishes and is stopped in the middle: a claim stays open until this process is killed,
 * or dies of itself when it is over. */
NEED void stop_in_the_middle(const _Atomic bool *is_over) {
    struct image image;
    uint64_t sequence;
    image_open(&image);
    bool claimed = image_claims(&image, image_own_row(&image), &sequence);
    image_close(&image);
    if (!claimed) return;
    for (int i = 0; i < 20 && !*is_over; i++) nap_ms(1);
    raise(SIGKILL);
}

/* The publisher finds that it may claim one more: nobody who must not lose is so far behind. */
NEED void image_allow(const struct image *image, uint32_t row) {
    uint64_t next = image_word(image->bytes + 256);
    char *limit = image_publisher(image, row) + 16;
    if (image_word(limit) <= next) image_set(limit, next + 1);
}

NEED uint64_t image_claim(const struct image *image, uint32_t row) {
    uint64_t sequence;
    image_allow(image, row);
    if (!image_claims(image, row, &sequence)) FAIL("there is nothing to claim");
    return sequence;
}

/* A publisher wakes who sleeps before it commits, and after; here it does not come to that. */
NEED void image_wake(const struct image *image) {
    _Atomic uint32_t *turn = (_Atomic uint32_t *)(void *)(image->bytes + 384);
    if (!(atomic_load(turn) & 1)) return;
    atomic_fetch_add(turn, 1);
    syscall(SYS_futex, turn, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Finishes what it claimed so, with eight bytes. */
NEED void image_commit(const struct image *image, uint32_t row, uint64_t sequence, uint64_t word) {
    char *slot = image_slot(image, sequence);
    uint64_t owner = image_word(image_publisher(image, row)) >> 4;
    image_set(slot + 16, word);
    image_set(slot + 8, owner << 16 | 8 << 2);
    image_wake(image);
    image_set(slot, sequence << 10 | 1 << 8 | row);
}

/* ---- the audit ------------------------------------------------------------------------------- */

struct audit {
    uint64_t units[4]; /* by state */
    uint32_t publishers, subscribers;
    uint64_t voids, claims, committed, published;
};

static inline bool slot_names(const struct image *image, uint64_t tag, uint64_t chunk,
                              bool dropped_only) {
    for (uint32_t i = 0; i < image->slots; i++) {
        const char *slot = image_slot(image, i);
        uint64_t state = image_word(slot), phase = state >> 8 & 3;
        if ((state >> 10 & SPG__CHUNK_TAG_MASK) != tag || !(image_word(slot + 8) & 1)) continue;
        if (image_word(slot + 24) != chunk) continue;
        if (phase == 3 || (phase == 1 && !dropped_only)) return true;
    }
    return false;
}

static inline bool hold_names(const struct image *image, uint64_t tag, uint64_t chunk) {
    for (uint32_t row = 0; row < image->subscribers; row++) {
        const char *subscriber = image_subscriber(image, row);
        for (uint32_t i = 0; i < image->holds && image_word(subscriber); i++) {
            uint64_t hold = image_word(subscriber + 64 + 8u * i);
            if ((hold >> 21 & SPG__CHUNK_TAG_MASK) == tag && (hold >> 1 & 0xfffff) == chunk &&
                !(hold & 1))
                return true;
        }
    }
    return false;
}

static inline bool loan_names(const struct image *image, uint64_t row, uint64_t chunk) {
    for (uint32_t i = 0; i < 24 && row < image->publishers; i++) {
        if (image_word(image_publisher(image, (uint32_t)row) + 64 + 8u * i) == chunk + 1)
            return true;
    }
    return false;
}

static inline void audit_chunk(const struct image *image, uint32_t chunk, uint64_t word) {
    uint64_t tag = word >> 22;
    bool named = true;
    if ((word & 3) == 1) named = loan_names(image, tag, chunk);
    if ((word & 3) == 2) named = slot_names(image, tag, chunk, false);
    if ((word & 3) == 3)
        named = hold_names(image, tag, chunk) || slot_names(image, tag, chunk, true);
    if (!named)
        FAIL("nobody names chunk %u, in state %d with tag %llu", chunk, (int)(word & 3),
             (unsigned long long)tag);
}

static inline void audit_arena(const struct image *image, struct audit *audit) {
    uint32_t at = 0;
    while (at < image->units) {
        uint64_t word = image_word(image->map_at + 8u * at);
        uint32_t length = (uint32_t)(word >> 2) & 0xfffff;
        if (length == 0 || length > image->units - at) FAIL("chunk %u has length %u", at, length);
        audit_chunk(image, at, word);
        audit->units[word & 3] += length;
        at += length;
    }
}

static inline bool is_entered_as_void(const struct image *image, uint64_t sequence) {
    uint64_t count = image_word(image->bytes + 1024);
    for (uint64_t i = 0; i < count && i < SPG__TOPIC_VOIDS; i++) {
        if (image_word(image->bytes + 1032 + 8 * i) == sequence) return true;
    }
    return count > SPG__TOPIC_VOIDS;
}

static inline void audit_slot(const struct image *image, const char *slot, struct audit *audit) {
    uint64_t state = image_word(slot), phase = state >> 8 & 3, meta = image_word(slot + 8);
    if (state >> 10 < image->first) return;
    audit->claims += phase == 0;
    audit->committed += phase == 1;
    if (phase == 2 && !is_entered_as_void(image, state >> 10))
        FAIL("sequence %llu is void, and not entered as such", (unsigned long long)(state >> 10));
    if (phase != 1 || !(meta & 1)) return;
    uint64_t chunk = image_word(slot + 24), word = 0;
    if (chunk < image->units) word = image_word(image->map_at + 8 * chunk);
    if ((word & 3) != 2 || word >> 22 != (state >> 10 & SPG__CHUNK_TAG_MASK))
        FAIL("sequence %llu names chunk %llu, which is not its own",
             (unsigned long long)(state >> 10), (unsigned long long)chunk);
}

/* While nobody works on the topic: every chunk has its reason, every message its chunk. */
NEED struct audit topic_audit(void) {
    struct image image;
    struct audit audit = {{0}, 0, 0, 0, 0, 0, 0};
    image_open(&image);
    for (uint32_t i = 0; i < image.publishers; i++)
        audit.publishers += image_word(image_publisher(&image, i)) != 0;
    for (uint32_t i = 0; i < image.subscribers; i++) {
        audit.subscribers += image_word(image_subscriber(&image, i)) != 0;
        for (uint32_t h = 0; h < image.holds && !image_word(image_subscriber(&image, i)); h++)
            CHECK_INT(0, image_word(image_subscriber(&image, i) + 64 + 8u * h));
    }
    audit_arena(&image, &audit);
    for (uint32_t i = 0; i < image.slots; i++) audit_slot(&image, image_slot(&image, i), &audit);
    audit.voids = image_word(image.bytes + 1024);
    uint64_t next = image_word(image.bytes + 256);
    while (image_word(image_slot(&image, next)) >> 10 >= next) next++;
    audit.published = next - image.first;
    image_close(&image);
    return audit;
}

/* Nothing but this process's own rows is left, nothing is on loan, nothing is held. */
NEED void topic_is_clean(uint32_t publishers, uint32_t subscribers) {
    struct audit audit = topic_audit();
    CHECK_INT(publishers, audit.publishers);
    CHECK_INT(subscribers, audit.subscribers);
    CHECK_INT(0, audit.claims);
    CHECK_INT(0, audit.units[SPG__CHUNK_LOANED]);
}

#endif
