/* main.c: finds the subcommand and runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "own.h"
#include "print.h"
#include "stop.h"

static const struct command *const commands[] = {
    &ls_command,
    &stat_command,
    &explain_command,
    &top_command,
    &check_command,
    &gc_command,
    &rm_command,
    &doctor_command,
    &pub_command,
    &sub_command,
    &view_command,
    &load_command,
    &get_command,
    &set_command,
    &send_command,
    &recv_command,
    &push_command,
    &pop_command,
    &serve_command,
    &call_command,
    &exchange_serve_command,
    &exchange_request_command,
};

enum { COMMANDS = sizeof commands / sizeof *commands };

int no_such_domain(void) {
    char path[4200];
    if (spg_domain_path(NULL, path, sizeof path) < 0) return complain_of(SPG_EINVAL);
    remark("there is no domain %s; the first program that uses it makes it", path);
    return EXIT_OK;
}

static int help(void) {
    printf("samepage COMMAND: look after shared memory and those who share it\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        char synopsis[64];
        snprintf(synopsis, sizeof synopsis, "%s %s", commands[i]->name, commands[i]->operands);
        printf("  %-34s %s\n", synopsis, commands[i]->summary);
    }
    printf(
        "\n"
        "  samepage COMMAND --help            more about one of them\n"
        "  --domain DIR                       use the domain in DIR\n"
        "  --version                          show the version\n\n"
        "A NAME begins with its kind: posix:/frames, sysv:0x5eed, sysv:/etc/hosts#7, "
        "file:/data/index,\n"
        "topic:video, cell:, stream:, queue:, service:. Where a COMMAND wants a TOPIC or a CELL\n"
        "it does without that word.\n"
        "The exit status is 0, 1 if it failed, 2 if the command was used wrongly.\n");
    return EXIT_OK;
}

/* How many words of a command's name stand there: 0, 1 or 2. */
static int matches(const char *name, int count, char **words) {
    const char *space = strchr(name, ' ');
    if (!space) return strcmp(name, words[0]) == 0 ? 1 : 0;
    size_t length = (size_t)(space - name);
    if (strncmp(name, words[0], length) != 0 || words[0][length] != '\0') return 0;
    return count > 1 && strcmp(space + 1, words[1]) == 0 ? 2 : 0;
}

static int exchange_alone(int count, char **words) {
    if (count > 1 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0)) {
        print_usage(&exchange_serve_command);
        printf("\n");
        print_usage(&exchange_request_command);
        return EXIT_OK;
    }
    return wrong_use("exchange: say serve or request; see samepage exchange --help");
}

static int run(int count, char **words) {
    struct arguments arguments;
    int status;
    for (size_t i = 0; i < COMMANDS; i++) {
        int taken = matches(commands[i]->name, count, words);
        if (taken == 0) continue;
        if (!options_read(&arguments, commands[i], count - taken, words + taken, &status)) {
            return status;
        }
        return commands[i]->run(&arguments);
    }
    if (strcmp(words[0], "exchange") == 0) return exchange_alone(count, words);
    return wrong_use("there is no command %s; see samepage --help", words[0]);
}

/* "help COMMAND" is "COMMAND --help". */
static int run_help(int count, char **words) {
    static char option[] = "--help";
    char *turned[3] = {NULL};
    if (count > 2) return wrong_use("help: that is too much; use it as: samepage help COMMAND");
    if (count == 0 || strcmp(words[0], "--help") == 0) return help();
    for (int i = 0; i < count; i++) turned[i] = words[i];
    turned[count] = option;
    return run(count + 1, turned);
}

static int start(int count, char **words) {
    int status = EXIT_OK;
    if (count == 1 && strcmp(words[0], "--version") == 0) {
        printf("samepage %s\n", spg_version());
        return EXIT_OK;
    }
    int taken = options_read_global(count, words, &status);
    if (taken < 0) return status < 0 ? help() : status;
    if (taken == count) return wrong_use("say what to do; see samepage --help");
    if (strcmp(words[taken], "help") == 0) return run_help(count - taken - 1, words + taken + 1);
    return run(count - taken, words + taken);
}

int main(int count, char **words) {
    int status = start(count - 1, words + 1);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    int reason = errno;
    own_end();
    stop_for_good();
    if (written) return status;
    if (reason == EPIPE) return EXIT_FAILED; /* nobody reads it any more, which is no news */
    return complain("cannot write the output: %s", strerror(reason));
}
