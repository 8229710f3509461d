/* view.h: what the parts of samepage view share: a window of an X server, and the ways of bringing
 * pictures to it. Only built where XCB is there. */
#ifndef TOOL_VIEW_H
#define TOOL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcb/shm.h>
#include <xcb/xcb.h>

#include "picture.h"

/* ---- view_window.c --------------------------------------------------------------------------- */

/* The server keeps the picture that it shows, in a pixmap of the window's size; what was covered is
 * drawn from there, so that the message is not needed any more. */
struct window {
    xcb_connection_t *connection;
    const xcb_screen_t *screen;
    xcb_window_t window; /* 0: not there yet */
    xcb_pixmap_t pixmap;
    xcb_gcontext_t context;
    xcb_atom_t delete_window;
    uint32_t width, height;
    struct picture_screen format; /* of the screen's pixels */
    bool is_local;                /* connected by a Unix socket */
    const char *title;
};

/* Connects to the server of DISPLAY. Returns an exit status; it was said why. */
int window_connect(struct window *window);
void window_disconnect(struct window *window);

/* Makes the window, or changes its size. */
void window_fit(struct window *window, uint32_t width, uint32_t height);

/* Draws the pixmap on the window. */
void window_draw(const struct window *window);

/* Waits until the server has done what it was asked. */
void window_settle(const struct window *window);

/* Minds an event of the window's. False: the user has closed it. */
bool window_mind(const struct window *window, const xcb_generic_event_t *event);

/* ---- view_transport.c ------------------------------------------------------------------------ */

enum way {
    WAY_BEST = 0,
    WAY_DESCRIPTOR, /* the server maps a descriptor's memory */
    WAY_SYSV,       /* the server attaches a System V segment */
    WAY_PLAIN,      /* the pixels go through the connection */
};

/* Memory that both the server and we have mapped. */
struct shared_pixels {
    xcb_shm_seg_t segment; /* 0: none */
    uint8_t *address;      /* where it is our own buffer; else NULL */
    size_t size;
};

struct transport {
    const struct window *window;
    enum way way;
    uint8_t completion;          /* the event that says that the server has read the pixels */
    struct shared_pixels topic;  /* the topic's memory as it is */
    struct shared_pixels buffer; /* our own, for what the server cannot take as it is */
    uint8_t *plain;              /* the same without shared memory */
    bool told_copies;
};

/* Finds out which ways there are. `wanted` WAY_BEST takes the best one; else there is only that
 * one. `memory_fd`: the topic's memory, or -1; it is closed. Returns an exit status. */
int transport_begin(struct transport *transport, const struct window *window, enum way wanted,
                    int memory_fd);
void transport_end(struct transport *transport);

const char *way_text(enum way way);

/* Brings a picture into the window's pixmap. `offset`: where its pixels lie in the topic's memory,
 * or UINT64_MAX: nowhere. Returns 1: the server reads them until the completion event comes; 0: it
 * has them; -1: it cannot be done, and it was said why. */
int transport_put(struct transport *transport, const struct picture *picture, uint64_t offset);

bool transport_is_completion(const struct transport *transport, const xcb_generic_event_t *event);

#endif
