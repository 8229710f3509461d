/* commands.h: the subcommands, each described in its own file. */
#ifndef TOOL_COMMANDS_H
#define TOOL_COMMANDS_H

#include "options.h"

extern const struct command ls_command, stat_command, check_command, gc_command, rm_command,
    exchange_serve_command, exchange_request_command, doctor_command, send_command, recv_command,
    pub_command, sub_command, get_command, set_command, push_command, pop_command, serve_command,
    call_command, top_command, view_command, explain_command, load_command;

/* A domain that is not there is no failure for those who only look: says so. Returns EXIT_OK. */
int no_such_domain(void);

#endif
