/* surroundings.h: the run's own domain, signals, and the proof that nothing is left. */
#ifndef SURROUNDINGS_H
#define SURROUNDINGS_H

#include "demo.h"

/* SIGINT, SIGTERM and SIGHUP from now on only make is_stopping true. */
void signals_take(void);

/* Makes a domain for this run alone; receivers find it in their environment. Clears up first after
 * earlier runs whose sender was killed, which nobody else could do. Returns 0 or -1. */
int domain_make(void);

/* Clears up after the killed, and proves that nothing is left: no process of ours, no segment, no
 * node but our own, no finding of the audit, no other file. Then removes the domain. Says on stderr
 * what was left. Returns how many nodes of processes that are gone were cleared up, or -1. */
int domain_remove(void);

#endif
