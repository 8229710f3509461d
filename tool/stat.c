/* stat.c: everything that is known about a segment, a node or the domain; stat_channel.c: about a
 * channel. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "channel.h"
#include "commands.h"
#include "facts.h"
#include "json.h"
#include "print.h"
#include "stat.h"

enum { INTERVAL_NS = 200 * 1000 * 1000 };

void print_size(const char *name, uint64_t bytes) {
    char text[SHORT_TEXT];
    print_field(name, bytes < 1024 ? "%s" : "%s (%" PRIu64 " bytes)", size_text(text, bytes),
                bytes);
}

void print_age(uint64_t created) {
    char text[SHORT_TEXT];
    age_text(text, created);
    print_field("created", *text == '-' ? "-" : "%s ago", text);
}

/* ---- a segment ------------------------------------------------------------------------------- */

static const char *profile_text(const struct facts *facts) {
    if (facts->profile == PROFILE_UNKNOWN) return "-";
    return facts->profile == PROFILE_MANAGED ? "managed" : "bare";
}

void print_creator(const struct entries *entries, uint64_t creator) {
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *node = &entries->list[i];
        if (node->kind != SPG_ENTRY_NODE || node->id != creator) continue;
        unsigned pid = pid_here(node);
        print_field("creator",
                    pid && node->living ? "node %" PRIx64 ", %s, pid %u" : "node %" PRIx64 ", %s",
                    node->id, node->living ? "living" : "dead", pid);
        return;
    }
    print_field("creator", "node %" PRIx64 ", gone", creator);
}

static void print_managed(const struct facts *facts) {
    const spg_domain_entry *entry = facts->entry;
    if (facts->trouble) print_field("trouble", "%s", facts->trouble_text);
    if (!entry || entry->trouble) {
        print_field("domain", "%s",
                    entry ? "this one" : "another one; its holders cannot be known");
        return;
    }
    print_field("type", "%s", *entry->type ? entry->type : "-");
    print_age(entry->created);
    print_creator(&facts->entries, entry->id);
    print_field("holders", "%u living, %u dead", entry->living, entry->dead);
    print_field("temporary", "%s", entry->temporary ? "yes: the last holder removes it" : "no");
}

static void print_system(const struct facts *facts) {
    char text[64];
    print_field("mode", "%s", mode_text(text, facts->mode & 0777));
    print_field("owner", "%s", user_text(text, facts->uid));
    if (facts->sysv) {
        print_field("identifier", "%" PRIu64, facts->number);
        print_field("key", "0x%" PRIx32, facts->key);
        print_field("attached", "%" PRIu64, facts->attached);
    } else {
        print_size("allocated", facts->allocated);
        print_field("inode", "%" PRIu64, facts->number);
    }
}

static void print_segment(const struct facts *facts, const struct users *users) {
    char text[SHORT_TEXT];
    print_field("name", "%s", facts->name);
    print_field("kind", "%s", kind_text(text, facts->name));
    print_field("profile", "%s", profile_text(facts));
    print_size("size", facts->size);
    print_system(facts);
    if (facts->profile == PROFILE_MANAGED) print_managed(facts);
    print_field("mapped by", users->unreadable ? "%zu at least" : "%zu", users->count);
    print_users(users);
}

static void managed_json(const struct facts *facts) {
    const spg_domain_entry *entry = facts->entry;
    if (entry && !entry->trouble && !facts->trouble) segment_json(entry);
    else json_text("trouble", facts->trouble ? spg_error_name(facts->trouble) : NULL);
}

