/* doctor.c: looks at the machine as Samepage needs it. Each examination reports one or more lines.
 * Global state: what was reported so far. */
#include "doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "entries.h"
#include "json.h"
#include "print.h"

static struct {
    bool json;
    unsigned count[3];
} reports;

static const char *const weights[] = {"ok", "note", "problem"};

void report(enum weight weight, const char *subject, const char *advice, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reports.count[weight]++;
    if (reports.json) {
        json_open(NULL, '{');
        json_text("weight", weights[weight]);
        json_text("subject", subject);
        json_text("text", text);
        json_text("advice", advice);
        json_close('}');
        return;
    }
    char *clean = clean_text(text);
    printf("%-8s %-16s %s%s%s\n", weights[weight], subject, clean, advice ? "; " : "",
           advice ? advice : "");
    free(clean);
}

bool read_line(const char *path, char *line, size_t size) {
    FILE *file = fopen(path, "re");
    bool read = file && fgets(line, (int)size, file);
    if (file) fclose(file);
    if (read) line[strcspn(line, "\n")] = '\0';
    return read;
}

bool read_number(const char *path, uint64_t *number) {
    char line[64];
    return read_line(path, line, sizeof line) && sscanf(line, "%" SCNu64, number) == 1;
}

struct findings {
    unsigned left;
    char damage[512]; /* the first one */
};

static void keep_finding(void *context, int weight, const char *name, const char *text) {
    struct findings *findings = context;
    if (weight == SPG_FINDING_LEFT) findings->left++;
    if (weight != SPG_FINDING_DAMAGE) return;
    if (!*findings->damage)
        snprintf(findings->damage, sizeof findings->damage, "%s: %s", name, text);
}

static void examine_domain(void) {
    char path[4200];
    struct findings findings = {0};
    if (spg_domain_path(NULL, path, sizeof path) < 0) {
        report(WEIGHT_PROBLEM, "domain", "set SAMEPAGE_DOMAIN to a path", "%s", spg_error_detail());
        return;
    }
    int result = spg_check(NULL, NULL, keep_finding, &findings);
    if (result == SPG_ENOENT) {
        report(WEIGHT_OK, "domain", NULL, "%s is not there yet; the first program makes it", path);
    } else if (result < 0) {
        report(WEIGHT_PROBLEM, "domain",
               "choose another one with SAMEPAGE_DOMAIN if it is not yours", "%s",
               spg_error_detail());
    } else if (result > 0) {
        report(WEIGHT_PROBLEM, "domain", "samepage check tells all of it",
               "%s is damaged in %d places, first %s", path, result, findings.damage);
    } else if (findings.left > 0) {
        report(WEIGHT_NOTE, "domain", "samepage gc removes it", "%s is sound; %u left by the dead",
               path, findings.left);
    } else {
        report(WEIGHT_OK, "domain", NULL, "%s is sound, and nothing is left over", path);
    }
}

static void examine_everything(void) {
    examine_domain();
    examine_shared_memory();
    examine_tmpfile();
    examine_locks();
    examine_memfd();
    examine_futex();
    examine_membarrier();
    examine_limits();
    examine_sysv();
    examine_huge_pages();
    examine_numa();
    examine_namespaces();
    examine_login_manager();
}

static int run(const struct arguments *arguments) {
    reports.json = option_given(arguments, "json");
    if (reports.json) {
        json_open(NULL, '{');
        json_open("findings", '[');
    }
    examine_everything();
    if (reports.json) {
        json_close(']');
        json_number("problems", reports.count[WEIGHT_PROBLEM]);
        json_number("notes", reports.count[WEIGHT_NOTE]);
        json_close('}');
    } else {
        char problems[SHORT_TEXT], notes[SHORT_TEXT];
        printf("%s, %s\n", count_text(problems, reports.count[WEIGHT_PROBLEM], "problem"),
               count_text(notes, reports.count[WEIGHT_NOTE], "note"));
    }
    return reports.count[WEIGHT_PROBLEM] ? EXIT_FAILED : EXIT_OK;
}

static const struct option options[] = {
    {"json", 0, NULL, "for programs"},
    {NULL, 0, NULL, NULL},
};

const struct command doctor_command = {
    .name = "doctor",
    .operands = "",
    .summary = "examine this machine: what Samepage finds here, and what to do",
    .about = "ok: as it should be. note: works, but know of it. problem: something will not\n"
             "work, and the exit status is 1. Whatever is tried is removed again.",
    .options = options,
    .least = 0,
    .most = 0,
    .run = run,
};
