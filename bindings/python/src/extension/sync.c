/* sync.c: Mutex, Semaphore and Event at a place in a segment. */
#include "segment.h"

typedef struct {
    PyObject_HEAD PyObject *segment; /* kept, so that the place stays mapped */
    void *place;
    PyObject *repair; /* of a mutex; or NULL */
} placed;

static PyTypeObject *type_of(PyObject *self) {
    return Py_TYPE(self);
}

static void dealloc(PyObject *object) {
    placed *self = (placed *)object;
    PyTypeObject *type = type_of(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    if (self->segment) {
        handle_unkeep((handle *)self->segment);
        Py_DECREF(self->segment);
    }
    Py_XDECREF(self->repair);
    release(object);
    Py_DECREF((PyObject *)type);
}

static int place_at(placed *self, PyObject *segment, Py_ssize_t offset, size_t size) {
    if (self->place) return PyErr_SetString(PyExc_ValueError, "it has its place already"), -1;
    self->place = segment_place(segment, offset, size);
    if (!self->place) return -1;
    self->segment = segment;
    return 0;
}

static bool is_placed(const placed *self) {
    if (self->place) return true;
    PyErr_SetString(PyExc_ValueError, "it has no place in a segment");
    return false;
}

static PyObject *none_or(int result) {
    if (result < 0) return raise_result(result, NULL);
    Py_RETURN_NONE;
}

static PyObject *refuse_pickle(PyObject *self, PyObject *arguments) {
    (void)self, (void)arguments;
    PyErr_SetString(PyExc_TypeError, "it lies in a segment and cannot be pickled: open the segment "
                                     "in the other process and give the offset");
    return NULL;
}

#define REFUSE_PICKLE                                                                              \
    { "__reduce_ex__", refuse_pickle, METH_VARARGS, NULL }

/* Waits with `timeout` of a method that has no other parameter. RAISED, or what the call gave. */
static int wait_at(PyObject *self, const char *function, attempt *try, PyObject *const *arguments,
                   Py_ssize_t count, PyObject *keywords) {
    int64_t timeout;
    if (only_timeout(function, arguments, count, keywords, &timeout) < 0) return RAISED;
    if (!is_placed((placed *)self)) return RAISED;
    return wait_unlocked(try, ((placed *)self)->place, timeout);
}

/* ---- mutex ----------------------------------------------------------------------------------- */

static int mutex_init(PyObject *object, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"segment", "offset", "create", "repair", NULL};
    placed *self = (placed *)object;
    PyObject *segment, *repair = Py_None;
    Py_ssize_t offset = 0;
    int create = 0, result;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|n$pO:Mutex", names, &segment, &offset,
                                     &create, &repair) ||
        place_at(self, segment, offset, sizeof(spg_mutex)) < 0)
        return -1;
    if (repair != Py_None) {
        Py_INCREF(repair);
        self->repair = repair;
    }
    result = create ? spg_mutex_init(self->place) : 0;
    return result < 0 ? raise_cold(result), -1 : 0;
}

static int try_lock(void *mutex, int64_t timeout) {
    return spg_mutex_lock(mutex, timeout);
}

/* The last owner died: the data are repaired, or the mutex is given back as it was found. */
static int repair_data(placed *self) {
    PyObject *done;
    if (!self->repair) {
        spg_mutex_unlock(self->place);
        return raise_result(SPG_EOWNERDEAD, NULL), -1;
    }
    done = PyObject_CallFunction(self->repair, NULL);
    if (!done) {
        spg_mutex_unlock(self->place);
        return -1;
    }
    Py_DECREF(done);
    spg_mutex_recovered(self->place);
    return 0;
}

static PyObject *mutex_acquire(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                               PyObject *keywords) {
    int result = wait_at(self, "acquire", try_lock, arguments, count, keywords);
    if (result == SPG_EOWNERDEAD) result = repair_data((placed *)self) < 0 ? RAISED : 0;
    return none_or(result);
}

static PyObject *mutex_release(PyObject *self, PyObject *unused) {
    (void)unused;
    return is_placed((placed *)self) ? none_or(spg_mutex_unlock(((placed *)self)->place)) : NULL;
}

static PyObject *mutex_enter(PyObject *self, PyObject *unused) {
    PyObject *none = mutex_acquire(self, NULL, 0, NULL);
    (void)unused;
    if (!none) return NULL;
    Py_DECREF(none);
    Py_INCREF(self);
    return self;
}

static PyObject *mutex_leave(PyObject *self, PyObject *arguments) {
    (void)arguments;
    return mutex_release(self, NULL);
}

static PyMethodDef mutex_methods[] = {
    FAST("acquire", mutex_acquire,
         "acquire($self, timeout=None)\n--\n\nTakes the mutex. Where its last owner died, `repair` "
         "is called first; without one OwnerDead is raised, and the mutex is not held."),
    PLAIN("release", mutex_release, "release($self, /)\n--\n\nGives it back."),
    PLAIN("__enter__", mutex_enter, NULL),
    {"__exit__", mutex_leave, METH_VARARGS, NULL},
    REFUSE_PICKLE,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot mutex_slots[] = {
    {Py_tp_doc, "Mutex(segment, offset=0, *, create=False, repair=None)\n--\n\nThe mutex of 32 "
                "bytes at this place, which create makes. It survives its owner's death."},
    {Py_tp_init, mutex_init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, mutex_methods},
    {0, NULL},
};

/* ---- semaphore ------------------------------------------------------------------------------- */

static int semaphore_init(PyObject *object, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"segment", "offset", "value", "permits", NULL};
    PyObject *segment, *value = Py_None, *permits = Py_None;
    placed *self = (placed *)object;
    Py_ssize_t offset = 0;
    int result = 0;
    unsigned long count;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|n$OO:Semaphore", names, &segment,
                                     &offset, &value, &permits) ||
        place_at(self, segment, offset, sizeof(spg_semaphore)) < 0)
        return -1;
    if (value == Py_None && permits == Py_None) return 0;
    count = PyLong_AsUnsignedLong(permits == Py_None ? value : permits);
    if (PyErr_Occurred()) return -1;
    if (count > SPG_SEMAPHORE_VALUE_MAX) result = SPG_EINVAL;
    else if (permits == Py_None) result = spg_semaphore_init(self->place, (uint32_t)count);
    else result = spg_semaphore_init_owned(self->place, (uint32_t)count);
    return result < 0 ? raise_result(result, NULL), -1 : 0;
}

