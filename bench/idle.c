/* idle.c: what somebody who waits costs while nothing happens: how often he runs, and for how long,
 * as the kernel counts it. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "results.h"

enum { SETTLE_S = 1, SECONDS = 10, QUICK_SECONDS = 3 };

static spg_subscriber *subscribe(const char *name) {
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    must(spg_publisher_open(&publisher, NULL, name, NULL));
    must(spg_subscriber_open(&subscriber, NULL, name, NULL));
    return subscriber;
}

static void wait_for_topic(void) {
    spg_message message;
    must(spg_subscriber_receive(subscribe("idle-topic"), &message, SPG_FOREVER));
}

static void wait_in_poll(void) {
    spg_message message;
    spg_subscriber *subscriber = subscribe("idle-poll");
    int descriptor = spg_subscriber_fd(subscriber);
    for (;;) {
        must_be(SPG_EAGAIN, spg_subscriber_receive(subscriber, &message, SPG_NOWAIT), "receive");
        struct pollfd file = {.fd = descriptor, .events = POLLIN};
        must_do(poll(&file, 1, -1));
    }
}

static void wait_for_stream(void) {
    spg_stream *stream;
    char byte;
    must(spg_stream_open(&stream, NULL, "idle-stream", SPG_STREAM_READER, NULL));
    must(spg_stream_read(stream, &byte, 1, SPG_FOREVER));
}

static void wait_for_cell(void) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = 48;
    must(spg_cell_open(&cell, NULL, "idle-cell", &options));
    must(spg_cell_wait(cell, 0, SPG_FOREVER));
}

static void wait_for_job(void) {
    spg_queue *queue;
    spg_job job;
    must(spg_queue_open(&queue, NULL, "idle-queue", NULL));
    must(spg_queue_pop(queue, &job, SPG_FOREVER));
}

struct idler {
    const char *name;
    void (*wait)(void);
    pid_t process;
    double switches, cpu_us;
};

static struct idler idlers[] = {
    {"topic, receive", wait_for_topic, 0, 0, 0}, {"topic, poll", wait_in_poll, 0, 0, 0},
    {"stream, read", wait_for_stream, 0, 0, 0},  {"cell, wait", wait_for_cell, 0, 0, 0},
    {"queue, pop", wait_for_job, 0, 0, 0},
};
enum { IDLERS = sizeof idlers / sizeof idlers[0] };

static void start(struct idler *idler) {
    fflush(NULL);
    idler->process = fork();
    must_do(idler->process);
    if (idler->process != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    idler->wait();
    _exit(0);
}

/* How often it went to sleep, and nanoseconds of processor. */
static void look(const struct idler *idler, double *switches, double *cpu) {
    char path[64], line[128];
    long long ran = 0;
    *switches = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)idler->process);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "voluntary_ctxt_switches: %lf", switches);
    }
    if (file) fclose(file);
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)idler->process);
    file = fopen(path, "r");
    if (file && fscanf(file, "%lld", &ran) != 1) ran = 0;
    if (file) fclose(file);
    *cpu = (double)ran;
}

static void tell(const struct idler *idler, int seconds, double switches, double cpu) {
    static char texts[2 * IDLERS][64];
    static int used;
    char *wakes = texts[used++], *time = texts[used++];
    snprintf(wakes, 64, "idle %s: wake-ups in 10 s", idler->name);
    snprintf(time, 64, "idle %s: processor in 10 s", idler->name);
    double scale = 10.0 / seconds;
    note_value(
        &(struct value){.what = wakes, .unit = "wake-ups", .ours = switches * scale, .goal = 0.5});
    note_value(&(struct value){.what = time, .unit = "us", .ours = cpu / 1e3 * scale, .goal = 100});
}

void measure_idle(void) {
    int seconds = settings.quick ? QUICK_SECONDS : SECONDS;
    double before[IDLERS][2], after[IDLERS][2];
    for (int i = 0; i < IDLERS; i++) start(&idlers[i]);
    sleep(SETTLE_S);
    for (int i = 0; i < IDLERS; i++) look(&idlers[i], &before[i][0], &before[i][1]);
    sleep((unsigned)seconds);
    for (int i = 0; i < IDLERS; i++) look(&idlers[i], &after[i][0], &after[i][1]);
    for (int i = 0; i < IDLERS; i++) {
        kill(idlers[i].process, SIGKILL);
        waitpid(idlers[i].process, NULL, 0);
        tell(&idlers[i], seconds, after[i][0] - before[i][0], after[i][1] - before[i][1]);
    }
}
