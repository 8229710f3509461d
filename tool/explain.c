/* explain.c: what a segment is, whoever made it, who has it, and what to do with it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "explain.h"
#include "json.h"
#include "print.h"
#include "stat.h"

/* ---- what it is ------------------------------------------------------------------------------ */

static void recognise_nothing(const struct evidence *evidence, struct finding *finding) {
    size_t zeros = 0, texts = 0;
    for (size_t i = 0; i < evidence->count; i++) {
        uint8_t byte = evidence->bytes[i];
        zeros += byte == 0;
        texts += (byte >= ' ' && byte < 0x7f) || byte == '\n' || byte == '\t';
    }
    finding->what = "unknown";
    finding->title = "bytes of no form that is known here";
    if (evidence->is_unreadable) {
        finding->title = "not known, since it must not be read by this user";
    } else if (evidence->facts.size == 0) {
        finding->what = "empty";
        finding->title = "nothing: it has no bytes (its maker died, or is about to give it some)";
    } else if (zeros == evidence->count) {
        finding->title = "zeros, as far as was looked";
    } else if (texts == evidence->count) {
        finding->title = "text, as far as was looked";
    }
}

/* The surest; of equals the first. */
static struct finding recognise(const struct evidence *evidence) {
    static recogniser *const recognisers[] = {
        recognise_samepage,  recognise_php,   recognise_postgresql, recognise_lmdb, recognise_qt,
        recognise_semaphore, recognise_boost, recognise_python,     recognise_rust,
    };
    struct finding best = {.what = NULL};
    for (size_t i = 0; i < sizeof recognisers / sizeof *recognisers; i++) {
        struct finding finding = {.what = NULL};
        recognisers[i](evidence, &finding);
        if (finding.sureness > best.sureness) best = finding;
    }
    if (!best.what) recognise_nothing(evidence, &best);
    return best;
}

static const char *sureness_text(enum sureness sureness) {
    static const char *const texts[] = {"not known", "possibly", "likely", "certain"};
    return texts[sureness];
}

/* ---- whether it is stale --------------------------------------------------------------------- */

enum state { STATE_IN_USE, STATE_UNUSED, STATE_STALE };

static const char *const state_words[] = {"in-use", "unused", "stale"};

/* The process that made it: 0, if that is not known or counts in another namespace. */
static unsigned creator_of(const struct evidence *evidence, const struct finding *finding) {
    return finding->creator ? finding->creator : evidence->creator;
}

