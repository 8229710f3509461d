/* scenes_cell.c: versions grow by one with each write, each has its value whole, and who looked
 * later does not see an earlier one; who waits is woken, in a futex and in poll. */
#include <samepage/samepage.h>
#include <string.h>

#include "channel/cell.h"
#include "machine.h"

enum { WORDS = 3, VERSIONS_MAX = 16 };

static struct notes {
    spg_cell *cell[PROCESSES];
    uint64_t value[VERSIONS_MAX]; /* by version, as seen by anybody */
    uint64_t finished;            /* writes that returned */
    uint64_t tried[PROCESSES];
} * notes;

static void open_cell(int who) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
    options.capacity = WORDS * 8;
    options.buffers = 3;
    CHECK_OK(spg_cell_open(&notes->cell[who], NULL, "c", &options));
}

static void fill(uint64_t *value, int who) {
    uint64_t number = (uint64_t)(who + 1) << 8 | ++notes->tried[who];
    for (int i = 0; i < WORDS; i++) value[i] = number * 0x10001 + (uint64_t)i * 7;
}

static void write_one(int who) {
    uint64_t value[WORDS];
    fill(value, who);
    CHECK_OK(spg_cell_write(notes->cell[who], value, sizeof value, SPG_FOREVER));
    notes->finished++;
}

static void loan_one(int who) {
    uint64_t value[WORDS];
    void *loan;
    fill(value, who);
    CHECK_OK(spg_cell_loan(notes->cell[who], &loan, SPG_FOREVER));
    for (int i = 0; i < WORDS; i++) plain_store((uint64_t *)loan + i, value[i]);
    CHECK_OK(spg_cell_publish(notes->cell[who], sizeof value));
    notes->finished++;
}

/* What was finished before the read began is seen. `is_ordered`: in the strong mode alone. */
static uint64_t read_one(int who, bool is_ordered) {
    uint64_t value[WORDS], version = 0, finished = notes->finished;
    int result = spg_cell_read(notes->cell[who], value, sizeof value, &version);
    if (result == SPG_EAGAIN) {
        CHECK(!is_ordered || finished == 0);
        return 0;
    }
    CHECK(result == sizeof value && version < VERSIONS_MAX);
    for (int i = 1; i < WORDS; i++) CHECK(value[i] == value[0] + (uint64_t)i * 7);
    CHECK(value[0] % 0x10001 == 0);
    CHECK(!is_ordered || version >= finished);
    CHECK(notes->value[version] == 0 || notes->value[version] == value[0]);
    notes->value[version] = value[0];
    return version;
}

static void read_some(int who, int count, bool is_ordered) {
    uint64_t last = 0;
    for (int i = 0; i < count; i++) {
        uint64_t version = read_one(who, is_ordered);
        CHECK(version >= last);
        last = version;
    }
}

static void judge_cell(void) {
    everybody_dies();
    uint64_t version = read_one(JUDGE, true);
    CHECK(version >= notes->finished && version <= notes->finished + (uint64_t)deaths());
    for (uint64_t i = 1; i < version; i++) CHECK(notes->value[i] != notes->value[version]);
    uint64_t finished = notes->finished = version;
    write_one(JUDGE);
    CHECK(read_one(JUDGE, true) == finished + 1);
}

static void two_write(int who) {
    if (who == 2) read_some(who, 2, true);
    else write_one(who);
    if (who == 0) write_one(who);
}
static const struct scene cell3 = {"cell", 3, 7, 1, false, open_cell, two_write, judge_cell};

static void many_writes(int who) {
    if (who == 1) read_some(who, 2, true);
    for (int i = 0; who == 0 && i < 5; i++) write_one(who);
}
static const struct scene cell2 = {"cell-overtaken", 2,           3,         1, false,
                                   open_cell,        many_writes, judge_cell};

static void many_writes_weak(int who) {
    if (who == 1) read_some(who, 2, false);
    for (int i = 0; who == 0 && i < 4; i++) write_one(who);
}
static const struct scene cell_weak = {"cell-weak",      2,         3, 1, true, open_cell,
                                       many_writes_weak, judge_cell};

