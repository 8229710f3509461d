/* boost_queue.h: Boost.Interprocess's message_queue, for C. */
#ifndef BENCH_BOOST_QUEUE_H
#define BENCH_BOOST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NULL: not there, or not made. */
void *boost_make(const char *name, size_t depth, size_t size);
void *boost_open(const char *name);
void boost_close(void *queue);
void boost_remove(const char *name);
/* False: full, or empty; where they wait they do until it is not. */
bool boost_send(void *queue, const void *data, size_t size, bool waits);
bool boost_receive(void *queue, void *room, size_t size, bool waits);

#ifdef __cplusplus
}
#endif

#endif
