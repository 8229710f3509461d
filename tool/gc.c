/* gc.c: removes what the dead left. */
#include <stdio.h>
#include <string.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "json.h"
#include "print.h"

static void print_json(const spg_collected *collected) {
    json_open(NULL, '{');
    json_number("nodes", collected->nodes);
    json_number("holders", collected->holders);
    json_number("segments", collected->segments);
    json_number("records", collected->records);
    json_number("files", collected->files);
    json_number("members", collected->members);
    json_number("channels", collected->channels);
    json_close('}');
}

static void print_line(const spg_collected *collected) {
    const struct {
        uint32_t count;
        const char *noun;
    } parts[] = {
        {collected->nodes, "dead node"},      {collected->holders, "dead holder"},
        {collected->segments, "segment"},     {collected->records, "record"},
        {collected->files, "half-made file"}, {collected->members, "dead member"},
        {collected->channels, "channel"},
    };
    const char *before = "collected ";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char text[SHORT_TEXT];
        if (parts[i].count == 0) continue;
        printf("%s%s", before, count_text(text, parts[i].count, parts[i].noun));
        before = ", ";
    }
    printf("%s\n", *before == ',' ? "" : "nothing to collect");
}

static int run(const struct arguments *arguments) {
    spg_collected collected = {0};
    bool json = option_given(arguments, "json");
    int result = spg_collect(NULL, &collected);
    if (result < 0 && result != SPG_ENOENT) return complain_of(result);
    if (json) print_json(&collected);
    if (result == SPG_ENOENT) return no_such_domain();
    if (!json) print_line(&collected);
    return EXIT_OK;
}

static const struct option options[] = {
    {"json", 0, NULL, "for programs"},
    {NULL, 0, NULL, NULL},
};

const struct command gc_command = {
    .name = "gc",
    .operands = "",
    .summary = "remove what the dead left in the domain",
    .about = "Nothing that a living process uses is touched. Programs clear their own way;\n"
             "this is for tidiness.",
    .options = options,
    .least = 0,
    .most = 0,
    .run = run,
};
