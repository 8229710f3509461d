/* entries.c: see entries.h. */
#include "entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "facts.h"
#include "json.h"
#include "print.h"

static int keep(void *context, const spg_domain_entry *entry) {
    struct entries *entries = context;
    if (entries->count == entries->room) {
        entries->room = entries->room ? 2 * entries->room : 64;
        entries->list = must_have(realloc(entries->list, entries->room * sizeof *entries->list));
    }
    spg_domain_entry *kept = &entries->list[entries->count++];
    *kept = *entry;
    kept->name = must_have(strdup(entry->name));
    kept->type = must_have(strdup(entry->type));
    return 0;
}

int entries_read(struct entries *entries) {
    *entries = (struct entries){NULL, 0, 0};
    int result = spg_domain_list(NULL, keep, entries);
    if (result < 0) entries_free(entries);
    return result;
}

void entries_free(struct entries *entries) {
    for (size_t i = 0; i < entries->count; i++) {
        free((char *)(uintptr_t)entries->list[i].name);
        free((char *)(uintptr_t)entries->list[i].type);
    }
    free(entries->list);
    *entries = (struct entries){NULL, 0, 0};
}

const spg_domain_entry *entries_find(const struct entries *entries, const char *name) {
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (entry->kind != SPG_ENTRY_NODE && strcmp(entry->name, name) == 0) return entry;
    }
    return NULL;
}

size_t entries_count(const struct entries *entries, uint32_t kind) {
    size_t count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (entry->kind != kind) continue;
        count += kind == SPG_ENTRY_NODE ? entry->living : entry->trouble != SPG_ENOENT;
    }
    return count;
}

const char *entries_summary(char *text, const struct entries *entries) {
    static const char *const nouns[] = {
        [SPG_ENTRY_NODE] = "node",       [SPG_ENTRY_SEGMENT] = "segment",
        [SPG_ENTRY_TOPIC] = "topic",     [SPG_ENTRY_CELL] = "cell",
        [SPG_ENTRY_STREAM] = "stream",   [SPG_ENTRY_QUEUE] = "queue",
        [SPG_ENTRY_SERVICE] = "service",
    };
    size_t length = 0;
    for (uint32_t kind = SPG_ENTRY_NODE; kind < sizeof nouns / sizeof *nouns; kind++) {
        char count_of[SHORT_TEXT];
        size_t count = entries_count(entries, kind);
        if (count == 0 && kind > SPG_ENTRY_SEGMENT) continue;
        count_text(count_of, count, nouns[kind]);
        length += (size_t)snprintf(text + length, SUMMARY_BYTES - length, "%s%s",
                                   length ? ", " : "", count_of);
    }
    return text;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void node_json(const spg_domain_entry *node) {
    json_id("id", node->id);
    json_text("name", *node->name ? node->name : NULL);
    json_bool("living", node->living);
    json_number("pid", node->pid);
    json_number("pid_namespace", node->pid_namespace);
    json_number("uid", node->uid);
    json_time("created", node->created);
}

static void origin_json(const spg_domain_entry *entry) {
    json_text("type", *entry->type ? entry->type : NULL);
    json_number("living", entry->living);
    json_number("dead", entry->dead);
    json_bool("temporary", entry->temporary);
    json_id("creator", entry->id);
    json_time("created", entry->created);
}

void segment_json(const spg_domain_entry *segment) {
    if (segment->trouble == 0) origin_json(segment);
    json_text("trouble", segment->trouble ? spg_error_name(segment->trouble) : NULL);
}

void channel_json(const spg_domain_entry *channel) {
    char kind[SHORT_TEXT];
    json_text("name", channel->name);
    json_text("kind", kind_text(kind, channel->name));
    if (channel->trouble == 0) {
        json_number("size", channel->size);
        json_number("waiting", channel->waiting);
        origin_json(channel);
    }
    json_text("trouble", channel->trouble ? spg_error_name(channel->trouble) : NULL);
}

/* ---- for people ------------------------------------------------------------------------------ */

const char *kind_text(char *text, const char *name) {
    snprintf(text, SHORT_TEXT, "%.*s", (int)(strcspn(name, ":") % SHORT_TEXT), name);
    return text;
}

unsigned long long own_pid_namespace(void) {
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

unsigned pid_in_here(uint64_t pid_namespace, unsigned pid) {
    return pid_namespace != 0 && pid_namespace == own_pid_namespace() ? pid : 0;
}

const char *node_text(char *text, const char *name, unsigned pid) {
    if (*name || pid == 0) snprintf(text, 64, "%.63s", name);
    else command_of(text, 64, pid);
    return text;
}

unsigned pid_here(const spg_domain_entry *node) {
    return pid_in_here(node->pid_namespace, node->pid);
}
