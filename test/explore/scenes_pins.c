/* scenes_pins.c: reads of a cell that are overtaken until they pin; and who judges and clears it
 * from outside. The writes that overtake are made inside the reader and are no steps of the
 * exploration, so that what is explored is the pin.
 *
 * Who overwrites a buffer must know that its readers are done. A reader notes that it is, just
 * before it gives up its pin, and who marks the buffer looks for that note. */
#include <samepage/samepage.h>
#include <string.h>

#include "channel/cell.h"
#include "machine.h"
#include "machine/stdatomic.h"

extern spg__seam_hook *spg__seam; /* the library in the explorer has it */

enum { WORDS = 3, BUFFERS = 3, TRIES = 4, OVERTAKEN_MOST = 14, NUMBERS_MAX = 128 };

static struct notes {
    spg_cell *cell[PROCESSES];
    struct {
        uint64_t begun;         /* somebody writes, in steps of the exploration */
        uint64_t done[BUFFERS]; /* readers that gave up this buffer: as they say */
    } * shared;
    uint64_t done[BUFFERS];      /* and as it is */
    uint64_t tried, finished;    /* writes */
    int tries[PROCESSES];        /* of the read under way: looks at a stamp */
    int tries_at_pin[PROCESSES]; /* when it first wanted a pin; 0: it did not */
    bool is_alone[PROCESSES];    /* then: whoever may have the pin is dead */
    uint64_t commits;
    bool overtakes_always, pin_is_dead, cleared;
} * notes;

static void open_cell(int who) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) {
        notes = scene_memory(sizeof *notes);
        notes->shared = scene_shared(sizeof *notes->shared);
    }
    options.capacity = WORDS * 8;
    options.buffers = BUFFERS;
    CHECK_OK(spg_cell_open(&notes->cell[who], NULL, "p", &options));
}

/* ---- writing and reading --------------------------------------------------------------------- */

/* A value is as long as its number says, so that a size and bytes of two show. */
static size_t size_of(uint64_t number) {
    return number % 2 ? WORDS * 8 : 8;
}

static void write_one(int who) {
    uint64_t value[WORDS], number = ++notes->tried;
    for (uint64_t i = 0; i < WORDS; i++) value[i] = number * 0x10001 + i * 7;
    CHECK_OK(spg_cell_write(notes->cell[who], value, size_of(number), SPG_FOREVER));
    notes->finished++;
}

static uint64_t read_one(int who) {
    uint64_t value[WORDS], version = 0;
    notes->tries[who] = 0;
    int result = spg_cell_read(notes->cell[who], value, sizeof value, &version);
    if (result == SPG_EAGAIN && notes->finished == 0) return 0;
    CHECK(result > 0 && value[0] % 0x10001 == 0);
    CHECK((size_t)result == size_of(value[0] / 0x10001));
    for (int i = 1; i < result / 8; i++) CHECK(value[i] == value[0] + (uint64_t)i * 7);
    return version;
}

/* ---- what happens inside a read -------------------------------------------------------------- */

/* Which buffer's stamp is it? -1: none. */
static int stamp_of(const volatile void *address) {
    const spg_cell *cell = notes->cell[me];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        if (address == &spg__cell_buffer(cell->shared, &cell->shape, i)->stamp) return (int)i;
    }
    return -1;
}

/* As it lies in memory, and no step. */
static uint64_t lies_at(const void *word) {
    return *(const uint64_t *)word;
}

/* Whole writes, as if another made them at this instant, until the buffer is another value's. */
static void overtake(int who, int buffer) {
    spg_cell *cell = notes->cell[who];
    const void *stamp = &spg__cell_buffer(cell->shared, &cell->shape, (uint32_t)buffer)->stamp;
    uint64_t before_it = lies_at(stamp);
    spg__seam_hook *hook = spg__seam;
    bool was_running = is_running;
    spg__seam = NULL;
    is_running = false;
    for (int i = 0; i < BUFFERS && lies_at(stamp) == before_it; i++) write_one(who);
    is_running = was_running;
    spg__seam = hook;
}

/* Newest, whatever the memory model; a step. */
static bool has_begun(void) {
    return machine_modify(&notes->shared->begun, 8, MACHINE_ADD, 0, memory_order_relaxed) != 0;
}

