/* rm.c: removes segments and channels by name. */
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "commands.h"
#include "entries.h"
#include "facts.h"
#include "print.h"

/* Why a segment is not to be removed unasked: says it. */
static int refuse(const struct facts *facts) {
    char holders[SHORT_TEXT];
    if (facts->profile == PROFILE_UNKNOWN) {
        return complain("%s: it cannot be read, so nobody knows who holds it; --force removes it",
                        facts->name);
    }
    if (facts->profile == PROFILE_BARE) return EXIT_OK;
    if (facts->trouble) {
        return complain("%s; nobody knows who holds it; --force removes it", facts->trouble_text);
    }
    if (!facts->entry) {
        return complain("%s belongs to another domain: name it with --domain, or --force",
                        facts->name);
    }
    if (facts->entry->living == 0) return EXIT_OK;
    return complain("%s has %s; --force takes its name away all the same, and they keep the memory",
                    facts->name, count_text(holders, facts->entry->living, "living holder"));
}

static int remove_channel(const struct channel_kind *kind, const char *name, const char *rest,
                          bool force) {
    struct entries entries;
    if (!force) {
        int result = entries_read(&entries);
        if (result < 0) return complain_of(result);
        const spg_domain_entry *entry = entries_find(&entries, name);
        uint32_t living = entry && entry->kind != SPG_ENTRY_CELL ? entry->living : 0;
        entries_free(&entries);
        if (living > 0) {
            char members[SHORT_TEXT];
            return complain("%s has %s; --force takes its name away all the same, and they keep "
                            "the memory",
                            name, count_text(members, living, "living member"));
        }
    }
    int result = kind->unlink(NULL, rest);
    return result == 0 ? EXIT_OK : complain_of(result);
}

/* "t" is not a name of something; "topic:t" is, if it is there. */
static bool lacks_its_kind(const char *name) {
    struct entries entries;
    bool found = false;
    if (strchr(name, ':') || entries_read(&entries) < 0) return false;
    for (size_t i = 0; i < entries.count && !found; i++) {
        const char *rest = entries.list[i].name;
        found = channel_kind_of_name(rest, &rest) && strcmp(rest, name) == 0;
        if (found) complain("%s: say which kind: samepage rm %s", name, entries.list[i].name);
    }
    entries_free(&entries);
    return found;
}

static int remove_one(const char *name, bool force) {
    struct facts facts;
    const char *rest;
    const struct channel_kind *kind = channel_kind_of_name(name, &rest);
    if (kind) return remove_channel(kind, name, rest, force);
    if (lacks_its_kind(name)) return EXIT_WRONG_USE;
    if (!force) {
        int status = facts_read(&facts, name);
        if (status != EXIT_OK) return status;
        status = refuse(&facts);
        facts_free(&facts);
        if (status != EXIT_OK) return status;
    }
    int result = spg_segment_unlink(name);
    return result == 0 ? EXIT_OK : complain_of(result);
}

static int run(const struct arguments *arguments) {
    int status = EXIT_OK;
    for (int i = 0; i < arguments->count; i++) {
        int one = remove_one(arguments->operands[i], option_given(arguments, "force"));
        if (one > status) status = one;
    }
    return status;
}

static const struct option options[] = {
    {"force", 'f', NULL, "although living processes hold it, or it cannot be known"},
    {NULL, 0, NULL, NULL},
};

const struct command rm_command = {
    .name = "rm",
    .operands = "NAME...",
    .summary = "remove segments and channels",
    .about = "Takes the name away; those who have the memory mapped keep it. A managed\n"
             "segment that living processes hold is refused, and so is a channel that has living\n"
             "members. Nobody can tell who holds a bare segment, or reads a cell: see samepage\n"
             "stat NAME.",
    .options = options,
    .least = 1,
    .most = ANY_NUMBER,
    .run = run,
};
