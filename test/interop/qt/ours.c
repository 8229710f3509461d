/* ours.c: the same with Samepage: does what its standard input says, and answers each line. For the
 * lock of a QSharedMemory it does what QSystemSemaphore does, with semop: one member, taken with
 * undo. */
#include <samepage/samepage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

static spg_segment *segment;
static int semaphore = -1;
static spg_system_semaphore *named; /* qt:KEY, instead */

static const char *told(int result) {
    static char text[1024];
    if (result >= 0) return "ok";
    snprintf(text, sizeof text, "error %s %s", spg_error_name(result), spg_error_detail());
    return text;
}

static const char *number(uint64_t value) {
    static char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return text;
}

static const char *create(const char *name) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    return told(spg_segment_create(&segment, name, 1000, &options));
}

static const char *close_it(void) {
    int result = spg_segment_close(segment);
    segment = NULL;
    return told(result);
}

static const char *open_named(const char *name, uint32_t create) {
    spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    options.create = create;
    options.undo = 0;
    return told(spg_system_semaphore_open(&named, name, &options));
}

static const char *close_named(void) {
    int result = spg_system_semaphore_close(named);
    named = NULL;
    return told(result);
}

static const char *find_semaphore(const char *path) {
    if (strncmp(path, "qt:", 3) == 0) return open_named(path, 0);
    key_t key = ftok(path, 'Q');
    semaphore = key == -1 ? -1 : semget(key, 1, 0600);
    return semaphore < 0 ? "error no semaphore" : "ok";
}

static const char *move(int by, int flags) {
    struct sembuf step = {0, (short)by, (short)(SEM_UNDO | flags)};
    if (named && by > 0) return told(spg_system_semaphore_post(named));
    if (named) return told(spg_system_semaphore_wait(named, flags ? SPG_NOWAIT : SPG_FOREVER));
    return semop(semaphore, &step, 1) == 0 ? "ok" : "error semop";
}

static const char *add(unsigned long count) {
    uint64_t *value = spg_segment_address(segment);
    for (unsigned long i = 0; i < count; i++) {
        if (strcmp(move(-1, 0), "ok") != 0) return "error semop";
        ++*value;
        move(1, 0);
    }
    return "ok";
}

static const char *answer(const char *command, const char *rest) {
    if (strcmp(command, "create") == 0) return create(rest);
    if (strcmp(command, "open") == 0) return told(spg_segment_open(&segment, rest, NULL));
    if (strcmp(command, "close") == 0) return close_it();
    if (strcmp(command, "unlink") == 0) return told(spg_segment_unlink(rest));
    if (strcmp(command, "name") == 0) return spg_segment_name(segment);
    if (strcmp(command, "size") == 0) return number(spg_segment_size(segment));
    if (strcmp(command, "get") == 0) return number(*(uint64_t *)spg_segment_address(segment));
    if (strcmp(command, "semaphore") == 0) return find_semaphore(rest);
    if (strcmp(command, "make-semaphore") == 0) return open_named(rest, 1);
    if (strcmp(command, "close-semaphore") == 0) return close_named();
    if (strcmp(command, "remove-semaphore") == 0) return told(spg_system_semaphore_unlink(rest));
    if (strcmp(command, "acquire") == 0) return move(-1, 0);
    if (strcmp(command, "try") == 0) return move(-1, IPC_NOWAIT);
    if (strcmp(command, "release") == 0) return move(1, 0);
    return strcmp(command, "add") == 0 ? add(strtoul(rest, NULL, 10)) : "error no such command";
}

int main(void) {
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *space = strchr(line, ' ');
        if (space) *space = '\0';
        puts(answer(line, space ? space + 1 : ""));
        fflush(stdout);
    }
    return 0;
}
