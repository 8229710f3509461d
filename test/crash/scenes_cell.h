/* scenes_cell.h: the scenes of the cell. Included by scenes.h. */

static int open_scene_cell(spg_cell **cell) {
    spg_cell_options options = SPG_CELL_OPTIONS;
    options.capacity = 21;
    options.buffers = 3;
    options.type = "scene";
    return spg_cell_open(cell, NULL, "scene", &options);
}

/* Values are a letter repeated; 'a' 13 times, 'b' 14 times, and so on. */
static int write_letter(spg_cell *cell, char letter) {
    char bytes[21];
    size_t size = (size_t)(13 + letter - 'a');
    memset(bytes, letter, size);
    return spg_cell_write(cell, bytes, size, SECONDS(5));
}

static void check_letter(const char *bytes, int size) {
    CHECK_INT(13 + bytes[0] - 'a', size);
    for (int i = 1; i < size; i++) CHECK_INT(bytes[0], bytes[i]);
}

static int open_and_close_cell(void) {
    spg_cell *cell;
    int result = open_scene_cell(&cell);
    return result < 0 ? result : spg_cell_close(cell);
}

static int write_cell(void) {
    spg_cell *cell;
    int result = open_scene_cell(&cell);
    if (result < 0) return result;
    for (char letter = 'b'; letter <= 'c' && result == 0; letter++) {
        result = write_letter(cell, letter);
    }
    spg_cell_close(cell);
    return result;
}

static int write_cell_in_place(void) {
    spg_cell *cell;
    void *room;
    int result = open_scene_cell(&cell);
    if (result < 0) return result;
    result = spg_cell_loan(cell, &room, SECONDS(5));
    if (result == 0) {
        memset(room, 'c', 15);
        result = spg_cell_publish(cell, 15);
    }
    if (result == 0) result = spg_cell_loan(cell, &room, SECONDS(5));
    if (result == 0) memset(room, '?', 15);
    spg_cell_close(cell);
    return result;
}

/* ---- a reader that is overtaken -------------------------------------------------------------- */

/* What runs at the fourth load of each of a read's first four copies: three writes, which come
 * round to the buffer that is being copied. After them the reader pins. */
enum { LOADS_OF_A_COPY = 7, COPIES_OVERTAKEN = 4 };

static spg__seam_hook *hook_before;
static spg_cell *overtaker;
static int loads;
static bool dies_pinned;

static int overtake(const struct spg__seam_event *event) {
    bool is_load = event->kind == SPG__SEAM_LOAD && strcmp(event->name, "load_acquire") == 0;
    if (is_load) loads++;
    if (is_load && loads > LOADS_OF_A_COPY * COPIES_OVERTAKEN + 2 && dies_pinned) raise(SIGKILL);
    if (is_load && loads < LOADS_OF_A_COPY * COPIES_OVERTAKEN && loads % LOADS_OF_A_COPY == 4) {
        spg__seam = hook_before;
        for (int i = 0; i < 3; i++) (void)!write_letter(overtaker, (char)('d' + i));
        spg__seam = overtake;
    }
    return hook_before ? hook_before(event) : 0;
}

static int read_overtaken(spg_cell *cell) {
    char bytes[21];
    loads = 0;
    hook_before = spg__seam;
    spg__seam = overtake;
    int result = spg_cell_read(cell, bytes, sizeof bytes, NULL);
    spg__seam = hook_before;
    if (result >= 0) check_letter(bytes, result);
    return result < 0 ? result : 0;
}

static int read_cell_pinned(void) {
    spg_cell *cell;
    int result = open_scene_cell(&cell);
    if (result < 0) return result;
    result = open_scene_cell(&overtaker);
    if (result == 0) {
        result = read_overtaken(cell);
        spg_cell_close(overtaker);
    }
    spg_cell_close(cell);
    return result;
}

