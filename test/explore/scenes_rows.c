/* scenes_rows.c: rows of queues and services that change hands, hints that are old, and what is
 * told of members: as small as shows each of them. */
#include <samepage/samepage.h>

#include "channel/jobs.h"
#include "machine.h"

enum { SMALL = 16, LARGE = 56, UNIT = 64, HOLDS = 2 };

static struct notes {
    spg_queue *queue[PROCESSES], *later[PROCESSES];
    spg_server *server;
    spg_client *client[PROCESSES];
    spg_waitset *set;
    spg_job job;
    uint64_t *shared, maker;
    int tried, pushed, done, given;
    int64_t told_at;
    bool was_taken, was_told;
} * notes;

static struct spg__jobs *jobs_of(const void *handle) {
    return (struct spg__jobs *)handle;
}

static void begin(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who != 0) return;
    notes = scene_memory(sizeof *notes);
    notes->shared = scene_shared(sizeof *notes->shared);
}

static spg_queue *open_slots(uint32_t slots) {
    spg_queue *queue;
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    options.slots = slots;
    options.members = 5;
    options.holds = HOLDS;
    options.budget = 2 * UNIT;
    CHECK_OK(spg_queue_open(&queue, NULL, "r", &options));
    return queue;
}

/* ---- pushing and popping without waiting ----------------------------------------------------- */

static void push(spg_queue *queue) {
    uint64_t words[SMALL / 8] = {(uint64_t)++notes->tried, 7};
    int result = spg_queue_push(queue, words, SMALL, SPG_NOWAIT);
    CHECK(result == 0 || result == SPG_EAGAIN);
    notes->pushed += result == 0;
}

static bool pop(spg_queue *queue, spg_job *job) {
    int result = spg_queue_pop(queue, job, SPG_NOWAIT);
    CHECK(result == 0 || result == SPG_EAGAIN);
    if (result == SPG_EAGAIN) return false;
    CHECK(peek((const uint64_t *)job->data + 1) == 7);
    notes->given++;
    return true;
}

static void work(spg_queue *queue) {
    spg_job job;
    if (!pop(queue, &job)) return;
    CHECK_OK(spg_queue_done(queue, &job));
    notes->done++;
}

/* Every slot is of use, also behind one that is in hand. */
static void check_ring(spg_queue *queue) {
    spg_job held;
    push(queue);
    CHECK(pop(queue, &held));
    for (int i = 0; i < 4; i++) {
        int pushed = notes->pushed;
        push(queue);
        CHECK(notes->pushed == pushed + 1);
        work(queue);
    }
    CHECK_OK(spg_queue_done(queue, &held));
    notes->done++;
}

/* Whatever was pushed and is not done is there. */
static void judge_rest(void) {
    everybody_dies();
    spg_queue *queue = open_slots(4);
    CHECK_OK(spg__jobs_audit(jobs_of(queue)));
    while (notes->done < notes->pushed) {
        int before_it = notes->done;
        work(queue);
        CHECK(notes->done > before_it);
    }
    check_ring(queue);
}

static void judge_no_more(void) {
    judge_rest();
    work(notes->queue[JUDGE]);
    CHECK(notes->done == notes->pushed);
}

/* ---- the tail is old: an entry is seen that is a lap ahead ----------------------------------- */

static void open_in_hand(int who) {
    begin(who);
    notes->queue[who] = open_slots(2);
    if (who != 0) return;
    push(notes->queue[who]);
    CHECK(pop(notes->queue[who], &notes->job));
}

/* One entry is in hand all the time, and passed over. */
static void go_round(int who) {
    for (int i = 0; i < 3 && who == 0; i++) {
        push(notes->queue[who]);
        work(notes->queue[who]);
    }
    if (who == 1) push(notes->queue[who]);
}
static const struct scene round_weak = {.name = "queue-round-weak",
                                        .participants = 2,
                                        .is_weak = true,
                                        .open = open_in_hand,
                                        .act = go_round,
                                        .judge = judge_rest,
                                        .stale = 2};

static void open_empty(int who) {
    begin(who);
    notes->queue[who] = open_slots(2);
}

