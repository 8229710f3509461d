/* service.h: a service in terms of jobs (jobs.h): the client is the maker, the server the taker.
 *
 * The meta word of an entry has two halves, of the request and of the response. Request and small
 * response lie in the same line: a round trip moves that line there and back. The steps:
 *
 *   send     FREE -> FILLING -> OFFERED   client; its row names the entry before OFFERED
 *   receive  OFFERED -> TAKEN             server; likewise
 *   reply    TAKEN -> ANSWERED            server: from here on the response exists
 *   release  ANSWERED -> FREE             client
 *   cancel   OFFERED -> DONE -> FREE      client
 *            TAKEN -> CANCELLED           client; the server frees it when it would answer
 *
 * A server that dies leaves TAKEN, which becomes BROKEN, so that the client is told; a client that
 * dies leaves what is freed or, if a server has it, ORPHANED (jobs_recover.c). */
#ifndef SPG_CHANNEL_SERVICE_H
#define SPG_CHANNEL_SERVICE_H

#include <samepage/service.h>

#include "channel/jobs.h"

/* Opens a member of the role: a handle of `bytes`, which begins with its struct spg__jobs. */
int spg__service_open(void **out, size_t bytes, spg_node *node, const char *name,
                      const spg_service_options *given, enum spg__job_role role);

int spg__service_loan(struct spg__jobs *jobs, size_t size, void **data, int64_t timeout);
int spg__service_discard(struct spg__jobs *jobs, const void *data);

#endif