static void whole_segment_json(const struct facts *facts, const struct users *users) {
    char text[64];
    json_open(NULL, '{');
    json_text("name", facts->name);
    json_text("kind", kind_text(text, facts->name));
    json_text("profile", facts->profile == PROFILE_UNKNOWN ? NULL : profile_text(facts));
    json_number("size", facts->size);
    json_text("mode", mode_text(text, facts->mode & 0777));
    json_number("uid", facts->uid);
    json_number(facts->sysv ? "identifier" : "inode", facts->number);
    if (facts->sysv) {
        snprintf(text, sizeof text, "0x%" PRIx32, facts->key);
        json_text("key", text);
        json_number("attached", facts->attached);
    } else {
        json_number("allocated", facts->allocated);
    }
    if (facts->profile == PROFILE_MANAGED) managed_json(facts);
    users_json(users);
    json_close('}');
}

static int stat_segment(const char *name, bool json) {
    struct facts facts;
    struct users users;
    int status = facts_read(&facts, name);
    if (status != EXIT_OK) return status;
    users_find(&users, &facts);
    if (json) whole_segment_json(&facts, &users);
    else print_segment(&facts, &users);
    users_free(&users);
    facts_free(&facts);
    return EXIT_OK;
}

/* ---- a node ---------------------------------------------------------------------------------- */

static void whole_node_json(const struct entries *entries, const spg_domain_entry *node) {
    json_open(NULL, '{');
    node_json(node);
    json_open("made", '[');
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (entry->kind != SPG_ENTRY_NODE && entry->id == node->id) json_text(NULL, entry->name);
    }
    json_close(']');
    json_close('}');
}

static void print_node(const struct entries *entries, const spg_domain_entry *node) {
    char text[64];
    unsigned pid = pid_here(node);
    print_field("node", "%" PRIx64, node->id);
    print_field("name", "%s", *node->name ? node->name : "-");
    print_field("state", "%s", node->living ? "living" : "dead");
    print_field("pid", pid ? "%u" : "-", pid);
    print_field("PID namespace", node->pid_namespace ? "%" PRIu64 : "-", node->pid_namespace);
    print_field("user", "%s", user_text(text, node->uid));
    print_age(node->created);
    for (size_t i = 0; i < entries->count; i++) {
        const spg_domain_entry *entry = &entries->list[i];
        if (entry->kind == SPG_ENTRY_NODE || entry->id != node->id) continue;
        print_field("made", "%s", entry->name);
    }
}

static int stat_node(const char *text, bool json) {
    struct entries entries;
    uint64_t id = strtoull(text, NULL, 16);
    int result = entries_read(&entries);
    if (result < 0) return complain_of(result);
    for (size_t i = 0; i < entries.count; i++) {
        const spg_domain_entry *node = &entries.list[i];
        if (node->kind != SPG_ENTRY_NODE || node->id != id) continue;
        if (json) whole_node_json(&entries, node);
        else print_node(&entries, node);
        entries_free(&entries);
        return EXIT_OK;
    }
    entries_free(&entries);
    return complain(
        "there is no node %s in this domain; samepage ls --all lists them. A segment's name begins "
        "with its kind, as posix:/%s",
        text, text);
}

/* ---- the domain ------------------------------------------------------------------------------ */

struct domain {
    char path[NAME_BYTES];
    struct stat status;
    struct statvfs room;
    struct entries entries;
    size_t living, dead;
    uint64_t segment_bytes, channel_bytes;
};

static void count(struct domain *domain) {
    for (size_t i = 0; i < domain->entries.count; i++) {
        const spg_domain_entry *entry = &domain->entries.list[i];
        if (entry->kind == SPG_ENTRY_SEGMENT) domain->segment_bytes += entry->size;
        else if (entry->kind != SPG_ENTRY_NODE) domain->channel_bytes += entry->size;
        else if (entry->living) domain->living++;
        else domain->dead++;
    }
}

