/* stat_channel.c: everything that is known about a channel, with the rates between two looks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "members.h"
#include "stat.h"
#include "stop.h"

/* ---- the facts ------------------------------------------------------------------------------- */

static void print_passage(const struct seen *seen) {
    const spg_channel_facts *facts = &seen->now.facts;
    const struct channel_kind *kind = channel_kind(facts->kind);
    char amount[SHORT_TEXT], rate[SHORT_TEXT], most[SHORT_TEXT];
    put_rate(rate, seen, seen_rate(seen));
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
    struct table table;
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
    if (seen->now.count == 0) return;
    printf("\n");
    members_table(&table, seen);
    table_end(&table);
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
    json_time("held_since", member->held_since);
    json_time("asleep", member->asleep);
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
    json_real("rate", seen_rate(seen));
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
