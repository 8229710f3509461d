/* model_queue.c: three handles on a queue of eight slots. The model is the list of jobs in the
 * order of their pushing, each waiting, in somebody's hand, or over, and its place.
 *
 * Places go round and round. Who pushes passes over what is in somebody's hand; if that is returned
 * later, it has the place one round on: before all that is pushed from then on, and after what was
 * pushed before. Who comes to a job that waits finds the queue full. */
#include <string.h>

#include "model.h"

enum {
    SLOTS = 8,
    HOLDS = 4,
    HANDLES = 3,
    BUDGET = 1024,
    INLINE = 48,
    JOBS_MAX = 600,
    OPERATIONS_MAX = 500
};

enum job_state { WAITING, IN_HAND, OVER };

static struct {
    spg_queue *handles[HANDLES];
    bool at_most_once;
    unsigned count, tail;
    struct {
        enum job_state state;
        unsigned holder, deliveries, place;
        size_t size;
        spg_job job;
    } jobs[JOBS_MAX];
} queue;

static const spg_queue_options options = {.struct_size = sizeof options,
                                          .mode = 0600,
                                          .budget = BUDGET,
                                          .slots = SLOTS,
                                          .slot_size = 64,
                                          .members = HANDLES,
                                          .holds = HOLDS};

static size_t size_of(unsigned byte) {
    static const size_t sizes[] = {0, 1, 8, 47, 48, 49, 64, 200, 500, 1024, 1025};
    return sizes[byte % (sizeof sizes / sizeof *sizes)];
}

static unsigned in_hand_of(unsigned who) {
    unsigned count = 0;
    for (unsigned i = 0; i < queue.count; i++)
        count += queue.jobs[i].state == IN_HAND && queue.jobs[i].holder == who;
    return count;
}

/* Which job has this slot; `queue.count`: none. */
static unsigned find_slot(unsigned place) {
    for (unsigned i = 0; i < queue.count; i++) {
        if (queue.jobs[i].state != OVER && queue.jobs[i].place % SLOTS == place % SLOTS) return i;
    }
    return queue.count;
}

/* How many jobs in hand the next push passes over; SLOTS: the queue is full. */
static unsigned passed_over(void) {
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned index = find_slot(queue.tail + i);
        if (index == queue.count) return i;
        if (queue.jobs[index].state == WAITING) break;
    }
    return SLOTS;
}

static void place_job(size_t size) {
    unsigned passed = passed_over();
    MUST(passed < SLOTS, "a job is pushed to a full queue");
    for (unsigned i = 0; i < passed; i++) queue.jobs[find_slot(queue.tail + i)].place += SLOTS;
    queue.tail += passed;
    queue.jobs[queue.count].size = size;
    queue.jobs[queue.count].place = queue.tail++;
    queue.jobs[queue.count++].state = WAITING;
}

static void check_push(int result, size_t size, bool has_memory) {
    if (result == 0) {
        place_job(size);
        return;
    }
    MUST(result == SPG_EAGAIN, "a push gives %s", spg_error_name(result));
    MUST(!has_memory || passed_over() == SLOTS, "no room in a queue that is not full");
}

static void push(unsigned who, unsigned byte) {
    char bytes[BUDGET + 1];
    size_t size = size_of(byte);
    if (queue.count + 1 >= JOBS_MAX) return;
    content_fill(bytes, size, queue.count);
    int result = spg_queue_push(queue.handles[who], bytes, size, SPG_NOWAIT);
    if (size > BUDGET) MUST_BE(SPG_ETOOBIG, result);
    else check_push(result, size, size <= INLINE);
}

static void push_in_place(unsigned who, unsigned byte) {
    void *loan = NULL;
    size_t size = size_of(byte);
    if (queue.count + 1 >= JOBS_MAX) return;
    int result = spg_queue_loan(queue.handles[who], size, &loan, SPG_NOWAIT);
    if (size > BUDGET) {
        MUST_BE(SPG_ETOOBIG, result);
        return;
    }
    if (result == SPG_EAGAIN) return;
    MUST_BE(0, result);
    content_fill(loan, size, queue.count);
    result = spg_queue_publish(queue.handles[who], loan, size, SPG_NOWAIT);
    if (result < 0) MUST_BE(0, spg_queue_discard(queue.handles[who], loan));
    check_push(result, size, true);
}

