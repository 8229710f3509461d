/* queue.c: `queue TEXT...` pushes one job a word, `queue` does them. Kill a worker: none is
 * lost. */
#include <samepage/samepage.h>
#include <stdio.h>
#include <string.h>

static int work(spg_queue *queue) {
    spg_job job;
    int result;
    while ((result = spg_queue_pop(queue, &job, 2000000000)) == 0) { /* two seconds */
        printf("%.*s%s\n", (int)job.size, (const char *)job.data,
               job.deliveries > 1 ? " (somebody had it, and did not finish)" : "");
        spg_queue_done(queue, &job); /* who dies before this has not done it */
    }
    return result == SPG_ETIMEDOUT ? 0 : result;
}

int main(int count, char **words) {
    spg_queue *queue;
    int result = spg_queue_open(&queue, NULL, "example/jobs", NULL);
    if (result == 0) {
        for (int i = 1; i < count && result == 0; i++)
            result = spg_queue_push(queue, words[i], strlen(words[i]), SPG_FOREVER);
        if (count == 1) result = work(queue);
        spg_queue_close(queue); /* jobs that wait stay */
    }
    if (result < 0) fprintf(stderr, "%s: %s\n", spg_error_text(result), spg_error_detail());
    return result < 0;
}
