/* top_screen.c: samepage top on the terminal, with ncurses where it was there when this was built.
 * Global state: what ncurses has. */
#include "top.h"

#ifdef HAVE_CURSES

#    include <curses.h>
#    include <locale.h>
#    include <stdio.h>
#    include <stdlib.h>
#    include <string.h>

#    include "stop.h"

enum { FIRST_NS = 200 * 1000 * 1000, KEY_MS = 50, MEMBERS_LEAST = 4 };

struct screen {
    struct view view;
    int64_t interval, due;
    bool paused;
    char *chosen; /* name of the chosen channel; NULL: the first */
    size_t first; /* row that is shown first */
};

/* ---- drawing --------------------------------------------------------------------------------- */

/* A text, cut at the edge. */
static void draw_text(int y, int x, const char *text) {
    const char *end = text;
    if (x >= COLS) return;
    for (int left = COLS - x; *end && left > 0; left--) {
        do end++;
        while (((unsigned char)*end & 0xc0) == 0x80);
    }
    mvaddnstr(y, x, text, (int)(end - text));
}

/* A line of a table. */
static void draw_row(int y, const struct table *table, const size_t *widths, size_t first,
                     attr_t look) {
    int x = 0;
    attrset(look);
    if (look & A_REVERSE) mvhline(y, 0, (chtype)(' ' | A_REVERSE), COLS);
    for (size_t column = 0; column < table->columns; column++) {
        bool right;
        const char *title = table_title(table, column, &right);
        const char *text = first == SIZE_MAX ? title : table->cells[first + column];
        int gap = right ? (int)(widths[column] - text_width(text)) : 0;
        if (x + gap >= COLS) break;
        draw_text(y, x + gap, text);
        x += (int)widths[column] + 2;
    }
    attrset(A_NORMAL);
}

static size_t chosen_row(const struct screen *screen) {
    for (size_t i = 0; screen->chosen && i < screen->view.count; i++) {
        if (strcmp(screen->view.rows[i].name, screen->chosen) == 0) return i;
    }
    return 0;
}

static void draw_head(const struct screen *screen) {
    char summary[SUMMARY_BYTES], path[4200], line[4200 + SUMMARY_BYTES + 32];
    attrset(A_BOLD);
    draw_text(0, 0, "samepage top");
    attrset(A_NORMAL);
    if (spg_domain_path(NULL, path, sizeof path) < 0) *path = '\0';
    snprintf(line, sizeof line, "%s%s  %s", screen->paused ? "(stopped)  " : "",
             view_summary(summary, &screen->view), path);
    draw_text(0, 14, line);
}

/* The rows that fit above the members, so that the chosen one is among them. Returns how many lines
 * it took. */
static int draw_channels(struct screen *screen, int y, int lines) {
    struct table table;
    size_t widths[CELLS_MAX], chosen = chosen_row(screen), room = lines > 1 ? (size_t)lines - 1 : 1;
    view_table(&table, &screen->view);
    table_widths(&table, widths);
    if (chosen < screen->first) screen->first = chosen;
    if (chosen >= screen->first + room) screen->first = chosen - room + 1;
    draw_row(y++, &table, widths, SIZE_MAX, A_BOLD | A_UNDERLINE);
    size_t shown = 0;
    for (size_t i = screen->first; i < screen->view.count && shown < room; i++, shown++) {
        draw_row(y++, &table, widths, i * table.columns, i == chosen ? A_REVERSE : A_NORMAL);
    }
    table_free(&table);
    return (int)shown + 1;
}

static void draw_members(const struct screen *screen, int y) {
    const struct seen *seen = &screen->view.rows[chosen_row(screen)];
    struct table table;
    size_t widths[CELLS_MAX];
    attrset(A_BOLD);
    draw_text(y, 0, seen->name);
    attrset(A_NORMAL);
    if (seen->now.count == 0) {
        draw_text(y, (int)text_width(seen->name) + 2,
                  seen->now.facts.kind == SPG_ENTRY_CELL ? "nobody writes it at this moment"
                                                         : "nobody takes part");
        return;
    }
    members_table(&table, seen);
    table_widths(&table, widths);
    draw_row(++y, &table, widths, SIZE_MAX, A_BOLD | A_UNDERLINE);
    for (size_t i = 0; i < table.count && y + 2 < LINES; i += table.columns) {
        draw_row(++y, &table, widths, i, A_NORMAL);
    }
    table_free(&table);
}

static void draw(struct screen *screen) {
    erase();
    draw_head(screen);
    if (screen->view.count == 0) {
        draw_text(2, 0, "There is no channel here yet. Try: vmstat 1 | samepage pub load");
    } else {
        size_t members = screen->view.rows[chosen_row(screen)].now.count;
        int below = (int)(members < LINES / 2u ? members : LINES / 2u) + 3;
        if (below < MEMBERS_LEAST) below = MEMBERS_LEAST;
        int taken = draw_channels(screen, 2, LINES - 3 - below);
        if (2 + taken + 2 < LINES) draw_members(screen, 2 + taken + 1);
    }
    attrset(A_DIM);
    draw_text(LINES - 1, 0, "q quit   up, down choose   space stop, go on");
    attrset(A_NORMAL);
    refresh();
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void choose(struct screen *screen, int step) {
    size_t row = chosen_row(screen);
    if (screen->view.count == 0) return;
    if (step < 0) row = row > (size_t)-step ? row - (size_t)-step : 0;
    else
        row = row + (size_t)step < screen->view.count ? row + (size_t)step : screen->view.count - 1;
    free(screen->chosen);
    screen->chosen = must_have(strdup(screen->view.rows[row].name));
}

/* False: the user wants to go. */
static bool mind_key(struct screen *screen, int key) {
    switch (key) {
    case 'q':
    case 'Q': return false;
    case KEY_UP:
    case 'k': choose(screen, -1); break;
    case KEY_DOWN:
    case 'j': choose(screen, 1); break;
    case KEY_PPAGE: choose(screen, -LINES / 2); break;
    case KEY_NPAGE: choose(screen, LINES / 2); break;
    case ' ': screen->paused = !screen->paused; break;
    default: break; /* KEY_RESIZE, too: it is drawn again */
    }
    return true;
}

static void watch(struct screen *screen) {
    view_renew(&screen->view);
    nap(FIRST_NS);
    while (stop_signal() == 0) {
        int64_t now = now_nanoseconds();
        bool renew = now >= screen->due && !screen->paused;
        if (renew) {
            view_renew(&screen->view);
            screen->due = now + screen->interval;
            draw(screen);
        }
        int key = getch();
        if (key == ERR) continue;
        if (!mind_key(screen, key)) return;
        draw(screen);
    }
}

bool top_on_screen(int64_t interval, int *status) {
    struct screen screen;
    memset(&screen, 0, sizeof screen);
    screen.interval = interval;
    setlocale(LC_CTYPE, "");
    SCREEN *terminal = newterm(NULL, stdout, stdin);
    if (!terminal) return false;
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout(KEY_MS);
    watch(&screen);
    endwin();
    delscreen(terminal);
    view_free(&screen.view);
    free(screen.chosen);
    *status = EXIT_OK;
    return true;
}

#else

bool top_on_screen(int64_t interval, int *status) {
    (void)interval, (void)status;
    return false;
}

#endif
