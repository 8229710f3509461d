/* top.c: what goes through the channels, again and again: on the screen (top_screen.c), or as plain
 * tables one after the other. */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "output.h"
#include "stop.h"

enum { INTERVAL_NS = 1000 * 1000 * 1000, FIRST_NS = 200 * 1000 * 1000 };

/* ---- looking --------------------------------------------------------------------------------- */

/* The row's sample becomes that of the same channel before. */
static void take_before(struct seen *row, struct view *last) {
    for (size_t i = 0; i < last->count; i++) {
        struct seen *old = &last->rows[i];
        if (strcmp(old->name, row->name) != 0) continue;
        row->before = old->now;
        row->twice = true;
        memset(&old->now, 0, sizeof old->now);
        return;
    }
}

static int by_rate(const void *one, const void *other) {
    const struct seen *a = one, *b = other;
    double rate_a = seen_rate(a), rate_b = seen_rate(b);
    if (rate_a != rate_b) return rate_a < rate_b ? 1 : -1;
    return strcmp(a->name, b->name);
}

void view_renew(struct view *view) {
    struct view last = *view;
    memset(view, 0, sizeof *view);
    view->result = entries_read(&view->entries);
    view->rows = must_have(calloc(view->entries.count + 1, sizeof *view->rows));
    for (size_t i = 0; i < view->entries.count; i++) {
        const spg_domain_entry *entry = &view->entries.list[i];
        struct seen *row = &view->rows[view->count];
        if (!channel_kind(entry->kind)) continue;
        row->name = entry->name;
        if (channel_read(&row->now, row->name) < 0) {
            channel_free(&row->now);
            continue;
        }
        take_before(row, &last);
        view->count++;
    }
    if (view->count > 0) qsort(view->rows, view->count, sizeof *view->rows, by_rate);
    view_free(&last);
}

void view_free(struct view *view) {
    for (size_t i = 0; i < view->count; i++) {
        channel_free(&view->rows[i].before);
        channel_free(&view->rows[i].now);
    }
    free(view->rows);
    entries_free(&view->entries);
    memset(view, 0, sizeof *view);
}

/* ---- the table ------------------------------------------------------------------------------- */

struct sums {
    uint64_t living, dead, behind, lost;
};

static struct sums sum_of(const struct channel *channel) {
    struct sums sums = {0, 0, 0, 0};
    for (size_t i = 0; i < channel->count; i++) {
        const spg_member *member = &channel->members[i];
        sums.living += member->alive;
        sums.dead += !member->alive;
        sums.lost += member->lost;
        if (member->alive && member->behind > sums.behind) sums.behind = member->behind;
    }
    return sums;
}

/* Of a topic how far the last subscriber is behind, of the others what waits to be taken. */
static void waiting_cell(struct table *table, const struct seen *row, const struct sums *sums) {
    char text[SHORT_TEXT], amount[SHORT_TEXT];
    const spg_channel_facts *facts = &row->now.facts;
    if (facts->kind == SPG_ENTRY_TOPIC) {
        snprintf(text, sizeof text, "%" PRIu64 " behind", sums->behind);
        table_cell(table, text);
    } else if (facts->kind == SPG_ENTRY_CELL) {
        table_cell(table, "-");
    } else {
        table_cell(table, amount_text(amount, facts->kind, facts->waiting));
    }
}

static void memory_cell(struct table *table, const spg_channel_facts *facts) {
    char used[SHORT_TEXT], budget[SHORT_TEXT], text[3 * SHORT_TEXT];
    if (facts->budget == 0) {
        table_cell(table, size_text(used, facts->bytes));
        return;
    }
    snprintf(text, sizeof text, "%s of %s", size_text(used, facts->used),
             size_text(budget, facts->budget));
    table_cell(table, text);
}

