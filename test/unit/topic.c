/* topic.c: publishing and receiving within one process: no system call while nobody sleeps, and
 * handles of several threads. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "process/topic.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SANITIZER_MAKES_CALLS = 1 };
#else
enum { SANITIZER_MAKES_CALLS = 0 };
#endif

/* ---- no system calls ------------------------------------------------------------------------- */

enum { CALL = offsetof(struct seccomp_data, nr) };

static void forbid_system_calls(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CALL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
        _exit(HARNESS_SKIPPED);
    }
}

static spg_publisher *publisher;
static spg_subscriber *readers[2];

/* Two laps and more: in line, in chunks, in place, discarded; held and released. */
static void publish_and_receive(void) {
    spg_message held;
    static char bytes[2000];
    void *data;
    for (uint64_t n = 0; n < 40; n++) {
        size_t size = n % 3 ? 40 : 1500;
        CHECK_OK(message_send(publisher, size, 1, n, SPG_NOWAIT));
        CHECK_OK(spg_publisher_send(publisher, bytes, size, SPG_NOWAIT));
        CHECK_OK(spg_publisher_loan(publisher, 700, &data, SPG_NOWAIT));
        CHECK_OK(spg_publisher_discard(publisher, data));
        for (int i = 0; i < 2; i++) {
            message_expect(readers[i], &held, size, 1, n);
            spg_message message;
            CHECK_OK(spg_subscriber_receive(readers[i], &message, SPG_NOWAIT));
            CHECK_OK(spg_subscriber_release(readers[i], &message));
            CHECK_OK(spg_subscriber_release(readers[i], &held));
            CHECK_RESULT(SPG_EAGAIN, spg_subscriber_receive(readers[i], &message, SPG_NOWAIT));
        }
    }
}

static void publish_under_a_filter(void *argument) {
    spg_topic_options options = small_topic(16, 16384);
    publisher = publish_as(&options);
    for (uint32_t i = 0; i < 2; i++) readers[i] = subscribe_as(i, 0);
    publish_and_receive();
    (void)argument;
    forbid_system_calls();
    for (int i = 0; i < 50; i++) publish_and_receive();
    _exit(0);
}

TEST(nothing_makes_a_system_call_while_nobody_sleeps) {
    if (SANITIZER_MAKES_CALLS) SKIP("a sanitizer makes calls of its own");
    int status = role_wait(role_fork(publish_under_a_filter, NULL));
    CHECK_OK(spg_topic_unlink(NULL, topic_name()));
    if (status == HARNESS_SKIPPED) SKIP("no filter is permitted here");
    if (status == -SIGSYS) FAIL("it made a system call");
    CHECK_INT(0, status);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { WRITERS = 2, READERS = 3, MESSAGES = 3000 };

static void *write_all(void *argument) {
    uint64_t writer = (uintptr_t)argument;
    spg_publisher *own = publish_as(NULL);
    for (uint64_t n = 0; n < MESSAGES; n++)
        CHECK_OK(message_send(own, 16 + (n * 7919 + writer) % 900, writer, n, SPG_FOREVER));
    CHECK_OK(spg_publisher_close(own));
    return NULL;
}

/* The first must not lose; the others may, and are told how much. */
static void *read_all(void *argument) {
    spg_subscriber *own = argument;
    uint64_t next[WRITERS] = {0}, seen = 0;
    spg_message held, message;
    for (bool holds = false; seen < WRITERS * MESSAGES;) {
        CHECK_OK(spg_subscriber_receive(own, &message, SPG_FOREVER));
        struct stamp stamp = message_stamp(&message);
        CHECK(stamp.n >= next[stamp.writer]);
        next[stamp.writer] = stamp.n + 1;
        seen += 1 + message.lost;
        if (holds) {
            message_stamp(&held);
            CHECK_OK(spg_subscriber_release(own, &held));
        }
        held = message;
        holds = true;
    }
    CHECK_INT(WRITERS * MESSAGES, seen);
    CHECK_OK(spg_subscriber_close(own));
    return NULL;
}

TEST(threads_have_handles_of_their_own) {
    pthread_t threads[WRITERS + READERS];
    spg_topic_options options = small_topic(32, 16384);
    spg_publisher *own = publish_as(&options);
    for (uint32_t i = 0; i < READERS; i++) {
        spg_subscriber *reader = subscribe_as(i == 0, 0);
        CHECK_INT(0, pthread_create(&threads[i], NULL, read_all, reader));
    }
    for (uintptr_t i = 0; i < WRITERS; i++)
        CHECK_INT(0, pthread_create(&threads[READERS + i], NULL, write_all, (void *)i));
    for (int i = 0; i < WRITERS + READERS; i++) CHECK_INT(0, pthread_join(threads[i], NULL));
    topic_is_clean(1, 0);
    CHECK_INT(0, topic_audit().units[SPG__CHUNK_ORPHAN]);
    CHECK_OK(spg_publisher_close(own));
}
