/* world.c: a copy of every shared image, compared with the image itself.
 *
 * Globals: the things of the world, as they were at the last look. */
#include "step/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { THINGS = 40, NAME = 64, TEXT = 96 };

struct facts {
    char name[NAME];
    char text[TEXT]; /* what a symbolic link says */
    uint64_t device, number, mode, links, size;
};

struct thing {
    struct facts facts;
    const char *image; /* NULL: it has none */
    char *copy;
};

static const struct world_roots *roots;
static struct thing things[THINGS];
static int thing_count;

/* ---- images ---------------------------------------------------------------------------------- */

static bool is_memory(const struct thing *thing) {
    return thing->image == roots->memory;
}

static bool is_segment(const struct thing *thing) {
    return strcmp(thing->facts.name, "System V") == 0;
}

static const char *map_file(const char *path, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return NULL;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return bytes == MAP_FAILED ? NULL : bytes;
}

static const char *map_segment(int id) {
    void *bytes = shmat(id, NULL, SHM_RDONLY);
    return bytes == (void *)-1 ? NULL : bytes;
}

static void copy_image(struct thing *thing) {
    size_t size = thing->facts.size;
    if (!thing->image) return;
    thing->copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (thing->copy == MAP_FAILED) abort();
    memcpy(thing->copy, thing->image, size);
}

static void drop_image(struct thing *thing) {
    if (!thing->image) return;
    munmap(thing->copy, thing->facts.size);
    if (is_segment(thing)) shmdt(thing->image);
    else if (!is_memory(thing)) munmap((void *)thing->image, thing->facts.size);
    thing->image = NULL;
}

/* ---- what is there --------------------------------------------------------------------------- */

static struct thing *enter(struct thing *list, int *count, const char *name) {
    if (*count == THINGS) abort();
    struct thing *thing = &list[(*count)++];
    memset(thing, 0, sizeof *thing);
    snprintf(thing->facts.name, NAME, "%s", name);
    return thing;
}

static void enter_file(struct thing *list, int *count, const char *name, const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) return;
    struct thing *thing = enter(list, count, name);
    struct facts *facts = &thing->facts;
    facts->device = status.st_dev;
    facts->number = status.st_ino;
    facts->mode = status.st_mode;
    if (S_ISDIR(status.st_mode)) return;
    facts->links = status.st_nlink;
    facts->size = (uint64_t)status.st_size;
    if (S_ISLNK(status.st_mode)) (void)!readlink(path, facts->text, TEXT - 1);
}

static void enter_domain(struct thing *list, int *count) {
    char path[512];
    enter_file(list, count, "the domain", roots->domain);
    DIR *directory = opendir(roots->domain);
    if (!directory) return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", roots->domain, entry->d_name);
        enter_file(list, count, entry->d_name, path);
    }
    closedir(directory);
}

static void enter_segment(struct thing *list, int *count) {
    struct shmid_ds status;
    int id = shmget(roots->key, 0, 0);
    if (id < 0 || shmctl(id, IPC_STAT, &status) < 0) return;
    struct facts *facts = &enter(list, count, "System V")->facts;
    facts->number = (uint64_t)id;
    facts->mode = status.shm_perm.mode;
    facts->size = status.shm_segsz;
}

static bool is_among(const struct thing *list, int count, dev_t device, uint64_t number) {
    for (int i = 0; i < count; i++) {
        if (list[i].facts.device == device && list[i].facts.number == number) return true;
    }
    return false;
}

/* What is locked of the files found so far: how many locks, and a number that stands for them. */
static void enter_locks(struct thing *list, int *count) {
    char line[256];
    unsigned major, minor;
    unsigned long number;
    int files = *count;
    struct facts *facts = &enter(list, count, "locks")->facts;
    FILE *file = fopen("/proc/locks", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *text = strchr(line, ':');
        if (!text || sscanf(text, ": %*s %*s %*s %*s %x:%x:%lu", &major, &minor, &number) != 3 ||
            !is_among(list, files, makedev(major, minor), number))
            continue;
        facts->links++;
        for (; *text; text++) facts->number = facts->number * 31 + (unsigned char)*text;
    }
    if (file) fclose(file);
}

