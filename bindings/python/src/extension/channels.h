/* channels.h: what each file adds to the module, and what the channels have in common. */
#ifndef SAMEPAGE_PYTHON_CHANNELS_H
#define SAMEPAGE_PYTHON_CHANNELS_H

#include "arguments.h"
#include "loan.h"

/* Each 0, or -1 and an exception. */
int node_add(PyObject *module);
int topic_add(PyObject *module);
int cell_add(PyObject *module);
int stream_add(PyObject *module);
int queue_add(PyObject *module);
int server_add(PyObject *module);
int client_add(PyObject *module);
int segment_add(PyObject *module);
int sync_add(PyObject *module);
int waitset_add(PyObject *module);
int look_add(PyObject *module);

/* Opens one end of a channel: `open` gets the node, the name and the options. */
typedef int opener(void **object, spg_node *node, const char *name, const void *options);
int channel_open(PyObject *self, struct opening *opening, PyObject *arguments, PyObject *keywords,
                 const struct handle_kind *kind, opener *open);

/* `unlink_…(name, *, node=None)`. */
typedef int unlinker(spg_node *node, const char *name);
PyObject *channel_unlink(PyObject *const *arguments, Py_ssize_t count, PyObject *keywords,
                         unlinker *unlink);

/* Takes the next piece: `try` is called with the new piece, fills its `held`, and calls nothing of
 * Python's; `data` and `size` in there say where it lies. */
typedef int taker(void *object, union held *held, int64_t timeout);
PyObject *piece_take(handle *self, PyObject *type, const struct piece_kind *kind, taker *take,
                     int64_t timeout);

/* The method with the one parameter `timeout`. */
int only_timeout(const char *function, PyObject *const *arguments, Py_ssize_t count,
                 PyObject *keywords, int64_t *timeout);

/* For iteration: the end, if the handle was closed; otherwise what was raised. NULL. */
PyObject *end_if_closed(const handle *self);

extern const struct option service_table[];

/* Has this client answers that a wait would not see? False for other handles. */
bool client_is_ready(PyObject *object);

/* Methods that are the module's, not a type's. */
int functions_add(PyObject *module, PyMethodDef *functions);

#endif
