/* waitset.c: WaitSet, several receivers waited for at once.
 *
 * No receiver may be used while the set that it is in waits, so all of them are busy meanwhile. The
 * set keeps its receivers; those that were closed are taken out before each wait. */
#include "channels.h"

typedef struct {
    PyObject_HEAD spg_waitset *set;
    PyObject *members; /* a list of handles */
    bool busy;
} waitset;

static bool is_waitable(PyObject *object) {
    const handle *member = (const handle *)object;
    if (PyObject_IsInstance(object, handle_type) == 1 && (member->closed || !member->object)) {
        raise_result(SPG_ECLOSED, member->name);
        return false;
    }
    if (PyObject_IsInstance(object, handle_type) == 1 && member->kind->waitable) return true;
    PyErr_Format(PyExc_TypeError, "%R is nothing that can be waited for", object);
    return false;
}

static bool is_usable(const waitset *self) {
    if (!self->set) return raise_result(SPG_ECLOSED, NULL), false;
    if (!self->busy) return true;
    PyErr_SetString(PyExc_RuntimeError, "another thread waits with this set");
    return false;
}

static int put(waitset *self, PyObject *object) {
    handle *member = (handle *)object;
    int result;
    if (!is_usable(self) || !is_waitable(object) || handle_enter(member) < 0) return -1;
    result = spg_waitset_add(self->set, member->kind->waitable(member->object), object);
    handle_leave(member);
    if (result < 0) return raise_result(result, member->name), -1;
    handle_keep(member);
    if (PyList_Append(self->members, object) == 0) return 0;
    spg_waitset_remove(self->set, member->kind->waitable(member->object));
    handle_unkeep(member);
    return -1;
}

/* Takes out the one at this place, waiting for nothing. */
static int take_out(waitset *self, Py_ssize_t place) {
    handle *member = (handle *)PyList_GetItem(self->members, place);
    int result = 0;
    Py_INCREF((PyObject *)member);
    if (member->object) spg_waitset_remove(self->set, member->kind->waitable(member->object));
    result = PyList_SetSlice(self->members, place, place + 1, NULL);
    handle_unkeep(member);
    Py_DECREF((PyObject *)member);
    return result;
}

static int take_closed_out(waitset *self) {
    for (Py_ssize_t i = PyList_Size(self->members) - 1; i >= 0; i--) {
        const handle *member = (const handle *)PyList_GetItem(self->members, i);
        if (member->closed && !member->busy && take_out(self, i) < 0) return -1;
    }
    return 0;
}

static void leave_members(const waitset *self, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) handle_leave((handle *)PyList_GetItem(self->members, i));
}

static int enter_members(waitset *self) {
    Py_ssize_t count;
    if (take_closed_out(self) < 0) return RAISED;
    count = PyList_Size(self->members);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (handle_enter((handle *)PyList_GetItem(self->members, i)) == 0) continue;
        leave_members(self, i);
        return RAISED;
    }
    return 0;
}

/* One attempt; handles that others wait for are let go in between. */
static int wait_once(waitset *self, void **tags, int64_t timeout) {
    int result = enter_members(self);
    if (result < 0) return result;
    if (timeout == 0) result = spg_waitset_wait(self->set, tags, SPG_WAITSET_MAX, SPG_NOWAIT);
    else {
        Py_BEGIN_ALLOW_THREADS result = spg_waitset_wait(self->set, tags, SPG_WAITSET_MAX, timeout);
        Py_END_ALLOW_THREADS
    }
    leave_members(self, PyList_Size(self->members));
    return result;
}

/* Between two attempts: whoever else wants a receiver has it now. */
static int let_others_in(const waitset *self) {
    Py_ssize_t count = PyList_Size(self->members);
    bool wanted = false;
    if (PyErr_CheckSignals() < 0) return RAISED;
    for (Py_ssize_t i = 0; i < count; i++)
        wanted |= ((handle *)PyList_GetItem(self->members, i))->waiting > 0;
    if (wanted) wait_a_little();
    return 0;
}

static int wait_long(waitset *self, void **tags, int64_t timeout) {
    int64_t began = clock_now();
    int result = wait_once(self, tags, SPG_NOWAIT);
    while ((result == SPG_EAGAIN || result == SPG_ETIMEDOUT) && timeout != 0) {
        result = wait_once(self, tags, time_slice(began, timeout));
        if (result != SPG_EAGAIN && result != SPG_ETIMEDOUT) break;
        if (time_left(began, timeout) == 0) return SPG_ETIMEDOUT;
        if (let_others_in(self) < 0) return RAISED;
    }
    return result;
}

