/* options.c: see options.h. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <samepage/samepage.h>

#include "channel.h"
#include "print.h"

const struct option no_options[] = {{NULL, 0, NULL, NULL}};

static const struct option global_options[] = {
    {"domain", 0, "DIR", "look at the domain in DIR instead of SAMEPAGE_DOMAIN or your own"},
    {"help", 'h', NULL, "show this help"},
    {NULL, 0, NULL, NULL},
};

static void print_options(const struct option *options) {
    for (; options->name; options++) {
        char name[48];
        char letter[8] = "    ";
        if (options->letter) snprintf(letter, sizeof letter, "-%c, ", options->letter);
        snprintf(name, sizeof name, "%s--%s%s%s", letter, options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        printf("  %-22s %s\n", name, options->help);
    }
}

void print_usage(const struct command *command) {
    bool own = command->options->name != NULL;
    printf("samepage %s%s%s%s: %s\n", command->name, own ? " [OPTION]..." : "",
           *command->operands ? " " : "", command->operands, command->summary);
    if (*command->about) printf("\n%s\n", command->about);
    printf("\n");
    print_options(command->options);
    print_options(global_options);
    if (command->examples) printf("\n%s\n", command->examples);
}

/* Where a word --name, --name=value or -x stands in a list; -1 if nowhere. */
static int find(const struct option *options, const char *word) {
    for (int i = 0; options[i].name; i++) {
        size_t length = strlen(options[i].name);
        if (word[1] != '-') {
            if (options[i].letter && word[1] == options[i].letter && word[2] == '\0') return i;
        } else if (strncmp(word + 2, options[i].name, length) == 0 &&
                   (word[2 + length] == '\0' || word[2 + length] == '=')) {
            return i;
        }
    }
    return -1;
}

/* The value of the option in words[*at], stepping over a value that is a word of its own. */
static const char *value_of(const struct option *option, int count, char **words, int *at,
                            int *status) {
    const char *equals = words[*at][1] == '-' ? strchr(words[*at], '=') : NULL;
    if (!option->value) {
        if (!equals) return "";
        *status = wrong_use("--%s takes no value", option->name);
        return NULL;
    }
    if (equals) return equals + 1;
    if (*at + 1 < count) return words[++*at];
    *status = wrong_use("--%s needs a value: --%s %s", option->name, option->name, option->value);
    return NULL;
}

/* One of the options that every command has. Returns false if the program shall end. */
static bool take_global(int which, const char *value, const struct command *command, int *status) {
    if (which == 1) {
        if (command) print_usage(command);
        *status = command ? EXIT_OK : -1;
        return false;
    }
    if (*value == '\0') {
        *status = wrong_use("--domain needs the path of a directory");
        return false;
    }
    if (setenv("SAMEPAGE_DOMAIN", value, 1) == 0) return true;
    *status = complain("cannot set SAMEPAGE_DOMAIN: %s", strerror(errno));
    return false;
}

static bool take(struct arguments *arguments, int count, char **words, int *at, int *status) {
    const struct command *command = arguments->command;
    const char *word = words[*at];
    int own = find(command->options, word);
    int global = own < 0 ? find(global_options, word) : -1;
    if (own < 0 && global < 0) {
        *status = wrong_use("%s: there is no option %s; see samepage %s --help", command->name,
                            word, command->name);
        return false;
    }
    const struct option *option = own < 0 ? &global_options[global] : &command->options[own];
    const char *value = value_of(option, count, words, at, status);
    if (!value) return false;
    if (own < 0) return take_global(global, value, command, status);
    arguments->values[own] = value;
    return true;
}

static bool count_is_right(const struct arguments *arguments, int *status) {
    const struct command *command = arguments->command;
    const char *wrong = NULL;
    if (arguments->count < command->least) wrong = "something is missing";
    else if (command->most >= 0 && arguments->count > command->most) wrong = "that is too much";
    if (!wrong) return true;
    *status = wrong_use("%s: %s; use it as: samepage %s%s%s", command->name, wrong, command->name,
                        *command->operands ? " " : "", command->operands);
    return false;
}

