/* ours.c: a bare segment through Samepage, from the shell. Prints what is asked for; exit status 1
 * and one line on stderr if it failed.
 *
 *   ours make NAME SIZE             ours read NAME OFFSET COUNT
 *   ours size NAME                  ours write NAME OFFSET TEXT
 *   ours rm NAME                    ours word NAME OFFSET
 *   ours add NAME OFFSET COUNT [LOCK]    adds 1 to the word, COUNT times: atomically, or under
 *                                   LOCK, flock:FILE or file:FILE (made exclusively)
 *   ours hold NAME                  says "held"; then read and write from stdin, as above, until it
 *                                   ends */
#include <samepage/samepage.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "ours: %s\n", what);
    exit(1);
}

static void must(int result) {
    if (result < 0) fail(spg_error_detail());
}

static spg_segment *open_segment(const char *name) {
    spg_segment *segment;
    must(spg_segment_open(&segment, name, NULL));
    return segment;
}

static char *at(const spg_segment *segment, const char *offset, size_t count) {
    size_t begin = strtoul(offset, NULL, 0), size = spg_segment_size(segment);
    if (begin > size || count > size - begin) fail("beyond the end");
    return (char *)spg_segment_address(segment) + begin;
}

/* ---- commands: each gets the words after NAME ------------------------------------------------ */

static void make(const char *name, char **words) {
    spg_segment *segment;
    must(spg_segment_create(&segment, name, strtoul(words[0], NULL, 0), NULL));
    must(spg_segment_close(segment));
}

static void size(spg_segment *segment, char **words) {
    (void)words;
    printf("%zu\n", spg_segment_size(segment));
}

static void read_bytes(spg_segment *segment, char **words) {
    size_t count = strtoul(words[1], NULL, 0);
    fwrite(at(segment, words[0], count), 1, count, stdout);
    putchar('\n');
}

static void write_bytes(spg_segment *segment, char **words) {
    size_t count = strlen(words[1]);
    memcpy(at(segment, words[0], count), words[1], count);
}

static void word(spg_segment *segment, char **words) {
    uint64_t value;
    memcpy(&value, at(segment, words[0], sizeof value), sizeof value);
    printf("%llu\n", (unsigned long long)value);
}

static int take(const char *lock) {
    if (strncmp(lock, "flock:", 6) == 0) {
        int fd = open(lock + 6, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0) fail(lock);
        return fd;
    }
    for (;;) {
        int fd = open(lock + 5, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) return fd;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static void give(const char *lock, int fd) {
    if (strncmp(lock, "file:", 5) == 0) unlink(lock + 5);
    close(fd);
}

static void add(spg_segment *segment, char **words) {
    uint64_t *counter = (uint64_t *)(void *)at(segment, words[0], sizeof *counter);
    for (long count = atol(words[1]); count > 0; count--) {
        if (!words[2]) {
            __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
            continue;
        }
        int lock = take(words[2]);
        uint64_t value = *(volatile uint64_t *)counter;
        *(volatile uint64_t *)counter = value + 1;
        give(words[2], lock);
    }
}

static void hold(spg_segment *segment, char **words) {
    char line[256], offset[32], rest[200];
    (void)words;
    puts("held");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        char *arguments[] = {offset, rest};
        if (sscanf(line, "read %31s %199s", offset, rest) == 2) read_bytes(segment, arguments);
        else if (sscanf(line, "write %31s %199s", offset, rest) == 2)
            write_bytes(segment, arguments);
        else fail("hold: read or write");
        fflush(stdout);
    }
}

static const struct {
    const char *name;
    int words;
    void (*run)(spg_segment *segment, char **words);
} commands[] = {
    {"size", 0, size}, {"read", 2, read_bytes}, {"write", 2, write_bytes},
    {"word", 1, word}, {"add", 2, add},         {"hold", 0, hold},
};

int main(int count, char **words) {
    if (count < 3) fail("usage: ours COMMAND NAME ...");
    alarm(60);
    if (strcmp(words[1], "make") == 0 && count == 4) return make(words[2], words + 3), 0;
    if (strcmp(words[1], "rm") == 0) return must(spg_segment_unlink(words[2])), 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(words[1], commands[i].name) != 0 || count < 3 + commands[i].words) continue;
        spg_segment *segment = open_segment(words[2]);
        commands[i].run(segment, words + 3);
        must(spg_segment_close(segment));
        return 0;
    }
    fail("no such command");
}
