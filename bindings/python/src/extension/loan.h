/* loan.h: memory to be written in place, and whatever else is sent. */
#ifndef SAMEPAGE_PYTHON_LOAN_H
#define SAMEPAGE_PYTHON_LOAN_H

#include "piece.h"

extern PyObject *loan_type;
int loan_type_add(PyObject *module);

/* What a call is given to send: the bytes of a buffer, or a loan of the same handle in place. */
struct payload {
    const void *data;
    size_t size;
    piece *loan; /* borrowed; or NULL */
    Py_buffer view;
};
int payload_begin(struct payload *payload, PyObject *data, const handle *owner);
void payload_end(struct payload *payload, bool is_sent);
bool payload_is_long(const struct payload *payload);

/* `loan.publish(size, timeout)`; each may be NULL. None, or NULL and an exception. */
PyObject *loan_publish(piece *self, PyObject *size, PyObject *timeout);

/* Of `loan(shape, dtype, timeout)`: makes the loan, with `try` to get its memory, which is told
 * what is wanted by struct loan_call. */
struct loan_call {
    handle *owner;
    size_t size;
    void *data;
};
PyObject *loan_make(handle *owner, const struct piece_kind *kind, attempt *try,
                    PyObject *const *arguments, Py_ssize_t count, PyObject *keywords);
/* The same of bytes alone, whose size is known when it is there. */
PyObject *loan_bytes(handle *owner, const struct piece_kind *kind, void *data, size_t size,
                     int64_t timeout);
#define LOAN_DOC                                                                                   \
    "loan($self, shape, dtype='B', *, timeout=None)\n--\n\n"                                       \
    "Room to be written in place: an array of this shape, or so many elements."

#endif
