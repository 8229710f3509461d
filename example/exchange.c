/* exchange.c: client and server over one shared segment and its semaphores.
 *
 *   exchange fork NAME [TEXT]     parent and child; NAME is anonymous:, memfd:x, sysv:private,
 *                                 posix:/ex, file:/tmp/ex, …
 *   exchange server NAME          two unrelated programs; NAME is posix:/ex, sysv:0x5eed,
 *   exchange client NAME TEXT     sysv:/etc/hosts#7, file:/tmp/ex
 *   exchange dying NAME           a client that is killed while it holds the memory
 *
 *        client                                server
 *        take guard                            wait for written         (asleep)
 *        write the text
 *        post written  ─────────────────────►  awake; take guard     (suspended: the client has it)
 *        give guard back  ──────────────────►  has the memory; answers in place
 *        wait for answered  ◄────────────────  post answered
 *        take guard  ◄───────────────────────  give guard back
 *        read; give guard back
 *
 * What is shared: `text`, which only the holder of `guard` may touch. `written` and `answered` are
 * plain semaphores: signals that are counted. `guard` is an owned one: it has a single permit, and
 * the permit of a process that dies comes back.
 *
 * What a death leaves: before `written` is posted, nothing that the server hears of; the next to
 * take the guard gets 1 instead of 0 and knows that the text may be half. After it, the server gets
 * that 1 and drops the text. After the guard is back, the request is answered though nobody reads
 * it, and the next client takes that stale signal away before it asks.
 *
 * One client at a time: for more, let each hold a third, owned semaphore while it talks. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <samepage/samepage.h>

enum { TEXT_BYTES = 4096 };

static const int64_t PATIENCE = INT64_C(5000000000);
static const int64_t SLICE = INT64_C(100000000);

struct exchange {
    spg_semaphore guard;    /* owned, one permit: who holds it may touch the text */
    spg_semaphore written;  /* plain: the client has written */
    spg_semaphore answered; /* plain: the server has answered */
    char text[TEXT_BYTES];
};

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

static int failed(const char *what, int result) {
    fprintf(stderr, "exchange: %s: %s\n", what, spg_error_text(result));
    if (result == SPG_ECORRUPT) fprintf(stderr, "exchange: is the server still starting?\n");
    return result;
}

/* ---- the exchange ---------------------------------------------------------------------------- */

static int prepare(struct exchange *shared) {
    int result = spg_semaphore_init_owned(&shared->guard, 1);
    if (result == 0) result = spg_semaphore_init(&shared->written, 0);
    if (result == 0) result = spg_semaphore_init(&shared->answered, 0);
    return result < 0 ? failed("cannot prepare the segment", result) : 0;
}

static int ask(struct exchange *shared, const char *question) {
    int result = spg_semaphore_wait(&shared->guard, PATIENCE);
    if (result < 0) return failed("client: no guard", result);
    if (result == 1) puts("client: the last holder died; what it left is overwritten");
    while (spg_semaphore_wait(&shared->answered, SPG_NOWAIT) == 0) {} /* meant for a dead client */
    snprintf(shared->text, sizeof shared->text, "%s", question);
    spg_semaphore_post(&shared->written);
    spg_semaphore_post(&shared->guard);

    result = spg_semaphore_wait(&shared->answered, PATIENCE);
    if (result == 0) result = spg_semaphore_wait(&shared->guard, PATIENCE);
    if (result < 0) return failed("client: no answer", result);
    printf("client: asked \"%s\", got \"%.*s\"\n", question, TEXT_BYTES, shared->text);
    spg_semaphore_post(&shared->guard);
    return 0;
}

/* As ask, until death. */
static int die_asking(struct exchange *shared) {
    int result = spg_semaphore_wait(&shared->guard, PATIENCE);
    if (result < 0) return failed("dying client: no guard", result);
    snprintf(shared->text, sizeof shared->text, "half a sente");
    spg_semaphore_post(&shared->written);
    puts("dying client: killed while it holds the guard");
    return raise(SIGKILL);
}

