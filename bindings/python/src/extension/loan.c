/* loan.c: memory to be written in place, and whatever else is sent. The one mutable global is the
 * type. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "loan.h"

enum { LONG_COPY = 65536 };

PyObject *loan_type;

/* ---- sending --------------------------------------------------------------------------------- */

int payload_begin(struct payload *payload, PyObject *data, const handle *owner) {
    *payload = (struct payload){NULL, 0, NULL, {.obj = NULL}};
    if ((PyObject *)Py_TYPE(data) == loan_type && ((piece *)data)->owner == owner) {
        payload->loan = (piece *)data;
        payload->data = payload->loan->data;
        payload->size = (size_t)payload->loan->size;
        return piece_check(payload->loan) ? 0 : -1;
    }
    if (PyObject_GetBuffer(data, &payload->view, PyBUF_SIMPLE) < 0) return -1;
    payload->data = payload->view.buf;
    payload->size = (size_t)payload->view.len;
    return 0;
}

void payload_end(struct payload *payload, bool is_sent) {
    if (payload->loan && is_sent) piece_over(payload->loan);
    if (payload->view.obj) PyBuffer_Release(&payload->view);
}

bool payload_is_long(const struct payload *payload) {
    return !payload->loan && payload->size >= LONG_COPY;
}

struct publishing {
    piece *loan;
    size_t size;
};

static int try_publish(void *call, int64_t timeout) {
    const struct publishing *publishing = call;
    piece *loan = publishing->loan;
    if (loan->state == PIECE_OVER) return SPG_EINVAL; /* another thread was first */
    return loan->kind->publish(loan->owner->object, loan->data, publishing->size, timeout);
}

static int publish(piece *self, size_t size, int64_t timeout) {
    struct publishing publishing = {self, size};
    int result;
    if (!self->kind->publish) {
        PyErr_Format(PyExc_TypeError, "a %s is sent by what it is for", self->kind->name);
        return RAISED;
    }
    result = handle_wait(self->owner, try_publish, &publishing, timeout, false);
    if (result >= 0) piece_over(self);
    else raise_result(result, self->owner->name);
    return result;
}

PyObject *loan_publish(piece *self, PyObject *size_given, PyObject *timeout_given) {
    Py_ssize_t size = self->size;
    int64_t timeout;
    if (timeout_read(timeout_given, &timeout) < 0 || !piece_check(self)) return NULL;
    if (size_given && size_given != Py_None) size = PyLong_AsSsize_t(size_given);
    if (size == -1 && PyErr_Occurred()) return NULL;
    if (size < 0 || size > self->size)
        return PyErr_Format(PyExc_ValueError, "the loan has %zd bytes, not %zd", self->size, size);
    if (publish(self, (size_t)size, timeout) < 0) return NULL;
    Py_RETURN_NONE;
}

static const struct signature publish_signature = {"publish", 0, 1, {"size", "timeout"}};

static PyObject *publish_method(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                                PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX];
    if (arguments_read(&publish_signature, arguments, count, keywords, values) < 0) return NULL;
    return loan_publish((piece *)self, values[0], values[1]);
}

/* ---- loans ----------------------------------------------------------------------------------- */

static int read_extents(PyObject *given, struct shape *shape) {
    PyObject *tuple = PySequence_Check(given) ? PySequence_Tuple(given) : PyTuple_Pack(1, given);
    if (!tuple) return -1;
    shape->dimensions = (int)PyTuple_Size(tuple);
    if (shape->dimensions > DIMENSIONS_MAX) {
        PyErr_Format(PyExc_ValueError, "at most %d dimensions", DIMENSIONS_MAX);
        shape->dimensions = 0;
    }
    for (int i = 0; i < shape->dimensions && !PyErr_Occurred(); i++) {
        shape->extents[i] = PyNumber_AsSsize_t(PyTuple_GetItem(tuple, i), PyExc_OverflowError);
        if (shape->extents[i] < 0 && !PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "an array has no negative extents");
    }
    Py_DECREF(tuple);
    return PyErr_Occurred() ? -1 : 0;
}

