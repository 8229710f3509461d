/* seqlock.c: the seqlock between processes: values read whole, or not at all, whoever dies. */
#include "process/both.h"

enum { WORDS = 32, LARGE = 1 << 17 };

/* Words of the struct, as docs/layout/sync.md draws it. */
enum { SEQUENCE = 1, WRITERS = 2 };

struct shared {
    spg_seqlock seqlock;
    uint64_t value[WORDS];
    uint64_t large[LARGE];
};

static struct both make(void) {
    struct both both = both_make(sizeof(struct shared));
    struct shared *here = both.here;
    CHECK_OK(spg_seqlock_init(&here->seqlock));
    return both;
}

static void fill(uint64_t *value, uint64_t token) {
    for (uint64_t i = 0; i < WORDS; i++) value[i] = token * (i + 1);
}

static void check_whole(const uint64_t *value) {
    for (uint64_t i = 0; i < WORDS; i++) CHECK_INT(value[0] * (i + 1), value[i]);
}

static int write_token(struct shared *side, uint64_t token, int64_t timeout) {
    uint64_t value[WORDS];
    fill(value, token);
    return spg_seqlock_write(&side->seqlock, side->value, value, sizeof value, timeout);
}

static int read_value(struct shared *side, uint64_t *value, int64_t timeout) {
    return spg_seqlock_read(&side->seqlock, side->value, value, WORDS * sizeof *value, timeout);
}

static void await(int index, int64_t value) {
    while (*counter(index) < value) nap_us(200);
}

/* ---- function -------------------------------------------------------------------------------- */

TEST(what_is_written_here_is_read_there) {
    struct both both = make();
    uint64_t value[WORDS];
    CHECK_OK(read_value(both.there, value, SPG_NOWAIT)); /* zeros are whole too */
    for (uint64_t token = 1; token < 100; token++) {
        CHECK_OK(write_token(both.here, token, token % 2 ? SPG_NOWAIT : SPG_FOREVER));
        CHECK_OK(read_value(both.there, value, SPG_NOWAIT));
        CHECK_INT(token, value[0]);
        check_whole(value);
    }
    CHECK_OK(spg_seqlock_read(&((struct shared *)both.here)->seqlock, value, value, 0, SPG_NOWAIT));
    both_remove(&both);
}

ROLE(writer) {
    struct both both = both_open(arguments[0]);
    uint64_t random = (uint64_t)getpid();
    for (long i = 0, count = atol(arguments[1]); i < count; i++) {
        CHECK_OK(write_token(i % 2 ? both.here : both.there, chance(&random), SPG_FOREVER));
        if (i % 16 == 0) nap_us(50);
    }
    both_close(&both);
}

ROLE(reader) {
    struct both both = both_open(arguments[0]);
    uint64_t value[WORDS];
    for (long i = 0, count = atol(arguments[1]); i < count; i++) {
        CHECK_OK(read_value(i % 2 ? both.here : both.there, value, SPG_FOREVER));
        check_whole(value);
    }
    both_close(&both);
}

TEST(no_reader_sees_a_torn_value) {
    struct both both = make();
    struct role *roles[4];
    for (int i = 0; i < 4; i++)
        roles[i] = role_start(i % 2 ? "writer" : "reader", both.name, "20000");
    for (int i = 0; i < 4; i++) ROLE_ENDS_WELL(roles[i]);
    both_remove(&both);
}

