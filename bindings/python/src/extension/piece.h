/* piece.h: a piece of shared memory in hand: a message, a job, a request, a response, a chunk of a
 * stream, or a loan to be written.
 *
 * It is a buffer, which memoryview and numpy see in place. It is given back once: when the program
 * says so, or when its last reference goes, or when its handle closes. Giving back waits until no
 * view is left. What tells others something (publish, done, reply, consume) happens at once; views
 * that are left then see what comes into that memory next, which is mapped as long as they are. */
#ifndef SAMEPAGE_PYTHON_PIECE_H
#define SAMEPAGE_PYTHON_PIECE_H

#include "handle.h"

union held {
    spg_message message;
    spg_job job;
    spg_request request;
    spg_response response;
    void *loan;
};

struct piece_kind {
    const char *name;
    /* Gives it back. NULL: there is nothing to give back. */
    void (*end)(void *object, const union held *held);
    /* A loan: sends its first `size` bytes. NULL: it cannot be sent by itself. */
    int (*publish)(void *object, void *data, size_t size, int64_t timeout);
};

enum piece_state { PIECE_HELD, PIECE_DROPPED, PIECE_OVER };

enum { DIMENSIONS_MAX = 16 };

/* Of an array. */
struct shape {
    PyObject *format; /* bytes */
    Py_ssize_t item_size;
    int dimensions;
    Py_ssize_t extents[DIMENSIONS_MAX];
    Py_ssize_t strides[DIMENSIONS_MAX];
};

typedef struct piece {
    PyObject_HEAD handle *owner;
    const struct piece_kind *kind;
    struct piece *next, **link; /* among those that its owner holds */
    union held held;
    void *data;
    Py_ssize_t size;
    Py_ssize_t exports;
    int64_t timeout;     /* of publishing a loan at the end of its context */
    struct shape *shape; /* NULL: plain bytes */
    unsigned char state;
    unsigned char is_writable;
} piece;

/* A piece that holds nothing yet; piece_holds, or a Py_DECREF, follows. */
piece *piece_new(PyObject *type, handle *owner, const struct piece_kind *kind);
void piece_holds(piece *self, const void *data, size_t size);

/* It is the library's no more: it was published, replied, done. */
void piece_over(piece *self);

/* What a call that took `taken` returns: the piece, if it went well and its handle was not closed
 * meanwhile. The handle was kept until `taken` was held. */
PyObject *piece_or_closed(piece *taken, int result);

/* Gives it back as soon as no view is left. */
void piece_drop(piece *self);

/* Is it in hand? Otherwise false and an exception. */
bool piece_check(const piece *self);

/* Is anything of this handle in hand? Then true and an exception. */
bool pieces_are_out(const handle *owner);

/* What the types of pieces are made of. `name` is a literal. The type, or NULL. */
PyObject *piece_type_add(PyObject *module, const char *name, const char *doc, PyMethodDef *methods,
                         PyMemberDef *members);
fast_method piece_array;
PyObject *piece_enter(PyObject *self, PyObject *unused);
PyObject *piece_release(PyObject *self, PyObject *unused);
PyObject *piece_refuse_pickle(PyObject *self, PyObject *arguments);

/* The end of a context: the method `well` is called, or `ill` after an exception. */
PyObject *piece_leave(PyObject *self, PyObject *arguments, const char *well, const char *ill);

#define PIECE_METHODS                                                                              \
    FAST("array", piece_array,                                                                     \
         "array($self, dtype=None, shape=None)\n--\n\nIts bytes as a numpy array, in place."),     \
        PLAIN("__enter__", piece_enter, NULL),                                                     \
        {"__reduce__", piece_refuse_pickle, METH_VARARGS, NULL}, {                                 \
        "__reduce_ex__", piece_refuse_pickle, METH_VARARGS, NULL                                   \
    }
#define PIECE_RELEASE                                                                              \
    PLAIN("release", piece_release,                                                                \
          "release($self, /)\n--\n\nGives it back, as soon as no view of it is left.")
#define PIECE_FIELD(name, kind, field, doc)                                                        \
    { name, kind, offsetof(piece, field), READONLY, doc }
#define PIECE_SIZE PIECE_FIELD("size", T_PYSSIZET, size, "Bytes.")
#define PIECE_MEMBERS_END                                                                          \
    { NULL, 0, 0, 0, NULL }

/* For handle.c. */
void pieces_end_unseen(handle *owner);
void pieces_are_over(handle *owner);
void deferred_end(handle *owner);

#endif
