/* model_topic.c: two publishers and three subscribers of a topic of eight slots.
 *
 * The model is the list of what was published. Who must not lose gets each message from where it
 * began, who may lose is told of exactly as many as it did not get, and what is held stays as it
 * is. A publisher finds no room only if somebody who must not lose is a ring behind. */
#include <string.h>

#include "model.h"

enum {
    SLOTS = 8,
    HOLDS = 8,
    BUDGET = 2048,
    INLINE = 48,
    PUBLISHERS = 2,
    SUBSCRIBERS = 3,
    LOANS = 16,
    MESSAGES_MAX = 600,
    OPERATIONS_MAX = 500
};

struct reader {
    spg_subscriber *handle;
    bool must_not_lose;
    bool settled;    /* it is known which sequence is next; it is not while history is read */
    uint64_t next;   /* or at least this */
    uint64_t joined; /* the first that was published after it joined */
    spg_message held[HOLDS];
    unsigned held_count;
};

static struct {
    uint64_t count; /* sequences 1 to this are published */
    size_t sizes[MESSAGES_MAX];
    spg_publisher *publishers[PUBLISHERS];
    void *loans[PUBLISHERS][LOANS];
    size_t loan_sizes[PUBLISHERS][LOANS];
    struct reader readers[SUBSCRIBERS];
} topic;

static const spg_topic_options options = {.struct_size = sizeof options,
                                          .mode = 0600,
                                          .budget = BUDGET,
                                          .slots = SLOTS,
                                          .slot_size = 64,
                                          .publishers = PUBLISHERS,
                                          .subscribers = SUBSCRIBERS,
                                          .holds = HOLDS,
                                          .history = 2,
                                          .keep = 1};

/* The oldest sequence that a subscriber still needs: unread, or held. */
static uint64_t needed_from(const struct reader *reader) {
    uint64_t least = reader->next;
    for (unsigned i = 0; i < reader->held_count; i++) {
        if (reader->held[i].size > INLINE && reader->held[i].sequence < least)
            least = reader->held[i].sequence;
    }
    return least;
}

/* May a publisher be told that there is no place in the order? */
static bool ring_may_be_full(void) {
    for (int i = 0; i < SUBSCRIBERS; i++) {
        const struct reader *reader = &topic.readers[i];
        if (reader->handle && reader->must_not_lose &&
            topic.count + 1 >= needed_from(reader) + SLOTS)
            return true;
    }
    return false;
}

static bool ring_is_full(void) {
    for (int i = 0; i < SUBSCRIBERS; i++) {
        const struct reader *reader = &topic.readers[i];
        if (reader->handle && reader->must_not_lose && reader->settled &&
            topic.count + 1 >= reader->next + SLOTS)
            return true;
    }
    return false;
}

static void published(size_t size) {
    MUST(!ring_is_full(), "message %zu overtakes who must not lose", (size_t)topic.count + 1);
    topic.sizes[++topic.count] = size;
}

static size_t size_of(unsigned byte) {
    static const size_t sizes[] = {0, 1, 8, 47, 48, 49, 64, 65, 500, 700, 1024, 2048, 2049};
    return sizes[byte % (sizeof sizes / sizeof *sizes)];
}

static int find_loan(unsigned who, bool taken) {
    for (int i = 0; i < LOANS; i++) {
        if ((topic.loans[who][i] != NULL) == taken) return i;
    }
    return -1;
}

static void send(unsigned who, unsigned byte) {
    char bytes[BUDGET + 1];
    size_t size = size_of(byte);
    if (!topic.publishers[who] || topic.count + 1 >= MESSAGES_MAX) return;
    content_fill(bytes, size, topic.count + 1);
    int result = spg_publisher_send(topic.publishers[who], bytes, size, SPG_NOWAIT);
    if (size > INLINE && find_loan(who, false) < 0) MUST_BE(SPG_EFULL, result);
    else if (size > BUDGET) MUST_BE(SPG_ETOOBIG, result);
    else if (result == 0) published(size);
    else if (size <= INLINE)
        MUST(result == SPG_EAGAIN && ring_may_be_full(), "no room: %d", result);
    else MUST(result == SPG_EAGAIN || result == SPG_EFULL, "a large message: %d", result);
}

static void loan(unsigned who, unsigned byte) {
    size_t size = size_of(byte);
    void *data = NULL;
    if (!topic.publishers[who]) return;
    int slot = find_loan(who, false);
    int result = spg_publisher_loan(topic.publishers[who], size, &data, SPG_NOWAIT);
    if (slot < 0) MUST_BE(SPG_EFULL, result);
    else if (size > BUDGET) MUST_BE(SPG_ETOOBIG, result);
    else if (size <= INLINE) MUST_BE(0, result);
    if (result < 0) return;
    memset(data, 0xee, size);
    topic.loans[who][slot] = data;
    topic.loan_sizes[who][slot] = size;
}

static void publish(unsigned who) {
    int slot = find_loan(who, true);
    if (slot < 0 || topic.count + 1 >= MESSAGES_MAX) return;
    void *data = topic.loans[who][slot];
    size_t size = topic.loan_sizes[who][slot];
    content_fill(data, size, topic.count + 1);
    int result = spg_publisher_publish(topic.publishers[who], data, size, SPG_NOWAIT);
    if (result == SPG_EAGAIN) {
        MUST(ring_may_be_full(), "no place for a loan");
        return;
    }
    MUST_BE(0, result);
    topic.loans[who][slot] = NULL;
    published(size);
}