TEST(a_read_only_mapping_will_do_to_read) {
    struct both both = make();
    struct shared *here = both.here;
    spg_segment *segment;
    spg_segment_options options = SPG_SEGMENT_OPTIONS;
    options.access = SPG_READ_ONLY;
    CHECK_OK(spg_segment_open(&segment, both.name, &options));
    struct shared *view = spg_segment_address(segment);
    uint64_t value[WORDS];
    CHECK_OK(write_token(here, 77, SPG_FOREVER));
    CHECK_OK(read_value(view, value, SPG_FOREVER));
    CHECK_INT(77, value[0]);
    spg_mutex *writers = (spg_mutex *)(void *)&here->seqlock
                             .words[WRITERS]; /* as if a writer were at it */
    CHECK_OK(spg_mutex_lock(writers, SPG_NOWAIT));
    here->seqlock.words[SEQUENCE] |= 1;
    CHECK_RESULT(SPG_EAGAIN, read_value(view, value, SPG_NOWAIT));
    int64_t before = now_ns();
    CHECK_RESULT(SPG_ETIMEDOUT, read_value(view, value, MILLISECONDS(45)));
    CHECK(now_ns() - before >= MILLISECONDS(45));
    CHECK(now_ns() - before < MILLISECONDS(5000));
    CHECK_OK(spg_mutex_unlock(writers));
    CHECK_OK(write_token(here, 78, SPG_FOREVER));
    CHECK_OK(read_value(view, value, SPG_NOWAIT));
    CHECK_OK(spg_segment_close(segment));
    both_remove(&both);
}

