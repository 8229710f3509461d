/* kill_pass.c: a transfer over shared memory in which a receiver is killed and started again.
 *
 * It is not clocked, so that no figure of the table has a death in it. Here every file is confirmed
 * on the board, with its digest, as soon as the receiver has it; the board is what is compared.
 *
 * The point of death is staged, to be sure that the receiver has a buffer in its hands: it stops
 * itself half-way through copying the buffer with the middle byte of its stream. The sender then
 * looks that one buffer is neither free nor full, and that the stopped receiver still counts as
 * alive, and kills it with SIGKILL. That it is dead the sender hears from the board alone: the
 * permit that it held comes back. (Death at every other point is what the library's own
 * tests are for.) */
#include <signal.h>
#include <string.h>

#include "pass.h"

static const int64_t LOOK_AGAIN = INT64_C(20000000);

struct staging {
    struct pass *pass;
    int victim;
    int64_t killed; /* when; 0: not yet */
    bool is_resumed;
    int64_t moved; /* when something moved last */
};

/* Both have work unless there is a single file; the one with more is the victim. */
static int choose_victim(const struct plan *plan) {
    int victim = 0;
    for (int i = 1; i < RECEIVERS; i++) {
        if (share_bytes(&plan->shares[i], 0) > share_bytes(&plan->shares[victim], 0)) victim = i;
    }
    return victim;
}

static int start_all(struct staging *staging) {
    struct pass *pass = staging->pass;
    for (int i = 0; i < RECEIVERS; i++) {
        uint64_t middle = share_bytes(&pass->plan->shares[i], 0) / 2;
        if (pass_start(pass, i, 0, true, i == staging->victim ? middle : NEVER) < 0) return -1;
    }
    return 0;
}

/* Kills the victim once it has stopped itself. */
static int kill_when_stopped(struct staging *staging) {
    struct pass *pass = staging->pass;
    struct process *receiver = &pass->receivers[staging->victim];
    if (staging->killed || !process_is_stopped(receiver)) return 0;
    if (board_held(&pass->board, staging->victim) != 1) return complain("it holds no buffer");
    int dead = board_bury(&pass->board, staging->victim);
    if (dead) return dead < 0 ? -1 : complain("a stopped receiver was declared dead");
    staging->killed = now();
    kill(receiver->pid, SIGKILL);
    return 0;
}

/* The lane's permit is ours. All that was sent and is not confirmed goes to a new receiver. */
static int resume(struct staging *staging, int lane, uint64_t confirmed) {
    struct pass *pass = staging->pass;
    const struct cursor *cursor = &pass->cursors[lane];
    if (staging->is_resumed || lane != staging->victim || !staging->killed) {
        return complain("a receiver died that was not killed");
    }
    pass->told_after = now() - staging->killed;
    process_kill(&pass->receivers[lane]); /* dead already: this takes its status */
    if (confirmed > cursor->file) return complain("more is confirmed than was sent");
    pass->resent = cursor->file + (cursor->done > 0) - confirmed;
    if (board_reopen(&pass->board, lane) < 0) return -1;
    staging->is_resumed = true;
    return pass_start(pass, lane, confirmed, true, NEVER);
}

/* A receiver that has confirmed everything may have ended. */
static int look_after(struct staging *staging, int lane) {
    struct pass *pass = staging->pass;
    uint64_t confirmed;
    int dead = board_bury(&pass->board, lane);
    if (dead <= 0) return dead;
    if (board_confirmed(&pass->board, lane, &confirmed) < 0) return -1;
    return confirmed == pass->plan->shares[lane].count ? 0 : resume(staging, lane, confirmed);
}

/* Returns 1 when every file of every lane is confirmed. */
static int is_all_confirmed(struct pass *pass) {
    for (int i = 0; i < RECEIVERS; i++) {
        uint64_t confirmed;
        if (!cursor_at_end(&pass->cursors[i])) return 0;
        if (board_confirmed(&pass->board, i, &confirmed) < 0) return -1;
        if (confirmed < pass->plan->shares[i].count) return 0;
    }
    return 1;
}

/* One turn: puts what it can; otherwise waits a little and looks after everybody. */
static int turn(struct staging *staging) {
    struct pass *pass = staging->pass;
    int put = 0;
    board_listen(&pass->board);
    for (int i = 0; i < RECEIVERS; i++) {
        struct cursor *cursor = &pass->cursors[i];
        int result = cursor_at_end(cursor) ? 0 : board_put(&pass->board, i, cursor);
        if (result < 0 || look_after(staging, i) < 0) return -1;
        put += result;
    }
    if (kill_when_stopped(staging) < 0) return -1;
    if (put > 0) return 0;
    int result = board_await(&pass->board, LOOK_AGAIN);
    if (result == 0) staging->moved = now();
    if (result < 0 && result != SPG_ETIMEDOUT) return complain_of("cannot wait for room", result);
    return now() < staging->moved + PATIENCE ? 0 : complain("nothing moves");
}

static int move(struct staging *staging) {
    int confirmed = 0;
    staging->moved = now();
    while (confirmed == 0) {
        if (is_stopping() || turn(staging) < 0) return -1;
        confirmed = is_all_confirmed(staging->pass);
    }
    if (confirmed < 0) return -1;
    return staging->is_resumed ? 0 : complain("the receiver ended before it could be killed");
}

static int finish(struct pass *pass) {
    for (int i = 0; i < RECEIVERS; i++) {
        if (process_expect(&pass->receivers[i], ARRIVED) < 0) return -1;
        if (process_end(&pass->receivers[i]) < 0) return -1;
    }
    for (size_t i = 0; i < pass->tree->count; i++) {
        const uint8_t *arrived = pass->board.digests + i * DIGEST_BYTES;
        pass->matched += memcmp(arrived, pass->tree->files[i].sha256, DIGEST_BYTES) == 0;
    }
    return 0;
}

int pass_run_with_kill(struct pass *pass, enum medium medium, const struct plan *plan) {
    struct staging staging = {.pass = pass, .victim = choose_victim(plan)};
    int result = pass_open(pass, medium, plan);
    if (result == 0) result = start_all(&staging);
    if (result == 0) result = move(&staging);
    if (result == 0) result = finish(pass);
    return pass_close(pass, result);
}
