/* cell.c: a setting that stays: `cell` shows it and each change, `cell TEXT` sets it. */
#include <samepage/samepage.h>
#include <stdio.h>
#include <string.h>

static int show(spg_cell *cell) {
    char text[200];
    uint64_t version = 0;
    int size;
    while ((size = spg_cell_wait(cell, version, 2000000000)) == 0) { /* two seconds */
        size = spg_cell_read(cell, text, sizeof text, &version);
        if (size < 0) break;
        printf("%llu: %.*s\n", (unsigned long long)version, size, text);
    }
    return size == SPG_ETIMEDOUT ? 0 : size;
}

int main(int count, char **words) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = 200;
    int result = spg_cell_open(&cell, NULL, "example/setting", &options);
    if (result == 0) {
        result = count > 1 ? spg_cell_write(cell, words[1], strlen(words[1]), SPG_FOREVER)
                           : show(cell);
        spg_cell_close(cell); /* the value stays */
    }
    if (result < 0) fprintf(stderr, "%s: %s\n", spg_error_text(result), spg_error_detail());
    return result < 0;
}
