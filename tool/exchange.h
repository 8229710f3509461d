/* exchange.h: the textbook exchange of a client and a server over one shared segment.
 *
 * What is shared: struct exchange_shared, at the start of one managed temporary segment, and the
 * buffer behind it. Both sides say what they want and what they found in the same memory, in turns.
 *
 *   server    owned, 1 permit: held by the server for its life; who gets it knows there is none
 *   client    owned, 1 permit: one conversation at a time
 *   guard     owned, 1 permit: who holds it may touch the memory, nobody else
 *   written   plain: a client has written a request. Posted by the client, taken by the server
 *   answered  plain: the server has written an answer. Posted by the server, taken by the client
 *
 * One request: the client takes the guard, writes, gives the guard back, posts `written`, and is
 * suspended until `answered`. The server wakes, takes the guard, answers in place, gives it back,
 * posts `answered`. The client takes the guard again and uses the answer where it lies.
 *
 * Who writes each word: `capacity` and all semaphores the creator, who also takes the server's
 * permit, before the segment has its name: nobody finds it half-made. Under the guard:
 * `server_count` a server that begins, `last_number` and the request the client in conversation,
 * the answer and the buffer the server.
 *
 * Death, and what stands then:
 *   server                      its permits come back, and if nobody else holds the segment it is
 *                               gone. A client that waits tries `server` after each slice, gets
 *                               it, and says so. The next server takes the permit; if a client
 *                               keeps the old segment alive it goes on in that one, voids what lies
 *                               there and counts server_count up: a client in conversation finds
 *                               another count than it began with, and says so
 *   client, before its request  nothing but its permits, which come back
 *   client, holding the guard   whoever takes the guard next is told (1), and voids the half-made
 *                               request and answer before anything else; if it dies in that, the
 *                               one after it is told again
 *   client, after the request,  nobody is signalled; the next client overwrites it
 *   before `written`
 *   client, after `written`     the server answers, and posts for nobody. The next client drains
 *                               both signals before it begins; if the answer comes after that, it
 *                               carries the number of the dead one's request and is not taken for
 *                               its own. A signal without a new request is no request: the server
 *                               answers no number twice
 *   either, after it took a     nobody else waits for that signal but the successor in its place,
 *   signal                      who begins anew
 *
 * Numbers are counted up under the guard by the client in conversation, so no two requests have the
 * same. A conversation that is stopped (not dead) makes the others wait, as any lock does.
 *
 * Nothing read here is believed: numbers, lengths, paths, lists are copied out, checked, used. */
#ifndef TOOL_EXCHANGE_H
#define TOOL_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <samepage/samepage.h>

#define EXCHANGE_TYPE "samepage-exchange-1"

enum {
    EXCHANGE_PATH_BYTES = 4096,
    EXCHANGE_SLICE_NS = 50 * 1000 * 1000 /* how often a waiter looks after the other side */
};

enum operation { OPERATION_READ = 1, OPERATION_LIST = 2 };

enum kind { KIND_FILE = 1, KIND_DIRECTORY = 2, KIND_OTHER = 3 };

enum answer_status {
    ANSWER_OK = 0,
    ANSWER_MALFORMED = 1, /* the request was */
    ANSWER_NOT_FOUND = 2,
    ANSWER_NOT_PERMITTED = 3,
    ANSWER_NOT_SERVED = 4, /* outside of the folder, or neither a file nor a directory */
    ANSWER_FAILED = 5      /* the server could not read it */
};

/* READ: bytes of the file from `offset`. LIST: entries of the directory from number `offset`. */
struct exchange_request {
    uint64_t number; /* never 0 */
    uint64_t offset;
    uint32_t operation;
    uint32_t path_bytes;
    char path[EXCHANGE_PATH_BYTES]; /* relative, without a zero */
};

struct exchange_answer {
    uint64_t number; /* of the request */
    uint64_t bytes;  /* that lie in the buffer */
    uint64_t size;   /* of the file */
    uint32_t status;
    uint32_t kind; /* READ of a directory and LIST of a file: bytes is 0, and this says why */
    uint32_t mode; /* permission bits */
    uint32_t last; /* 1: nothing comes after these bytes */
};

/* In the buffer of LIST: one after another, not aligned. */
struct exchange_entry {
    uint64_t size;
    uint32_t kind;
    uint32_t mode;
    uint32_t name_bytes; /* follow, without a zero */
    uint32_t zero;
};

struct exchange_shared {
    uint64_t capacity; /* bytes of the buffer */
    uint64_t server_count;
    uint64_t last_number;
    spg_semaphore server;
    spg_semaphore client;
    spg_semaphore guard;
    spg_semaphore written;
    spg_semaphore answered;
    struct exchange_request request;
    struct exchange_answer answer;
    unsigned char buffer[];
};

_Static_assert(offsetof(struct exchange_shared, server) == 24, "layout of the exchange");
_Static_assert(offsetof(struct exchange_shared, request) == 24 + 5 * 192, "layout of the exchange");
_Static_assert(sizeof(struct exchange_request) == 24 + EXCHANGE_PATH_BYTES,
               "layout of the exchange");
_Static_assert(sizeof(struct exchange_answer) == 40, "layout of the exchange");
_Static_assert(sizeof(struct exchange_entry) == 24, "layout of the exchange");
_Static_assert(offsetof(struct exchange_shared, buffer) == 5144, "layout of the exchange");

/* One side of it. */
struct exchange {
    const char *name;
    spg_segment *segment;
    struct exchange_shared *shared;
    uint64_t capacity;                      /* as checked */
    uint64_t server_count;                  /* client: as it was when the conversation began */
    int (*look)(struct exchange *exchange); /* may we wait on? 0 or a result, after each slice */
};

/* Opens the segment of this name and checks it. */
int exchange_open(struct exchange *exchange, const char *name);
void exchange_close(struct exchange *exchange);

/* Waits for a semaphore as long as `look` says. Returns as spg_semaphore_wait, or what look did. */
int exchange_wait(struct exchange *exchange, spg_semaphore *semaphore);

/* Takes the guard, and voids what a dead holder left half-written. Returns 0, or as above. */
int exchange_take(struct exchange *exchange);
void exchange_give(struct exchange *exchange);

/* Takes back a signal that nobody waits for any more. */
void exchange_drain(spg_semaphore *signal);

#endif
