/* error.h: the library's results as Python's exceptions. */
#ifndef SAMEPAGE_PYTHON_ERROR_H
#define SAMEPAGE_PYTHON_ERROR_H

#include "python.h"

/* What our own functions return when an exception is set already: no result of the library's. */
enum { RAISED = -10000 };

int errors_add(PyObject *module);

/* Each sets an exception and returns NULL. `what` is the object's name, or NULL. After a cold call
 * (open, create, unlink, …) the library has a detail text; after others it has none. */
PyObject *raise_cold(int result);
PyObject *raise_result(int result, PyObject *what);

/* What answers a request, whose number the exception carries. */
PyObject *raise_answer(int result, uint64_t request);

/* Is a SPG_ECLOSED what is raised now? */
bool closed_is_raised(void);

#endif
