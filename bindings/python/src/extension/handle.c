/* handle.c: see handle.h. The mutable globals: which process this is, counted up by forks; and the
 * type that all handles' types derive from. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "handle.h"
#include "piece.h"

static unsigned incarnation = 1;
PyObject *handle_type;

enum { SLICE = 20 * 1000 * 1000, NAP = 1000 * 1000 };

static void count_fork(void) {
    incarnation++;
}

int handles_begin(void) {
    if (pthread_atfork(NULL, NULL, count_fork) == 0) return 0;
    PyErr_NoMemory();
    return -1;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t time_left(int64_t began, int64_t timeout) {
    int64_t gone;
    if (timeout <= 0) return timeout;
    gone = clock_now() - began;
    return gone >= timeout ? 0 : timeout - gone;
}

static void nap(int64_t nanoseconds) {
    struct timespec time = {0, (long)nanoseconds};
    Py_BEGIN_ALLOW_THREADS nanosleep(&time, NULL);
    Py_END_ALLOW_THREADS
}

void wait_a_little(void) {
    nap(2 * NAP);
}

/* ---- opened, used, closed -------------------------------------------------------------------- */

bool handle_is_new(handle *self) {
    if (!self->object && !self->closed) return true;
    PyErr_SetString(PyExc_ValueError, "it is open already");
    return false;
}

void handle_opened(handle *self, const struct handle_kind *kind, void *object, PyObject *name,
                   handle *node) {
    self->kind = kind;
    self->object = object;
    self->incarnation = incarnation;
    Py_XINCREF(name);
    self->name = name;
    if (!node) return;
    Py_INCREF((PyObject *)node);
    handle_keep(node);
    self->node = node;
}

/* In a fork child a handle stays busy whose thread has not come along. */
static int wait_for_turn(handle *self) {
    while (self->busy && !self->closed) {
        if (self->incarnation != incarnation) return raise_result(SPG_EFORKED, self->name), RAISED;
        self->waiting++;
        nap(NAP);
        self->waiting--;
        if (PyErr_CheckSignals() < 0) return RAISED;
    }
    return 0;
}

int handle_enter(handle *self) {
    if (self->busy && wait_for_turn(self) < 0) return RAISED;
    if (self->closed || !self->object) return raise_result(SPG_ECLOSED, self->name), RAISED;
    self->busy = true;
    return 0;
}

static void forget_node(handle *self) {
    handle *node = self->node;
    self->node = NULL;
    if (!node) return;
    handle_unkeep(node);
    Py_DECREF((PyObject *)node);
}

/* Gives back what a closed handle holds, and the handle, as far as nothing needs them. It may wait
 * for the domain's lock. */
static void settle(handle *self) {
    void *object = self->object;
    if (!self->closed || self->busy || !object) return;
    pieces_end_unseen(self);
    if (self->keeps > 0) return;
    pieces_are_over(self);
    self->object = NULL;
    Py_BEGIN_ALLOW_THREADS self->kind->close(object);
    Py_END_ALLOW_THREADS forget_node(self);
}

void handle_leave(handle *self) {
    self->busy = false;
    if (self->deferred) deferred_end(self);
    if (self->closed) settle(self);
}

void handle_keep(handle *self) {
    self->keeps++;
}

void handle_unkeep(handle *self) {
    self->keeps--;
    if (self->closed) settle(self);
}

static PyObject *close_handle(PyObject *object, PyObject *unused) {
    handle *self = (handle *)object;
    (void)unused;
    if (!self->closed) {
        self->closed = true;
        settle(self);
    }
    Py_RETURN_NONE;
}

