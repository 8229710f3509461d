/* camera_table.c: what the second part has counted, for people. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "camera.h"

/* The chart: from a microsecond to a second, each power of ten as wide. */
enum { POWER_COLUMNS = 6, POWERS = 6, CHART_COLUMNS = POWERS * POWER_COLUMNS + 1, POINTS = 4 };

struct account {
    uint64_t end;  /* the last frame that was its to receive */
    uint64_t size; /* frames that were its to receive */
    bool adds_up;
    bool joined_right;
};

/* The killed one's end is the picture in its hands, all others' is the last one. */
static struct account account_of(const struct camera_report *report, int index) {
    const struct subscriber_tally *tally = &report->studio->audience[index];
    struct account account = {.end = report->published};
    uint64_t begin = atomic_load(&tally->begin);
    uint64_t history = camera_roles[index].history;
    if (atomic_load(&tally->stage) == STAGE_IN_ACT) account.end = atomic_load(&tally->frame);
    account.size = account.end + 1 - begin;
    account.adds_up = atomic_load(&tally->received) + atomic_load(&tally->missed) == account.size &&
                      atomic_load(&tally->frame) == account.end && atomic_load(&tally->jumps) == 0;
    uint64_t joined = begin - 1 + history; /* so many were there when it joined */
    account.joined_right = joined >= atomic_load(&tally->before) &&
                           joined <= atomic_load(&tally->after) &&
                           atomic_load(&tally->old) >= history;
    return account;
}

static bool is_right(const struct camera_report *report, int index) {
    const struct subscriber_tally *tally = &report->studio->audience[index];
    struct account account = account_of(report, index);
    bool may_lose = camera_roles[index].policy == SPG_MAY_LOSE;
    return account.adds_up && account.joined_right && atomic_load(&tally->received) > 0 &&
           atomic_load(&tally->wrong) == 0 && (may_lose || atomic_load(&tally->missed) == 0);
}

bool camera_is_sound(const struct camera_report *report) {
    for (int i = 0; i < AUDIENCE; i++) {
        if (!is_right(report, i)) return false;
    }
    return report->facts.messages == report->published && report->told == AUDIENCE - 1;
}

/* ---- who received what ----------------------------------------------------------------------- */

static void print_counts(const struct camera_report *report, int index) {
    const struct subscriber_tally *tally = &report->studio->audience[index];
    struct account account = account_of(report, index);
    uint64_t received = atomic_load(&tally->received);
    uint64_t wrong = atomic_load(&tally->wrong);
    char pictures[48], checksums[32] = "all right";
    snprintf(pictures, sizeof pictures, "%" PRIu64 " to %" PRIu64, atomic_load(&tally->begin),
             account.end);
    if (wrong) snprintf(checksums, sizeof checksums, "%" PRIu64 " WRONG", wrong);
    printf("%-26s %-12s %9" PRIu64 " = %8" PRIu64 " + %-6" PRIu64 "  %-8s %s\n",
           camera_roles[index].label, pictures, account.size, received, atomic_load(&tally->missed),
           account.adds_up && account.joined_right ? "yes" : "NO", checksums);
}

/* ---- latencies ------------------------------------------------------------------------------- */

