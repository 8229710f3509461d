/* ls.c: what is in the domain. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "entries.h"
#include "json.h"
#include "print.h"

static const char *const node_titles[] = {">NODE", "NAME", ">PID", "USER", "STATE", ">AGE"};
static const char *const stream_titles[] = {"STREAM", ">CAPACITY", ">WAITING",
                                            ">ENDS",  ">AGE",      "TROUBLE"};
static const char *const segment_titles[] = {"SEGMENT",  "KIND",      "TYPE", ">SIZE",
                                             ">HOLDERS", "TEMPORARY", ">AGE", "TROUBLE"};

enum { NODE_COLUMNS = 6, SEGMENT_COLUMNS = 8, STREAM_COLUMNS = 6 };

static void node_row(struct table *table, const spg_domain_entry *node) {
    char text[64];
    unsigned pid = pid_here(node);
    snprintf(text, sizeof text, "%llx", (unsigned long long)node->id);
    table_cell(table, text);
    table_cell(table, node->name);
    snprintf(text, sizeof text, "%u", pid);
    table_cell(table, pid ? text : "-");
    table_cell(table, user_text(text, node->uid));
    table_cell(table, node->living ? "living" : "dead");
    table_cell(table, age_text(text, node->created));
}

/* "2", or "2 + 1 dead". */
static void holders_cell(struct table *table, const spg_domain_entry *segment) {
    char text[64];
    snprintf(text, sizeof text, "%u", segment->living);
    if (segment->dead) snprintf(text, sizeof text, "%u + %u dead", segment->living, segment->dead);
    table_cell(table, segment->trouble ? "-" : text);
}

static void segment_row(struct table *table, const spg_domain_entry *segment) {
    char text[64];
    bool known = segment->trouble == 0;
    table_cell(table, segment->name);
    table_cell(table, kind_text(text, segment->name));
    table_cell(table, segment->type);
    table_cell(table, segment->size ? size_text(text, segment->size) : "-");
    holders_cell(table, segment);
    table_cell(table, !known ? "-" : segment->temporary ? "yes" : "no");
    table_cell(table, age_text(text, segment->created));
    if (table->columns == SEGMENT_COLUMNS) {
        table_cell(table, known ? "-" : spg_error_text(segment->trouble));
    }
}

static void stream_row(struct table *table, const spg_domain_entry *stream) {
    char text[64];
    bool known = stream->trouble == 0;
    table_cell(table, stream->name);
    table_cell(table, known ? size_text(text, stream->size) : "-");
    table_cell(table, known ? size_text(text, stream->waiting) : "-");
    holders_cell(table, stream);
    table_cell(table, age_text(text, stream->created));
    if (table->columns == STREAM_COLUMNS) {
        table_cell(table, known ? "-" : spg_error_text(stream->trouble));
    }
}

static bool is_shown(const spg_domain_entry *entry, uint32_t kind, bool all) {
    return entry->kind == kind && (kind != SPG_ENTRY_NODE || entry->living || all);
}

static size_t count_of(const struct entries *entries, uint32_t kind, bool all, bool *trouble) {
    size_t count = 0;
    *trouble = false;
    for (size_t i = 0; i < entries->count; i++) {
        if (!is_shown(&entries->list[i], kind, all)) continue;
        count++;
        *trouble = *trouble || entries->list[i].trouble;
    }
    return count;
}

/* One table of what is of this kind, if there is any, apart from the one before. The column of
 * trouble, the last, is there only if there is something to say in it. */
static void print_kind(const struct entries *entries, uint32_t kind, bool all, bool *apart) {
    struct table table;
    bool trouble;
    if (count_of(entries, kind, all, &trouble) == 0) return;
    if (*apart) printf("\n");
    *apart = true;
    if (kind == SPG_ENTRY_NODE) table_begin(&table, node_titles, NODE_COLUMNS);
    else if (kind == SPG_ENTRY_SEGMENT)
        table_begin(&table, segment_titles, SEGMENT_COLUMNS - !trouble);
    else table_begin(&table, stream_titles, STREAM_COLUMNS - !trouble);
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (!is_shown(entry, kind, all)) continue;
        if (kind == SPG_ENTRY_NODE) node_row(&table, entry);
        else if (kind == SPG_ENTRY_SEGMENT) segment_row(&table, entry);
        else stream_row(&table, entry);
    }
    table_end(&table);
}