static int try_take(void *semaphore, int64_t timeout) {
    return spg_semaphore_wait(semaphore, timeout);
}

static PyObject *semaphore_acquire(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                                   PyObject *keywords) {
    return none_or(wait_at(self, "acquire", try_take, arguments, count, keywords));
}

static PyObject *semaphore_release(PyObject *self, PyObject *unused) {
    (void)unused;
    return is_placed((placed *)self) ? none_or(spg_semaphore_post(((placed *)self)->place)) : NULL;
}

static PyObject *semaphore_value(PyObject *self, void *unused) {
    int result;
    (void)unused;
    if (!is_placed((placed *)self)) return NULL;
    result = spg_semaphore_value(((placed *)self)->place);
    return result < 0 ? raise_result(result, NULL) : PyLong_FromLong(result);
}

static PyObject *semaphore_enter(PyObject *self, PyObject *unused) {
    PyObject *none = semaphore_acquire(self, NULL, 0, NULL);
    (void)unused;
    if (!none) return NULL;
    Py_DECREF(none);
    Py_INCREF(self);
    return self;
}

static PyObject *semaphore_leave(PyObject *self, PyObject *arguments) {
    (void)arguments;
    return semaphore_release(self, NULL);
}

static PyMethodDef semaphore_methods[] = {
    FAST("acquire", semaphore_acquire, "acquire($self, timeout=None)\n--\n\nTakes one."),
    PLAIN("release", semaphore_release, "release($self, /)\n--\n\nGives one."),
    PLAIN("__enter__", semaphore_enter, NULL),
    {"__exit__", semaphore_leave, METH_VARARGS, NULL},
    REFUSE_PICKLE,
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef semaphore_getset[] = {
    {"value", semaphore_value, NULL, "How many can be taken now; old when it arrives.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot semaphore_slots[] = {
    {Py_tp_doc, "Semaphore(segment, offset=0, *, value=None, permits=None)\n--\n\nThe semaphore of "
                "192 bytes at this place. With a value it is made plain; with permits, 1 to 16, "
                "they belong to who took them and come back if it dies."},
    {Py_tp_init, semaphore_init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, semaphore_methods},
    {Py_tp_getset, semaphore_getset},
    {0, NULL},
};

/* ---- event ----------------------------------------------------------------------------------- */

static int event_init(PyObject *object, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"segment", "offset", "create", NULL};
    placed *self = (placed *)object;
    PyObject *segment;
    Py_ssize_t offset = 0;
    int create = 0, result;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|n$p:Event", names, &segment, &offset,
                                     &create) ||
        place_at(self, segment, offset, sizeof(spg_event)) < 0)
        return -1;
    result = create ? spg_event_init(self->place) : 0;
    return result < 0 ? raise_result(result, NULL), -1 : 0;
}

static int try_event(void *event, int64_t timeout) {
    return spg_event_wait(event, timeout);
}

static PyObject *event_wait(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                            PyObject *keywords) {
    return none_or(wait_at(self, "wait", try_event, arguments, count, keywords));
}

static PyObject *event_set(PyObject *self, PyObject *unused) {
    (void)unused;
    return is_placed((placed *)self) ? none_or(spg_event_set(((placed *)self)->place)) : NULL;
}

static PyObject *event_clear(PyObject *self, PyObject *unused) {
    (void)unused;
    return is_placed((placed *)self) ? none_or(spg_event_reset(((placed *)self)->place)) : NULL;
}

static PyMethodDef event_methods[] = {
    FAST("wait", event_wait, "wait($self, timeout=None)\n--\n\nUntil it is set."),
    PLAIN("set", event_set, "set($self, /)\n--\n\nSets it; it stays set."),
    PLAIN("clear", event_clear, "clear($self, /)\n--\n\nUnsets it."),
    REFUSE_PICKLE,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot event_slots[] = {
    {Py_tp_doc, "Event(segment, offset=0, *, create=False)\n--\n\nThe event of 16 bytes at this "
                "place, which create makes, not set."},
    {Py_tp_init, event_init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, event_methods},
    {0, NULL},
};

static PyType_Spec specs[] = {
    {"samepage.Mutex", sizeof(placed), 0, Py_TPFLAGS_DEFAULT, mutex_slots},
    {"samepage.Semaphore", sizeof(placed), 0, Py_TPFLAGS_DEFAULT, semaphore_slots},
    {"samepage.Event", sizeof(placed), 0, Py_TPFLAGS_DEFAULT, event_slots},
};

int sync_add(PyObject *module) {
    for (int i = 0; i < 3; i++) {
        if (!type_add(module, &specs[i], NULL)) return -1;
    }
    return 0;
}
