/* send_board.c: the measured way over shared memory. */
#include "pass.h"

static const int64_t LOOK_AGAIN = INT64_C(50000000);

/* Puts one buffer into each lane that has room. Returns how many, or -1. */
static int put_all(struct pass *pass) {
    int put = 0;
    for (int i = 0; i < RECEIVERS; i++) {
        if (cursor_at_end(&pass->cursors[i])) continue;
        int result = board_put(&pass->board, i, &pass->cursors[i]);
        if (result < 0) return -1;
        put += result;
    }
    return put;
}

static bool is_all_sent(const struct pass *pass) {
    for (int i = 0; i < RECEIVERS; i++) {
        if (!cursor_at_end(&pass->cursors[i])) return false;
    }
    return true;
}

/* Nothing came back for a while: is anybody there? One that was sent everything may have ended. */
static int look_after_all(struct pass *pass, int64_t deadline) {
    for (int i = 0; i < RECEIVERS; i++) {
        if (cursor_at_end(&pass->cursors[i])) continue;
        int dead = board_bury(&pass->board, i);
        if (dead) return dead < 0 ? -1 : complain("a receiver died");
    }
    return now() < deadline ? 0 : complain("nothing moves");
}

int send_by_board(struct pass *pass) {
    int64_t deadline = now() + PATIENCE;
    while (!is_all_sent(pass) && !is_stopping()) {
        board_listen(&pass->board);
        int put = put_all(pass);
        if (put < 0) return -1;
        if (put > 0) continue;
        int result = board_await(&pass->board, LOOK_AGAIN);
        if (result == SPG_ETIMEDOUT) result = look_after_all(pass, deadline);
        if (result < 0) return -1;
    }
    return is_stopping() ? -1 : 0;
}
