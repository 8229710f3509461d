/* channels.c: what the channels have in common. */
#include "channels.h"

/* What is held begins with where it lies and its size, whatever it is. */
struct place {
    const void *data;
    size_t size;
};
_Static_assert(offsetof(spg_message, size) == offsetof(struct place, size), "a message");
_Static_assert(offsetof(spg_job, size) == offsetof(struct place, size), "a job");
_Static_assert(offsetof(spg_request, size) == offsetof(struct place, size), "a request");
_Static_assert(offsetof(spg_response, size) == offsetof(struct place, size), "a response");

/* One attempt to open, without the interpreter's lock. */
static int open_once(opener *open, void **object, handle *node, const struct opening *opening) {
    int result;
    Py_BEGIN_ALLOW_THREADS result = open(object, node_of(node), opening->name, opening->options);
    Py_END_ALLOW_THREADS return result;
}

/* Who waits for the channel to be made does so in slices, so that signals are handled. */
static int open_patiently(opener *open, void **object, handle *node,
                          const struct opening *opening) {
    int64_t began = clock_now(), timeout = opening->patience ? *opening->patience : 0;
    for (;;) {
        int result;
        if (opening->patience) *opening->patience = time_slice(began, timeout);
        result = open_once(open, object, node, opening);
        if (result != SPG_ENOENT || time_left(began, timeout) == 0) return result;
        if (PyErr_CheckSignals() < 0) return RAISED;
    }
}

static int open_beside(opener *open, void **object, handle *node, const struct opening *opening) {
    int result;
    if (node) handle_keep(node);
    result = open_patiently(open, object, node, opening);
    if (result < 0) raise_cold(result);
    if (node) handle_unkeep(node);
    return result;
}

int channel_open(PyObject *self, struct opening *opening, PyObject *arguments, PyObject *keywords,
                 const struct handle_kind *kind, opener *open) {
    void *object = NULL;
    handle *node = NULL;
    int result = RAISED;
    if (!handle_is_new((handle *)self)) return -1;
    if (opening_read(opening, arguments, keywords) == 0 && node_read(opening->node, &node) == 0)
        result = open_beside(open, &object, node, opening);
    if (result >= 0) handle_opened((handle *)self, kind, object, opening->name_given, node);
    opening_end(opening);
    return result < 0 ? -1 : 0;
}

static const struct signature unlink_signature = {"unlink", 1, 1, {"name", "node"}};

PyObject *channel_unlink(PyObject *const *arguments, Py_ssize_t count, PyObject *keywords,
                         unlinker *unlink) {
    PyObject *values[ARGUMENTS_MAX], *texts;
    handle *node;
    const char *name;
    int result = RAISED;
    if (arguments_read(&unlink_signature, arguments, count, keywords, values) < 0) return NULL;
    if (node_read(values[1] == Py_None ? NULL : values[1], &node) < 0) return NULL;
    texts = PyList_New(0);
    name = texts ? text_keep(texts, values[0]) : NULL;
    if (name) {
        if (node) handle_keep(node);
        Py_BEGIN_ALLOW_THREADS result = unlink(node_of(node), name);
        Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
        if (node) handle_unkeep(node);
    }
    Py_XDECREF(texts);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

struct taking {
    handle *owner;
    taker *take;
    union held *held;
};

static int try_take(void *call, int64_t timeout) {
    const struct taking *taking = call;
    return taking->take(taking->owner->object, taking->held, timeout);
}

PyObject *piece_take(handle *self, PyObject *type, const struct piece_kind *kind, taker *take,
                     int64_t timeout) {
    piece *taken = piece_new(type, self, kind);
    struct taking taking = {self, take, taken ? &taken->held : NULL};
    const struct place *place;
    int result;
    if (!taken) return NULL;
    handle_keep(self);
    result = handle_wait(self, try_take, &taking, timeout, false);
    place = (const struct place *)(const void *)&taken->held;
    if (result >= 0) piece_holds(taken, place->data, place->size);
    else raise_result(result, self->name);
    handle_unkeep(self);
    return piece_or_closed(taken, result);
}

int only_timeout(const char *function, PyObject *const *arguments, Py_ssize_t count,
                 PyObject *keywords, int64_t *timeout) {
    const struct signature signature = {function, 0, 1, {"timeout"}};
    PyObject *values[ARGUMENTS_MAX];
    *timeout = SPG_FOREVER;
    if (count == 0 && !keywords) return 0;
    if (arguments_read(&signature, arguments, count, keywords, values) < 0) return -1;
    return timeout_read(values[0], timeout);
}

PyObject *end_if_closed(const handle *self) {
    if (self->closed && closed_is_raised()) PyErr_Clear();
    return NULL;
}

int functions_add(PyObject *module, PyMethodDef *functions) {
    return PyModule_AddFunctions(module, functions);
}
