/* view.c: shows a topic of pictures in a window of an X server.
 *
 * A message is held as long as the server reads it, and no longer: what it shows it keeps itself.
 * So a picture that stays in the window for ever holds up no publisher. Pictures that come faster
 * than they can be shown are passed over, like those that a subscriber misses. */
#include <string.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "output.h"
#include "own.h"
#include "print.h"
#include "stop.h"

#ifdef HAVE_XCB

#    include <errno.h>
#    include <inttypes.h>
#    include <poll.h>
#    include <stdlib.h>

#    include "view.h"

struct view {
    const char *name;
    spg_subscriber *subscriber;
    spg_subscriber_options options;
    struct window window;
    struct transport transport;
    enum way way; /* wanted */
    spg_message message;
    bool on_its_way; /* the server reads the message */
    bool is_closed;  /* by the user */
    bool stays;      /* after the last picture, until the window is closed */
    uint32_t count;  /* 0: no end */
    uint32_t shown;
    int64_t timeout; /* for each picture */
};

/* ---- the topic ------------------------------------------------------------------------------- */

/* The right to write is not needed to look. */
static int open_either(struct view *view, spg_node *node) {
    spg_subscriber_options *options = &view->options;
    if (!options->read_only) {
        int result = spg_subscriber_open(&view->subscriber, node, view->name, options);
        if (result != SPG_EPERM) return result;
        options->read_only = 1;
    }
    return spg_subscriber_open(&view->subscriber, NULL, view->name, options);
}

static int open_in_time(struct view *view, spg_node *node, int64_t timeout) {
    struct patience patience = {timeout, 0};
    int result;
    do {
        view->options.timeout = patience_slice(&patience);
        result = open_either(view, node);
        if (result == SPG_ENOENT && stop_signal()) return result;
    } while (result == SPG_ENOENT && patience_goes_on(&patience, SPG_ETIMEDOUT));
    return result;
}

/* The newest message that is there. */
static int receive_newest(struct view *view) {
    spg_message newer;
    int result = spg_subscriber_receive(view->subscriber, &view->message, SPG_NOWAIT);
    if (result < 0) return result;
    while ((result = spg_subscriber_receive(view->subscriber, &newer, SPG_NOWAIT)) == 0) {
        spg_subscriber_release(view->subscriber, &view->message);
        view->message = newer;
    }
    return result == SPG_EAGAIN || result == SPG_EFULL ? 0 : result;
}

/* ---- a picture ------------------------------------------------------------------------------- */

static void let_go(struct view *view) {
    spg_subscriber_release(view->subscriber, &view->message);
    view->on_its_way = false;
    view->shown++;
}

static int show(struct view *view) {
    struct picture picture;
    uint64_t offset;
    const char *trouble = picture_read(&picture, view->message.data, view->message.size);
    if (trouble) {
        return complain("topic:%s: message %" PRIu64 " is no picture: %s", view->name,
                        view->message.sequence, trouble);
    }
    window_fit(&view->window, picture.width, picture.height);
    int result = spg_subscriber_offset(view->subscriber, &view->message, &offset);
    offset = result == 0 ? offset + picture.offset : UINT64_MAX;
    int put = transport_put(&view->transport, &picture, offset);
    if (put < 0) return EXIT_FAILED;
    window_draw(&view->window);
    view->on_its_way = true;
    if (put == 0) let_go(view);
    return EXIT_OK;
}

/* ---- the server ------------------------------------------------------------------------------ */

static int mind_event(struct view *view, const xcb_generic_event_t *event) {
    if (event->response_type == 0) {
        const xcb_generic_error_t *error = (const void *)event;
        return complain("the X server has refused request %u with error %u", error->major_code,
                        error->error_code);
    }
    if (transport_is_completion(&view->transport, event)) {
        if (view->on_its_way) let_go(view);
    } else if (!window_mind(&view->window, event)) {
        view->is_closed = true;
    }
    return EXIT_OK;
}

/* Sends what was asked and minds all that has come. */
static int mind_server(struct view *view) {
    xcb_connection_t *connection = view->window.connection;
    int status = EXIT_OK;
    xcb_generic_event_t *event;
    while (status == EXIT_OK && (event = xcb_poll_for_event(connection)) != NULL) {
        status = mind_event(view, event);
        free(event);
    }
    xcb_flush(connection);
    if (status == EXIT_OK && xcb_connection_has_error(connection)) {
        return complain("the X server has gone");
    }
    return status;
}

