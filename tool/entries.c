/* entries.c: see entries.h. */
#include "entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

const char *entries_summary(char *text, const struct entries *entries) {
    char node_text[SHORT_TEXT], segment_text[SHORT_TEXT], stream_text[SHORT_TEXT];
    size_t nodes = 0, segments = 0, streams = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        nodes += entry->kind == SPG_ENTRY_NODE && entry->living;
        segments += entry->kind == SPG_ENTRY_SEGMENT && entry->trouble != SPG_ENOENT;
        streams += entry->kind == SPG_ENTRY_STREAM && entry->trouble != SPG_ENOENT;
    }
    count_text(stream_text, streams, "stream");
    snprintf(text, 3 * SHORT_TEXT, "%.30s, %.30s%s%.28s", count_text(node_text, nodes, "node"),
             count_text(segment_text, segments, "segment"), streams ? ", " : "",
             streams ? stream_text : "");
    return text;
}

const char *kind_text(char *text, const char *name) {
    snprintf(text, SHORT_TEXT, "%.*s", (int)(strcspn(name, ":") % SHORT_TEXT), name);
    return text;
}

unsigned long long own_pid_namespace(void) {
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

unsigned pid_here(const spg_domain_entry *node) {
    return node->pid_namespace != 0 && node->pid_namespace == own_pid_namespace() ? node->pid : 0;
}