static int by_time(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int column_of(int64_t nanoseconds) {
    double powers = log10((double)(nanoseconds > 1000 ? nanoseconds : 1000) / 1000);
    int column = (int)(powers * POWER_COLUMNS + 0.5);
    return column < CHART_COLUMNS ? column : CHART_COLUMNS - 1;
}

static void draw_chart(const int64_t points[POINTS], char chart[CHART_COLUMNS + 1]) {
    static const char marks[POINTS] = {'[', '|', ']', '*'};
    int first = column_of(points[0]), most = column_of(points[2]), last = column_of(points[3]);
    memset(chart, ' ', CHART_COLUMNS);
    chart[CHART_COLUMNS] = '\0';
    for (int i = first; i <= last; i++) chart[i] = i <= most ? '=' : '-';
    for (int i = POINTS - 1; i >= 0; i--) chart[column_of(points[i])] = marks[i];
    for (int i = last; i >= 0 && chart[i] == ' '; i--) chart[i] = '\0';
    chart[last + 1] = '\0';
}

static const char *time_text(int64_t nanoseconds, char text[16]) {
    double microseconds = (double)nanoseconds / 1000;
    if (microseconds < 10) snprintf(text, 16, "%.1f us", microseconds);
    else if (microseconds < 1000) snprintf(text, 16, "%.0f us", microseconds);
    else if (microseconds < 10000) snprintf(text, 16, "%.1f ms", microseconds / 1000);
    else snprintf(text, 16, "%.0f ms", microseconds / 1000);
    return text;
}

static void print_latency(const struct camera_report *report, int index) {
    static const int permille[POINTS] = {500, 900, 990, 1000};
    const struct subscriber_tally *tally = &report->studio->audience[index];
    size_t count = atomic_load(&tally->samples);
    int64_t *sorted = calloc(count + 1, sizeof *sorted);
    int64_t points[POINTS];
    char chart[CHART_COLUMNS + 1], text[16];
    if (!sorted || count == 0) {
        free(sorted);
        return;
    }
    memcpy(sorted, tally->latencies, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_time);
    printf("%-26s", camera_roles[index].label);
    for (int i = 0; i < POINTS; i++) {
        points[i] = sorted[(count - 1) * (size_t)permille[i] / 1000];
        printf(" %7s", time_text(points[i], text));
    }
    draw_chart(points, chart);
    printf("  %s\n", chart);
    free(sorted);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void print_head(const struct camera_report *report) {
    double mib = (double)sizeof(struct picture) / 1048576;
    uint64_t received = 0;
    for (int i = 0; i < AUDIENCE; i++) {
        received += atomic_load(&report->studio->audience[i].received);
    }
    printf("%" PRIu64 " pictures in %.1f s: %.1f a second, %.0f MiB/s; received %" PRIu64
           " times: %.0f MiB/s\n(the time without a camera included).\n\n",
           report->published, report->seconds, (double)report->published / report->seconds,
           (double)report->published * mib / report->seconds, received,
           (double)received * mib / report->seconds);
}

static void print_memory(const struct camera_report *report) {
    const spg_channel_facts *facts = &report->facts;
    printf("Memory: the topic takes %.1f MiB, and never more. %.1f MiB of these are its declared\n"
           "budget, for %d pictures; at most %.1f MiB of it were in use at any look.\n",
           (double)facts->bytes / 1048576, (double)facts->budget / 1048576, AT_ONCE,
           (double)report->most_used / 1048576);
}

static void print_verdict(const struct camera_report *report) {
    uint64_t right = 0;
    for (int i = 0; i < AUDIENCE; i++) {
        right += atomic_load(&report->studio->audience[i].received);
    }
    if (camera_is_sound(report)) {
        printf("All %" PRIu64 " checksums match. Everywhere received and missed add up to what was "
               "published since\nthe subscriber joined, and the library's own count says the same. "
               "Nobody who must not lose\nmissed a picture; every gap was told to who had it.\n",
               right);
        return;
    }
    printf("THIS DOES NOT ADD UP: %" PRIu64 " published, %" PRIu64 " by the library's count, whose "
           "counts are right\nfor %d subscribers of %d\n",
           report->published, report->facts.messages, report->told, AUDIENCE - 1);
}

void camera_print(const struct camera_report *report) {
    print_head(report);
    printf("%-26s %-12s %9s = %8s + %-6s  %-8s %s\n", "subscriber", "pictures", "published",
           "received", "missed", "adds up", "checksums");
    for (int i = 0; i < AUDIENCE; i++) print_counts(report, i);
    printf("\n%-26s %7s %7s %7s %7s  %s\n", "from publish to receive", "p50", "p90", "p99", "max",
           "1 us  10 us 100us 1 ms  10 ms 100ms 1 s");
    for (int i = 0; i < AUDIENCE; i++) print_latency(report, i);
    printf("%60s[ p50, | p90, ] p99, * max\n\n", "");
    print_memory(report);
    print_verdict(report);
}
