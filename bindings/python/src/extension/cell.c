/* cell.c: Cell, the latest value of something. */
#include "channels.h"

typedef struct {
    handle base;
    unsigned long long version; /* of the value read last, or waited for */
} cell;

enum { SMALL = 4096 };

/* ---- opening --------------------------------------------------------------------------------- */

#define CELL(field) offsetof(spg_cell_options, field)
static const struct option table[] = {
    {"mode", OPTION_U32, CELL(mode)},
    {"capacity", OPTION_U64, CELL(capacity)},
    {"buffers", OPTION_U32, CELL(buffers)},
    {"type_size", OPTION_U32, CELL(type_size)},
    {"type", OPTION_TEXT, CELL(type)},
    {"schema", OPTION_TEXT, CELL(schema)},
    {"read_only", OPTION_FLAG32, CELL(read_only)},
    {"domain", OPTION_TEXT, CELL(domain)},
    {NULL, 0, 0},
};

static int close_cell(void *object) {
    return spg_cell_close(object);
}

static int open_cell(void **out, spg_node *node, const char *name, const void *options) {
    return spg_cell_open((spg_cell **)(void *)out, node, name, options);
}

static spg_waitable *waitable_of(void *object) {
    return spg_cell_waitable(object);
}

static int fd_of(void *object) {
    return spg_cell_fd(object);
}

static const struct handle_kind kind = {close_cell, waitable_of, fd_of};

static int init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    struct opening opening = {.function = "Cell", .table = table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &kind, open_cell);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct writing {
    handle *owner;
    struct payload payload;
};

static int try_write(void *call, int64_t timeout) {
    const struct writing *writing = call;
    return spg_cell_write(writing->owner->object, writing->payload.data, writing->payload.size,
                          timeout);
}

static const struct signature write_signature = {"write", 1, 1, {"data", "timeout"}};

