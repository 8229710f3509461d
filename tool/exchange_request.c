/* exchange_request.c: the client of the exchange: what is asked for, and where it goes. The
 * conversation itself is in exchange_talk.c. A tree is fetched as far as it can be: what one file
 * lacks is said and the next one is asked for, until the conversation itself is over. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "exchange_talk.h"
#include "print.h"
#include "save.h"
#include "stop.h"

struct fetch {
    struct talk talk;
    uint64_t files, bytes;
    uint64_t passed_over; /* neither files nor directories */
    bool incomplete;      /* something was said about something */
    bool shows_progress;
    int64_t begun, shown;
};

/* Of a step: 0 go on, OVER the conversation or the writing is over, and that was said. */
enum { OVER = -1 };

struct items {
    struct item {
        char *name;
        uint32_t kind;
    } * list;
    size_t count, room;
};

/* ---- progress -------------------------------------------------------------------------------- */

enum { SHOW_AFTER_MS = 1000, SHOW_EVERY_MS = 200 };

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show_progress(struct fetch *fetch) {
    char files[SHORT_TEXT], bytes[SHORT_TEXT], rate[SHORT_TEXT];
    int64_t now = milliseconds();
    if (!fetch->shows_progress || now - fetch->begun < SHOW_AFTER_MS) return;
    if (now - fetch->shown < SHOW_EVERY_MS) return;
    fetch->shown = now;
    fprintf(stderr, "\r%s, %s, %s/s\033[K", count_text(files, fetch->files, "file"),
            size_text(bytes, fetch->bytes),
            size_text(rate, fetch->bytes * 1000 / (uint64_t)(now - fetch->begun)));
}

