/* client.c: Client and Response. The one mutable global is the type of responses.
 *
 * A call is a send and a receive, so that signals are handled while it waits. What comes for other
 * requests meanwhile is kept aside, for the receive that asks next, or for the call of another
 * thread. */
#include <stdlib.h>

#include "channels.h"

static PyObject *response_type;

/* What came for the request `response.id`: a response, or an error, with nothing to release. */
struct answer {
    struct answer *next;
    int result;
    spg_response response;
};

typedef struct {
    handle base;
    struct answer *aside;
} client;

/* ---- opening --------------------------------------------------------------------------------- */

static int close_client(void *object) {
    return spg_client_close(object);
}

static int open_client(void **out, spg_node *node, const char *name, const void *options) {
    return spg_client_open((spg_client **)(void *)out, node, name, options);
}

static spg_waitable *waitable_of(void *object) {
    return spg_client_waitable(object);
}

static int fd_of(void *object) {
    return spg_client_fd(object);
}

static const struct handle_kind kind = {close_client, waitable_of, fd_of};

static int init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    struct opening opening = {.function = "Client", .table = service_table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &kind, open_client);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void discard_loan(void *object, const union held *held) {
    spg_client_discard(object, held->loan);
}

static const struct piece_kind loan_kind = {"loan", discard_loan, NULL};

static int try_loan(void *argument, int64_t timeout) {
    struct loan_call *call = argument;
    return spg_client_loan(call->owner->object, call->size, &call->data, timeout);
}

static PyObject *loan(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    return loan_make((handle *)self, &loan_kind, try_loan, arguments, count, keywords);
}

struct sending {
    handle *owner;
    struct payload payload;
    uint64_t number;
};

static int try_send(void *call, int64_t timeout) {
    struct sending *sending = call;
    const struct payload *payload = &sending->payload;
    if (payload->loan && payload->loan->state == PIECE_OVER) return SPG_EINVAL;
    return spg_client_send(sending->owner->object, payload->data, payload->size, &sending->number,
                           timeout);
}

/* The request's number; 0 and an exception if it was not sent. */
static uint64_t send_request(client *self, PyObject *data, int64_t timeout) {
    struct sending sending = {&self->base, {NULL, 0, NULL, {.obj = NULL}}, 0};
    int result;
    if (payload_begin(&sending.payload, data, &self->base) < 0) return 0;
    result = handle_wait(&self->base, try_send, &sending, timeout,
                         payload_is_long(&sending.payload));
    if (result < 0) raise_result(result, self->base.name);
    payload_end(&sending.payload, result >= 0);
    return result < 0 ? 0 : sending.number;
}

static const struct signature send_signature = {"send", 1, 1, {"data", "timeout"}};

