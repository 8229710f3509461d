/* sweep.c: every byte of each control structure set to 0, 1, 0xff, anything, one more, one less.
 *
 * Each of them twice: found so by who opens the file, in which the dead left their loans and holds;
 * and under the hands of who has it open, one value after the other. Then every call is made, and
 * nothing may crash, take longer than two seconds, or give a result that the contract does not
 * name.
 *
 * Usage: sweep [--jobs N] [--all] [KIND]
 *   --all   all 256 values of each byte */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "use.h"

enum { VALUES = 6, VALUES_MAX = 256, SLOW_TRIES = 3, STUCK_S = 30, HEAD_BYTES = 256 };
static const double SLOW_S = 2.0;

enum moment { BEFORE_OPENING, WHILE_OPEN, MOMENTS };
static const char *const moment_words[MOMENTS] = {"found_by_who_opens_it", "under_the_hands"};

/* From docs/layout: where the control structures of the small files lie. */
struct range {
    size_t begin, end;
};
static const struct range ranges[FILE_KINDS][2] = {
    [FILE_STREAM] = {{0, 768}},
    [FILE_TOPIC] = {{0, 2112}, {4096, 5504}},
    [FILE_CELL] = {{0, 2312}},
    [FILE_QUEUE] = {{0, 2944}},
    [FILE_SERVICE] = {{0, 2944}},
    [FILE_SEGMENT] = {{0, 4096}},
    [FILE_NODES] = {{0, 128}, {4096, 4096 + 3 * 64}},
    [FILE_SYNC] = {{0, sizeof(struct sync_things)}},
    [FILE_PHP] = {{0, PHP_BYTES}},
    [FILE_PASSED] = {{0, 4096}},
};

/* What a job is at, for who finds it dead or slow. Shared. */
struct place {
    enum file_kind kind;
    enum moment moment;
    size_t offset;
    unsigned value;
    unsigned long done;
    double began;
};

struct job {
    pid_t process;
    struct place *place;
};

static void put_file(const struct place *place) {
    bool fresh = place->kind == FILE_STREAM && place->moment == WHILE_OPEN;
    if (fresh) world_clear(place->kind);
    else world_put_image(place->kind);
}

static void damage(struct place *place, unsigned value) {
    unsigned char byte = (unsigned char)value;
    place->value = value;
    place->done++;
    world_patch(place->kind, place->offset, &byte, 1);
}

/* What it lies in is looked at for each byte of a head, and once for any other byte. */
static void found_by_who_opens_it(struct place *place, const unsigned *values, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        struct user user;
        put_file(place);
        damage(place, values[i]);
        use_open(&user, place->kind);
        user.briefly = true;
        use_all(&user);
        if (i == 0 || place->offset < HEAD_BYTES) use_look_around(place->kind);
        use_close(&user);
        world_clear(place->kind);
        world_reset();
    }
}

static void under_the_hands(struct place *place, const unsigned *values, unsigned count) {
    struct user user;
    put_file(place);
    use_open(&user, place->kind);
    user.briefly = true;
    use_all(&user);
    for (unsigned i = 0; i < count; i++) {
        damage(place, values[i]);
        user.briefly = i + 1 < count;
        use_all(&user);
    }
    use_look_at(place->kind);
    use_close(&user);
    world_clear(place->kind);
    world_reset();
}

/* Slow once may be the machine's doing. */
static void sweep_byte(struct place *place, const unsigned *values, unsigned count) {
    for (int i = 0; i < SLOW_TRIES; i++) {
        place->began = seconds_now();
        if (place->moment == WHILE_OPEN) under_the_hands(place, values, count);
        else found_by_who_opens_it(place, values, count);
        if (seconds_now() - place->began < SLOW_S) return;
    }
    finding("byte %zu of a %s takes more than %.0f seconds", place->offset, kind_words[place->kind],
            SLOW_S);
}