static bool process_lives(unsigned pid) {
    return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* Our own know their members; of the others the kernel's word counts. */
static enum state judge(const struct evidence *evidence, const struct finding *finding) {
    const spg_domain_entry *entry = evidence->facts.entry;
    unsigned creator = creator_of(evidence, finding);
    if (entry && entry->trouble == 0 && entry->living > 0) return STATE_IN_USE;
    if (evidence->users.count > 0 || evidence->facts.attached > 0) return STATE_IN_USE;
    if (entry && entry->trouble == 0) {
        bool goes = entry->kind == SPG_ENTRY_SEGMENT && entry->temporary;
        if (goes || entry->dead > 0) return STATE_STALE;
    }
    return creator && !process_lives(creator) ? STATE_STALE : STATE_UNUSED;
}

static void print_state(const struct evidence *evidence, const struct finding *finding,
                        enum state state) {
    unsigned creator = creator_of(evidence, finding);
    bool sees_all = evidence->facts.sysv || evidence->users.unreadable == 0;
    const char *nobody = sees_all ? "nobody has it mapped"
                                  : "nobody has it mapped, as far as can be seen";
    if (state == STATE_IN_USE) {
        print_field("state", "in use%s",
                    evidence->is_removed ? "; removed already, it goes with its last user" : "");
    } else if (state == STATE_UNUSED) {
        print_field("state", "unused: %s%s", nobody,
                    creator ? "; who made it lives" : "; that may be meant");
    } else if (creator) {
        print_field("state", "stale: %s, and who made it, process %u, is gone", nobody, creator);
    } else {
        print_field("state", "stale: %s, and who held it is gone", nobody);
    }
}

/* ---- what to do with it ---------------------------------------------------------------------- */

static const char *removal_text(char *text, size_t size, const struct evidence *evidence,
                                const struct finding *finding, enum state state) {
    const struct facts *facts = &evidence->facts;
    *text = '\0';
    if (state == STATE_IN_USE || finding->cares_for_itself) return text;
    if (strncmp(finding->what, "samepage", 8) == 0 && state == STATE_STALE) {
        snprintf(text, size, "samepage gc");
    } else if (facts->sysv) {
        snprintf(text, size, "ipcrm -m %" PRIu64, facts->number);
    } else {
        snprintf(text, size, "samepage rm '%.4000s'", facts->name);
    }
    return text;
}

/* ---- telling --------------------------------------------------------------------------------- */

static const char *process_text(char *text, size_t size, unsigned pid) {
    char command[64] = "";
    if (process_lives(pid)) command_of(command, sizeof command, pid);
    if (*command) snprintf(text, size, "process %u, %s", pid, command);
    else snprintf(text, size, "process %u, which is gone", pid);
    return text;
}

static void print_origin(const struct evidence *evidence, const struct finding *finding) {
    char text[128];
    unsigned creator = creator_of(evidence, finding);
    print_field("mode", "%s", mode_text(text, evidence->facts.mode & 0777));
    print_field("owner", "%s", user_text(text, evidence->facts.uid));
    if (creator) print_field("made by", "%s", process_text(text, sizeof text, creator));
    if (!evidence->facts.sysv) return;
    if (evidence->last) {
        print_field("last used by", "%s", process_text(text, sizeof text, evidence->last));
    }
    print_field("identifier", "%" PRIu64, evidence->facts.number);
    print_field("key", "0x%" PRIx32, evidence->facts.key);
    print_field("attached", "%" PRIu64, evidence->facts.attached);
}

static void print_text(const struct evidence *evidence, const struct finding *finding) {
    char text[NAME_BYTES];
    enum state state = judge(evidence, finding);
    print_field("name", "%s", evidence->facts.name);
    print_field("it is", "%s", finding->title);
    print_field("how sure", "%s", sureness_text(finding->sureness));
    for (size_t i = 0; i < finding->count; i++) print_field("", "%s", finding->notes[i]);
    print_size("size", evidence->facts.size);
    print_origin(evidence, finding);
    print_state(evidence, finding, state);
    removal_text(text, sizeof text, evidence, finding, state);
    if (*text) print_field("to remove it", "%s", text);
    if (*finding->advice) print_field("mind", "%s", finding->advice);
    print_field("mapped by", evidence->users.unreadable ? "%zu at least" : "%zu",
                evidence->users.count);
    print_users(&evidence->users);
}

static void process_json(const char *key, unsigned pid) {
    char command[64] = "";
    if (pid == 0) {
        json_null(key);
        return;
    }
    bool lives = process_lives(pid);
    if (lives) command_of(command, sizeof command, pid);
    json_open(key, '{');
    json_number("pid", pid);
    json_bool("living", lives);
    json_text("command", *command ? command : NULL);
    json_close('}');
}

static void print_json(const struct evidence *evidence, const struct finding *finding) {
    char text[NAME_BYTES];
    enum state state = judge(evidence, finding);
    json_open(NULL, '{');
    json_text("name", evidence->facts.name);
    json_text("what", finding->what);
    json_text("title", finding->title);
    json_text("sureness", sureness_text(finding->sureness));
    json_open("notes", '[');
    for (size_t i = 0; i < finding->count; i++) json_text(NULL, finding->notes[i]);
    json_close(']');
    json_number("size", evidence->facts.size);
    json_text("mode", mode_text(text, evidence->facts.mode & 0777));
    json_number("uid", evidence->facts.uid);
    json_text("state", state_words[state]);
    process_json("made_by", creator_of(evidence, finding));
    if (evidence->facts.sysv) {
        process_json("last_used_by", evidence->last);
        json_number("identifier", evidence->facts.number);
        snprintf(text, sizeof text, "0x%" PRIx32, evidence->facts.key);
        json_text("key", text);
        json_number("attached", evidence->facts.attached);
    }
    removal_text(text, sizeof text, evidence, finding, state);
    json_text("remove", *text ? text : NULL);
    json_text("advice", *finding->advice ? finding->advice : NULL);
    users_json(&evidence->users);
    json_close('}');
}

static int run(const struct arguments *arguments) {
    struct evidence evidence;
    int status = evidence_read(&evidence, arguments->operands[0]);
    if (status == EXIT_OK) {
        struct finding finding = recognise(&evidence);
        if (option_given(arguments, "json")) print_json(&evidence, &finding);
        else print_text(&evidence, &finding);
    }
    evidence_free(&evidence);
    return status;
}

static const struct option options[] = {
    {"json", 0, NULL, "for programs"},
    {NULL, 0, NULL, NULL},
};

const struct command explain_command = {
    .name = "explain",
    .operands = "NAME",
    .summary = "say what a segment of anybody's is, who has it, and whether it is stale",
    .about = "NAME is a segment's, as posix:/x or sysv:0x51004242 or sysv:id=7, a channel's, a\n"
             "path, or what is in /dev/shm. It knows Samepage's own, Boost, Qt, Python, PHP,\n"
             "PostgreSQL, LMDB, named semaphores and Rust's shared_memory, by their names and\n"
             "by their first bytes, which it reads and never writes. Removing is up to you.",
    .examples = "  samepage explain psm_21467f10\n"
                "  samepage explain sysv:id=7",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