static bool may_overtake(void) {
    if (!notes->overtakes_always) return !is_running && notes->tries[me] <= TRIES;
    before(place_of(&notes->cell[me]->shared->latest), CHANGE, 0);
    happened_to_all(9);
    return notes->tries[me] <= OVERTAKEN_MOST && lies_at(&notes->cell[me]->shared->writers) == 0;
}

/* What happens to the only pin. */
static void inside_pin(const struct spg__seam_event *event) {
    if (event->kind != SPG__SEAM_BEFORE_STORE) return;
    is_running = true;
    if (notes->tries_at_pin[me] == 0) {
        notes->tries_at_pin[me] = notes->tries[me];
        notes->is_alone[me] = notes->pin_is_dead || has_died(1 - me);
    }
    if (strncmp(event->name, "store", 5) != 0) return;
    uint64_t word = lies_at(&notes->cell[me]->shared->pins[0]);
    uint64_t held = (word & SPG__PIN_WANTS) - 1;
    if (held >= BUFFERS) return;
    poke(&notes->shared->done[held], notes->done[held] + 1);
    notes->done[held]++;
}

static int inside_read(const struct spg__seam_event *event) {
    int buffer = event->kind == SPG__SEAM_LOAD ? stamp_of(event->address) : -1;
    if (event->address == &notes->cell[me]->shared->pins[0]) inside_pin(event);
    if (buffer < 0) return 0;
    notes->tries[me]++;
    if (may_overtake()) overtake(me, buffer);
    return 0;
}

static int inside_write(const struct spg__seam_event *event) {
    int buffer = stamp_of(event->address);
    bool marks = event->kind == SPG__SEAM_BEFORE_STORE && buffer >= 0 &&
                 strncmp(event->name, "swap", 4) == 0;
    if (marks) CHECK(peek(&notes->shared->done[buffer]) == notes->done[buffer]);
    return 0;
}

static void write_some(int who, int count) {
    machine_modify(&notes->shared->begun, 8, MACHINE_SET, 1, memory_order_relaxed);
    spg__seam = inside_write;
    for (int i = 0; i < count; i++) write_one(who);
    spg__seam = NULL;
}

/* Where nobody writes yet, nothing before the pin is a step. By a pin it is one look at the stamp,
 * and a copy, which looks twice. The wish of a dead reader may be granted just as its pin is to be
 * taken; then the pin is had the next time. */
static void read_overtaken(int who) {
    spg__seam = inside_read;
    if (!notes->overtakes_always) is_running = has_begun();
    read_one(who);
    spg__seam = NULL;
    is_running = true;
    int most = notes->tries_at_pin[who] + 3 + (notes->pin_is_dead ? 0 : TRIES);
    if (notes->is_alone[who]) CHECK(notes->tries[who] <= most);
}

/* ---- pins ------------------------------------------------------------------------------------ */

static struct spg__cell_facts audit(int who) {
    struct spg__cell_facts facts;
    spg_cell *cell = notes->cell[who];
    CHECK_OK(spg__cell_audit(cell->channel.domain, cell->shared, &cell->channel.head, "p", &facts));
    return facts;
}

/* Nobody who lives has it, since nobody reads. */
static void check_pins(void) {
    uint64_t owner = lies_at(&notes->cell[0]->shared->pins[0]) >> SPG__PIN_SHIFT;
    for (int i = 0; i < PARTICIPANTS_MAX; i++) {
        const spg_cell *cell = notes->cell[i];
        CHECK(!cell || has_died(i) || cell->channel.node->number != owner);
    }
}

static void judge_pins(void) {
    check_pins();
    everybody_dies();
    uint64_t version = read_one(JUDGE);
    CHECK(version >= notes->finished && version <= notes->tried);
    write_one(JUDGE);
    CHECK(read_one(JUDGE) == version + 1);
    CHECK(audit(JUDGE).author == notes->cell[JUDGE]->channel.node->number);
}

static void open_written(int who) {
    open_cell(who);
    if (who == 0) write_one(who);
}

static void read_and_write(int who) {
    if (who == 0) read_overtaken(who);
    else write_some(who, 4);
}
static const struct scene pin = {"cell-pin",     2,         3, 1, false, open_written,
                                 read_and_write, judge_pins};
static const struct scene pin_weak = {"cell-pin-weak", 2,          0,         0, true, open_written,
                                      read_and_write,  judge_pins, .stale = 3};

