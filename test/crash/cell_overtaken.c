/* cell_overtaken.c: readers and writers of a cell inside each other: at every access to shared
 * memory that the one makes the other runs. Every value is whole, and a read ends. */
#include <setjmp.h>

#include "harness/harness.h"

#include "channel/cell.h"

enum { CAPACITY = 100 };

static spg_cell *own, *others; /* who is interrupted, and who interrupts */
static int event_count;        /* since the hook was set */
static int interrupted_at;     /* this event; 0: every one */
static int writes_at_once;
static uint64_t version_before;
static struct spg__channel_head head_of_cell;

/* A value is as long as its seed says, so that sizes grow and shrink. */
static size_t size_of(uint64_t seed) {
    return (size_t)(1 + seed * 37 % CAPACITY);
}

static int write_next(spg_cell *cell) {
    static uint64_t seed;
    unsigned char bytes[CAPACITY];
    size_t size = size_of(++seed);
    memset(bytes, (int)(seed % 251), size);
    bytes[0] = (unsigned char)size;
    return spg_cell_write(cell, bytes, size, SPG_NOWAIT);
}

static void check_whole(const unsigned char *bytes, int size) {
    CHECK(size > 0);
    CHECK_INT(size, bytes[0]);
    for (int i = 2; i < size; i++) CHECK_INT(bytes[1], bytes[i]);
}

static spg_cell *open_one(uint32_t buffers, bool read_only) {
    spg_cell *cell;
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = read_only ? 0 : CAPACITY;
    options.buffers = buffers;
    options.read_only = read_only;
    CHECK_OK(spg_cell_open(&cell, NULL, "inside", &options));
    return cell;
}

static void begin(uint32_t buffers) {
    own = open_one(buffers, false);
    others = open_one(buffers, false);
    head_of_cell = own->channel.head;
    CHECK_OK(write_next(own));
}

static void end(void) {
    CHECK_OK(spg_cell_close(own));
    CHECK_OK(spg_cell_close(others));
    CHECK_OK(spg_cell_unlink(NULL, "inside"));
}

static struct spg__cell_facts facts_now(void) {
    struct spg__cell_facts facts;
    CHECK_OK(spg__cell_audit(own->channel.domain, own->shared, &head_of_cell, "inside", &facts));
    return facts;
}

/* ---- writers inside a reader ----------------------------------------------------------------- */

static jmp_buf death;
static int dies_after; /* accesses of its last write; 0: it writes to the end */
static int accesses;

static int die_in_write(const struct spg__seam_event *event) {
    if (event->kind == SPG__SEAM_LOAD || event->kind == SPG__SEAM_BEFORE_STORE) accesses++;
    if (accesses == dies_after) longjmp(death, 1);
    return 0;
}

/* Leaves the cell as a writer does that is killed there; and its guard as the next one has it. */
static void write_and_die(void) {
    accesses = 0;
    spg__seam = die_in_write;
    if (setjmp(death) == 0) CHECK_OK(write_next(others));
    spg__seam = NULL;
    others->loaned = 0;
    spg__store_seq_cst_64(&others->shared->writers, 0);
}

static int write_inside(const struct spg__seam_event *event) {
    if (event->kind == SPG__SEAM_STORED || event->kind == SPG__SEAM_CALLED) return 0;
    event_count++;
    if (interrupted_at && event_count != interrupted_at) return 0;
    spg__seam = NULL;
    for (int i = 0; i < writes_at_once; i++) CHECK_OK(write_next(others));
    if (dies_after) write_and_die();
    spg__seam = write_inside;
    return 0;
}

static int read_interrupted(spg_cell *cell, uint64_t *version) {
    unsigned char bytes[CAPACITY];
    event_count = 0;
    spg__seam = write_inside;
    int size = spg_cell_read(cell, bytes, sizeof bytes, version);
    spg__seam = NULL;
    if (size >= 0) check_whole(bytes, size);
    return size;
}

TEST(a_read_that_writers_interrupt_anywhere_is_whole_and_new) {
    static const uint32_t buffers[] = {3, 4, 7};
    for (int b = 0; b < 3; b++) {
        begin(buffers[b]);
        for (writes_at_once = 1; writes_at_once <= 9; writes_at_once++) {
            for (interrupted_at = 1; interrupted_at <= 40; interrupted_at++) {
                uint64_t version, before = facts_now().version;
                CHECK(read_interrupted(own, &version) > 0);
                CHECK(version >= before);
            }
        }
        end();
    }
}

TEST(a_read_ends_however_fast_writers_are) {
    interrupted_at = 0;
    for (uint32_t buffers = 3; buffers <= 64; buffers += buffers < 8 ? 1 : 7) {
        begin(buffers);
        for (writes_at_once = 1; writes_at_once <= 2 * (int)buffers; writes_at_once++) {
            uint64_t version, before = facts_now().version;
            CHECK(read_interrupted(own, &version) > 0);
            CHECK(version >= before);
            /* Four copies, a look at each pin, a fifth copy. */
            CHECK(event_count <= 5 * (CAPACITY / 8 + 6) + (int)buffers + 8);
            CHECK_INT(0, facts_now().pins_held);
        }
        end();
    }
}

