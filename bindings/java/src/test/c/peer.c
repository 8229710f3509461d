/* peer.c: the C library on the other side of the tests of Java.
 *
 *   peer publish TOPIC FROM COUNT SIZE READERS   messages FROM, FROM + 1, ... when READERS joined
 *   peer loan TOPIC COUNT SIZE                   takes loans, says "ready", stays
 *   peer receive TOPIC COUNT                     must not lose; says "ready", checks each message
 *   peer hold-cell CELL                          takes a loan of the cell, says "ready", stays
 *   peer write-cell CELL COUNT SIZE              values of one byte, repeated; 0: until killed
 *   peer read-cell CELL COUNT                    likewise; each value must be one byte, repeated
 *   peer count SEGMENT COUNT                     makes the bare segment, says "ready", adds 1 to
 *                                                its first word COUNT times, waits for a line
 *   peer alive NODE                              says 1 or 0
 *
 * Message number n is n as a 64-bit number, again and again. Whoever stays ends by itself after 20
 * seconds. */
#include <samepage/samepage.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_S = 20, MESSAGE_MAX = 1 << 20, CELL_CAPACITY = 4096 };
static const int64_t patience = PATIENCE_S * INT64_C(1000000000);
static unsigned char bytes[MESSAGE_MAX];

static void fail(const char *what) {
    fprintf(stderr, "peer: %s\n", what);
    exit(1);
}

static void need(int result, const char *what) {
    if (result >= 0) return;
    fprintf(stderr, "peer: %s: %s: %s\n", what, spg_error_name(result), spg_error_detail());
    exit(1);
}

static void say(const char *word) {
    printf("%s\n", word);
    fflush(stdout);
}

static void stay(void) {
    say("ready");
    sleep(PATIENCE_S);
    fail("nobody killed it");
}

static void fill(unsigned char *to, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; i++) to[i] = (unsigned char)(number >> 8 * (i % 8));
}

/* ---- topics ---------------------------------------------------------------------------------- */

static spg_publisher *open_publisher(const char *name) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher;
    options.slots = 64;
    options.budget = MESSAGE_MAX;
    options.history = 16;
    options.timed = 1;
    options.type = "numbers";
    options.schema = "one number, again and again";
    need(spg_publisher_open(&publisher, NULL, name, &options), name);
    return publisher;
}

static int count_reader(void *context, const spg_member *member) {
    if (member->role == SPG_ROLE_SUBSCRIBER && member->alive) ++*(int *)context;
    return 0;
}

static void await_readers(const char *topic, int readers) {
    char name[256];
    snprintf(name, sizeof name, "topic:%s", topic);
    for (int i = 0; i < PATIENCE_S * 1000; i++) {
        int there = 0;
        spg_channel_facts facts = {.struct_size = sizeof facts};
        need(spg_channel_stat(NULL, name, &facts, count_reader, &there), name);
        if (there >= readers) return;
        usleep(1000);
    }
    fail("too few readers");
}

static int publish(char **words) {
    spg_publisher *publisher = open_publisher(words[0]);
    uint64_t from = strtoull(words[1], NULL, 10);
    uint64_t count = strtoull(words[2], NULL, 10);
    size_t size = strtoul(words[3], NULL, 10);
    await_readers(words[0], atoi(words[4]));
    for (uint64_t i = from; i < from + count; i++) {
        fill(bytes, size, i);
        need(spg_publisher_send(publisher, bytes, size, patience), "send");
    }
    say("published");
    return spg_publisher_close(publisher);
}

static int loan(char **words) {
    spg_publisher *publisher = open_publisher(words[0]);
    for (int i = atoi(words[1]); i > 0; i--) {
        void *data;
        need(spg_publisher_loan(publisher, strtoul(words[2], NULL, 10), &data, SPG_NOWAIT), "loan");
    }
    stay();
    return 0;
}