/* A value that is written uses the handle's loan up. */
static PyObject *write_value(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *keywords) {
    struct writing writing = {(handle *)object, {NULL, 0, NULL, {.obj = NULL}}};
    PyObject *values[ARGUMENTS_MAX];
    int64_t timeout;
    int result;
    if (arguments_read(&write_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    if (payload_begin(&writing.payload, values[0], NULL) < 0) return NULL;
    result = handle_wait(writing.owner, try_write, &writing, timeout,
                         payload_is_long(&writing.payload));
    if (result < 0) raise_result(result, writing.owner->name);
    else pieces_are_over(writing.owner);
    payload_end(&writing.payload, false);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static void discard_loan(void *object, const union held *held) {
    (void)held;
    spg_cell_discard(object);
}

static int publish_loan(void *object, void *data, size_t size, int64_t timeout) {
    (void)data, (void)timeout;
    return spg_cell_publish(object, size);
}

static const struct piece_kind loan_kind = {"loan", discard_loan, publish_loan};

/* The library's second loan is its first one again; ours is an error. */
static int try_loan(void *argument, int64_t timeout) {
    struct loan_call *call = argument;
    if (call->owner->pieces) return SPG_EFULL;
    if (call->size > spg_cell_capacity(call->owner->object)) return SPG_ETOOBIG;
    return spg_cell_loan(call->owner->object, &call->data, timeout);
}

static PyObject *loan(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    return loan_make((handle *)self, &loan_kind, try_loan, arguments, count, keywords);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    cell *self;
    void *buffer;
    size_t room;
};

static int try_read(void *call, int64_t timeout) {
    const struct reading *reading = call;
    uint64_t version;
    int result = spg_cell_read(reading->self->base.object, reading->buffer, reading->room,
                               &version);
    (void)timeout;
    if (result >= 0) reading->self->version = version;
    return result;
}

/* Copies the value; the count of its bytes, or RAISED. */
static int read_to(cell *self, void *buffer, size_t room) {
    struct reading reading = {self, buffer, room};
    int result = handle_wait(&self->base, try_read, &reading, SPG_NOWAIT, room > 16 * SMALL);
    if (result < 0) return raise_result(result, self->base.name), RAISED;
    return result;
}

static PyObject *read_large(cell *self, size_t capacity) {
    PyObject *value, *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)capacity);
    int size = bytes ? read_to(self, PyBytes_AsString(bytes), capacity) : RAISED;
    if (size == (int)capacity) return bytes;
    value = size < 0 ? NULL : PyBytes_FromStringAndSize(PyBytes_AsString(bytes), size);
    Py_XDECREF(bytes);
    return value;
}

static Py_ssize_t capacity_of(handle *self) {
    Py_ssize_t capacity;
    if (handle_enter(self) < 0) return -1;
    capacity = (Py_ssize_t)spg_cell_capacity(self->object);
    handle_leave(self);
    return capacity;
}

static PyObject *read_value(PyObject *object, PyObject *unused) {
    cell *self = (cell *)object;
    char small[SMALL];
    Py_ssize_t capacity = capacity_of(&self->base);
    int size;
    (void)unused;
    if (capacity < 0) return NULL;
    if (capacity > SMALL) return read_large(self, (size_t)capacity);
    size = read_to(self, small, sizeof small);
    return size < 0 ? NULL : PyBytes_FromStringAndSize(small, size);
}

static PyObject *read_into(PyObject *object, PyObject *buffer) {
    Py_buffer view;
    int size;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE) < 0) return NULL;
    size = read_to((cell *)object, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return size < 0 ? NULL : PyLong_FromLong(size);
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct waiting {
    cell *self;
    uint64_t version;
};

static int try_wait(void *call, int64_t timeout) {
    const struct waiting *waiting = call;
    return spg_cell_wait(waiting->self->base.object, waiting->version, timeout);
}

static int wait_above(cell *self, uint64_t version, int64_t timeout) {
    struct waiting waiting = {self, version};
    int result = handle_wait(&self->base, try_wait, &waiting, timeout, false);
    if (result < 0) raise_result(result, self->base.name);
    return result;
}

static const struct signature wait_signature = {"wait", 0, 2, {"version", "timeout"}};

static PyObject *wait_method(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *keywords) {
    cell *self = (cell *)object;
    PyObject *values[ARGUMENTS_MAX];
    uint64_t version = self->version;
    int64_t timeout;
    if (arguments_read(&wait_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    if (values[0] && values[0] != Py_None) version = PyLong_AsUnsignedLongLong(values[0]);
    if (PyErr_Occurred() || wait_above(self, version, timeout) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *next_value(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                            PyObject *keywords) {
    int64_t timeout;
    if (only_timeout("next", arguments, count, keywords, &timeout) < 0) return NULL;
    if (wait_above((cell *)object, ((cell *)object)->version, timeout) < 0) return NULL;
    return read_value(object, NULL);
}

static PyObject *iterate(PyObject *self) {
    PyObject *value = next_value(self, NULL, 0, NULL);
    return value ? value : end_if_closed((handle *)self);
}

/* ---- the type -------------------------------------------------------------------------------- */

static PyObject *get_capacity(PyObject *self, void *unused) {
    Py_ssize_t capacity = capacity_of((handle *)self);
    (void)unused;
    return capacity < 0 ? NULL : PyLong_FromSsize_t(capacity);
}

static PyObject *get_type(PyObject *object, void *which) {
    handle *self = (handle *)object;
    PyObject *text;
    if (handle_enter(self) < 0) return NULL;
    text = text_of(which ? spg_cell_schema(self->object) : spg_cell_type(self->object, NULL));
    handle_leave(self);
    return text;
}

static PyObject *get_type_size(PyObject *object, void *unused) {
    handle *self = (handle *)object;
    uint32_t size = 0;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    spg_cell_type(self->object, &size);
    handle_leave(self);
    return PyLong_FromUnsignedLong(size);
}

static PyGetSetDef getset[] = {
    {"capacity", get_capacity, NULL, "Bytes of the largest value.", NULL},
    {"type", get_type, NULL, "What was said of the type when the cell was made.", NULL},
    {"type_size", get_type_size, NULL, "Bytes of the type; 0: any.", NULL},
    {"schema", get_type, NULL, "The text that describes it.", (void *)1},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"version", T_ULONGLONG, offsetof(cell, version), READONLY,
     "Of the value that was read last; 0: none."},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef methods[] = {
    FAST("write", write_value,
         "write($self, data, *, timeout=None)\n--\n\nPublishes a value: a copy of any buffer."),
    FAST("loan", loan, LOAN_DOC " One at a time: while it is out no other handle writes."),
    PLAIN("read", read_value,
          "read($self, /)\n--\n\nThe latest value, as bytes. Raises WouldBlock if there is none."),
    {"read_into", read_into, METH_O,
     "read_into($self, buffer, /)\n--\n\nCopies the latest value to a buffer; returns its size."},
    FAST("wait", wait_method,
         "wait($self, version=None, *, timeout=None)\n--\n\nUntil there is a value newer than this "
         "version, or than the one that was read last."),
    FAST("next", next_value,
         "next($self, timeout=None)\n--\n\nThe latest value as soon as it is newer than the one "
         "that was read last."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Cell(name, *, node=None, mode=0o600, capacity=0, buffers=4, type=None,\n"
                "     type_size=0, schema=None, read_only=False, domain=None)\n--\n\n"
                "The latest value of something. It is made if a capacity is given. Iteration gives "
                "each value that is newer than the one before."},
    {Py_tp_init, init},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_members, members},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterate},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Cell", sizeof(cell), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

static PyObject *unlink_cell(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *keywords) {
    (void)self;
    return channel_unlink(arguments, count, keywords, spg_cell_unlink);
}

static PyMethodDef functions[] = {
    FAST("unlink_cell", unlink_cell,
         "unlink_cell(name, *, node=None)\n--\n\nRemoves a cell; who has it open goes on with it."),
    {NULL, NULL, 0, NULL},
};

int cell_add(PyObject *module) {
    if (!type_add(module, &spec, handle_type)) return -1;
    return functions_add(module, functions);
}
