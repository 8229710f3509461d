/* exchange.c: what both sides of the exchange do; the argument is in exchange.h. */
#include "exchange.h"

static int check(struct exchange *exchange) {
    size_t size = spg_segment_size(exchange->segment);
    if (size < sizeof(struct exchange_shared)) return SPG_ECORRUPT;
    exchange->capacity = exchange->shared->capacity;
    return exchange->capacity > 0 && exchange->capacity <= size - sizeof(struct exchange_shared)
               ? 0
               : SPG_ECORRUPT;
}

int exchange_open(struct exchange *exchange, const char *name) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.type = EXCHANGE_TYPE;
    exchange->name = name;
    int result = spg_segment_open(&exchange->segment, name, &options);
    if (result < 0) return result;
    exchange->shared = spg_segment_address(exchange->segment);
    result = check(exchange);
    if (result < 0) exchange_close(exchange);
    return result;
}

void exchange_close(struct exchange *exchange) {
    spg_segment_close(exchange->segment);
    exchange->segment = NULL;
    exchange->shared = NULL;
}

int exchange_wait(struct exchange *exchange, spg_semaphore *semaphore) {
    for (;;) {
        int result = spg_semaphore_wait(semaphore, EXCHANGE_SLICE_NS);
        if (result != SPG_ETIMEDOUT) return result;
        result = exchange->look(exchange);
        if (result < 0) return result;
    }
}

int exchange_take(struct exchange *exchange) {
    int result = exchange_wait(exchange, &exchange->shared->guard);
    if (result <= 0) return result;
    exchange->shared->request.number = 0;
    exchange->shared->answer.number = 0;
    return 0;
}

void exchange_give(struct exchange *exchange) {
    spg_semaphore_post(&exchange->shared->guard);
}

void exchange_drain(spg_semaphore *signal) {
    while (spg_semaphore_wait(signal, SPG_NOWAIT) == 0) continue;
}
