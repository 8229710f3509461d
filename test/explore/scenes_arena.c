/* scenes_arena.c: memory that changes hands: who gets a chunk knows that all who had it are done;
 * who copies out of one without a hold is not deceived; none is lost, nor any note of a loan.
 *
 * To be done is a note that a reader makes just before it lets go; who gets the chunk looks for it.
 */
#include <samepage/samepage.h>

#include "channel/jobs.h"
#include "channel/publisher.h"
#include "machine.h"

enum { LARGE = 56, HOT = 104, UNIT = 64, UNITS = 4, SENT_MAX = 16 };

static struct notes {
    spg_publisher *publisher[PROCESSES];
    spg_subscriber *subscriber[PROCESSES];
    spg_queue *queue[PROCESSES], *last_queue;
    spg_message held[PROCESSES];
    uint64_t sent;
    struct {
        uint64_t done[UNITS]; /* readers that let go of the chunk there: as they say */
    } * shared;
    uint64_t done[UNITS]; /* and as it is */
} * notes;

static void begin(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who != 0) return;
    notes = scene_memory(sizeof *notes);
    notes->shared = scene_shared(sizeof *notes->shared);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void open_publisher(int who, uint64_t budget) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.slots = 4;
    options.publishers = 4;
    options.subscribers = 3;
    options.budget = budget;
    options.history = 1;
    options.keep = 1;
    CHECK_OK(spg_publisher_open(&notes->publisher[who], NULL, "a", &options));
}

static void open_subscriber(int who, bool read_only) {
    spg_subscriber_options options = SPG_SUBSCRIBER_OPTIONS;
    options.policy = SPG_MAY_LOSE;
    options.history = SPG_ALL_HISTORY;
    options.read_only = read_only;
    CHECK_OK(spg_subscriber_open(&notes->subscriber[who], NULL, "a", &options));
}

static uint64_t unit_of(int who, const void *data) {
    const struct spg__arena *arena = &notes->publisher[who]->topic.arena;
    uint64_t unit = (uint64_t)((const char *)data - arena->bytes) / UNIT;
    CHECK(unit < UNITS);
    return unit;
}

static void send_one(int who, size_t size) {
    void *loan;
    int result = spg_publisher_loan(notes->publisher[who], size, &loan, SPG_NOWAIT);
    if (result == SPG_EAGAIN) return;
    CHECK_OK(result);
    uint64_t unit = unit_of(who, loan), number = ++notes->sent;
    CHECK(peek(&notes->shared->done[unit]) == notes->done[unit]);
    for (size_t i = 0; i < size / 8; i++) poke((uint64_t *)loan + i, number << 8 | i);
    result = spg_publisher_publish(notes->publisher[who], loan, size, SPG_NOWAIT);
    CHECK(result == 0 || result == SPG_EAGAIN);
    if (result < 0) CHECK_OK(spg_publisher_discard(notes->publisher[who], loan));
}

static void check_whole(const spg_message *message) {
    const uint64_t *words = message->data;
    uint64_t number = peek(words) >> 8;
    CHECK(number > 0 && number <= notes->sent);
    for (size_t i = 0; i < message->size / 8; i++) CHECK(peek(&words[i]) == (number << 8 | i));
}

static bool receive(int who, spg_message *message) {
    int result = spg_subscriber_receive(notes->subscriber[who], message, SPG_NOWAIT);
    CHECK(result == 0 || result == SPG_EAGAIN);
    if (result == 0) check_whole(message);
    return result == 0;
}

/* Reads it once more. The message lies in the topic's memory. */
static void let_go(int who, spg_message *message) {
    check_whole(message);
    uint64_t unit = unit_of(who, message->data);
    poke(&notes->shared->done[unit], notes->done[unit] + 1);
    notes->done[unit]++;
    CHECK_OK(spg_subscriber_release(notes->subscriber[who], message));
}

static void check_loans(int who) {
    struct spg_publisher *publisher = notes->publisher[who];
    for (int i = 0; i < SPG__TOPIC_LOANS; i++) CHECK(peek(&publisher->row->loans[i]) == 0);
}

/* No two messages lie in one place. */
static void check_messages(void) {
    spg_message message;
    uint64_t seen = 0;
    while (receive(JUDGE, &message)) {
        uint64_t bit = UINT64_C(1) << (peek(message.data) >> 8);
        CHECK(!(seen & bit));
        seen |= bit;
        CHECK_OK(spg_subscriber_release(notes->subscriber[JUDGE], &message));
    }
}

/* All memory is to be had by who comes now. */
static void judge_topic(uint64_t budget) {
    void *loan;
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        if (notes->publisher[i] && !has_died(i)) check_loans(i);
    }
    everybody_dies();
    open_subscriber(JUDGE, false);
    check_messages();
    open_publisher(JUDGE, budget);
    CHECK_OK(spg_publisher_loan(notes->publisher[JUDGE], budget, &loan, SPG_NOWAIT));
}

/* ---- an orphan: its reader lets go while its memory is wanted back --------------------------- */

static void judge_two_units(void) {
    judge_topic(2 * UNIT);
}

