/* files.c: the first part: every file of a directory, over segments of four kinds.
 *
 * Sends them from this process to two others: over shared memory of four kinds, and beside them
 * over a pipe and a Unix stream socket. First everything is measured, in rounds over all kinds so
 * that a slow moment of the machine hits all alike; each round begins with another kind. Then,
 * unclocked, each kind of memory once more with a receiver that is killed and started again. Every
 * transfer is verified by SHA-256. */
#include <stdio.h>

#include "parts.h"
#include "pass.h"
#include "table.h"

static int measure(struct row rows[MEDIA], const struct plan *plan, int round) {
    for (int i = 0; i < MEDIA; i++) {
        enum medium medium = (enum medium)((i + round) % MEDIA);
        struct row *row = &rows[medium];
        struct pass pass;
        progress_show("measuring:", medium_label(medium));
        if (pass_run(&pass, medium, plan) < 0) return -1;
        row->speeds[row->rounds++] = (double)pass.tree->bytes / 1048576 /
                                     ((double)pass.nanoseconds / 1e9);
        row->matched += pass.matched;
        row->expected += pass.tree->count;
    }
    return 0;
}

static int kill_and_resume(struct row rows[MEDIA], const struct plan *plan) {
    for (int i = 0; i < MEDIA; i++) {
        struct pass pass;
        if (!medium_is_memory((enum medium)i)) continue;
        progress_show("killing a receiver:", medium_label((enum medium)i));
        if (pass_run_with_kill(&pass, (enum medium)i, plan) < 0) return -1;
        rows[i].is_resumed = true;
        rows[i].resent = pass.resent;
        rows[i].told_after = pass.told_after;
        rows[i].matched += pass.matched;
        rows[i].expected += pass.tree->count;
    }
    return 0;
}

static int run_plan(struct row rows[MEDIA], const struct tree *tree, int rounds) {
    struct plan plan;
    if (plan_make(&plan, tree) < 0) return -1;
    int result = 0;
    for (int i = 0; i < rounds && result == 0; i++) result = measure(rows, &plan, i);
    if (result == 0) result = kill_and_resume(rows, &plan);
    progress_end();
    plan_free(&plan);
    return result;
}

static void announce(const struct wishes *wishes, const struct tree *tree) {
    printf("%zu files, %.1f MiB, from %s%s, by one sender to %d receivers.\n"
           "Shared memory: %d buffers of %d KiB for each receiver. Rounds: %d, over all kinds in "
           "turn.\n\n",
           tree->count, (double)tree->bytes / 1048576, wishes->path,
           tree->is_cut ? " (within the limits)" : "", RECEIVERS, BUFFERS, BUFFER_BYTES / 1024,
           wishes->rounds);
    fflush(stdout);
}

static void conclude(const struct row rows[MEDIA]) {
    size_t matched = 0, expected = 0;
    int64_t longest = 0;
    for (int i = 0; i < MEDIA; i++) {
        matched += rows[i].matched;
        expected += rows[i].expected;
        if (rows[i].told_after > longest) longest = rows[i].told_after;
    }
    printf("\n%zu digests of %zu match; the sender knew of a death after %.0f ms at most.\n",
           matched, expected, (double)longest / 1e6);
}

int files_run(const struct wishes *wishes) {
    struct row rows[MEDIA] = {0};
    struct tree tree;
    printf("1. Files, over segments\n\n");
    progress_show("reading", wishes->path);
    if (tree_load(&tree, wishes->path, &wishes->limits) < 0) return -1;
    progress_end();
    announce(wishes, &tree);
    int result = run_plan(rows, &tree, wishes->rounds);
    if (result == 0) {
        table_print(rows, &tree);
        conclude(rows);
        if (!table_is_sound(rows)) result = complain("what arrived is not what was sent");
    }
    tree_free(&tree);
    return result;
}