/* "topic:video" is nothing for a command that is for cells. */
static bool channel_is_right(const struct arguments *arguments, int *status) {
    const struct command *command = arguments->command;
    const char *name = arguments->operands[0];
    const struct channel_kind *kind = command->channel ? channel_kind_of_name(name, &name) : NULL;
    if (!kind || strcmp(kind->word, command->channel) == 0) return true;
    *status = wrong_use("%s: %s is a %s, and %s is for a %s", command->name, arguments->operands[0],
                        kind->word, command->name, command->channel);
    return false;
}

bool options_read(struct arguments *arguments, const struct command *command, int count,
                  char **words, int *status) {
    bool ended = false;
    *arguments = (struct arguments){.command = command, .operands = words};
    for (int i = 0; i < count; i++) {
        if (!ended && strcmp(words[i], "--") == 0) {
            ended = true;
        } else if (ended || words[i][0] != '-' || words[i][1] == '\0') {
            words[arguments->count++] = words[i]; /* never ahead of what is read */
        } else if (!take(arguments, count, words, &i, status)) {
            return false;
        }
    }
    if (arguments->count < count) words[arguments->count] = NULL; /* for who executes them */
    return count_is_right(arguments, status) && channel_is_right(arguments, status);
}

int options_read_global(int count, char **words, int *status) {
    int at = 0;
    for (; at < count && words[at][0] == '-'; at++) {
        int which = find(global_options, words[at]);
        if (which < 0) {
            *status = wrong_use("there is no option %s; see samepage --help", words[at]);
            return -1;
        }
        const char *value = value_of(&global_options[which], count, words, &at, status);
        if (!value || !take_global(which, value, NULL, status)) return -1;
    }
    return at;
}

const char *option_value(const struct arguments *arguments, const char *name) {
    const struct option *options = arguments->command->options;
    for (int i = 0; options[i].name; i++) {
        if (strcmp(options[i].name, name) == 0) return arguments->values[i];
    }
    return NULL;
}

bool option_given(const struct arguments *arguments, const char *name) {
    return option_value(arguments, name) != NULL;
}

bool size_read(const char *text, uint64_t *size) {
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)*text)) return false;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (unit) end++;
    if (*end || errno || number > UINT64_MAX >> shift) return false;
    *size = (uint64_t)number << shift;
    return true;
}

bool take_size(const struct arguments *arguments, const char *name, uint64_t *size) {
    const char *text = option_value(arguments, name);
    if (!text || size_read(text, size)) return true;
    wrong_use("%s: --%s %s is no size, such as 64K or 1M", arguments->command->name, name, text);
    return false;
}

bool take_number(const struct arguments *arguments, const char *name, uint32_t least, uint32_t most,
                 uint32_t *number) {
    const char *text = option_value(arguments, name);
    uint64_t value;
    if (!text) return true;
    if (size_read(text, &value) && value >= least && value <= most) {
        *number = (uint32_t)value;
        return true;
    }
    wrong_use("%s: --%s %s is no number from %u to %u", arguments->command->name, name, text, least,
              most);
    return false;
}

static bool duration_read(const char *text, int64_t *nanoseconds) {
    static const struct {
        const char *name;
        double nanoseconds;
    } units[] = {{"", 1e9}, {"s", 1e9},    {"ms", 1e6}, {"us", 1e3},
                 {"ns", 1}, {"min", 60e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end;
    if (strcmp(text, "forever") == 0) {
        *nanoseconds = SPG_FOREVER;
        return true;
    }
    if (!isdigit((unsigned char)*text) && *text != '.') return false;
    double value = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        value *= units[i].nanoseconds;
        if (!(value >= 0 && value < 9e18)) return false;
        *nanoseconds = (int64_t)value;
        return true;
    }
    return false;
}

bool take_duration(const struct arguments *arguments, const char *name, int64_t *nanoseconds) {
    const char *text = option_value(arguments, name);
    if (!text || duration_read(text, nanoseconds)) return true;
    wrong_use("%s: --%s %s is no time, such as 200ms, 5s or forever", arguments->command->name,
              name, text);
    return false;
}

const char *channel_operand(const struct arguments *arguments) {
    const char *name = arguments->operands[0];
    channel_kind_of_name(name, &name);
    return name;
}
