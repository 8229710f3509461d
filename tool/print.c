/* print.c: see print.h. */
#include "print.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <samepage/samepage.h>

enum { LINE_BYTES = 6000, FIELD_WIDTH = 14 };

/* ---- errors ---------------------------------------------------------------------------------- */

static void tame(char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 127) *text = '?';
    }
}

static void say(const char *prefix, const char *format, va_list arguments) {
    char line[LINE_BYTES];
    vsnprintf(line, sizeof line, format, arguments);
    tame(line);
    fflush(stdout);
    fprintf(stderr, "samepage: %s%s\n", prefix, line);
}

int complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int wrong_use(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
    return EXIT_WRONG_USE;
}

void remark(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say("note: ", format, arguments);
    va_end(arguments);
}

int complain_of(int result) {
    const char *detail = spg_error_detail();
    complain("%s", *detail ? detail : spg_error_text(result));
    return result == SPG_EINVAL ? EXIT_WRONG_USE : EXIT_FAILED;
}

int complain_about(const char *name, int result) {
    return complain("%s: %s", name, spg_error_text(result));
}

void *must_have(void *memory) {
    if (memory) return memory;
    complain("the system has no memory left for this process");
    exit(EXIT_FAILED);
}

/* ---- small texts ----------------------------------------------------------------------------- */

const char *size_text(char *text, uint64_t bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(text, SHORT_TEXT, "%" PRIu64 " B", bytes);
        return text;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    for (; value >= 1023.95 && unit < 5; unit++) value /= 1024;
    snprintf(text, SHORT_TEXT, "%.1f %s", value, units[unit]);
    return text;
}

static const char *seconds_text(char *text, int64_t seconds) {
    if (seconds < 60) snprintf(text, SHORT_TEXT, "%" PRId64 " s", seconds);
    else if (seconds < 3600) snprintf(text, SHORT_TEXT, "%" PRId64 " min", seconds / 60);
    else if (seconds < 48 * 3600) snprintf(text, SHORT_TEXT, "%" PRId64 " h", seconds / 3600);
    else snprintf(text, SHORT_TEXT, "%" PRId64 " days", seconds / 86400);
    return text;
}

const char *duration_text(char *text, uint64_t nanoseconds) {
    if (nanoseconds >= 1000000000) return seconds_text(text, (int64_t)(nanoseconds / 1000000000));
    snprintf(text, SHORT_TEXT, "%" PRIu64 " ms", nanoseconds / 1000000);
    return text;
}

const char *rate_text(char *text, double rate) {
    static const char *const units[] = {"", " k", " M", " G"};
    size_t unit = 0;
    if (rate < 0) return strcpy(text, "-");
    for (; rate >= 9999.5 && unit < 3; unit++) rate /= 1000;
    snprintf(text, SHORT_TEXT, rate >= 99.95 || rate == 0 ? "%.0f%s/s" : "%.1f%s/s", rate,
             units[unit]);
    return text;
}

const char *age_text(char *text, uint64_t created) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t seconds = (int64_t)now.tv_sec - (int64_t)(created / 1000000000);
    if (created == 0 || seconds < 0) return strcpy(text, "-");
    return seconds_text(text, seconds);
}

const char *mode_text(char *text, uint32_t mode) {
    snprintf(text, SHORT_TEXT, "%04o", mode & 07777u);
    return text;
}

const char *count_text(char *text, uint64_t count, const char *noun) {
    const char *plural = noun[strlen(noun) - 1] == 's' ? "es" : "s";
    snprintf(text, SHORT_TEXT, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : plural);
    return text;
}

const char *user_text(char *text, uint32_t uid) {
    const struct passwd *user = getpwuid(uid);
    if (user) snprintf(text, 64, "%s", user->pw_name);
    else snprintf(text, 64, "%" PRIu32, uid);
    return text;
}

char *clean_text(const char *text) {
    char *copy = must_have(strdup(text && *text ? text : "-"));
    tame(copy);
    return copy;
}

bool is_terminal(int fd) {
    return isatty(fd) == 1;
}

void print_field(const char *name, const char *format, ...) {
    va_list arguments;
    char text[LINE_BYTES];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tame(text);
    printf("%-*s %s\n", FIELD_WIDTH, name, text);
}

/* ---- tables ---------------------------------------------------------------------------------- */

void table_begin(struct table *table, const char *const *titles, size_t columns) {
    *table = (struct table){.columns = columns};
    for (size_t i = 0; i < columns; i++) table->titles[i] = titles[i];
}

void table_cell(struct table *table, const char *text) {
    if (table->count == table->room) {
        table->room = table->room ? 2 * table->room : 64;
        table->cells = must_have(realloc(table->cells, table->room * sizeof *table->cells));
    }
    table->cells[table->count++] = clean_text(text);
}

/* One a character, not one a byte. */
size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

const char *table_title(const struct table *table, size_t column, bool *right) {
    const char *title = table->titles[column];
    *right = *title == '>';
    return *right ? title + 1 : title;
}

void table_widths(const struct table *table, size_t *widths) {
    bool right;
    for (size_t column = 0; column < table->columns; column++) {
        widths[column] = text_width(table_title(table, column, &right));
        for (size_t i = column; i < table->count; i += table->columns) {
            size_t width = text_width(table->cells[i]);
            if (width > widths[column]) widths[column] = width;
        }
    }
}

static void print_row(const struct table *table, const size_t *widths, size_t first) {
    for (size_t column = 0; column < table->columns; column++) {
        bool right, last = column + 1 == table->columns;
        const char *title = table_title(table, column, &right);
        const char *text = first == SIZE_MAX ? title : table->cells[first + column];
        size_t gap = widths[column] - text_width(text);
        if (right) printf("%*s%s", (int)gap, "", text);
        else printf("%s%*s", text, last ? 0 : (int)gap, "");
        fputs(last ? "\n" : "  ", stdout);
    }
}

void table_free(struct table *table) {
    for (size_t i = 0; i < table->count; i++) free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->count = table->room = 0;
}

void table_end(struct table *table) {
    size_t widths[CELLS_MAX];
    table_widths(table, widths);
    bool bold = is_terminal(STDOUT_FILENO) && !getenv("NO_COLOR");
    if (bold) fputs("\033[1m", stdout);
    print_row(table, widths, SIZE_MAX);
    if (bold) fputs("\033[0m", stdout);
    for (size_t i = 0; i < table->count; i += table->columns) print_row(table, widths, i);
    table_free(table);
}