TEST(arguments_are_checked) {
    struct both both = make();
    struct shared *here = both.here;
    uint64_t value[WORDS] = {0};
    spg_seqlock *seqlock = &here->seqlock;
    void *crooked = (char *)here->value + 4;
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_write(seqlock, here->value, value, 12, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_read(seqlock, here->value, value, 12, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_write(seqlock, crooked, value, 8, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_read(seqlock, crooked, value, 8, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_write(seqlock, NULL, value, 8, SPG_NOWAIT));
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_write(seqlock, here->value, value, 8, -2));
    CHECK_RESULT(SPG_EINVAL, spg_seqlock_read(seqlock, here->value, value, 8, -3));
    both_remove(&both);
}

/* ---- writers that stop and die --------------------------------------------------------------- */

/* Writes a megabyte again and again; most of its life it is in the middle of one. */
ROLE(large_writer) {
    struct both both = both_open(arguments[0]);
    struct shared *there = both.there;
    static uint64_t value[LARGE];
    for (uint64_t token = 1;; token++) {
        for (size_t i = 0; i < LARGE; i++) value[i] = token;
        step_reach(1);
        CHECK_OK(
            spg_seqlock_write(&there->seqlock, there->large, value, sizeof value, SPG_FOREVER));
    }
}

static int read_large(struct shared *side, int64_t timeout) {
    static uint64_t value[LARGE];
    int result = spg_seqlock_read(&side->seqlock, side->large, value, sizeof value, timeout);
    for (size_t i = 1; result == 0 && i < LARGE; i++) {
        if (value[i] != value[0]) FAIL("torn at word %zu", i);
    }
    return result;
}

TEST(a_writer_killed_at_any_moment_leaves_a_whole_value_or_none) {
    struct both both = make();
    uint64_t random = 6;
    static uint64_t zeros[LARGE];
    int whole = 0, none = 0;
    for (int i = 0; i < 60; i++) {
        struct shared *here = both.here;
        *counter(0) = 0;
        pid_t writer = spawn("large_writer", both.name, NULL);
        step_await(1);
        nap_us((unsigned)(chance(&random) % 3000));
        kill_and_reap(writer);
        int result = read_large(both.there, i % 2 ? SPG_NOWAIT : MILLISECONDS(5000));
        if (result == 0) whole++;
        else none++;
        if (result != 0) {
            CHECK_RESULT(SPG_EOWNERDEAD, result);
            CHECK_RESULT(SPG_EOWNERDEAD, read_large(both.here, SPG_FOREVER));
        }
        CHECK_OK(spg_seqlock_write(&here->seqlock, here->large, zeros, sizeof zeros, SPG_NOWAIT));
        CHECK_OK(read_large(both.there, SPG_NOWAIT));
    }
    printf("        %d left a whole value, %d none\n", whole, none);
    both_remove(&both);
}

TEST(a_stopped_writer_is_waited_for) {
    struct both both = make();
    struct shared *here = both.here;
    uint64_t value = 0;
    pid_t writer = 0;
    for (int i = 0; i < 200; i++) { /* until one was stopped in the middle */
        *counter(0) = 0;
        writer = spawn("large_writer", both.name, NULL);
        step_await(1);
        nap_us((unsigned)(i * 137 % 3000));
        kill(writer, SIGSTOP);
        nap_ms(2);
        if (__atomic_load_n(&here->seqlock.words[SEQUENCE], __ATOMIC_SEQ_CST) % 2) break;
        kill_and_reap(writer);
        writer = 0;
    }
    if (writer == 0) {
        both_remove(&both);
        SKIP("no writer could be stopped in the middle");
    }
    CHECK_RESULT(SPG_EAGAIN, read_large(both.there, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT, read_large(both.there, MILLISECONDS(200)));
    CHECK_RESULT(SPG_EAGAIN, spg_seqlock_write(&here->seqlock, here->large, &value, 8, SPG_NOWAIT));
    CHECK_RESULT(SPG_ETIMEDOUT,
                 spg_seqlock_write(&here->seqlock, here->large, &value, 8, MILLISECONDS(200)));
    kill_and_reap(writer);
    CHECK_RESULT(SPG_EOWNERDEAD, read_large(both.there, MILLISECONDS(5000)));
    CHECK_OK(write_token(here, 1, SPG_FOREVER));
    both_remove(&both);
}

ROLE(reads_until_told) {
    struct both both = both_open(arguments[0]);
    ++*counter(1);
    int result = read_large(both.there, MILLISECONDS(20000));
    *counter(2) = now_ns();
    CHECK_RESULT(SPG_EOWNERDEAD, result);
    both_close(&both);
}

TEST(a_reader_that_waits_is_told_of_the_death) {
    struct both both = make();
    struct shared *here = both.here;
    int64_t most = 0, least = INT64_MAX;
    int measured = 0;
    for (int i = 0; i < 60 && measured < 10; i++) {
        *counter(0) = 0;
        pid_t writer = spawn("large_writer", both.name, NULL);
        step_await(1);
        nap_us((unsigned)(i * 137 % 3000));
        kill(writer, SIGSTOP);
        nap_ms(2);
        if (__atomic_load_n(&here->seqlock.words[SEQUENCE], __ATOMIC_SEQ_CST) % 2) {
            int64_t begun = *counter(1);
            pid_t reader = spawn("reads_until_told", both.name, NULL);
            await(1, begun + 1);
            nap_ms(3);
            int64_t death = now_ns();
            kill_and_reap(writer);
            CHECK_INT(0, reap(reader));
            int64_t took = *counter(2) - death;
            if (took > most) most = took;
            if (took < least) least = took;
            measured++;
        } else {
            kill_and_reap(writer);
        }
        CHECK_OK(write_token(here, 1, SPG_FOREVER));
    }
    printf("        readers told of a dead writer: most %.1f ms of %d\n", (double)most / 1e6,
           measured);
    CHECK(measured == 0 || least < MILLISECONDS(2000)); /* not the most: a machine may be busy */
    both_remove(&both);
}

static void child_of_writer(void *argument) {
    struct both *both = argument;
    uint64_t value[WORDS];
    CHECK_OK(write_token(both->here, 5, SPG_NOWAIT));
    CHECK_OK(read_value(both->there, value, SPG_NOWAIT));
}

TEST(a_fork_child_writes_as_itself) {
    struct both both = make();
    CHECK_OK(write_token(both.here, 4, SPG_NOWAIT));
    ROLE_ENDS_WELL(role_fork(child_of_writer, &both));
    CHECK_OK(write_token(both.here, 6, SPG_NOWAIT));
    both_remove(&both);
}

ROLE(in_another_domain) {
    struct both both = both_open(arguments[0]);
    uint64_t value[WORDS];
    CHECK_RESULT(SPG_EDOMAIN, write_token(both.here, 1, SPG_NOWAIT));
    int result = read_value(both.here, value, SPG_NOWAIT);
    CHECK(result == 0 || result == SPG_EDOMAIN);
    both_close(&both);
}

TEST(a_writer_of_another_domain_is_refused) {
    struct both both = make();
    run_in_other_domain("in_another_domain", both.name);
    both_remove(&both);
}

/* ---- storm ----------------------------------------------------------------------------------- */

ROLE(stormer) {
    struct both both = both_open(arguments[0]);
    struct shared *sides[2] = {both.here, both.there};
    uint64_t random = storm_seed(), value[WORDS];
    const int64_t timeouts[3] = {SPG_NOWAIT, MILLISECONDS(2), MILLISECONDS(20000)};
    while (storm_goes_on()) {
        struct shared *side = sides[chance(&random) % 2];
        int64_t timeout = timeouts[chance(&random) % 3];
        int result;
        if (chance(&random) % 3 == 0) {
            result = write_token(side, chance(&random), timeout);
        } else {
            result = read_value(side, value, timeout);
            if (result == 0) check_whole(value);
            if (result == SPG_EOWNERDEAD) result = 0;
        }
        if (result == SPG_ETIMEDOUT && timeout > MILLISECONDS(10000)) FAIL("nobody lets us in");
        if (result != 0) CHECK(result == SPG_EAGAIN || result == SPG_ETIMEDOUT);
    }
    both_close(&both);
}

TEST(a_storm_of_kills_tears_no_value) {
    struct both both = make();
    uint64_t value[WORDS];
    storm("stormer", both.name, 320, NULL, NULL);
    CHECK_OK(write_token(both.here, 123, MILLISECONDS(2000)));
    CHECK_OK(read_value(both.there, value, SPG_NOWAIT));
    CHECK_INT(123, value[0]);
    check_whole(value);
    both_remove(&both);
}

/* ---- bad memory ------------------------------------------------------------------------------ */

static void init_one(void *object) {
    CHECK_OK(spg_seqlock_init(object));
}

static void use_one(void *object, int64_t timeout) {
    static uint64_t shared[4], value[4];
    is_a_result(spg_seqlock_read(object, shared, value, sizeof value, timeout));
    is_a_result(spg_seqlock_write(object, shared, value, sizeof value, timeout));
    is_a_result(spg_seqlock_read(object, shared, value, sizeof value, timeout));
}

TEST(bad_memory_is_an_error) {
    _Alignas(8) static char bytes[sizeof(spg_seqlock) + 8];
    uint64_t shared = 0, value = 0;
    spg_seqlock *seqlock = (spg_seqlock *)(void *)bytes;
    for (int i = 0; i < 2; i++) {
        spg_seqlock *bad = (spg_seqlock *)(void *)(i ? bytes + 4 : NULL);
        CHECK_RESULT(SPG_EINVAL, spg_seqlock_init(bad));
        CHECK_RESULT(SPG_EINVAL, spg_seqlock_write(bad, &shared, &value, 8, SPG_FOREVER));
        CHECK_RESULT(SPG_EINVAL, spg_seqlock_read(bad, &shared, &value, 8, SPG_FOREVER));
    }
    for (int i = 0; i < 2; i++) {
        memset(bytes, i ? 0xff : 0, sizeof bytes);
        CHECK_RESULT(SPG_ECORRUPT, spg_seqlock_write(seqlock, &shared, &value, 8, SPG_FOREVER));
        CHECK_RESULT(SPG_ECORRUPT, spg_seqlock_read(seqlock, &shared, &value, 8, SPG_FOREVER));
    }
    try_bad_memory(&(struct bad_memory){sizeof(spg_seqlock), init_one, use_one});
}

/* Odd, and nobody holds it: no writer can have left it so, and none will end the wait. */
TEST(an_odd_sequence_that_nobody_holds_is_corrupt) {
    spg_seqlock seqlock;
    uint64_t shared = 0, value;
    CHECK_OK(spg_seqlock_init(&seqlock));
    seqlock.words[SEQUENCE] = 7;
    int result = spg_seqlock_read(&seqlock, &shared, &value, 8, MILLISECONDS(100));
    if (result == SPG_ETIMEDOUT) FAIL("the reader waits for nobody");
    CHECK_RESULT(SPG_ECORRUPT, result);
}
