/* piece.c: in hand, given back, and seen as a buffer. See piece.h. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "piece.h"

/* What could not be given back, because another thread was in a call on the handle. */
struct deferred {
    struct deferred *next;
    const struct piece_kind *kind;
    union held held;
};

/* ---- in hand and given back ------------------------------------------------------------------ */

piece *piece_new(PyObject *type, handle *owner, const struct piece_kind *kind) {
    piece *self = PyObject_New(piece, (PyTypeObject *)type);
    if (!self) return NULL;
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    Py_INCREF((PyObject *)owner);
    self->owner = owner;
    self->kind = kind;
    self->state = PIECE_OVER;
    return self;
}

void piece_holds(piece *self, const void *data, size_t size) {
    handle *owner = self->owner;
    self->data = (void *)(uintptr_t)data;
    self->size = (Py_ssize_t)size;
    self->state = PIECE_HELD;
    self->next = owner->pieces;
    self->link = &owner->pieces;
    if (self->next) self->next->link = &self->next;
    owner->pieces = self;
}

void piece_over(piece *self) {
    if (self->state == PIECE_OVER) return;
    *self->link = self->next;
    if (self->next) self->next->link = self->link;
    self->state = PIECE_OVER;
}

/* Without memory to note it the piece stays held until the handle is closed. */
static void defer(handle *owner, const struct piece_kind *kind, const union held *held) {
    struct deferred *deferred = malloc(sizeof *deferred);
    if (!deferred) return;
    *deferred = (struct deferred){owner->deferred, kind, *held};
    owner->deferred = deferred;
}

static void give_back(piece *self) {
    handle *owner = self->owner;
    piece_over(self);
    if (!self->kind->end || !owner->object) return;
    if (owner->busy) defer(owner, self->kind, &self->held);
    else self->kind->end(owner->object, &self->held);
}

void deferred_end(handle *owner) {
    struct deferred *next, *deferred = owner->deferred;
    owner->deferred = NULL;
    for (; deferred; deferred = next) {
        next = deferred->next;
        if (owner->object) deferred->kind->end(owner->object, &deferred->held);
        free(deferred);
    }
}

void piece_drop(piece *self) {
    if (self->state == PIECE_OVER) return;
    if (self->exports > 0) self->state = PIECE_DROPPED;
    else give_back(self);
}

void pieces_end_unseen(handle *owner) {
    for (piece *next, *self = owner->pieces; self; self = next) {
        next = self->next;
        if (self->exports == 0) give_back(self);
    }
}

void pieces_are_over(handle *owner) {
    while (owner->pieces) piece_over(owner->pieces);
}

bool piece_check(const piece *self) {
    if (self->state == PIECE_HELD) return true;
    PyErr_Format(PyExc_ValueError, "the %s is not in hand any more", self->kind->name);
    return false;
}

PyObject *piece_or_closed(piece *taken, int result) {
    if (result >= 0 && !taken->owner->closed) return (PyObject *)taken;
    if (result >= 0) raise_result(SPG_ECLOSED, taken->owner->name);
    Py_DECREF((PyObject *)taken);
    return NULL;
}

bool pieces_are_out(const handle *owner) {
    if (!owner->pieces) return false;
    PyErr_Format(PyExc_BufferError, "a %s of %R is in hand", owner->pieces->kind->name,
                 owner->name);
    return true;
}

static void forget_shape(piece *self) {
    if (!self->shape) return;
    Py_XDECREF(self->shape->format);
    free(self->shape);
}

static void deallocate(PyObject *object) {
    piece *self = (piece *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->state != PIECE_OVER) give_back(self);
    forget_shape(self);
    Py_DECREF((PyObject *)self->owner);
    PyObject_Free(object);
    Py_DECREF((PyObject *)type);
}

/* ---- as a buffer ----------------------------------------------------------------------------- */

static Py_ssize_t one = 1;
static char bytes_format[] = "B";

static void describe(piece *self, Py_buffer *view, int flags) {
    struct shape *shape = self->shape;
    bool has_shape = (flags & PyBUF_ND) != 0;
    view->itemsize = shape ? shape->item_size : 1;
    view->ndim = has_shape && shape ? shape->dimensions : 1;
    if ((flags & PyBUF_FORMAT) != 0)
        view->format = shape ? PyBytes_AsString(shape->format) : bytes_format;
    if (has_shape) view->shape = shape ? shape->extents : &self->size;
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES) view->strides = shape ? shape->strides : &one;
}