static void hide_progress(struct fetch *fetch) {
    if (fetch->shown) fprintf(stderr, "\r\033[K");
    fetch->shown = 0;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static int conversation_over(struct fetch *fetch, int result) {
    hide_progress(fetch);
    talk_complain(&fetch->talk, result);
    return OVER;
}

static int writing_over(struct fetch *fetch, const char *name) {
    int reason = errno;
    hide_progress(fetch);
    if (stop_signal()) complain("interrupted");
    else complain("cannot write %s: %s", name, strerror(reason));
    return OVER;
}

static int lacking(struct fetch *fetch, const char *path, const char *why) {
    hide_progress(fetch);
    complain("%s: %s", path, why);
    fetch->incomplete = true;
    return 0;
}

static const char *status_text(uint32_t status) {
    switch (status) {
    case ANSWER_MALFORMED:
        return "the server does not take such a path: no \"..\", and not from the root";
    case ANSWER_NOT_FOUND: return "the server has nothing of this name";
    case ANSWER_NOT_PERMITTED: return "the server may not read it";
    case ANSWER_NOT_SERVED:
        return "it is outside of what is served, or neither a file nor a directory";
    default: return "the server cannot read it";
    }
}

/* ---- one file -------------------------------------------------------------------------------- */

/* Where the bytes of a file go: standard output, or a new file in `directory`. */
struct sink {
    int directory; /* -1: standard output */
    const char *name;
    bool begun;
    struct save save;
};

static int sink_write(struct sink *sink, const struct exchange *exchange,
                      const struct exchange_answer *answer) {
    if (!sink->begun && sink->directory >= 0 &&
        save_begin(&sink->save, sink->directory, answer->mode) != 0) {
        return -1;
    }
    sink->begun = true;
    int fd = sink->directory >= 0 ? sink->save.fd : STDOUT_FILENO;
    return write_fully(fd, exchange->shared->buffer, (size_t)answer->bytes);
}

static int sink_end(struct sink *sink, bool complete) {
    if (!sink->begun || sink->directory < 0) return 0;
    if (complete) return save_commit(&sink->save, sink->name);
    save_abandon(&sink->save);
    return 0;
}

/* The bytes are used where they lie, while the guard is held; they are data, and nothing is decided
 * by them. Returns 0 and the answer; *written is false if the sink failed. */
static int fetch_piece(struct fetch *fetch, const char *path, uint64_t offset, struct sink *sink,
                       struct exchange_answer *answer, bool *written) {
    struct exchange *exchange = &fetch->talk.exchange;
    int result = talk_ask(&fetch->talk, OPERATION_READ, path, offset, answer);
    if (result < 0) return result;
    *written = true;
    bool usable = answer->status == ANSWER_OK && answer->kind == KIND_FILE;
    if (usable) *written = sink_write(sink, exchange, answer) == 0;
    int reason = errno;
    exchange_give(exchange);
    errno = reason;
    return usable && answer->bytes == 0 && !answer->last ? SPG_ECORRUPT : 0;
}

/* *kind is what the server says that it is. */
static int fetch_file(struct fetch *fetch, const char *path, struct sink *sink, uint32_t *kind) {
    struct exchange_answer answer;
    uint64_t offset = 0;
    bool written;
    do {
        int result = fetch_piece(fetch, path, offset, sink, &answer, &written);
        if (result < 0 || !written) sink_end(sink, false);
        if (result < 0) return conversation_over(fetch, result);
        if (!written) return writing_over(fetch, sink->directory < 0 ? "the output" : sink->name);
        *kind = answer.kind;
        if (answer.status != ANSWER_OK || answer.kind != KIND_FILE) break;
        offset += answer.bytes;
        fetch->bytes += answer.bytes;
        show_progress(fetch);
    } while (!answer.last);
    bool complete = answer.status == ANSWER_OK && answer.kind == KIND_FILE;
    if (sink_end(sink, complete) != 0) return writing_over(fetch, sink->name);
    if (answer.status != ANSWER_OK) return lacking(fetch, path, status_text(answer.status));
    fetch->files += complete;
    return 0;
}

/* ---- directories ----------------------------------------------------------------------------- */

static bool name_is_sound(const char *name, size_t length) {
    return length > 0 && length < 256 && !memchr(name, '/', length) &&
           !memchr(name, '\0', length) && !(length == 1 && name[0] == '.') &&
           !(length == 2 && memcmp(name, "..", 2) == 0);
}

static void add_item(struct items *items, const char *name, size_t length, uint32_t kind) {
    if (items->count == items->room) {
        items->room = items->room ? 2 * items->room : 64;
        items->list = must_have(realloc(items->list, items->room * sizeof *items->list));
    }
    items->list[items->count++] = (struct item){must_have(strndup(name, length)), kind};
}

static void free_items(struct items *items) {
    for (size_t i = 0; i < items->count; i++) free(items->list[i].name);
    free(items->list);
}

/* `bytes` is our copy. */
static int parse_list(struct items *items, const char *bytes, size_t size) {
    while (size > 0) {
        struct exchange_entry entry;
        if (size < sizeof entry) return SPG_ECORRUPT;
        memcpy(&entry, bytes, sizeof entry);
        bytes += sizeof entry;
        size -= sizeof entry;
        if (entry.name_bytes > size || !name_is_sound(bytes, entry.name_bytes)) return SPG_ECORRUPT;
        add_item(items, bytes, entry.name_bytes, entry.kind);
        bytes += entry.name_bytes;
        size -= entry.name_bytes;
    }
    return 0;
}

static int list_piece(struct fetch *fetch, const char *path, struct items *items,
                      struct exchange_answer *answer) {
    struct exchange *exchange = &fetch->talk.exchange;
    size_t before = items->count;
    int result = talk_ask(&fetch->talk, OPERATION_LIST, path, items->count, answer);
    if (result < 0) return result;
    size_t size = answer->status == ANSWER_OK && answer->kind == KIND_DIRECTORY
                      ? (size_t)answer->bytes
                      : 0;
    char *bytes = must_have(malloc(size + 1));
    memcpy(bytes, exchange->shared->buffer, size);
    exchange_give(exchange);
    result = parse_list(items, bytes, size);
    free(bytes);
    bool moves_on = items->count > before || answer->last || answer->status != ANSWER_OK;
    return result == 0 && !moves_on ? SPG_ECORRUPT : result;
}

/* All of it, before anything in it is asked for: the server keeps one list. */
static int fetch_list(struct fetch *fetch, const char *path, struct items *items) {
    struct exchange_answer answer;
    do {
        int result = list_piece(fetch, path, items, &answer);
        if (result < 0) return conversation_over(fetch, result);
        if (answer.status != ANSWER_OK) return lacking(fetch, path, status_text(answer.status));
    } while (!answer.last);
    return 0;
}

static int fetch_directory(struct fetch *fetch, const char *path, int directory);

static int make_directory(int parent, const char *name) {
    if (mkdirat(parent, name, 0777) != 0 && errno != EEXIST) return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int fetch_into_new_directory(struct fetch *fetch, const char *path, int parent,
                                    const char *name) {
    int directory = make_directory(parent, name);
    if (directory < 0) return writing_over(fetch, name);
    int result = fetch_directory(fetch, path, directory);
    close(directory);
    return result;
}

static int fetch_item(struct fetch *fetch, const char *folder, int directory,
                      const struct item *item) {
    char path[EXCHANGE_PATH_BYTES];
    bool top = strcmp(folder, ".") == 0;
    int length = snprintf(path, sizeof path, "%s%s%s", top ? "" : folder, top ? "" : "/",
                          item->name);
    if (length >= (int)sizeof path)
        return lacking(fetch, folder, "the path is too long below here");
    if (item->kind == KIND_DIRECTORY)
        return fetch_into_new_directory(fetch, path, directory, item->name);
    if (item->kind != KIND_FILE) {
        fetch->passed_over++;
        return 0;
    }
    struct sink sink = {.directory = directory, .name = item->name};
    uint32_t kind = KIND_FILE;
    int result = fetch_file(fetch, path, &sink, &kind);
    if (result == 0 && kind == KIND_DIRECTORY)
        return lacking(fetch, path, "it has just become a directory");
    return result;
}

static int fetch_directory(struct fetch *fetch, const char *path, int directory) {
    struct items items = {NULL, 0, 0};
    int result = fetch_list(fetch, path, &items);
    for (size_t i = 0; i < items.count && result == 0; i++) {
        result = fetch_item(fetch, path, directory, &items.list[i]);
    }
    free_items(&items);
    return result;
}

/* ---- what was asked for ---------------------------------------------------------------------- */

/* As the server takes it: no "." components and no slashes too many. The path is not empty. */
static void normalise(char *path) {
    char *to = path;
    for (const char *from = path; *from;) {
        size_t length = strcspn(from, "/");
        const char *next = from + length + strspn(from + length, "/");
        if (length > 0 && !(length == 1 && *from == '.')) {
            if (to != path) *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from = next;
    }
    if (to == path) *to++ = '.';
    *to = '\0';
}

static int fetch_path(struct fetch *fetch, const char *path, int into) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    struct sink sink = {.directory = into, .name = name};
    uint32_t kind = 0;
    int result = fetch_file(fetch, path, &sink, &kind);
    if (result != 0 || kind != KIND_DIRECTORY) return result;
    if (into < 0) return lacking(fetch, path, "it is a directory; say where to with --into DIR");
    if (strcmp(path, ".") == 0) return fetch_directory(fetch, path, into);
    return fetch_into_new_directory(fetch, path, into, name);
}

static int fetch_all(struct fetch *fetch, const struct arguments *arguments, int into) {
    for (int i = 1; i < arguments->count; i++) {
        char *path = must_have(strdup(arguments->operands[i]));
        int result = 0;
        if (*path == '\0' || *path == '/' || strlen(path) >= EXCHANGE_PATH_BYTES) {
            lacking(fetch, path,
                    "a path begins beneath the folder that is served; \".\" is all of it");
        } else {
            normalise(path);
            result = fetch_path(fetch, path, into);
        }
        free(path);
        if (result != 0) return result;
    }
    return 0;
}

static void summarise(struct fetch *fetch) {
    char files[SHORT_TEXT], bytes[SHORT_TEXT];
    hide_progress(fetch);
    if (fetch->passed_over) {
        remark("%" PRIu64 " symbolic links and special files were passed over", fetch->passed_over);
    }
    if (!fetch->shows_progress) return;
    fprintf(stderr, "fetched %s, %s\n", count_text(files, fetch->files, "file"),
            size_text(bytes, fetch->bytes));
}

static int converse(struct fetch *fetch, const struct arguments *arguments, int into) {
    int result = talk_begin(&fetch->talk, arguments->operands[0]);
    if (result < 0) return talk_complain(&fetch->talk, result);
    fetch->begun = milliseconds();
    result = fetch_all(fetch, arguments, into);
    talk_end(&fetch->talk);
    if (result == 0) summarise(fetch);
    return result == 0 && !fetch->incomplete ? EXIT_OK : EXIT_FAILED;
}

static int run(const struct arguments *arguments) {
    struct fetch fetch = {.shows_progress = false};
    const char *folder = option_value(arguments, "into");
    int into = -1;
    if (!folder && arguments->count > 2) {
        return wrong_use("exchange request: several paths need a folder to go to: --into DIR");
    }
    if (folder && mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return complain("cannot make %s: %s", folder, strerror(errno));
    }
    if (folder && (into = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return complain("cannot write into %s: %s", folder, strerror(errno));
    }
    fetch.shows_progress = folder && is_terminal(STDERR_FILENO);
    stop_listen();
    int status = converse(&fetch, arguments, into);
    if (into >= 0) close(into);
    return status;
}

static const struct option options[] = {
    {"into", 0, "DIR", "put what is fetched into DIR, which is made if it is missing"},
    {NULL, 0, NULL, NULL},
};

const struct command exchange_request_command = {
    .name = "exchange request",
    .operands = "NAME PATH...",
    .summary = "fetch files or directories from a server",
    .about = "PATH is beneath the folder that is served; \".\" is all of it. One file goes to\n"
             "the standard output unless --into is given; directories are fetched with all\n"
             "that is in them. Symbolic links and special files are passed over. A file\n"
             "appears under its name when it is complete.",
    .options = options,
    .least = 2,
    .most = ANY_NUMBER,
    .run = run,
};
