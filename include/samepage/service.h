/* samepage/service.h: request and response, between any number of clients and servers.
 *
 * A service is found by its name in a domain; the first to come, be it a client or a server, makes
 * it. A request goes to one server, in the order in which requests were sent; the response goes to
 * the client that asked. Any number of requests may be on the way, and be answered in any order. A
 * request waits until a server comes for it: that there is none yet is no error, so give calls a
 * deadline.
 *
 * Whoever dies is noticed by who waits for it, within 100 ms: a client is told SPG_EPEERDEAD of
 * each request that its server had received and not answered. It is not known how far that server
 * came; the request is not given to another one. What a dead client asked is dropped. Who is only
 * stopped, for however long, is waited for until the deadline.
 *
 * A service is removed when its last member closes. No call makes a system call unless it has to
 * wait or somebody sleeps. A handle is used by one thread at a time; a process may open as many as
 * it likes. Fork: a child has none of its parent's handles; its copies give SPG_EFORKED. */
#ifndef SAMEPAGE_SERVICE_H
#define SAMEPAGE_SERVICE_H

#include <samepage/node.h>
#include <samepage/waitset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spg_server spg_server;
typedef struct spg_client spg_client;

/* Whoever makes the service decides; for others `type` and `type_size` alone count: a type that is
 * given must be the service's. */
typedef struct spg_service_options {
    uint32_t struct_size; /* sizeof(spg_service_options) */
    uint32_t mode;        /* permission bits of a service that is made now. Default 0600 */
    uint64_t budget;      /* bytes for requests and responses that do not fit in a slot. Default
                             64 KiB */
    uint32_t slots;       /* requests from being sent until their responses are released, at most
                             65,536; rounded up to a power of two. Default 256 */
    uint32_t slot_size;   /* bytes of a slot: 64, 128, ... 4096. A request or response of up to 16
                             bytes less lies in it. Default 64 */
    uint32_t members;     /* clients and servers at a time, 1 to 4,094. Default 64 */
    uint32_t holds;       /* requests that one client may have on the way, or one server in hand,
                             and loans, 1 to 1,000. Default 32 */
    uint32_t type_size;   /* bytes of the type; 0: any. Default 0 */
    const char *type;     /* name of what it speaks, at most 63 bytes. Default NULL: any */
    const char *schema;   /* a text that describes it, at most 65,536 bytes. Default NULL */
} spg_service_options;

#define SPG_SERVICE_OPTIONS                                                                        \
    { sizeof(spg_service_options), 0600, 65536, 256, 64, 64, 32, 0, NULL, NULL }

/* ---- servers --------------------------------------------------------------------------------- */

/* A request in hand. */
typedef struct spg_request {
    const void *data; /* aligned to 8 bytes, to 64 where it does not fit in a slot; constant until
                         answered. Never NULL */
    size_t size;      /* bytes */
    uint64_t client;  /* node number of who asks; 0 if it has gone */
    uint64_t ticket;  /* for spg_server_reply and spg_server_refuse */
} spg_request;

/* Becomes a server of a service, making the service if it is not there.
 *   node  NULL: the default node; must stay open as long as the handle
 *   name  1 to 200 bytes: letters, digits, '_', '-', '.', '/' and anything beyond ASCII; not
 *         beginning with '.' or '/'
 * Returns 0, or SPG_EFULL (so many members live), SPG_ETYPE (another type, or another kind of
 * thing), SPG_EINVAL, SPG_EVERSION, SPG_ECORRUPT, SPG_ENOSPC, SPG_ENOMEM, SPG_EMFILE, SPG_EPERM,
 * SPG_ETOOBIG, SPG_ETIMEDOUT (a stopped process holds the domain's lock for five seconds),
 * SPG_EFORKED, and what spg_node_open may. Reclaims what dead members left. A caller that dies
 * inside leaves nothing, or a member that is dead. */
SPG_API SPG_MUST_USE int spg_server_open(spg_server **out, spg_node *node, const char *name,
                                         const spg_service_options *options);

/* Takes the next request, in place. Waits while there is none. Up to `holds` in hand at a time.
 * With SPG_NOWAIT a look in vain takes one pause of the processor.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_EFULL (as many are in hand as may be), SPG_EINVAL,
 * SPG_EFORKED, SPG_ECORRUPT (a request whose bytes cannot be right is dropped). Acquires. If the
 * caller dies the client is told SPG_EPEERDEAD. */
SPG_API SPG_MUST_USE int spg_server_receive(spg_server *server, spg_request *request,
                                            int64_t timeout);

/* Room for a response of up to `size` bytes, to be written in place: aligned to 64 bytes, contents
 * undefined, out of the budget. Waits for memory. For spg_server_reply; what is not used goes back
 * by spg_server_discard.
 * Returns 0, SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ETOOBIG (more than the budget), SPG_EFULL (as many are
 * out as may be), SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT. If the caller dies it is reclaimed. */
SPG_API SPG_MUST_USE int spg_server_loan(spg_server *server, size_t size, void **data,
                                         int64_t timeout);
SPG_API int spg_server_discard(spg_server *server, void *data);

/* Answers with `size` bytes at `data` (NULL if 0): with a loan of this handle in place, otherwise
 * with a copy, also of the request's own bytes. The request is out of hand afterwards, unless the
 * result is SPG_EAGAIN, SPG_ETOOBIG, SPG_EFULL or SPG_EINVAL.
 * Returns 0, SPG_ECLOSED (the client wants it no more: it cancelled, its deadline passed, or it
 * closed), SPG_EPEERDEAD (the client died; both drop the response), SPG_EAGAIN (no memory now: loan
 * it with a timeout), SPG_ETOOBIG, SPG_EFULL (no loan left to copy to), SPG_EINVAL (not in hand,
 * answered before; or more than the loan has), SPG_EFORKED, SPG_ECORRUPT. Releases. One store
 * answers: a caller that dies inside has answered or not. Does not wait. */