/* Who frees an entry knows of no other than its own. */
static void three_go_round(int who) {
    for (int i = 0; i < 3 && who == 0; i++) push(notes->queue[who]);
    if (who == 1) push(notes->queue[who]);
    for (int i = 0; i < 2 && who == 2; i++) work(notes->queue[who]);
}
static const struct scene round3_weak = {.name = "queue-round-three-weak",
                                         .participants = 3,
                                         .is_weak = true,
                                         .open = open_empty,
                                         .act = three_go_round,
                                         .judge = judge_no_more,
                                         .stale = 2};

/* The head is new, and the entry there is seen as it was laps before. */
static void take_round(int who) {
    if (who == 0) go_round(who);
    else work(notes->queue[who]);
}
static const struct scene head_weak = {.name = "queue-head-weak",
                                       .participants = 2,
                                       .is_weak = true,
                                       .open = open_in_hand,
                                       .act = take_round,
                                       .judge = judge_rest,
                                       .stale = 2};

/* ---- a job is given back --------------------------------------------------------------------- */

static void open_pushed(int who) {
    begin(who);
    notes->queue[who] = open_slots(4);
    if (who == 0) push(notes->queue[who]);
}

static void open_pushed_by_nobody(int who) {
    begin(who);
    notes->queue[who] = open_slots(4);
}

static void give_back(int who) {
    spg_job job;
    if (who == 1) {
        work(notes->queue[who]);
        work(notes->queue[who]);
    } else if (pop(notes->queue[who], &job)) {
        CHECK(job.deliveries == (uint32_t)notes->given);
        CHECK_OK(spg_queue_return(notes->queue[who], &job));
    }
}
static const struct scene return_weak = {.name = "queue-return-weak",
                                         .participants = 2,
                                         .is_weak = true,
                                         .open = open_pushed,
                                         .act = give_back,
                                         .judge = judge_no_more,
                                         .stale = 2};

/* Each of two that it is given to is told how often it was given out. */
static void count_deliveries(int who) {
    spg_job job;
    if (!pop(notes->queue[who], &job)) return;
    CHECK(job.deliveries == (uint32_t)notes->given);
    CHECK_OK(spg_queue_return(notes->queue[who], &job));
}
static const struct scene deliveries = {.name = "queue-deliveries",
                                        .participants = 2,
                                        .open = open_pushed,
                                        .act = count_deliveries,
                                        .judge = judge_no_more};
static const struct scene deliveries_weak = {.name = "queue-deliveries-weak",
                                             .participants = 2,
                                             .is_weak = true,
                                             .open = open_pushed,
                                             .act = count_deliveries,
                                             .judge = judge_no_more};

/* A large job, too, is told with who made it. */
static void push_large(int who) {
    uint64_t words[LARGE / 8] = {jobs_of(notes->queue[who])->channel.node->number, 7};
    CHECK_OK(spg_queue_push(notes->queue[who], words, LARGE, PATIENCE));
    spg_job job;
    CHECK_OK(spg_queue_pop(notes->queue[who], &job, PATIENCE));
    CHECK(job.producer == peek(job.data));
    CHECK_OK(spg_queue_done(notes->queue[who], &job));
}
static const struct scene producers = {.name = "queue-producers",
                                       .participants = 2,
                                       .open = open_pushed_by_nobody,
                                       .act = push_large,
                                       .judge = judge_rest};

/* Who dies may have noted a job that another has taken: it stays his. */
static void open_one_job(int who) {
    begin(who);
    notes->queue[who] = open_slots(4);
    if (who == 0) push(notes->queue[who]);
}
static void two_take(int who) {
    if (who < 2) work(notes->queue[who]);
    else spg__jobs_recover_row(jobs_of(notes->queue[who]), 0);
}
static void judge_two_take(void) {
    CHECK(notes->done <= 1);
    everybody_dies();
    CHECK_OK(spg__jobs_audit(jobs_of(open_slots(4))));
}
static const struct scene takers = {.name = "queue-two-take",
                                    .participants = 3,
                                    .mortal = 1,
                                    .deaths = 1,
                                    .open = open_one_job,
                                    .act = two_take,
                                    .judge = judge_two_take};

