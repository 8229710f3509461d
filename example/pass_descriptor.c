/* pass_descriptor.c: memory without a name, handed to a process that must not write it.
 *
 * The parent makes a memfd, links a list inside it by offsets, and seals it: nobody can change its
 * size, and nobody new can write. It goes over a socket pair to a child that has become another
 * program by exec, so that it knows nothing but the socket. The child maps it read-only, at an
 * address of its own, and reads the same list there.
 *
 * What is shared: the list, written by the parent alone, before it is sent. The seals are what lets
 * the child rely on the size, and the parent on the bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <samepage/samepage.h>

enum { BYTES = 4096, WORD_BYTES = 24, FIRST = 64 };

/* Offsets from the start of the segment, never pointers: each process maps it elsewhere. */
struct item {
    uint32_t next; /* 0: the last one */
    char word[WORD_BYTES];
};

static int failed(const char *who) {
    fprintf(stderr, "%s: %s\n", who, spg_error_detail());
    return 1;
}

/* Writes the words as a list, in a place each, the last first. */
static void write_list(char *base) {
    static const char *const words[] = {"one", "page,", "two", "addresses"};
    uint32_t next = 0;
    for (int i = 3; i >= 0; i--) {
        uint32_t offset = FIRST + (uint32_t)i * 2 * (uint32_t)sizeof(struct item);
        struct item item = {.next = next};
        memcpy(item.word, words[i], strlen(words[i]));
        memcpy(base + offset, &item, sizeof item);
        next = offset;
    }
}

/* Trusts no offset, and no list to end. */
static void read_list(const char *base, size_t size) {
    uint32_t offset = FIRST;
    printf("child:  mapped at %p:", (const void *)base);
    for (size_t i = 0; i < size / sizeof(struct item) && offset != 0; i++) {
        struct item item;
        if (size < sizeof item || offset > size - sizeof item) break;
        memcpy(&item, base + offset, sizeof item);
        printf(" %.*s", WORD_BYTES, item.word);
        offset = item.next;
    }
    putchar('\n');
}

static int child(int socket) {
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    spg_segment *segment, *writable;
    options.access = SPG_READ_ONLY;
    if (spg_segment_receive(&segment, socket, &options) < 0) return failed("child");
    read_list(spg_segment_address(segment), spg_segment_size(segment));
    options.access = SPG_READ_WRITE;
    int result = spg_segment_open_fd(&writable, spg_segment_fd(segment), &options);
    if (result == 0) return 1;
    printf("child:  mapping it for writing: %s\n", spg_error_name(result));
    spg_segment_close(segment);
    return result != SPG_EPERM;
}

static int become_child(int socket) {
    char number[16];
    snprintf(number, sizeof number, "%d", socket);
    execl("/proc/self/exe", "pass_descriptor", "child", number, (char *)NULL);
    perror("exec");
    return 127;
}

static int parent(int socket) {
    spg_segment *segment;
    if (spg_segment_create(&segment, "memfd:list", BYTES, NULL) < 0) return failed("parent");
    write_list(spg_segment_address(segment));
    printf("parent: mapped at %p\n", spg_segment_address(segment));
    fflush(stdout);
    int result = spg_segment_seal(segment, SPG_SEAL_SHRINK | SPG_SEAL_GROW | SPG_SEAL_FUTURE_WRITE |
                                               SPG_SEAL_SEALS);
    if (result == 0) result = spg_segment_send(segment, socket);
    if (result < 0) return failed("parent");
    spg_segment_close(segment);
    return 0;
}

int main(int count, char **arguments) {
    int sockets[2], status;
    if (count == 3 && strcmp(arguments[1], "child") == 0) return child(atoi(arguments[2]));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0) return 1;
    pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) {
        close(sockets[0]);
        _exit(become_child(sockets[1]));
    }
    close(sockets[1]);
    int result = parent(sockets[0]);
    close(sockets[0]);
    if (waitpid(pid, &status, 0) < 0 || status != 0) return 1;
    return result;
}
