/* pass.c: a measured transfer.
 *
 * Before the clock: the carrier is made, the receivers are started and have the pages of their
 * stores. The clock runs from the first byte until every receiver has said that all its bytes are
 * in its private memory. After it: digests. It is the same for every kind. */
#include "pass.h"

#include <string.h>

int pass_open(struct pass *pass, enum medium medium, const struct plan *plan) {
    memset(pass, 0, sizeof *pass);
    pass->plan = plan;
    pass->tree = plan->shares[0].tree;
    for (int i = 0; i < RECEIVERS; i++) pass->receivers[i] = NO_PROCESS;
    if (carrier_make(&pass->carrier, medium, board_bytes(pass->tree->count)) < 0) return -1;
    if (!medium_is_memory(medium)) return 0;
    int result = board_attach(&pass->board, pass->carrier.segment, pass->tree->count);
    return result < 0 ? result : board_format(&pass->board);
}

int pass_start(struct pass *pass, int lane, size_t first, bool confirms, uint64_t stop_at) {
    const struct share *share = &pass->plan->shares[lane];
    struct job job = {
        .medium = pass->carrier.medium,
        .lane = (uint32_t)lane,
        .confirms = confirms,
        .data = pass->carrier.receiving[lane],
        .bytes = share_bytes(share, first),
        .files = pass->tree->count,
        .stop_at = stop_at,
    };
    memcpy(job.name, pass->carrier.name, sizeof job.name);
    pass->cursors[lane] = (struct cursor){.share = share, .file = first};
    if (receiver_start(&pass->receivers[lane], &pass->carrier, &job) < 0) return -1;
    carrier_hand_over(&pass->carrier, lane);
    return process_expect(&pass->receivers[lane], READY);
}

int pass_close(struct pass *pass, int result) {
    for (int i = 0; i < RECEIVERS; i++) process_kill(&pass->receivers[i]);
    return carrier_release(&pass->carrier) < 0 ? -1 : result;
}

static int move_clocked(struct pass *pass) {
    int64_t start = now();
    bool is_memory = medium_is_memory(pass->carrier.medium);
    int result = is_memory ? send_by_board(pass) : send_by_stream(pass);
    for (int i = 0; i < RECEIVERS && result == 0; i++) {
        result = process_expect(&pass->receivers[i], ARRIVED);
    }
    pass->nanoseconds = now() - start;
    return result;
}

/* A receiver's digests come in the order of its share, one for each file. */
static int compare_digests(struct pass *pass, int lane) {
    const struct share *share = &pass->plan->shares[lane];
    struct verdict verdict;
    for (size_t i = 0; i < share->count; i++) {
        if (process_read(&pass->receivers[lane], &verdict, sizeof verdict) < 0) return -1;
        uint64_t file = share->records[i].file;
        if (verdict.file != file) return complain("a receiver speaks of another file");
        const uint8_t *sent = pass->tree->files[file].sha256;
        pass->matched += memcmp(verdict.sha256, sent, DIGEST_BYTES) == 0;
    }
    return process_end(&pass->receivers[lane]);
}

int pass_run(struct pass *pass, enum medium medium, const struct plan *plan) {
    int result = pass_open(pass, medium, plan);
    for (int i = 0; i < RECEIVERS && result == 0; i++) {
        result = pass_start(pass, i, 0, false, NEVER);
    }
    if (result == 0) result = move_clocked(pass);
    for (int i = 0; i < RECEIVERS && result == 0; i++) result = compare_digests(pass, i);
    return pass_close(pass, result);
}
