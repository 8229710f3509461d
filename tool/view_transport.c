/* view_transport.c: how pixels come to an X server.
 *
 * The server maps the topic's memory, by a descriptor that is opened for reading only and attached
 * for reading only, and takes each picture from where it was published: nobody copies. What it
 * cannot take as it is (another format, a message that is a copy already) we write into a buffer
 * that it has mapped in the same way, or attached as a System V segment. Where there is no shared
 * memory, as to another machine, the pixels go through the connection.
 *
 * Over the network a System V identifier would mean another machine's segment, and descriptors
 * cannot be passed: only a Unix socket is asked for either. One picture is on its way at a time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "print.h"
#include "view.h"

const char *way_text(enum way way) {
    static const char *const texts[] = {"best", "fd", "sysv", "plain"};
    return texts[way];
}

static bool is_done(const struct transport *transport, xcb_void_cookie_t request) {
    xcb_generic_error_t *error = xcb_request_check(transport->window->connection, request);
    bool done = error == NULL && !xcb_connection_has_error(transport->window->connection);
    free(error);
    return done;
}

/* ---- memory that the server has mapped ------------------------------------------------------- */

/* The connection closes the descriptor when it is sent. */
static bool attach_descriptor(const struct transport *transport, struct shared_pixels *pixels,
                              int descriptor) {
    xcb_connection_t *connection = transport->window->connection;
    pixels->segment = xcb_generate_id(connection);
    if (is_done(transport, xcb_shm_attach_fd_checked(connection, pixels->segment, descriptor, 1))) {
        return true;
    }
    pixels->segment = 0;
    return false;
}

