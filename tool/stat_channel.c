/* stat_channel.c: everything that is known about a channel, with the rates between two looks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "json.h"
#include "print.h"
#include "stat.h"
#include "stop.h"

/* ---- the table of members -------------------------------------------------------------------- */

struct seen {
    const char *name;
    struct channel before, now;
    bool twice; /* there are rates */
};

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

static void put_rate(char *text, const struct seen *seen, double rate) {
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

/* "3, 2.0 MiB, from 4711 on": so many, of so much memory, the oldest of that number. */
static void holds_cell(char *text, const struct seen *seen, const spg_member *member) {
    char size[SHORT_TEXT], oldest[SHORT_TEXT + 16] = "";
    (void)seen;
    if (member->held_oldest)
        snprintf(oldest, sizeof oldest, ", oldest %" PRIu64, member->held_oldest);
    snprintf(text, TEXT, "%" PRIu64 "%s%s%s", member->held, member->held_bytes ? ", " : "",
             member->held_bytes ? size_text(size, member->held_bytes) : "", oldest);
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
    {">SINCE", ALL & ~(STREAM | CELL), since_cell},
};

enum { COLUMNS = sizeof columns / sizeof *columns };
_Static_assert((int)COLUMNS <= (int)CELLS_MAX, "one table has room for them");

static void print_members(const struct seen *seen) {
    const char *titles[COLUMNS];
    const struct column *shown[COLUMNS];
    struct table table;
    size_t count = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!(columns[i].kinds >> seen->now.facts.kind & 1)) continue;
        shown[count] = &columns[i];
        titles[count++] = columns[i].title;
    }
    if (seen->now.count == 0) return;
    printf("\n");
    table_begin(&table, titles, count);
    for (size_t i = 0; i < seen->now.count; i++) {
        for (size_t j = 0; j < count; j++) {
            char text[TEXT];
            shown[j]->write(text, seen, &seen->now.members[i]);
            table_cell(&table, text);
        }
    }
    table_end(&table);
}

/* ---- the facts ------------------------------------------------------------------------------- */

static void print_passage(const struct seen *seen) {
    const spg_channel_facts *facts = &seen->now.facts;
    const struct channel_kind *kind = channel_kind(facts->kind);
    char amount[SHORT_TEXT], rate[SHORT_TEXT], most[SHORT_TEXT];
    put_rate(rate, seen, seen->twice ? channel_rate(&seen->before, &seen->now) : -1);
    if (facts->kind == SPG_ENTRY_CELL) {
        print_field("version", "%" PRIu64 ", %s", facts->messages, rate);
        if (facts->messages == 0) strcpy(amount, "none yet");
        else size_text(amount, facts->waiting);
        print_field("value", "%s of %s", amount, size_text(most, facts->capacity));
        return;
    }
    print_field(kind->counted, "%s, %s", amount_text(amount, facts->kind, facts->messages), rate);
    amount_text(amount, facts->kind, facts->waiting);
    if (kind->noun) snprintf(most, sizeof most, "%" PRIu64, facts->capacity);
    else size_text(most, facts->capacity);
    print_field(facts->kind == SPG_ENTRY_TOPIC ? "still there" : "waiting", "%s, %s at most",
                amount, most);
}

static const char *sleepers_text(const spg_channel_facts *facts) {
    if (facts->receivers_sleep && facts->senders_sleep) return "who receives, who sends";
    if (facts->receivers_sleep) return "who receives";
    return facts->senders_sleep ? "who sends" : "nobody";
}

/* What dead members left, until somebody needs it or collects. */
static void print_left(const struct channel *channel) {
    char members[SHORT_TEXT], size[SHORT_TEXT];
    uint64_t dead = 0, held = 0, bytes = 0;
    for (size_t i = 0; i < channel->count; i++) {
        if (channel->members[i].alive) continue;
        dead++;
        held += channel->members[i].held;
        bytes += channel->members[i].held_bytes;
    }
    if (dead == 0 && channel->facts.voided == 0) return;
    if (dead > 0) {
        count_text(members, dead, "member");
        size_text(size, bytes);
        print_field("dead left",
                    held ? "%s, %" PRIu64 " held, %s; samepage gc takes it back"
                         : "%s; samepage gc takes it back",
                    members, held, size);
    }
    if (channel->facts.voided > 0) {
        print_field("voided", "%s that died in the middle of being published",
                    count_text(members, channel->facts.voided, "message"));
    }
}

