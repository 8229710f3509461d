/* segment.c: Segment. The one mutable global is the type. */
#include <string.h>

#include "segment.h"

static PyObject *segment_type;

typedef struct {
    handle base;
    bool is_read_only;
} segment;

/* ---- making ---------------------------------------------------------------------------------- */

#define SEGMENT(field) offsetof(spg_segment_options, field)
#define OPEN_OPTIONS                                                                               \
    {"managed", OPTION_FLAG8, SEGMENT(profile)}, {"populate", OPTION_FLAG8, SEGMENT(populate)},    \
        {"lock", OPTION_FLAG8, SEGMENT(lock)}, {                                                   \
        "type", OPTION_TEXT, SEGMENT(type)                                                         \
    }

static const struct option create_table[] = {
    OPEN_OPTIONS,
    {"mode", OPTION_U32, SEGMENT(mode)},
    {"exclusive", OPTION_FLAG8, SEGMENT(exclusive)},
    {"temporary", OPTION_FLAG8, SEGMENT(lifetime)},
    {"huge_pages", OPTION_U8, SEGMENT(huge_pages)},
    {"numa_node", OPTION_I32, SEGMENT(numa_node)},
    {"seals", OPTION_U32, SEGMENT(seals)},
    {NULL, 0, 0},
};

static const struct option open_table[] = {
    OPEN_OPTIONS,
    {"access", OPTION_U8, SEGMENT(access)},
    {NULL, 0, 0},
};

static int close_segment(void *object) {
    return spg_segment_close(object);
}

static int fd_of(void *object) {
    return spg_segment_fd(object);
}

static const struct handle_kind kind = {close_segment, NULL, fd_of};

static PyObject *segment_new(PyObject *class, spg_segment *object, bool is_read_only) {
    PyObject *self = PyObject_CallFunction(class, NULL);
    const char *name = spg_segment_name(object);
    PyObject *text = self && name ? text_of(name) : NULL;
    if (!self) {
        spg_segment_close(object);
        return NULL;
    }
    PyErr_Clear();
    handle_opened((handle *)self, &kind, object, text, NULL);
    Py_XDECREF(text);
    ((segment *)self)->is_read_only = is_read_only;
    return self;
}

/* Runs inside the library's create, which runs without the interpreter's lock. */
static int call_preparer(void *callable, void *bytes, size_t size) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *view = PyMemoryView_FromMemory(bytes, (Py_ssize_t)size, PyBUF_WRITE);
    PyObject *done = view ? PyObject_CallFunction(callable, "O", view) : NULL;
    PyObject *released = done ? PyObject_CallMethod(view, "release", NULL) : NULL;
    int result = released ? 0 : SPG_ECLOSED;
    Py_XDECREF(released);
    Py_XDECREF(done);
    Py_XDECREF(view);
    PyGILState_Release(state);
    return result;
}

static int take_prepare(PyObject **keywords, spg_segment_options *options) {
    PyObject *prepare = *keywords ? PyDict_GetItemString(*keywords, "prepare") : NULL;
    if (!prepare) return 0;
    *keywords = PyDict_Copy(*keywords);
    if (!*keywords || PyDict_DelItemString(*keywords, "prepare") < 0) return -1;
    if (prepare == Py_None) return 0;
    options->prepare = call_preparer;
    options->context = prepare;
    return 0;
}

static int create_unlocked(spg_segment **out, const char *name, Py_ssize_t size,
                           const spg_segment_options *options) {
    int result;
    Py_BEGIN_ALLOW_THREADS result = spg_segment_create(out, name, (size_t)size, options);
    Py_END_ALLOW_THREADS if (result >= 0) return result;
    if (!PyErr_Occurred()) raise_cold(result); /* otherwise the preparer's exception */
    return RAISED;
}

static PyObject *create_named(PyObject *class, PyObject *name, Py_ssize_t size,
                              struct opening *opening, PyObject *keywords) {
    PyObject *names = PyTuple_Pack(1, name), *self = NULL;
    spg_segment *object = NULL;
    if (names && opening_read(opening, names, keywords) == 0 &&
        create_unlocked(&object, opening->name, size, opening->options) >= 0)
        self = segment_new(class, object, false);
    opening_end(opening);
    Py_XDECREF(names);
    return self;
}