/* Returns 0 for one request heard, or why none. */
static int answer(struct exchange *shared, int64_t timeout) {
    int result = spg_semaphore_wait(&shared->written, timeout);
    if (result < 0) return result;
    /* Suspended here until the client has released the memory. */
    result = spg_semaphore_wait(&shared->guard, SPG_FOREVER);
    if (result < 0) return result;
    if (result == 1) {
        puts("server: the client died holding the guard; its permit came back, text is dropped");
    } else {
        for (size_t i = 0; i < TEXT_BYTES && shared->text[i]; i++) {
            shared->text[i] = (char)toupper((unsigned char)shared->text[i]);
        }
        spg_semaphore_post(&shared->answered);
    }
    return spg_semaphore_post(&shared->guard);
}

/* ---- parent and child ------------------------------------------------------------------------ */

/* The child is the client, over the mapping that it inherits; the parent is the server. */
static int exchange_with_child(struct exchange *shared, const char *question) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) _exit((question ? ask(shared, question) : die_asking(shared)) < 0);
    int result = answer(shared, PATIENCE);
    int status = 0;
    waitpid(child, &status, 0);
    if (result < 0) return failed("server: no request", result);
    return question && status != 0 ? -1 : 0;
}

static int over_fork(struct exchange *shared, const char *text) {
    int result = exchange_with_child(shared, text);
    if (result == 0) result = exchange_with_child(shared, NULL);
    if (result == 0) result = exchange_with_child(shared, "the exchange goes on");
    return result;
}

/* ---- unrelated programs ---------------------------------------------------------------------- */

static int serve(struct exchange *shared) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    puts("server: ready; interrupt it to end");
    while (!stopped) {
        int result = answer(shared, SLICE); /* signals do not end a wait: hence slices */
        if (result < 0 && result != SPG_ETIMEDOUT) return failed("server", result);
    }
    return 0;
}

static int usage(void) {
    fputs("usage: exchange fork NAME [TEXT] | server NAME | client NAME TEXT | dying NAME\n",
          stderr);
    return 2;
}

/* Parent or server: makes the segment and takes its name away when it is done. */
static int own(const char *role, const char *name, const char *text) {
    spg_segment *segment;
    if (spg_segment_create(&segment, name, sizeof(struct exchange), NULL) < 0) {
        fprintf(stderr, "exchange: %s\n", spg_error_detail());
        return 1;
    }
    struct exchange *shared = spg_segment_address(segment);
    int result = prepare(shared);
    if (result == 0) result = strcmp(role, "fork") == 0 ? over_fork(shared, text) : serve(shared);
    int removed = spg_segment_unlink(spg_segment_name(segment));
    spg_segment_close(segment);
    return result < 0 || (removed < 0 && removed != SPG_ENOTSUP); /* some kinds have no name */
}

static int join(const char *name, const char *text) {
    spg_segment *segment;
    if (spg_segment_open(&segment, name, NULL) < 0) {
        fprintf(stderr, "exchange: %s\n", spg_error_detail());
        return 1;
    }
    struct exchange *shared = spg_segment_address(segment);
    int result = text ? ask(shared, text) : die_asking(shared);
    spg_segment_close(segment);
    return result < 0;
}

int main(int count, char **arguments) {
    if (count < 3 || count > 4) return usage();
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *role = arguments[1], *name = arguments[2], *text = count == 4 ? arguments[3] : NULL;
    if (strcmp(role, "fork") == 0) return own(role, name, text ? text : "hello, same page");
    if (strcmp(role, "server") == 0 && !text) return own(role, name, NULL);
    if (strcmp(role, "client") == 0 && text) return join(name, text);
    if (strcmp(role, "dying") == 0 && !text) return join(name, NULL);
    return usage();
}
