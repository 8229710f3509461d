/* plain_semaphore.c: the commands of ours_semaphore.c by sem_open, or semget and semop. A PLACE is
 * posix:/NAME or sysv:KEY. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "count.h"

static sem_t *posix; /* NULL: it is System V's */
static int set;

static void must(int true_it_is, const char *what) {
    if (true_it_is) return;
    fprintf(stderr, "plain: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int change(int by, int flags) {
    struct sembuf step = {0, (short)by, (short)(SEM_UNDO | flags)};
    return semop(set, &step, 1);
}

static void open_it(const char *place, const char *value) {
    int flags = value ? O_CREAT | O_EXCL : 0;
    if (strncmp(place, "posix:", 6) == 0) {
        posix = sem_open(place + 6, flags, 0600, value ? atoi(value) : 0);
        must(posix != SEM_FAILED, "sem_open");
        return;
    }
    set = semget((key_t)strtoul(place + 5, NULL, 0), 1, value ? IPC_CREAT | IPC_EXCL | 0600 : 0);
    must(set >= 0, "semget");
    if (value) must(semctl(set, 0, SETVAL, atoi(value)) == 0, "semctl");
}

static void take(void) {
    must((posix ? sem_wait(posix) : change(-1, 0)) == 0, "take");
}

static int try_to_take(void) {
    return posix ? sem_trywait(posix) : change(-1, IPC_NOWAIT);
}

static void give(void) {
    must((posix ? sem_post(posix) : change(1, 0)) == 0, "give");
}

static int value(void) {
    int number;
    if (!posix) return semctl(set, 0, GETVAL);
    must(sem_getvalue(posix, &number) == 0, "sem_getvalue");
    return number;
}

static void remove_it(const char *place) {
    if (posix) must(sem_unlink(place + 6) == 0, "sem_unlink");
    else must(semctl(set, 0, IPC_RMID) == 0, "semctl");
}

static void try_once(void) {
    if (try_to_take() == 0) give();
    else puts("busy");
}

static void count_all(const char *path, int left) {
    for (; left > 0; left--) {
        take();
        count_one(path);
        give();
    }
}

int main(int count, char **words) {
    must(count >= 3, "usage");
    alarm(60);
    const char *command = words[1];
    open_it(words[2], strcmp(command, "make") == 0 ? words[3] : NULL);
    if (strcmp(command, "value") == 0) printf("%d\n", value());
    else if (strcmp(command, "try") == 0) try_once();
    else if (strcmp(command, "hold") == 0) take(), hold(), give();
    else if (strcmp(command, "count") == 0) count_all(words[3], atoi(words[4]));
    else if (strcmp(command, "rm") == 0) remove_it(words[2]);
    return 0;
}
