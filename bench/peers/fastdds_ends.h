/* fastdds_ends.h: a writer and a reader of Fast DDS, for C. */
#ifndef BENCH_FASTDDS_ENDS_H
#define BENCH_FASTDDS_ENDS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fastdds_ends;

/* Ends when both are matched with another's. */
struct fastdds_ends *fastdds_open(unsigned network, const char *out, const char *in, size_t size,
                                  unsigned samples);
void fastdds_close(struct fastdds_ends *ends);
/* Room for a sample in the writer's shared memory. NULL: there is none now. */
void *fastdds_loan(struct fastdds_ends *ends);
/* Waits until there is place in the writer's history. False: there was none, the sample is kept. */
bool fastdds_write(struct fastdds_ends *ends, void *sample);
/* The next sample, where the writer has put it. NULL: there is none. */
const void *fastdds_take(struct fastdds_ends *ends);
/* False: the writer has put another one there meanwhile. */
bool fastdds_return(struct fastdds_ends *ends);
void fastdds_wait(struct fastdds_ends *ends);

#ifdef __cplusplus
}
#endif

#endif