static int get_buffer(PyObject *object, Py_buffer *view, int flags) {
    piece *self = (piece *)object;
    view->obj = NULL;
    if (!piece_check(self)) return -1;
    if ((flags & PyBUF_WRITABLE) != 0 && !self->is_writable) {
        PyErr_Format(PyExc_BufferError, "a %s is read-only", self->kind->name);
        return -1;
    }
    *view = (Py_buffer){
        .buf = self->data, .obj = object, .len = self->size, .readonly = !self->is_writable};
    describe(self, view, flags);
    Py_INCREF(object);
    self->exports++;
    handle_keep(self->owner);
    return 0;
}

static void release_buffer(PyObject *object, Py_buffer *view) {
    piece *self = (piece *)object;
    (void)view;
    self->exports--;
    if (self->state == PIECE_DROPPED) piece_drop(self);
    handle_unkeep(self->owner);
}

static Py_ssize_t length_of(PyObject *object) {
    return ((piece *)object)->size;
}

static const struct signature array_signature = {"array", 0, 2, {"dtype", "shape"}};

/* numpy.frombuffer, or numpy.asarray where the piece has a shape of its own. */
PyObject *piece_array(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX], *numpy, *array, *shaped;
    if (arguments_read(&array_signature, arguments, count, keywords, values) < 0) return NULL;
    numpy = PyImport_ImportModule("numpy");
    if (!numpy) return NULL;
    if (values[0] && values[0] != Py_None)
        array = PyObject_CallMethod(numpy, "frombuffer", "OO", self, values[0]);
    else array = PyObject_CallMethod(numpy, "asarray", "O", self);
    Py_DECREF(numpy);
    if (!array || !values[1] || values[1] == Py_None) return array;
    shaped = PyObject_CallMethod(array, "reshape", "O", values[1]);
    Py_DECREF(array);
    return shaped;
}

/* ---- what all pieces have -------------------------------------------------------------------- */

PyObject *piece_enter(PyObject *self, PyObject *unused) {
    (void)unused;
    Py_INCREF(self);
    return self;
}

PyObject *piece_release(PyObject *self, PyObject *unused) {
    (void)unused;
    piece_drop((piece *)self);
    Py_RETURN_NONE;
}

PyObject *piece_leave(PyObject *object, PyObject *arguments, const char *well, const char *ill) {
    PyObject *type = PyTuple_GetItem(arguments, 0);
    if (!type) return NULL;
    if (((piece *)object)->state != PIECE_HELD) Py_RETURN_NONE;
    return PyObject_CallMethod(object, type == Py_None ? well : ill, NULL);
}

static PyObject *refuse_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    (void)type, (void)arguments, (void)keywords;
    PyErr_SetString(PyExc_TypeError, "it is made by a channel");
    return NULL;
}

PyObject *piece_refuse_pickle(PyObject *self, PyObject *arguments) {
    const char *name = ((piece *)self)->kind->name;
    (void)arguments;
    return PyErr_Format(PyExc_TypeError,
                        "a %s lies in shared memory and cannot be pickled: pickle bytes(%s)", name,
                        name);
}

static PyObject *represent(PyObject *object) {
    piece *self = (piece *)object;
    return PyUnicode_FromFormat("<samepage %s of %R, %zd bytes%s>", self->kind->name,
                                self->owner->name, self->size,
                                self->state == PIECE_HELD ? "" : ", not in hand any more");
}

static PyObject *get_released(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(((piece *)self)->state != PIECE_HELD);
}

static PyObject *get_data(PyObject *self, void *unused) {
    (void)unused;
    return PyMemoryView_FromObject(self);
}

static PyGetSetDef getset[] = {
    {"released", get_released, NULL, "True once it is not in hand any more.", NULL},
    {"data", get_data, NULL, "A memoryview of it, in place.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyObject *piece_type_add(PyObject *module, const char *name, const char *doc, PyMethodDef *methods,
                         PyMemberDef *members) {
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)(uintptr_t)doc},
        {Py_tp_new, refuse_new},
        {Py_tp_dealloc, deallocate},
        {Py_tp_repr, represent},
        {Py_tp_methods, methods},
        {Py_tp_members, members},
        {Py_tp_getset, getset},
        {Py_sq_length, length_of},
        {Py_bf_getbuffer, get_buffer},
        {Py_bf_releasebuffer, release_buffer},
        {0, NULL},
    };
    PyType_Spec spec = {name, sizeof(piece), 0, Py_TPFLAGS_DEFAULT, slots};
    return type_add(module, &spec, NULL);
}