static void print_channel(const struct seen *seen, const struct entries *entries) {
    const spg_channel_facts *facts = &seen->now.facts;
    char text[64], used[SHORT_TEXT];
    print_field("name", "%s", seen->name);
    if (facts->type_size)
        print_field("type", "%s, %" PRIu32 " bytes", facts->type, facts->type_size);
    else print_field("type", "%s", *facts->type ? facts->type : "-");
    print_passage(seen);
    if (facts->kind == SPG_ENTRY_QUEUE || facts->kind == SPG_ENTRY_SERVICE) {
        print_field("in hand", "%s", amount_text(text, facts->kind, facts->taken));
    }
    if (facts->budget) {
        print_field("budget", "%s of %s used", size_text(used, facts->used),
                    size_text(text, facts->budget));
    }
    print_size("memory", facts->bytes);
    print_field("mode", "%s", mode_text(text, facts->mode));
    print_field("owner", "%s", user_text(text, facts->uid));
    print_age(facts->created);
    print_creator(entries, facts->creator);
    print_field("kept", "%s",
                facts->kept ? "yes: until it is removed"
                            : "no: the last member to leave removes it");
    print_field("asleep", "%s", sleepers_text(facts));
    print_left(&seen->now);
    print_members(seen);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void member_json(const struct seen *seen, size_t index) {
    const spg_member *member = &seen->now.members[index];
    json_open(NULL, '{');
    json_text("role", role_text(member->role));
    json_id("node", member->node);
    json_text("node_name", *member->node_name ? member->node_name : NULL);
    json_number("pid", member->pid);
    json_number("pid_namespace", member->pid_namespace);
    json_bool("living", member->alive);
    json_bool("must_not_lose", member->must_not_lose);
    json_number("sent", member->sent);
    json_number("received", member->received);
    json_real("rate", seen->twice ? member_rate(&seen->before, &seen->now, index) : -1);
    json_number("behind", member->behind);
    json_number("lost", member->lost);
    json_number("held", member->held);
    json_number("held_bytes", member->held_bytes);
    json_number("held_oldest", member->held_oldest);
    json_time("since", member->since);
    json_close('}');
}

static void facts_json(const struct seen *seen) {
    const spg_channel_facts *facts = &seen->now.facts;
    char text[SHORT_TEXT];
    json_text("name", seen->name);
    json_text("kind", channel_kind(facts->kind)->word);
    json_text("type", *facts->type ? facts->type : NULL);
    json_number("type_size", facts->type_size);
    json_number("messages", facts->messages);
    json_real("rate", seen->twice ? channel_rate(&seen->before, &seen->now) : -1);
    json_number("waiting", facts->waiting);
    json_number("capacity", facts->capacity);
    json_number("taken", facts->taken);
    json_number("voided", facts->voided);
    json_number("memory", facts->bytes);
    json_number("budget", facts->budget);
    json_number("used", facts->used);
    json_text("mode", mode_text(text, facts->mode));
    json_number("uid", facts->uid);
    json_id("creator", facts->creator);
    json_time("created", facts->created);
    json_bool("kept", facts->kept);
    json_bool("receivers_wait", facts->receivers_sleep);
    json_bool("senders_wait", facts->senders_sleep);
}

static void print_json(const struct seen *seen) {
    json_open(NULL, '{');
    facts_json(seen);
    json_open("members", '[');
    for (size_t i = 0; i < seen->now.count; i++) member_json(seen, i);
    json_close(']');
    json_close('}');
}

/* ---- looking --------------------------------------------------------------------------------- */

static int look(struct seen *seen, int64_t interval) {
    int result = channel_read(&seen->now, seen->name);
    if (result < 0 || interval == 0) return result;
    seen->before = seen->now;
    seen->twice = true;
    nap(interval);
    return channel_read(&seen->now, seen->name);
}

int stat_channel(const char *name, int64_t interval, bool json) {
    struct seen seen;
    struct entries entries;
    memset(&seen, 0, sizeof seen);
    seen.name = name;
    int result = look(&seen, interval);
    if (result == 0) result = entries_read(&entries);
    if (result == 0) {
        if (json) print_json(&seen);
        else print_channel(&seen, &entries);
        entries_free(&entries);
    }
    channel_free(&seen.before);
    channel_free(&seen.now);
    if (result == SPG_ENOENT) {
        return complain("there is no %s in this domain; samepage ls lists what there is", name);
    }
    return result == 0 ? EXIT_OK : complain_of(result);
}
