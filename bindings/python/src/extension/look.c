/* look.c: a domain from outside, as lists and dictionaries. The walks run with the interpreter's
 * lock, because they call back for each thing that they find. */
#include "channels.h"

enum field_kind {
    FIELD_U32,
    FIELD_U64,
    FIELD_I32,
    FIELD_FLAG,
    FIELD_TEXT,
    FIELD_CHARACTERS,
    FIELD_KIND,
    FIELD_ROLE
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

static const char *const kinds[] = {"",      "node", "segment", "stream",
                                    "topic", "cell", "queue",   "service"};
static const char *const roles[] = {"",           "writer", "reader", "publisher",
                                    "subscriber", "queue",  "server", "client"};

static PyObject *word_of(const char *const *words, uint32_t number) {
    return PyUnicode_FromString(number < 8 ? words[number] : "");
}

static PyObject *value_of(const struct field *field, const void *from) {
    const void *at = (const char *)from + field->offset;
    switch (field->kind) {
    case FIELD_U32: return PyLong_FromUnsignedLong(*(const uint32_t *)at);
    case FIELD_U64: return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
    case FIELD_I32: return PyLong_FromLong(*(const int32_t *)at);
    case FIELD_FLAG: return PyBool_FromLong(*(const uint32_t *)at != 0);
    case FIELD_TEXT: return text_of(*(const char *const *)at ? *(const char *const *)at : "");
    case FIELD_CHARACTERS: return text_of(at);
    case FIELD_KIND: return word_of(kinds, *(const uint32_t *)at);
    default: return word_of(roles, *(const uint32_t *)at);
    }
}

static PyObject *dictionary_of(const struct field *fields, const void *from) {
    PyObject *dictionary = PyDict_New();
    for (; dictionary && fields->name; fields++) {
        PyObject *value = value_of(fields, from);
        if (!value || PyDict_SetItemString(dictionary, fields->name, value) < 0)
            Py_CLEAR(dictionary);
        Py_XDECREF(value);
    }
    return dictionary;
}

/* Adds to a list what is a new reference, or NULL. */
static int append(PyObject *list, PyObject *item) {
    int result = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return result < 0 ? RAISED : 0;
}

/* The options `names`, texts or None, each NULL if not given. The texts live as long as `texts`. */
static int read_texts(const struct signature *signature, PyObject *const *arguments,
                      Py_ssize_t count, PyObject *keywords, PyObject **texts, const char **given) {
    PyObject *values[ARGUMENTS_MAX];
    *texts = NULL;
    if (arguments_read(signature, arguments, count, keywords, values) < 0) return -1;
    if (!(*texts = PyList_New(0))) return -1;
    for (int i = 0; signature->names[i]; i++) {
        given[i] = NULL;
        if (!values[i] || values[i] == Py_None) continue;
        if (!(given[i] = text_keep(*texts, values[i]))) return -1;
    }
    return 0;
}

/* ---- list ------------------------------------------------------------------------------------ */

#define ENTRY(field) offsetof(spg_domain_entry, field)
static const struct field entry_fields[] = {
    {"kind", FIELD_KIND, ENTRY(kind)},
    {"name", FIELD_TEXT, ENTRY(name)},
    {"type", FIELD_TEXT, ENTRY(type)},
    {"id", FIELD_U64, ENTRY(id)},
    {"size", FIELD_U64, ENTRY(size)},
    {"waiting", FIELD_U64, ENTRY(waiting)},
    {"created", FIELD_U64, ENTRY(created)},
    {"pid", FIELD_U32, ENTRY(pid)},
    {"pid_namespace", FIELD_U64, ENTRY(pid_namespace)},
    {"uid", FIELD_U32, ENTRY(uid)},
    {"mode", FIELD_U32, ENTRY(mode)},
    {"living", FIELD_U32, ENTRY(living)},
    {"dead", FIELD_U32, ENTRY(dead)},
    {"temporary", FIELD_FLAG, ENTRY(temporary)},
    {"trouble", FIELD_I32, ENTRY(trouble)},
    {NULL, 0, 0},
};

static int add_entry(void *list, const spg_domain_entry *entry) {
    return append(list, dictionary_of(entry_fields, entry));
}

static const struct signature list_signature = {"list_domain", 0, 1, {"domain"}};

static PyObject *list_domain(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *keywords) {
    PyObject *texts, *list = PyList_New(0);
    const char *domain[1];
    int result = RAISED;
    (void)self;
    if (!list) return NULL;
    if (read_texts(&list_signature, arguments, count, keywords, &texts, domain) == 0) {
        result = spg_domain_list(domain[0], add_entry, list);
        if (result < 0) raise_cold(result);
    }
    Py_XDECREF(texts);
    if (result < 0) Py_CLEAR(list);
    return list;
}

/* ---- stat ------------------------------------------------------------------------------------ */

#define MEMBER(field) offsetof(spg_member, field)
static const struct field member_fields[] = {
    {"role", FIELD_ROLE, MEMBER(role)},
    {"node", FIELD_U64, MEMBER(node)},
    {"node_name", FIELD_TEXT, MEMBER(node_name)},
    {"pid", FIELD_U32, MEMBER(pid)},
    {"pid_namespace", FIELD_U64, MEMBER(pid_namespace)},
    {"alive", FIELD_FLAG, MEMBER(alive)},
    {"must_not_lose", FIELD_FLAG, MEMBER(must_not_lose)},
    {"sent", FIELD_U64, MEMBER(sent)},
    {"received", FIELD_U64, MEMBER(received)},
    {"behind", FIELD_U64, MEMBER(behind)},
    {"lost", FIELD_U64, MEMBER(lost)},
    {"held", FIELD_U64, MEMBER(held)},
    {"held_bytes", FIELD_U64, MEMBER(held_bytes)},
    {"held_oldest", FIELD_U64, MEMBER(held_oldest)},
    {"since", FIELD_U64, MEMBER(since)},
    {NULL, 0, 0},
};

#define FACT(field) offsetof(spg_channel_facts, field)
static const struct field fact_fields[] = {
    {"kind", FIELD_KIND, FACT(kind)},
    {"bytes", FIELD_U64, FACT(bytes)},
    {"budget", FIELD_U64, FACT(budget)},
    {"used", FIELD_U64, FACT(used)},
    {"capacity", FIELD_U64, FACT(capacity)},
    {"messages", FIELD_U64, FACT(messages)},
    {"waiting", FIELD_U64, FACT(waiting)},
    {"taken", FIELD_U64, FACT(taken)},
    {"voided", FIELD_U64, FACT(voided)},
    {"creator", FIELD_U64, FACT(creator)},
    {"created", FIELD_U64, FACT(created)},
    {"mode", FIELD_U32, FACT(mode)},
    {"uid", FIELD_U32, FACT(uid)},
    {"receivers_sleep", FIELD_FLAG, FACT(receivers_sleep)},
    {"senders_sleep", FIELD_FLAG, FACT(senders_sleep)},
    {"kept", FIELD_FLAG, FACT(kept)},
    {"type_size", FIELD_U32, FACT(type_size)},
    {"type", FIELD_CHARACTERS, FACT(type)},
    {NULL, 0, 0},
};

static int add_member(void *list, const spg_member *member) {
    return append(list, dictionary_of(member_fields, member));
}

static PyObject *facts_of(const char *name, const char *domain) {
    spg_channel_facts facts = {.struct_size = sizeof facts};
    PyObject *answer = NULL, *members = PyList_New(0);
    int result = members ? spg_channel_stat(domain, name, &facts, add_member, members) : RAISED;
    if (result < 0) raise_cold(result);
    else answer = dictionary_of(fact_fields, &facts);
    if (answer && PyDict_SetItemString(answer, "members", members) < 0) Py_CLEAR(answer);
    Py_XDECREF(members);
    return answer;
}

static const struct signature stat_signature = {"stat", 1, 2, {"name", "domain"}};

static PyObject *stat_channel(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                              PyObject *keywords) {
    PyObject *texts, *answer = NULL;
    const char *given[2];
    (void)self;
    if (read_texts(&stat_signature, arguments, count, keywords, &texts, given) == 0)
        answer = facts_of(given[0], given[1]);
    Py_XDECREF(texts);
    return answer;
}

/* ---- check and collect ----------------------------------------------------------------------- */

/* What cannot be added is left out; the exception is raised at the end. */
static void add_finding(void *list, int weight, const char *name, const char *text) {
    if (!PyErr_Occurred())
        append(list, Py_BuildValue("iNN", weight, text_of(name ? name : ""), text_of(text)));
}

static const struct signature check_signature = {"check", 0, 2, {"name", "domain"}};

static PyObject *check(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                       PyObject *keywords) {
    PyObject *texts, *list = PyList_New(0);
    const char *given[2];
    int result = RAISED;
    (void)self;
    if (!list) return NULL;
    if (read_texts(&check_signature, arguments, count, keywords, &texts, given) == 0) {
        result = spg_check(given[1], given[0], add_finding, list);
        if (result < 0) raise_cold(result);
    }
    Py_XDECREF(texts);
    if (PyErr_Occurred()) Py_CLEAR(list);
    return list;
}

#define COLLECTED(field)                                                                           \
    { #field, FIELD_U32, offsetof(spg_collected, field) }
static const struct field collected_fields[] = {
    COLLECTED(nodes), COLLECTED(holders), COLLECTED(segments), COLLECTED(records),
    COLLECTED(files), COLLECTED(members), COLLECTED(channels), {NULL, 0, 0},
};

static const struct signature collect_signature = {"collect", 0, 1, {"domain"}};

static PyObject *collect(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords) {
    spg_collected collected = {0};
    PyObject *texts;
    const char *domain[1];
    int result = RAISED;
    (void)self;
    if (read_texts(&collect_signature, arguments, count, keywords, &texts, domain) == 0) {
        Py_BEGIN_ALLOW_THREADS result = spg_collect(domain[0], &collected);
        Py_END_ALLOW_THREADS if (result < 0) raise_cold(result);
    }
    Py_XDECREF(texts);
    return result < 0 ? NULL : dictionary_of(collected_fields, &collected);
}

static PyMethodDef functions[] = {
    FAST("list_domain", list_domain,
         "list_domain(domain=None)\n--\n\nEach node, segment and channel of a domain, as a "
         "dictionary."),
    FAST("stat", stat_channel,
         "stat(name, domain=None)\n--\n\nEverything about a channel, whose name is given with its "
         "kind: 'topic:video/left'. A dictionary; `members` is a list of them."),
    FAST("check", check,
         "check(name=None, domain=None)\n--\n\nAudits a domain, or one thing in it. A list of "
         "(weight, name, text): 2 is damage, 1 was left by the dead, 0 could not be seen."),
    FAST("collect", collect,
         "collect(domain=None)\n--\n\nRemoves what the dead left. Returns how much of what."),
    {NULL, NULL, 0, NULL},
};

int look_add(PyObject *module) {
    return functions_add(module, functions);
}