static int receive(char **words) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    spg_subscriber *subscriber;
    options.policy = SPG_MUST_NOT_LOSE;
    options.timeout = patience;
    need(spg_subscriber_open(&subscriber, NULL, words[0], &options), words[0]);
    say("ready");
    for (uint64_t i = 0; i < strtoull(words[1], NULL, 10); i++) {
        spg_message message;
        need(spg_subscriber_receive(subscriber, &message, patience), "receive");
        fill(bytes, message.size, i);
        if (memcmp(bytes, message.data, message.size) != 0) fail("another message");
        need(spg_subscriber_release(subscriber, &message), "release");
    }
    say("received");
    return spg_subscriber_close(subscriber);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static spg_cell *open_cell(const char *name) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    spg_cell *cell;
    options.capacity = CELL_CAPACITY;
    options.type = "bytes";
    options.schema = "one byte, again and again";
    need(spg_cell_open(&cell, NULL, name, &options), name);
    return cell;
}

static int hold_cell(char **words) {
    spg_cell *cell = open_cell(words[0]);
    void *data;
    need(spg_cell_loan(cell, &data, patience), "loan");
    memset(data, 'x', CELL_CAPACITY);
    stay();
    return 0;
}

static int write_cell(char **words) {
    spg_cell *cell = open_cell(words[0]);
    uint64_t count = strtoull(words[1], NULL, 10);
    size_t size = strtoul(words[2], NULL, 10);
    say("ready");
    if (count == 0) alarm(PATIENCE_S);
    for (uint64_t i = 0; count == 0 || i < count; i++) {
        memset(bytes, (int)(i & 0xff), size);
        need(spg_cell_write(cell, bytes, size, patience), "write");
    }
    say("written");
    return spg_cell_close(cell);
}

static int read_cell(char **words) {
    spg_cell *cell = open_cell(words[0]);
    say("ready");
    need(spg_cell_wait(cell, 0, patience), "wait");
    for (uint64_t i = 0; i < strtoull(words[1], NULL, 10); i++) {
        int size = spg_cell_read(cell, bytes, sizeof bytes, NULL);
        need(size, "read");
        for (int k = 1; k < size; k++)
            if (bytes[k] != bytes[0]) fail("a torn value");
    }
    say("read");
    return spg_cell_close(cell);
}

/* ---- bare segments, nodes -------------------------------------------------------------------- */

static int count(char **words) {
    spg_segment *segment;
    need(spg_segment_create(&segment, words[0], 4096, NULL), words[0]);
    _Atomic uint64_t *word = spg_segment_address(segment);
    say("ready");
    while (atomic_load(word) == 0) usleep(100); /* so that both count at once */
    for (uint64_t i = 0; i < strtoull(words[1], NULL, 10); i++) {
        uint64_t old = atomic_load(word);
        while (!atomic_compare_exchange_weak(word, &old, old + 1)) continue;
    }
    say("counted");
    if (getchar() == EOF) fail("nobody told it to go on");
    printf("%llu\n", (unsigned long long)atomic_load(word));
    need(spg_segment_unlink(words[0]), words[0]);
    return spg_segment_close(segment);
}

static int alive(char **words) {
    int result = spg_node_alive(NULL, strtoull(words[0], NULL, 10));
    need(result, "alive");
    printf("%d\n", result);
    return 0;
}

static const struct role {
    const char *name;
    int words;
    int (*run)(char **words);
} roles[] = {
    {"publish", 5, publish},      {"loan", 3, loan},           {"receive", 2, receive},
    {"hold-cell", 1, hold_cell},  {"write-cell", 3, write_cell}, {"read-cell", 2, read_cell},
    {"count", 2, count},          {"alive", 1, alive},
};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (argc > 1 && strcmp(argv[1], roles[i].name) == 0 && argc == roles[i].words + 2)
            return roles[i].run(argv + 2) < 0;
    fprintf(stderr, "usage: see the beginning of peer.c\n");
    return 2;
}