static void node_json(const spg_domain_entry *node) {
    json_open(NULL, '{');
    json_id("id", node->id);
    json_text("name", *node->name ? node->name : NULL);
    json_number("pid", node->pid);
    json_number("pid_namespace", node->pid_namespace);
    json_number("uid", node->uid);
    json_bool("living", node->living);
    json_time("created", node->created);
    json_close('}');
}

static void segment_facts_json(const spg_domain_entry *segment) {
    json_text("type", *segment->type ? segment->type : NULL);
    json_number("living", segment->living);
    json_number("dead", segment->dead);
    json_bool("temporary", segment->temporary);
    json_id("creator", segment->id);
    json_time("created", segment->created);
}

static void segment_json(const spg_domain_entry *segment) {
    char kind[SHORT_TEXT];
    json_open(NULL, '{');
    json_text("name", segment->name);
    json_text("kind", kind_text(kind, segment->name));
    if (segment->size) json_number("size", segment->size);
    else json_null("size");
    if (segment->trouble == 0) segment_facts_json(segment);
    json_text("trouble", segment->trouble ? spg_error_name(segment->trouble) : NULL);
    json_close('}');
}

static void stream_json(const spg_domain_entry *stream) {
    json_open(NULL, '{');
    json_text("name", stream->name);
    if (stream->trouble == 0) {
        json_number("capacity", stream->size);
        json_number("waiting", stream->waiting);
        json_number("living", stream->living);
        json_number("dead", stream->dead);
        json_id("creator", stream->id);
        json_time("created", stream->created);
    }
    json_text("trouble", stream->trouble ? spg_error_name(stream->trouble) : NULL);
    json_close('}');
}

static void list_json(const char *key, const struct entries *entries, uint32_t kind, bool all) {
    json_open(key, '[');
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (!is_shown(entry, kind, all)) continue;
        if (kind == SPG_ENTRY_NODE) node_json(entry);
        else if (kind == SPG_ENTRY_SEGMENT) segment_json(entry);
        else stream_json(entry);
    }
    json_close(']');
}

static int print_json(const struct entries *entries, bool there, bool all) {
    char path[4200];
    json_open(NULL, '{');
    json_text("domain", spg_domain_path(NULL, path, sizeof path) == 0 ? path : NULL);
    json_bool("exists", there);
    list_json("nodes", entries, SPG_ENTRY_NODE, all);
    list_json("segments", entries, SPG_ENTRY_SEGMENT, all);
    list_json("streams", entries, SPG_ENTRY_STREAM, all);
    json_close('}');
    return EXIT_OK;
}

static int print_tables(const struct entries *entries, bool all) {
    bool apart = false;
    print_kind(entries, SPG_ENTRY_NODE, all, &apart);
    print_kind(entries, SPG_ENTRY_SEGMENT, all, &apart);
    print_kind(entries, SPG_ENTRY_STREAM, all, &apart);
    return EXIT_OK;
}

static int run(const struct arguments *arguments) {
    struct entries entries;
    bool json = option_given(arguments, "json"), all = option_given(arguments, "all");
    int result = entries_read(&entries);
    if (result == SPG_ENOENT) {
        if (json) print_json(&entries, false, all);
        return no_such_domain();
    }
    if (result < 0) return complain_of(result);
    int status = json ? print_json(&entries, true, all) : print_tables(&entries, all);
    entries_free(&entries);
    return status;
}

static const struct option options[] = {
    {"all", 'a', NULL, "also nodes that died"},
    {"json", 0, NULL, "for programs"},
    {NULL, 0, NULL, NULL},
};

const struct command ls_command = {
    .name = "ls",
    .operands = "",
    .summary = "list the nodes, managed segments and streams of the domain",
    .about = "HOLDERS counts those who hold the segment open for writing and live; the dead\n"
             "are counted beside them until somebody collects. What cannot be known is shown\n"
             "as -.",
    .options = options,
    .least = 0,
    .most = 0,
    .run = run,
};
