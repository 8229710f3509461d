/* error.c: a class for each result, below samepage.Error, beside the built-in one that fits. The
 * one mutable global is the table of them, filled when the module is made. */
#include <errno.h>
#include <string.h>

#include "error.h"

struct entry {
    int result;
    const char *name;
    const char *built_in; /* a class of Python's that it is, too; may be NULL */
    int number;           /* errno */
    PyObject *class;
};

static PyObject *base;
static PyObject *refused;

static struct entry entries[] = {
    {SPG_EINVAL, "InvalidArgument", "ValueError", EINVAL, NULL},
    {SPG_ENOMEM, "NoMemory", "MemoryError", ENOMEM, NULL},
    {SPG_ENOSPC, "NoSpace", NULL, ENOSPC, NULL},
    {SPG_EEXIST, "Exists", "FileExistsError", EEXIST, NULL},
    {SPG_ENOENT, "NotFound", "FileNotFoundError", ENOENT, NULL},
    {SPG_EPERM, "NotPermitted", "PermissionError", EPERM, NULL},
    {SPG_ETIMEDOUT, "Timeout", "TimeoutError", ETIMEDOUT, NULL},
    {SPG_EAGAIN, "WouldBlock", "BlockingIOError", EAGAIN, NULL}, /* after Timeout, its base */
    {SPG_EOWNERDEAD, "OwnerDead", NULL, EOWNERDEAD, NULL},
    {SPG_EPEERDEAD, "PeerDead", "ConnectionResetError", ECONNRESET, NULL},
    {SPG_ECORRUPT, "Corrupt", NULL, EBADMSG, NULL},
    {SPG_EVERSION, "VersionMismatch", NULL, EPROTO, NULL},
    {SPG_ETYPE, "TypeMismatch", "TypeError", EPROTOTYPE, NULL},
    {SPG_EFULL, "Full", NULL, ENOBUFS, NULL},
    {SPG_ETOOBIG, "TooBig", "ValueError", EMSGSIZE, NULL},
    {SPG_ECLOSED, "Closed", "BrokenPipeError", EPIPE, NULL},
    {SPG_EFORKED, "Forked", NULL, ECHILD, NULL},
    {SPG_ENOTSUP, "NotSupported", NULL, ENOTSUP, NULL},
    {SPG_ESYSTEM, "SystemCallFailed", NULL, EIO, NULL},
    {SPG_EDEADLOCK, "Deadlock", NULL, EDEADLK, NULL},
    {SPG_EDOMAIN, "OtherDomain", NULL, EXDEV, NULL},
    {SPG_EMFILE, "TooManyFiles", NULL, EMFILE, NULL},
};

enum { ENTRIES = sizeof entries / sizeof *entries };

static struct entry *find(int result) {
    for (int i = 0; i < ENTRIES; i++) {
        if (entries[i].result == result) return &entries[i];
    }
    return NULL;
}

/* ---- making the classes ---------------------------------------------------------------------- */

/* WouldBlock is a Timeout, too: one whose time was 0. */
static PyObject *bases_of(const struct entry *entry) {
    PyObject *above = entry->result == SPG_EAGAIN ? find(SPG_ETIMEDOUT)->class : base;
    PyObject *built_in, *builtins, *bases;
    if (!entry->built_in) return PyTuple_Pack(1, above);
    builtins = PyImport_ImportModule("builtins");
    if (!builtins) return NULL;
    built_in = PyObject_GetAttrString(builtins, entry->built_in);
    Py_DECREF(builtins);
    bases = built_in ? PyTuple_Pack(2, above, built_in) : NULL;
    Py_XDECREF(built_in);
    return bases;
}

