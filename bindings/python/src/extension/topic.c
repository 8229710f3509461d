/* topic.c: Publisher, Subscriber, Message. The one mutable global is the type of
 * messages. */
#include "channels.h"

static PyObject *message_type;

/* ---- publishers ------------------------------------------------------------------------------ */

#define TOPIC(field) offsetof(spg_topic_options, field)
static const struct option topic_table[] = {
    {"mode", OPTION_U32, TOPIC(mode)},
    {"budget", OPTION_U64, TOPIC(budget)},
    {"slots", OPTION_U32, TOPIC(slots)},
    {"slot_size", OPTION_U32, TOPIC(slot_size)},
    {"publishers", OPTION_U32, TOPIC(publishers)},
    {"subscribers", OPTION_U32, TOPIC(subscribers)},
    {"holds", OPTION_U32, TOPIC(holds)},
    {"history", OPTION_U32, TOPIC(history)},
    {"timed", OPTION_FLAG32, TOPIC(timed)},
    {"keep", OPTION_FLAG32, TOPIC(keep)},
    {"type_size", OPTION_U32, TOPIC(type_size)},
    {"type", OPTION_TEXT, TOPIC(type)},
    {"schema", OPTION_TEXT, TOPIC(schema)},
    {NULL, 0, 0},
};

static int close_publisher(void *publisher) {
    return spg_publisher_close(publisher);
}

static int open_publisher(void **out, spg_node *node, const char *name, const void *options) {
    return spg_publisher_open((spg_publisher **)(void *)out, node, name, options);
}

static const struct handle_kind publisher_kind = {close_publisher, NULL, NULL};

static int publisher_init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    struct opening opening = {.function = "Publisher", .table = topic_table, .options = &options};
    return channel_open(self, &opening, arguments, keywords, &publisher_kind, open_publisher);
}

static void discard_loan(void *publisher, const union held *held) {
    spg_publisher_discard(publisher, held->loan);
}

static int publish_loan(void *publisher, void *data, size_t size, int64_t timeout) {
    return spg_publisher_publish(publisher, data, size, timeout);
}

static const struct piece_kind loan_kind = {"loan", discard_loan, publish_loan};

static int try_loan(void *argument, int64_t timeout) {
    struct loan_call *call = argument;
    return spg_publisher_loan(call->owner->object, call->size, &call->data, timeout);
}

static PyObject *loan(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    return loan_make((handle *)self, &loan_kind, try_loan, arguments, count, keywords);
}

struct sending {
    handle *owner;
    struct payload payload;
};

static int try_send(void *call, int64_t timeout) {
    const struct sending *sending = call;
    return spg_publisher_send(sending->owner->object, sending->payload.data, sending->payload.size,
                              timeout);
}

static const struct signature send_signature = {"send", 1, 1, {"data", "timeout"}};

