/* words.c: fuzz target. Texts and structs from outside: names, options, the command line.
 *
 *     byte 0   what the rest is, modulo 7 (from 128: files begin with a
 *     name, as on systems that have no others):
 *        0  a channel's name, made, told of and unlinked by each kind
 *        1  a segment's name, taken apart; used where it can be nothing but a place of ours
 *        2  a name for stat and the audit
 *        3  the bytes of the options of every open call; pointers in them are ours
 *        4  the command line of samepage, a line a word: read; and run, for commands that only look
 *        5  a number, a size, a time
 *        6  a name of a semaphore of the system's, made and used where nobody else has one */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segment/name.h"
#include "tool/commands.h"
#include "tool/options.h"
#include "place.h"
#include "use.h"

enum { TEXT_MAX = 4200, WORDS_MAX = 12, WHATS = 7 };

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[TEXT_MAX + 1];

int LLVMFuzzerInitialize(int *count, char ***words) {
    (void)count, (void)words;
    world_begin();
    stdout = stderr = fopen("/dev/null", "w"); /* what the command says is not wanted */
    if (!stdout) finding("no /dev/null");
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void try_channel_name(void) {
    spg_cell *cell = NULL;
    spg_queue *queue = NULL;
    spg_publisher *publisher = NULL;
    spg_stream *stream = NULL;
    spg_server *server = NULL;
    int results[5] = {spg_cell_open(&cell, NULL, text, &small_cell),
                      spg_queue_open(&queue, NULL, text, &small_queue),
                      spg_publisher_open(&publisher, NULL, text, &small_topic),
                      spg_stream_open(&stream, NULL, text, SPG_STREAM_READER, &small_stream),
                      spg_server_open(&server, NULL, text, &small_service)};
    for (int i = 0; i < 5; i++) {
        if (results[i] != 0 && results[i] != SPG_EINVAL) finding("a name gives %d", results[i]);
        /* The kinds are in the order of their suffixes' lengths, and a file's name has a limit. */
        if (i > 0 && results[i] > results[i - 1]) finding("kinds judge a name differently");
    }
    named(spg_cell_close(cell));
    named(spg_queue_close(queue));
    named(spg_publisher_close(publisher));
    named(spg_stream_close(stream));
    named(spg_server_close(server));
    if (spg_cell_unlink(NULL, text) != results[0]) finding("what was made cannot be unlinked");
    if (results[2] == 0 && spg_topic_unlink(NULL, text) != SPG_ENOENT) finding("a topic was left");
}

static void open_and_unlink(const spg_segment_options *options) {
    spg_segment *segment = NULL;
    if (named(spg_segment_open(&segment, text, options)) == 0) {
        touch(spg_segment_address(segment), spg_segment_size(segment));
        named(spg_segment_resize(segment, 5000));
    }
    named(spg_segment_unlink(text));
    named(spg_segment_close(segment));
}

/* Its proper form must be taken apart to the same. */
static void try_segment_name(void) {
    struct spg__segment_name name, again;
    spg_segment *segment = NULL;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    if (named(spg__segment_name_parse(&name, text)) < 0) return;
    if (spg__segment_name_parse(&again, name.text) < 0 || again.kind != name.kind ||
        again.number != name.number || strcmp(again.text, name.text) != 0)
        finding("%s is not %s", text, name.text);
    if (name.kind != SPG__MEMFD && name.kind != SPG__ANONYMOUS && !place_is_private()) return;
    options.profile = (uint8_t)(strlen(text) % 2);
    named(spg_segment_create(&segment, text, 100, &options));
    named(spg_segment_close(segment));
    if (place_is_private()) open_and_unlink(&options);
}

static void try_semaphore_name(void) {
    spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    spg_system_semaphore *semaphores[2] = {NULL, NULL};
    if (!place_is_private()) return;
    options.create = 1;
    options.value = (uint32_t)strlen(text) % 3;
    options.undo = (uint32_t)strlen(text) / 3 % 2;
    for (int i = 0; i < 2; i++) {
        if (named(spg_system_semaphore_open(&semaphores[i], text, &options)) < 0) continue;
        named(spg_system_semaphore_wait(semaphores[i], SPG_NOWAIT));
        named(spg_system_semaphore_wait(semaphores[i], 1000));
        named(spg_system_semaphore_post(semaphores[i]));
        if (named(spg_system_semaphore_value(semaphores[i])) > SPG_SYSTEM_SEMAPHORE_VALUE_MAX)
            finding("a value beyond the largest");
    }
    named(spg_system_semaphore_close(semaphores[0]));
    named(spg_system_semaphore_unlink(text));
    if (semaphores[1]) named(spg_system_semaphore_post(semaphores[1]));
    named(spg_system_semaphore_close(semaphores[1]));
}

static void try_look(void) {
    spg_channel_facts facts = {.struct_size = sizeof facts};
    if (strncmp(text, "file:", 5) == 0) return; /* it may be a device */
    named(spg_channel_stat(NULL, text, &facts, NULL, NULL));
    named(spg_check(NULL, text, NULL, NULL));
    named(spg_domain_path(text, (char[64]){0}, 64));
}

/* ---- options --------------------------------------------------------------------------------- */

/* Sizes that a test may really ask for. */
static uint64_t modest(uint64_t size) {
    return size > (UINT64_C(1) << 20) && size < (UINT64_C(1) << 44) ? size & 0xfffff : size;
}

#define OPTIONS_FROM(data, size, options)                                                          \
    memcpy(&(options), data, (size) < sizeof(options) ? (size) : sizeof(options))

static void try_topic_options(const uint8_t *data, size_t size) {
    spg_topic_options options = small_topic;
    spg_subscriber_options reader = SPG_SUBSCRIBER_OPTIONS;
    spg_publisher *publisher = NULL;
    spg_subscriber *subscriber = NULL;
    OPTIONS_FROM(data, size, options);
    OPTIONS_FROM(data, size, reader);
    options.budget = modest(options.budget);
    if (options.slots > 1024 && options.slots <= SPG_TOPIC_SLOTS_MAX) options.slots %= 1024;
    options.type = options.schema = reader.type = size % 2 ? "type" : NULL;
    reader.domain = NULL;
    reader.timeout = reader.timeout < 0 || reader.timeout > 1000 ? SPG_NOWAIT : reader.timeout;
    named(spg_publisher_open(&publisher, NULL, "o", &options));
    named(spg_subscriber_open(&subscriber, NULL, "o", &reader));
    named(spg_subscriber_close(subscriber));
    named(spg_publisher_close(publisher));
    named(spg_topic_unlink(NULL, "o"));
}

static void try_cell_options(const uint8_t *data, size_t size) {
    spg_cell_options options = small_cell;
    spg_cell *cell = NULL;
    OPTIONS_FROM(data, size, options);
    options.capacity = modest(options.capacity);
    if (options.capacity > 1 << 16 && options.capacity <= SPG_CELL_CAPACITY_MAX)
        options.capacity &= 0xffff;
    options.type = options.schema = NULL;
    options.domain = NULL;
    named(spg_cell_open(&cell, NULL, "o", &options));
    named(spg_cell_close(cell));
    named(spg_cell_unlink(NULL, "o"));
}

static void try_jobs_options(const uint8_t *data, size_t size) {
    spg_queue_options options = small_queue;
    spg_service_options service = small_service;
    spg_queue *queue = NULL;
    spg_client *client = NULL;
    OPTIONS_FROM(data, size, options);
    OPTIONS_FROM(data, size, service);
    options.budget = modest(options.budget);
    service.budget = modest(service.budget);
    if (options.members > 64 && options.members <= 4094) options.members %= 64;
    if (service.members > 64 && service.members <= 4094) service.members %= 64;
    if (options.slots > 1024 && options.slots <= 65536) options.slots %= 1024;
    if (service.slots > 1024 && service.slots <= 65536) service.slots %= 1024;
    options.type = options.schema = service.type = service.schema = NULL;
    named(spg_queue_open(&queue, NULL, "o", &options));
    named(spg_queue_close(queue));
    named(spg_client_open(&client, NULL, "o", &service));
    named(spg_client_close(client));
    spg_queue_unlink(NULL, "o");
}

static void try_other_options(const uint8_t *data, size_t size) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    spg_stream_options stream_options = small_stream;
    spg_segment *segment = NULL;
    spg_stream *stream = NULL;
    OPTIONS_FROM(data, size, options);
    OPTIONS_FROM(data, size, stream_options);
    options.type = NULL;
    options.prepare = NULL;
    options.huge_pages = 0;
    named(spg_segment_create(&segment, size % 2 ? "memfd:o" : world_name(FILE_SEGMENT), 5000,
                             &options));
    named(spg_segment_close(segment));
    named(spg_segment_unlink(world_name(FILE_SEGMENT)));
    stream_options.capacity = modest(stream_options.capacity);
    named(spg_stream_open(&stream, NULL, "o", 1 + (int)(size % 3), &stream_options));
    named(spg_stream_close(stream));
    spg_stream_unlink(NULL, "o");
}

