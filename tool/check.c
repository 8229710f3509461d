/* check.c: proves a domain or a segment sound, or says what is not. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "entries.h"
#include "json.h"
#include "print.h"

/* Beside enum spg_finding_weight. */
static const char *const weights[] = {"unseen", "left", "damage"};
static const char *const words[] = {"unseen", "left", "damaged"};

struct report {
    bool json;
    unsigned count[3];
};

static void finding(void *context, int weight, const char *name, const char *text) {
    struct report *report = context;
    if (weight < SPG_FINDING_UNSEEN || weight > SPG_FINDING_DAMAGE) return;
    report->count[weight]++;
    if (report->json) {
        json_open(NULL, '{');
        json_text("weight", weights[weight]);
        json_text("name", name);
        json_text("text", text);
        json_close('}');
        return;
    }
    char *clean_name = clean_text(name), *clean = clean_text(text);
    printf("%-8s  %s: %s\n", words[weight], clean_name, clean);
    free(clean_name);
    free(clean);
}

static void conclude(const struct report *report, const char *name) {
    char summary[SUMMARY_BYTES] = "";
    struct entries entries;
    unsigned damage = report->count[SPG_FINDING_DAMAGE], left = report->count[SPG_FINDING_LEFT];
    unsigned unseen = report->count[SPG_FINDING_UNSEEN];
    if (!name && entries_read(&entries) == 0) {
        entries_summary(summary, &entries);
        entries_free(&entries);
    }
    if (damage) printf("%u damaged, %u left by the dead", damage, left);
    else if (unseen) printf("no damage seen: %s", name ? name : summary);
    else printf("sound: %s", name ? name : summary);
    if (left && !damage) printf("; %u left by the dead: samepage gc removes it", left);
    if (unseen) printf("; %u could not be looked at", unseen);
    printf("\n");
}

static int run(const struct arguments *arguments) {
    const char *name = arguments->count ? arguments->operands[0] : NULL;
    struct report report = {.json = option_given(arguments, "json")};
    if (report.json) {
        json_open(NULL, '{');
        json_open("findings", '[');
    }
    int result = spg_check(NULL, name, finding, &report);
    if (report.json) {
        json_close(']');
        json_number("damage", report.count[SPG_FINDING_DAMAGE]);
        json_number("left", report.count[SPG_FINDING_LEFT]);
        json_number("unseen", report.count[SPG_FINDING_UNSEEN]);
        json_text("error", result < 0 ? spg_error_name(result) : NULL);
        json_close('}');
    }
    if (result == SPG_ENOENT && !name) return no_such_domain();
    if (result < 0) return complain_of(result);
    if (!report.json) conclude(&report, name);
    return report.count[SPG_FINDING_DAMAGE] ? EXIT_FAILED : EXIT_OK;
}

static const struct option options[] = {
    {"json", 0, NULL, "for programs"},
    {NULL, 0, NULL, NULL},
};

const struct command check_command = {
    .name = "check",
    .operands = "[NAME]",
    .summary = "prove the domain, or one thing in it, sound",
    .about = "Each finding is damaged (it cannot be right, and the exit status is 1), left\n"
             "(by somebody who died; samepage gc removes it) or unseen (it could not be\n"
             "looked at). NAME is a segment's, or a channel's, as topic:video. Nothing is changed.",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
