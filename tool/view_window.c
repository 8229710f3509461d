/* view_window.c: a window of an X server, of the size of its picture. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "print.h"
#include "view.h"

/* ---- the screen ------------------------------------------------------------------------------ */

static const xcb_screen_t *screen_of(xcb_connection_t *connection, int number) {
    xcb_screen_iterator_t screens = xcb_setup_roots_iterator(xcb_get_setup(connection));
    while (screens.rem > 1 && number-- > 0) xcb_screen_next(&screens);
    return screens.data;
}

static const xcb_visualtype_t *visual_of(const xcb_screen_t *screen) {
    xcb_depth_iterator_t depths = xcb_screen_allowed_depths_iterator(screen);
    for (; depths.rem > 0; xcb_depth_next(&depths)) {
        xcb_visualtype_iterator_t visuals = xcb_depth_visuals_iterator(depths.data);
        for (; visuals.rem > 0; xcb_visualtype_next(&visuals)) {
            if (visuals.data->visual_id == screen->root_visual) return visuals.data;
        }
    }
    return NULL;
}

/* How pixmaps of the screen's depth have their pixels. False: it has no true colours. */
static bool read_format(struct window *window) {
    const xcb_setup_t *setup = xcb_get_setup(window->connection);
    const xcb_visualtype_t *visual = visual_of(window->screen);
    xcb_format_iterator_t formats = xcb_setup_pixmap_formats_iterator(setup);
    while (formats.rem > 0 && formats.data->depth != window->screen->root_depth) {
        xcb_format_next(&formats);
    }
    if (!visual || visual->_class != XCB_VISUAL_CLASS_TRUE_COLOR || formats.rem == 0) return false;
    if (formats.data->bits_per_pixel % 8 != 0 || formats.data->bits_per_pixel > 32) return false;
    window->format = (struct picture_screen){
        .red = visual->red_mask,
        .green = visual->green_mask,
        .blue = visual->blue_mask,
        .bytes = formats.data->bits_per_pixel / 8u,
        .row_multiple = formats.data->scanline_pad / 8u,
        .high_byte_first = setup->image_byte_order == XCB_IMAGE_ORDER_MSB_FIRST,
    };
    return window->format.bytes > 0 && window->format.row_multiple > 0;
}

static bool is_local(xcb_connection_t *connection) {
    struct sockaddr address = {0};
    socklen_t size = sizeof address;
    int socket = xcb_get_file_descriptor(connection);
    return getsockname(socket, &address, &size) == 0 && address.sa_family == AF_UNIX;
}

int window_connect(struct window *window) {
    int number = 0;
    const char *display = getenv("DISPLAY");
    if (!display || !*display) return complain("DISPLAY is not set: there is no X server to ask");
    window->connection = xcb_connect(NULL, &number);
    if (xcb_connection_has_error(window->connection)) {
        return complain("the X server of DISPLAY, %s, cannot be reached", display);
    }
    window->screen = screen_of(window->connection, number);
    window->is_local = is_local(window->connection);
    if (!window->screen || !read_format(window)) {
        return complain("the screen of DISPLAY, %s, has no true colours", display);
    }
    return EXIT_OK;
}

void window_disconnect(struct window *window) {
    xcb_disconnect(window->connection);
}

/* ---- the window ------------------------------------------------------------------------------ */

static xcb_atom_t atom(xcb_connection_t *connection, const char *name) {
    xcb_intern_atom_cookie_t asked = xcb_intern_atom(connection, 0, (uint16_t)strlen(name), name);
    xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(connection, asked, NULL);
    xcb_atom_t found = reply ? reply->atom : (xcb_atom_t)XCB_ATOM_NONE;
    free(reply);
    return found;
}

static void set_text(const struct window *window, xcb_atom_t property, xcb_atom_t type,
                     const char *text, size_t size) {
    xcb_change_property(window->connection, XCB_PROP_MODE_REPLACE, window->window, property, type,
                        8, (uint32_t)size, text);
}