static void two_loan(int who) {
    loan_one(who);
    read_some(who, 1, false);
    write_one(who);
}
static const struct scene cell_loans = {"cell-loans", 2,         3,        2,
                                        false,        open_cell, two_loan, judge_cell};
static const struct scene cell_loans_weak = {"cell-loans-weak", 2,        3,         1, true,
                                             open_cell,         two_loan, judge_cell};

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_for(int who, uint64_t version) {
    int64_t began = virtual_time;
    int result = spg_cell_wait(notes->cell[who], version, PATIENCE);
    CHECK_WOKEN(result, began);
    if (result == SPG_ETIMEDOUT && has_died(0)) return;
    CHECK_OK(result);
    CHECK(read_one(who, false) > version);
}

static void wait_twice(int who) {
    if (who == 0) {
        write_one(who);
        write_one(who);
        return;
    }
    wait_for(who, 0);
    if (!has_died(0)) wait_for(who, 1);
}
static const struct scene waits2 = {"cell-wait", 2, 1, 1, false, open_cell, wait_twice, judge_cell};
static const struct scene waits3 = {"cell-wait-three", 3,          7,         1, false,
                                    open_cell,         wait_twice, judge_cell};
static const struct scene waits_weak = {"cell-wait-weak", 2,          0,         0, true,
                                        open_cell,        wait_twice, judge_cell};

static void poll_for(int who, uint64_t version) {
    int readable = spg_cell_fd(notes->cell[who]);
    CHECK(readable >= 0);
    int64_t began = virtual_time;
    for (int result; (result = spg_cell_wait(notes->cell[who], version, SPG_NOWAIT));) {
        CHECK(result == SPG_EAGAIN);
        if (deaths() > 0 && virtual_time - began >= PATIENCE) return;
        poll_bell(readable, PATIENCE);
    }
    CHECK_WOKEN(0, began);
    CHECK(read_one(who, false) > version);
}

static void open_bells(int who) {
    open_cell(who);
    if (who != 0 && who != JUDGE) CHECK(spg_cell_fd(notes->cell[who]) >= 0);
}

static void poll_twice(int who) {
    if (who == 0) {
        write_one(who);
        write_one(who);
        return;
    }
    poll_for(who, 0);
    if (!has_died(0)) poll_for(who, 1);
}
static const struct scene polls2 = {"bell", 2, 3, 1, false, open_bells, poll_twice, judge_cell};
static const struct scene polls3 = {"bell-three", 3,          7,          1,
                                    false,        open_bells, poll_twice, judge_cell};
static const struct scene polls_weak = {"bell-weak", 2,          0,          0,
                                        true,        open_bells, poll_twice, judge_cell};

static void two_ring(int who) {
    if (who == 2) poll_for(who, 1);
    else write_one(who);
}
static const struct scene rings = {"bell-two-ring", 3,          4,        1,
                                   false,           open_bells, two_ring, judge_cell};

/* Who closes leaves no word, whether it was rung or not. */
static void ring_and_close(int who) {
    if (who == 0) write_one(who);
    else CHECK_OK(spg_cell_close(notes->cell[who]));
}
static void judge_closed(void) {
    const struct spg__cell_shared *shared = notes->cell[JUDGE]->shared;
    for (int i = 0; i < SPG__CELL_BELLS; i++) CHECK(peek(&shared->bells[i]) == 0);
    judge_cell();
}
static const struct scene closes = {"bell-close", 2,          1,             1,
                                    false,        open_bells, ring_and_close, judge_closed};

const struct scene *const cell_scenes[] = {&cell3,           &cell2,  &cell_weak,  &cell_loans,
                                           &cell_loans_weak, &waits2, &waits3,     &waits_weak,
                                           &polls2,          &polls3, &polls_weak, &rings, &closes};
const int cell_scene_count = sizeof cell_scenes / sizeof *cell_scenes;
