/* rm.c: removes segments by name. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "entries.h"
#include "facts.h"
#include "print.h"

#define STREAM_PREFIX "stream:"

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

static int remove_stream(const char *name, bool force) {
    struct entries entries;
    if (!force) {
        int result = entries_read(&entries);
        if (result < 0) return complain_of(result);
        const spg_domain_entry *entry = entries_find(&entries, name);
        uint32_t living = entry ? entry->living : 0;
        entries_free(&entries);
        if (living > 0) return complain("%s has living ends; --force takes its name away", name);
    }
    int result = spg_stream_unlink(NULL, name + strlen(STREAM_PREFIX));
    return result == 0 ? EXIT_OK : complain_of(result);
}

static int remove_one(const char *name, bool force) {
    struct facts facts;
    if (strncmp(name, STREAM_PREFIX, strlen(STREAM_PREFIX)) == 0) {
        return remove_stream(name, force);
    }
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
    .summary = "remove segments and streams",
    .about = "Takes the name away; those who have the memory mapped keep it. A managed\n"
             "segment that living processes hold is refused. Nobody can tell who holds a bare\n"
             "one: see samepage stat NAME.",
    .options = options,
    .least = 1,
    .most = ANY_NUMBER,
    .run = run,
};
