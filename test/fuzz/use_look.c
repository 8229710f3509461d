/* use_look.c: see use.h. Looking from outside. */
#include <stdio.h>
#include <string.h>

#include "use.h"

static int see_entry(void *context, const spg_domain_entry *entry) {
    (void)context;
    touch(entry->name, strlen(entry->name));
    if (entry->type) touch(entry->type, strlen(entry->type));
    return 0;
}

static int see_member(void *context, const spg_member *member) {
    (void)context;
    touch(member->node_name, strlen(member->node_name));
    return 0;
}

static void see_finding(void *context, int weight, const char *name, const char *text) {
    (void)context, (void)weight;
    touch(name, strlen(name));
    touch(text, strlen(text));
}

static const char *domain_of(enum file_kind kind) {
    return kind == FILE_NODES ? world_other_domain() : world_domain();
}

void use_look_at(enum file_kind kind) {
    char name[128];
    const char *domain = domain_of(kind);
    if (kind == FILE_NODES) return;
    spg_channel_facts facts = {.struct_size = sizeof facts};
    snprintf(name, sizeof name, "%s:%s", kind_words[kind], world_name(kind));
    if (kind >= FILE_SEGMENT) snprintf(name, sizeof name, "%s", world_name(kind));
    else named(spg_channel_stat(domain, name, &facts, see_member, NULL));
    named(spg_check(domain, name, see_finding, NULL));
}

void use_look_around(enum file_kind kind) {
    spg_collected collected;
    named(spg_domain_list(domain_of(kind), see_entry, NULL));
    named(spg_check(domain_of(kind), NULL, see_finding, NULL));
    named(spg_collect(domain_of(kind), &collected));
}
