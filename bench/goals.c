/* goals.c: what Samepage wants to reach, and whether it does. Ratios within this run. */
#include <string.h>

#include "results.h"

enum kind {
    COST, /* ours over the other's, at most */
    RATE, /* ours over the other's, at least */
    TAIL  /* p99.9 over the median, at most */
};

struct entry {
    enum pattern pattern;
    const char *name;
    size_t size;
};

struct goal {
    const char *what;
    enum kind kind;
    double goal;
    struct entry ours, other;
};

#define KI 1024
#define MI (1024 * 1024)
#define MAILBOX(SIZE)                                                                              \
    { ROUND_TRIP, "bare mailbox", SIZE }
#define TRIP(SIZE)                                                                                 \
    { ROUND_TRIP, "topic", SIZE }
#define RING(SIZE)                                                                                 \
    { ONE_WAY, "hand-tuned ring", SIZE }
/* A reader that pauses when it has caught up gets several messages for one look. */
#define PATIENT(SIZE)                                                                              \
    { ONE_WAY, "hand-tuned ring, patient reader", SIZE }
#define PATIENT_BYTES(SIZE)                                                                        \
    { BYTES, "hand-tuned byte ring, patient reader", SIZE }
#define AGAINST_BYTES(PEER, SIZE)                                                                  \
    {                                                                                              \
        "stream against " PEER, RATE, 5, {BYTES, "stream", SIZE}, {                                \
            BYTES, PEER, SIZE                                                                      \
        }                                                                                          \
    }

static const struct goal goals[] = {
    {"topic round trip", COST, 1.05, TRIP(8), MAILBOX(8)},
    {"topic round trip", COST, 1.05, TRIP(48), MAILBOX(48)},
    {"topic round trip, p99.9 against its median", TAIL, 2.5, TRIP(48), TRIP(48)},
    {"topic round trip", COST, 1.05, TRIP(KI), MAILBOX(KI)},
    {"topic round trip", COST, 1.05, TRIP(64 * KI), MAILBOX(64 * KI)},
    {"topic round trip", COST, 1.05, TRIP(4 * MI), MAILBOX(4 * MI)},
    {"hand-off against round trip of 48 B", COST, 1.2, {HAND_OFF, "topic", 64 * KI}, TRIP(48)},
    {"hand-off against round trip of 48 B", COST, 1.2, {HAND_OFF, "topic", 4 * MI}, TRIP(48)},
    {"hand-off rate",
     RATE,
     0.5,
     {HAND_OVER, "topic", 64 * KI},
     {HAND_OVER, "bare hand-off ring", 64 * KI}},
    {"topic one way, one publisher", RATE, 0.9, {ONE_WAY, "topic", 64}, RING(64)},
    {"topic one way, one publisher", RATE, 0.9, {ONE_WAY, "topic", 64}, PATIENT(64)},
    {"topic one way, in batches",
     RATE,
     0.7,
     {ONE_WAY, "topic, batches", 64},
     {ONE_WAY, "batched ring", 64}},
    {"topic one way, in slots", RATE, 0.75, {ONE_WAY, "topic, in slots", KI}, RING(KI)},
    {"topic one way, in the arena", RATE, 0.75, {ONE_WAY, "topic", KI}, RING(KI)},
    {"topic one way against a plain queue",
     RATE,
     2,
     {ONE_WAY, "topic, in slots", KI},
     {ONE_WAY, "plain SPSC queue", KI}},
    {"topic one way", RATE, 0.95, {ONE_WAY, "topic", 64 * KI}, RING(64 * KI)},
    {"topic one way", RATE, 0.95, {ONE_WAY, "topic", 4 * MI}, RING(4 * MI)},
    {"two publishers",
     COST,
     1.5,
     {CLAIMING, "topic, two publishers", 48},
     {CLAIMING, "fetch_add, two writers", 48}},
    {"four publishers",
     COST,
     1.5,
     {CLAIMING, "topic, four publishers", 48},
     {CLAIMING, "fetch_add, four writers", 48}},
    {"stream", RATE, 0.8, {BYTES, "stream", 8}, {BYTES, "hand-tuned byte ring", 8}},
    {"stream", RATE, 0.8, {BYTES, "stream", 64}, {BYTES, "hand-tuned byte ring", 64}},
    {"stream", RATE, 0.8, {BYTES, "stream", KI}, {BYTES, "hand-tuned byte ring", KI}},
    {"stream", RATE, 0.8, {BYTES, "stream", 64 * KI}, {BYTES, "hand-tuned byte ring", 64 * KI}},
    {"stream", RATE, 0.8, {BYTES, "stream", 64}, PATIENT_BYTES(64)},
    {"stream", RATE, 0.8, {BYTES, "stream", KI}, PATIENT_BYTES(KI)},
    AGAINST_BYTES("pipe", 8),
    AGAINST_BYTES("pipe", KI),
    AGAINST_BYTES("pipe", 64 * KI),
    AGAINST_BYTES("Unix stream socket", 8),
    AGAINST_BYTES("Unix stream socket", KI),
    AGAINST_BYTES("Unix stream socket", 64 * KI),
    {"service round trip", COST, 1.2, {ROUND_TRIP, "service", 8}, MAILBOX(8)},
    {"service round trip", COST, 1.2, {ROUND_TRIP, "service", 48}, MAILBOX(48)},
    {"cell read while a writer writes",
     COST,
     2,
     {READING, "cell, a writer writes", 48},
     {READING, "copy, undisturbed", 48}},
    {"cell read while a writer writes",
     COST,
     2,
     {READING, "cell, a writer writes", 48},
     {READING, "cell, nobody writes", 48}},
    {"publish with 64 subscribers against 1",
     COST,
     1.1,
     {FAN_OUT, "topic", 64},
     {FAN_OUT, "topic", 1}},
    {"sleeping receiver", COST, 1.05, {WAKING, "topic, waiting", 48}, {WAKING, "bare futex", 48}},
    {"descriptor", COST, 1.1, {WAKING, "topic, descriptor", 48}, {WAKING, "eventfd and poll", 48}},
    {"waiting, the message comes soon", COST, 1.05, {ROUND_TRIP, "topic, waiting", 48}, TRIP(48)},
};
enum { GOALS = sizeof goals / sizeof goals[0] };