static void taken(unsigned index, unsigned who, const spg_job *job) {
    MUST(job->size == queue.jobs[index].size, "job %u has %zu bytes, not %zu", index, job->size,
         queue.jobs[index].size);
    MUST(content_is(job->data, job->size, index), "another job than %u, or other bytes", index);
    unsigned deliveries = ++queue.jobs[index].deliveries;
    MUST(job->deliveries == (deliveries < 7 ? deliveries : 7), "%u deliveries", job->deliveries);
    MUST(deliveries == 1 || job->number == queue.jobs[index].job.number, "its number has changed");
    MUST(index == 0 || job->number > queue.jobs[index - 1].job.number ||
             queue.jobs[index - 1].deliveries == 0,
         "numbers do not grow");
    queue.jobs[index].state = IN_HAND;
    queue.jobs[index].holder = who;
    queue.jobs[index].job = *job;
}

static unsigned first_waiting(void) {
    unsigned first = queue.count;
    for (unsigned i = 0; i < queue.count; i++) {
        if (queue.jobs[i].state == WAITING &&
            (first == queue.count || queue.jobs[i].place < queue.jobs[first].place))
            first = i;
    }
    return first;
}

static void pop(unsigned who) {
    spg_job job;
    unsigned index = first_waiting();
    int result = spg_queue_pop(queue.handles[who], &job, SPG_NOWAIT);
    if (in_hand_of(who) == HOLDS) MUST_BE(SPG_EFULL, result);
    else if (index == queue.count) MUST_BE(SPG_EAGAIN, result);
    else {
        MUST_BE(0, result);
        taken(index, who, &job);
    }
}

/* Some job that this handle has; `queue.count`: none. */
static unsigned find_in_hand(unsigned who, unsigned which) {
    unsigned count = in_hand_of(who);
    if (count == 0) return queue.count;
    which %= count;
    for (unsigned i = 0; i < queue.count; i++) {
        if (queue.jobs[i].state == IN_HAND && queue.jobs[i].holder == who && which-- == 0) return i;
    }
    return queue.count;
}

static void settle(unsigned who, unsigned which, bool done) {
    unsigned index = find_in_hand(who, which);
    if (index == queue.count) return;
    spg_job *job = &queue.jobs[index].job;
    MUST(content_is(job->data, job->size, index), "a job in hand has changed");
    if (done) MUST_BE(0, spg_queue_done(queue.handles[who], job));
    else MUST_BE(0, spg_queue_return(queue.handles[who], job));
    MUST_BE(SPG_EINVAL, spg_queue_done(queue.handles[who], job));
    queue.jobs[index].state = done || queue.at_most_once ? OVER : WAITING;
}

/* One handle stays, so that the queue does. */
static void reopen(unsigned who) {
    if (who == 0) return;
    MUST_BE(0, spg_queue_close(queue.handles[who]));
    for (unsigned i = 0; i < queue.count; i++) {
        if (queue.jobs[i].state != IN_HAND || queue.jobs[i].holder != who) continue;
        queue.jobs[i].state = queue.at_most_once ? OVER : WAITING;
    }
    MUST_BE(0, spg_queue_open(&queue.handles[who], NULL, "m", NULL));
}

static void step(struct program *program) {
    unsigned byte = next_byte(program), who = (byte >> 4 & 3) % HANDLES;
    switch (byte & 15) {
    case 0:
    case 1:
    case 2:
    case 3: push(who, next_byte(program)); break;
    case 4: push_in_place(who, next_byte(program)); break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: pop(who); break;
    case 10: settle(who, byte >> 6, false); break;
    case 11: reopen(who); break;
    default: settle(who, byte >> 6, true);
    }
}

void model_queue(struct program *program) {
    spg_queue_options made = options;
    memset(&queue, 0, sizeof queue);
    made.at_most_once = queue.at_most_once = next_byte(program) & 1;
    for (int i = 0; i < HANDLES; i++)
        MUST_BE(0, spg_queue_open(&queue.handles[i], NULL, "m", &made));
    for (int i = 0; program->left > 0 && i < OPERATIONS_MAX; i++) step(program);
    for (int i = 0; i < HANDLES; i++) spg_queue_close(queue.handles[i]);
    spg_queue_unlink(NULL, "m");
}