void handle_dealloc(PyObject *object) {
    handle *self = (handle *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    self->closed = true;
    self->busy = false;
    deferred_end(self);
    settle(self);
    forget_node(self);
    Py_CLEAR(self->name);
    release(object);
    Py_DECREF((PyObject *)type);
}

/* ---- waiting --------------------------------------------------------------------------------- */

int64_t time_slice(int64_t began, int64_t timeout) {
    int64_t left = time_left(began, timeout);
    return left == SPG_FOREVER || left > SLICE ? SLICE : left;
}

static bool is_waiting(int result) {
    return result == SPG_EAGAIN || result == SPG_ETIMEDOUT;
}

/* One attempt without the interpreter's lock. */
static int try_unlocked(attempt *try, void *call, int64_t timeout) {
    int result;
    Py_BEGIN_ALLOW_THREADS result = try(call, timeout);
    Py_END_ALLOW_THREADS return result;
}

/* Between two slices: whoever else wants the handle has it now. */
static int let_others_in(handle *self) {
    handle_leave(self);
    if (PyErr_CheckSignals() < 0) return RAISED;
    if (self->waiting > 0) wait_a_little();
    return handle_enter(self);
}

int handle_wait(handle *self, attempt *try, void *call, int64_t timeout, bool is_long) {
    int64_t began;
    int result = handle_enter(self);
    if (result < 0) return result;
    result = is_long ? try_unlocked(try, call, SPG_NOWAIT) : try(call, SPG_NOWAIT);
    began = is_waiting(result) && timeout != 0 ? clock_now() : 0;
    while (is_waiting(result) && timeout != 0) {
        result = try_unlocked(try, call, time_slice(began, timeout));
        if (!is_waiting(result)) break;
        if (time_left(began, timeout) == 0) {
            result = SPG_ETIMEDOUT;
            break;
        }
        if (let_others_in(self) < 0) return RAISED;
    }
    handle_leave(self);
    return result;
}

int wait_unlocked(attempt *try, void *call, int64_t timeout) {
    int64_t began = clock_now();
    for (;;) {
        int result = try_unlocked(try, call, time_slice(began, timeout));
        if (!is_waiting(result)) return result;
        if (time_left(began, timeout) == 0) return timeout == 0 ? SPG_EAGAIN : SPG_ETIMEDOUT;
        if (PyErr_CheckSignals() < 0) return RAISED;
    }
}

/* ---- what all handles have ------------------------------------------------------------------- */

static PyObject *enter_context(PyObject *self, PyObject *unused) {
    (void)unused;
    Py_INCREF(self);
    return self;
}

static PyObject *leave_context(PyObject *self, PyObject *arguments) {
    (void)arguments;
    return PyObject_CallMethod(self, "close", NULL);
}

static PyObject *refuse_pickle(PyObject *self, PyObject *arguments) {
    PyObject *type = (PyObject *)Py_TYPE(self), *name = PyObject_GetAttrString(type, "__name__");
    (void)arguments;
    if (!name) return NULL;
    PyErr_Format(PyExc_TypeError,
                 "a %U belongs to its process and cannot be pickled or copied: open %R in the "
                 "other process",
                 name, ((handle *)self)->name ? ((handle *)self)->name : Py_None);
    Py_DECREF(name);
    return NULL;
}

PyObject *handle_fileno(PyObject *object, PyObject *unused) {
    handle *self = (handle *)object;
    int result;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    result = self->kind->fd ? self->kind->fd(self->object) : SPG_ENOTSUP;
    handle_leave(self);
    if (result >= 0) return PyLong_FromLong(result);
    return self->kind->fd ? raise_cold(result) : raise_result(result, self->name);
}

static PyMethodDef methods[] = {
    PLAIN("close", close_handle,
          "close($self, /)\n--\n\nLeaves. While views of its memory are there it stays mapped, and "
          "is left when the last of them goes. Closing twice does nothing."),
    PLAIN("__enter__", enter_context, NULL),
    {"__exit__", leave_context, METH_VARARGS, NULL},
    {"__reduce_ex__", refuse_pickle, METH_VARARGS, NULL},
    {"__reduce__", refuse_pickle, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *get_closed(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(((handle *)self)->closed || !((handle *)self)->object);
}

static PyObject *get_name(PyObject *self, void *unused) {
    PyObject *name = ((handle *)self)->name;
    (void)unused;
    if (!name) name = Py_None;
    Py_INCREF(name);
    return name;
}

static PyGetSetDef getset[] = {
    {"closed", get_closed, NULL, "True once it is closed.", NULL},
    {"name", get_name, NULL, "The name it was opened by.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *represent(PyObject *self) {
    PyObject *name, *text = NULL;
    name = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__name__");
    if (name) {
        text = PyUnicode_FromFormat("<samepage.%U %R%s>", name,
                                    ((handle *)self)->name ? ((handle *)self)->name : Py_None,
                                    ((handle *)self)->closed ? ", closed" : "");
        Py_DECREF(name);
    }
    return text;
}

static PyType_Slot slots[] = {
    {Py_tp_doc, "What is open: the base of all that is opened by name."},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_repr, represent},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Handle", sizeof(handle), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

int handle_type_add(PyObject *module) {
    handle_type = PyType_FromSpec(&spec);
    if (!handle_type) return -1;
    Py_INCREF(handle_type);
    return PyModule_AddObject(module, "Handle", handle_type);
}

PyObject *type_add(PyObject *module, PyType_Spec *of, PyObject *above) {
    const char *name = strrchr(of->name, '.') + 1;
    PyObject *bases = above ? PyTuple_Pack(1, above) : NULL, *type;
    if (above && !bases) return NULL;
    type = PyType_FromSpecWithBases(of, bases);
    Py_XDECREF(bases);
    if (!type) return NULL;
    Py_INCREF(type);
    if (PyModule_AddObject(module, name, type) < 0) return NULL;
    return type;
}

PyObject *text_of(const char *text) {
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}
