/* sync_layout.c: what init leaves and what giving back leaves, in the words of docs/layout/sync.md:
 * the same whatever lay in the memory before. */
#include "harness/harness.h"

enum { BYTES = sizeof(spg_rwlock) };

struct range {
    size_t begin, end;
};

static _Alignas(8) unsigned char zeroed[BYTES], littered[BYTES];

static void lay_out_memory(void) {
    memset(zeroed, 0, sizeof zeroed);
    memset(littered, 0xa7, sizeof littered);
}

/* These bytes are alike, and they are the same as before beyond the struct's end. */
static void check_alike(const struct range *ranges, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) {
        for (size_t at = ranges[i].begin; at < ranges[i].end; at++) {
            if (zeroed[at] != littered[at])
                FAIL("byte %zu is 0x%02x or 0x%02x", at, zeroed[at], littered[at]);
        }
    }
    for (size_t at = size; at < BYTES; at++) CHECK(zeroed[at] == 0 && littered[at] == 0xa7);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

TEST(a_mutex_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 32}};
    lay_out_memory();
    CHECK_OK(spg_mutex_init((void *)zeroed));
    CHECK_OK(spg_mutex_init((void *)littered));
    check_alike(words, COUNT(words), sizeof(spg_mutex));
}

TEST(a_rwlock_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 24}, {64, 512}};
    lay_out_memory();
    CHECK_OK(spg_rwlock_init((void *)zeroed));
    CHECK_OK(spg_rwlock_init((void *)littered));
    check_alike(words, COUNT(words), sizeof(spg_rwlock));
}

TEST(a_plain_semaphore_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 8}};
    lay_out_memory();
    CHECK_OK(spg_semaphore_init((void *)zeroed, 3));
    CHECK_OK(spg_semaphore_init((void *)littered, 3));
    check_alike(words, COUNT(words), sizeof(spg_semaphore));
}

TEST(an_owned_semaphore_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 20}, {64, 192}};
    lay_out_memory();
    CHECK_OK(spg_semaphore_init_owned((void *)zeroed, 3));
    CHECK_OK(spg_semaphore_init_owned((void *)littered, 3));
    check_alike(words, COUNT(words), sizeof(spg_semaphore));
}

TEST(a_condition_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 16}};
    lay_out_memory();
    CHECK_OK(spg_condition_init((void *)zeroed));
    CHECK_OK(spg_condition_init((void *)littered));
    check_alike(words, COUNT(words), sizeof(spg_condition));
}

TEST(an_event_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 16}};
    lay_out_memory();
    CHECK_OK(spg_event_init((void *)zeroed));
    CHECK_OK(spg_event_init((void *)littered));
    check_alike(words, COUNT(words), sizeof(spg_event));
}

/* Of a row that is free its owner and target, not the mark of whoever had it. */
TEST(a_barrier_begins_the_same_in_any_memory) {
    struct range words[2 + 2 * SPG_BARRIER_MEMBERS_MAX] = {{0, 40}, {48, 56}};
    for (size_t i = 0; i < SPG_BARRIER_MEMBERS_MAX; i++) {
        words[2 + 2 * i] = (struct range){64 + 16 * i, 72 + 16 * i};
        words[3 + 2 * i] = (struct range){76 + 16 * i, 80 + 16 * i};
    }
    lay_out_memory();
    CHECK_OK(spg_barrier_init((void *)zeroed, 3));
    CHECK_OK(spg_barrier_init((void *)littered, 3));
    check_alike(words, COUNT(words), sizeof(spg_barrier));
}

TEST(a_seqlock_begins_the_same_in_any_memory) {
    static const struct range words[] = {{0, 4}, {8, 48}};
    lay_out_memory();
    CHECK_OK(spg_seqlock_init((void *)zeroed));
    CHECK_OK(spg_seqlock_init((void *)littered));
    check_alike(words, COUNT(words), sizeof(spg_seqlock));
}

/* Another thread that has claimed it but not yet left its mark is no reason to say that this one
 * waits for itself. */
TEST(a_mutex_that_was_given_back_names_no_thread) {
    static spg_mutex mutex;
    CHECK_OK(spg_mutex_init(&mutex));
    CHECK_OK(spg_mutex_lock(&mutex, SPG_NOWAIT));
    uint64_t claimed = mutex.words[2];
    CHECK_RESULT(SPG_EDEADLOCK, spg_mutex_lock(&mutex, SPG_NOWAIT));
    CHECK_OK(spg_mutex_unlock(&mutex));
    mutex.words[2] = claimed;
    CHECK_RESULT(SPG_EAGAIN, spg_mutex_lock(&mutex, SPG_NOWAIT));
    CHECK_RESULT(SPG_EPERM, spg_mutex_unlock(&mutex));
}
