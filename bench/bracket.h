/* bracket.h: how far the two processors are from each other now, by a bare ping-pong of one line:
 * for what is no contest, whose repetitions have their own. */
#ifndef BENCH_BRACKET_H
#define BENCH_BRACKET_H

/* Nanoseconds there and back. */
double bracket_now(void);
void bracket_end(void);

#endif
