/* module.c: the extension samepage._samepage. */
#include "channels.h"

typedef int adder(PyObject *module);

static adder *const adders[] = {
    errors_add, handle_type_add, loan_type_add, node_add,    topic_add, cell_add,    stream_add,
    queue_add,  server_add,      client_add,    segment_add, sync_add,  waitset_add, look_add,
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "samepage._samepage",
    "Samepage's objects; see the package samepage.",
    -1,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__samepage(void) {
    PyObject *module = PyModule_Create(&definition);
    if (!module || handles_begin() < 0) return NULL;
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++) {
        if (adders[i](module) < 0) return NULL;
    }
    if (PyModule_AddStringConstant(module, "__version__", spg_version()) < 0) return NULL;
    return module;
}