static int by_name(const void *one, const void *other) {
    return strcmp(((const struct thing *)one)->facts.name,
                  ((const struct thing *)other)->facts.name);
}

static int find_all(struct thing *list) {
    int count = 0;
    enter(list, &count, "memory")->facts.size = roots->memory_size;
    enter_domain(list, &count);
    for (int i = 0; i < 2; i++) {
        const char *name = strrchr(roots->files[i], '/');
        enter_file(list, &count, name ? name : "", roots->files[i]);
    }
    enter_segment(list, &count);
    enter_locks(list, &count);
    qsort(list, (size_t)count, sizeof *list, by_name);
    return count;
}

static void find_image(struct thing *thing) {
    const struct facts *facts = &thing->facts;
    char path[512];
    if (facts->size == 0) return;
    if (strcmp(facts->name, "memory") == 0) {
        thing->image = roots->memory;
    } else if (is_segment(thing)) {
        thing->image = map_segment((int)facts->number);
    } else if (S_ISREG(facts->mode)) {
        bool is_own = facts->name[0] == '/'; /* a segment's, not the domain's */
        snprintf(path, sizeof path, "%.400s/%.63s", is_own ? "/dev/shm" : roots->domain,
                 facts->name + is_own);
        thing->image = map_file(path, facts->size);
    }
    copy_image(thing);
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool tell(struct world_change *change, const char *name, uint64_t begin, uint64_t end) {
    *change = (struct world_change){.begin = begin, .end = end};
    memcpy(change->name, name, NAME);
    return true;
}

static bool look_at_image(struct thing *thing, struct world_change *change) {
    uint64_t begin = 0, end = thing->facts.size;
    if (!thing->image || memcmp(thing->image, thing->copy, end) == 0) return false;
    while (memcmp(thing->image + begin, thing->copy + begin, 1) == 0) begin++;
    while (thing->image[end - 1] == thing->copy[end - 1]) end--;
    memcpy(thing->copy + begin, thing->image + begin, end - begin);
    return tell(change, thing->facts.name, begin, end);
}

static struct thing *same_image(const struct thing *wanted) {
    for (int i = 0; i < thing_count; i++) {
        const struct facts *facts = &things[i].facts;
        if (facts->number == wanted->facts.number && facts->size == wanted->facts.size &&
            strcmp(facts->name, wanted->facts.name) == 0)
            return &things[i];
    }
    return NULL;
}

/* Takes the images that are still the same over from the last look. */
static void replace_things(struct thing *fresh, int count) {
    for (int i = 0; i < count; i++) {
        struct thing *old = same_image(&fresh[i]);
        if (old && old->image) {
            fresh[i].image = old->image;
            fresh[i].copy = old->copy;
            old->image = NULL;
        } else {
            find_image(&fresh[i]);
        }
    }
    for (int i = 0; i < thing_count; i++) drop_image(&things[i]);
    memcpy(things, fresh, sizeof *fresh * (size_t)count);
    thing_count = count;
}

static bool look_at_names(struct world_change *change) {
    struct thing fresh[THINGS];
    int count = find_all(fresh);
    const char *differs = NULL;
    for (int i = 0; i < count || i < thing_count; i++) {
        if (i < count && i < thing_count &&
            memcmp(&fresh[i].facts, &things[i].facts, sizeof(struct facts)) == 0)
            continue;
        differs = i < count ? fresh[i].facts.name : things[i].facts.name;
        break;
    }
    if (!differs) return false;
    tell(change, differs, 0, 0);
    replace_things(fresh, count);
    return true;
}

void world_open(const struct world_roots *where) {
    struct world_change change;
    roots = where;
    thing_count = 0;
    look_at_names(&change);
}

bool world_look(bool names, struct world_change *change) {
    bool changed = false;
    for (int i = 0; i < thing_count; i++) changed |= look_at_image(&things[i], change);
    if (names) changed |= look_at_names(change);
    return changed;
}

void world_close(void) {
    for (int i = 0; i < thing_count; i++) drop_image(&things[i]);
    thing_count = 0;
}