static PyObject *create(PyObject *class, PyObject *arguments, PyObject *keywords) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    struct opening opening = {.function = "create", .table = create_table, .options = &options};
    PyObject *name, *given = keywords, *self = NULL;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(arguments, "On:create", &name, &size)) return NULL;
    if (take_prepare(&keywords, &options) == 0)
        self = create_named(class, name, size, &opening, keywords);
    if (keywords != given) Py_XDECREF(keywords);
    return self;
}

static PyObject *open_named(PyObject *class, PyObject *arguments, PyObject *keywords) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    struct opening opening = {.function = "open", .table = open_table, .options = &options};
    PyObject *self = NULL;
    spg_segment *object;
    int result;
    if (opening_read(&opening, arguments, keywords) == 0) {
        Py_BEGIN_ALLOW_THREADS result = spg_segment_open(&object, opening.name, &options);
        Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
        else self = segment_new(class, object, options.access == SPG_READ_ONLY); }
    opening_end(&opening);
    return self;
}

typedef int fd_opener(spg_segment **out, int fd, const spg_segment_options *options);

static PyObject *open_by_number(PyObject *class, PyObject *arguments, PyObject *keywords,
                                const char *function, fd_opener *open) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    struct opening opening = {
        .function = function, .table = open_table, .options = &options, .nameless = true};
    PyObject *file, *none = PyTuple_New(0), *self = NULL;
    spg_segment *object;
    int result, fd = -1;
    if (none && PyArg_ParseTuple(arguments, "O", &file)) fd = PyObject_AsFileDescriptor(file);
    if (fd >= 0 && opening_read(&opening, none, keywords) == 0) {
        Py_BEGIN_ALLOW_THREADS result = open(&object, fd, &options);
        Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
        else self = segment_new(class, object, options.access == SPG_READ_ONLY); }
    opening_end(&opening);
    Py_XDECREF(none);
    return self;
}

static PyObject *from_fd(PyObject *class, PyObject *arguments, PyObject *keywords) {
    return open_by_number(class, arguments, keywords, "from_fd", spg_segment_open_fd);
}

static PyObject *receive(PyObject *class, PyObject *arguments, PyObject *keywords) {
    return open_by_number(class, arguments, keywords, "receive", spg_segment_receive);
}

/* ---- using ----------------------------------------------------------------------------------- */

static int get_buffer(PyObject *object, Py_buffer *view, int flags) {
    segment *self = (segment *)object;
    static char bytes[] = "B";
    static Py_ssize_t one = 1;
    view->obj = NULL;
    if (handle_enter(&self->base) < 0) return -1;
    *view = (Py_buffer){.buf = spg_segment_address(self->base.object),
                        .obj = object,
                        .len = (Py_ssize_t)spg_segment_size(self->base.object),
                        .itemsize = 1,
                        .readonly = self->is_read_only,
                        .ndim = 1};
    handle_leave(&self->base);
    if (self->is_read_only && (flags & PyBUF_WRITABLE) != 0) {
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "the segment is read-only");
        return -1;
    }
    if ((flags & PyBUF_FORMAT) != 0) view->format = bytes;
    if ((flags & PyBUF_ND) != 0) view->shape = &view->len;
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES) view->strides = &one;
    Py_INCREF(object);
    handle_keep(&self->base);
    return 0;
}

static void release_buffer(PyObject *self, Py_buffer *view) {
    (void)view;
    handle_unkeep((handle *)self);
}

static Py_ssize_t length_of(PyObject *object) {
    handle *self = (handle *)object;
    Py_ssize_t size;
    if (handle_enter(self) < 0) return -1;
    size = (Py_ssize_t)spg_segment_size(self->object);
    handle_leave(self);
    return size;
}

