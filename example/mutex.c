/* mutex.c: a mutex between unrelated programs, and what is done when its owner dies.
 *
 *   mutex transfer [COUNT]   moves money between two accounts, COUNT times (1)
 *   mutex die                is killed half-way through a transfer, holding the mutex
 *   mutex remove             takes the segment away
 *
 * What is shared: two accounts in the segment posix:/samepage-bank, touched only under `mutex`.
 * What is always true when the mutex is free: left + right == TOTAL.
 * What a death leaves: the transfer writes `left` first and `right` second, so a death in between
 * leaves a wrong sum and a right `left`. The next owner gets SPG_EOWNERDEAD, works `right` out
 * again, and says so with spg_mutex_recovered; then all is as before. An owner that dies while it
 * repairs leaves the same state, so the repair can be made any number of times. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <samepage/samepage.h>

#define BANK "posix:/samepage-bank"

enum { TOTAL = 1000 };

struct bank {
    spg_mutex mutex;
    int64_t left;
    int64_t right;
};

static int failed(int result, const char *detail) {
    fprintf(stderr, "mutex: %s: %s\n", spg_error_name(result), detail);
    return 1;
}

/* Before anybody else can see the bank. */
static int fill(void *context, void *bytes, size_t size) {
    struct bank *bank = bytes;
    (void)context, (void)size;
    bank->left = TOTAL;
    bank->right = 0;
    return spg_mutex_init(&bank->mutex);
}

static int open_or_create(spg_segment **segment) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.profile = SPG_MANAGED;
    options.type = "samepage example bank 1";
    options.exclusive = 0;
    options.prepare = fill;
    return spg_segment_create(segment, BANK, sizeof(struct bank), &options);
}

static int lock(struct bank *bank) {
    int result = spg_mutex_lock(&bank->mutex, SPG_FOREVER);
    if (result != SPG_EOWNERDEAD) return result;
    printf("the last owner died: %" PRId64 " + %" PRId64 " is not %d; repaired\n", bank->left,
           bank->right, TOTAL);
    bank->right = TOTAL - bank->left;
    return spg_mutex_recovered(&bank->mutex);
}

static int transfer(struct bank *bank, int64_t amount, int die) {
    int result = lock(bank);
    if (result < 0) return result;
    if (bank->left < amount) amount = -bank->right;
    bank->left -= amount;
    if (die) raise(SIGKILL);
    bank->right += amount;
    return spg_mutex_unlock(&bank->mutex);
}

static int run(struct bank *bank, long count, int die) {
    int result = 0;
    for (long i = 0; i < count && result == 0; i++) result = transfer(bank, 7, die);
    if (result == 0) result = lock(bank);
    if (result < 0) return failed(result, spg_error_text(result));
    printf("%" PRId64 " + %" PRId64 " = %" PRId64 "\n", bank->left, bank->right,
           bank->left + bank->right);
    int sound = bank->left + bank->right == TOTAL;
    spg_mutex_unlock(&bank->mutex);
    return !sound;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *what = count > 1 ? arguments[1] : "transfer";
    long times = count > 2 ? strtol(arguments[2], NULL, 10) : 1;
    if (strcmp(what, "remove") == 0) {
        int removed = spg_segment_unlink(BANK);
        return removed < 0 ? failed(removed, spg_error_detail()) : 0;
    }
    if ((strcmp(what, "transfer") != 0 && strcmp(what, "die") != 0) || times < 1) {
        fputs("usage: mutex transfer [COUNT] | die | remove\n", stderr);
        return 2;
    }
    spg_segment *segment;
    int result = open_or_create(&segment);
    if (result < 0) return failed(result, spg_error_detail());
    int status = run(spg_segment_address(segment), times, strcmp(what, "die") == 0);
    spg_segment_close(segment);
    return status;
}
