/* stop.c: see stop.h. Global state: the signal that came. */
#include "stop.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <samepage/samepage.h>

enum { SLICE_NS = 50 * 1000 * 1000 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
    stopped = signal_number;
}

void stop_listen(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int stop_signal(void) {
    return stopped;
}

void stop_for_good(void) {
    if (stopped == 0) return;
    signal(stopped, SIG_DFL);
    raise(stopped);
}

int64_t now_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void nap(int64_t nanoseconds) {
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    nanosleep(&time, NULL);
}

int64_t patience_slice(struct patience *patience) {
    if (patience->timeout == SPG_NOWAIT) return SPG_NOWAIT;
    if (patience->timeout < 0) return SLICE_NS;
    int64_t now = now_nanoseconds();
    if (patience->deadline == 0) patience->deadline = now + patience->timeout;
    int64_t left = patience->deadline - now;
    return left <= 0 ? SPG_NOWAIT : left < SLICE_NS ? left : SLICE_NS;
}

bool patience_goes_on(const struct patience *patience, int result) {
    if ((result != SPG_ETIMEDOUT && result != SPG_EAGAIN) || stopped) return false;
    if (patience->timeout <= 0) return patience->timeout < 0;
    return now_nanoseconds() < patience->deadline;
}
