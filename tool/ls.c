/* ls.c: what is in the domain. */
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "commands.h"
#include "entries.h"
#include "json.h"
#include "print.h"

static const char *const node_titles[] = {">NODE", "NAME", ">PID", "USER", "STATE", ">AGE"};
static const char *const segment_titles[] = {"SEGMENT",  "KIND",      "TYPE", ">SIZE",
                                             ">HOLDERS", "TEMPORARY", ">AGE", "TROUBLE"};
static const char *const channel_titles[] = {"CHANNEL",  "TYPE",      ">SIZE", ">WAITING",
                                             ">MEMBERS", "TEMPORARY", ">AGE",  "TROUBLE"};

/* A group of things that one table shows. */
struct group {
    const char *key; /* in JSON */
    const char *const *titles;
    size_t columns;
    bool has_trouble; /* its last column, there only if there is something to say in it */
    bool (*holds)(uint32_t kind);
    void (*row)(struct table *table, const spg_domain_entry *entry, bool trouble);
    void (*json)(const spg_domain_entry *entry);
};

static void node_row(struct table *table, const spg_domain_entry *node, bool trouble) {
    (void)trouble;
    char text[64];
    unsigned pid = pid_here(node);
    snprintf(text, sizeof text, "%llx", (unsigned long long)node->id);
    table_cell(table, text);
    table_cell(table, node_text(text, node->name, node->living ? pid : 0));
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

static void segment_row(struct table *table, const spg_domain_entry *segment, bool trouble) {
    char text[64];
    bool known = segment->trouble == 0;
    table_cell(table, segment->name);
    table_cell(table, kind_text(text, segment->name));
    table_cell(table, segment->type);
    table_cell(table, segment->size ? size_text(text, segment->size) : "-");
    holders_cell(table, segment);
    table_cell(table, !known ? "-" : segment->temporary ? "yes" : "no");
    table_cell(table, age_text(text, segment->created));
    if (trouble) table_cell(table, known ? "-" : spg_error_text(segment->trouble));
}

/* Of a cell it is not known who has it open. */
static void channel_row(struct table *table, const spg_domain_entry *channel, bool trouble) {
    char text[64];
    bool known = channel->trouble == 0;
    table_cell(table, channel->name);
    table_cell(table, channel->type);
    table_cell(table, known ? size_text(text, channel->size) : "-");
    table_cell(table, known ? amount_text(text, channel->kind, channel->waiting) : "-");
    if (channel->kind == SPG_ENTRY_CELL) table_cell(table, "-");
    else holders_cell(table, channel);
    table_cell(table, !known ? "-" : channel->temporary ? "yes" : "no");
    table_cell(table, age_text(text, channel->created));
    if (trouble) table_cell(table, known ? "-" : spg_error_text(channel->trouble));
}

static void segment_whole_json(const spg_domain_entry *segment) {
    char kind[SHORT_TEXT];
    json_text("name", segment->name);
    json_text("kind", kind_text(kind, segment->name));
    if (segment->size) json_number("size", segment->size);
    else json_null("size");
    segment_json(segment);
}

static bool is_node(uint32_t kind) {
    return kind == SPG_ENTRY_NODE;
}

static bool is_segment(uint32_t kind) {
    return kind == SPG_ENTRY_SEGMENT;
}

static bool is_channel(uint32_t kind) {
    return !is_node(kind) && !is_segment(kind);
}

static const struct group groups[] = {
    {"nodes", node_titles, 6, false, is_node, node_row, node_json},
    {"segments", segment_titles, 8, true, is_segment, segment_row, segment_whole_json},
    {"channels", channel_titles, 8, true, is_channel, channel_row, channel_json},
};

enum { GROUPS = sizeof groups / sizeof *groups };

static bool is_shown(const struct group *group, const spg_domain_entry *entry, bool all) {
    return group->holds(entry->kind) && (entry->kind != SPG_ENTRY_NODE || entry->living || all);
}

/* One table of what is of this group, if there is any, apart from the one before. */
static void print_group(const struct group *group, const struct entries *entries, bool all,
                        bool *apart) {
    struct table table;
    bool any = false, trouble = false;
    for (size_t i = 0; i < entries->count; i++) {
        if (!is_shown(group, &entries->list[i], all)) continue;
        any = true;
        trouble = trouble || entries->list[i].trouble;
    }
    if (!any) return;
    if (*apart) printf("\n");
    *apart = true;
    table_begin(&table, group->titles, group->columns - (group->has_trouble && !trouble));
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (is_shown(group, entry, all)) group->row(&table, entry, trouble);
    }
    table_end(&table);
}

static void group_json(const struct group *group, const struct entries *entries, bool all) {
    json_open(group->key, '[');
    for (size_t i = 0; i < entries->count; i++) {
        if (!is_shown(group, &entries->list[i], all)) continue;
        json_open(NULL, '{');
        group->json(&entries->list[i]);
        json_close('}');
    }
    json_close(']');
}

static int print_json(const struct entries *entries, bool there, bool all) {
    char path[4200];
    json_open(NULL, '{');
    json_text("domain", spg_domain_path(NULL, path, sizeof path) == 0 ? path : NULL);
    json_bool("exists", there);
    for (size_t i = 0; i < GROUPS; i++) group_json(&groups[i], entries, all);
    json_close('}');
    return EXIT_OK;
}

static int print_tables(const struct entries *entries, bool all) {
    bool apart = false;
    for (size_t i = 0; i < GROUPS; i++) print_group(&groups[i], entries, all, &apart);
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
    .summary = "list the nodes, managed segments and channels of the domain",
    .about = "HOLDERS counts those who hold the segment open for writing and live, MEMBERS those\n"
             "who take part in the channel; the dead are counted beside them until somebody\n"
             "collects. WAITING is what nobody has taken yet; of a topic what it still has, of a\n"
             "cell its value. What cannot be known is shown as -.",
    .options = options,
    .least = 0,
    .most = 0,
    .run = run,
};
