/* send_stream.c: the measured way over pipes and sockets, for comparison.
 *
 * The same pieces as over shared memory, straight from the files' memory and without a copy of our
 * own, in calls as large as the kernel takes. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "pass.h"

enum { PIECES = 64, WRITE_BYTES = 1024 * 1024, POLL_MILLISECONDS = 100 };

/* Writes what there is room for. */
static int write_some(int to, struct cursor *cursor) {
    struct iovec pieces[PIECES];
    int count = cursor_pieces(cursor, pieces, PIECES, WRITE_BYTES);
    ssize_t written = writev(to, pieces, count);
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
        return complain("a receiver is gone: %s", strerror(errno));
    }
    if (written > 0) cursor_move(cursor, (size_t)written);
    return 0;
}

/* Asks only about those who have something to come. Returns how many those are. */
static int who_has_more(const struct pass *pass, struct pollfd *questions) {
    int more = 0;
    for (int i = 0; i < RECEIVERS; i++) {
        bool at_end = cursor_at_end(&pass->cursors[i]);
        questions[i].fd = at_end ? -1 : pass->carrier.sending[i];
        questions[i].events = POLLOUT;
        more += !at_end;
    }
    return more;
}

int send_by_stream(struct pass *pass) {
    struct pollfd questions[RECEIVERS];
    int64_t moved = now();
    while (who_has_more(pass, questions) > 0 && !is_stopping()) {
        int ready = poll(questions, RECEIVERS, POLL_MILLISECONDS);
        if (ready > 0) moved = now();
        if (now() > moved + PATIENCE) return complain("nothing moves");
        for (int i = 0; i < RECEIVERS && ready > 0; i++) {
            if (questions[i].fd < 0 || questions[i].revents == 0) continue;
            if (write_some(questions[i].fd, &pass->cursors[i]) < 0) return -1;
        }
    }
    return is_stopping() ? -1 : 0;
}