/* ---- a row changes hands --------------------------------------------------------------------- */

static void open_row(int who) {
    void *loan;
    begin(who);
    notes->queue[who] = open_slots(4);
    if (who != 0) return;
    push(notes->queue[who]);
    CHECK(pop(notes->queue[who], &notes->job));
    CHECK_OK(spg_queue_loan(notes->queue[who], UNIT, &loan, SPG_NOWAIT));
}

/* The first leaves, or dies; the second repairs; the third has the row, with nothing in it. */
static void change_hands(int who) {
    if (who == 0) CHECK_OK(spg_queue_close(notes->queue[who]));
    if (who == 1) spg__jobs_recover_row(jobs_of(notes->queue[who]), 0);
    if (who < 2) return;
    notes->queue[who] = open_slots(4);
    struct spg__jobs *jobs = jobs_of(notes->queue[who]);
    for (uint32_t i = 0; i < 2 * HOLDS; i++) CHECK(peek(&jobs->row->ledger[i]) == 0);
}
static const struct scene row_weak = {.name = "queue-row-weak",
                                      .participants = 3,
                                      .mortal = 1,
                                      .deaths = 1,
                                      .is_weak = true,
                                      .open = open_row,
                                      .act = change_hands,
                                      .judge = judge_rest};

/* Two find it dead at once; one of them has the row then, and keeps what it has in it. */
static void recover_and_join(int who) {
    void *loan;
    if (who == 0) poke(notes->shared, 1);
    if (who > 0) spg__jobs_recover_row(jobs_of(notes->queue[who]), 0);
    if (who < 2 || !has_died(0)) return;
    notes->later[who] = open_slots(4);
    struct spg__jobs *jobs = jobs_of(notes->later[who]);
    CHECK_OK(spg_queue_loan(notes->later[who], UNIT, &loan, SPG_NOWAIT));
    poke(notes->shared, 2);
    CHECK(peek(&spg__row_loans(jobs, jobs->row)[0]) != 0);
    CHECK_OK(spg_queue_discard(notes->later[who], loan));
}
static const struct scene recover = {.name = "queue-recover",
                                     .participants = 3,
                                     .mortal = 1,
                                     .deaths = 1,
                                     .open = open_row,
                                     .act = recover_and_join,
                                     .judge = judge_rest};

/* Both leave at once, one with a job pushed: the last one does not take it away. */
static void open_two(int who) {
    begin(who);
    if (who < 2) notes->queue[who] = open_slots(4);
}
static void push_and_leave(int who) {
    if (who == 0) push(notes->queue[who]);
    CHECK_OK(spg_queue_close(notes->queue[who]));
}
static void judge_left(void) {
    for (int i = 0; i < 2; i++) CHECK(peek(&jobs_of(notes->queue[i])->row->owner) == 0);
    judge_rest();
}
static const struct scene leave = {.name = "queue-leave",
                                   .participants = 2,
                                   .open = open_two,
                                   .act = push_and_leave,
                                   .judge = judge_left};
static const struct scene leave_weak = {.name = "queue-leave-weak",
                                        .participants = 2,
                                        .is_weak = true,
                                        .open = open_two,
                                        .act = push_and_leave,
                                        .judge = judge_rest,
                                        .stale = 2};

/* ---- what is told of members ----------------------------------------------------------------- */

static struct spg__member_facts facts_of(int who, uint32_t row) {
    struct spg__member_facts facts;
    spg__jobs_member(jobs_of(notes->queue[who]), row, &facts);
    return facts;
}

/* The first has pushed three, taken two, and finished one. */
static void open_members(int who) {
    begin(who);
    if (who > 1 && who != JUDGE) return;
    notes->queue[who] = open_slots(4);
    if (who != 0) return;
    for (int i = 0; i < 3; i++) push(notes->queue[who]);
    CHECK(pop(notes->queue[who], &notes->job));
    work(notes->queue[who]);
}

static void look_at_members(int who) {
    if (who == 0) poke(notes->shared, 1);
    else CHECK(facts_of(who, 0).node == jobs_of(notes->queue[0])->channel.node->number);
}

