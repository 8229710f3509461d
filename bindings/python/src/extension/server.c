/* server.c: Server and Request. The one mutable global is the type of requests. */
#include <string.h>

#include "channels.h"

static PyObject *request_type;

/* ---- opening --------------------------------------------------------------------------------- */

#define SERVICE(field) offsetof(spg_service_options, field)
const struct option service_table[] = {
    {"mode", OPTION_U32, SERVICE(mode)},           {"budget", OPTION_U64, SERVICE(budget)},
    {"slots", OPTION_U32, SERVICE(slots)},         {"slot_size", OPTION_U32, SERVICE(slot_size)},
    {"members", OPTION_U32, SERVICE(members)},     {"holds", OPTION_U32, SERVICE(holds)},
    {"type_size", OPTION_U32, SERVICE(type_size)}, {"type", OPTION_TEXT, SERVICE(type)},
    {"schema", OPTION_TEXT, SERVICE(schema)},      {NULL, 0, 0},
};

static int close_server(void *server) {
    return spg_server_close(server);
}

static int open_server(void **out, spg_node *node, const char *name, const void *options) {
    return spg_server_open((spg_server **)(void *)out, node, name, options);
}

static spg_waitable *waitable_of(void *server) {
    return spg_server_waitable(server);
}

static int fd_of(void *server) {
    return spg_server_fd(server);
}

static const struct handle_kind kind = {close_server, waitable_of, fd_of};

static int init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    struct opening opening = {.function = "Server", .table = service_table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &kind, open_server);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* One that nobody will answer any more. */
static void refuse_request(void *server, const union held *held) {
    spg_server_refuse(server, &held->request, SPG_ECLOSED);
}

static const struct piece_kind request_kind = {"request", refuse_request, NULL};

static int take_request(void *server, union held *held, int64_t timeout) {
    return spg_server_receive(server, &held->request, timeout);
}

static PyObject *receive(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords) {
    int64_t timeout;
    if (only_timeout("receive", arguments, count, keywords, &timeout) < 0) return NULL;
    return piece_take((handle *)self, request_type, &request_kind, take_request, timeout);
}

static PyObject *iterate(PyObject *self) {
    PyObject *request = receive(self, NULL, 0, NULL);
    return request ? request : end_if_closed((handle *)self);
}

static void discard_loan(void *server, const union held *held) {
    spg_server_discard(server, held->loan);
}

static const struct piece_kind loan_kind = {"loan", discard_loan, NULL};

static int try_loan(void *argument, int64_t timeout) {
    struct loan_call *call = argument;
    return spg_server_loan(call->owner->object, call->size, &call->data, timeout);
}

static PyObject *loan(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    return loan_make((handle *)self, &loan_kind, try_loan, arguments, count, keywords);
}

/* ---- answers --------------------------------------------------------------------------------- */

struct answering {
    piece *request;
    struct payload payload;
    int refusal; /* or 0 */
};

/* Where there is no memory for a copy now, it is waited for. */
static int reply_with_loan(void *server, const spg_request *request, const struct payload *payload,
                           int64_t timeout) {
    void *room;
    int result = spg_server_loan(server, payload->size, &room, timeout);
    if (result < 0) return result;
    memcpy(room, payload->data, payload->size);
    result = spg_server_reply(server, request, room, payload->size);
    if (result < 0) spg_server_discard(server, room);
    return result;
}

static int try_answer(void *call, int64_t timeout) {
    const struct answering *answering = call;
    const struct payload *payload = &answering->payload;
    const spg_request *request = &answering->request->held.request;
    void *server = answering->request->owner->object;
    int result;
    if (answering->request->state == PIECE_OVER) return SPG_EINVAL;
    if (answering->refusal) return spg_server_refuse(server, request, answering->refusal);
    result = spg_server_reply(server, request, payload->data, payload->size);
    if (result != SPG_EAGAIN || payload->loan || timeout == 0) return result;
    return reply_with_loan(server, request, payload, timeout);
}

static bool is_out_of_hand(int result) {
    return result != RAISED && result != SPG_EAGAIN && result != SPG_ETIMEDOUT &&
           result != SPG_ETOOBIG && result != SPG_EFULL && result != SPG_EINVAL;
}

