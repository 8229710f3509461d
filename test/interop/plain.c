/* plain.c: a program that knows nothing of Samepage: System V or POSIX shared memory by the system
 * calls themselves. The commands are those of ours.c; a PLACE is
 *
 *   sysv:KEY  ftok:FILE:ID  posix:/NAME
 *
 * and there is the command remove-held: attach, remove, read after that. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int true_it_is, const char *what) {
    if (true_it_is) return;
    fprintf(stderr, "plain: %s: %s\n", what, strerror(errno));
    exit(1);
}

struct memory {
    char *bytes;
    size_t size;
};

/* ---- System V -------------------------------------------------------------------------------- */

static key_t key_of(const char *place) {
    char file[256];
    int id;
    if (sscanf(place, "ftok:%255[^:]:%i", file, &id) != 2) {
        return (key_t)strtoul(place + strlen("sysv:"), NULL, 0);
    }
    key_t key = ftok(file, id);
    must(key != -1, "ftok");
    return key;
}

static struct memory attach_sysv(const char *place) {
    struct shmid_ds facts;
    int id = shmget(key_of(place), 0, 0);
    must(id >= 0, "shmget");
    must(shmctl(id, IPC_STAT, &facts) == 0, "shmctl");
    char *bytes = shmat(id, NULL, 0);
    must(bytes != (char *)-1, "shmat");
    return (struct memory){bytes, facts.shm_segsz};
}

static void remove_sysv(const char *place) {
    int id = shmget(key_of(place), 0, 0);
    must(id >= 0 && shmctl(id, IPC_RMID, NULL) == 0, "shmctl");
}

/* ---- POSIX ----------------------------------------------------------------------------------- */

static struct memory attach_posix(const char *name) {
    struct stat facts;
    int fd = shm_open(name, O_RDWR, 0);
    must(fd >= 0 && fstat(fd, &facts) == 0, "shm_open");
    size_t size = (size_t)facts.st_size;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(bytes != MAP_FAILED, "mmap");
    return (struct memory){bytes, size};
}

static void make_posix(const char *name, size_t size) {
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    must(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "shm_open");
}

/* ---- either ---------------------------------------------------------------------------------- */

static const char *posix_name(const char *place) {
    return strncmp(place, "posix:", 6) == 0 ? place + 6 : NULL;
}

static void make(const char *place, size_t size) {
    if (posix_name(place)) make_posix(posix_name(place), size);
    else must(shmget(key_of(place), size, IPC_CREAT | IPC_EXCL | 0600) >= 0, "shmget");
}

static struct memory attach(const char *place) {
    return posix_name(place) ? attach_posix(posix_name(place)) : attach_sysv(place);
}

static void remove_it(const char *place) {
    if (posix_name(place)) must(shm_unlink(posix_name(place)) == 0, "shm_unlink");
    else remove_sysv(place);
}

static void print(const char *bytes, size_t count) {
    fwrite(bytes, 1, count, stdout);
    putchar('\n');
}

static void add(char *bytes, long count) {
    for (; count > 0; count--) {
        __atomic_fetch_add((uint64_t *)(void *)bytes, 1, __ATOMIC_RELAXED);
    }
}

static void remove_held(const char *place, size_t offset, size_t count) {
    struct memory memory = attach(place);
    remove_it(place);
    print(memory.bytes + offset, count);
}

static void use(const char *command, const char *place, char **words) {
    struct memory memory = attach(place);
    if (strcmp(command, "size") == 0) {
        printf("%zu\n", memory.size);
        return;
    }
    must(words[0] && words[1], command);
    char *bytes = memory.bytes + strtoul(words[0], NULL, 0);
    if (strcmp(command, "read") == 0) print(bytes, strtoul(words[1], NULL, 0));
    else if (strcmp(command, "write") == 0) memcpy(bytes, words[1], strlen(words[1]));
    else if (strcmp(command, "add") == 0) add(bytes, atol(words[1]));
    else must(0, command);
}

int main(int count, char **words) {
    must(count >= 3, "usage: plain COMMAND PLACE ...");
    alarm(60);
    const char *command = words[1], *place = words[2];
    if (strcmp(command, "make") == 0 && count == 4) make(place, strtoul(words[3], NULL, 0));
    else if (strcmp(command, "rm") == 0) remove_it(place);
    else if (strcmp(command, "remove-held") == 0 && count == 5)
        remove_held(place, strtoul(words[3], NULL, 0), strtoul(words[4], NULL, 0));
    else use(command, place, words + 3);
    return 0;
}