static void discard(unsigned who) {
    int slot = find_loan(who, true);
    if (slot < 0) return;
    MUST_BE(0, spg_publisher_discard(topic.publishers[who], topic.loans[who][slot]));
    MUST_BE(SPG_EINVAL, spg_publisher_discard(topic.publishers[who], topic.loans[who][slot]));
    topic.loans[who][slot] = NULL;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Small messages do not go but by being overrun, and the newest never is. */
static bool nothing_to_read(const struct reader *reader) {
    return reader->next > topic.count ||
           (!(reader->must_not_lose && reader->settled) && topic.sizes[topic.count] > INLINE);
}

static void check_message(struct reader *reader, const spg_message *message) {
    uint64_t sequence = message->sequence;
    MUST(sequence >= reader->next && sequence <= topic.count, "sequence %zu after %zu of %zu",
         (size_t)sequence, (size_t)reader->next, (size_t)topic.count);
    MUST(message->size == topic.sizes[sequence], "%zu bytes", message->size);
    MUST(content_is(message->data, message->size, sequence), "other bytes were received");
    if (reader->settled)
        MUST(message->lost == sequence - reader->next, "%zu lost", (size_t)message->lost);
    if (reader->must_not_lose) {
        MUST(message->lost == 0, "who must not lose lost %zu", (size_t)message->lost);
        MUST(!reader->settled || sequence == reader->next, "a gap for who must not lose");
        MUST(sequence <= reader->joined, "it begins after it joined");
    }
    if (reader->must_not_lose || sequence >= reader->joined) reader->settled = true;
    reader->next = sequence + 1;
    if (reader->joined < reader->next) reader->joined = reader->next;
}

static void receive(struct reader *reader) {
    spg_message message;
    if (!reader->handle) return;
    int result = spg_subscriber_receive(reader->handle, &message, SPG_NOWAIT);
    if (reader->held_count == HOLDS) {
        MUST_BE(SPG_EFULL, result);
    } else if (result == 0) {
        check_message(reader, &message);
        reader->held[reader->held_count++] = message;
    } else {
        MUST_BE(SPG_EAGAIN, result);
        MUST(nothing_to_read(reader), "nothing after %zu of %zu", (size_t)reader->next,
             (size_t)topic.count);
    }
}

static void release(struct reader *reader, unsigned which) {
    if (reader->held_count == 0) return;
    spg_message *message = &reader->held[which % reader->held_count];
    MUST(content_is(message->data, message->size, message->sequence), "a held message has changed");
    MUST_BE(0, spg_subscriber_release(reader->handle, message));
    MUST_BE(SPG_EINVAL, spg_subscriber_release(reader->handle, message));
    *message = reader->held[--reader->held_count];
}

static void join(struct reader *reader, unsigned byte) {
    spg_subscriber_options how = SPG_SUBSCRIBER_OPTIONS;
    if (reader->handle) {
        for (unsigned i = 0; i < reader->held_count; i++)
            MUST(content_is(reader->held[i].data, reader->held[i].size, reader->held[i].sequence),
                 "a held message has changed");
        MUST_BE(0, spg_subscriber_close(reader->handle));
        *reader = (struct reader){0};
        return;
    }
    how.policy = byte & 1;
    how.history = byte >> 1 & 3 ? byte >> 3 : 0;
    MUST_BE(0, spg_subscriber_open(&reader->handle, NULL, "m", &how));
    uint64_t back = how.history < topic.count ? how.history : topic.count;
    if (back > SLOTS) back = SLOTS;
    reader->must_not_lose = how.policy;
    reader->next = topic.count + 1 - back;
    reader->joined = topic.count + 1;
    reader->settled = back == 0;
}

static void come_or_go(unsigned who) {
    if (!topic.publishers[who]) {
        MUST_BE(0, spg_publisher_open(&topic.publishers[who], NULL, "m", &options));
        return;
    }
    MUST_BE(0, spg_publisher_close(topic.publishers[who]));
    topic.publishers[who] = NULL;
    memset(topic.loans[who], 0, sizeof topic.loans[who]);
}

static void step(struct program *program) {
    unsigned byte = next_byte(program), who = byte >> 4 & 3;
    struct reader *reader = &topic.readers[who % SUBSCRIBERS];
    switch (byte & 15) {
    case 0:
    case 1:
    case 2: send(who % 2, next_byte(program)); break;
    case 3: loan(who % 2, next_byte(program)); break;
    case 4:
    case 5: publish(who % 2); break;
    case 6: discard(who % 2); break;
    case 7: come_or_go(who % 2); break;
    case 8: join(reader, next_byte(program)); break;
    case 9:
    case 10:
    case 11:
    case 12: receive(reader); break;
    default: release(reader, byte >> 6);
    }
}

void model_topic(struct program *program) {
    memset(&topic, 0, sizeof topic);
    come_or_go(0);
    join(&topic.readers[0], 1);
    for (int i = 0; program->left > 0 && i < OPERATIONS_MAX; i++) step(program);
    for (int i = 0; i < SUBSCRIBERS; i++) spg_subscriber_close(topic.readers[i].handle);
    for (int i = 0; i < PUBLISHERS; i++) spg_publisher_close(topic.publishers[i]);
    MUST_BE(0, spg_topic_unlink(NULL, "m"));
}