/* Memory of our own; the descriptor that the server gets cannot be mapped for writing. */
static bool make_by_descriptor(const struct transport *transport, struct shared_pixels *pixels) {
    char path[64];
    int memory = memfd_create("samepage-view", MFD_CLOEXEC), readable = -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    if (memory >= 0 && posix_fallocate(memory, 0, (off_t)pixels->size) == 0) {
        readable = open(path, O_RDONLY | O_CLOEXEC);
    }
    void *address = readable < 0
                        ? MAP_FAILED
                        : mmap(NULL, pixels->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (memory >= 0) close(memory);
    if (address == MAP_FAILED) {
        if (readable >= 0) close(readable);
        return false;
    }
    pixels->address = address;
    return attach_descriptor(transport, pixels, readable);
}

/* It goes with the last who has it attached, whoever dies: it is removed at once. */
static bool make_by_sysv(const struct transport *transport, struct shared_pixels *pixels) {
    xcb_connection_t *connection = transport->window->connection;
    int id = shmget(IPC_PRIVATE, pixels->size, IPC_CREAT | 0600);
    if (id < 0) return false;
    void *address = shmat(id, NULL, 0);
    bool done = false;
    if (address != (void *)-1) {
        pixels->address = address;
        pixels->segment = xcb_generate_id(connection);
        done = is_done(transport,
                       xcb_shm_attach_checked(connection, pixels->segment, (uint32_t)id, 1));
        if (!done) pixels->segment = 0;
    }
    shmctl(id, IPC_RMID, NULL);
    return done;
}

static void drop(const struct transport *transport, struct shared_pixels *pixels) {
    if (pixels->segment) xcb_shm_detach(transport->window->connection, pixels->segment);
    if (pixels->address && transport->way == WAY_SYSV) shmdt(pixels->address);
    else if (pixels->address) munmap(pixels->address, pixels->size);
    *pixels = (struct shared_pixels){0, NULL, 0};
}

static bool make(struct transport *transport, size_t size) {
    struct shared_pixels *buffer = &transport->buffer;
    if (buffer->segment && buffer->size >= size) return true;
    drop(transport, buffer);
    buffer->size = size;
    bool made = transport->way == WAY_SYSV ? make_by_sysv(transport, buffer)
                                           : make_by_descriptor(transport, buffer);
    if (!made) drop(transport, buffer);
    return made;
}

/* ---- which ways there are -------------------------------------------------------------------- */

/* The best way that the server says it knows; sets the event. */
static enum way best_way(struct transport *transport) {
    xcb_connection_t *connection = transport->window->connection;
    const xcb_query_extension_reply_t *extension = xcb_get_extension_data(connection, &xcb_shm_id);
    if (!transport->window->is_local || !extension || !extension->present) return WAY_PLAIN;
    xcb_shm_query_version_reply_t *version = xcb_shm_query_version_reply(
        connection, xcb_shm_query_version(connection), NULL);
    if (!version) return WAY_PLAIN;
    bool passes = version->major_version > 1 ||
                  (version->major_version == 1 && version->minor_version >= 2);
    free(version);
    transport->completion = extension->first_event + XCB_SHM_COMPLETION;
    return passes ? WAY_DESCRIPTOR : WAY_SYSV;
}

/* A trial of one page, since a server may know a way that does not lead to it. */
static bool leads(struct transport *transport) {
    return transport->way == WAY_PLAIN || make(transport, 4096);
}

static int choose_way(struct transport *transport, enum way wanted) {
    enum way best = best_way(transport);
    if (wanted != WAY_BEST && wanted < best) {
        return complain("the X server does not take pictures by %s, only by %s", way_text(wanted),
                        way_text(best));
    }
    transport->way = wanted == WAY_BEST ? best : wanted;
    while (!leads(transport)) {
        if (wanted != WAY_BEST) {
            return complain("the X server has refused a picture's memory by %s", way_text(wanted));
        }
        transport->way++;
    }
    return EXIT_OK;
}

int transport_begin(struct transport *transport, const struct window *window, enum way wanted,
                    int memory_fd) {
    *transport = (struct transport){.window = window};
    int status = choose_way(transport, wanted);
    struct stat facts;
    if (status == EXIT_OK && transport->way == WAY_DESCRIPTOR && memory_fd >= 0 &&
        fstat(memory_fd, &facts) == 0) {
        transport->topic.size = (size_t)facts.st_size;
        attach_descriptor(transport, &transport->topic, memory_fd);
    } else if (memory_fd >= 0) {
        close(memory_fd);
    }
    return status;
}

void transport_end(struct transport *transport) {
    if (!transport->window) return;
    drop(transport, &transport->topic);
    drop(transport, &transport->buffer);
    free(transport->plain);
}

/* ---- a picture ------------------------------------------------------------------------------- */

/* The server counts rows in pixels, and begins in 32 bits. */
static bool fits_in_place(const struct transport *transport, const struct picture *picture,
                          uint64_t offset) {
    return transport->topic.segment && offset <= UINT32_MAX &&
           picture_is_native(picture, &transport->window->format) &&
           picture->stride / transport->window->format.bytes <= UINT16_MAX;
}

static void put_shared(const struct transport *transport, const struct picture *picture,
                       xcb_shm_seg_t segment, uint32_t stride, uint32_t offset) {
    const struct window *window = transport->window;
    xcb_shm_put_image(window->connection, window->pixmap, window->context,
                      (uint16_t)(stride / window->format.bytes), (uint16_t)picture->height, 0, 0,
                      (uint16_t)picture->width, (uint16_t)picture->height, 0, 0,
                      window->screen->root_depth, XCB_IMAGE_FORMAT_Z_PIXMAP, 1, segment, offset);
}

/* In bands, each of which a request has room for. */
static int put_plain(struct transport *transport, const struct picture *picture, uint32_t stride) {
    enum { REQUEST_BYTES = 32 };
    const struct window *window = transport->window;
    uint64_t room = 4 * (uint64_t)xcb_get_maximum_request_length(window->connection);
    uint32_t rows = (uint32_t)((room - REQUEST_BYTES) / stride);
    if (rows == 0) {
        complain("a row of this picture is more than the X server takes in one request");
        return -1;
    }
    for (uint32_t y = 0; y < picture->height; y += rows) {
        uint32_t height = picture->height - y < rows ? picture->height - y : rows;
        xcb_put_image(window->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, window->pixmap,
                      window->context, (uint16_t)picture->width, (uint16_t)height, 0, (int16_t)y, 0,
                      window->screen->root_depth, height * stride,
                      transport->plain + (size_t)y * stride);
    }
    window_settle(window);
    return 0;
}

static void tell_copies(struct transport *transport, const struct picture *picture,
                        uint64_t offset) {
    if (transport->told_copies) return;
    transport->told_copies = true;
    if (transport->way != WAY_DESCRIPTOR) {
        remark("pictures are copied: they go to the X server by %s", way_text(transport->way));
    } else if (!picture_is_native(picture, &transport->window->format)) {
        remark("pictures are converted: the X server does not take %s with rows of %u bytes",
               picture->format->name, picture->stride);
    } else if (offset == UINT64_MAX) {
        remark("pictures are copied: they are in the topic's slots, or it is only read");
    } else {
        remark("pictures are copied: the X server cannot map where the topic has them");
    }
}

int transport_put(struct transport *transport, const struct picture *picture, uint64_t offset) {
    const struct picture_screen *format = &transport->window->format;
    uint32_t stride = picture_screen_stride(format, picture->width);
    size_t size = (size_t)stride * picture->height;
    if (fits_in_place(transport, picture, offset)) {
        put_shared(transport, picture, transport->topic.segment, picture->stride, (uint32_t)offset);
        return 1;
    }
    tell_copies(transport, picture, offset);
    if (transport->way == WAY_PLAIN) {
        transport->plain = must_have(realloc(transport->plain, size));
        picture_convert(picture, format, transport->plain);
        return put_plain(transport, picture, stride);
    }
    if (!make(transport, size)) {
        complain("there is no memory to be had for a picture of %zu bytes", size);
        return -1;
    }
    picture_convert(picture, format, transport->buffer.address);
    put_shared(transport, picture, transport->buffer.segment, stride, 0);
    return 1;
}

bool transport_is_completion(const struct transport *transport, const xcb_generic_event_t *event) {
    return transport->way != WAY_PLAIN && (event->response_type & 0x7f) == transport->completion;
}
