/* stream.c: StreamWriter, StreamReader, Chunk. The one mutable global is the type of chunks. */
#include <limits.h>

#include "channels.h"

static PyObject *chunk_type;

enum { LONG_COPY = 65536 };

/* ---- opening --------------------------------------------------------------------------------- */

static const struct option table[] = {
    {"mode", OPTION_U32, offsetof(spg_stream_options, mode)},
    {"capacity", OPTION_U64, offsetof(spg_stream_options, capacity)},
    {NULL, 0, 0},
};

static int close_stream(void *stream) {
    return spg_stream_close(stream);
}

static int open_writer(void **out, spg_node *node, const char *name, const void *options) {
    return spg_stream_open((spg_stream **)(void *)out, node, name, SPG_STREAM_WRITER, options);
}

static int open_reader(void **out, spg_node *node, const char *name, const void *options) {
    return spg_stream_open((spg_stream **)(void *)out, node, name, SPG_STREAM_READER, options);
}

static spg_waitable *waitable_of(void *stream) {
    return spg_stream_waitable(stream);
}

static int fd_of(void *stream) {
    return spg_stream_fd(stream);
}

static const struct handle_kind kind = {close_stream, waitable_of, fd_of};

static int writer_init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    struct opening opening = {.function = "StreamWriter", .table = table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &kind, open_writer);
}

static int reader_init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    struct opening opening = {.function = "StreamReader", .table = table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &kind, open_reader);
}

static PyObject *get_capacity(PyObject *object, void *unused) {
    handle *self = (handle *)object;
    size_t capacity;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    capacity = spg_stream_capacity(self->object);
    handle_leave(self);
    return PyLong_FromSize_t(capacity);
}

