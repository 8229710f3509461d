/* cell.c: get and set, the latest value of something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <samepage/samepage.h>

#include "commands.h"
#include "input.h"
#include "json.h"
#include "output.h"
#include "own.h"
#include "print.h"
#include "stop.h"

enum { CAPACITY_LEAST = 4096, LOOK_NS = 20 * 1000 * 1000 };

/* ---- get ------------------------------------------------------------------------------------- */

struct reading {
    const char *name;
    spg_cell *cell;
    spg_cell_options options;
    char *value;
    int size;
    uint64_t version; /* of the value; 0: none yet */
    bool raw, json, follow;
    bool newer; /* than what is there now */
    int64_t timeout;
};

/* The right to write is not needed to read. */
static int open_either(struct reading *reading, spg_node *node) {
    int result = spg_cell_open(&reading->cell, node, reading->name, &reading->options);
    if (result != SPG_EPERM || reading->options.read_only) return result;
    reading->options.read_only = 1;
    return spg_cell_open(&reading->cell, NULL, reading->name, &reading->options);
}

/* A cell that had to be waited for has nothing old. */
static int open_in_time(struct reading *reading, spg_node *node) {
    struct patience patience = {reading->timeout, 0};
    for (;;) {
        int result = open_either(reading, node);
        if (result != SPG_ENOENT) return result;
        int64_t slice = patience_slice(&patience);
        if (slice == SPG_NOWAIT || stop_signal()) return result;
        reading->newer = false;
        nap(slice < LOOK_NS ? slice : LOOK_NS);
    }
}

/* Reads the latest value; a cell without one leaves version 0. */
static int read_value(struct reading *reading) {
    int size = spg_cell_read(reading->cell, reading->value, spg_cell_capacity(reading->cell),
                             &reading->version);
    if (size == SPG_EAGAIN) return 0;
    if (size < 0) return size;
    reading->size = size;
    return 0;
}

/* SPG_ECLOSED: nobody wants it any more. */
static int await_newer(const struct reading *reading) {
    struct patience patience = {reading->timeout, 0};
    int result;
    do {
        int64_t slice = patience_slice(&patience);
        result = spg_cell_wait(reading->cell, reading->version, slice);
        if (output_is_closed() || stop_signal()) return SPG_ECLOSED;
    } while (patience_goes_on(&patience, result));
    return result;
}

static int print_value(const struct reading *reading) {
    if (reading->json) {
        json_open(NULL, '{');
        json_number("version", reading->version);
        json_number("size", (uint64_t)reading->size);
        json_payload(reading->value, (size_t)reading->size);
        json_close('}');
    } else {
        output_message(reading->value, (size_t)reading->size, reading->raw);
    }
    return output_flush();
}

/* Prints the next one, newer than what is known. */
static int get_newer(struct reading *reading) {
    int result = await_newer(reading);
    if (result == SPG_ECLOSED) return EXIT_FAILED;
    if (result == SPG_ETIMEDOUT || result == SPG_EAGAIN) {
        return complain("cell:%s: %s", reading->name,
                        reading->version ? "nothing newer came in time"
                                         : "it has no value yet; --wait forever waits for one");
    }
    if (result == 0) result = read_value(reading);
    return result < 0 ? complain_about(reading->name, result) : print_value(reading);
}

static int get(struct reading *reading) {
    int result = read_value(reading);
    if (result < 0) return complain_about(reading->name, result);
    bool prints_first = reading->version > 0 && (reading->follow || !reading->newer);
    int status = prints_first ? print_value(reading) : get_newer(reading);
    while (reading->follow && status == EXIT_OK) status = get_newer(reading);
    return stop_signal() ? EXIT_OK : status;
}

static int run_get(const struct arguments *arguments) {
    struct reading reading = {.options = SPG_CELL_OPTIONS, .timeout = SPG_NOWAIT};
    reading.name = channel_operand(arguments);
    reading.raw = option_given(arguments, "raw");
    reading.json = option_given(arguments, "json");
    reading.follow = option_given(arguments, "follow");
    reading.newer = option_given(arguments, "wait");
    reading.options.read_only = option_given(arguments, "read-only");
    reading.options.type = option_value(arguments, "type");
    if (!take_duration(arguments, "wait", &reading.timeout)) return EXIT_WRONG_USE;
    if (reading.raw && reading.json) {
        return wrong_use("get: --json is not raw; leave out one of --raw and --json");
    }
    stop_listen();
    output_begin();
    if (reading.json) json_on_one_line();
    spg_node *node = NULL;
    int status = reading.options.read_only ? EXIT_OK : own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = open_in_time(&reading, node);
    if (result == SPG_ENOENT && stop_signal()) return EXIT_OK;
    if (result == SPG_ENOENT) {
        return complain("there is no cell %s; samepage set %s VALUE makes it, --wait forever waits",
                        reading.name, reading.name);
    }
    if (result < 0) return complain_of(result);
    if (reading.follow && !option_given(arguments, "wait")) reading.timeout = SPG_FOREVER;
    reading.value = must_have(malloc(spg_cell_capacity(reading.cell) + 1));
    status = get(&reading);
    free(reading.value);
    spg_cell_close(reading.cell);
    return status;
}

