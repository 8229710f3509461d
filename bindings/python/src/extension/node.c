/* node.c: samepage.Node, a process in a domain other than the default one. The one mutable global
 * is the type. */
#include "arguments.h"
#include "channels.h"

static PyObject *node_type;

static int close_node(void *node) {
    return spg_node_close(node);
}

static const struct handle_kind kind = {close_node, NULL, NULL};

int node_read(PyObject *given, handle **node) {
    *node = NULL;
    if (!given) return 0;
    if (PyObject_IsInstance(given, node_type) != 1) {
        PyErr_SetString(PyExc_TypeError, "node is a samepage.Node, or None");
        return -1;
    }
    *node = (handle *)given;
    if (!(*node)->closed && (*node)->object) return 0;
    raise_result(SPG_ECLOSED, (*node)->name);
    return -1;
}

spg_node *node_of(handle *node) {
    return node ? node->object : NULL;
}

static const struct option table[] = {
    {"mode", OPTION_U32, offsetof(spg_node_options, mode)},
    {"domain", OPTION_TEXT, offsetof(spg_node_options, domain)},
    {"name", OPTION_TEXT, offsetof(spg_node_options, name)},
    {NULL, 0, 0},
};

static int init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_node_options options = SPG_NODE_OPTIONS;
    struct opening opening = {
        .function = "Node", .table = table, .options = &options, .nameless = true};
    spg_node *node = NULL;
    int result = RAISED;
    if (!handle_is_new((handle *)self)) return -1;
    if (opening_read(&opening, arguments, keywords) == 0) {
        Py_BEGIN_ALLOW_THREADS result = spg_node_open(&node, &options);
        Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
    }
    if (result >= 0) {
        PyObject *name = text_of(options.name ? options.name : "");
        handle_opened((handle *)self, &kind, node, name, NULL);
        Py_XDECREF(name);
    }
    opening_end(&opening);
    return result < 0 ? -1 : 0;
}

static PyObject *get_id(PyObject *object, void *unused) {
    handle *self = (handle *)object;
    uint64_t id;
    int result;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    result = spg_node_id(self->object, &id);
    handle_leave(self);
    return result < 0 ? raise_result(result, self->name) : PyLong_FromUnsignedLongLong(id);
}

static PyObject *get_domain(PyObject *object, void *unused) {
    handle *self = (handle *)object;
    PyObject *domain;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    domain = text_of(spg_node_domain(self->object));
    handle_leave(self);
    return domain;
}

static PyObject *is_alive(PyObject *object, PyObject *number) {
    handle *self = (handle *)object;
    unsigned long long id = PyLong_AsUnsignedLongLong(number);
    int result;
    if (PyErr_Occurred() || handle_enter(self) < 0) return NULL;
    result = spg_node_alive(self->object, id);
    handle_leave(self);
    return result < 0 ? raise_result(result, self->name) : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"alive", is_alive, METH_O,
     "alive($self, id, /)\n--\n\nIs the node with this number alive, as far as the kernel knows?"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"id", get_id, NULL, "Its number, never used again in its domain.", NULL},
    {"domain", get_domain, NULL, "The path of its domain.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Node(*, domain=None, name=None, mode=0o700)\n--\n\nThis process in a domain: a "
                "directory in which processes find each other. Most programs need none."},
    {Py_tp_init, init},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Node", sizeof(handle), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

int node_add(PyObject *module) {
    node_type = type_add(module, &spec, handle_type);
    return node_type ? 0 : -1;
}