static PyObject *send(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX];
    int64_t timeout;
    uint64_t number;
    if (arguments_read(&send_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    number = send_request((client *)self, values[0], timeout);
    return number == 0 ? NULL : PyLong_FromUnsignedLongLong(number);
}

/* ---- what was kept aside --------------------------------------------------------------------- */

static int keep_aside(client *self, const struct answer *answer) {
    struct answer **end = &self->aside, *kept = malloc(sizeof *kept);
    if (!kept) return PyErr_NoMemory(), -1;
    *kept = *answer;
    kept->next = NULL;
    while (*end) end = &(*end)->next;
    *end = kept;
    return 0;
}

/* The answer to this request, or (0) the first one. */
static bool take_aside(client *self, uint64_t number, struct answer *answer) {
    for (struct answer *found, **link = &self->aside; (found = *link); link = &found->next) {
        if (number != 0 && found->response.id != number) continue;
        *link = found->next;
        *answer = *found;
        free(found);
        return true;
    }
    return false;
}

bool client_is_ready(PyObject *object) {
    return ((handle *)object)->kind == &kind && ((client *)object)->aside;
}

static void dealloc(PyObject *object) {
    struct answer unwanted;
    while (take_aside((client *)object, 0, &unwanted)) {}
    handle_dealloc(object);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void release_response(void *object, const union held *held) {
    spg_client_release(object, &held->response);
}

static const struct piece_kind response_kind = {"response", release_response, NULL};

struct receiving {
    handle *owner;
    struct answer *answer;
};

/* An error with a number is an answer. */
static int try_receive(void *call, int64_t timeout) {
    const struct receiving *receiving = call;
    struct answer *answer = receiving->answer;
    answer->response.id = 0;
    answer->result = spg_client_receive(receiving->owner->object, &answer->response, timeout);
    return answer->response.id != 0 ? 0 : answer->result;
}

/* Whatever comes next: 0, or why nothing came, or RAISED. */
static int receive_any(client *self, struct answer *answer, int64_t timeout) {
    struct receiving receiving = {&self->base, answer};
    return handle_wait(&self->base, try_receive, &receiving, timeout, false);
}

/* A Response, or NULL and the exception that it is. The handle is kept. */
static PyObject *deliver(client *self, const struct answer *answer) {
    piece *response;
    if (answer->result < 0) return raise_answer(answer->result, answer->response.id);
    response = piece_new(response_type, &self->base, &response_kind);
    if (!response) return NULL;
    response->held.response = answer->response;
    piece_holds(response, answer->response.data, answer->response.size);
    return (PyObject *)response;
}

static PyObject *receive(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords) {
    client *self = (client *)object;
    PyObject *response = NULL;
    struct answer answer;
    int64_t timeout;
    int result = 0;
    if (only_timeout("receive", arguments, count, keywords, &timeout) < 0) return NULL;
    handle_keep(&self->base);
    if (!take_aside(self, 0, &answer)) result = receive_any(self, &answer, timeout);
    if (result < 0) raise_result(result, self->base.name);
    else response = deliver(self, &answer);
    handle_unkeep(&self->base);
    return response;
}

/* ---- calls ----------------------------------------------------------------------------------- */

enum { OFTEN = 100 };

/* Two threads that call by one client may take each other's answers: so each looks aside often.
 * That nothing is on the way then means that the other one is about to put it there. */
static int await_answer(client *self, uint64_t number, struct answer *answer, int64_t timeout) {
    int64_t began = clock_now();
    for (int misses = 0;;) {
        int result;
        if (take_aside(self, number, answer)) return 0;
        result = receive_any(self, answer, time_slice(began, timeout));
        if (result == 0 && answer->response.id == number) return 0;
        if (result == 0) result = keep_aside(self, answer) < 0 ? RAISED : SPG_EAGAIN;
        if (result == SPG_ENOENT && misses++ < OFTEN) result = SPG_EAGAIN, wait_a_little();
        if (result != SPG_EAGAIN && result != SPG_ETIMEDOUT) return result;
        if (time_left(began, timeout) == 0) return timeout == 0 ? SPG_EAGAIN : SPG_ETIMEDOUT;
        if (PyErr_CheckSignals() < 0) return RAISED;
    }
}

static void cancel_request(client *self, uint64_t number) {
    if (self->base.busy || !self->base.object) return;
    (void)spg_client_cancel(self->base.object, number);
}

static const struct signature call_signature = {"call", 1, 1, {"data", "timeout"}};

static PyObject *call(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    client *self = (client *)object;
    PyObject *values[ARGUMENTS_MAX], *response = NULL;
    struct answer answer;
    int64_t timeout, began = clock_now();
    uint64_t number;
    int result;
    if (arguments_read(&call_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    number = send_request(self, values[0], timeout);
    if (number == 0) return NULL;
    handle_keep(&self->base);
    result = await_answer(self, number, &answer, time_left(began, timeout));
    if (result == 0) response = deliver(self, &answer);
    else {
        raise_result(result, self->base.name);
        cancel_request(self, number);
    }
    handle_unkeep(&self->base);
    return response;
}

static PyObject *cancel(PyObject *object, PyObject *given) {
    client *self = (client *)object;
    uint64_t number = PyLong_AsUnsignedLongLong(given);
    int result;
    if (PyErr_Occurred() || handle_enter(&self->base) < 0) return NULL;
    result = spg_client_cancel(self->base.object, number);
    handle_leave(&self->base);
    if (result < 0) return raise_result(result, self->base.name);
    Py_RETURN_NONE;
}

/* ---- the types ------------------------------------------------------------------------------- */

static PyObject *leave_response(PyObject *self, PyObject *arguments) {
    return piece_leave(self, arguments, "release", "release");
}

static PyMethodDef response_methods[] = {
    PIECE_METHODS,
    PIECE_RELEASE,
    {"__exit__", leave_response, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef response_members[] = {
    PIECE_SIZE,
    PIECE_FIELD("request", T_ULONGLONG, held.response.id, "The number of the request it answers."),
    PIECE_MEMBERS_END,
};

static PyMethodDef methods[] = {
    FAST("call", call,
         "call($self, data, *, timeout=None)\n--\n\nSends a request, a copy of any buffer or a "
         "loan of this client in place, and waits for the response. A request whose time has "
         "passed is cancelled."),
    FAST("send", send,
         "send($self, data, *, timeout=None)\n--\n\nSends a request and does not wait for the "
         "response. Returns its number."),
    FAST("receive", receive,
         "receive($self, timeout=None)\n--\n\nA response to any request on the way. Raises "
         "NotFound if none is. An exception that is an answer has the number as `request`."),
    {"cancel", cancel, METH_O,
     "cancel($self, number, /)\n--\n\nThe response to this request is not wanted any more."},
    FAST("loan", loan, LOAN_DOC " For call or send."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Client(name, *, node=None, mode=0o600, budget=65536, slots=256, slot_size=64,\n"
                "       members=64, holds=32, type=None, type_size=0, schema=None)\n--\n\n"
                "Asks a service, whether a server is there yet or not."},
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Client", sizeof(client), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

int client_add(PyObject *module) {
    response_type = piece_type_add(module, "samepage.Response", "A response, in place.",
                                   response_methods, response_members);
    return response_type && type_add(module, &spec, handle_type) ? 0 : -1;
}
