/* arguments.c: parameters, timeouts, option structs, element types. */
#include <math.h>
#include <string.h>

#include "arguments.h"

/* ---- parameters ------------------------------------------------------------------------------ */

static int place_of(const struct signature *signature, PyObject *keyword) {
    for (int i = 0; signature->names[i]; i++) {
        if (PyUnicode_CompareWithASCIIString(keyword, signature->names[i]) == 0) return i;
    }
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                 signature->function, keyword);
    return -1;
}

static int read_keywords(const struct signature *signature, PyObject *const *arguments,
                         PyObject *keywords, PyObject **values) {
    Py_ssize_t count = PyTuple_Size(keywords);
    for (Py_ssize_t i = 0; i < count; i++) {
        int place = place_of(signature, PyTuple_GetItem(keywords, i));
        if (place < 0) return -1;
        if (values[place]) {
            PyErr_Format(PyExc_TypeError, "%s() got '%s' twice", signature->function,
                         signature->names[place]);
            return -1;
        }
        values[place] = arguments[i];
    }
    return 0;
}

int arguments_read(const struct signature *signature, PyObject *const *arguments, Py_ssize_t count,
                   PyObject *keywords, PyObject **values) {
    for (int i = 0; i < ARGUMENTS_MAX; i++) values[i] = NULL;
    if (count > signature->positional) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments (%zd given)",
                     signature->function, signature->positional, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) values[i] = arguments[i];
    if (keywords && read_keywords(signature, arguments + count, keywords, values) < 0) return -1;
    for (int i = 0; i < signature->required; i++) {
        if (values[i]) continue;
        PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", signature->function,
                     signature->names[i]);
        return -1;
    }
    return 0;
}

int timeout_read(PyObject *seconds, int64_t *timeout) {
    double value;
    *timeout = SPG_FOREVER;
    if (!seconds || seconds == Py_None) return 0;
    value = PyFloat_AsDouble(seconds);
    if (value == -1.0 && PyErr_Occurred()) return -1;
    if (!(value >= 0)) {
        PyErr_SetString(PyExc_ValueError, "a timeout is None or a number of seconds, not negative");
        return -1;
    }
    if (value < 9e9) *timeout = (int64_t)ceil(value * 1e9);
    return 0;
}

/* ---- options --------------------------------------------------------------------------------- */

const char *text_keep(PyObject *texts, PyObject *text) {
    PyObject *bytes;
    char *characters = NULL;
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "a text is wanted, not %R", text);
        return NULL;
    }
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
    if (!bytes) return NULL;
    if (PyList_Append(texts, bytes) == 0) PyBytes_AsStringAndSize(bytes, &characters, NULL);
    Py_DECREF(bytes);
    return PyErr_Occurred() ? NULL : characters;
}

static int number_read(PyObject *value, unsigned long long most, unsigned long long *number) {
    *number = PyLong_AsUnsignedLongLong(value);
    if (*number == (unsigned long long)-1 && PyErr_Occurred()) return -1;
    if (*number <= most) return 0;
    PyErr_Format(PyExc_OverflowError, "%R is too large", value);
    return -1;
}

static int store_number(const struct option *option, void *field, PyObject *value) {
    unsigned long long number, most = option->kind == OPTION_U64   ? UINT64_MAX
                                      : option->kind == OPTION_U32 ? UINT32_MAX
                                                                   : UINT8_MAX;
    if (number_read(value, most, &number) < 0) return -1;
    if (option->kind == OPTION_U64) *(uint64_t *)field = number;
    else if (option->kind == OPTION_U32) *(uint32_t *)field = (uint32_t)number;
    else *(uint8_t *)field = (uint8_t)number;
    return 0;
}

static int store_flag(const struct option *option, void *field, PyObject *value) {
    int truth = PyObject_IsTrue(value);
    if (truth < 0) return -1;
    if (option->kind == OPTION_FLAG8) *(uint8_t *)field = (uint8_t)truth;
    else *(uint32_t *)field = (uint32_t)truth;
    return 0;
}

static int store(struct opening *opening, const struct option *option, PyObject *value) {
    void *field = (char *)opening->options + option->offset;
    switch (option->kind) {
    case OPTION_FLAG8:
    case OPTION_FLAG32: return store_flag(option, field, value);
    case OPTION_TIMEOUT: return timeout_read(value, field);
    case OPTION_TEXT:
        if (value == Py_None) return 0;
        return (*(const char **)field = text_keep(opening->texts, value)) ? 0 : -1;
    case OPTION_I32:
        *(int32_t *)field = (int32_t)PyLong_AsLong(value);
        return PyErr_Occurred() ? -1 : 0;
    default: return store_number(option, field, value);
    }
}