static void open_holder(int who) {
    begin(who);
    if (who > 1) return;
    open_publisher(who, 2 * UNIT);
    if (who != 1) return;
    send_one(who, LARGE);
    open_subscriber(who, false);
    CHECK(receive(who, &notes->held[who]));
}

static void want_back(int who) {
    if (who == 1) let_go(who, &notes->held[who]);
    for (int i = 0; i < 2 && who == 0; i++) send_one(who, LARGE);
}
static const struct scene orphan = {"topic-orphan", 2,           3,         1,
                                    false,          open_holder, want_back, judge_two_units};
static const struct scene orphan_weak = {"topic-orphan-weak", 2, 0, 0, true, open_holder, want_back,
                                         judge_two_units};

/* Wanted back because its slot is: afterwards nothing but the hold names it. */
static void send_small(int who) {
    uint64_t words[2] = {++notes->sent << 8, notes->sent << 8 | 1};
    CHECK_OK(spg_publisher_send(notes->publisher[who], words, sizeof words, SPG_NOWAIT));
}

static void open_lap(int who) {
    open_holder(who);
    for (int i = 0; i < 3 && who == 1; i++) send_small(who);
}

static void end_lap(int who) {
    if (who == 1) let_go(who, &notes->held[who]);
    else send_small(who);
}
static const struct scene lap = {"topic-orphan-lap", 2, 3, 1, false, open_lap, end_lap,
                                 judge_two_units};
static const struct scene lap_weak = {"topic-orphan-lap-weak", 2, 0, 0, true, open_lap, end_lap,
                                      judge_two_units};

/* ---- who reads without a hold ---------------------------------------------------------------- */

static void open_onlooker(int who) {
    begin(who);
    if (who == 0) {
        open_publisher(who, 2 * UNIT);
        send_one(who, LARGE);
    }
    if (who == 1) open_subscriber(who, true);
}

static void look_on(int who) {
    spg_message message;
    for (int i = 0; i < 3 && who == 0; i++) send_one(who, LARGE);
    for (int i = 0; i < 2 && who == 1; i++) {
        if (receive(who, &message))
            CHECK_OK(spg_subscriber_release(notes->subscriber[who], &message));
    }
}
static const struct scene onlooker_weak = {
    "topic-read-only-weak", 2, 0, 0, true, open_onlooker, look_on, judge_two_units};

static void open_hot_onlooker(int who) {
    begin(who);
    if (who == 0) {
        open_publisher(who, 4 * UNIT);
        send_one(who, HOT);
        send_one(who, HOT);
    }
    if (who == 1) open_subscriber(who, true);
}

static void look_on_hot(int who) {
    spg_message message;
    if (who == 0) send_one(who, HOT);
    else if (receive(who, &message))
        CHECK_OK(spg_subscriber_release(notes->subscriber[who], &message));
}

static void judge_four_units(void) {
    judge_topic(4 * UNIT);
}
static const struct scene hot_onlooker_weak = {
    "topic-read-only-hot-weak", 2, 0, 0, true, open_hot_onlooker, look_on_hot, judge_four_units};

/* ---- two want the same chunk ----------------------------------------------------------------- */

static void open_two_takers(int who) {
    begin(who);
    if (who > 1) return;
    open_publisher(who, 4 * UNIT);
    send_one(who, HOT);
}

static void both_take(int who) {
    send_one(who, HOT);
}
static const struct scene takers = {
    "topic-hot-two-take", 2, 3, 1, false, open_two_takers, both_take, judge_four_units};

/* ---- loans of a queue ------------------------------------------------------------------------ */

static void open_queue(int who) {
    spg_queue_options options = SPG_QUEUE_OPTIONS;
    begin(who);
    options.slots = 4;
    options.members = 4;
    options.holds = 2;
    options.budget = 3 * UNIT;
    if (who <= 1 || who == JUDGE) CHECK_OK(spg_queue_open(&notes->queue[who], NULL, "q", &options));
}

static void loan_some(int who) {
    void *loans[2];
    for (int i = 0; i < 2 - who; i++)
        CHECK_OK(spg_queue_loan(notes->queue[who], UNIT, &loans[i], PATIENCE));
    for (int i = 0; i < 2 - who; i++) CHECK_OK(spg_queue_discard(notes->queue[who], loans[i]));
}

/* Who has the row next can loan as much. */
static void judge_loans(void) {
    everybody_dies();
    const uint32_t row = ((struct spg__jobs *)notes->queue[0])->member;
    CHECK_OK(spg_queue_open(&notes->last_queue, NULL, "q", NULL));
    CHECK(((struct spg__jobs *)notes->last_queue)->member == row);
    notes->queue[0] = notes->last_queue;
    loan_some(0);
    CHECK_OK(spg__jobs_audit((struct spg__jobs *)notes->queue[JUDGE]));
}
static const struct scene loans = {"queue-loans", 2,          1,         1,
                                   false,         open_queue, loan_some, judge_loans};

const struct scene *const arena_scenes[] = {&orphan,        &orphan_weak,       &lap,    &lap_weak,
                                            &onlooker_weak, &hot_onlooker_weak, &takers, &loans};
const int arena_scene_count = sizeof arena_scenes / sizeof *arena_scenes;