/* In the order of C. Returns the bytes of all, or -1 and an exception. */
static Py_ssize_t lay_out(struct shape *shape) {
    Py_ssize_t size = shape->item_size;
    for (int i = shape->dimensions - 1; i >= 0; i--) {
        shape->strides[i] = size;
        if (__builtin_mul_overflow(size, shape->extents[i], &size)) {
            PyErr_SetString(PyExc_OverflowError, "the array is too large");
            return -1;
        }
    }
    return size;
}

static Py_ssize_t shape_read(PyObject *extents, PyObject *dtype, struct shape *shape) {
    if (read_extents(extents, shape) < 0) return -1;
    if (dtype_read(dtype, &shape->format, &shape->item_size) < 0) return -1;
    return lay_out(shape);
}

static piece *loan_new(handle *owner, const struct piece_kind *kind, int64_t timeout) {
    piece *self = piece_new(loan_type, owner, kind);
    if (!self) return NULL;
    self->is_writable = true;
    self->timeout = timeout;
    return self;
}

/* Gets the memory for an array of this shape and element type. */
static int loan_fill(piece *self, attempt *try, struct loan_call *call, PyObject *const *values) {
    Py_ssize_t size;
    int result;
    self->shape = calloc(1, sizeof *self->shape);
    if (!self->shape) return PyErr_NoMemory(), RAISED;
    size = shape_read(values[0], values[1], self->shape);
    if (size < 0) return RAISED;
    call->size = (size_t)size;
    result = handle_wait(self->owner, try, call, self->timeout, false);
    if (result < 0) raise_result(result, self->owner->name);
    return result;
}

static const struct signature loan_signature = {"loan", 1, 2, {"shape", "dtype", "timeout"}};

PyObject *loan_make(handle *owner, const struct piece_kind *kind, attempt *try,
                    PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX];
    struct loan_call call = {owner, 0, NULL};
    int64_t timeout;
    piece *self;
    int result;
    if (arguments_read(&loan_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[2], &timeout) < 0 || !(self = loan_new(owner, kind, timeout)))
        return NULL;
    handle_keep(owner);
    result = loan_fill(self, try, &call, values);
    if (result >= 0) {
        self->held.loan = call.data;
        piece_holds(self, call.data, call.size);
    }
    handle_unkeep(owner);
    return piece_or_closed(self, result);
}

PyObject *loan_bytes(handle *owner, const struct piece_kind *kind, void *data, size_t size,
                     int64_t timeout) {
    piece *self = loan_new(owner, kind, timeout);
    if (!self) return NULL;
    self->held.loan = data;
    piece_holds(self, data, size);
    return (PyObject *)self;
}

/* ---- the type -------------------------------------------------------------------------------- */

static PyObject *leave_loan(PyObject *object, PyObject *arguments) {
    piece *self = (piece *)object;
    PyObject *type = PyTuple_GetItem(arguments, 0);
    if (!type) return NULL;
    if (type != Py_None) piece_drop(self);
    else if (self->state == PIECE_HELD && self->kind->publish &&
             publish(self, (size_t)self->size, self->timeout) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    PIECE_METHODS,
    {"__exit__", leave_loan, METH_VARARGS, NULL},
    FAST("publish", publish_method,
         "publish($self, size=None, *, timeout=None)\n--\n\nSends its first `size` bytes, or all. "
         "It must not be written to any more."),
    PLAIN("discard", piece_release,
          "discard($self, /)\n--\n\nGives it back unsent, as soon as no view of it is left."),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {PIECE_SIZE, PIECE_MEMBERS_END};

int loan_type_add(PyObject *module) {
    loan_type = piece_type_add(module, "samepage.Loan",
                               "Room in shared memory, to be written in place and published. As a "
                               "context it is published at the end, or discarded by an exception.",
                               methods, members);
    return loan_type ? 0 : -1;
}
