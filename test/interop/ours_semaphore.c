/* ours_semaphore.c: a semaphore of the system through Samepage, from the shell.
 *
 *   make NAME VALUE    value NAME    rm NAME
 *   try NAME           takes and gives back; says "busy" if it would have to wait
 *   hold NAME          takes, says "held", gives back when stdin ends
 *   count NAME FILE N  N times: takes, adds 1 to the number in FILE, gives
 *   wait NAME          waits for at most 10 seconds; says how that ended */
#include <samepage/samepage.h>
#include <samepage/system_semaphore.h>

#include <string.h>

#include "count.h"

static void must(int result) {
    if (result >= 0) return;
    fprintf(stderr, "ours: %s: %s\n", spg_error_name(result), spg_error_detail());
    exit(1);
}

static spg_system_semaphore *make(const char *name, const char *value) {
    spg_system_semaphore *semaphore;
    spg_system_semaphore_options options = SPG_SYSTEM_SEMAPHORE_OPTIONS;
    options.create = value != NULL;
    options.exclusive = value != NULL && strncmp(name, "php:", 4) != 0;
    options.value = value ? (uint32_t)atoi(value) : 1;
    must(spg_system_semaphore_open(&semaphore, name, &options));
    return semaphore;
}

static void try(spg_system_semaphore *semaphore) {
    int result = spg_system_semaphore_wait(semaphore, SPG_NOWAIT);
    if (result == SPG_EAGAIN) puts("busy");
    else must(result);
    if (result == 0) must(spg_system_semaphore_post(semaphore));
}

static void use(const char *command, spg_system_semaphore *semaphore, char **words) {
    if (strcmp(command, "value") == 0) {
        printf("%d\n", spg_system_semaphore_value(semaphore));
    } else if (strcmp(command, "try") == 0) {
        try(semaphore);
    } else if (strcmp(command, "wait") == 0) {
        puts(spg_error_name(spg_system_semaphore_wait(semaphore, 10000000000)));
    } else if (strcmp(command, "hold") == 0) {
        must(spg_system_semaphore_wait(semaphore, SPG_FOREVER));
        hold();
        must(spg_system_semaphore_post(semaphore));
    } else {
        for (int left = atoi(words[1]); left > 0; left--) {
            must(spg_system_semaphore_wait(semaphore, SPG_FOREVER));
            count_one(words[0]);
            must(spg_system_semaphore_post(semaphore));
        }
    }
}

int main(int count, char **words) {
    if (count < 3) return 2;
    alarm(60);
    if (strcmp(words[1], "rm") == 0) return must(spg_system_semaphore_unlink(words[2])), 0;
    int makes = strcmp(words[1], "make") == 0;
    spg_system_semaphore *semaphore = make(words[2], makes ? words[3] : NULL);
    if (!makes) use(words[1], semaphore, words + 3);
    must(spg_system_semaphore_close(semaphore));
    return 0;
}