/* ---- set ------------------------------------------------------------------------------------- */

/* A capacity for a new cell that leaves values some room to grow. */
static uint64_t capacity_for(size_t size) {
    uint64_t capacity = CAPACITY_LEAST;
    while (capacity < size && capacity < SPG_CELL_CAPACITY_MAX) capacity *= 2;
    return capacity;
}

static int open_or_make(spg_cell **cell, spg_node *node, const char *name,
                        spg_cell_options *options, size_t size) {
    int result = spg_cell_open(cell, node, name, options);
    if (result != SPG_ENOENT || options->capacity > 0) return result;
    options->capacity = capacity_for(size);
    return spg_cell_open(cell, node, name, options);
}

static int write_value(const struct arguments *arguments, spg_cell_options *options,
                       int64_t timeout, const char *value, size_t size) {
    const char *name = channel_operand(arguments);
    struct patience patience = {timeout, 0};
    spg_cell *cell;
    spg_node *node;
    int status = own_begin(arguments, &node);
    if (status != EXIT_OK) return status;
    int result = open_or_make(&cell, node, name, options, size);
    if (result < 0) return complain_of(result);
    do {
        result = spg_cell_write(cell, value, size, patience_slice(&patience));
    } while (patience_goes_on(&patience, result));
    size_t capacity = spg_cell_capacity(cell);
    spg_cell_close(cell);
    if (result == 0) return EXIT_OK;
    if (result == SPG_ETOOBIG) {
        return complain("cell:%s holds %zu bytes at most, and this is %zu; samepage rm cell:%s, "
                        "then set it with --capacity",
                        name, capacity, size, name);
    }
    if (stop_signal()) return EXIT_FAILED;
    if (result == SPG_ETIMEDOUT || result == SPG_EAGAIN) {
        return complain("cell:%s: another writer has been at it all the time", name);
    }
    return complain_about(name, result);
}

static int run_set(const struct arguments *arguments) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    struct input input = {NULL, 0, 0, 0};
    int64_t timeout = SPG_FOREVER;
    const char *value = arguments->operands[1];
    size_t size = strlen(value);
    int status = EXIT_OK;
    options.type = option_value(arguments, "type");
    if (!take_size(arguments, "capacity", &options.capacity) ||
        !take_duration(arguments, "wait", &timeout)) {
        return EXIT_WRONG_USE;
    }
    stop_listen();
    if (strcmp(value, "-") == 0 && input_all(&input, &value, &size) <= 0) status = EXIT_FAILED;
    if (status == EXIT_OK) status = write_value(arguments, &options, timeout, value, size);
    input_free(&input);
    return status;
}

/* ---- what they are --------------------------------------------------------------------------- */

static const struct option get_options[] = {
    {"wait", 'w', "TIME", "wait for a newer value than there is now, at most so long"},
    {"follow", 'f', NULL, "print the value, and each that follows, until interrupted"},
    {"raw", 0, NULL, "the bytes of the value alone, without a line end"},
    {"json", 0, NULL, "one object a line: version, size, text or base64"},
    {"read-only", 0, NULL, "write nothing to the cell; done anyway where the right is missing"},
    {"type", 0, "NAME", "name of what is expected; another type is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command get_command = {
    .name = "get",
    .operands = "CELL",
    .channel = "cell",
    .summary = "print the latest value of a cell",
    .about = "With --wait it waits for the cell to be made, too. Values that come faster than\n"
             "they are printed are passed over: a cell shows what is, not what happened.",
    .examples = "  samepage get config\n"
                "  samepage get position --follow",
    .options = get_options,
    .least = 1,
    .most = 1,
    .run = run_get,
};

static const struct option set_options[] = {
    {"capacity", 0, "SIZE", "if it makes the cell: bytes of the largest value (4K, or as needed)"},
    {"wait", 'w', "TIME", "for other writers, at most (forever)"},
    {"type", 0, "NAME", "name of what is in it; another's cell is refused"},
    {NULL, 0, NULL, NULL},
};

const struct command set_command = {
    .name = "set",
    .operands = "CELL VALUE",
    .channel = "cell",
    .summary = "give a cell a value, making it if it is not there",
    .about = "A VALUE of - is the standard input, to its end. The cell stays, with its value,\n"
             "until it is removed: samepage rm cell:NAME.",
    .examples = "  samepage set config 'rate=30'\n"
                "  samepage set config - <config.json",
    .options = set_options,
    .least = 2,
    .most = 2,
    .run = run_set,
};