/* Does the client get it? A client that is gone is no error of the server. */
static PyObject *answer(struct answering *answering, int64_t timeout) {
    handle *owner = answering->request->owner;
    int result = handle_wait(owner, try_answer, answering, timeout,
                             payload_is_long(&answering->payload));
    bool gone = result == SPG_ECLOSED || result == SPG_EPEERDEAD;
    if (is_out_of_hand(result)) piece_over(answering->request);
    if (result < 0 && !gone) return raise_result(result, owner->name);
    return PyBool_FromLong(!gone);
}

static const struct signature reply_signature = {"reply", 0, 1, {"data", "timeout"}};

static PyObject *reply(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                       PyObject *keywords) {
    piece *self = (piece *)object;
    struct answering answering = {self, {NULL, 0, NULL, {.obj = NULL}}, 0};
    PyObject *values[ARGUMENTS_MAX], *is_received;
    int64_t timeout;
    if (arguments_read(&reply_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0 || !piece_check(self)) return NULL;
    if (values[0] && payload_begin(&answering.payload, values[0], self->owner) < 0) return NULL;
    is_received = answer(&answering, timeout);
    payload_end(&answering.payload, is_received != NULL);
    return is_received;
}

static const struct signature refuse_signature = {"refuse", 0, 1, {"code"}};

static PyObject *refuse(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                        PyObject *keywords) {
    piece *self = (piece *)object;
    struct answering answering = {self, {NULL, 0, NULL, {.obj = NULL}}, SPG_EINVAL};
    PyObject *values[ARGUMENTS_MAX];
    if (arguments_read(&refuse_signature, arguments, count, keywords, values) < 0) return NULL;
    if (values[0]) answering.refusal = (int)PyLong_AsLong(values[0]);
    if (PyErr_Occurred() || !piece_check(self)) return NULL;
    if (answering.refusal < -999 || answering.refusal > -1)
        return PyErr_Format(PyExc_ValueError, "a refusal is -1 to -999, not %d", answering.refusal);
    return answer(&answering, SPG_FOREVER);
}

static PyObject *leave_request(PyObject *self, PyObject *arguments) {
    return piece_leave(self, arguments, "release", "release");
}

static PyMethodDef request_methods[] = {
    PIECE_METHODS,
    {"__exit__", leave_request, METH_VARARGS, NULL},
    FAST("reply", reply,
         "reply($self, data=b'', *, timeout=None)\n--\n\nAnswers with a copy of any buffer, or a "
         "loan of the server in place. False if the client wants it no more, or died."),
    FAST("refuse", refuse,
         "refuse($self, code=-1)\n--\n\nAnswers with an error: the client gets the exception of "
         "this code, or Refused. False as in reply."),
    PLAIN("release", piece_release,
          "release($self, /)\n--\n\nLets go of it. A request that was not answered is refused."),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef request_members[] = {
    PIECE_SIZE,
    PIECE_FIELD("client", T_ULONGLONG, held.request.client, "The node that asks; 0: gone."),
    PIECE_MEMBERS_END,
};

/* ---- the type -------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    FAST("receive", receive, "receive($self, timeout=None)\n--\n\nThe next request, in place."),
    FAST("loan", loan, LOAN_DOC " For request.reply."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Server(name, *, node=None, mode=0o600, budget=65536, slots=256, slot_size=64,\n"
                "       members=64, holds=32, type=None, type_size=0, schema=None)\n--\n\n"
                "Answers requests. Iteration gives each request."},
    {Py_tp_init, init},
    {Py_tp_methods, methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterate},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Server", sizeof(handle), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

static PyObject *unlink_service(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                                PyObject *keywords) {
    (void)self;
    return channel_unlink(arguments, count, keywords, spg_service_unlink);
}

static PyMethodDef functions[] = {
    FAST("unlink_service", unlink_service,
         "unlink_service(name, *, node=None)\n--\n\nTakes a service's name away; who has it open "
         "goes on with it."),
    {NULL, NULL, 0, NULL},
};

int server_add(PyObject *module) {
    request_type = piece_type_add(module, "samepage.Request", "A request in hand, in place.",
                                  request_methods, request_members);
    if (!request_type || !type_add(module, &spec, handle_type)) return -1;
    return functions_add(module, functions);
}