/* Another reader's, who died with it. */
static void open_pinned_by_dead(int who) {
    open_written(who);
    const uint64_t another = UINT64_C(7) << SPG__PIN_SHIFT << SPG__PLACE_BITS;
    spg_cell *cell = notes->cell[who];
    uint64_t number = cell->channel.node->number << SPG__PIN_SHIFT;
    if (who == 0) poke(&cell->shared->pins[0], number + another + 1);
    notes->pin_is_dead = true;
}
static void open_pinned_and_overtaking(int who) {
    open_pinned_by_dead(who);
    notes->overtakes_always = true;
}
static const struct scene pin_dead = {
    "cell-pin-of-the-dead", 2, 3, 1, false, open_pinned_and_overtaking, read_and_write, judge_pins};
static const struct scene pin_dead_weak = {"cell-pin-of-the-dead-weak",
                                           2,
                                           0,
                                           0,
                                           true,
                                           open_pinned_by_dead,
                                           read_and_write,
                                           judge_pins,
                                           .stale = 3};

/* Two readers, and one pin. Who finds it with the dead takes it at once. */
static void open_overtaking(int who) {
    open_written(who);
    notes->overtakes_always = true;
}
static void two_read(int who) {
    if (who == 2) write_some(who, 3);
    else read_overtaken(who);
}
static const struct scene pin_two = {"cell-pin-two-read", 3,        7,         1, false,
                                     open_overtaking,     two_read, judge_pins};

/* ---- from outside ---------------------------------------------------------------------------- */

static void write_and_audit(int who) {
    if (who == 0) write_some(who, 4);
    else audit(who);
}
static const struct scene audits_weak = {"cell-audit-weak", 2,         0, 0, true, open_written,
                                         write_and_audit,   judge_pins};

/* The first may die with the guard; the second clears what the dead hold: that, and a pin; the
 * third writes. */
static void collect(int who) {
    spg_cell *cell = notes->cell[who];
    struct spg__cell_facts facts = audit(who);
    CHECK(facts.pins_held == 1 && facts.pins_of_dead == 1);
    int cleared = spg__cell_collect(cell->channel.domain, cell->shared, &cell->channel.head);
    CHECK(cleared == 1 || (cleared == 2 && has_died(0)));
    notes->cleared = cleared == 2;
    facts = audit(who);
    CHECK(!facts.writer_is_dead || (cleared == 1 && has_died(0)));
    CHECK(facts.pins_held == 0 && facts.pins_of_dead == 0);
}

static int count_commits(const struct spg__seam_event *event) {
    bool commits = event->kind == SPG__SEAM_STORED &&
                   event->address == &notes->cell[me]->shared->latest;
    notes->commits += commits;
    return 0;
}

static void judge_collected(void) {
    spg_cell *cell = notes->cell[JUDGE];
    struct spg__cell_facts facts = audit(JUDGE);
    CHECK(facts.writer == 0 || facts.writer == notes->cell[0]->channel.node->number);
    CHECK(facts.writer_is_dead == (facts.writer != 0));
    poke(&cell->shared->pins[0], cell->channel.node->number << SPG__PIN_SHIFT | 1);
    facts = audit(JUDGE);
    CHECK(facts.pins_held == 1 && facts.pins_of_dead == 0);
    poke(&cell->shared->pins[0], 0);
    CHECK(read_one(JUDGE) == notes->commits + 1);
    judge_pins();
}

static void write_and_collect(int who) {
    int64_t began = virtual_time;
    spg__seam = count_commits;
    if (who == 1) {
        collect(who);
        return;
    }
    uint64_t finished = notes->finished;
    write_one(who);
    CHECK(read_one(who) > finished);
    if (who == 2 && notes->cleared) CHECK(virtual_time == began);
}
static const struct scene collects = {
    "cell-collect", 3, 1, 1, false, open_pinned_by_dead, write_and_collect, judge_collected};
static const struct scene collects_weak = {
    "cell-collect-weak", 3, 1, 1, true, open_pinned_by_dead, write_and_collect, judge_collected};

const struct scene *const pin_scenes[] = {&pin,     &pin_weak,    &pin_dead, &pin_dead_weak,
                                          &pin_two, &audits_weak, &collects, &collects_weak};
const int pin_scene_count = sizeof pin_scenes / sizeof *pin_scenes;