void *segment_place(PyObject *object, Py_ssize_t offset, size_t size) {
    segment *self = (segment *)object;
    Py_ssize_t all;
    char *place;
    if (PyObject_IsInstance(object, segment_type) != 1)
        return PyErr_Format(PyExc_TypeError, "a samepage.Segment is wanted, not %R", object);
    if ((all = length_of(object)) < 0) return NULL;
    if (self->is_read_only || offset < 0 || offset > all - (Py_ssize_t)size) {
        PyErr_Format(PyExc_ValueError, "there are no %zu writable bytes at %zd", size, offset);
        return NULL;
    }
    place = (char *)spg_segment_address(self->base.object) + offset;
    if ((uintptr_t)place % 8 != 0)
        return PyErr_Format(PyExc_ValueError, "%zd is no multiple of 8", offset);
    Py_INCREF(object);
    handle_keep(&self->base);
    return place;
}

/* Not while views are there: the address may change. */
static PyObject *resize(PyObject *object, PyObject *given) {
    handle *self = (handle *)object;
    Py_ssize_t size = PyLong_AsSsize_t(given);
    int result;
    if (PyErr_Occurred()) return NULL;
    if (size < 0) return PyErr_Format(PyExc_ValueError, "a size is not negative");
    if (self->keeps > 0) {
        PyErr_SetString(PyExc_BufferError, "views or locks of the segment are there");
        return NULL;
    }
    if (handle_enter(self) < 0) return NULL;
    result = spg_segment_resize(self->object, (size_t)size);
    if (result < 0) raise_cold(result);
    handle_leave(self);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *seal(PyObject *object, PyObject *given) {
    handle *self = (handle *)object;
    unsigned long seals = PyLong_AsUnsignedLong(given);
    int result;
    if (PyErr_Occurred() || handle_enter(self) < 0) return NULL;
    result = spg_segment_seal(self->object, (unsigned)seals);
    if (result < 0) raise_cold(result);
    handle_leave(self);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *send(PyObject *object, PyObject *socket) {
    handle *self = (handle *)object;
    int result, fd = PyObject_AsFileDescriptor(socket);
    void *sent;
    if (fd < 0 || handle_enter(self) < 0) return NULL;
    sent = self->object;
    Py_BEGIN_ALLOW_THREADS result = spg_segment_send(sent, fd);
    Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
    handle_leave(self);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static const struct signature array_signature = {"array", 0, 3, {"dtype", "shape", "offset"}};

static PyObject *array_of(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                          PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX], *numpy, *dtype, *array;
    Py_ssize_t offset = 0;
    if (arguments_read(&array_signature, arguments, count, keywords, values) < 0) return NULL;
    if (values[2]) offset = PyNumber_AsSsize_t(values[2], PyExc_OverflowError);
    if (PyErr_Occurred() || !(numpy = PyImport_ImportModule("numpy"))) return NULL;
    dtype = values[0] && values[0] != Py_None ? values[0] : PyUnicode_FromString("B");
    if (values[1] && values[1] != Py_None)
        array = PyObject_CallMethod(numpy, "ndarray", "OOOn", values[1], dtype, self, offset);
    else array = PyObject_CallMethod(numpy, "frombuffer", "OOin", self, dtype, -1, offset);
    if (dtype != values[0]) Py_XDECREF(dtype);
    Py_DECREF(numpy);
    return array;
}

/* ---- the type -------------------------------------------------------------------------------- */

static PyObject *get_size(PyObject *self, void *unused) {
    Py_ssize_t size = length_of(self);
    (void)unused;
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

static PyObject *get_address(PyObject *object, void *unused) {
    handle *self = (handle *)object;
    void *address;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    address = spg_segment_address(self->object);
    handle_leave(self);
    return PyLong_FromVoidPtr(address);
}

static PyObject *get_data(PyObject *self, void *unused) {
    (void)unused;
    return PyMemoryView_FromObject(self);
}

static PyGetSetDef getset[] = {
    {"size", get_size, NULL, "The bytes of the caller, exactly.", NULL},
    {"address", get_address, NULL, "Where they begin in this process.", NULL},
    {"data", get_data, NULL, "A memoryview of them, in place.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define CLASS(name, function, doc)                                                                 \
    {                                                                                              \
        name, (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS | METH_CLASS,  \
            doc                                                                                    \
    }

static PyMethodDef methods[] = {
    CLASS("create", create,
          "create($type, name, size, *, managed=False, mode=0o600, exclusive=True,\n"
          "       temporary=False, populate=False, lock=False, huge_pages=0, numa_node=-1,\n"
          "       seals=0, type=None, prepare=None)\n--\n\n"
          "Makes a segment. `prepare` gets a memoryview of its bytes before anybody else sees "
          "them."),
    CLASS("open", open_named,
          "open($type, name, *, access=0, managed=False, populate=False, lock=False,\n"
          "     type=None)\n--\n\nMaps a segment that exists."),
    CLASS("from_fd", from_fd,
          "from_fd($type, fd, *, access=0, managed=False, populate=False, lock=False,\n"
          "        type=None)\n--\n\nMaps the segment behind a descriptor, or anything with a "
          "fileno(). It stays the caller's."),
    CLASS("receive", receive,
          "receive($type, socket, *, access=0, managed=False, populate=False,\n"
          "        lock=False, type=None)\n--\n\nMaps the segment that another process sends "
          "over a Unix socket."),
    {"send", send, METH_O,
     "send($self, socket, /)\n--\n\nSends it over a connected Unix socket, to receive()."},
    {"resize", resize, METH_O,
     "resize($self, size, /)\n--\n\nGrows it; 0 maps what others have grown. Not while views or "
     "locks of it are there."},
    {"seal", seal, METH_O, "seal($self, seals, /)\n--\n\nAdds seals, SEAL_...; memfd only."},
    FAST("array", array_of,
         "array($self, dtype='B', shape=None, offset=0)\n--\n\nIts bytes as a numpy array, in "
         "place."),
    PLAIN("fileno", handle_fileno,
          "fileno($self, /)\n--\n\nIts descriptor, which stays the segment's."),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Memory that several processes map. A buffer; create() makes one, open() maps "
                "one. The name chooses the kind: posix:/frames, sysv:0x5eed, sysv:/etc/hosts#7, "
                "file:/data/index, memfd:label, anonymous:."},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_sq_length, length_of},
    {Py_bf_getbuffer, get_buffer},
    {Py_bf_releasebuffer, release_buffer},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Segment", sizeof(segment), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

static PyObject *unlink_segment(PyObject *self, PyObject *name) {
    PyObject *texts = PyList_New(0);
    const char *text = texts ? text_keep(texts, name) : NULL;
    int result = RAISED;
    (void)self;
    if (text) {
        Py_BEGIN_ALLOW_THREADS result = spg_segment_unlink(text);
        Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
    }
    Py_XDECREF(texts);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"unlink_segment", unlink_segment, METH_O,
     "unlink_segment(name, /)\n--\n\nTakes the name away. Those who have it mapped keep it."},
    {NULL, NULL, 0, NULL},
};

static const struct {
    const char *name;
    long value;
} numbers[] = {
    {"READ_WRITE", SPG_READ_WRITE},
    {"READ_ONLY", SPG_READ_ONLY},
    {"COPY_ON_WRITE", SPG_COPY_ON_WRITE},
    {"HUGE_NONE", SPG_HUGE_NONE},
    {"HUGE_TRANSPARENT", SPG_HUGE_TRANSPARENT},
    {"HUGE_2M", SPG_HUGE_2M},
    {"HUGE_1G", SPG_HUGE_1G},
    {"SEAL_SHRINK", SPG_SEAL_SHRINK},
    {"SEAL_GROW", SPG_SEAL_GROW},
    {"SEAL_WRITE", SPG_SEAL_WRITE},
    {"SEAL_FUTURE_WRITE", SPG_SEAL_FUTURE_WRITE},
    {"SEAL_SEALS", SPG_SEAL_SEALS},
    {NULL, 0},
};

int segment_add(PyObject *module) {
    for (int i = 0; numbers[i].name; i++) {
        if (PyModule_AddIntConstant(module, numbers[i].name, numbers[i].value) < 0) return -1;
    }
    segment_type = type_add(module, &spec, handle_type);
    if (!segment_type) return -1;
    return functions_add(module, functions);
}