static void judge_members(void) {
    struct spg__member_facts facts = facts_of(JUDGE, 0);
    CHECK(facts.alive == !has_died(0) && facts.role == SPG__MEMBER && facts.in_hand == 1);
    CHECK(facts.made == 3 && facts.taken == 2 && facts.finished == 1 && facts.holding != 0);
    CHECK(facts.since != 0 && peek(&jobs_of(notes->queue[0])->row->uses) == 1);
    everybody_dies();
    poke(&jobs_of(notes->queue[0])->row->asleep, 1);
    poke(&jobs_of(notes->queue[0])->row->role, SPG__CLIENT);
    CHECK(!facts_of(JUDGE, 0).alive);
    notes->later[JUDGE] = open_slots(4);
    CHECK(jobs_of(notes->later[JUDGE])->member == 1);
    facts = facts_of(JUDGE, 0);
    CHECK(facts.alive && facts.role == SPG__MEMBER && facts.in_hand == 0 && facts.asleep == 0);
    CHECK(peek(&jobs_of(notes->queue[0])->row->uses) == 2);
    CHECK(facts.made == 0 && facts.taken == 0 && facts.finished == 0 && facts.holding == 0);
}
static const struct scene members = {.name = "queue-members",
                                     .participants = 2,
                                     .mortal = 1,
                                     .deaths = 1,
                                     .open = open_members,
                                     .act = look_at_members,
                                     .judge = judge_members};

/* ---- a dead client's request is answered meanwhile ------------------------------------------- */

static void open_asked(int who) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    uint64_t words[LARGE / 8] = {1}, request;
    begin(who);
    options.slots = 4;
    options.members = 4;
    options.holds = HOLDS;
    options.budget = 2 * UNIT;
    if (who == 1) CHECK_OK(spg_server_open(&notes->server, NULL, "s", &options));
    else CHECK_OK(spg_client_open(&notes->client[who], NULL, "s", &options));
    if (who == 0) CHECK_OK(spg_client_send(notes->client[who], words, LARGE, &request, SPG_NOWAIT));
}

static void answer_the_dead(int who) {
    spg_request request;
    uint64_t words[LARGE / 8] = {2};
    if (who == 0) poke(notes->shared, 1);
    if (who == 2) spg__jobs_recover_row(jobs_of(notes->client[who]), 0);
    if (who != 1 || spg_server_receive(notes->server, &request, SPG_NOWAIT) < 0) return;
    int result = spg_server_reply(notes->server, &request, words, LARGE);
    CHECK(result == 0 || (result == SPG_EPEERDEAD && has_died(0)));
}

/* Others than the dead have left nothing: all memory is to be had. */
static void judge_answered(void) {
    void *loan;
    uint32_t living = spg__jobs_living(jobs_of(notes->client[JUDGE]));
    if (living == 3) {
        CHECK_OK(spg_client_loan(notes->client[JUDGE], 2 * UNIT, &loan, SPG_NOWAIT));
        CHECK_OK(spg_client_discard(notes->client[JUDGE], loan));
    }
    everybody_dies();
    spg__jobs_recover_all(jobs_of(notes->client[JUDGE]));
    CHECK_OK(spg_client_loan(notes->client[JUDGE], 2 * UNIT, &loan, SPG_NOWAIT));
}
static const struct scene asked_weak = {.name = "service-dead-client-weak",
                                        .participants = 3,
                                        .mortal = 1,
                                        .deaths = 1,
                                        .is_weak = true,
                                        .open = open_asked,
                                        .act = answer_the_dead,
                                        .judge = judge_answered};

/* ---- a dead server's client is told by whoever finds it out ---------------------------------- */

static void open_serving(int who) {
    spg_service_options options = SPG_SERVICE_OPTIONS;
    begin(who);
    options.slots = 4;
    options.members = 4;
    if (who == 1) CHECK_OK(spg_server_open(&notes->server, NULL, "s", &options));
    else CHECK_OK(spg_client_open(&notes->client[who], NULL, "s", &options));
}