TEST(a_read_inside_which_writers_die_anywhere_is_whole_and_ends) {
    for (uint32_t buffers = 3; buffers <= 4; buffers++) {
        begin(buffers);
        for (interrupted_at = 0; interrupted_at <= 30; interrupted_at++) {
            for (dies_after = 1; dies_after <= 40; dies_after++) {
                writes_at_once = dies_after * 7 % 8;
                CHECK(read_interrupted(own, NULL) > 0);
            }
        }
        end();
    }
}

/* ---- a reader inside a writer ---------------------------------------------------------------- */

static int read_inside(const struct spg__seam_event *event) {
    unsigned char bytes[CAPACITY];
    uint64_t version;
    if (event->kind == SPG__SEAM_CALL || event->kind == SPG__SEAM_CALLED) return 0;
    spg__seam = NULL;
    check_whole(bytes, spg_cell_read(others, bytes, sizeof bytes, &version));
    CHECK(version == version_before || version == version_before + 1);
    event_count++;
    spg__seam = read_inside;
    return 0;
}

TEST(a_reader_inside_a_write_finds_the_value_before_or_after) {
    begin(3);
    for (int i = 0; i < 200; i++) {
        version_before = facts_now().version;
        event_count = 0;
        spg__seam = read_inside;
        CHECK_OK(write_next(own));
        spg__seam = NULL;
        CHECK(event_count > 10);
    }
    end();
}

/* ---- pins ------------------------------------------------------------------------------------ */

TEST(without_a_pin_a_read_gives_up_and_says_so) {
    begin(3);
    spg_cell *only = open_one(3, true);
    interrupted_at = 0;
    writes_at_once = 4;
    CHECK_RESULT(SPG_EFULL, read_interrupted(only, NULL));
    spg__word64 *pin = &own->shared->pins[0];
    spg__store_seq_cst_64(pin, own->channel.node->number << SPG__PIN_SHIFT | 1);
    CHECK_RESULT(SPG_EFULL, read_interrupted(own, NULL));
    CHECK_INT(1, facts_now().pins_held);
    CHECK_INT(0, facts_now().pins_of_dead);
    spg__store_seq_cst_64(pin, 0);
    CHECK(read_interrupted(own, NULL) > 0);
    writes_at_once = 0;
    CHECK(read_interrupted(only, NULL) > 0);
    CHECK_OK(spg_cell_close(only));
    end();
}

static int die_pinned(const struct spg__seam_event *event) {
    write_inside(event);
    spg__seam = NULL;
    if (event->kind == SPG__SEAM_LOAD && facts_now().pins_held > 0) raise(SIGKILL);
    spg__seam = die_pinned;
    return 0;
}

ROLE(dies_with_a_pin_and_a_loan) {
    unsigned char bytes[CAPACITY];
    void *room;
    own = open_one(3, false);
    others = open_one(3, false);
    head_of_cell = own->channel.head;
    if (arguments[0]) {
        CHECK_OK(spg_cell_loan(own, &room, SPG_NOWAIT));
        raise(SIGKILL);
    }
    writes_at_once = 4;
    spg__seam = die_pinned;
    CHECK_RESULT(-1, spg_cell_read(own, bytes, sizeof bytes, NULL));
}

TEST(what_the_dead_hold_is_told_and_taken_by_who_needs_it_or_collected) {
    begin(3);
    for (int round = 0; round < 2; round++) {
        CHECK_INT(-SIGKILL, role_wait(role_start("dies_with_a_pin_and_a_loan")));
        CHECK_INT(-SIGKILL, role_wait(role_start("dies_with_a_pin_and_a_loan", "loan")));
        struct spg__cell_facts facts = facts_now();
        CHECK_INT(1, facts.pins);
        CHECK_INT(1, facts.pins_held);
        CHECK_INT(1, facts.pins_of_dead);
        CHECK(facts.writer != 0 && facts.writer_is_dead);
        CHECK(facts.author != 0 && facts.version > 1 && facts.size <= CAPACITY);
        if (round == 0) {
            interrupted_at = 0;
            writes_at_once = 4;
            CHECK(read_interrupted(own, NULL) > 0);
        } else {
            CHECK_INT(2, spg__cell_collect(own->channel.domain, own->shared, &head_of_cell));
        }
        CHECK_INT(0, spg__cell_collect(own->channel.domain, own->shared, &head_of_cell));
        facts = facts_now();
        CHECK_INT(0, facts.pins_held);
        CHECK_INT(0, facts.writer);
    }
    end();
}

TEST(the_audit_finds_words_that_cannot_be_right) {
    struct spg__cell_facts facts;
    begin(4);
    spg__word64 *words[] = {&own->shared->latest, &own->shared->writers, &own->shared->pins[0],
                            &own->shared->pins[2], &own->shared->pins[61]};
    static const uint64_t wrong[] = {1 << 8 | 4, 2, 2 << 8 | 9, 7 << 8 | 1, 7 << 8 | 1};
    for (int i = 0; i < 5; i++) {
        uint64_t was = spg__load_seq_cst_64(words[i]);
        spg__store_seq_cst_64(words[i], wrong[i]);
        CHECK_RESULT(SPG_ECORRUPT, spg__cell_audit(own->channel.domain, own->shared, &head_of_cell,
                                                   "inside", &facts));
        CHECK_DETAIL("inside");
        spg__store_seq_cst_64(words[i], was);
    }
    facts_now();
    head_of_cell.geometry[1]++;
    CHECK_RESULT(SPG_ECORRUPT, spg__cell_check_geometry(&head_of_cell, "inside"));
    end();
}