static PyObject *make(PyObject *module, const char *name, const char *doc, PyObject *bases,
                      PyObject *attributes) {
    PyObject *qualified = PyUnicode_FromFormat("samepage.%s", name);
    PyObject *bytes = qualified ? PyUnicode_AsUTF8String(qualified) : NULL;
    PyObject *class = NULL;
    if (bytes) class = PyErr_NewExceptionWithDoc(PyBytes_AsString(bytes), doc, bases, attributes);
    Py_XDECREF(bytes);
    Py_XDECREF(qualified);
    if (!class) return NULL;
    Py_INCREF(class);
    if (PyModule_AddObject(module, name, class) < 0) Py_CLEAR(class);
    return class;
}

static int add(PyObject *module, struct entry *entry) {
    PyObject *bases = bases_of(entry);
    PyObject *attributes = Py_BuildValue("{s:i,s:s}", "code", entry->result, "name",
                                         spg_error_name(entry->result));
    if (bases && attributes)
        entry->class = make(module, entry->name, spg_error_text(entry->result), bases, attributes);
    Py_XDECREF(bases);
    Py_XDECREF(attributes);
    return entry->class ? 0 : -1;
}

int errors_add(PyObject *module) {
    PyObject *attributes = Py_BuildValue("{s:i,s:s,s:O}", "code", 0, "name", "SPG_EUNKNOWN",
                                         "request", Py_None);
    if (!attributes) return -1;
    base = make(module, "Error",
                "What the library could not do. `code` and `name` are the library's result; "
                "`request` is the number of the request that it answers, or None.",
                PyExc_OSError, attributes);
    Py_DECREF(attributes);
    if (!base) return -1;
    refused = make(module, "Refused",
                   "A server refused the request with a number of its own, code.", base, NULL);
    if (!refused) return -1;
    for (int i = 0; i < ENTRIES; i++) {
        if (add(module, &entries[i]) < 0) return -1;
    }
    return 0;
}

/* ---- raising --------------------------------------------------------------------------------- */

static PyObject *make_error(int result, PyObject *text) {
    const struct entry *entry = find(result);
    PyObject *error, *code;
    if (!text) return NULL;
    if (entry) return PyObject_CallFunction(entry->class, "iO", entry->number, text);
    error = PyObject_CallFunction(refused, "iO", EPROTO, text);
    code = error ? PyLong_FromLong(result) : NULL;
    if (code && PyObject_SetAttrString(error, "code", code) < 0) Py_CLEAR(error);
    Py_XDECREF(code);
    return error;
}

static PyObject *set_error(PyObject *error) {
    if (!error) return NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return NULL;
}

static PyObject *raise(int result, PyObject *text) {
    PyObject *error = make_error(result, text);
    Py_XDECREF(text);
    return set_error(error);
}

PyObject *raise_cold(int result) {
    const char *detail = spg_error_detail();
    if (result == RAISED) return NULL;
    if (*detail == 0) detail = spg_error_text(result);
    return raise(result, PyUnicode_DecodeUTF8(detail, (Py_ssize_t)strlen(detail), "replace"));
}

PyObject *raise_result(int result, PyObject *what) {
    const char *text = spg_error_text(result);
    if (result == RAISED) return NULL;
    if (!find(result)) return raise(result, PyUnicode_FromFormat("refused with %d", result));
    if (!what) return raise(result, PyUnicode_FromString(text));
    return raise(result, PyUnicode_FromFormat("%U: %s", what, text));
}

PyObject *raise_answer(int result, uint64_t request) {
    PyObject *text = find(result) ? PyUnicode_FromString(spg_error_text(result))
                                  : PyUnicode_FromFormat("refused with %d", result);
    PyObject *error = make_error(result, text), *number;
    Py_XDECREF(text);
    number = error ? PyLong_FromUnsignedLongLong(request) : NULL;
    if (number && PyObject_SetAttrString(error, "request", number) < 0) Py_CLEAR(error);
    Py_XDECREF(number);
    return set_error(error);
}

bool closed_is_raised(void) {
    return PyErr_ExceptionMatches(find(SPG_ECLOSED)->class) != 0;
}