/* 0: not measured. */
static double measured(const struct goal *goal, enum distance distance) {
    struct figure figure;
    const struct entry *a = &goal->ours, *b = &goal->other;
    const struct contest *ours = find_contest(a->pattern, a->name, a->size);
    const struct contest *other = find_contest(b->pattern, b->name, b->size);
    if (!ours || !other) return 0;
    if (goal->kind == TAIL)
        return figure_of(ours, distance, &figure) ? figure.p999 / figure.p50 : 0;
    double ratio = ratio_of(ours, other, distance);
    if (ratio > 0 && goal->kind == RATE) ratio = 1 / ratio;
    return ratio;
}

static bool is_reached(const struct goal *goal, double value) {
    return goal->kind == RATE ? value >= goal->goal : value <= goal->goal;
}

static const char *verdict(bool reached) {
    return reached ? "reached" : "**lost**";
}

static void print_goal(FILE *file, const struct goal *goal) {
    char size[SIZE_TEXT];
    describe_size(goal->ours.pattern, goal->ours.size, size);
    for (int i = 0; i < CLASSES; i++) {
        double value = measured(goal, (enum distance)i);
        if (value <= 0) continue;
        fprintf(file, "| %s, %s, to %s | %s | %s %.2f | %.3f | %s |\n", goal->what, size,
                goal->kind == TAIL ? "its median" : goal->other.name, i == NEAR ? "near" : "far",
                goal->kind == RATE ? "at least" : "at most", goal->goal, value,
                verdict(is_reached(goal, value)));
    }
}

static void print_value(FILE *file, const struct value *value) {
    if (value->goal <= 0) return;
    double measure = value->other_name ? value->ours / value->other : value->ours;
    fprintf(file, "| %s, %s | - | at most %.2f | %.3f | %s |\n", value->what,
            value->other_name ? value->other_name : value->unit, value->goal, measure,
            verdict(measure <= value->goal));
}

/* ---- ahead of every peer --------------------------------------------------------------------- */

static const struct contest *best(const struct row *row, enum party side, enum distance distance) {
    const struct contest *found = NULL;
    struct figure figure, least = {0};
    for (int i = 0; i < row->count; i++) {
        if (row->contests[i].contestant->side != side) continue;
        if (!figure_of(&row->contests[i], distance, &figure)) continue;
        if (found && figure.cost >= least.cost) continue;
        least = figure;
        found = &row->contests[i];
    }
    return found;
}

static void print_peers(FILE *file, const struct row *row) {
    for (int i = 0; i < CLASSES; i++) {
        const struct contest *ours = best(row, OURS, (enum distance)i);
        const struct contest *theirs = best(row, PEER, (enum distance)i);
        if (!ours || !theirs) continue;
        double ratio = ratio_of(theirs, ours, (enum distance)i);
        fprintf(file, "| %s: %s ahead of the best peer, %s | %s | more than 1.00 | %.3f | %s |\n",
                row->title, ours->contestant->name, theirs->contestant->name,
                i == NEAR ? "near" : "far", ratio, verdict(ratio > 1));
    }
}

void print_goals(FILE *file) {
    fprintf(file,
            "\n**goals**\n\n| what | distance | goal | measured | |\n|---|---|---|---|---|\n");
    for (int i = 0; i < GOALS; i++) print_goal(file, &goals[i]);
    for (int i = 0; i < results.value_count; i++) print_value(file, &results.values[i]);
    for (int i = 0; i < results.row_count; i++) print_peers(file, &results.rows[i]);
}

void write_goals_json(FILE *file) {
    const char *comma = "";
    for (int i = 0; i < GOALS; i++) {
        for (int j = 0; j < CLASSES; j++) {
            double value = measured(&goals[i], (enum distance)j);
            if (value <= 0) continue;
            fprintf(file,
                    "%s\n    {\"what\": \"%s\", \"size\": %zu, \"other\": \"%s\", "
                    "\"distance\": \"%s\", \"%s\": %.3f, \"measured\": %.4f, \"reached\": %s}",
                    comma, goals[i].what, goals[i].ours.size, goals[i].other.name,
                    j == NEAR ? "near" : "far", goals[i].kind == RATE ? "at_least" : "at_most",
                    goals[i].goal, value, is_reached(&goals[i], value) ? "true" : "false");
            comma = ",";
        }
    }
}
