/* python.h: Python's stable ABI of 3.9, and what later versions of it say of earlier ones.
 *
 * The buffer protocol and METH_FASTCALL are in the limited API since 3.11 and 3.10, but every
 * interpreter since 3.9 has them as they are there: the same struct, slots, flags and functions.
 * 3.9 and 3.10 do not change any more, so what is declared here by hand holds for them; for all
 * others it is what their stable ABI promises. The compiler still refuses everything else that 3.9
 * does not have. */
#ifndef SAMEPAGE_PYTHON_H
#define SAMEPAGE_PYTHON_H

#define Py_LIMITED_API 0x03090000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <samepage/samepage.h>
#include <stdbool.h>

typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char *format;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    Py_ssize_t *suboffsets;
    void *internal;
} Py_buffer;

#ifndef Py_bf_getbuffer
#    define Py_bf_getbuffer 1
#    define Py_bf_releasebuffer 2
#endif
#ifndef METH_FASTCALL
#    define METH_FASTCALL 0x0080
#endif

#define PyBUF_SIMPLE 0
#define PyBUF_WRITABLE 0x0001
#define PyBUF_FORMAT 0x0004
#define PyBUF_ND 0x0008
#define PyBUF_STRIDES (0x0010 | PyBUF_ND)
#define PyBUF_READ 0x100
#define PyBUF_WRITE 0x200

PyAPI_FUNC(int) PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags);
PyAPI_FUNC(void) PyBuffer_Release(Py_buffer *view);

/* Methods as Python calls them fastest: the positional arguments, then those of `keywords`. */
typedef PyObject *fast_method(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords);
#define FAST(name, function, doc)                                                                  \
    { name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, doc }
#define PLAIN(name, function, doc)                                                                 \
    { name, function, METH_NOARGS, doc }

#endif