/* What window managers want to know; and that closing is a message to us. */
static void introduce(struct window *window) {
    static const char class[] = "samepage\0Samepage";
    xcb_connection_t *connection = window->connection;
    xcb_atom_t protocols = atom(connection, "WM_PROTOCOLS");
    window->delete_window = atom(connection, "WM_DELETE_WINDOW");
    set_text(window, XCB_ATOM_WM_NAME, XCB_ATOM_STRING, window->title, strlen(window->title));
    set_text(window, atom(connection, "_NET_WM_NAME"), atom(connection, "UTF8_STRING"),
             window->title, strlen(window->title));
    set_text(window, XCB_ATOM_WM_CLASS, XCB_ATOM_STRING, class, sizeof class);
    xcb_change_property(connection, XCB_PROP_MODE_REPLACE, window->window, protocols, XCB_ATOM_ATOM,
                        32, 1, &window->delete_window);
}

/* The picture's size is the least and the largest: it is not scaled (ICCCM, WM_NORMAL_HINTS). */
static void fix_size(const struct window *window) {
    enum { HINTS = 18, LEAST_SIZE = 1 << 4, LARGEST_SIZE = 1 << 5 };
    uint32_t hints[HINTS] = {LEAST_SIZE | LARGEST_SIZE};
    hints[5] = hints[7] = window->width;
    hints[6] = hints[8] = window->height;
    xcb_change_property(window->connection, XCB_PROP_MODE_REPLACE, window->window,
                        XCB_ATOM_WM_NORMAL_HINTS, XCB_ATOM_WM_SIZE_HINTS, 32, HINTS, hints);
}

static void make(struct window *window) {
    const xcb_screen_t *screen = window->screen;
    uint32_t values[] = {screen->black_pixel,
                         XCB_EVENT_MASK_EXPOSURE | XCB_EVENT_MASK_STRUCTURE_NOTIFY};
    uint32_t no_exposures = 0;
    window->window = xcb_generate_id(window->connection);
    window->context = xcb_generate_id(window->connection);
    xcb_create_window(window->connection, XCB_COPY_FROM_PARENT, window->window, screen->root, 0, 0,
                      (uint16_t)window->width, (uint16_t)window->height, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual,
                      XCB_CW_BACK_PIXEL | XCB_CW_EVENT_MASK, values);
    xcb_create_gc(window->connection, window->context, window->window, XCB_GC_GRAPHICS_EXPOSURES,
                  &no_exposures);
    introduce(window);
}

void window_fit(struct window *window, uint32_t width, uint32_t height) {
    bool is_new = window->window == 0;
    if (window->width == width && window->height == height) return;
    window->width = width;
    window->height = height;
    if (is_new) make(window);
    fix_size(window);
    uint32_t size[] = {width, height};
    xcb_configure_window(window->connection, window->window,
                         XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
    if (window->pixmap) xcb_free_pixmap(window->connection, window->pixmap);
    window->pixmap = xcb_generate_id(window->connection);
    xcb_create_pixmap(window->connection, window->screen->root_depth, window->pixmap,
                      window->window, (uint16_t)width, (uint16_t)height);
    if (is_new) xcb_map_window(window->connection, window->window);
}

void window_draw(const struct window *window) {
    xcb_copy_area(window->connection, window->pixmap, window->window, window->context, 0, 0, 0, 0,
                  (uint16_t)window->width, (uint16_t)window->height);
}

void window_settle(const struct window *window) {
    free(xcb_get_input_focus_reply(window->connection, xcb_get_input_focus(window->connection),
                                   NULL));
}

bool window_mind(const struct window *window, const xcb_generic_event_t *event) {
    switch (event->response_type & 0x7f) {
    case XCB_EXPOSE: window_draw(window); return true;
    case XCB_DESTROY_NOTIFY: return false;
    case XCB_CLIENT_MESSAGE: {
        const xcb_client_message_event_t *message = (const void *)event;
        return message->data.data32[0] != window->delete_window;
    }
    default: return true;
    }
}
