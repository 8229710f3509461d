/* queue.c: Queue and Job. The one mutable global is the type of jobs. */
#include "channels.h"

static PyObject *job_type;

/* ---- opening --------------------------------------------------------------------------------- */

#define QUEUE(field) offsetof(spg_queue_options, field)
static const struct option table[] = {
    {"mode", OPTION_U32, QUEUE(mode)},
    {"budget", OPTION_U64, QUEUE(budget)},
    {"slots", OPTION_U32, QUEUE(slots)},
    {"slot_size", OPTION_U32, QUEUE(slot_size)},
    {"members", OPTION_U32, QUEUE(members)},
    {"holds", OPTION_U32, QUEUE(holds)},
    {"at_most_once", OPTION_FLAG32, QUEUE(at_most_once)},
    {"type_size", OPTION_U32, QUEUE(type_size)},
    {"type", OPTION_TEXT, QUEUE(type)},
    {"schema", OPTION_TEXT, QUEUE(schema)},
    {NULL, 0, 0},
};

static int close_queue(void *queue) {
    return spg_queue_close(queue);
}

static int open_queue(void **out, spg_node *node, const char *name, const void *options) {
    return spg_queue_open((spg_queue **)(void *)out, node, name, options);
}

static spg_waitable *waitable_of(void *queue) {
    return spg_queue_waitable(queue);
}

static int fd_of(void *queue) {
    return spg_queue_fd(queue);
}

static const struct handle_kind kind = {close_queue, waitable_of, fd_of};

static int init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    struct opening opening = {.function = "Queue", .table = table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &kind, open_queue);
}

/* ---- pushing --------------------------------------------------------------------------------- */

static void discard_loan(void *queue, const union held *held) {
    spg_queue_discard(queue, held->loan);
}

static int publish_loan(void *queue, void *data, size_t size, int64_t timeout) {
    return spg_queue_publish(queue, data, size, timeout);
}

static const struct piece_kind loan_kind = {"loan", discard_loan, publish_loan};

static int try_loan(void *argument, int64_t timeout) {
    struct loan_call *call = argument;
    return spg_queue_loan(call->owner->object, call->size, &call->data, timeout);
}

static PyObject *loan(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    return loan_make((handle *)self, &loan_kind, try_loan, arguments, count, keywords);
}

struct pushing {
    handle *owner;
    struct payload payload;
};

static int try_push(void *call, int64_t timeout) {
    const struct pushing *pushing = call;
    const struct payload *payload = &pushing->payload;
    if (payload->loan && payload->loan->state == PIECE_OVER) return SPG_EINVAL;
    return spg_queue_push(pushing->owner->object, payload->data, payload->size, timeout);
}

static const struct signature push_signature = {"push", 1, 1, {"data", "timeout"}};

static PyObject *push(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    handle *self = (handle *)object;
    struct pushing pushing = {self, {NULL, 0, NULL, {.obj = NULL}}};
    PyObject *values[ARGUMENTS_MAX];
    int64_t timeout;
    int result;
    if (arguments_read(&push_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    if (payload_begin(&pushing.payload, values[0], self) < 0) return NULL;
    result = handle_wait(self, try_push, &pushing, timeout, payload_is_long(&pushing.payload));
    if (result < 0) raise_result(result, self->name);
    payload_end(&pushing.payload, result >= 0);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void return_job(void *queue, const union held *held) {
    spg_queue_return(queue, &held->job);
}

static const struct piece_kind job_kind = {"job", return_job, NULL};

static int take_job(void *queue, union held *held, int64_t timeout) {
    return spg_queue_pop(queue, &held->job, timeout);
}

static PyObject *pop(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                     PyObject *keywords) {
    int64_t timeout;
    if (only_timeout("pop", arguments, count, keywords, &timeout) < 0) return NULL;
    return piece_take((handle *)self, job_type, &job_kind, take_job, timeout);
}

static PyObject *iterate(PyObject *self) {
    PyObject *job = pop(self, NULL, 0, NULL);
    return job ? job : end_if_closed((handle *)self);
}

typedef int ender(spg_queue *queue, const spg_job *job);

/* Others are told at once, views or not. */
static PyObject *end_job(PyObject *object, ender *end) {
    piece *self = (piece *)object;
    int result;
    if (!piece_check(self) || handle_enter(self->owner) < 0) return NULL;
    result = piece_check(self) ? end(self->owner->object, &self->held.job) : RAISED;
    if (result >= 0) piece_over(self);
    handle_leave(self->owner);
    if (result < 0) return raise_result(result, self->owner->name);
    Py_RETURN_NONE;
}

static PyObject *job_done(PyObject *self, PyObject *unused) {
    (void)unused;
    return end_job(self, spg_queue_done);
}

static PyObject *job_put_back(PyObject *self, PyObject *unused) {
    (void)unused;
    return end_job(self, spg_queue_return);
}

static PyObject *leave_job(PyObject *self, PyObject *arguments) {
    return piece_leave(self, arguments, "done", "put_back");
}

static PyMethodDef job_methods[] = {
    PIECE_METHODS,
    {"__exit__", leave_job, METH_VARARGS, NULL},
    PLAIN("done", job_done, "done($self, /)\n--\n\nThe job is done, and its room free."),
    PLAIN("put_back", job_put_back,
          "put_back($self, /)\n--\n\nGives it back undone: it is offered again, in its old place."),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef job_members[] = {
    PIECE_SIZE,
    PIECE_FIELD("number", T_ULONGLONG, held.job.number, "The same each time it is given out."),
    PIECE_FIELD("producer", T_ULONGLONG, held.job.producer, "The node that pushed it; 0: gone."),
    PIECE_FIELD("deliveries", T_UINT, held.job.deliveries, "How often it was given out, up to 7."),
    PIECE_MEMBERS_END,
};

/* ---- the type -------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    FAST("push", push,
         "push($self, data, *, timeout=None)\n--\n\nPushes a copy of any buffer, or a loan of this "
         "queue in place."),
    FAST("loan", loan, LOAN_DOC),
    FAST("pop", pop,
         "pop($self, timeout=None)\n--\n\nTakes the next job. As a context it is done at the end, "
         "or given back by an exception; so it is if its last reference goes."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Queue(name, *, node=None, mode=0o600, budget=65536, slots=256, slot_size=64, members=64,\n"
     "      holds=8, at_most_once=False, type=None, type_size=0, schema=None)\n--\n\n"
     "Work, each piece of it to exactly one consumer. Iteration gives each job."},
    {Py_tp_init, init},
    {Py_tp_methods, methods},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterate},
    {0, NULL},
};

static PyType_Spec spec = {"samepage.Queue", sizeof(handle), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

static PyObject *unlink_queue(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords) {
    (void)self;
    return channel_unlink(arguments, count, keywords, spg_queue_unlink);
}

static PyMethodDef functions[] = {
    FAST("unlink_queue", unlink_queue,
         "unlink_queue(name, *, node=None)\n--\n\nTakes a queue's name away, whatever it holds."),
    {NULL, NULL, 0, NULL},
};

int queue_add(PyObject *module) {
    job_type = piece_type_add(module, "samepage.Job", "A job in hand, in place.", job_methods,
                              job_members);
    if (!job_type || !type_add(module, &spec, handle_type)) return -1;
    return functions_add(module, functions);
}
