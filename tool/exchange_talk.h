/* exchange_talk.h: the client's side of the conversation. */
#ifndef TOOL_EXCHANGE_TALK_H
#define TOOL_EXCHANGE_TALK_H

#include "exchange.h"

struct talk {
    struct exchange exchange;
    uint64_t number; /* of the request that is out */
};

/* Finds the server and begins the conversation, waiting for others' to end. Each of these returns 0
 * or a result that is final for the conversation; talk_complain says it in one line. */
int talk_begin(struct talk *talk, const char *name);
void talk_end(struct talk *talk);
int talk_complain(const struct talk *talk, int result);

/* Asks, and waits for the answer. On 0 the guard is held, and the answer is copied and checked: its
 * bytes fit into the buffer. Give the guard back when they have been used. */
int talk_ask(struct talk *talk, enum operation operation, const char *path, uint64_t offset,
             struct exchange_answer *answer);

#endif
