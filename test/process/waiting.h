/* waiting.h: what the tests of wait sets and descriptors share. */
#ifndef TEST_PROCESS_WAITING_H
#define TEST_PROCESS_WAITING_H

#include <poll.h>

#include "harness/harness.h"

/* Longer than anything here takes; whoever is not woken fails. */
enum { PATIENCE_MS = 10000 };

__attribute__((unused)) static const char *stream_of(int number) {
    static char name[32];
    snprintf(name, sizeof name, "stream-%d", number);
    return name;
}

__attribute__((unused)) static spg_stream *open_stream(int number, int end) {
    spg_stream *stream;
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = 4096;
    CHECK_OK(spg_stream_open(&stream, NULL, stream_of(number), end, &options));
    return stream;
}

/* Is it readable within so many milliseconds? */
__attribute__((unused)) static int is_readable(int fd, int milliseconds) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int count = poll(&wanted, 1, milliseconds);
    CHECK(count >= 0 && (wanted.revents & ~POLLIN) == 0);
    return count;
}

/* As an event loop: in poll until there is something; the result of the read. */
__attribute__((unused)) static int read_by_poll(spg_stream *reader, void *bytes, size_t count) {
    int fd = spg_stream_fd(reader);
    CHECK(fd >= 0);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(1, is_readable(fd, PATIENCE_MS));
        int result = spg_stream_read(reader, bytes, count, SPG_NOWAIT);
        if (result != SPG_EAGAIN) return result;
    }
    FAIL("readable again and again, and nothing there");
}

/* The bells in the domain's directory; one of their paths. */
__attribute__((unused)) static int count_bells(char path[300]) {
    int count = 0;
    struct dirent *entry;
    DIR *directory = opendir(getenv("SAMEPAGE_DOMAIN"));
    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        if (strncmp(entry->d_name, "bell-", 5) != 0) continue;
        if (path) snprintf(path, 300, "%s/%.100s", getenv("SAMEPAGE_DOMAIN"), entry->d_name);
        count++;
    }
    closedir(directory);
    return count;
}

/* The word that says whose the bell of a stream's reader is. */
enum { READER_S_BELL = 400 };

__attribute__((unused)) static int stream_file(int number) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s.stream", getenv("SAMEPAGE_DOMAIN"), stream_of(number));
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    return fd;
}

__attribute__((unused)) static uint64_t bell_word(int number) {
    uint64_t word;
    int fd = stream_file(number);
    CHECK_INT(8, pread(fd, &word, 8, READER_S_BELL));
    close(fd);
    return word;
}

__attribute__((unused)) static void set_bell_word(int number, uint64_t word) {
    int fd = stream_file(number);
    CHECK_INT(8, pwrite(fd, &word, 8, READER_S_BELL));
    close(fd);
}

/* Opens an end, makes its descriptor, arms it, and stays. */
__attribute__((unused)) static void stay_armed(int number) {
    char byte;
    spg_stream *reader = open_stream(number, SPG_STREAM_READER);
    CHECK(spg_stream_fd(reader) >= 0);
    CHECK_RESULT(SPG_EAGAIN, spg_stream_read(reader, &byte, 1, SPG_NOWAIT));
    step_reach(1);
    for (;;) pause();
}

#endif