static void domain_json(const struct domain *domain) {
    char text[SHORT_TEXT];
    json_open(NULL, '{');
    json_text("domain", domain->path);
    json_text("mode", mode_text(text, domain->status.st_mode));
    json_number("uid", domain->status.st_uid);
    json_number("living_nodes", domain->living);
    json_number("dead_nodes", domain->dead);
    json_number("segments", entries_count(&domain->entries, SPG_ENTRY_SEGMENT));
    json_number("segment_bytes", domain->segment_bytes);
    for (uint32_t kind = SPG_ENTRY_STREAM; kind <= SPG_ENTRY_SERVICE; kind++) {
        char key[SHORT_TEXT];
        snprintf(key, sizeof key, "%ss", channel_kind(kind)->word);
        json_number(key, entries_count(&domain->entries, kind));
    }
    json_number("channel_bytes", domain->channel_bytes);
    json_number("bytes_free", (uint64_t)domain->room.f_bavail * domain->room.f_frsize);
    json_close('}');
}

static void print_domain(const struct domain *domain) {
    char text[64], free_text[SHORT_TEXT];
    print_field("domain", "%s", domain->path);
    print_field("mode", "%s", mode_text(text, domain->status.st_mode));
    print_field("owner", "%s", user_text(text, domain->status.st_uid));
    print_field("nodes", "%zu living, %zu dead", domain->living, domain->dead);
    print_field("segments", "%zu of %s", entries_count(&domain->entries, SPG_ENTRY_SEGMENT),
                size_text(text, domain->segment_bytes));
    for (uint32_t kind = SPG_ENTRY_STREAM; kind <= SPG_ENTRY_SERVICE; kind++) {
        char name[SHORT_TEXT];
        snprintf(name, sizeof name, "%ss", channel_kind(kind)->word);
        print_field(name, "%zu", entries_count(&domain->entries, kind));
    }
    print_field("channels take", "%s", size_text(text, domain->channel_bytes));
    size_text(text, (uint64_t)domain->room.f_blocks * domain->room.f_frsize);
    size_text(free_text, (uint64_t)domain->room.f_bavail * domain->room.f_frsize);
    print_field("file system", "%s free of %s", free_text, text);
}

static int stat_domain(bool json) {
    struct domain domain;
    memset(&domain, 0, sizeof domain);
    int result = spg_domain_path(NULL, domain.path, sizeof domain.path);
    if (result == 0) result = entries_read(&domain.entries);
    if (result == SPG_ENOENT) return no_such_domain();
    if (result < 0) return complain_of(result);
    count(&domain);
    int status = EXIT_OK;
    if (stat(domain.path, &domain.status) != 0 || statvfs(domain.path, &domain.room) != 0) {
        status = complain("domain %s: it has just been removed", domain.path);
    } else if (json) {
        domain_json(&domain);
    } else {
        print_domain(&domain);
    }
    entries_free(&domain.entries);
    return status;
}

static int run(const struct arguments *arguments) {
    bool json = option_given(arguments, "json");
    int64_t interval = INTERVAL_NS;
    const char *name = arguments->operands[0], *rest;
    if (!take_duration(arguments, "interval", &interval)) return EXIT_WRONG_USE;
    if (interval < 0) return wrong_use("stat: --interval has an end, as in 200ms");
    if (arguments->count == 0) return stat_domain(json);
    if (channel_kind_of_name(name, &rest)) return stat_channel(name, interval, json);
    bool number = *name && name[strspn(name, "0123456789abcdefABCDEF")] == '\0';
    return number ? stat_node(name, json) : stat_segment(name, json);
}

static const struct option options[] = {
    {"interval", 'i', "TIME",
     "a channel's rates are what passes in that time (200ms); 0: no rates"},
    {"json", 0, NULL, "for programs"},
    {NULL, 0, NULL, NULL},
};

const struct command stat_command = {
    .name = "stat",
    .operands = "[NAME]",
    .summary = "show all about a segment, a channel, a node or the domain",
    .about = "NAME is a segment's, managed or bare, a channel's, as topic:video, or the number\n"
             "of a node as samepage ls shows it; without it the domain is shown. Those who have\n"
             "the segment mapped are found in /proc. Of a channel it shows who takes part, how\n"
             "much passes, how far behind each reader is and what it holds, and what the dead\n"
             "left. What cannot be known is shown as -.",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