/* Those that are ready without the library's knowing, into `tags`. */
static int ready_aside(const waitset *self, void **tags) {
    Py_ssize_t count = PyList_Size(self->members);
    int ready = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *member = PyList_GetItem(self->members, i);
        if (client_is_ready(member)) tags[ready++] = member;
    }
    return ready;
}

static PyObject *list_of(void *const *tags, int count) {
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        Py_INCREF((PyObject *)tags[i]);
        PyList_SetItem(list, i, tags[i]);
    }
    return list;
}

static PyObject *wait_method(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *keywords) {
    waitset *self = (waitset *)object;
    void *tags[SPG_WAITSET_MAX];
    int64_t timeout;
    int result;
    if (only_timeout("wait", arguments, count, keywords, &timeout) < 0) return NULL;
    if (!is_usable(self)) return NULL;
    self->busy = true;
    result = ready_aside(self, tags);
    if (result == 0) result = wait_long(self, tags, timeout);
    self->busy = false;
    return result < 0 ? raise_result(result, NULL) : list_of(tags, result);
}

static PyObject *add(PyObject *self, PyObject *member) {
    if (put((waitset *)self, member) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *remove_member(PyObject *object, PyObject *member) {
    waitset *self = (waitset *)object;
    if (!is_usable(self)) return NULL;
    for (Py_ssize_t i = PyList_Size(self->members) - 1; i >= 0; i--) {
        if (PyList_GetItem(self->members, i) != member) continue;
        if (take_out(self, i) < 0) return NULL;
        Py_RETURN_NONE;
    }
    return raise_result(SPG_ENOENT, NULL);
}

static void end(waitset *self) {
    while (self->members && PyList_Size(self->members) > 0) {
        if (take_out(self, PyList_Size(self->members) - 1) < 0) break;
    }
    if (self->set) spg_waitset_close(self->set);
    self->set = NULL;
}

static PyObject *close_set(PyObject *object, PyObject *unused) {
    waitset *self = (waitset *)object;
    (void)unused;
    if (!self->set) Py_RETURN_NONE;
    if (!is_usable(self)) return NULL;
    end(self);
    Py_RETURN_NONE;
}

static PyObject *enter_context(PyObject *self, PyObject *unused) {
    (void)unused;
    Py_INCREF(self);
    return self;
}

static PyObject *leave_context(PyObject *self, PyObject *arguments) {
    (void)arguments;
    return close_set(self, NULL);
}

static PyObject *refuse_pickle(PyObject *self, PyObject *arguments) {
    (void)self, (void)arguments;
    PyErr_SetString(PyExc_TypeError, "a WaitSet belongs to its process and cannot be pickled");
    return NULL;
}

static int init(PyObject *object, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"receivers", NULL};
    waitset *self = (waitset *)object;
    PyObject *given = NULL, *receivers;
    int result;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|O:WaitSet", names, &given)) return -1;
    if (self->members) return PyErr_SetString(PyExc_ValueError, "it is open already"), -1;
    receivers = given ? PySequence_List(given) : PyList_New(0);
    self->members = receivers ? PyList_New(0) : NULL;
    result = self->members ? spg_waitset_open(&self->set) : RAISED;
    if (result < 0 && result != RAISED) raise_result(result, NULL);
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_Size(receivers); i++)
        result = put(self, PyList_GetItem(receivers, i));
    Py_XDECREF(receivers);
    return result < 0 ? -1 : 0;
}

static void dealloc(PyObject *object) {
    waitset *self = (waitset *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    end(self);
    Py_CLEAR(self->members);
    release(object);
    Py_DECREF((PyObject *)type);
}

static Py_ssize_t length_of(PyObject *self) {
    PyObject *members = ((waitset *)self)->members;
    return members ? PyList_Size(members) : 0;
}

static PyMethodDef methods[] = {
    {"add", add, METH_O, "add($self, receiver, /)\n--\n\nAdds a receiver, at most 127."},
    {"remove", remove_member, METH_O, "remove($self, receiver, /)\n--\n\nTakes it out again."},
    FAST("wait", wait_method,
         "wait($self, timeout=None)\n--\n\nA list of those that are ready, as soon as one is. "
         "Raises Timeout."),
    PLAIN("close", close_set, "close($self, /)\n--\n\nThe receivers stay open."),
    PLAIN("__enter__", enter_context, NULL),
    {"__exit__", leave_context, METH_VARARGS, NULL},
    {"__reduce_ex__", refuse_pickle, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "WaitSet(receivers=())\n--\n\nSeveral subscribers, cells, streams, queues, servers "
                "or clients, waited for at once."},
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_sq_length, length_of},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.WaitSet", sizeof(waitset), 0, Py_TPFLAGS_DEFAULT, slots};

int waitset_add(PyObject *module) {
    return type_add(module, &spec, NULL) ? 0 : -1;
}