SPG_API int spg_server_reply(spg_server *server, const spg_request *request, const void *data,
                             size_t size);

/* Answers with an error, SPG_EINVAL or any other of -1 to -999: it is what the client's call or
 * receive returns. As spg_server_reply. */
SPG_API int spg_server_refuse(spg_server *server, const spg_request *request, int error);

/* For a wait set, ready when there is a request; and the descriptor for poll (waitset.h). NULL, or
 * SPG_EINVAL, for NULL. */
SPG_API spg_waitable *spg_server_waitable(spg_server *server);
SPG_API SPG_MUST_USE int spg_server_fd(spg_server *server);

/* Leaves. Requests in hand are answered with SPG_ECLOSED, loans given back. The last member to
 * leave removes the service. May wait up to five seconds for a process that is stopped while it
 * holds the domain's lock. Returns 0, SPG_EINVAL (not an open server). NULL does nothing. In a fork
 * child only the copy is freed. */
SPG_API int spg_server_close(spg_server *server);

/* ---- clients --------------------------------------------------------------------------------- */

/* A response. */
typedef struct spg_response {
    const void *data; /* aligned to 8 bytes, to 64 where it does not fit in a slot; constant until
                         released. Never NULL, unless there is nothing to release */
    size_t size;      /* bytes */
    uint64_t id;      /* of the request, as spg_client_send gave it; 0: of none */
} spg_response;

/* Becomes a client. As spg_server_open. */
SPG_API SPG_MUST_USE int spg_client_open(spg_client **out, spg_node *node, const char *name,
                                         const spg_service_options *options);

/* Sends `size` bytes at `data` (NULL if 0), a loan of this handle in place, otherwise a copy, and
 * waits for the response, which is released with spg_client_release. The deadline is of the whole;
 * when it passes the request is cancelled.
 * Returns 0, SPG_EAGAIN or SPG_ETIMEDOUT (no response; the request is cancelled, or was not sent,
 * then a loan is still the caller's), SPG_EPEERDEAD (the server died with it), SPG_ECLOSED (the
 * server closed with it), what a server refused it with, SPG_EFULL (as many requests are on the
 * way, or loans out, as may be), SPG_ETOOBIG (it never fits), SPG_EINVAL, SPG_EFORKED,
 * SPG_ECORRUPT. Where it is not 0 there is nothing to release. Releases and acquires. */
SPG_API SPG_MUST_USE int spg_client_call(spg_client *client, const void *data, size_t size,
                                         spg_response *response, int64_t timeout);

/* Room for a request of up to `size` bytes, to be written in place. As spg_server_loan. */
SPG_API SPG_MUST_USE int spg_client_loan(spg_client *client, size_t size, void **data,
                                         int64_t timeout);
SPG_API int spg_client_discard(spg_client *client, void *data);

/* Sends without waiting for the response; `id` (may be NULL) receives the request's number, never
 * 0 and never used again by this handle. Waits while all slots, or all memory, are taken.
 * Returns 0; SPG_EAGAIN, SPG_ETIMEDOUT (not sent; a loan is still the caller's), SPG_EFULL,
 * SPG_ETOOBIG, SPG_EINVAL, SPG_EFORKED, SPG_ECORRUPT. Releases. One store sends: a caller that
 * dies inside has sent it or not, and either way it is reclaimed. */
SPG_API SPG_MUST_USE int spg_client_send(spg_client *client, const void *data, size_t size,
                                         uint64_t *id, int64_t timeout);

/* A response to any request on the way, whichever is there. Waits while there is none.
 * Returns 0; with `id` set and nothing to release: SPG_EPEERDEAD (its server died), SPG_ECLOSED,
 * what the server refused it with; with `id` 0: SPG_EAGAIN, SPG_ETIMEDOUT, SPG_ENOENT (nothing is
 * on the way), SPG_EINVAL, SPG_EFORKED. SPG_ECORRUPT: its bytes cannot be right; it is dropped.
 * Acquires. */
SPG_API SPG_MUST_USE int spg_client_receive(spg_client *client, spg_response *response,
                                            int64_t timeout);

/* Gives a response back; in any order. Returns 0, SPG_EINVAL (not held, or given back before),
 * SPG_EFORKED. Does not wait. */
SPG_API int spg_client_release(spg_client *client, const spg_response *response);

/* The response is not wanted any more. If a server has the request it may not know until it
 * answers. Returns 0, SPG_EINVAL (not on the way: received, or cancelled before), SPG_EFORKED. Does
 * not wait. */
SPG_API int spg_client_cancel(spg_client *client, uint64_t id);

/* For a wait set, ready when there is a response; and the descriptor for poll (waitset.h). NULL, or
 * SPG_EINVAL, for NULL. */
SPG_API spg_waitable *spg_client_waitable(spg_client *client);
SPG_API SPG_MUST_USE int spg_client_fd(spg_client *client);

/* Leaves. Its requests are cancelled, its responses and loans given back. As spg_server_close. */
SPG_API int spg_client_close(spg_client *client);

/* Takes a service's name away: who has it open goes on with it, the next opener makes a new one.
 * Returns 0, SPG_ENOENT, SPG_EPERM, SPG_EINVAL, SPG_ETIMEDOUT, SPG_EFORKED, and what spg_node_open
 * may. */
SPG_API int spg_service_unlink(spg_node *node, const char *name);

#ifdef __cplusplus
}
#endif

#endif
