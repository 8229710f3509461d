/* handle.h: an open object of the library's, as a Python object.
 *
 * The library's handles are used by one thread at a time, and Python's are used by any. So a handle
 * is `busy` while a call on it runs without the interpreter's lock; other threads wait for that,
 * and whoever waits inside the library lets them in every 20 milliseconds. The interpreter's lock
 * guards all the fields here.
 *
 * Closing. A closed handle is given back when nothing needs it any more: no call runs on it, and
 * nobody `keeps` it, be it a view of its memory, a wait set, or what was opened on it. So a view
 * never points to memory that is not mapped. */
#ifndef SAMEPAGE_PYTHON_HANDLE_H
#define SAMEPAGE_PYTHON_HANDLE_H

#include "error.h"

typedef struct handle handle;
struct piece;
struct deferred;

struct handle_kind {
    int (*close)(void *object);
    spg_waitable *(*waitable)(void *object); /* may be NULL */
    int (*fd)(void *object);                 /* may be NULL */
};

struct handle {
    PyObject_HEAD const struct handle_kind *kind;
    void *object; /* the library's; NULL before it is opened and after it is given back */
    PyObject *name;
    handle *node;              /* kept; or NULL */
    struct piece *pieces;      /* what it holds: messages, jobs, loans, … */
    struct deferred *deferred; /* what is to be ended when it is not busy any more */
    Py_ssize_t keeps;
    unsigned incarnation; /* in which process it was opened */
    unsigned waiting;     /* threads that want it while it is busy */
    bool busy;
    bool closed;
};

int handles_begin(void);

/* Takes over what was opened, by a constructor that has checked with handle_is_new. */
bool handle_is_new(handle *self);
void handle_opened(handle *self, const struct handle_kind *kind, void *object, PyObject *name,
                   handle *node);

/* Between these the handle is ours. 0, or RAISED. */
int handle_enter(handle *self);
void handle_leave(handle *self);

void handle_keep(handle *self);
void handle_unkeep(handle *self);

/* A call that may wait: `try` makes it once, with a timeout that is never long. It is called with
 * the interpreter's lock and SPG_NOWAIT first, unless it is long in itself, and then without the
 * lock. Returns what the call does, or RAISED; signals are handled in between. */
typedef int attempt(void *call, int64_t timeout);
int handle_wait(handle *self, attempt *try, void *call, int64_t timeout, bool is_long);

/* Two milliseconds without the interpreter's lock: others that look every millisecond come in. */
void wait_a_little(void);

/* The same for calls on no handle, such as locks. */
int wait_unlocked(attempt *try, void *call, int64_t timeout);

/* What is left of a timeout that began at `began`. */
int64_t clock_now(void);
int64_t time_left(int64_t began, int64_t timeout);
int64_t time_slice(int64_t began, int64_t timeout); /* and as much of it as one attempt waits */

/* A node given as an option: 0 and NULL for none. Otherwise -1 and an exception. */
int node_read(PyObject *given, handle **node);
spg_node *node_of(handle *node);

/* The base of all types of handles. A type of its own adds its dealloc, which ends with this. */
extern PyObject *handle_type;
int handle_type_add(PyObject *module);
void handle_dealloc(PyObject *self);

PyObject *handle_fileno(PyObject *self, PyObject *unused);
#define FILENO                                                                                     \
    PLAIN("fileno", handle_fileno,                                                                 \
          "fileno($self, /)\n--\n\nA descriptor for poll, epoll or an event loop. When it is "     \
          "readable, take with timeout=0 until that raises WouldBlock.")

/* Makes a type below `above` (may be NULL) and adds it to the module. Borrowed, or NULL. */
PyObject *type_add(PyObject *module, PyType_Spec *spec, PyObject *above);

/* A text of the library's. */
PyObject *text_of(const char *text);

#endif
