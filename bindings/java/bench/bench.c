/* bench.c: the C side of Bench.java, which tells it line by line what to do.
 *
 *   open SIZE       opens the cell `bench` and the topic `bench`, for values of SIZE bytes
 *   write           writes the cell
 *   publish COUNT   publishes as many messages
 *   read COUNT      reads the cell as often
 *   receive COUNT   receives as many messages
 *   close           closes and unlinks
 *
 * The answer is a line with the nanoseconds that it took. */
#include <samepage/samepage.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE_MAX_HERE = 1 << 20, RING = 16384 };

static spg_cell *cell;
static spg_publisher *publisher;
static spg_subscriber *subscriber;
static unsigned char bytes[SIZE_MAX_HERE];
static size_t size;
static uint64_t sum; /* printed at the end, so that no reading is left out */

static void need(int result, const char *what) {
    if (result >= 0) return;
    fprintf(stderr, "bench: %s: %s: %s\n", what, spg_error_name(result), spg_error_detail());
    exit(1);
}

static void open_all(long count) {
    spg_cell_options of_cell = SPG_CELL_OPTIONS;
    spg_topic_options of_topic = SPG_TOPIC_OPTIONS;
    spg_subscriber_options of_subscriber = SPG_SUBSCRIBER_OPTIONS;
    size = (size_t)count;
    of_cell.capacity = size;
    of_topic.slots = RING;
    of_topic.budget = RING * (uint64_t)(2 * size + 128);
    of_subscriber.policy = SPG_MUST_NOT_LOSE;
    need(spg_cell_open(&cell, NULL, "bench", &of_cell), "cell");
    need(spg_publisher_open(&publisher, NULL, "bench", &of_topic), "publisher");
    need(spg_subscriber_open(&subscriber, NULL, "bench", &of_subscriber), "subscriber");
}

static void write_cell(long count) {
    (void)count;
    need(spg_cell_write(cell, bytes, size, SPG_FOREVER), "write");
}

static void publish(long count) {
    for (long i = 0; i < count; i++)
        need(spg_publisher_send(publisher, bytes, size, 1000000000), "publish");
}

static void read_cell(long count) {
    for (long i = 0; i < count; i++) {
        need(spg_cell_read(cell, bytes, size, NULL), "read");
        sum += bytes[0];
    }
}

static void receive(long count) {
    for (long i = 0; i < count; i++) {
        spg_message message;
        uint64_t first;
        need(spg_subscriber_receive(subscriber, &message, 1000000000), "receive");
        memcpy(&first, message.data, sizeof first);
        sum += first;
        spg_subscriber_release(subscriber, &message);
    }
}

static void close_all(long count) {
    (void)count;
    spg_subscriber_close(subscriber);
    spg_publisher_close(publisher);
    spg_cell_close(cell);
    need(spg_cell_unlink(NULL, "bench"), "unlink");
}

static const struct {
    const char *name;
    void (*run)(long count);
} commands[] = {
    {"open", open_all}, {"write", write_cell}, {"publish", publish},
    {"read", read_cell}, {"receive", receive}, {"close", close_all},
};

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void obey(const char *name, long count) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) != 0) continue;
        long long start = now();
        commands[i].run(count);
        printf("%lld\n", now() - start);
        fflush(stdout);
    }
}

int main(void) {
    char line[128], name[64];
    while (fgets(line, sizeof line, stdin)) {
        long count = 0;
        if (sscanf(line, "%63s %ld", name, &count) >= 1) obey(name, count);
    }
    fprintf(stderr, sum == 42 ? "\n" : "");
    return 0;
}
