/* members.c: see members.h. A column is a title, the kinds of channels that have it, and how a
 * member's cell is written. */
#include "members.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "entries.h"

enum { STREAM = 1 << SPG_ENTRY_STREAM, TOPIC = 1 << SPG_ENTRY_TOPIC, CELL = 1 << SPG_ENTRY_CELL };
enum { QUEUE = 1 << SPG_ENTRY_QUEUE, SERVICE = 1 << SPG_ENTRY_SERVICE };
enum { ALL = STREAM | TOPIC | CELL | QUEUE | SERVICE, TEXT = 2 * SHORT_TEXT + 32 };

typedef void cell_writer(char *text, const struct seen *seen, const spg_member *member);

static void role_cell(char *text, const struct seen *seen, const spg_member *member) {
    (void)seen;
    strcpy(text, role_text(member->role));
}

static void node_cell(char *text, const struct seen *seen, const spg_member *member) {
    (void)seen;
    snprintf(text, TEXT, "%" PRIx64, member->node);
}

static void name_cell(char *text, const struct seen *seen, const spg_member *member) {
    unsigned pid = member->alive ? pid_in_here(member->pid_namespace, member->pid) : 0;
    (void)seen;
    node_text(text, member->node_name, pid);
}

static void pid_cell(char *text, const struct seen *seen, const spg_member *member) {
    unsigned pid = pid_in_here(member->pid_namespace, member->pid);
    (void)seen;
    snprintf(text, TEXT, pid ? "%u" : "-", pid);
}

static void state_cell(char *text, const struct seen *seen, const spg_member *member) {
    (void)seen;
    strcpy(text, member->alive ? "living" : "dead");
}

/* What this kind counts: bytes of a stream, else a number. */
static void put_amount(char *text, const struct seen *seen, uint64_t amount) {
    if (seen->now.facts.kind == SPG_ENTRY_STREAM) size_text(text, amount);
    else snprintf(text, SHORT_TEXT, "%" PRIu64, amount);
}

static void sent_cell(char *text, const struct seen *seen, const spg_member *member) {
    bool never = member->role == SPG_ROLE_READER || member->role == SPG_ROLE_SUBSCRIBER;
    if (never) strcpy(text, "-");
    else put_amount(text, seen, member->sent);
}

static void received_cell(char *text, const struct seen *seen, const spg_member *member) {
    bool never = member->role == SPG_ROLE_WRITER || member->role == SPG_ROLE_PUBLISHER;
    if (never) strcpy(text, "-");
    else put_amount(text, seen, member->received);
}

void put_rate(char *text, const struct seen *seen, double rate) {
    if (seen->now.facts.kind == SPG_ENTRY_STREAM && rate >= 0) {
        size_text(text, (uint64_t)rate);
        strcat(text, "/s");
    } else {
        rate_text(text, rate);
    }
}

static void rate_cell(char *text, const struct seen *seen, const spg_member *member) {
    size_t index = (size_t)(member - seen->now.members);
    put_rate(text, seen, seen->twice ? member_rate(&seen->before, &seen->now, index) : -1);
}

static void behind_cell(char *text, const struct seen *seen, const spg_member *member) {
    bool reads = member->role == SPG_ROLE_READER || member->role == SPG_ROLE_SUBSCRIBER;
    if (reads) put_amount(text, seen, member->behind);
    else strcpy(text, "-");
}

/* What it missed; who must not lose is waited for instead. */
static void lost_cell(char *text, const struct seen *seen, const spg_member *member) {
    (void)seen;
    if (member->role != SPG_ROLE_SUBSCRIBER) strcpy(text, "-");
    else if (member->must_not_lose) strcpy(text, "must not");
    else snprintf(text, TEXT, "%" PRIu64, member->lost);
}

/* "3, 2.0 MiB, oldest 4711, for 12 s": so many, of so much memory, the oldest of that number, and
 * since when it has had something. */
static void holds_cell(char *text, const struct seen *seen, const spg_member *member) {
    char size[SHORT_TEXT], age[SHORT_TEXT], oldest[SHORT_TEXT + 16] = "";
    char since[SHORT_TEXT + 8] = "";
    (void)seen;
    if (member->held_oldest)
        snprintf(oldest, sizeof oldest, ", oldest %" PRIu64, member->held_oldest);
    if (member->held_since) {
        age_text(age, member->held_since);
        snprintf(since, sizeof since, ", for %s", age);
    }
    snprintf(text, TEXT, "%" PRIu64 "%s%s%s%s", member->held, member->held_bytes ? ", " : "",
             member->held_bytes ? size_text(size, member->held_bytes) : "", oldest, since);
}

static void asleep_cell(char *text, const struct seen *seen, const spg_member *member) {
    (void)seen;
    if (member->asleep) age_text(text, member->asleep);
    else strcpy(text, "-");
}

static void since_cell(char *text, const struct seen *seen, const spg_member *member) {
    (void)seen;
    age_text(text, member->since);
}

static const struct column {
    const char *title;
    unsigned kinds; /* that have it */
    cell_writer *write;
} columns[] = {
    {"ROLE", ALL, role_cell},
    {">PID", ALL, pid_cell},
    {">NODE", ALL, node_cell},
    {"NAME", ALL, name_cell},
    {"STATE", ALL, state_cell},
    {">SENT", ALL & ~CELL, sent_cell},
    {">RECEIVED", ALL & ~CELL, received_cell},
    {">RATE", ALL & ~CELL, rate_cell},
    {">BEHIND", STREAM | TOPIC, behind_cell},
    {">LOST", TOPIC, lost_cell},
    {">HOLDS", ALL & ~STREAM, holds_cell},
    {">ASLEEP", ALL & ~CELL, asleep_cell},
    {">SINCE", ALL & ~(STREAM | CELL), since_cell},
};

enum { COLUMNS = sizeof columns / sizeof *columns };
_Static_assert((int)COLUMNS <= (int)CELLS_MAX, "one table has room for them");

void members_table(struct table *table, const struct seen *seen) {
    const char *titles[COLUMNS];
    const struct column *shown[COLUMNS];
    size_t count = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!(columns[i].kinds >> seen->now.facts.kind & 1)) continue;
        shown[count] = &columns[i];
        titles[count++] = columns[i].title;
    }
    table_begin(table, titles, count);
    for (size_t i = 0; i < seen->now.count; i++) {
        for (size_t j = 0; j < count; j++) {
            char text[TEXT];
            shown[j]->write(text, seen, &seen->now.members[i]);
            table_cell(table, text);
        }
    }
}

/* ---- of the channel as a whole --------------------------------------------------------------- */

double seen_rate(const struct seen *seen) {
    return seen->twice ? channel_rate(&seen->before, &seen->now) : -1;
}

const char *sleepers_text(const spg_channel_facts *facts) {
    if (facts->receivers_sleep && facts->senders_sleep) return "who receives, who sends";
    if (facts->receivers_sleep) return "who receives";
    return facts->senders_sleep ? "who sends" : "nobody";
}