static void add_row(struct table *table, const struct seen *row) {
    const spg_channel_facts *facts = &row->now.facts;
    struct sums sums = sum_of(&row->now);
    bool bytes = facts->kind == SPG_ENTRY_STREAM, cell = facts->kind == SPG_ENTRY_CELL;
    char text[64], rate[SHORT_TEXT];
    table_cell(table, channel_kind(facts->kind)->word);
    table_cell(table, strchr(row->name, ':') + 1);
    snprintf(text, sizeof text, sums.dead ? "%" PRIu64 " + %" PRIu64 " dead" : "%" PRIu64,
             sums.living, sums.dead);
    table_cell(table, cell ? "-" : text);
    put_rate(rate, row, seen_rate(row));
    table_cell(table, bytes ? "-" : rate);
    table_cell(table, bytes ? rate : "-");
    waiting_cell(table, row, &sums);
    snprintf(text, sizeof text, "%" PRIu64, sums.lost);
    table_cell(table, facts->kind == SPG_ENTRY_TOPIC ? text : "-");
    memory_cell(table, facts);
    table_cell(table, sleepers_text(facts));
}

void view_table(struct table *table, const struct view *view) {
    static const char *const titles[] = {"KIND",     "NAME",  ">MEMBERS", ">RATE", ">BYTES",
                                         ">WAITING", ">LOST", ">MEMORY",  "ASLEEP"};
    table_begin(table, titles, sizeof titles / sizeof *titles);
    for (size_t i = 0; i < view->count; i++) add_row(table, &view->rows[i]);
}

const char *view_summary(char *text, const struct view *view) {
    if (view->result == 0) return entries_summary(text, &view->entries);
    snprintf(text, SUMMARY_BYTES, "%s",
             view->result == SPG_ENOENT ? "there is no such domain yet"
                                        : spg_error_text(view->result));
    return text;
}

/* ---- plain ----------------------------------------------------------------------------------- */

static void print_view(const struct view *view) {
    char summary[SUMMARY_BYTES], clock[SHORT_TEXT] = "";
    struct table table;
    struct tm parts;
    time_t now = time(NULL);
    if (localtime_r(&now, &parts)) strftime(clock, sizeof clock, "%H:%M:%S", &parts);
    printf("%s  %s\n", clock, view_summary(summary, view));
    if (view->count == 0) return;
    view_table(&table, view);
    table_end(&table);
}

static int top_plain(int64_t interval, uint32_t times) {
    struct view view;
    int status = EXIT_OK;
    memset(&view, 0, sizeof view);
    view_renew(&view);
    for (uint32_t i = 0; (times == 0 || i < times) && status == EXIT_OK; i++) {
        if (i > 0) printf("\n");
        nap(i == 0 && interval > FIRST_NS ? FIRST_NS : interval);
        if (stop_signal()) break;
        view_renew(&view);
        print_view(&view);
        status = output_flush();
    }
    view_free(&view);
    return status;
}

static int run(const struct arguments *arguments) {
    int64_t interval = INTERVAL_NS;
    uint32_t times = 0;
    int status = EXIT_OK;
    bool batch = option_given(arguments, "batch") || !is_terminal(STDOUT_FILENO) ||
                 !is_terminal(STDIN_FILENO);
    if (!take_duration(arguments, "interval", &interval) ||
        !take_number(arguments, "times", 1, UINT32_MAX, &times)) {
        return EXIT_WRONG_USE;
    }
    if (interval < 10 * 1000 * 1000) return wrong_use("top: --interval is 10ms at least");
    stop_listen();
    output_begin();
    if (!batch && times == 0 && top_on_screen(interval, &status)) return status;
    return top_plain(interval, times);
}

static const struct option options[] = {
    {"interval", 'i', "TIME", "between two looks (1s)"},
    {"batch", 'b', NULL, "plain tables one after the other, for scripts"},
    {"times", 'n', "N", "that many tables, then end"},
    {NULL, 0, NULL, NULL},
};

const struct command top_command = {
    .name = "top",
    .operands = "",
    .summary = "show what goes through the channels, live",
    .about = "One row a channel, the busiest first; below, the members of the chosen one. Keys:\n"
             "up and down choose, space stops and goes on, q quits. WAITING: what nobody has\n"
             "taken yet; of a topic how far its slowest subscriber is behind. LOST: messages\n"
             "that its subscribers missed. MEMORY: of its budget, where it has one.",
    .examples = "  samepage top\n"
                "  samepage top --batch -n 2",
    .options = options,
    .least = 0,
    .most = 0,
    .run = run,
};