static PyObject *send(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                      PyObject *keywords) {
    struct sending sending = {(handle *)object, {NULL, 0, NULL, {.obj = NULL}}};
    PyObject *values[ARGUMENTS_MAX];
    int64_t timeout;
    int result;
    if (arguments_read(&send_signature, arguments, count, keywords, values) < 0) return NULL;
    if (timeout_read(values[1], &timeout) < 0) return NULL;
    if (payload_begin(&sending.payload, values[0], NULL) < 0) return NULL;
    result = handle_wait(sending.owner, try_send, &sending, timeout,
                         payload_is_long(&sending.payload));
    if (result < 0) raise_result(result, sending.owner->name);
    payload_end(&sending.payload, false);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

static const struct signature publish_signature = {"publish", 1, 2, {"loan", "size", "timeout"}};

/* As loan.publish, for those who look for it here. */
static PyObject *publish(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords) {
    PyObject *values[ARGUMENTS_MAX];
    if (arguments_read(&publish_signature, arguments, count, keywords, values) < 0) return NULL;
    if ((PyObject *)Py_TYPE(values[0]) != loan_type ||
        (PyObject *)((piece *)values[0])->owner != self) {
        PyErr_SetString(PyExc_TypeError, "publish() takes a loan of this publisher: others send()");
        return NULL;
    }
    return loan_publish((piece *)values[0], values[1], values[2]);
}

static PyMethodDef publisher_methods[] = {
    FAST("loan", loan, LOAN_DOC),
    FAST("publish", publish,
         "publish($self, loan, size=None, *, timeout=None)\n--\n\nPublishes a loan in place. It "
         "must not be written to any more."),
    FAST("send", send, "send($self, data, *, timeout=None)\n--\n\nPublishes a copy of any buffer."),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot publisher_slots[] = {
    {Py_tp_doc,
     "Publisher(name, *, node=None, mode=0o600, budget=65536, slots=256, slot_size=64,\n"
     "          publishers=16, subscribers=64, holds=8, history=1, timed=False, keep=False,\n"
     "          type=None, type_size=0, schema=None)\n--\n\n"
     "Publishes on a topic, which it makes if it is not there: then the options count."},
    {Py_tp_init, publisher_init},
    {Py_tp_methods, publisher_methods},
    {0, NULL},
};

/* ---- subscribers ----------------------------------------------------------------------------- */

#define SUBSCRIBER(field) offsetof(spg_subscriber_options, field)
static const struct option subscriber_table[] = {
    {"must_not_lose", OPTION_FLAG32, SUBSCRIBER(policy)},
    {"history", OPTION_U32, SUBSCRIBER(history)},
    {"read_only", OPTION_FLAG32, SUBSCRIBER(read_only)},
    {"type_size", OPTION_U32, SUBSCRIBER(type_size)},
    {"type", OPTION_TEXT, SUBSCRIBER(type)},
    {"domain", OPTION_TEXT, SUBSCRIBER(domain)},
    {"timeout", OPTION_TIMEOUT, SUBSCRIBER(timeout)},
    {NULL, 0, 0},
};

static int close_subscriber(void *subscriber) {
    return spg_subscriber_close(subscriber);
}

static int open_subscriber(void **out, spg_node *node, const char *name, const void *options) {
    return spg_subscriber_open((spg_subscriber **)(void *)out, node, name, options);
}

static spg_waitable *waitable_of(void *subscriber) {
    return spg_subscriber_waitable(subscriber);
}

static int fd_of(void *subscriber) {
    return spg_subscriber_fd(subscriber);
}

static const struct handle_kind subscriber_kind = {close_subscriber, waitable_of, fd_of};

static int subscriber_init(PyObject *self, PyObject *arguments, PyObject *keywords) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    struct opening opening = {.function = "Subscriber",
                              .table = subscriber_table,
                              .options = &options,
                              .patience = &options.timeout};
    return channel_open(self, &opening, arguments, keywords, &subscriber_kind, open_subscriber);
}

static void release_message(void *subscriber, const union held *held) {
    spg_subscriber_release(subscriber, &held->message);
}

static const struct piece_kind message_kind = {"message", release_message, NULL};

static int take_message(void *subscriber, union held *held, int64_t timeout) {
    return spg_subscriber_receive(subscriber, &held->message, timeout);
}

static PyObject *receive(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords) {
    int64_t timeout;
    if (only_timeout("receive", arguments, count, keywords, &timeout) < 0) return NULL;
    return piece_take((handle *)self, message_type, &message_kind, take_message, timeout);
}

static PyObject *next_message(PyObject *self) {
    PyObject *message = receive(self, NULL, 0, NULL);
    return message ? message : end_if_closed((handle *)self);
}

typedef const char *text_getter(const void *object);

static PyObject *text_from(PyObject *object, text_getter *get) {
    handle *self = (handle *)object;
    PyObject *text;
    if (handle_enter(self) < 0) return NULL;
    text = text_of(get(self->object));
    handle_leave(self);
    return text;
}

static const char *type_text(const void *subscriber) {
    return spg_subscriber_type(subscriber, NULL);
}

static const char *schema_text(const void *subscriber) {
    return spg_subscriber_schema(subscriber);
}

static PyObject *get_type(PyObject *self, void *unused) {
    (void)unused;
    return text_from(self, type_text);
}

static PyObject *get_schema(PyObject *self, void *unused) {
    (void)unused;
    return text_from(self, schema_text);
}

static PyObject *get_type_size(PyObject *object, void *unused) {
    handle *self = (handle *)object;
    uint32_t size = 0;
    (void)unused;
    if (handle_enter(self) < 0) return NULL;
    spg_subscriber_type(self->object, &size);
    handle_leave(self);
    return PyLong_FromUnsignedLong(size);
}

static PyGetSetDef subscriber_getset[] = {
    {"type", get_type, NULL, "What was said of the type when the topic was made.", NULL},
    {"type_size", get_type_size, NULL, "Bytes of the type; 0: any.", NULL},
    {"schema", get_schema, NULL, "The text that describes it.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef subscriber_methods[] = {
    FAST("receive", receive,
         "receive($self, timeout=None)\n--\n\nThe next message, in place. Raises Timeout, and "
         "WouldBlock where timeout is 0."),
    FILENO,
    {NULL, NULL, 0, NULL},
};

static PyType_Slot subscriber_slots[] = {
    {Py_tp_doc,
     "Subscriber(name, *, node=None, must_not_lose=False, history=0, read_only=False,\n"
     "           type=None, type_size=0, domain=None, timeout=0)\n--\n\n"
     "Receives from a topic that is there, or is made before the timeout. Iteration gives each "
     "message."},
    {Py_tp_init, subscriber_init},
    {Py_tp_methods, subscriber_methods},
    {Py_tp_getset, subscriber_getset},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, next_message},
    {0, NULL},
};

/* ---- messages -------------------------------------------------------------------------------- */

static PyObject *leave_message(PyObject *self, PyObject *arguments) {
    return piece_leave(self, arguments, "release", "release");
}

static PyMethodDef message_methods[] = {
    PIECE_METHODS,
    PIECE_RELEASE,
    {"__exit__", leave_message, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef message_members[] = {
    PIECE_SIZE,
    PIECE_FIELD("sequence", T_ULONGLONG, held.message.sequence, "Its number in the topic's order."),
    PIECE_FIELD("publisher", T_ULONGLONG, held.message.publisher, "The node that published it."),
    PIECE_FIELD("time", T_LONGLONG, held.message.time,
                "Nanoseconds of the monotonic clock; 0 where the topic is not timed."),
    PIECE_FIELD("lost", T_ULONGLONG, held.message.lost,
                "Messages missed since the last one received."),
    PIECE_MEMBERS_END,
};

static PyObject *unlink_topic(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords) {
    (void)self;
    return channel_unlink(arguments, count, keywords, spg_topic_unlink);
}

static PyMethodDef functions[] = {
    FAST("unlink_topic", unlink_topic,
         "unlink_topic(name, *, node=None)\n--\n\nTakes a topic's name away; who has it open goes "
         "on with it."),
    {NULL, NULL, 0, NULL},
};

static PyType_Spec publisher_spec = {"samepage.Publisher", sizeof(handle), 0,
                                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, publisher_slots};
static PyType_Spec subscriber_spec = {"samepage.Subscriber", sizeof(handle), 0,
                                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, subscriber_slots};

int topic_add(PyObject *module) {
    message_type = piece_type_add(module, "samepage.Message", "A received message, in place.",
                                  message_methods, message_members);
    if (!message_type || !type_add(module, &publisher_spec, handle_type)) return -1;
    if (!type_add(module, &subscriber_spec, handle_type)) return -1;
    return functions_add(module, functions);
}
