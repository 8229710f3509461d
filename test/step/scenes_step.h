/* scenes_step.h: scenes that test/crash plays with its seam, or that are too long to be stepped, in
 * another form. Included by step.c.
 *
 * A reader of a cell pins when writers come round to the buffer that it copies, four times. Here
 * another process writes three values after every so many of the reader's instructions; the reader
 * says by `memory->value[0]` that it reads. */
#include "step/victim.h"
#include "step/world.h"

#include <limits.h>
#include <sys/uio.h>

static const struct world_roots *roots(void);

/* ---- a reader that is overtaken -------------------------------------------------------------- */

enum { READING = 1, STEPS_BETWEEN = 20, STEPS_WITH_PIN = 30 };

static int asking[2], answering[2]; /* pipes */
static pid_t overtaker_pid;
static long steps_of_reading;

static int read_cell_overtaken(void) {
    spg_cell *cell;
    char bytes[21];
    int result = open_scene_cell(&cell);
    if (result < 0) return result;
    memory->value[0] = READING;
    getppid(); /* a system call, by which it is found without steps */
    result = spg_cell_read(cell, bytes, sizeof bytes, NULL);
    memory->value[0] = 0;
    if (result >= 0) check_letter(bytes, result);
    spg_cell_close(cell);
    return result < 0 ? result : 0;
}

static bool is_overtaken(const struct scene *scene) {
    return scene->operate == read_cell_overtaken;
}

static void overtake_when_asked(void) {
    char byte;
    spg_cell *cell;
    CHECK_OK(open_scene_cell(&cell));
    CHECK_INT(1, write(answering[1], "", 1));
    while (read(asking[0], &byte, 1) == 1) {
        for (int i = 0; i < 3; i++) CHECK_OK(write_letter(cell, (char)('d' + i)));
        CHECK_INT(1, write(answering[1], "", 1));
    }
    CHECK_OK(spg_cell_close(cell));
    _exit(0);
}

static void await_answer(void) {
    char byte;
    CHECK_INT(1, read(answering[0], &byte, 1));
}

static void start_overtaker(void) {
    CHECK(pipe(asking) == 0 && pipe(answering) == 0);
    overtaker_pid = fork();
    if (overtaker_pid == 0) {
        close(asking[1]);
        overtake_when_asked();
    }
    await_answer();
    steps_of_reading = 0;
}

/* Nobody else may have the pipe that it reads. */
static void stop_overtaker(void) {
    int status;
    close(asking[1]);
    while (waitpid(overtaker_pid, &status, 0) < 0 && errno == EINTR) {}
    CHECK_INT(0, status);
    close(asking[0]);
    close(answering[0]);
    close(answering[1]);
    overtaker_pid = 0;
}

/* After each step of the reader: true if it has been overtaken. */
static bool others_overtake(void) {
    if (overtaker_pid == 0 || memory->value[0] != READING) return false;
    if (++steps_of_reading % STEPS_BETWEEN != 0) return false;
    CHECK_INT(1, write(asking[1], "", 1));
    await_answer();
    return true;
}

/* At full speed, to where it begins to read, but not past so many system calls. How many it has
 * made. */
static long reach_reading(struct victim *victim, long most) {
    long calls = 0;
    while (calls < most && memory->value[0] != READING && victim_pass_calls(victim, 1)) calls++;
    return calls;
}

static void read_to_the_end(void) {
    int result = read_cell_overtaken();
    if (result != SPG_EAGAIN) CHECK_OK(result);
}

/* The pin is what a reader changes of the cell. */
static void prepare_dead_pin(void) {
    struct victim victim;
    struct world_change change;
    int left = -1;
    leave_a_cell();
    start_overtaker();
    CHECK(victim_start(&victim, read_to_the_end));
    reach_reading(&victim, LONG_MAX);
    world_open(roots());
    while (left != 0) {
        CHECK(victim_step(&victim));
        if (left > 0) left--;
        if (world_look(false, &change) && left < 0) left = STEPS_WITH_PIN;
        if (others_overtake()) world_look(false, &change);
    }
    world_close();
    victim_kill(&victim);
    memory->value[0] = 0;
    stop_overtaker();
}

/* The one pin can be had. */
static void survive_overtaken(void) {
    struct victim victim;
    int overtaken = 0;
    memory->value[0] = 0;
    CHECK_OK(open_and_close_cell());
    start_overtaker();
    CHECK(victim_start(&victim, read_to_the_end));
    reach_reading(&victim, LONG_MAX);
    while (memory->value[0] == READING && victim_step(&victim)) overtaken += others_overtake();
    victim_pass_calls(&victim, LONG_MAX);
    CHECK_INT(0, victim.status);
    CHECK(overtaken >= 4);
    stop_overtaker();
    CHECK_OK(spg_cell_unlink(NULL, "scene"));
}

/* ---- large messages -------------------------------------------------------------------------- */

/* They are filled before, and copied by a system call: a loop over a quarter of a million bytes
 * would be a million steps. */
enum { LARGE_MESSAGES = 4 };

static char large_messages[LARGE_MESSAGES][SCENE_HOT];

static void fill_large_messages(void) {
    for (uint64_t n = 0; n < LARGE_MESSAGES; n++)
        message_fill(large_messages[n], SCENE_HOT, 1, n);
}

static int publish_large(spg_publisher *publisher, uint64_t n) {
    void *data;
    int result = spg_publisher_loan(publisher, SCENE_HOT, &data, SECONDS(5));
    if (result < 0) return result;
    struct iovec from = {large_messages[n], SCENE_HOT}, to = {data, SCENE_HOT};
    CHECK_INT(SCENE_HOT, process_vm_readv(getpid(), &to, 1, &from, 1, 0));
    result = spg_publisher_publish(publisher, data, SCENE_HOT, SECONDS(5));
    if (result == 0) memory->first++;
    return result;
}

static int publish_large_ones(void) {
    spg_publisher *publisher;
    int result = open_scene_topic_of(&publisher, SCENE_SLOTS, 2 * SCENE_HOT);
    if (result < 0) return result;
    begin_writing(false);
    CHECK_INT(1, memory->value[0]);
    for (uint64_t n = 0; n < LARGE_MESSAGES && result == 0; n++)
        result = publish_large(publisher, n);
    spg_publisher_close(publisher);
    return result;
}

/* ---- the list -------------------------------------------------------------------------------- */

static const struct scene other_forms[] = {
    {"publish again what was read", prepare_domain, publish_large_ones, survive_topic},
    {"read a cell by a pin", leave_a_cell, read_cell_overtaken, survive_overtaken},
    {"read a cell by a dead reader's pin", prepare_dead_pin, read_cell_overtaken,
     survive_overtaken},
};

static const struct scene *stepped_form(const struct scene *given) {
    fill_large_messages();
    for (size_t i = 0; i < sizeof other_forms / sizeof *other_forms; i++) {
        if (strcmp(other_forms[i].name, given->name) == 0) return &other_forms[i];
    }
    return given;
}