/* Those that are another value than what is there; returns how many. */
static unsigned choose_values(unsigned was, unsigned any, unsigned *values) {
    const unsigned wanted[VALUES] = {0, 1, 0xff, any, (was + 1) & 0xff, (was - 1) & 0xff};
    unsigned count = 0;
    for (unsigned i = 0; i < VALUES; i++) {
        bool new = wanted[i] != was;
        for (unsigned j = 0; j < count; j++) new = new &&values[j] != wanted[i];
        if (new) values[count++] = wanted[i];
    }
    return count;
}

static bool all_values;

static unsigned choose_all(unsigned was, unsigned *values) {
    unsigned count = 0;
    for (unsigned i = 0; i < VALUES_MAX; i++) {
        if (i != was) values[count++] = i;
    }
    return count;
}

static void sweep_range(struct place *place, const struct range *range, uint64_t *random) {
    unsigned values[VALUES_MAX];
    for (place->offset = range->begin; place->offset < range->end; place->offset++) {
        unsigned was = images[place->kind].bytes[place->offset];
        unsigned count = all_values
                             ? choose_all(was, values)
                             : choose_values(was, (unsigned)random_next(random) & 0xff, values);
        sweep_byte(place, values, count);
    }
}

static _Noreturn void sweep(struct place *place) {
    uint64_t random = UINT64_C(88172645463325252) + (uint64_t)place->kind;
    world_begin();
    for (int i = 0; i < 2; i++) sweep_range(place, &ranges[place->kind][i], &random);
    world_end();
    exit(0);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void begin(struct job *job, enum file_kind kind, enum moment moment) {
    job->place = mmap(NULL, sizeof *job->place, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    if (job->place == MAP_FAILED) abort();
    *job->place = (struct place){.kind = kind, .moment = moment, .began = seconds_now()};
    fflush(NULL);
    job->process = fork();
    if (job->process == 0) sweep(job->place);
}

/* Returns whether it was well. */
static bool end(struct job *job, int status) {
    struct place *place = job->place;
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%s every_byte_of_a_%s_%s (%lu)\n", well ? "ok     " : "FAILED ",
           kind_words[place->kind], moment_words[place->moment], place->done);
    if (!well) {
        printf("    byte %zu set to %#x; status %#x\n", place->offset, place->value,
               (unsigned)status);
    }
    fflush(stdout);
    job->process = 0;
    return well;
}

static void kill_if_stuck(const struct job *job) {
    if (job->process && seconds_now() - job->place->began > STUCK_S) kill(job->process, SIGKILL);
}

static int job_count = 2;
static struct job jobs[16];
static unsigned long executions;
static int passed, failed;

static void await_one(void) {
    int status;
    for (;;) {
        pid_t ended = waitpid(-1, &status, WNOHANG);
        for (int i = 0; i < job_count; i++) {
            if (ended > 0 && jobs[i].process == ended) {
                if (end(&jobs[i], status)) passed++;
                else failed++;
                executions += jobs[i].place->done;
                munmap(jobs[i].place, sizeof *jobs[i].place);
                return;
            }
            kill_if_stuck(&jobs[i]);
        }
        usleep(10000);
    }
}

static struct job *free_job(void) {
    for (int i = 0; i < job_count; i++) {
        if (!jobs[i].process) return &jobs[i];
    }
    return NULL;
}

static bool any_job(void) {
    for (int i = 0; i < job_count; i++) {
        if (jobs[i].process) return true;
    }
    return false;
}

int main(int count, char **words) {
    const char *only = NULL;
    double began = seconds_now();
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--jobs") == 0 && i + 1 < count) job_count = atoi(words[++i]);
        else if (strcmp(words[i], "--all") == 0) all_values = true;
        else only = words[i];
    }
    if (job_count < 1 || job_count > 16) job_count = 2;
    for (int i = 0; i < FILE_KINDS * MOMENTS; i++) {
        enum file_kind kind = (enum file_kind)(i / MOMENTS);
        if (only && strcmp(only, kind_words[kind]) != 0) continue;
        if (!free_job()) await_one();
        begin(free_job(), kind, (enum moment)(i % MOMENTS));
    }
    while (any_job()) await_one();
    printf("%lu damaged bytes, in %.0f seconds\n", executions, seconds_now() - began);
    printf("proof: fuzz sweep: %lu executions\n", executions);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
