/* options.h: what a subcommand is, and reading its arguments. One parser for all of them: options
 * may stand anywhere, "--" ends them, a value follows as --name VALUE or --name=VALUE. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_MAX = 16, ANY_NUMBER = -1 };

struct option {
    const char *name;  /* without the dashes; NULL ends the list */
    char letter;       /* its short form, or 0 */
    const char *value; /* what its value is called in the help; NULL: it takes none */
    const char *help;
};

struct arguments;

struct command {
    const char *name; /* one word, or two as in "exchange serve" */
    const char *operands;
    const char *channel; /* the kind of channel that the first operand names; NULL: none */
    const char *summary;
    const char *about;    /* the rest of its help */
    const char *examples; /* lines of a shell; NULL: none */
    const struct option *options;
    int least, most; /* how many operands */
    int (*run)(const struct arguments *arguments);
};

struct arguments {
    const struct command *command;
    const char *values[OPTIONS_MAX]; /* beside command->options; "" for one without a value */
    char **operands;
    int count;
};

extern const struct option no_options[];

/* Reads what stands after the command's name. Returns true to go on; otherwise *status is the exit
 * status: help was asked for and printed, or the use is wrong and that was said. */
bool options_read(struct arguments *arguments, const struct command *command, int count,
                  char **words, int *status);

/* Reads the options that stand before the command; returns how many words they take, or -1. */
int options_read_global(int count, char **words, int *status);

bool option_given(const struct arguments *arguments, const char *name);
const char *option_value(const struct arguments *arguments, const char *name); /* or NULL */

/* "4096", "64K", "1M", "2G"; false if it is nothing of that. */
bool size_read(const char *text, uint64_t *size);

/* The value of an option that was given; what it is not stays as it is. False: it is malformed, and
 * that was said. */
bool take_size(const struct arguments *arguments, const char *name, uint64_t *size);
bool take_number(const struct arguments *arguments, const char *name, uint32_t least, uint32_t most,
                 uint32_t *number);
/* "200ms", "5s", "2min", "1h", "0", "forever"; a number alone is of seconds. In nanoseconds, or
 * SPG_FOREVER. */
bool take_duration(const struct arguments *arguments, const char *name, int64_t *nanoseconds);

/* The first operand, without the kind that it may begin with: "video" for "topic:video". */
const char *channel_operand(const struct arguments *arguments);

void print_usage(const struct command *command);

#endif
