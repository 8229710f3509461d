/* exec.c: linked into every program that an emulator runs. The kernel executes no program of
 * another processor, and takes /proc/self/exe for the emulator; so these calls name the emulator
 * (EMULATOR) where the program is one of ours. Whatever else is executed belongs to the machine. */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 64 };

struct command {
    char path[PATH_MAX];
    char *words[WORDS_MAX + 4];
};

static bool read_head(const char *path, Elf64_Ehdr *head) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool whole = read(file, head, sizeof *head) == (ssize_t)sizeof *head;
    close(file);
    return whole && memcmp(head->e_ident, ELFMAG, SELFMAG) == 0;
}

/* The emulator answers readlink for its program. */
static bool is_ours(const char *path, char *found) {
    Elf64_Ehdr head, own;
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return false;
    strcpy(found, strcmp(path, "/proc/self/exe") == 0 ? self : path);
    return read_head(self, &own) && read_head(found, &head) && head.e_machine == own.e_machine &&
           head.e_ident[EI_DATA] == own.e_ident[EI_DATA];
}

/* EMULATOR -0 NAME PATH WORD... */
static bool name_emulator(struct command *command, const char *path, char *const *words) {
    int count = 0;
    if (!is_ours(path, command->path)) return false;
    command->words[count++] = (char *)EMULATOR;
    command->words[count++] = (char *)"-0";
    command->words[count++] = words[0];
    command->words[count++] = command->path;
    for (int i = 1; words[i] && i < WORDS_MAX; i++) command->words[count++] = words[i];
    command->words[count] = NULL;
    return true;
}

int execv(const char *path, char *const words[]) {
    struct command command;
    if (name_emulator(&command, path, words)) return execve(EMULATOR, command.words, environ);
    return execve(path, words, environ);
}

int execl(const char *path, const char *first, ...) {
    char *words[WORDS_MAX + 1] = {(char *)first};
    va_list rest;
    va_start(rest, first);
    for (int i = 0; i < WORDS_MAX - 1 && words[i]; i++) words[i + 1] = va_arg(rest, char *);
    va_end(rest);
    return execv(path, words);
}

/* posix_spawnp looks for nothing where the path has a slash. */
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const words[],
                char *const environment[]) {
    struct command command;
    if (name_emulator(&command, path, words)) {
        path = EMULATOR;
        words = command.words;
    }
    return posix_spawnp(pid, path, actions, attributes, words, environment);
}
