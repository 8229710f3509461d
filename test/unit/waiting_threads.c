/* waiting_threads.c: both ends of streams in threads of one process, which wait in every way. */
#include <poll.h>
#include <pthread.h>

#include "harness/harness.h"

enum { STREAMS = 3, BYTES = 20000 };

static spg_stream *writers[STREAMS], *readers[STREAMS];

static void open_streams(void) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    char name[16];
    options.capacity = 4096;
    for (int i = 0; i < STREAMS; i++) {
        snprintf(name, sizeof name, "s%d", i);
        CHECK_OK(spg_stream_open(&writers[i], NULL, name, SPG_STREAM_WRITER, &options));
        CHECK_OK(spg_stream_open(&readers[i], NULL, name, SPG_STREAM_READER, &options));
    }
}

/* Waits for room in poll. */
static void *write_by_poll(void *argument) {
    spg_stream *writer = argument;
    struct pollfd room = {spg_stream_fd(writer), POLLIN, 0};
    CHECK(room.fd >= 0);
    for (int sent = 0; sent < BYTES;) {
        char bytes[100];
        int count = 1 + sent % 100;
        if (count > BYTES - sent) count = BYTES - sent;
        for (int i = 0; i < count; i++) bytes[i] = (char)(sent + i);
        int result = spg_stream_write(writer, bytes, (size_t)count, SPG_NOWAIT);
        if (result == SPG_EAGAIN) CHECK(poll(&room, 1, 10000) == 1);
        else sent += result;
    }
    CHECK_OK(spg_stream_close(writer));
    return NULL;
}

/* True at the end. */
static bool read_some(spg_stream *reader, int *received) {
    char bytes[64];
    int result = spg_stream_read(reader, bytes, sizeof bytes, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return false;
    CHECK(result >= 0);
    for (int i = 0; i < result; i++) CHECK_INT((char)(*received + i), bytes[i]);
    *received += result;
    if (result > 0) return false;
    CHECK_INT(BYTES, *received);
    return true;
}

TEST(a_wait_set_serves_threads) {
    pthread_t threads[STREAMS];
    spg_waitset *set;
    void *tag;
    int received[STREAMS] = {0}, open = STREAMS;
    open_streams();
    CHECK_OK(spg_waitset_open(&set));
    for (intptr_t i = 0; i < STREAMS; i++) {
        CHECK_OK(spg_waitset_add(set, spg_stream_waitable(readers[i]), (void *)i));
        pthread_create(&threads[i], NULL, write_by_poll, writers[i]);
    }
    while (open > 0) {
        CHECK_INT(1, spg_waitset_wait(set, &tag, 1, SPG_FOREVER));
        intptr_t i = (intptr_t)tag;
        if (!read_some(readers[i], &received[i])) continue;
        CHECK_OK(spg_waitset_remove(set, spg_stream_waitable(readers[i])));
        CHECK_OK(spg_stream_close(readers[i]));
        open--;
    }
    for (int i = 0; i < STREAMS; i++) pthread_join(threads[i], NULL);
    CHECK_OK(spg_waitset_close(set));
}

TEST(poll_serves_threads) {
    pthread_t threads[STREAMS];
    struct pollfd wanted[STREAMS];
    int received[STREAMS] = {0}, open = STREAMS;
    open_streams();
    for (int i = 0; i < STREAMS; i++) {
        wanted[i] = (struct pollfd){spg_stream_fd(readers[i]), POLLIN, 0};
        pthread_create(&threads[i], NULL, write_by_poll, writers[i]);
    }
    while (open > 0) {
        CHECK(poll(wanted, STREAMS, 10000) > 0);
        for (int i = 0; i < STREAMS; i++) {
            if (!wanted[i].revents || !read_some(readers[i], &received[i])) continue;
            CHECK_OK(spg_stream_close(readers[i]));
            wanted[i].fd = -1;
            open--;
        }
    }
    for (int i = 0; i < STREAMS; i++) pthread_join(threads[i], NULL);
}
