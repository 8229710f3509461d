/* ucx.c: UCX through its tags, over shared memory alone. Who waits arms the worker and polls its
 * descriptor. */
#include <poll.h>
#include <ucp/api/ucp.h>

#include "copying.h"

enum { ADDRESS = 4096, TAG = 1 };

/* In shared memory, of each role. */
struct address {
    _Atomic size_t length; /* 0: not yet */
    char bytes[ADDRESS];
};

struct ends {
    ucp_context_h context;
    ucp_worker_h worker;
    ucp_ep_h out;
    int descriptor; /* -1: looks all the time */
};

static bool waits(const struct contest *contest) {
    return contest->contestant->pattern == WAITING || contest->contestant->pattern == WAKING;
}

static void make_worker(struct ends *ends, bool waiting) {
    ucp_config_t *config;
    ucp_params_t params = {
        .field_mask = UCP_PARAM_FIELD_FEATURES,
        .features = UCP_FEATURE_TAG | (waiting ? UCP_FEATURE_WAKEUP : 0),
    };
    ucp_worker_params_t worker = {
        .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
        .thread_mode = UCS_THREAD_MODE_SINGLE,
    };
    must(ucp_config_read(NULL, NULL, &config));
    must(ucp_config_modify(config, "TLS", "shm"));
    must(ucp_init(&params, config, &ends->context));
    ucp_config_release(config);
    must(ucp_worker_create(ends->context, &worker, &ends->worker));
    ends->descriptor = -1;
    if (waiting) must(ucp_worker_get_efd(ends->worker, &ends->descriptor));
}

static void tell(const struct ends *ends, struct address *mine) {
    ucp_address_t *address;
    size_t length;
    must(ucp_worker_get_address(ends->worker, &address, &length));
    must(length > ADDRESS);
    memcpy(mine->bytes, address, length);
    atomic_store(&mine->length, length);
    ucp_worker_release_address(ends->worker, address);
}

static void open_end(struct contest *contest, int role) {
    static struct ends ends;
    struct address *addresses = (void *)contest->memory;
    ucp_ep_params_t params = {
        .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS,
        .address = (const void *)addresses[1 - role].bytes,
    };
    make_worker(&ends, waits(contest));
    tell(&ends, &addresses[role]);
    while (atomic_load(&addresses[1 - role].length) == 0) sleep_ns(1000 * 1000);
    must(ucp_ep_create(ends.worker, &params, &ends.out));
    contest->mine = &ends;
}

static void close_end(struct contest *contest, int role) {
    const struct ends *ends = contest->mine;
    (void)role;
    ucp_worker_destroy(ends->worker);
    ucp_cleanup(ends->context);
}

/* ---- moving ---------------------------------------------------------------------------------- */

static void sleep_until_something(const struct ends *ends) {
    struct pollfd file = {.fd = ends->descriptor, .events = POLLIN};
    if (ucp_worker_arm(ends->worker) == UCS_OK) must_do(poll(&file, 1, -1));
}

static void finish(const struct ends *ends, ucs_status_ptr_t request) {
    if (!UCS_PTR_IS_PTR(request)) {
        must(UCS_PTR_STATUS(request));
        return;
    }
    while (ucp_request_check_status(request) == UCS_INPROGRESS) {
        if (ucp_worker_progress(ends->worker) > 0) continue;
        if (ends->descriptor >= 0) sleep_until_something(ends);
    }
    must(ucp_request_check_status(request));
    ucp_request_free(request);
}

static void put(struct contest *contest, uint64_t number) {
    const struct ends *ends = contest->mine;
    ucp_request_param_t none = {0};
    finish(ends,
           ucp_tag_send_nbx(ends->out, source_of(contest, number), contest->size, TAG, &none));
}

static void get(struct contest *contest, uint64_t number) {
    const struct ends *ends = contest->mine;
    ucp_request_param_t none = {0};
    finish(ends,
           ucp_tag_recv_nbx(ends->worker, contest->room, contest->size, TAG, UINT64_MAX, &none));
    absorb(contest, contest->room, contest->size, number);
}

COPYING_RUNS(put, get)

#define UCX(PATTERN, RUN)                                                                          \
    {                                                                                              \
        .name = "UCX", .how = "tags, one request at a time, TLS=shm; arm and poll where it waits", \
        .side = PEER, .pattern = PATTERN, .least = 8, .most = SIZE_MAX,                            \
        .shared = 2 * sizeof(struct address), .open = open_end, .run = RUN, .close = close_end     \
    }

const struct contestant peer_ucx[] = {
    UCX(ROUND_TRIP, run_trips),
    UCX(WAITING, run_trips),
    UCX(WAKING, run_trips),
    UCX(ONE_WAY, run_way),
};