static void try_options(const uint8_t *data, size_t size) {
    if (size == 0) return;
    switch (data[0] % 4) {
    case 0: try_topic_options(data + 1, size - 1); break;
    case 1: try_cell_options(data + 1, size - 1); break;
    case 2: try_jobs_options(data + 1, size - 1); break;
    default: try_other_options(data + 1, size - 1);
    }
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct command *const commands[] = {
    &ls_command,  &stat_command,  &check_command, &gc_command,   &rm_command,   &pub_command,
    &sub_command, &get_command,   &set_command,   &send_command, &recv_command, &push_command,
    &pop_command, &serve_command, &call_command,  &top_command};
enum { COMMANDS = sizeof commands / sizeof *commands, LOOKING = 4 };

static void read_values(const struct arguments *arguments) {
    for (const struct option *option = arguments->command->options; option->name; option++) {
        uint64_t size = 0;
        uint32_t number = 0;
        int64_t time = 0;
        if (!option->value || !option_given(arguments, option->name)) continue;
        take_size(arguments, option->name, &size);
        take_number(arguments, option->name, 1, 100, &number);
        take_duration(arguments, option->name, &time);
        if (time < SPG_FOREVER) finding("a time of %lld", (long long)time);
    }
}

/* Not those that wait to be stopped. */
static bool may_run(const struct arguments *arguments, size_t index) {
    return index < LOOKING && !option_given(arguments, "interval") &&
           (arguments->count == 0 || strncmp(arguments->operands[0], "file:", 5) != 0);
}

static void run_words(int count, char **words) {
    struct arguments arguments;
    int status = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        char *copy[WORDS_MAX + 1];
        memcpy(copy, words, ((size_t)count + 1) * sizeof *copy);
        if (strcmp(words[0], commands[i]->name) != 0) continue;
        bool going_on = options_read(&arguments, commands[i], count - 1, copy + 1, &status);
        setenv("SAMEPAGE_DOMAIN", world_domain(), 1); /* --domain may have named another's */
        if (!going_on) continue;
        read_values(&arguments);
        if (may_run(&arguments, i)) status = arguments.command->run(&arguments);
        if (status < 0 || status > 2) finding("exit status %d", status);
    }
}

static void try_command_line(void) {
    char *words[WORDS_MAX + 1] = {NULL}, *rest = text;
    int count = 0, status = 0;
    while (count < WORDS_MAX && rest) words[count++] = strsep(&rest, "\n");
    int taken = options_read_global(count, words, &status);
    if (taken >= 0 && taken < count) run_words(count - taken, words + taken);
    setenv("SAMEPAGE_DOMAIN", world_domain(), 1); /* as above */
}

static void try_number(void) {
    char *word = text;
    uint64_t size;
    static const struct option options[] = {{"x", 0, "X", ""}, {NULL, 0, NULL, NULL}};
    static const struct command command = {.name = "x", .operands = "", .options = options};
    struct arguments arguments = {.command = &command, .values = {text}, .operands = &word};
    size_read(text, &size);
    read_values(&arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > TEXT_MAX) return -1;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] & 0x80) place_have_no_unnamed_files();
    switch (data[0] % WHATS) {
    case 0: try_channel_name(); break;
    case 1: try_segment_name(); break;
    case 2: try_look(); break;
    case 3: try_options(data + 1, size - 1); break;
    case 4: try_command_line(); break;
    case 5: try_number(); break;
    default: try_semaphore_name();
    }
    world_reset();
    return 0;
}
