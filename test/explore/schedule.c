/* schedule.c: who goes on.
 *
 * Events. A participant has the turn until a step of it (an access to shared memory, a system call)
 * at which something else happens: another goes on (a preemption; a sleeper may, too, since sleeps
 * end for no reason), a participant dies, a load returns an old value. Whoever sleeps, ends or
 * dies gives the turn to any of the others; when all sleep the clock goes to the earliest end of a
 * sleep. That may happen only after a death, or for a nap: otherwise a wake-up was lost.
 *
 * Reduction, three times.
 *   - Only at steps on places that two participants use and one changes. A step on any other place
 *     commutes with every step of the others, so a preemption or death before it is the same as one
 *     before the next step on such a place. Which places these are is learned by executions with
 *     preemptions everywhere, and learned on during the search; if it learns a new one it begins
 *     again.
 *   - A participant dies only before a step that changes something, since a look leaves no trace;
 *     before another one asks whether it lives, or tries a lock that it holds; and before a wake-up
 *     that it would get. To die at any other moment looks the same to the others as at the next of
 *     these.
 *   - An execution is cut where its steps so far are, but for the order of independent ones, those
 *     of an earlier one that had as many preemptions, deaths and stale values left, and the turn is
 *     with the same one. Equality is that of a 64-bit fingerprint: the sum over all steps of a hash
 *     of who made it, after what, upon which change of the place and, if it is a change, after
 *     which looks. The earlier one's continuations are all explored, so those of this one are.
 *
 * PCT, beyond: each participant has a random priority, and the highest that can goes on; at `depth`
 * random steps the one at turn becomes the lowest.
 *
 * A schedule string is a list of events, each with who was at which of its own steps: "a12>b" (b
 * goes on), "a12xb" (b dies), "a12~2" (the load returns the second store before the newest). All
 * else follows. It means the same whatever is reduced. */
#define _GNU_SOURCE
#include "schedule.h"

#include "trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum {
    STACK_BYTES = 256 * 1024,
    STEPS_MAX = 20000,
    TRAIL_MAX = 4096,
    OPTIONS_MAX = 16,
    EVENTS_MAX = 512,
    CHANGES_MAX = 8
};
static const int64_t RELEASED_WITHIN_NS = 100 * 1000 * 1000;

enum state { READY, ASLEEP, NAPPING, ENDED, DEAD };
enum kind { START, STEP, ANOTHER, TIME, VALUE }; /* of a decision */
enum what { GO_ON = '>', DIE = 'x', STALE = '~' };

struct event {
    char who, what;
    int step, argument;
};

static struct participant {
    enum state state;
    bool timed_out;
    int64_t deadline;
    int steps, priority;
    jmp_buf here, base;
    char *stack;
} participants[PARTICIPANTS_MAX];

bool is_running;
int me;
int64_t virtual_time;

static const struct scene *scene;
static jmp_buf explorer;
static ucontext_t explorer_context, participant_context;
static enum deciding deciding;
static struct outcome *outcome;
static int preemptions_left, deaths_left, stale_left;
static int64_t idle_ns; /* that all slept, since the last death */

static struct event events[EVENTS_MAX], told[EVENTS_MAX];
static int event_count, told_count, told_next;

