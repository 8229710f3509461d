/* arguments.h: what Python hands over, as what the library takes. */
#ifndef SAMEPAGE_PYTHON_ARGUMENTS_H
#define SAMEPAGE_PYTHON_ARGUMENTS_H

#include "python.h"

enum { ARGUMENTS_MAX = 3 };

/* A method's parameters. The first `positional` may be given by place, the others by name alone. */
struct signature {
    const char *function;
    int required;
    int positional;
    const char *names[ARGUMENTS_MAX + 1];
};

/* Sorts them into `values`, borrowed; NULL where one is not given. 0, or -1 and an exception. */
int arguments_read(const struct signature *signature, PyObject *const *arguments, Py_ssize_t count,
                   PyObject *keywords, PyObject **values);

/* Seconds to nanoseconds; None, or NULL, is for ever. 0, or -1 and an exception. */
int timeout_read(PyObject *seconds, int64_t *timeout);

/* One field of an option struct and the keyword it is given by. */
enum option_kind {
    OPTION_U32,
    OPTION_U64,
    OPTION_I32,
    OPTION_U8,
    OPTION_FLAG32,
    OPTION_FLAG8,
    OPTION_TEXT,
    OPTION_TIMEOUT
};
struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
};

/* What a constructor was given: `name` is its one positional argument, unless `nameless`. The texts
 * in the option struct live as long as `texts`. */
struct opening {
    const char *function;
    const struct option *table; /* ends with a NULL name */
    void *options;
    bool nameless;
    int64_t *patience;    /* in the options: how long to wait for it to be made; or NULL */
    const char *name;     /* as the library takes it */
    PyObject *texts;      /* a list of bytes */
    PyObject *node;       /* borrowed, or NULL */
    PyObject *name_given; /* borrowed */
};

/* 0, or -1 and an exception; either way opening_end is called. */
int opening_read(struct opening *opening, PyObject *arguments, PyObject *keywords);
void opening_end(struct opening *opening);

/* A text as bytes that live as long as `texts`. NULL and an exception if it is none. */
const char *text_keep(PyObject *texts, PyObject *text);

/* The type of an array's elements. `format` is a new reference to bytes. */
int dtype_read(PyObject *dtype, PyObject **format, Py_ssize_t *item_size);

#endif
