/* event_loop.c: a stream in the event loop of another library, here libevent.
 *
 *   event_loop NAME           prints what comes, and a dot for each second in which nothing did
 *   event_loop NAME TEXT      says it
 *
 * The loop knows nothing of Samepage: it is given a descriptor. When that is readable, we read
 * until there is nothing more; that makes it quiet again. */
#include <stdio.h>
#include <string.h>

#include <event2/event.h>
#include <samepage/samepage.h>

struct listener {
    struct event_base *base;
    spg_stream *stream;
    int result;
};

static void on_readable(evutil_socket_t fd, short what, void *argument) {
    struct listener *listener = argument;
    char bytes[4096];
    int result;
    (void)fd, (void)what;
    while ((result = spg_stream_read(listener->stream, bytes, sizeof bytes, SPG_NOWAIT)) > 0) {
        fwrite(bytes, 1, (size_t)result, stdout);
    }
    fflush(stdout);
    if (result == SPG_EAGAIN) return;
    if (result < 0) fprintf(stderr, "event_loop: %s\n", spg_error_text(result));
    listener->result = result;
    event_base_loopbreak(listener->base);
}

static void on_second(evutil_socket_t fd, short what, void *argument) {
    (void)fd, (void)what, (void)argument;
    putchar('.');
    fflush(stdout);
}

static int listen_to(spg_stream *stream) {
    const struct timeval second = {1, 0};
    struct listener listener = {event_base_new(), stream, 0};
    int fd = spg_stream_fd(stream);
    if (!listener.base || fd < 0) return -1;
    struct event *readable = event_new(listener.base, fd, EV_READ | EV_PERSIST, on_readable,
                                       &listener);
    struct event *tick = event_new(listener.base, -1, EV_PERSIST, on_second, NULL);
    event_add(readable, NULL);
    event_add(tick, &second);
    event_base_dispatch(listener.base);
    event_free(readable); /* before the stream is closed: its descriptor ends with it */
    event_free(tick);
    event_base_free(listener.base);
    return listener.result;
}

int main(int count, char **words) {
    spg_stream *stream;
    if (count < 2) return 2;
    int end = count > 2 ? SPG_STREAM_WRITER : SPG_STREAM_READER;
    int result = spg_stream_open(&stream, NULL, words[1], end, NULL);
    if (result < 0) {
        fprintf(stderr, "event_loop: %s\n", spg_error_detail());
        return 1;
    }
    if (count == 2) result = listen_to(stream);
    else result = spg_stream_write(stream, words[2], strlen(words[2]), SPG_FOREVER);
    spg_stream_close(stream);
    return result < 0;
}