static int read_cell(void) {
    spg_cell *cell;
    char bytes[21];
    int result = open_scene_cell(&cell);
    if (result < 0) return result;
    result = spg_cell_read(cell, bytes, sizeof bytes, NULL);
    if (result >= 0) check_letter(bytes, result);
    spg_cell_close(cell);
    return result < 0 ? result : 0;
}

static int wait_for_cell(void) {
    spg_cell *cell;
    int result = open_scene_cell(&cell);
    if (result < 0) return result;
    result = spg_cell_wait(cell, UINT64_MAX, MILLISECONDS(3));
    spg_cell_close(cell);
    return result == SPG_ETIMEDOUT ? 0 : result;
}

static int unlink_cell(void) {
    int result = spg_cell_unlink(NULL, "scene");
    return result == SPG_ENOENT ? 0 : result;
}

/* ---- the worlds before, and what must be true after ------------------------------------------ */

static void leave_a_cell(void) {
    spg_cell *cell;
    CHECK_OK(open_scene_cell(&cell));
    CHECK_OK(write_letter(cell, 'a'));
}

static void die_with_loan(void) {
    spg_cell *cell;
    void *room;
    CHECK_OK(open_scene_cell(&cell));
    CHECK_OK(spg_cell_loan(cell, &room, SPG_NOWAIT));
    memset(room, '?', 21);
    raise(SIGKILL);
}
static void prepare_dead_cell_writer(void) {
    leave_a_cell();
    in_a_killed_process(die_with_loan);
}

static void die_with_pin(void) {
    dies_pinned = true;
    (void)!read_cell_pinned();
    FAIL("it was to die with a pin");
}
static void prepare_dead_cell_reader(void) {
    leave_a_cell();
    in_a_killed_process(die_with_pin);
}

/* The value is whole, and a new one can be written, waited for and read. */
static void survive_cell(void) {
    spg_cell *cell;
    char bytes[21];
    uint64_t version = 0;
    CHECK_OK(open_scene_cell(&cell));
    int result = spg_cell_read(cell, bytes, sizeof bytes, &version);
    if (result != SPG_EAGAIN) check_letter(bytes, result);
    CHECK_OK(write_letter(cell, 'd'));
    CHECK_OK(spg_cell_wait(cell, version, SPG_NOWAIT));
    CHECK_INT(16, spg_cell_read(cell, bytes, sizeof bytes, &version));
    check_letter(bytes, 16);
    CHECK_OK(spg_cell_close(cell));
    CHECK_OK(spg_cell_unlink(NULL, "scene"));
}

/* The one pin can be had. */
static void survive_pin(void) {
    CHECK_OK(open_and_close_cell());
    int result = read_cell_pinned();
    if (result != SPG_EAGAIN) CHECK_OK(result);
    CHECK_OK(spg_cell_unlink(NULL, "scene"));
}

#define CELL_SCENES                                                                                \
    {"make a cell", prepare_domain, open_and_close_cell, survive_cell},                            \
        {"open a cell", leave_a_cell, open_and_close_cell, survive_cell},                          \
        {"write a new cell", prepare_domain, write_cell, survive_cell},                            \
        {"write a cell", leave_a_cell, write_cell, survive_cell},                                  \
        {"write a cell in place", leave_a_cell, write_cell_in_place, survive_cell},                \
        {"write a cell after a dead writer", prepare_dead_cell_writer, write_cell, survive_cell},  \
        {"read a cell", leave_a_cell, read_cell, survive_cell},                                    \
        {"read a cell by a pin", leave_a_cell, read_cell_pinned, survive_pin},                     \
        {"read a cell by a dead reader's pin", prepare_dead_cell_reader, read_cell_pinned,         \
         survive_pin},                                                                             \
        {"wait for a cell", leave_a_cell, wait_for_cell, survive_cell}, {                          \
        "unlink a cell", leave_a_cell, unlink_cell, survive_cell                                   \
    }