uint64_t random_word(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- failing --------------------------------------------------------------------------------- */

void fail(const char *format, ...) {
    va_list arguments;
    if (!outcome) {
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        fprintf(stderr, "\n");
        exit(2);
    }
    va_start(arguments, format);
    vsnprintf(outcome->text, sizeof outcome->text, format, arguments);
    va_end(arguments);
    outcome->failed = true;
    longjmp(explorer, 1);
}

bool has_died(int participant) {
    return participants[participant].state == DEAD;
}

int deaths(void) {
    int count = 0;
    for (int i = 0; i < scene->participants; i++) count += has_died(i);
    return count;
}

bool is_asleep(int participant) {
    enum state state = participants[participant].state;
    return state == ASLEEP || state == NAPPING;
}

/* ---- the search ------------------------------------------------------------------------------ */

static struct decision { unsigned char chosen, count; } trail[TRAIL_MAX];
static int trail_length, trail_at;
static bool has_next, cutting = true;

void schedule_search(int preemptions, int may_die, int stale) {
    trace_forget();
    trail_length = 0;
    has_next = true;
    preemptions_left = preemptions;
    deaths_left = may_die;
    stale_left = stale;
}

bool schedule_has_next(void) {
    return has_next;
}

static void go_to_next(void) {
    while (trail_length > 0 && trail[trail_length - 1].chosen + 1 == trail[trail_length - 1].count)
        trail_length--;
    has_next = trail_length > 0;
    if (has_next) trail[trail_length - 1].chosen++;
}

static bool was_seen(enum kind kind) {
    uint64_t besides = (uint64_t)kind << 24 | (uint64_t)me << 16 | (uint64_t)deaths_left << 8;
    return trace_was_seen(besides | (uint64_t)stale_left, preemptions_left);
}

static int choose_in_order(int count, enum kind kind) {
    if (trail_at < trail_length) {
        if (trail[trail_at].count != count) fail("the explorer is not deterministic");
        return trail[trail_at++].chosen;
    }
    if (cutting && was_seen(kind)) {
        outcome->cut = true;
        longjmp(explorer, 1);
    }
    if (trail_length == TRAIL_MAX) fail("TRAIL_MAX is too small");
    trail[trail_length++] = (struct decision){0, (unsigned char)count};
    trail_at++;
    return 0;
}

/* ---- at random ------------------------------------------------------------------------------- */

static uint64_t chance;
static int points, most_points, changes[CHANGES_MAX], change_count, dies_at, lowest;

void schedule_randomly(uint64_t seed, int depth, int may_die, int stale) {
    chance = seed;
    points = 0;
    lowest = 0;
    change_count = depth < CHANGES_MAX ? depth : CHANGES_MAX;
    int range = most_points > 10 ? most_points : 10;
    for (int i = 0; i < change_count; i++)
        changes[i] = (int)(random_word(&chance) % (unsigned)range);
    dies_at = may_die ? (int)(random_word(&chance) % (unsigned)(range + range / 4)) : range * 4;
    preemptions_left = INT16_MAX;
    deaths_left = may_die;
    stale_left = stale;
}

static void shuffle_priorities(void) {
    for (int i = 0; i < scene->participants; i++)
        participants[i].priority = (int)(random_word(&chance) % 1000) + 10;
}

static void count_point(void) {
    points++;
    if (points > most_points && points < 5000) most_points = points;
    for (int i = 0; i < change_count; i++) {
        if (changes[i] == points) participants[me].priority = --lowest;
    }
}

/* ---- one decision ---------------------------------------------------------------------------- */

struct option {
    enum what what;
    int who;
};

static int highest(const struct option *options, int count) {
    int best = -1;
    for (int i = 0; i < count; i++) {
        int who = options[i].who;
        if (options[i].what != GO_ON || is_asleep(who)) continue;
        if (best < 0 || participants[who].priority > participants[options[best].who].priority)
            best = i;
    }
    return best < 0 ? 0 : best;
}

static int choose_at_random(const struct option *options, int count, enum kind kind) {
    if (kind == STEP) count_point();
    if (points >= dies_at) {
        for (int i = 0, from = (int)(random_word(&chance) % 8); i < count; i++) {
            int at = (from + i) % count;
            if (options[at].what != DIE) continue;
            dies_at += 1 + (int)(random_word(&chance) % (unsigned)(most_points + 10));
            return at;
        }
    }
    if (kind == STEP && random_word(&chance) % 128 == 0) {
        int at = (int)(random_word(&chance) % (unsigned)count);
        if (options[at].what == GO_ON) return at; /* also a sleeper */
    }
    return highest(options, count);
}

static int choose_as_told(const struct option *options, int count) {
    if (told_next == told_count) return 0;
    const struct event *next = &told[told_next];
    if (next->who != me || next->step != participants[me].steps) return 0;
    for (int i = 0; i < count; i++) {
        if ((int)options[i].what != next->what || options[i].who != next->argument) continue;
        told_next++;
        return i;
    }
    return 0;
}

static void note_event(enum what what, int argument) {
    if (event_count == EVENTS_MAX) fail("too many events in one execution");
    events[event_count++] = (struct event){(char)me, (char)what, participants[me].steps, argument};
}

/* The first is what happens if nothing is chosen. */
static struct option choose(const struct option *options, int count, enum kind kind) {
    int chosen = 0;
    if (count > 1) {
        if (deciding == DECIDE_DEPTH_FIRST) chosen = choose_in_order(count, kind);
        else if (deciding == DECIDE_AT_RANDOM) chosen = choose_at_random(options, count, kind);
        else chosen = choose_as_told(options, count);
    }
    if (chosen > 0) note_event(options[chosen].what, options[chosen].who);
    return options[chosen];
}

int choose_value(uint32_t place, int count) {
    int chosen = 0;
    if (count <= 1 || stale_left == 0) return 0;
    if (deciding == DECIDE_DEPTH_FIRST) {
        if (!trace_is_shared(place)) return 0;
        chosen = choose_in_order(count, VALUE);
    } else if (deciding == DECIDE_AT_RANDOM) {
        if (random_word(&chance) % 4 == 0) chosen = (int)(random_word(&chance) % (unsigned)count);
    } else if (told_next < told_count) {
        const struct event *next = &told[told_next];
        if (next->who == me && next->step == participants[me].steps && next->what == STALE) {
            chosen = next->argument;
            told_next++;
        }
    }
    if (chosen == 0) return 0;
    note_event(STALE, chosen);
    stale_left--;
    outcome->stale++;
    return chosen;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void give_turn(int who) {
    struct participant *from = &participants[me], *to = &participants[who];
    if (who == me) return;
    if (_setjmp(from->here)) return;
    me = who;
    kernel_enter(who);
    _longjmp(to->here, 1);
}

static void end_execution(void) {
    longjmp(explorer, 1);
}

static void end_sleep(int who) {
    participants[who].timed_out = true;
    participants[who].state = READY;
}

/* Everybody sleeps or has ended: the time passes. */
static int pass_time(void) {
    struct option options[PARTICIPANTS_MAX];
    int count = 0;
    int64_t earliest = INT64_MAX;
    bool is_nap = false, all_ended = true;
    for (int i = 0; i < scene->participants; i++) {
        if (!is_asleep(i)) continue;
        all_ended = false;
        if (participants[i].deadline < earliest) {
            earliest = participants[i].deadline;
            count = 0;
        }
        if (participants[i].deadline != earliest) continue;
        options[count++] = (struct option){GO_ON, i};
        is_nap |= participants[i].state == NAPPING;
    }
    if (all_ended) end_execution();
    if (earliest == INT64_MAX) fail("%c sleeps and nobody will wake it", 'a' + options[0].who);
    if (deaths() == 0 && !is_nap && !scene->may_idle)
        fail("%c sleeps though nobody died: a wake-up was lost", 'a' + options[0].who);
    if (earliest > virtual_time) idle_ns += earliest - virtual_time;
    if (deaths() > 0 && idle_ns > RELEASED_WITHIN_NS)
        fail("%c still sleeps 100 ms after the last death", 'a' + options[0].who);
    int who = choose(options, count, TIME).who;
    virtual_time = earliest;
    happened_to_all((uint64_t)virtual_time);
    end_sleep(who);
    return who;
}

/* Who has the turn cannot go on. */
static int choose_another(void) {
    struct option options[PARTICIPANTS_MAX];
    int count = 0;
    for (int i = 0; i < scene->participants; i++) {
        if (i != me && participants[i].state == READY) options[count++] = (struct option){GO_ON, i};
    }
    return count > 0 ? choose(options, count, ANOTHER).who : pass_time();
}

static void die(int who) {
    struct participant *victim = &participants[who];
    int whose_turn = me;
    me = who;
    happened_to_all(7);
    me = whose_turn;
    kernel_dies(who);
    victim->state = DEAD;
    deaths_left--;
    outcome->deaths++;
    idle_ns = 0;
}

bool sleep_until(int64_t deadline, bool is_nap) {
    struct participant *own = &participants[me];
    own->deadline = deadline;
    own->timed_out = false;
    own->state = is_nap ? NAPPING : ASLEEP;
    give_turn(choose_another());
    return !own->timed_out;
}

void wake_up(int participant) {
    participants[participant].state = READY;
}

static int list_options(struct option *options, enum access access, unsigned victims) {
    int count = 0;
    options[count++] = (struct option){GO_ON, me};
    for (int i = 0; preemptions_left > 0 && i < scene->participants; i++) {
        bool can = participants[i].state == READY ||
                   (is_asleep(i) && participants[i].deadline < INT64_MAX);
        if (i != me && can) options[count++] = (struct option){GO_ON, i};
    }
    if (deaths_left == 0) return count;
    for (int i = 0; i < scene->participants; i++) {
        bool may = (scene->mortal >> i & 1) && participants[i].state != DEAD;
        bool now = i == me ? access == CHANGE : (victims >> i & 1) != 0;
        if (may && now) options[count++] = (struct option){DIE, i};
    }
    return count;
}

void before(uint32_t place, enum access access, unsigned victims) {
    struct participant *own = &participants[me];
    struct option options[OPTIONS_MAX];
    if (++own->steps > STEPS_MAX) fail("%c makes step after step and does not end", 'a' + me);
    note_use(place, access);
    if (!trace_is_shared(place) && deciding != DECIDE_AS_TOLD && place != NOWHERE) return;
    for (;;) {
        int count = list_options(options, access, victims);
        struct option chosen = choose(options, count, STEP);
        if (chosen.what == DIE) {
            die(chosen.who);
            if (chosen.who == me) give_turn(choose_another());
            continue;
        }
        if (chosen.who == me) return;
        preemptions_left--;
        outcome->preemptions++;
        if (is_asleep(chosen.who)) end_sleep(chosen.who);
        give_turn(chosen.who);
        return;
    }
}

/* ---- participants ---------------------------------------------------------------------------- */

/* The stack's lowest frame, to which each execution comes back. */
static void participate(void) {
    int who = me;
    if (_setjmp(participants[who].base) == 0) swapcontext(&participant_context, &explorer_context);
    scene->act(me);
    participants[me].state = ENDED;
    give_turn(choose_another());
    fail("who has ended went on");
}

static void prepare_stack(int who) {
    struct participant *own = &participants[who];
    if (own->stack) return;
    own->stack = malloc(STACK_BYTES);
    if (!own->stack) abort();
    getcontext(&participant_context);
    participant_context.uc_stack.ss_sp = own->stack;
    participant_context.uc_stack.ss_size = STACK_BYTES;
    participant_context.uc_link = NULL;
    makecontext(&participant_context, participate, 0);
    me = who;
    swapcontext(&explorer_context, &participant_context);
}

void schedule_boot(const struct scene *booted) {
    scene = booted;
    outcome = NULL;
    is_running = false;
    most_points = 0;
    trace_boot();
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        prepare_stack(i);
        participants[i].state = ENDED;
    }
    me = 0;
    kernel_boot();
    for (int i = 0; i < PROCESSES; i++) {
        if (i >= scene->participants && i != JUDGE) continue;
        me = i;
        kernel_enter(i);
        scene->open(i);
    }
    kernel_save();
}

void schedule_learn(bool on) {
    trace_learning = on;
}

void schedule_cut(bool on) {
    cutting = on;
}

static void begin_execution(void) {
    trace_begin();
    memory_begin(scene->is_weak);
    event_count = told_next = trail_at = 0;
    idle_ns = 0;
    for (int i = 0; i < scene->participants; i++) {
        struct participant *own = &participants[i];
        own->state = READY;
        own->steps = 0;
        memcpy(own->here, own->base, sizeof own->here);
    }
    if (deciding == DECIDE_AT_RANDOM) shuffle_priorities();
}

static void start(void) {
    struct option options[PARTICIPANTS_MAX];
    for (int i = 0; i < scene->participants; i++) options[i] = (struct option){GO_ON, i};
    me = 0;
    int first = choose(options, scene->participants, START).who;
    is_running = true;
    me = first;
    kernel_enter(first);
    _longjmp(participants[first].here, 1);
}

static void judge(void) {
    me = JUDGE;
    is_running = false;
    kernel_enter(JUDGE);
    scene->judge();
}

void schedule_run(enum deciding how, struct outcome *result) {
    int saved[3] = {preemptions_left, deaths_left, stale_left};
    memset(result, 0, offsetof(struct outcome, text) + 1);
    outcome = result;
    deciding = how;
    begin_execution();
    if (_setjmp(explorer) == 0) start();
    is_running = false;
    result->digest = trace_digest();
    if (!result->failed && !result->cut && _setjmp(explorer) == 0) judge();
    is_running = false;
    me = JUDGE;
    kernel_restore();
    outcome = NULL;
    preemptions_left = saved[0];
    deaths_left = saved[1];
    stale_left = saved[2];
    if (how == DECIDE_DEPTH_FIRST) go_to_next();
}

/* ---- schedules as text ----------------------------------------------------------------------- */

const char *schedule_text(void) {
    static char text[SCHEDULE_BYTES];
    size_t at = 0;
    strcpy(text, "-");
    for (int i = 0; i < event_count && at + 32 < sizeof text; i++) {
        const struct event *event = &events[i];
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%c%d%c", i ? "." : "",
                               'a' + event->who, event->step, event->what);
        if (event->what == STALE) at += (size_t)snprintf(text + at, 12, "%d", event->argument);
        else at += (size_t)snprintf(text + at, 2, "%c", 'a' + event->argument);
    }
    return text;
}

bool schedule_as_told(const char *text) {
    told_count = 0;
    preemptions_left = INT16_MAX;
    deaths_left = PARTICIPANTS_MAX;
    stale_left = INT16_MAX;
    if (strcmp(text, "-") == 0) return true;
    for (; *text; text += *text == '.') {
        char who, what;
        int step, length = 0;
        if (told_count == EVENTS_MAX || sscanf(text, "%c%d%c%n", &who, &step, &what, &length) != 3)
            return false;
        text += length;
        int argument = what == STALE ? (int)strtol(text, (char **)&text, 10) : *text++ - 'a';
        told[told_count++] = (struct event){(char)(who - 'a'), what, step, argument};
    }
    return true;
}