/* Sleeps until the server or, unless a picture is on its way, the topic has something. */
static int sleep_for(const struct view *view, bool wants_more, int64_t slice) {
    int topic = spg_subscriber_fd(view->subscriber);
    struct pollfd sources[] = {
        {.fd = xcb_get_file_descriptor(view->window.connection), .events = POLLIN},
        {.fd = topic, .events = POLLIN},
    };
    if (topic < 0) return topic;
    int milliseconds = (int)(slice / 1000000) + (slice > 0);
    int ready = poll(sources, wants_more && !view->on_its_way ? 2 : 1, milliseconds);
    return ready < 0 && errno != EINTR ? SPG_ESYSTEM : 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool has_all(const struct view *view) {
    return view->count > 0 && view->shown >= view->count && !view->on_its_way;
}

/* One look at both. Sets `came` if there was a picture. */
static int step(struct view *view, bool *came) {
    *came = false;
    int status = mind_server(view);
    if (status != EXIT_OK || view->on_its_way || has_all(view) || view->is_closed) return status;
    int result = receive_newest(view);
    if (result == SPG_EAGAIN) return EXIT_OK;
    if (result < 0) return complain_about(view->name, result);
    *came = true;
    status = show(view);
    return status == EXIT_OK ? mind_server(view) : status;
}

static int watch(struct view *view) {
    struct patience patience = {view->timeout, 0};
    int status = EXIT_OK;
    while (status == EXIT_OK && !view->is_closed && !stop_signal()) {
        bool came;
        status = step(view, &came);
        if (status != EXIT_OK || (has_all(view) && !view->stays)) break;
        if (came) patience.deadline = 0;
        if (has_all(view)) patience.timeout = SPG_FOREVER;
        int64_t slice = patience_slice(&patience);
        if (slice == SPG_NOWAIT && !view->on_its_way) {
            return complain("topic:%s: no picture came in time", view->name);
        }
        int result = sleep_for(view, !has_all(view), slice > 0 ? slice : 1000000);
        if (result < 0) return complain_about(view->name, result);
    }
    return status;
}

static int show_all(struct view *view) {
    int status = window_connect(&view->window);
    if (status == EXIT_OK) {
        int memory = view->options.read_only ? -1 : spg_subscriber_memory_fd(view->subscriber);
        status = transport_begin(&view->transport, &view->window, view->way, memory);
    }
    if (status == EXIT_OK) status = watch(view);
    /* The server may still be reading what is ours to give back. */
    if (view->on_its_way) window_settle(&view->window);
    transport_end(&view->transport);
    window_disconnect(&view->window);
    return status;
}

static int begin(const struct arguments *arguments, struct view *view) {
    spg_node *node = NULL;
    int64_t timeout = view->timeout;
    stop_listen();
    output_begin(); /* a server that goes is no signal either */
    int status = view->options.read_only ? EXIT_OK : own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = open_in_time(view, node, timeout);
    if (result == SPG_ENOENT && stop_signal()) return EXIT_OK;
    if (result == SPG_ENOENT) {
        return complain("there is no topic %s; --wait forever waits until it is made", view->name);
    }
    if (result < 0) return complain_of(result);
    view->timeout = timeout == SPG_NOWAIT ? SPG_FOREVER : timeout;
    status = show_all(view);
    spg_subscriber_close(view->subscriber);
    return status;
}

static bool take_way(const struct arguments *arguments, enum way *way) {
    const char *text = option_value(arguments, "transport");
    if (!text) return true;
    for (*way = WAY_DESCRIPTOR; *way <= WAY_PLAIN; (*way)++) {
        if (strcmp(text, way_text(*way)) == 0) return true;
    }
    wrong_use("view: --transport is fd, sysv or plain, and not %s", text);
    return false;
}

static int run(const struct arguments *arguments) {
    struct view view = {.options = SPG_SUBSCRIBER_OPTIONS, .timeout = SPG_NOWAIT};
    view.name = channel_operand(arguments);
    view.window.title = view.name;
    view.options.type = PICTURE_TYPE;
    view.options.history = 1;
    view.options.read_only = option_given(arguments, "read-only");
    if (option_given(arguments, "once")) {
        view.count = 1;
        view.stays = true;
    }
    if (!take_number(arguments, "count", 1, UINT32_MAX, &view.count) ||
        !take_duration(arguments, "wait", &view.timeout) || !take_way(arguments, &view.way)) {
        return EXIT_WRONG_USE;
    }
    return begin(arguments, &view);
}

#else

static int run(const struct arguments *arguments) {
    (void)arguments;
    return complain("view: this samepage was built without XCB (Debian: libxcb1-dev and "
                    "libxcb-shm0-dev)");
}

#endif

static const struct option options[] = {
    {"once", 0, NULL, "show one picture, until the window is closed"},
    {"count", 'n', "N", "end after N pictures"},
    {"wait", 'w', "TIME", "for the topic to be made, and for each picture, at most"},
    {"read-only", 0, NULL, "write nothing to the topic; done anyway where the right is missing"},
    {"transport", 0, "WAY", "how the X server gets the pictures: fd, sysv or plain (the best)"},
    {NULL, 0, NULL, NULL},
};

const struct command view_command = {
    .name = "view",
    .operands = "TOPIC",
    .channel = "topic",
    .summary = "show a topic of pictures in a window (X11)",
    .about = "The topic's type is picture; docs/layout/picture.md and samepage-layout(5) say what\n"
             "its messages are. The window has the size of the picture, and ends with a click on\n"
             "its close button. The X server maps the topic's memory for reading and takes each\n"
             "picture from where it was published; if it cannot, that is said. Pictures that come\n"
             "faster than they are shown are passed over.",
    .examples = "  samepage view camera\n"
                "  samepage view camera --wait forever --count 100",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