static PyGetSetDef getset[] = {
    {"capacity", get_capacity, NULL, "Bytes that may be on the way at once.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- writing --------------------------------------------------------------------------------- */

struct copying {
    handle *owner;
    const char *from;
    char *to;
    size_t size;
    size_t done;
};

/* Is over when all is written, so an attempt that wrote some is one that waits. */
static int try_write(void *call, int64_t timeout) {
    struct copying *copying = call;
    size_t left = copying->size - copying->done;
    int result = spg_stream_write(copying->owner->object, copying->from + copying->done,
                                  left > INT_MAX ? INT_MAX : left, timeout);
    if (result < 0) return result;
    copying->done += (size_t)result;
    return copying->done < copying->size ? SPG_EAGAIN : 0;
}

static const struct signature write_signature = {"write", 1, 1, {"data", "timeout"}};

static PyObject *write_bytes(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *keywords) {
    handle *self = (handle *)object;
    PyObject *values[ARGUMENTS_MAX];
    struct payload payload;
    struct copying copying = {self, NULL, NULL, 0, 0};
    int64_t timeout;
    int result;
    if (arguments_read(&write_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0 || pieces_are_out(self)) return NULL;
    if (payload_begin(&payload, values[0], NULL) < 0) return NULL;
    copying.from = payload.data;
    copying.size = payload.size;
    result = handle_wait(self, try_write, &copying, timeout, payload_is_long(&payload));
    if ((result == SPG_EAGAIN || result == SPG_ETIMEDOUT) && copying.done > 0) result = 0;
    if (result < 0) raise_result(result, self->name);
    payload_end(&payload, false);
    return result < 0 ? NULL : PyLong_FromSize_t(copying.done);
}

static int commit_loan(void *stream, void *data, size_t size, int64_t timeout) {
    (void)data, (void)timeout;
    return spg_stream_commit(stream, size);
}

static const struct piece_kind loan_kind = {"loan", NULL, commit_loan};

static int try_reserve(void *argument, int64_t timeout) {
    struct loan_call *call = argument;
    if (call->owner->pieces) return SPG_EFULL;
    return spg_stream_reserve(call->owner->object, call->size, &call->data, timeout);
}

static PyObject *loan(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    return loan_make((handle *)self, &loan_kind, try_reserve, arguments, count, keywords);
}

static PyObject *end_stream(PyObject *object, PyObject *unused) {
    handle *self = (handle *)object;
    int result;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    result = spg_stream_end(self->object);
    handle_leave(self);
    if (result < 0) return raise_result(result, self->name);
    Py_RETURN_NONE;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct peeking {
    handle *owner;
    const void *bytes;
};

static int try_peek(void *call, int64_t timeout) {
    struct peeking *peeking = call;
    return spg_stream_peek(peeking->owner->object, &peeking->bytes, timeout);
}

static int try_read(void *call, int64_t timeout) {
    struct copying *copying = call;
    return spg_stream_read(copying->owner->object, copying->to, copying->size, timeout);
}

static int read_to(handle *self, void *buffer, size_t size, int64_t timeout) {
    struct copying copying = {self, NULL, buffer, size > INT_MAX ? INT_MAX : size, 0};
    int result;
    if (pieces_are_out(self)) return RAISED;
    if (size == 0) return 0;
    result = handle_wait(self, try_read, &copying, timeout, size > LONG_COPY);
    if (result < 0) return raise_result(result, self->name), RAISED;
    return result;
}

/* Nothing runs between the end of the wait and the consuming, since we do not let go of the
 * interpreter's lock. */
static PyObject *read_here(handle *self, Py_ssize_t size, int64_t timeout) {
    struct peeking peeking = {self, NULL};
    int result = handle_wait(self, try_peek, &peeking, timeout, false);
    PyObject *bytes;
    if (result < 0) return raise_result(result, self->name);
    if (size > result) size = result;
    bytes = PyBytes_FromStringAndSize(peeking.bytes, size);
    if (bytes && size > 0 && self->object) spg_stream_consume(self->object, (size_t)size);
    return bytes;
}

static const struct signature read_signature = {"read", 0, 1, {"size", "timeout"}};

static PyObject *read_bytes(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                            PyObject *keywords) {
    handle *self = (handle *)object;
    PyObject *values[ARGUMENTS_MAX], *bytes;
    Py_ssize_t size = LONG_COPY;
    int64_t timeout;
    if (arguments_read(&read_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0 || pieces_are_out(self)) return NULL;
    if (values[0] && values[0] != Py_None) size = PyLong_AsSsize_t(values[0]);
    if (size < 0 && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "how many bytes at most? makefile() reads to the end");
    if (PyErr_Occurred()) return NULL;
    handle_keep(self);
    bytes = read_here(self, size, timeout);
    handle_unkeep(self);
    return bytes;
}

static const struct signature read_into_signature = {"read_into", 1, 1, {"buffer", "timeout"}};

static PyObject *read_into(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                           PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX];
    Py_buffer view;
    int64_t timeout;
    int result;
    if (arguments_read(&read_into_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    if (PyObject_GetBuffer(values[0], &view, PyBUF_WRITABLE) < 0) return NULL;
    result = read_to((handle *)object, view.buf, (size_t)view.len, timeout);
    PyBuffer_Release(&view);
    return result < 0 ? NULL : PyLong_FromLong(result);
}

static PyObject *iterate(PyObject *self) {
    PyObject *bytes = read_bytes(self, NULL, 0, NULL);
    if (!bytes) return end_if_closed((handle *)self);
    if (PyBytes_Size(bytes) == 0) Py_CLEAR(bytes);
    return bytes;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static const struct piece_kind chunk_kind = {"chunk", NULL, NULL};

static PyObject *peek(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    handle *self = (handle *)object;
    struct peeking peeking = {self, NULL};
    int64_t timeout;
    piece *chunk;
    int result;
    if (only_timeout("peek", arguments, count, keywords, &timeout) < 0) return NULL;
    if (pieces_are_out(self) || !(chunk = piece_new(chunk_type, self, &chunk_kind))) return NULL;
    handle_keep(self);
    result = handle_wait(self, try_peek, &peeking, timeout, false);
    if (result >= 0) piece_holds(chunk, result > 0 ? peeking.bytes : "", (size_t)result);
    else raise_result(result, self->name);
    handle_unkeep(self);
    return piece_or_closed(chunk, result);
}

static const struct signature consume_signature = {"consume", 0, 1, {"size"}};

static PyObject *consume(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords) {
    piece *self = (piece *)object;
    PyObject *values[ARGUMENTS_MAX];
    Py_ssize_t size = self->size;
    int result;
    if (arguments_read(&consume_signature, arguments, count, keywords, values) < 0) return NULL;
    if (values[0] && values[0] != Py_None) size = PyLong_AsSsize_t(values[0]);
    if (PyErr_Occurred() || !piece_check(self)) return NULL;
    if (size < 0 || size > self->size)
        return PyErr_Format(PyExc_ValueError, "the chunk has %zd bytes, not %zd", self->size, size);
    if (handle_enter(self->owner) < 0) return NULL;
    result = size > 0 ? spg_stream_consume(self->owner->object, (size_t)size) : 0;
    piece_over(self);
    handle_leave(self->owner);
    if (result < 0) return raise_result(result, self->owner->name);
    Py_RETURN_NONE;
}

static PyObject *leave_chunk(PyObject *self, PyObject *arguments) {
    return piece_leave(self, arguments, "consume", "release");
}

static PyMethodDef chunk_methods[] = {
    PIECE_METHODS,
    {"__exit__", leave_chunk, METH_VARARGS, NULL},
    FAST("consume", consume,
         "consume($self, size=None)\n--\n\nGives its first `size` bytes, or all, back as room."),
    PLAIN("release", piece_release,
          "release($self, /)\n--\n\nLets go of it; its bytes are still to be read."),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef chunk_members[] = {PIECE_SIZE, PIECE_MEMBERS_END};

/* ---- the types ------------------------------------------------------------------------------- */

static PyMethodDef writer_methods[] = {
    FAST("write", write_bytes,
         "write($self, data, *, timeout=None)\n--\n\nWrites a buffer. Returns how much of it was "
         "written until the timeout; raises Timeout if nothing was, PeerDead, and Closed if the "
         "reader has gone."),
    FAST("loan", loan, LOAN_DOC " One at a time."),
    PLAIN("end", end_stream, "end($self, /)\n--\n\nNothing more follows; close does that, too."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyMethodDef reader_methods[] = {
    FAST("read", read_bytes,
         "read($self, size=65536, *, timeout=None)\n--\n\nWhat is there, at most so many bytes; "
         "b'' at the end. Raises PeerDead after the last byte of a writer that died."),
    FAST(
        "read_into", read_into,
        "read_into($self, buffer, *, timeout=None)\n--\n\nReads into a buffer; returns the count."),
    FAST("peek", peek,
         "peek($self, timeout=None)\n--\n\nWhat is there, in place, one chunk at a time; empty at "
         "the end. As a context it is consumed at the end."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot writer_slots[] = {
    {Py_tp_doc, "StreamWriter(name, *, node=None, mode=0o600, capacity=65536)\n--\n\n"
                "The writing end of a stream of bytes, which has one writer and one reader."},
    {Py_tp_init, writer_init},
    {Py_tp_methods, writer_methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "StreamReader(name, *, node=None, mode=0o600, capacity=65536)\n--\n\n"
                "The reading end of a stream of bytes. Iteration gives what is there, to the end."},
    {Py_tp_init, reader_init},
    {Py_tp_methods, reader_methods},
    {Py_tp_getset, getset},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterate},
    {0, NULL},
};

static PyType_Spec writer_spec = {"samepage.StreamWriter", sizeof(handle), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, writer_slots};
static PyType_Spec reader_spec = {"samepage.StreamReader", sizeof(handle), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, reader_slots};

static PyObject *unlink_stream(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                               PyObject *keywords) {
    (void)self;
    return channel_unlink(arguments, count, keywords, spg_stream_unlink);
}

static PyMethodDef functions[] = {
    FAST("unlink_stream", unlink_stream,
         "unlink_stream(name, *, node=None)\n--\n\nTakes a stream's name away; who has an end "
         "keeps it."),
    {NULL, NULL, 0, NULL},
};

int stream_add(PyObject *module) {
    chunk_type = piece_type_add(module, "samepage.Chunk", "Bytes of a stream, in place.",
                                chunk_methods, chunk_members);
    if (!chunk_type || !type_add(module, &writer_spec, handle_type)) return -1;
    if (!type_add(module, &reader_spec, handle_type)) return -1;
    return functions_add(module, functions);
}
