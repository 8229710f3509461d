/* segment.h: what locks need of a segment. */
#ifndef SAMEPAGE_PYTHON_SEGMENT_H
#define SAMEPAGE_PYTHON_SEGMENT_H

#include "channels.h"

/* The address of `size` bytes at `offset`, writable and aligned to 8. NULL and an exception if they
 * are not there. The segment is kept: handle_unkeep and Py_DECREF when it is not needed. */
void *segment_place(PyObject *segment, Py_ssize_t offset, size_t size);

#endif