static int store_keyword(struct opening *opening, PyObject *keyword, PyObject *value) {
    if (PyUnicode_CompareWithASCIIString(keyword, "node") == 0) {
        opening->node = value == Py_None ? NULL : value;
        return 0;
    }
    for (const struct option *option = opening->table; option->name; option++) {
        if (PyUnicode_CompareWithASCIIString(keyword, option->name) == 0)
            return store(opening, option, value);
    }
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", opening->function,
                 keyword);
    return -1;
}

static int read_name(struct opening *opening, PyObject *arguments) {
    if (PyTuple_Size(arguments) != !opening->nameless) {
        PyErr_Format(PyExc_TypeError, "%s() takes %s, and options by keyword", opening->function,
                     opening->nameless ? "no argument" : "one argument, a name");
        return -1;
    }
    if (opening->nameless) return 0;
    opening->name_given = PyTuple_GetItem(arguments, 0);
    opening->name = text_keep(opening->texts, opening->name_given);
    return opening->name ? 0 : -1;
}

int opening_read(struct opening *opening, PyObject *arguments, PyObject *keywords) {
    PyObject *keyword, *value;
    Py_ssize_t place = 0;
    opening->texts = PyList_New(0);
    if (!opening->texts || read_name(opening, arguments) < 0) return -1;
    while (keywords && PyDict_Next(keywords, &place, &keyword, &value)) {
        if (store_keyword(opening, keyword, value) < 0) return -1;
    }
    return 0;
}

void opening_end(struct opening *opening) {
    Py_CLEAR(opening->texts);
}

/* ---- element types --------------------------------------------------------------------------- */

/* The codes of Python's struct module that are one element of this machine. */
static Py_ssize_t size_of_code(int code) {
    if (code == 0) return 0;
    if (strchr("bBc?", code)) return 1;
    if (strchr("hHe", code)) return 2;
    if (strchr("iIf", code)) return 4;
    if (strchr("lL", code)) return sizeof(long);
    return strchr("qQd", code) ? 8 : 0;
}

static bool holds_objects(PyObject *array) {
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    PyObject *answer = dtype ? PyObject_GetAttrString(dtype, "hasobject") : NULL;
    bool holds = !answer || PyObject_IsTrue(answer) != 0;
    Py_XDECREF(answer);
    Py_XDECREF(dtype);
    if (holds && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "objects of Python cannot lie in shared memory");
    return holds;
}

static int format_of(PyObject *array, PyObject **format, Py_ssize_t *item_size) {
    Py_buffer view;
    *format = NULL;
    if (holds_objects(array)) return -1;
    if (PyObject_GetBuffer(array, &view, PyBUF_FORMAT | PyBUF_ND) < 0) return -1;
    *item_size = view.itemsize;
    if (view.ndim == 1) *format = PyBytes_FromString(view.format ? view.format : "B");
    else PyErr_SetString(PyExc_TypeError, "an array within each element belongs to the shape");
    PyBuffer_Release(&view);
    return *format ? 0 : -1;
}

/* Everything else is numpy's to know. Two elements, because of one it tells the padding wrongly. */
static int ask_numpy(PyObject *dtype, PyObject **format, Py_ssize_t *item_size) {
    PyObject *numpy = PyImport_ImportModule("numpy"), *array;
    int result;
    if (!numpy) return -1;
    array = PyObject_CallMethod(numpy, "empty", "iO", 2, dtype);
    Py_DECREF(numpy);
    if (!array) return -1;
    result = format_of(array, format, item_size);
    Py_DECREF(array);
    return result;
}

int dtype_read(PyObject *dtype, PyObject **format, Py_ssize_t *item_size) {
    *item_size = 1;
    if (!dtype || dtype == Py_None) return (*format = PyBytes_FromString("B")) ? 0 : -1;
    if (PyUnicode_Check(dtype) && PyUnicode_GetLength(dtype) == 1) {
        Py_UCS4 code = PyUnicode_ReadChar(dtype, 0);
        *item_size = code < 128 ? size_of_code((int)code) : 0;
        if (*item_size > 0) return (*format = PyUnicode_AsUTF8String(dtype)) ? 0 : -1;
    }
    return ask_numpy(dtype, format, item_size);
}
