/* opening.c: what it costs to begin, and what a library and its topics weigh. */
#include <fcntl.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "results.h"

enum { TURNS = 21, BYTES_MADE = 1 << 20, BYTES_USED = 960 * 1024, TOPICS = 1000, SAMPLE = 20 };

/* ---- making a megabyte ----------------------------------------------------------------------- */

static double create_ours(void) {
    spg_publisher *publisher;
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    void *data;
    options.budget = BYTES_MADE;
    double begin = nanoseconds();
    must(spg_publisher_open(&publisher, NULL, "opening", &options));
    must(spg_publisher_loan(publisher, BYTES_USED, &data, SPG_NOWAIT));
    memset(data, 1, BYTES_USED);
    must(spg_publisher_publish(publisher, data, BYTES_USED, SPG_NOWAIT));
    double took = nanoseconds() - begin;
    must(spg_publisher_close(publisher));
    return took;
}

static int make_bare(const char *name) {
    int file = (int)must_do(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    must_do(ftruncate(file, BYTES_MADE));
    return file;
}

static char *map_bare(int file) {
    char *memory = mmap(NULL, BYTES_MADE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    must(memory == MAP_FAILED);
    return memory;
}

static double create_bare(void) {
    char name[64];
    snprintf(name, sizeof name, "/samepage-bench-%d", (int)getpid());
    double begin = nanoseconds();
    int file = make_bare(name);
    char *memory = map_bare(file);
    memset(memory, 1, BYTES_USED);
    double took = nanoseconds() - begin;
    shm_unlink(name);
    munmap(memory, BYTES_MADE);
    close(file);
    return took;
}

/* ---- opening what is there ------------------------------------------------------------------- */

static double open_ours(void) {
    spg_subscriber *subscriber;
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    spg_message message;
    options.history = 1;
    double begin = nanoseconds();
    must(spg_subscriber_open(&subscriber, NULL, "opening", &options));
    must(spg_subscriber_receive(subscriber, &message, SPG_NOWAIT));
    double took = nanoseconds() - begin;
    must(spg_subscriber_close(subscriber));
    return took;
}

static double open_bare(const char *name) {
    struct stat status;
    double begin = nanoseconds();
    int file = (int)must_do(shm_open(name, O_RDWR, 0600));
    must_do(fstat(file, &status));
    char *memory = map_bare(file);
    char first = *(volatile char *)memory;
    double took = nanoseconds() - begin;
    must(first != 1);
    munmap(memory, BYTES_MADE);
    close(file);
    return took;
}

static double median_of(double *values) {
    sort(values, TURNS);
    return quantile(values, TURNS, 0.5) / 1e3;
}

static void measure_creating(void) {
    double ours[TURNS], bare[TURNS];
    for (int i = 0; i < TURNS; i++) {
        ours[i] = create_ours();
        bare[i] = create_bare();
    }
    note_value(&(struct value){.what = "create a topic of 1 MiB and fill a message of 960 KiB",
                               .unit = "us",
                               .ours = median_of(ours),
                               .other = median_of(bare),
                               .other_name = "shm_open, ftruncate, mmap, memset",
                               .goal = 1.1});
}

static void measure_joining(void) {
    double ours[TURNS], bare[TURNS];
    spg_publisher *publisher;
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    char name[64];
    snprintf(name, sizeof name, "/samepage-bench-%d", (int)getpid());
    int file = make_bare(name);
    must_do(write(file, "\1", 1));
    options.budget = BYTES_MADE;
    must(spg_publisher_open(&publisher, NULL, "opening", &options));
    must(spg_publisher_send(publisher, name, 48, SPG_NOWAIT));
    for (int i = 0; i < TURNS; i++) {
        ours[i] = open_ours();
        bare[i] = open_bare(name);
    }
    must(spg_publisher_close(publisher));
    shm_unlink(name);
    close(file);
    double median = median_of(ours);
    note_value(&(struct value){.what = "open a topic of 1 MiB and receive the first message",
                               .unit = "us",
                               .ours = median,
                               .other = median_of(bare),
                               .other_name = "shm_open, fstat, mmap, read",
                               .goal = 2});
    note_value(&(struct value){.what = "open a topic of 1 MiB and receive the first message",
                               .unit = "us",
                               .ours = median,
                               .goal = 150});
}

/* ---- many topics ----------------------------------------------------------------------------- */

static int count_lines(const char *path) {
    int count = 0, byte;
    FILE *file = fopen(path, "r");
    while (file && (byte = fgetc(file)) != EOF) count += byte == '\n';
    if (file) fclose(file);
    return count;
}

static int count_descriptors(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory)) count++;
    if (directory) closedir(directory);
    return count;
}

static void measure_many(void) {
    static spg_publisher *publishers[TOPICS];
    static double took[TOPICS];
    char name[64];
    int maps = count_lines("/proc/self/maps"), descriptors = count_descriptors();
    for (int i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof name, "opening-%d", i);
        double begin = nanoseconds();
        must(spg_publisher_open(&publishers[i], NULL, name, NULL));
        took[i] = nanoseconds() - begin;
    }
    maps = count_lines("/proc/self/maps") - maps;
    descriptors = count_descriptors() - descriptors;
    for (int i = 0; i < TOPICS; i++) must(spg_publisher_close(publishers[i]));
    sort(took, SAMPLE);
    sort(took + TOPICS - SAMPLE, SAMPLE);
    note_value(&(struct value){.what = "open the last of 1,000 topics",
                               .unit = "us",
                               .ours = quantile(took + TOPICS - SAMPLE, SAMPLE, 0.5) / 1e3,
                               .other = quantile(took, SAMPLE, 0.5) / 1e3,
                               .other_name = "the first",
                               .goal = 2});
    note_value(&(struct value){.what = "mappings held by a topic",
                               .unit = "mappings",
                               .ours = (double)maps / TOPICS,
                               .goal = 2});
    note_value(&(struct value){.what = "descriptors held by a topic",
                               .unit = "descriptors",
                               .ours = (double)descriptors / TOPICS,
                               .goal = 0.005});
}

/* ---- weight ---------------------------------------------------------------------------------- */

static void measure_library(void) {
    char stripped[300], command[800];
    struct stat status;
    snprintf(stripped, sizeof stripped, "%s/stripped", settings.domain);
    snprintf(command, sizeof command, "strip -o '%s' '%s' 2>/dev/null", stripped, SAMEPAGE_LIBRARY);
    bool there = system(command) == 0 && stat(stripped, &status) == 0;
    unlink(stripped);
    if (!there) return;
    note_value(&(struct value){.what = "library, stripped",
                               .unit = "KiB",
                               .ours = (double)status.st_size / 1024,
                               .goal = 200});
}

static void measure_memcpy(void) {
    enum { COPIED = 4 << 20 };
    char *from = malloc(COPIED), *to = malloc(COPIED);
    double took[TURNS];
    must(!from || !to);
    memset(from, 1, COPIED);
    for (int i = 0; i < TURNS; i++) {
        double begin = nanoseconds();
        memcpy(to, from, COPIED);
        __asm__ volatile("" : : "r"(to) : "memory");
        took[i] = nanoseconds() - begin;
    }
    note_value(&(struct value){
        .what = "bare memcpy of 4 MiB", .unit = "GB/s", .ours = COPIED / (median_of(took) * 1e3)});
    free(from);
    free(to);
}

void measure_opening(void) {
    measure_memcpy();
    measure_creating();
    measure_joining();
    measure_many();
    measure_library();
}