static void ask_the_dying(int who) {
    spg_request request;
    spg_response response;
    if (who == 0) {
        int result = spg_client_call(notes->client[who], "12345678", 8, &response, PATIENCE);
        CHECK(result == SPG_ETIMEDOUT || (result == SPG_EPEERDEAD && has_died(1)));
        if (notes->was_told) CHECK(result == SPG_EPEERDEAD && virtual_time == notes->told_at);
    } else if (who == 1) {
        notes->was_taken = spg_server_receive(notes->server, &request, SPG_NOWAIT) == 0;
        poke(notes->shared, 1);
    } else {
        bool asleep = is_asleep(0) && notes->was_taken;
        notes->told_at = virtual_time;
        notes->was_told = spg__jobs_recover_row(jobs_of(notes->client[who]), 1) && asleep &&
                          notes->told_at == virtual_time;
    }
}

static void judge_told(void) {
}
static const struct scene told = {.name = "service-dead-server",
                                  .participants = 3,
                                  .mortal = 2,
                                  .deaths = 1,
                                  .open = open_serving,
                                  .act = ask_the_dying,
                                  .judge = judge_told,
                                  .may_idle = true};

/* ---- who made a job -------------------------------------------------------------------------- */

/* The maker has left; another takes its row while the job is taken: he is not its maker. */
static void open_left(int who) {
    begin(who);
    if (who > 1) return;
    notes->queue[who] = open_slots(4);
    if (who != 1) return;
    notes->maker = jobs_of(notes->queue[1])->channel.node->number;
    push(notes->queue[1]);
    CHECK_OK(spg_queue_close(notes->queue[1]));
}

static void take_of_the_left(int who) {
    spg_job job;
    if (who == 2) notes->queue[2] = open_slots(4);
    if (who != 0) return;
    CHECK(pop(notes->queue[0], &job));
    CHECK(job.producer == 0 || job.producer == notes->maker);
}

static void judge_nothing(void) {
}
static const struct scene maker = {.name = "queue-maker-left",
                                   .participants = 3,
                                   .open = open_left,
                                   .act = take_of_the_left,
                                   .judge = judge_nothing};
static const struct scene maker_weak = {.name = "queue-maker-left-weak",
                                        .participants = 3,
                                        .is_weak = true,
                                        .open = open_left,
                                        .act = take_of_the_left,
                                        .judge = judge_nothing};

/* ---- a wait set ------------------------------------------------------------------------------ */

static void open_set(int who) {
    begin(who);
    notes->queue[who] = open_slots(4);
    if (who != 1) return;
    CHECK_OK(spg_waitset_open(&notes->set));
    CHECK_OK(spg_waitset_add(notes->set, spg_queue_waitable(notes->queue[who]), &notes->set));
}

static void wait_in_set(int who) {
    const struct spg__row_shared *row = jobs_of(notes->queue[1])->row;
    void *tag;
    if (who == 0) {
        if (is_asleep(1)) CHECK(*(const uint64_t *)(const void *)&row->asleep != 0);
        push(notes->queue[who]);
        return;
    }
    int64_t began = virtual_time;
    int result = spg_waitset_wait(notes->set, &tag, 1, PATIENCE);
    CHECK_WOKEN(result == 1 ? 0 : result, began);
    CHECK(peek(&row->asleep) == 0);
    if (result == SPG_ETIMEDOUT && has_died(0)) return;
    CHECK(result == 1 && tag == &notes->set);
    work(notes->queue[who]);
    CHECK(notes->done == 1);
}
static const struct scene set = {.name = "waitset",
                                 .participants = 2,
                                 .mortal = 1,
                                 .deaths = 1,
                                 .open = open_set,
                                 .act = wait_in_set,
                                 .judge = judge_rest};
static const struct scene set_weak = {.name = "waitset-weak",
                                      .participants = 2,
                                      .is_weak = true,
                                      .open = open_set,
                                      .act = wait_in_set,
                                      .judge = judge_rest};

const struct scene *const rows_scenes[] = {
    &round_weak, &round3_weak, &head_weak,  &return_weak, &deliveries, &deliveries_weak,
    &producers,  &takers,      &told,       &row_weak,    &recover,    &leave,
    &leave_weak, &members,     &asked_weak, &maker,       &maker_weak,
    &set,        &set_weak};
const int rows_scene_count = sizeof rows_scenes / sizeof *rows_scenes;
